/* job.c - one request in hand: from waiting for the executor to its acknowledged end.
 *
 * States have one door (set_state): WAITING -> RUNNING -> ENDING -> freed; ENDING or RUNNING ->
 * WAITING when the run failed; WAITING -> ENDING for what is answered without the executor.
 * Text: the first goes at once, what follows is gathered for coalesce_ms. While records of the job
 * wait for room in the producer, text is gathered on, so that a slow Kafka means larger chunks. */
#include "worker/worker_internal.h"

#include <stdio.h>

static void set_state(sl_job *j, job_state to)
{
    sl_worker *w = j->w;
    if (j->state == JOB_WAITING && to != JOB_WAITING)
        TAILQ_REMOVE(&w->waiting, j, waiting);
    if (to == JOB_WAITING)
        TAILQ_INSERT_TAIL(&w->waiting, j, waiting);
    j->state = to;
}

sl_job *sl_job_new(sl_worker *w, const sl_envelope *env, const sl_record *r)
{
    sl_job *j = calloc(1, sizeof(*j));
    if (!j)
        return NULL;
    j->w = w;
    j->run = sl_run_open(j);
    sl_buf_add_str(&j->traceparent, env->traceparent);
    sl_buf_add_str(&j->tracestate, env->tracestate);
    if (!j->run || !sl_buf_ok(&j->traceparent) || !sl_buf_ok(&j->tracestate) ||
        env->subject.n >= sizeof(j->id)) {
        sl_run_abandon(j->run);
        sl_buf_done(&j->traceparent);
        sl_buf_done(&j->tracestate);
        free(j);
        return NULL;
    }
    memcpy(j->id, env->subject.p, env->subject.n);
    j->node.key = (sl_str){j->id, env->subject.n};
    j->deadline_ms = env->deadline_ms > 0 ? env->deadline_ms : sl_unix_ms() + SL_JOB_DEADLINE_MS;
    j->reply_partition = env->replypartition;
    memcpy(j->requestchecksum, env->checksum, sizeof(j->requestchecksum));
    j->encrypted = env->encrypted || w->must_encrypt;
    j->partition = r->partition;
    j->offset = r->offset;
    j->owned = true;
    j->taken_us = sl_mono_us();
    TAILQ_INSERT_TAIL(&w->jobs, j, all);
    TAILQ_INSERT_TAIL(&w->waiting, j, waiting);
    w->stats.jobs++;
    return j;
}

void sl_job_enqueue(sl_job *j)
{
    sl_id_table_add(&j->w->by_id, &j->node);
}

static void gathering_stop(sl_job *j)
{
    if (j->is_gathering)
        TAILQ_REMOVE(&j->w->gathering, j, gathering);
    j->is_gathering = false;
}

void sl_job_drop(sl_job *j)
{
    sl_worker *w = j->w;
    if (!j->answer_only && sl_id_table_find(&w->by_id, j->node.key) == &j->node)
        sl_id_table_remove(&w->by_id, &j->node);
    if (j->state == JOB_WAITING)
        TAILQ_REMOVE(&w->waiting, j, waiting);
    gathering_stop(j);
    TAILQ_REMOVE(&w->jobs, j, all);
    w->stats.jobs--;
    sl_run_abandon(j->run);
    sl_chat_free(j->chat);
    sl_buf_done(&j->text);
    sl_buf_done(&j->reasoning);
    sl_buf_done(&j->traceparent);
    sl_buf_done(&j->tracestate);
    free(j);
}

/* ---- starting ---- */

static void audit_started(sl_job *j)
{
    sl_audit a = {.event = SL_AUDIT_STARTED,
                  .id = sl_str_c(j->id),
                  .model = j->chat->model,
                  .topic = sl_str_c(sl_topic_name(j->w->cls, SL_TOPIC_REQUESTS)),
                  .partition = j->partition,
                  .offset = j->offset,
                  .checksum = sl_str_c(j->requestchecksum),
                  .run = sl_str_c(j->run->id),
                  .wait_us = j->started_us - j->taken_us};
    sl_worker_audit(j->w, &a);
}

