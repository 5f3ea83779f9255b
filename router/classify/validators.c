#include "router/classify/checks.h"

#include <ctype.h>

/* zero: what stands for 0 in d. */
static bool luhn(const uint8_t *d, size_t n, uint8_t zero)
{
    static const uint8_t twice[10] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned v = d[i] - zero;
        sum += (n - i) % 2 ? v : twice[v];
    }
    return n > 1 && sum % 10 == 0;
}

bool sl_luhn(const uint8_t *d, size_t n)
{
    return luhn(d, n, 0);
}

bool sl_check_luhn(const char *s, size_t n)
{
    return sl_digits(s, n) && luhn((const uint8_t *)s, n, '0');
}

typedef struct card_range {
    unsigned from, to; /* of the first six digits */
    uint8_t min, max;
    sl_card card;
} card_range;

/* ISO/IEC 7812 issuer ranges as the schemes publish them. */
static const card_range card_ranges[] = {
    {220000, 220499, 16, 19, SL_CARD_YES}, /* Mir */
    {222100, 272099, 16, 16, SL_CARD_YES}, /* Mastercard */
    {300000, 305999, 14, 19, SL_CARD_YES}, /* Diners */
    {309500, 309599, 14, 19, SL_CARD_YES},
    {340000, 349999, 15, 15, SL_CARD_YES}, /* American Express */
    {352800, 358999, 16, 19, SL_CARD_YES}, /* JCB */
    {360000, 369999, 14, 19, SL_CARD_YES}, /* Diners */
    {370000, 379999, 15, 15, SL_CARD_YES}, /* American Express */
    {380000, 399999, 14, 19, SL_CARD_YES}, /* Diners */
    {400000, 499999, 16, 16, SL_CARD_YES}, /* Visa */
    {400000, 499999, 19, 19, SL_CARD_YES},
    {400000, 499999, 13, 13, SL_CARD_WEAK}, /* old Visa; EAN-13 codes begin so too */
    {500000, 509999, 12, 19, SL_CARD_WEAK}, /* Maestro, Elo */
    {510000, 559999, 16, 16, SL_CARD_YES},  /* Mastercard */
    {560000, 599999, 12, 19, SL_CARD_WEAK}, /* Maestro */
    {601100, 601199, 16, 19, SL_CARD_YES},  /* Discover */
    {601200, 619999, 12, 19, SL_CARD_WEAK}, /* RuPay, Maestro */
    {620000, 629999, 16, 19, SL_CARD_YES},  /* UnionPay */
    {630000, 643999, 12, 19, SL_CARD_WEAK}, /* Maestro */
    {644000, 659999, 16, 19, SL_CARD_YES},  /* Discover, RuPay */
    {670000, 699999, 12, 19, SL_CARD_WEAK}, /* Maestro */
    {810000, 829999, 16, 19, SL_CARD_WEAK}, /* UnionPay, RuPay */
};

sl_card sl_card_issuer(const uint8_t *d, size_t n)
{
    if (n < 12 || n > 19 || d[0] < 2 || d[0] == 7 || d[0] == 9)
        return SL_CARD_NO;
    unsigned six = 0;
    for (int i = 0; i < 6; i++)
        six = six * 10 + d[i];
    sl_card best = SL_CARD_NO;
    for (size_t i = 0; i < sizeof card_ranges / sizeof *card_ranges; i++) {
        const card_range *r = &card_ranges[i];
        if (six >= r->from && six <= r->to && n >= r->min && n <= r->max && r->card > best)
            best = r->card;
    }
    return best;
}

bool sl_date_valid(int year, int month, int day, int min_year, int max_year)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < min_year || year > max_year || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap);
}

/* Provinces of GB/T 2260; 81-83: permits for Hong Kong, Macau and Taiwan; 91: foreigners. */
static bool cn_region(const uint8_t *d)
{
    static const uint8_t province[] = {11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34,
                                       35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52,
                                       53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83, 91};
    return memchr(province, d[0] * 10 + d[1], sizeof province) != NULL;
}

static int num(const uint8_t *d, int n)
{
    int v = 0;
    while (n-- > 0)
        v = v * 10 + *d++;
    return v;
}

bool sl_cn_id_plausible(const uint8_t *d, int this_year)
{
    return cn_region(d) &&
           sl_date_valid(num(d + 6, 4), num(d + 10, 2), num(d + 12, 2), 1900, this_year);
}

