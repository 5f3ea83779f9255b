/* harness.h - the gateway's side for tests of the workers, on a bus in memory.
 *
 * Sends requests and cancels, reads responses, dead letters, audits and presences, and turns the
 * loop until something has come. Header only: each test is one program. */
#ifndef SL_TESTS_WORKER_HARNESS_H
#define SL_TESTS_WORKER_HARNESS_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/bus.h"
#include "common/http/loop.h"
#include "schemas/audit.h"
#include "schemas/chat.h"
#include "schemas/envelope.h"
#include "worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HS_SEEN    4096
#define HS_WAIT_MS 20000

typedef struct hs_seen {
    sl_type type;
    int topic; /* sl_topic, or SL_TOPIC_N for audits */
    char id[SL_UUID_TEXT], run[SL_RUN_TEXT], digest[SL_CHECKSUM_TEXT], checksum[SL_CHECKSUM_TEXT],
        requestchecksum[SL_CHECKSUM_TEXT];
    uint64_t seq, count;
    bool fin, encrypted;
    sl_end end;
    char env[64], cause[32], traceparent[64];
    char *body;
} hs_seen;

typedef struct harness {
    sl_class cls;
    sl_loop *loop;
    sl_bus *bus;
    sl_producer *producer;
    sl_consumer *consumer;
    sl_codec *codec;
    sl_keyring *ring;
    char ring_path[64], bus_name[64];
    hs_seen seen[HS_SEEN];
    size_t n;
    /* waiting */
    bool (*until)(struct harness *h, void *arg);
    void *until_arg;
    bool reached;
    int64_t deadline_ms;
} harness;

static inline void hs_copy(char *out, size_t n, sl_str s)
{
    (void)snprintf(out, n, "%.*s", (int)s.n, s.p ? s.p : "");
}

static inline void hs_on_record(void *arg, const sl_record *r)
{
    harness *h = arg;
    assert_true(h->n < HS_SEEN);
    hs_seen *s = &h->seen[h->n++];
    *s = (hs_seen){.topic = SL_TOPIC_N};
    for (int t = 0; t < SL_TOPIC_N; t++)
        if (strcmp(r->topic, sl_topic_name(h->cls, (sl_topic)t)) == 0)
            s->topic = t;
    if (s->topic == SL_TOPIC_DEAD_LETTER) {
        const sl_header *m = sl_record_header(r, "__dlq.errors.message");
        const sl_header *id = sl_record_header(r, "ce_subject");
        assert_non_null(m);
        assert_non_null(sl_record_header(r, "ce_dlqchecksum"));
        hs_copy(s->cause, sizeof(s->cause), m->value);
        if (id)
            hs_copy(s->id, sizeof(s->id), id->value);
        s->body = strndup(r->value.p ? r->value.p : "", r->value.n);
        return;
    }
    sl_envelope env = {0};
    sl_error err = {0};
    sl_status st = sl_envelope_decode(h->codec, r, h->ring, h->cls, false, &env, &err);
    if (st == SL_E_UNKNOWN_KEY && s->topic == SL_TOPIC_PRESENCE)
        return; /* sealed before the test changed the keys */
    if (st)
        print_error("decode %s: %s\n", r->topic, err.text);
    assert_int_equal(st, SL_OK);
    s->type = env.type;
    hs_copy(s->id, sizeof(s->id), env.subject);
    memcpy(s->run, env.run, sizeof(s->run));
    memcpy(s->digest, env.digest, sizeof(s->digest));
    memcpy(s->checksum, env.checksum, sizeof(s->checksum));
    memcpy(s->requestchecksum, env.requestchecksum, sizeof(s->requestchecksum));
    s->seq = env.seq;
    s->count = env.count;
    s->fin = env.fin;
    s->encrypted = env.encrypted;
    s->end = env.end;
    hs_copy(s->env, sizeof(s->env), env.env);
    hs_copy(s->traceparent, sizeof(s->traceparent), env.traceparent);
    s->body = strndup(env.body.p ? env.body.p : "", env.body.n);
}

static inline void hs_keyring(harness *h)
{
    static int serial;
    (void)snprintf(h->ring_path, sizeof(h->ring_path), "/tmp/sl-worker-test-%d-%d.json",
                   (int)getpid(), serial++);
    FILE *f = fopen(h->ring_path, "w");
    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    fputs("[{\"kid\":\"k1\",\"class\":\"public\",\"key\":"
          "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\","
          "\"not_before\":\"2020-01-01T00:00:00Z\",\"not_after\":\"2099-01-01T00:00:00Z\"},"
          "{\"kid\":\"k2\",\"class\":\"private\",\"key\":"
          "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHj8=\","
          "\"not_before\":\"2020-01-01T00:00:00Z\",\"not_after\":\"2099-01-01T00:00:00Z\"}]",
          f);
    fclose(f);
    assert_int_equal(sl_keyring_load(&h->ring, h->ring_path, NULL), SL_OK);
}

