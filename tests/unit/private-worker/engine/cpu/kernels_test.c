/* Every instruction set computes the same bits, and the right ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "private-worker/engine/cpu/half.h"
#include "private-worker/engine/cpu/kernels.h"
#include "private-worker/engine/cpu/pool.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

static const sl_dtype types[] = {SL_F32, SL_F16, SL_BF16, SL_Q8_0, SL_Q4_0, SL_Q4_1};
#define TYPES 6

/* The sets that this processor runs; the reference is the first. */
static int sets(const sl_kernels *out[3])
{
    static const char *const names[] = {"scalar", "avx2", "avx512"};
    int n = 0;
    for (int i = 0; i < 3; i++) {
        setenv("SLUICE_CPU_KERNELS", names[i], 1);
        const sl_kernels *k = sl_kernels_pick();
        if (!strcmp(k->name, names[i]))
            out[n++] = k;
    }
    unsetenv("SLUICE_CPU_KERNELS");
    return n;
}

static uint64_t seed = 0x9E3779B97F4A7C15u;
static uint32_t next(void)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)(seed >> 32);
}
static float real(void)
{
    return (float)next() / 2147483648.0f - 1.0f;
}

/* Rows of weights of any type: random bits, with scales that are numbers of a sane size. */
static void fill(uint8_t *w, sl_dtype type, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        w[i] = (uint8_t)next();
    uint32_t elems = 1, block = 1;
    sl_dtype_block(type, &elems, &block);
    for (size_t i = 0; i < bytes; i += block) {
        float f = real();
        if (type == SL_F32)
            memcpy(w + i, &f, 4);
        else if (type == SL_BF16)
            memcpy(w + i, (uint8_t *)&f + 2, 2);
        else
            w[i + 1] = (uint8_t)(0x20 | (w[i + 1] & 0x9F)); /* f16 of 2^-7 to 2^1 */
        if (type == SL_Q4_1)
            w[i + 3] = (uint8_t)(0x20 | (w[i + 3] & 0x9F));
    }
}

static void sets_agree_and_are_right(void **state)
{
    const sl_kernels *k[3];
    int n_sets = sets(k);
    print_message("%d sets, best %s\n", n_sets, sl_kernels_pick()->name);
    static const int ks[] = {32, 64, 576, 1536}, rows[] = {1, 3, 4, 9};
    for (int t = 0; t < TYPES; t++)
        for (int a = 0; a < 4; a++)
            for (int b = 0; b < 4; b++) {
                int kk = ks[a], n = rows[b];
                size_t rb = sl_dtype_row_bytes(types[t], (size_t)kk);
                uint8_t *w = malloc(rb * (size_t)n);
                float *x = malloc(sizeof(float) * (size_t)kk),
                      *e = malloc(sizeof(float) * (size_t)kk), y[3][9];
                fill(w, types[t], rb * (size_t)n);
                for (int i = 0; i < kk; i++)
                    x[i] = real();
                for (int s = 0; s < n_sets; s++) {
                    for (int i = 0; i < 9; i++)
                        y[s][i] = 0.25f;
                    k[s]->dot(types[t], w, rb, n, kk, x, y[s], a % 2);
                }
                for (int s = 1; s < n_sets; s++)
                    assert_memory_equal(y[0], y[s], sizeof(y[0]));
                for (int r = 0; r < n; r++) {
                    double sum = a % 2 ? 0.25 : 0, size = 0;
                    k[0]->expand(types[t], w + rb * (size_t)r, kk, e);
                    for (int i = 0; i < kk; i++)
                        sum += (double)e[i] * (double)x[i],
                            size += fabs((double)e[i] * (double)x[i]);
                    assert_true(fabs(sum - (double)y[0][r]) <= 1e-6 * size + 1e-7);
                }
                free(w), free(x), free(e);
            }
}

