/* limits.h - how much one API key may ask: requests and tokens a minute, requests at one time.
 *
 * Two buckets that fill in a minute, and a count. A request takes one request and as many tokens as
 * it is expected to use, or nothing at all; when it ends, what it really used is settled, so the
 * tokens may go below zero: at most by one minute's worth, because the figure comes from a worker,
 * and one that lies must not be able to shut a tenant out for long.
 * A state outlives the key file's snapshots, so that reading the file again gives nobody a fresh
 * minute. It belongs to this process: every gateway counts for itself.
 * Threads: any; a mutex a key. */
#ifndef SL_GATEWAY_LIMITS_H
#define SL_GATEWAY_LIMITS_H

#include <stdint.h>

#define SL_RATE_MOST 1000000000 /* a minute; keeps the arithmetic within 64 bits */

typedef struct sl_rates {
    int64_t requests, tokens; /* a minute; 0: no limit */
    int64_t concurrency;      /* at one time; 0: no limit */
} sl_rates;

typedef struct sl_limit sl_limit;
sl_limit *sl_limit_new(void); /* NULL: out of memory */
sl_limit *sl_limit_ref(sl_limit *l);
void sl_limit_unref(sl_limit *l); /* NULL is fine */

typedef enum sl_limit_verdict {
    SL_LIMIT_OK,
    SL_LIMIT_REQUESTS,
    SL_LIMIT_TOKENS,
    SL_LIMIT_CONCURRENCY
} sl_limit_verdict;

/* What the x-ratelimit headers say. Of rates that are 0 the figures mean nothing. */
typedef struct sl_limit_view {
    int64_t requests_left, tokens_left;         /* never below 0 */
    int64_t requests_reset_us, tokens_reset_us; /* until all of a minute is there again */
    int64_t wait_us;                            /* refused: until the same request may pass */
    int64_t running;
} sl_limit_view;

/* All that `tokens` (at most a minute's worth is asked for) and the request need, or nothing. Times
 * are monotonic microseconds. */
sl_limit_verdict sl_limit_take(sl_limit *l, const sl_rates *r, int64_t tokens, int64_t now_us,
                               sl_limit_view *ret);
/* Takes nothing: would the smallest request be refused now? */
sl_limit_verdict sl_limit_look(sl_limit *l, const sl_rates *r, int64_t now_us, sl_limit_view *ret);
/* The end of a request that was taken, once: with what it was thought to need and what it used. */
void sl_limit_give(sl_limit *l, const sl_rates *r, int64_t tokens, int64_t used, int64_t now_us);

#endif
