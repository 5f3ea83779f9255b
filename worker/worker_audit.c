/* worker_audit.c - the worker's audit records: started, ended, rejected. Never content.
 *
 * They go to the audit topic as plain records (an auditor needs no key for them) over a producer
 * of their own, which gathers for 50 ms and keeps a record for ten minutes while Kafka is away. */
#include "worker/worker_internal.h"

static void lost(sl_worker *w, const char *why)
{
    sl_worker_count(w, SL_WM_AUDIT_FAILED, 0, 1);
    uint32_t skipped;
    if (sl_log_allow(&w->limit_audit, &skipped))
        SL_ERROR(NULL, "audit_lost", "an audit record was not taken: %s", why);
}

static void delivered(void *arg, const sl_delivery *d)
{
    if (d->status)
        lost(arg, d->error.text);
}

void sl_worker_audit(sl_worker *w, sl_audit *a)
{
    sl_buf body = {0};
    sl_error err = {.text = "out of memory"};
    a->time_us = sl_unix_us();
    a->has_class = true;
    a->cls = w->cls;
    sl_audit_write(&body, a);
    sl_envelope env = {.type = SL_TYPE_AUDIT,
                       .subject = a->id.n ? a->id : sl_str_c(w->instance),
                       .body = sl_buf_str(&body)};
    sl_record rec = {0};
    sl_seal plain = {NULL, w->cls};
    sl_status st = sl_buf_ok(&body) ? SL_OK : SL_E_NOMEM;
    if (!st)
        st = sl_envelope_encode(w->codec, &env, &plain, &rec, &err);
    if (!st) {
        rec.topic = w->audit_topic;
        rec.partition = -1;
        rec.offset = -1;
        st = sl_outbox_send(&w->audit, &rec, delivered, w, NULL, &err);
    }
    if (st)
        lost(w, err.text);
    sl_buf_done(&body);
}
