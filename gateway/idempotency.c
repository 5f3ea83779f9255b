#include "gateway/idempotency.h"

#include "common/base/clock.h"
#include "common/crypto/digest.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#define BUCKETS     4096
#define ENTRIES_MAX 100000

struct sl_idem_waiter {
    TAILQ_ENTRY(sl_idem_waiter) link;
    sl_idem *table;
    sl_idem_entry *entry; /* NULL: on its way through the loop, in `posted` */
    sl_loop *loop;
    sl_idem_fn fn; /* NULL: cancelled */
    void *arg;
    sl_idem_result *result;
};

struct sl_idem_entry {
    TAILQ_ENTRY(sl_idem_entry) bucket, age; /* age: only finished ones */
    uint8_t name[32], body[32];             /* SHA-256 of tenant and key, of the body */
    sl_idem_result *result;                 /* NULL: still running */
    int64_t until_ms;
    size_t bytes;
    TAILQ_HEAD(, sl_idem_waiter) waiters;
};

TAILQ_HEAD(entry_list, sl_idem_entry);

struct sl_idem {
    pthread_mutex_t lock;
    struct entry_list buckets[BUCKETS], age;
    TAILQ_HEAD(, sl_idem_waiter)
    posted; /* a loop that ended before it woke them leaves them here */
    int64_t ttl_ms;
    size_t bytes_max, bytes, n;
};

