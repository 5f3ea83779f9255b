/* core_send.c - what the core writes: requests, cancels, audit records, the policy's record. */
#include "gateway/core_internal.h"

#include <stdio.h>

/* Encrypts where the class is; the ring snapshot is held for the encode alone. */
sl_status sl_core_seal(sl_core *c, sl_envelope *env, sl_class cls, bool encrypt, sl_record *ret,
                       sl_error *reterr)
{
    sl_seal seal = {.ring = NULL, .cls = cls};
    sl_keyring *ring = encrypt ? sl_store_keyring(c->g->store) : NULL;
    if (encrypt && !ring)
        return sl_fail(reterr, SL_E_NOT_FOUND, "no keyring is loaded; set keyring");
    seal.ring = ring;
    sl_status st = sl_envelope_encode(c->codec, env, &seal, ret, reterr);
    sl_keyring_unref(ring);
    return st;
}

/* Kept until the end of this turn of the loop. With requests arriving together, Kafka then gets one
 * batch instead of many; a lone request waits for nothing. */
sl_status sl_core_send_fast(sl_core *c, sl_class cls, const sl_record *r, sl_delivery_fn cb,
                            void *arg, sl_error *reterr)
{
    sl_outbox *o = &c->out[cls];
    if (o->bytes > SL_CORE_UNSENT_MAX)
        return sl_fail(reterr, SL_E_FULL, "too many records wait for the %s bus",
                       sl_class_name(cls));
    sl_timer_soon(c->pump);
    return sl_outbox_send(o, r, cb, arg, NULL, reterr);
}

static bool encrypts(const sl_core *c, sl_class cls)
{
    return cls == SL_CLASS_PUBLIC ? c->g->cfg->encrypt_public : c->g->cfg->encrypt_private;
}

static void on_produced(void *arg, const sl_delivery *d)
{
    sl_ticket *t = arg;
    sl_core *c = t->core;
    sl_audit a = sl_ticket_audit(t, d->status ? SL_AUDIT_UNCONFIRMED : SL_AUDIT_PRODUCED);
    a.topic = sl_str_c(sl_topic_name(t->cls, SL_TOPIC_REQUESTS));
    a.partition = d->partition;
    a.offset = d->offset;
    a.checksum = sl_str_c(t->checksum);
    a.work_us = sl_mono_us() - t->produced_us;
    if (d->status) {
        uint32_t skipped;
        sl_metrics_add(c->shard, SL_GM_UNCONFIRMED, 0, 1);
        if (sl_log_allow(&c->log_produce, &skipped))
            SL_WARN((&(sl_log_ctx){.id = t->id}), "request_unconfirmed", "%s (%u more)",
                    d->error.text, skipped);
        sl_core_audit(c, &a);
        /* It may stand in the log after all: cancel it by id, and never send it to the other
         * class. */
        sl_core_send_cancel(c, t);
        if (t->state != T_ENDED)
            sl_ticket_fail(t, 503, "service_unavailable", "unconfirmed", 2,
                           "The request could not be confirmed by the message bus; nothing was "
                           "answered. Try again.");
    } else {
        sl_core_audit(c, &a);
        if (t->state == T_PRODUCING)
            t->state = T_ACCEPTED;
    }
    sl_ticket_unref(t);
}

sl_status sl_core_produce(sl_core *c, sl_ticket *t, sl_error *reterr)
{
    char pseudonym[33];
    sl_envelope env = {.type = SL_TYPE_REQUEST,
                       .id = sl_str_c(t->id),
                       .subject = sl_str_c(t->id),
                       .traceparent = t->traceparent,
                       .body = sl_buf_str(&t->body),
                       .cls = t->cls,
                       .level = t->level,
                       .policy = sl_str_c(sl_policy_digest(t->policy)),
                       .tenant = t->tenant,
                       .deadline_ms = t->deadline_ms,
                       .replytopic = sl_str_c(sl_topic_name(t->cls, SL_TOPIC_RESPONSES)),
                       .replypartition = c->reply_partition[t->cls]};
    if (t->cls == SL_CLASS_PUBLIC) {
        sl_policy_pseudonym(t->policy, t->tenant, pseudonym);
        env.tenant = sl_str_c(pseudonym);
    } else {
        env.correlationid = t->correlationid; /* a producer's own id and text stay inside */
        env.tracestate = t->tracestate;
    }
    sl_record r;
    sl_status st = sl_core_seal(c, &env, t->cls, encrypts(c, t->cls), &r, reterr);
    if (st)
        return st;
    r.topic = sl_topic_name(t->cls, SL_TOPIC_REQUESTS);
    r.partition = -1;
    memcpy(t->checksum, env.checksum, sizeof(t->checksum));
    sl_park_keep(t, &r);
    t->state = T_PRODUCING;
    t->produced_us = sl_mono_us();
    t->refs++;
    st = sl_core_send_fast(c, t->cls, &r, on_produced, t, reterr);
    if (st) {
        t->refs--;
        return st;
    }
    t->produced = true;
    sl_metrics_observe(c->shard, SL_GM_OVERHEAD, 0,
                       (double)(t->produced_us - t->received_us) / 1e6);
    sl_buf_done(&t->body);
    return SL_OK;
}

static void on_cancelled(void *arg, const sl_delivery *d)
{
    sl_core *c = arg;
    uint32_t skipped;
    if (d->status && sl_log_allow(&c->log_produce, &skipped))
        SL_WARN(NULL, "cancel_unconfirmed",
                "%s (%u more); the worker ends at the request's deadline", d->error.text, skipped);
}

