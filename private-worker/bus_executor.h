/* bus_executor.h - the executor that answers jobs with the engine. Threads: the loop's. */
#ifndef SL_PRIVATE_WORKER_BUS_EXECUTOR_H
#define SL_PRIVATE_WORKER_BUS_EXECUTOR_H

#include "private-worker/host.h"
#include "worker/worker.h"

typedef struct sl_bus_executor sl_bus_executor;
extern const sl_executor sl_engine_executor; /* its arg is the sl_bus_executor */
sl_status sl_bus_executor_open(sl_bus_executor **ret, sl_host *h, sl_error *reterr) SL_MUST_CHECK;
void sl_bus_executor_free(sl_bus_executor *x); /* after the worker, before the host */

#endif
