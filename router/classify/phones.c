/* phones.c - telephone numbers among the digit groups of a view: international ones by the plan of
 * their country, mobiles as their country writes them, anything else beside a word. */
#include "router/classify/phone_plans.h"

#include "router/classify/contact.h"
#include "router/classify/numbers.h"
#include "router/classify/validators.h"

/* PHONE words speak of a number wherever they stand; "call", "office", … only of what looks it. */
typedef enum speech { SPEECH_NONE, SPEECH_SOFT, SPEECH_PHONE } speech;

static speech speech_of(const sl_window *w)
{
    sl_classifier *c = w->k->c;
    sl_ctx_set s = sl_ctx_around(&c->ctx, w->at, w->end);
    if (sl_ctx_has(&s, SL_CTX_PHONE))
        return SPEECH_PHONE;
    /* numbers that were put together from pieces need the plain word */
    bool pieces = c->frame && c->frame->pieces;
    return sl_ctx_has(&s, SL_CTX_PHONE_SOFT) && !pieces ? SPEECH_SOFT : SPEECH_NONE;
}

/* Lines of a list of numbers: "191\n1632\n1642" with more before or behind. */
static bool is_listed(const sl_window *w)
{
    bool lines = w->j > w->i && w->k->g[w->j].sep == '\n';
    return lines && (w->i > 0 || w->j + 1 < w->k->n);
}

/* Part of a longer name: "RBS-29266-15860752304". */
static bool is_serial(const sl_window *w)
{
    if (w->i == 0 || w->k->g[w->i].sep != '-' || w->k->g[w->i].sep_n != 1)
        return false;
    size_t at = w->k->g[w->i - 1].at;
    const char *p = w->k->t.p;
    return at > 1 && p[at - 1] == '-' && sl_is_letter(p[at - 2]);
}

bool sl_check_cn_mobile(const sl_window *w)
{
    if (!sl_cn_mobile(w->d))
        return false;
    bool regular = w->i == w->j || (w->singles && sl_whole_singles(w)) || sl_shaped(w, 0x344) ||
                   sl_shaped(w, 0x335) || sl_shaped(w, 0x38) || sl_shaped(w, 0x434) ||
                   sl_shaped(w, 0x443) || sl_shaped(w, 0x56) || sl_shaped(w, 0x3332) ||
                   sl_shaped(w, 0x47) || sl_shaped(w, 0x3422) || sl_shaped(w, 0x74) ||
                   sl_shaped(w, 0x12224) || sl_shaped(w, 0x3224) || sl_shaped(w, 0x32222);
    if ((!regular || sl_glued(w) || sl_is_fraction(w) || is_listed(w) || is_serial(w)) &&
        speech_of(w) == SPEECH_NONE)
        return false;
    sl_add(w->k->c, SL_ENT_CN_MOBILE, SL_LEVEL_CONFIDENTIAL, w->at, w->end - w->at);
    return true;
}

/* A plus sign that is no sum: "+44", "(+44", "tel:+44", but not "a+44" or "2 +44". */
static bool has_plus(const sl_cluster *k, size_t at)
{
    const char *p = k->t.p;
    if (at > 1 && p[at - 1] == '(' && p[at - 2] == '+')
        return true;
    if (at == 0 || p[at - 1] != '+')
        return false;
    char before = at > 1 ? p[at - 2] : ' ';
    return !sl_is_letter(before) && !sl_is_digit(before) && before != ']' && before != '+';
}

/* "+44 (0)20": the national 0 in brackets is not dialled. */
static bool without_zero(const sl_cluster *k, int i, uint8_t *d, size_t *n, size_t cc)
{
    if (i + 1 >= k->n || cc >= *n || d[cc] != 0 || k->g[i].n < cc)
        return false;
    memmove(d + cc, d + cc + 1, *n - cc - 1);
    --*n;
    return true;
}

/* +44 20 7946 0958, 0086…: the longest window from i whose digits are an international number.
 * One of an impossible length is still one beside a word. */
