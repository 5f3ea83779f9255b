/* disguise.c - e-mail addresses that avoid their signs ("bob [at] acme dot com", 艾特, "bob @ acme .
 * com", bob#qq.com), put together again; and text that is said to be reversed or in rot13. */
#include "router/classify/views.h"

#include <strings.h>

enum { AROUND = 80, ADDRESSES_MAX = 16, LOCAL_MAX = 64, DOMAIN_MAX = 120, REVERSED_MAX = 600 };

static bool local_char(char ch)
{
    return sl_is_alnum(ch) || ch == '.' || ch == '_' || ch == '%' || ch == '+' || ch == '-';
}

/* Length of one of the words at i, without regard to case; 0: none. */
static size_t word_of(sl_str t, size_t i, const char *const *words, size_t n)
{
    for (size_t x = 0; x < n; x++) {
        if (i >= t.n || !sl_alike(t.p[i], words[x][0]))
            continue;
        size_t m = strlen(words[x]);
        if (i + m <= t.n && strncasecmp(t.p + i, words[x], m) == 0)
            return m;
    }
    return 0;
}

static size_t spaces(sl_str t, size_t i, size_t max)
{
    size_t from = i;
    while (i < t.n && i < from + max && t.p[i] == ' ')
        i++;
    return i;
}

/* "[at]", "( dot )", "{@}" at i: where it ends, 0: none. Brackets are [ ( { <. */
static size_t bracketed(sl_str t, size_t i, const char *const *words, size_t n)
{
    if (i >= t.n || !memchr("[({<", t.p[i], 4))
        return 0;
    size_t x = spaces(t, i + 1, 1), m = word_of(t, x, words, n);
    if (m == 0)
        return 0;
    x = spaces(t, x + m, 1);
    return x < t.n && memchr("])}>", t.p[x], 4) ? x + 1 : 0;
}

static const char *const at_words[] = {"at", "@", "arroba", "chez", "собака", "a"};
static const char *const dot_words[] = {"dot", ".", "punto", "ponto", "point", "punkt", "точка"};
#define N(a) (sizeof(a) / sizeof *(a))

typedef enum at_kind { AT_NONE, AT_SURE, AT_WORD } at_kind;

/* What stands for '@' at i, with the blanks around it. AT_WORD: the plain word, which needs a dot
 * in disguise behind it. */
static at_kind at_form(sl_str t, size_t i, size_t *ret_end)
{
    size_t x = spaces(t, i, 2), end = bracketed(t, x, at_words, N(at_words));
    if (end) {
        *ret_end = spaces(t, end, 2);
        return AT_SURE;
    }
    static const char *const signs[] = {"艾特", "@", "#"};
    size_t m = word_of(t, x, signs, N(signs));
    if (m) {
        *ret_end = spaces(t, x + m, 2);
        return AT_SURE;
    }
    if (i < t.n && memchr(" _-", t.p[i], 3)) {
        m = word_of(t, i + 1, at_words, 5);
        if (m && i + 1 + m < t.n && t.p[i + 1 + m] == t.p[i]) {
            *ret_end = spaces(t, i + 2 + m, 1);
            return AT_WORD;
        }
    }
    return AT_NONE;
}

typedef enum dot_kind { DOT_PLAIN, DOT_LOOSE, DOT_WORD } dot_kind;

/* What stands for '.' at i: where it ends, 0: nothing. DOT_LOOSE: a comma, a dot with blanks. */
static size_t dot_form(sl_str t, size_t i, dot_kind *ret_kind)
{
    *ret_kind = DOT_WORD;
    size_t x = spaces(t, i, 1), end = bracketed(t, x, dot_words, N(dot_words));
    if (end)
        return spaces(t, end, 1);
    if (x < t.n && (t.p[x] == '.' || t.p[x] == ',')) {
        end = spaces(t, x + 1, 1);
        *ret_kind = x == i && end == x + 1 && t.p[x] == '.' ? DOT_PLAIN : DOT_LOOSE;
        if (end > x + 1 && x == i)
            return 0; /* the end of a sentence */
        return end < t.n && sl_is_letter(t.p[end]) ? end : 0;
    }
    static const char *const signs[] = {"点", "點", "точка"};
    size_t m = word_of(t, x, signs, N(signs));
    if (m)
        return spaces(t, x + m, 1);
    if (i < t.n && memchr(" _-", t.p[i], 3)) {
        m = word_of(t, i + 1, dot_words, N(dot_words));
        if (m > 1 && i + 1 + m < t.n && t.p[i + 1 + m] == t.p[i])
            return i + 2 + m;
    }
    return 0;
}

/* The local part before i: where it begins. Dots in disguise are looked for word by word. */
static size_t local_start(sl_str t, size_t i)
{
    size_t from = i, low = i > LOCAL_MAX ? i - LOCAL_MAX : 0;
    while (from > low && local_char(t.p[from - 1]))
        from--;
    for (int words = 0; words < 3 && from > low; words++) {
        dot_kind kind;
        bool joined = false;
        for (size_t s = from; s > low && s + 8 > from && !joined; s--) {
            if (s < 2 || !sl_is_alnum(t.p[s - 2]) || dot_form(t, s - 1, &kind) != from ||
                kind != DOT_WORD)
                continue;
            for (from = s - 1; from > low && local_char(t.p[from - 1]); from--)
                ;
            joined = true;
        }
        if (!joined)
            break;
    }
    return from;
}

