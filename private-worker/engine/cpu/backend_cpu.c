/* The CPU as a backend: the reference that others are compared with, and what runs without a GPU.
 *
 * A buffer is memory. A queue is a team of threads; every op runs to its end before it returns.
 * Each op is cut into parts whose results do not depend on the cut. */
#include "private-worker/engine/backend.h"
#include "private-worker/engine/cpu/kernels.h"
#include "private-worker/engine/cpu/pool.h"

#include <stdlib.h>
#include <unistd.h>

typedef struct cpu_backend {
    sl_backend base;
    const sl_kernels *kernels;
} cpu_backend;

struct sl_buffer {
    uint8_t *data;
    size_t bytes;
    bool owned;
};

struct sl_queue {
    const sl_kernels *kernels;
    sl_pool *pool;
    int threads;
    float *scratch; /* scratch_floats a thread */
    size_t scratch_floats;
};

/* ---- device ---- */
static void cpu_free(sl_backend *be)
{
    free(be);
}

static const char *cpu_kernels(const sl_backend *be)
{
    return ((const cpu_backend *)be)->kernels->name;
}

/* The tables of kernels.h agree bit for bit, so the instruction set is not part of it. */
static const char *cpu_arithmetic(const sl_backend *be)
{
    return "cpu-f32x16/1";
}

static sl_status cpu_memory(sl_backend *be, size_t *ret_free, size_t *ret_total, sl_error *err)
{
    long page = sysconf(_SC_PAGESIZE), avail = sysconf(_SC_AVPHYS_PAGES),
         all = sysconf(_SC_PHYS_PAGES);
    if (page < 0 || avail < 0 || all < 0)
        return sl_fail(err, SL_E_IO, "the system does not tell its memory");
    *ret_free = (size_t)page * (size_t)avail;
    *ret_total = (size_t)page * (size_t)all;
    return SL_OK;
}

static sl_status cpu_buffer_alloc(sl_backend *be, size_t bytes, sl_buffer **ret, sl_error *err)
{
    sl_buffer *b = calloc(1, sizeof(*b));
    size_t rounded = (bytes + 63) / 64 * 64;
    if (!b || rounded < bytes || !(b->data = aligned_alloc(64, rounded ? rounded : 64))) {
        free(b);
        return sl_fail(err, SL_E_NOMEM, "no memory for a buffer of %zu bytes", bytes);
    }
    memset(b->data, 0, rounded);
    b->bytes = bytes;
    b->owned = true;
    *ret = b;
    return SL_OK;
}

static sl_status cpu_buffer_map(sl_backend *be, const void *host, size_t bytes, sl_buffer **ret,
                                sl_error *err)
{
    sl_buffer *b = calloc(1, sizeof(*b));
    if (!b)
        return sl_fail(err, SL_E_NOMEM, "no memory for a buffer");
    b->data = (uint8_t *)host; /* read only: no op writes to weights */
    b->bytes = bytes;
    *ret = b;
    return SL_OK;
}

static void cpu_buffer_free(sl_buffer *b)
{
    if (b && b->owned)
        free(b->data);
    free(b);
}

/* ---- queue ---- */
static void cpu_queue_free(sl_queue *q)
{
    if (!q)
        return;
    sl_pool_free(q->pool);
    free(q->scratch);
    free(q);
}

static sl_status cpu_queue_open(sl_backend *be, int threads, sl_queue **ret, sl_error *err)
{
    sl_queue *q = calloc(1, sizeof(*q));
    if (!q)
        return sl_fail(err, SL_E_NOMEM, "no memory for a queue");
    q->kernels = ((cpu_backend *)be)->kernels;
    sl_status st = sl_pool_open(&q->pool, threads, err);
    if (st) {
        free(q);
        return st;
    }
    q->threads = sl_pool_threads(q->pool);
    *ret = q;
    return SL_OK;
}