void sl_idem_result_unref(sl_idem_result *r)
{
    if (!r || __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    sl_buf_done(&r->headers);
    sl_buf_done(&r->model);
    sl_buf_done(&r->content);
    sl_buf_done(&r->reasoning);
    sl_buf_done(&r->tool_calls);
    sl_buf_done(&r->error_body);
    free(r);
}

static sl_idem_result *result_ref(sl_idem_result *r)
{
    __atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
    return r;
}

sl_status sl_idem_open(sl_idem **ret, int64_t ttl_ms, size_t bytes_max)
{
    sl_idem *t = calloc(1, sizeof(*t));
    if (!t)
        return SL_E_NOMEM;
    pthread_mutex_init(&t->lock, NULL);
    for (size_t i = 0; i < BUCKETS; i++)
        TAILQ_INIT(&t->buckets[i]);
    TAILQ_INIT(&t->age);
    TAILQ_INIT(&t->posted);
    t->ttl_ms = ttl_ms;
    t->bytes_max = bytes_max;
    *ret = t;
    return SL_OK;
}

static struct entry_list *bucket_of(sl_idem *t, const uint8_t name[32])
{
    return &t->buckets[((size_t)name[0] | (size_t)name[1] << 8) % BUCKETS];
}

static void remove_entry(sl_idem *t, sl_idem_entry *e)
{
    TAILQ_REMOVE(bucket_of(t, e->name), e, bucket);
    if (e->result) {
        TAILQ_REMOVE(&t->age, e, age);
        t->bytes -= e->bytes;
        sl_idem_result_unref(e->result);
    }
    t->n--;
    free(e);
}

static void expire(sl_idem *t, int64_t now_ms)
{
    sl_idem_entry *e;
    while ((e = TAILQ_FIRST(&t->age)) && (e->until_ms <= now_ms || t->bytes > t->bytes_max))
        remove_entry(t, e);
}

void sl_idem_free(sl_idem *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        sl_idem_entry *e;
        while ((e = TAILQ_FIRST(&t->buckets[i])))
            remove_entry(t, e);
    }
    sl_idem_waiter *w;
    while ((w = TAILQ_FIRST(&t->posted))) {
        TAILQ_REMOVE(&t->posted, w, link);
        sl_idem_result_unref(w->result);
        free(w);
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static void name_of(uint8_t out[32], sl_str tenant, sl_str key)
{
    sl_buf b = {0};
    sl_buf_add_str(&b, tenant);
    sl_buf_addc(&b, '\0');
    sl_buf_add_str(&b, key);
    sl_sha256(out, b.data, b.len);
    sl_buf_done(&b);
}

static sl_idem_entry *find(sl_idem *t, const uint8_t name[32])
{
    sl_idem_entry *e;
    TAILQ_FOREACH(e, bucket_of(t, name), bucket)
    if (memcmp(e->name, name, 32) == 0)
        return e;
    return NULL;
}

static sl_idem_verdict begin_new(sl_idem *t, const uint8_t name[32], const uint8_t body[32],
                                 sl_idem_entry **ret)
{
    sl_idem_entry *e = t->n < ENTRIES_MAX ? calloc(1, sizeof(*e)) : NULL;
    if (!e)
        return SL_IDEM_BUSY;
    memcpy(e->name, name, 32);
    memcpy(e->body, body, 32);
    TAILQ_INIT(&e->waiters);
    TAILQ_INSERT_HEAD(bucket_of(t, name), e, bucket);
    t->n++;
    *ret = e;
    return SL_IDEM_OWNER;
}

static sl_idem_verdict begin_wait(sl_idem *t, sl_idem_entry *e, sl_loop *loop, sl_idem_fn fn,
                                  void *arg, sl_idem_waiter **ret)
{
    sl_idem_waiter *w = calloc(1, sizeof(*w));
    if (!w)
        return SL_IDEM_BUSY;
    *w = (sl_idem_waiter){.table = t, .entry = e, .loop = loop, .fn = fn, .arg = arg};
    TAILQ_INSERT_TAIL(&e->waiters, w, link);
    *ret = w;
    return SL_IDEM_WAIT;
}

sl_idem_verdict sl_idem_begin(sl_idem *t, sl_str tenant, sl_str key, sl_str body, sl_loop *loop,
                              sl_idem_fn fn, void *arg, sl_idem_entry **ret_entry,
                              sl_idem_waiter **ret_waiter, sl_idem_result **ret_result)
{
    uint8_t name[32], digest[32];
    name_of(name, tenant, key);
    sl_sha256(digest, body.p, body.n);
    pthread_mutex_lock(&t->lock);
    expire(t, sl_mono_ms());
    sl_idem_verdict v;
    sl_idem_entry *e = find(t, name);
    if (!e)
        v = begin_new(t, name, digest, ret_entry);
    else if (memcmp(e->body, digest, 32) != 0)
        v = SL_IDEM_CONFLICT;
    else if (e->result)
        *ret_result = result_ref(e->result), v = SL_IDEM_STORED;
    else
        v = begin_wait(t, e, loop, fn, arg, ret_waiter);
    pthread_mutex_unlock(&t->lock);
    return v;
}

/* In the waiter's loop: nobody else touches fn from here on. */
static void wake(void *arg)
{
    sl_idem_waiter *w = arg;
    pthread_mutex_lock(&w->table->lock);
    TAILQ_REMOVE(&w->table->posted, w, link);
    pthread_mutex_unlock(&w->table->lock);
    if (w->fn)
        w->fn(w->arg, w->result);
    sl_idem_result_unref(w->result);
    free(w);
}

void sl_idem_finish(sl_idem *t, sl_idem_entry *e, sl_idem_result *r)
{
    pthread_mutex_lock(&t->lock);
    sl_idem_waiter *w;
    while ((w = TAILQ_FIRST(&e->waiters))) {
        TAILQ_REMOVE(&e->waiters, w, link);
        w->entry = NULL;
        w->result = r ? result_ref(r) : NULL;
        TAILQ_INSERT_TAIL(&t->posted, w, link);
        if (sl_loop_post(w->loop, wake, w) != SL_OK) { /* the loop is gone and so is its client */
            TAILQ_REMOVE(&t->posted, w, link);
            sl_idem_result_unref(w->result);
            free(w);
        }
    }
    if (r) {
        e->bytes = sizeof(*e) + sizeof(*r) + r->content.cap + r->reasoning.cap + r->tool_calls.cap +
                   r->error_body.cap;
        e->result = r;
        e->until_ms = sl_mono_ms() + t->ttl_ms;
        t->bytes += e->bytes;
        TAILQ_INSERT_TAIL(&t->age, e, age);
        expire(t, sl_mono_ms());
    } else {
        remove_entry(t, e);
    }
    pthread_mutex_unlock(&t->lock);
}

void sl_idem_cancel(sl_idem *t, sl_idem_waiter *w)
{
    pthread_mutex_lock(&t->lock);
    bool waiting = w->entry != NULL;
    if (waiting)
        TAILQ_REMOVE(&w->entry->waiters, w, link);
    else
        w->fn = NULL; /* posted already: wake frees it */
    pthread_mutex_unlock(&t->lock);
    if (waiting)
        free(w);
}
