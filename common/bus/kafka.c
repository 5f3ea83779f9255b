/* kafka.c - a cluster's address and credentials; configurations, making and destroying clients.
 *
 * Why each setting differs from librdkafka 2.0.2's default is said where it is set. */
#include "common/bus/kafka_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static kafka_bus *self(sl_bus *b)
{
    return (kafka_bus *)b;
}

/* Delivery and order rest on these; the options of a bus, producer or consumer set the others. */
static const char *const reserved[] = {
    "acks",
    "allow.auto.create.topics",
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "bootstrap.servers",
    "check.crcs",
    "client.id",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "group.id",
    "group.instance.id",
    "isolation.level",
    "linger.ms",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "plugin.library.paths",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "queuing.strategy",
    "request.required.acks",
    "retries",
    "transactional.id",
};

static bool is_reserved(const char *name)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (strcmp(name, reserved[i]) == 0)
            return true;
    return false;
}

/* librdkafka names the file only in its own error string; so look first. */
static sl_status file_check(const kafka_bus *b, const struct sl_option_pair *p, sl_error *reterr)
{
    static const char *const files[] = {"ssl.ca.location", "ssl.certificate.location",
                                        "ssl.key.location", "ssl.keystore.location",
                                        "ssl.crl.location"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (strcmp(p->name, files[i]) == 0 && strcmp(p->value, "probe") != 0 &&
            access(p->value, R_OK) != 0)
            return sl_fail(reterr, SL_E_NOT_FOUND, "bus %s: the file of %s cannot be read", b->name,
                           p->name);
    return SL_OK;
}

static void log_nothing(const rd_kafka_t *rk, int level, const char *fac, const char *buf) {}

sl_status kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value, sl_error *reterr)
{
    if (rd_kafka_conf_set(conf, name, value, NULL, 0) != RD_KAFKA_CONF_OK)
        return sl_fail(reterr, SL_E_INTERNAL, "librdkafka %s does not take %s=%s",
                       rd_kafka_version_str(), name, value);
    return SL_OK;
}

sl_status kafka_set_int(rd_kafka_conf_t *conf, const char *name, int64_t value, sl_error *reterr)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    return kafka_set(conf, name, text, reterr);
}

static sl_status set_shared(rd_kafka_conf_t *conf, sl_error *reterr)
{
    static const char *const pairs[][2] = {
        {"socket.nagle.disable", "true"}, /* small records must not wait for an ACK */
        {"socket.keepalive.enable", "true"},
        {"socket.timeout.ms", "10000"}, /* a dead broker is noticed in 10 s, not 60 */
        {"reconnect.backoff.ms", "50"}, /* up to 10 s by default: adds seconds to each restart */
        {"reconnect.backoff.max.ms", "500"},
        {"topic.metadata.refresh.interval.ms", "30000"}, /* a moved leader on a quiet topic */
        {"log.connection.close", "false"},               /* idle connections may be closed */
        {"queued.max.messages.kbytes", "32768"},         /* prefetched by each consumer */
        {"session.timeout.ms",
         "6000"}, /* the broker's least: a killed worker's work moves in 10 s */
        {"heartbeat.interval.ms", "1500"},
        {"message.max.bytes", "1179648"}, /* SL_BUS_RECORD_MAX and what surrounds it */
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (kafka_set(conf, pairs[i][0], pairs[i][1], reterr) != SL_OK)
            return SL_E_INTERNAL;
    return SL_OK;
}

static sl_status set_property(const kafka_bus *b, rd_kafka_conf_t *conf,
                              const struct sl_option_pair *p, sl_error *reterr)
{
    if (is_reserved(p->name))
        return sl_fail(reterr, SL_E_INVALID, "bus %s: %s is set by Sluice itself: remove it",
                       b->name, p->name);
    switch (rd_kafka_conf_set(conf, p->name, p->value, NULL, 0)) {
    case RD_KAFKA_CONF_OK:
        return file_check(b, p, reterr);
    case RD_KAFKA_CONF_UNKNOWN:
        return sl_fail(reterr, SL_E_INVALID, "bus %s: librdkafka %s has no property %s", b->name,
                       rd_kafka_version_str(), p->name);
    default:
        return sl_fail(reterr, SL_E_INVALID, "bus %s: librdkafka does not take the value of %s",
                       b->name, p->name);
    }
}

rd_kafka_conf_t *kafka_conf(const kafka_bus *b, sl_error *reterr)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    sl_status s = set_shared(conf, reterr);
    for (size_t i = 0; s == SL_OK && i < b->properties_n; i++)
        s = set_property(b, conf, &b->properties[i], reterr);
    if (s == SL_OK &&
        rd_kafka_conf_set(conf, "bootstrap.servers", b->bootstrap, NULL, 0) != RD_KAFKA_CONF_OK)
        s = sl_fail(reterr, SL_E_INVALID, "bus %s: the bootstrap address is not host:port,…",
                    b->name);
    if (s == SL_OK)
        s = kafka_set(conf, "client.id", b->client_id, reterr);
    if (s != SL_OK) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_log_cb(conf, log_nothing);
    return conf;
}

