/* contact.c - what starts the finders: "@" for e-mail at once, words once all of a view are
 * known. */
#include "router/classify/contact.h"

#include "router/classify/patterns.h"

enum { BEFORE = 60, BEHIND = 60, OVERLAP = 24 };

static void find_mac(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    sl_net_mac_beside(c, t, from, to);
}

static sl_finder *const finders[SL_CTX_N] = {
    [SL_CTX_MAC] = find_mac,
    [SL_CTX_MESSENGER] = sl_account_beside,
    [SL_CTX_QQ] = sl_qq_beside,
    [SL_CTX_BIRTH] = sl_birth_beside,
    [SL_CTX_BORN] = sl_born_beside,
    [SL_CTX_GEO] = sl_geo_beside,
    [SL_CTX_PLATE] = sl_plate_beside,
    [SL_CTX_STREET] = sl_street_beside,
    [SL_CTX_COURT] = sl_court_beside,
    [SL_CTX_PLATZ] = sl_platz_beside,
    [SL_CTX_RUE] = sl_rue_beside,
    [SL_CTX_VIA] = sl_via_beside,
    [SL_CTX_STRASSE] = sl_strasse_beside,
    [SL_CTX_ADDRESS] = sl_address_beside,
    [SL_CTX_PO_BOX] = sl_po_box_beside,
    [SL_CTX_CN_NUMBER] = sl_cn_address_beside,
    [SL_CTX_KR_NUMBER] = sl_kr_address_beside,
    [SL_CTX_CN_HOME] = sl_cn_home_beside,
    [SL_CTX_NAME_LABEL] = sl_name_label,
    [SL_CTX_NAME_SAID] = sl_name_said,
    [SL_CTX_TITLE] = sl_title_name,
    [SL_CTX_HONORIFIC] = sl_honorific,
    [SL_CTX_ILLNESS] = sl_health_beside,
    [SL_CTX_PAY] = sl_pay_beside,
    [SL_CTX_BELIEF] = sl_belief_beside,
    [SL_CTX_SEXUAL] = sl_sexual_beside,
    [SL_CTX_UNION] = sl_union_beside,
    [SL_CTX_CRIME] = sl_crime_beside,
    [SL_CTX_BODY] = sl_body_beside,
};

sl_ctx_set sl_said_before(sl_classifier *c, size_t at, size_t reach)
{
    return sl_ctx_between(&c->ctx, at > reach ? at - reach : 0, at);
}

/* Finders that read whole sentences or chains of places. */
static bool is_dear(unsigned x)
{
    return (x >= SL_CTX_ILLNESS && x <= SL_CTX_BODY) || x == SL_CTX_CN_NUMBER ||
           x == SL_CTX_KR_NUMBER;
}

void sl_contact_scan(sl_classifier *c, sl_str t)
{
    uint32_t last[SL_CTX_N] = {0}; /* ends of the words looked at, by kind */
    size_t dear = 16 + t.n / 256; /* looks; after them rows of words are looked at here and there */
    sl_net_scan(c, t);
    for (size_t i = 0; i < c->ctx.n; i++) {
        unsigned x = c->ctx.hits[i].ctx;
        if (!finders[x])
            continue;
        size_t word = c->ctx.hits[i].end;
        size_t step = !is_dear(x) ? 8 : dear ? 4 : 64;
        if (last[x] && word < last[x] + step)
            continue;
        dear -= is_dear(x) && dear;
        size_t from = word > BEFORE ? word - BEFORE : 0;
        size_t seen = last[x] + BEHIND > OVERLAP ? last[x] + BEHIND - OVERLAP : 0;
        size_t to = word + BEHIND < t.n ? word + BEHIND : t.n;
        if (!sl_work(c, is_dear(x) ? 500 : 120))
            return;
        finders[x](c, t, word, last[x] && from < seen ? seen : from, to);
        last[x] = (uint32_t)word;
    }
}

/* ---- patterns ---- */

static void on_hit(sl_classifier *c, sl_str t, size_t end, const sl_pattern *p)
{
    if (p->arg == SL_ENT_CN_PLATE)
        sl_cn_plate_hit(c, t, end);
    else if (end >= 2 && end < t.n)
        sl_email_hit(c, t, end + 1);
}

static const sl_pattern patterns[] = {
    /* Only the sign: Vectorscan 5.4.9 misses classes around it in texts over 100 bytes when the
     * pattern has an engine of its own. */
    {"@", SL_ENT_EMAIL_ADDRESS, 1},
    {"(?:京|津|沪|渝|冀|豫|云|辽|黑|湘|皖|鲁|新|苏|浙|赣|鄂|桂|甘|晋|蒙|陕|吉|闽|贵|粤|青|藏|川|宁|"
     "琼|使)[A-Za-z]",
     SL_ENT_CN_PLATE, 4},
};

const sl_pattern_list sl_contact_patterns = {patterns, sizeof patterns / sizeof *patterns, on_hit};
