#include "private-worker/engine/forward.h"

#include <math.h>
#include <stdlib.h>

/* Rows whose logits are computed in one go; more are done in turns, so that the buffer stays small
 * (a row of logits is as large as the vocabulary). */
#define LOGITS_MAX 32

struct sl_forward {
    const sl_model *m;
    const sl_backend_ops *ops;
    sl_queue *q;
    sl_buffer *work, *logits;
    /* Parts of `work`, SL_ROWS_MAX rows each. */
    sl_act x, norm, qs, ks, vs, attn, gate, up, rope, picked;
    float *host_logits; /* rows wanted x vocab */
    size_t host_rows;
    float *angles; /* SL_ROWS_MAX x rope_dims: cos, sin */
    int32_t ids[SL_ROWS_MAX];
    sl_kv_ref refs[SL_ROWS_MAX];
};

static sl_act take(sl_forward *f, size_t *at, int floats_a_row)
{
    sl_act a = {f->work, *at};
    *at += ((size_t)floats_a_row + 15) / 16 * 16 * SL_ROWS_MAX;
    return a;
}

/* One table of sizes: the first walk counts, the second places. */
static size_t lay_out(sl_forward *f)
{
    const sl_hparams *h = &f->m->h;
    int qd = h->heads * h->head_dim, kvd = h->kv_heads * h->head_dim;
    size_t at = 0;
    f->x = take(f, &at, h->hidden);
    f->norm = take(f, &at, h->hidden);
    f->qs = take(f, &at, qd);
    f->ks = take(f, &at, kvd);
    f->vs = take(f, &at, kvd);
    f->attn = take(f, &at, qd);
    f->gate = take(f, &at, h->ffn);
    f->up = take(f, &at, h->ffn);
    f->rope = take(f, &at, h->rope_dims);
    f->picked = take(f, &at, h->hidden);
    return at;
}

sl_status sl_forward_open(sl_forward **ret, const sl_model *m, int threads, sl_error *reterr)
{
    sl_forward *f = calloc(1, sizeof(*f));
    if (!f)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the engine");
    f->m = m;
    f->ops = m->backend->ops;
    size_t floats = lay_out(f);
    sl_status st = f->ops->queue_open(m->backend, threads, &f->q, reterr);
    if (!st)
        st = f->ops->buffer_alloc(m->backend, floats * sizeof(float), &f->work, reterr);
    if (!st)
        st = f->ops->buffer_alloc(m->backend, sizeof(float) * LOGITS_MAX * (size_t)m->h.vocab,
                                  &f->logits, reterr);
    lay_out(f);
    f->angles = malloc(sizeof(float) * SL_ROWS_MAX * (size_t)m->h.rope_dims);
    if (!st && !f->angles)
        st = sl_fail(reterr, SL_E_NOMEM, "no memory for the engine");
    if (st) {
        sl_forward_free(f);
        return st;
    }
    *ret = f;
    return SL_OK;
}

void sl_forward_free(sl_forward *f)
{
    if (!f)
        return;
    f->ops->queue_free(f->q);
    f->ops->buffer_free(f->work);
    f->ops->buffer_free(f->logits);
    free(f->angles);
    free(f->host_logits);
    free(f);
}

/* Angles in float32 as the reference has them; cosine and sine in double and rounded once, so that
 * the C library's last bit does not matter. */
static void angles(sl_forward *f, const sl_row *rows, int n)
{
    int half = f->m->h.rope_dims / 2;
    float *out = f->angles;
    for (int r = 0; r < n; r++)
        for (int i = 0; i < half; i++) {
            float a = (float)rows[r].at.pos * f->m->rope_freq[i];
            *out++ = (float)cos((double)a);
            *out++ = (float)sin((double)a);
        }
}

/* TRY(call): the first failure of a chain of ops wins. */
#define TRY(call)                  \
    do {                           \
        sl_status try_st = (call); \
        if (try_st)                \
            return try_st;         \
    } while (0)

static sl_status layer(sl_forward *f, int i, int n)
{
    const sl_hparams *h = &f->m->h;
    const sl_layer *w = &f->m->layers[i];
    const sl_backend_ops *ops = f->ops;
    sl_attn_shape s = {i, h->heads, h->kv_heads, h->head_dim, 1.0f / sqrtf((float)h->head_dim)};
    TRY(ops->rms_norm(f->q, &w->attn_norm, h->eps, f->x, n, f->norm));
    TRY(ops->matmul(f->q, &w->q, f->norm, n, f->qs, false));
    TRY(ops->matmul(f->q, &w->k, f->norm, n, f->ks, false));
    TRY(ops->matmul(f->q, &w->v, f->norm, n, f->vs, false));
    TRY(ops->rope(f->q, f->qs, n, h->heads, h->head_dim, h->rope_dims, f->rope));
    TRY(ops->rope(f->q, f->ks, n, h->kv_heads, h->head_dim, h->rope_dims, f->rope));
    TRY(ops->kv_store(f->q, &s, f->ks, f->vs, f->refs, n));
    TRY(ops->attention(f->q, &s, f->qs, f->refs, n, f->attn));
    TRY(ops->matmul(f->q, &w->o, f->attn, n, f->x, true));
    TRY(ops->rms_norm(f->q, &w->ffn_norm, h->eps, f->x, n, f->norm));
    TRY(ops->matmul(f->q, &w->gate, f->norm, n, f->gate, false));
    TRY(ops->matmul(f->q, &w->up, f->norm, n, f->up, false));
    TRY(ops->silu_mul(f->q, f->gate, f->up, n, h->ffn, f->gate));
    TRY(ops->matmul(f->q, &w->down, f->gate, n, f->x, true));
    return SL_OK;
}

