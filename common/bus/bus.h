/* bus.h - Kafka behind a small interface; `kafka` (librdkafka) and `memory` (tests, benches).
 *
 * A sl_bus is one cluster's address and credentials. Producers and consumers are opened on it; each
 * belongs to one thread and shows an event file descriptor: when it is readable, call _poll, which
 * runs the callbacks in the caller's thread. Nothing here blocks except _open, _flush, _close and
 * the admin calls, which take time-outs.
 *
 * Producer: idempotent, acks=all. A full queue is SL_E_FULL (backpressure: the record was not
 * taken). A fatal idempotence error rebuilds the producer inside and resends the same bytes of what
 * was not acknowledged, in order. Every record that was taken ends in exactly one delivery
 * callback.
 * Consumer: no auto-commit. `group` mode subscribes; `assign` mode reads given partitions from a
 * numeric offset that is resolved before _open returns. In group mode the consumer keeps, per
 * partition, which offsets are finished, and commits the lowest unfinished one.
 * Errors: broker error strings never leave this folder; sl_error texts are our own.
 * Properties: the operator's override our defaults, except those that delivery rests on (acks,
 * enable.idempotence, enable.auto.commit, auto.offset.reset, …), which sl_bus_open refuses by name.
 * Blocking in a poll, rare and bounded: a rebalance asks the brokers where to start (3 × 1 s at the
 * most, a few ms as a rule) and commits before it gives partitions up (2 s); a rewind waits for
 * librdkafka's own thread (1 s); the replacement of a broken client (a producer's, a group
 * member's) waits for the old one to end. */
#ifndef SL_BUS_BUS_H
#define SL_BUS_BUS_H

#include "common/base/options.h"
#include "common/base/record.h"

typedef struct sl_bus sl_bus;
typedef struct sl_producer sl_producer;
typedef struct sl_consumer sl_consumer;

typedef struct sl_bus_options {
    const char *name;         /* "private", "public": for logs and metrics */
    const char *bootstrap;    /* host:port,… ; "memory:NAME" opens an in-process bus */
    const char *client_id;    /* "sluice-gateway/0" */
    sl_option_map properties; /* librdkafka properties (TLS files and so on); may be empty */
} sl_bus_options;

sl_status sl_bus_open(sl_bus **ret, const sl_bus_options *opt, sl_error *reterr) SL_MUST_CHECK;
void sl_bus_free(sl_bus *b); /* after its producers and consumers */
/* Asks the cluster for its id (for UUIDv8 of ingress records) and proves that it answers. */
sl_status sl_bus_cluster_id(sl_bus *b, char *out, size_t out_n, int timeout_ms,
                            sl_error *reterr) SL_MUST_CHECK;

/* ---- producing ---- */
typedef struct sl_delivery {
    sl_status status; /* SL_OK: acknowledged by all in-sync replicas */
    int32_t partition;
    int64_t offset;
    sl_error error; /* when status != SL_OK */
} sl_delivery;
typedef void (*sl_delivery_fn)(void *arg, const sl_delivery *d);

typedef struct sl_producer_options {
    int linger_ms; /* 0 for streams, 5 for requests, 50 for audit */
    /* Records leave in bursts, so that Kafka gets fewer and larger requests: those sent while a
     * burst is unanswered leave when the answer is there, after 20 ms at the latest. While records
     * come less than 0.5 ms apart, a burst also waits up to gather_us for more. linger_ms is not
     * used. For an owner that polls whenever the fd is readable. */
    bool gather;
    int gather_us;
    int message_timeout_ms; /* default 30,000 */
    size_t queue_records;   /* default 100,000; at the limit send says SL_E_FULL */
    size_t queue_bytes;     /* default 64 MiB */
    const char *const
        *topics; /* warmed up at open (first produce costs 0.5 s otherwise); ends with NULL */
} sl_producer_options;

sl_status sl_producer_open(sl_producer **ret, sl_bus *b, const sl_producer_options *opt,
                           sl_error *reterr) SL_MUST_CHECK;
/* Copies the record, at most 1,114,112 bytes and 256 headers. A topic that the client knows to be
 * absent is SL_E_NOT_FOUND here, else in the delivery. partition -1: by key (murmur2, as Java's;
 * random without key). cb may be NULL. */
