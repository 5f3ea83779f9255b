/* gateway.c - wiring: shared objects, then the loops, each with a core and a front. */
#include "gateway/gateway.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "gateway/front_http.h"
#include "gateway/front_kafka.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define BUS_WAIT_MS    30000
#define CHECK_MS       1000 /* files, policy publication */
#define CHECK_KEYS_MS  250  /* a revoked key is refused within a second */
#define DRAIN_FLUSH_MS 300
#define BUS_SILENT_MS  2500 /* over one interval of the workers' presence */
#define LOOPS_MAX      64

typedef struct gateway_loop {
    sl_gateway *gw;
    int index;
    pthread_t thread;
    bool started;
    sl_loop *loop;
    sl_core *core;
    sl_front_http *front;
    sl_consumer *replies[SL_CLASS_N];
    sl_watch *reply_watch[SL_CLASS_N];
    sl_metrics_shard *shard;
    sl_timer *gauges;
    sl_log_limit log_bus;
} gateway_loop;

typedef struct reply_arg {
    gateway_loop *l;
    sl_class cls;
} reply_arg;

struct sl_gateway {
    sl_gateway_shared g;
    sl_options *options;
    sl_tls *tls;
    gateway_loop loops[LOOPS_MAX];
    reply_arg reply_args[LOOPS_MAX][SL_CLASS_N];
    /* loop 0 alone */
    sl_front_http *admin;
    sl_front_kafka *kafka;
    sl_consumer *presence[SL_CLASS_N];
    sl_watch *presence_watch[SL_CLASS_N], *signals[3];
    sl_timer *check, *check_keys, *drain;
    sl_codec *codec;
    int64_t drain_until_ms, stop_ms;
    char listen[256]; /* with the port that the first loop was given, where any would do */
    sl_log_limit log_presence;
    /* any thread, monotonic: when a bus last said that it is down, and last gave a presence */
    _Atomic int64_t trouble_ms[SL_CLASS_N], heard_ms[SL_CLASS_N];
};

/* ---- replies and presence ---- */

static void on_reply(void *arg, const sl_record *r)
{
    reply_arg *a = arg;
    sl_core_on_reply(a->l->core, a->cls, r);
}

static void on_bus_error(void *arg, const sl_error *e)
{
    reply_arg *a = arg;
    uint32_t skipped;
    sl_metrics_add(a->l->shard, SL_GM_BUS_ERRORS, a->cls, 1);
    if (e->code == SL_E_UNAVAILABLE)
        atomic_store(&a->l->gw->trouble_ms[a->cls], sl_mono_ms());
    if (sl_log_allow(&a->l->log_bus, &skipped))
        SL_WARN(NULL, "bus_trouble", "%s bus: %s (%u more)", sl_class_name(a->cls), e->text,
                skipped);
}

static void poll_replies(void *arg)
{
    reply_arg *a = arg;
    while (sl_consumer_poll(a->l->replies[a->cls], 256) == 256)
        ;
}

static void on_presence(void *arg, const sl_record *r)
{
    reply_arg *a = arg;
    sl_gateway *gw = a->l->gw;
    sl_envelope env = {0};
    sl_error err = {0};
    sl_presence p;
    sl_jnode *root = NULL;
    uint32_t skipped;
    atomic_store(&gw->heard_ms[a->cls], sl_mono_ms());
    sl_keyring *ring = sl_store_keyring(gw->g.store);
    bool must = a->cls == SL_CLASS_PUBLIC ? gw->g.cfg->encrypt_public : gw->g.cfg->encrypt_private;
    sl_status st = sl_envelope_decode(gw->codec, r, ring, a->cls, must, &env, &err);
    if (!st && env.type != SL_TYPE_PRESENCE)
        st = sl_fail(&err, SL_E_UNSUPPORTED, "record type %s does not belong here",
                     sl_type_name(env.type));
    if (!st)
        st = sl_presence_parse(&p, &root, env.body, &err);
    if (!st && !sl_str_eq(p.instance, env.subject))
        st = sl_fail(&err, SL_E_INVALID, "it names another worker than its subject does");
    if (!st)
        sl_presence_view_heard(gw->g.presence, a->cls, &p, sl_mono_ms());
    else if (sl_log_allow(&gw->log_presence, &skipped))
        SL_WARN((&(sl_log_ctx){.topic = r->topic, .partition = r->partition, .offset = r->offset}),
                "presence_refused", "%s (%u more)", err.text, skipped);
    sl_keyring_unref(ring);
    sl_json_free(root);
}

