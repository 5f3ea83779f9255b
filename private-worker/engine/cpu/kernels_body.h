/* kernels_body.h - the kernels, written once over a vector of 16 floats.
 *
 * Included by kernels_<set>.c after it has defined v16 and its operations:
 *   v_zero v_set1 v_load v_store v_add v_sub v_mul v_div v_max v_fma v_sum v_top v_pow2
 *   v_f16(p) v_bf16(p) v_i8(p): 16 stored numbers as floats
 *   v_nib(p, lo, hi): 16 bytes as 32 numbers 0..15 times d plus m
 * Functions are static; KERNELS names the table. */

/* Short loops of constant length over register arrays must be unrolled, or the arrays live in
 * memory. */
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

typedef struct pair {
    v16 lo, hi; /* 32 weights in order */
} pair;

static inline float f16_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, 2);
    return half_to_float(h);
}

static inline pair w_f32(const uint8_t *w, int b)
{
    const float *p = (const float *)(const void *)w + 32 * b;
    return (pair){v_load(p), v_load(p + 16)};
}

static inline pair w_f16(const uint8_t *w, int b)
{
    return (pair){v_f16(w + 64 * b), v_f16(w + 64 * b + 32)};
}
static inline pair w_bf16(const uint8_t *w, int b)
{
    return (pair){v_bf16(w + 64 * b), v_bf16(w + 64 * b + 32)};
}

static inline pair w_q8_0(const uint8_t *w, int b)
{
    const uint8_t *p = w + 34 * (size_t)b;
    v16 d = v_set1(f16_at(p));
    return (pair){v_mul(v_i8(p + 2), d), v_mul(v_i8(p + 18), d)};
}

static inline pair w_q4_0(const uint8_t *w, int b)
{
    const uint8_t *p = w + 18 * (size_t)b;
    float d = f16_at(p);
    pair r;
    v_nib(p + 2, d, -8 * d, &r.lo, &r.hi); /* (q - 8) d = q d - 8 d: 8 d is exact, one rounding */
    return r;
}

static inline pair w_q4_1(const uint8_t *w, int b)
{
    const uint8_t *p = w + 20 * (size_t)b;
    pair r;
    float d, m;
    two_halves(p, &d, &m);
    v_nib(p + 4, d, m, &r.lo, &r.hi);
    return r;
}

static inline void put(float *y, float v, bool add)
{
    *y = add ? *y + v : v;
}

/* Weights come from memory once a token. Four rows at a time look like no stream to the hardware,
 * so the lines of the rows after next are asked for by hand. Past the end it does nothing. */
#define AHEAD 4096
static inline void ask_for(const uint8_t *p, int bytes)
{
    UNROLL
    for (int i = 0; i < bytes; i += 64)
        __builtin_prefetch(p + AHEAD + i);
}

/* Four rows side by side hide the latency of the fused multiply-add; a row's own order of sums is
 * the same in both loops. */
#define DOT(W, BLOCK)                                                                        \
    static void dot_##W(const uint8_t *w, size_t rb, int n, int k, const float *x, float *y, \
                        bool add)                                                            \
    {                                                                                        \
        int i = 0;                                                                           \
        for (; i + 4 <= n; i += 4, w += 4 * rb) {                                            \
            v16 a0 = v_zero(), a1 = a0, a2 = a0, a3 = a0;                                    \
            for (int b = 0; b < k / 32; b++) {                                               \
                ask_for(w + 4 * BLOCK * b, 4 * BLOCK);                                       \
                v16 lo = v_load(x + 32 * b), hi = v_load(x + 32 * b + 16);                   \
                pair w0 = W(w, b), w1 = W(w + rb, b), w2 = W(w + 2 * rb, b),                 \
                     w3 = W(w + 3 * rb, b);                                                  \
                a0 = v_fma(w0.lo, lo, a0), a1 = v_fma(w1.lo, lo, a1);                        \
                a2 = v_fma(w2.lo, lo, a2), a3 = v_fma(w3.lo, lo, a3);                        \
                a0 = v_fma(w0.hi, hi, a0), a1 = v_fma(w1.hi, hi, a1);                        \
                a2 = v_fma(w2.hi, hi, a2), a3 = v_fma(w3.hi, hi, a3);                        \
            }                                                                                \
            put(y + i, v_sum(a0), add), put(y + i + 1, v_sum(a1), add);                      \
            put(y + i + 2, v_sum(a2), add), put(y + i + 3, v_sum(a3), add);                  \
        }                                                                                    \
        for (; i < n; i++, w += rb) {                                                        \
            v16 a = v_zero();                                                                \
            for (int b = 0; b < k / 32; b++) {                                               \
                pair p = W(w, b);                                                            \
                a = v_fma(p.lo, v_load(x + 32 * b), a);                                      \
                a = v_fma(p.hi, v_load(x + 32 * b + 16), a);                                 \
            }                                                                                \
            put(y + i, v_sum(a), add);                                                       \
        }                                                                                    \
    }                                                                                        \
    static void expand_##W(const uint8_t *w, int k, float *out)                              \
    {                                                                                        \
        for (int b = 0; b < k / 32; b++) {                                                   \
            pair p = W(w, b);                                                                \
            v_store(out + 32 * b, p.lo);                                                     \
            v_store(out + 32 * b + 16, p.hi);                                                \
        }                                                                                    \
    }

