/* sampler.h - picks a token from logits.
 *
 * The draw depends on the logits, the settings, the seed and the token's position in its request,
 * on nothing else: Philox 4x32-10 with the seed as key and the position as counter. So a request
 * that runs again gives the same text, whatever ran beside it.
 * Ownership: sl_sampler holds work space. Threads: one owner. */
#ifndef SL_ENGINE_SAMPLER_H
#define SL_ENGINE_SAMPLER_H

#include "common/base/buf.h"

typedef struct sl_sampling {
    float temperature; /* 0: the likeliest token, the lowest id of equals */
    float top_p;       /* (0, 1] */
    int32_t top_k;     /* 0: all */
    uint64_t seed;
} sl_sampling;

typedef struct sl_sampler {
    struct sl_candidate *c;
    size_t cap;
} sl_sampler;

sl_status sl_sampler_pick(sl_sampler *s, const sl_sampling *how, const float *logits, size_t n,
                          uint64_t position, int32_t *ret) SL_MUST_CHECK;
void sl_sampler_done(sl_sampler *s);

/* 53 random bits as a number in [0, 1). */
double sl_philox_uniform(uint64_t seed, uint64_t position);
void sl_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