static sl_status need_scratch(sl_queue *q, size_t floats)
{
    floats = (floats + 15) / 16 * 16;
    if (floats <= q->scratch_floats)
        return SL_OK;
    free(q->scratch);
    q->scratch_floats = 0;
    q->scratch = aligned_alloc(64, floats * sizeof(float) * (size_t)q->threads);
    if (!q->scratch)
        return SL_E_NOMEM;
    q->scratch_floats = floats;
    return SL_OK;
}

static sl_status cpu_upload(sl_queue *q, sl_buffer *to, size_t off, const void *from, size_t bytes)
{
    if (off > to->bytes || bytes > to->bytes - off)
        return SL_E_INTERNAL;
    memcpy(to->data + off, from, bytes);
    return SL_OK;
}

static sl_status cpu_download(sl_queue *q, void *to, const sl_buffer *from, size_t off,
                              size_t bytes)
{
    if (off > from->bytes || bytes > from->bytes - off)
        return SL_E_INTERNAL;
    memcpy(to, from->data + off, bytes);
    return SL_OK;
}

static sl_status cpu_synchronise(sl_queue *q)
{
    return SL_OK;
}

static float *floats(sl_act a)
{
    return (float *)(void *)a.buf->data + a.off;
}
static const uint8_t *weights(const sl_weight *w)
{
    return w->buf->data + w->off;
}

/* ---- ops by row ---- */
static sl_status cpu_embed(sl_queue *q, const sl_weight *table, const int32_t *ids, int rows,
                           sl_act out)
{
    size_t rb = sl_dtype_row_bytes(table->type, (size_t)table->cols);
    for (int r = 0; r < rows; r++) {
        if (ids[r] < 0 || ids[r] >= table->rows)
            return SL_E_INTERNAL;
        q->kernels->expand(table->type, weights(table) + (size_t)ids[r] * rb, table->cols,
                           floats(out) + (size_t)r * (size_t)table->cols);
    }
    return SL_OK;
}

typedef struct row_job {
    sl_queue *q;
    const float *x, *w;
    float *y;
    float eps;
    int n;
} row_job;

static void norm_row(void *arg, int r, int worker)
{
    row_job *j = arg;
    size_t at = (size_t)r * (size_t)j->n;
    j->q->kernels->rms_norm(j->x + at, j->w, j->eps, j->n, j->y + at);
}

static sl_status cpu_rms_norm(sl_queue *q, const sl_weight *w, float eps, sl_act x, int rows,
                              sl_act y)
{
    row_job j = {q, floats(x), (const float *)(const void *)weights(w), floats(y), eps, w->cols};
    sl_pool_run(q->pool, rows, norm_row, &j);
    return SL_OK;
}

static void silu_row(void *arg, int r, int worker)
{
    row_job *j = arg;
    size_t at = (size_t)r * (size_t)j->n;
    j->q->kernels->silu_mul(j->x + at, j->w + at, j->n, j->y + at);
}

static sl_status cpu_silu_mul(sl_queue *q, sl_act gate, sl_act up, int rows, int n, sl_act out)
{
    row_job j = {q, floats(gate), floats(up), floats(out), 0, n};
    sl_pool_run(q->pool, rows, silu_row, &j);
    return SL_OK;
}

static sl_status cpu_rope(sl_queue *q, sl_act x, int rows, int heads, int head_dim, int dims,
                          sl_act table)
{
    for (int r = 0; r < rows; r++) {
        const float *cs = floats(table) + (size_t)r * (size_t)dims;
        for (int h = 0; h < heads; h++) {
            float *v = floats(x) + ((size_t)r * (size_t)heads + (size_t)h) * (size_t)head_dim;
            for (int i = 0; i < dims; i += 2) {
                float a = v[i], b = v[i + 1], c = cs[i], s = cs[i + 1];
                float bs = b * s, bc = b * c; /* two statements: no compiler may fuse them */
                float as = a * s, ac = a * c;
                v[i] = ac - bs;
                v[i + 1] = as + bc;
            }
        }
    }
    return SL_OK;
}

