/* numbers.h - rows of digit groups and the windows over them, for those who judge numbers.
 *
 * numbers.c walks a view once and builds clusters; cards and identifiers (ids.c) and telephone
 * numbers and addresses (phones.c) are handed windows and answer whether they took them.
 * Threads: one owner; everything lives on the walker's stack. */
#ifndef SL_CLASSIFY_NUMBERS_H
#define SL_CLASSIFY_NUMBERS_H

#include "router/classify/classify.h"

enum { SL_GROUPS = 64, SL_WINDOW = 19, SL_GROUP_DIGITS = 24 };

typedef struct sl_group {
    size_t at, end; /* bytes */
    uint8_t n;      /* digits, at most SL_GROUP_DIGITS (more: too long for any window) */
    uint8_t sep_n;  /* separators before it, 0 for the first */
    char sep;       /* the first of them */
    uint8_t d[SL_GROUP_DIGITS];
} sl_group;

typedef struct sl_cluster {
    sl_classifier *c;
    sl_str t;
    sl_group g[SL_GROUPS];
    int n;
    bool cut;       /* g[0] goes on from a slice before */
    size_t done_to; /* bytes before it belong to a finding already */
} sl_cluster;

/* A window: groups i..j, its digits, and how it stands in the text. */
typedef struct sl_window {
    const sl_cluster *k;
    int i, j, n;
    uint64_t shape; /* the lengths of the groups, 4 bits each (15: that or more), the last 16 */
    size_t at, end;
    bool same_sep, singles;
    uint8_t d[SL_WINDOW + SL_GROUP_DIGITS]; /* a group is copied whole */
} sl_window;

static inline int sl_group_n(const sl_window *w, int x)
{
    return w->i + x <= w->j ? w->k->g[w->i + x].n : 0;
}

static inline char sl_byte_before(const sl_window *w)
{
    return w->at > 0 ? w->k->t.p[w->at - 1] : ' ';
}

static inline char sl_byte_after(const sl_window *w)
{
    return w->end < w->k->t.n ? w->k->t.p[w->end] : ' ';
}

/* Letters go on before or behind it. */
static inline bool sl_glued(const sl_window *w)
{
    char before = sl_byte_before(w), after = sl_byte_after(w);
    return sl_is_letter(before) || before == '_' || sl_is_letter(after) || after == '_';
}

static inline bool sl_near(const sl_window *w, sl_ctx x)
{
    if (w->k->c->ctx.n == 0)
        return false;
    sl_ctx_set s = sl_ctx_around(&w->k->c->ctx, w->at, w->end);
    return sl_ctx_has(&s, x);
}

/* True when the groups have exactly these lengths (0x4444 for four of four). */
static inline bool sl_shaped(const sl_window *w, uint64_t lengths)
{
    return w->shape == lengths;
}
/* The fraction of "0.5105105105105100" is no number of its own. */
bool sl_is_fraction(const sl_window *w);
/* Of digits spelled one by one only the whole run counts, or what one end of it cuts off. */
bool sl_whole_singles(const sl_window *w);
/* Extends the window from group i to group j (j == i: begins it); false: too many digits. */
static inline bool sl_window_set(sl_window *w, const sl_cluster *k, int i, int j)
{
    if (j == i) {
        w->k = k, w->i = i, w->n = 0, w->shape = 0;
        w->same_sep = w->singles = true;
        w->at = k->g[i].at;
    }
    const sl_group *g = &k->g[j];
    if (w->n + g->n > SL_WINDOW)
        return false;
    memcpy(w->d + w->n, g->d, SL_GROUP_DIGITS);
    w->n += g->n;
    w->shape = w->shape << 4 | (g->n < 15 ? g->n : 15);
    w->j = j;
    w->end = g->end;
    w->singles &= g->n == 1;
    if (j > i)
        w->same_sep &= g->sep == k->g[i + 1].sep && g->sep_n == k->g[i + 1].sep_n;
    return true;
}

/* loose.c is told every group of a view in turn, then the end. */
void sl_loose_group(sl_classifier *c, sl_str t, const sl_group *g);
void sl_loose_end(sl_classifier *c, sl_str t);

/* The next digit at or behind i, or t.n; text without digits passes eight bytes at a time. */
size_t sl_next_digit(sl_str t, size_t i);

/* ids.c: a window of 9 to 19 digits, and what begins at group i. True: taken. */
bool sl_check_id_window(sl_window *w);
bool sl_check_iban(sl_cluster *k, int i);
/* phones.c */
bool sl_check_ip(sl_cluster *k, int i);
bool sl_check_e164(sl_cluster *k, int i);
bool sl_check_cn_mobile(const sl_window *w);
void sl_check_national(sl_cluster *k, int i);

#endif
