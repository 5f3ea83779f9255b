/* loose.c - numbers in pieces: digit groups that quotes, plus signs, commas, table bars, markup,
 * line breaks or a symbol keep apart ("5251" + "5348"), and pieces that are told one by one ("part
 * 1: …"). numbers.c has judged what its own separators join; here the pieces are put together and
 * judged as one group. Weak signs don't count, and without a context word the pieces must be
 * regular, since rows of numbers are common. */
#include "router/classify/numbers.h"
#include "router/classify/words.h"

enum { GAP_MAX = 40, GAP_PLAIN = 16, LEAST = 9, LIST_LEAST = 8, PART_GAP = 48, PARTS_MAX = 12 };

/* True when [from, to) holds nothing but what may stand between pieces of one number: punctuation,
 * blanks, symbols and tags; no letters, no words. */
static bool is_gap(sl_str t, size_t from, size_t to)
{
    if (to - from > GAP_MAX)
        return false;
    size_t plain = 0;
    for (size_t i = from; i < to;) {
        unsigned char b = (unsigned char)t.p[i];
        if (b == '<') { /* a tag, whatever it says */
            const char *close = memchr(t.p + i, '>', to - i);
            if (close) {
                i = (size_t)(close - t.p) + 1;
                continue;
            }
        }
        if (sl_is_letter((char)b) || ++plain > GAP_PLAIN)
            return false;
        if (b < 0x80) {
            i++;
            continue;
        }
        bool symbol = b >= 0xf0 || b == 0xe2 ||
                      (b == 0xe3 && i + 1 < to && (unsigned char)t.p[i + 1] == 0x80);
        if (!symbol)
            return false;
        i += b >= 0xf0 ? 4 : 3;
    }
    return true;
}

static bool any_context(sl_classifier *c, size_t from, size_t end)
{
    sl_ctx_set s = sl_ctx_around(&c->ctx, from, end);
    uint64_t any = 0;
    for (size_t i = 0; i < sizeof s.w / sizeof *s.w; i++)
        any |= s.w[i];
    return any != 0;
}

static void flush(sl_classifier *c, sl_str t)
{
    sl_loose *l = &c->loose;
    if (l->groups >= 2 && !l->broken && l->n >= LEAST && l->n <= SL_WINDOW &&
        ((l->regular && !l->decimal) || any_context(c, l->from, l->end)))
        sl_pieces_add(c, t, l->from, l->end, (sl_str){l->d, (size_t)l->n}, l->plain);
    l->n = l->groups = 0;
    l->broken = false;
}

static bool alike_around(sl_str t, const sl_group *g)
{
    if (g->end < t.n && sl_alike_digit(t.p[g->end]) >= 0 &&
        (g->end + 1 == t.n || sl_is_digit(t.p[g->end + 1]) ||
         sl_alike_digit(t.p[g->end + 1]) >= 0 || !sl_is_letter(t.p[g->end + 1])))
        return true;
    return g->at > 0 && sl_alike_digit(t.p[g->at - 1]) >= 0 &&
           (g->at == 1 || !sl_is_letter(t.p[g->at - 2]) || sl_alike_digit(t.p[g->at - 2]) >= 0);
}

static void add_list(sl_classifier *c, size_t at)
{
    sl_hints *h = &c->hints;
    sl_hint(c, SL_HINT_LIST, at);
    if (h->lists_n == 0 || (h->lists_n < SL_LISTS && h->lists[h->lists_n - 1] != at))
        h->lists[h->lists_n++] = (uint32_t)at;
}

/* Rows of small numbers may be codes of characters: 8 in decimal, 4 pairs as hex, one of 8 bits. */
static void list_group(sl_classifier *c, sl_str t, const sl_group *g)
{
    sl_loose *l = &c->loose;
    if (g->n == 1 && g->d[0] == 0 && g->end < t.n && t.p[g->end] == 'x')
        return; /* 0x31 */
    bool hex =
        g->n == 1 && g->end < t.n && sl_is_letter(t.p[g->end]) && (t.p[g->end] | 32) <= 'f' &&
        (g->end + 1 == t.n || !(sl_is_letter(t.p[g->end + 1]) || sl_is_digit(t.p[g->end + 1])));
    bool bits = g->n == 8 && g->d[0] == 0;
    for (int i = 1; i < 8 && bits; i++)
        bits = g->d[i] <= 1;
    if (!bits && !hex && (g->n < 2 || g->n > 3)) {
        l->list = 0;
        return;
    }
    bool dotted = g->at == l->list_end + 1 && t.p[l->list_end] == '.'; /* addresses, versions */
    if (l->list == 0 || dotted || g->at > l->list_end + 8)
        l->list = 0, l->list_at = g->at;
    l->list += bits ? 4 : 1;
    l->list_end = g->end;
    if (l->list >= LIST_LEAST || (l->list >= 4 && g->n <= 2))
        add_list(c, l->list_at);
}