/* [from, to) without its disguised dots, appended. */
static void put_dots(sl_str t, size_t from, size_t to, sl_buf *out)
{
    dot_kind kind;
    while (from < to) {
        size_t end = sl_is_alnum(t.p[from]) ? 0 : dot_form(t, from, &kind);
        if (end > from && end <= to)
            sl_buf_addc(out, '.'), from = end;
        else
            sl_buf_addc(out, t.p[from++]);
    }
}

/* The domain at i, appended; *ret_hidden: one of its dots was in disguise. Returns its end; 0:
 * none. */
static size_t domain(sl_str t, size_t i, sl_buf *out, bool *ret_hidden, bool words_only)
{
    size_t from = i, label = i, labels = 0;
    *ret_hidden = false;
    while (i < t.n && i < from + DOMAIN_MAX && labels < 6) {
        dot_kind dot;
        label = i;
        while (i < t.n && i < from + DOMAIN_MAX &&
               (sl_is_alnum(t.p[i]) ||
                (t.p[i] == '-' && i > label && i + 1 < t.n && sl_is_alnum(t.p[i + 1]))))
            i++;
        if (i == label)
            return 0;
        sl_buf_add(out, t.p + label, i - label);
        labels++;
        size_t next = dot_form(t, i, &dot);
        if (next == 0 || (words_only && dot == DOT_LOOSE) || next >= t.n || !sl_is_alnum(t.p[next]))
            break;
        *ret_hidden |= dot == DOT_WORD;
        sl_buf_addc(out, '.');
        i = next;
    }
    return labels >= 2 ? i : 0;
}

static void addresses(sl_classifier *c, const sl_frame *f, const sl_hints *h)
{
    sl_str t = f->text;
    size_t i = h->first[SL_HINT_MAIL] > AROUND ? h->first[SL_HINT_MAIL] - AROUND : 0;
    size_t to = h->last[SL_HINT_MAIL] + AROUND < t.n ? h->last[SL_HINT_MAIL] + AROUND : t.n;
    sl_buf *out = &c->piece[f->depth];
    for (int found = 0; i < to && found < ADDRESSES_MAX; i++) {
        if (i == 0 || sl_is_alnum(t.p[i]) || !local_char(t.p[i - 1]))
            continue;
        size_t end, stop;
        bool hidden;
        if (!sl_work(c, 40))
            return;
        at_kind kind = at_form(t, i, &end);
        if (kind == AT_NONE || end >= t.n || !sl_is_alnum(t.p[end]))
            continue;
        size_t from = local_start(t, i);
        if (from == i || (from > 0 && (t.p[from - 1] == '/' || t.p[from - 1] == '@')))
            continue;
        sl_buf_clear(out);
        put_dots(t, from, i, out);
        sl_buf_addc(out, '@');
        stop = domain(t, end, out, &hidden, kind == AT_WORD);
        if (stop == 0 || (kind == AT_WORD && !hidden) || !sl_buf_ok(out))
            continue;
        found++;
        sl_scan_piece(c, f, "disguise", sl_buf_str(out), from, stop - from);
    }
}

/* The characters of a piece of t around the hint, the last one first. */
static void reversed(sl_classifier *c, const sl_frame *f, const sl_hints *h)
{
    sl_str t = f->text;
    size_t at = h->first[SL_HINT_REVERSED], from = at > REVERSED_MAX ? at - REVERSED_MAX : 0;
    size_t to = h->last[SL_HINT_REVERSED] + REVERSED_MAX;
    if (to > t.n)
        to = t.n;
    if (to > at + 4 * REVERSED_MAX)
        to = at + 4 * REVERSED_MAX;
    sl_buf *out = &c->piece[f->depth];
    sl_buf_clear(out);
    for (size_t i = to; i > from;) {
        size_t end = i--;
        while (i > from && ((unsigned char)t.p[i] & 0xc0) == 0x80)
            i--;
        sl_buf_add(out, t.p + i, end - i);
    }
    if (sl_buf_ok(out))
        sl_scan_piece(c, f, "reversed", sl_buf_str(out), from, to - from);
}

static void rot13(sl_classifier *c, const sl_frame *f)
{
    sl_str t = f->text;
    sl_buf *out = &c->piece[f->depth];
    sl_buf_clear(out);
    if (t.n > SL_DECODE_BYTES)
        t.n = SL_DECODE_BYTES;
    sl_buf_add_str(out, t);
    for (size_t i = 0; i < out->len; i++) {
        char ch = out->data[i];
        if (sl_is_letter(ch))
            out->data[i] = (char)((ch & 32) | ((((ch | 32) - 'a' + 13) % 26 + 'a') & ~32));
    }
    if (sl_buf_ok(out))
        sl_scan_piece(c, f, "rot13", sl_buf_str(out), 0, t.n);
}

void sl_disguise_scan(sl_classifier *c, const sl_frame *f, const sl_hints *h)
{
    if (h->any >> SL_HINT_MAIL & 1)
        addresses(c, f, h);
    if (h->any >> SL_HINT_REVERSED & 1)
        reversed(c, f, h);
    if (h->any >> SL_HINT_ROT13 & 1)
        rot13(c, f);
}
