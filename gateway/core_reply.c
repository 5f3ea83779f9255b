/* core_reply.c - chunk records in: verify, follow, end; and the tick that decides by time. */
#include "gateway/core_internal.h"

#include <stdio.h>

static void reject(sl_core *c, sl_class cls, const sl_record *r, const sl_ticket *t,
                   const char *cause, const char *why)
{
    char digest[SL_CHECKSUM_TEXT];
    uint32_t skipped;
    sl_checksum_bytes(digest, r->value.p ? r->value.p : "", r->value.n);
    if (sl_log_allow(&c->log_reply, &skipped))
        SL_WARN((&(sl_log_ctx){.id = t ? t->id : NULL,
                               .topic = r->topic,
                               .partition = r->partition,
                               .offset = r->offset}),
                "reply_refused", "%s: %s (%u more)", cause, why, skipped);
    sl_audit a = {.event = SL_AUDIT_REJECTED,
                  .id = t ? sl_str_c(t->id) : (sl_str){0},
                  .time_us = sl_unix_us(),
                  .cls = cls,
                  .has_class = true,
                  .topic = sl_str_c(r->topic),
                  .partition = r->partition,
                  .offset = r->offset,
                  .checksum = sl_str_c(digest),
                  .bytes = r->value.n,
                  .cause = sl_str_c(cause)};
    sl_core_audit(c, &a);
}

static void end_done(sl_ticket *t)
{
    sl_follow_result res;
    sl_follow_get_result(t->follow, &res);
    if (res.end == SL_END_EXPIRED) {
        sl_ticket_fail(t, 504, "timeout", "deadline_exceeded", 1,
                       "The request's deadline passed before its answer was complete.");
    } else if (res.end == SL_END_CANCELLED) {
        sl_ticket_fail(t, 503, "service_unavailable", "cancelled", 1,
                       "The worker gave the request up. Try again.");
    } else if (res.end == SL_END_ERROR || res.end == SL_END_NONE) {
        char message[512], type[64], code[64]; /* views end with the follow; NUL-terminated here */
        snprintf(message, sizeof(message), "%.*s",
                 (int)(res.error_message.n ? res.error_message.n : 29),
                 res.error_message.n ? res.error_message.p : "The worker reported an error.");
        snprintf(type, sizeof(type), "%.*s", (int)(res.error_type.n ? res.error_type.n : 12),
                 res.error_type.n ? res.error_type.p : "server_error");
        snprintf(code, sizeof(code), "%.*s", (int)res.error_code.n,
                 res.error_code.n ? res.error_code.p : "");
        bool invalid = !strcmp(type, "invalid_request_error");
        bool later = !strcmp(type, "service_unavailable") || !strcmp(type, "rate_limit_error");
        sl_ticket_fail(t,
                       invalid ? 400
                       : later ? 503
                               : 502,
                       type, code[0] ? code : "worker_error", later ? 2 : 0, message);
    } else {
        sl_ticket_end(t, &(sl_outcome){.http_status = 200,
                                       .end = res.end,
                                       .has_usage = res.has_usage,
                                       .usage = res.usage});
    }
}

static void settle(sl_ticket *t, sl_follow_verdict v)
{
    if (t->state == T_ENDED)
        return;
    if (v == SL_FOLLOW_DONE) {
        if (!sl_park_end(t))
            end_done(t);
    } else if (v == SL_FOLLOW_FAILED) {
        SL_WARN((&(sl_log_ctx){.id = t->id}), "answer_failed", "no run can be trusted: %s",
                sl_follow_why(t->follow));
        sl_core_send_cancel(t->core, t);
        sl_ticket_fail(t, 502, "server_error", "answer_damaged", 0,
                       "The answer did not arrive intact, so it was stopped. Try again.");
    }
}

/* The subject, before anything expensive: foreign and late replies are told apart by it. */
static sl_ticket *ticket_of(sl_core *c, const sl_record *r)
{
    const sl_header *h = sl_record_header(r, "ce_subject");
    sl_id_node *n = h && h->value.p ? sl_id_table_find(&c->table, h->value) : NULL;
    return n ? (sl_ticket *)((char *)n - offsetof(sl_ticket, node)) : NULL;
}

static void refuse_reply(sl_core *c, sl_class cls, const sl_record *r, sl_ticket *t, sl_status st,
                         const sl_error *err)
{
    bool corrupt = st == SL_E_CORRUPT || st == SL_E_INVALID;
    sl_metrics_add(c->shard, SL_GM_REPLIES, corrupt ? SL_GM_REPLY_CORRUPT : SL_GM_REPLY_UNAUTHENTIC,
                   1);
    reject(c, cls, r, t,
           st == SL_E_UNKNOWN_KEY ? "unknown_key"
           : corrupt              ? "corrupt"
                                  : "unauthentic",
           err->text);
    /* Damage: a gap will show, or nothing follows and time decides. An unauthentic record is
     * somebody else's: it must not be able to end a sound answer. */
    if (corrupt && t->cls == cls)
        settle(t, sl_follow_damaged(t->follow, sl_mono_ms()));
}

