/* tokens.c - identifiers of letters and digits: by their form (idrules.c), or beside a word that
 * says what they are, whatever their check digit says.
 *
 * Each run of letters and digits that holds a digit begins a token, and so does a short upper-case
 * run before it ("AB 12 34 56 C"). A token goes on over single separators; each of its lengths is
 * looked at. All is bounded by SL_TOKEN and SL_PARTS, so the work is linear in the text. */
#include "router/classify/idrules.h"
#include "router/classify/numbers.h"
#include "router/classify/validators.h"

#include <pthread.h>

enum {
    PREFIX = 4,
    PREFIXES = 2,
    ADDRESS_MAX = 110,
    WORD_REACH = 60,
    LONE_ROUND = 16,
    PROSE_MAX = 4,
    RUN_WORK = 10,
    LOOK_WORK = 30,
    PART_WORK = 15
};

typedef struct ctx_rule {
    uint16_t ctx, entity;
    uint8_t min, max, digits, letters;
} ctx_rule;

static const ctx_rule ctx_rules[] = {
#define Y(ctx, entity, min, max, digits, letters) \
    {SL_CTX_##ctx, SL_ENT_##entity, min, max, digits, letters},
#include "router/classify/id_contexts.def"
#undef Y
};

/* Where the rules of a context begin; the table goes by contexts in their order. */
static struct {
    pthread_once_t once;
    uint16_t first[SL_CTX_N + 1];
    sl_ctx_set any; /* contexts with a rule */
} index_of = {.once = PTHREAD_ONCE_INIT};

static void fill_index(void)
{
    size_t r = 0;
    for (unsigned ctx = 0; ctx <= SL_CTX_N; ctx++) {
        while (r < sizeof ctx_rules / sizeof *ctx_rules && ctx_rules[r].ctx < ctx)
            r++;
        index_of.first[ctx] = (uint16_t)r;
    }
    for (r = 0; r < sizeof ctx_rules / sizeof *ctx_rules; r++)
        index_of.any.w[ctx_rules[r].ctx / 64] |= UINT64_C(1) << ctx_rules[r].ctx % 64;
    index_of.any.w[SL_CTX_EXPIRY / 64] |= UINT64_C(1) << SL_CTX_EXPIRY % 64;
}

typedef struct walk {
    sl_classifier *c;
    sl_str t;
    size_t done_to; /* bytes before it belong to a finding */
    int prose;      /* bare numbers of this view that were judged */
    sl_token k;     /* that begins at the run at hand */
} walk;

static bool joins(char ch)
{
    switch (ch) {
    case ' ':
    case '-':
    case '.':
    case '/':
    case '(':
        return true;
    default:
        return false;
    }
}

static size_t run_end(sl_str t, size_t i)
{
    for (;;) {
        uint64_t v = sl_eight(t, i);
        unsigned n = sl_eight_run(sl_eight_digits(v) | sl_eight_letters(v));
        i += n;
        if (n < 8)
            return i;
    }
}

static char at(sl_str t, size_t i)
{
    return i < t.n ? t.p[i] : ' ';
}

/* Adds the run [from, to) to the token; false: too long. */
static bool token_add(sl_token *k, sl_str t, size_t from, size_t to)
{
    int p = k->parts, n = p > 0 ? k->n[p - 1] : 0;
    if (p == SL_PARTS || to - from > (size_t)(SL_TOKEN - n))
        return false;
    k->sep[p] = p > 0 ? t.p[from - 1] : 0;
    k->key[p] = (p > 0 ? k->key[p - 1] << 4 : 0) | ((uint32_t)(to - from) & 15);
    for (size_t i = from; i < to; i += 8) {
        uint64_t v = sl_eight(t, i);
        uint64_t some = to - i < 8 ? (UINT64_C(1) << 8 * (to - i)) - 1 : ~UINT64_C(0);
        uint64_t letters = v << 1 & some & 0x8080808080808080u; /* 0x40 tells them from digits */
        uint64_t lower = letters & v << 2, bits = sl_eight_bits(letters);
        v &= ~(lower >> 2);
        memcpy(k->s + n + (i - from), &v, 8);
        k->letters |= bits << (n + (i - from));
        k->lower |= (uint64_t)sl_eight_bits(lower) << (n + (i - from));
        k->upper |= (bits ^ sl_eight_bits(lower)) << (n + (i - from));
    }
    n += (int)(to - from);
    k->n[p] = (uint8_t)n;
    k->end[p] = to;
    k->parts++;
    return true;
}

/* The longest token that begins at byte i; all: not only those that are written like one. */
static void token_at(walk *w, size_t i, bool all)
{
    sl_token *k = &w->k;
    k->at = i, k->parts = 0;
    k->letters = k->upper = k->lower = 0;
    for (;;) {
        size_t end = run_end(w->t, i);
        if (k->parts == 1 && !all && !sl_idrules_begins(k->n[0], end - i))
            return;
        if (!token_add(k, w->t, i, end))
            return;
        if (end + 1 >= w->t.n || !joins(w->t.p[end]) || !sl_is_alnum(w->t.p[end + 1]))
            return;
        i = end + 1;
    }
}

/* ---- beside a word ---- */

static int number(const sl_token *k, int part)
{
    int v = 0;
    for (int i = part > 0 ? k->n[part - 1] : 0; i < k->n[part]; i++)
        v = v < 100000000 ? v * 10 + k->s[i] - '0' : v;
    return v;
}

static bool year(int v)
{
    return v >= 1900 && v <= 2099;
}

/* Dates, years and ranges of years are no identifiers. */
static bool dated(const sl_token *k, int last)
{
    if (last == 0 && k->n[0] == 14 && !k->letters) { /* YYYYMMDDhhmmss */
        int64_t v = 0;
        for (int i = 0; i < 10; i++)
            v = v * 10 + k->s[i] - '0';
        return year((int)(v / 1000000)) && v / 10000 % 100 <= 12 && v / 100 % 100 <= 31 &&
               v % 100 <= 23;
    }
    if (k->n[last] > 8 || (k->letters & sl_token_mask(k, last)))
        return false;
    if (last == 0)
        return k->n[0] == 4 && year(number(k, 0));
    if (last == 1) {
        int a = number(k, 0), b = number(k, 1);
        return (k->n[0] == 4 && year(a) && (year(b) || (b <= 12 && k->n[1] < 7))) ||
               (k->n[0] <= 2 && a <= 12 && year(b) && sl_part_n(k, 1) == 4);
    }
    if (last != 2 || k->sep[1] != k->sep[2] || sl_part_n(k, 1) > 2)
        return false;
    int a = number(k, 0), b = number(k, 1), c = number(k, 2);
    if (k->n[0] == 4)
        return year(a) && b <= 12 && c <= 31;
    return k->n[0] <= 2 && (b <= 12 || a <= 12) && a <= 31 && b <= 31 &&
           (sl_part_n(k, 2) == 2 || year(c));
}

/* A date with its year in full, or a range of years, among the parts. */
static bool holds_date(const sl_token *k, int last)
{
    for (int i = 0; i < last; i++) {
        int from = i > 0 ? k->n[i - 1] : 0;
        uint64_t two = sl_token_mask(k, i + 1) >> from << from;
        if (k->sep[i + 1] == ' ' || (k->letters & two))
            continue;
        int n = sl_part_n(k, i), m = sl_part_n(k, i + 1), a = number(k, i), b = number(k, i + 1);
        if (n == 4 && m == 4 && year(a) && year(b))
            return true;
        if (i + 2 > last || k->sep[i + 2] != k->sep[i + 1] || m > 2 ||
            (k->letters & sl_token_mask(k, i + 2) & ~sl_token_mask(k, i + 1)))
            continue;
        int o = sl_part_n(k, i + 2), c = number(k, i + 2);
        if ((n == 4 && o <= 2 && year(a) && b <= 12 && c <= 31) ||
            (n <= 2 && o == 4 && a <= 31 && b <= 31 && year(c)))
            return true;
    }
    return false;
}

/* "$1500000", "1.1234567", the day of a date: no beginning. */
static bool amount(const walk *w)
{
    size_t i = w->k.at;
    const char *p = w->t.p;
    if (i == 0)
        return false;
    if (p[i - 1] == '$' || (i >= 2 && memcmp(p + i - 2, "\xc2\xa3", 2) == 0) ||
        (i >= 3 && memcmp(p + i - 3, "\xe2\x82\xac", 3) == 0))
        return true;
    return memchr(".-/", p[i - 1], 3) && i >= 2 && sl_is_digit(p[i - 2]);
}

/* A number may be one beside a word; a date or words with digits may not. */
static bool candid(const sl_token *k, int last)
{
    uint64_t mask = sl_token_mask(k, last), letters = k->letters & mask;
    if (letters == mask || dated(k, last))
        return false;
    if (last == 0)
        return true;
    /* the last part is a word: "12345678 IN" */
    int from = k->n[last - 1], n = k->n[last] - from;
    if (n == 4 && from <= 3 && !(letters >> from) && year(number(k, last)))
        return false; /* "class B1 2019" */
    return !(k->lower & mask) && !holds_date(k, last) &&
           !(n > 2 && letters >> from == (UINT64_C(1) << n) - 1);
}

/* The beginnings of a token that a word nearby may make an identifier, the longest first. */
typedef struct beginnings {
    struct {
        uint8_t n, letters, part;
    } of[SL_PARTS];
    int count;
} beginnings;

static beginnings candidates(const sl_token *k)
{
    beginnings b = {.count = 0};
    for (int i = k->parts - 1; i >= 0; i--) {
        if (!candid(k, i))
            continue;
        uint8_t letters = 0;
        for (uint64_t left = k->letters & sl_token_mask(k, i); left; left &= left - 1)
            letters++;
        b.of[b.count].n = k->n[i], b.of[b.count].letters = letters;
        b.of[b.count++].part = (uint8_t)i;
    }
    return b;
}

static bool expiry(const sl_token *k)
{
    return k->parts > 1 && !(k->letters & sl_token_mask(k, 1)) && k->n[0] == 2 &&
           (k->n[1] == 4 || k->n[1] == 6) && number(k, 0) >= 1 && number(k, 0) <= 12;
}

/* Found by numbers.c, with its own idea of the words. */
static bool found_before(const walk *w, size_t end, sl_entity e)
{
    if (e != SL_ENT_CREDIT_CARD && e != SL_ENT_IBAN && e != SL_ENT_CN_RESIDENT_ID &&
        e != SL_ENT_US_SSN)
        return false;
    for (int i = 0; i < w->c->taken_n; i++) {
        if (w->k.at < w->c->taken[i].to && w->c->taken[i].from < end)
            return true;
    }
    return false;
}

/* The end of what the rule finds, or 0. */
static size_t beside_word(walk *w, const ctx_rule *rule, const beginnings *b)
{
    const sl_token *k = &w->k;
    int i = 0;
    while (i < b->count &&
           (b->of[i].n < rule->min || b->of[i].n > rule->max || b->of[i].letters > rule->letters ||
            b->of[i].n - b->of[i].letters < rule->digits))
        i++;
    if (i == b->count)
        return 0;
    int last = b->of[i].part;
    sl_entity e = (sl_entity)rule->entity;
    if (!found_before(w, k->end[last], e))
        sl_add(w->c, e, sl_entities[e].level, k->at, k->end[last] - k->at);
    return k->end[last];
}

static void beside_words(walk *w, const sl_ctx_set *near)
{
    const sl_token *k = &w->k;
    uint64_t any = 0;
    for (size_t i = 0; i < sizeof near->w / sizeof *near->w; i++)
        any |= near->w[i] & index_of.any.w[i];
    if (!any || amount(w))
        return;
    beginnings b = candidates(k);
    size_t done_to = w->done_to;
    for (size_t i = 0; b.count > 0 && i < sizeof near->w / sizeof *near->w; i++) {
        for (uint64_t left = near->w[i] & index_of.any.w[i]; left; left &= left - 1) {
            unsigned ctx = (unsigned)i * 64 + (unsigned)__builtin_ctzll(left);
            for (unsigned r = index_of.first[ctx]; r < index_of.first[ctx + 1]; r++) {
                size_t end = beside_word(w, &ctx_rules[r], &b);
                done_to = end > done_to ? end : done_to;
            }
        }
    }
    w->done_to = done_to;
    if (sl_ctx_has(near, SL_CTX_EXPIRY) && sl_ctx_has(near, SL_CTX_CARD) && expiry(k))
        sl_add(w->c, SL_ENT_CARD_EXPIRY, SL_LEVEL_RESTRICTED, k->at, k->end[1] - k->at);
}

/* ---- by form ---- */

/* A token is a part of something longer: "1.44051401458", the end of a UUID, a row of numbers. */
static bool inside(const walk *w, int last)
{
    sl_str t = w->t;
    size_t from = w->k.at, end = w->k.end[last];
    char before = from > 0 ? t.p[from - 1] : ' ', after = at(t, end);
    bool more_before = from > 1 && sl_is_alnum(t.p[from - 2]);
    bool more_after = sl_is_alnum(at(t, end + 1));
    if (before == '_' || after == '_' || (before && strchr("-./", before) && more_before) ||
        (after && strchr("-./@", after) && more_after))
        return true;
    /* of numbers with blanks between, only the whole row is one */
    if (last == 0 || w->k.sep[last] != ' ' || (w->k.letters & sl_token_mask(&w->k, last)))
        return false;
    return (before == ' ' && more_before && sl_is_digit(t.p[from - 2])) ||
           (after == ' ' && more_after && sl_is_digit(t.p[end + 1]));
}

/* The text holds nothing else, and it is no time in seconds or milliseconds. */
static bool lone(const walk *w)
{
    const sl_token *k = &w->k;
    int n = k->n[k->parts - 1];
    if ((w->c->frame && w->c->frame->parent) ||
        ((n == 10 || n == 13) && k->s[0] == '1' && k->s[1] >= '5'))
        return false;
    for (size_t i = 0; i < w->t.n; i++) {
        if (i == k->at)
            i = k->end[k->parts - 1];
        if (i < w->t.n && (sl_is_alnum(w->t.p[i]) || (unsigned char)w->t.p[i] >= 0x80))
            return false;
    }
    return true;
}

/* Digits as constants, sums and counters have them: in steps, all alike, round. */
static bool regular(const char *s, int n)
{
    int up = 0, down = 0, same = 0, zeros = 0;
    for (int i = 1; i < n; i++)
        up += s[i] == s[i - 1] + 1, down += s[i] == s[i - 1] - 1, same += s[i] == s[i - 1];
    while (zeros < n && s[n - 1 - zeros] == '0')
        zeros++;
    return up > n - 3 || down > n - 3 || same > n / 2 || zeros > 3;
}

/* Nine to twelve digits in a sentence that says nothing of them: a number that somebody was given,
 * as likely as not. Beside an operator, in a list or beside a word of ordinary life it is none. */
static bool in_prose(walk *w)
{
    const sl_token *k = &w->k;
    sl_str t = w->t;
    const sl_frame *f = w->c->frame;
    size_t from = k->at, end = k->end[0];
    int n = k->n[0];
    if (k->parts != 1 || n < 9 || n > 12 || (f && f->parent && (f->span || f->pieces)) ||
        (n == 10 && k->s[0] == '1') || regular(k->s, n) || w->prose >= PROSE_MAX)
        return false;
    char before = from > 0 ? t.p[from - 1] : ' ', after = end < t.n ? t.p[end] : ' ';
    char far_before = from > 1 ? t.p[from - 2] : ' ',
         far_after = end + 1 < t.n ? t.p[end + 1] : ' ';
    bool open = (unsigned char)before >= 0x80 || strchr(" \n:(\"'", before);
    bool close = (unsigned char)after >= 0x80 || strchr(" \n.,;:!?)\"'", after);
    if (!open || !close || strchr("=+*/^%<>[{|&#,-", far_before) ||
        strchr("=+*/^%<>]}|&#-", far_after) || sl_is_digit(far_before) || sl_is_digit(far_after))
        return false;
    sl_ctx_set s = sl_ctx_around(&w->c->ctx, from, end);
    w->prose++;
    return !sl_ctx_has(&s, SL_CTX_ORDINARY);
}

/* doubt: weak signs count as well. */
static void by_form(walk *w, bool doubt)
{
    const sl_token *k = &w->k;
    sl_entity weak = SL_ENT_N;
    int weak_last = -1;
    for (int last = k->parts - 1; last >= 0; last--) {
        sl_entity e;
        sl_verdict v = sl_idrules_match(k, last, &e);
        if (v == SL_ID_NO || inside(w, last))
            continue;
        if (v == SL_ID_SURE) {
            sl_add(w->c, e, sl_entities[e].level, k->at, k->end[last] - k->at);
            w->done_to = k->end[last];
            return;
        }
        if (weak_last < 0 && doubt)
            weak = e, weak_last = last;
    }
    int all = k->parts - 1;
    bool bare = weak_last < 0 && doubt && !k->letters &&
                ((w->t.n < SL_TOKEN + LONE_ROUND && lone(w)) || in_prose(w));
    if (bare && !dated(k, all) && sl_idrules_lone(k->s, k->n[all], &weak))
        weak_last = all;
    if (weak_last < 0)
        return;
    sl_add_weak(w->c, weak, k->at, k->end[weak_last] - k->at);
    w->done_to = k->end[weak_last];
}

static bool any_of(const sl_ctx_set *s)
{
    uint64_t any = 0;
    for (size_t i = 0; i < sizeof s->w / sizeof *s->w; i++)
        any |= s->w[i];
    return any != 0;
}

/* The run that begins at i is the word for what follows: "AVS 756.1234.5678.90". */
static bool is_word(const walk *w, size_t i)
{
    const sl_ctx_map *m = &w->c->ctx;
    size_t end = run_end(w->t, i), hit = sl_ctx_behind(m, end - 1);
    return hit < m->n && m->hits[hit].end == end;
}

/* leading: the run at i stands before the one with a digit. */
static void look_at(walk *w, size_t i, bool leading)
{
    if (i < w->done_to)
        return;
    sl_ctx_set near;
    bool words = false;
    if (w->c->ctx.n > 0 && !(leading && is_word(w, i))) {
        near = sl_ctx_around(&w->c->ctx, i, i + SL_TOKEN / 2);
        words = any_of(&near);
    }
    token_at(w, i, words);
    (void)sl_work(w->c, LOOK_WORK + PART_WORK * (size_t)w->k.parts * (words ? 2 : 1));
    if (w->k.parts == 0)
        return;
    if (words)
        beside_words(w, &near);
    by_form(w, w->done_to <= i);
}

/* Addresses of wallets are longer than a token, or have their own alphabet. */
static bool wallet(walk *w, size_t from, size_t to)
{
    if (to - from < 25 || to - from > ADDRESS_MAX)
        return false;
    bool context = false;
    if (w->c->ctx.n > 0) {
        sl_ctx_set near = sl_ctx_around(&w->c->ctx, from, to);
        context = sl_ctx_has(&near, SL_CTX_WALLET);
    }
    if (!sl_crypto_address(w->t.p + from, to - from, context))
        return false;
    sl_add(w->c, SL_ENT_CRYPTO_ADDRESS, SL_LEVEL_RESTRICTED, from, to - from);
    w->done_to = to;
    return true;
}

/* ---- values without a digit, which only their word leads to ---- */

static void find_bic(sl_classifier *c, sl_str t, size_t word_end)
{
    size_t from = word_end > WORD_REACH ? word_end - WORD_REACH : 0;
    size_t to = word_end + WORD_REACH < t.n ? word_end + WORD_REACH : t.n;
    while (from > 0 && from < t.n && sl_is_alnum(t.p[from - 1]) && sl_is_alnum(t.p[from]))
        from++;
    for (size_t i = from; i < to;) {
        size_t end = run_end(t, i);
        char up[12];
        size_t n = end - i;
        bool upper = n == 8 || n == 11;
        for (size_t x = 0; upper && x < n; x++) {
            upper = !(t.p[i + x] >= 'a' && t.p[i + x] <= 'z');
            up[x] = t.p[i + x];
        }
        if (upper && sl_check_bic(up, n))
            sl_add(c, SL_ENT_BIC, SL_LEVEL_CONFIDENTIAL, i, n);
        i = end + (end == i || end < to);
    }
}

/* name@okhdfcbank: the word is the handle of the bank. */
static void find_upi(sl_classifier *c, sl_str t, size_t end)
{
    size_t i = end;
    while (i > 0 && t.p[i - 1] != '@')
        i--;
    size_t sign = i;
    while (i > 1 && (sl_is_alnum(t.p[i - 2]) || strchr(".-_", t.p[i - 2])) && sign - i < 64)
        i--;
    if (sign - i >= 3)
        sl_add(c, SL_ENT_IN_UPI, SL_LEVEL_RESTRICTED, i - 1, end - i + 1);
}

static void find_beside_words(sl_classifier *c, sl_str t)
{
    for (size_t i = 0; i < c->ctx.n && sl_work(c, 2); i++) {
        bool reads = c->ctx.hits[i].ctx == SL_CTX_BIC || c->ctx.hits[i].ctx == SL_CTX_UPI;
        if (reads && !sl_work(c, 150))
            return;
        if (c->ctx.hits[i].ctx == SL_CTX_BIC)
            find_bic(c, t, c->ctx.hits[i].end);
        else if (c->ctx.hits[i].ctx == SL_CTX_UPI)
            find_upi(c, t, c->ctx.hits[i].end);
    }
}

/* "PESEL44051401458": where the word for it ends within the run [from, to); else from. */
static size_t behind_word(const sl_ctx_map *m, sl_str t, size_t from, size_t to)
{
    size_t i = sl_ctx_behind(m, from);
    size_t best = from;
    for (; i < m->n && m->hits[i].end < to; i++) {
        size_t end = m->hits[i].end;
        while (end > from && sl_is_digit(t.p[end - 1]))
            end--; /* the word's expression took the first digit */
        if (end > from)
            best = end;
    }
    return best;
}

/* A short upper-case run and one separator before `from`: where it begins; SIZE_MAX: none. */
static size_t prefix(sl_str t, size_t from)
{
    if (from < 2 || (t.p[from - 1] != ' ' && t.p[from - 1] != '-'))
        return SIZE_MAX;
    size_t i = from - 1;
    while (i > 0 && from - i <= PREFIX + 1 && t.p[i - 1] >= 'A' && t.p[i - 1] <= 'Z')
        i--;
    bool whole = i == 0 || !sl_is_alnum(t.p[i - 1]);
    return whole && i + 1 < from && from - i <= PREFIX + 1 ? i : SIZE_MAX;
}

void sl_tokens_scan(sl_classifier *c, sl_str t)
{
    sl_idrules_open();
    pthread_once(&index_of.once, fill_index);
    walk w = {.c = c, .t = t};
    size_t behind = 0; /* the end of the run before */
    for (size_t i = sl_next_digit(t, 0); i < t.n; i = sl_next_digit(t, behind)) {
        size_t from = i;
        while (from > behind && sl_is_alnum(t.p[from - 1]))
            from--;
        size_t to = run_end(t, i);
        behind = to;
        if (!sl_work(c, RUN_WORK))
            break;
        if (wallet(&w, from, to) || to - from > SL_TOKEN)
            continue;
        if (c->ctx.n > 0 && sl_is_letter(t.p[from])) {
            size_t value = behind_word(&c->ctx, t, from, to);
            if (value > from)
                look_at(&w, value, false);
        }
        size_t start = from;
        for (int n = 0; n < PREFIXES && (start = prefix(t, start)) != SIZE_MAX; n++)
            look_at(&w, start, true);
        if (to - from > 2 || (joins(at(t, to)) && sl_is_alnum(at(t, to + 1))))
            look_at(&w, from, false);
    }
    find_beside_words(c, t);
    c->taken_n = 0;
}
