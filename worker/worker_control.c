/* worker_control.c - cancel and drain records: every worker of a class reads all of them.
 *
 * A cancel may come before its request (they travel on different topics), so its id is remembered
 * until the request's deadline. Body: {"deadline": Unix ms} or {"deadline_ms": Unix ms}; without
 * it the default deadline from now. Control records are encrypted where the class is: a forged one
 * is refused, counted and audited, never obeyed. */
#include "worker/worker_internal.h"

static int64_t deadline_of(const sl_envelope *env)
{
    int64_t now = sl_unix_ms(), at = 0;
    sl_jnode *root = NULL;
    if (env->deadline_ms > 0)
        at = env->deadline_ms;
    else if (env->body.n && !sl_json_parse(&root, env->body, 65536, NULL) &&
             !sl_json_i64(sl_json_get(root, "deadline_ms"), &at))
        (void)sl_json_i64(sl_json_get(root, "deadline"), &at);
    sl_json_free(root);
    /* Not shorter than the grace that an expired request has, not longer than a day. */
    int64_t least = now + SL_JOB_EXPIRED_GRACE_MS, most = now + 86400000;
    if (at <= 0)
        at = now + SL_JOB_DEADLINE_MS;
    at += SL_JOB_EXPIRED_GRACE_MS;
    return at < least ? least : at > most ? most : at;
}

static void cancel(sl_worker *w, const sl_envelope *env)
{
    sl_worker_count(w, SL_WM_CANCELS, 0, 1);
    sl_recall_add(w->cancelled, env->subject, &(sl_recalled){.until_ms = deadline_of(env)});
    sl_job *j = sl_worker_find(w, env->subject);
    if (j)
        sl_job_ask_cancel(j);
}

static void refuse(sl_worker *w, const sl_record *r, sl_status st, const sl_error *why)
{
    const char *cause = st == SL_E_UNAUTHENTIC   ? "unauthentic"
                        : st == SL_E_UNKNOWN_KEY ? "unknown_key"
                        : st == SL_E_CORRUPT     ? "corrupt"
                                                 : "malformed";
    sl_worker_count(w, SL_WM_REJECTED, sl_wm_cause(cause), 1);
    w->stats.unauthentic += st == SL_E_UNAUTHENTIC;
    uint32_t skipped;
    if (sl_log_allow(&w->limit_bus, &skipped))
        SL_WARN((&(sl_log_ctx){.topic = r->topic, .partition = r->partition, .offset = r->offset}),
                "control_refused", "%s: %s", cause, why->text);
    sl_audit a = {.event = SL_AUDIT_REJECTED,
                  .topic = sl_str_c(r->topic),
                  .partition = r->partition,
                  .offset = r->offset,
                  .bytes = sl_record_bytes(r),
                  .cause = sl_str_c(cause)};
    sl_worker_audit(w, &a);
}

void sl_worker_on_control(void *arg, const sl_record *r)
{
    sl_worker *w = arg;
    sl_envelope env = {0};
    sl_error err = {0};
    sl_status st = sl_envelope_decode(w->codec, r, w->ring, w->cls, w->must_encrypt, &env, &err);
    if (st)
        refuse(w, r, st, &err);
    else if (env.type == SL_TYPE_CANCEL)
        cancel(w, &env);
    else if (env.type == SL_TYPE_DRAIN && sl_str_is(env.subject, w->instance) && w->on_drain)
        w->on_drain(w->on_drain_arg);
}
