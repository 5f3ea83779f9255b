#include "private-worker/engine/sampler.h"

#include <stdlib.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

typedef struct sl_candidate {
    float logit;
    int32_t id;
    double weight; /* exp((logit - top) / temperature) */
} candidate;

/* Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). */
void sl_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t n0 = (uint32_t)(b >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(a >> 32) ^ c[3] ^ k1;
        c[0] = n0, c[1] = (uint32_t)b, c[2] = n2, c[3] = (uint32_t)a;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof(c));
}

double sl_philox_uniform(uint64_t seed, uint64_t position)
{
    uint32_t counter[4] = {(uint32_t)position, (uint32_t)(position >> 32), 0, 0};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, r[4];
    sl_philox(counter, key, r);
    return (double)((uint64_t)r[0] << 21 | r[1] >> 11) * 0x1p-53;
}

static int32_t likeliest(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

/* Higher logits first, lower ids first among equals: a total order, so any sort gives the same. */
static int by_rank(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static void swap(candidate *a, candidate *b)
{
    candidate t = *a;
    *a = *b;
    *b = t;
}

/* Quickselect: brings the k first by rank to the front, in any order. */
static void select_top(candidate *c, size_t n, size_t k)
{
    size_t lo = 0, hi = n;
    while (hi - lo > 1) {
        swap(&c[lo], &c[lo + (hi - lo) / 2]);
        size_t at = lo;
        for (size_t i = lo + 1; i < hi; i++)
            if (by_rank(&c[i], &c[lo]) < 0)
                swap(&c[++at], &c[i]);
        swap(&c[lo], &c[at]);
        if (at >= k)
            hi = at;
        else
            lo = at + 1;
        if (lo >= k)
            break;
    }
}

/* e^x for -45 < x <= 0 with a relative error below 1e-14. Own code: a C library may round the last
 * bit otherwise in its next version, and the same seed must give the same text. */
static double exp_below_0(double x)
{
    const double magic = 0x1.8p52; /* adding it rounds to a whole number */
    double n = (x * 1.4426950408889634 + magic) - magic;
    double r = (x - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33; /* ln 2 in two parts */
    static const double inverse_factorial[] = {1.0 / 6227020800,
                                               1.0 / 479001600,
                                               1.0 / 39916800,
                                               1.0 / 3628800,
                                               1.0 / 362880,
                                               1.0 / 40320,
                                               1.0 / 5040,
                                               1.0 / 720,
                                               1.0 / 120,
                                               1.0 / 24,
                                               1.0 / 6,
                                               0.5,
                                               1,
                                               1};
    double p = 0;
    for (int i = 0; i < 14; i++)
        p = p * r + inverse_factorial[i];
    uint64_t bits = (uint64_t)((int64_t)n + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, 8);
    return p * scale;
}

/* Weights relative to the likeliest; those far below it can never matter to a 53-bit draw and are
 * left out. Returns how many stay, in the order they had. */
static size_t weigh(candidate *c, size_t n, float top, double temperature, double *ret_sum)
{
    size_t kept = 0;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double x = ((double)c[i].logit - (double)top) / temperature;
        if (!(x > -45))
            continue;
        candidate w = {c[i].logit, c[i].id, exp_below_0(x)};
        c[kept++] = w;
        sum += w.weight;
    }
    *ret_sum = sum;
    return kept;
}

/* The fewest likeliest tokens whose share reaches top_p. Tokens that are too small to be among
 * them are set aside before the sort: more than that many of them could not fill the rest. */
static size_t nucleus(candidate *c, size_t n, double top_p, double *sum)
{
    double floor = n > 1 ? (1 - top_p) / (double)(n - 1) * *sum : 0, goal = top_p * *sum, acc = 0;
    size_t m = 0, k = 0;
    for (size_t i = 0; i < n; i++)
        if (c[i].weight >= floor)
            c[m++] = c[i];
    if (!m)
        return n;
    qsort(c, m, sizeof(*c), by_rank);
    while (k < m && acc < goal)
        acc += c[k++].weight;
    *sum = acc;
    return k;
}

sl_status sl_sampler_pick(sl_sampler *s, const sl_sampling *how, const float *logits, size_t n,
                          uint64_t position, int32_t *ret)
{
    int32_t best = likeliest(logits, n);
    *ret = best;
    if (how->temperature <= 0 || how->top_k == 1)
        return SL_OK;
    if (n > s->cap) {
        candidate *c = realloc(s->c, n * sizeof(*c));
        if (!c)
            return SL_E_NOMEM;
        s->c = c;
        s->cap = n;
    }
    for (size_t i = 0; i < n; i++)
        s->c[i] = (candidate){logits[i], (int32_t)i, 0};
    if (how->top_k > 0 && (size_t)how->top_k < n) {
        select_top(s->c, n, (size_t)how->top_k);
        n = (size_t)how->top_k;
        qsort(s->c, n, sizeof(*s->c), by_rank);
    }
    double sum;
    n = weigh(s->c, n, logits[best], how->temperature, &sum);
    if (how->top_p < 1)
        n = nucleus(s->c, n, how->top_p, &sum);
    double goal = sl_philox_uniform(how->seed, position) * sum, acc = 0;
    for (size_t i = 0; i < n; i++) {
        acc += s->c[i].weight;
        if (acc > goal) {
            *ret = s->c[i].id;
            return SL_OK;
        }
    }
    if (n)
        *ret = s->c[n - 1].id; /* rounding left the goal a hair above the last one */
    return SL_OK;
}

void sl_sampler_done(sl_sampler *s)
{
    free(s->c);
    *s = (sl_sampler){0};
}
