/* lookalike.c - words whose letters come from several scripts because they look the same
 * ("раssword", "пapoль"). A token that mixes Latin with Cyrillic, Greek, Armenian or Cherokee
 * letters is written out in one script: in Cyrillic when it has a letter that only Cyrillic has,
 * else in Latin. */
#include "router/classify/views.h"

#include <stdlib.h>

enum { BASE = 0x370, TOP = 0x590, TOKEN_MAX = 256 };

/* What a letter between U+0370 and U+058F looks like; 0: like no Latin letter. */
static char latin[TOP - BASE];

static const struct {
    uint16_t ch;
    char to;
} rows[] = {
    /* Cyrillic */
    {0x410, 'A'},
    {0x412, 'B'},
    {0x415, 'E'},
    {0x417, '3'},
    {0x41a, 'K'},
    {0x41c, 'M'},
    {0x41d, 'H'},
    {0x41e, 'O'},
    {0x420, 'P'},
    {0x421, 'C'},
    {0x422, 'T'},
    {0x423, 'Y'},
    {0x425, 'X'},
    {0x42c, 'b'},
    {0x405, 'S'},
    {0x406, 'I'},
    {0x407, 'I'},
    {0x408, 'J'},
    {0x4ae, 'Y'},
    {0x51a, 'Q'},
    {0x51c, 'W'},
    {0x474, 'V'},
    {0x4c0, 'I'},
    {0x4cf, 'l'},
    {0x430, 'a'},
    {0x435, 'e'},
    {0x43e, 'o'},
    {0x440, 'p'},
    {0x441, 'c'},
    {0x443, 'y'},
    {0x445, 'x'},
    {0x455, 's'},
    {0x456, 'i'},
    {0x457, 'i'},
    {0x458, 'j'},
    {0x4bb, 'h'},
    {0x501, 'd'},
    {0x51b, 'q'},
    {0x51d, 'w'},
    {0x475, 'v'},
    {0x50c, 'G'},
    {0x433, 'r'},
    {0x43f, 'n'},
    {0x442, 't'},
    {0x43c, 'm'},
    {0x43a, 'k'},
    {0x43d, 'h'},
    {0x432, 'b'},
    {0x450, 'e'},
    {0x451, 'e'},
    {0x491, 'r'},
    {0x4e9, 'o'},
    {0x4e8, 'O'},
    {0x4d9, 'e'},
    {0x437, '3'},
    {0x44c, 'b'},
    {0x4af, 'y'},
    {0x44a, 'b'},
    {0x421, 'C'},
    {0x404, 'E'},
    {0x454, 'e'},
    {0x428, 'W'},
    {0x448, 'w'},
    /* Greek */
    {0x391, 'A'},
    {0x392, 'B'},
    {0x395, 'E'},
    {0x396, 'Z'},
    {0x397, 'H'},
    {0x399, 'I'},
    {0x39a, 'K'},
    {0x39c, 'M'},
    {0x39d, 'N'},
    {0x39f, 'O'},
    {0x3a1, 'P'},
    {0x3a4, 'T'},
    {0x3a5, 'Y'},
    {0x3a7, 'X'},
    {0x3b1, 'a'},
    {0x3b5, 'e'},
    {0x3b7, 'n'},
    {0x3b9, 'i'},
    {0x3ba, 'k'},
    {0x3bd, 'v'},
    {0x3bf, 'o'},
    {0x3c1, 'p'},
    {0x3c4, 't'},
    {0x3c5, 'u'},
    {0x3c7, 'x'},
    {0x3c9, 'w'},
    {0x3b3, 'y'},
    {0x3f2, 'c'},
    {0x3f3, 'j'},
    {0x3f9, 'C'},
    {0x37f, 'J'},
    {0x3ac, 'a'},
    {0x3ad, 'e'},
    {0x3ae, 'n'},
    {0x3af, 'i'},
    {0x3cc, 'o'},
    {0x3cd, 'u'},
    {0x3ce, 'w'},
    {0x3b2, 'b'},
    {0x3c3, 'o'},
    /* Armenian */
    {0x555, 'O'},
    {0x54d, 'U'},
    {0x53c, 'L'},
    {0x548, 'n'},
    {0x578, 'n'},
    {0x585, 'o'},
    {0x57d, 'u'},
    {0x581, 'g'},
    {0x570, 'h'},
    {0x575, 'j'},
    {0x566, 'q'},
    {0x582, 'i'},
    {0x56c, 'l'},
    {0x584, 'p'},
};

/* Cherokee and Lisu letters, Coptic and a few more. */
static const struct {
    uint16_t ch;
    char to;
} more[] = {
    {0x13aa, 'A'}, {0x13f4, 'B'}, {0x13df, 'C'}, {0x13a0, 'D'}, {0x13ac, 'E'}, {0x13c0, 'G'},
    {0x13bb, 'H'}, {0x13ab, 'J'}, {0x13e6, 'K'}, {0x13de, 'L'}, {0x13b7, 'M'}, {0x13e2, 'P'},
    {0x13a1, 'R'}, {0x13da, 'S'}, {0x13a2, 'T'}, {0x13d9, 'V'}, {0x13b3, 'W'}, {0x13c3, 'Z'},
    {0xa4d0, 'B'}, {0xa4d1, 'P'}, {0xa4d3, 'D'}, {0xa4d4, 'T'}, {0xa4d6, 'G'}, {0xa4d7, 'K'},
    {0xa4d9, 'J'}, {0xa4da, 'C'}, {0xa4dc, 'Z'}, {0xa4dd, 'F'}, {0xa4df, 'M'}, {0xa4e0, 'N'},
    {0xa4e1, 'L'}, {0xa4e2, 'S'}, {0xa4e3, 'R'}, {0xa4e6, 'V'}, {0xa4e7, 'H'}, {0xa4ea, 'W'},
    {0xa4eb, 'X'}, {0xa4ec, 'Y'}, {0xa4ee, 'A'}, {0xa4f0, 'E'}, {0xa4f2, 'I'}, {0xa4f3, 'O'},
    {0xa4f4, 'U'}, {0x2c9f, 'o'}, {0x2c9e, 'O'}, {0x2ca4, 'C'}, {0x2ca5, 'c'}, {0x2c85, 'r'}};