/* Returns false when the executor is full. */
static bool job_start(sl_job *j)
{
    sl_worker *w = j->w;
    sl_error err = {0};
    if (sl_unix_ms() > j->deadline_ms + SL_JOB_EXPIRED_GRACE_MS) {
        sl_job_end_unstarted(j, SL_END_EXPIRED, NULL);
        return true;
    }
    set_state(j, JOB_RUNNING);
    j->started_us = sl_mono_us();
    j->run->record_us = j->started_us; /* heartbeats count from here */
    sl_status st = w->ex.start(w->ex_arg, j, &err);
    if (!st) {
        audit_started(j);
        return true;
    }
    if (j->state != JOB_RUNNING) /* ended inside and failed all the same: the end counts */
        return true;
    if (st == SL_E_FULL) {
        j->started_us = 0;
        j->state = JOB_WAITING; /* keeps its place: first in, first out */
        TAILQ_INSERT_HEAD(&w->waiting, j, waiting);
        return false;
    }
    sl_job_end(j, SL_END_ERROR, NULL, &err, NULL);
    return true;
}

void sl_job_start_waiting(sl_worker *w)
{
    int64_t now = sl_mono_ms();
    for (sl_job *j = TAILQ_FIRST(&w->waiting), *next; j; j = next) {
        next = TAILQ_NEXT(j, waiting);
        if (j->not_before_ms > now)
            continue;
        if (!job_start(j))
            return;
    }
}

/* ---- ending ---- */

static const struct {
    sl_status code;
    const char *type, *word;
} error_words[] = {
    {SL_E_INVALID, "invalid_request_error", "invalid_request"},
    {SL_E_UNSUPPORTED, "invalid_request_error", "unsupported_parameter"},
    {SL_E_TOO_LARGE, "invalid_request_error", "context_length_exceeded"},
    {SL_E_NOT_FOUND, "invalid_request_error", "model_not_found"},
    {SL_E_FULL, "rate_limit_error", "rate_limit_exceeded"},
    {SL_E_TIMEOUT, "server_error", "timeout"},
    {SL_E_DENIED, "server_error", "upstream_denied"},
    {SL_E_UNAVAILABLE, "service_unavailable", "unavailable"},
    {SL_E_CLOSED, "service_unavailable", "unavailable"},
    {SL_E_CORRUPT, "server_error", "corrupt"},
    {SL_E_UNAUTHENTIC, "server_error", "unauthentic"},
    {SL_E_UNKNOWN_KEY, "server_error", "unknown_key"},
};

void sl_job_body_error(sl_buf *out, const sl_error *e)
{
    for (size_t i = 0; e && i < sizeof(error_words) / sizeof(error_words[0]); i++) {
        if (error_words[i].code == e->code) {
            sl_chunk_write_error(out, e->text, error_words[i].type, error_words[i].word);
            return;
        }
    }
    sl_chunk_write_error(out, e && e->text[0] ? e->text : "the worker failed", "server_error",
                         "internal_error");
}

static void write_end(sl_buf *out, sl_end end, const sl_usage *usage, const sl_error *error)
{
    static const sl_usage none = {0};
    if (end == SL_END_ERROR)
        sl_job_body_error(out, error);
    else
        sl_chunk_write_usage(out, usage ? usage : &none);
}

static void flush(sl_job *j);

static void end_run(sl_job *j, sl_end end, const sl_usage *usage, const sl_error *error,
                    const char *env)
{
    sl_worker *w = j->w;
    set_state(j, JOB_ENDING);
    if (w->closing)
        return;
    if (!j->run->failed)
        flush(j);
    gathering_stop(j);
    if (j->run->failed) {
        sl_worker_pump_soon(w);
        return;
    }
    if (j->forced != SL_END_NONE) { /* also when the flush itself failed for good */
        end = j->forced;
        error = &j->forced_error;
    }
    j->run->end = end;
    if (env)
        (void)snprintf(j->run->env, sizeof(j->run->env), "%s", env);
    sl_buf body = {0};
    write_end(&body, end, usage, error);
    if (sl_buf_ok(&body))
        sl_run_send(j->run, sl_buf_str(&body), true);
    else
        j->run->failed = true;
    sl_buf_done(&body);
    if (j->run->failed) {
        sl_worker_pump_soon(w);
        return;
    }
    sl_wm_ended(w->shard, end, usage, j->taken_us, j->first_us, sl_mono_us());
    sl_worker_pump_soon(w); /* the executor has room again */
}

void sl_job_end(sl_job *j, sl_end end, const sl_usage *usage, const sl_error *error,
                const char *env)
{
    if (j->state == JOB_RUNNING)
        end_run(j, end, usage, error, env);
}

