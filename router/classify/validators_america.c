/* validators_america.c - identifiers of the Americas, and what all regions share. */
#include "router/classify/checks.h"

/* ---- shared ---- */
/* The dihedral group of order 10 and the permutation of its paper. */
bool sl_check_verhoeff(const char *s, size_t n)
{
    static const char product[10][11] = {"0123456789", "1234067895", "2340178956", "3401289567",
                                         "4012395678", "5987604321", "6598710432", "7659821043",
                                         "8765932104", "9876543210"};
    static const char permuted[8][11] = {"0123456789", "1576283094", "5803796142", "8916043527",
                                         "9453126870", "4286573901", "2793806415", "7046913258"};
    if (n < 2 || !sl_digits(s, n))
        return false;
    int c = 0;
    for (size_t i = 0; i < n; i++)
        c = sl_dig(product[c][sl_dig(permuted[i % 8][sl_dig(s[n - 1 - i])])]);
    return c == 0;
}

bool sl_check_ean13(const char *s, size_t n)
{
    return sl_digits_n(s, n, 13) && sl_weigh(s, "1313131313131") % 10 == 0;
}

bool sl_check_imei(const char *s, size_t n)
{
    return sl_digits_n(s, n, 15) && sl_check_luhn(s, n);
}

bool sl_check_imsi(const char *s, size_t n)
{
    return (n == 14 || n == 15) && sl_digits(s, n) && s[0] >= '2' && s[0] <= '7' &&
           sl_int(s, 3) >= 202 && sl_int(s, 3) <= 750;
}

bool sl_check_iccid(const char *s, size_t n)
{
    return (n == 19 || n == 20) && sl_digits(s, n) && s[0] == '8' && s[1] == '9' &&
           sl_check_luhn(s, n);
}

bool sl_check_vin(const char *s, size_t n)
{
    static const char values[] = "12345678012345070900234567890"; /* A-Z; I, O and Q: none */
    static const int weights[] = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
    if (n != 17)
        return false;
    int sum = 0;
    for (int i = 0; i < 17; i++) {
        char ch = s[i];
        if (memchr("IOQ", ch, 3))
            return false;
        int v = ch <= '9' ? sl_dig(ch) : ch >= 'S' ? ch - 'S' + 2 : sl_dig(values[ch - 'A']);
        sum += v * weights[i];
    }
    return s[8] == "0123456789X"[sum % 11] && sl_digits(s + 13, 4);
}

bool sl_check_bic(const char *s, size_t n)
{
    static const char countries[] = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE "
                                    "BF BG BH BI BJ BL BM BN BO BQ BR "
                                    "BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU "
                                    "CV CW CX CY CZ DE DJ DK DM DO DZ "
                                    "EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH "
                                    "GI GL GM GN GP GQ GR GS GT GU GW "
                                    "GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO "
                                    "JP KE KG KH KI KM KN KP KR KW KY "
                                    "KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK "
                                    "ML MM MN MO MP MQ MR MS MT MU MV "
                                    "MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF "
                                    "PG PH PK PL PM PN PR PS PT PW PY "
                                    "QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO "
                                    "SR SS ST SV SX SY SZ TC TD TF TG "
                                    "TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC "
                                    "VE VG VI VN VU WF WS XK YE YT ZA "
                                    "ZM ZW";
    return (n == 8 || n == 11) && sl_letters(s, 4) && sl_in(countries, s + 4, 2);
}

/* ---- the United States ---- */
bool sl_check_us_ssn(const char *s, size_t n)
{
    uint8_t d[9];
    if (!sl_digits_n(s, n, 9))
        return false;
    sl_values(s, 9, d);
    return sl_us_ssn(d);
}

bool sl_check_us_itin(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 9) || s[0] != '9')
        return false;
    int group = sl_int(s + 3, 2);
    return group >= 70 && group != 89 && group != 93;
}

bool sl_check_us_rtn(const char *s, size_t n)
{
    return sl_digits_n(s, n, 9) && sl_weigh(s, "371371371") % 10 == 0;
}

