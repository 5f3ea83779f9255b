/* lists.c - text as a list of its characters' codes: "49 51 56", String.fromCharCode(49,51,56),
 * chr(49)+chr(51), "31 33 38", 0x31, 0x33, "00110001 00110011". Only printable ASCII counts. */
#include "router/classify/decode.h"

enum { LEAST = 9, CODES_MAX = 4096, GAP_MAX = 8 };

typedef enum base { DECIMAL, HEX, BINARY } base;

/* The code at *i in that base, or -1. */
static int code(sl_str t, size_t *i, base b)
{
    size_t x = *i, from;
    uint32_t v = 0; /* wraps when the digits are too many for a code; the width says so */
    if (b == HEX && x + 1 < t.n && t.p[x] == '0' && (t.p[x + 1] | 32) == 'x')
        x += 2;
    from = x;
    int radix = b == DECIMAL ? 10 : b == HEX ? 16 : 2;
    while (x < t.n && x < from + 9 && sl_hex_value(t.p[x]) >= 0 && sl_hex_value(t.p[x]) < radix)
        v = v * (uint32_t)radix + (uint32_t)sl_hex_value(t.p[x++]);
    size_t n = x - from;
    bool width = b == DECIMAL ? n == 2 || n == 3 : b == HEX ? n == 2 : n == 7 || n == 8;
    bool ends = x == t.n || sl_hex_value(t.p[x]) < 0;
    if (!width || !ends || !((v >= ' ' && v < 0x7f) || v == '\n' || v == '\t' || v == '\r'))
        return -1;
    *i = x;
    return (int)v;
}

/* What may stand between two codes: a blank, a comma, ") + chr(". */
static size_t gap(sl_str t, size_t i)
{
    size_t x = i;
    while (x < t.n && x < i + GAP_MAX &&
           (memchr(" ,;:-)(+.&|\\\n", t.p[x], 13) || memchr("chrCHR", t.p[x], 6)) &&
           !(x == i && memchr("chrCHR", t.p[x], 6)))
        x++;
    return x;
}

/* A list in one base from i on into out; returns where it ends. */
static size_t read_list(sl_str t, size_t i, base b, sl_buf *out)
{
    size_t end = i;
    for (int n = 0; n < CODES_MAX && i < t.n; n++) {
        int v = code(t, &i, b);
        if (v < 0)
            break;
        sl_buf_addc(out, (char)v);
        end = i;
        i = gap(t, i);
        if (i == end)
            break;
    }
    return end;
}

void sl_lists_scan(sl_classifier *c, const sl_frame *f, const sl_hints *h)
{
    sl_str t = f->text;
    if (!(h->any >> SL_HINT_LIST & 1) || f->depth >= SL_DECODE_DEPTH)
        return;
    sl_buf *out = &c->decoded[f->depth];
    for (int l = 0, done = 0; l < h->lists_n; l++) {
        size_t at = h->lists[l];
        if ((int)at < done)
            continue; /* a list that reads in several bases is one */
        for (base b = DECIMAL; b <= BINARY; b++) {
            sl_buf_clear(out);
            if (!sl_work(c, 50))
                return;
            size_t end = read_list(t, at, b, out);
            if (!sl_work(c, out->len * 8))
                return;
            if (out->len >= LEAST && sl_buf_ok(out)) {
                sl_scan_decoded(c, f, "codes", out, at, end - at);
                done = (int)end;
            }
        }
    }
}
