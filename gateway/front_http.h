/* front_http.h - the OpenAI-compatible HTTP front of one loop over its core.
 *
 * Routes: POST /v1/chat/completions, POST /v1/completions, GET /v1/models, GET /health,
 * GET /health/readiness, GET /metrics. Source: OpenAI API reference; schemas/openapi.yaml.
 * Threads: the loop's. */
#ifndef SL_GATEWAY_FRONT_HTTP_H
#define SL_GATEWAY_FRONT_HTTP_H

#include "common/http/server.h"
#include "gateway/core.h"

typedef struct sl_front_http sl_front_http;
typedef struct sl_front_http_options {
    const char *listen;
    sl_tls *tls;
    bool api;   /* the /v1 routes */
    bool admin; /* health and metrics */
    bool reuse_port;
    bool (*ready)(void *arg, const char **why); /* readiness of the process */
    void *ready_arg;
} sl_front_http_options;

sl_status sl_front_http_open(sl_front_http **ret, sl_loop *l, sl_core *c, sl_gateway_shared *g,
                             const sl_front_http_options *opt, sl_error *reterr) SL_MUST_CHECK;
int sl_front_http_port(const sl_front_http *f);
void sl_front_http_drain(sl_front_http *f);
int sl_front_http_connections(const sl_front_http *f);
void sl_front_http_free(sl_front_http *f);

#endif