static void poll_presence(void *arg)
{
    reply_arg *a = arg;
    while (sl_consumer_poll(a->l->gw->presence[a->cls], 256) == 256)
        ;
}

/* One consumer a bus; each loop has its own reply partition of it on its own fd. */
static sl_status open_replies(sl_gateway *gw, gateway_loop *l, sl_class cls, sl_error *reterr)
{
    const sl_gateway_config *cfg = gw->g.cfg;
    reply_arg *arg = &gw->reply_args[l->index][cls];
    *arg = (reply_arg){l, cls};
    sl_consumer_options co = {.on_record = on_reply, .on_error = on_bus_error, .arg = arg};
    sl_bus_partition parts[LOOPS_MAX];
    size_t n = 0;
    for (int i = 0; i < cfg->loops; i++) {
        int32_t p = (int32_t)((cfg->instance * cfg->loops + i) % gw->g.reply_partitions[cls]);
        bool again = false;
        for (size_t k = 0; k < n; k++)
            again |= parts[k].partition == p;
        if (!again)
            parts[n++] = (sl_bus_partition){sl_topic_name(cls, SL_TOPIC_RESPONSES), p, SL_FROM_END};
    }
    sl_status st;
    if (l->index == 0) {
        co.partitions = parts;
        co.partitions_n = n;
        st = sl_consumer_open(&l->replies[cls], gw->g.bus[cls], &co, reterr);
    } else if ((size_t)l->index < n) {
        st = sl_consumer_split(&l->replies[cls], gw->loops[0].replies[cls], &parts[l->index], 1,
                               &co, reterr);
    } else {
        return sl_fail(reterr, SL_E_INVALID,
                       "%lld loops need at least as many partitions of %s, which has %d; add "
                       "partitions or lower loops",
                       (long long)cfg->loops, sl_topic_name(cls, SL_TOPIC_RESPONSES),
                       gw->g.reply_partitions[cls]);
    }
    return st ? st
              : sl_watch_open(&l->reply_watch[cls], l->loop, sl_consumer_fd(l->replies[cls]),
                              poll_replies, arg, reterr);
}

static sl_status open_presence(sl_gateway *gw, sl_class cls, sl_error *reterr)
{
    reply_arg *arg = &gw->reply_args[0][cls];
    sl_bus_partition part = {sl_topic_name(cls, SL_TOPIC_PRESENCE), -1, SL_FROM_END};
    sl_consumer_options co = {.partitions = &part,
                              .partitions_n = 1,
                              .on_record = on_presence,
                              .on_error = on_bus_error,
                              .arg = arg};
    sl_status st = sl_consumer_open(&gw->presence[cls], gw->g.bus[cls], &co, reterr);
    return st ? st
              : sl_watch_open(&gw->presence_watch[cls], gw->loops[0].loop,
                              sl_consumer_fd(gw->presence[cls]), poll_presence, arg, reterr);
}

/* ---- readiness, reload, drain: loop 0 ---- */

/* The bus said that it is down, and nothing came since for longer than workers are silent. One
 * broker of several that is away changes nothing, and neither does a connection that comes back. */
static bool bus_down(sl_gateway *gw, sl_class cls)
{
    int64_t heard = atomic_load(&gw->heard_ms[cls]);
    return atomic_load(&gw->trouble_ms[cls]) > heard && sl_mono_ms() - heard >= BUS_SILENT_MS;
}

static bool ready(void *arg, const char **why)
{
    sl_gateway *gw = arg;
    sl_policy *p = sl_store_policy(gw->g.store);
    sl_policy_unref(p);
    *why = "";
    if (atomic_load(&gw->g.draining))
        *why = "draining";
    else if (!p)
        *why = "no policy is in force yet";
    else if (bus_down(gw, SL_CLASS_PRIVATE))
        *why = "the private bus is down";
    else if (!sl_presence_view_count(gw->g.presence, SL_CLASS_PRIVATE, sl_mono_ms()))
        *why = "no private worker takes requests";
    return !(*why)[0];
}

