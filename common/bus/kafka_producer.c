/* kafka_producer.c - the idempotent producer and what happens when it breaks.
 *
 * Every record that was taken stands in `pending`, in the order of sending, with a copy of its
 * bytes, until its one callback has run. librdkafka borrows the value from that copy.
 *
 * librdkafka 2.0.2 can declare an idempotent producer dead ("sequence desynchronization"). Then:
 *   1. error or delivery event, or a refused produce, sets `fatal_ms`; send only queues from now
 * on;
 *   2. records in flight may still be acknowledged: SETTLE_MS is waited for that, without blocking;
 *   3. what is left is purged, the client destroyed and a new one made;
 *   4. everything pending goes out again in its order, byte for byte. A record whose
 *      acknowledgement was lost is then in the log twice; readers drop it by its id.
 *
 * With `gather`, records leave in bursts, since Kafka's cost is one of requests: about 0.5 ms of
 * CPU time on all sides for each, whatever is in it. Two traits of 2.0.2 stand against that. Its
 * thread wakes with the first record and makes a request of it alone; so its linger is as long as
 * a burst takes to enter its queue, and is ended by us. And with five requests unanswered (the most
 * that idempotence allows) and records in its queue it polls without rest; so the next burst waits
 * here, from `waiting` on, until the one before was answered, or HOLD_US: then the broker is slow
 * or away, and librdkafka's own queue and clock take over.
 *
 * message.timeout.ms starts anew in the new client, so resent records also have a deadline here:
 * `expire` ends them in time and `late` keeps their bytes until librdkafka lets go of them. */
#include "common/base/clock.h"
#include "common/bus/kafka_hook.h"
#include "common/bus/kafka_impl.h"
#include "common/bus/kafka_wake.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_MS        1000
#define REBUILD_RETRY_MS 500
#define LINGER_US        30    /* a burst gets into librdkafka's queue within this time */
#define HOLD_US          20000 /* the most that a missing answer holds others up */
#define CLOSE_US         500   /* records that are closer than this are worth waiting for */
#define PAUSE_US         4000  /* as much of a pause counts for the mean */
#define TOPICS_MAX       1024  /* handles that are kept; further topics are looked up each time */

typedef struct message {
    struct message *prev, *next;
    sl_delivery_fn cb;
    void *arg;
    int64_t deadline_ms;
    bool resent;
    bool late;                   /* its callback has run; librdkafka still has it */
    rd_kafka_headers_t *headers; /* made beforehand, for the next produce */
    rd_kafka_resp_err_t refused; /* why it stands in p->refused */
    size_t bytes;
    sl_record record; /* what it points to follows */
} message;

typedef struct topic {
    char *name;
    rd_kafka_topic_t *handle;
} topic;

typedef struct kafka_producer {
    sl_producer base;
    kafka_bus *bus;
    rd_kafka_t *rk; /* NULL: a rebuild failed and is tried again */
    rd_kafka_queue_t *events;
    sl_wake wake;
    message *head, *tail; /* pending, in the order of sending */
    message *refused;     /* librdkafka did not take them: poll tells; the newest first */
    message *waiting;     /* the first that librdkafka was not given; NULL while it is broken */
    size_t on_way;        /* given to librdkafka, not yet answered */
    int64_t burst_us;     /* when the newest burst began */
    bool gather;
    int64_t gather_us, first_us; /* first_us: when `waiting` was sent */
    int64_t interval_us;         /* between records, of late */
    int corks;
    size_t pending, pending_bytes, resent;
    int64_t fatal_ms;            /* when it broke; 0: it works */
    int64_t retry_ms;            /* when to try a rebuild again */
    rd_kafka_resp_err_t trouble; /* the last connection error, for the texts of time-outs */
    topic *topics;
    size_t topics_n, last_topic;
    bool closing;
    bool copies_due; /* a client that hangs still holds the messages' bytes */
    int linger_ms, message_timeout_ms;
    size_t queue_records, queue_bytes;
} kafka_producer;

