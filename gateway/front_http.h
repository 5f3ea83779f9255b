/* front_http.h - the OpenAI-compatible HTTP front of one loop over its core.
 *
 * Routes: POST /v1/chat/completions, POST /v1/completions, GET /v1/models, GET /v1/models/NAME;
 * GET /health, GET /health/readiness, GET /metrics; GET /admin/keys, GET /admin/policy,
 * POST /admin/reload. What each asks of a key stands in the table of front_http.c, what a role may
 * in access.c. Of a client's headers only those count that openapi.yaml names: what says who
 * somebody is (x-forwarded-user, openai-organization, x-sluice-tenant, …) is not read at all.
 * Source: OpenAI API reference; schemas/openapi.yaml.
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
    bool admin; /* health, metrics and /admin */
    bool reuse_port;
    bool (*ready)(void *arg, const char **why); /* readiness of the process */
    bool (*reload)(void *arg);                  /* reads all files again, soon; false: it can't */
    void *arg;                                  /* of both */
} sl_front_http_options;

sl_status sl_front_http_open(sl_front_http **ret, sl_loop *l, sl_core *c, sl_gateway_shared *g,
                             const sl_front_http_options *opt, sl_error *reterr) SL_MUST_CHECK;
int sl_front_http_port(const sl_front_http *f);
void sl_front_http_drain(sl_front_http *f);
int sl_front_http_connections(const sl_front_http *f);
void sl_front_http_free(sl_front_http *f);

#endif