/* ---- matmul ---- */
typedef struct mat_job {
    sl_queue *q;
    const sl_weight *w;
    const uint8_t *data;
    size_t row_bytes;
    const float *x;
    float *y;
    int rows, step; /* tokens; weight rows a part */
    bool add, expand;
} mat_job;

static void mat_part(void *arg, int part, int worker)
{
    const mat_job *j = arg;
    const sl_weight *w = j->w;
    int from = part * j->step, to = from + j->step < w->rows ? from + j->step : w->rows;
    size_t k = (size_t)w->cols, out = (size_t)w->rows;
    if (!j->expand) {
        for (int t = 0; t < j->rows; t++)
            j->q->kernels->dot(w->type, j->data + (size_t)from * j->row_bytes, j->row_bytes,
                               to - from, w->cols, j->x + (size_t)t * k,
                               j->y + (size_t)t * out + from, j->add);
        return;
    }
    float *scratch = j->q->scratch + (size_t)worker * j->q->scratch_floats;
    for (int r = from; r < to; r += SL_TILE_ROWS) {
        int n = to - r < SL_TILE_ROWS ? to - r : SL_TILE_ROWS;
        for (int i = 0; i < n; i++)
            j->q->kernels->expand(w->type, j->data + (size_t)(r + i) * j->row_bytes, w->cols,
                                  scratch + (size_t)i * k);
        j->q->kernels->tile(scratch, k, n, j->x, k, j->rows, w->cols, j->y + r, out, j->add);
    }
}

/* From this many tokens on it pays to expand weights once and use them for all. */
#define EXPAND_TOKENS 2
/* Parts a thread: enough to even out a slow core, few enough to keep rows of a part together.
 * */
#define PARTS 4

static sl_status cpu_matmul(sl_queue *q, const sl_weight *w, sl_act x, int rows, sl_act y, bool add)
{
    mat_job j = {.q = q,
                 .w = w,
                 .data = weights(w),
                 .row_bytes = sl_dtype_row_bytes(w->type, (size_t)w->cols),
                 .x = floats(x),
                 .y = floats(y),
                 .rows = rows,
                 .add = add,
                 .expand = rows >= EXPAND_TOKENS};
    if (j.expand && need_scratch(q, (size_t)w->cols * SL_TILE_ROWS))
        return SL_E_NOMEM;
    int parts = q->threads * PARTS, step = (w->rows + parts - 1) / parts;
    j.step = q->threads == 1 ? w->rows : (step + 15) / 16 * 16;
    sl_pool_run(q->pool, (w->rows + j.step - 1) / j.step, mat_part, &j);
    return SL_OK;
}

/* ---- attention ---- */
static float *kv_block(const sl_attn_shape *s, const sl_kv_ref *ref, int page, int head, bool value)
{
    size_t keys = (size_t)SL_KV_PAGE * (size_t)s->head_dim,
           values = SL_KV_PAGE * sl_kv_dim_pad(s->head_dim);
    size_t off = (size_t)s->layer * sl_kv_layer_floats(s->kv_heads, s->head_dim);
    off += value ? keys * (size_t)s->kv_heads + values * (size_t)head : keys * (size_t)head;
    return (float *)(void *)ref->pages[page]->data + off;
}