sl_status sl_producer_send(sl_producer *p, const sl_record *r, sl_delivery_fn cb, void *arg,
                           sl_error *reterr) SL_MUST_CHECK;
/* What is sent from `on` to `off` leaves together. Counts; each on needs its off. */
void sl_producer_cork(sl_producer *p, bool on);
int sl_producer_fd(const sl_producer *p);
void sl_producer_poll(sl_producer *p);
size_t sl_producer_pending(const sl_producer *p); /* taken, not yet acknowledged */
/* Waits until nothing is pending or time is up; SL_E_TIMEOUT then. Callbacks run. */
sl_status sl_producer_flush(sl_producer *p, int timeout_ms) SL_MUST_CHECK;
void sl_producer_close(sl_producer *p); /* what is still pending is delivered as SL_E_CLOSED */

/* ---- consuming ---- */
typedef enum sl_offset_start { SL_FROM_END = -1, SL_FROM_BEGINNING = -2 } sl_offset_start;
typedef struct sl_bus_partition {
    const char *topic;
    int32_t partition;
    int64_t offset; /* ≥ 0 or sl_offset_start */
} sl_bus_partition;

typedef struct sl_consumer_options {
    /* group mode */
    const char *group;         /* NULL: assign mode */
    const char *instance;      /* group.instance.id; NULL: none */
    const char *const *topics; /* ends with NULL */
    bool from_end; /* where the group has no committed offset: end instead of beginning */
    /* assign mode */
    const sl_bus_partition *partitions; /* partition -1: all partitions of the topic */
    size_t partitions_n;
    int fetch_wait_ms; /* default 100 */
    /* The record is borrowed until the callback returns. */
    void (*on_record)(void *arg, const sl_record *r);
    /* Group mode: these partitions are gone (revoked or lost); unfinished work of theirs will be
     * delivered again to somebody. May be NULL. */
    void (*on_revoked)(void *arg, const char *topic, int32_t partition);
    /* At most one a second for each status; `fatal` set: only closing helps (assign mode alone).
     * Trouble that an operator should see: SL_E_DENIED, SL_E_UNAVAILABLE, SL_E_CORRUPT (offset out
     * of range: records were lost to retention), SL_E_CONFLICT (another process joined under this
     * instance name; this one joins again, later each time)… Consumption goes on when it can.
     * May be NULL. */
    void (*on_error)(void *arg, const sl_error *e);
    void *arg;
} sl_consumer_options;

sl_status sl_consumer_open(sl_consumer **ret, sl_bus *b, const sl_consumer_options *opt,
                           sl_error *reterr) SL_MUST_CHECK;
int sl_consumer_fd(const sl_consumer *c);
/* Runs callbacks for at most max_records records (0: none, but rebalances, errors and commits are
 * served all the same: the way to hold back when busy). Returns how many ran; call again while it
 * returns max_records, since the fd only signals once. */
size_t sl_consumer_poll(sl_consumer *c, size_t max_records);
/* Group mode: this record is finished. Commits go out by themselves (at most every 100 ms). */
void sl_consumer_finish(sl_consumer *c, const char *topic, int32_t partition, int64_t offset);
/* Group mode: takes back a delivery: the partition is read again from there (after a transient
 * failure). Later records that are not finished come again as well, finished ones do not. */
sl_status sl_consumer_rewind(sl_consumer *c, const char *topic, int32_t partition,
                             int64_t offset) SL_MUST_CHECK;
/* Assign mode: adds a queue for some partitions with an fd of its own, for another loop's thread
 * (the records of those partitions then go there alone). The returned consumer is closed first. */
sl_status sl_consumer_split(sl_consumer **ret, sl_consumer *c, const sl_bus_partition *partitions,
                            size_t n, const sl_consumer_options *callbacks,
                            sl_error *reterr) SL_MUST_CHECK;
/* True once every assigned partition was read up to the high watermark that the broker last told,
 * which can be 100 ms old; who needs more compares with sl_bus_watermarks (assign mode). */
