/* kafka_wake.h - one file descriptor that is readable when librdkafka's queues have something or a
 * timer is due.
 *
 * librdkafka writes 8 bytes to `event` (an eventfd) when a queue was empty and no longer is. With a
 * timer, `fd` is an epoll descriptor over both, which any loop can watch like a plain one.
 * Threads: `event` may be written from any thread, the rest is the owner's. */
#ifndef SL_BUS_KAFKA_WAKE_H
#define SL_BUS_KAFKA_WAKE_H

#include "common/base/status.h"

#include <stdint.h>

typedef struct sl_wake {
    int fd;         /* what the loop watches */
    int event;      /* the same without a timer */
    int timer;      /* -1: none */
    int64_t due_us; /* monotonic; 0: not armed */
} sl_wake;

extern const uint64_t sl_wake_payload; /* what to write to `event` */

sl_status sl_wake_open(sl_wake *w, bool with_timer, sl_error *reterr) SL_MUST_CHECK;
void sl_wake_close(sl_wake *w);
void sl_wake_signal(sl_wake *w);
/* To be called first in a poll: what happens after it makes the fd readable again. */
void sl_wake_drain(sl_wake *w);
/* The fd becomes readable at that time (monotonic clock) at the latest. */
void sl_wake_at(sl_wake *w, int64_t due_ms);
/* The same in microseconds. */
void sl_wake_at_us(sl_wake *w, int64_t due_us);

#endif
