/* answered.h - ingress offsets that this gateway has answered and the group may not know yet.
 *
 * A commit covers everything below the lowest unfinished record, goes out some time after the
 * answer, and can be lost with a broker or with the partition. Until the group has acknowledged it,
 * the record can come again; it must not be run again then, only finished.
 * Memory: neighbours share one range, so it grows with the gaps; at most SL_ANSWERED_RANGES a
 * partition, after that the lowest is forgotten (its records would be run again, as before).
 * A zeroed sl_answered is empty. Threads: one owner. */
#ifndef SL_GATEWAY_ANSWERED_H
#define SL_GATEWAY_ANSWERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SL_ANSWERED_RANGES 4096

typedef struct sl_answered_range {
    int64_t from, to; /* [from, to) */
} sl_answered_range;

typedef struct sl_answered_part {
    char *topic;
    int32_t partition;
    int64_t committed;         /* acknowledged by the group; -1: not known */
    sl_answered_range *ranges; /* ascending, with gaps between them */
    size_t n, cap;
} sl_answered_part;

typedef struct sl_answered {
    sl_answered_part *parts;
    size_t n;
} sl_answered;

/* Without memory nothing is remembered. */
void sl_answered_add(sl_answered *a, const char *topic, int32_t partition, int64_t offset);
/* A record below the acknowledged commit means that somebody set the group back, or that the topic
 * is a new one: what is remembered of the partition is forgotten then, and false returned. */
bool sl_answered_has(sl_answered *a, const char *topic, int32_t partition, int64_t offset);
/* The group has acknowledged this commit: what lies below needs no memory. -1 changes nothing. */
void sl_answered_committed(sl_answered_part *p, int64_t offset);
void sl_answered_done(sl_answered *a);

#endif