bool sl_consumer_at_end(sl_consumer *c);
bool sl_consumer_assigned(const sl_consumer *c); /* group mode: has partitions now */
/* Group mode: the commit that the group has acknowledged; -1: not known, or not assigned here. */
int64_t sl_consumer_committed(sl_consumer *c, const char *topic, int32_t partition);
void sl_consumer_close(sl_consumer *c); /* commits, leaves the group; bounded to 5 s */

/* ---- admin ---- */
#define SL_BUS_TOPIC_NAME_MAX 249 /* Kafka's own limit */
/* Whether a topic can be called so; NULL can't. */
bool sl_bus_topic_name_valid(const char *name);
typedef struct sl_topic_spec {
    const char *name;
    int partitions, replication;
    const char *const *config; /* "key=value", ends with NULL */
} sl_topic_spec;
/* Creates what is missing; SL_E_CONFLICT names a topic that has fewer partitions. */
sl_status sl_bus_topics_create(sl_bus *b, const sl_topic_spec *t, size_t n, int timeout_ms,
                               sl_error *reterr) SL_MUST_CHECK;
/* Partition count; 0 when there is no such topic. */
sl_status sl_bus_partitions(sl_bus *b, const char *topic, int *ret, int timeout_ms,
                            sl_error *reterr) SL_MUST_CHECK;
sl_status sl_bus_watermarks(sl_bus *b, const char *topic, int32_t partition, int64_t *low,
                            int64_t *high, int timeout_ms, sl_error *reterr) SL_MUST_CHECK;
/* First offset with timestamp ≥ time_ms; the high watermark when there is none. */
sl_status sl_bus_offset_at(sl_bus *b, const char *topic, int32_t partition, int64_t time_ms,
                           int64_t *ret, int timeout_ms, sl_error *reterr) SL_MUST_CHECK;
/* The group's committed offset; -1 when it has none. */
sl_status sl_bus_committed(sl_bus *b, const char *group, const char *topic, int32_t partition,
                           int64_t *ret, int timeout_ms, sl_error *reterr) SL_MUST_CHECK;
/* Names of all topics, one each call. */
sl_status sl_bus_topics_list(sl_bus *b, void (*fn)(void *arg, const char *topic, int partitions),
                             void *arg, int timeout_ms, sl_error *reterr) SL_MUST_CHECK;

/* ---- access control lists ---- */
typedef enum sl_acl_resource {
    SL_ACL_OTHER,
    SL_ACL_TOPIC,
    SL_ACL_GROUP,
    SL_ACL_CLUSTER
} sl_acl_resource;
typedef enum sl_acl_op {
    SL_ACL_OP_OTHER, /* one that this version does not know; only listed, as is SL_ACL_OTHER */
    SL_ACL_ALL,
    SL_ACL_READ,
    SL_ACL_WRITE,
    SL_ACL_CREATE,
    SL_ACL_DELETE,
    SL_ACL_ALTER,
    SL_ACL_DESCRIBE,
    SL_ACL_CLUSTER_ACTION,
    SL_ACL_DESCRIBE_CONFIGS,
    SL_ACL_ALTER_CONFIGS,
    SL_ACL_IDEMPOTENT_WRITE
} sl_acl_op;
typedef struct sl_acl {
    const char *principal; /* "User:gateway-0" */
    const char *host;      /* "*": any */
    sl_acl_resource resource;
    const char *name; /* of the topic or group; "kafka-cluster" of the cluster */
    bool prefixed;    /* every name that begins so; else that name, and "*" is all of them */
    sl_acl_op op;
    bool deny;
} sl_acl;
/* All rules of the cluster, one each call; borrowed until the callback returns. SL_E_UNSUPPORTED:
 * the cluster has no authorizer. */
sl_status sl_bus_acls_list(sl_bus *b, void (*fn)(void *arg, const sl_acl *a), void *arg,
                           int timeout_ms, sl_error *reterr) SL_MUST_CHECK;
/* What exists already is fine. */
sl_status sl_bus_acls_create(sl_bus *b, const sl_acl *a, size_t n, int timeout_ms,
                             sl_error *reterr) SL_MUST_CHECK;
/* Removes exactly these; what is gone already is fine. */
sl_status sl_bus_acls_delete(sl_bus *b, const sl_acl *a, size_t n, int timeout_ms,
                             sl_error *reterr) SL_MUST_CHECK;

#endif