static kafka_producer *self(sl_producer *p)
{
    return (kafka_producer *)p;
}

rd_kafka_t *sl_kafka_producer_client(const sl_producer *p)
{
    return ((const kafka_producer *)p)->rk;
}

/* ---- the client ---- */

static rd_kafka_conf_t *producer_conf(kafka_producer *p, sl_error *reterr)
{
    rd_kafka_conf_t *conf = kafka_conf(p->bus, reterr);
    if (!conf)
        return NULL;
    /* Our own limits are exact; librdkafka's stand a little above them. */
    int64_t kbytes = (int64_t)(p->queue_bytes / 1024) + 4096;
    int64_t records = (int64_t)p->queue_records + 1000;
    char linger[16];
    (void)snprintf(linger, sizeof(linger), "%.3f",
                   p->gather ? LINGER_US / 1000.0 : (double)p->linger_ms);
    bool ok =
        kafka_set(conf, "enable.idempotence", "true", reterr) == SL_OK &&
        kafka_set(conf, "acks", "all", reterr) == SL_OK &&
        kafka_set(conf, "partitioner", "murmur2_random", reterr) == SL_OK &&
        /* How long an unknown topic may still appear; 30 s would use up message_timeout_ms. */
        kafka_set(conf, "topic.metadata.propagation.max.ms", "3000", reterr) == SL_OK &&
        kafka_set(conf, "linger.ms", linger, reterr) == SL_OK &&
        kafka_set_int(conf, "message.timeout.ms", p->message_timeout_ms, reterr) == SL_OK &&
        kafka_set_int(conf, "queue.buffering.max.kbytes", kbytes < 2147483647 ? kbytes : 2147483647,
                      reterr) == SL_OK &&
        kafka_set_int(conf, "queue.buffering.max.messages", records < 10000000 ? records : 10000000,
                      reterr) == SL_OK;
    if (!ok) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    return conf;
}

/* The first produce to a topic that the client does not know waits up to a second in 2.0.2. */
static void topics_warm(kafka_producer *p)
{
    for (size_t i = 0; i < p->topics_n; i++)
        p->topics[i].handle = rd_kafka_topic_new(p->rk, p->topics[i].name, NULL);
}

/* Making the client starts the search for an idempotent producer id in its own threads. */
static sl_status client_open(kafka_producer *p, sl_error *reterr)
{
    rd_kafka_conf_t *conf = producer_conf(p, reterr);
    if (!conf)
        return SL_E_INVALID;
    p->rk = kafka_new(p->bus, RD_KAFKA_PRODUCER, conf, reterr);
    if (!p->rk)
        return SL_E_INVALID;
    p->events = rd_kafka_queue_get_main(p->rk);
    rd_kafka_queue_io_event_enable(p->events, p->wake.event, &sl_wake_payload,
                                   sizeof(sl_wake_payload));
    topics_warm(p);
    return SL_OK;
}

/* False: librdkafka still runs and may read the messages it has. */
static bool client_close(kafka_producer *p)
{
    for (size_t i = 0; i < p->topics_n; i++)
        if (p->topics[i].handle) {
            rd_kafka_topic_destroy(p->topics[i].handle);
            p->topics[i].handle = NULL;
        }
    if (!p->rk)
        return true;
    rd_kafka_queue_io_event_enable(p->events, -1, NULL, 0);
    rd_kafka_queue_destroy(p->events);
    rd_kafka_t *rk = p->rk;
    p->rk = NULL;
    p->events = NULL;
    return kafka_destroy(rk, SL_BUS_CLOSE_MS);
}

/* ---- topics ---- */

