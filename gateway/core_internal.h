/* core_internal.h - what the files of the core share. Read sl_ticket and sl_core first.
 *
 * A ticket's life has one door (sl_ticket_end in core_end.c). Kafka's delivery callbacks carry the
 * ticket, so an ended ticket stays in memory until the last of them came (`refs`).
 * States: DECIDING (public class: waits for its decided record's acknowledgement), PRODUCING (the
 * request was handed to Kafka), ACCEPTED (Kafka acknowledged it), ENDED. Chunks may come before the
 * acknowledgement: they are followed all the same. All in the loop's thread. */
#ifndef SL_GATEWAY_CORE_INTERNAL_H
#define SL_GATEWAY_CORE_INTERNAL_H

#include "common/base/idtable.h"
#include "common/base/log.h"
#include "common/bus/outbox.h"
#include "gateway/core.h"
#include "gateway/follow.h"

#include <stdlib.h>
#include <sys/queue.h>

#define SL_CORE_UNSENT_MAX   (32u << 20) /* bytes that may wait for room in the producer */
#define SL_CORE_TICK_MS      250
#define SL_CORE_GATHER_US    300 /* requests that come together leave together */
#define SL_PRESENCE_GRACE_MS 3000
#define SL_CORE_RECALL \
    65536 /* ended ids that are remembered, to tell late replies from foreign ones */

typedef struct sl_park sl_park;

typedef enum ticket_state { T_DECIDING, T_PRODUCING, T_ACCEPTED, T_ENDED } ticket_state;

struct sl_ticket {
    sl_core *core;
    sl_id_node node;
    TAILQ_ENTRY(sl_ticket) link;
    ticket_state state;
    int refs; /* deliveries under way */
    char id[SL_UUID_TEXT];
    sl_class cls;
    sl_level level;
    bool whole, cancel_sent, produced, abandoned, decided, confirms;
    sl_policy *policy;
    sl_arena arena; /* tenant, model, front, traceparent, … */
    sl_str tenant, model, correlationid, traceparent, tracestate;
    const char *front;
    sl_buf body; /* the decided request until it was produced */
    char checksum[SL_CHECKSUM_TEXT];
    int64_t seed;
    int64_t received_us, produced_us, first_us; /* monotonic */
    int64_t deadline_ms, deadline_mono_ms;      /* Unix; monotonic */
    sl_follow *follow;
    sl_park *park; /* NULL: its class is plain, or too much is kept already */
    const sl_sink *sink;
    void *user;
};

TAILQ_HEAD(ticket_list, sl_ticket);

struct sl_core {
    sl_loop *loop;
    sl_gateway_shared *g;
    int index;
    sl_metrics_shard *shard;
    sl_codec *codec;
    sl_router *router;
    sl_producer *fast[SL_CLASS_N]; /* requests, control, decided records: at once or in bursts */
    sl_outbox out[SL_CLASS_N];     /* gathers a turn's records for `fast`: a burst is one batch */
    sl_timer *pump;
    sl_producer *slow;  /* audit records that nobody waits for */
    sl_outbox slow_out; /* those that found no room: the books need every one */
    sl_watch *watch[SL_CLASS_N];
    sl_timer *tick;
    sl_id_table table;
    struct ticket_list open, free;
    int open_n, free_n, class_n[SL_CLASS_N];
    int32_t reply_partition[SL_CLASS_N];
    size_t park_bytes; /* finished requests that are kept for a redrive */
    sl_buf scratch, reasons;
    sl_log_limit log_audit, log_reply, log_produce, log_park;
    bool audit_down; /* the last audit record was not acknowledged */
    int64_t audit_down_ms;
    sl_policy *publishing;
    bool closing; /* late deliveries must not send anything more */
};

/* core.c */
void sl_ticket_delta(void *arg, const sl_chunk *delta); /* of the followed run, to the sink */
/* core_park.c */
void sl_park_keep(sl_ticket *t, const sl_record *r); /* the request as it is being produced */
bool sl_park_knows(const sl_ticket *t, const char run[SL_RUN_TEXT]); /* a run that only parked it */
/* The followed run has ended: true when it said that its worker lacks the key. The ticket goes on
 * then, waiting. */
bool sl_park_end(sl_ticket *t);
void sl_park_begun(sl_ticket *t); /* a worker has it after all: nothing is to be sent again */
bool sl_park_waits(const sl_ticket *t);
void sl_park_tick(sl_ticket *t, int64_t now_ms);
void sl_park_free(sl_ticket *t);
/* core_send.c */
sl_status sl_core_send_fast(sl_core *c, sl_class cls, const sl_record *r, sl_delivery_fn cb,
                            void *arg, sl_error *reterr) SL_MUST_CHECK;
sl_status sl_core_seal(sl_core *c, sl_envelope *env, sl_class cls, bool encrypt, sl_record *ret,
                       sl_error *reterr) SL_MUST_CHECK;
sl_status sl_core_produce(sl_core *c, sl_ticket *t, sl_error *reterr) SL_MUST_CHECK;
sl_status sl_core_send_decided(sl_core *c, sl_ticket *t, sl_str reasons, sl_delivery_fn cb,
                               sl_error *reterr) SL_MUST_CHECK;
void sl_core_send_cancel(sl_core *c, sl_ticket *t);
/* core_end.c */
void sl_ticket_end(sl_ticket *t, const sl_outcome *o);
void sl_ticket_audit_end(sl_ticket *t, const sl_outcome *o); /* the `delivered` record */
void sl_ticket_fail(sl_ticket *t, int http_status, const char *type, const char *code,
                    int retry_after_s, const char *message);
void sl_ticket_unref(sl_ticket *t);
void sl_ticket_free_all(sl_core *c);
sl_audit sl_ticket_audit(const sl_ticket *t, sl_audit_event event);

#endif
