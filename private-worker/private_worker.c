#include "private-worker/private_worker.h"

#include "common/base/log.h"
#include "private-worker/bus_executor.h"
#include "private-worker/http_api.h"
#include "worker/admin.h"
#include "worker/daemon.h"

#include <stdio.h>
#include <stdlib.h>

enum { PM_ACTIVE = SL_WM_N, PM_QUEUED, PM_SLOTS, PM_N };

/* clang-format off */
const sl_metric sl_private_metrics[] = {
    SL_WORKER_METRICS,
    [PM_ACTIVE] = {.name = "sluice_engine_active", .kind = SL_GAUGE, .help = "Requests in the engine's slots now."},
    [PM_QUEUED] = {.name = "sluice_engine_queued", .kind = SL_GAUGE, .help = "Requests that wait for a slot."},
    [PM_SLOTS] = {.name = "sluice_engine_slots", .kind = SL_GAUGE, .help = "Slots of the engine."},
};
const size_t sl_private_metrics_n = PM_N;
/* clang-format on */

struct sl_private_worker {
    sl_loop *loop;
    const sl_private_config *cfg;
    sl_options *options;
    sl_metrics *metrics;
    sl_metrics_shard *shard;
    sl_host *host;
    sl_bus *bus;
    sl_bus_executor *executor;
    sl_worker *worker;
    sl_http_api *http;
    sl_admin *admin;
    sl_daemon *daemon;
};

static bool ready(void *arg)
{
    const sl_private_worker *p = arg;
    return p->http ? sl_http_api_ready(p->http) : p->worker && sl_worker_ready(p->worker);
}

static void before_scrape(void *arg)
{
    sl_private_worker *p = arg;
    if (!p->host)
        return;
    sl_metrics_gauge(p->shard, PM_ACTIVE, 0, sl_host_active(p->host));
    sl_metrics_gauge(p->shard, PM_QUEUED, 0, sl_host_queued(p->host));
    sl_metrics_gauge(p->shard, PM_SLOTS, 0, sl_host_slots(p->host));
}

static void stop(void *arg)
{
    sl_private_worker *p = arg;
    sl_loop_stop(p->loop);
}

static void drain(void *arg)
{
    sl_private_worker *p = arg;
    if (p->http)
        sl_http_api_drain(p->http, p->cfg->drain_ms, stop, p);
    else
        sl_worker_drain(p->worker, p->cfg->drain_ms, stop, p);
}

static void drain_asked(void *arg)
{
    sl_private_worker *p = arg;
    SL_INFO(NULL, "drain_asked", "a drain record names this instance");
    sl_daemon_drain(p->daemon);
}

static void reload(void *arg)
{
    sl_private_worker *p = arg;
    sl_error err = {0};
    sl_buf ignored = {0};
    if (p->options && sl_options_reload(p->options, &ignored, &err))
        SL_ERROR(NULL, "reload_refused", "%s; the old configuration stays", err.text);
    else
        SL_INFO(NULL, "reloaded", "needs a restart: %s", ignored.len ? ignored.data : "nothing");
    sl_buf_done(&ignored);
    sl_log_set_level((sl_log_level)p->cfg->log_level);
    if (p->worker && sl_worker_reload_keys(p->worker, &err))
        SL_ERROR(NULL, "keyring_refused", "%s; the old keys stay", err.text);
}

static sl_status open_http(sl_private_worker *p, sl_error *reterr)
{
    sl_admin_source source = {.daemon = "sluice-private-worker",
                              .metrics = p->metrics,
                              .ready = ready,
                              .before_scrape = before_scrape,
                              .arg = p};
    return sl_http_api_open(&p->http, p->loop, p->cfg, p->host, &source, p->shard, reterr);
}

static sl_status open_admin(sl_private_worker *p, sl_error *reterr)
{
    if (!p->cfg->admin_listen[0])
        return SL_OK;
    sl_admin_source source = {.daemon = "sluice-private-worker",
                              .metrics = p->metrics,
                              .ready = ready,
                              .before_scrape = before_scrape,
                              .arg = p};
    return sl_admin_open(&p->admin, p->loop, p->cfg->admin_listen, &source, reterr);
}

