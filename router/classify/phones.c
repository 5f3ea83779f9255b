/* phones.c - telephone numbers and IP addresses among the digit groups of a view. */
#include "router/classify/numbers.h"
#include "router/classify/validators.h"

bool sl_check_cn_mobile(const sl_window *w)
{
    if (!sl_cn_mobile(w->d))
        return false;
    bool regular = w->i == w->j || (w->singles && sl_whole_singles(w)) || sl_shaped(w, "344") ||
                   sl_shaped(w, "335") || sl_shaped(w, "38") || sl_shaped(w, "434") ||
                   sl_shaped(w, "443") || sl_shaped(w, "56");
    bool ctx = sl_near(w, SL_CTX_PHONE);
    if ((!regular || w->glued || sl_is_fraction(w)) && !ctx)
        return false;
    sl_add(w->k->c, SL_ENT_CN_MOBILE, SL_LEVEL_CONFIDENTIAL, w->at, w->end - w->at);
    return true;
}

/* +44 20 7946 0958, 0086…: the longest window from i whose digits are an international number. */
bool sl_check_e164(sl_cluster *k, int i)
{
    const char *p = k->t.p;
    size_t at = k->g[i].at;
    bool plus = at > 0 && (p[at - 1] == '+' || (at > 1 && p[at - 1] == '(' && p[at - 2] == '+'));
    bool zeros = k->g[i].n >= 2 && k->g[i].d[0] == 0 && k->g[i].d[1] == 0;
    if (!plus && !zeros)
        return false;
    size_t skip = plus ? 0 : 2;
    sl_window w;
    int best = -1;
    uint8_t d[SL_WINDOW + 1];
    for (int j = i; j < k->n && sl_window_set(&w, k, i, j); j++) {
        if (j > i && (k->g[j].sep_n > 2 || k->g[j].sep == ',' || k->g[j].sep == '\n'))
            break;
        size_t n = (size_t)w.n - skip;
        memcpy(d, w.d + skip, n);
        bool ok = sl_e164(d, n);
        /* "+44 (0)20": the national 0 in brackets is not dialled */
        if (!ok && j > i && k->g[i + 1].n == 1 && k->g[i + 1].d[0] == 0) {
            size_t cc = k->g[i].n - skip;
            memmove(d + cc, d + cc + 1, n - cc - 1);
            ok = sl_e164(d, n - 1);
        }
        if (ok && (plus || sl_near(&w, SL_CTX_PHONE) || j > i ||
                   (d[0] == 8 && d[1] == 6 && sl_cn_mobile(d + 2))))
            best = j;
    }
    if (best < 0)
        return false;
    size_t from = at - (plus ? 1 : 0);
    sl_add(k->c, SL_ENT_PHONE_NUMBER, SL_LEVEL_CONFIDENTIAL, from, k->g[best].end - from);
    k->done_to = k->g[best].end;
    return true;
}

static bool is_year(const sl_group *g)
{
    return g->n == 4 && ((g->d[0] == 1 && g->d[1] == 9) || (g->d[0] == 2 && g->d[1] == 0));
}

/* National forms. The run is the stretch from i that separators of telephone numbers join. */
void sl_check_national(sl_cluster *k, int i)
{
    int j = i, n = k->g[i].n;
    while (j + 1 < k->n && k->g[j + 1].sep_n <= 2 && memchr(" -./()", k->g[j + 1].sep, 6) &&
           j - i < 6)
        n += k->g[++j].n;
    if (n < (j >= i + 2 ? 6 : 7) || n > 13) /* 33 93 31 */
        return;
    sl_window w;
    for (int x = i; x <= j; x++) {
        if (!sl_window_set(&w, k, i, x))
            return;
    }
    if (w.glued && (sl_byte_after(&w) | 32) != 'x')
        return;
    const sl_group *g = &k->g[i];
    const char *p = k->t.p;
    bool paren = g->at > 0 && p[g->at - 1] == '(' && g->n >= 2 && g->n <= 5 && j > i &&
                 k->g[i + 1].sep == ')';
    bool dash = j > i && k->g[i + 1].sep == '-' && k->g[i + 1].sep_n == 1;
    if (j == i + 1 && (dash || paren) && sl_cn_landline(g->d, g->n, k->g[j].n)) {
        sl_add(k->c, SL_ENT_CN_LANDLINE, SL_LEVEL_CONFIDENTIAL, w.at, w.end - w.at);
    } else if (is_year(g) || is_year(&k->g[j]) || (j > i && g->n == 1 && n < 10)) {
        return; /* dates and ranges of years */
    } else if (sl_near(&w, SL_CTX_PHONE)) {
        sl_add(k->c, SL_ENT_PHONE_NUMBER, SL_LEVEL_CONFIDENTIAL, w.at, w.end - w.at);
    } else if ((paren && n >= 8) ||
               (j > i && n >= 9 && g->n >= 2 && g->d[0] == 0 && g->d[1] != 0 && w.same_sep) ||
               (sl_shaped(&w, "334") && sl_nanp(w.d))) {
        sl_add_weak(k->c, SL_ENT_PHONE_NUMBER, w.at, w.end - w.at);
    } else {
        return;
    }
    k->done_to = w.end;
}

bool sl_check_ip(sl_cluster *k, int i)
{
    if (i + 3 >= k->n || (i + 4 < k->n && k->g[i + 4].sep == '.' && k->g[i + 4].sep_n == 1))
        return false;
    if (i > 0 && k->g[i].sep == '.' && k->g[i].sep_n == 1)
        return false;
    int octet[4], digits = 0;
    for (int x = 0; x < 4; x++) {
        const sl_group *g = &k->g[i + x];
        if (g->n > 3 || (x > 0 && (g->sep != '.' || g->sep_n != 1)))
            return false;
        octet[x] = 0;
        for (int y = 0; y < g->n; y++)
            octet[x] = octet[x] * 10 + g->d[y];
        digits += g->n;
    }
    if (digits < 7 || !sl_ipv4_public_interest(octet)) /* "1.2.3.4" is a version as well */
        return false;
    sl_add(k->c, SL_ENT_IP_ADDRESS, SL_LEVEL_INTERNAL, k->g[i].at, k->g[i + 3].end - k->g[i].at);
    k->done_to = k->g[i + 3].end;
    return true;
}
