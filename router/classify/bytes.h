/* bytes.h - kinds of bytes that the parts of the classifier ask for, whatever the locale: letters
 * and digits are ASCII's, high bytes belong to characters of other scripts. Threads: any. */
#ifndef SL_CLASSIFY_BYTES_H
#define SL_CLASSIFY_BYTES_H

#include "common/base/buf.h"

#include <string.h>

static inline bool sl_is_digit(char ch)
{
    return (unsigned char)(ch - '0') < 10;
}
static inline bool sl_is_letter(char ch)
{
    return (unsigned char)((ch | 32) - 'a') < 26;
}
static inline bool sl_is_upper(char ch)
{
    return (unsigned char)(ch - 'A') < 26;
}
static inline bool sl_is_alnum(char ch)
{
    return sl_is_letter(ch) || sl_is_digit(ch);
}
static inline bool sl_is_high(char ch)
{
    return (unsigned char)ch >= 0x80;
}

/* The letters or bytes may be the same, whatever their case: a look before strncasecmp. */
static inline bool sl_alike(char a, char b)
{
    return ((a ^ b) & ~32) == 0;
}

/* Eight bytes of the text from i on; zeros behind its end. */
static inline uint64_t sl_eight(sl_str t, size_t i)
{
    uint64_t v = 0;
    if (i + 8 <= t.n)
        memcpy(&v, t.p + i, 8);
    else if (i < t.n)
        memcpy(&v, t.p + i, t.n - i);
    return v;
}
/* Of eight bytes the upper bits, the first byte's as bit 0. */
static inline unsigned sl_eight_bits(uint64_t v)
{
    return (unsigned)(((v >> 7 & 0x0101010101010101u) * 0x0102040810204080u) >> 56);
}
/* The upper bit of each byte of v that is a digit; of a letter. */
static inline uint64_t sl_eight_digits(uint64_t v)
{
    uint64_t x = v ^ 0x3030303030303030u;
    return ~((x & 0x7f7f7f7f7f7f7f7fu) + 0x7676767676767676u) & ~x & 0x8080808080808080u;
}
static inline uint64_t sl_eight_letters(uint64_t v)
{
    uint64_t x = (v | 0x2020202020202020u) ^ 0x6060606060606060u; /* a: 1, z: 26 */
    uint64_t low = x & 0x7f7f7f7f7f7f7f7fu;
    return (low + 0x7f7f7f7f7f7f7f7fu) & ~(low + 0x6565656565656565u) & ~x & 0x8080808080808080u;
}
/* The bytes before the first whose upper bit is missing in `all`: 0 to 8. */
static inline unsigned sl_eight_run(uint64_t all)
{
    uint64_t no = ~all & 0x8080808080808080u;
    return no ? (unsigned)__builtin_ctzll(no) / 8 : 8;
}

/* The text goes on with s at i. */
static inline bool sl_starts_at(sl_str t, size_t i, const char *s)
{
    size_t n = strlen(s);
    return i + n <= t.n && memcmp(t.p + i, s, n) == 0;
}

#endif
