/* model.h - inside an sl_model: hyperparameters, weights on a backend, tokenizer, template.
 *
 * Private to this folder. Ownership: the model owns everything here. Immutable once opened; queues
 * on its backend are opened by whoever computes. */
#ifndef SL_ENGINE_MODEL_H
#define SL_ENGINE_MODEL_H

#include "private-worker/engine/backend.h"
#include "private-worker/engine/engine.h"
#include "private-worker/engine/template.h"
#include "private-worker/engine/tokenizer.h"

typedef struct sl_hparams {
    int layers, hidden, ffn, heads, kv_heads, head_dim, rope_dims, context, vocab;
    float eps;
} sl_hparams;

typedef struct sl_layer {
    sl_weight attn_norm, q, k, v, o, ffn_norm, gate, up, down;
} sl_layer;

struct sl_model {
    sl_gguf *file;
    sl_backend *backend;
    sl_buffer *weights; /* the whole file */
    sl_hparams h;
    sl_layer *layers;
    sl_weight embed, out_norm, head;
    float *rope_freq; /* rope_dims / 2: radians a position */
    sl_tokenizer *tokenizer;
    sl_template *template;
    char env[33];
    char name[128];
};

/* The prompt of a request, as tokens (either kind). */
sl_status sl_model_prompt(const sl_model *m, const sl_chat *chat, sl_ids *out,
                          sl_error *reterr) SL_MUST_CHECK;

#endif
