/* contact.c - what starts the finders: "@" for e-mail at once, words once all of a view are known. */
#include "router/classify/contact.h"

#include "router/classify/patterns.h"

enum { BEFORE = 60, BEHIND = 60, OVERLAP = 24 };

/* Looks at [from, to) of t because of a word that ends at `word`. */
typedef void finder(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to);

static void find_mac(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    (void)word;
    sl_net_mac_beside(c, t, from, to);
}

static finder *const finders[SL_CTX_N] = {
    [SL_CTX_MAC] = find_mac,
};

void sl_contact_scan(sl_classifier *c, sl_str t)
{
    uint32_t looked[SL_CTX_N] = {0}; /* to where, by kind: so rows of words stay linear */
    sl_net_scan(c, t);
    for (size_t i = 0; i < c->ctx.n; i++) {
        unsigned x = c->ctx.hits[i].ctx;
        if (!finders[x])
            continue;
        size_t word = c->ctx.hits[i].end;
        size_t from = word > BEFORE ? word - BEFORE : 0;
        size_t seen = looked[x] > OVERLAP ? looked[x] - OVERLAP : 0;
        size_t to = word + BEHIND < t.n ? word + BEHIND : t.n;
        finders[x](c, t, word, from > seen ? from : seen, to);
        looked[x] = (uint32_t)to;
    }
}

/* ---- patterns ---- */

static void on_hit(sl_classifier *c, sl_str t, size_t end, const sl_pattern *p)
{
    (void)p;
    sl_email_hit(c, t, end);
}

static const sl_pattern patterns[] = {
    {"[A-Za-z0-9._%+\"\\x80-\\xff-]@[A-Za-z0-9\\x80-\\xff]", SL_ENT_EMAIL_ADDRESS, 2},
};

const sl_pattern_list sl_contact_patterns = {patterns, sizeof patterns / sizeof *patterns, on_hit};