/* Latin letters and digits as the Cyrillic ones they look like, in lower case. */
static uint16_t cyrillic(char ch)
{
    static const char from[] = "aecopxykmthnbAECOPXYKMTHB036i";
    static const uint16_t to[] = {0x430, 0x435, 0x441, 0x43e, 0x440, 0x445, 0x443, 0x43a,
                                  0x43c, 0x442, 0x43d, 0x43f, 0x432, 0x430, 0x435, 0x441,
                                  0x43e, 0x440, 0x445, 0x443, 0x43a, 0x43c, 0x442, 0x43d,
                                  0x432, 0x43e, 0x437, 0x431, 0x438};
    const char *p = memchr(from, ch, sizeof from - 1);
    return p ? to[p - from] : 0;
}

void sl_lookalike_open(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        latin[rows[i].ch - BASE] = rows[i].to;
}

static char as_latin(uint32_t ch)
{
    if (ch >= BASE && ch < TOP)
        return latin[ch - BASE];
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        if (more[i].ch == ch)
            return more[i].to;
    }
    return 0;
}

static bool ascii_letter(uint32_t ch)
{
    return (ch | 32) - 'a' < 26;
}

static bool token_char(uint32_t ch)
{
    return ascii_letter(ch) || ch - '0' < 10 || (ch < 0x80 && ch && strchr("@._-+:/", (int)ch)) ||
           (ch >= BASE && ch < TOP) || (ch >= 0x13a0 && ch < 0x1400) ||
           (ch >= 0xa4d0 && ch < 0xa500) || (ch >= 0x2c80 && ch < 0x2d00);
}

enum { LEAVE, TO_LATIN, TO_CYRILLIC };

/* The script of a word inside a token: a letter that only one has decides. */
static int direction(const uint32_t *ch, size_t n)
{
    bool ascii = false, other = false, only_cyrillic = false, only_greek = false;
    for (size_t i = 0; i < n; i++) {
        ascii |= ascii_letter(ch[i]) || ch[i] - '0' < 10;
        if (ch[i] < 0x80)
            continue;
        other = true;
        if (!as_latin(ch[i]))
            only_cyrillic |= ch[i] >= 0x400 && ch[i] < 0x530, only_greek |= ch[i] < 0x400;
    }
    if (!ascii || !other || only_greek)
        return LEAVE;
    return only_cyrillic ? TO_CYRILLIC : TO_LATIN;
}

static void put(sl_buf *out, uint32_t ch)
{
    unsigned char u[4];
    sl_buf_add(out, u, sl_utf8_put(u, ch));
}

/* A token of n characters that begins at `from`: each of its words by itself in Cyrillic, or the
 * whole of it in Latin. */
static bool token(const uint32_t *ch, const uint8_t *len, size_t n, size_t from, sl_buf *out,
                  sl_edits *edits)
{
    bool changed = false, any_ascii = false;
    for (size_t i = 0; i < n; i++)
        any_ascii |= ascii_letter(ch[i]) || ch[i] - '0' < 10;
    for (size_t i = 0, at = from; i < n;) {
        size_t j = i;
        while (j < n && (ch[j] >= 0x80 || ascii_letter(ch[j]) || ch[j] - '0' < 10))
            j++;
        int to = direction(ch + i, j - i);
        if (to == LEAVE && any_ascii && j > i && ch[i] >= 0x80) {
            to = TO_LATIN; /* a word of look-alikes in a token that is Latin elsewhere */
            for (size_t x = i; x < j; x++)
                to = ch[x] >= 0x80 && !as_latin(ch[x]) ? LEAVE : to;
        }
        for (; i < j; i++) {
            uint32_t c = to == TO_LATIN && ch[i] >= 0x80     ? (uint32_t)as_latin(ch[i])
                         : to == TO_CYRILLIC && ch[i] < 0x80 ? cyrillic((char)ch[i])
                                                             : 0;
            put(out, c ? c : ch[i]);
            at += len[i];
            if (c)
                changed = true, sl_edits_add(edits, out->len, at);
        }
        if (i < n)
            put(out, ch[i]), at += len[i++];
    }
    return changed;
}

bool sl_lookalike(sl_str t, sl_buf *out, sl_edits *edits)
{
    uint32_t ch[TOKEN_MAX];
    uint8_t len[TOKEN_MAX];
    bool changed = false;
    sl_edits_clear(edits);
    if (!sl_buf_reserve(out, t.n + t.n / 2))
        return false;
    for (size_t i = 0; i < t.n;) {
        size_t n = 0, at = i;
        bool other = false;
        while (at < t.n && n < TOKEN_MAX) {
            uint32_t c;
            size_t l = sl_view_char(t, at, &c);
            if (l == 0 || !token_char(c))
                break;
            ch[n] = c, len[n++] = (uint8_t)l, at += l;
            other |= c >= 0x80;
        }
        if (n > 0 && other)
            changed |= token(ch, len, n, i, out, edits);
        else
            sl_buf_add(out, t.p + i, at - i);
        i = at;
        if (n == 0)
            sl_buf_addc(out, t.p[i++]);
    }
    return changed && sl_buf_ok(out);
}
