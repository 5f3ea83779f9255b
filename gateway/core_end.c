/* core_end.c - the one door through which a ticket ends, and its memory. */
#include "gateway/core_internal.h"

#define FREE_MAX 256 /* tickets kept for reuse */

sl_audit sl_ticket_audit(const sl_ticket *t, sl_audit_event event)
{
    return (sl_audit){.event = event,
                      .id = sl_str_c(t->id),
                      .time_us = sl_unix_us(),
                      .cls = t->cls,
                      .level = t->level,
                      .has_class = true,
                      .has_level = true};
}

void sl_ticket_audit_end(sl_ticket *t, const sl_outcome *o)
{
    sl_follow_result res = {0};
    sl_audit a = sl_ticket_audit(t, SL_AUDIT_DELIVERED);
    if (t->follow)
        sl_follow_get_result(t->follow, &res);
    a.front = sl_str_c(t->front);
    a.http_status = o->http_status;
    a.end = sl_str_c(o->end ? sl_end_name(o->end) : "");
    a.run = res.run;
    a.count = res.count;
    a.env = res.env;
    if (o->http_status == 200) {
        a.digest = sl_str_c(res.text_digest);
        a.bytes = res.text_bytes;
    } else {
        a.cause = sl_str_c(o->code);
    }
    a.work_us = sl_mono_us() - t->received_us;
    sl_core_audit(t->core, &a);
}

static void count_end(sl_ticket *t, const sl_outcome *o)
{
    sl_metrics_shard *s = t->core->shard;
    int group = o->http_status == 0 ? 3 : o->http_status < 300 ? 0 : o->http_status < 500 ? 1 : 2;
    sl_metrics_add(s, SL_GM_ANSWERS, (size_t)group, 1);
    sl_metrics_observe(s, SL_GM_DURATION, 0, (double)(sl_mono_us() - t->received_us) / 1e6);
    if (t->follow && sl_follow_runs(t->follow) > 1)
        sl_metrics_add(s, SL_GM_SWITCHES, 0, 1);
    if (o->has_usage) {
        sl_metrics_add(s, SL_GM_TOKENS, 0, (uint64_t)o->usage.prompt_tokens);
        sl_metrics_add(s, SL_GM_TOKENS, 1, (uint64_t)o->usage.completion_tokens);
    }
}

/* http_status 0: the client went away, its sink is not called. */
void sl_ticket_end(sl_ticket *t, const sl_outcome *o)
{
    sl_core *c = t->core;
    if (t->state == T_ENDED)
        return;
    t->state = T_ENDED;
    sl_id_table_remove(&c->table, &t->node);
    TAILQ_REMOVE(&c->open, t, link);
    c->open_n--;
    c->class_n[t->cls]--;
    atomic_fetch_sub(&c->g->inflight[t->cls], 1);
    sl_park_free(t);
    if (!t->abandoned && !t->confirms)
        sl_ticket_audit_end(t, o);
    count_end(t, o);
    const sl_sink *sink = t->sink;
    t->sink = NULL;
    if (o->http_status && sink)
        sink->end(t->user, o);
    sl_ticket_unref(t);
}

void sl_ticket_fail(sl_ticket *t, int http_status, const char *type, const char *code,
                    int retry_after_s, const char *message)
{
    sl_ticket_end(t, &(sl_outcome){.http_status = http_status,
                                   .end = SL_END_ERROR,
                                   .message = message,
                                   .type = type,
                                   .code = code,
                                   .retry_after_s = retry_after_s});
}

void sl_ticket_unref(sl_ticket *t)
{
    sl_core *c = t->core;
    if (--t->refs > 0)
        return;
    sl_follow_free(t->follow);
    sl_park_free(t);
    sl_policy_unref(t->policy);
    sl_buf_done(&t->body);
    sl_arena arena = t->arena;
    if (c->free_n >= FREE_MAX) {
        sl_arena_done(&arena);
        free(t);
        return;
    }
    sl_arena_reset(&arena);
    *t = (sl_ticket){.core = c, .arena = arena};
    TAILQ_INSERT_HEAD(&c->free, t, link);
    c->free_n++;
}

void sl_ticket_free_all(sl_core *c)
{
    sl_ticket *t;
    while ((t = TAILQ_FIRST(&c->free))) {
        TAILQ_REMOVE(&c->free, t, link);
        sl_arena_done(&t->arena);
        free(t);
    }
    c->free_n = 0;
}

void sl_core_cancel(sl_core *c, sl_ticket *t)
{
    sl_core_send_cancel(c, t);
    sl_ticket_end(t,
                  &(sl_outcome){.http_status = 0, .end = SL_END_CANCELLED, .code = "client_gone"});
}

void sl_core_delivered(sl_core *c, sl_ticket *t, const sl_outcome *o)
{
    (void)c;
    if (o)
        sl_ticket_audit_end(t, o);
    sl_ticket_unref(t);
}

/* Nothing is audited as delivered: whoever reads the input again delivers. */
void sl_core_abandon(sl_core *c, sl_ticket *t)
{
    t->abandoned = true;
    sl_ticket_end(t, &(sl_outcome){.http_status = 0, .end = SL_END_NONE, .code = "abandoned"});
}
