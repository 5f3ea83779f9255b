#include "common/base/idtable.h"

#include <stdlib.h>
#include <sys/queue.h>

/* FNV-1a, 64 bits: ids are random (UUIDv7, v8), so any mixing of all bytes will do. */
static size_t hash_of(sl_str s)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
    return (size_t)(h ^ (h >> 32));
}

sl_status sl_id_table_open(sl_id_table *t, size_t buckets)
{
    *t = (sl_id_table){.bucket = calloc(buckets, sizeof(sl_id_node *)), .mask = buckets - 1};
    return t->bucket ? SL_OK : SL_E_NOMEM;
}

void sl_id_table_done(sl_id_table *t)
{
    free(t->bucket);
    *t = (sl_id_table){0};
}

sl_id_node *sl_id_table_find(const sl_id_table *t, sl_str key)
{
    sl_id_node *n = t->bucket[hash_of(key) & t->mask];
    while (n && !sl_str_eq(n->key, key))
        n = n->next;
    return n;
}

void sl_id_table_add(sl_id_table *t, sl_id_node *n)
{
    sl_id_node **head = &t->bucket[hash_of(n->key) & t->mask];
    n->next = *head;
    *head = n;
    t->n++;
}

void sl_id_table_remove(sl_id_table *t, sl_id_node *n)
{
    for (sl_id_node **at = &t->bucket[hash_of(n->key) & t->mask]; *at; at = &(*at)->next) {
        if (*at == n) {
            *at = n->next;
            n->next = NULL;
            t->n--;
            return;
        }
    }
}

/* ---- a bounded memory of ids ---- */

struct recalled {
    sl_id_node node;
    TAILQ_ENTRY(recalled) order;
    sl_recalled what;
    char id[SL_UUID_TEXT];
};

struct sl_recall {
    sl_id_table table;
    TAILQ_HEAD(, recalled) order; /* oldest first */
    size_t cap;
};

static struct recalled *recalled_of(sl_id_node *n)
{
    return (struct recalled *)((char *)n - offsetof(struct recalled, node));
}

sl_status sl_recall_open(sl_recall **ret, size_t cap)
{
    sl_recall *r = calloc(1, sizeof(*r));
    if (!r)
        return SL_E_NOMEM;
    TAILQ_INIT(&r->order);
    r->cap = cap;
    if (sl_id_table_open(&r->table, 4096)) {
        free(r);
        return SL_E_NOMEM;
    }
    *ret = r;
    return SL_OK;
}

static void forget(sl_recall *r, struct recalled *e)
{
    sl_id_table_remove(&r->table, &e->node);
    TAILQ_REMOVE(&r->order, e, order);
    free(e);
}

void sl_recall_free(sl_recall *r)
{
    if (!r)
        return;
    while (!TAILQ_EMPTY(&r->order))
        forget(r, TAILQ_FIRST(&r->order));
    sl_id_table_done(&r->table);
    free(r);
}

void sl_recall_add(sl_recall *r, sl_str id, const sl_recalled *what)
{
    if (!sl_uuid_valid(id.p, id.n))
        return;
    sl_id_node *n = sl_id_table_find(&r->table, id);
    if (n)
        forget(r, recalled_of(n));
    if (r->table.n >= r->cap)
        forget(r, TAILQ_FIRST(&r->order));
    struct recalled *e = calloc(1, sizeof(*e));
    if (!e)
        return;
    memcpy(e->id, id.p, id.n);
    e->node.key = (sl_str){e->id, id.n};
    e->what = *what;
    sl_id_table_add(&r->table, &e->node);
    TAILQ_INSERT_TAIL(&r->order, e, order);
}

const sl_recalled *sl_recall_find(const sl_recall *r, sl_str id, int64_t now_ms)
{
    sl_id_node *n = sl_id_table_find(&r->table, id);
    if (!n || recalled_of(n)->what.until_ms < now_ms)
        return NULL;
    return &recalled_of(n)->what;
}

void sl_recall_expire(sl_recall *r, int64_t now_ms)
{
    /* Times of neighbours are close together, so looking at the oldest alone is enough: whatever
     * stays a little too long behind it is not found any more (see find) and goes with it. */
    while (!TAILQ_EMPTY(&r->order) && TAILQ_FIRST(&r->order)->what.until_ms < now_ms)
        forget(r, TAILQ_FIRST(&r->order));
}

size_t sl_recall_size(const sl_recall *r)
{
    return r->table.n;
}
