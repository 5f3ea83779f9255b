/* forward.h - one pass of the model over a batch of tokens.
 *
 * A row is one token of one request. Rows of one request stand in ascending position; the keys of
 * all rows are stored before any row attends, so a prompt's chunk sees itself.
 * A row's result does not depend on the other rows (see backend.h).
 * Threads: one owner. Errors: after SL_E_NOMEM or SL_E_INTERNAL the batch has no result. */
#ifndef SL_ENGINE_FORWARD_H
#define SL_ENGINE_FORWARD_H

#include "private-worker/engine/kv.h"

#define SL_ROWS_MAX 96 /* tokens a pass: a multiple of the kernels' 6 and of the page's 32 */

typedef struct sl_forward sl_forward;

typedef struct sl_row {
    int32_t token;
    sl_kv_ref at; /* position and pages */
    bool logits;  /* wanted */
} sl_row;

sl_status sl_forward_open(sl_forward **ret, const sl_model *m, int threads,
                          sl_error *reterr) SL_MUST_CHECK;
void sl_forward_free(sl_forward *f); /* NULL is fine */
/* Runs n <= SL_ROWS_MAX rows. Logits of the rows that want them stand one after another, vocab
 * floats each, in *ret until the next call. */
sl_status sl_forward_run(sl_forward *f, const sl_row *rows, int n, const float **ret,
                         sl_error *reterr) SL_MUST_CHECK;

#endif
