/* front_kafka.c - ingress records to requests, answers to egress records. */
#include "gateway/front_kafka.h"

#include "common/base/log.h"
#include "common/bus/outbox.h"
#include "common/crypto/digest.h"
#include "common/http/server.h"
#include "gateway/answer.h"
#include "gateway/answered.h"
#include "gateway/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#define RETRY_MS        500
#define CORRELATION_MAX 512
#define EGRESS_PREFIX   "llm.egress."
#define UNSENT_MAX      (64u << 20) /* bytes of pieces that may wait for room in the producer */

typedef struct job {
    TAILQ_ENTRY(job) link;
    struct sl_front_kafka *f;
    sl_arena arena;
    const char *topic, *tenant, *reply_topic;
    int32_t partition;
    int64_t offset, deadline_ms;
    sl_str body, key, correlationid, traceparent, tracestate;
    char id[SL_UUID_TEXT];
    sl_ticket *ticket;      /* NULL: waits to be submitted, or ended */
    sl_ticket *unconfirmed; /* whose delivery is not told yet; NULL: there is no ticket */
    sl_outcome outcome;     /* what `last` says, for the audit; its code is in `code` */
    char code[64];
    bool waiting, stream, include_usage, ended;
    uint64_t seq; /* egress records sent */
    int pieces;   /* handed to the producer, not yet acknowledged: the end waits for them */
    sl_answer_head head;
    sl_answer answer;
    sl_buf last;            /* the end's body, until Kafka acknowledged it */
    bool last_pending;      /* handed to the producer */
    bool torn;              /* a piece is lost or in doubt: the answer ends with an error */
    bool replaced;          /* `last` is an error in the place of an answer that can't be written */
    const char *bad_header; /* a header that can't be honoured; NULL: none */
} job;

TAILQ_HEAD(job_list, job);

struct sl_front_kafka {
    sl_loop *loop;
    sl_core *core;
    sl_gateway_shared *g;
    sl_consumer *consumer;
    sl_outbox outbox; /* holds: the answers of one turn of the loop leave together */
    sl_watch *watch;
    sl_timer *tick, *pump;
    struct job_list jobs;
    int jobs_n;
    sl_answered answered;  /* their commits are not acknowledged */
    bool draining, closed; /* closed: the last delivery frees it */
    sl_buf out;
    sl_arena scratch; /* of one decision: a request may be tried a thousand times */
    sl_log_limit log_egress, log_bus;
};

static void front_release(sl_front_kafka *f)
{
    sl_answered_done(&f->answered);
    free(f);
}

/* The answer's fate is known: NULL, or on egress. */
static void tell_delivered(job *j, const sl_outcome *o)
{
    sl_ticket *t = j->unconfirmed;
    j->unconfirmed = NULL;
    if (t)
        sl_core_delivered(j->f->core, t, o);
}

static void job_free(job *j)
{
    sl_front_kafka *f = j->f;
    tell_delivered(j, NULL);
    TAILQ_REMOVE(&f->jobs, j, link);
    f->jobs_n--;
    sl_answer_done(&j->answer);
    sl_buf_done(&j->last);
    sl_arena_done(&j->arena);
    free(j);
    if (f->closed && !f->jobs_n)
        front_release(f);
}

/* ---- egress ---- */

static sl_status send_egress(job *j, sl_str body, sl_delivery_fn cb)
{
    char ce_id[SL_UUID_TEXT + 24];
    snprintf(ce_id, sizeof(ce_id), "%s/%llu", j->id, (unsigned long long)j->seq);
    sl_envelope env = {.type = SL_TYPE_ANSWER,
                       .id = sl_str_c(ce_id),
                       .subject = sl_str_c(j->id),
                       .correlationid = j->correlationid,
                       .traceparent = j->traceparent,
                       .tracestate = j->tracestate,
                       .body = body};
    sl_record r;
    sl_error err = {0};
    sl_status st = sl_envelope_encode(sl_core_codec(j->f->core), &env,
                                      &(sl_seal){.cls = SL_CLASS_PRIVATE}, &r, &err);
    if (!st) {
        r.topic = j->reply_topic;
        r.partition = -1;
        r.key = j->key; /* the producer's own, so that it can find its answers by it */
        sl_timer_soon(j->f->pump);
        st = sl_outbox_send(&j->f->outbox, &r, cb, j, NULL, &err);
    }
    uint32_t skipped;
    if (st && sl_log_allow(&j->f->log_egress, &skipped))
        SL_ERROR((&(sl_log_ctx){.id = j->id, .topic = j->reply_topic}), "egress_failed",
                 "%s (%u more)", err.text, skipped);
    if (!st)
        j->seq++;
    if (!st)
        sl_metrics_add(sl_core_shard(j->f->core), SL_GM_EGRESS, 0, 1);
    return st;
}

