/* escapes.c - percent, HTML, backslash and quoted-printable escapes undone. */
#include "router/classify/decode.h"

int sl_hex_value(char ch)
{
    if ((unsigned char)(ch - '0') < 10)
        return ch - '0';
    ch |= 32;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static void put_utf8(sl_buf *b, uint32_t ch)
{
    unsigned char u[4];
    if (ch == 0 || ch > 0x10ffff || (ch >= 0xd800 && ch <= 0xdfff))
        sl_buf_addc(b, ' ');
    else
        sl_buf_add(b, u, sl_utf8_put(u, ch));
}

/* n hex digits at p; false when there are fewer. */
static bool hex_n(sl_str t, size_t i, int n, uint32_t *ret)
{
    uint32_t v = 0;
    if (i + (size_t)n > t.n)
        return false;
    for (int x = 0; x < n; x++) {
        int h = sl_hex_value(t.p[i + (size_t)x]);
        if (h < 0)
            return false;
        v = v << 4 | (uint32_t)h;
    }
    *ret = v;
    return true;
}

/* One escape at i: its length, its character, or a byte (percent, \xNN) in *byte. 0: none. */
static size_t html_escape(sl_str t, size_t i, uint32_t *ch)
{
    static const struct {
        const char *name;
        char ch;
    } named[] = {{"&amp;", '&'},   {"&lt;", '<'},      {"&gt;", '>'},     {"&quot;", '"'},
                 {"&nbsp;", ' '},  {"&commat;", '@'},  {"&period;", '.'}, {"&hyphen;", '-'},
                 {"&dash;", '-'},  {"&colon;", ':'},   {"&shy;", 0},      {"&zwnj;", 0},
                 {"&apos;", '\''}, {"&lpar;", '('},    {"&rpar;", ')'},   {"&num;", '#'},
                 {"&plus;", '+'},  {"&sol;", '/'},     {"&lowbar;", '_'}, {"&equals;", '='},
                 {"&ensp;", ' '},  {"&emsp;", ' '},    {"&thinsp;", ' '}, {"&ndash;", '-'},
                 {"&mdash;", '-'}, {"&middot;", '.'},  {"&zwj;", 0},      {"&NoBreak;", 0},
                 {"&Tab;", ' '},   {"&NewLine;", '\n'}};
    if (i + 3 < t.n && t.p[i + 1] == '#') {
        bool hex = (t.p[i + 2] | 32) == 'x';
        size_t x = i + 2 + hex, from = x;
        uint32_t v = 0;
        for (; x < t.n && x < from + 7; x++) {
            int h = sl_hex_value(t.p[x]);
            if (h < 0 || (!hex && h > 9))
                break;
            v = v * (hex ? 16 : 10) + (uint32_t)h;
        }
        if (x == from)
            return 0;
        *ch = v;
        return x - i + (x < t.n && t.p[x] == ';');
    }
    for (size_t x = 0; x < sizeof named / sizeof *named; x++) {
        if (i + 1 >= t.n || t.p[i + 1] != named[x].name[1])
            continue;
        size_t n = strlen(named[x].name);
        if (i + n <= t.n && memcmp(t.p + i, named[x].name, n) == 0) {
            *ch = (uint32_t)named[x].ch;
            return n;
        }
    }
    return 0;
}

static size_t slash_escape(sl_str t, size_t i, uint32_t *ch, bool *byte)
{
    if (i + 1 >= t.n)
        return 0;
    char kind = t.p[i + 1];
    uint32_t low;
    if (kind == 'x' && hex_n(t, i + 2, 2, ch)) {
        *byte = true;
        return 4;
    }
    if (kind == 'U' && hex_n(t, i + 2, 8, ch))
        return 10;
    if (kind != 'u')
        return 0;
    if (i + 3 < t.n && t.p[i + 2] == '{') {
        size_t x = i + 3;
        *ch = 0;
        for (; x < t.n && x < i + 9 && sl_hex_value(t.p[x]) >= 0; x++)
            *ch = *ch << 4 | (uint32_t)sl_hex_value(t.p[x]);
        return x < t.n && t.p[x] == '}' && x > i + 3 ? x + 1 - i : 0;
    }
    if (!hex_n(t, i + 2, 4, ch))
        return 0;
    if (*ch >= 0xd800 && *ch < 0xdc00 && i + 7 < t.n && t.p[i + 6] == '\\' && t.p[i + 7] == 'u' &&
        hex_n(t, i + 8, 4, &low) && low >= 0xdc00 && low < 0xe000) {
        *ch = 0x10000 + ((*ch - 0xd800) << 10) + (low - 0xdc00);
        return 12;
    }
    return 6;
}

/* One escape at i: its length, its character or byte. 0: none. */
static size_t escape(sl_str t, size_t i, unsigned kinds, uint32_t *ch, bool *byte,
                     const char **name)
{
    uint32_t v;
    *byte = false;
    *name = "escape";
    switch (t.p[i]) {
    case '%':
        *byte = true, *name = "percent";
        return hex_n(t, i + 1, 2, ch) ? 3 : 0;
    case '&':
        *name = "html";
        return html_escape(t, i, ch);
    case '\\':
        if (kinds & SL_ESC_OCTAL && i + 3 < t.n && (t.p[i + 1] & 0xfc) == '0' &&
            (t.p[i + 2] & 0xf8) == '0' && (t.p[i + 3] & 0xf8) == '0') {
            *byte = true;
            *ch = (uint32_t)((t.p[i + 1] & 3) << 6 | (t.p[i + 2] & 7) << 3 | (t.p[i + 3] & 7));
            return 4;
        }
        return slash_escape(t, i, ch, byte);
    case '=':
        *name = "quoted-printable";
        if (!(kinds & SL_ESC_QP))
            return 0;
        *ch = 0;
        if (i + 1 < t.n && t.p[i + 1] == '\n')
            return 2;
        if (i + 2 < t.n && t.p[i + 1] == '\r' && t.p[i + 2] == '\n')
            return 3;
        if (!hex_n(t, i + 1, 2, &v))
            return 0;
        *ch = v, *byte = true;
        return 3;
    default:
        return 0;
    }
}

static size_t next_special(sl_str t, size_t i, unsigned kinds)
{
    static const char special[256] = {['%'] = 1, ['&'] = 1, ['\\'] = 1, ['='] = 2};
    char mask = kinds & SL_ESC_QP ? 3 : 1;
    while (i < t.n && !(special[(unsigned char)t.p[i]] & mask))
        i++;
    return i;
}

const char *sl_unescape(sl_str t, unsigned kinds, sl_buf *out, size_t *ret_from, size_t *ret_to)
{
    const char *name = NULL, *kind;
    size_t copied = 0;
    for (size_t i = next_special(t, 0, kinds); i < t.n; i = next_special(t, i, kinds)) {
        uint32_t ch = 0;
        bool byte;
        size_t n = escape(t, i, kinds, &ch, &byte, &kind);
        if (n == 0) {
            i++;
            continue;
        }
        if (!name) { /* what stands around the escapes comes along, the rest of the text does not */
            name = kind;
            *ret_from = copied = i > SL_ESC_AROUND ? i - SL_ESC_AROUND : 0;
            sl_buf_reserve(out, t.n - copied);
        }
        sl_buf_add(out, t.p + copied, i - copied);
        if (byte)
            sl_buf_addc(out, ch ? (char)ch : ' ');
        else if (ch)
            put_utf8(out, ch);
        i += n;
        copied = i;
    }
    if (name) {
        *ret_to = t.n - copied > SL_ESC_AROUND ? copied + SL_ESC_AROUND : t.n;
        sl_buf_add(out, t.p + copied, *ret_to - copied);
    }
    return name;
}
