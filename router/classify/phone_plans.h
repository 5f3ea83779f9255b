/* phone_plans.h - how long the numbers of a country are and how its mobiles are written.
 * Sources: ITU-T E.164 and the national numbering plans it lists. Threads: constants. */
#ifndef SL_CLASSIFY_PHONE_PLANS_H
#define SL_CLASSIFY_PHONE_PLANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Digits of the country code at the start of d, 0 when there is no such country. */
size_t sl_phone_country(const uint8_t *d, size_t n);
/* Country code and a national number of a length that country has (and, for a few, a range). */
bool sl_phone_international(const uint8_t *d, size_t n);

/* A mobile number as its country writes it inside: prefix, length and grouping.
 * sizes: digits of each group. */
bool sl_phone_mobile_shape(const uint8_t *d, size_t n, const uint8_t *sizes, size_t groups);

/* Numbers of companies, which are nobody's: CN 400 and 800. */
bool sl_phone_cn_service(const uint8_t *d, size_t n);

#endif
