/* scheduler.h - runs sessions together: one pass of the model is one token of each that decodes
 * and chunks of the prompts of those that begin.
 *
 * Threads: one owner (the engine's thread). Ownership: sessions belong to the caller; from add
 * until their end the scheduler reads and writes them.
 * What is computed together changes from pass to pass; the result of a session does not (see
 * backend.h), so nothing here has to keep an order for exactness. */
#ifndef SL_ENGINE_SCHEDULER_H
#define SL_ENGINE_SCHEDULER_H

#include "private-worker/engine/forward.h"
#include "private-worker/engine/sampler.h"
#include "private-worker/engine/textout.h"

typedef struct sl_session {
    /* set by the caller */
    int32_t *prompt;
    size_t prompt_n;
    size_t tokens_max; /* to generate; prompt_n + tokens_max <= context */
    sl_sampling sampling;
    sl_textout text;
    /* the scheduler's */
    sl_kv kv;
    size_t done;      /* positions computed */
    size_t generated; /* tokens drawn */
    int32_t last;     /* the newest token, not computed yet */
} sl_session;

/* What came of a session in a pass. `text` is complete characters and borrowed; on an end the
 * session has left the scheduler and its pages are free. */
typedef struct sl_progress {
    sl_str text;
    int tokens;
    bool end;
    sl_end reason;
    const sl_error *error; /* with SL_END_ERROR */
} sl_progress;
typedef void (*sl_progress_fn)(void *arg, sl_session *s, const sl_progress *p);

typedef struct sl_scheduler sl_scheduler;
sl_status sl_scheduler_open(sl_scheduler **ret, const sl_model *m, int threads, int slots,
                            size_t kv_bytes, sl_progress_fn fn, void *arg,
                            sl_error *reterr) SL_MUST_CHECK;
void sl_scheduler_free(sl_scheduler *s); /* NULL is fine; sessions in it just lose their pages */
int sl_scheduler_running(const sl_scheduler *s);
/* Most tokens (prompt and answer) that a session can ever have; a larger one never fits. */
size_t sl_scheduler_tokens_max(const sl_scheduler *s);
/* False in *ret_added: no slot or not enough pages now; try again after a pass. */
sl_status sl_scheduler_add(sl_scheduler *s, sl_session *x, bool *ret_added) SL_MUST_CHECK;
/* Takes a session out at once, without a progress call. */
void sl_scheduler_remove(sl_scheduler *s, sl_session *x);
/* One pass. An error means that the backend is gone: every session has been ended with it. */
sl_status sl_scheduler_step(sl_scheduler *s, sl_error *reterr) SL_MUST_CHECK;

#endif