/* Seconds until no key of the class may encrypt any more. */
static double key_left(const sl_keyring *ring, sl_class cls)
{
    int64_t now = sl_unix_ms();
    const sl_key *k = ring ? sl_keyring_current(ring, cls == SL_CLASS_PUBLIC, now) : NULL;
    return k ? (double)(k->not_after_ms - now) / 1000 : 0;
}

static void check_keyring(sl_gateway *gw, bool force)
{
    sl_metrics_shard *shard = gw->loops[0].shard;
    int done = sl_store_check_keyring(gw->g.store, force);
    if (done)
        sl_metrics_add(shard, SL_GM_KEYRING_RELOADS, done < 0, 1);
    sl_keyring *ring = sl_store_keyring(gw->g.store);
    for (int c = 0; c < SL_CLASS_N; c++)
        sl_metrics_gauge(shard, SL_GM_KEY_LEFT, (size_t)c, key_left(ring, (sl_class)c));
    sl_keyring_unref(ring);
}

static void check_files(sl_gateway *gw, bool force)
{
    int refused = 0;
    sl_store_check(gw->g.store, force, &refused);
    check_keyring(gw, force);
    sl_metrics_shard *shard = gw->loops[0].shard;
    if (refused)
        sl_metrics_add(shard, SL_GM_POLICY_RELOADS, 1, 1);
    if (sl_store_candidate(gw->g.store))
        sl_core_publish_policy(gw->loops[0].core);
    for (int c = 0; c < SL_CLASS_N; c++)
        sl_metrics_gauge(shard, SL_GM_WORKERS, (size_t)c,
                         sl_presence_view_count(gw->g.presence, (sl_class)c, sl_mono_ms()));
}

static void check_keys(sl_gateway *gw, bool force)
{
    int done = sl_store_check_keys(gw->g.store, force);
    if (done)
        sl_metrics_add(gw->loops[0].shard, SL_GM_KEY_RELOADS, done < 0, 1);
}

static void on_check_keys(void *arg)
{
    check_keys(arg, false);
}

static void on_gauges(void *arg)
{
    gateway_loop *l = arg;
    if (l->front)
        sl_metrics_gauge(l->shard, SL_GM_CONNECTIONS, 0, sl_front_http_connections(l->front));
}

static void reload_tls(sl_gateway *gw)
{
    sl_error err = {0};
    if (sl_tls_reload(gw->tls, &err) != SL_OK)
        SL_ERROR(NULL, "reload_refused", "TLS: %s; the old certificate stays", err.text);
    else
        SL_INFO(NULL, "reloaded", "TLS certificates were read again");
}

static void on_check(void *arg)
{
    sl_gateway *gw = arg;
    check_files(gw, false);
    if (gw->tls && sl_tls_changed(gw->tls))
        reload_tls(gw);
}

static void on_hup(void *arg)
{
    sl_gateway *gw = arg;
    sl_error err = {0};
    sl_buf ignored = {0};
    if (gw->options && sl_options_reload(gw->options, &ignored, &err) != SL_OK)
        SL_ERROR(NULL, "reload_refused", "configuration: %s; the old one stays", err.text);
    else if (ignored.len)
        SL_WARN(NULL, "reload_ignored", "these need a restart: %s", ignored.data);
    sl_buf_done(&ignored);
    sl_log_set_level((sl_log_level)gw->g.cfg->log_level);
    if (gw->tls)
        reload_tls(gw);
    check_files(gw, true);
    check_keys(gw, true);
}

/* From any loop. */
static bool reload(void *arg)
{
    sl_gateway *gw = arg;
    return sl_loop_post(gw->loops[0].loop, on_hup, gw) == SL_OK;
}

static void stop_loop(void *arg)
{
    sl_loop_stop(((gateway_loop *)arg)->loop);
}

static void end_all(void *arg)
{
    sl_core_end_all(((gateway_loop *)arg)->core);
}

static void post_to_all(sl_gateway *gw, sl_loop_fn fn)
{
    for (int i = 0; i < gw->g.cfg->loops; i++)
        if (sl_loop_post(gw->loops[i].loop, fn, &gw->loops[i]) != SL_OK)
            SL_WARN(NULL, "post_failed", "loop %d did not take a message", i);
}

/* Waits for the open requests; when their time is over they end with an error, and get a moment
 * for their last bytes to leave. */
