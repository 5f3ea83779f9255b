/* bpe.h - byte-pair merging of one piece, O(n log n) in its length.
 *
 * A piece may be megabytes (a request of letters without a blank), so merges are kept in a heap
 * over a linked list, never searched for by scanning again.
 * Ownership: sl_bpe holds work space that grows; sl_bpe_done frees it. A zeroed one is ready.
 * Threads: one owner. */
#ifndef SL_ENGINE_BPE_H
#define SL_ENGINE_BPE_H

#include "private-worker/engine/vocab.h"

typedef struct sl_ids {
    int32_t *v;
    size_t n, cap;
} sl_ids;
bool sl_ids_reserve(sl_ids *ids, size_t extra); /* false: no memory */
static inline void sl_ids_push(sl_ids *ids, int32_t id)
{
    ids->v[ids->n++] = id;
} /* after reserve */

typedef struct sl_bpe {
    struct sl_bpe_symbol *symbols;
    struct sl_bpe_pair *heap;
    size_t symbols_cap, heap_cap, heap_n;
} sl_bpe;

/* Appends the piece's tokens. A byte for which the vocabulary has no token (never one of valid
 * UTF-8 text in a sound vocabulary) is left out, as the tokenizer's authors do. */
sl_status sl_bpe_encode(sl_bpe *b, const sl_vocab *v, const char *piece, size_t n,
                        sl_ids *out) SL_MUST_CHECK;
void sl_bpe_done(sl_bpe *b);

#endif
