/* backend.h - what computes: a device, its buffers and its queues, behind one small vtable.
 *
 * C only: no device type stands here. A sl_backend is a device (weights live in its buffers); a
 * sl_queue is one stream of work on it, used by one thread at a time. Ops of a queue run in order;
 * sl_queue results are visible to the host after `synchronise` or `download`.
 * Exactness: the result of a row must not depend on which other rows stand beside it. Every op
 * sums in an order that depends on the shape of the weights and on absolute positions alone.
 * Activations are float32, row-major, one row a token; row lengths are multiples of 32 where an op
 * reads them as the inner dimension of a matmul.
 * Errors: all ops return sl_status; a failed op leaves the queue unusable. */
#ifndef SL_ENGINE_BACKEND_H
#define SL_ENGINE_BACKEND_H

#include "private-worker/engine/gguf.h"

#define SL_KV_PAGE 32 /* positions a KV page holds; two vectors of 16 */

typedef struct sl_backend sl_backend;
typedef struct sl_buffer sl_buffer;
typedef struct sl_queue sl_queue;

/* A matrix of weights, `rows` rows of `cols` elements (rows are outputs). */
typedef struct sl_weight {
    sl_buffer *buf;
    size_t off;
    sl_dtype type;
    int rows, cols;
} sl_weight;

/* Activations: `rows` of n floats stand from float `off` on. */
typedef struct sl_act {
    sl_buffer *buf;
    size_t off;
} sl_act;

/* Where a token's keys and values live. Page p holds positions 32p to 32p + 31 of one request, all
 * layers: for each layer first keys [kv_head][dim][32], then values [kv_head][32][dim_pad], where
 * dim_pad is head_dim rounded up to 16. */
typedef struct sl_kv_ref {
    sl_buffer *const *pages;
    int32_t pos;
} sl_kv_ref;

typedef struct sl_attn_shape {
    int layer, heads, kv_heads, head_dim;
    float scale;
} sl_attn_shape;

static inline size_t sl_kv_dim_pad(int head_dim)
{
    return ((size_t)head_dim + 15) / 16 * 16;
}
/* Floats of one layer in a page. */
static inline size_t sl_kv_layer_floats(int kv_heads, int head_dim)
{
    return (size_t)kv_heads * SL_KV_PAGE * ((size_t)head_dim + sl_kv_dim_pad(head_dim));
}

typedef struct sl_backend_ops {
    const char *name;
    void (*free)(sl_backend *be);
    const char *(*kernels)(const sl_backend *be); /* for people: "avx512" */
    /* Part of the environment id: equal names promise equal bits. */
    const char *(*arithmetic)(const sl_backend *be);
    sl_status (*memory)(sl_backend *be, size_t *ret_free, size_t *ret_total, sl_error *reterr);

    sl_status (*buffer_alloc)(sl_backend *be, size_t bytes, sl_buffer **ret,
                              sl_error *reterr); /* zeroed */
    /* Weights from host memory that outlives the buffer; a device may copy, the CPU borrows. */
    sl_status (*buffer_map)(sl_backend *be, const void *host, size_t bytes, sl_buffer **ret,
                            sl_error *reterr);
    void (*buffer_free)(sl_buffer *b); /* NULL is fine */

    sl_status (*queue_open)(sl_backend *be, int threads, sl_queue **ret,
                            sl_error *reterr); /* 0: all cores */
    void (*queue_free)(sl_queue *q);           /* NULL is fine */
    sl_status (*upload)(sl_queue *q, sl_buffer *to, size_t off, const void *from, size_t bytes);
    sl_status (*download)(sl_queue *q, void *to, const sl_buffer *from, size_t off, size_t bytes);
    sl_status (*synchronise)(sl_queue *q);

    /* out[r] = row ids[r] of the table. */
    sl_status (*embed)(sl_queue *q, const sl_weight *table, const int32_t *ids, int rows,
                       sl_act out);
    /* y[r] = w x[r], or y[r] += w x[r] with `add`. */
    sl_status (*matmul)(sl_queue *q, const sl_weight *w, sl_act x, int rows, sl_act y, bool add);
    /* y[r] = x[r] / sqrt(mean(x[r]^2) + eps) * w; w has F32 and w->cols elements. */
    sl_status (*rms_norm)(sl_queue *q, const sl_weight *w, float eps, sl_act x, int rows, sl_act y);
    /* Rotates neighbours (2i, 2i+1) of each head of x; table[r] holds dims/2 pairs of cos and
     * sin. */
    sl_status (*rope)(sl_queue *q, sl_act x, int rows, int heads, int head_dim, int dims,
                      sl_act table);
    /* Writes the rows' keys and values into their pages. */
    sl_status (*kv_store)(sl_queue *q, const sl_attn_shape *s, sl_act k, sl_act v,
                          const sl_kv_ref *refs, int rows);
    /* out[r] = softmax(q[r] K^T scale) V over positions 0 to refs[r].pos, all of them stored. */
    sl_status (*attention)(sl_queue *q, const sl_attn_shape *s, sl_act x, const sl_kv_ref *refs,
                           int rows, sl_act out);
    /* out = silu(gate) * up; out may be gate. */
    sl_status (*silu_mul)(sl_queue *q, sl_act gate, sl_act up, int rows, int n, sl_act out);
} sl_backend_ops;

struct sl_backend {
    const sl_backend_ops *ops;
};

/* By name ("cpu"; later "cuda:0"), from a static table of constructors. SL_E_NOT_FOUND: no such
 * one. */
sl_status sl_backend_open(const char *name, sl_backend **ret, sl_error *reterr) SL_MUST_CHECK;

sl_status sl_backend_cpu_open(sl_backend **ret, sl_error *reterr) SL_MUST_CHECK;

#endif