/* One token alone through `dot` and any number together through `tile`: equal bits. */
static void tile_equals_dot(void **state)
{
    const sl_kernels *k[3];
    int n_sets = sets(k);
    enum { K = 96, ROWS = 4, TOKENS = 20 };
    for (int s = 0; s < n_sets; s++)
        for (int t = 0; t < TYPES; t++) {
            size_t rb = sl_dtype_row_bytes(types[t], K);
            uint8_t w[ROWS * 4 * K];
            float x[TOKENS * K], e[ROWS * K], alone[TOKENS][ROWS], together[TOKENS][ROWS];
            fill(w, types[t], rb * ROWS);
            for (int i = 0; i < TOKENS * K; i++)
                x[i] = real();
            for (int r = 0; r < ROWS; r++)
                k[s]->expand(types[t], w + rb * (size_t)r, K, e + r * K);
            for (int i = 0; i < TOKENS; i++)
                k[s]->dot(types[t], w, rb, ROWS, K, x + i * K, alone[i], false);
            for (int n = 1; n <= TOKENS; n++)
                for (int wn = 1; wn <= ROWS; wn++) {
                    memset(together, 0, sizeof(together));
                    k[s]->tile(e, K, wn, x, K, n, K, together[0], ROWS, false);
                    for (int i = 0; i < n; i++)
                        assert_memory_equal(together[i], alone[i], sizeof(float) * (size_t)wn);
                }
        }
}

static void row_ops_agree_and_are_right(void **state)
{
    const sl_kernels *k[3];
    int n_sets = sets(k);
    enum { N = 576 };
    float x[N], w[N], y[3][N], z[3][N];
    for (int i = 0; i < N; i++)
        x[i] = real() * (i % 9 ? 3.0f : 60.0f), w[i] = real();
    x[0] = -120, x[1] = 120, x[2] = 0, x[3] = -88, x[4] = 88;
    for (int s = 0; s < n_sets; s++) {
        k[s]->rms_norm(x, w, 1e-5f, N, y[s]);
        k[s]->silu_mul(x, w, N, z[s]);
        assert_memory_equal(y[0], y[s], sizeof(y[0]));
        assert_memory_equal(z[0], z[s], sizeof(z[0]));
    }
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += (double)x[i] * (double)x[i];
    for (int i = 0; i < N; i++) {
        double norm = (double)x[i] / sqrt(sum / N + 1e-5) * (double)w[i];
        double silu = (double)x[i] / (1 + exp(-(double)x[i])) * (double)w[i];
        assert_true(fabs(norm - (double)y[0][i]) <= 1e-6 * fabs(norm) + 1e-9);
        assert_true(fabs(silu - (double)z[0][i]) <= 1e-6 * fabs(silu) + 1e-9);
    }
}