bool sl_check_e164(sl_cluster *k, int i)
{
    size_t at = k->g[i].at;
    bool plus = has_plus(k, at);
    bool zeros = k->g[i].n >= 2 && k->g[i].d[0] == 0 && k->g[i].d[1] == 0;
    if (!plus && !zeros)
        return false;
    size_t skip = plus ? 0 : 2;
    sl_window w;
    int best = -1, loose = -1;
    for (int j = i; j < k->n && sl_window_set(&w, k, i, j); j++) {
        if (j > i && (k->g[j].sep_n > 3 || k->g[j].sep == ',' || k->g[j].sep == '\n'))
            break;
        uint8_t d[SL_WINDOW + 1];
        size_t n = (size_t)w.n - skip;
        memcpy(d, w.d + skip, n);
        size_t cc = sl_phone_country(d, n);
        bool ok = sl_phone_international(d, n);
        if (!ok && cc && j > i && without_zero(k, i, d, &n, cc))
            ok = sl_phone_international(d, n);
        if (!ok && !(cc && n >= 8 && n <= 15 && (plus || j > i)))
            continue;
        bool said = speech_of(&w) != SPEECH_NONE;
        if (ok && (plus || said || (j > i && k->g[i].n <= 5) ||
                   (d[0] == 8 && d[1] == 6 && sl_cn_mobile(d + 2))))
            best = j;
        else if (said && (plus || k->g[i].n <= 5))
            loose = j;
    }
    if (best < 0)
        best = loose;
    if (best < 0)
        return false;
    size_t from = at - (plus ? 1 : 0);
    sl_add(k->c, SL_ENT_PHONE_NUMBER, SL_LEVEL_CONFIDENTIAL, from, k->g[best].end - from);
    k->done_to = k->g[best].end;
    return true;
}

static bool is_year(const sl_group *g)
{
    return g->n == 4 && ((g->d[0] == 1 && g->d[1] == 9) || (g->d[0] == 2 && g->d[1] == 0));
}

/* Dates and ranges of years: a year and groups of at most two digits, or two years. */
static bool is_dates(const sl_window *w)
{
    const sl_group *g = &w->k->g[w->i], *h = &w->k->g[w->j];
    if (w->j == w->i || !(is_year(g) || is_year(h)))
        return w->j == w->i && is_year(g);
    if (w->j == w->i + 1)
        return is_year(g) && is_year(h);
    for (int x = w->i; x <= w->j; x++) {
        const sl_group *m = &w->k->g[x];
        if (m->n > 2 && !is_year(m))
            return false;
    }
    return true;
}

/* A constant of a program: "= 59820068;". */
static bool is_code(const sl_window *w)
{
    sl_str t = w->k->t;
    size_t i = w->at;
    while (i > 0 && t.p[i - 1] == ' ')
        i--;
    return i > 0 && t.p[i - 1] == '=' && w->end < t.n && t.p[w->end] == ';';
}

/* Seven or eight digits are any number: the word stands near, and they aren't round. */
static bool is_local(const sl_window *w)
{
    int zeros = 0, tens = 0;
    while (zeros < w->n && w->d[w->n - 1 - zeros] == 0)
        zeros++;
    for (int x = w->i; x <= w->j; x++)
        tens += w->k->g[x].d[w->k->g[x].n - 1] == 0;
    if (zeros >= 4 || (w->j > w->i && tens > w->j - w->i))
        return false;
    sl_ctx_set s = sl_said_before(w->k->c, w->at, 30);
    sl_ctx_set behind = sl_ctx_around(&w->k->c->ctx, w->end + SL_CTX_BEFORE, w->end);
    return sl_ctx_has(&s, SL_CTX_PHONE) || sl_ctx_has(&s, SL_CTX_PHONE_SOFT) ||
           sl_ctx_has(&behind, SL_CTX_PHONE);
}

/* Groups as numbers are read out: none of one digit in the middle, none longer than eight, and not
 * the equal steps of a table. */
static bool looks_dialled(const sl_window *w)
{
    if (w->singles)
        return sl_whole_singles(w);
    if (w->n <= 8 && !is_local(w))
        return false;
    if (w->i == w->j)
        return w->n >= 7;
    int ones = 0;
    for (int x = w->i; x <= w->j; x++) {
        ones += w->k->g[x].n == 1;
        if (w->k->g[x].n > 8)
            return false;
    }
    return ones <= 1;
}

/* The stretch from group i that separators of telephone numbers join. */
static int run_from(const sl_cluster *k, int i, int *ret_digits)
{
    int j = i, n = k->g[i].n;
    while (j + 1 < k->n && j - i < 10) {
        const sl_group *g = &k->g[j + 1];
        if (g->sep_n > 3 || !g->sep || !memchr(" -./()", g->sep, 6))
            break;
        if (n + g->n > 15)
            break;
        n += g->n;
        j++;
    }
    *ret_digits = n;
    return j;
}

/* Area code and number, perhaps an extension behind: the last group of the number or -1. */
static int cn_landline(const sl_cluster *k, int i, int j, bool paren, bool said)
{
    const sl_group *g = &k->g[i];
    if (j == i || g->n < 3 || g->n > 4)
        return -1;
    bool dash = k->g[i + 1].sep == '-' && k->g[i + 1].sep_n == 1;
    if (!dash && !paren && !said)
        return -1;
    if (k->g[i + 1].d[0] < 2 || k->g[i + 1].d[0] > 8)
        return -1; /* no number in China begins so; Korean mobiles do */
    if (sl_cn_landline(g->d, g->n, k->g[i + 1].n))
        return i + 1;
    if (j > i + 1 && k->g[i + 2].n == 4 && (k->g[i + 1].n == 3 || k->g[i + 1].n == 4) &&
        sl_cn_landline(g->d, g->n, (size_t)k->g[i + 1].n + 4))
        return i + 2;
    return -1;
}

