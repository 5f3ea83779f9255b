/* daemon.h - the life of a worker process: signals, the bus with patience, one loop.
 *
 * SIGTERM or SIGINT drains (the second one stops at once), SIGHUP reloads. Threads: the loop's. */
#ifndef SL_WORKER_DAEMON_H
#define SL_WORKER_DAEMON_H

#include "common/bus/bus.h"
#include "common/http/loop.h"

typedef struct sl_daemon_hooks {
    void (*drain)(void *arg);  /* begin; call sl_loop_stop when done */
    void (*reload)(void *arg); /* may be NULL */
    void *arg;
} sl_daemon_hooks;

typedef struct sl_daemon sl_daemon;
sl_status sl_daemon_open(sl_daemon **ret, sl_loop *l, const sl_daemon_hooks *hooks,
                         sl_error *reterr) SL_MUST_CHECK;
void sl_daemon_drain(sl_daemon *d);        /* as the first SIGTERM */
bool sl_daemon_forced(const sl_daemon *d); /* a second signal cut the drain short */
void sl_daemon_free(sl_daemon *d);

/* Opens a bus and proves that the cluster answers, trying again for patience_ms, so that daemons
 * may be started before their broker. Blocks; for start-up alone. */
sl_status sl_daemon_bus(sl_bus **ret, const sl_bus_options *opt, int64_t patience_ms,
                        sl_error *reterr) SL_MUST_CHECK;

#endif
