/* accounts.c - names in messengers and networks, beside the messenger's word: WeChat, QQ, … */
#include "router/classify/contact.h"
#include "router/classify/numbers.h"

typedef struct token {
    size_t at, n;
    int digits, letters, marks; /* marks: _ - . */
} token;

static bool id_char(char ch)
{
    return sl_is_letter(ch) || sl_is_digit(ch) || ch == '_' || ch == '-' || ch == '.';
}

/* The token at or behind `i`, before `to`; n is 0 when there is none. */
static token next_token(sl_str t, size_t i, size_t to)
{
    while (i < to && !(sl_is_letter(t.p[i]) || sl_is_digit(t.p[i]) || t.p[i] == '_'))
        i++;
    token k = {.at = i};
    for (; i < t.n && k.n < 40 && id_char(t.p[i]) && k.at < to; i++, k.n++) {
        k.digits += sl_is_digit(t.p[i]);
        k.letters += sl_is_letter(t.p[i]);
        k.marks += t.p[i] == '_' || t.p[i] == '-';
    }
    while (k.n > 0 && (t.p[k.at + k.n - 1] == '.' || t.p[k.at + k.n - 1] == '-'))
        k.n--;
    return k;
}

static char before(sl_str t, size_t at)
{
    return at > 0 ? t.p[at - 1] : ' ';
}

/* "8.0.32", "v7": what stands behind the name of a program. */
static bool is_version(sl_str t, const token *k)
{
    bool dots = memchr(t.p + k->at, '.', k->n) != NULL;
    return k->letters <= 1 && (dots || (t.p[k->at] | 32) == 'v');
}

static bool is_handle(sl_str t, const token *k, bool labelled)
{
    if (k->n < 5 || k->n > 32 || is_version(t, k))
        return false;
    if (before(t, k->at) == '@')
        return true;
    if (k->letters == 0)
        return labelled && k->digits >= 5 && k->digits <= 12;
    bool mixed = k->digits > 0 || memchr(t.p + k->at, '_', k->n) != NULL;
    return mixed && k->letters >= 2;
}

/* A label's colon or equals sign stands between the word and the token. */
static bool is_labelled(sl_str t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (t.p[i] == ':' || t.p[i] == '=')
            return true;
    }
    return false;
}

/* Nothing of the next line counts but what stands alone there. */
static size_t line_end(sl_str t, size_t from, size_t to)
{
    const char *q = from < to ? memchr(t.p + from, '\n', to - from) : NULL;
    return q ? (size_t)(q - t.p) : to;
}

/* wxid_…, names with digits, numbers behind a colon; "gave li416be as the WeChat". */
void sl_account_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    int skipped = 0;
    for (size_t i = word; i < to && skipped < 6; skipped++) {
        token k = next_token(t, i, to);
        if (k.n == 0)
            break;
        if (is_handle(t, &k, is_labelled(t, word, k.at) || k.at <= word + 10)) {
            sl_add(c, SL_ENT_MESSENGER_ID, SL_LEVEL_CONFIDENTIAL, k.at, k.n);
            return;
        }
        i = k.at + k.n;
    }
    for (size_t i = from; i + 1 < word;) {
        token k = next_token(t, i, word);
        if (k.n == 0 || k.at + k.n >= word)
            break;
        if (k.letters && is_handle(t, &k, false) && line_end(t, k.at, word) == word &&
            before(t, k.at) != '/') {
            sl_add(c, SL_ENT_MESSENGER_ID, SL_LEVEL_CONFIDENTIAL, k.at, k.n);
            return;
        }
        i = k.at + k.n;
    }
}

/* Five to eleven digits. */
void sl_qq_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    for (size_t i = from; i < to;) {
        token k = next_token(t, i, to);
        if (k.n == 0)
            return;
        size_t at = k.at, n = k.n;
        while (n > 0 && (t.p[at] | 32) == 'q') /* QQ205299005 */
            at++, n--;
        if (n >= 5 && n <= 11 && (int)n == k.digits && t.p[at] != '0') {
            sl_add(c, SL_ENT_MESSENGER_ID, SL_LEVEL_CONFIDENTIAL, at, n);
            return;
        }
        i = k.at + k.n;
    }
}
