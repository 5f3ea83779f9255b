/* run.c - one execution of a request as records on the reply partition.
 *
 * A run numbers its records without a gap, keeps the digest over their checksums and knows how
 * many are on their way. When Kafka gives a record up (message time-out) the run can't be completed
 * any more; it is marked `failed` and the pump runs the request again under a new run id, from the
 * memory of this process: the request's offset is not finished, so that another worker takes it
 * should this one die. */
#include "worker/worker_internal.h"

static void run_free(sl_run *r)
{
    sl_run_digest_free(r->digest);
    free(r);
}

sl_run *sl_run_open(sl_job *j)
{
    sl_run *r = calloc(1, sizeof(*r));
    if (!r || sl_run_digest_open(&r->digest)) {
        free(r);
        return NULL;
    }
    r->w = j->w;
    r->job = j;
    r->record_us = sl_mono_us();
    sl_run_new(r->id);
    return r;
}

void sl_run_abandon(sl_run *r)
{
    if (!r)
        return;
    r->job = NULL;
    if (!r->inflight && !r->delivering)
        run_free(r);
}

static void run_fail(sl_run *r, const sl_error *e)
{
    if (r->failed)
        return;
    r->failed = true;
    if (!r->job)
        return;
    uint32_t skipped;
    if (sl_log_allow(&r->w->limit_run, &skipped))
        SL_WARN(&(sl_log_ctx){.id = r->job->id}, "run_failed", "%s; the request will be run again",
                e->text);
    sl_worker_pump_soon(r->w);
}

static void audit_ended(sl_run *r, const sl_delivery *d)
{
    sl_job *j = r->job;
    int64_t now = sl_mono_us();
    sl_audit a = {.event = SL_AUDIT_ENDED,
                  .id = sl_str_c(j->id),
                  .topic = sl_str_c(sl_topic_name(r->w->cls, SL_TOPIC_RESPONSES)),
                  .partition = d->partition,
                  .offset = d->offset,
                  .checksum = sl_str_c(r->end_checksum),
                  .run = sl_str_c(r->id),
                  .count = r->seq - 1,
                  .bytes = r->bytes,
                  .digest = sl_str_c(r->digest_text),
                  .end = sl_str_c(sl_end_name(r->end)),
                  .env = r->env[0] ? sl_str_c(r->env) : (sl_str){0},
                  .wait_us = j->started_us ? j->started_us - j->taken_us : 0,
                  .work_us = now - (j->started_us ? j->started_us : j->taken_us)};
    if (j->chat)
        a.model = j->chat->model;
    sl_worker_audit(r->w, &a);
}

/* The end record is acknowledged: only now may the request's offset move. */
static void run_complete(sl_run *r, const sl_delivery *d)
{
    sl_job *j = r->job;
    sl_worker *w = r->w;
    audit_ended(r, d);
    w->stats.ended++;
    w->stats.cancelled += r->end == SL_END_CANCELLED;
    if (!j->answer_only) {
        if (j->owned && w->requests)
            sl_consumer_finish(w->requests, sl_topic_name(w->cls, SL_TOPIC_REQUESTS), j->partition,
                               j->offset);
        /* The commit may be lost to a rebalance; the same record is then not run again. Of a job
         * that was superseded nothing is remembered: the later record's place counts. */
        if (sl_worker_find(w, sl_str_c(j->id)) == j)
            sl_recall_add(
                w->ended, sl_str_c(j->id),
                &(sl_recalled){sl_unix_ms() + SL_JOB_DEADLINE_MS, j->partition, j->offset});
    }
    sl_job_drop(j);
    sl_worker_pump_soon(w);
}

static void run_delivered(void *arg, const sl_delivery *d)
{
    sl_run *r = arg;
    r->delivering = true;
    r->inflight--;
    if (d->status)
        run_fail(r, &d->error);
    else if (r->job && r->end != SL_END_NONE && !r->inflight && !r->failed)
        run_complete(r, d); /* deliveries come in order: this is the end record */
    r->delivering = false;
    if (!r->job && !r->inflight)
        run_free(r);
}

bool sl_run_blocked(const sl_run *r)
{
    return r->unsent > 0 && r->w->out.full;
}

static void envelope_of(sl_run *r, sl_str body, bool fin, sl_envelope *env)
{
    sl_job *j = r->job;
    *env = (sl_envelope){.type = SL_TYPE_CHUNK,
                         .subject = sl_str_c(j->id),
                         .body = body,
                         .seq = r->seq,
                         .fin = fin,
                         .cls = r->w->cls};
    if (j->traceparent.len)
        env->traceparent = sl_buf_str(&j->traceparent);
    if (j->tracestate.len)
        env->tracestate = sl_buf_str(&j->tracestate);
    memcpy(env->run, r->id, sizeof(env->run));
    memcpy(env->requestchecksum, j->requestchecksum, sizeof(env->requestchecksum));
    if (!fin)
        return;
    sl_run_digest_text(r->digest, r->digest_text);
    memcpy(env->digest, r->digest_text, sizeof(env->digest));
    env->count = r->seq;
    env->end = r->end;
    if (r->env[0])
        env->env = sl_str_c(r->env);
}

static void sent(sl_run *r, const sl_envelope *env)
{
    r->inflight++;
    r->bytes += env->body.n;
    r->seq++;
    r->record_us = sl_mono_us();
    if (!env->fin)
        sl_run_digest_add(r->digest, env->checksum);
    else
        memcpy(r->end_checksum, env->checksum, sizeof(r->end_checksum));
    sl_worker_count(r->w, SL_WM_RECORDS, 0, 1);
    sl_worker_count(r->w, SL_WM_BYTES, 0, env->body.n);
}

void sl_run_send(sl_run *r, sl_str body, bool fin)
{
    sl_job *j = r->job;
    sl_worker *w = r->w;
    sl_error err = {0};
    /* A turn that says very much does not hold it all. Before the record is counted: a refusal
     * runs run_delivered. */
    if (w->out.bytes > SL_HELD_MAX && !w->out.full)
        sl_outbox_pump(&w->out);
    if (r->failed || (j->forced != SL_END_NONE && !fin))
        return;
    if (body.n > SL_CHUNK_BODY_MAX) {
        sl_fail(&err, SL_E_TOO_LARGE, "a piece of the answer has %zu bytes; a record holds %d",
                body.n, SL_CHUNK_BODY_MAX);
        sl_job_force(j, SL_END_ERROR, &err);
        return;
    }
    sl_envelope env;
    sl_record rec = {0};
    envelope_of(r, body, fin, &env);
    sl_seal seal = {j->encrypted ? w->ring : NULL, w->cls};
    sl_status st = SL_OK;
    if (j->encrypted && !w->ring)
        st = sl_fail(&err, SL_E_NOT_FOUND, "no keyring: an encrypted request can't be answered");
    if (!st)
        st = sl_envelope_encode(w->codec, &env, &seal, &rec, &err);
    if (!st) {
        rec.topic = sl_topic_name(w->cls, SL_TOPIC_RESPONSES);
        rec.partition = j->reply_partition;
        rec.offset = -1;
        st = sl_worker_send(w, &rec, run_delivered, r, &r->unsent, &err);
    }
    if (st) {
        run_fail(r, &err);
        return;
    }
    sent(r, &env);
    if (!fin && r->unsent > SL_JOB_UNSENT_MAX) {
        sl_fail(&err, SL_E_UNAVAILABLE, "Kafka takes no records; the answer outgrew its buffer");
        sl_job_force(j, SL_END_ERROR, &err);
    }
}
