#include "worker/daemon.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

struct sl_daemon {
    sl_loop *loop;
    sl_daemon_hooks hooks;
    sl_watch *term, *intr, *hup;
    bool draining, forced;
};

void sl_daemon_drain(sl_daemon *d)
{
    if (d->draining)
        return;
    d->draining = true;
    d->hooks.drain(d->hooks.arg);
}

static void on_stop(void *arg)
{
    sl_daemon *d = arg;
    if (d->draining) {
        SL_WARN(NULL, "stop_forced", "a second signal: what still runs is left to other workers");
        d->forced = true;
        sl_loop_stop(d->loop);
        return;
    }
    sl_daemon_drain(d);
}

static void on_hup(void *arg)
{
    sl_daemon *d = arg;
    if (d->hooks.reload)
        d->hooks.reload(d->hooks.arg);
}

sl_status sl_daemon_open(sl_daemon **ret, sl_loop *l, const sl_daemon_hooks *hooks,
                         sl_error *reterr)
{
    sl_daemon *d = calloc(1, sizeof(*d));
    if (!d)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory at start");
    d->loop = l;
    d->hooks = *hooks;
    sl_status st = sl_watch_signal(&d->term, l, SIGTERM, on_stop, d, reterr);
    if (!st)
        st = sl_watch_signal(&d->intr, l, SIGINT, on_stop, d, reterr);
    if (!st)
        st = sl_watch_signal(&d->hup, l, SIGHUP, on_hup, d, reterr);
    if (st) {
        sl_daemon_free(d);
        return st;
    }
    *ret = d;
    return SL_OK;
}

bool sl_daemon_forced(const sl_daemon *d)
{
    return d->forced;
}

void sl_daemon_free(sl_daemon *d)
{
    if (!d)
        return;
    sl_watch_free(d->term);
    sl_watch_free(d->intr);
    sl_watch_free(d->hup);
    free(d);
}

sl_status sl_daemon_bus(sl_bus **ret, const sl_bus_options *opt, int64_t patience_ms,
                        sl_error *reterr)
{
    sl_bus *bus = NULL;
    sl_status st = sl_bus_open(&bus, opt, reterr);
    if (st)
        return st; /* a wrong property or file does not get better by waiting */
    char id[128];
    sl_error why = {0};
    int64_t until = sl_mono_ms() + patience_ms;
    while ((st = sl_bus_cluster_id(bus, id, sizeof(id), 5000, &why)) && sl_mono_ms() < until) {
        SL_WARN(NULL, "bus_unreachable", "the %s bus does not answer yet; trying again: %s",
                opt->name, why.text);
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    }
    if (st) {
        sl_bus_free(bus);
        if (reterr)
            *reterr = why;
        return st;
    }
    *ret = bus;
    return SL_OK;
}
