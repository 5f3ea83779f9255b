/* admin.h - health, readiness and metrics of a daemon over HTTP, without a key.
 *
 *     GET /health            200 while the process runs
 *     GET /health/readiness  200 when it takes work, 503 with Retry-After when not
 *     GET /metrics           Prometheus text format 0.0.4
 * A daemon either opens a port of its own for them (sl_admin_open) or lets sl_admin_handle answer
 * on a server that it has anyway. Threads: the loop's. */
#ifndef SL_WORKER_ADMIN_H
#define SL_WORKER_ADMIN_H

#include "common/base/metrics.h"
#include "common/http/server.h"

typedef struct sl_admin_source {
    const char *daemon; /* "sluice-private-worker" */
    const sl_metrics *metrics;
    bool (*ready)(void *arg);
    void (*before_scrape)(void *arg); /* sets gauges; may be NULL */
    void *arg;
} sl_admin_source;

/* Answers when the path is one of the three (a wrong method: 405); false otherwise. */
bool sl_admin_handle(const sl_admin_source *s, sl_http_request *r);

typedef struct sl_admin sl_admin;
/* The source is copied; what it points to must outlive the admin. */
sl_status sl_admin_open(sl_admin **ret, sl_loop *l, const char *listen, const sl_admin_source *s,
                        sl_error *reterr) SL_MUST_CHECK;
int sl_admin_port(const sl_admin *a);
void sl_admin_free(sl_admin *a);

#endif