void sl_core_on_reply(sl_core *c, sl_class cls, const sl_record *r)
{
    sl_ticket *t = ticket_of(c, r);
    if (!t) {
        sl_metrics_add(c->shard, SL_GM_REPLIES, SL_GM_REPLY_FOREIGN, 1);
        return;
    }
    sl_envelope env = {0};
    sl_error err = {0};
    sl_keyring *ring = sl_store_keyring(c->g->store);
    bool must = cls == SL_CLASS_PUBLIC ? c->g->cfg->encrypt_public : c->g->cfg->encrypt_private;
    sl_status st = sl_envelope_decode(c->codec, r, ring, cls, must, &env, &err);
    sl_keyring_unref(ring);
    if (!st && (env.type != SL_TYPE_CHUNK || t->cls != cls ||
                memcmp(env.requestchecksum, t->checksum, SL_CHECKSUM_TEXT) != 0))
        st = sl_fail(&err, SL_E_UNAUTHENTIC,
                     "it answers another request, or comes from the other class");
    if (st) {
        refuse_reply(c, cls, r, t, st, &err);
        return;
    }
    if (sl_park_knows(t, env.run)) {
        sl_metrics_add(c->shard, SL_GM_REPLIES, SL_GM_REPLY_DUPLICATE, 1);
        return;
    }
    uint64_t again = sl_follow_duplicates(t->follow);
    t->refs++; /* the sink may cancel while it is given the text */
    sl_follow_verdict v = sl_follow_record(t->follow, &env, sl_mono_ms());
    bool taken = sl_follow_duplicates(t->follow) == again;
    sl_metrics_add(c->shard, SL_GM_REPLIES, taken ? SL_GM_REPLY_TAKEN : SL_GM_REPLY_DUPLICATE, 1);
    if (v == SL_FOLLOW_MORE)
        sl_park_begun(t);
    settle(t, v);
    sl_ticket_unref(t);
}

static void tick_ticket(sl_core *c, sl_ticket *t, int64_t now)
{
    if (now >= t->deadline_mono_ms) {
        sl_core_send_cancel(c, t);
        sl_ticket_fail(t, 504, "timeout", "deadline_exceeded", 1,
                       "The request's deadline passed before its answer was complete.");
        return;
    }
    if (!sl_presence_view_live(c->g->presence, t->cls, t->model, now, SL_PRESENCE_GRACE_MS)) {
        sl_core_send_cancel(c, t);
        sl_ticket_fail(t, 503, "service_unavailable", "no_worker", 5,
                       "The last worker that has this model is gone. Try again.");
        return;
    }
    t->refs++;
    settle(t, sl_follow_tick(t->follow, now));
    if (t->state != T_ENDED)
        sl_park_tick(t, now);
    sl_ticket_unref(t);
}

static void on_tick(void *arg)
{
    sl_core *c = arg;
    int64_t now = sl_mono_ms();
    sl_ticket *t, *next;
    int parked[SL_CLASS_N] = {0};
    for (t = TAILQ_FIRST(&c->open); t; t = next) {
        next = TAILQ_NEXT(t, link);
        parked[t->cls] += sl_park_waits(t);
        tick_ticket(c, t, now);
    }
    for (int cls = 0; cls < SL_CLASS_N; cls++) {
        sl_metrics_gauge(c->shard, SL_GM_INFLIGHT, (size_t)cls, c->class_n[cls]);
        sl_metrics_gauge(c->shard, SL_GM_PARKED, (size_t)cls, parked[cls]);
    }
    sl_core_poll(c);
}

void sl_core_poll(sl_core *c)
{
    for (int cls = 0; cls < SL_CLASS_N; cls++)
        if (c->fast[cls])
            sl_producer_poll(c->fast[cls]);
    if (c->slow) {
        sl_producer_poll(c->slow);
        sl_outbox_pump(&c->slow_out);
    }
    for (int cls = 0; cls < SL_CLASS_N; cls++)
        if (c->out[cls].head) /* deliveries made room */
            sl_timer_soon(c->pump);
}

static void on_pump(void *arg)
{
    sl_core *c = arg;
    for (int cls = 0; cls < SL_CLASS_N; cls++)
        sl_outbox_pump(&c->out[cls]);
}

static void poll_cb(void *arg)
{
    sl_core_poll(arg);
}

/* ---- life ---- */

static sl_status open_producer(sl_core *c, sl_producer **ret, sl_class cls,
                               const sl_producer_options *opt, sl_watch **watch, sl_error *reterr)
{
    sl_status st = sl_producer_open(ret, c->g->bus[cls], opt, reterr);
    return st ? st : sl_watch_open(watch, c->loop, sl_producer_fd(*ret), poll_cb, c, reterr);
}

