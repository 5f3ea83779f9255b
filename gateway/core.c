/* core.c - submitting a request: refuse, or decide, audit and hand it to Kafka. */
#include "gateway/core_internal.h"

#include <stdio.h>

static sl_status refuse(sl_core *c, sl_refusal *ref, sl_status st, size_t metric, sl_refusal r)
{
    sl_metrics_add(c->shard, SL_GM_REFUSED, metric, 1);
    *ref = r;
    return st;
}

#define REFUSE(c, ref, st, metric, ...) refuse(c, ref, st, metric, (sl_refusal){__VA_ARGS__})

static sl_ticket *new_ticket(sl_core *c)
{
    sl_ticket *t = TAILQ_FIRST(&c->free);
    if (t) {
        TAILQ_REMOVE(&c->free, t, link);
        c->free_n--;
    } else {
        t = calloc(1, sizeof(*t));
    }
    if (!t)
        return NULL;
    t->core = c;
    t->refs = 1;
    return t;
}

static sl_status refuse_decision(sl_core *c, sl_status st, const sl_chat *chat, const sl_error *err,
                                 sl_refusal *ref)
{
    sl_refusal r = {.http_status = 500, .type = "server_error", .code = "internal"};
    size_t metric = SL_GM_REFUSED_OTHER;
    if (st == SL_E_NOT_FOUND) {
        r = (sl_refusal){.http_status = 404,
                         .type = "invalid_request_error",
                         .code = "model_not_found",
                         .param = "model"};
        metric = SL_GM_REFUSED_INVALID;
    } else if (st == SL_E_DENIED) {
        r = (sl_refusal){.http_status = 403,
                         .type = "permission_error",
                         .code = "model_not_allowed",
                         .param = "model"};
        metric = SL_GM_REFUSED_POLICY;
    }
    int shown = chat->model.n > 100 ? 100 : (int)chat->model.n;
    if (r.http_status == 404)
        snprintf(r.message, sizeof(r.message),
                 "The model '%.*s' does not exist; GET /v1/models lists the models.", shown,
                 chat->model.p);
    else if (r.http_status == 403)
        snprintf(r.message, sizeof(r.message), "This key may not use the model '%.*s'.", shown,
                 chat->model.p);
    else
        snprintf(r.message, sizeof(r.message), "The request could not be decided: %.200s.",
                 err->text);
    return refuse(c, ref, st, metric, r);
}

/* Live workers, or another class when the policy says so. The class of a decision only ever
 * changes from public to private. */
static sl_status check_workers(sl_core *c, const sl_policy *p, sl_str tenant, const sl_chat *chat,
                               sl_decision *d, sl_refusal *ref)
{
    int64_t now = sl_mono_ms();
    sl_presence_view *v = c->g->presence;
    if (d->cls == SL_CLASS_PUBLIC &&
        !sl_presence_view_live(v, d->cls, sl_str_c(d->model), now, 0) &&
        sl_policy_public_down(p, tenant) == SL_FALLBACK_PRIVATE) {
        const char *model = sl_policy_private_model(p, tenant, chat->model);
        if (model) {
            d->cls = SL_CLASS_PRIVATE;
            d->model = model;
            d->rerouted = true;
        }
    }
    if (sl_presence_view_live(v, d->cls, sl_str_c(d->model), now, 0))
        return SL_OK;
    sl_refusal r = {
        .http_status = 503, .retry_after_s = 5, .type = "service_unavailable", .code = "no_worker"};
    snprintf(r.message, sizeof(r.message),
             "No worker of the %s class that has the model '%s' is available now. Try again.",
             sl_class_name(d->cls), d->model);
    return refuse(c, ref, SL_E_UNAVAILABLE, SL_GM_REFUSED_NO_WORKER, r);
}