static void set_outcome(job *j, int http_status, sl_end end, const char *code)
{
    snprintf(j->code, sizeof(j->code), "%s", code ? code : "");
    j->outcome = (sl_outcome){.http_status = http_status, .end = end, .code = j->code};
}

/* http_status: what the HTTP front would have said; the audit tells it. */
static void write_error(job *j, int http_status, const char *type, const char *code,
                        const char *param, const char *message)
{
    set_outcome(j, http_status, SL_END_ERROR, code);
    sl_buf_clear(&j->last);
    sl_http_error_body(&j->last, type, code, param, message);
}

/* An end that no retry can write gives way, once, to an error that can be. True: send again. */
static bool replace_last(job *j, sl_status st)
{
    bool topic = (st == SL_E_NOT_FOUND || st == SL_E_DENIED || st == SL_E_INVALID) &&
                 strcmp(j->reply_topic, SL_TOPIC_EGRESS);
    if (j->replaced || (st != SL_E_TOO_LARGE && !topic))
        return false;
    j->replaced = true;
    if (topic) {
        j->reply_topic = SL_TOPIC_EGRESS;
        write_error(j, 400, "invalid_request_error", "reply_topic_unavailable", "ce_replytopic",
                    "The reply topic that the request names can't be written.");
    } else {
        write_error(j, 502, "server_error", "answer_too_large", NULL,
                    "The answer is larger than a record may be; ask for a stream.");
    }
    return true;
}

static void on_last_delivered(void *arg, const sl_delivery *d)
{
    job *j = arg;
    uint32_t skipped;
    j->last_pending = false;
    if (d->status == SL_OK) {
        tell_delivered(j, &j->outcome);
        sl_answered_add(&j->f->answered, j->topic, j->partition, j->offset);
        if (j->f->consumer)
            sl_consumer_finish(j->f->consumer, j->topic, j->partition, j->offset);
        job_free(j);
    } else if (d->status == SL_E_CLOSED || j->f->closed) {
        job_free(j); /* shutting down: not committed, so it is read again */
    } else if (!replace_last(j, d->status) && sl_log_allow(&j->f->log_egress, &skipped)) {
        SL_WARN((&(sl_log_ctx){.id = j->id, .topic = j->reply_topic}), "egress_unconfirmed",
                "%s; it is sent again (%u more)", d->error.text, skipped);
    }
}

/* Sends the end again until Kafka has it: the tick calls this too. */
static void send_last(job *j)
{
    uint64_t seq = j->seq;
    sl_status st = send_egress(j, sl_buf_str(&j->last), on_last_delivered);
    if (st && replace_last(j, st))
        st = send_egress(j, sl_buf_str(&j->last), on_last_delivered);
    j->last_pending = st == SL_OK;
    j->seq = seq; /* sent again it is the same event, with the same ce_id */
}

/* A piece is lost, or nobody knows. What a retry could add would stand in the wrong place, so the
 * answer ends with an error as soon as the pieces under way are settled; the work is cancelled. */
static void tear(job *j, const char *why)
{
    uint32_t skipped;
    sl_core *c = j->f->core;
    if (j->torn)
        return;
    j->torn = true;
    sl_metrics_add(sl_core_shard(c), SL_GM_EGRESS_FAILED, 0, 1);
    if (sl_log_allow(&j->f->log_egress, &skipped))
        SL_WARN((&(sl_log_ctx){.id = j->id, .topic = j->reply_topic}), "egress_torn",
                "%s; the answer ends with an error (%u more)", why, skipped);
    sl_core_audit(c, &(sl_audit){.event = SL_AUDIT_REJECTED,
                                 .id = sl_str_c(j->id),
                                 .time_us = sl_unix_us(),
                                 .topic = sl_str_c(j->reply_topic),
                                 .partition = -1,
                                 .offset = -1,
                                 .cause = SL_STR("egress_failed")});
    sl_ticket *t = j->ticket;
    j->ticket = NULL;
    j->ended = true;
    if (t)
        sl_core_cancel(c, t);
    write_error(j, 502, "server_error", "answer_torn", NULL,
                "The answer could not be given whole.");
}

