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

/* The text goes on with s at i. */
static inline bool sl_starts_at(sl_str t, size_t i, const char *s)
{
    size_t n = strlen(s);
    return i + n <= t.n && memcmp(t.p + i, s, n) == 0;
}

#endif
