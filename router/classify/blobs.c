/* blobs.c - runs of base64, base64url, base32 or hex. One that decodes to readable text is scanned
 * as a view of its own, two deep; a run over 200 bytes that stays unreadable and looks random is
 * doubt. */
#include "router/classify/decode.h"
#include "router/classify/secrets.h"

enum { BLOB_MIN = 12, HEX_MIN = 16, OPAQUE_MIN = 200, LINE_MIN = 48 };

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
        int h = sl_hex_value(t.p[i]);
        if (h < 0)
            return false;
        if (high < 0)
            high = h;
        else
            out->data[out->len++] = (char)(high << 4 | h), high = -1;
    }
    return high < 0;
}

static bool room(sl_classifier *c, const sl_frame *f, size_t n)
{
    size_t whole = f->text.n;
    for (; f; f = f->parent)
        whole = f->text.n > whole ? f->text.n : whole;
    if (c->decoded_blobs >= SL_DECODE_BLOBS + whole / 256 ||
        c->decoded_bytes + n > SL_DECODE_BYTES + 2 * whole)
        return false;
    c->decoded_blobs++;
    c->decoded_bytes += n;
    return true;
}

/* Scans what stands in `out` as a view decoded from [at, at+n) of f's text. */
void sl_scan_decoded(sl_classifier *c, const sl_frame *f, const char *view, const sl_buf *out,
                     size_t at, size_t n)
{
    if (!room(c, f, out->len)) {
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

/* Lines of hex in the lengths of digests are a list of them. */
static bool digests(sl_str t)
{
    static const size_t lengths[] = {32, 40, 48, 56, 64, 96, 128};
    size_t width = 0;
    for (size_t i = 0; i < t.n;) {
        size_t from = i;
        while (i < t.n && sl_hex_value(t.p[i]) >= 0)
            i++;
        if (width == 0)
            width = i - from;
        if (i - from != width || (i < t.n && t.p[i] != '\n' && t.p[i] != '\r'))
            return false;
        while (i < t.n && (t.p[i] == '\n' || t.p[i] == '\r'))
            i++;
    }
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        if (width == lengths[i])
            return true;
    }
    return false;
}

/* What a blob is said to be right before it: material that is public by its nature. */
static bool said_public(sl_str t, size_t at)
{
    static const char *const words[] = {"CERTIFICATE-----", "PUBLIC KEY-----",
                                        "REQUEST-----",     "PGP SIGNATURE-----",
                                        "ssh-rsa ",         "PUBLIC KEY BLOCK-----"};
    size_t from = at > 96 ? at - 96 : 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (memmem(t.p + from, at - from, words[i], strlen(words[i])))
            return true;
    }
    return false;
}

/* Bytes that look random: what no text and no identifier is. Paths, names and sequences of letters
 * lack capitals or digits among small letters; numbers in columns are no hex. */
static bool random_looking(sl_str t)
{
    size_t hex = 0, upper = 0, lower = 0, digits = 0, n = t.n < 4096 ? t.n : 4096;
    for (size_t i = 0; i < n; i++) {
        char ch = t.p[i];
        hex += sl_hex_value(ch) >= 0 || ch == '\n' || ch == '\r';
        upper += (unsigned char)(ch - 'A') < 26, lower += (unsigned char)(ch - 'a') < 26;
        digits += (unsigned char)(ch - '0') < 10;
    }
    double h = sl_entropy(t.p, n);
    if (hex == n)
        return h >= 3.5 && digits < n * 9 / 10 && !digests(t);
    bool base32 = lower == 0 && upper >= n / 2 && digits >= n / 16 && h >= 4.5;
    return base32 || (h >= 4.6 && upper >= n / 6 && lower >= n / 6 && digits >= n / 24);
}

static void opaque(sl_classifier *c, const sl_frame *f, sl_str t, size_t at)
{
    if (t.n > OPAQUE_MIN && !said_public(f->text, at) && random_looking(t))
        sl_add(c, SL_ENT_OPAQUE_CONTENT, SL_LEVEL_INTERNAL, at, t.n);
}

/* How many of the n bytes are text, a character that is cut off at the end included. */
static size_t text_bytes(const char *p, size_t n)
{
    size_t good = 0;
    for (size_t i = 0; i < n;) {
        unsigned char b = (unsigned char)p[i];
        if (b < 0x80) {
            good += (b >= ' ' && b != 0x7f) || b == '\n' || b == '\t' || b == '\r';
            i++;
            continue;
        }
        size_t len = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : b >= 0xc2 ? 2 : 0;
        if (len > 0 && (i + len > n || sl_utf8_valid(p + i, len)))
            good += len;
        i += len ? len : 1;
    }
    return good < n ? good : n;
}