static sl_status check_limits(sl_core *c, const sl_policy *p, const sl_decision *d,
                              int64_t deadline_ms, sl_refusal *ref)
{
    if (deadline_ms <= sl_unix_ms())
        return REFUSE(c, ref, SL_E_TIMEOUT, SL_GM_REFUSED_OTHER, .http_status = 504,
                      .retry_after_s = 1, .type = "timeout", .code = "deadline_exceeded",
                      .message = "The request's deadline is past.");
    bool audit_down = c->audit_down && sl_mono_ms() - c->audit_down_ms < 5000;
    if (audit_down && (d->cls == SL_CLASS_PUBLIC || !sl_policy_private_without_audit(p)))
        return REFUSE(
            c, ref, SL_E_UNAVAILABLE, SL_GM_REFUSED_AUDIT, .http_status = 503, .retry_after_s = 5,
            .type = "service_unavailable", .code = "audit_unavailable",
            .message = "Audit records can't be written now, so nothing is accepted. Try again.");
    return SL_OK;
}

/* Takes one of the class's places, which all loops share. Whoever has it gives it back once. */
static sl_status take_place(sl_core *c, const sl_policy *p, sl_class cls, sl_refusal *ref)
{
    int n = atomic_load(&c->g->inflight[cls]);
    while (n < sl_policy_inflight_max(p, cls))
        if (atomic_compare_exchange_weak(&c->g->inflight[cls], &n, n + 1))
            return SL_OK;
    return REFUSE(c, ref, SL_E_FULL, SL_GM_REFUSED_LIMIT, .http_status = 429, .retry_after_s = 1,
                  .type = "rate_limit_error", .code = "too_many_requests",
                  .message = "Too many requests of this class are in flight. Try again.");
}

static sl_status refuse_model(sl_core *c, sl_str model, sl_refusal *ref)
{
    sl_refusal r = {.http_status = 403,
                    .type = "permission_error",
                    .code = "model_not_allowed",
                    .param = "model"};
    snprintf(r.message, sizeof(r.message), "This key may not use the model '%.*s'.",
             model.n > 100 ? 100 : (int)model.n, model.p);
    return refuse(c, ref, SL_E_DENIED, SL_GM_REFUSED_KEY, r);
}

/* What was decided is not more than the key may do. A key with a list of models may be given
 * another one (a reroute, a fallback) only when the list says `auto`. */
static sl_status check_key(sl_core *c, const sl_submit *s, const sl_decision *d, sl_refusal *ref)
{
    if (!s->key)
        return SL_OK;
    if (d->level > s->key->max_level) {
        sl_refusal r = {
            .http_status = 403, .type = "permission_error", .code = "level_not_allowed"};
        snprintf(r.message, sizeof(r.message),
                 "The request is of level '%s'; this key may send requests up to '%s'.",
                 sl_level_name(d->level), sl_level_name(s->key->max_level));
        return refuse(c, ref, SL_E_DENIED, SL_GM_REFUSED_KEY, r);
    }
    if (!sl_api_key_model(s->key, SL_STR("auto")) && d->model &&
        !sl_api_key_model(s->key, sl_str_c(d->model)))
        return refuse_model(c, sl_str_c(d->model), ref);
    return SL_OK;
}

static sl_status decide(sl_core *c, const sl_submit *s, const sl_policy *p, sl_arena *arena,
                        sl_decision *d, sl_refusal *ref)
{
    sl_error err = {0};
    int64_t start = sl_mono_us();
    sl_str asked = s->chat->model.n ? s->chat->model : SL_STR("auto");
    if (s->key && !sl_api_key_model(s->key, asked))
        return refuse_model(c, asked, ref);
    sl_status st = sl_router_decide(c->router, p, s->tenant, s->chat, arena, d, &err);
    sl_metrics_observe(c->shard, SL_GM_DECIDE, 0, (double)(sl_mono_us() - start) / 1e6);
    if (st)
        return refuse_decision(c, st, s->chat, &err, ref);
    sl_metrics_add(c->shard, SL_GM_LEVELS, d->level, 1);
    if (d->refused)
        return REFUSE(
            c, ref, SL_E_DENIED, SL_GM_REFUSED_POLICY, .http_status = 403,
            .type = "permission_error", .code = "sensitivity_violation", .param = "model",
            .message =
                "The request is sensitive and the model it names is not on the private side.");
    st = check_key(c, s, d, ref);
    if (!st)
        st = check_workers(c, p, s->tenant, s->chat, d, ref);
    return st ? st : check_key(c, s, d, ref); /* the workers' state may have changed the model */
}

