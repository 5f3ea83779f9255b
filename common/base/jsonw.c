#include "common/base/jsonw.h"

#include "common/base/json_scan.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void escape_byte(sl_buf *b, uint8_t c)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    if (c < sizeof(letters) && letters[c]) {
        char two[2] = {'\\', letters[c]};
        sl_buf_add(b, two, 2);
    } else {
        char six[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        sl_buf_add(b, six, 6);
    }
}

void sl_json_escape(sl_buf *b, sl_str v)
{
    const uint8_t *p = (const uint8_t *)v.p;
    size_t i = 0, start = 0;
    if (v.n == 0 || !sl_buf_reserve(b, v.n))
        return;
    for (;;) {
        i += sl_json_plain(p + i, v.n - i);
        size_t wide = sl_json_wide(p + i, v.n - i);
        i += wide;
        if (i == v.n)
            break;
        if (wide && p[i] < 0x80) /* behind wide characters plain ones may follow */
            continue;
        sl_buf_add(b, p + start, i - start);
        if (p[i] < 0x80)
            escape_byte(b, p[i]);
        else
            sl_buf_add(b, "\xef\xbf\xbd", 3); /* U+FFFD */
        start = ++i;
    }
    sl_buf_add(b, p + start, v.n - start);
}

/* What stands before every value: the comma and the key. */
static void before(sl_jsonw *w, const char *key)
{
    if (w->comma)
        sl_buf_addc(w->b, ',');
    w->comma = true;
    if (!key)
        return;
    size_t n = strlen(key);
    if (!sl_buf_reserve(w->b, n + 3))
        return;
    char *o = w->b->data + w->b->len;
    *o++ = '"';
    memcpy(o, key, n);
    o += n;
    *o++ = '"', *o++ = ':', *o = '\0';
    w->b->len += n + 3;
}

void sl_jsonw_obj(sl_jsonw *w, const char *key)
{
    before(w, key);
    sl_buf_addc(w->b, '{');
    w->comma = false;
}

void sl_jsonw_end_obj(sl_jsonw *w)
{
    sl_buf_addc(w->b, '}');
    w->comma = true;
}

void sl_jsonw_arr(sl_jsonw *w, const char *key)
{
    before(w, key);
    sl_buf_addc(w->b, '[');
    w->comma = false;
}

void sl_jsonw_end_arr(sl_jsonw *w)
{
    sl_buf_addc(w->b, ']');
    w->comma = true;
}

void sl_jsonw_str(sl_jsonw *w, const char *key, sl_str v)
{
    before(w, key);
    if (!v.p) {
        sl_buf_add(w->b, "null", 4);
        return;
    }
    sl_buf_addc(w->b, '"');
    sl_json_escape(w->b, v);
    sl_buf_addc(w->b, '"');
}

void sl_jsonw_cstr(sl_jsonw *w, const char *key, const char *v)
{
    sl_jsonw_str(w, key, sl_str_c(v));
}

void sl_jsonw_i64(sl_jsonw *w, const char *key, int64_t v)
{
    before(w, key);
    sl_buf_add_i64(w->b, v);
}

void sl_jsonw_u64(sl_jsonw *w, const char *key, uint64_t v)
{
    before(w, key);
    sl_buf_add_u64(w->b, v);
}

/* The fewest digits that read back as the same double. Any decimal of up to DBL_DIG digits
 * survives the way through a normal double, so %.15g finds every shorter form too; subnormals
 * have fewer digits and are searched from the start. */
static void add_double(sl_buf *b, double v)
{
    char text[40];
    if (v == 0) {
        sl_buf_adds(b, signbit(v) ? "-0.0" : "0");
        return;
    }
    if (fabs(v) < 9007199254740992.0 && v == (double)(int64_t)v) {
        sl_buf_add_i64(b, (int64_t)v);
        return;
    }
    for (int digits = fabs(v) < DBL_MIN ? 1 : DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    for (char *c = text; *c; c++) /* a locale's decimal comma is no JSON */
        if (*c == ',')
            *c = '.';
    sl_buf_adds(b, text);
}

void sl_jsonw_f64(sl_jsonw *w, const char *key, double v)
{
    before(w, key);
    if (isfinite(v))
        add_double(w->b, v);
    else
        sl_buf_add(w->b, "null", 4); /* JSON has no name for it */
}

void sl_jsonw_bool(sl_jsonw *w, const char *key, bool v)
{
    before(w, key);
    sl_buf_adds(w->b, v ? "true" : "false");
}

void sl_jsonw_null(sl_jsonw *w, const char *key)
{
    before(w, key);
    sl_buf_add(w->b, "null", 4);
}

void sl_jsonw_raw(sl_jsonw *w, const char *key, sl_str json)
{
    before(w, key);
    sl_buf_add_str(w->b, json);
}
