/* views.c - the folded view of a text and the way back from a view's positions to its source's.
 *
 * The table of fold_table.c says what each character becomes; the walk copies ASCII and Chinese in
 * runs and asks ICU only where a mark may compose with the letter before it. ASCII text is its own
 * folded view and never comes here. */
#include "router/classify/classify.h"

#include "router/classify/fold_table.h"
#include "router/classify/views.h"
#include "router/classify/words.h"

#include <pthread.h>
#include <stdlib.h>

static inline size_t decode(const unsigned char *p, size_t n, uint32_t *ret);

static struct {
    pthread_once_t once;
    bool folds, words;
} tables = {.once = PTHREAD_ONCE_INIT};

static void make_tables(void)
{
    tables.folds = sl_fold_table_open();
    sl_lookalike_open();
    tables.words = sl_words_open();
}

sl_status sl_views_open(sl_error *reterr)
{
    pthread_once(&tables.once, make_tables);
    if (!tables.folds)
        return sl_fail(reterr, SL_E_INTERNAL,
                       "ICU has no NFKC data: install the package libicu72 completely");
    if (!tables.words)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the table of digit words");
    return SL_OK;
}

size_t sl_view_char(sl_str t, size_t i, uint32_t *ret)
{
    return decode((const unsigned char *)t.p + i, t.n - i, ret);
}

bool sl_ascii(sl_str s)
{
    size_t i = 0;
    uint64_t any = 0;
    for (; i + 32 <= s.n; i += 32) {
        uint64_t w[4];
        memcpy(w, s.p + i, 32);
        any |= w[0] | w[1] | w[2] | w[3];
    }
    for (; i < s.n; i++)
        any |= (uint64_t)(unsigned char)s.p[i];
    return (any & 0x8080808080808080u) == 0;
}

/* ---- edits: where a view and its source part ---- */

void sl_edits_clear(sl_edits *e)
{
    e->n = 0;
    e->lost = false;
}

void sl_edits_done(sl_edits *e)
{
    free(e->at);
    *e = (sl_edits){0};
}

bool sl_edits_grow(sl_edits *e)
{
    size_t cap = e->cap ? e->cap * 2 : 512;
    sl_edit *p = realloc(e->at, cap * sizeof *p);
    if (!p) {
        e->lost = true; /* positions become vague; what is found stays found */
        return false;
    }
    e->at = p, e->cap = cap;
    return true;
}

size_t sl_edits_source(const sl_edits *e, size_t out)
{
    size_t lo = 0, hi = e->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (e->at[mid].out > out)
            hi = mid;
        else
            lo = mid + 1;
    }
    if (lo == 0)
        return out;
    size_t in = e->at[lo - 1].in + (out - e->at[lo - 1].out);
    if (lo < e->n && in > e->at[lo].in)
        in = e->at[lo].in;
    return in;
}

/* ---- the walk ---- */

/* Decodes one character; returns its length, or 0 where the bytes are not UTF-8. */
static inline size_t decode(const unsigned char *p, size_t n, uint32_t *ret)
{
    unsigned char b = p[0];
    if (b < 0x80) {
        *ret = b;
        return 1;
    }
    size_t len = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
    if (b < 0xc2 || b > 0xf4 || n < len)
        return 0;
    uint32_t ch = b & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        ch = ch << 6 | (p[i] & 0x3fu);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (ch < least[len] || ch > 0x10ffff || (ch >= 0xd800 && ch <= 0xdfff))
        return 0;
    *ret = ch;
    return len;
}

/* last_in, last_out: where the letter before began, in source and output, for marks that compose
 * with it; last_in SIZE_MAX when there is none. */
typedef struct walk {
    const unsigned char *p;
    size_t n, i, last_in, last_out;
    sl_buf *out;
    sl_edits *edits;
    sl_norm_result *res;
} walk;

static bool room(walk *w, size_t n)
{
    return w->out->cap - w->out->len > n || sl_buf_reserve(w->out, n + 256);
}

static inline void put(sl_buf *out, uint32_t ch)
{
    out->len += sl_utf8_put((unsigned char *)out->data + out->len, ch);
}