bool sl_check_us_npi(const char *s, size_t n)
{
    char d[15] = "80840";
    if (!sl_digits_n(s, n, 10) || (s[0] != '1' && s[0] != '2'))
        return false;
    memcpy(d + 5, s, 10);
    return sl_check_luhn(d, 15);
}

bool sl_check_us_dea(const char *s, size_t n)
{
    if (n != 9 || !sl_letters(s, 1) || !(sl_letters(s + 1, 1) || s[1] == '9') ||
        !sl_digits(s + 2, 7))
        return false;
    return sl_weigh(s + 2, "121212") % 10 == sl_dig(s[8]);
}

bool sl_check_us_mbi(const char *s, size_t n)
{
    static const char form[] = "caNncNnccnn"; /* c: letter, N: either, n: digit, first 1-9 */
    if (n != 11 || s[0] < '1' || s[0] > '9')
        return false;
    for (int i = 1; i < 11; i++) {
        bool letter = memchr("ACDEFGHJKMNPQRTUVWXY", s[i], 20) != NULL;
        bool digit = sl_digits(s + i, 1);
        if (form[i] == 'n' ? !digit : form[i] == 'N' ? !digit && !letter : !letter)
            return false;
    }
    return true;
}

/* ---- Canada, Mexico ---- */
bool sl_check_ca_sin(const char *s, size_t n)
{
    return sl_digits_n(s, n, 9) && s[0] != '0' && s[0] != '8' && sl_check_luhn(s, n);
}

bool sl_check_ca_bc_phn(const char *s, size_t n)
{
    static const int weights[] = {2, 4, 8, 5, 10, 9, 7, 3};
    if (!sl_digits_n(s, n, 10) || s[0] != '9')
        return false;
    int sum = 0;
    for (int i = 0; i < 8; i++)
        sum += sl_dig(s[i + 1]) * weights[i] % 11;
    return (11 - sum % 11) % 11 == sl_dig(s[9]);
}

bool sl_check_mx_curp(const char *s, size_t n)
{
    static const char states[] =
        "AS BC BS CC CH CL CM CS DF DG GR GT HG JC MC MN MS NE NL NT OC PL "
        "QR QT SL SP SR TC TL TS VZ YN ZS";
    if (n != 18 || !sl_letters(s, 4) || !sl_digits(s + 4, 6) || !sl_letters(s + 10, 6) ||
        !sl_digits(s + 17, 1))
        return false;
    if (!sl_yymmdd(s + 4, sl_digits(s + 16, 1) ? 1900 : 2000) || (s[10] != 'H' && s[10] != 'M') ||
        !sl_in(states, s + 11, 2))
        return false;
    int sum = 0;
    for (int i = 0; i < 17; i++) {
        int v = sl_value36(s[i]); /* the alphabet has Ñ between N and O */
        sum += (v + (v >= 24)) * (18 - i);
    }
    return (10 - sum % 10) % 10 == sl_dig(s[17]);
}

/* Persons 4 letters, companies 3, then YYMMDD and three more. Its last digit is often wrong. */
bool sl_check_mx_rfc(const char *s, size_t n)
{
    size_t letters = n == 12 ? 3 : 4;
    return (n == 12 || n == 13) && sl_letters(s, letters) && sl_digits(s + letters, 6) &&
           sl_yymmdd(s + letters, 2000);
}

/* ---- Brazil ---- */
bool sl_check_br_cpf(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 11) || memcmp(s, "00000000000", 11) == 0)
        return false;
    return (11 - sl_weigh(s, "A98765432") % 11) % 11 % 10 == sl_dig(s[9]) &&
           (11 - sl_weigh(s, "BA98765432") % 11) % 11 % 10 == sl_dig(s[10]);
}