static sl_status open_bus(sl_private_worker *p, sl_error *reterr)
{
    const sl_private_config *c = p->cfg;
    char client[192];
    (void)snprintf(client, sizeof(client), "sluice-private-worker/%s", c->instance);
    sl_bus_options bus = {.name = "private",
                          .bootstrap = c->bootstrap,
                          .client_id = client,
                          .properties = c->properties};
    int slots = sl_host_slots(p->host);
    sl_worker_options opt = {.cls = SL_CLASS_PRIVATE,
                             .daemon = "private-worker",
                             .instance = c->instance,
                             .group = c->group,
                             .keyring_path = c->keyring,
                             .must_encrypt = c->encrypt,
                             /* A few beyond the slots, so that a slot never idles for Kafka's sake;
                              * not more, or an idle worker could not have them. */
                             .jobs_max = slots + (slots > 8 ? slots / 4 : 2),
                             .coalesce_ms = c->coalesce_ms ? c->coalesce_ms : -1,
                             .audit_topic = SL_TOPIC_AUDIT,
                             .shard = p->shard,
                             .on_drain = drain_asked,
                             .on_drain_arg = p};
    sl_status st = sl_daemon_bus(&p->bus, &bus, c->start_ms, reterr);
    if (!st)
        st = sl_bus_executor_open(&p->executor, p->host, reterr);
    opt.bus = p->bus;
    if (!st)
        st = sl_worker_open(&p->worker, p->loop, &opt, &sl_engine_executor, p->executor, reterr);
    return st;
}

static sl_status open_parts(sl_private_worker *p, sl_error *reterr)
{
    sl_daemon_hooks hooks = {.drain = drain, .reload = reload, .arg = p};
    sl_status st = sl_private_config_check(p->cfg, reterr);
    if (!st)
        st = sl_metrics_open(&p->metrics, sl_private_metrics, PM_N, reterr);
    if (!st)
        st = sl_metrics_shard_open(p->metrics, &p->shard, reterr);
    if (!st)
        st = sl_host_open(&p->host, p->loop, p->cfg, reterr);
    if (!st)
        st = open_admin(p, reterr);
    if (!st)
        st = p->cfg->http_listen[0] ? open_http(p, reterr) : open_bus(p, reterr);
    if (!st)
        st = sl_daemon_open(&p->daemon, p->loop, &hooks, reterr);
    return st;
}

sl_status sl_private_worker_open(sl_private_worker **ret, sl_loop *l, const sl_private_config *cfg,
                                 sl_options *options, sl_error *reterr)
{
    sl_private_worker *p = calloc(1, sizeof(*p));
    if (!p)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory at start");
    p->loop = l;
    p->cfg = cfg;
    p->options = options;
    sl_status st = open_parts(p, reterr);
    if (st) {
        sl_private_worker_free(p);
        return st;
    }
    *ret = p;
    return SL_OK;
}

int sl_private_worker_http_port(const sl_private_worker *p)
{
    return p->http ? sl_http_api_port(p->http) : 0;
}

int sl_private_worker_admin_port(const sl_private_worker *p)
{
    return p->admin ? sl_admin_port(p->admin) : 0;
}

bool sl_private_worker_ready(const sl_private_worker *p)
{
    return p->http ? sl_http_api_ready(p->http) : p->worker && sl_worker_ready(p->worker);
}

void sl_private_worker_free(sl_private_worker *p)
{
    if (!p)
        return;
    sl_daemon_free(p->daemon);
    sl_worker_free(p->worker);
    sl_bus_executor_free(p->executor);
    sl_http_api_free(p->http);
    sl_host_free(p->host);
    sl_admin_free(p->admin);
    sl_bus_free(p->bus);
    sl_metrics_free(p->metrics);
    free(p);
}