/* No clean end before every piece is known to be there. */
static void send_last_when_due(job *j)
{
    if (j->ended && !j->pieces && !j->last_pending)
        send_last(j);
}

static void on_piece_delivered(void *arg, const sl_delivery *d)
{
    job *j = arg;
    j->pieces--;
    if (j->f->closed) { /* nothing was committed: the request is read again */
        if (!j->pieces && !j->last_pending)
            job_free(j);
        return;
    }
    if (d->status && d->status != SL_E_CLOSED)
        tear(j, d->error.text);
    send_last_when_due(j);
}

static void send_piece(job *j, sl_str body)
{
    j->pieces++;
    if (j->f->outbox.bytes <= UNSENT_MAX && send_egress(j, body, on_piece_delivered) == SL_OK)
        return;
    j->pieces--;
    tear(j, "a piece could not be handed to the producer");
}

static void on_delta(void *user, const sl_chunk *delta)
{
    job *j = user;
    if (!j->stream) {
        sl_answer_add(&j->answer, delta);
        return;
    }
    sl_buf *out = &j->f->out;
    sl_buf_clear(out);
    sl_sse_write_delta(out, &j->head, delta, delta->content, NULL);
    sl_str event = sl_buf_str(out); /* "data: {…}\n\n" */
    if (event.n > 8)
        send_piece(j, (sl_str){event.p + 6, event.n - 8});
    send_last_when_due(j);
}

static void write_stream_end(job *j, const sl_outcome *o)
{
    sl_buf *out = &j->f->out;
    sl_buf_clear(out);
    sl_sse_write_finish(out, &j->head, sl_end_name(o->end));
    sl_str finish = sl_buf_str(out);
    if (finish.n <= 8)
        return;
    finish = (sl_str){finish.p + 6, finish.n - 8};
    if (!j->include_usage) {
        sl_buf_add_str(&j->last, finish);
        return;
    }
    send_piece(j, finish);
    if (j->torn)
        return;
    sl_buf_clear(out);
    sl_sse_write_usage(out, &j->head, &o->usage);
    sl_buf_add(&j->last, out->data + 6, out->len - 8);
}

static void on_end(void *user, const sl_outcome *o)
{
    job *j = user;
    j->ticket = NULL;
    j->ended = true;
    sl_buf_clear(&j->last);
    set_outcome(j, o->http_status, o->end, o->code);
    if (o->http_status != 200) {
        write_error(j, o->http_status, o->type, o->code, NULL, o->message);
    } else if (j->answer.failed) {
        write_error(j, 502, "server_error", "answer_too_large", NULL,
                    "The answer could not be given whole.");
    } else if (j->stream) {
        write_stream_end(j, o);
    } else {
        sl_buf tools = {0};
        sl_answer_tool_calls(&j->answer, &tools);
        sl_answer_write(&j->last, &j->head, sl_buf_str(&j->answer.content),
                        j->answer.reasoning.len ? sl_buf_str(&j->answer.reasoning) : (sl_str){0},
                        tools.len ? sl_buf_str(&tools) : (sl_str){0}, sl_end_name(o->end),
                        &o->usage);
        sl_buf_done(&tools);
    }
    send_last_when_due(j);
}

static const sl_sink kafka_sink = {.delta = on_delta, .end = on_end};

/* ---- ingress ---- */

/* Before there is a ticket: it never enters the books, as a refusal of the HTTP front does not. */
static void answer_error(job *j, const char *type, const char *code, const char *param,
                         const char *message)
{
    j->waiting = false;
    j->ended = true;
    write_error(j, 0, type, code, param, message);
    send_last(j);
}