/* Logits of rows [from, to) of the normed and picked ones. */
static sl_status head(sl_forward *f, int from, int to)
{
    size_t hidden = (size_t)f->m->h.hidden, vocab = (size_t)f->m->h.vocab;
    sl_act x = {f->picked.buf, f->picked.off + (size_t)from * hidden}, y = {f->logits, 0};
    TRY(f->ops->matmul(f->q, &f->m->head, x, to - from, y, false));
    return f->ops->download(f->q, f->host_logits + (size_t)from * vocab, f->logits, 0,
                            sizeof(float) * (size_t)(to - from) * vocab);
}

static sl_status run(sl_forward *f, const sl_row *rows, int n, int wanted)
{
    const sl_hparams *h = &f->m->h;
    angles(f, rows, n);
    TRY(f->ops->upload(f->q, f->rope.buf, f->rope.off * sizeof(float), f->angles,
                       sizeof(float) * (size_t)n * (size_t)h->rope_dims));
    TRY(f->ops->embed(f->q, &f->m->embed, f->ids, n, f->x));
    for (int i = 0; i < h->layers; i++)
        TRY(layer(f, i, n));
    int k = 0;
    for (int r = 0; r < n; r++) {
        if (!rows[r].logits)
            continue;
        sl_act from = {f->x.buf, f->x.off + (size_t)r * (size_t)h->hidden};
        sl_act to = {f->picked.buf, f->picked.off + (size_t)k++ * (size_t)h->hidden};
        TRY(f->ops->rms_norm(f->q, &f->m->out_norm, h->eps, from, 1, to));
    }
    for (int from = 0; from < wanted; from += LOGITS_MAX)
        TRY(head(f, from, from + LOGITS_MAX < wanted ? from + LOGITS_MAX : wanted));
    return f->ops->synchronise(f->q);
}

sl_status sl_forward_run(sl_forward *f, const sl_row *rows, int n, const float **ret,
                         sl_error *reterr)
{
    int wanted = 0;
    for (int r = 0; r < n; r++) {
        f->ids[r] = rows[r].token;
        f->refs[r] = rows[r].at;
        wanted += rows[r].logits;
    }
    if ((size_t)wanted > f->host_rows) {
        float *p = realloc(f->host_logits, sizeof(float) * (size_t)wanted * (size_t)f->m->h.vocab);
        if (!p)
            return sl_fail(reterr, SL_E_NOMEM, "no memory for %d rows of logits", wanted);
        f->host_logits = p;
        f->host_rows = (size_t)wanted;
    }
    sl_status st = run(f, rows, n, wanted);
    if (st)
        return sl_fail(reterr, st, "the %s backend failed to compute (%s)", f->ops->name,
                       sl_status_name(st));
    *ret = f->host_logits;
    return SL_OK;
}

/* ---- sl_model_logits: the whole sequence in passes, for tests and evaluation ---- */
static sl_status all_logits(sl_model *m, sl_forward *f, sl_kv_pool *pool, const int32_t *ids,
                            size_t n, float *out, sl_error *err)
{
    sl_kv kv = {0};
    bool fits = false;
    sl_status st = sl_kv_reserve(pool, &kv, n, &fits);
    if (!st && fits)
        st = sl_kv_grow(pool, &kv, n, err);
    else if (!st)
        st = sl_fail(err, SL_E_INTERNAL, "the pages do not suffice");
    for (size_t at = 0; !st && at < n; at += SL_ROWS_MAX) {
        sl_row rows[SL_ROWS_MAX];
        int count = n - at < SL_ROWS_MAX ? (int)(n - at) : SL_ROWS_MAX;
        for (int r = 0; r < count; r++)
            rows[r] = (sl_row){ids[at + (size_t)r], {kv.pages, (int32_t)at + r}, true};
        const float *logits;
        st = sl_forward_run(f, rows, count, &logits, err);
        if (!st)
            memcpy(out + at * (size_t)m->h.vocab, logits,
                   sizeof(float) * (size_t)count * (size_t)m->h.vocab);
    }
    sl_kv_release(pool, &kv);
    return st;
}

sl_status sl_model_logits(sl_model *m, const int32_t *ids, size_t n, float *out, sl_error *reterr)
{
    if (n == 0 || n > (size_t)m->h.context)
        return sl_fail(reterr, SL_E_INVALID, "%zu tokens; the model's context is %d", n,
                       m->h.context);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= m->h.vocab)
            return sl_fail(reterr, SL_E_INVALID, "token %d is not one of the model's %d", ids[i],
                           m->h.vocab);
    sl_forward *f = NULL;
    sl_kv_pool pool;
    sl_status st = sl_kv_pool_init(&pool, m, sl_kv_page_bytes(m) * (n / SL_KV_PAGE + 1), reterr);
    if (!st)
        st = sl_forward_open(&f, m, 1, reterr);
    if (!st)
        st = all_logits(m, f, &pool, ids, n, out, reterr);
    sl_forward_free(f);
    sl_kv_pool_done(&pool);
    return st;
}
