/* pool.h - a team of threads that splits one loop after another.
 *
 * sl_pool_run calls fn(arg, i) for every i in [0, n), spread over the team and the caller, and
 * returns when all are done. Which thread gets which i differs from run to run; each i must be
 * independent of the others. Between runs the team spins a little, then sleeps.
 * Threads: sl_pool_run from one thread at a time. */
#ifndef SL_ENGINE_CPU_POOL_H
#define SL_ENGINE_CPU_POOL_H

#include "common/base/status.h"

typedef struct sl_pool sl_pool;
typedef void (*sl_pool_fn)(void *arg, int i, int worker);

/* threads: the caller and threads - 1 others; 0: all cores that the process may use. */
sl_status sl_pool_open(sl_pool **ret, int threads, sl_error *reterr) SL_MUST_CHECK;
void sl_pool_free(sl_pool *p); /* NULL is fine; joins */
int sl_pool_threads(const sl_pool *p);
void sl_pool_run(sl_pool *p, int n, sl_pool_fn fn, void *arg);

#endif
