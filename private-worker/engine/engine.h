/* engine.h - an inference engine in one process: a model, and a scheduler that runs requests on it.
 *
 * A sl_model is immutable and may be shared. A sl_engine owns worker threads that batch sessions
 * continuously; requests are submitted from any thread, tokens come back through an event queue
 * with a file descriptor, so that an event loop never blocks on the engine.
 * One result a request: tokens are the same alone and in any batch within one environment id.
 * Errors: hostile files end in a named error (SL_E_INVALID, SL_E_UNSUPPORTED, SL_E_CORRUPT). */
#ifndef SL_ENGINE_ENGINE_H
#define SL_ENGINE_ENGINE_H

#include "schemas/chat.h"

typedef struct sl_model sl_model;
typedef struct sl_engine sl_engine;
typedef struct sl_gen sl_gen; /* one running request */

typedef struct sl_model_options {
    const char *path;    /* a .gguf file */
    const char *backend; /* "cpu" */
} sl_model_options;
sl_status sl_model_open(sl_model **ret, const sl_model_options *opt,
                        sl_error *reterr) SL_MUST_CHECK;
void sl_model_free(sl_model *m);
const char *sl_model_env(
    const sl_model *m); /* environment id: hex digest over build, kernels, model, template */
int sl_model_context(const sl_model *m);      /* tokens */
const char *sl_model_name(const sl_model *m); /* general.name or the file's base name */
size_t sl_model_vocab(const sl_model *m);

/* Tokens as ids. `special`: recognise control tokens in the text (off for user text). */
sl_status sl_model_tokenize(const sl_model *m, sl_str text, bool special, bool add_bos,
                            int32_t **ret, size_t *ret_n,
                            sl_error *reterr) SL_MUST_CHECK; /* free(3) */
sl_status sl_model_detokenize(const sl_model *m, const int32_t *ids, size_t n, sl_buf *out,
                              sl_error *reterr) SL_MUST_CHECK;
/* The prompt of a chat as the model's template renders it (for tests and `--explain`). */
sl_status sl_model_render(const sl_model *m, const sl_chat *chat, sl_buf *out,
                          sl_error *reterr) SL_MUST_CHECK;
/* Logits of every position of a token sequence, vocab floats each, appended to out (tests, eval).
 * */
sl_status sl_model_logits(sl_model *m, const int32_t *ids, size_t n, float *out,
                          sl_error *reterr) SL_MUST_CHECK;

typedef struct sl_engine_options {
    int threads;         /* 0: all cores */
    int slots;           /* sessions at once; default 8 */
    int queue_max;       /* waiting requests; default 64; then SL_E_FULL */
    int context_max;     /* tokens a session; 0: the model's, at most 8,192 */
    size_t kv_bytes_max; /* 0: from slots × context, in pages on demand */
} sl_engine_options;
sl_status sl_engine_open(sl_engine **ret, sl_model *m, const sl_engine_options *opt,
                         sl_error *reterr) SL_MUST_CHECK;
void sl_engine_free(sl_engine *e);    /* cancels what runs; joins */
int sl_engine_fd(const sl_engine *e); /* readable: call sl_engine_poll */
int sl_engine_slots(const sl_engine *e);
int sl_engine_active(const sl_engine *e);
int sl_engine_queued(const sl_engine *e);

typedef struct sl_gen_event {
    void *user;  /* as given at submit */
    sl_str text; /* whole UTF-8 characters; may be empty */
    int tokens;  /* tokens that text stands for */
    bool end;
    sl_end reason;  /* with end: stop, length, cancelled, error */
    sl_usage usage; /* with end */
    sl_error error; /* with SL_END_ERROR */
} sl_gen_event;

/* Submits a request (either kind). The chat is read before this returns and stays the caller's.
 * Effective seed: chat->seed. SL_E_FULL: queue full; SL_E_TOO_LARGE: the prompt exceeds the context
 * (never silently shortened); SL_E_UNSUPPORTED: tools or another thing that the model's template
 * lacks. */
sl_status sl_engine_submit(sl_engine *e, const sl_chat *chat, void *user, sl_gen **ret,
                           sl_error *reterr) SL_MUST_CHECK;
/* Ends the request at the next step; an end event (cancelled) still comes, exactly one in any
 * case. */
void sl_engine_cancel(sl_engine *e, sl_gen *g);
/* Runs fn for what has come, in the caller's thread. After its end event a gen is gone. */
typedef void (*sl_gen_fn)(void *arg, const sl_gen_event *ev);
void sl_engine_poll(sl_engine *e, sl_gen_fn fn, void *arg);

#endif
