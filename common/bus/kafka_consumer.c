/* kafka_consumer.c - opening, reading and closing; offsets that are not there. */
#include "common/bus/kafka_consumer_impl.h"

#include "common/base/clock.h"
#include "common/bus/kafka_hook.h"

#include <stdlib.h>
#include <string.h>

#define OPEN_MS          10000 /* resolving offsets at open */
#define SEEK_MS          1000
#define FORWARD_EVERY_MS 50

static kafka_consumer *self(sl_consumer *c)
{
    return (kafka_consumer *)c;
}

rd_kafka_t *sl_kafka_consumer_client(const sl_consumer *c)
{
    return ((const kafka_consumer *)c)->rk;
}

/* ---- trouble ---- */

static void report(kafka_consumer *c, const sl_error *e)
{
    if (c->cb.on_error && !c->closing && kafka_report_due(&c->reports, e->code))
        c->cb.on_error(c->cb.arg, e);
}

void kafka_report(kafka_consumer *c, rd_kafka_resp_err_t err, const char *what)
{
    sl_error e;
    (void)kafka_fail(&e, err, what);
    report(c, &e);
}

/* A client that says so does nothing more, for good. A group's is replaced (kafka_group.c). */
static void report_fatal(kafka_consumer *c)
{
    sl_error e;
    (void)kafka_fail(&e, rd_kafka_fatal_error(c->rk, NULL, 0), "the consumer's client broke");
    e.retriable = c->group;
    e.fatal = !c->group;
    if (c->broken)
        return; /* said already */
    if (c->group)
        kafka_replace_plan(c);
    if (c->cb.on_error && !c->closing)
        c->cb.on_error(c->cb.arg, &e);
}

static void on_client_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    kafka_consumer *c = opaque;
    if (err == RD_KAFKA_RESP_ERR__FATAL) {
        report_fatal(c);
    } else if (c->group || err != RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
        /* A consumer without a group has a group id in name only. */
        sl_error e;
        (void)kafka_fail_cause(&e, err, kafka_cause_of(reason), "consuming");
        report(c, &e);
    }
}

/* ---- partitions ---- */

static bool part_is(const kafka_part *part, const char *topic, int32_t partition)
{
    return part->partition == partition && strcmp(part->topic, topic) == 0;
}

kafka_part *kafka_part_find(kafka_consumer *c, const char *topic, int32_t partition)
{
    if (c->last_part < c->parts_n && part_is(&c->parts[c->last_part], topic, partition))
        return &c->parts[c->last_part];
    for (size_t i = 0; i < c->parts_n; i++)
        if (part_is(&c->parts[i], topic, partition)) {
            c->last_part = i;
            return &c->parts[i];
        }
    return NULL;
}

