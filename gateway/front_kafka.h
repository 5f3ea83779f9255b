/* front_kafka.h - the Kafka front: requests from ingress topics, answers on egress topics.
 *
 * The value of an ingress record is an OpenAI chat body; the tenant is the one that the policy
 * binds to the topic. Of the producer's headers only traceparent, tracestate (left out when
 * malformed), ce_id (kept as ce_correlationid), ce_deadline (Unix ms; it may only shorten
 * limits.deadline_ms) and ce_replytopic (under llm.egress.) count; a malformed one of the last two
 * is answered with an error. The request's id is UUIDv8 of SHA-256(cluster id, topic, partition,
 * offset): reading the record again gives the same id. An answer's end is sent when all its pieces
 * are acknowledged; a piece that is lost ends the answer with an error (answer_torn) and cancels
 * the work. When the end is acknowledged, `delivered` is audited with what it said, and the offset
 * is committed; a record that was answered and comes again before the group has acknowledged its
 * commit is only committed. A refusal that may pass (no worker, a limit) is tried again until the
 * deadline; others are answered with an error.
 * Threads: the loop's; one front a process. */
#ifndef SL_GATEWAY_FRONT_KAFKA_H
#define SL_GATEWAY_FRONT_KAFKA_H

#include "gateway/core.h"

typedef struct sl_front_kafka sl_front_kafka;
sl_status sl_front_kafka_open(sl_front_kafka **ret, sl_loop *l, sl_core *c, sl_gateway_shared *g,
                              sl_error *reterr) SL_MUST_CHECK;
/* Takes nothing new and leaves what only waits; what is running goes on. */
void sl_front_kafka_drain(sl_front_kafka *f);
int sl_front_kafka_open_jobs(const sl_front_kafka *f);
void sl_front_kafka_free(sl_front_kafka *f); /* before its core */

#endif