/* At least 90 % of the bytes are readable text. */
static bool printable(const char *p, size_t n)
{
    return n >= 8 && text_bytes(p, n) * 10 >= n * 9;
}

/* Is it worth while to decode the whole? Two thirds of the first nine bytes are text, or every
 * other one is zero, as in UTF-16. */
static bool promising(sl_str t)
{
    char first[9];
    size_t n = 0, zeros = 0;
    for (size_t i = 0; i + 4 <= t.n && n < sizeof first; i += 4) {
        uint32_t v = 0;
        for (size_t x = 0; x < 4; x++) {
            int d = b64[(unsigned char)t.p[i + x]] - 1;
            if (d < 0)
                return true; /* a line break: let the decoder see */
            v = v << 6 | (uint32_t)d;
        }
        first[n++] = (char)(v >> 16), first[n++] = (char)(v >> 8), first[n++] = (char)v;
    }
    for (size_t i = 0; i < n; i++)
        zeros += first[i] == 0;
    return zeros >= 3 || text_bytes(first, n) * 3 >= n * 2;
}

/* UTF-16 text without its zero bytes. */
static void narrow(sl_buf *b)
{
    size_t zeros = 0, n = 0;
    for (size_t i = 1; i < b->len; i += 2)
        zeros += b->data[i] == 0;
    if (b->len < 16 || zeros * 2 < b->len / 2)
        return;
    for (size_t i = 0; i < b->len; i++) {
        if (b->data[i])
            b->data[n++] = b->data[i];
    }
    b->len = n;
}

static bool base32_decode(sl_str t, sl_buf *out)
{
    uint32_t acc = 0;
    int bits = 0;
    if (!sl_buf_reserve(out, t.n))
        return false;
    for (size_t i = 0; i < t.n; i++) {
        char ch = t.p[i];
        int v = (unsigned char)(ch - 'A') < 26 ? ch - 'A'
                : ch >= '2' && ch <= '7'       ? ch - '2' + 26
                                               : -1;
        if (v < 0)
            return false;
        acc = (acc << 5 | (uint32_t)v) & 0xffff;
        bits += 5;
        if (bits >= 8)
            bits -= 8, out->data[out->len++] = (char)(acc >> bits);
    }
    return true;
}

static void blob(sl_classifier *c, const sl_frame *f, sl_str t, size_t at)
{
    sl_buf *out = &c->decoded[f->depth];
    sl_buf_clear(out);
    size_t x = t.n > 2 && t.p[0] == '0' && (t.p[1] | 32) == 'x' ? 2 : 0;
    if (t.n >= HEX_MIN && hex_decode((sl_str){t.p + x, (t.n - x) & ~(size_t)1}, out) &&
        printable(out->data, out->len)) {
        sl_scan_decoded(c, f, "hex", out, at, t.n);
        return;
    }
    sl_buf_clear(out);
    if (t.n >= HEX_MIN && base32_decode(t, out) && printable(out->data, out->len)) {
        sl_scan_decoded(c, f, "base32", out, at, t.n);
        return;
    }
    /* as it stands; when it hangs on letters before it, one to three on; then behind its joints */
    size_t skip = 0;
    for (int tries = 0; tries < 8; tries++) {
        if (tries < 4) {
            skip = (size_t)tries;
        } else {
            while (skip < t.n && memchr("/-_+", t.p[skip], 4) == NULL)
                skip++;
            if (skip++ >= t.n)
                break;
        }
        if (t.n < skip + BLOB_MIN)
            break;
        sl_str rest = {t.p + skip, t.n - skip};
        if (!promising(rest))
            continue;
        sl_buf_clear(out);
        base64_decode(rest, out);
        narrow(out);
        if (printable(out->data, out->len)) {
            sl_scan_decoded(c, f, "base64", out, at + skip, t.n - skip);
            return;
        }
    }
    opaque(c, f, t, at);
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
void sl_blobs_scan(sl_classifier *c, const sl_frame *f)
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
            if (!sl_work(c, 150 + 4 * (end - from)))
                return;
            sl_secret_run(c, t, from, end);
            if (f->depth < SL_DECODE_DEPTH)
                blob(c, f, (sl_str){t.p + from, end - from}, from);
            else
                opaque(c, f, (sl_str){t.p + from, end - from}, from);
        }
        probe = end > probe + BLOB_MIN ? end + BLOB_MIN - 1 : probe + BLOB_MIN;
    }
}
