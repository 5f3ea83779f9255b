/* loop.c - sl_loop on libevent's event_base.
 *
 * Calls from other threads go through one queue under a mutex and one eventfd, so libevent itself
 * needs no locks (event_base without thread support is what makes the loop cheap). The writer
 * wakes the loop only when the queue was empty: a burst costs one write(2). */
#include "common/http/loop_internal.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

typedef struct sl_post {
    sl_loop_fn fn;
    void *arg;
} sl_post;

typedef struct sl_posts {
    sl_post *v;
    size_t n, cap;
} sl_posts;

struct sl_loop {
    struct event_base *base;
    struct event *wake;
    int wake_fd;
    atomic_bool stop;
    pthread_mutex_t lock;
    sl_posts queue;   /* under the lock */
    sl_posts running; /* the loop's own */
};

struct sl_timer {
    struct event *ev;
    int64_t period_ms; /* 0: once */
    sl_loop_fn fn;
    void *arg;
};

struct sl_watch {
    struct event *ev;
    sl_loop_fn fn;
    void *arg;
};

struct event_base *sl_loop_base(sl_loop *l)
{
    return l->base;
}

struct timeval sl_loop_timeval(int64_t ms)
{
    if (ms < 0)
        ms = 0;
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static void wake(sl_loop *l)
{
    uint64_t one = 1;
    ssize_t n;
    do {
        n = write(l->wake_fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
    /* EAGAIN: the counter is full, so the loop is awake anyway. */
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    sl_loop *l = arg;
    uint64_t count;
    ssize_t got = read(l->wake_fd, &count, sizeof count);
    (void)got; /* level-triggered: a failed read comes again */

    pthread_mutex_lock(&l->lock);
    sl_posts todo = l->queue;
    l->queue = l->running;
    l->queue.n = 0;
    pthread_mutex_unlock(&l->lock);

    for (size_t i = 0; i < todo.n; i++)
        todo.v[i].fn(todo.v[i].arg);
    todo.n = 0;
    l->running = todo;
    if (atomic_load(&l->stop))
        event_base_loopbreak(l->base);
}

sl_status sl_loop_open(sl_loop **ret, sl_error *reterr)
{
    sl_loop *l = calloc(1, sizeof *l);
    if (!l)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for an event loop");
    pthread_mutex_init(&l->lock, NULL);
    /* OpenSSL writes with write(2), which has no MSG_NOSIGNAL: a client that goes away must not
     * end the process. */
    signal(SIGPIPE, SIG_IGN);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->base = event_base_new();
    if (l->wake_fd >= 0 && l->base)
        l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    if (!l->wake || event_add(l->wake, NULL) != 0) {
        sl_loop_free(l);
        return sl_fail(reterr, SL_E_IO,
                       "cannot create an event loop: raise the limit of open files (ulimit -n)");
    }
    *ret = l;
    return SL_OK;
}

void sl_loop_free(sl_loop *l)
{
    if (!l)
        return;
    if (l->wake)
        event_free(l->wake);
    if (l->base) {
        /* A freed bufferevent is finished by the loop's next turn; without one it leaks. */
        event_base_loop(l->base, EVLOOP_NONBLOCK);
        event_base_free(l->base);
    }
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    pthread_mutex_destroy(&l->lock);
    free(l->queue.v);
    free(l->running.v);
    free(l);
}

void sl_loop_run(sl_loop *l)
{
    while (!atomic_load(&l->stop)) {
        if (event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) != 0)
            break;
    }
    atomic_store(&l->stop, false);
}

void sl_loop_stop(sl_loop *l)
{
    atomic_store(&l->stop, true);
    wake(l);
}

sl_status sl_loop_post(sl_loop *l, sl_loop_fn fn, void *arg)
{
    bool was_empty;
    pthread_mutex_lock(&l->lock);
    if (l->queue.n == l->queue.cap) {
        size_t cap = l->queue.cap ? l->queue.cap * 2 : 64;
        sl_post *v = realloc(l->queue.v, cap * sizeof *v);
        if (!v) {
            pthread_mutex_unlock(&l->lock);
            return SL_E_NOMEM;
        }
        l->queue.v = v;
        l->queue.cap = cap;
    }
    was_empty = l->queue.n == 0;
    l->queue.v[l->queue.n++] = (sl_post){fn, arg};
    pthread_mutex_unlock(&l->lock);
    if (was_empty)
        wake(l);
    return SL_OK;
}

/* ---- timers ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    sl_timer *t = arg;
    /* Armed again before the call, because the call may cancel or free the timer. */
    if (t->period_ms > 0) {
        struct timeval tv = sl_loop_timeval(t->period_ms);
        event_add(t->ev, &tv);
    }
    t->fn(t->arg);
}

sl_status sl_timer_open(sl_timer **ret, sl_loop *l, sl_loop_fn fn, void *arg, sl_error *reterr)
{
    sl_timer *t = calloc(1, sizeof *t);
    if (t)
        t->ev = event_new(l->base, -1, 0, on_timer, t);
    if (!t || !t->ev) {
        free(t);
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for a timer");
    }
    t->fn = fn;
    t->arg = arg;
    *ret = t;
    return SL_OK;
}

void sl_timer_set(sl_timer *t, int64_t after_ms)
{
    struct timeval tv = sl_loop_timeval(after_ms);
    t->period_ms = 0;
    event_add(t->ev, &tv);
}

void sl_timer_every(sl_timer *t, int64_t period_ms)
{
    struct timeval tv;
    t->period_ms = period_ms > 0 ? period_ms : 1;
    tv = sl_loop_timeval(t->period_ms);
    event_add(t->ev, &tv);
}

void sl_timer_soon(sl_timer *t)
{
    t->period_ms = 0;
    event_active(t->ev, EV_TIMEOUT, 0); /* behind what is active already */
}

void sl_timer_cancel(sl_timer *t)
{
    t->period_ms = 0;
    event_del(t->ev);
}

void sl_timer_free(sl_timer *t)
{
    if (!t)
        return;
    event_free(t->ev);
    free(t);
}

/* ---- file descriptors and signals ---- */

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
    sl_watch *w = arg;
    w->fn(w->arg);
}

static sl_status watch_open(sl_watch **ret, sl_loop *l, int fd, short what, sl_loop_fn fn,
                            void *arg, sl_error *reterr)
{
    sl_watch *w = calloc(1, sizeof *w);
    if (w)
        w->ev = event_new(l->base, fd, what | EV_PERSIST, on_watch, w);
    if (!w || !w->ev) {
        free(w);
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for a watch");
    }
    w->fn = fn;
    w->arg = arg;
    if (event_add(w->ev, NULL) != 0) {
        sl_watch_free(w);
        return sl_fail(reterr, SL_E_IO, "cannot watch descriptor or signal %d", fd);
    }
    *ret = w;
    return SL_OK;
}

sl_status sl_watch_open(sl_watch **ret, sl_loop *l, int fd, sl_loop_fn fn, void *arg,
                        sl_error *reterr)
{
    return watch_open(ret, l, fd, EV_READ, fn, arg, reterr);
}

sl_status sl_watch_signal(sl_watch **ret, sl_loop *l, int signo, sl_loop_fn fn, void *arg,
                          sl_error *reterr)
{
    return watch_open(ret, l, signo, EV_SIGNAL, fn, arg, reterr);
}

void sl_watch_free(sl_watch *w)
{
    if (!w)
        return;
    event_free(w->ev);
    free(w);
}
