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

/* email.c: "x@y" ends at `end`. */
void sl_email_hit(sl_classifier *c, sl_str t, size_t end);
/* net.c */
void sl_net_scan(sl_classifier *c, sl_str t);
void sl_net_mac_beside(sl_classifier *c, sl_str t, size_t from, size_t to);

/* A stretch of the view in which a finder of one kind looks. */
typedef struct sl_span {
    size_t from, to;
} sl_span;

#endif
