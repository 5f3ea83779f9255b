/* host.h - one model and its engine on an event loop; both modes of the daemon submit to it.
 *
 * Ownership: a task is the caller's and must live until its end event, or until sl_host_free.
 * Threads: the loop's; the engine's own threads stay behind sl_engine. */
#ifndef SL_PRIVATE_WORKER_HOST_H
#define SL_PRIVATE_WORKER_HOST_H

#include "common/http/loop.h"
#include "private-worker/config.h"
#include "private-worker/engine/engine.h"

typedef struct sl_task sl_task;
struct sl_task { /* embed as the first member */
    void (*event)(sl_task *t, const sl_gen_event *ev);
    sl_gen *gen; /* NULL before submit and after the end event */
};

typedef struct sl_host sl_host;
/* Loads the model and answers one small request, so that the first client does not pay for pages
 * that are touched for the first time. Blocks. */
sl_status sl_host_open(sl_host **ret, sl_loop *l, const sl_private_config *cfg,
                       sl_error *reterr) SL_MUST_CHECK;
/* Errors as sl_engine_submit's. */
sl_status sl_host_submit(sl_host *h, const sl_chat *chat, sl_task *t,
                         sl_error *reterr) SL_MUST_CHECK;
void sl_host_cancel(sl_host *h, sl_task *t); /* the end event still comes */
const char *sl_host_model(const sl_host *h); /* the name on offer */
const char *sl_host_env(const sl_host *h);
int sl_host_slots(const sl_host *h);
int sl_host_active(const sl_host *h);
int sl_host_queued(const sl_host *h);
void sl_host_free(sl_host *h); /* no events after this; tasks may be freed before or after */

#endif