static void submit(job *j)
{
    sl_chat_fault fault = {{0}, {0}};
    sl_error err = {0};
    sl_chat *chat = NULL;
    sl_refusal ref = {0};
    sl_decision d;
    j->waiting = false;
    if (sl_chat_parse(&chat, SL_CHAT, j->body, (size_t)j->f->g->cfg->body_bytes, &fault, &err) !=
        SL_OK) {
        answer_error(j, "invalid_request_error", fault.code[0] ? fault.code : NULL,
                     fault.param[0] ? fault.param : NULL, err.text);
        return;
    }
    j->stream = chat->stream;
    j->include_usage = chat->include_usage;
    sl_submit s = {.chat = chat,
                   .id = j->id,
                   .tenant = sl_str_c(j->tenant),
                   .front = "kafka",
                   .whole = !chat->stream,
                   .confirms = true,
                   .deadline_ms = j->deadline_ms,
                   .received_us = sl_mono_us(),
                   .traceparent = j->traceparent,
                   .tracestate = j->tracestate,
                   .correlationid = j->correlationid,
                   .sink = &kafka_sink,
                   .user = j};
    sl_arena_reset(&j->f->scratch);
    sl_status st = sl_core_submit(j->f->core, &s, &j->f->scratch, &d, &j->ticket, &ref);
    sl_chat_free(chat);
    if (!st) {
        j->unconfirmed = j->ticket;
        j->head = (sl_answer_head){.kind = SL_CHAT,
                                   .id = j->id,
                                   .created = (int64_t)time(NULL),
                                   .model = sl_arena_str(&j->arena, sl_str_c(d.model)),
                                   .seed = sl_ticket_seed(j->ticket)};
    } else if ((ref.http_status == 503 || ref.http_status == 429) &&
               sl_unix_ms() < j->deadline_ms) {
        j->waiting = true;
    } else {
        answer_error(j, ref.type, ref.code, ref.param, ref.message);
    }
}

/* Unix milliseconds, as in an envelope; 0: none of its own. It may only shorten the time that the
 * operator's limit gives. */
static void read_deadline(job *j, sl_str s)
{
    int64_t deadline;
    if (s.p[0] == '-' || s.p[0] == '+' || !sl_parse_i64(s, &deadline) || deadline < 0)
        j->bad_header = "ce_deadline";
    else if (deadline > 0 && deadline < j->deadline_ms)
        j->deadline_ms = deadline;
}

/* Topics outside the prefix are not for answers and not heard; one under it that no topic can be
 * called is an error, since its producer waits there. */
static void read_reply_topic(job *j, sl_str s)
{
    size_t prefix = strlen(EGRESS_PREFIX);
    if (!sl_str_prefix(s, SL_STR(EGRESS_PREFIX)))
        return;
    bool fits = s.n > prefix && s.n <= SL_BUS_TOPIC_NAME_MAX && !memchr(s.p, 0, s.n);
    const char *name = fits ? sl_arena_strndup(&j->arena, s.p, s.n) : NULL;
    if (sl_bus_topic_name_valid(name))
        j->reply_topic = name;
    else
        j->bad_header = "ce_replytopic";
}

static void read_headers(job *j, const sl_record *r)
{
    sl_str parent = {0}, state = {0};
    for (size_t i = 0; i < r->headers_n; i++) {
        const sl_header *h = &r->headers[i];
        if (!h->value.p || !h->value.n)
            continue;
        if (sl_str_is(h->name, "traceparent"))
            parent = h->value;
        else if (sl_str_is(h->name, "tracestate"))
            state = h->value;
        else if (sl_str_is(h->name, "ce_id") && h->value.n <= CORRELATION_MAX &&
                 sl_utf8_valid(h->value.p, h->value.n))
            j->correlationid = sl_arena_str(&j->arena, h->value);
        else if (sl_str_is(h->name, "ce_deadline"))
            read_deadline(j, h->value);
        else if (sl_str_is(h->name, "ce_replytopic"))
            read_reply_topic(j, h->value);
    }
    sl_trace_check(&parent, &state);
    if (parent.p)
        j->traceparent = sl_arena_str(&j->arena, parent);
    if (state.p)
        j->tracestate = sl_arena_str(&j->arena, state);
}

