/* worker.c - opens, wires and closes a worker; the pump that moves it.
 *
 * Everything happens on four file descriptors (two producers, two consumers) and four timers.
 * The pump is the one place that calls the executor's cancel, starts waiting jobs and polls for
 * requests; whoever makes room asks for it (sl_worker_pump_soon). */
#include "worker/worker_internal.h"

#include <stdio.h>

#define FLUSH_MS 5000
#define READY_US 10000000 /* a presence was acknowledged within this time */

void sl_worker_count(sl_worker *w, size_t metric, size_t value, uint64_t n)
{
    if (w->shard)
        sl_metrics_add(w->shard, metric, value, n);
}

void sl_worker_pump_soon(sl_worker *w)
{
    if (w->pump_set || w->closing || !w->pump)
        return;
    w->pump_set = true;
    sl_timer_set(w->pump, 0);
}

static size_t room(const sl_worker *w)
{
    size_t busy = (size_t)w->stats.jobs + w->rejects;
    /* Bytes that wait for the producer mean that Kafka is slow: take nothing more onto the heap. */
    if (w->draining || busy >= (size_t)w->jobs_max || w->out.bytes > SL_JOB_UNSENT_MAX)
        return 0;
    return (size_t)w->jobs_max - busy;
}

static void poll_requests(void *arg)
{
    sl_worker *w = arg;
    while (w->requests) {
        size_t n = room(w);
        size_t got = sl_consumer_poll(w->requests, n);
        sl_job_start_waiting(w);
        if (got < n || !n)
            return;
    }
}

static void poll_control(void *arg)
{
    sl_worker *w = arg;
    while (w->control && sl_consumer_poll(w->control, 256) == 256)
        ;
}

static void poll_out(void *arg)
{
    sl_worker *w = arg;
    sl_producer_poll(w->out_producer);
    if (w->out.head) /* deliveries made room */
        sl_timer_soon(w->leave);
}

static void leave(void *arg)
{
    sl_worker *w = arg;
    sl_outbox_pump(&w->out);
}

/* Kafka's cost is one of requests, not of records: what a turn of the loop sends, for all jobs,
 * leaves together. A lone record waits for nothing. */
sl_status sl_worker_send(sl_worker *w, const sl_record *r, sl_delivery_fn cb, void *arg,
                         size_t *unsent, sl_error *reterr)
{
    sl_timer_soon(w->leave);
    return sl_outbox_send(&w->out, r, cb, arg, unsent, reterr);
}

static void poll_audit(void *arg)
{
    sl_worker *w = arg;
    sl_producer_poll(w->audit_producer);
    sl_outbox_pump(&w->audit);
}

static void drained(sl_worker *w);

static void pump(void *arg)
{
    sl_worker *w = arg;
    w->pump_set = false;
    for (sl_job *j = TAILQ_FIRST(&w->jobs), *next; j; j = next) {
        next = TAILQ_NEXT(j, all);
        sl_job_settle(j);
    }
    if (w->draining) {
        while (!TAILQ_EMPTY(&w->waiting)) /* not begun and not committed: another worker's */
            sl_job_drop(TAILQ_FIRST(&w->waiting));
        if ((TAILQ_EMPTY(&w->jobs) && !w->rejects) || sl_mono_us() > w->drain_until_us)
            drained(w);
        return;
    }
    sl_job_start_waiting(w);
    poll_requests(w);
}

static void gauges(sl_worker *w)
{
    if (!w->shard)
        return;
    double by_state[3] = {0};
    for (const sl_job *j = TAILQ_FIRST(&w->jobs); j; j = TAILQ_NEXT(j, all))
        by_state[j->state]++;
    for (size_t i = 0; i < 3; i++)
        sl_metrics_gauge(w->shard, SL_WM_JOBS, i, by_state[i]);
    sl_metrics_gauge(w->shard, SL_WM_UNSENT, 0, (double)(w->out.bytes + w->audit.bytes));
    sl_metrics_gauge(w->shard, SL_WM_DRAINING, 0, w->draining);
}