void sl_job_end_unstarted(sl_job *j, sl_end end, const sl_error *error)
{
    if (j->state == JOB_WAITING)
        end_run(j, end, NULL, error, NULL);
}

void sl_job_ask_cancel(sl_job *j)
{
    if (j->state == JOB_ENDING || j->cancelled)
        return;
    j->cancelled = true;
    if (j->state == JOB_WAITING)
        sl_job_end_unstarted(j, SL_END_CANCELLED, NULL);
    else
        sl_worker_pump_soon(j->w);
}

void sl_job_force(sl_job *j, sl_end end, const sl_error *error)
{
    if (j->forced != SL_END_NONE)
        return;
    j->forced = end;
    if (error)
        j->forced_error = *error;
    sl_worker_pump_soon(j->w);
}

/* ---- what the pump does ---- */

/* The run can't be completed: the request waits again, with a run of its own. */
static void requeue(sl_job *j)
{
    sl_worker *w = j->w;
    sl_run *fresh = j->answer_only || w->closing ? NULL : sl_run_open(j);
    if (!fresh) {
        /* An answer for a dead letter is a courtesy; a request is read again later. */
        bool again = !j->answer_only && !w->closing && j->owned && w->requests;
        int32_t partition = j->partition;
        int64_t offset = j->offset;
        sl_job_drop(j);
        if (again && sl_consumer_rewind(w->requests, sl_topic_name(w->cls, SL_TOPIC_REQUESTS),
                                        partition, offset))
            SL_ERROR(NULL, "rewind_failed", "a request waits for the next rebalance");
        return;
    }
    sl_run_abandon(j->run);
    j->run = fresh;
    gathering_stop(j);
    sl_buf_clear(&j->text);
    sl_buf_clear(&j->reasoning);
    j->role_sent = j->text_sent = j->cancel_told = false;
    j->forced = SL_END_NONE;
    j->started_us = j->first_us = 0;
    j->user = NULL;
    int64_t wait_ms = 500 << (j->restarts < 5 ? j->restarts : 5);
    j->not_before_ms = sl_mono_ms() + wait_ms;
    j->restarts++;
    w->stats.restarts++;
    sl_worker_count(w, SL_WM_RESTARTS, 0, 1);
    set_state(j, JOB_WAITING);
}

void sl_job_settle(sl_job *j)
{
    bool stop = j->run->failed || j->cancelled || j->forced != SL_END_NONE;
    if (stop && j->state == JOB_RUNNING && !j->cancel_told) {
        j->cancel_told = true;
        j->w->ex.cancel(j->w->ex_arg, j);
    }
    if (j->run->failed && j->state == JOB_ENDING)
        requeue(j);
    else if (j->state == JOB_WAITING && j->cancelled && j->not_before_ms <= sl_mono_ms())
        sl_job_end_unstarted(j, SL_END_CANCELLED, NULL);
}

void sl_job_tick(sl_job *j, int64_t now_us)
{
    sl_worker *w = j->w;
    if (j->state == JOB_ENDING)
        return;
    if (sl_unix_ms() > j->deadline_ms + SL_JOB_EXPIRED_GRACE_MS) {
        if (j->state == JOB_RUNNING)
            sl_job_force(j, SL_END_EXPIRED, NULL);
        else if (j->not_before_ms <= now_us / 1000)
            sl_job_end_unstarted(j, SL_END_EXPIRED, NULL);
        return;
    }
    /* Heartbeats are for runs: what still waits may yet be left to another worker. */
    if (j->state != JOB_RUNNING || now_us - j->run->record_us < w->heartbeat_ms * 1000 ||
        sl_run_blocked(j->run))
        return;
    sl_buf body = {0};
    sl_chunk_write_heartbeat(&body);
    if (sl_buf_ok(&body)) {
        sl_run_send(j->run, sl_buf_str(&body), false);
        w->stats.heartbeats++;
        sl_worker_count(w, SL_WM_HEARTBEATS, 0, 1);
    }
    sl_buf_done(&body);
}

/* ---- text ---- */

