/* worker_presence.c - "I am here, with these models and this much room", every 2 s. */
#include "worker/worker_internal.h"

static void delivered(void *arg, const sl_delivery *d)
{
    sl_worker *w = arg;
    if (!d->status)
        w->acked_us = sl_mono_us();
}

/* The key ids that records for this worker may name, the newest first: a gateway sends again what
 * was parked for want of one of them. */
static void add_kids(const sl_worker *w, sl_presence *p)
{
    const size_t most = sizeof(p->kids) / sizeof(p->kids[0]);
    int64_t now = sl_unix_ms();
    for (size_t i = sl_keyring_size(w->ring); i-- > 0 && p->kids_n < most;) {
        const sl_key *k = sl_keyring_at(w->ring, i);
        if (k->is_public == (w->cls == SL_CLASS_PUBLIC) && now < k->not_after_ms)
            p->kids[p->kids_n++] = sl_str_c(k->kid);
    }
}

void sl_worker_presence(sl_worker *w)
{
    sl_presence p = {0};
    sl_buf body = {0};
    sl_error err = {0};
    w->presence_at_us = sl_mono_us();
    w->ex.presence(w->ex_arg, &p);
    p.instance = sl_str_c(w->instance);
    p.draining = w->draining;
    p.interval_ms = w->presence_ms;
    if (w->ring)
        add_kids(w, &p);
    for (const sl_job *j = TAILQ_FIRST(&w->waiting); j; j = TAILQ_NEXT(j, waiting))
        p.queued++;
    sl_presence_write(&body, &p);
    sl_envelope env = {
        .type = SL_TYPE_PRESENCE, .subject = p.instance, .cls = w->cls, .body = sl_buf_str(&body)};
    sl_record rec = {0};
    sl_seal seal = {w->must_encrypt ? w->ring : NULL, w->cls};
    sl_status st = sl_buf_ok(&body) ? SL_OK : SL_E_NOMEM;
    if (!st)
        st = sl_envelope_encode(w->codec, &env, &seal, &rec, &err);
    if (!st && !w->out.full) { /* a presence that would have to wait is stale: skip it */
        rec.topic = sl_topic_name(w->cls, SL_TOPIC_PRESENCE);
        rec.partition = -1;
        rec.offset = -1;
        st = sl_worker_send(w, &rec, delivered, w, NULL, &err);
    }
    if (st) {
        uint32_t skipped;
        if (sl_log_allow(&w->limit_bus, &skipped))
            SL_WARN(NULL, "presence_unsent", "%s", err.text);
    }
    sl_buf_done(&body);
}
