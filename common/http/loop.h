/* loop.h - one thread's event loop: timers, file descriptors, signals, calls from other threads.
 *
 * libevent underneath (the only folder that knows it is common/http). The bus and the engine
 * reach a loop through file descriptors, so they do not depend on this header.
 * Threads: everything is called by the loop's own thread, except sl_loop_post and sl_loop_stop.
 * Errors: nothing here logs. */
#ifndef SL_HTTP_LOOP_H
#define SL_HTTP_LOOP_H

#include "common/base/status.h"

#include <stdint.h>

typedef struct sl_loop sl_loop;
typedef struct sl_timer sl_timer;
typedef struct sl_watch sl_watch;
typedef void (*sl_loop_fn)(void *arg);

sl_status sl_loop_open(sl_loop **ret, sl_error *reterr) SL_MUST_CHECK;
void sl_loop_free(sl_loop *l); /* after every timer, watch, server and client on it is freed */
void sl_loop_run(sl_loop *l);  /* until sl_loop_stop */
void sl_loop_stop(sl_loop *l);
/* Runs fn(arg) in the loop's thread, soon, in the order of posting. From any thread. */
sl_status sl_loop_post(sl_loop *l, sl_loop_fn fn, void *arg) SL_MUST_CHECK;

/* A timer is idle until set; it fires once a setting unless `every`. */
sl_status sl_timer_open(sl_timer **ret, sl_loop *l, sl_loop_fn fn, void *arg,
                        sl_error *reterr) SL_MUST_CHECK;
void sl_timer_set(sl_timer *t, int64_t after_ms);
void sl_timer_every(sl_timer *t, int64_t period_ms);
/* Fires once what is ready in this turn of the loop has run: the place to send as one what a turn
 * gathered. */
void sl_timer_soon(sl_timer *t);
void sl_timer_cancel(sl_timer *t);
void sl_timer_free(sl_timer *t);

/* Calls fn whenever fd is readable (level-triggered). The fd stays the caller's. */
sl_status sl_watch_open(sl_watch **ret, sl_loop *l, int fd, sl_loop_fn fn, void *arg,
                        sl_error *reterr) SL_MUST_CHECK;
void sl_watch_free(sl_watch *w);
/* Calls fn in the loop when the signal arrives. One loop of a process watches signals. */
sl_status sl_watch_signal(sl_watch **ret, sl_loop *l, int signo, sl_loop_fn fn, void *arg,
                          sl_error *reterr) SL_MUST_CHECK;

#endif