static void on_drain_tick(void *arg)
{
    sl_gateway *gw = arg;
    int64_t now = sl_mono_ms();
    int open = gw->kafka ? sl_front_kafka_open_jobs(gw->kafka) : 0;
    for (int c = 0; c < SL_CLASS_N; c++)
        open += atomic_load(&gw->g.inflight[c]);
    if (open && now < gw->drain_until_ms)
        return;
    if (!gw->stop_ms) {
        SL_INFO(NULL, "drained", "%d requests were left", open);
        post_to_all(gw, end_all);
        gw->stop_ms = now + DRAIN_FLUSH_MS;
    } else if (now >= gw->stop_ms) {
        post_to_all(gw, stop_loop);
    }
}

static void drain_front(void *arg)
{
    sl_front_http_drain(((gateway_loop *)arg)->front);
}

static void on_term(void *arg)
{
    sl_gateway *gw = arg;
    if (atomic_exchange(&gw->g.draining, true)) {
        gw->drain_until_ms = 0;
        return;
    }
    SL_INFO(NULL, "draining", "open requests have %lld ms", (long long)gw->g.cfg->drain_ms);
    gw->drain_until_ms = sl_mono_ms() + gw->g.cfg->drain_ms;
    if (gw->kafka)
        sl_front_kafka_drain(gw->kafka);
    for (int i = 0; i < gw->g.cfg->loops; i++)
        if (sl_loop_post(gw->loops[i].loop, drain_front, &gw->loops[i]) != SL_OK)
            SL_WARN(NULL, "drain_failed", "loop %d goes on listening until the end", i);
    sl_timer_every(gw->drain, 100);
}

void sl_gateway_stop(sl_gateway *gw)
{
    if (sl_loop_post(gw->loops[0].loop, on_term, gw) != SL_OK)
        sl_loop_stop(gw->loops[0].loop);
}

/* ---- opening ---- */

static sl_status open_bus(sl_gateway *gw, sl_class cls, sl_error *reterr)
{
    const sl_gateway_config *cfg = gw->g.cfg;
    bool own = cls == SL_CLASS_PRIVATE || cfg->public_bootstrap[0];
    if (!own) {
        gw->g.bus[cls] = gw->g.bus[SL_CLASS_PRIVATE];
        return SL_OK;
    }
    bool private = cls == SL_CLASS_PRIVATE;
    sl_bus_options bo = {.name = sl_class_name(cls),
                         .bootstrap = private ? cfg->private_bootstrap : cfg->public_bootstrap,
                         .client_id = gw->g.source + 1,
                         .properties = private ? cfg->private_properties : cfg->public_properties};
    return sl_bus_open(&gw->g.bus[cls], &bo, reterr);
}

static sl_status open_buses(sl_gateway *gw, sl_error *reterr)
{
    for (int c = 0; c < SL_CLASS_N; c++) {
        sl_status st = open_bus(gw, (sl_class)c, reterr);
        if (!st)
            st = sl_bus_partitions(gw->g.bus[c], sl_topic_name((sl_class)c, SL_TOPIC_RESPONSES),
                                   &gw->g.reply_partitions[c], BUS_WAIT_MS, reterr);
        if (!st && gw->g.reply_partitions[c] < 1)
            st = sl_fail(reterr, SL_E_NOT_FOUND,
                         "the topic %s does not exist; make the topics with `sluice topics apply`",
                         sl_topic_name((sl_class)c, SL_TOPIC_RESPONSES));
        if (st)
            return st;
    }
    return sl_bus_cluster_id(gw->g.bus[SL_CLASS_PRIVATE], gw->g.cluster_id,
                             sizeof(gw->g.cluster_id), BUS_WAIT_MS, reterr);
}

