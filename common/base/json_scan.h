/* json_scan.h - private to json*.c: how far a string's bytes need no second look.
 *
 * Reading and writing spend most of their time here, so both walk eight bytes at a time over ASCII
 * and three at a time over Chinese, Japanese and Korean. Threads: any. */
#ifndef SL_BASE_JSON_SCAN_H
#define SL_BASE_JSON_SCAN_H

#include "common/base/buf.h"

#include <endian.h>

/* How many bytes at p are plain: ASCII, no control character, quote or backslash. */
static inline size_t sl_json_plain(const uint8_t *p, size_t n)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    size_t i = 0;
    for (; n - i >= 8; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, 8);
        w = le64toh(w);
        uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
        /* (x - 1) & ~x has a top bit for a zero byte, x - 0x20 borrows below 0x20. A borrow may run
         * into the next bytes, never into lower ones: the lowest bit that is set is right. */
        uint64_t odd =
            w | (w - ones * 0x20) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
        if (odd & tops)
            return i + (size_t)__builtin_ctzll(odd & tops) / 8;
    }
    while (i < n && p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\')
        i++;
    return i;
}

/* How many bytes at p are whole, well-formed characters beyond ASCII. */
static inline size_t sl_json_wide(const uint8_t *p, size_t n)
{
    size_t i = 0, k;
    for (; i < n && p[i] >= 0x80; i += k) {
        /* e1 to ec: three bytes without exceptions */
        if (p[i] >= 0xe1 && p[i] <= 0xec && n - i >= 3 && (p[i + 1] & 0xc0) == 0x80 &&
            (p[i + 2] & 0xc0) == 0x80)
            k = 3;
        else if ((k = sl_utf8_char(p + i, n - i)) == 0)
            break;
    }
    return i;
}

#endif
