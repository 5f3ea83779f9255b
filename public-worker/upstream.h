/* upstream.h - the executor that answers jobs with an upstream over HTTP.
 *
 * Retries only while nothing of the answer has come (429, 5xx, a connection that failed), with
 * exponential backoff and full jitter; Retry-After is honoured up to 30 s. After the first byte a
 * failure is the end: a second answer would not continue the first.
 * Ownership: borrows loop, configuration and metrics. Threads: the loop's. */
#ifndef SL_PUBLIC_WORKER_UPSTREAM_H
#define SL_PUBLIC_WORKER_UPSTREAM_H

#include "public-worker/adapter.h"
#include "public-worker/config.h"
#include "worker/metrics.h"
#include "worker/worker.h"

enum { SL_UM_RETRIES = SL_WM_N, SL_UM_ANSWERS, SL_UM_ACTIVE, SL_UM_TUNNEL_AGE, SL_UM_N };
extern const sl_metric sl_public_metrics[SL_UM_N]; /* the daemon's table */

typedef struct sl_upstream sl_upstream;
extern const sl_executor sl_upstream_executor; /* its arg is the sl_upstream */

sl_status sl_upstream_open(sl_upstream **ret, sl_loop *l, const sl_public_config *cfg,
                           sl_metrics_shard *shard, sl_error *reterr) SL_MUST_CHECK;
void sl_upstream_free(sl_upstream *u); /* after the worker */
int sl_upstream_active(const sl_upstream *u);

#endif
