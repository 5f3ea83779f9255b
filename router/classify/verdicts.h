/* verdicts.h - what was found in strings that were seen before, so that a long history costs a
 * hash.
 *
 * Keys are 128-bit hashes under a secret of the process: whoever chooses texts can't choose hashes.
 * A table of four-way sets holds the keys; the findings lie in a ring, and an entry is gone once
 * the ring went over it. Nothing grows: both are allocated once. Threads: one owner, as the
 * classifier's. */
#ifndef SL_CLASSIFY_VERDICTS_H
#define SL_CLASSIFY_VERDICTS_H

#include "router/classify/classify.h"

typedef struct sl_verdicts sl_verdicts;

typedef struct sl_verdict_key {
    uint64_t w[2];
} sl_verdict_key;

/* At most `bytes` of memory; NULL: no memory or too few bytes, and nothing is remembered. */
sl_verdicts *sl_verdicts_new(size_t bytes);
void sl_verdicts_free(sl_verdicts *v);
/* The string and all that its findings depend on: `rest` is hashed byte by byte. */
sl_verdict_key sl_verdicts_key(sl_str text, const void *rest, size_t rest_n);
/* True when it is known: *ret (room for SL_FOUND_MAX), *ret_n, level and doubt are filled. */
bool sl_verdicts_get(sl_verdicts *v, sl_verdict_key key, sl_found *ret, size_t *ret_n,
                     sl_level *ret_level, bool *ret_doubt);
void sl_verdicts_put(sl_verdicts *v, sl_verdict_key key, const sl_found *found, size_t n,
                     sl_level level, bool doubt);
size_t sl_verdicts_hits(const sl_verdicts *v);

#endif
