/* contexts.h - what the words around a number speak of, and the words' places in a view.
 *
 * Hits are kept in the order of their ends, which is the order in which the scan tells them. A
 * check asks once for the set of contexts within 60 bytes before and 40 bytes behind a candidate
 * and then tests for those it knows.
 * The words stand in contexts_ids.def and contexts_contact.def. Threads: one owner. */
#ifndef SL_CLASSIFY_CONTEXTS_H
#define SL_CLASSIFY_CONTEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sl_ctx {
#define X(name, expr) SL_CTX_##name,
#include "router/classify/contexts_contact.def"
#include "router/classify/contexts_ids.def"
#undef X
    SL_CTX_N
} sl_ctx;

#define SL_CTX_BEFORE 60
#define SL_CTX_BEHIND 40

typedef struct sl_ctx_set {
    uint64_t w[(SL_CTX_N + 63) / 64];
} sl_ctx_set;

static inline bool sl_ctx_has(const sl_ctx_set *s, sl_ctx x)
{
    return (s->w[x / 64] >> (x % 64) & 1) != 0;
}

typedef struct sl_ctx_hit {
    uint32_t end;
    uint16_t ctx;
} sl_ctx_hit;

/* The hits of one view. The buffer grows and is kept: no allocation once warm. */
typedef struct sl_ctx_map {
    sl_ctx_hit *hits;
    size_t n, cap;
    bool lost; /* no memory for a hit: the scan is in doubt */
    /* the last look: hits lo to hi and their set; the next one is mostly close by */
    size_t lo, hi;
    sl_ctx_set set;
} sl_ctx_map;

void sl_ctx_clear(sl_ctx_map *m);
void sl_ctx_done(sl_ctx_map *m);
/* Ends come in rising order, give or take what one scan tells for the same byte. */
void sl_ctx_add(sl_ctx_map *m, sl_ctx x, size_t end);
/* Where the hits begin whose word ends behind `at`. */
size_t sl_ctx_behind(const sl_ctx_map *m, size_t at);
/* Contexts whose word ends in (after, last]. */
sl_ctx_set sl_ctx_between(sl_ctx_map *m, size_t after, size_t last);
/* Contexts whose word ends in (from - 60, to + 40]. */
sl_ctx_set sl_ctx_around(sl_ctx_map *m, size_t from, size_t to);

#endif
