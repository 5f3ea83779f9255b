/* kafka_impl.h - what the kafka*.c files share. The only header that includes rdkafka.h. */
#ifndef SL_BUS_KAFKA_IMPL_H
#define SL_BUS_KAFKA_IMPL_H

#include "common/bus/bus_impl.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

typedef struct kafka_bus {
    sl_bus base;
    char *name, *bootstrap, *client_id;
    struct sl_option_pair *properties; /* the operator's; checked */
    size_t properties_n;
    pthread_mutex_t lock; /* guards `admin` */
    rd_kafka_t *admin;    /* made by the first admin call; itself safe for all threads */
    atomic_int cause;     /* why the admin client's last connection failed: a kafka_cause */
} kafka_bus;

/* A configuration with what all clients share and the operator's properties; the caller sets the
 * rest and gives it to kafka_new. NULL: *reterr says why. */
rd_kafka_conf_t *kafka_conf(const kafka_bus *b, sl_error *reterr);
/* A setting of ours; a name or value that librdkafka does not take is our bug. */
sl_status kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value, sl_error *reterr);
sl_status kafka_set_int(rd_kafka_conf_t *conf, const char *name, int64_t value, sl_error *reterr);
/* Takes conf, also on failure. */
rd_kafka_t *kafka_new(const kafka_bus *b, rd_kafka_type_t type, rd_kafka_conf_t *conf,
                      sl_error *reterr);
/* Destroys in a helper thread, because rd_kafka_destroy can hang. False: it still runs after
 * timeout_ms, and memory that librdkafka borrowed must stay. */
bool kafka_destroy(rd_kafka_t *rk, int timeout_ms);

/* Lets ThreadSanitizer see librdkafka's threads and locks; nothing in other builds. */
#ifdef __SANITIZE_THREAD__
void kafka_threads_watch(void);
#else
static inline void kafka_threads_watch(void) {}
#endif

/* ---- errors: our own words for librdkafka's and the broker's codes (kafka_error.c) ---- */
sl_status kafka_status(rd_kafka_resp_err_t err);
/* Fills *reterr: "<what>: <our words>", with the retriable flag. */
sl_status kafka_fail(sl_error *reterr, rd_kafka_resp_err_t err, const char *what);

/* Why a connection failed, where the code alone does not say it. */
typedef enum kafka_cause {
    KAFKA_CAUSE_NONE,
    KAFKA_CAUSE_REFUSED,   /* the broker does not take this client's certificate */
    KAFKA_CAUSE_UNTRUSTED, /* this client does not take the broker's certificate */
    KAFKA_CAUSE_SHUT       /* the broker closes before the first answer: another protocol, or a name
                              that its listener lets nobody in by */
} kafka_cause;
/* From librdkafka's own words, which are looked at and never passed on. */
kafka_cause kafka_cause_of(const char *said);
/* As kafka_fail; a cause says it better where no broker can be reached. */
sl_status kafka_fail_cause(sl_error *reterr, rd_kafka_resp_err_t err, kafka_cause cause,
                           const char *what);

/* At most one report a second for each status. */
typedef struct kafka_reports {
    int64_t next_ms[SL_E_INTERNAL + 1];
} kafka_reports;
bool kafka_report_due(kafka_reports *r, sl_status status);

sl_status kafka_producer_open(sl_producer **ret, sl_bus *b, const sl_producer_options *opt,
                              sl_error *reterr);
sl_status kafka_consumer_open(sl_consumer **ret, sl_bus *b, const sl_consumer_options *opt,
                              sl_error *reterr);

/* ---- admin (kafka_admin.c) ---- */
sl_status kafka_cluster_id(sl_bus *b, char *out, size_t out_n, int timeout_ms, sl_error *reterr);
sl_status kafka_topics_create(sl_bus *b, const sl_topic_spec *t, size_t n, int timeout_ms,
                              sl_error *reterr);
sl_status kafka_partitions(sl_bus *b, const char *topic, int *ret, int timeout_ms,
                           sl_error *reterr);
sl_status kafka_watermarks(sl_bus *b, const char *topic, int32_t partition, int64_t *low,
                           int64_t *high, int timeout_ms, sl_error *reterr);
sl_status kafka_offset_at(sl_bus *b, const char *topic, int32_t partition, int64_t time_ms,
                          int64_t *ret, int timeout_ms, sl_error *reterr);
sl_status kafka_committed(sl_bus *b, const char *group, const char *topic, int32_t partition,
                          int64_t *ret, int timeout_ms, sl_error *reterr);
sl_status kafka_topics_list(sl_bus *b, void (*fn)(void *arg, const char *topic, int partitions),
                            void *arg, int timeout_ms, sl_error *reterr);
sl_status kafka_acls_list(sl_bus *b, void (*fn)(void *arg, const sl_acl *a), void *arg,
                          int timeout_ms, sl_error *reterr);
sl_status kafka_acls_create(sl_bus *b, const sl_acl *a, size_t n, int timeout_ms, sl_error *reterr);
sl_status kafka_acls_delete(sl_bus *b, const sl_acl *a, size_t n, int timeout_ms, sl_error *reterr);
/* The same against any client: a consumer that is being opened uses its own connection. */
sl_status kafka_partitions_of(rd_kafka_t *rk, const char *topic, int *ret, int64_t deadline_ms,
                              sl_error *reterr);
sl_status kafka_watermarks_of(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t *low,
                              int64_t *high, int64_t deadline_ms, sl_error *reterr);

#endif
