/* Round trip over two topics, request and reply, 1 KiB: sl_bus against bare librdkafka with the
 * same settings, on one broker, in alternating rounds of one run. Each side has an echo in a
 * thread of its own; both sides wait with poll(2) on librdkafka's event fd.
 *
 *     SLUICE_TEST_KAFKA=127.0.0.1:9092 [SLUICE_BENCH_TLS="CA PEM"] kafka_rtt_bench [rounds]
 *
 * Prints p50 and p99 at one in flight and the rate at 32 and 512, the best round of each side. */
#include "common/base/clock.h"
#include "common/bus/bus.h"
#include "tests/bench/kafka_tls.h"

#include <librdkafka/rdkafka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { VALUE_BYTES = 1024, TRIPS_MAX = 60000 };

static const char *bootstrap;
static char request_topic[64], reply_topic[64];

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

typedef struct result {
    double p50_us, p99_us, rate;
} result;

/* What a round needs of either side. */
typedef struct side {
    void (*send)(struct side *s, const char *value);
    void (*wait)(struct side *s); /* waits for events and counts replies by on_reply */
    int64_t sent, got, trips;
    double *us;
    /* sl_bus */
    sl_producer *p;
    sl_consumer *c;
    /* bare */
    rd_kafka_t *rp, *rc;
    rd_kafka_topic_t *rkt;
    rd_kafka_queue_t *queue, *dr;
    int fd;
} side;

static void on_reply(side *s, const void *value, size_t n)
{
    int64_t at;
    if (n != VALUE_BYTES)
        die("a reply has the wrong size");
    memcpy(&at, value, sizeof(at));
    if (s->got < s->trips)
        s->us[s->got] = (double)(sl_mono_us() - at);
    s->got++;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static result round_trips(side *s, int64_t trips, int64_t in_flight)
{
    static char value[VALUE_BYTES];
    static double us[TRIPS_MAX];
    s->sent = s->got = 0;
    s->trips = trips;
    s->us = us;
    int64_t start = sl_mono_us();
    while (s->got < trips) {
        while (s->sent < trips && s->sent - s->got < in_flight) {
            int64_t now = sl_mono_us();
            memcpy(value, &now, sizeof(now));
            s->send(s, value);
            s->sent++;
        }
        s->wait(s);
        if (sl_mono_us() - start > 60000000)
            die("no reply for a minute");
    }
    double seconds = (double)(sl_mono_us() - start) / 1e6;
    qsort(us, (size_t)trips, sizeof(us[0]), by_value);
    return (result){us[trips / 2], us[trips * 99 / 100], (double)trips / seconds};
}

/* ---- sl_bus ---- */

static void bus_send(side *s, const char *value)
{
    sl_record r = {.topic = request_topic, .value = {value, VALUE_BYTES}};
    if (sl_producer_send(s->p, &r, NULL, NULL, NULL) != SL_OK)
        die("sl_producer_send failed");
}

static void bus_wait(side *s)
{
    struct pollfd fds[2] = {{sl_consumer_fd(s->c), POLLIN, 0}, {sl_producer_fd(s->p), POLLIN, 0}};
    (void)poll(fds, 2, 1000);
    if (fds[1].revents)
        sl_producer_poll(s->p);
    if (fds[0].revents)
        while (sl_consumer_poll(s->c, 64) == 64)
            ;
}

static void bus_reply(void *arg, const sl_record *r)
{
    on_reply(arg, r->value.p, r->value.n);
}

static void bus_echo(void *arg, const sl_record *r)
{
    sl_record out = {.topic = reply_topic, .value = r->value};
    if (sl_producer_send(((side *)arg)->p, &out, NULL, NULL, NULL) != SL_OK)
        die("sl_producer_send failed");
}

static void bus_open(sl_bus *b, side *s, const char *to, const char *from,
                     void (*on_record)(void *, const sl_record *))
{
    const char *topics[] = {to, NULL};
    sl_producer_options popt = {.topics = topics};
    sl_bus_partition part = {from, 0, SL_FROM_END};
    sl_consumer_options copt = {
        .partitions = &part, .partitions_n = 1, .on_record = on_record, .arg = s};
    sl_error e;
    if (sl_producer_open(&s->p, b, &popt, &e) != SL_OK ||
        sl_consumer_open(&s->c, b, &copt, &e) != SL_OK)
        die(e.text);
    s->send = bus_send;
    s->wait = bus_wait;
}

/* ---- bare librdkafka ---- */

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        die(text);
}

