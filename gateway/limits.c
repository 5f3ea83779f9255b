#include "gateway/limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* A bucket counts in sixty-millionths: a rate of n a minute adds n of them each microsecond, so
 * nothing is ever rounded. */
#define UNITS     60000000
#define MINUTE_US 60000000

typedef struct bucket {
    int64_t rate; /* of the level below; 0: never used */
    int64_t level, at_us;
} bucket;

struct sl_limit {
    atomic_int refs;
    pthread_mutex_t lock;
    bucket requests, tokens;
    int64_t running;
};

sl_limit *sl_limit_new(void)
{
    sl_limit *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    atomic_init(&l->refs, 1);
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

sl_limit *sl_limit_ref(sl_limit *l)
{
    atomic_fetch_add(&l->refs, 1);
    return l;
}

void sl_limit_unref(sl_limit *l)
{
    if (!l || atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* Two minutes fill a bucket from its deepest debt, so longer times need not be counted. A rate that
 * the key file changed keeps the share that was left. */
static void fill(bucket *b, int64_t rate, int64_t now_us)
{
    int64_t full = rate * UNITS;
    if (b->rate != rate) {
        b->level = b->rate ? (int64_t)((double)b->level * (double)rate / (double)b->rate) : full;
        b->at_us = b->rate ? b->at_us : now_us;
        b->rate = rate;
    }
    int64_t us = now_us - b->at_us;
    if (us > 0) {
        b->level += (us < 2 * MINUTE_US ? us : 2 * MINUTE_US) * rate;
        b->at_us = now_us;
    }
    if (b->level > full)
        b->level = full;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Microseconds until the level is `units`, rounded up. */
static int64_t until(const bucket *b, int64_t units)
{
    return b->level >= units ? 0 : (units - b->level + b->rate - 1) / b->rate;
}

static void view(const sl_limit *l, const sl_rates *r, sl_limit_view *v)
{
    v->running = l->running;
    if (r->requests) {
        v->requests_left = l->requests.level > 0 ? l->requests.level / UNITS : 0;
        v->requests_reset_us = until(&l->requests, r->requests * UNITS);
    }
    if (r->tokens) {
        v->tokens_left = l->tokens.level > 0 ? l->tokens.level / UNITS : 0;
        v->tokens_reset_us = until(&l->tokens, r->tokens * UNITS);
    }
}

/* The units that a request with so many tokens needs. A request that is larger than the bucket
 * waits until it is full: it could never pass otherwise. */
static int64_t needed(const sl_rates *r, int64_t tokens)
{
    return least(tokens > 0 ? tokens : 0, r->tokens) * UNITS;
}

static sl_limit_verdict judge(sl_limit *l, const sl_rates *r, int64_t need, int64_t now_us,
                              sl_limit_view *v)
{
    *v = (sl_limit_view){0};
    if (r->requests)
        fill(&l->requests, r->requests, now_us);
    if (r->tokens)
        fill(&l->tokens, r->tokens, now_us);
    if (r->concurrency && l->running >= r->concurrency)
        return SL_LIMIT_CONCURRENCY;
    int64_t requests_us = r->requests ? until(&l->requests, UNITS) : 0;
    int64_t tokens_us = r->tokens ? until(&l->tokens, need) : 0;
    v->wait_us = requests_us > tokens_us ? requests_us : tokens_us;
    if (requests_us)
        return SL_LIMIT_REQUESTS;
    return tokens_us ? SL_LIMIT_TOKENS : SL_LIMIT_OK;
}

sl_limit_verdict sl_limit_take(sl_limit *l, const sl_rates *r, int64_t tokens, int64_t now_us,
                               sl_limit_view *ret)
{
    int64_t need = needed(r, tokens);
    pthread_mutex_lock(&l->lock);
    sl_limit_verdict verdict = judge(l, r, need, now_us, ret);
    if (verdict == SL_LIMIT_OK) {
        l->running++;
        if (r->requests)
            l->requests.level -= UNITS;
        if (r->tokens)
            l->tokens.level -= need;
    }
    view(l, r, ret);
    pthread_mutex_unlock(&l->lock);
    return verdict;
}

sl_limit_verdict sl_limit_look(sl_limit *l, const sl_rates *r, int64_t now_us, sl_limit_view *ret)
{
    pthread_mutex_lock(&l->lock);
    sl_limit_verdict verdict = judge(l, r, needed(r, 1), now_us, ret);
    view(l, r, ret);
    pthread_mutex_unlock(&l->lock);
    return verdict;
}

void sl_limit_give(sl_limit *l, const sl_rates *r, int64_t tokens, int64_t used, int64_t now_us)
{
    pthread_mutex_lock(&l->lock);
    l->running--;
    if (r->tokens) {
        bucket *b = &l->tokens;
        fill(b, r->tokens, now_us);
        int64_t full = r->tokens * UNITS;
        b->level = least(b->level + needed(r, tokens), full);
        /* never more than fits, so that the product can't overflow */
        b->level -= least(used > 0 ? used : 0, 3 * r->tokens) * UNITS;
        if (b->level < -full)
            b->level = -full;
    }
    pthread_mutex_unlock(&l->lock);
}
