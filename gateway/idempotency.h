/* idempotency.h - results by Idempotency-Key, within one gateway process.
 *
 * The first request of a (tenant, key) owns an entry; others with the same body wait for its result
 * or get the stored one; another body is a conflict (422). An entry lives for a time after its
 * result came; results are bounded in bytes, the oldest go first. A request that ended with a
 * transient error (5xx, 429) frees its key, so that a retry runs.
 * Threads: any (a mutex inside); a waiter's callback is posted to the waiter's own loop. */
#ifndef SL_GATEWAY_IDEMPOTENCY_H
#define SL_GATEWAY_IDEMPOTENCY_H

#include "common/base/buf.h"
#include "common/http/loop.h"
#include "schemas/chat.h"

typedef struct sl_idem sl_idem;
typedef struct sl_idem_entry sl_idem_entry;

/* A finished answer, shared by all who asked for it; reference-counted, immutable. */
typedef struct sl_idem_result {
    int refs; /* atomic */
    int http_status;
    char id[40];
    sl_buf headers; /* "name: value\n" lines: x-sluice-* of the first answer */
    sl_buf model, content, reasoning, tool_calls; /* tool_calls: JSON array text or empty */
    sl_buf error_body;                            /* whole JSON, when http_status != 200 */
    char finish[16];
    int64_t created, seed;
    sl_usage usage;
} sl_idem_result;
void sl_idem_result_unref(sl_idem_result *r);

typedef struct sl_idem_waiter sl_idem_waiter;
typedef void (*sl_idem_fn)(
    void *arg, sl_idem_result *r); /* NULL: the owner ended without a result: begin again */

typedef enum sl_idem_verdict {
    SL_IDEM_OWNER,
    SL_IDEM_WAIT,
    SL_IDEM_STORED,
    SL_IDEM_CONFLICT,
    SL_IDEM_BUSY
} sl_idem_verdict;

sl_status sl_idem_open(sl_idem **ret, int64_t ttl_ms, size_t bytes_max) SL_MUST_CHECK;
void sl_idem_free(sl_idem *t);
/* OWNER: *ret_entry is the caller's to finish. WAIT: fn(arg) will be posted to `loop` once, unless
 * *ret_waiter is cancelled first. STORED: *ret_result is a reference. BUSY: out of room. */
sl_idem_verdict sl_idem_begin(sl_idem *t, sl_str tenant, sl_str key, sl_str body, sl_loop *loop,
                              sl_idem_fn fn, void *arg, sl_idem_entry **ret_entry,
                              sl_idem_waiter **ret_waiter, sl_idem_result **ret_result);
/* The owner's end. r NULL: nothing to store (transient error); waiters are told to run again.
 * Takes the reference. */
void sl_idem_finish(sl_idem *t, sl_idem_entry *e, sl_idem_result *r);
/* The waiter's client went away: fn will not be called. In the waiter's loop. */
void sl_idem_cancel(sl_idem *t, sl_idem_waiter *w);

#endif