static inline harness *hs_open(sl_class cls)
{
    static int serial;
    sl_error err = {0};
    harness *h = calloc(1, sizeof(*h));
    h->cls = cls;
    (void)snprintf(h->bus_name, sizeof(h->bus_name), "memory:worker-%d-%d", (int)getpid(),
                   serial++);
    hs_keyring(h);
    assert_int_equal(sl_loop_open(&h->loop, NULL), SL_OK);
    sl_bus_options bo = {.name = "test", .bootstrap = h->bus_name, .client_id = "test"};
    assert_int_equal(sl_bus_open(&h->bus, &bo, &err), SL_OK);
    const char *audit = cls == SL_CLASS_PUBLIC ? SL_TOPIC_PUBLIC_AUDIT : SL_TOPIC_AUDIT;
    sl_topic_spec topics[SL_TOPIC_N + 1];
    sl_bus_partition all[SL_TOPIC_N + 1];
    size_t n = 0;
    for (int t = 0; t < SL_TOPIC_N; t++) {
        topics[t] = (sl_topic_spec){sl_topic_name(cls, (sl_topic)t), t == SL_TOPIC_CONTROL ? 1 : 2,
                                    1, NULL};
        if (t == SL_TOPIC_RESPONSES || t == SL_TOPIC_DEAD_LETTER || t == SL_TOPIC_PRESENCE)
            all[n++] = (sl_bus_partition){topics[t].name, -1, SL_FROM_BEGINNING};
    }
    topics[SL_TOPIC_N] = (sl_topic_spec){audit, 1, 1, NULL};
    all[n++] = (sl_bus_partition){audit, -1, SL_FROM_BEGINNING};
    assert_int_equal(sl_bus_topics_create(h->bus, topics, SL_TOPIC_N + 1, 5000, &err), SL_OK);
    sl_producer_options po = {0};
    assert_int_equal(sl_producer_open(&h->producer, h->bus, &po, &err), SL_OK);
    sl_consumer_options co = {
        .partitions = all, .partitions_n = n, .on_record = hs_on_record, .arg = h};
    assert_int_equal(sl_consumer_open(&h->consumer, h->bus, &co, &err), SL_OK);
    assert_int_equal(sl_codec_open(&h->codec, "/sluice/gateway/test", &err), SL_OK);
    return h;
}

static inline void hs_free(harness *h)
{
    for (size_t i = 0; i < h->n; i++)
        free(h->seen[i].body);
    sl_consumer_close(h->consumer);
    sl_producer_close(h->producer);
    sl_bus_free(h->bus);
    sl_codec_free(h->codec);
    sl_keyring_unref(h->ring);
    sl_loop_free(h->loop);
    unlink(h->ring_path);
    free(h);
}

static inline void hs_turn(void *arg)
{
    harness *h = arg;
    sl_producer_poll(h->producer);
    while (sl_consumer_poll(h->consumer, 64) == 64)
        ;
    h->reached = h->until(h, h->until_arg);
    if (h->reached || sl_mono_ms() > h->deadline_ms)
        sl_loop_stop(h->loop);
}

/* Turns the loop until `until` holds; false when HS_WAIT_MS went by first. */
static inline bool hs_wait(harness *h, bool (*until)(harness *h, void *arg), void *arg)
{
    sl_timer *t = NULL;
    assert_int_equal(sl_timer_open(&t, h->loop, hs_turn, h, NULL), SL_OK);
    h->until = until;
    h->until_arg = arg;
    h->reached = false;
    h->deadline_ms = sl_mono_ms() + HS_WAIT_MS;
    sl_timer_every(t, 2);
    sl_loop_run(h->loop);
    sl_timer_free(t);
    return h->reached;
}

static inline hs_seen *hs_end_of(harness *h, const char *id)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->seen[i].topic == SL_TOPIC_RESPONSES && h->seen[i].fin &&
            strcmp(h->seen[i].id, id) == 0)
            return &h->seen[i];
    return NULL;
}

static inline bool hs_congested(harness *h, void *job)
{
    (void)h;
    return sl_job_congested(job);
}

static inline bool hs_has_end(harness *h, void *id)
{
    return hs_end_of(h, id) != NULL;
}

static inline size_t hs_count(const harness *h, int topic, sl_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        n += h->seen[i].topic == topic && (type == SL_TYPE_UNKNOWN || h->seen[i].type == type);
    return n;
}

/* An audit record of this event for this id ("": any), or NULL. */
static inline const char *hs_audit(const harness *h, const char *event, const char *id)
{
    char want[64];
    (void)snprintf(want, sizeof(want), "\"event\":\"%s\"", event);
    for (size_t i = 0; i < h->n; i++)
        if (h->seen[i].topic == SL_TOPIC_N && strstr(h->seen[i].body, want) &&
            strstr(h->seen[i].body, id))
            return h->seen[i].body;
    return NULL;
}