/* Since 2026 letters may stand in the first twelve places; they count by their ASCII code. */
bool sl_check_br_cnpj(const char *s, size_t n)
{
    static const int weights[] = {6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2};
    if (n != 14 || !sl_digits(s + 12, 2) || memcmp(s, "000000000000", 12) == 0)
        return false;
    int first = 0, second = 0;
    for (int i = 0; i < 12; i++) {
        first += (s[i] - '0') * weights[i + 1];
        second += (s[i] - '0') * weights[i];
    }
    first = (11 - first % 11) % 11 % 10;
    second = (11 - (second + first * 2) % 11) % 11 % 10;
    return first == sl_dig(s[12]) && second == sl_dig(s[13]);
}

/* ---- the rest of South America ---- */
bool sl_check_ar_cuit(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 11) || !sl_in("20 23 24 27 30 33 34 50 51 55", s, 2))
        return false;
    return "01234567899"[11 - (sl_weigh(s, "5432765432") % 11 ? sl_weigh(s, "5432765432") % 11
                                                              : 11)] == s[10];
}

bool sl_check_ar_cbu(const char *s, size_t n)
{
    return sl_digits_n(s, n, 22) && sl_weigh(s, "71397131") % 10 == 0 &&
           sl_weigh(s + 8, "39713971397131") % 10 == 0;
}

bool sl_check_cl_rut(const char *s, size_t n)
{
    if ((n != 8 && n != 9) || !sl_digits(s, n - 1))
        return false;
    int sum = sl_weigh(s, &"32765432"[9 - n]), check = (11 - sum % 11) % 11;
    return s[n - 1] == "0123456789K"[check];
}

bool sl_check_co_nit(const char *s, size_t n)
{
    static const int weights[] = {3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71};
    if (n < 8 || n > 16 || !sl_digits(s, n))
        return false;
    int sum = 0;
    for (size_t i = 0; i + 1 < n; i++)
        sum += sl_dig(s[n - 2 - i]) * weights[i];
    return s[n - 1] == "01987654321"[sum % 11];
}

bool sl_check_pe_ruc(const char *s, size_t n)
{
    return sl_digits_n(s, n, 11) && sl_in("10 15 17 20", s, 2) &&
           (11 - sl_weigh(s, "5432765432") % 11) % 10 == sl_dig(s[10]);
}

bool sl_check_ve_rif(const char *s, size_t n)
{
    static const char kinds[] = "VEJPG";
    if (n != 10 || !sl_digits(s + 1, 9))
        return false;
    const char *p = memchr(kinds, s[0], 5);
    if (!p)
        return false;
    int sum = 4 * (int)(p - kinds + 1) + sl_weigh(s + 1, "32765432");
    return s[9] == "00987654321"[sum % 11];
}

static bool ec_province(const char *s)
{
    int province = sl_int(s, 2);
    return (province >= 1 && province <= 24) || province == 30 || province == 50;
}

bool sl_check_ec_ci(const char *s, size_t n)
{
    return sl_digits_n(s, n, 10) && ec_province(s) && s[2] <= '6' && sl_check_luhn(s, n);
}

bool sl_check_ec_ruc(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 13) || !ec_province(s) || s[2] == '7' || s[2] == '8')
        return false;
    bool branch = memcmp(s + 10, "000", 3) != 0;
    bool natural = branch && sl_check_ec_ci(s, 10);
    bool public_body = memcmp(s + 9, "0000", 4) != 0 && sl_weigh(s, "327654321") % 11 == 0;
    bool company = branch && sl_weigh(s, "4327654321") % 11 == 0;
    return s[2] < '6' ? natural : public_body || (s[2] == '6' ? natural : company);
}

bool sl_check_uy_rut(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 12) || sl_int(s, 2) < 1 || sl_int(s, 2) > 22 || sl_int(s + 2, 6) == 0 ||
        sl_int(s + 8, 3) != 1)
        return false;
    return (11 - sl_weigh(s, "43298765432") % 11) % 11 == sl_dig(s[11]);
}

bool sl_check_uy_ci(const char *s, size_t n)
{
    return sl_digits_n(s, n, 8) && sl_weigh(s, "2987634") % 10 == (10 - sl_dig(s[7])) % 10;
}