static void tick(void *arg)
{
    sl_worker *w = arg;
    int64_t now = sl_mono_us();
    for (sl_job *j = TAILQ_FIRST(&w->jobs), *next; j; j = next) {
        next = TAILQ_NEXT(j, all);
        sl_job_tick(j, now);
    }
    sl_recall_expire(w->cancelled, sl_unix_ms());
    sl_recall_expire(w->ended, sl_unix_ms());
    sl_worker_keys_poll(w);
    if (now - w->presence_at_us >= w->presence_ms * 1000)
        sl_worker_presence(w);
    sl_outbox_pump(&w->out);
    sl_outbox_pump(&w->audit);
    gauges(w);
    sl_worker_pump_soon(w);
}

static void flush_due(void *arg)
{
    sl_job_flush_due(arg);
}

static void on_bus_error(void *arg, const sl_error *e)
{
    sl_worker *w = arg;
    uint32_t skipped;
    sl_worker_count(w, SL_WM_BUS_ERRORS, 0, 1);
    if (sl_log_allow(&w->limit_bus, &skipped))
        SL_WARN(NULL, "bus_trouble", "%s (%s)", e->text, sl_status_name(e->code));
}

/* ---- opening ---- */

static int64_t or_default(int64_t v, int64_t def)
{
    return v ? v : def;
}

static sl_status copy_options(sl_worker *w, const sl_worker_options *opt, sl_error *reterr)
{
    const char *audit = opt->audit_topic && opt->audit_topic[0] ? opt->audit_topic
                        : opt->cls == SL_CLASS_PUBLIC           ? SL_TOPIC_PUBLIC_AUDIT
                                                                : SL_TOPIC_AUDIT;
    const char *keyring = opt->keyring_path ? opt->keyring_path : "";
    if (strlen(opt->daemon) >= sizeof(w->daemon) || strlen(opt->instance) >= sizeof(w->instance) ||
        strlen(opt->group) >= sizeof(w->group) || strlen(audit) >= sizeof(w->audit_topic) ||
        strlen(keyring) >= sizeof(w->keyring_path))
        return sl_fail(reterr, SL_E_INVALID,
                       "instance, group, audit topic or keyring path is too long");
    strcpy(w->daemon, opt->daemon); /* NOLINT: lengths are checked above */
    strcpy(w->instance, opt->instance);
    strcpy(w->group, opt->group);
    strcpy(w->audit_topic, audit);
    strcpy(w->keyring_path, keyring);
    w->cls = opt->cls;
    w->bus = opt->bus;
    w->must_encrypt = opt->must_encrypt;
    w->jobs_max = opt->jobs_max > 0 ? opt->jobs_max : 32;
    w->coalesce_ms = or_default(opt->coalesce_ms, 20);
    w->heartbeat_ms = or_default(opt->heartbeat_ms, 2000);
    w->presence_ms = or_default(opt->presence_ms, 2000);
    w->shard = opt->shard;
    w->on_drain = opt->on_drain;
    w->on_drain_arg = opt->on_drain_arg;
    return SL_OK;
}

static sl_status open_producers(sl_worker *w, int64_t timeout_ms, sl_error *reterr)
{
    const char *const topics[] = {sl_topic_name(w->cls, SL_TOPIC_RESPONSES),
                                  sl_topic_name(w->cls, SL_TOPIC_PRESENCE),
                                  sl_topic_name(w->cls, SL_TOPIC_DEAD_LETTER), NULL};
    const char *const audits[] = {w->audit_topic, NULL};
    sl_producer_options out = {
        .gather = true, .message_timeout_ms = (int)or_default(timeout_ms, 30000), .topics = topics};
    sl_producer_options audit = {.linger_ms = 50, .message_timeout_ms = 600000, .topics = audits};
    sl_status st = sl_producer_open(&w->out_producer, w->bus, &out, reterr);
    if (!st)
        st = sl_producer_open(&w->audit_producer, w->bus, &audit, reterr);
    w->out = (sl_outbox){.producer = w->out_producer, .hold = true};
    w->audit.producer = w->audit_producer;
    return st;
}