static topic *topic_get(kafka_producer *p, const char *name)
{
    if (p->last_topic < p->topics_n && strcmp(p->topics[p->last_topic].name, name) == 0)
        return &p->topics[p->last_topic];
    for (size_t i = 0; i < p->topics_n; i++)
        if (strcmp(p->topics[i].name, name) == 0) {
            p->last_topic = i;
            return &p->topics[i];
        }
    if (p->topics_n >= TOPICS_MAX)
        return NULL;
    topic *grown = realloc(p->topics, (p->topics_n + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    p->topics = grown;
    topic *t = &p->topics[p->topics_n];
    t->name = strdup(name);
    if (!t->name)
        return NULL;
    t->handle = p->rk ? rd_kafka_topic_new(p->rk, name, NULL) : NULL;
    p->last_topic = p->topics_n++;
    return t;
}

/* ---- messages ---- */

static message *message_new(kafka_producer *p, const sl_record *r, sl_delivery_fn cb, void *arg)
{
    size_t name_n = strlen(r->topic) + 1, body_n = sl_bus_record_size(r);
    message *m = malloc(sizeof(*m) + body_n + name_n);
    if (!m)
        return NULL;
    char *name = (char *)(m + 1) + body_n;
    memcpy(name, r->topic, name_n);
    sl_bus_record_copy(&m->record, m + 1, r, name);
    m->cb = cb;
    m->arg = arg;
    m->deadline_ms = sl_mono_ms() + p->message_timeout_ms;
    m->resent = m->late = false;
    m->headers = NULL;
    m->bytes = body_n;
    return m;
}

static void message_free(message *m)
{
    if (m->headers)
        rd_kafka_headers_destroy(m->headers);
    free(m);
}

static void append(kafka_producer *p, message *m)
{
    m->next = NULL;
    m->prev = p->tail;
    if (p->tail)
        p->tail->next = m;
    else
        p->head = m;
    p->tail = m;
    p->pending++;
    p->pending_bytes += m->bytes;
}

static void unlink_message(kafka_producer *p, message *m)
{
    if (m->prev)
        m->prev->next = m->next;
    else
        p->head = m->next;
    if (m->next)
        m->next->prev = m->prev;
    else
        p->tail = m->prev;
    p->pending--;
    p->pending_bytes -= m->bytes;
    p->resent -= m->resent;
}

static rd_kafka_headers_t *headers_of(const sl_record *r)
{
    rd_kafka_headers_t *h = rd_kafka_headers_new(r->headers_n);
    for (size_t i = 0; i < r->headers_n; i++)
        rd_kafka_header_add(h, r->headers[i].name.p, (ssize_t)r->headers[i].name.n,
                            r->headers[i].value.p, (ssize_t)r->headers[i].value.n);
    return h;
}

static rd_kafka_resp_err_t produce(kafka_producer *p, message *m)
{
    const sl_record *r = &m->record;
    topic *t = topic_get(p, r->topic);
    rd_kafka_headers_t *headers = m->headers;
    m->headers = NULL;
    if (!headers && r->headers_n > 0)
        headers = headers_of(r);
    /* An empty key or value is not a null one: librdkafka tells them apart by the pointer. */
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (t && t->handle)
        err = rd_kafka_producev(
            p->rk, RD_KAFKA_V_RKT(t->handle), RD_KAFKA_V_PARTITION(r->partition),
            RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_KEY(r->key.p, r->key.n),
            RD_KAFKA_V_VALUE((void *)r->value.p, r->value.n), RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_TIMESTAMP(r->time_ms), RD_KAFKA_V_OPAQUE(m), RD_KAFKA_V_END);
    else
        err = rd_kafka_producev(
            p->rk, RD_KAFKA_V_TOPIC(r->topic), RD_KAFKA_V_PARTITION(r->partition),
            RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_KEY(r->key.p, r->key.n),
            RD_KAFKA_V_VALUE((void *)r->value.p, r->value.n), RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_TIMESTAMP(r->time_ms), RD_KAFKA_V_OPAQUE(m), RD_KAFKA_V_END);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR && headers)
        rd_kafka_headers_destroy(headers); /* taken on success alone */
    return err;
}

/* ---- bursts ---- */

/* Whether what waits may go; else *at_us is when to look again. */
static bool may_leave(const kafka_producer *p, int64_t now_us, int64_t *at_us)
{
    *at_us = p->burst_us + HOLD_US;
    if (!p->gather || now_us >= *at_us)
        return true;
    if (p->on_way > 0)
        return false; /* its delivery looks again */
    *at_us = p->first_us + p->gather_us;
    return p->interval_us > CLOSE_US || now_us >= *at_us;
}

static void release(kafka_producer *p);

static void broke(kafka_producer *p)
{
    p->waiting = NULL; /* the new client is given everything */
    if (p->fatal_ms == 0)
        p->fatal_ms = sl_mono_ms();
    sl_wake_signal(&p->wake);
}

static sl_status producer_send(sl_producer *base, const sl_record *r, sl_delivery_fn cb, void *arg,
                               sl_error *reterr)
{
    kafka_producer *p = self(base);
    if (p->closing)
        return sl_fail(reterr, SL_E_CLOSED, "the producer is being closed");
    if (p->pending >= p->queue_records || p->pending_bytes >= p->queue_bytes) {
        (void)sl_fail(reterr, SL_E_FULL, "%zu records wait for their acknowledgement", p->pending);
        if (reterr)
            reterr->retriable = true;
        return SL_E_FULL;
    }
    message *m = message_new(p, r, cb, arg);
    if (!m)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a record");
    if (p->fatal_ms == 0 && (p->gather || p->corks || p->waiting)) {
        append(p, m);
        if (!p->waiting) {
            p->waiting = m;
            p->first_us = sl_mono_us();
        }
        if (!p->corks)
            release(p);
        return SL_OK;
    }
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__FATAL;
    if (p->fatal_ms == 0)
        err = produce(p, m);
    if (err == RD_KAFKA_RESP_ERR__FATAL) {
        broke(p); /* taken: the new client will send it */
    } else if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        message_free(m);
        return kafka_fail(reterr, err, r->topic);
    } else {
        p->on_way++;
    }
    append(p, m);
    return SL_OK;
}

