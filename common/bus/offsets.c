/* offsets.c - a ring of marks, ascending by offset; finished ones leave it at its head. */
#include "common/bus/offsets.h"

#include <stdlib.h>

static struct sl_offset_mark *mark_at(const sl_offsets *o, size_t i)
{
    return &o->marks[(o->head + i) & (o->cap - 1)];
}

/* Index of the first mark whose offset is not below `offset`; n when there is none. */
static size_t lower_bound(const sl_offsets *o, int64_t offset)
{
    size_t lo = 0, hi = o->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (mark_at(o, mid)->offset < offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void sl_offsets_start(sl_offsets *o, int64_t next)
{
    o->head = o->n = 0;
    o->next = next < 0 ? -1 : next;
}

void sl_offsets_done(sl_offsets *o)
{
    free(o->marks);
    *o = (sl_offsets){0};
}

static sl_status grow(sl_offsets *o)
{
    if (o->cap >= SL_OFFSETS_MAX)
        return SL_E_FULL;
    size_t cap = o->cap ? o->cap * 2 : 64;
    struct sl_offset_mark *marks = malloc(cap * sizeof(*marks));
    if (!marks)
        return SL_E_NOMEM;
    for (size_t i = 0; i < o->n; i++)
        marks[i] = *mark_at(o, i);
    free(o->marks);
    o->marks = marks;
    o->cap = cap;
    o->head = 0;
    return SL_OK;
}

sl_status sl_offsets_deliver(sl_offsets *o, int64_t offset, sl_offsets_verdict *ret)
{
    if (o->next >= 0 && offset < o->next) {
        size_t i = lower_bound(o, offset);
        bool waiting = i < o->n && mark_at(o, i)->offset == offset && !mark_at(o, i)->done;
        *ret = waiting ? SL_OFFSETS_DELIVER : SL_OFFSETS_SKIP;
        return SL_OK;
    }
    sl_status s = o->n == o->cap ? grow(o) : SL_OK;
    if (s != SL_OK)
        return s;
    *mark_at(o, o->n++) = (struct sl_offset_mark){offset, false};
    o->next = offset + 1;
    *ret = SL_OFFSETS_DELIVER;
    return SL_OK;
}

bool sl_offsets_finish(sl_offsets *o, int64_t offset)
{
    size_t i = lower_bound(o, offset);
    if (i == o->n || mark_at(o, i)->offset != offset || mark_at(o, i)->done)
        return false;
    mark_at(o, i)->done = true;
    while (o->n > 0 && mark_at(o, 0)->done) {
        o->head = (o->head + 1) & (o->cap - 1);
        o->n--;
    }
    return true;
}

sl_status sl_offsets_rewind(sl_offsets *o, int64_t offset)
{
    if (offset < 0 || o->next < 0 || offset >= o->next)
        return SL_E_INVALID;
    size_t i = lower_bound(o, offset);
    if (i < o->n && mark_at(o, i)->offset == offset) {
        mark_at(o, i)->done = false;
        return SL_OK;
    }
    /* Finished and gone from the ring, together with everything below the head: the partition
     * starts anew there. What was in flight above it comes again as well. */
    sl_offsets_start(o, offset);
    return SL_OK;
}

int64_t sl_offsets_commit(const sl_offsets *o)
{
    return o->n > 0 ? mark_at(o, 0)->offset : o->next;
}
