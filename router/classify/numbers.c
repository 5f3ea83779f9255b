/* numbers.c - one pass over the digits of a view feeds every check of a number.
 *
 * A cluster is a row of digit groups with at most three separators (space, - . / _ , ( ) quotes,
 * newline) between two groups. Every window of groups with at most 19 digits is a candidate; its
 * length picks the checks. A long cluster is worked in slices of GROUPS groups that overlap by 19,
 * so the work is linear in the text. How a window is grouped decides how much it is worth: "4111
 * 1111 1111 1111" is a card, five numbers of a table that happen to have 16 digits are not. */
#include "router/classify/classify.h"
#include "router/classify/validators.h"

#include <ctype.h>

enum { GROUPS = 64, WINDOW = 19, GROUP_DIGITS = 24 };

typedef struct group {
    size_t at, end; /* bytes */
    uint8_t n;      /* digits, at most GROUP_DIGITS (more: too long for any window) */
    uint8_t sep_n;  /* separators before it, 0 for the first */
    char sep;       /* the first of them */
    uint8_t d[GROUP_DIGITS];
} group;

typedef struct cluster {
    sl_classifier *c;
    sl_str t;
    group g[GROUPS];
    int n;
    bool cut;       /* g[0] goes on from a slice before */
    size_t done_to; /* bytes before it belong to a finding already */
} cluster;

/* A window: groups i..j, its digits, and how it stands in the text. */
typedef struct window {
    const cluster *k;
    int i, j, n;
    uint8_t d[WINDOW + 1];
    size_t at, end;
    bool same_sep, singles, glued;
} window;

static bool is_digit(char ch)
{
    return (unsigned char)(ch - '0') < 10;
}
static bool is_letter(char ch)
{
    return (unsigned char)((ch | 32) - 'a') < 26;
}
static bool is_sep(char ch)
{
    switch (ch) {
    case ' ':
    case '-':
    case '.':
    case '/':
    case '_':
    case ',':
    case '(':
    case ')':
    case '\n':
    case '\r':
    case '\t':
    case '"':
    case '\'':
        return true;
    default:
        return false;
    }
}

static bool near_ctx(const window *w, uint32_t bits)
{
    return sl_ctx_near(w->k->c, w->at, w->end, bits);
}

static int group_n(const window *w, int x)
{
    return w->i + x <= w->j ? w->k->g[w->i + x].n : 0;
}

/* True when the groups have exactly these lengths ("4444" for four of four). */
static bool shape(const window *w, const char *lengths)
{
    size_t n = strlen(lengths);
    if ((size_t)(w->j - w->i + 1) != n)
        return false;
    for (size_t x = 0; x < n; x++) {
        if (group_n(w, (int)x) != lengths[x] - '0')
            return false;
    }
    return true;
}

static char byte_before(const window *w)
{
    return w->at > 0 ? w->k->t.p[w->at - 1] : ' ';
}
static char byte_after(const window *w)
{
    return w->end < w->k->t.n ? w->k->t.p[w->end] : ' ';
}

/* The fraction of "0.5105105105105100" is no number of its own. */
static bool is_fraction(const window *w)
{
    return w->i == w->j && w->i > 0 && w->k->g[w->i].sep == '.' && w->k->g[w->i].sep_n == 1;
}

static bool card_shape(const window *w)
{
    static const char *const shapes[] = {"4444", "44443", "44442", "44441", "465",  "464",
                                         "88",   "4443",  "883",   "466",   "55333"};
    if (w->i == w->j)
        return !is_fraction(w);
    if (w->singles)
        return true;
    if (shape(w, "22222222")) /* pairs; not eight in a row of more */
        return w->i == 0 && w->j + 1 == w->k->n && !w->k->cut;
    if (w->j == w->i + 1 && group_n(w, 0) == 6 && group_n(w, 1) >= 10) /* 6+13 of UnionPay */
        return true;
    for (size_t x = 0; x < sizeof shapes / sizeof *shapes; x++) {
        if (shape(w, shapes[x]))
            return w->same_sep;
    }
    return false;
}

