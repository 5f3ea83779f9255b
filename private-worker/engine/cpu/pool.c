#include "private-worker/engine/cpu/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define THREADS_MAX 256
/* A step of the model is a few hundred loops with microseconds between them: helpers wait for the
 * next one awake that long, and go to sleep when the engine pauses. */
#define SPINS 4000

typedef struct helper {
    sl_pool *pool;
    int index;
    pthread_t thread;
} helper;

/* One loop at a time. `job` counts loops; a helper that sees it change takes part. The loop is over
 * when `next` has passed n and `busy` helpers have all left: the caller waits for busy == 0, so
 * that fn and arg never change under a helper. A helper registers in `busy` first and then reads
 * `open`; the caller clears `open` first and then reads `busy`: one of them sees the other. */
struct sl_pool {
    int threads;
    helper *helpers;
    sl_pool_fn fn;
    void *arg;
    int n;
    atomic_int next, busy;
    atomic_bool open, stop;
    atomic_uint job;
    atomic_int sleepers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void work(sl_pool *p, int worker)
{
    for (int i; (i = atomic_fetch_add(&p->next, 1)) < p->n;)
        p->fn(p->arg, i, worker);
}

/* Waits until `job` differs from `seen`; false when the pool stops. */
static bool wait_job(sl_pool *p, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&p->job) != seen)
            return !atomic_load(&p->stop);
        relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    while (atomic_load(&p->job) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
    return !atomic_load(&p->stop);
}

static void *helper_main(void *arg)
{
    helper *h = arg;
    sl_pool *p = h->pool;
    unsigned seen = 0;
    while (wait_job(p, seen)) {
        seen = atomic_load(&p->job);
        atomic_fetch_add(&p->busy, 1);
        if (atomic_load(&p->open))
            work(p, h->index);
        atomic_fetch_sub(&p->busy, 1);
    }
    return NULL;
}

static void next_job(sl_pool *p)
{
    atomic_fetch_add(&p->job, 1);
    if (atomic_load(&p->sleepers)) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
}

void sl_pool_run(sl_pool *p, int n, sl_pool_fn fn, void *arg)
{
    if (p->threads == 1 || n == 1) {
        for (int i = 0; i < n; i++)
            fn(arg, i, 0);
        return;
    }
    p->fn = fn;
    p->arg = arg;
    p->n = n;
    atomic_store(&p->next, 0);
    atomic_store(&p->open, true);
    next_job(p);
    work(p, 0);
    atomic_store(&p->open, false);
    for (int i = 0; atomic_load(&p->busy); i++) {
        if (i % 1000 == 999)
            sched_yield(); /* a helper may have lost its core */
        relax();
    }
}

static int cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set))
        return 1;
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n;
}

sl_status sl_pool_open(sl_pool **ret, int threads, sl_error *reterr)
{
    if (threads < 0 || threads > THREADS_MAX)
        return sl_fail(reterr, SL_E_INVALID, "%d threads: give 0 (all cores) to %d", threads,
                       THREADS_MAX);
    sl_pool *p = calloc(1, sizeof(*p));
    int want = threads ? threads : cores();
    helper *h = calloc((size_t)want, sizeof(*h));
    if (!p || !h) {
        free(p);
        free(h);
        return sl_fail(reterr, SL_E_NOMEM, "no memory for %d threads", want);
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->helpers = h;
    p->threads = 1;
    for (int i = 1; i < want; i++) {
        h[i] = (helper){.pool = p, .index = i};
        if (pthread_create(&h[i].thread, NULL, helper_main, &h[i])) {
            sl_pool_free(p);
            return sl_fail(reterr, SL_E_IO, "cannot start thread %d of %d", i + 1, want);
        }
        p->threads++;
    }
    *ret = p;
    return SL_OK;
}

void sl_pool_free(sl_pool *p)
{
    if (!p)
        return;
    atomic_store(&p->stop, true);
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->job, 1);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int i = 1; i < p->threads; i++)
        pthread_join(p->helpers[i].thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->helpers);
    free(p);
}

int sl_pool_threads(const sl_pool *p)
{
    return p->threads;
}