static sl_status cpu_kv_store(sl_queue *q, const sl_attn_shape *s, sl_act k, sl_act v,
                              const sl_kv_ref *refs, int rows)
{
    size_t dim = (size_t)s->head_dim, pad = sl_kv_dim_pad(s->head_dim);
    for (int r = 0; r < rows; r++) {
        int page = refs[r].pos / SL_KV_PAGE;
        size_t slot = (size_t)(refs[r].pos % SL_KV_PAGE);
        for (int h = 0; h < s->kv_heads; h++) {
            size_t at = ((size_t)r * (size_t)s->kv_heads + (size_t)h) * dim;
            float *kb = kv_block(s, &refs[r], page, h, false),
                  *vb = kv_block(s, &refs[r], page, h, true);
            for (size_t d = 0; d < dim; d++)
                kb[d * SL_KV_PAGE + slot] = floats(k)[at + d];
            memcpy(vb + slot * pad, floats(v) + at,
                   dim * sizeof(float)); /* the padding stays zero */
        }
    }
    return SL_OK;
}

typedef struct attn_job {
    sl_queue *q;
    const sl_attn_shape *s;
    const float *x;
    float *out;
    const sl_kv_ref *refs;
    size_t pages_max; /* room for page pointers in the scratch */
} attn_job;

/* One token's query heads that share one KV head. */
static void attn_part(void *arg, int part, int worker)
{
    const attn_job *j = arg;
    const sl_attn_shape *s = j->s;
    int r = part / s->kv_heads, h = part % s->kv_heads, group = s->heads / s->kv_heads;
    const sl_kv_ref *ref = &j->refs[r];
    int n = ref->pos + 1, pages = (n + SL_KV_PAGE - 1) / SL_KV_PAGE;
    float *scratch = j->q->scratch + (size_t)worker * j->q->scratch_floats;
    const float **k = (const float **)(void *)scratch, **v = k + j->pages_max;
    for (int p = 0; p < pages; p++) {
        k[p] = kv_block(s, ref, p, h, false);
        v[p] = kv_block(s, ref, p, h, true);
    }
    size_t at = ((size_t)r * (size_t)s->heads + (size_t)h * (size_t)group) * (size_t)s->head_dim;
    j->q->kernels->attend(j->x + at, group, s->head_dim, s->scale, n, k, v,
                          (float *)(void *)(v + j->pages_max), j->out + at);
}

static sl_status cpu_attention(sl_queue *q, const sl_attn_shape *s, sl_act x, const sl_kv_ref *refs,
                               int rows, sl_act out)
{
    int top = 0;
    for (int r = 0; r < rows; r++)
        top = refs[r].pos > top ? refs[r].pos : top;
    size_t pages = (size_t)top / SL_KV_PAGE + 1, group = (size_t)(s->heads / s->kv_heads);
    attn_job j = {q, s, floats(x), floats(out), refs, (pages + 7) / 8 * 8};
    size_t pointers = 2 * j.pages_max * sizeof(float *) / sizeof(float);
    if (need_scratch(q, pointers + group * pages * SL_KV_PAGE))
        return SL_E_NOMEM;
    sl_pool_run(q->pool, rows * s->kv_heads, attn_part, &j);
    return SL_OK;
}

static const sl_backend_ops cpu_ops = {
    .name = "cpu",
    .free = cpu_free,
    .kernels = cpu_kernels,
    .arithmetic = cpu_arithmetic,
    .memory = cpu_memory,
    .buffer_alloc = cpu_buffer_alloc,
    .buffer_map = cpu_buffer_map,
    .buffer_free = cpu_buffer_free,
    .queue_open = cpu_queue_open,
    .queue_free = cpu_queue_free,
    .upload = cpu_upload,
    .download = cpu_download,
    .synchronise = cpu_synchronise,
    .embed = cpu_embed,
    .matmul = cpu_matmul,
    .rms_norm = cpu_rms_norm,
    .rope = cpu_rope,
    .kv_store = cpu_kv_store,
    .attention = cpu_attention,
    .silu_mul = cpu_silu_mul,
};

sl_status sl_backend_cpu_open(sl_backend **ret, sl_error *reterr)
{
    cpu_backend *be = calloc(1, sizeof(*be));
    if (!be)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the CPU backend");
    be->base.ops = &cpu_ops;
    be->kernels = sl_kernels_pick();
    *ret = &be->base;
    return SL_OK;
}
