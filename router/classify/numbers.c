/* numbers.c - one pass over the digits of a view feeds every check of a number.
 *
 * A cluster is a row of digit groups with at most three separators (space, - . / _ , ( ) quotes,
 * newline) between two groups. Every window of groups with at most 19 digits is a candidate; its
 * length picks the checks. A long cluster is worked in slices of SL_GROUPS groups that overlap by
 * 19, so the work is linear in the text. How a window is grouped decides how much it is worth:
 * "4111 1111 1111 1111" is a card, five numbers of a table that happen to have 16 digits are not.
 */
#include "router/classify/numbers.h"
#include "router/classify/idrules.h"

enum { GROUP_WORK = 25, WINDOW_WORK = 5, DIGITS_WORK = 10 };

/* What is found here already, tokens.c shall not count twice. */
static void take(sl_cluster *k, size_t at, size_t end)
{
    k->done_to = end;
    if (k->c->taken_n < SL_TAKEN)
        k->c->taken[k->c->taken_n++] = (sl_span){(uint32_t)at, (uint32_t)end};
}

static bool is_sep(char ch)
{
    switch (ch) {
    case ' ':
    case '-':
    case '.':
    case '/':
    case '_':
    case ',':
    case '(':
    case ')':
    case '\n':
    case '\r':
    case '\t':
    case '"':
    case '\'':
        return true;
    default:
        return false;
    }
}

/* The fraction of "0.5105105105105100" is no number of its own. */
bool sl_is_fraction(const sl_window *w)
{
    return w->i == w->j && w->i > 0 && w->k->g[w->i].sep == '.' && w->k->g[w->i].sep_n == 1;
}

/* Of digits spelled one by one only the whole run counts, or what one end of it cuts off. */
bool sl_whole_singles(const sl_window *w)
{
    const sl_cluster *k = w->k;
    bool left = w->i == 0 ? !k->cut : k->g[w->i - 1].n > 1;
    return left || w->j + 1 == k->n || k->g[w->j + 1].n > 1;
}

/* Digits spelled one by one: only the whole of such a run is a number, not each part of it. */
static bool inside_singles(const sl_cluster *k, int i, int end)
{
    return k->g[i].n == 1 && end - i > SL_WINDOW && (i > 0 ? k->g[i - 1].n == 1 : k->cut);
}

/* Works the groups before `limit`; those behind only complete windows. */
static void work(sl_cluster *k, int limit)
{
    if (k->n == 1 && k->g[0].n < 6 && !(k->g[0].at >= 2 && sl_is_letter(k->t.p[k->g[0].at - 1])))
        return; /* most numbers of a text: too short for anything but the start of an IBAN */
    for (int i = 0, singles = 0; i < limit; i++) {
        if (singles <= i)
            singles = i;
        while (singles < k->n && k->g[singles].n == 1)
            singles++;
        if (k->g[i].at < k->done_to || inside_singles(k, i, singles))
            continue;
        if (sl_check_iban(k, i)) {
            take(k, k->g[i].at, k->done_to);
            continue;
        }
        if (sl_check_ip(k, i) || sl_check_e164(k, i))
            continue;
        sl_window w;
        int j = i;
        for (; j < k->n && sl_window_set(&w, k, i, j); j++) {
            if (w.n >= 9 && sl_check_id_window(&w)) {
                take(k, w.at, w.end);
                break;
            }
        }
        if (!sl_work(k->c, GROUP_WORK + WINDOW_WORK * (size_t)(j - i)))
            return;
        bool starts = i == 0 || k->g[i].sep_n > 1 || !memchr(" -./", k->g[i].sep, 4);
        if (k->g[i].at >= k->done_to && starts)
            sl_check_national(k, i);
    }
}

size_t sl_next_digit(sl_str t, size_t i)
{
    for (; i + 8 <= t.n; i += 8) {
        uint64_t digits = sl_eight_digits(sl_eight(t, i));
        if (digits)
            return i + (size_t)__builtin_ctzll(digits) / 8;
    }
    while (i < t.n && !sl_is_digit(t.p[i]))
        i++;
    return i;
}

static size_t read_group(sl_str t, size_t i, sl_group *g, size_t sep_at)
{
    *g = (sl_group){.at = i, .sep_n = (uint8_t)(i - sep_at), .sep = i > sep_at ? t.p[sep_at] : 0};
    for (; i < t.n && sl_is_digit(t.p[i]); i++) {
        if (g->n < SL_GROUP_DIGITS)
            g->d[g->n++] = (uint8_t)(t.p[i] - '0');
    }
    g->end = i;
    return i;
}

void sl_numbers_scan(sl_classifier *c, sl_str t)
{
    sl_cluster k;
    k.c = c, k.t = t, k.done_to = 0, k.cut = false;
    for (size_t i = sl_next_digit(t, 0); i < t.n; i = sl_next_digit(t, i)) {
        k.n = 0, k.cut = false;
        size_t sep = i;
        for (;;) {
            i = read_group(t, i, &k.g[k.n++], sep);
            if (!sl_work(c, DIGITS_WORK))
                return;
            sl_loose_group(c, t, &k.g[k.n - 1]);
            if (k.n == SL_GROUPS) { /* work what is complete, keep the rest for windows across */
                work(&k, SL_GROUPS - SL_WINDOW);
                memmove(k.g, k.g + SL_GROUPS - SL_WINDOW, SL_WINDOW * sizeof *k.g);
                k.n = SL_WINDOW, k.cut = true;
            }
            sep = i;
            size_t x = i;
            while (x < t.n && x < i + 3 && is_sep(t.p[x]))
                x++;
            if (x == i || x >= t.n || !sl_is_digit(t.p[x]))
                break;
            i = x;
        }
        work(&k, k.n);
    }
    sl_loose_end(c, t);
    sl_tokens_scan(c, t);
    sl_seed_scan(c, t);
}