char sl_cn_id_check(const uint8_t *d)
{
    static const uint8_t weight[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;
    for (int i = 0; i < 17; i++)
        sum += (unsigned)d[i] * weight[i];
    return "10X98765432"[sum % 11];
}

bool sl_cn_id15_plausible(const uint8_t *d)
{
    return cn_region(d) &&
           sl_date_valid(1900 + num(d + 6, 2), num(d + 8, 2), num(d + 10, 2), 1900, 1999);
}

/* Second and third digit of mobile numbers that operators have (MIIT's numbering plan). */
bool sl_cn_mobile(const uint8_t *d)
{
    static const uint16_t third[10] = {
        [3] = 0x3ff, [4] = 0x3f3, [5] = 0x3ef, [6] = 0x0e4, [7] = 0x1ff, [8] = 0x3ff, [9] = 0x3ef};
    return d[0] == 1 && (third[d[1]] >> d[2] & 1);
}

bool sl_cn_landline(const uint8_t *area, size_t area_n, size_t number_n)
{
    if (area_n < 3 || area_n > 4 || area[0] != 0)
        return false;
    if (area_n == 3) /* 010, 02x */
        return number_n == 8 && (area[1] == 1 ? area[2] == 0 : area[1] == 2);
    return (number_n == 7 || number_n == 8) && area[1] >= 3;
}

bool sl_us_ssn(const uint8_t *d)
{
    int area = num(d, 3);
    return area != 0 && area != 666 && area < 900 && num(d + 3, 2) != 0 && num(d + 5, 4) != 0;
}

bool sl_nanp(const uint8_t *d)
{
    return d[0] >= 2 && d[3] >= 2 && !(d[1] == 1 && d[2] == 1) && !(d[4] == 1 && d[5] == 1);
}

/* Country codes of ITU-T E.164: 1 and 7, the two-digit ones by bit, else three digits. */
bool sl_e164(const uint8_t *d, size_t n)
{
    static const uint16_t two[10] = {[2] = 1 << 0 | 1 << 7,
                                     [3] = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 |
                                           1 << 9,
                                     [4] = 0x3ff & ~(1 << 2),
                                     [5] = 0x1fe,
                                     [6] = 0x07f,
                                     [8] = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 6,
                                     [9] = 0x01f | 1 << 5 | 1 << 8};
    if (n < 8 || n > 15 || d[0] == 0)
        return false;
    if (d[0] == 1)
        return n == 11 && sl_nanp(d + 1);
    if (d[0] == 7)
        return n == 11;
    if (d[0] == 8 && d[1] == 6) /* mobile 11, landline 9-11 digits */
        return n >= 11 && n <= 13;
    if (two[d[0]] >> d[1] & 1)
        return n >= 9;
    int cc = num(d, 3);
    return (cc >= 210 && cc <= 299) || (cc >= 350 && cc <= 389) || (cc >= 420 && cc <= 423) ||
           (cc >= 500 && cc <= 509) || (cc >= 590 && cc <= 599) || (cc >= 670 && cc <= 692) ||
           (cc >= 800 && cc <= 888) || (cc >= 960 && cc <= 998);
}

/* ISO 13616 registry: country and length of its IBAN. */
static const struct {
    char cc[3];
    uint8_t n;
} ibans[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
    {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
    {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
    {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
    {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27},
    {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20},
    {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27},
    {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24}, {"PL", 28},
    {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24}, {"SC", 31},
    {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28},
    {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30},
};

size_t sl_iban_length(char c0, char c1)
{
    c0 = (char)toupper((unsigned char)c0), c1 = (char)toupper((unsigned char)c1);
    for (size_t i = 0; i < sizeof ibans / sizeof *ibans; i++) {
        if (ibans[i].cc[0] == c0 && ibans[i].cc[1] == c1)
            return ibans[i].n;
    }
    return 0;
}

bool sl_iban(const char *p, size_t n)
{
    if (n < 5 || sl_iban_length(p[0], p[1]) != n)
        return false;
    unsigned mod = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)p[(i + 4) % n];
        if (isdigit(ch))
            mod = (mod * 10 + (ch - '0')) % 97;
        else if (isalpha(ch))
            mod = (mod * 100 + (unsigned)(toupper(ch) - 'A' + 10)) % 97;
        else
            return false;
    }
    return mod == 1;
}

bool sl_ipv4_public_interest(const int o[4])
{
    for (int i = 0; i < 4; i++) {
        if (o[i] < 0 || o[i] > 255)
            return false;
    }
    if (o[0] == 0 || o[0] == 127 || o[0] >= 224) /* "this", loopback, multicast, masks */
        return false;
    bool doc = (o[0] == 192 && o[1] == 0 && o[2] == 2) ||
               (o[0] == 198 && o[1] == 51 && o[2] == 100) ||
               (o[0] == 203 && o[1] == 0 && o[2] == 113); /* RFC 5737 */
    return !doc;
}
