/* validators_asia.c - identifiers of Asia, Oceania and Africa. */
#include "router/classify/checks.h"

/* ---- China, Hong Kong, Taiwan ---- */
bool sl_check_cn_ric(const char *s, size_t n)
{
    if (n != 18 || !sl_digits(s, 17))
        return false;
    uint8_t d[17];
    sl_values(s, 17, d);
    return sl_cn_id_plausible(d, 9999) && sl_cn_id_check(d) == s[17];
}

bool sl_check_cn_uscc(const char *s, size_t n)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    if (n != 18 || !sl_digits(s, 8))
        return false;
    int sum = 0, weight = 1;
    for (int i = 0; i < 18; i++) {
        const char *p = memchr(alphabet, s[i], 31);
        if (!p)
            return false;
        if (i < 17)
            sum += (int)(p - alphabet) * weight, weight = weight * 3 % 31;
        else
            return (31 - sum % 31) % 31 == (int)(p - alphabet);
    }
    return false;
}

/* A123456(3), AB123456(A): space, 36 and letters from 10 on weigh 9 to 1. */
bool sl_check_hkid(const char *s, size_t n)
{
    if ((n != 8 && n != 9) || !sl_letters(s, n - 7) || !sl_digits(s + n - 7, 6))
        return false;
    int sum = n == 8 ? 36 * 9 : sl_value36(s[0]) * 9;
    sum += sl_weigh(s + n - 8, "8765432");
    int check = (11 - sum % 11) % 11;
    return s[n - 1] == "0123456789A"[check];
}

/* A123456789; the second character 1 or 2, of foreigners 8 or 9, of older permits A to D. */
bool sl_check_tw_id(const char *s, size_t n)
{
    static const char order[] = "ABCDEFGHJKLMNPQRSTUVXYWZIO";
    if (n != 10 || !sl_digits(s + 2, 8))
        return false;
    const char *p = memchr(order, s[0], 26);
    if (!p)
        return false;
    int area = 10 + (int)(p - order), second;
    if (memchr("1289", s[1], 4))
        second = sl_dig(s[1]);
    else if (s[1] >= 'A' && s[1] <= 'D')
        second = s[1] - 'A';
    else
        return false;
    int sum = area / 10 + area % 10 * 9 + second * 8 + sl_weigh(s + 2, "76543211");
    return sum % 10 == 0;
}

bool sl_check_tw_ubn(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 8))
        return false;
    int sum = 0;
    for (int i = 0; i < 8; i++) {
        int v = sl_dig(s[i]) * sl_dig("12121241"[i]);
        sum += v / 10 + v % 10;
    }
    return sum % 10 == 0 || (sum % 10 == 9 && s[6] == '7');
}

/* ---- Japan, Korea ---- */
bool sl_check_jp_my_number(const char *s, size_t n)
{
    return sl_digits_n(s, n, 12) &&
           (11 - sl_weigh(s, "65432765432") % 11) % 11 % 10 == sl_dig(s[11]);
}

bool sl_check_jp_cn(const char *s, size_t n)
{
    return sl_digits_n(s, n, 13) && 9 - sl_weigh(s + 1, "212121212121") % 9 == sl_dig(s[0]);
}

bool sl_check_kr_rrn(const char *s, size_t n)
{
    static const int centuries[] = {1800, 1900, 1900, 2000, 2000, 1900, 1900, 2000, 2000, 1800};
    if (!sl_digits_n(s, n, 13) || sl_int(s + 7, 2) > 96 || !sl_yymmdd(s, centuries[sl_dig(s[6])]))
        return false;
    int check = (11 - sl_weigh(s, "234567892345") % 11) % 10;
    if (s[6] >= '5' && s[6] <= '8') /* foreigners' numbers add 2, and some registries did not */
        return check == sl_dig(s[12]) || (check + 2) % 10 == sl_dig(s[12]);
    return check == sl_dig(s[12]);
}

bool sl_check_kr_brn(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 10) || sl_int(s, 3) < 101 || sl_int(s + 3, 2) == 0 ||
        sl_int(s + 5, 4) == 0)
        return false;
    int sum = sl_weigh(s, "137137135") + sl_dig(s[8]) * 5 / 10;
    return (10 - sum % 10) % 10 == sl_dig(s[9]);
}

/* ---- south-east Asia ---- */
bool sl_check_th_pin(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 13) || s[0] == '0' || s[0] == '9')
        return false;
    return (11 - sl_weigh(s, "DCBA98765432") % 11) % 10 == sl_dig(s[12]);
}

bool sl_check_vn_mst(const char *s, size_t n)
{
    static const int weights[] = {31, 29, 23, 19, 17, 13, 7, 5, 3};
    if ((n != 10 && n != 13) || !sl_digits(s, n) || sl_int(s + 2, 7) == 0)
        return false;
    if (n == 13 && sl_int(s + 10, 3) == 0)
        return false;
    int sum = 0;
    for (int i = 0; i < 9; i++)
        sum += sl_dig(s[i]) * weights[i];
    return 10 - sum % 11 == sl_dig(s[9]);
}