static bool headers_refused(job *j)
{
    if (!j->bad_header)
        return false;
    bool deadline = !strcmp(j->bad_header, "ce_deadline");
    answer_error(j, "invalid_request_error",
                 deadline ? "invalid_deadline" : "reply_topic_unavailable", j->bad_header,
                 deadline ? "ce_deadline must be Unix milliseconds in decimal digits."
                          : "The reply topic that the request names can't be written.");
    return true;
}

static void ingress_id(const sl_front_kafka *f, const sl_record *r, char out[SL_UUID_TEXT])
{
    char text[512];
    uint8_t digest[SL_SHA256_SIZE];
    int n = snprintf(text, sizeof(text), "%s\n%s\n%d\n%lld", f->g->cluster_id, r->topic,
                     r->partition, (long long)r->offset);
    sl_sha256(digest, text, (size_t)n);
    sl_uuid8(out, digest);
}

/* After a rebalance a record can come again while its job runs: that job finishes the offset. */
static bool in_hand(const sl_front_kafka *f, const sl_record *r)
{
    const job *j;
    TAILQ_FOREACH(j, &f->jobs, link)
    if (j->offset == r->offset && j->partition == r->partition && !strcmp(j->topic, r->topic))
        return true;
    return false;
}

static void on_record(void *arg, const sl_record *r)
{
    sl_front_kafka *f = arg;
    if (in_hand(f, r))
        return;
    if (sl_answered_has(&f->answered, r->topic, r->partition, r->offset)) {
        sl_consumer_finish(f->consumer, r->topic, r->partition, r->offset);
        return;
    }
    job *j = calloc(1, sizeof(*j));
    if (!j)
        return; /* not finished: read again after a restart; memory is the operator's alarm */
    j->f = f;
    TAILQ_INSERT_TAIL(&f->jobs, j, link);
    f->jobs_n++;
    sl_metrics_add(sl_core_shard(f->core), SL_GM_INGRESS, 0, 1);
    j->topic = sl_arena_strndup(&j->arena, r->topic, strlen(r->topic));
    j->partition = r->partition;
    j->offset = r->offset;
    j->reply_topic = SL_TOPIC_EGRESS;
    j->deadline_ms = (r->time_ms > 0 ? r->time_ms : sl_unix_ms()) + f->g->cfg->deadline_ms;
    j->body = sl_arena_str(&j->arena, r->value.p ? r->value : SL_STR(""));
    if (r->key.p)
        j->key = sl_arena_str(&j->arena, r->key);
    read_headers(j, r);
    ingress_id(f, r, j->id);
    if (headers_refused(j))
        return;
    sl_policy *p = sl_store_policy(f->g->store);
    const char *tenant = p ? sl_policy_tenant_of_topic(p, r->topic) : NULL;
    j->tenant = tenant ? sl_arena_strndup(&j->arena, tenant, strlen(tenant)) : NULL;
    sl_policy_unref(p);
    if (!tenant)
        answer_error(j, "permission_error", "no_tenant", NULL,
                     "The policy binds no tenant to this ingress topic.");
    else
        submit(j);
}

static void on_error(void *arg, const sl_error *e)
{
    sl_front_kafka *f = arg;
    uint32_t skipped;
    sl_metrics_add(sl_core_shard(f->core), SL_GM_BUS_ERRORS, SL_CLASS_PRIVATE, 1);
    if (sl_log_allow(&f->log_bus, &skipped))
        SL_WARN(NULL, "ingress_trouble", "%s (%u more)", e->text, skipped);
}

static void take_more(void *arg)
{
    sl_front_kafka *f = arg;
    size_t room;
    sl_policy *p = sl_store_policy(f->g->store);
    bool hold = f->draining || !p; /* without a policy nobody's tenant is known: records wait */
    sl_policy_unref(p);
    do {
        int64_t max = f->g->cfg->ingress_inflight;
        room = hold || f->jobs_n >= max ? 0 : (size_t)(max - f->jobs_n);
    } while (sl_consumer_poll(f->consumer, room) == room && room);
}

static void on_pump(void *arg)
{
    sl_front_kafka *f = arg;
    sl_outbox_pump(&f->outbox);
}

