/* outbox.h - records on their way into a producer whose queue may be full.
 *
 * A send tries the producer first; when that says SL_E_FULL the finished bytes are copied and kept
 * in order, and sl_outbox_pump hands them over as deliveries make room. A record that was taken
 * ends in exactly one callback, as with the producer itself.
 * Ownership: the outbox borrows the producer. Threads: the producer's. */
#ifndef SL_BUS_OUTBOX_H
#define SL_BUS_OUTBOX_H

#include "common/bus/bus.h"

typedef struct sl_outbox_entry sl_outbox_entry;
typedef struct sl_outbox {
    sl_producer *producer;
    sl_outbox_entry *head, *tail;
    size_t n, bytes;
    bool hold; /* keep every record until sl_outbox_pump: one burst makes one batch */
    bool full; /* the producer refused the first that is kept: what waits, waits for room */
} sl_outbox;

/* *unsent (may be NULL) is raised by the record's size when it had to be kept and lowered when the
 * producer takes it; it must live until then. SL_E_FULL is never returned. With
 * `hold` what the producer refuses is told in the callback, from within sl_outbox_pump. */
sl_status sl_outbox_send(sl_outbox *o, const sl_record *r, sl_delivery_fn cb, void *arg,
                         size_t *unsent, sl_error *reterr) SL_MUST_CHECK;
void sl_outbox_pump(sl_outbox *o);
void sl_outbox_done(sl_outbox *o); /* what is left is delivered as SL_E_CLOSED */

/* A copy of a record in one allocation; free(3). NULL when out of memory. */
sl_record *sl_record_copy(const sl_record *r);
size_t sl_record_bytes(const sl_record *r); /* key, value and headers */

#endif
