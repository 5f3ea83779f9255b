/* core.h - one loop's requests: decide, produce, follow the answer, end with exactly one result.
 *
 * A front (HTTP, Kafka) parses a request and submits it; the core refuses it at once or gives it a
 * ticket. From then on the front's sink gets the pieces of the answer and one end. Both audit and
 * delivery rules of design sections 3, 6 and 7 live here.
 * Ownership: a ticket belongs to the core; the front may use it until its sink's `end` returned or
 * it called sl_core_cancel; with `confirms`, until sl_core_delivered.
 * Threads: a core belongs to its loop's thread. */
#ifndef SL_GATEWAY_CORE_H
#define SL_GATEWAY_CORE_H

#include "gateway/shared.h"
#include "schemas/audit.h"
#include "schemas/envelope.h"

typedef struct sl_core sl_core;
typedef struct sl_ticket sl_ticket;

typedef struct sl_outcome {
    int http_status; /* 200: the whole answer was given; otherwise a definite error */
    sl_end end;
    const char *message, *type, *code; /* when http_status != 200; valid during the call */
    int retry_after_s;
    bool has_usage;
    sl_usage usage;
} sl_outcome;

typedef struct sl_sink {
    void (*delta)(void *user, const sl_chunk *delta);
    void (*end)(void *user, const sl_outcome *o); /* once; the ticket is gone when it returns */
} sl_sink;

typedef struct sl_submit {
    sl_chat *chat;  /* borrowed until sl_core_submit returns */
    const char *id; /* SL_UUID_TEXT */
    sl_str tenant;
    const sl_api_key *key; /* whose models and levels count; borrowed as chat is; NULL: none */
    const char *front;     /* "http", "kafka" */
    bool whole;            /* the answer is not streamed */
    bool confirms; /* the front calls sl_core_delivered; else the ticket's end is taken for it */
    int64_t deadline_ms; /* Unix; 0: the default from now */
    int64_t received_us; /* monotonic: when the whole request was there */
    sl_str traceparent, tracestate, correlationid;
    const sl_sink *sink;
    void *user;
} sl_submit;

/* Why a request was not accepted: an HTTP status and the words of its error object. */
typedef struct sl_refusal {
    int http_status, retry_after_s;
    const char *type, *code, *param;
    char message[256];
} sl_refusal;

sl_status sl_core_open(sl_core **ret, sl_loop *l, sl_gateway_shared *g, int index,
                       sl_metrics_shard *shard, sl_error *reterr) SL_MUST_CHECK;
void sl_core_free(sl_core *c); /* every open ticket ends with 503 first */

/* SL_OK: *ret is the ticket. Otherwise *ref says what to answer. The decision, as far as it was
 * made, is in *ret_decision (views live in `arena`). */
sl_status sl_core_submit(sl_core *c, const sl_submit *s, sl_arena *arena, sl_decision *ret_decision,
                         sl_ticket **ret, sl_refusal *ref) SL_MUST_CHECK;
/* The client went away: no more sink calls; the work is cancelled. */
void sl_core_cancel(sl_core *c, sl_ticket *t);
/* For `confirms`: what the front gave its client, once that is certain; o NULL: nothing, and
 * nothing is audited. Once for each such ticket, after its end; the ticket is gone then. */
void sl_core_delivered(sl_core *c, sl_ticket *t, const sl_outcome *o);
/* This process stops following; the work goes on and its input will be read again (Kafka front). */
void sl_core_abandon(sl_core *c, sl_ticket *t);

/* Every open ticket ends with 503 now (the drain's time is over). */
void sl_core_end_all(sl_core *c);

int64_t sl_ticket_seed(const sl_ticket *t);
const char *sl_ticket_policy(const sl_ticket *t); /* digest of the policy that decided */

/* One record of a responses topic of this loop's partition. */
void sl_core_on_reply(sl_core *c, sl_class cls, const sl_record *r);
/* Polls the producers; called when one of their fds is readable. */
void sl_core_poll(sl_core *c);
int sl_core_open_tickets(const sl_core *c);
/* A producer for records of other parts in this loop (egress), on the private bus, linger 0. */
sl_producer *sl_core_producer(sl_core *c, sl_class cls);
sl_codec *sl_core_codec(sl_core *c);
sl_metrics_shard *sl_core_shard(sl_core *c);
void sl_core_audit(sl_core *c, const sl_audit *a);
/* Writes the candidate policy's record; it is adopted when Kafka acknowledged it. */
void sl_core_publish_policy(sl_core *c);

#endif