/* Copies what outlives the submit call. */
static sl_status fill_ticket(sl_ticket *t, const sl_submit *s, const sl_decision *d,
                             int64_t deadline_ms)
{
    memcpy(t->id, s->id, sizeof(t->id));
    t->node.key = (sl_str){t->id, strlen(t->id)};
    t->cls = d->cls;
    t->level = d->level;
    t->whole = s->whole;
    t->confirms = s->confirms;
    t->front = s->front;
    t->sink = s->sink;
    t->user = s->user;
    t->received_us = s->received_us;
    t->deadline_ms = deadline_ms;
    t->deadline_mono_ms = sl_mono_ms() + (deadline_ms - sl_unix_ms());
    t->tenant = sl_arena_str(&t->arena, s->tenant);
    t->model = sl_arena_str(&t->arena, sl_str_c(d->model));
    t->traceparent = s->traceparent.p ? sl_arena_str(&t->arena, s->traceparent) : (sl_str){0};
    t->tracestate = s->tracestate.p ? sl_arena_str(&t->arena, s->tracestate) : (sl_str){0};
    t->correlationid = s->correlationid.p ? sl_arena_str(&t->arena, s->correlationid) : (sl_str){0};
    if (!t->tenant.p || !t->model.p)
        return SL_E_NOMEM;
    if (s->chat->has_seed)
        t->seed = s->chat->seed;
    else
        sl_random(&t->seed, 4); /* 32 bits: exact in every client's JSON numbers */
    return sl_chat_decided(s->chat, d->model, t->seed, &t->body);
}

void sl_ticket_delta(void *arg, const sl_chunk *delta)
{
    sl_ticket *t = arg;
    if (!t->first_us) {
        t->first_us = sl_mono_us();
        sl_metrics_observe(t->core->shard, SL_GM_FIRST_CHUNK, 0,
                           (double)(t->first_us - t->received_us) / 1e6);
    }
    if (t->sink)
        t->sink->delta(t->user, delta);
}

static void on_decided(void *arg, const sl_delivery *d)
{
    sl_ticket *t = arg;
    sl_core *c = t->core;
    sl_error err = d->error;
    sl_status st = d->status;
    c->audit_down = st != SL_OK;
    if (st) {
        c->audit_down_ms = sl_mono_ms();
        sl_metrics_add(c->shard, SL_GM_AUDIT_FAILED, 0, 1);
    }
    if (t->state == T_DECIDING) {
        if (st)
            sl_ticket_fail(
                t, 503, "service_unavailable", "audit_unavailable", 5,
                "The audit record could not be written, so the request was not sent. Try again.");
        else if ((st = sl_core_produce(c, t, &err)))
            sl_ticket_fail(t, 503, "service_unavailable", "bus_unavailable", 2,
                           "The message bus takes no more records now. Try again.");
    }
    sl_ticket_unref(t);
}

/* Public: the decided record is acknowledged before the request is produced. Private: together. */
static sl_status send_first(sl_core *c, sl_ticket *t, const sl_decision *d, sl_error *reterr)
{
    if (t->cls == SL_CLASS_PUBLIC) {
        t->state = T_DECIDING;
        t->refs++;
        sl_status st = sl_core_send_decided(c, t, d->reasons, on_decided, reterr);
        if (st)
            t->refs--;
        return st;
    }
    sl_status st = sl_core_send_decided(c, t, d->reasons, NULL, reterr);
    if (st && !sl_policy_private_without_audit(t->policy))
        return st;
    t->decided = !st;
    return sl_core_produce(c, t, reterr);
}

