/* memory.c - the in-process cluster: registry, topics, logs, admin calls and faults. */
#include "common/base/clock.h"
#include "common/bus/memory_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RETAIN_BYTES ((size_t)32 << 20)

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static mem_cluster *registry;

static mem_cluster *cluster_of(sl_bus *b)
{
    return ((mem_bus *)b)->cluster;
}

/* ---- wake-ups ---- */

bool mem_wake_open(mem_wake *w)
{
    atomic_init(&w->signaled, false);
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return w->fd >= 0;
}

void mem_wake_close(mem_wake *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

void mem_wake_signal(mem_wake *w)
{
    if (!atomic_exchange(&w->signaled, true))
        (void)eventfd_write(w->fd, 1);
}

void mem_wake_drain(mem_wake *w)
{
    eventfd_t n;
    (void)eventfd_read(w->fd, &n); /* EAGAIN: polled without a signal */
    atomic_store(&w->signaled, false);
}

/* ---- logs ---- */

void mem_record_unref(mem_record *r)
{
    if (atomic_fetch_sub(&r->refs, 1) == 1)
        free(r);
}

static void drop_head(mem_partition *p)
{
    mem_record *r = p->ring[p->head];
    p->head = (p->head + 1) & (p->cap - 1);
    p->n--;
    p->low++;
    p->bytes -= r->bytes;
    mem_record_unref(r);
}

static bool ring_grow(mem_partition *p)
{
    size_t cap = p->cap ? p->cap * 2 : 64;
    mem_record **ring = malloc(cap * sizeof(*ring));
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

sl_status mem_partition_append(mem_cluster *k, mem_partition *p, const sl_record *r,
                               int64_t *ret_offset)
{
    size_t bytes = sizeof(mem_record) + sl_bus_record_size(r);
    mem_record *m = malloc(bytes);
    if (!m)
        return SL_E_NOMEM;
    atomic_init(&m->refs, 1);
    m->bytes = bytes;
    sl_bus_record_copy(&m->record, m + 1, r, p->topic->name);
    m->record.partition = p->index;
    if (m->record.time_ms <= 0)
        m->record.time_ms = sl_unix_ms();

    pthread_mutex_lock(&p->lock);
    if (p->n == p->cap && !ring_grow(p)) {
        pthread_mutex_unlock(&p->lock);
        free(m);
        return SL_E_NOMEM;
    }
    m->record.offset = *ret_offset = p->low + (int64_t)p->n;
    p->ring[(p->head + p->n++) & (p->cap - 1)] = m;
    p->bytes += bytes;
    size_t retain = atomic_load_explicit(&k->retain_bytes, memory_order_relaxed);
    while (p->bytes > retain && p->n > 1)
        drop_head(p);
    for (size_t i = 0; i < p->watchers_n; i++)
        mem_wake_signal(p->watchers[i]);
    pthread_mutex_unlock(&p->lock);
    return SL_OK;
}

bool mem_partition_watch(mem_partition *p, mem_wake *w)
{
    pthread_mutex_lock(&p->lock);
    mem_wake **grown = realloc(p->watchers, (p->watchers_n + 1) * sizeof(*grown));
    if (grown) {
        p->watchers = grown;
        p->watchers[p->watchers_n++] = w;
    }
    pthread_mutex_unlock(&p->lock);
    return grown != NULL;
}

void mem_partition_unwatch(mem_partition *p, mem_wake *w)
{
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->watchers_n; i++)
        if (p->watchers[i] == w) {
            p->watchers[i] = p->watchers[--p->watchers_n];
            break;
        }
    pthread_mutex_unlock(&p->lock);
}

int64_t mem_partition_end(mem_partition *p)
{
    pthread_mutex_lock(&p->lock);
    int64_t end = p->low + (int64_t)p->n;
    pthread_mutex_unlock(&p->lock);
    return end;
}

int64_t mem_partition_low(mem_partition *p)
{
    pthread_mutex_lock(&p->lock);
    int64_t low = p->low;
    pthread_mutex_unlock(&p->lock);
    return low;
}

/* ---- topics and groups ---- */

mem_topic *mem_topic_find_locked(mem_cluster *k, const char *name)
{
    mem_topic *t = k->topics;
    while (t && strcmp(t->name, name) != 0)
        t = t->next;
    return t;
}

mem_topic *mem_topic_find(mem_cluster *k, const char *name)
{
    pthread_mutex_lock(&k->lock);
    mem_topic *t = mem_topic_find_locked(k, name);
    pthread_mutex_unlock(&k->lock);
    return t;
}

static void topic_free(mem_topic *t)
{
    for (int i = 0; t->partitions && i < t->partitions_n; i++) {
        mem_partition *p = &t->partitions[i];
        while (p->n > 0)
            drop_head(p);
        free(p->ring);
        free(p->watchers);
        pthread_mutex_destroy(&p->lock);
    }
    free(t->partitions);
    free(t->name);
    free(t);
}

static mem_topic *topic_new(const char *name, int partitions)
{
    mem_topic *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->name = strdup(name);
    t->partitions = calloc((size_t)partitions, sizeof(*t->partitions));
    if (!t->name || !t->partitions) {
        free(t->partitions);
        free(t->name);
        free(t);
        return NULL;
    }
    t->partitions_n = partitions;
    for (int i = 0; i < partitions; i++) {
        pthread_mutex_init(&t->partitions[i].lock, NULL);
        t->partitions[i].topic = t;
        t->partitions[i].index = i;
    }
    return t;
}

mem_group *mem_group_get_locked(mem_cluster *k, const char *name, bool create)
{
    for (mem_group *g = k->groups; g; g = g->next)
        if (strcmp(g->name, name) == 0)
            return g;
    mem_group *g = create ? calloc(1, sizeof(*g)) : NULL;
    if (!g)
        return NULL;
    g->name = strdup(name);
    if (!g->name) {
        free(g);
        return NULL;
    }
    g->generation = 1;
    g->next = k->groups;
    return k->groups = g;
}

void mem_group_changed_locked(mem_group *g)
{
    g->generation++;
    for (size_t i = 0; i < g->members_n; i++)
        mem_wake_signal(&g->members[i]->wake);
}

/* ---- the cluster ---- */

static void cluster_free(mem_cluster *k)
{
    while (k->topics) {
        mem_topic *t = k->topics;
        k->topics = t->next;
        topic_free(t);
    }
    while (k->groups) {
        mem_group *g = k->groups;
        k->groups = g->next;
        free(g->claims);
        free(g->members);
        free(g->name);
        free(g);
    }
    pthread_mutex_destroy(&k->lock);
    free(k->name);
    free(k);
}

static mem_cluster *cluster_new(const char *name)
{
    mem_cluster *k = calloc(1, sizeof(*k));
    if (!k || !(k->name = strdup(name))) {
        free(k);
        return NULL;
    }
    pthread_mutex_init(&k->lock, NULL);
    atomic_init(&k->retain_bytes, RETAIN_BYTES);
    k->next = registry;
    return registry = k;
}

static void bus_free(sl_bus *b)
{
    mem_cluster *k = cluster_of(b);
    pthread_mutex_lock(&registry_lock);
    if (--k->refs == 0) {
        mem_cluster **at = &registry;
        while (*at != k)
            at = &(*at)->next;
        *at = k->next;
        cluster_free(k);
    }
    pthread_mutex_unlock(&registry_lock);
    free(b);
}

/* ---- admin ---- */

static sl_status up(mem_cluster *k, sl_error *reterr)
{
    if (!atomic_load(&k->down))
        return SL_OK;
    sl_status s = sl_fail(reterr, SL_E_UNAVAILABLE, "no broker of memory:%s answers", k->name);
    if (reterr)
        reterr->retriable = true;
    return s;
}

static sl_status cluster_id(sl_bus *b, char *out, size_t out_n, int timeout_ms, sl_error *reterr)
{
    mem_cluster *k = cluster_of(b);
    if (up(k, reterr) != SL_OK)
        return SL_E_UNAVAILABLE;
    if ((size_t)snprintf(out, out_n, "memory-%s", k->name) >= out_n)
        return sl_fail(reterr, SL_E_TOO_LARGE, "the cluster id has more than %zu bytes", out_n);
    return SL_OK;
}

static sl_status topic_create(mem_cluster *k, const sl_topic_spec *spec, sl_error *reterr)
{
    mem_topic *t = mem_topic_find_locked(k, spec->name);
    if (t && t->partitions_n < spec->partitions)
        return sl_fail(reterr, SL_E_CONFLICT, "topic %s has %d partitions, fewer than %d",
                       spec->name, t->partitions_n, spec->partitions);
    if (t)
        return SL_OK;
    t = topic_new(spec->name, spec->partitions);
    if (!t)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for topic %s", spec->name);
    t->next = k->topics;
    k->topics = t;
    return SL_OK;
}

static sl_status topics_create(sl_bus *b, const sl_topic_spec *t, size_t n, int timeout_ms,
                               sl_error *reterr)
{
    mem_cluster *k = cluster_of(b);
    sl_status s = up(k, reterr);
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; s == SL_OK && i < n; i++)
        s = topic_create(k, &t[i], reterr);
    for (mem_group *g = k->groups; g; g = g->next)
        mem_group_changed_locked(g);
    pthread_mutex_unlock(&k->lock);
    return s;
}

