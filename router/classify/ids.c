/* ids.c - identifiers made of digits: payment cards, bank accounts, identity numbers. */
#include "router/classify/numbers.h"
#include "router/classify/validators.h"

static bool card_shape(const sl_window *w)
{
    if (w->i == w->j)
        return !sl_is_fraction(w);
    if (w->singles)
        return true;
    if (sl_shaped(w, 0x22222222)) /* pairs; not eight in a row of more */
        return w->i == 0 && w->j + 1 == w->k->n && !w->k->cut;
    if (w->j == w->i + 1 && sl_group_n(w, 0) == 6 && sl_group_n(w, 1) >= 10) /* 6+13 of UnionPay */
        return true;
    switch (w->shape) {
    case 0x4444:
    case 0x44443:
    case 0x44442:
    case 0x44441:
    case 0x465:
    case 0x464:
    case 0x88:
    case 0x4443:
    case 0x883:
    case 0x466:
    case 0x55333:
        return w->same_sep;
    default:
        return false;
    }
}

/* EAN-13, or UPC with its 12. */
static bool bar_code(const sl_window *w)
{
    if (w->n != 12 && w->n != 13)
        return false;
    int sum = 0;
    for (int i = 0; i < w->n; i++)
        sum += w->d[i] * ((w->n - i) % 2 ? 1 : 3);
    return sum % 10 == 0;
}

static bool check_card(const sl_window *w)
{
    if (w->n < 12)
        return false;
    if (w->singles && w->i < w->j && !sl_whole_singles(w))
        return false;
    /* the B of "%B4111…^" is the mark of a magnetic track */
    bool track = sl_byte_before(w) == 'B' && w->at >= 2 && w->k->t.p[w->at - 2] == '%';
    bool good_shape = card_shape(w) && (!sl_glued(w) || track);
    if (!good_shape && w->k->c->ctx.n == 0)
        return false;
    /* most numbers end here: without the check digit it must look like a card in all else */
    bool luhn = sl_luhn(w->d, (size_t)w->n);
    if (!luhn && !(good_shape && w->n >= 15))
        return false;
    bool word = sl_near(w, SL_CTX_CARD);
    if (!word && !(good_shape && luhn))
        return false;
    sl_card issuer = sl_card_issuer(w->d, (size_t)w->n);
    if ((issuer == SL_CARD_NO && w->n < 13) || (!luhn && issuer != SL_CARD_YES))
        return false;
    /* beside the word a Luhn digit is enough, whoever issued it, and so is an issuer without one */
    if (word) {
        sl_add(w->k->c, SL_ENT_CREDIT_CARD, SL_LEVEL_RESTRICTED, w->at, w->end - w->at);
        return true;
    }
    if (track && luhn) {
        sl_add(w->k->c, SL_ENT_CARD_TRACK, SL_LEVEL_RESTRICTED, w->at, w->end - w->at);
        return true;
    }
    if (!luhn || !good_shape || issuer == SL_CARD_NO)
        return false;
    if (issuer == SL_CARD_YES) {
        sl_add(w->k->c, SL_ENT_CREDIT_CARD, SL_LEVEL_RESTRICTED, w->at, w->end - w->at);
        return true;
    }
    if (!bar_code(w))
        sl_add_weak(w->k->c, SL_ENT_CREDIT_CARD, w->at, w->end - w->at);
    return false;
}

