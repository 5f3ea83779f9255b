#include "private-worker/engine/bpe.h"

#include <stdlib.h>

typedef struct sl_bpe_symbol {
    int32_t id;         /* -1: merged away */
    int32_t prev, next; /* -1: none */
} symbol;

typedef struct sl_bpe_pair {
    uint32_t rank;
    int32_t at; /* index of the left symbol */
    int32_t left,
        right; /* what stood there when the pair was found: it is stale when they changed */
    int32_t id;
} pair;

bool sl_ids_reserve(sl_ids *ids, size_t extra)
{
    if (ids->cap - ids->n >= extra)
        return true;
    size_t cap = ids->cap ? ids->cap : 256;
    while (cap - ids->n < extra)
        cap *= 2;
    int32_t *v = realloc(ids->v, cap * sizeof(*v));
    if (!v)
        return false;
    ids->v = v;
    ids->cap = cap;
    return true;
}

void sl_bpe_done(sl_bpe *b)
{
    free(b->symbols);
    free(b->heap);
    *b = (sl_bpe){0};
}

/* ---- a binary heap: lowest rank first, then leftmost ---- */
static bool before(const pair *a, const pair *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_push(sl_bpe *b, pair p)
{
    size_t i = b->heap_n++;
    while (i && before(&p, &b->heap[(i - 1) / 2])) {
        b->heap[i] = b->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    b->heap[i] = p;
}

static pair heap_pop(sl_bpe *b)
{
    pair top = b->heap[0], last = b->heap[--b->heap_n];
    size_t i = 0;
    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= b->heap_n)
            break;
        if (c + 1 < b->heap_n && before(&b->heap[c + 1], &b->heap[c]))
            c++;
        if (!before(&b->heap[c], &last))
            break;
        b->heap[i] = b->heap[c];
        i = c;
    }
    b->heap[i] = last;
    return top;
}

static void consider(sl_bpe *b, const sl_vocab *v, int32_t left)
{
    if (left < 0 || b->symbols[left].next < 0)
        return;
    pair p = {
        .at = left, .left = b->symbols[left].id, .right = b->symbols[b->symbols[left].next].id};
    if (sl_vocab_merge(v, p.left, p.right, &p.rank, &p.id))
        heap_push(b, p);
}

static void merge(sl_bpe *b, const sl_vocab *v, const pair *p)
{
    symbol *s = &b->symbols[p->at];
    if (s->id != p->left || s->next < 0 || b->symbols[s->next].id != p->right)
        return;
    symbol *gone = &b->symbols[s->next];
    s->id = p->id;
    gone->id = -1;
    s->next = gone->next;
    if (s->next >= 0)
        b->symbols[s->next].prev = p->at;
    consider(b, v, s->prev);
    consider(b, v, p->at);
}

/* Room for n symbols and every pair that can ever be found: n - 1 at first, 2 a merge. */
static bool room(sl_bpe *b, size_t n)
{
    if (n > b->symbols_cap) {
        symbol *s = realloc(b->symbols, n * sizeof(*s));
        if (!s)
            return false;
        b->symbols = s;
        b->symbols_cap = n;
    }
    if (3 * n > b->heap_cap) {
        pair *h = realloc(b->heap, 3 * n * sizeof(*h));
        if (!h)
            return false;
        b->heap = h;
        b->heap_cap = 3 * n;
    }
    return true;
}

sl_status sl_bpe_encode(sl_bpe *b, const sl_vocab *v, const char *piece, size_t n, sl_ids *out)
{
    if (n > INT32_MAX / 4)
        return SL_E_TOO_LARGE;
    if (!room(b, n) || !sl_ids_reserve(out, n))
        return SL_E_NOMEM;
    int32_t count = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t id = sl_vocab_byte(v, (uint8_t)piece[i]);
        if (id < 0)
            continue;
        b->symbols[count] = (symbol){id, count - 1, count + 1};
        count++;
    }
    if (!count)
        return SL_OK;
    b->symbols[count - 1].next = -1;
    b->heap_n = 0;
    for (int32_t i = 0; i + 1 < count; i++)
        consider(b, v, i);
    while (b->heap_n) {
        pair p = heap_pop(b);
        merge(b, v, &p);
    }
    for (int32_t i = 0; i >= 0; i = b->symbols[i].next)
        sl_ids_push(out, b->symbols[i].id);
    return SL_OK;
}