static sl_status partitions(sl_bus *b, const char *topic, int *ret, int timeout_ms,
                            sl_error *reterr)
{
    mem_cluster *k = cluster_of(b);
    if (up(k, reterr) != SL_OK)
        return SL_E_UNAVAILABLE;
    mem_topic *t = mem_topic_find(k, topic);
    *ret = t ? t->partitions_n : 0;
    return SL_OK;
}

static sl_status partition_find(mem_cluster *k, const char *topic, int32_t partition,
                                mem_partition **ret, sl_error *reterr)
{
    if (up(k, reterr) != SL_OK)
        return SL_E_UNAVAILABLE;
    mem_topic *t = mem_topic_find(k, topic);
    if (!t || partition >= t->partitions_n)
        return sl_fail(reterr, SL_E_NOT_FOUND, "there is no partition %s/%d", topic, partition);
    *ret = &t->partitions[partition];
    return SL_OK;
}

static sl_status watermarks(sl_bus *b, const char *topic, int32_t partition, int64_t *low,
                            int64_t *high, int timeout_ms, sl_error *reterr)
{
    mem_partition *p;
    sl_status s = partition_find(cluster_of(b), topic, partition, &p, reterr);
    if (s != SL_OK)
        return s;
    pthread_mutex_lock(&p->lock);
    *low = p->low;
    *high = p->low + (int64_t)p->n;
    pthread_mutex_unlock(&p->lock);
    return SL_OK;
}