/* Province, two pairs for places within it, DDMMYY (+ 40 of women), serial number. */
bool sl_check_id_nik(const char *s, size_t n)
{
    static const char provinces[] =
        "11 12 13 14 15 16 17 18 19 21 31 32 33 34 35 36 51 52 53 61 62 "
        "63 64 65 71 72 73 74 75 76 81 82 91 92 93 94 95 96 97";
    if (!sl_digits_n(s, n, 16) || !sl_in(provinces, s, 2))
        return false;
    int day = sl_int(s + 6, 2) % 40, month = sl_int(s + 8, 2), year = sl_int(s + 10, 2);
    return sl_day(1900 + year, month, day) || sl_day(2000 + year, month, day);
}

bool sl_check_my_nric(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 12) || (!sl_yymmdd(s, 1900) && !sl_yymmdd(s, 2000)))
        return false;
    int place = sl_int(s + 6, 2); /* states 01-16 and 21-59, other countries 60-93, 98, 99 */
    return place != 0 && place != 17 && place != 18 && place != 19 && place != 20 &&
           !sl_in("69 70 73 80 81 94 95 96 97", s + 6, 2);
}

bool sl_check_sg_nric(const char *s, size_t n)
{
    if (n != 9 || !memchr("STFGM", s[0], 5) || !sl_digits(s + 1, 7))
        return false;
    int sum = sl_weigh(s + 1, "2765432");
    if (s[0] == 'S' || s[0] == 'T')
        return s[8] == "JZIHGFEDCBA"[(sum + (s[0] == 'T' ? 4 : 0)) % 11];
    if (s[0] == 'M')
        return s[8] == "KLJNPQRTUWX"[(sum + 3) % 11];
    return s[8] == "XWUTRQPNMLK"[(sum + (s[0] == 'G' ? 4 : 0)) % 11];
}

static bool uen_other(const char *s)
{
    static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWX0123456789";
    static const int weights[] = {4, 3, 5, 3, 10, 2, 2, 5, 7};
    static const char kinds[] = "CC CD CH CL CM CP CS CX DP FB FC FM FN GA GB GS HS LL LP MB MC MD "
                                "MH MM MQ NB NR PA PB PF RF RP SM SS TC TU VH XL";
    if (!memchr("RST", s[0], 3) || !sl_digits(s + 1, 2) || !sl_in(kinds, s + 3, 2) ||
        !sl_digits(s + 5, 4))
        return false;
    int sum = 0;
    for (int i = 0; i < 9; i++)
        sum += (int)((const char *)memchr(alphabet, s[i], 32) - alphabet) * weights[i];
    return s[9] == alphabet[(sum + 6) % 11];
}

bool sl_check_sg_uen(const char *s, size_t n)
{
    if (n == 9)
        return sl_digits(s, 8) && s[8] == "XMKECAWLJDB"[sl_weigh(s, "A4938271") % 11];
    if (n != 10)
        return false;
    if (!sl_digits(s, 1))
        return uen_other(s);
    return sl_digits(s, 9) && s[9] == "ZKCMDNERGWH"[sl_weigh(s, "A86497531") % 11];
}

/* ---- the Indian subcontinent ---- */
bool sl_check_in_aadhaar(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 12) || s[0] < '2' || !sl_check_verhoeff(s, n))
        return false;
    for (int i = 0; i < 6; i++) {
        if (s[i] != s[11 - i])
            return true;
    }
    return false; /* palindromes are not given */
}

bool sl_check_in_pan(const char *s, size_t n)
{
    return n == 10 && sl_letters(s, 5) && sl_digits(s + 5, 4) && sl_letters(s + 9, 1) &&
           memchr("ABCFGHLJPTK", s[3], 11) && memcmp(s + 5, "0000", 4) != 0;
}

bool sl_check_in_gstin(const char *s, size_t n)
{
    if (n != 15 || !sl_digits(s, 2) || !sl_check_in_pan(s + 2, 10) || s[12] == '0' || s[13] != 'Z')
        return false;
    int state = sl_int(s, 2), sum = 0;
    if (state < 1 || (state > 38 && state != 97 && state != 99))
        return false;
    for (int i = 0; i < 15; i++) {
        int v = sl_value36(s[14 - i]) * (i % 2 ? 2 : 1);
        sum += v / 36 + v % 36;
    }
    return sum % 36 == 0;
}

bool sl_check_in_epic(const char *s, size_t n)
{
    return n == 10 && sl_letters(s, 3) && sl_digits(s + 3, 7) && sl_check_luhn(s + 3, 7);
}

