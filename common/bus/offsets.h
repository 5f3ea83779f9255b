/* offsets.h - the lowest unfinished offset of one partition.
 *
 * Records are delivered in ascending order and finished in any order. What may be committed is the
 * offset of the lowest record that was delivered and is not finished; when there is none, the one
 * after the last delivered record. Gaps (compaction, transaction markers) are normal.
 * A zeroed sl_offsets is empty; sl_offsets_start sets where the partition is read from.
 * Memory: 16 bytes for each record between the lowest unfinished and the last delivered one.
 * Threads: one owner. */
#ifndef SL_BUS_OFFSETS_H
#define SL_BUS_OFFSETS_H

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Records of one partition between the lowest unfinished and the last delivered one (16 MiB). */
#define SL_OFFSETS_MAX (1 << 20)

typedef struct sl_offsets {
    struct sl_offset_mark {
        int64_t offset;
        bool done;
    } * marks;  /* a ring; ascending from `head` */
    size_t cap; /* a power of two, or 0 */
    size_t head, n;
    int64_t next; /* the position: after the last delivered record; -1 before the first */
} sl_offsets;

typedef enum sl_offsets_verdict {
    SL_OFFSETS_DELIVER, /* new, or taken back, or delivered again and still unfinished */
    SL_OFFSETS_SKIP     /* was finished before: it came again through a rewind or a re-read */
} sl_offsets_verdict;

void sl_offsets_start(sl_offsets *o, int64_t next); /* forgets all; next -1: the first decides */
void sl_offsets_done(sl_offsets *o);
/* A record arrived. SL_E_FULL (too many since the lowest unfinished one) and SL_E_NOMEM: it was not
 * noted and must not be delivered now. */
sl_status sl_offsets_deliver(sl_offsets *o, int64_t offset, sl_offsets_verdict *ret) SL_MUST_CHECK;
/* False when that offset is not waiting to be finished (an old delivery: no harm). */
bool sl_offsets_finish(sl_offsets *o, int64_t offset);
/* The record at `offset` is not finished after all; it and everything after it is read again.
 * SL_E_INVALID: it was never delivered. */
sl_status sl_offsets_rewind(sl_offsets *o, int64_t offset) SL_MUST_CHECK;
/* What may be committed; -1: nothing is known yet. */
int64_t sl_offsets_commit(const sl_offsets *o);

#endif
