/* parser.c - request head and chunked body (RFC 9110, RFC 9112). See parser.h. */
#include "common/http/parser.h"

#include <stdlib.h>
#include <strings.h>

/* Bytes that extensions and trailers of one body may take: nobody needs more, and a body of
 * one-byte chunks with long extensions would cost without counting as body. */
#define OVERHEAD_MAX (16u * 1024)

/* 1: token character (RFC 9110 5.6.2). */
static const uint8_t token_table[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
    ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
    ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
    ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
    ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
    ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

static bool is_token(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!token_table[(uint8_t)p[i]])
            return false;
    }
    return n > 0;
}

static bool is_name(const char *p, size_t n, const char *lower)
{
    return strlen(lower) == n && strncasecmp(p, lower, n) == 0;
}

static sl_http_verdict bad(sl_http_head *h, int status, const char *why)
{
    h->status = status;
    h->why = why;
    return SL_HTTP_BAD;
}

void sl_http_head_reset(sl_http_head *h)
{
    sl_http_field *fields = h->fields;
    uint32_t cap = h->fields_cap;
    memset(h, 0, sizeof *h);
    h->fields = fields;
    h->fields_cap = cap;
}

void sl_http_head_done(sl_http_head *h)
{
    free(h->fields);
    memset(h, 0, sizeof *h);
}

/* ---- request line ---- */

static bool known_method(const char *p, size_t n)
{
    static const char *const names[] = {"POST",   "GET",   "HEAD",  "OPTIONS", "PUT",
                                        "DELETE", "PATCH", "TRACE", NULL};
    for (size_t i = 0; names[i]; i++) {
        if (strlen(names[i]) == n && memcmp(p, names[i], n) == 0)
            return true;
    }
    return false;
}