static sl_status open_consumers(sl_worker *w, sl_error *reterr)
{
    const char *responses = sl_topic_name(w->cls, SL_TOPIC_RESPONSES);
    sl_status st = sl_bus_partitions(w->bus, responses, &w->reply_partitions, 10000, reterr);
    if (!st && !w->reply_partitions)
        st = sl_fail(reterr, SL_E_NOT_FOUND, "there is no topic %s: create it with 'sluice topics'",
                     responses);
    sl_bus_partition all = {sl_topic_name(w->cls, SL_TOPIC_CONTROL), -1, SL_FROM_END};
    sl_consumer_options control = {.partitions = &all,
                                   .partitions_n = 1,
                                   .on_record = sl_worker_on_control,
                                   .on_error = on_bus_error,
                                   .arg = w};
    /* Cancels first: none that is sent after a request of ours was read may be missed. */
    if (!st)
        st = sl_consumer_open(&w->control, w->bus, &control, reterr);
    const char *const topics[] = {sl_topic_name(w->cls, SL_TOPIC_REQUESTS), NULL};
    /* No static membership: a drained worker must leave at once and not after its session. */
    sl_consumer_options requests = {.group = w->group,
                                    .topics = topics,
                                    .on_record = sl_worker_on_request,
                                    .on_revoked = sl_worker_on_revoked,
                                    .on_error = on_bus_error,
                                    .arg = w};
    if (!st)
        st = sl_consumer_open(&w->requests, w->bus, &requests, reterr);
    return st;
}

static sl_status open_events(sl_worker *w, sl_error *reterr)
{
    sl_loop *l = w->loop;
    sl_status st =
        sl_watch_open(&w->watch[0], l, sl_producer_fd(w->out_producer), poll_out, w, reterr);
    if (!st)
        st = sl_watch_open(&w->watch[1], l, sl_producer_fd(w->audit_producer), poll_audit, w,
                           reterr);
    if (!st)
        st = sl_watch_open(&w->watch[2], l, sl_consumer_fd(w->control), poll_control, w, reterr);
    if (!st)
        st = sl_watch_open(&w->watch[3], l, sl_consumer_fd(w->requests), poll_requests, w, reterr);
    if (!st)
        st = sl_timer_open(&w->tick, l, tick, w, reterr);
    if (!st)
        st = sl_timer_open(&w->pump, l, pump, w, reterr);
    if (!st)
        st = sl_timer_open(&w->gather, l, flush_due, w, reterr);
    if (!st)
        st = sl_timer_open(&w->leave, l, leave, w, reterr);
    return st;
}

static sl_status open_memory(sl_worker *w, sl_error *reterr)
{
    char source[256];
    (void)snprintf(source, sizeof(source), "/sluice/%s/%s", w->daemon, w->instance);
    sl_status st = sl_codec_open(&w->codec, source, reterr);
    if (!st && (sl_id_table_open(&w->by_id, 1024) || sl_recall_open(&w->cancelled, 16384) ||
                sl_recall_open(&w->ended, 16384)))
        st = sl_fail(reterr, SL_E_NOMEM, "out of memory for the worker's tables");
    return st ? st : sl_worker_keys_load(w, reterr);
}

