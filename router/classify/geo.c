/* geo.c - coordinates beside words for a place: so exact that a house can be found. */
#include "router/classify/contact.h"
#include "router/classify/numbers.h"

typedef struct decimal {
    size_t at, end;
    int whole, fraction; /* the whole part's value, the fraction's digits */
} decimal;

static bool read_decimal(sl_str t, size_t i, decimal *d)
{
    *d = (decimal){.at = i};
    int n = 0;
    for (; i < t.n && sl_is_digit(t.p[i]) && n < 4; i++, n++)
        d->whole = d->whole * 10 + (t.p[i] - '0');
    if (n == 0 || n > 3 || i + 1 >= t.n || (t.p[i] != '.' && t.p[i] != ','))
        return false;
    for (i++; i < t.n && sl_is_digit(t.p[i]); i++)
        d->fraction++;
    d->end = i;
    return d->fraction >= 2;
}

/* 39°9'10"N: degrees and minutes. */
static size_t degrees_end(sl_str t, size_t i)
{
    size_t x = i;
    int n = 0;
    for (; x < t.n && sl_is_digit(t.p[x]) && n < 3; x++)
        n++;
    if (n == 0 || x + 4 > t.n)
        return 0;
    if ((unsigned char)t.p[x] == 0xc2 && (unsigned char)t.p[x + 1] == 0xb0)
        x += 2;
    else if (memcmp(t.p + x, "度", 3) == 0)
        x += 3;
    else
        return 0;
    while (x < t.n && t.p[x] == ' ')
        x++;
    return x < t.n && sl_is_digit(t.p[x]) ? x + 1 : 0;
}

void sl_geo_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    decimal a = {0}, b;
    bool have = false;
    for (size_t i = from; i < to; i++) {
        if (!sl_is_digit(t.p[i]))
            continue;
        size_t end = degrees_end(t, i);
        if (end) {
            sl_add(c, SL_ENT_GEO_COORDINATES, SL_LEVEL_CONFIDENTIAL, i, end - i);
            return;
        }
        if (!read_decimal(t, i, &b)) {
            while (i < to && sl_is_digit(t.p[i]))
                i++;
            continue;
        }
        if (have && b.at - a.end < 24 && a.whole <= 180 && b.whole <= 180 &&
            a.fraction + b.fraction >= 9) {
            sl_add(c, SL_ENT_GEO_COORDINATES, SL_LEVEL_CONFIDENTIAL, a.at, b.end - a.at);
            return;
        }
        a = b, have = true;
        i = b.end - 1;
    }
}
