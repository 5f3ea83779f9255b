/* memory_producer.c - appends in the caller's thread; deliveries wait for the next poll. */
#include "common/base/clock.h"
#include "common/bus/memory_impl.h"
#include "common/bus/murmur2.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct mem_delivery {
    sl_delivery_fn cb;
    void *arg;
    sl_status status;
    int32_t partition;
    int64_t offset;
    int64_t deadline_ms;
};

static mem_producer *self(sl_producer *p)
{
    return (mem_producer *)p;
}

static bool ring_grow(mem_producer *p)
{
    size_t cap = p->cap ? p->cap * 2 : 256;
    struct mem_delivery *ring = malloc(cap * sizeof(*ring));
    if (!ring)
        return false;
    for (size_t i = 0; i < p->n; i++)
        ring[i] = p->ring[(p->head + i) & (p->cap - 1)];
    free(p->ring);
    p->ring = ring;
    p->cap = cap;
    p->head = 0;
    return true;
}

/* What an injected fault does to this record. */
typedef struct verdict {
    bool full, lost;
    sl_status status;
} verdict;

static verdict fault(mem_cluster *k, const char *topic)
{
    verdict v = {0};
    if (atomic_load_explicit(&k->down, memory_order_relaxed))
        return (verdict){.lost = true, .status = SL_E_TIMEOUT};
    if (!atomic_load_explicit(&k->faulty, memory_order_relaxed))
        return v;
    pthread_mutex_lock(&k->lock);
    if (k->full_n > 0) {
        k->full_n--;
        v.full = true;
    } else if (k->fail_n > 0 && (!k->fail_topic[0] || strcmp(k->fail_topic, topic) == 0)) {
        k->fail_n--;
        v.lost = k->fail_kind == SL_MEMORY_LOST;
        v.status = k->fail_status;
    }
    atomic_store(&k->faulty, k->fail_n > 0 || k->full_n > 0);
    pthread_mutex_unlock(&k->lock);
    return v;
}

static mem_topic *topic_of(mem_producer *p, const char *name)
{
    if (!p->last_topic || strcmp(p->last_topic->name, name) != 0) {
        mem_topic *t = mem_topic_find(p->cluster, name);
        if (!t)
            return NULL;
        p->last_topic = t;
    }
    return p->last_topic;
}

static sl_status append(mem_producer *p, const sl_record *r, struct mem_delivery *d)
{
    mem_topic *t = topic_of(p, r->topic);
    int32_t partition = r->partition;
    if (t && partition < 0) {
        uint32_t hash = r->key.n > 0 ? sl_murmur2(r->key.p, r->key.n) & 0x7fffffff : p->turn++;
        partition = (int32_t)(hash % (uint32_t)t->partitions_n);
    }
    d->partition = partition;
    if (!t || partition >= t->partitions_n)
        return SL_E_NOT_FOUND;
    return mem_partition_append(p->cluster, &t->partitions[partition], r, &d->offset);
}

static sl_status producer_send(sl_producer *base, const sl_record *r, sl_delivery_fn cb, void *arg,
                               sl_error *reterr)
{
    mem_producer *p = self(base);
    if (p->n >= p->queue_records)
        return sl_fail(reterr, SL_E_FULL, "%zu records wait for their acknowledgement", p->n);
    if (p->n == p->cap && !ring_grow(p))
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a record");
    verdict v = fault(p->cluster, r->topic);
    if (v.full)
        return sl_fail(reterr, SL_E_FULL, "the producer's queue is full");

    struct mem_delivery d = {cb, arg, SL_OK, -1, -1, 0};
    if (!v.lost) {
        d.status = append(p, r, &d);
        if (d.status == SL_E_NOMEM)
            return sl_fail(reterr, SL_E_NOMEM, "no memory for a record");
    }
    if (v.status != SL_OK)
        d.status = v.status;
    bool hold = atomic_load_explicit(&p->cluster->hold, memory_order_relaxed);
    if (!cb && !hold)
        return SL_OK; /* nobody waits for it */
    d.deadline_ms = hold ? sl_mono_ms() + p->message_timeout_ms : 0;
    p->ring[(p->head + p->n++) & (p->cap - 1)] = d;
    if (p->n == 1 && !p->polling)
        mem_wake_signal(&p->wake);
    return SL_OK;
}

