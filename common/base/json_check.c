#include "common/base/json_check.h"

#include "common/base/json_scan.h"

typedef struct scan {
    const uint8_t *p;
    size_t i, n;
    size_t numbers; /* seen so far */
    sl_buf *longs;
    sl_error *reterr;
} scan;

static sl_status bad(scan *s, size_t at, const char *what)
{
    return sl_fail(s->reterr, SL_E_INVALID, "JSON, byte %zu: %s", at, what);
}

static void skip_blanks(scan *s)
{
    while (s->i < s->n &&
           (s->p[s->i] == ' ' || s->p[s->i] == '\n' || s->p[s->i] == '\r' || s->p[s->i] == '\t'))
        s->i++;
}

static bool peek(const scan *s, char c)
{
    return s->i < s->n && s->p[s->i] == (uint8_t)c;
}

/* Four hex digits at i; -1 when they are not. */
static int32_t hex4(const scan *s, size_t i)
{
    uint8_t b[2];
    if (s->n - i < 4 || !sl_hex_decode(b, 2, (const char *)s->p + i, 4))
        return -1;
    return b[0] << 8 | b[1];
}

/* i stands behind "\u". */
static sl_status check_unicode(scan *s)
{
    size_t at = s->i - 2;
    int32_t c = hex4(s, s->i);
    if (c < 0)
        return bad(s, at, "\\u needs four hex digits");
    if (c == 0)
        return bad(s, at, "\\u0000 is not accepted");
    s->i += 4;
    if (c < 0xd800 || c > 0xdfff)
        return SL_OK;
    if (c > 0xdbff || !peek(s, '\\') || s->n - s->i < 6 || s->p[s->i + 1] != 'u')
        return bad(s, at, "half of a surrogate pair");
    int32_t low = hex4(s, s->i + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return bad(s, at, "half of a surrogate pair");
    s->i += 6;
    return SL_OK;
}

/* i stands behind a backslash. */
static sl_status check_escape(scan *s)
{
    uint8_t c = s->p[s->i++];
    if (c == 'u')
        return check_unicode(s);
    if (c == 0 || !strchr("\"\\/bfnrt", c))
        return bad(s, s->i - 2, "unknown escape in a string");
    return SL_OK;
}

/* i stands behind the opening quote; afterwards behind the closing one. */
static sl_status check_string(scan *s)
{
    size_t start = s->i - 1;
    while (s->i < s->n) {
        s->i += sl_json_plain(s->p + s->i, s->n - s->i);
        s->i += sl_json_wide(s->p + s->i, s->n - s->i);
        if (s->i == s->n)
            break;
        uint8_t c = s->p[s->i];
        if (c == '"') {
            s->i++;
            return SL_OK;
        }
        if (c < 0x20)
            return bad(s, s->i, "a control character in a string must be escaped");
        if (c >= 0x80)
            return bad(s, s->i, "not UTF-8");
        if (c != '\\') /* plain again, behind wide characters */
            continue;
        if (++s->i == s->n)
            break;
        sl_status st = check_escape(s);
        if (st)
            return st;
    }
    return bad(s, start, "the string is not closed");
}

static size_t skip_digits(scan *s)
{
    size_t start = s->i;
    while (s->i < s->n && s->p[s->i] >= '0' && s->p[s->i] <= '9')
        s->i++;
    return s->i - start;
}

static sl_status check_number(scan *s)
{
    size_t start = s->i, digits = 0;
    if (peek(s, '-'))
        s->i++;
    bool zero = peek(s, '0');
    digits = skip_digits(s);
    if (digits == 0 || (zero && digits > 1))
        return bad(s, start, "not a JSON number");
    if (peek(s, '.')) {
        s->i++;
        size_t fraction = skip_digits(s);
        if (fraction == 0)
            return bad(s, start, "a number needs digits behind its point");
        digits += fraction;
    }
    if (peek(s, 'e') || peek(s, 'E')) {
        s->i++;
        if (peek(s, '+') || peek(s, '-'))
            s->i++;
        if (skip_digits(s) == 0)
            return bad(s, start, "a number needs digits in its exponent");
    }
    /* cJSON copies a number into 64 bytes and drops the rest without a word. */
    if (s->i - start > 60)
        return bad(s, start, "a number of more than 60 characters");
    if (digits > 15) {
        sl_json_long l = {s->numbers, start, s->i - start};
        sl_buf_add(s->longs, &l, sizeof(l));
    }
    s->numbers++;
    return SL_OK;
}

static sl_status check_scalar(scan *s)
{
    static const sl_str words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    if (peek(s, '"')) {
        s->i++;
        return check_string(s);
    }
    if (peek(s, '-') || (s->i < s->n && s->p[s->i] >= '0' && s->p[s->i] <= '9'))
        return check_number(s);
    for (size_t k = 0; k < 3; k++)
        if (sl_str_prefix((sl_str){(const char *)s->p + s->i, s->n - s->i}, words[k])) {
            s->i += words[k].n;
            return SL_OK;
        }
    return bad(s, s->i, s->i == s->n ? "the text ends too early" : "a value is expected here");
}

/* i stands on a member's key; afterwards behind its colon. */
static sl_status check_key(scan *s)
{
    skip_blanks(s);
    if (!peek(s, '"'))
        return bad(s, s->i, "a key in double quotes is expected here");
    s->i++;
    sl_status st = check_string(s);
    if (st)
        return st;
    skip_blanks(s);
    if (!peek(s, ':'))
        return bad(s, s->i, "a colon is expected here");
    s->i++;
    return SL_OK;
}

/* Behind a value: closes what ends here. *ret_more: another value follows (in an object its key
 * is read already). */
static sl_status check_after(scan *s, char *closers, size_t *depth, bool *ret_more)
{
    *ret_more = false;
    while (*depth) {
        skip_blanks(s);
        char closer = closers[*depth - 1];
        if (peek(s, closer)) {
            s->i++;
            --*depth;
        } else if (peek(s, ',')) {
            s->i++;
            *ret_more = true;
            return closer == '}' ? check_key(s) : SL_OK;
        } else {
            return bad(s, s->i,
                       closer == '}' ? "a comma or } is expected here"
                                     : "a comma or ] is expected here");
        }
    }
    return SL_OK;
}

sl_status sl_json_check(sl_str text, sl_buf *longs, sl_error *reterr)
{
    scan s = {.p = (const uint8_t *)text.p, .n = text.n, .longs = longs, .reterr = reterr};
    char closers[SL_JSON_DEPTH];
    size_t depth = 0;
    sl_status st;
    bool more = true;
    while (more) {
        skip_blanks(&s);
        bool object = peek(&s, '{');
        if (object || peek(&s, '[')) {
            if (depth == SL_JSON_DEPTH)
                return bad(&s, s.i, "nested more than 64 levels deep");
            char closer = object ? '}' : ']';
            closers[depth++] = closer;
            s.i++;
            skip_blanks(&s);
            if (!peek(&s, closer)) { /* an empty one is closed by check_after */
                if (object && (st = check_key(&s)))
                    return st;
                continue;
            }
        } else if ((st = check_scalar(&s))) {
            return st;
        }
        if ((st = check_after(&s, closers, &depth, &more)))
            return st;
    }
    skip_blanks(&s);
    if (s.i != s.n)
        return bad(&s, s.i, "bytes behind the end of the value");
    return sl_buf_ok(longs) ? SL_OK : sl_fail(reterr, SL_E_NOMEM, "JSON: out of memory");
}
