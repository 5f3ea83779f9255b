/* kafka_consumer_impl.h - shared by kafka_consumer.c (reading) and kafka_group.c (membership).
 *
 * Two librdkafka queues: `control` has rebalances, errors and commit answers and is served by every
 * poll; `data` has the records, because each partition's queue is forwarded to it, and is only
 * touched when the caller has room. (pause and resume would cost 0.5-1 s in 2.0.2.) A split shares
 * the client, has a data queue and partitions of its own, and no control queue. */
#ifndef SL_BUS_KAFKA_CONSUMER_IMPL_H
#define SL_BUS_KAFKA_CONSUMER_IMPL_H

#include "common/bus/kafka_impl.h"
#include "common/bus/kafka_wake.h"
#include "common/bus/offsets.h"

#define KAFKA_BATCH 64

typedef struct kafka_part {
    char *topic;
    int32_t partition;
    rd_kafka_queue_t *queue; /* the partition's own, forwarded */
    int64_t position;        /* of the next record to read; -1: not known yet */
    bool eof;                /* assign mode: the broker had no more after `position` */
    bool forward_due;        /* assign mode: its queue may have lost its forwarding */
    sl_offsets offsets;      /* group mode */
    int64_t committed;       /* acknowledged by the group; -1: not known */
} kafka_part;

typedef struct kafka_consumer {
    sl_consumer base;
    rd_kafka_t *rk;
    struct kafka_consumer *parent; /* of a split */
    rd_kafka_queue_t *control, *data;
    sl_wake wake;
    sl_consumer_options cb; /* callbacks, arg and from_end alone */
    bool group, closing;
    bool forward_due; /* some partition's is */
    kafka_part *parts;
    size_t parts_n, last_part;
    rd_kafka_message_t **held; /* taken from `data`, not yet delivered: at .. n */
    size_t held_at, held_n, held_cap;
    sl_header *headers; /* of the record being delivered */
    size_t headers_cap;
    kafka_reports reports;
    rd_kafka_topic_partition_list_t *topics; /* group mode: subscribed */
    bool rejoin;          /* a partition stopped: leave the group and join it again */
    int64_t rejoin_at_ms; /* not before */
    const kafka_bus *bus;
    bool broken;    /* group mode: the client reported a fatal error and is to be replaced */
    bool old_lives; /* a replaced client did not end in time: its threads may name us */
    int64_t replace_at_ms, replace_delay_ms, replaced_ms;
    bool dirty; /* something may be committed */
    bool commit_sent;
    int64_t commit_at_ms; /* not before */
} kafka_consumer;

kafka_part *kafka_part_find(kafka_consumer *c, const char *topic, int32_t partition);
/* Adds the partition and forwards its queue to c's data queue. NULL: no memory. */
kafka_part *kafka_part_add(kafka_consumer *c, const char *topic, int32_t partition);
void kafka_part_remove(kafka_consumer *c, kafka_part *part);
/* Drops held records of a partition. */
void kafka_held_drop(kafka_consumer *c, const char *topic, int32_t partition);
/* on_error with our words, at most once a second for each status. */
void kafka_report(kafka_consumer *c, rd_kafka_resp_err_t err, const char *what);

/* The two queues of c->rk, and their end with all that was read through them. */
void kafka_queues_open(kafka_consumer *c);
void kafka_queues_close(kafka_consumer *c);

/* kafka_group.c */
void kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list,
                     void *opaque);
void kafka_commit_due(kafka_consumer *c);
void kafka_rejoin_due(kafka_consumer *c);
void kafka_replace_plan(kafka_consumer *c);
void kafka_replace_due(kafka_consumer *c);
/* Commits all finished prefixes and waits for the answer. */
void kafka_commit_wait(kafka_consumer *c, int timeout_ms);

#endif
