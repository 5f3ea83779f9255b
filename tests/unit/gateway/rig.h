/* rig.h - one core on a bus in memory, and the worker's side of it played by the test.
 *
 * All in one thread: the core's loop is turned until something has come. The monotonic clock can be
 * put forward (gt_advance), so that time-outs of seconds cost none: this header replaces
 * clock_gettime for the whole program. Header only: each test is one program. */
#ifndef SL_TESTS_GATEWAY_RIG_H
#define SL_TESTS_GATEWAY_RIG_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/bus.h"
#include "common/bus/memory.h"
#include "common/http/loop.h"
#include "gateway/core.h"
#include "schemas/chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define GT         static inline __attribute__((unused))
#define GT_WAIT_MS 10000
#define GT_SEEN    2048

#define GT_PUBLIC  "Thank you for the report."
#define GT_PRIVATE "Confidential: the plan of next year."

static _Atomic int64_t gt_skew_ms;

int clock_gettime(clockid_t id, struct timespec *ts)
{
    long rc = syscall(SYS_clock_gettime, id, ts);
    if (id != CLOCK_REALTIME)
        ts->tv_sec += gt_skew_ms / 1000, ts->tv_nsec += gt_skew_ms % 1000 * 1000000;
    if (ts->tv_nsec >= 1000000000)
        ts->tv_sec++, ts->tv_nsec -= 1000000000;
    return (int)rc;
}

typedef struct gt_seen {
    char topic[48];
    sl_type type;
    sl_class cls;
    int32_t partition, replypartition;
    char id[SL_UUID_TEXT], checksum[SL_CHECKSUM_TEXT];
    char ce_id[96], tenant[64], traceparent[64], tracestate[64], correlation[64], key[64];
    int64_t deadline_ms;
    bool encrypted;
    char *body;
} gt_seen;

typedef struct gt_rig {
    char dir[32], policy_path[64], keys_path[64], ring_path[64], name[64];
    sl_bus *bus;
    sl_loop *loop;
    sl_gateway_config cfg;
    sl_gateway_shared g;
    sl_metrics_shard *shard;
    sl_core *core;
    sl_consumer *replies[SL_CLASS_N];
    sl_watch *reply_watch[SL_CLASS_N];
    /* the other side */
    sl_consumer *watcher;
    sl_producer *producer;
    sl_codec *codec;
    sl_keyring *ring;
    gt_seen seen[GT_SEEN];
    size_t n;
    /* waiting */
    bool (*until)(void *arg);
    void *until_arg;
    bool reached;
    int64_t deadline_us;
} gt_rig;

