/* clock.h - time, randomness and ids.
 *
 * Deadlines inside a process use the monotonic clock; what stands in records is Unix time.
 * Threads: all functions may be called from any thread. */
#ifndef SL_BASE_CLOCK_H
#define SL_BASE_CLOCK_H

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

int64_t sl_mono_us(void); /* CLOCK_MONOTONIC, microseconds */
static inline int64_t sl_mono_ms(void)
{
    return sl_mono_us() / 1000;
}
int64_t sl_unix_us(void); /* CLOCK_REALTIME, microseconds */
static inline int64_t sl_unix_ms(void)
{
    return sl_unix_us() / 1000;
}

#define SL_TIME_TEXT 28 /* "2026-11-24T12:00:00.123456Z" + NUL */
void sl_time_format(char out[SL_TIME_TEXT], int64_t unix_us); /* RFC 3339, UTC, microseconds */
/* RFC 3339 with Z or an offset, any number of fraction digits; false when malformed. */
bool sl_time_parse(const char *p, size_t n, int64_t *ret_unix_us);

/* Random bytes of the kernel (getrandom), buffered a thread; aborts when the kernel has none. */
void sl_random(void *out, size_t n);

#define SL_UUID_TEXT 37
void sl_uuid7(char out[SL_UUID_TEXT]); /* RFC 9562 version 7; within a thread strictly ascending */
/* RFC 9562 version 8 from the first 16 of at least 16 bytes of a digest. */
void sl_uuid8(char out[SL_UUID_TEXT], const uint8_t digest[16]);
bool sl_uuid_valid(const char *p, size_t n); /* 36 characters, lower-case hex, any version */

#endif