DOT(w_f32, 128)
DOT(w_f16, 64)
DOT(w_bf16, 64)
DOT(w_q8_0, 34)
DOT(w_q4_0, 18)
DOT(w_q4_1, 20)

static void dot(sl_dtype type, const uint8_t *w, size_t rb, int n, int k, const float *x, float *y,
                bool add)
{
    switch (type) {
    case SL_F32:
        dot_w_f32(w, rb, n, k, x, y, add);
        break;
    case SL_F16:
        dot_w_f16(w, rb, n, k, x, y, add);
        break;
    case SL_BF16:
        dot_w_bf16(w, rb, n, k, x, y, add);
        break;
    case SL_Q8_0:
        dot_w_q8_0(w, rb, n, k, x, y, add);
        break;
    case SL_Q4_0:
        dot_w_q4_0(w, rb, n, k, x, y, add);
        break;
    case SL_Q4_1:
        dot_w_q4_1(w, rb, n, k, x, y, add);
        break;
    }
}

static void expand(sl_dtype type, const uint8_t *w, int k, float *out)
{
    switch (type) {
    case SL_F32:
        expand_w_f32(w, k, out);
        break;
    case SL_F16:
        expand_w_f16(w, k, out);
        break;
    case SL_BF16:
        expand_w_bf16(w, k, out);
        break;
    case SL_Q8_0:
        expand_w_q8_0(w, k, out);
        break;
    case SL_Q4_0:
        expand_w_q4_0(w, k, out);
        break;
    case SL_Q4_1:
        expand_w_q4_1(w, k, out);
        break;
    }
}

/* wn rows against tn tokens, both known to the compiler, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void tile_n(const float *w, size_t ws, int wn,
                                                         const float *x, size_t xs, int tn, int k,
                                                         float *y, size_t ys, bool add)
{
    v16 a[SL_TILE_ROWS][TILE_T];
    UNROLL
    for (int i = 0; i < wn; i++) {
        UNROLL
        for (int t = 0; t < tn; t++)
            a[i][t] = v_zero();
    }
    for (int j = 0; j < k; j += 16) {
        v16 r[SL_TILE_ROWS];
        UNROLL
        for (int i = 0; i < wn; i++)
            r[i] = v_load(w + (size_t)i * ws + j);
        UNROLL
        for (int t = 0; t < tn; t++) {
            v16 v = v_load(x + (size_t)t * xs + j);
            UNROLL
            for (int i = 0; i < wn; i++)
                a[i][t] = v_fma(r[i], v, a[i][t]);
        }
    }
    UNROLL
    for (int t = 0; t < tn; t++) {
        UNROLL
        for (int i = 0; i < wn; i++)
            put(y + (size_t)t * ys + i, v_sum(a[i][t]), add);
    }
}

#define TILE_CASE(n)                                          \
    case n:                                                   \
        tile_n(w, ws, SL_TILE_ROWS, x, xs, n, k, y, ys, add); \
        break

static void tile(const float *w, size_t ws, int wn, const float *x, size_t xs, int tokens, int k,
                 float *y, size_t ys, bool add)
{
    if (wn < SL_TILE_ROWS) {
        for (int i = 0; i < wn; i++)
            for (int t = 0; t < tokens; t++)
                tile_n(w + (size_t)i * ws, ws, 1, x + (size_t)t * xs, xs, 1, k,
                       y + (size_t)t * ys + i, ys, add);
        return;
    }
    while (tokens > 0) {
        int n = tokens < TILE_T ? tokens : TILE_T;
        switch (n) {
            TILE_CASE(1);
#if TILE_T > 1
            TILE_CASE(2);
#endif
#if TILE_T > 2
            TILE_CASE(3);
            TILE_CASE(4);
            TILE_CASE(5);
            TILE_CASE(6);
#endif
        }
        x += (size_t)n * xs, y += (size_t)n * ys, tokens -= n;
    }
}

static void rms_norm(const float *x, const float *w, float eps, int n, float *y)
{
    v16 a = v_zero();
    for (int i = 0; i < n; i += 16) {
        v16 v = v_load(x + i);
        a = v_fma(v, v, a);
    }
    v16 s = v_set1(1.0f / sqrtf(v_sum(a) / (float)n + eps));
    for (int i = 0; i < n; i += 16)
        v_store(y + i, v_mul(v_mul(v_load(x + i), s), v_load(w + i)));
}

/* e^x within 2 ulp: x = n ln 2 + r and a polynomial for e^r (coefficients of Cephes' expf). Own
 * code, so that no libm version changes a bit. Below -87.3 it is 0. */