static sl_status offset_at(sl_bus *b, const char *topic, int32_t partition, int64_t time_ms,
                           int64_t *ret, int timeout_ms, sl_error *reterr)
{
    mem_partition *p;
    sl_status s = partition_find(cluster_of(b), topic, partition, &p, reterr);
    if (s != SL_OK)
        return s;
    pthread_mutex_lock(&p->lock);
    size_t i = 0;
    while (i < p->n && p->ring[(p->head + i) & (p->cap - 1)]->record.time_ms < time_ms)
        i++;
    *ret = p->low + (int64_t)i;
    pthread_mutex_unlock(&p->lock);
    return SL_OK;
}

static sl_status committed(sl_bus *b, const char *group, const char *topic, int32_t partition,
                           int64_t *ret, int timeout_ms, sl_error *reterr)
{
    mem_cluster *k = cluster_of(b);
    mem_partition *p;
    sl_status s = partition_find(k, topic, partition, &p, reterr);
    if (s != SL_OK)
        return s;
    *ret = -1;
    pthread_mutex_lock(&k->lock);
    mem_group *g = mem_group_get_locked(k, group, false);
    for (size_t i = 0; g && i < g->claims_n; i++)
        if (g->claims[i].part == p)
            *ret = g->claims[i].committed;
    pthread_mutex_unlock(&k->lock);
    return SL_OK;
}