static bool check_cn_id(sl_window *w)
{
    sl_classifier *c = w->k->c;
    if (w->n == 15) {
        if (!sl_cn_id15_plausible(w->d) || !sl_near(w, SL_CTX_CN_ID))
            return false;
        sl_add(c, SL_ENT_CN_RESIDENT_ID, SL_LEVEL_RESTRICTED, w->at, w->end - w->at);
        return true;
    }
    size_t end = w->end;
    char check;
    if (w->n == 18) {
        check = (char)('0' + w->d[17]);
    } else {
        const char *p = w->k->t.p;
        size_t n = w->k->t.n;
        while (end < n && end < w->end + 2 && (p[end] == ' ' || p[end] == '-'))
            end++;
        if (end >= n || (p[end] | 32) != 'x' ||
            (end + 1 < n && (sl_is_letter(p[end + 1]) || sl_is_digit(p[end + 1]))))
            return false;
        check = 'X';
        end++;
    }
    if (!sl_cn_id_plausible(w->d, c->this_year))
        return false;
    if (sl_cn_id_check(w->d) == check || sl_near(w, SL_CTX_CN_ID)) {
        sl_add(c, SL_ENT_CN_RESIDENT_ID, SL_LEVEL_RESTRICTED, w->at, end - w->at);
        return true;
    }
    sl_add_weak(c, SL_ENT_CN_RESIDENT_ID, w->at, end - w->at);
    return false;
}

static bool check_ssn(const sl_window *w)
{
    if (!sl_us_ssn(w->d) || sl_glued(w))
        return false;
    bool dashed = sl_shaped(w, 0x324) && w->same_sep && w->k->g[w->i + 1].sep == '-';
    bool spaced = sl_shaped(w, 0x324) || w->i == w->j;
    if (!dashed && !(spaced && sl_near(w, SL_CTX_SSN)))
        return false;
    sl_add(w->k->c, SL_ENT_US_SSN, SL_LEVEL_RESTRICTED, w->at, w->end - w->at);
    return true;
}

/* Windows of `n` digits whose check needs no context of neighbours. */
bool sl_check_id_window(sl_window *w)
{
    switch (w->n) {
    case 9:
        return check_ssn(w);
    case 11:
        return sl_check_cn_mobile(w);
    case 13: /* 86 before a mobile number; + is sl_e164's */
        if (w->d[0] == 8 && w->d[1] == 6 && sl_cn_mobile(w->d + 2) && !sl_glued(w) &&
            !sl_is_fraction(w)) {
            sl_add(w->k->c, SL_ENT_CN_MOBILE, SL_LEVEL_CONFIDENTIAL, w->at, w->end - w->at);
            return true;
        }
        return check_card(w);
    case 15:
    case 17:
    case 18:
        return check_cn_id(w) || check_card(w);
    default:
        return check_card(w);
    }
}

static bool has_ctx(const sl_cluster *k, size_t from, size_t to)
{
    sl_ctx_set s = sl_ctx_around(&k->c->ctx, from, to);
    return sl_ctx_has(&s, SL_CTX_IBAN);
}

/* Two letters before the first group: reads on over letters, digits and single separators. */
bool sl_check_iban(sl_cluster *k, int i)
{
    const char *p = k->t.p;
    size_t at = k->g[i].at;
    if (at < 2 || k->g[i].n < 2 || !sl_is_letter(p[at - 1]) || !sl_is_letter(p[at - 2]))
        return false;
    if (at > 2 && sl_is_alnum(p[at - 3]))
        return false;
    size_t want = sl_iban_length(p[at - 2], p[at - 1]);
    if (want == 0)
        return false;
    char iban[34];
    size_t n = 0, x = at - 2;
    for (; x < k->t.n && n < want; x++) {
        if (sl_is_letter(p[x]) || sl_is_digit(p[x]))
            iban[n++] = p[x];
        else if (!(memchr(" -.\n", p[x], 4) && (sl_is_letter(p[x - 1]) || sl_is_digit(p[x - 1]))))
            break;
    }
    if (n != want)
        return false;
    bool edge = x == k->t.n || !(sl_is_letter(p[x]) || sl_is_digit(p[x]));
    if (!edge || (!sl_iban(iban, n) && !has_ctx(k, at, x)))
        return false;
    sl_add(k->c, SL_ENT_IBAN, SL_LEVEL_RESTRICTED, at - 2, x - (at - 2));
    k->done_to = x;
    return true;
}
