/* validators_east.c - identifiers of central and eastern Europe, Turkey and central Asia. */
#include "router/classify/checks.h"

/* ---- Poland, Czechia, Slovakia, Hungary ---- */
bool sl_check_pl_pesel(const char *s, size_t n)
{
    static const int centuries[] = {1900, 2000, 2100, 2200, 1800};
    if (!sl_digits_n(s, n, 11) || sl_weigh(s, "13791379131") % 10 != 0)
        return false;
    int month = sl_int(s + 2, 2);
    return sl_day(centuries[month / 20] + sl_int(s, 2), month % 20, sl_int(s + 4, 2));
}

bool sl_check_pl_nip(const char *s, size_t n)
{
    if (n == 12 && memcmp(s, "PL", 2) == 0)
        s += 2, n -= 2;
    return sl_digits_n(s, n, 10) && sl_weigh(s, "657234567") % 11 == sl_dig(s[9]);
}

bool sl_check_pl_regon(const char *s, size_t n)
{
    if ((n != 9 && n != 14) || !sl_digits(s, n))
        return false;
    bool nine = sl_weigh(s, "89234567") % 11 % 10 == sl_dig(s[8]);
    return nine && (n == 9 || sl_weigh(s, "2485097361248") % 11 % 10 == sl_dig(s[13]));
}

/* ABC123456, check digit first */
bool sl_check_pl_dowod(const char *s, size_t n)
{
    if (n != 9 || !sl_letters(s, 3) || !sl_digits(s + 3, 6))
        return false;
    return (sl_weigh(s, "731") + sl_weigh(s + 4, "73173")) % 10 == sl_dig(s[3]);
}

bool sl_check_cz_rc(const char *s, size_t n)
{
    if ((n != 9 && n != 10) || !sl_digits(s, n))
        return false;
    int year = 1900 + sl_int(s, 2), month = sl_int(s + 2, 2) % 50 % 20;
    if (n == 9) { /* until 1953, without a check digit */
        year -= year >= 1980 ? 100 : 0;
        return year <= 1953 && sl_day(year, month, sl_int(s + 4, 2));
    }
    year += year < 1954 ? 100 : 0;
    return sl_day(year, month, sl_int(s + 4, 2)) && (int)sl_mod(s, 9, 11) % 10 == sl_dig(s[9]);
}

bool sl_check_hu_tax(const char *s, size_t n)
{
    return sl_digits_n(s, n, 10) && s[0] == '8' && sl_weigh(s, "123456789") % 11 == sl_dig(s[9]);
}

bool sl_check_hu_taj(const char *s, size_t n)
{
    return sl_digits_n(s, n, 9) && sl_weigh(s, "37373737") % 10 == sl_dig(s[8]);
}

bool sl_check_hu_anum(const char *s, size_t n)
{
    if (n == 10 && memcmp(s, "HU", 2) == 0)
        s += 2, n -= 2;
    return sl_digits_n(s, n, 8) && sl_weigh(s, "97319731") % 10 == 0;
}

/* ---- Romania, Bulgaria, Croatia, Serbia, Slovenia ---- */
bool sl_check_ro_cnp(const char *s, size_t n)
{
    static const int centuries[] = {0, 1900, 1900, 1800, 1800, 2000, 2000, 1900, 1900, 1900};
    if (!sl_digits_n(s, n, 13) || s[0] == '0')
        return false;
    if (!sl_day(centuries[sl_dig(s[0])] + sl_int(s + 1, 2), sl_int(s + 3, 2), sl_int(s + 5, 2)))
        return false;
    int county = sl_int(s + 7, 2);
    bool known = (county >= 1 && county <= 48) || county == 51 || county == 52 || county == 70 ||
                 (county >= 80 && county <= 83);
    int check = sl_weigh(s, "279146358279") % 11;
    return known && (check == 10 ? 1 : check) == sl_dig(s[12]);
}

bool sl_check_ro_cui(const char *s, size_t n)
{
    if (n > 2 && memcmp(s, "RO", 2) == 0)
        s += 2, n -= 2;
    if (n < 2 || n > 10 || !sl_digits(s, n) || s[0] == '0')
        return false;
    int sum = sl_weigh(s, &"753217532"[10 - n]);
    return sum * 10 % 11 % 10 == sl_dig(s[n - 1]);
}

bool sl_check_bg_egn(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 10) || sl_weigh(s, "2485A9736") % 11 % 10 != sl_dig(s[9]))
        return false;
    int year = 1900 + sl_int(s, 2), month = sl_int(s + 2, 2);
    if (month > 40)
        year += 100, month -= 40;
    else if (month > 20)
        year -= 100, month -= 20;
    return sl_day(year, month, sl_int(s + 4, 2));
}

bool sl_check_hr_oib(const char *s, size_t n)
{
    return sl_digits_n(s, n, 11) && sl_mod11_10(s, n);
}

/* The numbers of the former Yugoslavia, DDMMYYY first. */
bool sl_check_jmbg(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 13))
        return false;
    int year = sl_int(s + 4, 3);
    year += year < 800 ? 2000 : 1000;
    return sl_day(year, sl_int(s + 2, 2), sl_int(s, 2)) &&
           (11 - sl_weigh(s, "765432765432") % 11) % 11 % 10 == sl_dig(s[12]);
}

bool sl_check_si_ddv(const char *s, size_t n)
{
    if (n == 10 && memcmp(s, "SI", 2) == 0)
        s += 2, n -= 2;
    if (!sl_digits_n(s, n, 8) || s[0] == '0')
        return false;
    int check = 11 - sl_weigh(s, "8765432") % 11;
    return (check == 10 ? 0 : check) == sl_dig(s[7]); /* 11 has no digit */
}