static sl_status topics_list(sl_bus *b, void (*fn)(void *arg, const char *topic, int partitions),
                             void *arg, int timeout_ms, sl_error *reterr)
{
    mem_cluster *k = cluster_of(b);
    if (up(k, reterr) != SL_OK)
        return SL_E_UNAVAILABLE;
    pthread_mutex_lock(&k->lock);
    mem_topic *t = k->topics;
    pthread_mutex_unlock(&k->lock);
    /* Topics are added in front and never go, so the rest of the list stays as it is. */
    for (; t; t = t->next)
        fn(arg, t->name, t->partitions_n);
    return SL_OK;
}

static const sl_bus_ops memory_ops = {
    .free = bus_free,
    .cluster_id = cluster_id,
    .producer_open = mem_producer_open,
    .consumer_open = mem_consumer_open,
    .topics_create = topics_create,
    .partitions = partitions,
    .watermarks = watermarks,
    .offset_at = offset_at,
    .committed = committed,
    .topics_list = topics_list,
};

sl_status sl_memory_bus_open(sl_bus **ret, const char *name, sl_error *reterr)
{
    if (!*name)
        return sl_fail(reterr, SL_E_INVALID, "memory: needs a name, as in memory:test");
    mem_bus *b = calloc(1, sizeof(*b));
    if (!b)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a bus");
    b->base.ops = &memory_ops;
    pthread_mutex_lock(&registry_lock);
    mem_cluster *k = registry;
    while (k && strcmp(k->name, name) != 0)
        k = k->next;
    if (!k)
        k = cluster_new(name);
    if (k)
        k->refs++;
    pthread_mutex_unlock(&registry_lock);
    if (!k) {
        free(b);
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a bus");
    }
    b->cluster = k;
    *ret = &b->base;
    return SL_OK;
}

/* ---- faults ---- */

static mem_cluster *faulty(sl_bus *b)
{
    return b->ops == &memory_ops ? cluster_of(b) : NULL;
}

void sl_memory_fail_sends(sl_bus *b, const char *topic, unsigned n, sl_memory_fault fault,
                          sl_status status)
{
    mem_cluster *k = faulty(b);
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->fail_n = n;
    k->fail_kind = fault;
    k->fail_status = status;
    snprintf(k->fail_topic, sizeof(k->fail_topic), "%s", topic ? topic : "");
    atomic_store(&k->faulty, k->fail_n > 0 || k->full_n > 0);
    pthread_mutex_unlock(&k->lock);
}

void sl_memory_full(sl_bus *b, unsigned n)
{
    mem_cluster *k = faulty(b);
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->full_n = n;
    atomic_store(&k->faulty, k->fail_n > 0 || k->full_n > 0);
    pthread_mutex_unlock(&k->lock);
}

static void wake_all(mem_cluster *k)
{
    pthread_mutex_lock(&k->lock);
    for (mem_producer *p = k->producers; p; p = p->next)
        mem_wake_signal(&p->wake);
    for (mem_consumer *c = k->consumers; c; c = c->next)
        mem_wake_signal(&c->wake);
    pthread_mutex_unlock(&k->lock);
}

void sl_memory_hold(sl_bus *b, bool hold)
{
    mem_cluster *k = faulty(b);
    if (!k)
        return;
    atomic_store(&k->hold, hold);
    wake_all(k);
}

void sl_memory_down(sl_bus *b, bool down)
{
    mem_cluster *k = faulty(b);
    if (!k)
        return;
    atomic_store(&k->down, down);
    wake_all(k);
}

void sl_memory_retain(sl_bus *b, size_t bytes)
{
    mem_cluster *k = faulty(b);
    if (k)
        atomic_store(&k->retain_bytes, bytes);
}

void sl_memory_trim(sl_bus *b, const char *topic, int32_t partition, int64_t offset)
{
    mem_cluster *k = faulty(b);
    mem_topic *t = k ? mem_topic_find(k, topic) : NULL;
    if (!t || partition < 0 || partition >= t->partitions_n)
        return;
    mem_partition *p = &t->partitions[partition];
    pthread_mutex_lock(&p->lock);
    while (p->n > 0 && p->low < offset)
        drop_head(p);
    pthread_mutex_unlock(&p->lock);
}
