/* memory_consumer.c - readers over the partitions' logs, alone or as members of a group.
 *
 * A group gives partition i to member i mod n, in the order of joining. A partition changes hands
 * in two steps: its owner sees the new generation in its own poll, calls on_revoked and lets go;
 * only then may the next one take it. So no two members ever read a partition at once. */
#include "common/bus/memory_impl.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 64

static mem_consumer *self(sl_consumer *c)
{
    return (mem_consumer *)c;
}

static void report(mem_consumer *c, sl_status code, bool retriable, const char *text)
{
    if (!c->cb.on_error)
        return;
    sl_error e;
    (void)sl_fail(&e, code, "%s", text);
    e.retriable = retriable;
    c->cb.on_error(c->cb.arg, &e);
}

/* ---- readers ---- */

static mem_reader *reader_add(mem_consumer *c, mem_partition *part, int64_t position)
{
    mem_reader *grown = realloc(c->readers, (c->readers_n + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    c->readers = grown;
    if (!mem_partition_watch(part, &c->wake))
        return NULL;
    mem_reader *r = &c->readers[c->readers_n++];
    *r = (mem_reader){.part = part, .position = position};
    sl_offsets_start(&r->offsets, position);
    return r;
}

static void reader_remove(mem_consumer *c, size_t i)
{
    mem_partition_unwatch(c->readers[i].part, &c->wake);
    sl_offsets_done(&c->readers[i].offsets);
    c->readers[i] = c->readers[--c->readers_n];
}

static mem_reader *reader_find(mem_consumer *c, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < c->readers_n; i++) {
        mem_partition *p = c->readers[i].part;
        if (p->index == partition && strcmp(p->topic->name, topic) == 0)
            return &c->readers[i];
    }
    return NULL;
}

/* Takes references on up to `max` records from the reader's position on. */
static size_t reader_fetch(mem_reader *r, mem_record **out, size_t max, bool *ret_lost)
{
    mem_partition *p = r->part;
    size_t n = 0;
    pthread_mutex_lock(&p->lock);
    *ret_lost = r->position < p->low || r->position > p->low + (int64_t)p->n;
    if (*ret_lost)
        r->position = p->low;
    for (size_t i = (size_t)(r->position - p->low); n < max && i < p->n; i++) {
        out[n] = p->ring[(p->head + i) & (p->cap - 1)];
        atomic_fetch_add_explicit(&out[n++]->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}

/* False: the record was not given to the caller. */
static bool reader_deliver(mem_consumer *c, mem_reader *r, mem_record *m)
{
    sl_offsets_verdict verdict = SL_OFFSETS_DELIVER;
    if (c->group && sl_offsets_deliver(&r->offsets, m->record.offset, &verdict) != SL_OK)
        return false; /* too many unfinished: the position stays, a later poll tries again */
    r->position = m->record.offset + 1;
    if (verdict == SL_OFFSETS_DELIVER)
        c->cb.on_record(c->cb.arg, &m->record);
    return verdict == SL_OFFSETS_DELIVER;
}

/* A finish moves the ring's head on; the group sees it at once. */
static void commit(mem_consumer *c, mem_reader *r)
{
    int64_t offset = sl_offsets_commit(&r->offsets);
    pthread_mutex_lock(&c->cluster->lock);
    for (size_t i = 0; i < c->group->claims_n; i++)
        if (c->group->claims[i].part == r->part && c->group->claims[i].owner == c)
            c->group->claims[i].committed = offset;
    pthread_mutex_unlock(&c->cluster->lock);
}

static size_t reader_run(mem_consumer *c, mem_reader *r, size_t max)
{
    mem_record *batch[BATCH];
    bool lost;
    size_t n = reader_fetch(r, batch, max < BATCH ? max : BATCH, &lost), ran = 0, i = 0;
    if (lost) {
        sl_offsets_start(&r->offsets, r->position);
        report(c, SL_E_CORRUPT, true,
               "records were deleted before they were read; reading goes on at the earliest");
    }
    unsigned epoch = r->epoch;
    for (; i < n && r->epoch == epoch; i++) {
        int64_t before = r->position;
        ran += reader_deliver(c, r, batch[i]);
        if (r->position == before && r->epoch == epoch)
            break;
        mem_record_unref(batch[i]);
    }
    for (; i < n; i++)
        mem_record_unref(batch[i]);
    return ran;
}

/* ---- group membership ---- */

static bool subscribed(const mem_consumer *c, const mem_topic *t)
{
    for (char **name = c->topics; *name; name++)
        if (strcmp(*name, t->name) == 0)
            return true;
    return false;
}

/* Claims for partitions that are new to the group; false without memory. */
static bool claims_update(mem_consumer *c)
{
    mem_group *g = c->group;
    for (size_t t = 0; c->topics[t]; t++) {
        mem_topic *topic = mem_topic_find_locked(c->cluster, c->topics[t]);
        bool known = !topic;
        for (size_t i = 0; topic && i < g->claims_n; i++)
            known |= g->claims[i].part->topic == topic;
        if (known)
            continue;
        size_t n = g->claims_n + (size_t)topic->partitions_n;
        mem_claim *grown = realloc(g->claims, n * sizeof(*grown));
        if (!grown)
            return false;
        g->claims = grown;
        for (int i = 0; i < topic->partitions_n; i++)
            g->claims[g->claims_n++] = (mem_claim){&topic->partitions[i], NULL, -1};
    }
    return true;
}

static mem_consumer *target_of(const mem_group *g, size_t claim)
{
    for (size_t i = 0; i < g->members_n; i++) {
        mem_consumer *m = g->members[(claim + i) % g->members_n];
        if (subscribed(m, g->claims[claim].part->topic))
            return m;
    }
    return NULL;
}

static void take(mem_consumer *c, mem_claim *claim)
{
    int64_t at = claim->committed;
    if (at < 0)
        at = c->cb.from_end ? mem_partition_end(claim->part) : mem_partition_low(claim->part);
    if (reader_add(c, claim->part, at))
        claim->owner = c;
}

static void let_go(mem_consumer *c, mem_partition *part)
{
    if (c->cb.on_revoked)
        c->cb.on_revoked(c->cb.arg, part->topic->name, part->index);
    pthread_mutex_lock(&c->cluster->lock);
    for (size_t i = 0; i < c->group->claims_n; i++)
        if (c->group->claims[i].part == part)
            c->group->claims[i].owner = NULL;
    for (size_t i = 0; i < c->readers_n; i++)
        if (c->readers[i].part == part) {
            reader_remove(c, i);
            break;
        }
    mem_group_changed_locked(c->group);
    pthread_mutex_unlock(&c->cluster->lock);
}

static void missing_report(mem_consumer *c)
{
    for (size_t i = 0; c->topics[i]; i++) {
        bool there = mem_topic_find(c->cluster, c->topics[i]) != NULL;
        if (!there && !c->missing[i])
            report(c, SL_E_NOT_FOUND, true, "a subscribed topic does not exist: create it");
        c->missing[i] = !there;
    }
}

static void rebalance(mem_consumer *c)
{
    mem_group *g = c->group;
    for (;;) {
        mem_partition *lost = NULL;
        pthread_mutex_lock(&c->cluster->lock);
        if (c->generation == g->generation) {
            pthread_mutex_unlock(&c->cluster->lock);
            return;
        }
        if (claims_update(c))
            c->generation = g->generation;
        for (size_t i = 0; i < g->claims_n && !lost; i++) {
            mem_claim *claim = &g->claims[i];
            mem_consumer *target = target_of(g, i);
            if (claim->owner == c && target != c)
                lost = claim->part;
            else if (!claim->owner && target == c)
                take(c, claim);
        }
        pthread_mutex_unlock(&c->cluster->lock);
        if (lost)
            let_go(c, lost); /* changes the generation: look again */
        missing_report(c);
    }
}

static void leave(mem_consumer *c)
{
    mem_group *g = c->group;
    pthread_mutex_lock(&c->cluster->lock);
    for (size_t i = 0; i < g->members_n; i++)
        if (g->members[i] == c) {
            memmove(&g->members[i], &g->members[i + 1],
                    (g->members_n - i - 1) * sizeof(*g->members));
            g->members_n--;
            break;
        }
    for (size_t i = 0; i < g->claims_n; i++)
        if (g->claims[i].owner == c)
            g->claims[i].owner = NULL;
    mem_group_changed_locked(g);
    pthread_mutex_unlock(&c->cluster->lock);
}

/* ---- verbs ---- */

static int consumer_fd(const sl_consumer *c)
{
    return ((const mem_consumer *)c)->wake.fd;
}

static size_t consumer_poll(sl_consumer *base, size_t max_records)
{
    mem_consumer *c = self(base);
    mem_wake_drain(&c->wake);
    bool down = atomic_load_explicit(&c->cluster->down, memory_order_relaxed);
    if (down && !c->told_down)
        report(c, SL_E_UNAVAILABLE, true, "no broker answers");
    c->told_down = down;
    if (down)
        return 0;
    if (c->group)
        rebalance(c);
    size_t ran = 0, idle = 0;
    while (ran < max_records && c->readers_n > 0 && idle < c->readers_n) {
        mem_reader *r = &c->readers[c->turn++ % c->readers_n];
        int64_t before = r->position;
        unsigned epoch = r->epoch;
        ran += reader_run(c, r, max_records - ran);
        idle = r->position != before || r->epoch != epoch ? 0 : idle + 1;
    }
    return ran;
}

static void consumer_finish(sl_consumer *base, const char *topic, int32_t partition, int64_t offset)
{
    mem_consumer *c = self(base);
    mem_reader *r = c->group ? reader_find(c, topic, partition) : NULL;
    if (r && sl_offsets_finish(&r->offsets, offset))
        commit(c, r);
}

static sl_status consumer_rewind(sl_consumer *base, const char *topic, int32_t partition,
                                 int64_t offset)
{
    mem_consumer *c = self(base);
    mem_reader *r = c->group ? reader_find(c, topic, partition) : NULL;
    if (!r)
        return c->group ? SL_E_NOT_FOUND : SL_E_INVALID;
    if (sl_offsets_rewind(&r->offsets, offset) != SL_OK)
        return SL_E_INVALID;
    r->position = offset;
    r->epoch++;
    commit(c, r);
    mem_wake_signal(&c->wake);
    return SL_OK;
}

static bool consumer_at_end(sl_consumer *base)
{
    mem_consumer *c = self(base);
    for (size_t i = 0; i < c->readers_n; i++)
        if (c->readers[i].position < mem_partition_end(c->readers[i].part))
            return false;
    return true;
}

static bool consumer_assigned(const sl_consumer *base)
{
    return ((const mem_consumer *)base)->readers_n > 0;
}

static int64_t consumer_committed(sl_consumer *base, const char *topic, int32_t partition)
{
    mem_consumer *c = self(base);
    const mem_reader *r = c->group ? reader_find(c, topic, partition) : NULL;
    int64_t offset = -1;
    pthread_mutex_lock(&c->cluster->lock);
    for (size_t i = 0; r && i < c->group->claims_n; i++)
        if (c->group->claims[i].part == r->part && c->group->claims[i].owner == c)
            offset = c->group->claims[i].committed;
    pthread_mutex_unlock(&c->cluster->lock);
    return offset;
}

static void consumer_close(sl_consumer *base)
{
    mem_consumer *c = self(base);
    while (c->readers_n > 0)
        reader_remove(c, c->readers_n - 1);
    if (c->group)
        leave(c);
    pthread_mutex_lock(&c->cluster->lock);
    for (mem_consumer **at = &c->cluster->consumers; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    pthread_mutex_unlock(&c->cluster->lock);
    mem_wake_close(&c->wake);
    for (char **t = c->topics; t && *t; t++)
        free(*t);
    free(c->topics);
    free(c->missing);
    free(c->readers);
    free(c);
}

static sl_status consumer_split(sl_consumer **ret, sl_consumer *base,
                                const sl_bus_partition *partitions, size_t n,
                                const sl_consumer_options *callbacks, sl_error *reterr);

static const sl_consumer_ops memory_consumer_ops = {
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

/* ---- opening ---- */

static mem_consumer *consumer_new(mem_cluster *k, const sl_consumer_options *opt, sl_error *reterr)
{
    mem_consumer *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)sl_fail(reterr, SL_E_NOMEM, "no memory for a consumer");
        return NULL;
    }
    c->base.ops = &memory_consumer_ops;
    c->cluster = k;
    c->cb = *opt;
    if (!mem_wake_open(&c->wake)) {
        free(c);
        (void)sl_fail(reterr, SL_E_IO, "no event fd left: raise the limit of open files");
        return NULL;
    }
    pthread_mutex_lock(&k->lock);
    c->next = k->consumers;
    k->consumers = c;
    pthread_mutex_unlock(&k->lock);
    return c;
}

static sl_status consumer_split(sl_consumer **ret, sl_consumer *base,
                                const sl_bus_partition *partitions, size_t n,
                                const sl_consumer_options *callbacks, sl_error *reterr)
{
    mem_consumer *from = self(base);
    if (from->group)
        return sl_fail(reterr, SL_E_INVALID, "a member of a group cannot be split");
    for (size_t i = 0; i < n; i++)
        if (!reader_find(from, partitions[i].topic, partitions[i].partition))
            return sl_fail(reterr, SL_E_NOT_FOUND, "%s/%d is not assigned here",
                           partitions[i].topic, partitions[i].partition);
    mem_consumer *c = consumer_new(from->cluster, callbacks, reterr);
    if (!c)
        return SL_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        mem_reader *r = reader_find(from, partitions[i].topic, partitions[i].partition);
        if (!r)
            continue; /* named twice */
        if (!reader_add(c, r->part, r->position)) {
            consumer_close(&c->base);
            return sl_fail(reterr, SL_E_NOMEM, "no memory for a consumer");
        }
    }
    for (size_t i = 0; i < c->readers_n; i++) {
        const mem_partition *part = c->readers[i].part;
        mem_reader *r = reader_find(from, part->topic->name, part->index);
        reader_remove(from, (size_t)(r - from->readers));
    }
    mem_wake_signal(&c->wake);
    *ret = &c->base;
    return SL_OK;
}

static sl_status assign_one(mem_consumer *c, const sl_bus_partition *want, mem_topic *t, int32_t i,
                            sl_error *reterr)
{
    if (i >= t->partitions_n)
        return sl_fail(reterr, SL_E_NOT_FOUND, "there is no partition %s/%d", want->topic, i);
    if (reader_find(c, t->name, i))
        return sl_fail(reterr, SL_E_INVALID, "%s/%d is named twice", t->name, i);
    mem_partition *p = &t->partitions[i];
    int64_t at = want->offset;
    if (at < 0)
        at = at == SL_FROM_END ? mem_partition_end(p) : mem_partition_low(p);
    return reader_add(c, p, at) ? SL_OK : sl_fail(reterr, SL_E_NOMEM, "no memory for a consumer");
}

static sl_status assign(mem_consumer *c, const sl_consumer_options *opt, sl_error *reterr)
{
    for (size_t i = 0; i < opt->partitions_n; i++) {
        const sl_bus_partition *want = &opt->partitions[i];
        mem_topic *t = mem_topic_find(c->cluster, want->topic);
        if (!t)
            return sl_fail(reterr, SL_E_NOT_FOUND, "there is no topic %s: create it first",
                           want->topic);
        int32_t first = want->partition < 0 ? 0 : want->partition;
        int32_t last = want->partition < 0 ? t->partitions_n - 1 : want->partition;
        for (int32_t p = first; p <= last; p++) {
            sl_status s = assign_one(c, want, t, p, reterr);
            if (s != SL_OK)
                return s;
        }
    }
    return SL_OK;
}

static sl_status join(mem_consumer *c, const sl_consumer_options *opt, sl_error *reterr)
{
    size_t n = 0;
    while (opt->topics[n])
        n++;
    c->topics = calloc(n + 1, sizeof(*c->topics));
    c->missing = calloc(n, sizeof(*c->missing));
    bool ok = c->topics && c->missing;
    for (size_t i = 0; ok && i < n; i++)
        ok = (c->topics[i] = strdup(opt->topics[i])) != NULL;
    pthread_mutex_lock(&c->cluster->lock);
    mem_group *g = ok ? mem_group_get_locked(c->cluster, opt->group, true) : NULL;
    mem_consumer **grown =
        g ? realloc(g->members, (g->members_n + 1) * sizeof(struct mem_consumer *)) : NULL;
    if (grown) {
        g->members = grown;
        g->members[g->members_n++] = c;
        c->group = g;
        mem_group_changed_locked(g);
    }
    pthread_mutex_unlock(&c->cluster->lock);
    return grown ? SL_OK : sl_fail(reterr, SL_E_NOMEM, "no memory for a consumer");
}

sl_status mem_consumer_open(sl_consumer **ret, sl_bus *b, const sl_consumer_options *opt,
                            sl_error *reterr)
{
    mem_consumer *c = consumer_new(((mem_bus *)b)->cluster, opt, reterr);
    if (!c)
        return SL_E_NOMEM;
    sl_status s = opt->group ? join(c, opt, reterr) : assign(c, opt, reterr);
    if (s != SL_OK) {
        consumer_close(&c->base);
        return s;
    }
    mem_wake_signal(&c->wake);
    *ret = &c->base;
    return SL_OK;
}
