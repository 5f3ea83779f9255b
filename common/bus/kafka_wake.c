#include "common/bus/kafka_wake.h"

#include "common/base/clock.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

const uint64_t sl_wake_payload = 1;

static bool watch(int epoll, int fd)
{
    struct epoll_event e = {.events = EPOLLIN};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

sl_status sl_wake_open(sl_wake *w, bool with_timer, sl_error *reterr)
{
    *w = (sl_wake){-1, -1, -1, 0};
    w->event = w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool ok = w->event >= 0;
    if (ok && with_timer) {
        w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        w->fd = epoll_create1(EPOLL_CLOEXEC);
        ok = w->timer >= 0 && w->fd >= 0 && watch(w->fd, w->event) && watch(w->fd, w->timer);
    }
    if (ok)
        return SL_OK;
    sl_wake_close(w);
    return sl_fail(reterr, SL_E_IO, "no event fd left: raise the limit of open files");
}

void sl_wake_close(sl_wake *w)
{
    if (w->fd >= 0 && w->fd != w->event)
        close(w->fd);
    if (w->event >= 0)
        close(w->event);
    if (w->timer >= 0)
        close(w->timer);
    *w = (sl_wake){-1, -1, -1, 0};
}

void sl_wake_signal(sl_wake *w)
{
    (void)eventfd_write(w->event, 1);
}

void sl_wake_drain(sl_wake *w)
{
    eventfd_t n;
    (void)eventfd_read(w->event, &n);
    if (w->due_us == 0 || sl_mono_us() < w->due_us)
        return;
    uint64_t expirations;
    /* Rounding to microseconds can bring us here just before the kernel's timer: it is asked until
     * it has fired, or the fd would stay quiet with nothing armed. */
    if (read(w->timer, &expirations, sizeof(expirations)) == (ssize_t)sizeof(expirations))
        w->due_us = 0;
}

void sl_wake_at_us(sl_wake *w, int64_t due_us)
{
    if (w->timer < 0 || (w->due_us != 0 && w->due_us <= due_us))
        return;
    struct itimerspec t = {
        .it_value = {.tv_sec = due_us / 1000000, .tv_nsec = (long)(due_us % 1000000) * 1000 + 1}};
    if (timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &t, NULL) == 0)
        w->due_us = due_us;
}

void sl_wake_at(sl_wake *w, int64_t due_ms)
{
    sl_wake_at_us(w, due_ms * 1000);
}
