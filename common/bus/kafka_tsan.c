/* kafka_tsan.c - ThreadSanitizer builds only: librdkafka's threads and locks, made visible.
 *
 * librdkafka uses the C11 calls (thrd_create, mtx_lock, …), which glibc's ThreadSanitizer does not
 * intercept: a thread made by them crashes in its runtime, and what their locks order looks like a
 * race. These definitions stand before glibc's and go through the POSIX calls, which it knows;
 * glibc's thrd_t, mtx_t and cnd_t are the POSIX types inside. */
#ifdef __SANITIZE_THREAD__

#include "common/bus/kafka_impl.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

typedef struct start {
    thrd_start_t main;
    void *arg;
} start;

void kafka_threads_watch(void) {} /* makes the linker take this file */

/* Its reference counts are atomics of its own, compiled without the sanitizer: what they order (a
 * free after another thread's last read) would be reported. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:librdkafka.so.1\n";
}

static void *run(void *arg)
{
    start s = *(start *)arg;
    free(arg);
    return (void *)(intptr_t)s.main(s.arg);
}

static int result(int err)
{
    return err == 0           ? thrd_success
           : err == EBUSY     ? thrd_busy
           : err == ETIMEDOUT ? thrd_timedout
           : err == ENOMEM    ? thrd_nomem
                              : thrd_error;
}

int thrd_create(thrd_t *t, thrd_start_t fn, void *arg)
{
    start *s = malloc(sizeof(*s));
    if (!s)
        return thrd_nomem;
    *s = (start){fn, arg};
    int err = pthread_create(t, NULL, run, s);
    if (err != 0)
        free(s);
    return result(err);
}

int thrd_join(thrd_t t, int *ret)
{
    void *value;
    int err = pthread_join(t, &value);
    if (err == 0 && ret)
        *ret = (int)(intptr_t)value;
    return result(err);
}

int thrd_detach(thrd_t t)
{
    return result(pthread_detach(t));
}

int mtx_lock(mtx_t *m)
{
    return result(pthread_mutex_lock((pthread_mutex_t *)m));
}

int mtx_trylock(mtx_t *m)
{
    return result(pthread_mutex_trylock((pthread_mutex_t *)m));
}

int mtx_unlock(mtx_t *m)
{
    return result(pthread_mutex_unlock((pthread_mutex_t *)m));
}

int cnd_wait(cnd_t *c, mtx_t *m)
{
    return result(pthread_cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m));
}

int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict until)
{
    return result(pthread_cond_timedwait((pthread_cond_t *)c, (pthread_mutex_t *)m, until));
}

int cnd_signal(cnd_t *c)
{
    return result(pthread_cond_signal((pthread_cond_t *)c));
}

int cnd_broadcast(cnd_t *c)
{
    return result(pthread_cond_broadcast((pthread_cond_t *)c));
}

#endif