/* What stands between the numbers of a row. */
static const bool plain[256] = {
    [' '] = true,  ['-'] = true,  ['.'] = true,  ['/'] = true, [','] = true,
    ['\n'] = true, ['\r'] = true, ['\t'] = true, [':'] = true, ['('] = true,
    [')'] = true,  ['['] = true,  [']'] = true};

void sl_loose_group(sl_classifier *c, sl_str t, const sl_group *g)
{
    sl_loose *l = &c->loose;
    if (c->frame->stage == 2)
        return;
    if (alike_around(t, g))
        sl_hint(c, SL_HINT_ALIKE, g->at);
    list_group(c, t, g);
    bool start = l->groups == 0 || g->at - l->end > GAP_MAX || !is_gap(t, l->end, g->at);
    if (start) {
        flush(c, t);
        l->from = g->at, l->width = g->n, l->least = g->n, l->regular = l->even = l->plain = true;
    } else {
        size_t gap = g->at - l->end;
        if (l->groups == 1)
            l->gap_at = l->end, l->gap_n = gap;
        /* the same between all of them; equal pieces but the last, or a few long ones */
        l->decimal = l->groups == 1 && gap == 1 && (t.p[l->end] == '.' || t.p[l->end] == ',');
        bool same = gap == l->gap_n && memcmp(t.p + l->gap_at, t.p + l->end, gap) == 0;
        for (size_t i = l->end; i < g->at && l->plain; i++)
            l->plain = plain[(unsigned char)t.p[i]];
        l->even &= l->least == l->width && g->n <= l->width;
        l->least = g->n < l->least ? g->n : l->least;
        l->regular =
            same && (l->groups == 1 || l->regular) && (l->even || (l->groups < 4 && l->least >= 3));
    }
    if (l->n + g->n > (int)sizeof l->d || g->n == SL_GROUP_DIGITS) {
        l->broken = true;
    } else {
        for (int i = 0; i < g->n; i++)
            l->d[l->n++] = (char)('0' + g->d[i]);
    }
    l->groups++;
    l->end = g->end;
}

/* ---- pieces with words between ---- */

typedef struct parts {
    sl_group g[PARTS_MAX];
    int index[PARTS_MAX]; /* the counter before the piece; 0: none */
    int n, digits;
} parts;

static void parts_judge(sl_classifier *c, sl_str t, parts *p)
{
    char d[SL_WINDOW + 1];
    int n = 0;
    bool counted = true;
    for (int i = 0; i < p->n; i++)
        counted &= p->index[i] > 0;
    if (p->n >= 2 && p->digits >= LEAST && p->digits <= SL_WINDOW) {
        for (int k = 1; k <= (counted ? 9 : 1); k++) {
            for (int i = 0; i < p->n; i++) {
                if (counted && p->index[i] != k)
                    continue;
                for (int x = 0; x < p->g[i].n; x++)
                    d[n++] = (char)('0' + p->g[i].d[x]);
            }
        }
        if (n == p->digits)
            sl_pieces_add(c, t, p->g[0].at, p->g[p->n - 1].end, (sl_str){d, (size_t)n}, false);
    }
    p->n = p->digits = 0;
}

/* Pieces of two digits and more at most 48 bytes apart; single digits before them count them. */
static void parts_scan(sl_classifier *c, sl_str t)
{
    size_t i = c->hints.first[SL_HINT_PARTS], last = c->hints.last[SL_HINT_PARTS] + PART_GAP,
           end = 0;
    i = i > PART_GAP ? i - PART_GAP : 0;
    parts p = {.n = 0};
    int index = 0;
    while (i < t.n && i <= last + PART_GAP && sl_work(c, 2)) {
        if (!sl_is_digit(t.p[i])) {
            i++;
            continue;
        }
        sl_group g = {.at = i};
        for (; i < t.n && sl_is_digit(t.p[i]); i++) {
            if (g.n < SL_GROUP_DIGITS)
                g.d[g.n++] = (uint8_t)(t.p[i] - '0');
        }
        g.end = i;
        if (g.n == 1 && g.d[0] > 0 && index == 0) {
            index = g.d[0];
            continue;
        }
        if (p.n > 0 && (g.at - end > PART_GAP || p.n == PARTS_MAX || g.n == SL_GROUP_DIGITS))
            parts_judge(c, t, &p);
        p.g[p.n] = g, p.index[p.n++] = index;
        p.digits += g.n;
        index = 0, end = g.end;
    }
    parts_judge(c, t, &p);
}

void sl_loose_end(sl_classifier *c, sl_str t)
{
    if (c->frame->stage == 2)
        return;
    flush(c, t);
    c->loose.list = 0;
    if (c->hints.any >> SL_HINT_PARTS & 1)
        parts_scan(c, t);
}