GT int64_t gt_real_us(void)
{
    struct timespec ts;
    (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

GT void gt_copy(char *out, size_t n, sl_str s)
{
    (void)snprintf(out, n, "%.*s", (int)s.n, s.p ? s.p : "");
}

GT void gt_ok(sl_status st, const sl_error *err)
{
    if (st)
        print_error("%s: %s\n", sl_status_name(st), err->text);
    assert_int_equal(st, SL_OK);
}

GT void gt_on_record(void *arg, const sl_record *r)
{
    gt_rig *g = arg;
    assert_true(g->n < GT_SEEN);
    gt_seen *s = &g->seen[g->n];
    *s = (gt_seen){.partition = r->partition};
    gt_copy(s->topic, sizeof(s->topic), sl_str_c(r->topic));
    gt_copy(s->key, sizeof(s->key), r->key);
    sl_envelope env = {0};
    sl_error err = {0};
    sl_class cls = strncmp(r->topic, "llm.public.", 11) ? SL_CLASS_PRIVATE : SL_CLASS_PUBLIC;
    gt_ok(sl_envelope_decode(g->codec, r, g->ring, cls, false, &env, &err), &err);
    s->type = env.type;
    s->cls = cls;
    s->replypartition = env.replypartition;
    s->deadline_ms = env.deadline_ms;
    s->encrypted = env.encrypted;
    gt_copy(s->id, sizeof(s->id), env.subject);
    gt_copy(s->ce_id, sizeof(s->ce_id), env.id);
    gt_copy(s->tenant, sizeof(s->tenant), env.tenant);
    gt_copy(s->traceparent, sizeof(s->traceparent), env.traceparent);
    gt_copy(s->tracestate, sizeof(s->tracestate), env.tracestate);
    gt_copy(s->correlation, sizeof(s->correlation), env.correlationid);
    memcpy(s->checksum, env.checksum, sizeof(s->checksum));
    s->body = strndup(env.body.p ? env.body.p : "", env.body.n);
    g->n++;
}

/* ---- files, topics ---- */

#define GT_MODELS                                                                         \
    "version: 1\nmodels:\n  inside: {classes: [private]}\n  outside: {classes: [public]}" \
    "\ntenants:\n  acme: {ingress: [llm.ingress.v1]}\n"
#define GT_POLICY GT_MODELS "defaults:\n  models: {private: inside, public: outside}\n"

GT void gt_write(const char *path, const char *text)
{
    char tmp[80];
    (void)snprintf(tmp, sizeof(tmp), "%s.new", path);
    FILE *f = fopen(tmp, "w");
    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(tmp, path), 0);
}

#define GT_KEY(kid, cls, key)                                                                 \
    "{\"kid\":\"" kid "\",\"class\":\"" cls "\",\"key\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"   \
    "GBkaGxwdH" key "8=\",\"not_before\":\"2020-01-01T00:00:00Z\",\"not_after\":\"2099-01-01" \
    "T00:00:00Z\"}"

GT void gt_files(gt_rig *g, const char *policy)
{
    (void)snprintf(g->dir, sizeof(g->dir), "/tmp/sl-gateway.XXXXXX");
    assert_non_null(mkdtemp(g->dir));
    (void)snprintf(g->policy_path, sizeof(g->policy_path), "%s/policy.yaml", g->dir);
    (void)snprintf(g->keys_path, sizeof(g->keys_path), "%s/keys.json", g->dir);
    (void)snprintf(g->ring_path, sizeof(g->ring_path), "%s/ring.json", g->dir);
    gt_write(g->policy_path, policy ? policy : GT_POLICY);
    gt_write(g->keys_path, "{\"keys\":[]}");
    gt_write(g->ring_path, "[" GT_KEY("k1", "public", "h") "," GT_KEY("k2", "private", "j") "]");
}

GT void gt_topics(gt_rig *g, int replies)
{
    sl_topic_spec t[16];
    size_t n = 0;
    for (int c = 0; c < SL_CLASS_N; c++)
        for (int k = 0; k < SL_TOPIC_N; k++)
            t[n++] = (sl_topic_spec){sl_topic_name((sl_class)c, (sl_topic)k),
                                     k == SL_TOPIC_RESPONSES ? replies : 1, 1, NULL};
    t[n++] = (sl_topic_spec){SL_TOPIC_AUDIT, 1, 1, NULL};
    t[n++] = (sl_topic_spec){SL_TOPIC_INGRESS, 1, 1, NULL};
    t[n++] = (sl_topic_spec){SL_TOPIC_EGRESS, 2, 1, NULL};
    t[n++] = (sl_topic_spec){"llm.egress.own", 1, 1, NULL};
    sl_error err = {0};
    gt_ok(sl_bus_topics_create(g->bus, t, n, 1000, &err), &err);
}

GT void gt_other_side(gt_rig *g)
{
    sl_error err = {0};
    sl_bus_partition all[16];
    size_t n = 0;
    static const char *const plain[] = {SL_TOPIC_AUDIT, SL_TOPIC_EGRESS, "llm.egress.own"};
    for (size_t i = 0; i < 3; i++)
        all[n++] = (sl_bus_partition){plain[i], -1, SL_FROM_BEGINNING};
    for (int c = 0; c < SL_CLASS_N; c++) {
        all[n++] = (sl_bus_partition){sl_topic_name((sl_class)c, SL_TOPIC_REQUESTS), -1,
                                      SL_FROM_BEGINNING};
        all[n++] =
            (sl_bus_partition){sl_topic_name((sl_class)c, SL_TOPIC_CONTROL), -1, SL_FROM_BEGINNING};
    }
    sl_consumer_options co = {
        .partitions = all, .partitions_n = n, .on_record = gt_on_record, .arg = g};
    gt_ok(sl_consumer_open(&g->watcher, g->bus, &co, &err), &err);
    gt_ok(sl_producer_open(&g->producer, g->bus, &(sl_producer_options){0}, &err), &err);
    gt_ok(sl_codec_open(&g->codec, "/sluice/worker/test", &err), &err);
    gt_ok(sl_keyring_load(&g->ring, g->ring_path, &err), &err);
}

GT void gt_config(gt_rig *g)
{
    static _Atomic int serial;
    (void)snprintf(g->name, sizeof(g->name), "memory:gateway-%d-%d", (int)getpid(), serial++);
    g->cfg = (sl_gateway_config){.loops = 1,
                                 .log_level = SL_LOG_OFF,
                                 .http_listen = "127.0.0.1:0",
                                 .http_tls_cert = "",
                                 .http_tls_key = "",
                                 .http_tls_client_ca = "",
                                 .http_connections = 4096,
                                 .admin_listen = "",
                                 .body_bytes = 1000000,
                                 .deadline_ms = 600000,
                                 .private_bootstrap = g->name,
                                 .public_bootstrap = "",
                                 .keyring = g->ring_path,
                                 .encrypt_public = true,
                                 .policy = g->policy_path,
                                 .keys = g->keys_path,
                                 .ingress_group = "g",
                                 .ingress_inflight = 64,
                                 .presence_timeout_ms = 7000,
                                 .idempotency_ttl_ms = 60000,
                                 .idempotency_bytes = 1 << 20,
                                 .drain_ms = 1000};
    sl_log_open("test", SL_LOG_OFF);
    sl_error err = {0};
    sl_bus_options bo = {.name = "test", .bootstrap = g->name, .client_id = "test"};
    gt_ok(sl_bus_open(&g->bus, &bo, &err), &err);
}

/* ---- turning the loop ---- */

GT void gt_turn(void *arg)
{
    gt_rig *g = arg;
    sl_producer_poll(g->producer);
    while (sl_consumer_poll(g->watcher, 64) == 64)
        ;
    g->reached = g->until(g->until_arg);
    if (g->reached || gt_real_us() > g->deadline_us)
        sl_loop_stop(g->loop);
}

/* False when GT_WAIT_MS of real time went by first. */
GT bool gt_wait(gt_rig *g, bool (*until)(void *arg), void *arg)
{
    sl_timer *t = NULL;
    assert_int_equal(sl_timer_open(&t, g->loop, gt_turn, g, NULL), SL_OK);
    g->until = until;
    g->until_arg = arg;
    g->reached = false;
    g->deadline_us = gt_real_us() + GT_WAIT_MS * 1000;
    sl_timer_every(t, 1);
    sl_loop_run(g->loop);
    sl_timer_free(t);
    return g->reached;
}

GT bool gt_past(void *arg)
{
    return sl_mono_ms() >= *(int64_t *)arg;
}

/* Puts the clock forward in steps that the ticks see, and turns the loop meanwhile. */
GT void gt_advance(gt_rig *g, int64_t ms)
{
    while (ms > 0) {
        int64_t step = ms > 500 ? 500 : ms;
        gt_skew_ms += step;
        ms -= step;
        int64_t at = sl_mono_ms() + 4; /* a few turns: what is due has run by then */
        assert_true(gt_wait(g, gt_past, &at));
    }
}

/* ---- the core ---- */

GT void gt_reply(void *arg, const sl_record *r)
{
    gt_rig *g = arg;
    sl_core_on_reply(g->core,
                     strncmp(r->topic, "llm.public.", 11) ? SL_CLASS_PRIVATE : SL_CLASS_PUBLIC, r);
}

GT void gt_poll_replies(void *arg)
{
    sl_consumer *c = arg;
    while (sl_consumer_poll(c, 64) == 64)
        ;
}

GT void gt_open_shared(gt_rig *g)
{
    sl_error err = {0};
    g->g.cfg = &g->cfg;
    (void)snprintf(g->g.source, sizeof(g->g.source), "/sluice/gateway/0");
    (void)snprintf(g->g.cluster_id, sizeof(g->g.cluster_id), "test");
    sl_store_options so = {.policy_path = g->policy_path,
                           .keyring_path = g->ring_path,
                           .keys_path = g->keys_path,
                           .need_key = {false, true}};
    gt_ok(sl_store_open(&g->g.store, &so, &err), &err);
    gt_ok(sl_presence_view_open(&g->g.presence, g->cfg.presence_timeout_ms), &err);
    gt_ok(sl_idem_open(&g->g.idem, 60000, 1 << 20), &err);
    gt_ok(sl_metrics_open(&g->g.metrics, sl_gateway_metrics, SL_GM_N, &err), &err);
    gt_ok(sl_metrics_shard_open(g->g.metrics, &g->shard, &err), &err);
    for (int c = 0; c < SL_CLASS_N; c++) {
        g->g.bus[c] = g->bus;
        g->g.reply_partitions[c] = 1;
    }
}

GT void gt_open_core(gt_rig *g)
{
    sl_error err = {0};
    gt_ok(sl_core_open(&g->core, g->loop, &g->g, 0, g->shard, &err), &err);
    for (int c = 0; c < SL_CLASS_N; c++) {
        sl_bus_partition p = {sl_topic_name((sl_class)c, SL_TOPIC_RESPONSES), 0, SL_FROM_END};
        sl_consumer_options co = {
            .partitions = &p, .partitions_n = 1, .on_record = gt_reply, .arg = g};
        gt_ok(sl_consumer_open(&g->replies[c], g->bus, &co, &err), &err);
        gt_ok(sl_watch_open(&g->reply_watch[c], g->loop, sl_consumer_fd(g->replies[c]),
                            gt_poll_replies, g->replies[c], &err),
              &err);
    }
}

GT void gt_presence_of(gt_rig *g, sl_class c, const char *instance, bool draining)
{
    sl_presence p = {.instance = sl_str_c(instance),
                     .models = {c == SL_CLASS_PUBLIC ? SL_STR("outside") : SL_STR("inside")},
                     .models_n = 1,
                     .draining = draining};
    sl_presence_view_heard(g->g.presence, c, &p, sl_mono_ms());
}

GT void gt_presence(gt_rig *g)
{
    gt_presence_of(g, SL_CLASS_PRIVATE, "w", false);
    gt_presence_of(g, SL_CLASS_PUBLIC, "w", false);
}

GT bool gt_has_policy(void *arg)
{
    sl_policy *p = sl_store_policy(((gt_rig *)arg)->g.store);
    sl_policy_unref(p);
    return p != NULL;
}

/* A core with live workers and this policy (NULL: GT_POLICY) in force. */
GT gt_rig *gt_open(const char *policy)
{
    sl_error err = {0};
    gt_rig *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    gt_files(g, policy);
    gt_config(g);
    gt_topics(g, 1);
    gt_other_side(g);
    gt_ok(sl_loop_open(&g->loop, &err), &err);
    gt_open_shared(g);
    gt_open_core(g);
    sl_core_publish_policy(g->core);
    assert_true(gt_wait(g, gt_has_policy, g));
    gt_presence(g);
    return g;
}

GT void gt_forget(gt_rig *g)
{
    for (size_t i = 0; i < g->n; i++)
        free(g->seen[i].body);
    g->n = 0;
}

GT void gt_close_core(gt_rig *g)
{
    for (int c = 0; c < SL_CLASS_N; c++) {
        sl_watch_free(g->reply_watch[c]);
        sl_consumer_close(g->replies[c]);
    }
    sl_core_free(g->core);
    g->core = NULL;
}

GT void gt_free_files(gt_rig *g)
{
    (void)unlink(g->policy_path), (void)unlink(g->keys_path), (void)unlink(g->ring_path);
    (void)rmdir(g->dir);
}

GT void gt_close(gt_rig *g)
{
    if (g->core)
        gt_close_core(g);
    sl_loop_free(g->loop);
    gt_forget(g);
    sl_consumer_close(g->watcher);
    sl_producer_close(g->producer);
    sl_codec_free(g->codec);
    sl_keyring_unref(g->ring);
    sl_metrics_free(g->g.metrics);
    sl_idem_free(g->g.idem);
    sl_presence_view_free(g->g.presence);
    sl_store_free(g->g.store);
    sl_bus_free(g->bus);
    gt_free_files(g);
    free(g);
}

/* The value of a metric's line, as `sluice_refused_total{reason="limit"}`. */
GT uint64_t gt_metric(gt_rig *g, const char *line)
{
    sl_buf out = {0};
    sl_metrics_render(g->g.metrics, &out);
    const char *at = strstr(out.data, line);
    while (at && (at[strlen(line)] != ' ' || (at > out.data && at[-1] != '\n')))
        at = strstr(at + 1, line);
    uint64_t v = at ? strtoull(at + strlen(line), NULL, 10) : 0;
    sl_buf_done(&out);
    return v;
}

/* ---- what was seen ---- */

GT gt_seen *gt_find(gt_rig *g, const char *topic, const char *id)
{
    for (size_t i = 0; i < g->n; i++)
        if (!strcmp(g->seen[i].topic, topic) && !strcmp(g->seen[i].id, id))
            return &g->seen[i];
    return NULL;
}

GT size_t gt_count(gt_rig *g, const char *topic, const char *id)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += !strcmp(g->seen[i].topic, topic) && (!id || !strcmp(g->seen[i].id, id));
    return n;
}