static sl_status open_ticket(sl_core *c, sl_ticket *t, const sl_submit *s, const sl_decision *d,
                             int64_t deadline_ms, sl_error *reterr)
{
    sl_status st = fill_ticket(t, s, d, deadline_ms);
    if (!st)
        st = sl_follow_open(&t->follow, t->whole, sl_ticket_delta, t);
    if (st)
        return st;
    sl_id_table_add(&c->table, &t->node);
    TAILQ_INSERT_TAIL(&c->open, t, link);
    c->open_n++;
    c->class_n[t->cls]++;
    st = send_first(c, t, d, reterr);
    if (st) { /* nothing was handed to Kafka: it was never accepted */
        sl_id_table_remove(&c->table, &t->node);
        TAILQ_REMOVE(&c->open, t, link);
        c->open_n--;
        c->class_n[t->cls]--;
        t->state = T_ENDED;
        if (t->decided) /* the books know it, so they must see it end */
            sl_ticket_audit_end(
                t,
                &(sl_outcome){.http_status = 503, .end = SL_END_ERROR, .code = "bus_unavailable"});
    }
    return st;
}

static sl_status accept(sl_core *c, const sl_submit *s, sl_policy *p, const sl_decision *d,
                        int64_t deadline_ms, sl_ticket **ret, sl_refusal *ref)
{
    sl_error err = {0};
    sl_status st = take_place(c, p, d->cls, ref);
    if (st)
        return st;
    sl_ticket *t = new_ticket(c);
    st = SL_E_NOMEM;
    if (t) {
        t->policy = sl_policy_ref(p);
        st = open_ticket(c, t, s, d, deadline_ms, &err);
    }
    if (st) {
        if (t)
            sl_ticket_unref(t);
        atomic_fetch_sub(&c->g->inflight[d->cls], 1);
        SL_WARN((&(sl_log_ctx){.id = s->id}), "request_refused", "%s", err.text);
        return REFUSE(c, ref, st, SL_GM_REFUSED_OTHER, .http_status = 503, .retry_after_s = 1,
                      .type = "service_unavailable", .code = "bus_unavailable",
                      .message = "The message bus takes no more records now. Try again.");
    }
    if (t->confirms)
        t->refs++; /* until sl_core_delivered */
    sl_metrics_add(c->shard, SL_GM_REQUESTS, t->cls, 1);
    *ret = t;
    return SL_OK;
}

sl_status sl_core_submit(sl_core *c, const sl_submit *s, sl_arena *arena, sl_decision *ret_decision,
                         sl_ticket **ret, sl_refusal *ref)
{
    sl_policy *p = sl_store_policy(c->g->store);
    *ret_decision = (sl_decision){0};
    if (!p || atomic_load(&c->g->draining)) {
        sl_policy_unref(p);
        return REFUSE(c, ref, SL_E_UNAVAILABLE, SL_GM_REFUSED_OTHER, .http_status = 503,
                      .retry_after_s = 2, .type = "service_unavailable",
                      .code = p ? "draining" : "starting",
                      .message = "The gateway takes no requests now. Try again.");
    }
    int64_t deadline_ms = s->deadline_ms ? s->deadline_ms : sl_unix_ms() + c->g->cfg->deadline_ms;
    sl_status st = decide(c, s, p, arena, ret_decision, ref);
    if (!st)
        st = check_limits(c, p, ret_decision, deadline_ms, ref);
    if (!st && sl_id_table_find(&c->table, sl_str_c(s->id)))
        st = REFUSE(c, ref, SL_E_CONFLICT, SL_GM_REFUSED_OTHER, .http_status = 409,
                    .type = "invalid_request_error", .code = "duplicate",
                    .message = "A request with this id is running.");
    if (!st)
        st = accept(c, s, p, ret_decision, deadline_ms, ret, ref);
    sl_policy_unref(p);
    return st;
}

int64_t sl_ticket_seed(const sl_ticket *t)
{
    return t->seed;
}
const char *sl_ticket_policy(const sl_ticket *t)
{
    return sl_policy_digest(t->policy);
}