/* To the request's class alone. A lost cancel costs work, never correctness. */
void sl_core_send_cancel(sl_core *c, sl_ticket *t)
{
    if (t->cancel_sent || !t->produced || c->closing)
        return;
    t->cancel_sent = true;
    char body[64];
    snprintf(body, sizeof(body), "{\"deadline_ms\":%lld}", (long long)t->deadline_ms);
    sl_envelope env = {.type = SL_TYPE_CANCEL, .subject = sl_str_c(t->id), .body = sl_str_c(body)};
    sl_record r;
    sl_error err = {0};
    sl_status st = sl_core_seal(c, &env, t->cls, encrypts(c, t->cls), &r, &err);
    if (!st) {
        r.topic = sl_topic_name(t->cls, SL_TOPIC_CONTROL);
        r.partition = -1;
        st = sl_core_send_fast(c, t->cls, &r, on_cancelled, c, &err);
    }
    if (!st)
        sl_metrics_add(c->shard, SL_GM_CANCELS, 0, 1);
    else
        on_cancelled(c, &(sl_delivery){.status = st, .error = err});
}

/* ---- audit ---- */

static void on_audited(void *arg, const sl_delivery *d)
{
    sl_core *c = arg;
    c->audit_down = d->status != SL_OK;
    if (!d->status)
        return;
    uint32_t skipped;
    c->audit_down_ms = sl_mono_ms();
    sl_metrics_add(c->shard, SL_GM_AUDIT_FAILED, 0, 1);
    if (sl_log_allow(&c->log_audit, &skipped))
        SL_ERROR(NULL, "audit_unconfirmed", "%s (%u more)", d->error.text, skipped);
}

static sl_status encode_audit(sl_core *c, sl_type type, sl_str subject, sl_record *ret,
                              sl_error *reterr)
{
    if (!sl_buf_ok(&c->scratch))
        return SL_E_NOMEM;
    sl_envelope env = {.type = type, .subject = subject, .body = sl_buf_str(&c->scratch)};
    sl_status st = sl_core_seal(c, &env, SL_CLASS_PRIVATE, false, ret, reterr);
    ret->topic = SL_TOPIC_AUDIT;
    ret->partition = -1;
    return st;
}

void sl_core_audit(sl_core *c, const sl_audit *a)
{
    sl_record r;
    sl_error err = {0};
    sl_buf_clear(&c->scratch);
    sl_audit_write(&c->scratch, a);
    sl_status st = encode_audit(c, SL_TYPE_AUDIT, a->id.p ? a->id : sl_str_c("gateway"), &r, &err);
    if (!st && c->slow_out.bytes > SL_CORE_UNSENT_MAX)
        st = sl_fail(&err, SL_E_FULL, "too many audit records wait for the private bus");
    if (!st)
        st = sl_outbox_send(&c->slow_out, &r, on_audited, c, NULL, &err);
    if (st)
        on_audited(c, &(sl_delivery){.status = st, .error = err});
}

/* cb NULL: together with the request; else the request waits for the acknowledgement. */
sl_status sl_core_send_decided(sl_core *c, sl_ticket *t, sl_str reasons, sl_delivery_fn cb,
                               sl_error *reterr)
{
    sl_audit a = sl_ticket_audit(t, SL_AUDIT_DECIDED);
    a.policy = sl_str_c(sl_policy_digest(t->policy));
    a.tenant = t->tenant;
    a.model = t->model;
    a.front = sl_str_c(t->front);
    a.reasons_json = reasons;
    a.bytes = t->body.len;
    a.work_us = sl_mono_us() - t->received_us;
    sl_record r;
    sl_buf_clear(&c->scratch);
    sl_audit_write(&c->scratch, &a);
    sl_status st = encode_audit(c, SL_TYPE_AUDIT, sl_str_c(t->id), &r, reterr);
    if (st)
        return st;
    return cb ? sl_core_send_fast(c, SL_CLASS_PRIVATE, &r, cb, t, reterr)
              : sl_producer_send(c->slow, &r, on_audited, c, reterr);
}

/* ---- policy ---- */

static void on_published(void *arg, const sl_delivery *d)
{
    sl_core *c = arg;
    sl_policy *p = c->publishing;
    c->publishing = NULL;
    if (d->status) {
        SL_ERROR(NULL, "policy_unpublished", "%s; the policy does not take effect yet",
                 d->error.text);
    } else {
        SL_INFO(NULL, "policy_published", "%s takes effect", sl_policy_digest(p));
        sl_store_adopt(c->g->store, p);
        sl_metrics_add(c->shard, SL_GM_POLICY_RELOADS, 0, 1); /* taken */
    }
    sl_policy_unref(p);
}

void sl_core_publish_policy(sl_core *c)
{
    sl_policy *p = sl_store_candidate(c->g->store);
    if (!p || c->publishing)
        return;
    sl_buf_clear(&c->scratch);
    sl_jsonw w = sl_jsonw_on(&c->scratch);
    char time[SL_TIME_TEXT];
    sl_time_format(time, sl_unix_us());
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "event", sl_audit_event_name(SL_AUDIT_POLICY));
    sl_jsonw_cstr(&w, "time", time);
    sl_jsonw_cstr(&w, "policy", sl_policy_digest(p));
    sl_jsonw_str(&w, "text", sl_policy_text(p));
    sl_jsonw_end_obj(&w);
    sl_record r;
    sl_error err = {0};
    sl_status st = encode_audit(c, SL_TYPE_POLICY, sl_str_c(c->g->source), &r, &err);
    c->publishing = sl_policy_ref(p);
    if (!st)
        st = sl_core_send_fast(c, SL_CLASS_PRIVATE, &r, on_published, c, &err);
    if (st)
        on_published(c, &(sl_delivery){.status = st, .error = err});
}