static bool mobile_shape(const sl_window *w)
{
    uint8_t sizes[SL_GROUPS];
    size_t n = 0;
    for (int x = w->i; x <= w->j; x++) {
        const sl_group *g = &w->k->g[x];
        sizes[n++] = g->n;
        /* short separators, alike behind the prefix */
        if (x > w->i && g->sep_n > 2)
            return false;
        if (x > w->i + 2 && g->sep != g[-1].sep && g[-1].sep != ')')
            return false;
    }
    return sl_phone_mobile_shape(w->d, (size_t)w->n, sizes, n);
}

/* 01 02 03 04 05 */
static bool is_count(const sl_window *w)
{
    if (w->j - w->i < 2)
        return false;
    for (int x = w->i + 1; x <= w->j; x++) {
        const sl_group *a = &w->k->g[x - 1], *b = &w->k->g[x];
        if (a->n != b->n || a->d[0] * 10 + a->d[1] + 1 != b->d[0] * 10 + b->d[1])
            return false;
    }
    return true;
}

/* Nothing that is part of a longer name: "LZP-09103-26915158". */
static bool stands_free(const sl_window *w)
{
    char ch = sl_byte_before(w);
    return !memchr("-/#_=.", ch, 6) && !is_count(w);
}

static bool add(const sl_window *w, sl_entity e, size_t from)
{
    sl_add(w->k->c, e, SL_LEVEL_CONFIDENTIAL, from, w->end - from);
    return true;
}

/* True: taken. */
static bool national(const sl_window *w, int n, bool paren)
{
    const sl_cluster *k = w->k;
    const sl_group *g = &k->g[w->i];
    bool groups = w->j > w->i;
    speech s = speech_of(w);
    int last = cn_landline(k, w->i, w->j, paren, s == SPEECH_PHONE);
    if (last >= 0) {
        sl_add(k->c, SL_ENT_CN_LANDLINE, SL_LEVEL_CONFIDENTIAL, w->at, k->g[last].end - w->at);
        return true;
    }
    if (sl_phone_cn_service(w->d, (size_t)n) && (!paren || !sl_nanp(w->d)))
        return true; /* a company's: nothing to tell */
    if (sl_glued(w) && (sl_byte_after(w) | 32) != 'x' && sl_byte_before(w) != 'l')
        return false; /* "ext.", "x5" and "tel555…" */
    if (mobile_shape(w))
        return add(w, SL_ENT_PHONE_NUMBER, w->at);
    if (is_dates(w) || (groups && g->n == 1 && n < 10 && s != SPEECH_PHONE))
        return false; /* dates and ranges of years */
    if (s == SPEECH_PHONE && looks_dialled(w) && !is_code(w))
        return add(w, SL_ENT_PHONE_NUMBER, w->at);
    bool nanp = (sl_shaped(w, 0x334) && sl_nanp(w->d)) ||
                (sl_shaped(w, 0x1334) && w->d[0] == 1 && sl_nanp(w->d + 1));
    if (s == SPEECH_SOFT && !is_code(w) && looks_dialled(w) && (paren || nanp || n >= 9 || groups))
        return add(w, SL_ENT_PHONE_NUMBER, w->at);
    if (nanp && paren)
        return add(w, SL_ENT_PHONE_NUMBER, w->at - 1);
    bool zip = sl_shaped(w, 0x54); /* 02111-1307 */
    bool trunk =
        groups && !zip && n >= 9 && g->n >= 2 && g->d[0] == 0 && g->d[1] != 0 && w->same_sep;
    if (((paren && n >= 8) || nanp || trunk) && stands_free(w)) {
        sl_add_weak(k->c, SL_ENT_PHONE_NUMBER, w->at, w->end - w->at);
        return true;
    }
    return false;
}

/* National forms. */
void sl_check_national(sl_cluster *k, int i)
{
    int n, j = run_from(k, i, &n);
    if (n < (j >= i + 2 ? 6 : 7)) /* 33 93 31 */
        return;
    sl_window w = {.n = 0};
    for (int x = i; x <= j; x++) {
        if (!sl_window_set(&w, k, i, x))
            return;
    }
    const sl_group *g = &k->g[i];
    bool paren = g->at > 0 && k->t.p[g->at - 1] == '(' && g->n >= 2 && g->n <= 5 && j > i &&
                 k->g[i + 1].sep == ')';
    if (national(&w, n, paren))
        k->done_to = w.end;
}