static sl_status open_producers(sl_core *c, sl_error *reterr)
{
    static const char *const private_topics[] = {"llm.private.requests.v1",
                                                 "llm.private.control.v1", SL_TOPIC_AUDIT, NULL};
    static const char *const public_topics[] = {"llm.public.requests.v1", "llm.public.control.v1",
                                                NULL};
    static const char *const audit_topics[] = {SL_TOPIC_AUDIT, NULL};
    sl_status st =
        open_producer(c, &c->fast[SL_CLASS_PRIVATE], SL_CLASS_PRIVATE,
                      &(sl_producer_options){
                          .gather = true, .gather_us = SL_CORE_GATHER_US, .topics = private_topics},
                      &c->watch[0], reterr);
    if (!st)
        st = open_producer(c, &c->fast[SL_CLASS_PUBLIC], SL_CLASS_PUBLIC,
                           &(sl_producer_options){.gather = true,
                                                  .gather_us = SL_CORE_GATHER_US,
                                                  .topics = public_topics},
                           &c->watch[1], reterr);
    if (!st)
        st = sl_producer_open(&c->slow, c->g->bus[SL_CLASS_PRIVATE],
                              &(sl_producer_options){.linger_ms = 50, .topics = audit_topics},
                              reterr);
    return st; /* the slow one has no watch: nobody waits for it, the tick polls it */
}

sl_status sl_core_open(sl_core **ret, sl_loop *l, sl_gateway_shared *g, int index,
                       sl_metrics_shard *shard, sl_error *reterr)
{
    sl_core *c = calloc(1, sizeof(*c));
    if (!c)
        return SL_E_NOMEM;
    c->loop = l;
    c->g = g;
    c->index = index;
    c->shard = shard;
    TAILQ_INIT(&c->open);
    TAILQ_INIT(&c->free);
    for (int cls = 0; cls < SL_CLASS_N; cls++)
        c->reply_partition[cls] =
            (int32_t)((g->cfg->instance * g->cfg->loops + index) % g->reply_partitions[cls]);
    sl_status st = sl_id_table_open(&c->table, 16384);
    if (!st)
        st = sl_codec_open(&c->codec, g->source, reterr);
    if (!st)
        st = sl_router_open(&c->router, reterr);
    if (!st)
        st = open_producers(c, reterr);
    if (!st)
        st = sl_timer_open(&c->tick, l, on_tick, c, reterr);
    if (!st)
        st = sl_timer_open(&c->pump, l, on_pump, c, reterr);
    c->slow_out.producer = c->slow;
    for (int cls = 0; cls < SL_CLASS_N; cls++)
        c->out[cls] = (sl_outbox){.producer = c->fast[cls], .hold = true};
    if (st) {
        sl_core_free(c);
        return st;
    }
    sl_timer_every(c->tick, SL_CORE_TICK_MS);
    *ret = c;
    return SL_OK;
}

void sl_core_end_all(sl_core *c)
{
    sl_ticket *t;
    while ((t = TAILQ_FIRST(&c->open))) {
        sl_core_send_cancel(c, t);
        sl_ticket_fail(t, 503, "service_unavailable", "shutting_down", 2,
                       "The gateway shut down before the answer was complete.");
    }
}

void sl_core_free(sl_core *c)
{
    if (!c)
        return;
    sl_core_end_all(c);
    c->closing = true;
    sl_timer_free(c->tick);
    sl_timer_free(c->pump);
    for (int i = 0; i < SL_CLASS_N; i++)
        sl_watch_free(c->watch[i]);
    for (int cls = 0; cls < SL_CLASS_N; cls++)
        if (c->fast[cls]) {
            sl_outbox_pump(&c->out[cls]);
            (void)!sl_producer_flush(c->fast[cls], 3000);
            sl_outbox_done(&c->out[cls]);
            sl_producer_close(c->fast[cls]);
        }
    if (c->slow) {
        sl_outbox_pump(&c->slow_out);
        (void)!sl_producer_flush(c->slow, 3000);
        sl_outbox_pump(&c->slow_out); /* the flush made room */
        (void)!sl_producer_flush(c->slow, c->slow_out.head ? 3000 : 0);
        sl_outbox_done(&c->slow_out);
        sl_producer_close(c->slow);
    }
    sl_ticket_free_all(c);
    sl_router_free(c->router);
    sl_codec_free(c->codec);
    sl_id_table_done(&c->table);
    sl_buf_done(&c->scratch);
    free(c);
}

int sl_core_open_tickets(const sl_core *c)
{
    return c->open_n;
}
sl_producer *sl_core_producer(sl_core *c, sl_class cls)
{
    return c->fast[cls];
}
sl_codec *sl_core_codec(sl_core *c)
{
    return c->codec;
}
sl_metrics_shard *sl_core_shard(sl_core *c)
{
    return c->shard;
}
