/* memory_impl.h - the in-process cluster, shared by memory.c, memory_producer.c and
 * memory_consumer.c.
 *
 * Locks, in this order: registry (memory.c), cluster, partition. A topic is never freed before its
 * cluster, so a pointer to it may be kept without a lock.
 * Wake-ups: a poller reads its fd, then clears `signaled`, then looks at the logs; a writer
 * appends, then sets `signaled` and writes to the fd when it was clear. Whatever the
 * interleaving, an append that the poller did not see leaves the fd readable. */
#ifndef SL_BUS_MEMORY_IMPL_H
#define SL_BUS_MEMORY_IMPL_H

#include "common/bus/bus_impl.h"
#include "common/bus/memory.h"
#include "common/bus/offsets.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct mem_wake {
    int fd;
    atomic_bool signaled;
} mem_wake;

bool mem_wake_open(mem_wake *w);
void mem_wake_close(mem_wake *w);
void mem_wake_signal(mem_wake *w);
void mem_wake_drain(mem_wake *w);

typedef struct mem_record {
    atomic_uint refs;
    size_t bytes;
    sl_record record; /* what it points to follows */
} mem_record;

void mem_record_unref(mem_record *r);

typedef struct mem_partition {
    pthread_mutex_t lock;
    const struct mem_topic *topic;
    int32_t index;
    mem_record **ring; /* the log: offsets low … low + n - 1 */
    size_t cap, head, n;
    int64_t low;
    size_t bytes;
    mem_wake **watchers;
    size_t watchers_n;
} mem_partition;

typedef struct mem_topic {
    char *name;
    int partitions_n;
    mem_partition *partitions;
    struct mem_topic *next;
} mem_topic;

typedef struct mem_claim {
    mem_partition *part;
    struct mem_consumer *owner; /* NULL: free */
    int64_t committed;          /* -1: none */
} mem_claim;

typedef struct mem_group {
    char *name;
    mem_claim *claims;
    size_t claims_n;
    struct mem_consumer **members; /* in the order of joining */
    size_t members_n;
    unsigned generation; /* changes when members, topics or owners do */
    struct mem_group *next;
} mem_group;

typedef struct mem_cluster {
    char *name;
    int refs; /* registry lock */
    struct mem_cluster *next;
    pthread_mutex_t lock;
    mem_topic *topics;
    mem_group *groups;
    struct mem_consumer *consumers;
    struct mem_producer *producers;
    atomic_size_t retain_bytes;
    atomic_bool hold, down, faulty; /* faulty: look at the fields below */
    unsigned fail_n, full_n;
    sl_memory_fault fail_kind;
    sl_status fail_status;
    char fail_topic[SL_BUS_TOPIC_NAME_MAX + 1]; /* "": any */
} mem_cluster;

typedef struct mem_bus {
    sl_bus base;
    mem_cluster *cluster;
} mem_bus;

typedef struct mem_producer {
    sl_producer base;
    mem_cluster *cluster;
    mem_wake wake;
    struct mem_producer *next;
    mem_topic *last_topic; /* of the last send: most go to the same one */
    size_t queue_records;
    int message_timeout_ms;
    uint32_t turn; /* spreads records without key */
    bool polling;
    struct mem_delivery *ring; /* deliveries to make */
    size_t cap, head, n;
} mem_producer;

typedef struct mem_reader {
    mem_partition *part;
    int64_t position;
    unsigned epoch;     /* changes when the position is set from outside */
    sl_offsets offsets; /* group mode */
} mem_reader;

typedef struct mem_consumer {
    sl_consumer base;
    mem_cluster *cluster;
    mem_wake wake;
    struct mem_consumer *next;
    sl_consumer_options cb; /* callbacks, arg and from_end alone */
    mem_group *group;       /* NULL: assign mode */
    char **topics;          /* group mode; ends with NULL */
    unsigned generation;    /* of the group, as last seen; 0: never */
    bool *missing;          /* per topic: its absence was reported */
    bool told_down;
    mem_reader *readers;
    size_t readers_n;
    size_t turn;
} mem_consumer;

/* NULL: no such topic. */
mem_topic *mem_topic_find(mem_cluster *k, const char *name);
mem_topic *mem_topic_find_locked(mem_cluster *k, const char *name);
/* Copies the record to the end of the log; SL_E_NOMEM or SL_OK with its offset. */
sl_status mem_partition_append(mem_cluster *k, mem_partition *p, const sl_record *r,
                               int64_t *ret_offset);
bool mem_partition_watch(mem_partition *p, mem_wake *w);
void mem_partition_unwatch(mem_partition *p, mem_wake *w);
int64_t mem_partition_end(mem_partition *p); /* takes the lock */
int64_t mem_partition_low(mem_partition *p);
mem_group *mem_group_get_locked(mem_cluster *k, const char *name, bool create);
/* Members look again at who owns what. */
void mem_group_changed_locked(mem_group *g);

sl_status mem_producer_open(sl_producer **ret, sl_bus *b, const sl_producer_options *opt,
                            sl_error *reterr);
sl_status mem_consumer_open(sl_consumer **ret, sl_bus *b, const sl_consumer_options *opt,
                            sl_error *reterr);

#endif