/* Sends at most SL_CHUNK_TEXT_MAX bytes of each field, ending on a character. */
static void flush_piece(sl_job *j)
{
    sl_str text = sl_buf_str(&j->text), reasoning = sl_buf_str(&j->reasoning);
    if (text.n > SL_CHUNK_TEXT_MAX)
        text.n = sl_utf8_complete(text.p, SL_CHUNK_TEXT_MAX);
    if (reasoning.n > SL_CHUNK_TEXT_MAX)
        reasoning.n = sl_utf8_complete(reasoning.p, SL_CHUNK_TEXT_MAX);
    bool role = !j->role_sent && j->chat && j->chat->kind == SL_CHAT;
    sl_buf body = {0};
    sl_chunk_write_delta(&body, role ? SL_STR("assistant") : (sl_str){0},
                         text.n ? text : (sl_str){0}, reasoning.n ? reasoning : (sl_str){0});
    if (sl_buf_ok(&body)) {
        sl_run_send(j->run, sl_buf_str(&body), false);
    } else {
        j->run->failed = true;
        sl_worker_pump_soon(j->w);
    }
    sl_buf_done(&body);
    j->role_sent = j->text_sent = true;
    sl_buf_consume(&j->text, text.n);
    sl_buf_consume(&j->reasoning, reasoning.n);
}

static void flush(sl_job *j)
{
    gathering_stop(j);
    while ((j->text.len || j->reasoning.len) && !j->run->failed && j->forced == SL_END_NONE)
        flush_piece(j);
}

static void gather_arm(sl_worker *w, int64_t now_us)
{
    sl_job *first = TAILQ_FIRST(&w->gathering);
    if (first)
        sl_timer_set(w->gather,
                     first->flush_us > now_us ? (first->flush_us - now_us + 999) / 1000 : 0);
}

static void gather(sl_job *j)
{
    sl_worker *w = j->w;
    if (j->is_gathering)
        return;
    int64_t now = sl_mono_us();
    bool first = TAILQ_EMPTY(&w->gathering);
    j->flush_us = now + w->coalesce_ms * 1000;
    j->is_gathering = true;
    TAILQ_INSERT_TAIL(&w->gathering, j, gathering);
    if (first)
        gather_arm(w, now);
}

void sl_job_flush_due(sl_worker *w)
{
    int64_t now = sl_mono_us();
    for (sl_job *j; (j = TAILQ_FIRST(&w->gathering)) && j->flush_us <= now;) {
        gathering_stop(j);
        if (sl_run_blocked(j->run) && j->text.len + j->reasoning.len < SL_CHUNK_TEXT_MAX)
            gather(j); /* no room yet: go on gathering */
        else
            flush(j);
    }
    gather_arm(w, now);
}

void sl_job_text(sl_job *j, sl_str content, sl_str reasoning)
{
    if (j->state != JOB_RUNNING || j->run->failed || j->forced != SL_END_NONE ||
        !(content.n + reasoning.n))
        return;
    if (!j->first_us)
        j->first_us = sl_mono_us();
    sl_buf_add_str(&j->text, content);
    sl_buf_add_str(&j->reasoning, reasoning);
    if (!sl_buf_ok(&j->text) || !sl_buf_ok(&j->reasoning)) {
        j->run->failed = true;
        sl_worker_pump_soon(j->w);
        return;
    }
    size_t n = j->text.len + j->reasoning.len;
    bool now = !j->text_sent || j->w->coalesce_ms < 0 || n >= SL_JOB_TEXT_FLUSH;
    if (now && (!sl_run_blocked(j->run) || n >= SL_CHUNK_TEXT_MAX))
        flush(j);
    else
        gather(j);
}

void sl_job_chunk(sl_job *j, sl_str body)
{
    if (j->state != JOB_RUNNING)
        return;
    if (!j->first_us)
        j->first_us = sl_mono_us();
    flush(j);
    sl_run_send(j->run, body, false);
    j->role_sent = true;
}

bool sl_job_congested(const sl_job *j)
{
    return sl_run_blocked(j->run) || j->run->inflight > 512;
}

/* ---- small ---- */

const char *sl_job_id(const sl_job *j)
{
    return j->id;
}
const char *sl_job_run(const sl_job *j)
{
    return j->run->id;
}
sl_chat *sl_job_chat(sl_job *j)
{
    return j->chat;
}
int64_t sl_job_deadline_ms(const sl_job *j)
{
    return j->deadline_ms;
}
sl_str sl_job_traceparent(const sl_job *j)
{
    return sl_buf_str(&j->traceparent);
}
void sl_job_set_user(sl_job *j, void *user)
{
    j->user = user;
}
void *sl_job_user(const sl_job *j)
{
    return j->user;
}