static sl_status open_shared(sl_gateway *gw, sl_error *reterr)
{
    const sl_gateway_config *cfg = gw->g.cfg;
    snprintf(gw->g.source, sizeof(gw->g.source), "/sluice/gateway/%lld", (long long)cfg->instance);
    sl_store_options so = {.policy_path = cfg->policy,
                           .keyring_path = cfg->keyring,
                           .keys_path = cfg->keys,
                           .need_key = {cfg->encrypt_private, cfg->encrypt_public}};
    sl_status st = sl_store_open(&gw->g.store, &so, reterr);
    if (!st)
        st = sl_presence_view_open(&gw->g.presence, cfg->presence_timeout_ms);
    if (!st)
        st = sl_idem_open(&gw->g.idem, cfg->idempotency_ttl_ms, (size_t)cfg->idempotency_bytes);
    if (!st)
        st = sl_guard_open(&gw->g.guard,
                           &(sl_guard_options){(int)cfg->access_failures, cfg->access_pause_ms,
                                               cfg->access_pause_most_ms});
    if (!st)
        st = sl_metrics_open(&gw->g.metrics, sl_gateway_metrics, SL_GM_N, reterr);
    if (!st && cfg->http_tls_cert[0])
        st = sl_tls_open(&gw->tls,
                         &(sl_tls_options){cfg->http_tls_cert, cfg->http_tls_key,
                                           cfg->http_tls_client_ca, cfg->http_tls_client_auth != 0},
                         reterr);
    return st ? st : open_buses(gw, reterr);
}

static sl_status open_loop(sl_gateway *gw, gateway_loop *l, int index, sl_error *reterr)
{
    l->gw = gw;
    l->index = index;
    sl_status st = sl_loop_open(&l->loop, reterr);
    if (!st)
        st = sl_metrics_shard_open(gw->g.metrics, &l->shard, reterr);
    if (!st)
        st = sl_core_open(&l->core, l->loop, &gw->g, index, l->shard, reterr);
    if (!st)
        st = sl_timer_open(&l->gauges, l->loop, on_gauges, l, reterr);
    if (!st)
        sl_timer_every(l->gauges, CHECK_MS);
    for (int c = 0; c < SL_CLASS_N && !st; c++)
        st = open_replies(gw, l, (sl_class)c, reterr);
    return st;
}

/* All loops listen on one port, also where the system chose it for the first. */
static void set_listen(sl_gateway *gw, const gateway_loop *l)
{
    const char *given = gw->g.cfg->http_listen;
    size_t n = strlen(given);
    bool any = n >= 2 && !strcmp(given + n - 2, ":0") && l->index > 0;
    if (any)
        snprintf(gw->listen, sizeof(gw->listen), "%.*s:%d", (int)(n - 2), given,
                 sl_gateway_port(gw));
    else
        snprintf(gw->listen, sizeof(gw->listen), "%s", given);
}

/* The ports open last: by then every reply partition is read from a known offset. */
static sl_status open_front(sl_gateway *gw, gateway_loop *l, sl_error *reterr)
{
    set_listen(gw, l);
    sl_front_http_options fo = {.listen = gw->listen,
                                .tls = gw->tls,
                                .api = true,
                                .admin = !gw->g.cfg->admin_listen[0],
                                .reuse_port = gw->g.cfg->loops > 1,
                                .ready = ready,
                                .reload = reload,
                                .arg = gw};
    return sl_front_http_open(&l->front, l->loop, l->core, &gw->g, &fo, reterr);
}

static sl_status open_admin(sl_gateway *gw, sl_error *reterr)
{
    if (!gw->g.cfg->admin_listen[0])
        return SL_OK;
    sl_front_http_options fo = {.listen = gw->g.cfg->admin_listen,
                                .admin = true,
                                .ready = ready,
                                .reload = reload,
                                .arg = gw};
    return sl_front_http_open(&gw->admin, gw->loops[0].loop, gw->loops[0].core, &gw->g, &fo,
                              reterr);
}

static sl_status open_first_loop(sl_gateway *gw, sl_error *reterr)
{
    sl_loop *l = gw->loops[0].loop;
    sl_status st = sl_codec_open(&gw->codec, gw->g.source, reterr);
    for (int c = 0; c < SL_CLASS_N && !st; c++)
        st = open_presence(gw, (sl_class)c, reterr);
    if (!st)
        st = sl_timer_open(&gw->check, l, on_check, gw, reterr);
    if (!st)
        st = sl_timer_open(&gw->check_keys, l, on_check_keys, gw, reterr);
    if (!st)
        st = sl_timer_open(&gw->drain, l, on_drain_tick, gw, reterr);
    if (!st)
        st = sl_watch_signal(&gw->signals[0], l, SIGTERM, on_term, gw, reterr);
    if (!st)
        st = sl_watch_signal(&gw->signals[1], l, SIGINT, on_term, gw, reterr);
    if (!st)
        st = sl_watch_signal(&gw->signals[2], l, SIGHUP, on_hup, gw, reterr);
    if (!st && gw->g.cfg->ingress_topics.n)
        st = sl_front_kafka_open(&gw->kafka, l, gw->loops[0].core, &gw->g, reterr);
    return st ? st : open_admin(gw, reterr);
}

