/* validators_europe.c - identifiers of western, northern and southern Europe. Those of the
 * east stand
 * in validators_east.c. A date in the future is no fault here: a number's check does not ask the
 * clock. */
#include "router/classify/checks.h"

/* Sum of s[i] * w[i] modulo m, the check digit included. */
static bool zero_mod(const char *s, const char *weights, int m)
{
    return sl_weigh(s, weights) % m == 0;
}

static bool luhn(const char *s, size_t n)
{
    return sl_check_luhn(s, n);
}

/* ---- Great Britain, Ireland ---- */
bool sl_check_gb_nhs(const char *s, size_t n)
{
    return sl_digits_n(s, n, 10) && zero_mod(s, "A987654321", 11);
}

bool sl_check_gb_nino(const char *s, size_t n)
{
    if ((n != 8 && n != 9) || !sl_letters(s, 2) || !sl_digits(s + 2, 6))
        return false;
    if (n == 9 && (s[8] < 'A' || s[8] > 'D'))
        return false;
    return !memchr("DFIQUV", s[0], 6) && !memchr("DFIOQUV", s[1], 7) &&
           !sl_in("BG GB KN NK NT TN ZZ", s, 2);
}

bool sl_check_gb_utr(const char *s, size_t n)
{
    return sl_digits_n(s, n, 10) && s[0] == "21987654321"[sl_weigh(s + 1, "6789A5432") % 11];
}

/* MORGA 753116 SM9IJ: name, decade, month (+50 of women) and day, year, initials, three more. */
bool sl_check_gb_dvla(const char *s, size_t n)
{
    if (n != 16 || !sl_digits(s + 5, 6) || sl_digits(s, 1))
        return false;
    bool filled = false; /* a short name is filled with 9 */
    for (int i = 0; i < 5; i++) {
        if (filled ? s[i] != '9' : !sl_letters(s + i, 1) && s[i] != '9')
            return false;
        filled |= s[i] == '9';
    }
    int month = sl_int(s + 6, 2) % 50;
    return month >= 1 && month <= 12 && sl_int(s + 8, 2) >= 1 && sl_int(s + 8, 2) <= 31 &&
           sl_letters(s + 11, 1) && sl_letters(s + 14, 2);
}

bool sl_check_ie_pps(const char *s, size_t n)
{
    if ((n != 8 && n != 9) || !sl_digits(s, 7) || s[7] < 'A' || s[7] > 'W')
        return false;
    int sum = sl_weigh(s, "8765432");
    if (n == 9) {
        if (!memchr("ABHWTX", s[8], 6))
            return false;
        if (memchr("ABH", s[8], 3))
            sum += (s[8] - 'A' + 1) * 9;
    }
    return s[7] == "WABCDEFGHIJKLMNOPQRSTUV"[sum % 23];
}

/* ---- Germany, Austria, Switzerland ---- */
bool sl_check_de_idnr(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 11) || s[0] == '0')
        return false;
    int count[10] = {0}, repeated = 0, most = 0;
    for (int i = 0; i < 10; i++)
        count[sl_dig(s[i])]++;
    for (int i = 0; i < 10; i++) {
        repeated += count[i] > 1;
        most = count[i] > most ? count[i] : most;
    }
    return repeated == 1 && most <= 3 && sl_mod11_10(s, n);
}

bool sl_check_de_vat(const char *s, size_t n)
{
    return sl_digits_n(s, n, 9) && s[0] != '0' && sl_mod11_10(s, n);
}

/* Digit sums of the products with 2 1 2 1 ..., as pension and health insurance do. */
static int cross_sum(const char *s, const char *weights)
{
    int sum = 0;
    for (; *weights; weights++) {
        int v = sl_dig(*s++) * sl_dig(*weights);
        sum += v / 10 + v % 10;
    }
    return sum;
}

bool sl_check_de_rvnr(const char *s, size_t n)
{
    if (n != 12 || !sl_digits(s, 8) || !sl_letters(s + 8, 1) || !sl_digits(s + 9, 3))
        return false;
    int day = sl_int(s + 2, 2), month = sl_int(s + 4, 2);
    if (day < 1 || day > 31 || month < 1 || month > 12)
        return false;
    char d[13];
    memcpy(d, s, 8);
    int letter = s[8] - 'A' + 1;
    d[8] = (char)('0' + letter / 10), d[9] = (char)('0' + letter % 10);
    memcpy(d + 10, s + 9, 2);
    return cross_sum(d, "212571212121") % 10 == sl_dig(s[11]);
}

