/* contact.h - how to reach or find a person, and what is told of a person: the finders.
 *
 * Words start them: patterns.c keeps the words of contexts_contact.def with their places, and once
 * the scan of a view is over sl_contact_scan looks around those that may stand beside something.
 * A finder looks at most some hundred bytes around its word, and never twice at the same.
 * Threads: one owner; nothing is allocated. */
#ifndef SL_CLASSIFY_CONTACT_H
#define SL_CLASSIFY_CONTACT_H

#include "router/classify/classify.h"

#include <strings.h>

/* The view's words are complete; called once a view, before the numbers. */
void sl_contact_scan(sl_classifier *c, sl_str t);

/* Contexts whose word ends in (at - reach, at]. */
sl_ctx_set sl_said_before(sl_classifier *c, size_t at, size_t reach);

/* email.c: "x@y" ends at `end`. */
void sl_email_hit(sl_classifier *c, sl_str t, size_t end);
/* net.c */
void sl_net_scan(sl_classifier *c, sl_str t);
void sl_net_mac_beside(sl_classifier *c, sl_str t, size_t from, size_t to);

/* Finders: look at [from, to) of t because of a word that ends at `word`; accounts.c, birth.c,
 * geo.c, plates.c, address.c, address_cn.c, persons.c,
 * circumstances.c. */
typedef void sl_finder(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to);
sl_finder sl_account_beside, sl_qq_beside, sl_birth_beside, sl_born_beside, sl_geo_beside,
    sl_plate_beside, sl_street_beside, sl_court_beside, sl_platz_beside, sl_rue_beside,
    sl_via_beside, sl_strasse_beside, sl_address_beside, sl_po_box_beside, sl_cn_address_beside,
    sl_kr_address_beside, sl_cn_home_beside, sl_name_label, sl_name_said, sl_title_name,
    sl_honorific, sl_health_beside, sl_pay_beside, sl_belief_beside, sl_sexual_beside,
    sl_union_beside, sl_crime_beside, sl_body_beside;
/* Bytes of a Chinese name that begins at i, or 0. */
size_t sl_cn_name(sl_str t, size_t i);
/* A Chinese province and a letter end at `end`. */
void sl_cn_plate_hit(sl_classifier *c, sl_str t, size_t end);

#endif
