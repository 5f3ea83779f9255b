/* checks.h - what the validators of identifiers have in common: digits, weights, dates, remainders.
 * Inside router/classify/validators*.c. Text is upper-case letters and digits. Threads: any. */
#ifndef SL_CLASSIFY_CHECKS_H
#define SL_CLASSIFY_CHECKS_H

#include "router/classify/validators.h"

#include <string.h>

static inline int sl_dig(char ch)
{
    return ch - '0';
}

/* '0'-'9' as 0-9, 'A'-'Z' as 10-35. */
static inline int sl_value36(char ch)
{
    return ch <= '9' ? ch - '0' : ch - 'A' + 10;
}

static inline bool sl_digits(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)(s[i] - '0') > 9)
            return false;
    }
    return true;
}

static inline bool sl_digits_n(const char *s, size_t n, size_t want)
{
    return n == want && sl_digits(s, n);
}

/* The digits' values, as the checks of validators.h that are given windows want them. */
static inline void sl_values(const char *s, size_t n, uint8_t *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = (uint8_t)sl_dig(s[i]);
}

static inline bool sl_letters(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)(s[i] - 'A') > 25)
            return false;
    }
    return true;
}

static inline int sl_int(const char *s, int n)
{
    int v = 0;
    while (n-- > 0)
        v = v * 10 + sl_dig(*s++);
    return v;
}

/* Sum of digits by weights, one character each: 0-9, A for 10 and so on. */
static inline int sl_weigh(const char *s, const char *weights)
{
    int sum = 0;
    for (; *weights; weights++)
        sum += sl_value36(*s++) * sl_value36(*weights);
    return sum;
}

static inline bool sl_day(int year, int month, int day)
{
    return sl_date_valid(year, month, day, 1, 9999);
}

/* s holds YYMMDD or DDMMYY of that century or, if that has no such day, of the next. */
static inline bool sl_yymmdd(const char *s, int century)
{
    return sl_day(century + sl_int(s, 2), sl_int(s + 2, 2), sl_int(s + 4, 2));
}
static inline bool sl_ddmmyy(const char *s, int century)
{
    return sl_day(century + sl_int(s + 4, 2), sl_int(s + 2, 2), sl_int(s, 2));
}

static inline bool sl_in(const char *list, const char *item, size_t n)
{
    for (; *list; list += n + 1) { /* items of n characters, one space between */
        if (memcmp(list, item, n) == 0)
            return true;
        if (list[n] == '\0')
            return false;
    }
    return false;
}

/* ISO 7064 MOD 11,10 over all digits, the last one the check digit. */
static inline bool sl_mod11_10(const char *s, size_t n)
{
    int check = 5;
    for (size_t i = 0; i < n; i++)
        check = ((check ? check : 10) * 2 % 11 + sl_dig(s[i])) % 10;
    return check == 1;
}

/* The number modulo m; m < 2^24. */
static inline unsigned sl_mod(const char *s, size_t n, unsigned m)
{
    unsigned v = 0;
    for (size_t i = 0; i < n; i++)
        v = (v * 10 + (unsigned)sl_dig(s[i])) % m;
    return v;
}

#endif