/* The text of one run's records, checked: no gap, right count and digest. Free it. */
static inline char *hs_text(harness *h, const char *run)
{
    sl_buf b = {0};
    sl_run_digest *d = NULL;
    uint64_t next = 0;
    char digest[SL_CHECKSUM_TEXT];
    assert_int_equal(sl_run_digest_open(&d), SL_OK);
    for (size_t i = 0; i < h->n; i++) {
        const hs_seen *s = &h->seen[i];
        if (s->topic != SL_TOPIC_RESPONSES || strcmp(s->run, run) != 0)
            continue;
        assert_int_equal(s->seq, next++);
        if (s->fin) {
            assert_int_equal(s->count, s->seq);
            sl_run_digest_text(d, digest);
            assert_string_equal(s->digest, digest);
            break;
        }
        sl_run_digest_add(d, s->checksum);
        sl_chunk c;
        assert_int_equal(sl_chunk_parse(&c, sl_str_c(s->body), NULL), SL_OK);
        sl_buf_add_str(&b, c.content);
        sl_chunk_done(&c);
    }
    sl_run_digest_free(d);
    sl_buf_addc(&b, 0);
    return b.data;
}

typedef struct hs_request {
    char id[SL_UUID_TEXT], checksum[SL_CHECKSUM_TEXT];
    const char *body; /* a decided chat body; NULL: a small one */
    int32_t replypartition;
    int64_t deadline_ms; /* Unix; 0: in a minute */
    bool plain;          /* not encrypted although the class is */
    bool twice;          /* the same bytes a second time */
    sl_class cls;
    bool other_class;                                 /* cls counts */
    void (*damage)(sl_record *r, sl_header *headers); /* changes the finished record */
} hs_request;

#define HS_BODY                                                                                \
    "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"seed\":1," \
    "\"stream\":true}"

static inline void hs_send(harness *h, hs_request *q)
{
    sl_error err = {0};
    if (!q->id[0])
        sl_uuid7(q->id);
    sl_class env_cls = q->other_class ? q->cls : h->cls;
    sl_envelope env = {.type = SL_TYPE_REQUEST,
                       .subject = sl_str_c(q->id),
                       .id = sl_str_c(q->id),
                       .body = sl_str_c(q->body ? q->body : HS_BODY),
                       .cls = env_cls,
                       .level = SL_LEVEL_PUBLIC,
                       .policy = SL_STR("p"),
                       .tenant = SL_STR("t"),
                       .traceparent =
                           SL_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                       .deadline_ms = q->deadline_ms ? q->deadline_ms : sl_unix_ms() + 60000,
                       .replytopic = sl_str_c(sl_topic_name(env_cls, SL_TOPIC_RESPONSES)),
                       .replypartition = q->replypartition};
    sl_record r = {0};
    sl_seal seal = {q->plain ? NULL : h->ring, env.cls};
    sl_status st = sl_envelope_encode(h->codec, &env, &seal, &r, &err);
    if (st)
        print_error("encode: %s\n", err.text);
    assert_int_equal(st, SL_OK);
    memcpy(q->checksum, env.checksum, sizeof(q->checksum));
    r.topic = sl_topic_name(h->cls, SL_TOPIC_REQUESTS);
    r.partition = -1;
    sl_header headers[SL_ENVELOPE_HEADERS_MAX];
    char value[4096];
    memcpy(headers, r.headers, r.headers_n * sizeof(sl_header));
    r.headers = headers;
    if (q->damage) {
        assert_true(r.value.n < sizeof(value));
        memcpy(value, r.value.p, r.value.n);
        r.value.p = value;
        q->damage(&r, headers);
    }
    for (int i = 0; i < (q->twice ? 2 : 1); i++)
        assert_int_equal(sl_producer_send(h->producer, &r, NULL, NULL, &err), SL_OK);
    sl_producer_poll(h->producer);
}

static inline void hs_cancel(harness *h, const char *id, bool plain)
{
    sl_error err = {0};
    sl_envelope env = {.type = SL_TYPE_CANCEL,
                       .subject = sl_str_c(id),
                       .cls = h->cls,
                       .body = SL_STR("{\"reason\":\"client_gone\"}")};
    sl_record r = {0};
    sl_seal seal = {plain ? NULL : h->ring, h->cls};
    assert_int_equal(sl_envelope_encode(h->codec, &env, &seal, &r, &err), SL_OK);
    r.topic = sl_topic_name(h->cls, SL_TOPIC_CONTROL);
    r.partition = -1;
    assert_int_equal(sl_producer_send(h->producer, &r, NULL, NULL, &err), SL_OK);
    sl_producer_poll(h->producer);
}

#endif