static void on_tick(void *arg)
{
    sl_front_kafka *f = arg;
    sl_outbox_pump(&f->outbox);
    for (size_t i = 0; i < f->answered.n; i++) {
        sl_answered_part *p = &f->answered.parts[i];
        sl_answered_committed(p, sl_consumer_committed(f->consumer, p->topic, p->partition));
    }
    job *j, *next;
    for (j = TAILQ_FIRST(&f->jobs); j; j = next) {
        next = TAILQ_NEXT(j, link);
        if (j->waiting)
            submit(j);
        else
            send_last_when_due(j);
    }
    take_more(f);
}

sl_status sl_front_kafka_open(sl_front_kafka **ret, sl_loop *l, sl_core *c, sl_gateway_shared *g,
                              sl_error *reterr)
{
    sl_front_kafka *f = calloc(1, sizeof(*f));
    if (!f)
        return SL_E_NOMEM;
    *f = (sl_front_kafka){
        .loop = l,
        .core = c,
        .g = g,
        .outbox = {.producer = sl_core_producer(c, SL_CLASS_PRIVATE), .hold = true}};
    TAILQ_INIT(&f->jobs);
    sl_status st = SL_E_NOMEM;
    const char **topics = calloc(g->cfg->ingress_topics.n + 1, sizeof(*topics));
    if (!topics)
        goto cleanup;
    memcpy(topics, g->cfg->ingress_topics.v, g->cfg->ingress_topics.n * sizeof(*topics));
    char instance[32];
    snprintf(instance, sizeof(instance), "gateway-%lld", (long long)g->cfg->instance);
    sl_consumer_options co = {.group = g->cfg->ingress_group,
                              .instance = instance,
                              .topics = topics,
                              .on_record = on_record,
                              .on_error = on_error,
                              .arg = f};
    st = sl_consumer_open(&f->consumer, g->bus[SL_CLASS_PRIVATE], &co, reterr);
    if (!st)
        st = sl_watch_open(&f->watch, l, sl_consumer_fd(f->consumer), take_more, f, reterr);
    if (!st)
        st = sl_timer_open(&f->tick, l, on_tick, f, reterr);
    if (!st)
        st = sl_timer_open(&f->pump, l, on_pump, f, reterr);
    if (!st)
        sl_timer_every(f->tick, RETRY_MS);
cleanup:
    free(topics);
    if (st)
        sl_front_kafka_free(f);
    else
        *ret = f;
    return st;
}

void sl_front_kafka_drain(sl_front_kafka *f)
{
    f->draining = true;
    for (job *j = TAILQ_FIRST(&f->jobs), *next; j; j = next) {
        next = TAILQ_NEXT(j, link);
        if (j->waiting) /* not committed: another gateway reads it, this one could only refuse */
            job_free(j);
    }
}
int sl_front_kafka_open_jobs(const sl_front_kafka *f)
{
    return f->jobs_n;
}

void sl_front_kafka_free(sl_front_kafka *f)
{
    if (!f)
        return;
    sl_timer_free(f->tick);
    sl_watch_free(f->watch);
    for (job *j = TAILQ_FIRST(&f->jobs), *next; j; j = next) {
        next = TAILQ_NEXT(j, link);
        sl_ticket *t = j->ticket;
        if (t) /* not answered, not committed: another gateway reads it again */
            sl_core_abandon(f->core, t);
        j->ticket = NULL;
    }
    f->outbox.hold = false; /* no more turns */
    sl_outbox_pump(&f->outbox);
    if (f->outbox.producer)
        (void)!sl_producer_flush(f->outbox.producer, 3000);
    if (f->consumer)
        sl_consumer_close(f->consumer);
    f->consumer = NULL;
    sl_outbox_done(&f->outbox);
    for (job *j = TAILQ_FIRST(&f->jobs), *next; j; j = next) {
        next = TAILQ_NEXT(j, link);
        if (!j->last_pending && !j->pieces)
            job_free(j);
    }
    sl_buf_done(&f->out);
    sl_arena_done(&f->scratch);
    sl_timer_free(f->pump); /* the last sends are done */
    f->closed = true; /* deliveries that are still due come when the core closes its producers */
    if (!f->jobs_n)
        front_release(f);
}
