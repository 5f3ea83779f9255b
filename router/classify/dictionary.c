/* dictionary.c - a tenant's own terms as a Vectorscan database of its own, so that a new policy
 * replaces it whole. Terms are normalised as texts are; they match on word edges, in any case. */
#include "router/classify/classify.h"

#include <hs/hs.h>
#include <stdatomic.h>
#include <stdlib.h>

struct sl_dictionary {
    hs_database_t *db;
    sl_level *levels;
    size_t *lengths;
    size_t n;
    uint64_t id; /* never used twice in a process: a router's scratch is sized for one */
};

static _Atomic uint64_t next_id = 1;

void sl_dictionary_free(sl_dictionary *d)
{
    if (!d)
        return;
    hs_free_database(d->db);
    free(d->levels);
    free(d->lengths);
    free(d);
}

size_t sl_dictionary_bytes(const sl_dictionary *d)
{
    size_t n = 0;
    return d && hs_database_size(d->db, &n) == HS_SUCCESS ? n : 0;
}

/* The expression of a term: every byte of it as \xNN. */
static size_t add_expr(sl_buf *out, sl_str term, sl_buf *norm)
{
    sl_buf_clear(norm);
    sl_norm_result r;
    if (sl_ascii(term))
        sl_buf_add_str(norm, term);
    else
        sl_fold(term, norm, NULL, &r);
    for (size_t i = 0; i < norm->len; i++)
        sl_buf_addf(out, "\\x%02x", (unsigned char)norm->data[i]);
    sl_buf_addc(out, '\0');
    return norm->len;
}

sl_status sl_dictionary_compile(sl_dictionary **ret, const sl_term *terms, size_t n,
                                sl_error *reterr)
{
    sl_status st = SL_E_NOMEM;
    sl_buf text = {0}, norm = {0};
    sl_dictionary *d = NULL;
    const char **expr = NULL;
    unsigned *ids = NULL, *flags = NULL;
    hs_compile_error_t *err = NULL;
    *ret = NULL;
    if (n == 0)
        return SL_OK;
    d = calloc(1, sizeof *d);
    expr = calloc(n, sizeof *expr), ids = calloc(n, sizeof *ids), flags = calloc(n, sizeof *flags);
    if (d)
        d->levels = calloc(n, sizeof *d->levels), d->lengths = calloc(n, sizeof *d->lengths);
    if (!d || !expr || !ids || !flags || !d->levels || !d->lengths)
        goto cleanup;
    for (size_t i = 0; i < n; i++) {
        d->levels[i] = terms[i].level;
        d->lengths[i] = add_expr(&text, terms[i].text, &norm);
        ids[i] = (unsigned)i, flags[i] = HS_FLAG_CASELESS;
    }
    if (!sl_buf_ok(&text) || !sl_buf_ok(&norm))
        goto cleanup;
    const char *p = text.data;
    for (size_t i = 0; i < n; i++, p += strlen(p) + 1)
        expr[i] = p;
    d->n = n;
    d->id = atomic_fetch_add(&next_id, 1);
    if (hs_compile_multi(expr, flags, ids, (unsigned)n, HS_MODE_BLOCK, NULL, &d->db, &err) !=
        HS_SUCCESS) {
        d->db = NULL;
        st = sl_fail(reterr, SL_E_INVALID, "term %d of the dictionary does not compile: shorten it",
                     err ? err->expression + 1 : 0);
        goto cleanup;
    }
    if (sl_dictionary_bytes(d) > SL_DICTIONARY_BYTES) {
        st = sl_fail(reterr, SL_E_INVALID,
                     "the dictionary takes %zu bytes compiled, over %u: "
                     "split it or drop terms",
                     sl_dictionary_bytes(d), SL_DICTIONARY_BYTES);
        goto cleanup;
    }
    *ret = d;
    d = NULL;
    st = SL_OK;
cleanup:
    if (st == SL_E_NOMEM)
        (void)sl_fail(reterr, st, "no memory for the dictionary");
    hs_free_compile_error(err);
    sl_dictionary_free(d);
    sl_buf_done(&text);
    sl_buf_done(&norm);
    free(expr);
    free(ids);
    free(flags);
    return st;
}

uint64_t sl_dictionary_id(const sl_dictionary *d)
{
    return d ? d->id : 0;
}

typedef struct scan {
    sl_classifier *c;
    const sl_dictionary *d;
    sl_str t;
} scan;

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *arg)
{
    scan *s = arg;
    size_t end = (size_t)to, len = s->d->lengths[id], at = end - len;
    bool left = at == 0 || !sl_is_alnum(s->t.p[at - 1]) || !sl_is_alnum(s->t.p[at]);
    bool right = end == s->t.n || !sl_is_alnum(s->t.p[end]) || !sl_is_alnum(s->t.p[end - 1]);
    if (left && right)
        sl_add(s->c, SL_ENT_DICTIONARY, s->d->levels[id], at, len);
    return 0;
}

bool sl_dictionary_scan(sl_classifier *c, sl_str t)
{
    const sl_dictionary *d = c->dict;
    if (!d)
        return true;
    if (c->dict_id != d->id) {
        if (hs_alloc_scratch(d->db, &c->scratch) != HS_SUCCESS)
            return false;
        c->dict_id = d->id;
    }
    scan s = {c, d, t};
    return hs_scan(d->db, t.p, (unsigned)t.n, 0, c->scratch, on_match, &s) == HS_SUCCESS;
}