/* ---- deliveries ---- */

static void call_back(kafka_producer *p, message *m, rd_kafka_resp_err_t err, int32_t partition,
                      int64_t offset)
{
    sl_delivery d = {.status = kafka_status(err), .partition = partition, .offset = offset};
    bool late = err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    if (late && p->trouble != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)kafka_fail(&d.error, p->trouble, m->record.topic);
        d.error.code = d.status;
    } else if (d.status != SL_OK) {
        (void)kafka_fail(&d.error, err, m->record.topic);
    }
    if (m->cb)
        m->cb(m->arg, &d);
}

/* The record leaves the list before its callback, which may send again. */
static void end(kafka_producer *p, message *m, rd_kafka_resp_err_t err, int32_t partition,
                int64_t offset)
{
    if (!m->late) {
        unlink_message(p, m);
        call_back(p, m, err, partition, offset);
    }
    message_free(m);
}

/* Whether the new client should send it again. */
static bool again(const kafka_producer *p, rd_kafka_resp_err_t err)
{
    if (p->fatal_ms == 0 || p->closing)
        return false;
    switch (err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        return false;
    default:
        return true;
    }
}

static bool unsure(const rd_kafka_message_t *rkm)
{
    return rkm->err == RD_KAFKA_RESP_ERR_NO_ERROR && rkm->offset < 0;
}

/* An acknowledgement without an offset is librdkafka's own conclusion from a later batch's success.
 * It is wrong when the broker knew nothing of this producer yet (a partition that has just become
 * the broker's): it refuses the first batch (not leader) and takes the second, whatever its
 * sequence number, and the first is lost (librdkafka 2.0.2). So the record goes out again; when it
 * was there after all, it is in the log twice, and readers drop it by its id. */