bool sl_check_de_kvnr(const char *s, size_t n)
{
    if (n != 10 || !sl_letters(s, 1) || !sl_digits(s + 1, 9))
        return false;
    char d[11];
    int letter = s[0] - 'A' + 1;
    d[0] = (char)('0' + letter / 10), d[1] = (char)('0' + letter % 10);
    memcpy(d + 2, s + 1, 8);
    return cross_sum(d, "1212121212") % 10 == sl_dig(s[9]);
}

/* Serial number of a card or passport and its check digit, ICAO 9303. */
bool sl_check_icao9(const char *s, size_t n)
{
    return n == 10 && sl_digits(s + 9, 1) && sl_weigh(s, "731731731") % 10 == sl_dig(s[9]);
}

bool sl_check_at_vnr(const char *s, size_t n)
{
    return sl_digits_n(s, n, 10) && s[0] != '0' && sl_weigh(s, "3790584216") % 11 == sl_dig(s[3]);
}

bool sl_check_at_tin(const char *s, size_t n)
{
    static const uint8_t twice[10] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
    if (!sl_digits_n(s, n, 9))
        return false;
    int sum = 0;
    for (int i = 0; i < 8; i++)
        sum += i % 2 ? twice[sl_dig(s[i])] : sl_dig(s[i]);
    return (10 - sum % 10) % 10 == sl_dig(s[8]);
}

/* ATU12345678 */
bool sl_check_at_uid(const char *s, size_t n)
{
    if (n == 11 && memcmp(s, "AT", 2) == 0)
        s += 2, n -= 2;
    if (n != 9 || s[0] != 'U' || !sl_digits(s + 1, 8))
        return false;
    return (10 - (cross_sum(s + 1, "1212121") + 4) % 10) % 10 == sl_dig(s[8]);
}

bool sl_check_ch_ssn(const char *s, size_t n)
{
    return sl_digits_n(s, n, 13) && memcmp(s, "756", 3) == 0 && sl_check_ean13(s, n);
}

bool sl_check_ch_uid(const char *s, size_t n)
{
    if (n == 12 && memcmp(s, "CHE", 3) == 0)
        s += 3, n -= 3;
    if (!sl_digits_n(s, n, 9))
        return false;
    return (11 - sl_weigh(s, "54327654") % 11) % 11 == sl_dig(s[8]);
}

/* ---- France, Belgium, the Netherlands, Luxembourg ---- */
bool sl_check_fr_nir(const char *s, size_t n)
{
    if (n != 15 || !sl_digits(s, 5) || !sl_digits(s + 7, 8))
        return false;
    char d[13];
    memcpy(d, s, 13);
    if (d[5] == '2' && (d[6] == 'A' || d[6] == 'B')) /* Corsica counts as 19 and 18 */
        d[6] = d[6] == 'A' ? '9' : '8', d[5] = '1';
    if (!sl_digits(d, 13))
        return false;
    return 97 - (int)sl_mod(d, 13, 97) == sl_int(s + 13, 2);
}

bool sl_check_fr_nif(const char *s, size_t n)
{
    return sl_digits_n(s, n, 13) && s[0] <= '3' && (int)sl_mod(s, 10, 511) == sl_int(s + 10, 3);
}

bool sl_check_fr_siren(const char *s, size_t n)
{
    return sl_digits_n(s, n, 9) && luhn(s, n);
}

bool sl_check_fr_siret(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 14) || !luhn(s, 9))
        return false;
    /* the post's offices have a sum that is a multiple of 5 instead */
    if (memcmp(s, "356000000", 9) != 0 || memcmp(s + 9, "00048", 5) == 0)
        return luhn(s, n);
    int sum = 0;
    for (int i = 0; i < 14; i++)
        sum += sl_dig(s[i]);
    return sum % 5 == 0;
}

/* National and bis numbers (month + 20 or + 40). A day that does not exist is told of those whose
 * date of birth is not known. */
bool sl_check_be_nn(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 11) || memcmp(s, "00000000000", 11) == 0)
        return false;
    int check = sl_int(s + 9, 2);
    unsigned rest = sl_mod(s, 9, 97);
    bool old = 97 - (int)rest == check;
    unsigned young = (rest + 2 * (1000000000u % 97)) % 97; /* a 2 before it, since 2000 */
    if (!old && !(97 - (int)young == check && s[0] <= '4'))
        return false;
    if (sl_in("000001 002001 004001", s, 6))
        return true;
    int month = sl_int(s + 2, 2);
    return month <= 12 || (month >= 20 && month <= 32) || (month >= 40 && month <= 52);
}

bool sl_check_be_vat(const char *s, size_t n)
{
    if (n == 12 && memcmp(s, "BE", 2) == 0)
        s += 2, n -= 2;
    return sl_digits_n(s, n, 10) && s[0] <= '1' && memcmp(s, "0000000000", 10) != 0 &&
           (sl_mod(s, 8, 97) + (unsigned)sl_int(s + 8, 2)) % 97 == 0;
}