rd_kafka_t *kafka_new(const kafka_bus *b, rd_kafka_type_t type, rd_kafka_conf_t *conf,
                      sl_error *reterr)
{
    kafka_threads_watch();
    rd_kafka_t *rk = rd_kafka_new(type, conf, NULL, 0);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        (void)sl_fail(reterr, SL_E_INVALID,
                      "bus %s: no Kafka client can be made from these properties: check that the "
                      "TLS key fits its certificate, and the limits of threads and files",
                      b->name);
    }
    return rk;
}

/* ---- destroying ---- */

typedef struct destroyer {
    pthread_mutex_t lock;
    pthread_cond_t done_cond;
    rd_kafka_t *rk;
    bool done, abandoned;
} destroyer;

static void *destroy_main(void *arg)
{
    destroyer *d = arg;
    rd_kafka_destroy_flags(d->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    pthread_mutex_lock(&d->lock);
    d->done = true;
    bool abandoned = d->abandoned;
    pthread_cond_signal(&d->done_cond);
    pthread_mutex_unlock(&d->lock);
    if (abandoned)
        free(d);
    return NULL;
}

bool kafka_destroy(rd_kafka_t *rk, int timeout_ms)
{
    destroyer *d = malloc(sizeof(*d));
    if (!d) {
        rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return true;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->done_cond, &attr);
    pthread_condattr_destroy(&attr);
    d->rk = rk;
    d->done = d->abandoned = false;
    pthread_t thread;
    if (pthread_create(&thread, NULL, destroy_main, d) != 0) {
        (void)destroy_main(d);
        free(d);
        return true;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    pthread_mutex_lock(&d->lock);
    while (!d->done && pthread_cond_timedwait(&d->done_cond, &d->lock, &until) == 0)
        ;
    bool done = d->done;
    d->abandoned = !done;
    pthread_mutex_unlock(&d->lock);
    if (done) {
        pthread_join(thread, NULL);
        free(d);
    } else {
        pthread_detach(thread);
    }
    return done;
}

/* ---- the bus ---- */

static void bus_free(sl_bus *base)
{
    kafka_bus *b = self(base);
    if (b->admin)
        kafka_destroy(b->admin, SL_BUS_CLOSE_MS);
    for (size_t i = 0; i < b->properties_n; i++) {
        free((char *)b->properties[i].name);
        free((char *)b->properties[i].value);
    }
    free(b->properties);
    pthread_mutex_destroy(&b->lock);
    free(b->name);
    free(b->bootstrap);
    free(b->client_id);
    free(b);
}

static const sl_bus_ops kafka_ops = {
    .free = bus_free,
    .cluster_id = kafka_cluster_id,
    .producer_open = kafka_producer_open,
    .consumer_open = kafka_consumer_open,
    .topics_create = kafka_topics_create,
    .partitions = kafka_partitions,
    .watermarks = kafka_watermarks,
    .offset_at = kafka_offset_at,
    .committed = kafka_committed,
    .topics_list = kafka_topics_list,
    .acls_list = kafka_acls_list,
    .acls_create = kafka_acls_create,
    .acls_delete = kafka_acls_delete,
};

static bool copy_options(kafka_bus *b, const sl_bus_options *opt)
{
    b->name = strdup(opt->name ? opt->name : "kafka");
    b->bootstrap = strdup(opt->bootstrap);
    b->client_id = strdup(opt->client_id ? opt->client_id : "sluice");
    if (!b->name || !b->bootstrap || !b->client_id)
        return false;
    b->properties = calloc(opt->properties.n + 1, sizeof(*b->properties));
    if (!b->properties)
        return false;
    for (size_t i = 0; i < opt->properties.n; i++) {
        struct sl_option_pair *to = &b->properties[b->properties_n++];
        to->name = strdup(opt->properties.v[i].name);
        to->value = strdup(opt->properties.v[i].value);
        if (!to->name || !to->value)
            return false;
    }
    return true;
}

sl_status sl_kafka_bus_open(sl_bus **ret, const sl_bus_options *opt, sl_error *reterr)
{
    kafka_bus *b = calloc(1, sizeof(*b));
    if (!b)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a bus");
    b->base.ops = &kafka_ops;
    pthread_mutex_init(&b->lock, NULL);
    if (!copy_options(b, opt)) {
        bus_free(&b->base);
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a bus");
    }
    sl_error e = {0};
    rd_kafka_conf_t *conf = kafka_conf(b, &e); /* says now what is wrong with the properties */
    if (!conf) {
        bus_free(&b->base);
        if (reterr)
            *reterr = e;
        return e.code;
    }
    rd_kafka_conf_destroy(conf);
    *ret = &b->base;
    return SL_OK;
}
