/* AVX2 with FMA and F16C: a vector of 16 is two registers of 8. */
#include "private-worker/engine/cpu/kernels.h"

#if defined(__x86_64__)
#include <math.h>
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif
#include <immintrin.h>

typedef struct v16 {
    __m256 a, b;
} v16;

#define TILE_T       1 /* 4 rows x 1 token are 8 of 16 registers */
#define KERNELS      avx2_kernels
#define KERNELS_NAME "avx2"

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
    return (v16){_mm256_set1_ps(f), _mm256_set1_ps(f)};
}
static inline v16 v_zero(void)
{
    return (v16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}
static inline v16 v_load(const float *p)
{
    return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
static inline v16 v_add(v16 x, v16 y)
{
    return (v16){_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
static inline v16 v_sub(v16 x, v16 y)
{
    return (v16){_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
static inline v16 v_mul(v16 x, v16 y)
{
    return (v16){_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
static inline v16 v_div(v16 x, v16 y)
{
    return (v16){_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
static inline v16 v_max(v16 x, v16 y)
{
    return (v16){_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)};
}
static inline v16 v_min(v16 x, v16 y)
{
    return (v16){_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)};
}

static inline void v_store(float *p, v16 x)
{
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}

static inline v16 v_fma(v16 x, v16 y, v16 z)
{
    return (v16){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}

static inline __m128i load128(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline v16 v_f16(const uint8_t *p)
{
    return (v16){_mm256_cvtph_ps(load128(p)), _mm256_cvtph_ps(load128(p + 16))};
}

static inline __m256 bf8(const uint8_t *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load128(p)), 16));
}
static inline v16 v_bf16(const uint8_t *p)
{
    return (v16){bf8(p), bf8(p + 16)};
}

static inline v16 v_i8(const uint8_t *p)
{
    __m128i q = load128(p);
    return (v16){_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)),
                 _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(q, 8)))};
}

static inline __m256 nib8(__m128i q, __m256 d, __m256 m)
{
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(q)), d, m);
}

static inline void v_nib(const uint8_t *p, float d, float m, v16 *lo, v16 *hi)
{
    __m128i q = load128(p), mask = _mm_set1_epi8(15);
    __m128i l = _mm_and_si128(q, mask), h = _mm_and_si128(_mm_srli_epi16(q, 4), mask);
    __m256 vd = _mm256_set1_ps(d), vm = _mm256_set1_ps(m);
    *lo = (v16){nib8(l, vd, vm), nib8(_mm_srli_si128(l, 8), vd, vm)};
    *hi = (v16){nib8(h, vd, vm), nib8(_mm_srli_si128(h, 8), vd, vm)};
}

static inline __m256 pow2_8(__m256 n)
{
    __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_max_epi32(e, _mm256_setzero_si256()), 23));
}
static inline v16 v_pow2(v16 n)
{
    return (v16){pow2_8(n.a), pow2_8(n.b)};
}

static inline float v_sum(v16 x)
{
    __m256 e = _mm256_add_ps(x.a, x.b);
    __m128 f = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    f = _mm_add_ps(f, _mm_movehl_ps(f, f));
    return _mm_cvtss_f32(_mm_add_ss(f, _mm_movehdup_ps(f)));
}

static inline float v_top(v16 x)
{
    __m256 e = _mm256_max_ps(x.a, x.b);
    __m128 f = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    f = _mm_max_ps(f, _mm_movehl_ps(f, f));
    return _mm_cvtss_f32(_mm_max_ss(f, _mm_movehdup_ps(f)));
}

#include "private-worker/engine/cpu/kernels_body.h"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
const sl_kernels *sl_kernels_avx2(void)
{
    return &avx2_kernels;
}
#else
const sl_kernels *sl_kernels_avx2(void)
{
    return NULL;
}
#endif
