/* birth.c - dates beside words for a birth, in the orders and languages people write them. */
#include "router/classify/contact.h"
#include "router/classify/numbers.h"
#include "router/classify/validators.h"

typedef struct num {
    size_t at, end;
    int n, v;
} num;

/* Digits at i, at most eight. */
static num read_num(sl_str t, size_t i)
{
    num r = {.at = i};
    for (; i < t.n && r.n < 9 && sl_is_digit(t.p[i]); i++, r.n++)
        r.v = r.n < 8 ? r.v * 10 + (t.p[i] - '0') : r.v;
    r.end = i;
    return r;
}

/* The next number within `most` bytes behind `from`. */
static num next_num(sl_str t, size_t from, size_t most)
{
    size_t i = from;
    while (i < t.n && i < from + most && !sl_is_digit(t.p[i]) && t.p[i] != '\n')
        i++;
    return i < t.n && sl_is_digit(t.p[i]) ? read_num(t, i) : (num){.at = i};
}

/* Years of people alive: ours, the Buddhist and the Islamic calendars'. */
static bool is_year(int y, int this_year, int first)
{
    return (y >= first && y <= this_year) || (y >= 2458 && y <= this_year + 543) ||
           (y >= 1300 && y <= 1450 && first < 1915);
}

static bool is_sep(char ch)
{
    return ch == '-' || ch == '/' || ch == '.' || ch == ' ' || ch == ',';
}

/* Three numbers with one or two separators between. */
static bool joined(sl_str t, const num *a, const num *b)
{
    return b->n && b->at > a->end && b->at <= a->end + 2 && is_sep(t.p[a->end]);
}

static bool is_day(const num *a)
{
    return a->n >= 1 && a->n <= 2 && a->v >= 1 && a->v <= 31;
}

static bool run_of_eight(const num *a, int this_year, int first)
{
    int y = a->v / 10000, m = a->v / 100 % 100, d = a->v % 100;
    if (is_year(y, this_year, first) && m >= 1 && m <= 12 && d >= 1 && d <= 31)
        return true;
    y = a->v % 10000, m = a->v / 10000 % 100, d = a->v / 1000000;
    return is_year(y, this_year, first) && m >= 1 && d >= 1 && m <= 31 && d <= 31;
}

/* Where the date that begins with number a ends, or 0. */
static size_t date_end(sl_str t, num a, int this_year, int first)
{
    if (a.n == 8)
        return run_of_eight(&a, this_year, first) ? a.end : 0;
    if (a.n == 6) /* 850312 */
        return first < 1915 && a.v / 100 % 100 >= 1 && a.v / 100 % 100 <= 31 && a.v % 100 ? a.end
                                                                                          : 0;
    num b = next_num(t, a.end, 8);
    num c = b.n ? next_num(t, b.end, 8) : b;
    bool era = a.end + 3 <= t.n &&
               (memcmp(t.p + a.end, "年", 3) == 0 || memcmp(t.p + a.end, "년", 3) == 0);
    era &= a.n <= 2 || (a.n == 3 && a.v <= 130) || is_year(a.v, this_year, first);
    if (era && is_day(&b)) /* 1985年3月12日, 昭和60年3月 */
        return is_day(&c) ? c.end : b.end;
    if (a.n == 4 && is_year(a.v, this_year, first))
        return is_day(&b) && is_day(&c) && b.at <= a.end + 8 ? c.end : 0;
    if (!is_day(&a))
        return 0;
    if (joined(t, &a, &b) && joined(t, &b, &c) && is_day(&b) &&
        ((c.n == 4 && is_year(c.v, this_year, first)) || c.n == 2))
        return c.end;
    /* 12 March 1985, March 12, 1985, 12 de marzo de 1985, 3 мая 1985 */
    num y = next_num(t, a.end, 28);
    return y.n == 4 && is_year(y.v, this_year, first) ? y.end : 0;
}

static void find(sl_classifier *c, sl_str t, size_t from, size_t to, int first)
{
    for (size_t i = from; i < to; i++) {
        if (!sl_is_digit(t.p[i]) || (i > 0 && sl_is_digit(t.p[i - 1])))
            continue;
        num a = read_num(t, i);
        size_t end = date_end(t, a, c->this_year, first);
        if (end) {
            sl_add(c, SL_ENT_DATE_OF_BIRTH, SL_LEVEL_CONFIDENTIAL, a.at, end - a.at);
            return;
        }
        i = a.end;
    }
}

/* "Date of birth": whatever looks like a date. */
void sl_birth_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    find(c, t, from, to, 1900);
}

/* "born on": history is full of them, so only those who may live. */
void sl_born_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    size_t near = word > 28 ? word - 28 : 0;
    find(c, t, from > near ? from : near, to, 1925);
}