bool sl_check_nl_bsn(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 9) || memcmp(s, "000000000", 9) == 0)
        return false;
    return (sl_weigh(s, "98765432") - sl_dig(s[8]) + 11) % 11 == 0;
}

bool sl_check_lu_nin(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 13) ||
        !sl_date_valid(sl_int(s, 4), sl_int(s + 4, 2), sl_int(s + 6, 2), 1850, 2100))
        return false;
    char v[12]; /* the last digit checks the first eleven, as the one before it does */
    memcpy(v, s, 11), v[11] = s[12];
    return luhn(s, 12) && sl_check_verhoeff(v, 12);
}

/* ---- the north ---- */
bool sl_check_se_personnummer(const char *s, size_t n)
{
    if ((n != 10 && n != 12) || !sl_digits(s, n))
        return false;
    if (n == 12 && !sl_day(sl_int(s, 4), sl_int(s + 4, 2), sl_int(s + 6, 2)))
        return false;
    s += n - 10;
    return luhn(s, 10) && (n == 12 || sl_yymmdd(s, 1900) || sl_yymmdd(s, 2000));
}

bool sl_check_se_orgnr(const char *s, size_t n)
{
    return sl_digits_n(s, n, 10) && luhn(s, n);
}

/* 131052-308T: the century's sign is left out, or a letter that stands at [6]. */
bool sl_check_fi_hetu(const char *s, size_t n)
{
    if (n < 10 || n > 11 || !sl_digits(s, 6))
        return false;
    int century = 1900;
    if (n == 11) {
        if (!memchr("ABCDEFYXWVU", s[6], 11))
            return false;
        century = s[6] <= 'F' ? 2000 : 1900;
    }
    const char *no = s + n - 4;
    if (!sl_digits(no, 3) || sl_int(no, 3) < 2 || sl_int(no, 3) > 899)
        return false;
    if (!sl_ddmmyy(s, century))
        return false;
    long v = sl_int(s, 6) * 1000L + sl_int(no, 3);
    return no[3] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[v % 31];
}

bool sl_check_fi_ytunnus(const char *s, size_t n)
{
    return sl_digits_n(s, n, 8) && zero_mod(s, "79A58421", 11);
}

bool sl_check_dk_cpr(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 10))
        return false;
    int year = sl_int(s + 4, 2), seventh = sl_dig(s[6]);
    if (seventh >= 5 && seventh <= 8 && year >= 58)
        year += 1800;
    else if (seventh <= 3 || ((seventh == 4 || seventh == 9) && year >= 37))
        year += 1900;
    else
        year += 2000;
    return sl_day(year, sl_int(s + 2, 2), sl_int(s, 2));
}

/* D-numbers have the day + 40, others the month + 40. */
bool sl_check_no_fnr(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 11))
        return false;
    if ((11 - sl_weigh(s, "376189452") % 11) % 11 != sl_dig(s[9]) ||
        (11 - sl_weigh(s, "5432765432") % 11) % 11 != sl_dig(s[10]))
        return false;
    int day = sl_int(s, 2), month = sl_int(s + 2, 2), year = sl_int(s + 4, 2);
    int individual = sl_int(s + 6, 3);
    if (day >= 80)
        return false;
    day -= day > 40 ? 40 : 0, month -= month > 40 ? 40 : 0;
    if (individual < 500)
        year += 1900;
    else if (individual < 750 && year >= 54)
        year += 1800;
    else if (year < 40)
        year += 2000;
    else if (individual >= 900)
        year += 1900;
    else
        return false;
    return sl_day(year, month, day);
}

bool sl_check_no_orgnr(const char *s, size_t n)
{
    return sl_digits_n(s, n, 9) && zero_mod(s, "327654321", 11);
}

bool sl_check_is_kennitala(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 10) || (s[9] != '0' && s[9] != '9') || !zero_mod(s, "327654321", 11))
        return false;
    int day = sl_int(s, 2); /* companies: + 40 */
    return day < 80 && sl_day((s[9] == '9' ? 1900 : 2000) + sl_int(s + 4, 2), sl_int(s + 2, 2),
                              day >= 40 ? day - 40 : day);
}

/* ---- the south ---- */
static bool dni_letter(const char *s, char letter)
{
    return letter == "TRWAGMYFPDXBNJZSQVHLCKE"[sl_mod(s, 8, 23)];
}

bool sl_check_es_dni(const char *s, size_t n)
{
    return n == 9 && sl_digits(s, 8) && dni_letter(s, s[8]);
}

