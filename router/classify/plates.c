/* plates.c - licence plates: Chinese ones by their province, others beside words. */
#include "router/classify/contact.h"
#include "router/classify/numbers.h"

static bool plate_char(char ch)
{
    return sl_is_digit(ch) || (sl_is_letter(ch) && (ch | 32) != 'i' && (ch | 32) != 'o');
}

/* Separators of a plate at i: bytes to skip. */
static size_t gap(sl_str t, size_t i)
{
    size_t n = 0;
    while (n < 2 && i + n < t.n && memchr(" .-", t.p[i + n], 3))
        n++;
    if (n == 0 && i + 2 < t.n && (unsigned char)t.p[i] == 0xc2 && (unsigned char)t.p[i + 1] == 0xb7)
        n = 2;
    return n;
}

/* 学 警 港 澳 领 挂 试 超 behind four characters. */
static bool special_tail(sl_str t, size_t i)
{
    static const char tails[] = "学警港澳领挂试超";
    for (size_t x = 0; i + 3 <= t.n && x + 3 < sizeof tails; x += 3) {
        if (memcmp(t.p + i, tails + x, 3) == 0)
            return true;
    }
    return false;
}

/* The hit is a province's character and a letter that ends at `end`. */
void sl_cn_plate_hit(sl_classifier *c, sl_str t, size_t end)
{
    size_t i = end + gap(t, end), n = 0;
    int digits = 0;
    while (n < 7 && i + n < t.n && plate_char(t.p[i + n])) {
        digits += sl_is_digit(t.p[i + n]);
        n++;
    }
    bool edge = i + n >= t.n || !(sl_is_letter(t.p[i + n]) || sl_is_digit(t.p[i + n]));
    if (!edge || digits < 2)
        return;
    if (n == 4 && special_tail(t, i + 4))
        n += 3;
    else if (n != 5 && !(n == 6 && digits >= 4))
        return;
    sl_add(c, SL_ENT_CN_PLATE, SL_LEVEL_CONFIDENTIAL, end - 4, i + n - (end - 4));
}

static bool upper_or_digit(char ch)
{
    return sl_is_digit(ch) || (ch >= 'A' && ch <= 'Z');
}

/* Latin letters and digits in at most three groups: "B-MW 1234", "AB12 CDE", "1234 BCD". */
static size_t latin_plate(sl_str t, size_t i)
{
    size_t x = i, end = i, letters = 0, digits = 0;
    int groups = 0, changes = 0;
    while (groups < 4) {
        size_t from = x;
        while (x < t.n && x - from < 8 && upper_or_digit(t.p[x])) {
            changes += x > i && sl_is_digit(t.p[x]) != sl_is_digit(t.p[x - 1]);
            letters += !sl_is_digit(t.p[x]);
            digits += sl_is_digit(t.p[x]);
            x++;
        }
        if (x == from || (x < t.n && sl_is_letter(t.p[x])) || letters + digits > 9)
            break;
        end = x, groups++;
        if (x + 1 >= t.n || !memchr(" -.", t.p[x], 3) || !upper_or_digit(t.p[x + 1]))
            break;
        x++;
    }
    bool plain = letters >= 1 && digits >= 1 && letters <= 6 && digits <= 7 && groups <= 4;
    return plain && letters + digits >= 4 && letters + digits <= 9 && changes <= 5 ? end : 0;
}

static size_t digits_at(sl_str t, size_t i)
{
    size_t n = 0;
    while (n < 9 && i + n < t.n && sl_is_digit(t.p[i + n]))
        n++;
    return n;
}

static size_t letters_at(sl_str t, size_t i)
{
    size_t n = 0;
    while (n < 10 && i + n < t.n && (unsigned char)t.p[i + n] >= 0x80)
        n++;
    return n;
}

/* а123вс77, 12가 3456, 品川 300 あ 12-34: digits, letters of the country, digits. */
static size_t other_plate(sl_str t, size_t i)
{
    size_t a = digits_at(t, i);
    if (a < 2 || a > 3)
        return 0;
    size_t x = i + a;
    x += x < t.n && t.p[x] == ' ';
    size_t l = letters_at(t, x);
    if (l < 2 || l > 6)
        return 0;
    x += l;
    x += x < t.n && t.p[x] == ' ';
    size_t b = digits_at(t, x);
    if (b < 2 || b > 4)
        return 0;
    if (b == 2 && x + 4 < t.n && t.p[x + 2] == '-' && digits_at(t, x + 3) == 2)
        b = 5;
    return x + b;
}

void sl_plate_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        bool starts = i == 0 || !(upper_or_digit(t.p[i - 1]) || sl_is_letter(t.p[i - 1]));
        if (!starts || !upper_or_digit(t.p[i]))
            continue;
        size_t end = latin_plate(t, i);
        if (!end && sl_is_digit(t.p[i]))
            end = other_plate(t, i);
        if (end) {
            sl_add(c, SL_ENT_LICENCE_PLATE, SL_LEVEL_CONFIDENTIAL, i, end - i);
            return;
        }
        while (i + 1 < to && upper_or_digit(t.p[i + 1]))
            i++;
    }
}