sl_status sl_gateway_open(sl_gateway **ret, const sl_gateway_config *cfg, sl_options *options,
                          sl_error *reterr)
{
    sl_gateway *gw = calloc(1, sizeof(*gw));
    if (!gw)
        return SL_E_NOMEM;
    gw->g.cfg = cfg;
    gw->options = options;
    sl_status st = open_shared(gw, reterr);
    for (int i = 0; i < cfg->loops && !st; i++)
        st = open_loop(gw, &gw->loops[i], i, reterr);
    if (!st)
        st = open_first_loop(gw, reterr);
    for (int i = 0; i < cfg->loops && !st; i++)
        st = open_front(gw, &gw->loops[i], reterr);
    if (st) {
        sl_gateway_free(gw);
        return st;
    }
    sl_timer_every(gw->check, CHECK_MS);
    sl_timer_every(gw->check_keys, CHECK_KEYS_MS);
    sl_core_publish_policy(gw->loops[0].core);
    *ret = gw;
    return SL_OK;
}

int sl_gateway_port(const sl_gateway *gw)
{
    return sl_front_http_port(gw->loops[0].front);
}

static void *run_loop(void *arg)
{
    sl_loop_run(((gateway_loop *)arg)->loop);
    return NULL;
}

void sl_gateway_run(sl_gateway *gw)
{
    for (int i = 1; i < gw->g.cfg->loops; i++)
        gw->loops[i].started =
            pthread_create(&gw->loops[i].thread, NULL, run_loop, &gw->loops[i]) == 0;
    sl_loop_run(gw->loops[0].loop);
    for (int i = 1; i < gw->g.cfg->loops; i++) {
        if (!gw->loops[i].started)
            continue;
        sl_loop_stop(gw->loops[i].loop);
        pthread_join(gw->loops[i].thread, NULL);
    }
}

static void free_loop(gateway_loop *l)
{
    if (!l->loop)
        return;
    if (l->core) /* while the front that gets the answers is there */
        sl_core_end_all(l->core);
    sl_timer_free(l->gauges);
    sl_front_http_free(l->front);
    for (int c = 0; c < SL_CLASS_N; c++) {
        sl_watch_free(l->reply_watch[c]);
        if (l->replies[c])
            sl_consumer_close(l->replies[c]);
    }
    sl_core_free(l->core);
}

void sl_gateway_free(sl_gateway *gw)
{
    if (!gw)
        return;
    sl_front_kafka_free(gw->kafka);
    sl_front_http_free(gw->admin);
    for (int c = 0; c < SL_CLASS_N; c++) {
        sl_watch_free(gw->presence_watch[c]);
        if (gw->presence[c])
            sl_consumer_close(gw->presence[c]);
    }
    for (int i = 0; i < 3; i++)
        sl_watch_free(gw->signals[i]);
    sl_timer_free(gw->check);
    sl_timer_free(gw->check_keys);
    sl_timer_free(gw->drain);
    for (int i = LOOPS_MAX - 1; i >= 0; i--)
        free_loop(&gw->loops[i]);
    for (int i = LOOPS_MAX - 1; i >= 0; i--)
        sl_loop_free(gw->loops[i].loop);
    if (gw->g.bus[SL_CLASS_PUBLIC] != gw->g.bus[SL_CLASS_PRIVATE])
        sl_bus_free(gw->g.bus[SL_CLASS_PUBLIC]);
    sl_bus_free(gw->g.bus[SL_CLASS_PRIVATE]);
    sl_codec_free(gw->codec);
    sl_tls_free(gw->tls);
    sl_metrics_free(gw->g.metrics);
    sl_guard_free(gw->g.guard);
    sl_idem_free(gw->g.idem);
    sl_presence_view_free(gw->g.presence);
    sl_store_free(gw->g.store);
    free(gw);
}