/* Of digits spelled one by one only the whole run counts, or what one end of it cuts off. */
static bool whole_singles(const window *w)
{
    const cluster *k = w->k;
    bool left = w->i == 0 ? !k->cut : k->g[w->i - 1].n > 1;
    return left || w->j + 1 == k->n || k->g[w->j + 1].n > 1;
}

static bool check_card(const window *w)
{
    if (w->n < 12)
        return false;
    if (w->singles && w->i < w->j && !whole_singles(w))
        return false;
    sl_card issuer = sl_card_issuer(w->d, (size_t)w->n);
    if (issuer == SL_CARD_NO && w->n < 13)
        return false;
    bool luhn = sl_luhn(w->d, (size_t)w->n);
    bool good_shape = card_shape(w) && !w->glued;
    if (!luhn && !(good_shape && issuer == SL_CARD_YES && w->n >= 15))
        return false;
    /* beside the word a Luhn digit is enough, whoever issued it, and so is an issuer without one */
    if (near_ctx(w, SL_CTX_CARD)) {
        sl_add(w->k->c, SL_ENT_CREDIT_CARD, SL_LEVEL_RESTRICTED, w->at, w->end - w->at);
        return true;
    }
    if (!luhn || !good_shape || issuer == SL_CARD_NO)
        return false;
    if (issuer == SL_CARD_YES) {
        sl_add(w->k->c, SL_ENT_CREDIT_CARD, SL_LEVEL_RESTRICTED, w->at, w->end - w->at);
        return true;
    }
    sl_add_weak(w->k->c, SL_ENT_CREDIT_CARD, w->at, w->end - w->at);
    return false;
}

static bool check_cn_id(window *w)
{
    sl_classifier *c = w->k->c;
    if (w->n == 15) {
        if (!sl_cn_id15_plausible(w->d) || !near_ctx(w, SL_CTX_CN_ID))
            return false;
        sl_add(c, SL_ENT_CN_RESIDENT_ID, SL_LEVEL_RESTRICTED, w->at, w->end - w->at);
        return true;
    }
    size_t end = w->end;
    char check;
    if (w->n == 18) {
        check = (char)('0' + w->d[17]);
    } else {
        const char *p = w->k->t.p;
        size_t n = w->k->t.n;
        while (end < n && end < w->end + 2 && (p[end] == ' ' || p[end] == '-'))
            end++;
        if (end >= n || (p[end] | 32) != 'x' ||
            (end + 1 < n && (is_letter(p[end + 1]) || is_digit(p[end + 1]))))
            return false;
        check = 'X';
        end++;
    }
    if (!sl_cn_id_plausible(w->d, c->this_year))
        return false;
    if (sl_cn_id_check(w->d) == check || near_ctx(w, SL_CTX_CN_ID)) {
        sl_add(c, SL_ENT_CN_RESIDENT_ID, SL_LEVEL_RESTRICTED, w->at, end - w->at);
        return true;
    }
    sl_add_weak(c, SL_ENT_CN_RESIDENT_ID, w->at, end - w->at);
    return false;
}

static bool check_cn_mobile(const window *w)
{
    if (!sl_cn_mobile(w->d))
        return false;
    bool regular = w->i == w->j || (w->singles && whole_singles(w)) || shape(w, "344") ||
                   shape(w, "335") || shape(w, "38") || shape(w, "434") || shape(w, "443") ||
                   shape(w, "56");
    bool ctx = near_ctx(w, SL_CTX_PHONE);
    if ((!regular || w->glued || is_fraction(w)) && !ctx)
        return false;
    sl_add(w->k->c, SL_ENT_CN_MOBILE, SL_LEVEL_CONFIDENTIAL, w->at, w->end - w->at);
    return true;
}

