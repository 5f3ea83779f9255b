/* address.c - postal addresses in languages that write streets: a house number beside a street's
 * name is the core; a postal code, a flat, a town or a word for an address makes it somebody's. */
#include "router/classify/contact.h"
#include "router/classify/numbers.h"

enum { AFTER = 80, NAME_WORDS = 5 };

static bool is_word(char ch)
{
    return sl_is_letter(ch) || sl_is_digit(ch) || (unsigned char)ch >= 0x80 || ch == '\'';
}

/* Begins a name: a capital, or a letter of a script that the view has in lower case. */
static bool begins_name(char ch)
{
    return sl_is_upper(ch) || (unsigned char)ch >= 0x80;
}

static size_t digits_at(sl_str t, size_t i)
{
    size_t n = 0;
    while (i + n < t.n && n < 10 && sl_is_digit(t.p[i + n]))
        n++;
    return n;
}

/* 12, 12a, 221B, 12-14: where the house number at i ends, or 0. */
static size_t house_end(sl_str t, size_t i)
{
    size_t n = digits_at(t, i);
    if (n < 1 || n > 5)
        return 0;
    size_t x = i + n;
    if (x + 1 < t.n && (t.p[x] == '-' || t.p[x] == '/') && digits_at(t, x + 1) >= 1 &&
        digits_at(t, x + 1) <= 4)
        x += 1 + digits_at(t, x + 1);
    if (x < t.n && sl_is_letter(t.p[x]))
        x++;
    bool comma = x + 1 < t.n && (unsigned char)t.p[x] == 0xd8 && (unsigned char)t.p[x + 1] == 0x8c;
    if (comma) /* the Arabic one */
        return x;
    bool more = x < t.n && (is_word(t.p[x]) || (t.p[x] == '%') ||
                            ((t.p[x] == '.' || t.p[x] == ':') && digits_at(t, x + 1) > 0));
    return more ? 0 : x;
}

static size_t back_word(sl_str t, size_t i)
{
    size_t end = i;
    while (i > 0 && (is_word(t.p[i - 1]) || t.p[i - 1] == '-')) {
        bool east = i >= 3 && (unsigned char)t.p[i - 3] >= 0xe2 && (t.p[i - 1] & 0xc0) == 0x80;
        if (east && i < end && sl_is_digit(t.p[i]))
            break; /* a bracket or a word before the number */
        i--;
    }
    return i;
}

/* Lower-case words inside names of streets. */
static bool is_particle(sl_str w)
{
    static const char *const words[] = {"of",  "the", "de",  "la", "du", "des", "van", "der",
                                        "den", "di",  "del", "da", "do", "bis", "ter", "le"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (sl_str_is(w, words[i]))
            return true;
    }
    return false;
}

/* Back over the words of a name from the street word at i to a house number: its start or i. */
static size_t house_before(sl_str t, size_t i, int words)
{
    size_t x = i;
    for (int w = 0; w <= words && x > 0; w++) {
        size_t end = x;
        while (end > 0 && x - end < 2 && memchr(" ,.", t.p[end - 1], 3))
            end--;
        size_t at = back_word(t, end);
        if (at == end || end == x)
            return i;
        size_t digits = digits_at(t, at);
        if (digits) {
            bool ordinal = end - at == digits + 2; /* 5th, 42nd */
            if (!ordinal)
                return house_end(t, at) == end && (at == 0 || t.p[at - 1] != '$') ? at : i;
        } else if (!begins_name(t.p[at]) && !is_particle((sl_str){t.p + at, end - at})) {
            return i;
        }
        x = at;
    }
    return i;
}

/* Forward over the words of a name from the end of the street word to a house number: where that
 * ends, or 0. "ул. Ленина, д. 5", "Calle Mayor 3", "Rua Augusta, 12". */
static size_t house_after(sl_str t, size_t i)
{
    bool named = false;
    for (size_t x = i, w = 0; x < t.n && x < i + 60 && w < NAME_WORDS + 3; w++) {
        while (x < t.n && memchr(" ,.:#№", t.p[x], 5) && t.p[x] != '\n')
            x++;
        if (x >= t.n)
            return 0;
        if (sl_is_digit(t.p[x])) {
            size_t end = house_end(t, x);
            return named && end ? end : 0;
        }
        size_t at = x;
        while (x < t.n && (is_word(t.p[x]) || t.p[x] == '-'))
            x++;
        if (x == at)
            return 0;
        bool name = begins_name(t.p[at]) && x - at >= 2;
        named |= name;
        if (!named && !is_particle((sl_str){t.p + at, x - at}))
            return 0;
        if (named && !name && x - at > 6)
            return 0; /* a sentence goes on */
    }
    return 0;
}