bool sl_check_pk_cnic(const char *s, size_t n)
{
    return sl_digits_n(s, n, 13) && s[0] >= '1' && s[0] <= '7' && s[12] != '0';
}

/* 85 123 1234 V or 1985 123 12345: the day of the year, of women + 500. */
bool sl_check_lk_nic(const char *s, size_t n)
{
    bool old = n == 10 && sl_digits(s, 9) && (s[9] == 'V' || s[9] == 'X');
    if (!old && !(sl_digits_n(s, n, 12) && sl_int(s, 4) >= 1900 && sl_int(s, 4) <= 2050))
        return false;
    int day = sl_int(s + (old ? 2 : 4), 3) % 500;
    return day >= 1 && day <= 366;
}

/* ---- the Near East ---- */
bool sl_check_il_id(const char *s, size_t n)
{
    return sl_digits_n(s, n, 9) && memcmp(s, "000000000", 9) != 0 && sl_check_luhn(s, n);
}

bool sl_check_ae_eid(const char *s, size_t n)
{
    return sl_digits_n(s, n, 15) && memcmp(s, "784", 3) == 0 && sl_int(s + 3, 4) >= 1900 &&
           sl_int(s + 3, 4) <= 2100 && sl_check_luhn(s, n);
}

bool sl_check_sa_id(const char *s, size_t n)
{
    return sl_digits_n(s, n, 10) && (s[0] == '1' || s[0] == '2') && sl_check_luhn(s, n);
}

bool sl_check_eg_nid(const char *s, size_t n)
{
    return sl_digits_n(s, n, 14) && (s[0] == '2' || s[0] == '3') &&
           sl_yymmdd(s + 1, s[0] == '2' ? 1900 : 2000) && sl_int(s + 7, 2) >= 1 &&
           (sl_int(s + 7, 2) <= 35 || sl_int(s + 7, 2) == 88);
}

/* ---- Oceania ---- */
bool sl_check_au_tfn(const char *s, size_t n)
{
    if ((n != 8 && n != 9) || !sl_digits(s, n))
        return false;
    return sl_weigh(s, n == 9 ? "14375869A" : "14375869") % 11 == 0;
}

bool sl_check_au_abn(const char *s, size_t n)
{
    static const int weights[] = {10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19};
    if (!sl_digits_n(s, n, 11) || s[0] == '0')
        return false;
    int sum = -weights[0];
    for (int i = 0; i < 11; i++)
        sum += sl_dig(s[i]) * weights[i];
    return sum % 89 == 0;
}

bool sl_check_au_acn(const char *s, size_t n)
{
    return sl_digits_n(s, n, 9) && (10 - sl_weigh(s, "87654321") % 10) % 10 == sl_dig(s[8]);
}

/* Ten digits, an eleventh for the person on the card. */
bool sl_check_au_medicare(const char *s, size_t n)
{
    return (n == 10 || n == 11) && sl_digits(s, n) && s[0] >= '2' && s[0] <= '6' &&
           sl_weigh(s, "13791379") % 10 == sl_dig(s[8]);
}

bool sl_check_nz_ird(const char *s, size_t n)
{
    char d[10];
    if ((n != 8 && n != 9) || !sl_digits(s, n))
        return false;
    d[0] = '0';
    memcpy(d + 9 - n, s, n);
    if (sl_int(d, 9) <= 10000000 || sl_int(d, 9) >= 150000000)
        return false;
    int check = (11 - sl_weigh(d, "32765432") % 11) % 11;
    if (check == 10)
        check = (11 - sl_weigh(d, "74325276") % 11) % 11;
    return check == sl_dig(d[8]);
}

/* ABC1234 */
bool sl_check_nz_nhi(const char *s, size_t n)
{
    static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZ";
    if (n != 7 || !sl_digits(s + 3, 4))
        return false;
    int sum = sl_weigh(s + 3, "432");
    for (int i = 0; i < 3; i++) {
        const char *p = memchr(alphabet, s[i], 24);
        if (!p)
            return false;
        sum += (int)(p - alphabet + 1) * (7 - i);
    }
    return sum % 11 != 0 && (11 - sum % 11) % 10 == sl_dig(s[6]);
}

/* ---- Africa ---- */
bool sl_check_za_id(const char *s, size_t n)
{
    return sl_digits_n(s, n, 13) && (s[10] == '0' || s[10] == '1') &&
           (sl_yymmdd(s, 1900) || sl_yymmdd(s, 2000)) && sl_check_luhn(s, n);
}

bool sl_check_gh_tin(const char *s, size_t n)
{
    if (n != 11 || !memchr("PCGQV", s[0], 5) || memcmp(s + 1, "00", 2) != 0 || !sl_digits(s + 1, 9))
        return false;
    return s[10] == "0123456789X"[sl_weigh(s + 1, "123456789") % 11];
}
