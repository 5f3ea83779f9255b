/* AVX-512 F, BW, DQ and VL: a vector of 16 is one register. Nibbles become weights by one table
 * look-up, the table of a block being 0..15 times its scale plus its minimum. */
#include "private-worker/engine/cpu/kernels.h"

#if defined(__x86_64__)
#include <math.h>
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#pragma clang attribute push(                                                    \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#endif
#include <immintrin.h>

typedef __m512 v16;

#define TILE_T       6 /* 24 accumulators of 32 registers */
#define KERNELS      avx512_kernels
#define KERNELS_NAME "avx512"

static inline float half_to_float(uint16_t h)
{
    return _cvtsh_ss(h);
}

/* Scale and minimum of a block stand side by side: one conversion for both. */
static inline void two_halves(const uint8_t *p, float *a, float *b)
{
    __m128 v = _mm_cvtph_ps(_mm_loadu_si32(p));
    *a = _mm_cvtss_f32(v);
    *b = _mm_cvtss_f32(_mm_movehdup_ps(v));
}

static inline v16 v_set1(float f)
{
    return _mm512_set1_ps(f);
}
static inline v16 v_zero(void)
{
    return _mm512_setzero_ps();
}
static inline v16 v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void v_store(float *p, v16 a)
{
    _mm512_storeu_ps(p, a);
}
static inline v16 v_add(v16 a, v16 b)
{
    return _mm512_add_ps(a, b);
}
static inline v16 v_sub(v16 a, v16 b)
{
    return _mm512_sub_ps(a, b);
}
static inline v16 v_mul(v16 a, v16 b)
{
    return _mm512_mul_ps(a, b);
}
static inline v16 v_div(v16 a, v16 b)
{
    return _mm512_div_ps(a, b);
}
static inline v16 v_max(v16 a, v16 b)
{
    return _mm512_max_ps(a, b);
}
static inline v16 v_min(v16 a, v16 b)
{
    return _mm512_min_ps(a, b);
}
static inline v16 v_fma(v16 a, v16 b, v16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline __m256i load256(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
static inline __m128i load128(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline v16 v_f16(const uint8_t *p)
{
    return _mm512_cvtph_ps(load256(p));
}
static inline v16 v_bf16(const uint8_t *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load256(p)), 16));
}
static inline v16 v_i8(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load128(p)));
}

/* vpermps looks at the low four bits of each index alone, so the low nibbles need no mask. */
static inline void v_nib(const uint8_t *p, float d, float m, v16 *lo, v16 *hi)
{
    const v16 steps = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    v16 table = _mm512_fmadd_ps(steps, _mm512_set1_ps(d), _mm512_set1_ps(m));
    __m512i q = _mm512_cvtepu8_epi32(load128(p));
    *lo = _mm512_permutexvar_ps(q, table);
    *hi = _mm512_permutexvar_ps(_mm512_srli_epi32(q, 4), table);
}

static inline v16 v_pow2(v16 n)
{
    __m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_max_epi32(e, _mm512_setzero_si512()), 23));
}

static inline float v_sum(v16 a)
{
    __m256 e = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 f = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    f = _mm_add_ps(f, _mm_movehl_ps(f, f));
    return _mm_cvtss_f32(_mm_add_ss(f, _mm_movehdup_ps(f)));
}

static inline float v_top(v16 a)
{
    return _mm512_reduce_max_ps(a);
}

#include "private-worker/engine/cpu/kernels_body.h"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
const sl_kernels *sl_kernels_avx512(void)
{
    return &avx512_kernels;
}
#else
const sl_kernels *sl_kernels_avx512(void)
{
    return NULL;
}
#endif
