/* public_worker.h - the daemon's parts, opened in order and closed in reverse.
 * Threads: one loop, the caller's. */
#ifndef SL_PUBLIC_WORKER_PUBLIC_WORKER_H
#define SL_PUBLIC_WORKER_PUBLIC_WORKER_H

#include "common/http/loop.h"
#include "public-worker/config.h"

typedef struct sl_public_worker sl_public_worker;
/* cfg is borrowed; `options` (may be NULL) is reloaded on SIGHUP. Installs signal watches. */
sl_status sl_public_worker_open(sl_public_worker **ret, sl_loop *l, const sl_public_config *cfg,
                                sl_options *options, sl_error *reterr) SL_MUST_CHECK;
int sl_public_worker_admin_port(const sl_public_worker *p); /* 0: none */
bool sl_public_worker_ready(const sl_public_worker *p);
void sl_public_worker_free(sl_public_worker *p);

#endif