static bool sent_again(kafka_producer *p, message *m, const rd_kafka_message_t *rkm)
{
    if (!unsure(rkm) || m->late || p->closing)
        return false;
    p->resent += !m->resent; /* `expire` watches over it */
    m->resent = true;
    rd_kafka_resp_err_t err = p->fatal_ms ? RD_KAFKA_RESP_ERR__FATAL : produce(p, m);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        p->on_way++;
    else if (err == RD_KAFKA_RESP_ERR__FATAL)
        broke(p); /* the new client will send it */
    else
        end(p, m, err, rkm->partition, -1);
    return true;
}

static void on_delivery(kafka_producer *p, const rd_kafka_message_t *rkm)
{
    message *m = rkm->_private;
    p->on_way -= p->on_way > 0;
    if (sent_again(p, m, rkm))
        return;
    if (rkm->err != RD_KAFKA_RESP_ERR_NO_ERROR && p->fatal_ms == 0 &&
        rd_kafka_fatal_error(p->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
        broke(p);
    if (rkm->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        p->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!again(p, rkm->err))
        end(p, m, p->closing && unsure(rkm) ? RD_KAFKA_RESP_ERR__PURGE_QUEUE : rkm->err,
            rkm->partition, rkm->offset);
    else if (m->late)
        message_free(m);
}

static void on_error_event(kafka_producer *p, rd_kafka_event_t *ev)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
    if (err == RD_KAFKA_RESP_ERR__FATAL)
        broke(p);
    else
        p->trouble = err;
}

/* False: the queue was empty for `wait_ms`. */
static bool serve_one(kafka_producer *p, int wait_ms)
{
    rd_kafka_event_t *ev = rd_kafka_queue_poll(p->events, wait_ms);
    if (!ev)
        return false;
    const rd_kafka_message_t *rkm;
    if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR)
        while ((rkm = rd_kafka_event_message_next(ev)))
            on_delivery(p, rkm);
    else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR)
        on_error_event(p, ev);
    rd_kafka_event_destroy(ev);
    return true;
}

/* The mean time between records, over the last bursts. */
static void note_interval(kafka_producer *p, int64_t now_us)
{
    int64_t n = 0, took_us = now_us - p->burst_us;
    for (const message *m = p->waiting; m; m = m->next)
        n++;
    if (took_us > PAUSE_US)
        took_us = PAUSE_US;
    p->interval_us = (p->interval_us * 7 + took_us / n) / 8;
}

/* The client waits LINGER_US after the first record of a burst; this ends the wait. */
static void end_linger(kafka_producer *p)
{
    while (sl_mono_us() <= p->burst_us + LINGER_US)
        ;
    (void)rd_kafka_flush(p->rk, 0); /* waits for nothing; wakes the broker's thread */
}

static void refuse(kafka_producer *p, message *m, rd_kafka_resp_err_t err)
{
    unlink_message(p, m);
    p->pending++; /* until its callback */
    p->pending_bytes += m->bytes;
    m->refused = err;
    m->next = p->refused;
    p->refused = m;
    sl_wake_signal(&p->wake);
}

/* Gives librdkafka what waits, if it is time. */
static void release(kafka_producer *p)
{
    int64_t now_us = sl_mono_us(), at_us;
    if (!p->waiting)
        return;
    if (!may_leave(p, now_us, &at_us)) {
        sl_wake_at_us(&p->wake, at_us);
        return;
    }
    note_interval(p, now_us);
    /* Headers first: then the records follow each other closely. */
    for (message *m = p->waiting; p->gather && m; m = m->next)
        if (m->record.headers_n > 0 && !m->headers)
            m->headers = headers_of(&m->record);
    p->burst_us = sl_mono_us();
    while (p->waiting) {
        message *m = p->waiting;
        rd_kafka_resp_err_t err = produce(p, m);
        if (err == RD_KAFKA_RESP_ERR__FATAL) {
            broke(p);
            break;
        }
        p->waiting = m->next;
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            p->on_way++;
        else
            refuse(p, m, err);
    }

    if (p->gather && p->fatal_ms == 0)
        end_linger(p);
}

