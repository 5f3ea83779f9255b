/* http_api.h - the OpenAI API of one model, without Kafka: the plain local deployment.
 *
 *     POST /v1/chat/completions, POST /v1/completions (whole or streamed), GET /v1/models,
 *     /health, /health/readiness, /metrics
 * A client that goes away cancels its request. A full queue is 503 with Retry-After. Errors are
 * OpenAI error objects. Threads: the loop's. */
#ifndef SL_PRIVATE_WORKER_HTTP_API_H
#define SL_PRIVATE_WORKER_HTTP_API_H

#include "private-worker/host.h"
#include "worker/admin.h"
#include "worker/metrics.h"

typedef struct sl_http_api sl_http_api;
/* Borrows everything; cfg->http_listen and cfg->http_keys count. */
sl_status sl_http_api_open(sl_http_api **ret, sl_loop *l, const sl_private_config *cfg, sl_host *h,
                           const sl_admin_source *admin, sl_metrics_shard *shard,
                           sl_error *reterr) SL_MUST_CHECK;
int sl_http_api_port(const sl_http_api *a);
bool sl_http_api_ready(const sl_http_api *a);
/* Refuses new requests, finishes what runs (at most timeout_ms), then calls done(arg) once. */
void sl_http_api_drain(sl_http_api *a, int64_t timeout_ms, sl_loop_fn done, void *arg);
void sl_http_api_free(sl_http_api *a); /* before the host */

#endif
