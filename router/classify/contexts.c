#include "router/classify/contexts.h"

#include "router/classify/patterns.h"

#include <stdlib.h>

void sl_ctx_clear(sl_ctx_map *m)
{
    m->n = m->lo = m->hi = 0;
    m->set = (sl_ctx_set){{0}};
    m->lost = false;
}

void sl_ctx_done(sl_ctx_map *m)
{
    free(m->hits);
    *m = (sl_ctx_map){0};
}

void sl_ctx_add(sl_ctx_map *m, sl_ctx x, size_t end)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 256;
        sl_ctx_hit *p = realloc(m->hits, cap * sizeof *p);
        if (!p) {
            m->lost = true;
            return;
        }
        m->hits = p, m->cap = cap;
    }
    m->hits[m->n++] = (sl_ctx_hit){(uint32_t)end, (uint16_t)x};
}

size_t sl_ctx_behind(const sl_ctx_map *m, size_t at)
{
    size_t lo = 0, hi = m->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->hits[mid].end > at)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* The place of the first hit that ends behind `at`, looked for from place i on. */
static size_t seek(const sl_ctx_map *m, size_t i, size_t at)
{
    enum { STEPS = 8 };
    for (int n = 0; n < STEPS; n++) {
        if (i < m->n && m->hits[i].end <= at)
            i++;
        else if (i > 0 && m->hits[i - 1].end > at)
            i--;
        else
            return i;
    }
    return sl_ctx_behind(m, at);
}

sl_ctx_set sl_ctx_between(sl_ctx_map *m, size_t after, size_t last)
{
    size_t lo = seek(m, m->lo, after), hi = seek(m, m->hi, last);
    if (lo != m->lo || hi != m->hi) {
        m->lo = lo, m->hi = hi;
        m->set = (sl_ctx_set){{0}};
        for (size_t i = lo; i < hi; i++) {
            unsigned x = m->hits[i].ctx;
            m->set.w[x / 64] |= UINT64_C(1) << (x % 64);
        }
    }
    return m->set;
}

sl_ctx_set sl_ctx_around(sl_ctx_map *m, size_t from, size_t to)
{
    return sl_ctx_between(m, from > SL_CTX_BEFORE ? from - SL_CTX_BEFORE : 0, to + SL_CTX_BEHIND);
}

/* ---- the words as patterns ---- */

/* A word by itself, or in names like my_ssn and SSN123; in upper case only. */
#define W(word) "(?:\\b|_)" word "(?:\\b|[_0-9])"
#define U(word) "(?-i:" W(word) ")"

static const sl_pattern words[] = {
#define X(name, expr) {"(?i)(?:" expr ")", SL_CTX_##name, 0},
#include "router/classify/contexts_contact.def"
#include "router/classify/contexts_ids.def"
#undef X
};
#undef W
#undef U

static void on_word(sl_classifier *c, sl_str t, size_t end, const sl_pattern *p)
{
    sl_ctx_add(&c->ctx, (sl_ctx)p->arg, end);
}

const sl_pattern_list sl_context_patterns = {words, sizeof words / sizeof *words, on_word};