static rd_kafka_t *bare_client(bool producer)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "socket.nagle.disable", "true");
    sl_option_map tls = bench_tls();
    for (size_t i = 0; i < tls.n; i++)
        set(conf, tls.v[i].name, tls.v[i].value);
    if (producer) {
        set(conf, "enable.idempotence", "true");
        set(conf, "linger.ms", "0");
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    } else {
        set(conf, "group.id", "bench");
        set(conf, "enable.auto.commit", "false");
        set(conf, "check.crcs", "true");
        set(conf, "fetch.wait.max.ms", "100");
    }
    char text[256];
    rd_kafka_t *rk =
        rd_kafka_new(producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!rk)
        die(text);
    return rk;
}

static void bare_produce(side *s, const void *value)
{
    if (rd_kafka_produce(s->rkt, 0, RD_KAFKA_MSG_F_COPY, (void *)value, VALUE_BYTES, NULL, 0,
                         NULL) != 0)
        die("rd_kafka_produce failed");
}

static void bare_send(side *s, const char *value)
{
    bare_produce(s, value);
}

static void bare_drain(side *s, void (*fn)(side *s, const void *value, size_t n))
{
    struct pollfd p = {s->fd, POLLIN, 0};
    eventfd_t n;
    (void)poll(&p, 1, 1000);
    (void)eventfd_read(s->fd, &n);
    rd_kafka_event_t *ev;
    while ((ev = rd_kafka_queue_poll(s->dr, 0)))
        rd_kafka_event_destroy(ev);
    rd_kafka_message_t *batch[64];
    ssize_t got;
    while ((got = rd_kafka_consume_batch_queue(s->queue, 0, batch, 64)) > 0)
        for (ssize_t i = 0; i < got; i++) {
            if (!batch[i]->err)
                fn(s, batch[i]->payload, batch[i]->len);
            rd_kafka_message_destroy(batch[i]);
        }
}

static void bare_wait(side *s)
{
    bare_drain(s, on_reply);
}

static void bare_echo(side *s, const void *value, size_t n)
{
    bare_produce(s, value);
}

static void bare_open(side *s, const char *to, const char *from)
{
    static const uint64_t one = 1;
    int64_t low, high;
    s->rp = bare_client(true);
    s->rc = bare_client(false);
    s->rkt = rd_kafka_topic_new(s->rp, to, NULL);
    rd_kafka_poll_set_consumer(s->rc);
    s->queue = rd_kafka_queue_get_consumer(s->rc);
    s->dr = rd_kafka_queue_get_main(s->rp);
    s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    rd_kafka_queue_io_event_enable(s->queue, s->fd, &one, sizeof(one));
    rd_kafka_queue_io_event_enable(s->dr, s->fd, &one, sizeof(one));
    if (rd_kafka_query_watermark_offsets(s->rc, from, 0, &low, &high, 5000) != 0)
        die("no watermarks");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, from, 0)->offset = high;
    rd_kafka_assign(s->rc, list);
    rd_kafka_topic_partition_list_destroy(list);
    s->send = bare_send;
    s->wait = bare_wait;
}