static inline bool after_ascii(const walk *w)
{
    return w->out->len > 0 && (unsigned char)w->out->data[w->out->len - 1] < 0x80;
}

/* Leaves out the len bytes at i. Between letters or digits this changes the text's shape. */
static void drop(walk *w, size_t len)
{
    w->res->changed = true;
    w->i += len;
    sl_edits_add(w->edits, w->out->len, w->i);
    if (w->out->len > 0 && sl_is_alnum((unsigned char)w->out->data[w->out->len - 1]) &&
        w->i < w->n && (w->p[w->i] >= 0x80 || sl_is_alnum(w->p[w->i])))
        w->res->dropped = true;
}

static void put_entry(walk *w, uint32_t ch, uint32_t e)
{
    uint32_t kind = e & SL_FOLD_KIND, to = e & ~SL_FOLD_KIND;
    if (kind == SL_FOLD_SELF || ((kind == SL_FOLD_MARK) && !after_ascii(w))) {
        put(w->out, ch);
    } else if (kind == SL_FOLD_MAP) {
        put(w->out, to);
    } else if (kind == SL_FOLD_EXPAND) {
        memcpy(w->out->data + w->out->len, sl_folding.pool[to].s, SL_FOLD_EXPANSION);
        w->out->len += sl_folding.pool[to].n;
    }
}

/* At i stands a mark that may join the letter before it: both are composed. A row of marks is taken
 * SL_FOLD_SEGMENT at a time, and what composes with nothing is dropped. */
static void join(walk *w)
{
    uint32_t seg[SL_FOLD_SEGMENT], out[SL_FOLD_SEGMENT * 4], ch;
    size_t m = 0, len;
    if (w->last_in != SIZE_MAX) {
        decode(w->p + w->last_in, w->n - w->last_in, &seg[0]);
        m = 1;
        w->out->len = w->last_out;
    }
    while (w->i < w->n && m < SL_FOLD_SEGMENT &&
           (len = decode(w->p + w->i, w->n - w->i, &ch)) > 0) {
        uint32_t kind = sl_fold_entry(ch) & SL_FOLD_KIND;
        if (m > 0 && kind != SL_FOLD_JOIN && kind != SL_FOLD_MARK)
            break;
        seg[m++] = ch;
        w->i += len;
    }
    size_t k = sl_fold_compose(seg, m, out, SL_FOLD_SEGMENT * 4);
    for (size_t x = 0; x < k && room(w, 32); x++) {
        uint32_t e = sl_fold_entry(out[x]);
        bool lone = (e & SL_FOLD_KIND) == SL_FOLD_JOIN;
        if (lone && !(out[x] >= 0x300 && out[x] < 0x370) && !after_ascii(w))
            put(w->out, out[x]); /* a vowel sign of its own */
        else if (!lone)
            put_entry(w, out[x], e);
    }
    w->res->changed = true;
    w->last_in = SIZE_MAX;
    sl_edits_add(w->edits, w->out->len, w->i);
}

/* ASCII, eight bytes at a time, then what is left of it one by one. */
static void ascii_run(walk *w)
{
    char *q = w->out->data + w->out->len;
    size_t i = w->i, from = i;
    for (; i + 8 <= w->n; i += 8) {
        uint64_t v;
        memcpy(&v, w->p + i, 8);
        if (v & 0x8080808080808080u)
            break;
        memcpy(q + (i - from), &v, 8);
    }
    for (; i < w->n && w->p[i] < 0x80; i++)
        q[i - from] = (char)w->p[i];
    w->out->len += i - from;
    w->i = i;
    w->last_in = SIZE_MAX; /* a mark behind ASCII is dropped, never joined */
}

/* U+4000 to U+9FFF stand for themselves. */
static void ideograph_run(walk *w)
{
    const unsigned char *p = w->p;
    unsigned char *q = (unsigned char *)w->out->data + w->out->len;
    size_t i = w->i, from = i;
    while (i + 3 <= w->n && (unsigned char)(p[i] - 0xe4) < 6 && (p[i + 1] & 0xc0) == 0x80 &&
           (p[i + 2] & 0xc0) == 0x80) {
        q[0] = p[i], q[1] = p[i + 1], q[2] = p[i + 2];
        q += 3, i += 3;
    }
    if (i > from)
        w->last_in = i - 3, w->last_out = w->out->len + (i - 3 - from);
    w->out->len += i - from;
    w->i = i;
}

