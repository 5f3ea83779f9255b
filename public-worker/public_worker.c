#include "public-worker/public_worker.h"

#include "common/base/log.h"
#include "public-worker/tunnel.h"
#include "public-worker/upstream.h"
#include "worker/admin.h"
#include "worker/daemon.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TUNNEL_LOOK_MS 1000

struct sl_public_worker {
    sl_loop *loop;
    const sl_public_config *cfg;
    sl_options *options;
    sl_metrics *metrics;
    sl_metrics_shard *shard;
    sl_bus *bus;
    sl_upstream *upstream;
    sl_worker *worker;
    sl_admin *admin;
    sl_daemon *daemon;
    sl_timer *tunnel_look;
    bool tunnel_well; /* true where no tunnel is configured */
};

static bool ready(void *arg)
{
    return sl_public_worker_ready(arg);
}

/* Once a second, so that a scrape and a readiness probe cost no file. */
static void look_at_tunnel(void *arg)
{
    sl_public_worker *p = arg;
    sl_error why = {0};
    double age_s = (double)NAN;
    bool well = !p->cfg->tunnel_status[0] || sl_tunnel_check(p->cfg, &age_s, &why) == SL_OK;
    if (p->tunnel_well && !well)
        SL_WARN(NULL, "tunnel_down", "not ready: %s", why.text);
    else if (!p->tunnel_well && well)
        SL_INFO(NULL, "tunnel_up", "the last handshake is %.0f s old", age_s);
    p->tunnel_well = well;
    sl_metrics_gauge(p->shard, SL_UM_TUNNEL_AGE, 0, age_s);
}

static sl_status open_tunnel(sl_public_worker *p, sl_error *reterr)
{
    p->tunnel_well = true;
    look_at_tunnel(p);
    if (!p->cfg->tunnel_status[0])
        return SL_OK;
    sl_status st = sl_timer_open(&p->tunnel_look, p->loop, look_at_tunnel, p, reterr);
    if (!st)
        sl_timer_every(p->tunnel_look, TUNNEL_LOOK_MS);
    return st;
}

static void stop(void *arg)
{
    sl_public_worker *p = arg;
    sl_loop_stop(p->loop);
}

static void drain(void *arg)
{
    sl_public_worker *p = arg;
    sl_worker_drain(p->worker, p->cfg->drain_ms, stop, p);
}

static void drain_asked(void *arg)
{
    sl_public_worker *p = arg;
    SL_INFO(NULL, "drain_asked", "a drain record names this instance");
    sl_daemon_drain(p->daemon);
}

static void reload(void *arg)
{
    sl_public_worker *p = arg;
    sl_error err = {0};
    sl_buf ignored = {0};
    if (p->options && sl_options_reload(p->options, &ignored, &err))
        SL_ERROR(NULL, "reload_refused", "%s; the old configuration stays", err.text);
    else
        SL_INFO(NULL, "reloaded", "needs a restart: %s", ignored.len ? ignored.data : "nothing");
    sl_buf_done(&ignored);
    sl_log_set_level((sl_log_level)p->cfg->log_level);
    if (sl_worker_reload_keys(p->worker, &err))
        SL_ERROR(NULL, "keyring_refused", "%s; the old keys stay", err.text);
}

static sl_status open_bus(sl_public_worker *p, sl_error *reterr)
{
    char client[192];
    (void)snprintf(client, sizeof(client), "sluice-public-worker/%s", p->cfg->instance);
    sl_bus_options opt = {.name = "public",
                          .bootstrap = p->cfg->bootstrap,
                          .client_id = client,
                          .properties = p->cfg->properties};
    return sl_daemon_bus(&p->bus, &opt, p->cfg->start_ms, reterr);
}

static sl_status open_worker(sl_public_worker *p, sl_error *reterr)
{
    const sl_public_config *c = p->cfg;
    int concurrency = (int)c->upstream_concurrency;
    sl_worker_options opt = {.cls = SL_CLASS_PUBLIC,
                             .daemon = "public-worker",
                             .instance = c->instance,
                             .group = c->group,
                             .bus = p->bus,
                             .keyring_path = c->keyring,
                             .must_encrypt = c->encrypt,
                             .jobs_max = concurrency + concurrency / 4 + 2,
                             .coalesce_ms = c->coalesce_ms ? c->coalesce_ms : -1,
                             .audit_topic = SL_TOPIC_PUBLIC_AUDIT,
                             .shard = p->shard,
                             .on_drain = drain_asked,
                             .on_drain_arg = p};
    return sl_worker_open(&p->worker, p->loop, &opt, &sl_upstream_executor, p->upstream, reterr);
}

static sl_status open_admin(sl_public_worker *p, sl_error *reterr)
{
    if (!p->cfg->admin_listen[0])
        return SL_OK;
    sl_admin_source source = {
        .daemon = "sluice-public-worker", .metrics = p->metrics, .ready = ready, .arg = p};
    return sl_admin_open(&p->admin, p->loop, p->cfg->admin_listen, &source, reterr);
}

sl_status sl_public_worker_open(sl_public_worker **ret, sl_loop *l, const sl_public_config *cfg,
                                sl_options *options, sl_error *reterr)
{
    sl_public_worker *p = calloc(1, sizeof(*p));
    if (!p)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory at start");
    p->loop = l;
    p->cfg = cfg;
    p->options = options;
    sl_daemon_hooks hooks = {.drain = drain, .reload = reload, .arg = p};
    sl_status st = sl_public_config_check(cfg, reterr);
    if (!st)
        st = sl_metrics_open(&p->metrics, sl_public_metrics, SL_UM_N, reterr);
    if (!st)
        st = sl_metrics_shard_open(p->metrics, &p->shard, reterr);
    if (!st)
        st = open_tunnel(p, reterr);
    if (!st)
        st = open_admin(
            p, reterr); /* first: a supervisor can see that the process waits for its bus */
    if (!st)
        st = sl_upstream_open(&p->upstream, l, cfg, p->shard, reterr);
    if (!st)
        st = open_bus(p, reterr);
    if (!st)
        st = open_worker(p, reterr);
    if (!st)
        st = sl_daemon_open(&p->daemon, l, &hooks, reterr);
    if (st) {
        sl_public_worker_free(p);
        return st;
    }
    *ret = p;
    return SL_OK;
}

int sl_public_worker_admin_port(const sl_public_worker *p)
{
    return p->admin ? sl_admin_port(p->admin) : 0;
}

bool sl_public_worker_ready(const sl_public_worker *p)
{
    return p->tunnel_well && p->worker && sl_worker_ready(p->worker);
}

void sl_public_worker_free(sl_public_worker *p)
{
    if (!p)
        return;
    sl_timer_free(p->tunnel_look);
    sl_daemon_free(p->daemon);
    sl_worker_free(p->worker);
    sl_upstream_free(p->upstream);
    sl_admin_free(p->admin);
    sl_bus_free(p->bus);
    sl_metrics_free(p->metrics);
    free(p);
}