bool sl_check_es_nie(const char *s, size_t n)
{
    if (n != 9 || s[0] < 'X' || s[0] > 'Z' || !sl_digits(s + 1, 7))
        return false;
    char d[8];
    memcpy(d, s, 8);
    d[0] = (char)('0' + s[0] - 'X');
    return dni_letter(d, s[8]);
}

bool sl_check_es_cif(const char *s, size_t n)
{
    if (n != 9 || !memchr("ABCDEFGHJNPQRSUVW", s[0], 17) || !sl_digits(s + 1, 7))
        return false;
    for (char c = '0'; c <= '9'; c++) {
        char d[8];
        memcpy(d, s + 1, 7), d[7] = c;
        if (luhn(d, 8))
            return s[8] == c || s[8] == "JABCDEFGHI"[c - '0'];
    }
    return false;
}

bool sl_check_pt_nif(const char *s, size_t n)
{
    return sl_digits_n(s, n, 9) && s[0] != '0' &&
           (11 - sl_weigh(s, "98765432") % 11) % 11 % 10 == sl_dig(s[8]);
}

/* Cartão de cidadão: 00000000 0 ZZ4 */
bool sl_check_pt_cc(const char *s, size_t n)
{
    if (n != 12 || !sl_digits(s, 9) || !sl_digits(s + 11, 1))
        return false;
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        int v = sl_value36(s[i]) * (i % 2 == 0 ? 2 : 1);
        sum += i % 2 == 0 && v > 9 ? v - 9 : v;
    }
    return sum % 10 == 0;
}

/* Seven digits may be written as letters, of persons who would otherwise have the same code. */
bool sl_check_it_cf(const char *s, size_t n)
{
    static const char cf_months[] = "ABCDEHLMPRST";
    static const char odd[] = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                               20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
    static const char letters[] = "LMNPQRSTUV";
    if (n != 16 || !sl_letters(s, 6) || !sl_letters(s + 11, 1) || !sl_letters(s + 15, 1))
        return false;
    static const uint8_t at[] = {6, 7, 9, 10, 12, 13, 14};
    int d[16] = {0};
    for (size_t i = 0; i < sizeof at; i++) {
        const char *p = memchr(letters, s[at[i]], 10);
        d[at[i]] = sl_digits(s + at[i], 1) ? sl_dig(s[at[i]]) : p ? (int)(p - letters) : -1;
        if (d[at[i]] < 0)
            return false;
    }
    const char *month = memchr(cf_months, s[8], 12);
    if (!month)
        return false;
    int year = d[6] * 10 + d[7], day = (d[9] * 10 + d[10]) % 40;
    if (!sl_day((year < 20 ? 2000 : 1900) + year, (int)(month - cf_months) + 1, day))
        return false;
    int sum = 0;
    for (int i = 0; i < 15; i++) {
        int v = sl_digits(s + i, 1) ? sl_dig(s[i]) : s[i] - 'A';
        sum += i % 2 == 0 ? odd[v] : v;
    }
    return s[15] == 'A' + sum % 26;
}

bool sl_check_it_iva(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 11) || sl_int(s, 7) == 0)
        return false;
    int province = sl_int(s + 7, 3);
    bool known = (province >= 1 && province <= 100) || sl_in("120 121 888 999", s + 7, 3);
    return known && luhn(s, n);
}

bool sl_check_gr_amka(const char *s, size_t n)
{
    return sl_digits_n(s, n, 11) && luhn(s, n) && (sl_ddmmyy(s, 1900) || sl_ddmmyy(s, 2000));
}

bool sl_check_gr_afm(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 9))
        return false;
    int sum = 0;
    for (int i = 0; i < 8; i++)
        sum = sum * 2 + sl_dig(s[i]);
    return sum * 2 % 11 % 10 == sl_dig(s[8]);
}

bool sl_check_cy_tic(const char *s, size_t n)
{
    static const uint8_t odd[10] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21};
    if (n == 11 && memcmp(s, "CY", 2) == 0)
        s += 2, n -= 2;
    if (n != 9 || !sl_digits(s, 8) || (s[0] == '1' && s[1] == '2'))
        return false;
    int sum = 0;
    for (int i = 0; i < 8; i++)
        sum += i % 2 == 0 ? odd[sl_dig(s[i])] : sl_dig(s[i]);
    return s[8] == 'A' + sum % 26;
}

bool sl_check_mt_vat(const char *s, size_t n)
{
    if (n == 10 && memcmp(s, "MT", 2) == 0)
        s += 2, n -= 2;
    return sl_digits_n(s, n, 8) && s[0] != '0' && zero_mod(s, "346789A1", 37);
}
