/* validators.h - check digits and structure of numbers; digits are values 0-9, not characters.
 * Sources: ISO/IEC 7812 (Luhn), GB 11643-1999, ISO 13616 (IBAN), ITU-T E.164, SSA's rules for SSNs,
 * the issuers' published rules for the others.
 * Threads: any. */
#ifndef SL_CLASSIFY_VALIDATORS_H
#define SL_CLASSIFY_VALIDATORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool sl_luhn(const uint8_t *d, size_t n);
typedef enum sl_card { SL_CARD_NO, SL_CARD_WEAK, SL_CARD_YES } sl_card;
/* Issuer prefix and length. WEAK: a range that is also common elsewhere (13 digits, Maestro). */
sl_card sl_card_issuer(const uint8_t *d, size_t n);

bool sl_date_valid(int year, int month, int day, int min_year, int max_year);
/* Region and birth date of 18 (17 suffice) digits. */
bool sl_cn_id_plausible(const uint8_t *d, int this_year);
/* The check character of 17 digits: '0'-'9' or 'X'. */
char sl_cn_id_check(const uint8_t *d);
bool sl_cn_id15_plausible(const uint8_t *d);
bool sl_cn_mobile(const uint8_t *d); /* 11 digits */
bool sl_cn_landline(const uint8_t *area, size_t area_n, size_t number_n);
bool sl_us_ssn(const uint8_t *d);         /* 9 digits */
bool sl_nanp(const uint8_t *d);           /* 10 digits */
bool sl_e164(const uint8_t *d, size_t n); /* country code first, no + */
/* Upper- or lower-case letters and digits, no separators. Length of the country or 0. */
size_t sl_iban_length(char c0, char c1);
bool sl_iban(const char *p, size_t n);
/* Whole identifiers (validators.def): n upper-case letters and digits without separators. */
typedef bool sl_check(const char *s, size_t n);
#define X(name, help) sl_check sl_check_##name;
#include "router/classify/validators.def"
#undef X

bool sl_ipv4_public_interest(const int octet[4]); /* not loopback, 0, broadcast, documentation */

#endif
