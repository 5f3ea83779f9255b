/* bus_impl.h - what the two buses share: vtables, the copy of a record, limits.
 *
 * Private to common/bus. bus.c checks arguments and dispatches; kafka*.c and memory*.c implement.
 * Each object embeds its abstract struct as the first field. */
#ifndef SL_BUS_BUS_IMPL_H
#define SL_BUS_BUS_IMPL_H

#include "common/bus/bus.h"

/* design.md: what a topic of ours takes; the broker's limit covers the batch around it too. */
#define SL_BUS_RECORD_MAX      1114112
#define SL_BUS_HEADERS_MAX     256
#define SL_BUS_PARTITIONS_MAX  10000
#define SL_BUS_CLOSE_MS        5000
#define SL_BUS_COMMIT_EVERY_MS 100

typedef struct sl_bus_ops {
    void (*free)(sl_bus *b);
    sl_status (*cluster_id)(sl_bus *b, char *out, size_t out_n, int timeout_ms, sl_error *reterr);
    sl_status (*producer_open)(sl_producer **ret, sl_bus *b, const sl_producer_options *opt,
                               sl_error *reterr);
    sl_status (*consumer_open)(sl_consumer **ret, sl_bus *b, const sl_consumer_options *opt,
                               sl_error *reterr);
    sl_status (*topics_create)(sl_bus *b, const sl_topic_spec *t, size_t n, int timeout_ms,
                               sl_error *reterr);
    sl_status (*partitions)(sl_bus *b, const char *topic, int *ret, int timeout_ms,
                            sl_error *reterr);
    sl_status (*watermarks)(sl_bus *b, const char *topic, int32_t partition, int64_t *low,
                            int64_t *high, int timeout_ms, sl_error *reterr);
    sl_status (*offset_at)(sl_bus *b, const char *topic, int32_t partition, int64_t time_ms,
                           int64_t *ret, int timeout_ms, sl_error *reterr);
    sl_status (*committed)(sl_bus *b, const char *group, const char *topic, int32_t partition,
                           int64_t *ret, int timeout_ms, sl_error *reterr);
    sl_status (*topics_list)(sl_bus *b, void (*fn)(void *arg, const char *topic, int partitions),
                             void *arg, int timeout_ms, sl_error *reterr);
    /* NULL: there are no access control lists. */
    sl_status (*acls_list)(sl_bus *b, void (*fn)(void *arg, const sl_acl *a), void *arg,
                           int timeout_ms, sl_error *reterr);
    sl_status (*acls_create)(sl_bus *b, const sl_acl *a, size_t n, int timeout_ms,
                             sl_error *reterr);
    sl_status (*acls_delete)(sl_bus *b, const sl_acl *a, size_t n, int timeout_ms,
                             sl_error *reterr);
} sl_bus_ops;

struct sl_bus {
    const sl_bus_ops *ops;
};

typedef struct sl_producer_ops {
    sl_status (*send)(sl_producer *p, const sl_record *r, sl_delivery_fn cb, void *arg,
                      sl_error *reterr);
    void (*cork)(sl_producer *p, bool on); /* NULL: nothing to do */
    int (*fd)(const sl_producer *p);
    void (*poll)(sl_producer *p);
    size_t (*pending)(const sl_producer *p);
    sl_status (*flush)(sl_producer *p, int timeout_ms);
    void (*close)(sl_producer *p);
} sl_producer_ops;

struct sl_producer {
    const sl_producer_ops *ops;
};

typedef struct sl_consumer_ops {
    int (*fd)(const sl_consumer *c);
    size_t (*poll)(sl_consumer *c, size_t max_records);
    void (*finish)(sl_consumer *c, const char *topic, int32_t partition, int64_t offset);
    sl_status (*rewind)(sl_consumer *c, const char *topic, int32_t partition, int64_t offset);
    sl_status (*split)(sl_consumer **ret, sl_consumer *c, const sl_bus_partition *partitions,
                       size_t n, const sl_consumer_options *callbacks, sl_error *reterr);
    bool (*at_end)(sl_consumer *c);
    bool (*assigned)(const sl_consumer *c);
    int64_t (*committed)(sl_consumer *c, const char *topic, int32_t partition);
    void (*close)(sl_consumer *c);
} sl_consumer_ops;

struct sl_consumer {
    const sl_consumer_ops *ops;
};

sl_status sl_kafka_bus_open(sl_bus **ret, const sl_bus_options *opt,
                            sl_error *reterr) SL_MUST_CHECK;
sl_status sl_memory_bus_open(sl_bus **ret, const char *name, sl_error *reterr) SL_MUST_CHECK;

/* Bytes behind a record: its header array, key, value and header texts. */
size_t sl_bus_record_size(const sl_record *r);
/* Copies all of it into `mem` (sl_bus_record_size bytes, aligned for a pointer); `topic` is
 * borrowed as it is. */
void sl_bus_record_copy(sl_record *out, void *mem, const sl_record *r, const char *topic);
/* Topic name, size, headers, partition: what no broker would take. */
sl_status sl_bus_record_check(const sl_record *r, sl_error *reterr) SL_MUST_CHECK;

#endif
