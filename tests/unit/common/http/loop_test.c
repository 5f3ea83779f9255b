/* loop_test.c - posts from other threads, timers, watches, signals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/http/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static sl_loop *open_loop(void)
{
    sl_loop *l = NULL;
    sl_error e;
    assert_int_equal(sl_loop_open(&l, &e), SL_OK);
    return l;
}

/* ---- posts ---- */

#define POSTERS 4
#define POSTS   5000

typedef struct poster {
    sl_loop *l;
    int next, seen, *total;
} poster;

typedef struct message {
    poster *from;
    int number;
} message;

static void on_message(void *arg)
{
    message *m = arg;
    if (m->from->seen == m->number) /* in the order of posting */
        m->from->seen++;
    if (++*m->from->total == POSTERS * POSTS)
        sl_loop_stop(m->from->l);
    free(m);
}

static void *post_many(void *arg)
{
    poster *p = arg;
    for (int i = 0; i < POSTS; i++) {
        message *m = malloc(sizeof *m);
        *m = (message){p, i};
        if (sl_loop_post(p->l, on_message, m) != SL_OK)
            abort();
    }
    return NULL;
}

static void posts_keep_their_order(void **state)
{
    sl_loop *l = open_loop();
    pthread_t threads[POSTERS];
    poster posters[POSTERS];
    int total = 0;
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (poster){.l = l, .total = &total};
        pthread_create(&threads[i], NULL, post_many, &posters[i]);
    }
    sl_loop_run(l);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(posters[i].seen, POSTS);
    }
    sl_loop_free(l);
}

typedef struct chain {
    sl_loop *l;
    int left;
} chain;

static void post_again(void *arg)
{
    chain *c = arg;
    if (--c->left > 0)
        assert_int_equal(sl_loop_post(c->l, post_again, c), SL_OK);
    else
        sl_loop_stop(c->l);
}

static void posts_from_a_post(void **state)
{
    sl_loop *l = open_loop();
    chain c = {l, 1000};
    assert_int_equal(sl_loop_post(l, post_again, &c), SL_OK); /* before the loop runs */
    sl_loop_run(l);
    assert_int_equal(c.left, 0);
    c.left = 3; /* a loop may run again */
    assert_int_equal(sl_loop_post(l, post_again, &c), SL_OK);
    sl_loop_run(l);
    assert_int_equal(c.left, 0);
    sl_loop_stop(l); /* before it runs: it returns at once */
    sl_loop_run(l);
    sl_loop_free(l);
    sl_loop_free(NULL);
}

/* ---- timers ---- */

typedef struct ticks {
    sl_loop *l;
    sl_timer *t;
    int n, stop_at;
    bool free_it;
} ticks;

static void on_tick(void *arg)
{
    ticks *k = arg;
    if (++k->n == k->stop_at) {
        if (k->free_it)
            sl_timer_free(k->t); /* inside its own call */
        else
            sl_timer_cancel(k->t);
        sl_loop_stop(k->l);
    }
}

static void stop_it(void *arg)
{
    sl_loop_stop(arg);
}

static void timers(void **state)
{
    sl_loop *l = open_loop();
    ticks every = {.l = l, .stop_at = 5, .free_it = true}, once = {.l = l, .stop_at = 1};
    ticks never = {.l = l, .stop_at = -1};
    sl_timer *guard;
    int64_t start = sl_mono_ms();
    assert_int_equal(sl_timer_open(&every.t, l, on_tick, &every, NULL), SL_OK);
    assert_int_equal(sl_timer_open(&never.t, l, on_tick, &never, NULL), SL_OK);
    assert_int_equal(sl_timer_open(&once.t, l, on_tick, &once, NULL), SL_OK);
    sl_timer_every(every.t, 10);
    sl_timer_set(never.t, 20);
    sl_timer_cancel(never.t);
    sl_loop_run(l);
    assert_int_equal(every.n, 5);
    assert_true(sl_mono_ms() - start >= 40);
    assert_int_equal(never.n, 0);

    sl_timer_every(once.t, 1);
    sl_timer_set(once.t, 5); /* replaces the period */
    once.stop_at = -1;
    assert_int_equal(sl_timer_open(&guard, l, stop_it, l, NULL), SL_OK);
    sl_timer_set(guard, 50);
    sl_loop_run(l);
    assert_int_equal(once.n, 1);
    sl_timer_free(guard);
    sl_timer_free(once.t);
    sl_timer_free(never.t);
    sl_timer_free(NULL);
    sl_loop_free(l);
}

/* ---- watches and signals ---- */

typedef struct reader {
    sl_loop *l;
    sl_watch *w;
    int fd, got;
} reader;

static void on_readable(void *arg)
{
    reader *r = arg;
    char c;
    assert_int_equal(read(r->fd, &c, 1), 1); /* one byte a call: level-triggered */
    if (++r->got == 3) {
        sl_watch_free(r->w);
        sl_loop_stop(r->l);
    }
}

static void watches(void **state)
{
    sl_loop *l = open_loop();
    int pair[2];
    reader r = {.l = l};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    r.fd = pair[0];
    assert_int_equal(sl_watch_open(&r.w, l, pair[0], on_readable, &r, NULL), SL_OK);
    assert_int_equal(write(pair[1], "abc", 3), 3);
    sl_loop_run(l);
    assert_int_equal(r.got, 3);
    close(pair[0]);
    close(pair[1]);
    sl_loop_free(l);
}

static void signals(void **state)
{
    sl_loop *l = open_loop();
    sl_watch *w;
    assert_int_equal(sl_watch_signal(&w, l, SIGUSR1, stop_it, l, NULL), SL_OK);
    raise(SIGUSR1);
    sl_loop_run(l);
    sl_watch_free(w);
    sl_watch_free(NULL);
    sl_loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_keep_their_order),
        cmocka_unit_test(posts_from_a_post),
        cmocka_unit_test(timers),
        cmocka_unit_test(watches),
        cmocka_unit_test(signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
