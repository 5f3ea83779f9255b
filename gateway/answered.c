/* answered.c - ascending ranges of offsets, one row of them a partition. */
#include "gateway/answered.h"

#include <stdlib.h>
#include <string.h>

static sl_answered_part *find(sl_answered *a, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->parts[i].partition == partition && !strcmp(a->parts[i].topic, topic))
            return &a->parts[i];
    return NULL;
}

static sl_answered_part *find_or_add(sl_answered *a, const char *topic, int32_t partition)
{
    sl_answered_part *p = find(a, topic, partition);
    if (p)
        return p;
    sl_answered_part *grown = realloc(a->parts, (a->n + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    a->parts = grown;
    char *name = strdup(topic);
    if (!name)
        return NULL;
    a->parts[a->n] = (sl_answered_part){.topic = name, .partition = partition, .committed = -1};
    return &a->parts[a->n++];
}

/* Index of the first range that ends after `offset`; n when there is none. */
static size_t range_after(const sl_answered_part *p, int64_t offset)
{
    size_t lo = 0, hi = p->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (p->ranges[mid].to <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void drop_first(sl_answered_part *p, size_t n)
{
    p->n -= n;
    if (p->n)
        memmove(p->ranges, p->ranges + n, p->n * sizeof(*p->ranges));
}

static void insert(sl_answered_part *p, size_t i, int64_t offset)
{
    if (p->n == SL_ANSWERED_RANGES) {
        if (i == 0)
            return; /* it would be the lowest */
        drop_first(p, 1);
        i--;
    }
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        sl_answered_range *grown = realloc(p->ranges, cap * sizeof(*grown));
        if (!grown)
            return;
        p->ranges = grown;
        p->cap = cap;
    }
    memmove(p->ranges + i + 1, p->ranges + i, (p->n - i) * sizeof(*p->ranges));
    p->ranges[i] = (sl_answered_range){offset, offset + 1};
    p->n++;
}

void sl_answered_add(sl_answered *a, const char *topic, int32_t partition, int64_t offset)
{
    sl_answered_part *p = find_or_add(a, topic, partition);
    if (!p || offset < p->committed)
        return;
    size_t i = range_after(p, offset);
    sl_answered_range *next = i < p->n ? &p->ranges[i] : NULL;
    sl_answered_range *before = i > 0 ? &p->ranges[i - 1] : NULL;
    if (next && next->from <= offset)
        return;
    bool joins_before = before && before->to == offset;
    bool joins_next = next && next->from == offset + 1;
    if (joins_before && joins_next) {
        before->to = next->to;
        p->n--;
        memmove(next, next + 1, (p->n - i) * sizeof(*next));
    } else if (joins_before) {
        before->to = offset + 1;
    } else if (joins_next) {
        next->from = offset;
    } else {
        insert(p, i, offset);
    }
}

bool sl_answered_has(sl_answered *a, const char *topic, int32_t partition, int64_t offset)
{
    sl_answered_part *p = find(a, topic, partition);
    if (!p)
        return false;
    if (offset < p->committed) {
        p->n = 0;
        p->committed = -1;
        return false;
    }
    size_t i = range_after(p, offset);
    return i < p->n && p->ranges[i].from <= offset;
}

void sl_answered_committed(sl_answered_part *p, int64_t offset)
{
    if (offset < 0)
        return;
    p->committed = offset;
    size_t i = range_after(p, offset);
    drop_first(p, i);
    if (p->n && p->ranges[0].from < offset)
        p->ranges[0].from = offset;
}

void sl_answered_done(sl_answered *a)
{
    for (size_t i = 0; i < a->n; i++) {
        free(a->parts[i].topic);
        free(a->parts[i].ranges);
    }
    free(a->parts);
    *a = (sl_answered){0};
}
