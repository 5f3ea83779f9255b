/* private_worker.h - the daemon's parts, opened in order and closed in reverse: bus mode, or HTTP
 * mode when http.listen is set. Threads: one loop, the caller's. */
#ifndef SL_PRIVATE_WORKER_PRIVATE_WORKER_H
#define SL_PRIVATE_WORKER_PRIVATE_WORKER_H

#include "common/base/metrics.h"
#include "common/http/loop.h"
#include "private-worker/config.h"

extern const sl_metric sl_private_metrics[]; /* the daemon's table */
extern const size_t sl_private_metrics_n;

typedef struct sl_private_worker sl_private_worker;
/* cfg is borrowed; `options` (may be NULL) is reloaded on SIGHUP. Installs signal watches. */
sl_status sl_private_worker_open(sl_private_worker **ret, sl_loop *l, const sl_private_config *cfg,
                                 sl_options *options, sl_error *reterr) SL_MUST_CHECK;
int sl_private_worker_http_port(const sl_private_worker *p);  /* 0: bus mode */
int sl_private_worker_admin_port(const sl_private_worker *p); /* 0: none */
bool sl_private_worker_ready(const sl_private_worker *p);
void sl_private_worker_free(sl_private_worker *p);

#endif