/* AB1 2CD, A1A 1A1: letters and digits of British and Canadian codes. */
static bool mixed_code(sl_str t, size_t i)
{
    if (i + 6 > t.n || !sl_is_upper(t.p[i]) || (i > 0 && is_word(t.p[i - 1])))
        return false;
    size_t x = i + 1;
    x += sl_is_upper(t.p[x]);
    if (!sl_is_digit(t.p[x]))
        return false;
    x++;
    x += x < t.n && (sl_is_digit(t.p[x]) || sl_is_upper(t.p[x]));
    x += x < t.n && t.p[x] == ' ';
    if (x + 3 > t.n || !sl_is_digit(t.p[x]) || !sl_is_upper(t.p[x + 1]))
        return false;
    bool uk = sl_is_upper(t.p[x + 2]), ca = sl_is_digit(t.p[x + 2]);
    return (uk || ca) && (x + 3 == t.n || !is_word(t.p[x + 3]));
}

static bool begins_with(sl_str t, size_t i, const char *word)
{
    size_t n = strlen(word);
    return i + n <= t.n && sl_alike(t.p[i], word[0]) && strncasecmp(t.p + i, word, n) == 0;
}

/* A flat, a floor, a suite. */
static bool unit_at(sl_str t, size_t i)
{
    static const char *const units[] = {"apt",   "apartment", "suite", "ste ",     "unit ", "flat ",
                                        "floor", "кв.",       "кв ",   "квартира", "piso",  "daire",
                                        "app.",  "appt",      "etage", "lok.",     "m. ",   "# "};
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        if (sl_alike(t.p[i], units[u][0]) && begins_with(t, i, units[u]))
            return true;
    }
    return t.p[i] == '#' && digits_at(t, i + 1) > 0;
}

/* Digits of a postal code at i with a place's name beside them, or two capitals of a state. */
static bool digit_code(sl_str t, size_t i, size_t n)
{
    size_t x = i + n;
    if (x < t.n && (t.p[x] == '-' || t.p[x] == ' ')) { /* 00-624, 01305-000, 110 00, 62704-1234 */
        size_t m = digits_at(t, x + 1);
        if ((n == 2 && m == 3) || (n == 5 && (m == 3 || m == 4)) || (n == 3 && m == 2) ||
            (n == 4 && m == 3))
            n += m, x += 1 + m;
    }
    if (n < 4 || n > 9 || (x < t.n && is_word(t.p[x])))
        return false;
    bool state = i >= 3 && t.p[i - 1] == ' ' && sl_is_upper(t.p[i - 2]) && sl_is_upper(t.p[i - 3]);
    while (x < t.n && (t.p[x] == ' ' || t.p[x] == ','))
        x++;
    bool town = x < t.n && begins_name(t.p[x]);
    bool behind = i >= 2 && t.p[i - 1] == ' ' && (n == 5 || n == 6) && is_word(t.p[i - 2]);
    return state || town || behind;
}

static bool code_in(sl_str t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        bool starts = i == 0 || !is_word(t.p[i - 1]);
        if (!starts)
            continue;
        size_t n = digits_at(t, i);
        if ((n >= 2 && digit_code(t, i, n)) || mixed_code(t, i) || (i > from && unit_at(t, i)))
            return true;
        i += n;
    }
    return false;
}

/* ", London": a town behind the street. */
static bool town_behind(sl_str t, size_t i)
{
    if (i + 1 < t.n && (unsigned char)t.p[i] == 0xd8 && (unsigned char)t.p[i + 1] == 0x8c)
        i++;
    else if (i >= t.n || (t.p[i] != ',' && t.p[i] != '\n'))
        return false;
    do
        i++;
    while (i < t.n && (t.p[i] == ' ' || t.p[i] == '\n'));
    return i + 3 < t.n && begins_name(t.p[i]) && is_word(t.p[i + 1]);
}

/* Where everybody knows who lives. */
static bool is_famous(sl_str t, size_t at, size_t end)
{
    static const char *const names[] = {
        "1600 Pennsylvania", "221B Baker",     "10 Downing",  "11 Downing",   "21 Jump",
        "1 Infinite",        "One Apple",      "4 Privet",    "Privet Drive", "742 Evergreen",
        "59 Temple Place",   "51 Franklin St", "675 Mass Ave"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (begins_with(t, at, names[i]))
            return true;
    }
    return end <= at;
}

/* A core at [at, end). strong: the street word is hardly anything else. */
static void judge(sl_classifier *c, sl_str t, size_t at, size_t end, bool strong)
{
    if (is_famous(t, at, end))
        return;
    sl_ctx_set s = sl_ctx_around(&c->ctx, at, end);
    size_t to = end + AFTER < t.n ? end + AFTER : t.n;
    size_t from = at > 40 ? at - 40 : 0;
    bool sure =
        code_in(t, end, to) || sl_ctx_has(&s, SL_CTX_ADDRESS) ||
        (strong && (town_behind(t, end) || sl_ctx_has(&s, SL_CTX_RESIDES) || code_in(t, from, at)));
    if (sure)
        sl_add(c, SL_ENT_POSTAL_ADDRESS, SL_LEVEL_CONFIDENTIAL, at, end - at);
    else if (strong)
        sl_add_weak(c, SL_ENT_POSTAL_ADDRESS, at, end - at);
}