static bool check_ssn(const window *w)
{
    if (!sl_us_ssn(w->d) || w->glued)
        return false;
    bool dashed = shape(w, "324") && w->same_sep && w->k->g[w->i + 1].sep == '-';
    bool spaced = shape(w, "324") || w->i == w->j;
    if (!dashed && !(spaced && near_ctx(w, SL_CTX_SSN)))
        return false;
    sl_add(w->k->c, SL_ENT_US_SSN, SL_LEVEL_RESTRICTED, w->at, w->end - w->at);
    return true;
}

/* Windows of `n` digits whose check needs no context of neighbours. */
static bool check_window(window *w)
{
    switch (w->n) {
    case 9:
        return check_ssn(w);
    case 11:
        return check_cn_mobile(w);
    case 13: /* 86 before a mobile number; + is sl_e164's */
        if (w->d[0] == 8 && w->d[1] == 6 && sl_cn_mobile(w->d + 2) && !w->glued &&
            !is_fraction(w)) {
            sl_add(w->k->c, SL_ENT_CN_MOBILE, SL_LEVEL_CONFIDENTIAL, w->at, w->end - w->at);
            return true;
        }
        return check_card(w);
    case 15:
    case 17:
    case 18:
        return check_cn_id(w) || check_card(w);
    default:
        return check_card(w);
    }
}

static bool window_set(window *w, const cluster *k, int i, int j)
{
    if (j == i)
        *w = (window){.k = k, .i = i, .j = i, .same_sep = true, .singles = true};
    const group *g = &k->g[j];
    if (w->n + g->n > WINDOW)
        return false;
    memcpy(w->d + w->n, g->d, g->n);
    w->n += g->n;
    w->j = j;
    w->at = k->g[i].at;
    w->end = g->end;
    w->singles &= g->n == 1;
    if (j > i)
        w->same_sep &= g->sep == k->g[i + 1].sep && g->sep_n == k->g[i + 1].sep_n;
    char before = byte_before(w), after = byte_after(w);
    w->glued = is_letter(before) || before == '_' || is_letter(after) || after == '_';
    return true;
}

/* +44 20 7946 0958, 0086…: the longest window from i whose digits are an international number. */
static bool check_e164(cluster *k, int i)
{
    const char *p = k->t.p;
    size_t at = k->g[i].at;
    bool plus = at > 0 && (p[at - 1] == '+' || (at > 1 && p[at - 1] == '(' && p[at - 2] == '+'));
    bool zeros = k->g[i].n >= 2 && k->g[i].d[0] == 0 && k->g[i].d[1] == 0;
    if (!plus && !zeros)
        return false;
    size_t skip = plus ? 0 : 2;
    window w;
    int best = -1;
    uint8_t d[WINDOW + 1];
    for (int j = i; j < k->n && window_set(&w, k, i, j); j++) {
        if (j > i && (k->g[j].sep_n > 2 || k->g[j].sep == ',' || k->g[j].sep == '\n'))
            break;
        size_t n = (size_t)w.n - skip;
        memcpy(d, w.d + skip, n);
        bool ok = sl_e164(d, n);
        /* "+44 (0)20": the national 0 in brackets is not dialled */
        if (!ok && j > i && k->g[i + 1].n == 1 && k->g[i + 1].d[0] == 0) {
            size_t cc = k->g[i].n - skip;
            memmove(d + cc, d + cc + 1, n - cc - 1);
            ok = sl_e164(d, n - 1);
        }
        if (ok && (plus || near_ctx(&w, SL_CTX_PHONE) || j > i ||
                   (d[0] == 8 && d[1] == 6 && sl_cn_mobile(d + 2))))
            best = j;
    }
    if (best < 0)
        return false;
    size_t from = at - (plus ? 1 : 0);
    sl_add(k->c, SL_ENT_PHONE_NUMBER, SL_LEVEL_CONFIDENTIAL, from, k->g[best].end - from);
    k->done_to = k->g[best].end;
    return true;
}

static bool is_year(const group *g)
{
    return g->n == 4 && ((g->d[0] == 1 && g->d[1] == 9) || (g->d[0] == 2 && g->d[1] == 0));
}