bool sl_check_rs_pib(const char *s, size_t n)
{
    return sl_digits_n(s, n, 9) && sl_mod11_10(s, n);
}

/* ---- the Baltic states ---- */
static bool baltic_digit(const char *s)
{
    int check = sl_weigh(s, "1234567891") % 11;
    if (check == 10)
        check = sl_weigh(s, "3456789123") % 11;
    return check % 10 == sl_dig(s[10]);
}

static bool baltic_day(const char *s)
{
    return s[0] >= '1' && s[0] <= '8' && sl_yymmdd(s + 1, 1800 + (sl_dig(s[0]) - 1) / 2 * 100);
}

bool sl_check_ee_ik(const char *s, size_t n)
{
    return sl_digits_n(s, n, 11) && baltic_day(s) && baltic_digit(s);
}

bool sl_check_lt_asmens(const char *s, size_t n)
{
    return sl_digits_n(s, n, 11) && (s[0] == '9' || baltic_day(s)) && baltic_digit(s);
}

/* Personal codes, those since 2017 begin with 32, and numbers of companies. */
bool sl_check_lv_pk(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 11))
        return false;
    if (s[0] > '3')
        return sl_weigh(s, "91483A25761") % 11 == 3;
    if ((s[0] != '3' || s[1] != '2') &&
        !sl_day(1800 + sl_dig(s[6]) * 100 + sl_int(s + 4, 2), sl_int(s + 2, 2), sl_int(s, 2)))
        return false;
    return (1 + sl_weigh(s, "A584216379")) % 11 % 10 == sl_dig(s[10]);
}

/* ---- Russia, Ukraine, Belarus, Kazakhstan ---- */
bool sl_check_ru_inn(const char *s, size_t n)
{
    if (sl_digits_n(s, n, 10))
        return sl_weigh(s, "24A359468") % 11 % 10 == sl_dig(s[9]);
    return sl_digits_n(s, n, 12) && sl_weigh(s, "724A359468") % 11 % 10 == sl_dig(s[10]) &&
           sl_weigh(s, "3724A359468") % 11 % 10 == sl_dig(s[11]);
}

bool sl_check_ru_snils(const char *s, size_t n)
{
    return sl_digits_n(s, n, 11) && sl_weigh(s, "987654321") % 101 % 100 == sl_int(s + 9, 2);
}

bool sl_check_ru_ogrn(const char *s, size_t n)
{
    if (!sl_digits(s, n))
        return false;
    if (n == 13)
        return s[0] != '0' && (int)sl_mod(s, 12, 11) % 10 == sl_dig(s[12]);
    /* the last digit of a remainder by 13; the registry writes 10-12 as 0-2 */
    return n == 15 && (s[0] == '3' || s[0] == '4') && (int)sl_mod(s, 14, 13) % 10 == sl_dig(s[14]);
}

bool sl_check_ua_rntrc(const char *s, size_t n)
{
    return sl_digits_n(s, n, 10) &&
           (sl_weigh(s, "A57946A57") - 11 * sl_dig(s[0]) + 99) % 11 % 10 == sl_dig(s[9]);
}

bool sl_check_ua_edrpou(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 8))
        return false;
    bool middle = s[0] >= '3' && s[0] <= '5';
    int check = sl_weigh(s, middle ? "7123456" : "1234567") % 11;
    if (check == 10)
        check = sl_weigh(s, middle ? "9345678" : "3456789") % 11 % 10;
    return check == sl_dig(s[7]);
}

bool sl_check_by_unp(const char *s, size_t n)
{
    static const char letters[] = "ABCEHKMOPT";
    static const int weights[] = {29, 23, 19, 17, 13, 7, 5, 3};
    if (n != 9 || !sl_digits(s + 2, 7) || !memchr("1234567ABCEHKM", s[0], 14))
        return false;
    bool digits = sl_digits(s, 2);
    const char *second = memchr(letters, s[1], 10);
    if (!digits && (!second || sl_digits(s, 1)))
        return false;
    int sum = sl_value36(s[0]) * 29;
    sum += (digits ? sl_dig(s[1]) : (int)(second - letters)) * 23;
    for (int i = 2; i < 8; i++)
        sum += sl_dig(s[i]) * weights[i];
    return sum % 11 < 10 && sum % 11 == sl_dig(s[8]);
}

bool sl_check_kz_iin(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 12) || s[6] > '6' || (!sl_yymmdd(s, 1900) && !sl_yymmdd(s, 2000)))
        return false;
    int check = sl_weigh(s, "123456789AB") % 11;
    if (check == 10)
        check = sl_weigh(s, "3456789AB12") % 11;
    return check < 10 && check == sl_dig(s[11]);
}

/* ---- Turkey ---- */
bool sl_check_tr_tckn(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 11) || s[0] == '0')
        return false;
    int tenth = (10 - sl_weigh(s, "313131313") % 10) % 10;
    return tenth == sl_dig(s[9]) && (tenth + sl_weigh(s, "111111111")) % 10 == sl_dig(s[10]);
}

bool sl_check_tr_vkn(const char *s, size_t n)
{
    if (!sl_digits_n(s, n, 10))
        return false;
    int sum = 0;
    for (int i = 0; i < 9; i++) {
        int v = (sl_dig(s[i]) + 9 - i) % 10, power = 1 << (9 - i);
        if (v)
            sum += v * power % 9 ? v * power % 9 : 9;
    }
    return (10 - sum % 10) % 10 == sl_dig(s[9]);
}
