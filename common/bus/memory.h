/* memory.h - what tests and benches can do to the in-process bus ("memory:NAME").
 *
 * All buses of one name in a process are one cluster: its topics, records and committed offsets
 * live until the last of them is freed. Topics must be created, as on our brokers. A partition
 * keeps the newest sl_memory_retain bytes; a reader that was too slow gets SL_E_CORRUPT through
 * on_error, as from Kafka.
 * On a bus that is not in memory these functions do nothing. Threads: any. */
#ifndef SL_BUS_MEMORY_H
#define SL_BUS_MEMORY_H

#include "common/bus/bus.h"

typedef enum sl_memory_fault {
    SL_MEMORY_LOST,    /* the record is not in the log, the delivery says `status` */
    SL_MEMORY_ACK_LOST /* the record is in the log, the delivery says `status` all the same */
} sl_memory_fault;

/* The next n records for the topic (NULL: any topic) meet the fault. n 0 ends it. */
void sl_memory_fail_sends(sl_bus *b, const char *topic, unsigned n, sl_memory_fault fault,
                          sl_status status);
/* The next n sends say SL_E_FULL. */
void sl_memory_full(sl_bus *b, unsigned n);
/* Deliveries are held back (the records are in the log); false lets them go. Held ones time out
 * when the producer is polled after its message_timeout_ms. */
void sl_memory_hold(sl_bus *b, bool hold);
/* No broker answers: deliveries say SL_E_TIMEOUT at once and without a record, consumers get
 * nothing but one SL_E_UNAVAILABLE, admin calls fail. */
void sl_memory_down(sl_bus *b, bool down);
/* Bytes that each partition keeps; default 32 MiB. */
void sl_memory_retain(sl_bus *b, size_t bytes);
/* Deletes the records of a partition below `offset`. */
void sl_memory_trim(sl_bus *b, const char *topic, int32_t partition, int64_t offset);

#endif