static void attention_agrees_and_is_right(void **state)
{
    const sl_kernels *k[3];
    int n_sets = sets(k);
    static const int dims[] = {8, 16, 64, 128}, lengths[] = {1, 31, 32, 33, 100};
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 5; b++) {
            int dim = dims[a], n = lengths[b], pages = (n + 31) / 32;
            size_t pad = sl_kv_dim_pad(dim);
            float *kp = calloc((size_t)pages * 32 * (size_t)dim, 4),
                  *vp = calloc((size_t)pages * 32 * pad, 4);
            const float *ks[4], *vs[4];
            float q[3 * 128], out[3][3 * 128], *scores = malloc(sizeof(float) * 3 * 128);
            for (int i = 0; i < 3 * dim; i++)
                q[i] = real() * 4;
            for (int p = 0; p < pages; p++)
                ks[p] = kp + (size_t)p * 32 * (size_t)dim, vs[p] = vp + (size_t)p * 32 * pad;
            for (int p = 0; p < pages * 32; p++) /* what lies past n must not matter */
                for (int d = 0; d < dim; d++) {
                    kp[(size_t)(p / 32) * 32 * (size_t)dim + (size_t)d * 32 + (size_t)(p % 32)] =
                        p < n ? real() : NAN;
                    vp[(size_t)p * pad + (size_t)d] = p < n ? real() : NAN;
                }
            for (int s = 0; s < n_sets; s++) {
                k[s]->attend(q, 3, dim, 0.3f, n, ks, vs, scores, out[s]);
                assert_memory_equal(out[0], out[s], sizeof(float) * 3 * (size_t)dim);
            }
            for (int g = 0; g < 3; g++) {
                double w[128], sum = 0, top = -1e300;
                for (int p = 0; p < n; p++) {
                    w[p] = 0;
                    for (int d = 0; d < dim; d++)
                        w[p] += (double)q[g * dim + d] * (double)ks[p / 32][d * 32 + p % 32];
                    w[p] *= 0.3;
                    top = w[p] > top ? w[p] : top;
                }
                for (int p = 0; p < n; p++)
                    sum += w[p] = exp(w[p] - top);
                for (int d = 0; d < dim; d++) {
                    double want = 0;
                    for (int p = 0; p < n; p++)
                        want += w[p] / sum * (double)vp[(size_t)p * pad + (size_t)d];
                    assert_true(fabs(want - (double)out[0][g * dim + d]) < 2e-6);
                }
            }
            free(kp), free(vp), free(scores);
        }
}

/* All 65,536 halves: the table sets agree with the portable one (through F16 rows). */
static void halves_are_exact(void **state)
{
    const sl_kernels *k[3];
    int n_sets = sets(k);
    for (uint32_t base = 0; base < 65536; base += 32) {
        uint16_t h[32];
        float out[3][32];
        for (uint32_t i = 0; i < 32; i++)
            h[i] = (uint16_t)(base + i);
        for (int s = 0; s < n_sets; s++)
            k[s]->expand(SL_F16, (const uint8_t *)h, 32, out[s]);
        for (uint32_t i = 0; i < 32; i++) {
            int e = h[i] >> 10 & 31, m = h[i] & 1023;
            double want = e ? ldexp(1 + m / 1024.0, e - 15) : ldexp(m / 1024.0, -14);
            want = h[i] & 0x8000 ? -want : want;
            for (int s = 0; s < n_sets; s++) {
                if (e == 31)
                    assert_true(m ? isnan(out[s][i]) : isinf(out[s][i]));
                else
                    assert_true((double)out[s][i] == want &&
                                !signbit(out[s][i]) == !(h[i] & 0x8000));
            }
        }
    }
}

/* ---- the pool ---- */
typedef struct count {
    atomic_int hits[1000];
} count;
static void hit(void *arg, int i, int worker)
{
    atomic_fetch_add(&((count *)arg)->hits[i], 1);
}

static void pool_runs_each_part_once(void **state)
{
    for (int threads = 1; threads <= 4; threads++) {
        sl_pool *p = NULL;
        assert_int_equal(sl_pool_open(&p, threads, NULL), SL_OK);
        assert_int_equal(sl_pool_threads(p), threads);
        for (int round = 0; round < 300; round++) {
            static count c;
            int n = 1 + round * 7 % 1000;
            memset(&c, 0, sizeof(c));
            sl_pool_run(p, n, hit, &c);
            for (int i = 0; i < n; i++)
                assert_int_equal(atomic_load(&c.hits[i]), 1);
        }
        sl_pool_free(p);
    }
    sl_pool *p = NULL;
    assert_int_equal(sl_pool_open(&p, -1, NULL), SL_E_INVALID);
    assert_int_equal(sl_pool_open(&p, 100000, NULL), SL_E_INVALID);
    sl_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_agree_and_are_right),
        cmocka_unit_test(tile_equals_dot),
        cmocka_unit_test(row_ops_agree_and_are_right),
        cmocka_unit_test(attention_agrees_and_is_right),
        cmocka_unit_test(halves_are_exact),
        cmocka_unit_test(pool_runs_each_part_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