GT gt_seen *gt_request(gt_rig *g, const char *id)
{
    gt_seen *s = gt_find(g, "llm.private.requests.v1", id);
    return s ? s : gt_find(g, "llm.public.requests.v1", id);
}

/* How many audit records of this event for this id hold `with` (NULL: anything). */
GT size_t gt_audits(gt_rig *g, const char *event, const char *id, const char *with)
{
    char want[64];
    size_t n = 0;
    (void)snprintf(want, sizeof(want), "\"event\":\"%s\"", event);
    for (size_t i = 0; i < g->n; i++) {
        const gt_seen *s = &g->seen[i];
        n += !strcmp(s->topic, SL_TOPIC_AUDIT) && (!id || !strcmp(s->id, id)) &&
             strstr(s->body, want) && (!with || strstr(s->body, with));
    }
    return n;
}

typedef struct gt_want {
    gt_rig *g;
    const char *topic, *id, *event, *with;
    size_t n;
} gt_want;

GT bool gt_want_met(void *arg)
{
    gt_want *w = arg;
    return (w->event ? gt_audits(w->g, w->event, w->id, w->with)
                     : gt_count(w->g, w->topic, w->id)) >= w->n;
}

GT bool gt_wait_topic(gt_rig *g, const char *topic, const char *id, size_t n)
{
    gt_want w = {.g = g, .topic = topic, .id = id, .n = n};
    return gt_wait(g, gt_want_met, &w);
}

GT bool gt_wait_audit(gt_rig *g, const char *event, const char *id, const char *with)
{
    gt_want w = {.g = g, .id = id, .event = event, .with = with, .n = 1};
    return gt_wait(g, gt_want_met, &w);
}

GT bool gt_requested(void *arg)
{
    gt_want *w = arg;
    return gt_request(w->g, w->id) != NULL;
}

/* Waits until the request stands on its class's topic. */
GT gt_seen *gt_wait_request(gt_rig *g, const char *id)
{
    gt_want w = {.g = g, .id = id};
    assert_true(gt_wait(g, gt_requested, &w));
    return gt_request(g, id);
}

#endif