/* National forms. The run is the stretch from i that separators of telephone numbers join. */
static void check_national(cluster *k, int i)
{
    int j = i, n = k->g[i].n;
    while (j + 1 < k->n && k->g[j + 1].sep_n <= 2 && memchr(" -./()", k->g[j + 1].sep, 6) &&
           j - i < 6)
        n += k->g[++j].n;
    if (n < (j >= i + 2 ? 6 : 7) || n > 13) /* 33 93 31 */
        return;
    window w;
    for (int x = i; x <= j; x++) {
        if (!window_set(&w, k, i, x))
            return;
    }
    if (w.glued && (byte_after(&w) | 32) != 'x')
        return;
    const group *g = &k->g[i];
    const char *p = k->t.p;
    bool paren = g->at > 0 && p[g->at - 1] == '(' && g->n >= 2 && g->n <= 5 && j > i &&
                 k->g[i + 1].sep == ')';
    bool dash = j > i && k->g[i + 1].sep == '-' && k->g[i + 1].sep_n == 1;
    if (j == i + 1 && (dash || paren) && sl_cn_landline(g->d, g->n, k->g[j].n)) {
        sl_add(k->c, SL_ENT_CN_LANDLINE, SL_LEVEL_CONFIDENTIAL, w.at, w.end - w.at);
    } else if (is_year(g) || is_year(&k->g[j]) || (j > i && g->n == 1 && n < 10)) {
        return; /* dates and ranges of years */
    } else if (near_ctx(&w, SL_CTX_PHONE)) {
        sl_add(k->c, SL_ENT_PHONE_NUMBER, SL_LEVEL_CONFIDENTIAL, w.at, w.end - w.at);
    } else if ((paren && n >= 8) ||
               (j > i && n >= 9 && g->n >= 2 && g->d[0] == 0 && g->d[1] != 0 && w.same_sep) ||
               (shape(&w, "334") && sl_nanp(w.d))) {
        sl_add_weak(k->c, SL_ENT_PHONE_NUMBER, w.at, w.end - w.at);
    } else {
        return;
    }
    k->done_to = w.end;
}

static bool check_ip(cluster *k, int i)
{
    if (i + 3 >= k->n || (i + 4 < k->n && k->g[i + 4].sep == '.' && k->g[i + 4].sep_n == 1))
        return false;
    if (i > 0 && k->g[i].sep == '.' && k->g[i].sep_n == 1)
        return false;
    int octet[4], digits = 0;
    for (int x = 0; x < 4; x++) {
        const group *g = &k->g[i + x];
        if (g->n > 3 || (x > 0 && (g->sep != '.' || g->sep_n != 1)))
            return false;
        octet[x] = 0;
        for (int y = 0; y < g->n; y++)
            octet[x] = octet[x] * 10 + g->d[y];
        digits += g->n;
    }
    if (digits < 7 || !sl_ipv4_public_interest(octet)) /* "1.2.3.4" is a version as well */
        return false;
    sl_add(k->c, SL_ENT_IP_ADDRESS, SL_LEVEL_INTERNAL, k->g[i].at, k->g[i + 3].end - k->g[i].at);
    k->done_to = k->g[i + 3].end;
    return true;
}

/* Two letters before the first group: reads on over letters, digits and single separators. */
static bool check_iban(cluster *k, int i)
{
    const char *p = k->t.p;
    size_t at = k->g[i].at;
    if (at < 2 || k->g[i].n < 2 || !is_letter(p[at - 1]) || !is_letter(p[at - 2]))
        return false;
    size_t want = sl_iban_length(p[at - 2], p[at - 1]);
    if (want == 0 || (at > 2 && (is_letter(p[at - 3]) || is_digit(p[at - 3]))))
        return false;
    char iban[34];
    size_t n = 0, x = at - 2;
    for (; x < k->t.n && n < want; x++) {
        if (is_letter(p[x]) || is_digit(p[x]))
            iban[n++] = p[x];
        else if (!(memchr(" -.\n", p[x], 4) && (is_letter(p[x - 1]) || is_digit(p[x - 1]))))
            break;
    }
    if (n != want)
        return false;
    bool edge = x == k->t.n || !(is_letter(p[x]) || is_digit(p[x]));
    if (!edge || (!sl_iban(iban, n) && !sl_ctx_near(k->c, at, x, SL_CTX_IBAN)))
        return false;
    sl_add(k->c, SL_ENT_IBAN, SL_LEVEL_RESTRICTED, at - 2, x - (at - 2));
    k->done_to = x;
    return true;
}

