/* kernels.h - the inner loops of the CPU backend, one table for each instruction set.
 *
 * All tables compute the same bits. A sum over n elements is kept in 16 lanes, element i goes to
 * lane i mod 16 by one fused multiply-add, in ascending order; at the end the lanes are added as a
 * tree: (i, i+8), (i, i+4), (i, i+2), (i, i+1). Nothing depends on how many rows or tokens are
 * computed together, so a result is the same alone, in any batch, and on any of these machines.
 * Threads: pure functions. */
#ifndef SL_ENGINE_CPU_KERNELS_H
#define SL_ENGINE_CPU_KERNELS_H

#include "private-worker/engine/backend.h"

#define SL_TILE_ROWS 4 /* weight rows that one tile holds in registers */

typedef struct sl_kernels {
    const char *name;
    /* y[i] (+)= w_i . x for n weight rows that lie row_bytes apart; k is a multiple of 32. */
    void (*dot)(sl_dtype type, const uint8_t *w, size_t row_bytes, int n, int k, const float *x,
                float *y, bool add);
    /* A row of weights as floats. */
    void (*expand)(sl_dtype type, const uint8_t *w, int k, float *out);
    /* The same sums as `dot` on expanded rows: y[t * y_stride + i], wn <= 4 rows, any tokens. */
    void (*tile)(const float *w, size_t w_stride, int wn, const float *x, size_t x_stride,
                 int tokens, int k, float *y, size_t y_stride, bool add);
    void (*rms_norm)(const float *x, const float *w, float eps, int n, float *y);
    void (*silu_mul)(const float *gate, const float *up, int n, float *out);
    /* One KV head's group of query heads against `n` positions: q[group][dim], out[group][dim].
     * k(p) and v(p) are the page's blocks of that head. scores: group x (n rounded up to 32). */
    void (*attend)(const float *q, int group, int dim, float scale, int n, const float *const *k,
                   const float *const *v, float *scores, float *out);
} sl_kernels;

const sl_kernels *sl_kernels_scalar(void);
const sl_kernels *sl_kernels_avx2(void); /* NULL where not built */
const sl_kernels *sl_kernels_avx512(void);
/* The best this processor runs; SLUICE_CPU_KERNELS=scalar|avx2|avx512 asks for a lesser one.
 * */
const sl_kernels *sl_kernels_pick(void);

#endif