kafka_part *kafka_part_add(kafka_consumer *c, const char *topic, int32_t partition)
{
    kafka_part *grown = realloc(c->parts, (c->parts_n + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    c->parts = grown;
    kafka_part part = {.topic = strdup(topic),
                       .partition = partition,
                       .position = -1,
                       .committed = -1,
                       .queue = rd_kafka_queue_get_partition(c->rk, topic, partition)};
    if (!part.topic || !part.queue) {
        free(part.topic);
        if (part.queue)
            rd_kafka_queue_destroy(part.queue);
        return NULL;
    }
    sl_offsets_start(&part.offsets, -1);
    rd_kafka_queue_forward(part.queue, c->data);
    c->parts[c->parts_n] = part;
    return &c->parts[c->parts_n++];
}

void kafka_part_remove(kafka_consumer *c, kafka_part *part)
{
    rd_kafka_queue_forward(part->queue, NULL);
    rd_kafka_queue_destroy(part->queue);
    sl_offsets_done(&part->offsets);
    free(part->topic);
    *part = c->parts[--c->parts_n];
}

/* ---- held messages ---- */

static bool held_push(kafka_consumer *c, rd_kafka_message_t *m)
{
    if (c->held_n == c->held_cap) {
        size_t cap = c->held_cap ? c->held_cap * 2 : KAFKA_BATCH;
        rd_kafka_message_t **grown = realloc(c->held, cap * sizeof(*grown));
        if (!grown)
            return false;
        c->held = grown;
        c->held_cap = cap;
    }
    c->held[c->held_n++] = m;
    return true;
}

void kafka_held_drop(kafka_consumer *c, const char *topic, int32_t partition)
{
    size_t n = c->held_at;
    for (size_t i = c->held_at; i < c->held_n; i++) {
        rd_kafka_message_t *m = c->held[i];
        if (m->rkt && m->partition == partition && strcmp(rd_kafka_topic_name(m->rkt), topic) == 0)
            rd_kafka_message_destroy(m);
        else
            c->held[n++] = m;
    }
    c->held_n = n;
}

static rd_kafka_message_t *next_message(kafka_consumer *c)
{
    if (c->held_at < c->held_n)
        return c->held[c->held_at++];
    c->held_at = c->held_n = 0;
    /* In 2.0.2 a batch may mix records from before and after a seek or a rebalance (fixed in
     * 2.1.0), so only fixed assignments are read in batches. */
    if (c->group)
        return rd_kafka_consume_queue(c->data, 0);
    ssize_t n = rd_kafka_consume_batch_queue(c->data, 0, c->held, KAFKA_BATCH);
    if (n <= 0)
        return NULL;
    c->held_n = (size_t)n;
    return c->held[c->held_at++];
}

/* ---- delivering ---- */

static bool headers_fill(kafka_consumer *c, const rd_kafka_message_t *m, sl_record *r)
{
    rd_kafka_headers_t *h;
    if (rd_kafka_message_headers(m, &h) != RD_KAFKA_RESP_ERR_NO_ERROR)
        /* none, or unreadable ones: a record without headers is refused by its reader */
        return true;
    size_t n = rd_kafka_header_cnt(h);
    if (n > c->headers_cap) {
        sl_header *grown = realloc(c->headers, n * sizeof(*grown));
        if (!grown)
            return false;
        c->headers = grown;
        c->headers_cap = n;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name;
        const void *value;
        size_t size;
        if (rd_kafka_header_get_all(h, i, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return false;
        c->headers[i] = (sl_header){sl_str_c(name), {value, value ? size : 0}};
    }
    r->headers = c->headers;
    r->headers_n = n;
    return true;
}

/* An empty value has a pointer, a null one has not. */
static sl_str bytes_of(const void *p, size_t n)
{
    return (sl_str){p, p ? n : 0};
}

/* SL_OK: delivered. SL_E_CLOSED: dropped. Others: it must wait for a later poll. */
static sl_status deliver(kafka_consumer *c, kafka_part *part, const rd_kafka_message_t *m)
{
    sl_record r = {.topic = part->topic,
                   .partition = m->partition,
                   .offset = m->offset,
                   .time_ms = rd_kafka_message_timestamp(m, NULL),
                   .key = bytes_of(m->key, m->key_len),
                   .value = bytes_of(m->payload, m->len)};
    if (!headers_fill(c, m, &r))
        return SL_E_NOMEM;
    sl_offsets_verdict verdict = SL_OFFSETS_DELIVER;
    if (c->group) {
        sl_status s = sl_offsets_deliver(&part->offsets, m->offset, &verdict);
        if (s != SL_OK)
            return s;
    }
    part->position = m->offset + 1;
    part->eof = part->forward_due = false;
    if (verdict == SL_OFFSETS_SKIP)
        return SL_E_CLOSED;
    c->cb.on_record(c->cb.arg, &r);
    return SL_OK;
}

/* Stopping a partition ends the forwarding of its queue, some time later in librdkafka's thread. So
 * it is renewed until something arrives; what waits in the partition's own queue moves along. */
static void forward_again(kafka_consumer *c)
{
    bool due = false;
    for (size_t i = 0; i < c->parts_n; i++)
        if (c->parts[i].forward_due) {
            rd_kafka_queue_forward(c->parts[i].queue, c->data);
            due = true;
        }
    c->forward_due = due;
    if (due)
        sl_wake_at(&c->wake, sl_mono_ms() + FORWARD_EVERY_MS);
}

/* seek() refuses a partition that stopped on an error, so it is taken out of the assignment and put
 * back at the beginning; the others, and other threads' splits, do not notice. */
static rd_kafka_resp_err_t put_back(kafka_consumer *c, const kafka_part *part)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_error_t *e = rd_kafka_incremental_unassign(c->rk, list);
    if (!e)
        e = rd_kafka_incremental_assign(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_resp_err_t err = e ? rd_kafka_error_code(e) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (e)
        rd_kafka_error_destroy(e);
    return err;
}

/* With auto.offset.reset=error, a position that the log does not have stops the partition here. A
 * member of a group joins anew, which finds readable offsets (kafka_group.c): assigning within a
 * membership can hit an assertion of 2.0.2 when a stop is still under way. */
static void restart(kafka_consumer *c, kafka_part *part, int64_t at)
{
    if (!c->group || at >= 0)
        kafka_report(c, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
                     "reading goes on at the earliest record");
    if (c->group) {
        c->rejoin = true;
        return;
    }
    part->position = -1;
    part->eof = false;
    part->forward_due = c->forward_due = true;
    rd_kafka_resp_err_t err = put_back(c, part);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        kafka_report(c, err, "moving to a readable offset");
}

static void on_message_error(kafka_consumer *c, const rd_kafka_message_t *m)
{
    kafka_part *part =
        m->rkt ? kafka_part_find(c, rd_kafka_topic_name(m->rkt), m->partition) : NULL;
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (part && (part->position < 0 || m->offset >= part->position))
            part->eof = true;
        if (part)
            part->forward_due = false;
        break;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR__NO_OFFSET:
        if (part)
            restart(c, part, m->offset);
        break;
    case RD_KAFKA_RESP_ERR__FATAL: /* a group's comes here, not to the error callback */
        report_fatal(c);
        break;
    default:
        if (c->group || m->err != RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
            kafka_report(c, m->err, part ? part->topic : "consuming");
    }
}

/* False: the message must wait; it stays the next one. */
static bool take(kafka_consumer *c, rd_kafka_message_t *m, size_t *ran)
{
    sl_status s = SL_E_CLOSED;
    if (m->err) {
        on_message_error(c, m);
    } else {
        kafka_part *part = kafka_part_find(c, rd_kafka_topic_name(m->rkt), m->partition);
        if (part) /* else: revoked in the meantime */
            s = deliver(c, part, m);
    }
    *ran += s == SL_OK;
    if (s == SL_OK || s == SL_E_CLOSED) {
        rd_kafka_message_destroy(m);
        return true;
    }
    /* It came from the array or the array is empty: there is room. */
    if (c->held_at > 0)
        c->held[--c->held_at] = m;
    else
        (void)held_push(c, m);
    sl_wake_at(&c->wake, sl_mono_ms() + 100);
    return false;
}

/* Rebalances, errors, answers to commits; all callbacks run in here. */
static void serve_control(kafka_consumer *c)
{
    rd_kafka_message_t *m;
    while ((m = rd_kafka_consume_queue(c->control, 0))) {
        /* Records go to `data`; one that was on its way before the forward is kept in order. */
        if (!m->err && held_push(c, m))
            continue;
        if (m->err)
            on_message_error(c, m);
        rd_kafka_message_destroy(m);
    }
}

static size_t consumer_poll(sl_consumer *base, size_t max_records)
{
    kafka_consumer *c = self(base);
    size_t ran = 0;
    sl_wake_drain(&c->wake);
    if (c->control)
        serve_control(c);
    if (c->forward_due)
        forward_again(c);
    while (ran < max_records) {
        rd_kafka_message_t *m = next_message(c);
        if (!m || !take(c, m, &ran))
            break;
    }
    if (c->forward_due)
        sl_wake_at(&c->wake, sl_mono_ms() + FORWARD_EVERY_MS);
    if (c->rejoin)
        kafka_rejoin_due(c);
    if (c->group)
        kafka_commit_due(c);
    if (c->broken)
        kafka_replace_due(c);
    return ran;
}

/* ---- small verbs ---- */

static int consumer_fd(const sl_consumer *c)
{
    return ((const kafka_consumer *)c)->wake.fd;
}

static void consumer_finish(sl_consumer *base, const char *topic, int32_t partition, int64_t offset)
{
    kafka_consumer *c = self(base);
    kafka_part *part = c->group ? kafka_part_find(c, topic, partition) : NULL;
    if (!part || !sl_offsets_finish(&part->offsets, offset))
        return;
    if (!c->dirty) {
        c->dirty = true;
        int64_t now_ms = sl_mono_ms();
        sl_wake_at(&c->wake, c->commit_at_ms > now_ms ? c->commit_at_ms : now_ms);
    }
}

/* Waits for the seek, because until librdkafka has taken it, later records could still come and
 * would look like a gap that may be committed over. */
static sl_status consumer_rewind(sl_consumer *base, const char *topic, int32_t partition,
                                 int64_t offset)
{
    kafka_consumer *c = self(base);
    if (!c->group)
        return SL_E_INVALID;
    kafka_part *part = kafka_part_find(c, topic, partition);
    if (!part)
        return SL_E_NOT_FOUND;
    if (offset < 0 || part->offsets.next < 0 || offset >= part->offsets.next)
        return SL_E_INVALID;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(c->rk, topic, NULL);
    if (!rkt)
        return SL_E_UNAVAILABLE;
    rd_kafka_resp_err_t err = rd_kafka_seek(rkt, partition, offset, SEEK_MS);
    rd_kafka_topic_destroy(rkt);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_status(err);
    kafka_held_drop(c, topic, partition);
    part->position = offset;
    sl_wake_signal(&c->wake);
    return sl_offsets_rewind(&part->offsets, offset);
}

static bool part_at_end(const kafka_consumer *c, const kafka_part *part)
{
    int64_t low, high;
    if (part->eof)
        return true;
    /* What the last answer to a fetch said; this asks nobody. */
    return part->position >= 0 &&
           rd_kafka_get_watermark_offsets(c->rk, part->topic, part->partition, &low, &high) ==
               RD_KAFKA_RESP_ERR_NO_ERROR &&
           high >= 0 && part->position >= high;
}

static bool consumer_at_end(sl_consumer *base)
{
    const kafka_consumer *c = self(base);
    for (size_t i = 0; i < c->parts_n; i++)
        if (!part_at_end(c, &c->parts[i]))
            return false;
    return true;
}

static bool consumer_assigned(const sl_consumer *c)
{
    return ((const kafka_consumer *)c)->parts_n > 0;
}

static int64_t consumer_committed(sl_consumer *base, const char *topic, int32_t partition)
{
    kafka_consumer *c = self(base);
    const kafka_part *part = c->group ? kafka_part_find(c, topic, partition) : NULL;
    return part ? part->committed : -1;
}

/* ---- closing ---- */

static void leave_group(kafka_consumer *c, int64_t until_ms)
{
    kafka_commit_wait(c, SL_BUS_CLOSE_MS / 2);
    /* A queue of its own: librdkafka forwards the control queue to it. */
    rd_kafka_queue_t *queue = rd_kafka_queue_new(c->rk);
    rd_kafka_error_t *e = rd_kafka_consumer_close_queue(c->rk, queue);
    while (!e && !rd_kafka_consumer_closed(c->rk) && sl_mono_ms() < until_ms)
        (void)rd_kafka_queue_poll_callback(queue, 50);
    if (e)
        rd_kafka_error_destroy(e);
    rd_kafka_queue_destroy(queue);
}

void kafka_queues_close(kafka_consumer *c)
{
    for (size_t i = c->held_at; i < c->held_n; i++)
        rd_kafka_message_destroy(c->held[i]);
    c->held_at = c->held_n = 0;
    if (c->data)
        rd_kafka_queue_io_event_enable(c->data, -1, NULL, 0);
    while (c->parts_n > 0)
        kafka_part_remove(c, &c->parts[c->parts_n - 1]);
    if (c->data)
        rd_kafka_queue_destroy(c->data);
    if (c->control) {
        rd_kafka_queue_io_event_enable(c->control, -1, NULL, 0);
        rd_kafka_queue_destroy(c->control);
    }
    c->data = c->control = NULL;
}

static void consumer_close(sl_consumer *base)
{
    kafka_consumer *c = self(base);
    int64_t until_ms = sl_mono_ms() + SL_BUS_CLOSE_MS;
    c->closing = true;
    if (c->group && c->rk && c->control)
        leave_group(c, until_ms);
    else if (!c->parent && c->rk && c->control)
        (void)rd_kafka_assign(c->rk, NULL);
    kafka_queues_close(c);
    int64_t left_ms = until_ms - sl_mono_ms();
    bool gone = true;
    if (!c->parent && c->rk)
        gone = kafka_destroy(c->rk, left_ms > 1000 ? (int)left_ms : 1000);
    if (c->topics)
        rd_kafka_topic_partition_list_destroy(c->topics);
    free(c->held);
    free(c->headers);
    free(c->parts);
    if (!gone || c->old_lives)
        return; /* librdkafka's threads may still write to the fd and name `c`: it stays */
    sl_wake_close(&c->wake);
    free(c);
}

/* ---- opening ---- */

static sl_status consumer_split(sl_consumer **ret, sl_consumer *base,
                                const sl_bus_partition *partitions, size_t n,
                                const sl_consumer_options *callbacks, sl_error *reterr);

static const sl_consumer_ops kafka_consumer_ops = {
    .fd = consumer_fd,
    .poll = consumer_poll,
    .finish = consumer_finish,
    .rewind = consumer_rewind,
    .split = consumer_split,
    .at_end = consumer_at_end,
    .assigned = consumer_assigned,
    .committed = consumer_committed,
    .close = consumer_close,
};

static kafka_consumer *consumer_new(const sl_consumer_options *opt, sl_error *reterr)
{
    kafka_consumer *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)sl_fail(reterr, SL_E_NOMEM, "no memory for a consumer");
        return NULL;
    }
    c->base.ops = &kafka_consumer_ops;
    c->cb = *opt;
    c->group = opt->group != NULL;
    /* Allocated now, so that one message can always be put back. */
    c->held = malloc(KAFKA_BATCH * sizeof(*c->held));
    c->held_cap = KAFKA_BATCH;
    if (!c->held || sl_wake_open(&c->wake, true, reterr) != SL_OK) {
        free(c->held);
        free(c);
        if (reterr && reterr->code == SL_OK)
            (void)sl_fail(reterr, SL_E_NOMEM, "no memory for a consumer");
        return NULL;
    }
    return c;
}

static void data_queue_open(kafka_consumer *c)
{
    c->data = rd_kafka_queue_new(c->rk);
    rd_kafka_queue_io_event_enable(c->data, c->wake.event, &sl_wake_payload,
                                   sizeof(sl_wake_payload));
}

void kafka_queues_open(kafka_consumer *c)
{
    (void)rd_kafka_poll_set_consumer(c->rk);
    c->control = rd_kafka_queue_get_consumer(c->rk);
    rd_kafka_queue_io_event_enable(c->control, c->wake.event, &sl_wake_payload,
                                   sizeof(sl_wake_payload));
    data_queue_open(c);
}

static sl_status set_consumer(kafka_consumer *c, rd_kafka_conf_t *conf,
                              const sl_consumer_options *opt, sl_error *reterr)
{
    const char *const pairs[][2] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"}, /* lost records are an event, not a silent skip */
        {"check.crcs", "true"},
        {"fetch.error.backoff.ms", "10"}, /* 500 by default: each restart would cost that much */
        {"isolation.level", "read_committed"},
        {"allow.auto.create.topics", "false"},
        {"partition.assignment.strategy", "range,roundrobin"}, /* not cooperative: 2.0.2's bugs */
        {"enable.partition.eof", opt->group ? "false" : "true"},
        {"group.id", opt->group ? opt->group : "sluice-no-group"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (kafka_set(conf, pairs[i][0], pairs[i][1], reterr) != SL_OK)
            return SL_E_INVALID;
    if (opt->instance && *opt->instance &&
        kafka_set(conf, "group.instance.id", opt->instance, reterr) != SL_OK)
        return SL_E_INVALID;
    if (kafka_set_int(conf, "fetch.wait.max.ms", opt->fetch_wait_ms, reterr) != SL_OK)
        return SL_E_INVALID;
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_error_cb(conf, on_client_error);
    if (opt->group)
        rd_kafka_conf_set_rebalance_cb(conf, kafka_rebalance);
    return SL_OK;
}

static sl_status client_open(kafka_consumer *c, const kafka_bus *b, const sl_consumer_options *opt,
                             sl_error *reterr)
{
    rd_kafka_conf_t *conf = kafka_conf(b, reterr);
    if (!conf)
        return SL_E_INVALID;
    if (set_consumer(c, conf, opt, reterr) != SL_OK) {
        rd_kafka_conf_destroy(conf);
        return SL_E_INVALID;
    }
    c->bus = b;
    c->rk = kafka_new(b, RD_KAFKA_CONSUMER, conf, reterr);
    if (!c->rk)
        return SL_E_INVALID;
    kafka_queues_open(c);
    return SL_OK;
}

static sl_status subscribe(kafka_consumer *c, const sl_consumer_options *opt, sl_error *reterr)
{
    c->topics = rd_kafka_topic_partition_list_new(4);
    for (const char *const *t = opt->topics; *t; t++)
        rd_kafka_topic_partition_list_add(c->topics, *t, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(c->rk, c->topics);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? SL_OK : kafka_fail(reterr, err, "joining the group");
}

/* The position becomes a number here, before open returns: what is produced after that is read. */
static sl_status resolve(kafka_consumer *c, const sl_bus_partition *want, int32_t partition,
                         rd_kafka_topic_partition_list_t *list, int64_t deadline_ms,
                         sl_error *reterr)
{
    int64_t low, high;
    if (kafka_part_find(c, want->topic, partition))
        return sl_fail(reterr, SL_E_INVALID, "%s/%d is named twice", want->topic, partition);
    sl_status s =
        kafka_watermarks_of(c->rk, want->topic, partition, &low, &high, deadline_ms, reterr);
    if (s != SL_OK)
        return s;
    int64_t at = want->offset;
    if (at < 0)
        at = at == SL_FROM_END ? high : low;
    kafka_part *part = kafka_part_add(c, want->topic, partition);
    if (!part)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a consumer");
    part->position = at;
    part->eof = at == high;
    rd_kafka_topic_partition_list_add(list, want->topic, partition)->offset = at;
    return SL_OK;
}

static sl_status assign(kafka_consumer *c, const sl_consumer_options *opt, sl_error *reterr)
{
    int64_t deadline_ms = sl_mono_ms() + OPEN_MS;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)opt->partitions_n);
    sl_status s = SL_OK;
    for (size_t i = 0; s == SL_OK && i < opt->partitions_n; i++) {
        const sl_bus_partition *want = &opt->partitions[i];
        int32_t first = want->partition < 0 ? 0 : want->partition, last = first;
        if (want->partition < 0) {
            int n = 0;
            s = kafka_partitions_of(c->rk, want->topic, &n, deadline_ms, reterr);
            last = n - 1;
            if (s == SL_OK && n == 0)
                s = sl_fail(reterr, SL_E_NOT_FOUND, "there is no topic %s: create it first",
                            want->topic);
        }
        for (int32_t p = first; s == SL_OK && p <= last; p++)
            s = resolve(c, want, p, list, deadline_ms, reterr);
    }
    if (s == SL_OK) {
        rd_kafka_resp_err_t err = rd_kafka_assign(c->rk, list);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
            s = kafka_fail(reterr, err, "starting to read");
    }
    rd_kafka_topic_partition_list_destroy(list);
    return s;
}

sl_status kafka_consumer_open(sl_consumer **ret, sl_bus *b, const sl_consumer_options *opt,
                              sl_error *reterr)
{
    sl_error e = {0};
    kafka_consumer *c = consumer_new(opt, &e);
    sl_status s = c ? client_open(c, (kafka_bus *)b, opt, &e) : e.code;
    if (s == SL_OK)
        s = opt->group ? subscribe(c, opt, &e) : assign(c, opt, &e);
    if (s != SL_OK) {
        if (c)
            consumer_close(&c->base);
        if (reterr)
            *reterr = e;
        return s;
    }
    if (c->group)
        kafka_commit_due(c); /* arms the keep-alive */
    *ret = &c->base;
    return SL_OK;
}

/* ---- splitting ---- */

/* What was read before the split waits in the old data queue; it moves over in its order. */
static sl_status held_move(kafka_consumer *from, kafka_consumer *to)
{
    rd_kafka_message_t *batch[KAFKA_BATCH];
    ssize_t got;
    sl_status s = SL_OK;
    while ((got = rd_kafka_consume_batch_queue(from->data, 0, batch, KAFKA_BATCH)) > 0)
        for (ssize_t i = 0; i < got; i++)
            if (!held_push(from, batch[i])) {
                rd_kafka_message_destroy(batch[i]);
                s = SL_E_NOMEM;
            }
    size_t kept = from->held_at;
    for (size_t i = from->held_at; i < from->held_n; i++) {
        rd_kafka_message_t *m = from->held[i];
        bool mine = m->rkt && kafka_part_find(to, rd_kafka_topic_name(m->rkt), m->partition);
        if (!mine || !held_push(to, m))
            from->held[kept++] = m;
    }
    from->held_n = kept;
    return s;
}

static sl_status consumer_split(sl_consumer **ret, sl_consumer *base,
                                const sl_bus_partition *partitions, size_t n,
                                const sl_consumer_options *callbacks, sl_error *reterr)
{
    kafka_consumer *from = self(base);
    if (from->group)
        return sl_fail(reterr, SL_E_INVALID, "a member of a group cannot be split");
    for (size_t i = 0; i < n; i++)
        if (!kafka_part_find(from, partitions[i].topic, partitions[i].partition))
            return sl_fail(reterr, SL_E_NOT_FOUND, "%s/%d is not assigned here",
                           partitions[i].topic, partitions[i].partition);
    kafka_consumer *c = consumer_new(callbacks, reterr);
    if (!c)
        return SL_E_NOMEM;
    c->group = false;
    c->parent = from;
    c->rk = from->rk;
    data_queue_open(c);
    for (size_t i = 0; i < n; i++) {
        kafka_part *old = kafka_part_find(from, partitions[i].topic, partitions[i].partition);
        kafka_part *part = old ? kafka_part_add(c, old->topic, old->partition) : NULL;
        if (!part)
            continue; /* named twice */
        part->position = old->position;
        part->eof = old->eof;
        rd_kafka_queue_destroy(old->queue);
        free(old->topic);
        sl_offsets_done(&old->offsets);
        *old = from->parts[--from->parts_n];
    }
    if (held_move(from, c) != SL_OK) {
        consumer_close(&c->base);
        (void)sl_fail(reterr, SL_E_NOMEM, "no memory for a consumer; close the one it came from");
        if (reterr)
            reterr->fatal = true;
        return SL_E_NOMEM;
    }
    sl_wake_signal(&c->wake);
    sl_wake_signal(&from->wake);
    *ret = &c->base;
    return SL_OK;
}