static int producer_fd(const sl_producer *p)
{
    return ((const mem_producer *)p)->wake.fd;
}

static size_t producer_pending(const sl_producer *p)
{
    return ((const mem_producer *)p)->n;
}

static void deliver_first(mem_producer *p, sl_status status)
{
    struct mem_delivery d = p->ring[p->head];
    p->head = (p->head + 1) & (p->cap - 1);
    p->n--;
    sl_delivery out = {.status = status == SL_OK ? d.status : status,
                       .partition = d.partition,
                       .offset = d.offset};
    if (out.status == SL_E_NOT_FOUND)
        (void)sl_fail(&out.error, out.status, "there is no such topic or partition");
    else if (out.status == SL_E_TIMEOUT)
        (void)sl_fail(&out.error, out.status, "not acknowledged within %d ms",
                      p->message_timeout_ms);
    else if (out.status != SL_OK)
        (void)sl_fail(&out.error, out.status, "the record was not acknowledged");
    out.error.retriable = out.status == SL_E_TIMEOUT || out.status == SL_E_UNAVAILABLE;
    if (d.cb)
        d.cb(d.arg, &out);
}

static void producer_poll(sl_producer *base)
{
    mem_producer *p = self(base);
    mem_wake_drain(&p->wake);
    p->polling = true;
    /* A callback may send: what it sends is delivered by this poll as well. */
    while (p->n > 0) {
        sl_status status = SL_OK;
        if (atomic_load_explicit(&p->cluster->hold, memory_order_relaxed)) {
            int64_t deadline_ms = p->ring[p->head].deadline_ms;
            if (deadline_ms == 0 || sl_mono_ms() < deadline_ms)
                break;
            status = SL_E_TIMEOUT;
        }
        deliver_first(p, status);
    }
    p->polling = false;
}

static sl_status producer_flush(sl_producer *base, int timeout_ms)
{
    mem_producer *p = self(base);
    int64_t deadline_ms = sl_mono_ms() + timeout_ms;
    for (;;) {
        producer_poll(base);
        int64_t left_ms = deadline_ms - sl_mono_ms();
        if (p->n == 0)
            return SL_OK;
        if (left_ms <= 0)
            return SL_E_TIMEOUT;
        struct pollfd fd = {p->wake.fd, POLLIN, 0};
        (void)poll(&fd, 1, left_ms < 100 ? (int)left_ms : 100);
    }
}

static void producer_close(sl_producer *base)
{
    mem_producer *p = self(base);
    p->polling = true;
    while (p->n > 0)
        deliver_first(p, atomic_load(&p->cluster->hold) ? SL_E_CLOSED : SL_OK);
    pthread_mutex_lock(&p->cluster->lock);
    mem_producer **at = &p->cluster->producers;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    pthread_mutex_unlock(&p->cluster->lock);
    mem_wake_close(&p->wake);
    free(p->ring);
    free(p);
}

static const sl_producer_ops memory_producer_ops = {
    .send = producer_send,
    .fd = producer_fd,
    .poll = producer_poll,
    .pending = producer_pending,
    .flush = producer_flush,
    .close = producer_close,
};

sl_status mem_producer_open(sl_producer **ret, sl_bus *b, const sl_producer_options *opt,
                            sl_error *reterr)
{
    mem_producer *p = calloc(1, sizeof(*p));
    if (!p)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a producer");
    p->base.ops = &memory_producer_ops;
    p->cluster = ((mem_bus *)b)->cluster;
    p->queue_records = opt->queue_records;
    p->message_timeout_ms = opt->message_timeout_ms;
    if (!mem_wake_open(&p->wake)) {
        free(p);
        return sl_fail(reterr, SL_E_IO, "no event fd left: raise the limit of open files");
    }
    pthread_mutex_lock(&p->cluster->lock);
    p->next = p->cluster->producers;
    p->cluster->producers = p;
    pthread_mutex_unlock(&p->cluster->lock);
    *ret = &p->base;
    return SL_OK;
}