/* Letters of alphabets that have look-alikes of Latin ones. */
static inline bool has_alikes(uint32_t ch)
{
    return (ch >= 0x370 && ch < 0x590) || (ch >= 0x13a0 && ch < 0x1400) ||
           (ch >= 0xa4d0 && ch < 0xa500) || (ch >= 0x2c80 && ch < 0x2d00);
}

static void one(walk *w)
{
    uint32_t ch = 0;
    size_t len = decode(w->p + w->i, w->n - w->i, &ch);
    if (len == 0) {
        w->res->invalid = w->res->dropped = true;
        w->last_in = SIZE_MAX;
        drop(w, 1);
        return;
    }
    uint32_t e = sl_fold_entry(ch), kind = e & SL_FOLD_KIND;
    bool mark = kind == SL_FOLD_MARK || kind == SL_FOLD_JOIN;
    if (kind == SL_FOLD_DROP || (mark && after_ascii(w))) {
        if (kind == SL_FOLD_DROP)
            w->last_in = SIZE_MAX; /* nothing joins across it: rows of both stay linear */
        drop(w, len);
        return;
    }
    if (kind == SL_FOLD_JOIN) {
        join(w);
        return;
    }
    w->last_in = w->i, w->last_out = w->out->len;
    if (has_alikes(ch) && ((w->i > 0 && sl_is_alnum(w->p[w->i - 1])) ||
                           (w->i + len < w->n && sl_is_alnum(w->p[w->i + len]))))
        w->res->mixed = true;
    put_entry(w, ch, e);
    w->i += len;
    if (kind != SL_FOLD_SELF && kind != SL_FOLD_MARK) {
        w->res->changed = true;
        if (w->out->len - w->last_out != len)
            sl_edits_add(w->edits, w->out->len, w->i);
    }
}

void sl_fold(sl_str in, sl_buf *out, sl_edits *edits, sl_norm_result *ret)
{
    *ret = (sl_norm_result){0};
    walk w = {.p = (const unsigned char *)in.p,
              .n = in.n,
              .last_in = SIZE_MAX,
              .out = out,
              .edits = edits,
              .res = ret};
    if (edits)
        sl_edits_clear(edits);
    /* nothing but expansions makes a text longer: each asks for its room */
    while (w.i < w.n && room(&w, w.n - w.i + 2 * SL_FOLD_EXPANSION)) {
        if (w.p[w.i] < 0x80)
            ascii_run(&w);
        else if ((unsigned char)(w.p[w.i] - 0xe4) < 6)
            ideograph_run(&w);
        if (w.i < w.n && w.p[w.i] >= 0x80 && room(&w, w.n - w.i + 2 * SL_FOLD_EXPANSION))
            one(&w);
    }
    if (out->data && out->cap > out->len)
        out->data[out->len] = '\0';
}

/* Runs of other characters are folded; ASCII that comes of them means itself, not an operator. */
void sl_fold_expr(const char *expr, sl_buf *out)
{
    sl_norm_result r;
    sl_buf run = {0};
    while (*expr) {
        size_t n = 0;
        for (; (unsigned char)*expr < 0x80 && *expr; expr++)
            sl_buf_addc(out, *expr);
        while ((unsigned char)expr[n] >= 0x80)
            n++;
        sl_buf_clear(&run);
        sl_fold((sl_str){expr, n}, &run, NULL, &r);
        if (r.invalid) { /* part of a character: bytes are meant */
            sl_buf_clear(&run);
            sl_buf_add(out, expr, n);
        }
        for (size_t i = 0; i < run.len; i++) {
            unsigned char b = (unsigned char)run.data[i];
            if (b < 0x80 && !sl_is_alnum(b))
                sl_buf_addc(out, '\\');
            sl_buf_addc(out, (char)b);
        }
        out->failed |= run.failed;
        expr += n;
    }
    sl_buf_done(&run);
}