static inline v16 v_exp(v16 x)
{
    const v16 magic = v_set1(12582912.0f); /* 1.5 * 2^23: adding it rounds to a whole number */
    x = v_min(v_max(x, v_set1(-104.0f)), v_set1(88.3f));
    v16 n = v_sub(v_fma(x, v_set1(1.44269504f), magic), magic);
    v16 r = v_fma(n, v_set1(-0.693359375f), x);
    r = v_fma(n, v_set1(2.12194440e-4f), r);
    v16 p = v_set1(1.9875691500e-4f);
    p = v_fma(p, r, v_set1(1.3981999507e-3f));
    p = v_fma(p, r, v_set1(8.3334519073e-3f));
    p = v_fma(p, r, v_set1(4.1665795894e-2f));
    p = v_fma(p, r, v_set1(1.6666665459e-1f));
    p = v_fma(p, r, v_set1(5.0000001201e-1f));
    p = v_add(v_fma(p, v_mul(r, r), r), v_set1(1.0f));
    return v_mul(p, v_pow2(n));
}

static void silu_mul(const float *gate, const float *up, int n, float *out)
{
    const v16 one = v_set1(1.0f), zero = v_zero();
    for (int i = 0; i < n; i += 16) {
        v16 g = v_load(gate + i);
        v16 s = v_div(g, v_add(one, v_exp(v_sub(zero, g))));
        v_store(out + i, v_mul(s, v_load(up + i)));
    }
}

/* Scores of one head over one page: 32 positions side by side, the sum runs over the dimensions. */
static inline void page_scores(const float *q, int dim, v16 scale, const float *k, float *out)
{
    v16 a = v_zero(), b = v_zero();
    for (int d = 0; d < dim; d++) {
        v16 s = v_set1(q[d]);
        a = v_fma(s, v_load(k + SL_KV_PAGE * d), a);
        b = v_fma(s, v_load(k + SL_KV_PAGE * d + 16), b);
    }
    v_store(out, v_mul(a, scale));
    v_store(out + 16, v_mul(b, scale));
}

/* Turns scores into weights in place; returns what to multiply the sum of values with. */
static inline float softmax(float *s, int n, int padded)
{
    for (int p = n; p < padded; p++)
        s[p] = -INFINITY; /* positions that the page has but the request not yet */
    v16 top = v_load(s);
    for (int p = 16; p < padded; p += 16)
        top = v_max(top, v_load(s + p));
    v16 m = v_set1(v_top(top)), sum = v_zero();
    for (int p = 0; p < padded; p += 16) {
        v16 e = v_exp(v_sub(v_load(s + p), m));
        v_store(s + p, e);
        sum = v_add(sum, e);
    }
    return 1.0f / v_sum(sum);
}

/* Values weighted and summed, position by position; 16 dimensions at a time. */
static inline void page_values(const float *w, const float *v, size_t pad, int n, v16 *acc,
                               int chunks)
{
    for (int p = 0; p < n; p++) {
        v16 s = v_set1(w[p]);
        UNROLL
        for (int c = 0; c < chunks; c++)
            acc[c] = v_fma(s, v_load(v + (size_t)p * pad + 16 * (size_t)c), acc[c]);
    }
}

#define CHUNKS_MAX 16 /* head_dim up to 256 */

static void attend(const float *q, int group, int dim, float scale, int n, const float *const *k,
                   const float *const *v, float *scores, float *out)
{
    int pages = (n + SL_KV_PAGE - 1) / SL_KV_PAGE, padded = pages * SL_KV_PAGE;
    size_t pad = sl_kv_dim_pad(dim);
    int chunks = (int)(pad / 16);
    v16 sc = v_set1(scale);
    for (int p = 0; p < pages; p++)
        for (int g = 0; g < group; g++)
            page_scores(q + (size_t)g * dim, dim, sc, k[p],
                        scores + (size_t)g * padded + SL_KV_PAGE * p);
    for (int g = 0; g < group; g++) {
        float *s = scores + (size_t)g * padded, tail[16];
        float inv = softmax(s, n, padded);
        v16 acc[CHUNKS_MAX];
        for (int c = 0; c < chunks; c++)
            acc[c] = v_zero();
        for (int p = 0; p < pages; p++) {
            int m = n - SL_KV_PAGE * p;
            m = m < SL_KV_PAGE ? m : SL_KV_PAGE;
            if (chunks == 4)
                page_values(s + SL_KV_PAGE * p, v[p], 64, m, acc, 4);
            else
                page_values(s + SL_KV_PAGE * p, v[p], pad, m, acc, chunks);
        }
        float *o = out + (size_t)g * dim;
        for (int c = 0; c < chunks; c++) {
            v_store(tail, v_mul(acc[c], v_set1(inv)));
            int m = dim - 16 * c;
            memcpy(o + 16 * c, tail, sizeof(float) * (size_t)(m < 16 ? m : 16));
        }
    }
}

static const sl_kernels KERNELS = {
    .name = KERNELS_NAME,
    .dot = dot,
    .expand = expand,
    .tile = tile,
    .rms_norm = rms_norm,
    .silu_mul = silu_mul,
    .attend = attend,
};