static void bare_close(side *s)
{
    rd_kafka_topic_destroy(s->rkt);
    rd_kafka_queue_destroy(s->queue);
    rd_kafka_queue_destroy(s->dr);
    rd_kafka_consumer_close(s->rc);
    rd_kafka_destroy(s->rc);
    rd_kafka_purge(s->rp, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(s->rp);
    close(s->fd);
}

/* ---- one measurement: an echo thread and a client ---- */

typedef struct echo {
    side s;
    sl_bus *bus;
    bool bare;
    atomic_bool ready, stop;
} echo;

static void *echo_main(void *arg)
{
    echo *e = arg;
    if (e->bare)
        bare_open(&e->s, reply_topic, request_topic);
    else
        bus_open(e->bus, &e->s, reply_topic, request_topic, bus_echo);
    atomic_store(&e->ready, true);
    while (!atomic_load(&e->stop)) {
        if (e->bare)
            bare_drain(&e->s, bare_echo);
        else
            bus_wait(&e->s);
    }
    if (e->bare) {
        bare_close(&e->s);
    } else {
        sl_consumer_close(e->s.c);
        sl_producer_close(e->s.p);
    }
    return NULL;
}

static const struct {
    int in_flight, trips;
} loads[] = {{1, 1500}, {32, 15000}, {512, 50000}};

static void measure(sl_bus *b, bool bare, result out[3])
{
    echo e = {.bus = b, .bare = bare};
    pthread_t t;
    side client = {0};
    if (pthread_create(&t, NULL, echo_main, &e) != 0)
        die("no thread");
    if (bare)
        bare_open(&client, request_topic, reply_topic);
    else
        bus_open(b, &client, request_topic, reply_topic, bus_reply);
    while (!atomic_load(&e.ready))
        usleep(1000);
    (void)round_trips(&client, 200, 1); /* connections, idempotent ids */
    for (int i = 0; i < 3; i++)
        out[i] = round_trips(&client, loads[i].trips, loads[i].in_flight);
    atomic_store(&e.stop, true);
    pthread_join(t, NULL);
    if (bare) {
        bare_close(&client);
    } else {
        sl_consumer_close(client.c);
        sl_producer_close(client.p);
    }
}

static void keep_best(result best[3], const result now[3], bool first)
{
    for (int i = 0; i < 3; i++) {
        if (first || now[i].p50_us < best[i].p50_us) {
            best[i].p50_us = now[i].p50_us;
            best[i].p99_us = now[i].p99_us;
        }
        if (first || now[i].rate > best[i].rate)
            best[i].rate = now[i].rate;
    }
}

int main(int argc, char **argv)
{
    bootstrap = getenv("SLUICE_TEST_KAFKA");
    if (!bootstrap) {
        printf("kafka_rtt_bench: skipped: SLUICE_TEST_KAFKA is not set\n");
        return 0;
    }
    int rounds = argc > 1 ? atoi(argv[1]) : 3;
    char id[SL_UUID_TEXT];
    sl_uuid7(id);
    snprintf(request_topic, sizeof(request_topic), "bus-bench-req-%s", id);
    snprintf(reply_topic, sizeof(reply_topic), "bus-bench-rep-%s", id);
    sl_bus *b;
    sl_error e;
    sl_bus_options opt = {.name = "bench",
                          .bootstrap = bootstrap,
                          .client_id = "bus-bench",
                          .properties = bench_tls()};
    sl_topic_spec topics[] = {{request_topic, 1, 1, NULL}, {reply_topic, 1, 1, NULL}};
    if (sl_bus_open(&b, &opt, &e) != SL_OK ||
        sl_bus_topics_create(b, topics, 2, 10000, &e) != SL_OK)
        die(e.text);
    result bare[3], bus[3], now[3];
    for (int i = 0; i < rounds; i++) {
        measure(b, true, now);
        keep_best(bare, now, i == 0);
        measure(b, false, now);
        keep_best(bus, now, i == 0);
    }
    printf("librdkafka %s, 1 KiB, two topics, linger 0, best of %d rounds\n",
           rd_kafka_version_str(), rounds);
    printf("%-10s %12s %12s %14s %14s\n", "", "p50 us @1", "p99 us @1", "trips/s @32",
           "trips/s @512");
    printf("%-10s %12.0f %12.0f %14.0f %14.0f\n", "bare", bare[0].p50_us, bare[0].p99_us,
           bare[1].rate, bare[2].rate);
    printf("%-10s %12.0f %12.0f %14.0f %14.0f\n", "sl_bus", bus[0].p50_us, bus[0].p99_us,
           bus[1].rate, bus[2].rate);
    printf("%-10s %12.3f %12.3f %14.3f %14.3f\n", "ratio", bus[0].p50_us / bare[0].p50_us,
           bus[0].p99_us / bare[0].p99_us, bus[1].rate / bare[1].rate, bus[2].rate / bare[2].rate);
    sl_bus_free(b);
    return 0;
}