sl_status sl_worker_open(sl_worker **ret, sl_loop *l, const sl_worker_options *opt,
                         const sl_executor *ex, void *arg, sl_error *reterr)
{
    sl_worker *w = calloc(1, sizeof(*w));
    if (!w)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for a worker");
    w->loop = l;
    w->ex = *ex;
    w->ex_arg = arg;
    TAILQ_INIT(&w->jobs);
    TAILQ_INIT(&w->waiting);
    TAILQ_INIT(&w->gathering);
    sl_status st = copy_options(w, opt, reterr);
    if (!st)
        st = open_memory(w, reterr);
    if (!st)
        st = open_producers(w, opt->chunk_timeout_ms, reterr);
    if (!st)
        st = open_consumers(w, reterr);
    if (!st)
        st = open_events(w, reterr);
    if (st) {
        sl_worker_free(w);
        return st;
    }
    int64_t period = w->presence_ms < w->heartbeat_ms ? w->presence_ms : w->heartbeat_ms;
    sl_timer_every(w->tick, period < SL_TICK_MS ? period : SL_TICK_MS);
    sl_worker_presence(w);
    sl_worker_pump_soon(w);
    *ret = w;
    return SL_OK;
}

/* ---- draining and closing ---- */

static void close_requests(sl_worker *w)
{
    sl_watch_free(w->watch[3]);
    w->watch[3] = NULL;
    sl_consumer *c = w->requests;
    if (c)
        sl_consumer_close(c);
    w->requests = NULL;
}

static void drained(sl_worker *w)
{
    sl_loop_fn done = w->drained;
    if (!done)
        return;
    w->drained = NULL;
    SL_INFO(NULL, "drained", "%d requests left to other workers", w->stats.jobs);
    close_requests(w); /* commits and leaves the group, so that the others go on at once */
    sl_outbox_pump(&w->out);
    if (sl_producer_flush(w->out_producer, FLUSH_MS) ||
        sl_producer_flush(w->audit_producer, FLUSH_MS))
        SL_WARN(NULL, "drain_unflushed", "Kafka did not take every record in time");
    done(w->drained_arg);
}

void sl_worker_drain(sl_worker *w, int64_t timeout_ms, sl_loop_fn done, void *arg)
{
    if (w->draining)
        return;
    w->draining = true;
    w->drain_until_us = sl_mono_us() + timeout_ms * 1000;
    w->drained = done;
    w->drained_arg = arg;
    SL_INFO(NULL, "draining", "%d requests in hand", w->stats.jobs);
    sl_worker_presence(w);
    sl_worker_pump_soon(w);
}

bool sl_worker_ready(const sl_worker *w)
{
    return !w->draining && w->requests && sl_consumer_assigned(w->requests) && w->acked_us &&
           sl_mono_us() - w->acked_us < READY_US;
}

void sl_worker_get_stats(const sl_worker *w, sl_worker_stats *ret)
{
    *ret = w->stats;
}

static void drop_jobs(sl_worker *w)
{
    for (sl_job *j = TAILQ_FIRST(&w->jobs), *next; j; j = next) {
        next = TAILQ_NEXT(j, all);
        if (j->state == JOB_RUNNING)
            w->ex.cancel(w->ex_arg, j);
        sl_job_drop(j);
    }
}

void sl_worker_free(sl_worker *w)
{
    if (!w)
        return;
    w->closing = true; /* from here nothing is sent and no job is run again */
    drop_jobs(w);
    for (size_t i = 0; i < 3; i++)
        sl_watch_free(w->watch[i]);
    close_requests(w);
    if (w->control)
        sl_consumer_close(w->control);
    sl_outbox_done(&w->out);
    sl_outbox_done(&w->audit);
    if (w->out_producer)
        sl_producer_close(w->out_producer);
    if (w->audit_producer)
        sl_producer_close(w->audit_producer);
    sl_timer_free(w->tick);
    sl_timer_free(w->pump);
    sl_timer_free(w->gather);
    sl_timer_free(w->leave);
    sl_recall_free(w->cancelled);
    sl_recall_free(w->ended);
    sl_id_table_done(&w->by_id);
    sl_codec_free(w->codec);
    sl_keyring_unref(w->ring);
    sl_buf_done(&w->scratch);
    free(w);
}