static size_t word_start(sl_str t, size_t word)
{
    size_t i = word;
    while (i > 0 && t.p[i - 1] == '.')
        i--;
    return back_word(t, i);
}

static void street(sl_classifier *c, sl_str t, size_t word, bool strong)
{
    while (word > 0 && !sl_is_letter(t.p[word - 1]))
        word--; /* "St.," */
    size_t start = word_start(t, word), at = house_before(t, start, 3);
    if (at == start || at + 3 > start || (word < t.n && sl_is_letter(t.p[word])))
        return;
    size_t name = at + digits_at(t, at);
    while (name < start && !sl_is_upper(t.p[name]))
        name++;
    judge(c, t, at, word, strong && sl_is_upper(t.p[start]) && name < start);
}

/* 12 Maple Street */
void sl_street_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    street(c, t, word, true);
}

/* 12 Maple Court: words of other meanings, so a number and a name prove nothing alone. */
void sl_court_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    street(c, t, word, false);
}

/* 12 rue de la Paix */
void sl_rue_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    size_t start = word_start(t, word), at = house_before(t, start, 1), end = word;
    if (at == start)
        return;
    for (int w = 0; w < 4 && end < t.n && t.p[end] == ' '; w++) {
        end++;
        while (end < t.n && (is_word(t.p[end]) || t.p[end] == '-'))
            end++;
    }
    judge(c, t, at, end, true);
}

/* Via Garibaldi 12 */
void sl_via_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    size_t end = house_after(t, word);
    if (end)
        judge(c, t, word_start(t, word), end, (unsigned char)t.p[word - 1] >= 0x80);
}

/* The hit ends at the number's first digit. */
static void strasse(sl_classifier *c, sl_str t, size_t word, bool strong)
{
    size_t end = house_end(t, word - 1), x = word - 1;
    while (x > 0 && (t.p[x - 1] == ' ' || t.p[x - 1] == '.'))
        x--;
    size_t at = back_word(t, x);
    if (at > 1 && !begins_name(t.p[at]) && t.p[at - 1] == ' ')
        at = back_word(t, at - 1); /* Kossuth utca 12 */
    if (end && begins_name(t.p[at]) && x - at >= 5)
        judge(c, t, at, end, strong);
}

/* Lindenstraße 12 */
void sl_strasse_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    strasse(c, t, word, true);
}

/* Marktplatz 12 */
void sl_platz_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    strasse(c, t, word, false);
}

/* Behind "address": a number beside a name, and one more of the kind; any language. */
void sl_address_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    size_t first = 0;
    int found = 0;
    for (size_t i = word; i < to; i++) {
        if (!sl_is_digit(t.p[i]) || (i > 0 && is_word(t.p[i - 1])))
            continue;
        size_t n = digits_at(t, i), end = i + n;
        bool odd = n > 6 || (end < t.n && strchr(".:/%@=_", t.p[end]) && end + 1 < t.n &&
                             is_word(t.p[end + 1]));
        if (odd || (i > 0 && strchr(".:/@=_-", t.p[i - 1]) && i > 1 && is_word(t.p[i - 2])))
            return; /* of a machine, a network, a date */
        size_t b = i, a = end;
        while (b > word && (t.p[b - 1] == ' ' || t.p[b - 1] == ','))
            b--;
        while (a < t.n && (t.p[a] == ' ' || t.p[a] == ','))
            a++;
        bool behind = a > end && a < t.n && begins_name(t.p[a]);
        bool before = b < i && b > word && begins_name(t.p[back_word(t, b)]);
        if (behind || before) {
            if (found++ == 0)
                first = i;
            if (found == 2) {
                sl_add(c, SL_ENT_POSTAL_ADDRESS, SL_LEVEL_CONFIDENTIAL, first, end - first);
                return;
            }
        }
        i = end;
    }
}

/* P.O. Box 123 */
void sl_po_box_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    size_t i = word;
    while (i < to && i < word + 6 && !sl_is_digit(t.p[i]))
        i++;
    size_t n = digits_at(t, i);
    if (n < 1 || n > 6)
        return;
    size_t end = i + n, stop = end + AFTER < t.n ? end + AFTER : t.n;
    sl_ctx_set s = sl_ctx_around(&c->ctx, i, end);
    if (code_in(t, end, stop) || sl_ctx_has(&s, SL_CTX_ADDRESS))
        sl_add(c, SL_ENT_POSTAL_ADDRESS, SL_LEVEL_CONFIDENTIAL, i, n);
    else
        sl_add_weak(c, SL_ENT_POSTAL_ADDRESS, i, n);
}
