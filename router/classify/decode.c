/* decode.c - what a view holds encoded: percent and HTML escapes, \uXXXX and \xNN, and runs of
 * base64, base64url or hex that decode to readable text. Each result is scanned as a view of its
 * own, two deep; a run over 200 bytes that stays unreadable and looks random is doubt. */
#include "router/classify/views.h"

enum { BLOB_MIN = 16, OPAQUE_MIN = 200, LINE_MIN = 48 };

static int hex_value(char ch)
{
    if ((unsigned char)(ch - '0') < 10)
        return ch - '0';
    ch |= 32;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static void put_utf8(sl_buf *b, uint32_t ch)
{
    char u[4];
    if (ch == 0 || ch > 0x10ffff || (ch >= 0xd800 && ch <= 0xdfff)) {
        sl_buf_addc(b, ' ');
    } else if (ch < 0x80) {
        sl_buf_addc(b, (char)ch);
    } else if (ch < 0x800) {
        u[0] = (char)(0xc0 | ch >> 6), u[1] = (char)(0x80 | (ch & 0x3f));
        sl_buf_add(b, u, 2);
    } else if (ch < 0x10000) {
        u[0] = (char)(0xe0 | ch >> 12), u[1] = (char)(0x80 | (ch >> 6 & 0x3f)),
        u[2] = (char)(0x80 | (ch & 0x3f));
        sl_buf_add(b, u, 3);
    } else {
        u[0] = (char)(0xf0 | ch >> 18), u[1] = (char)(0x80 | (ch >> 12 & 0x3f));
        u[2] = (char)(0x80 | (ch >> 6 & 0x3f)), u[3] = (char)(0x80 | (ch & 0x3f));
        sl_buf_add(b, u, 4);
    }
}

/* n hex digits at p; false when there are fewer. */
static bool hex_n(sl_str t, size_t i, int n, uint32_t *ret)
{
    uint32_t v = 0;
    if (i + (size_t)n > t.n)
        return false;
    for (int x = 0; x < n; x++) {
        int h = hex_value(t.p[i + (size_t)x]);
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
    } named[] = {{"&amp;", '&'},  {"&lt;", '<'},     {"&gt;", '>'},     {"&quot;", '"'},
                 {"&nbsp;", ' '}, {"&commat;", '@'}, {"&period;", '.'}, {"&hyphen;", '-'},
                 {"&dash;", '-'}, {"&colon;", ':'},  {"&shy;", 0},      {"&zwnj;", 0},
                 {"&apos;", '\''}};
    if (i + 3 < t.n && t.p[i + 1] == '#') {
        bool hex = (t.p[i + 2] | 32) == 'x';
        size_t x = i + 2 + hex, from = x;
        uint32_t v = 0;
        for (; x < t.n && x < from + 7; x++) {
            int h = hex_value(t.p[x]);
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
        for (; x < t.n && x < i + 9 && hex_value(t.p[x]) >= 0; x++)
            *ch = *ch << 4 | (uint32_t)hex_value(t.p[x]);
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

/* Appends t with its escapes undone. *ret_first: where the first stood. Returns the view's name or
 * NULL when there was none. */
static const char *unescape(sl_str t, sl_buf *out, size_t *ret_first)
{
    const char *name = NULL;
    sl_buf_reserve(out, t.n);
    for (size_t i = 0; i < t.n;) {
        char b = t.p[i];
        uint32_t ch = 0;
        size_t n = 0;
        bool byte = false;
        const char *kind = "escape";
        if (b == '%' && hex_n(t, i + 1, 2, &ch))
            n = 3, byte = true, kind = "percent";
        else if (b == '&')
            n = html_escape(t, i, &ch), kind = "html";
        else if (b == '\\')
            n = slash_escape(t, i, &ch, &byte);
        if (n == 0) {
            size_t from = i++;
            while (i < t.n && t.p[i] != '%' && t.p[i] != '&' && t.p[i] != '\\')
                i++;
            sl_buf_add(out, t.p + from, i - from);
            continue;
        }
        if (!name)
            name = kind, *ret_first = i;
        if (byte)
            sl_buf_addc(out, ch ? (char)ch : ' ');
        else if (ch)
            put_utf8(out, ch);
        i += n;
    }
    return name;
}

/* ---- blobs ---- */

/* 0-63 as base64 and base64url; -1 otherwise. */
static const int8_t b64[256] = {
#define B(ch, v) [ch] = (v) + 1
    B('A', 0),  B('B', 1),  B('C', 2),  B('D', 3),  B('E', 4),  B('F', 5),  B('G', 6),  B('H', 7),
    B('I', 8),  B('J', 9),  B('K', 10), B('L', 11), B('M', 12), B('N', 13), B('O', 14), B('P', 15),
    B('Q', 16), B('R', 17), B('S', 18), B('T', 19), B('U', 20), B('V', 21), B('W', 22), B('X', 23),
    B('Y', 24), B('Z', 25), B('a', 26), B('b', 27), B('c', 28), B('d', 29), B('e', 30), B('f', 31),
    B('g', 32), B('h', 33), B('i', 34), B('j', 35), B('k', 36), B('l', 37), B('m', 38), B('n', 39),
    B('o', 40), B('p', 41), B('q', 42), B('r', 43), B('s', 44), B('t', 45), B('u', 46), B('v', 47),
    B('w', 48), B('x', 49), B('y', 50), B('z', 51), B('0', 52), B('1', 53), B('2', 54), B('3', 55),
    B('4', 56), B('5', 57), B('6', 58), B('7', 59), B('8', 60), B('9', 61), B('+', 62), B('/', 63),
    B('-', 62), B('_', 63)
#undef B
};

static bool is_b64(char ch)
{
    return b64[(unsigned char)ch] != 0;
}

static void base64_decode(sl_str t, sl_buf *out)
{
    uint32_t acc = 0;
    if (!sl_buf_reserve(out, t.n))
        return;
    int bits = 0;
    for (size_t i = 0; i < t.n; i++) {
        int v = b64[(unsigned char)t.p[i]] - 1;
        if (v < 0)
            continue; /* line breaks */
        acc = acc << 6 | (uint32_t)v;
        bits += 6;
        if (bits >= 8)
            bits -= 8, out->data[out->len++] = (char)(acc >> bits & 0xff);
    }
}

static bool hex_decode(sl_str t, sl_buf *out)
{
    int high = -1;
    if (!sl_buf_reserve(out, t.n))
        return false;
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] == '\n' || t.p[i] == '\r')
            continue;
        int h = hex_value(t.p[i]);
        if (h < 0)
            return false;
        if (high < 0)
            high = h;
        else
            out->data[out->len++] = (char)(high << 4 | h), high = -1;
    }
    return high < 0;
}

/* At least 90 % of the bytes are printable text (UTF-8 counts, stray bytes do not). */
static bool printable(const char *p, size_t n)
{
    if (n < 8)
        return false;
    size_t good = 0;
    for (size_t i = 0; i < n;) {
        unsigned char b = (unsigned char)p[i];
        size_t len = b < 0x80 ? 1 : b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : b >= 0xc2 ? 2 : 0;
        if (len == 1 ? (b >= ' ' && b != 0x7f) || b == '\n' || b == '\t' || b == '\r'
                     : len > 0 && i + len <= n && sl_utf8_valid(p + i, len))
            good += len;
        i += len ? len : 1;
    }
    return good * 10 >= n * 9;
}

static bool room(sl_classifier *c, size_t n)
{
    if (c->decoded_blobs >= SL_DECODE_BLOBS || c->decoded_bytes + n > SL_DECODE_BYTES)
        return false;
    c->decoded_blobs++;
    c->decoded_bytes += n;
    return true;
}

/* Scans what stands in `out` as a view decoded from [at, at+n) of f's text. */
void sl_scan_decoded(sl_classifier *c, const sl_frame *f, const char *view, const sl_buf *out,
                     size_t at, size_t n)
{
    if (!room(c, out->len)) {
        sl_add(c, SL_ENT_OVERSIZE, SL_LEVEL_INTERNAL, at, n);
        return;
    }
    sl_frame in = {.view = view,
                   .text = sl_buf_str(out),
                   .decoded = true,
                   .again = true,
                   .depth = f->depth + 1,
                   .parent = f,
                   .base = at,
                   .span = n};
    sl_scan_text(c, in);
    c->frame = f;
}

/* Bytes that look random: what no text and no identifier is. */
static bool random_looking(sl_str t)
{
    bool hex = true;
    for (size_t i = 0; i < t.n && hex; i++)
        hex = hex_value(t.p[i]) >= 0 || t.p[i] == '\n' || t.p[i] == '\r';
    size_t n = t.n < 4096 ? t.n : 4096;
    return sl_entropy(t.p, n) >= (hex ? 3.5 : 4.6);
}

static void blob(sl_classifier *c, const sl_frame *f, sl_str t, size_t at)
{
    sl_buf *out = &c->decoded[f->depth];
    size_t cap = t.n < SL_DECODE_BYTES ? t.n : SL_DECODE_BYTES;
    sl_buf_clear(out);
    if (hex_decode((sl_str){t.p, cap & ~(size_t)1}, out) && printable(out->data, out->len)) {
        sl_scan_decoded(c, f, "hex", out, at, t.n);
        return;
    }
    /* as it stands; then, when it hangs on a path or a name, behind each of its first joints */
    size_t skip = 0;
    for (int tries = 0; tries < 4 && t.n - skip >= BLOB_MIN; tries++) {
        sl_buf_clear(out);
        base64_decode((sl_str){t.p + skip, (cap > skip ? cap - skip : 0)}, out);
        if (printable(out->data, out->len)) {
            sl_scan_decoded(c, f, "base64", out, at + skip, t.n - skip);
            return;
        }
        while (skip < t.n && memchr("/-_+", t.p[skip], 4) == NULL)
            skip++;
        if (skip++ >= t.n)
            break;
    }
    if (t.n > OPAQUE_MIN && random_looking(t))
        sl_add(c, SL_ENT_OPAQUE_CONTENT, SL_LEVEL_INTERNAL, at, t.n);
}

/* The end of a run that begins at i; full lines of base64 that follow each other are one run. */
static size_t run_end(sl_str t, size_t i)
{
    size_t line = i;
    for (;;) {
        while (i < t.n && is_b64(t.p[i]))
            i++;
        size_t next = i;
        if (next < t.n && t.p[next] == '\r')
            next++;
        if (i - line < LINE_MIN || next >= t.n || t.p[next] != '\n' || next + 1 >= t.n ||
            !is_b64(t.p[next + 1]))
            return i;
        line = i = next + 1;
    }
}

/* Runs of at least 16 cover a multiple of 16: only there is looked. */
static void blobs(sl_classifier *c, const sl_frame *f)
{
    sl_str t = f->text;
    for (size_t probe = BLOB_MIN - 1; probe < t.n;) {
        if (!is_b64(t.p[probe])) {
            probe += BLOB_MIN;
            continue;
        }
        size_t from = probe, low = probe + 1 - BLOB_MIN;
        while (from > low && is_b64(t.p[from - 1]))
            from--;
        while (from > 0 && from == low && is_b64(t.p[from - 1]))
            from--, low = from;
        size_t end = probe;
        while (end < t.n && end < from + BLOB_MIN && is_b64(t.p[end]))
            end++;
        if (end - from >= BLOB_MIN) {
            end = run_end(t, end);
            if (f->depth < SL_DECODE_DEPTH)
                blob(c, f, (sl_str){t.p + from, end - from}, from);
            else if (end - from > OPAQUE_MIN && random_looking((sl_str){t.p + from, end - from}))
                sl_add(c, SL_ENT_OPAQUE_CONTENT, SL_LEVEL_INTERNAL, from, end - from);
        }
        probe = end > probe + BLOB_MIN ? end + BLOB_MIN - 1 : probe + BLOB_MIN;
    }
}

void sl_decode_scan(sl_classifier *c, const sl_frame *f, const sl_hints *h)
{
    sl_str t = f->text;
    bool escapes = memchr(t.p, '%', t.n) || memchr(t.p, '&', t.n) || memchr(t.p, '\\', t.n);
    if (escapes && f->depth < SL_DECODE_DEPTH) {
        sl_buf *out = &c->decoded[f->depth];
        size_t first = 0;
        sl_buf_clear(out);
        sl_str cut = {t.p, t.n < SL_DECODE_BYTES ? t.n : SL_DECODE_BYTES};
        const char *view = unescape(cut, out, &first);
        if (view && !sl_buf_ok(out))
            sl_add(c, SL_ENT_CLASSIFIER_ERROR, SL_LEVEL_INTERNAL, 0, 0);
        else if (view)
            sl_scan_decoded(c, f, view, out, first, t.n - first);
        if (view && cut.n < t.n)
            sl_add(c, SL_ENT_OVERSIZE, SL_LEVEL_INTERNAL, cut.n, 0);
    }
    blobs(c, f);
}