/* Callbacks run in poll alone: whoever sends is still at work on what the callback would end. */
static void tell_refused(kafka_producer *p)
{
    message *oldest = NULL;
    for (message *m = p->refused, *next; m; m = next) {
        next = m->next;
        m->next = oldest;
        oldest = m;
    }
    p->refused = NULL;
    for (message *m = oldest, *next; m; m = next) {
        next = m->next;
        p->pending--;
        p->pending_bytes -= m->bytes;
        call_back(p, m, m->refused, m->record.partition, -1);
        message_free(m);
    }
}

static void producer_cork(sl_producer *base, bool on)
{
    kafka_producer *p = self(base);
    p->corks += on ? 1 : -1;
    if (!p->corks)
        release(p);
}

/* Takes everything back from librdkafka; false when it still holds something. */
static bool purge(kafka_producer *p)
{
    int64_t until_ms = sl_mono_ms() + SETTLE_MS;
    (void)rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(p->rk) > 0 && sl_mono_ms() < until_ms)
        (void)serve_one(p, 10);
    return rd_kafka_outq_len(p->rk) == 0;
}

/* ---- rebuilding ---- */

/* librdkafka kept hold of the old copies (it hangs): they are given up to it, and the new client
 * gets copies of its own. Leaks on purpose; not seen in practice. */
static sl_status copies_replace(kafka_producer *p)
{
    for (message *m = p->head, *next; m; m = next) {
        next = m->next;
        message *copy = message_new(p, &m->record, m->cb, m->arg);
        if (!copy)
            return SL_E_NOMEM;
        copy->deadline_ms = m->deadline_ms;
        copy->resent = m->resent;
        copy->prev = m->prev;
        copy->next = m->next;
        *(m->prev ? &m->prev->next : &p->head) = copy;
        *(m->next ? &m->next->prev : &p->tail) = copy;
    }
    return SL_OK;
}

/* While this runs, send only queues (fatal_ms is set), so what a callback sends is met here too and
 * nothing overtakes. False: the new client broke as well. */
static bool resend(kafka_producer *p)
{
    for (message *m = p->head, *next; m; m = next) {
        p->resent += !m->resent;
        m->resent = true;
        rd_kafka_resp_err_t err = produce(p, m);
        if (err == RD_KAFKA_RESP_ERR__FATAL)
            return false;
        p->on_way += err == RD_KAFKA_RESP_ERR_NO_ERROR;
        message *prev = m->prev;
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            end(p, m, err, m->record.partition, -1);
            next = prev ? prev->next : p->head;
        } else {
            next = m->next;
        }
    }
    return true;
}

static void rebuild(kafka_producer *p)
{
    if (p->rk) {
        bool released = purge(p);
        released = client_close(p) && released;
        p->copies_due |= !released;
    }
    if ((p->copies_due && copies_replace(p) != SL_OK) || client_open(p, NULL) != SL_OK) {
        p->retry_ms = sl_mono_ms() + REBUILD_RETRY_MS;
        sl_wake_at(&p->wake, p->retry_ms);
        return;
    }
    p->copies_due = false;
    p->on_way = 0;
    bool works = resend(p);
    p->fatal_ms = works ? 0 : sl_mono_ms();
    if (!works)
        sl_wake_signal(&p->wake);
}

static void rebuild_if_due(kafka_producer *p)
{
    int64_t now_ms = sl_mono_ms();
    int64_t due_ms = p->rk ? p->fatal_ms + SETTLE_MS : p->retry_ms;
    if (now_ms >= due_ms || (p->rk && rd_kafka_outq_len(p->rk) == 0))
        rebuild(p);
    else
        sl_wake_at(&p->wake, due_ms);
}

/* Records of a broken or rebuilt client that are past their own deadline. The list is in the order
 * of deadlines. */
