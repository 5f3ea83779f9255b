/* text.c - hex, base64, decimal numbers and UTF-8: the small codecs of buf.h. */
#include "common/base/buf.h"

static const char hex_digits[] = "0123456789abcdef";

void sl_hex_encode(char *out, const void *p, size_t n)
{
    const uint8_t *in = p;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex_digits[in[i] >> 4];
        out[2 * i + 1] = hex_digits[in[i] & 15];
    }
    out[2 * n] = '\0';
}

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sl_hex_decode(void *out, size_t out_n, const char *hex, size_t hex_n)
{
    uint8_t *o = out;
    if (hex_n % 2 || hex_n / 2 > out_n)
        return false;
    for (size_t i = 0; i < hex_n / 2; i++) {
        int hi = hex_value((unsigned char)hex[2 * i]);
        int lo = hex_value((unsigned char)hex[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        o[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void sl_buf_add_base64(sl_buf *b, const void *p, size_t n)
{
    const uint8_t *in = p;
    if (n > SIZE_MAX / 8) {
        b->failed = true;
        return;
    }
    if (!sl_buf_reserve(b, (n + 2) / 3 * 4))
        return;
    char *o = b->data + b->len;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                     (left > 2 ? in[i + 2] : 0);
        *o++ = base64_digits[v >> 18];
        *o++ = base64_digits[v >> 12 & 63];
        *o++ = left > 1 ? base64_digits[v >> 6 & 63] : '=';
        *o++ = left > 2 ? base64_digits[v & 63] : '=';
    }
    *o = '\0';
    b->len = (size_t)(o - b->data);
}

static int base64_value(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

sl_status sl_base64_decode(sl_buf *out, sl_str in)
{
    if (in.n % 4)
        return SL_E_INVALID;
    size_t pad = 0;
    if (in.n && in.p[in.n - 1] == '=')
        pad = in.p[in.n - 2] == '=' ? 2 : 1;
    size_t start = out->len;
    if (!sl_buf_reserve(out, in.n / 4 * 3))
        return SL_E_NOMEM;
    for (size_t i = 0; i < in.n; i += 4) {
        size_t skip = i + 4 == in.n ? pad : 0;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k >= 4 - skip ? 0 : base64_value((unsigned char)in.p[i + k]);
            if (d < 0)
                goto invalid;
            v = v << 6 | (uint32_t)d;
        }
        /* Bits under the padding must be zero, or two texts would stand for the same bytes. */
        if ((skip == 1 && v & 0xff) || (skip == 2 && v & 0xffff))
            goto invalid;
        uint8_t bytes[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        sl_buf_add(out, bytes, 3 - skip);
    }
    return SL_OK;
invalid:
    out->len = start;
    out->data[start] = '\0';
    return SL_E_INVALID;
}

bool sl_parse_u64(sl_str s, uint64_t *ret)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned char)s.p[i] - (unsigned)'0';
        if (d > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    *ret = v;
    return true;
}

bool sl_parse_i64(sl_str s, int64_t *ret)
{
    bool minus = s.n && s.p[0] == '-';
    uint64_t v;
    if (!sl_parse_u64(minus ? (sl_str){s.p + 1, s.n - 1} : s, &v) ||
        v > (uint64_t)INT64_MAX + (minus ? 1 : 0))
        return false;
    *ret = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* RFC 3629 section 4: the second byte's range depends on the first. */
size_t sl_utf8_char(const void *ptr, size_t n)
{
    const uint8_t *p = ptr;
    if (n == 0)
        return 0;
    uint8_t c = p[0];
    if (c < 0x80)
        return 1;
    if (c < 0xc2)
        return 0;
    if (c < 0xe0)
        return n >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    uint8_t least = 0x80, most = 0xbf;
    if (c < 0xf0) {
        if (c == 0xe0)
            least = 0xa0;
        else if (c == 0xed)
            most = 0x9f;
        return n >= 3 && p[1] >= least && p[1] <= most && (p[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (c > 0xf4)
        return 0;
    if (c == 0xf0)
        least = 0x90;
    else if (c == 0xf4)
        most = 0x8f;
    return n >= 4 && p[1] >= least && p[1] <= most && (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80
               ? 4
               : 0;
}

bool sl_utf8_valid(const void *ptr, size_t n)
{
    const uint8_t *p = ptr;
    size_t i = 0;
    while (i < n) {
        /* Most text is ASCII: eight bytes at a time. */
        while (n - i >= 8) {
            uint64_t w;
            memcpy(&w, p + i, 8);
            if (w & 0x8080808080808080u)
                break;
            i += 8;
        }
        if (i == n)
            break;
        size_t k = sl_utf8_char(p + i, n - i);
        if (k == 0)
            return false;
        i += k;
    }
    return true;
}

size_t sl_utf8_complete(const char *p, size_t n)
{
    /* Only the last three bytes can belong to a character that is not there yet. */
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        uint8_t c = (uint8_t)p[n - back];
        if ((c & 0xc0) == 0x80)
            continue;
        /* c0, c1 and f5 up never start a character: nothing to wait for. */
        size_t want = c < 0xc2 || c > 0xf4 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
        return want > back ? n - back : n;
    }
    return n;
}
