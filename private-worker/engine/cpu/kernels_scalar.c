/* The reference: plain C in the order that kernels.h fixes. Runs anywhere. */
#include "private-worker/engine/cpu/half.h"
#include "private-worker/engine/cpu/kernels.h"

#include <math.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

typedef struct v16 {
    float v[16];
} v16;

#define half_to_float half_bits_to_float
#define TILE_T        2
#define KERNELS       scalar_kernels
#define KERNELS_NAME  "scalar"
#define EACH(expr)               \
    v16 r;                       \
    for (int i = 0; i < 16; i++) \
        r.v[i] = (expr);         \
    return r

static inline v16 v_set1(float f)
{
    EACH(f);
}
static inline v16 v_zero(void)
{
    EACH(0.0f);
}
static inline v16 v_load(const float *p)
{
    EACH(p[i]);
}
static inline void v_store(float *p, v16 a)
{
    memcpy(p, a.v, sizeof(a.v));
}
static inline v16 v_add(v16 a, v16 b)
{
    EACH(a.v[i] + b.v[i]);
}
static inline v16 v_sub(v16 a, v16 b)
{
    EACH(a.v[i] - b.v[i]);
}
static inline v16 v_mul(v16 a, v16 b)
{
    EACH(a.v[i] * b.v[i]);
}
static inline v16 v_div(v16 a, v16 b)
{
    EACH(a.v[i] / b.v[i]);
}
static inline v16 v_max(v16 a, v16 b)
{
    EACH(a.v[i] > b.v[i] ? a.v[i] : b.v[i]);
}
static inline v16 v_min(v16 a, v16 b)
{
    EACH(a.v[i] < b.v[i] ? a.v[i] : b.v[i]);
}
static inline v16 v_fma(v16 a, v16 b, v16 c)
{
    EACH(fmaf(a.v[i], b.v[i], c.v[i]));
}
static inline v16 v_f16(const uint8_t *p)
{
    EACH(half_bits_to_float((uint16_t)(p[2 * i] | p[2 * i + 1] << 8)));
}
static inline v16 v_i8(const uint8_t *p)
{
    EACH((float)(int8_t)p[i]);
}

static inline void two_halves(const uint8_t *p, float *a, float *b)
{
    *a = half_bits_to_float((uint16_t)(p[0] | p[1] << 8));
    *b = half_bits_to_float((uint16_t)(p[2] | p[3] << 8));
}

static inline v16 v_bf16(const uint8_t *p)
{
    v16 r;
    for (int i = 0; i < 16; i++) {
        uint32_t u = (uint32_t)p[2 * i] << 16 | (uint32_t)p[2 * i + 1] << 24;
        memcpy(&r.v[i], &u, 4);
    }
    return r;
}

static inline void v_nib(const uint8_t *p, float d, float m, v16 *lo, v16 *hi)
{
    for (int i = 0; i < 16; i++) {
        lo->v[i] = fmaf((float)(p[i] & 15), d, m);
        hi->v[i] = fmaf((float)(p[i] >> 4), d, m);
    }
}

/* 2^n for whole n from -150 to 127; what a float cannot hold as a normal number becomes 0. */
static inline v16 v_pow2(v16 n)
{
    v16 r;
    for (int i = 0; i < 16; i++) {
        int32_t e = (int32_t)n.v[i] + 127;
        uint32_t u = e > 0 ? (uint32_t)e << 23 : 0;
        memcpy(&r.v[i], &u, 4);
    }
    return r;
}

static inline float v_sum(v16 a)
{
    for (int n = 8; n; n /= 2)
        for (int i = 0; i < n; i++)
            a.v[i] = a.v[i] + a.v[i + n];
    return a.v[0];
}

static inline float v_top(v16 a)
{
    float m = a.v[0];
    for (int i = 1; i < 16; i++)
        m = a.v[i] > m ? a.v[i] : m;
    return m;
}

#include "private-worker/engine/cpu/kernels_body.h"

const sl_kernels *sl_kernels_scalar(void)
{
    return &scalar_kernels;
}