/* Digits spelled one by one: only the whole of such a run is a number, not each part of it. */
static bool inside_singles(const cluster *k, int i, int end)
{
    return k->g[i].n == 1 && end - i > WINDOW && (i > 0 ? k->g[i - 1].n == 1 : k->cut);
}

/* Works the groups before `limit`; those behind only complete windows. */
static void work(cluster *k, int limit)
{
    if (k->n == 1 && k->g[0].n < 6 && !(k->g[0].at >= 2 && is_letter(k->t.p[k->g[0].at - 1])))
        return; /* most numbers of a text: too short for anything but the start of an IBAN */
    for (int i = 0, singles = 0; i < limit; i++) {
        if (singles <= i)
            singles = i;
        while (singles < k->n && k->g[singles].n == 1)
            singles++;
        if (k->g[i].at < k->done_to || inside_singles(k, i, singles))
            continue;
        if (check_iban(k, i) || check_ip(k, i) || check_e164(k, i))
            continue;
        window w;
        for (int j = i; j < k->n && window_set(&w, k, i, j); j++) {
            if (w.n >= 9 && check_window(&w)) {
                k->done_to = w.end;
                break;
            }
        }
        bool starts = i == 0 || k->g[i].sep_n > 1 || !memchr(" -./", k->g[i].sep, 4);
        if (k->g[i].at >= k->done_to && starts)
            check_national(k, i);
    }
}

/* The next digit at or behind i; text without digits passes eight bytes at a time. */
static size_t next_digit(sl_str t, size_t i)
{
    for (; i + 8 <= t.n; i += 8) {
        uint64_t v;
        memcpy(&v, t.p + i, 8);
        /* a digit has 0x30 in the upper nibble: x ^ 0x30 < 0x10; then a byte loop decides */
        uint64_t x = (v & 0xf0f0f0f0f0f0f0f0u) ^ 0x3030303030303030u;
        if ((x - 0x0101010101010101u) & ~x & 0x8080808080808080u) {
            for (size_t y = i; y < i + 8; y++) {
                if (is_digit(t.p[y]))
                    return y;
            }
        }
    }
    while (i < t.n && !is_digit(t.p[i]))
        i++;
    return i;
}

static size_t read_group(sl_str t, size_t i, group *g, size_t sep_at)
{
    *g = (group){.at = i, .sep_n = (uint8_t)(i - sep_at), .sep = i > sep_at ? t.p[sep_at] : 0};
    for (; i < t.n && is_digit(t.p[i]); i++) {
        if (g->n < GROUP_DIGITS)
            g->d[g->n++] = (uint8_t)(t.p[i] - '0');
    }
    g->end = i;
    return i;
}

void sl_numbers_scan(sl_classifier *c, sl_str t)
{
    cluster k;
    k.c = c, k.t = t, k.done_to = 0, k.cut = false;
    for (size_t i = next_digit(t, 0); i < t.n; i = next_digit(t, i)) {
        k.n = 0, k.cut = false;
        size_t sep = i;
        for (;;) {
            i = read_group(t, i, &k.g[k.n++], sep);
            if (k.n == GROUPS) { /* work what is complete, keep the rest for windows across */
                work(&k, GROUPS - WINDOW);
                memmove(k.g, k.g + GROUPS - WINDOW, WINDOW * sizeof *k.g);
                k.n = WINDOW, k.cut = true;
            }
            sep = i;
            size_t x = i;
            while (x < t.n && x < i + 3 && is_sep(t.p[x]))
                x++;
            if (x == i || x >= t.n || !is_digit(t.p[x]))
                break;
            i = x;
        }
        work(&k, k.n);
    }
}