static void expire(kafka_producer *p)
{
    int64_t now_ms = sl_mono_ms();
    while (p->head && p->head != p->waiting && p->head->deadline_ms <= now_ms &&
           (p->resent > 0 || !p->rk)) {
        message *m = p->head;
        unlink_message(p, m);
        m->late = true;
        call_back(p, m, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, m->record.partition, -1);
        if (!p->rk)
            message_free(m);
    }
    if (p->head && (p->resent > 0 || !p->rk))
        sl_wake_at(&p->wake, p->head->deadline_ms);
}

/* ---- verbs ---- */

static void producer_poll(sl_producer *base)
{
    kafka_producer *p = self(base);
    sl_wake_drain(&p->wake);
    tell_refused(p);
    while (p->rk && serve_one(p, 0))
        ;
    if (p->fatal_ms != 0)
        rebuild_if_due(p);
    else if (!p->corks)
        release(p);
    if (p->resent > 0 || !p->rk)
        expire(p);
}

static int producer_fd(const sl_producer *p)
{
    return ((const kafka_producer *)p)->wake.fd;
}

static size_t producer_pending(const sl_producer *p)
{
    return ((const kafka_producer *)p)->pending;
}

static sl_status producer_flush(sl_producer *base, int timeout_ms)
{
    kafka_producer *p = self(base);
    int64_t deadline_ms = sl_mono_ms() + timeout_ms;
    for (;;) {
        producer_poll(base);
        int64_t left_ms = deadline_ms - sl_mono_ms();
        if (p->pending == 0)
            return SL_OK;
        if (left_ms <= 0)
            return SL_E_TIMEOUT;
        struct pollfd fd = {p->wake.fd, POLLIN, 0};
        (void)poll(&fd, 1, left_ms < 1000 ? (int)left_ms : 1000);
    }
}

static void producer_close(sl_producer *base)
{
    kafka_producer *p = self(base);
    bool released = true;
    p->closing = true; /* what is purged now is delivered as closed, not kept */
    if (p->rk) {
        released = purge(p);
        released = client_close(p) && released;
    }
    tell_refused(p);
    while (p->head) {
        message *m = p->head;
        unlink_message(p, m);
        call_back(p, m, RD_KAFKA_RESP_ERR__PURGE_QUEUE, m->record.partition, -1);
        if (released)
            message_free(m);
    }
    for (size_t i = 0; i < p->topics_n; i++)
        free(p->topics[i].name);
    free(p->topics);
    if (released)
        sl_wake_close(&p->wake); /* else librdkafka may yet write to it */
    free(p);
}

static const sl_producer_ops kafka_producer_ops = {
    .send = producer_send,
    .cork = producer_cork,
    .fd = producer_fd,
    .poll = producer_poll,
    .pending = producer_pending,
    .flush = producer_flush,
    .close = producer_close,
};

sl_status kafka_producer_open(sl_producer **ret, sl_bus *b, const sl_producer_options *opt,
                              sl_error *reterr)
{
    kafka_producer *p = calloc(1, sizeof(*p));
    if (!p)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a producer");
    p->base.ops = &kafka_producer_ops;
    p->bus = (kafka_bus *)b;
    p->linger_ms = opt->linger_ms;
    p->gather = opt->gather;
    p->gather_us = opt->gather_us;
    p->interval_us = PAUSE_US;
    p->message_timeout_ms = opt->message_timeout_ms;
    p->queue_records = opt->queue_records;
    p->queue_bytes = opt->queue_bytes;
    sl_status s = sl_wake_open(&p->wake, true, reterr);
    if (s != SL_OK) {
        free(p);
        return s;
    }
    for (const char *const *t = opt->topics; t && *t; t++)
        (void)topic_get(p, *t);
    s = client_open(p, reterr);
    if (s != SL_OK) {
        producer_close(&p->base);
        return s;
    }
    *ret = &p->base;
    return SL_OK;
}
