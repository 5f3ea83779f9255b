/* idtable.h - hash table from request ids to structs that embed a node, and a bounded memory of
 * ids.
 *
 * sl_id_table: chained, sized once, never grows; the caller owns the structs and their keys.
 * sl_recall: remembers at most `cap` ids, each until a time of its own; the oldest goes first when
 * it is full. Threads: one owner. */
#ifndef SL_BASE_IDTABLE_H
#define SL_BASE_IDTABLE_H

#include "common/base/buf.h"
#include "common/base/clock.h"

typedef struct sl_id_node {
    struct sl_id_node *next;
    sl_str key; /* borrowed from the struct around it */
} sl_id_node;

typedef struct sl_id_table {
    sl_id_node **bucket;
    size_t mask, n;
} sl_id_table;

/* `buckets` is a power of two. */
sl_status sl_id_table_open(sl_id_table *t, size_t buckets) SL_MUST_CHECK;
void sl_id_table_done(sl_id_table *t); /* the nodes stay the caller's */
sl_id_node *sl_id_table_find(const sl_id_table *t, sl_str key);
void sl_id_table_add(sl_id_table *t, sl_id_node *n); /* n->key is set and not in the table */
void sl_id_table_remove(sl_id_table *t, sl_id_node *n);

typedef struct sl_recall sl_recall;
typedef struct sl_recalled {
    int64_t until_ms; /* Unix */
    int32_t partition;
    int64_t offset;
} sl_recalled;

sl_status sl_recall_open(sl_recall **ret, size_t cap) SL_MUST_CHECK;
void sl_recall_free(sl_recall *r); /* NULL is fine */
/* Remembers or renews; an id that is not a UUID is not remembered. Out of memory forgets it. */
void sl_recall_add(sl_recall *r, sl_str id, const sl_recalled *what);
/* NULL when unknown or past its time at now_ms. */
const sl_recalled *sl_recall_find(const sl_recall *r, sl_str id, int64_t now_ms);
void sl_recall_expire(sl_recall *r, int64_t now_ms);
size_t sl_recall_size(const sl_recall *r);

#endif