static sl_http_verdict parse_version(sl_http_head *h, const char *p, size_t n)
{
    if (n != 8 || memcmp(p, "HTTP/", 5) != 0 || p[6] != '.' || p[5] < '0' || p[5] > '9' ||
        p[7] < '0' || p[7] > '9')
        return bad(h, 400, "The request line is not METHOD SP target SP HTTP/1.1.");
    if (p[5] != '1')
        return bad(h, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    h->minor = (uint8_t)(p[7] - '0');
    return SL_HTTP_DONE;
}

/* Path and query of origin-form, absolute-form (as sent to proxies) or "*". */
static sl_http_verdict parse_target(sl_http_head *h, const char *base, uint32_t at, uint32_t n)
{
    const char *p = base + at, *end = p + n, *q;
    for (q = p; q < end; q++) {
        if (*q <= ' ' || *q == 0x7f || *q == '#' || (*q & 0x80))
            return bad(h, 400, "The request target has a byte that must be percent-encoded.");
    }
    if (n >= 7 && strncasecmp(p, "http://", 7) == 0)
        p += 7;
    else if (n >= 8 && strncasecmp(p, "https://", 8) == 0)
        p += 8;
    else if (!(n > 0 && *p == '/') &&
             !(n == 1 && *p == '*' && is_name(base + h->method.at, h->method.n, "options")))
        return bad(h, 400, "The request target must be a path that starts with '/'.");
    if (p != base + at) { /* absolute-form: skip the authority; the path may be empty */
        while (p < end && *p != '/' && *p != '?')
            p++;
    }
    q = memchr(p, '?', (size_t)(end - p));
    h->path = (sl_http_span){(uint32_t)(p - base), (uint32_t)((q ? q : end) - p)};
    if (q)
        h->query = (sl_http_span){(uint32_t)(q + 1 - base), (uint32_t)(end - q - 1)};
    return SL_HTTP_DONE;
}

static sl_http_verdict parse_request_line(sl_http_head *h, const char *base, uint32_t at,
                                          uint32_t n)
{
    const char *p = base + at, *end = p + n;
    const char *a = memchr(p, ' ', n), *b;
    sl_http_verdict v;

    if (!a || !is_token(p, (size_t)(a - p)))
        return bad(h, 400, "The request line is not METHOD SP target SP HTTP/1.1.");
    b = memchr(a + 1, ' ', (size_t)(end - a - 1));
    if (!b)
        return bad(h, 400, "The request line is not METHOD SP target SP HTTP/1.1.");
    v = parse_version(h, b + 1, (size_t)(end - b - 1));
    if (v != SL_HTTP_DONE)
        return v;
    if (!known_method(p, (size_t)(a - p)))
        return bad(h, 501, "This method is not implemented.");
    h->method = (sl_http_span){at, (uint32_t)(a - p)};
    v = parse_target(h, base, (uint32_t)(a + 1 - base), (uint32_t)(b - a - 1));
    h->line = true;
    return v;
}

/* ---- header fields ---- */

static sl_http_verdict on_length(sl_http_head *h, const char *v, size_t n)
{
    uint64_t len = 0;
    if (h->has_length)
        return bad(h, 400, "Content-Length stands more than once.");
    if (n == 0 || n > 18)
        return bad(h, 400, "Content-Length is not a decimal number.");
    for (size_t i = 0; i < n; i++) {
        if (v[i] < '0' || v[i] > '9')
            return bad(h, 400, "Content-Length is not a decimal number.");
        len = len * 10 + (uint64_t)(v[i] - '0');
    }
    h->length = len;
    h->has_length = true;
    return SL_HTTP_MORE;
}

static void on_connection(sl_http_head *h, const char *v, size_t n)
{
    while (n > 0) {
        const char *comma = memchr(v, ',', n);
        size_t len = comma ? (size_t)(comma - v) : n, skip = comma ? len + 1 : len;
        const char *t = v;
        while (len > 0 && (*t == ' ' || *t == '\t'))
            t++, len--;
        while (len > 0 && (t[len - 1] == ' ' || t[len - 1] == '\t'))
            len--;
        if (is_name(t, len, "close"))
            h->close = true;
        else if (is_name(t, len, "keep-alive"))
            h->keep_alive = true;
        v += skip;
        n -= skip;
    }
}

/* The fields that decide how the message is framed. */
static sl_http_verdict on_field(sl_http_head *h, const char *name, size_t name_n, const char *v,
                                size_t n)
{
    switch (name_n) {
    case 4:
        if (is_name(name, name_n, "host")) {
            if (h->has_host)
                return bad(h, 400, "Host stands more than once.");
            h->has_host = true;
        }
        break;
    case 6:
        if (is_name(name, name_n, "expect")) {
            if (!is_name(v, n, "100-continue"))
                return bad(h, 417, "The only expectation known here is 100-continue.");
            h->expect_continue = true;
        }
        break;
    case 10:
        if (is_name(name, name_n, "connection"))
            on_connection(h, v, n);
        break;
    case 14:
        if (is_name(name, name_n, "content-length"))
            return on_length(h, v, n);
        break;
    case 17:
        if (is_name(name, name_n, "transfer-encoding")) {
            if (h->chunked)
                return bad(h, 400, "Transfer-Encoding stands more than once.");
            if (!is_name(v, n, "chunked"))
                return bad(h, 501, "The only transfer coding known here is chunked.");
            h->chunked = true;
        }
        break;
    default:
        break;
    }
    return SL_HTTP_MORE;
}

static bool add_field(sl_http_head *h, sl_http_field f)
{
    if (h->fields_n == h->fields_cap) {
        uint32_t cap = h->fields_cap ? h->fields_cap * 2 : 16;
        sl_http_field *v = realloc(h->fields, cap * sizeof *v);
        if (!v)
            return false;
        h->fields = v;
        h->fields_cap = cap;
    }
    h->fields[h->fields_n++] = f;
    return true;
}

static sl_http_verdict parse_field(sl_http_head *h, const char *base, uint32_t at, uint32_t n)
{
    const char *p = base + at, *end = p + n, *v;
    const char *colon = memchr(p, ':', n);

    if (*p == ' ' || *p == '\t')
        return bad(h, 400, "A header field is folded over two lines.");
    if (!colon || !is_token(p, (size_t)(colon - p)))
        return bad(h, 400, "A header line is not a name, a colon and a value.");
    for (v = colon + 1; v < end; v++) {
        if (((uint8_t)*v < ' ' && *v != '\t') || *v == 0x7f)
            return bad(h, 400, "A header value has a control character.");
    }
    v = colon + 1;
    while (v < end && (*v == ' ' || *v == '\t'))
        v++;
    while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (h->fields_n == SL_HTTP_FIELDS_MAX)
        return bad(h, 431, "The request has too many header fields.");
    if (!add_field(h, (sl_http_field){{at, (uint32_t)(colon - p)},
                                      {(uint32_t)(v - base), (uint32_t)(end - v)}}))
        return bad(h, 503, "Out of memory.");
    return on_field(h, p, (size_t)(colon - p), v, (size_t)(end - v));
}

/* After the empty line: what the fields mean together. */
static sl_http_verdict finish(sl_http_head *h, const char *base)
{
    if (h->chunked && h->has_length)
        return bad(h, 400, "Content-Length and Transfer-Encoding exclude each other.");
    if (h->chunked && h->minor == 0)
        return bad(h, 400, "HTTP/1.0 has no Transfer-Encoding.");
    if (!h->has_host && h->minor > 0)
        return bad(h, 400, "The Host header is missing.");
    h->keep_alive = !h->close && (h->minor > 0 || h->keep_alive);
    if (h->minor == 0)
        h->expect_continue = false;
    if (!h->chunked && !h->has_length && base[h->method.at] == 'P')
        return bad(h, 411, "A request with a body needs Content-Length or chunked coding.");
    return SL_HTTP_DONE;
}

sl_http_verdict sl_http_head_parse(sl_http_head *h, const char *p, size_t n)
{
    while (h->pos < n) {
        const char *line = p + h->pos;
        const char *lf = memchr(line, '\n', n - h->pos);
        sl_http_verdict v = SL_HTTP_MORE;
        uint32_t at = h->pos, len;

        if (!lf)
            break;
        if (lf == line || lf[-1] != '\r')
            return bad(h, 400, "A line of the header ends without CR LF.");
        len = (uint32_t)(lf - line) - 1;
        h->pos += len + 2;
        if (!h->line) {
            if (len > SL_HTTP_LINE_MAX)
                return bad(h, 414, "The request line is too long.");
            if (len > 0) /* RFC 9112 2.2: empty lines before a request are skipped */
                v = parse_request_line(h, p, at, len);
        } else if (len == 0) {
            return finish(h, p);
        } else {
            v = parse_field(h, p, at, len);
        }
        if (v == SL_HTTP_BAD)
            return v;
    }
    if (!h->line && h->pos < n && !token_table[(uint8_t)p[h->pos]] && p[h->pos] != '\r')
        return bad(h, 400, "This is not HTTP."); /* a TLS hello, say, has no line's end */
    if (!h->line && n - h->pos > SL_HTTP_LINE_MAX)
        return bad(h, 414, "The request line is too long.");
    return SL_HTTP_MORE;
}

/* ---- chunked body ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One byte outside of chunk data; false: malformed. */
static bool chunk_byte(sl_http_chunks *c, char b)
{
    int digit;
    switch (c->state) {
    case SL_CHUNK_SIZE:
    case SL_CHUNK_DIGITS:
        digit = hex_value(b);
        if (digit >= 0) {
            if (c->left >> 48)
                return false;
            c->left = c->left * 16 + (uint64_t)digit;
            c->state = SL_CHUNK_DIGITS;
            return true;
        }
        if (c->state == SL_CHUNK_SIZE)
            return false;
        if (b == '\r')
            c->state = SL_CHUNK_SIZE_LF;
        else if (b == ';' || b == ' ' || b == '\t')
            c->state = SL_CHUNK_EXT;
        else
            return false;
        return true;
    case SL_CHUNK_EXT:
    case SL_CHUNK_TRAILER_LINE:
        if (b == '\r')
            c->state = c->state == SL_CHUNK_EXT ? SL_CHUNK_SIZE_LF : SL_CHUNK_TRAILER_LF;
        else if (((uint8_t)b < ' ' && b != '\t') || b == 0x7f)
            return false;
        return ++c->overhead <= OVERHEAD_MAX;
    case SL_CHUNK_SIZE_LF:
        c->state = c->left > 0 ? SL_CHUNK_DATA : SL_CHUNK_TRAILER;
        return b == '\n';
    case SL_CHUNK_DATA_CR:
        c->state = SL_CHUNK_DATA_LF;
        return b == '\r';
    case SL_CHUNK_DATA_LF:
        c->state = SL_CHUNK_SIZE;
        return b == '\n';
    case SL_CHUNK_TRAILER:
        c->state = b == '\r' ? SL_CHUNK_END_LF : SL_CHUNK_TRAILER_LINE;
        return b == '\r' || token_table[(uint8_t)b];
    case SL_CHUNK_TRAILER_LF:
        c->state = SL_CHUNK_TRAILER;
        return b == '\n';
    case SL_CHUNK_END_LF:
        c->state = SL_CHUNK_END;
        return b == '\n';
    default:
        return false;
    }
}

sl_http_verdict sl_http_chunks_feed(sl_http_chunks *c, const char *p, size_t n, sl_buf *out,
                                    size_t max, size_t *ret_used, int *ret_status)
{
    size_t i = 0;
    while (i < n && c->state != SL_CHUNK_END) {
        if (c->state == SL_CHUNK_DATA) {
            size_t take = n - i < c->left ? n - i : (size_t)c->left;
            if (out && c->left > max - out->len) {
                *ret_status = 413;
                return SL_HTTP_BAD;
            }
            if (out)
                sl_buf_add(out, p + i, take);
            i += take;
            c->left -= take;
            if (c->left == 0)
                c->state = SL_CHUNK_DATA_CR;
        } else if (!chunk_byte(c, p[i++])) {
            *ret_status = 400;
            return SL_HTTP_BAD;
        }
    }
    *ret_used = i;
    return c->state == SL_CHUNK_END ? SL_HTTP_DONE : SL_HTTP_MORE;
}
