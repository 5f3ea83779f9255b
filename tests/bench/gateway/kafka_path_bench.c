/* kafka_path_bench.c - client, gateway, Kafka, echo worker and back, against a bare librdkafka
 * round trip over two topics on the same broker in the same run.
 *
 *     SLUICE_KAFKA=127.0.0.1:9092 [SLUICE_KAFKA_PID=PID] \
 *         kafka_path_bench [rounds [rows [in flight]]]
 *
 * rows: digits out of 012 for bare, private, public; all without it. Each measurement says first
 * where its CPU time went; the broker's is known when SLUICE_KAFKA_PID names its process.
 * The gateway's path has the HTTP client, classification, envelopes and checksums in it; the public
 * class also waits for its decided audit record before the request is produced. */
#include "tests/bench/gateway/rig.c"

#include <dirent.h>
#include <librdkafka/rdkafka.h>

static const char *bootstrap;

/* ---- where the CPU time goes ---- */

typedef struct cpu {
    double gateway, echo, client, kafka, broker; /* microseconds; kafka: librdkafka's threads */
} cpu;

/* On-CPU time of a thread in microseconds; 0 when it is gone. */
static double task_us(const char *dir)
{
    char path[300];
    unsigned long long ns = 0;
    snprintf(path, sizeof(path), "%s/schedstat", dir);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%llu", &ns) != 1)
        ns = 0;
    if (f)
        fclose(f);
    return (double)ns / 1e3;
}

/* The threads of a process whose names begin with `name`. */
static double tasks_us(const char *pid, const char *name)
{
    char dir[64];
    double sum = 0;
    snprintf(dir, sizeof(dir), "/proc/%.20s/task", pid);
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[300], comm[32] = "";
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%.20s/comm", dir, e->d_name);
        FILE *f = fopen(path, "r");
        if (f && !fgets(comm, sizeof(comm), f))
            comm[0] = '\0';
        if (f)
            fclose(f);
        snprintf(path, sizeof(path), "%s/%.20s", dir, e->d_name);
        if (!strncmp(comm, name, strlen(name)))
            sum += task_us(path);
    }
    if (d)
        closedir(d);
    return sum;
}

static cpu cpu_now(const rig *r, pthread_t echoer)
{
    const char *broker = getenv("SLUICE_KAFKA_PID");
    return (cpu){.gateway = thread_cpu_us(r->gateway_thread),
                 .echo = thread_cpu_us(echoer),
                 .client = thread_cpu_us(pthread_self()),
                 .kafka = tasks_us("self", "rdk:"),
                 .broker = broker && broker[0] ? tasks_us(broker, "") : 0};
}

static void cpu_row(const char *name, cpu a, cpu b, int n)
{
    printf("   CPU a trip, %-20s client %5.1f  gateway %5.1f  echo %5.1f  librdkafka %5.1f  broker "
           "%5.1f  all %6.1f us\n",
           name, (b.client - a.client) / n, (b.gateway - a.gateway) / n, (b.echo - a.echo) / n,
           (b.kafka - a.kafka) / n, (b.broker - a.broker) / n,
           (b.client - a.client + b.gateway - a.gateway + b.echo - a.echo + b.kafka - a.kafka +
            b.broker - a.broker) /
               n);
}

/* ---- the bare round trip ---- */

static rd_kafka_t *bare_client(bool producer)
{
    static const char *const conf[][2] = {{"socket.nagle.disable", "true"},
                                          {"fetch.wait.max.ms", "100"},
                                          {"fetch.error.backoff.ms", "10"},
                                          {"check.crcs", "true"},
                                          {"linger.ms", "0"}};
    char why[256];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    rd_kafka_conf_set(c, "bootstrap.servers", bootstrap, why, sizeof(why));
    for (size_t i = 0; i < sizeof(conf) / sizeof(conf[0]); i++)
        rd_kafka_conf_set(c, conf[i][0], conf[i][1], why, sizeof(why));
    if (producer)
        rd_kafka_conf_set(c, "enable.idempotence", "true", why, sizeof(why));
    else
        rd_kafka_conf_set(c, "group.id", "bare", why, sizeof(why));
    rd_kafka_t *rk =
        rd_kafka_new(producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, c, why, sizeof(why));
    if (!rk) {
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
    return rk;
}

typedef struct bare {
    rd_kafka_t *consumer, *producer;
    rd_kafka_topic_t *topic;
} bare;

static bare bare_open(const char *from, const char *to)
{
    bare b = {bare_client(false), bare_client(true), NULL};
    int64_t low, high;
    rd_kafka_poll_set_consumer(b.consumer);
    if (rd_kafka_query_watermark_offsets(b.consumer, from, 0, &low, &high, 10000)) {
        fprintf(stderr, "no such topic: %s\n", from);
        exit(1);
    }
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(l, from, 0)->offset = high;
    rd_kafka_assign(b.consumer, l);
    rd_kafka_topic_partition_list_destroy(l);
    b.topic = rd_kafka_topic_new(b.producer, to, NULL);
    return b;
}

static void bare_send(bare *b, void *p, size_t n)
{
    while (rd_kafka_produce(b->topic, 0, RD_KAFKA_MSG_F_COPY, p, n, NULL, 0, NULL))
        rd_kafka_poll(b->producer, 10);
    rd_kafka_poll(b->producer, 0);
}

static void *bare_echo(void *arg)
{
    bare *b = arg;
    for (;;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(b->consumer, 100);
        rd_kafka_poll(b->producer, 0);
        if (m && !m->err)
            bare_send(b, m->payload, m->len);
        if (m)
            rd_kafka_message_destroy(m);
    }
    return NULL;
}

static figures bare_load(bare *b, int n, int in_flight)
{
    double *lat = calloc((size_t)n + 1, sizeof(*lat));
    char value[1024] = {0};
    int sent = 0, done = 0;
    int64_t start = sl_mono_us();
    while (done < n) {
        for (; sent < n && sent - done < in_flight; sent++) {
            int64_t now = sl_mono_us();
            memcpy(value, &now, sizeof(now));
            bare_send(b, value, sizeof(value));
        }
        rd_kafka_message_t *m = rd_kafka_consumer_poll(b->consumer, 100);
        rd_kafka_poll(b->producer, 0);
        if (m && !m->err) {
            int64_t at;
            memcpy(&at, m->payload, sizeof(at));
            lat[done++] = (double)(sl_mono_us() - at);
        }
        if (m)
            rd_kafka_message_destroy(m);
    }
    figures f = {.rate = n / ((double)(sl_mono_us() - start) / 1e6)};
    qsort(lat, (size_t)n, sizeof(*lat), by_value);
    f.p50_us = lat[n / 2];
    f.p99_us = lat[(size_t)n * 99 / 100];
    free(lat);
    return f;
}

static void keep_best(figures *best, figures now, bool first)
{
    if (first || now.p50_us < best->p50_us)
        best->p50_us = now.p50_us;
    if (first || now.p99_us < best->p99_us)
        best->p99_us = now.p99_us;
    if (first || now.rate > best->rate)
        best->rate = now.rate;
}

static void row(const char *name, figures f, figures peer)
{
    printf("%-34s p50 %6.0f us (%.2f x)  p99 %6.0f us  %7.0f/s (%.2f x)\n", name, f.p50_us,
           f.p50_us / peer.p50_us, f.p99_us, f.rate, f.rate / peer.rate);
}

static void make_bare_topics(sl_bus *bus)
{
    sl_error err = {0};
    sl_topic_spec t[] = {{"bench.request", 1, 1, NULL}, {"bench.reply", 1, 1, NULL}};
    must(sl_bus_topics_create(bus, t, 2, 10000, &err), &err, "topics");
}

/* One load through the gateway or around it; row 0 is bare. */
static figures measure(rig *r, bare *here, pthread_t bare_thread, int row, int n, int k)
{
    static const char *const names[] = {"bare", "private", "public"};
    cpu before = cpu_now(r, row ? r->echo_thread : bare_thread);
    figures f =
        row ? load(r->port, r->gateway_thread, &r->request[row - 1], n, k) : bare_load(here, n, k);
    cpu_row(names[row], before, cpu_now(r, row ? r->echo_thread : bare_thread), n);
    return f;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 3;
    const char *rows = argc > 2 ? argv[2] : "012";
    static const struct {
        int in_flight, count;
    } loads[] = {{1, 1500}, {32, 12000}};
    rig r;
    bootstrap = getenv("SLUICE_KAFKA");
    if (!bootstrap || !bootstrap[0]) {
        printf("kafka_path_bench: skipped, SLUICE_KAFKA names no broker\n");
        return 0;
    }
    rig_open(&r, bootstrap, false);
    make_bare_topics(r.bus);
    bare here = bare_open("bench.reply", "bench.request");
    bare there = bare_open("bench.request", "bench.reply");
    pthread_t t;
    pthread_create(&t, NULL, bare_echo, &there);
    (void)bare_load(&here, 200, 1);
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        figures best[3] = {{0}};
        int k = loads[i].in_flight, n = loads[i].count;
        if (argc > 3 && atoi(argv[3]) != k)
            continue;
        for (int c = 0; c < SL_CLASS_N; c++)
            (void)load(r.port, r.gateway_thread, &r.request[c], 200, k);
        for (int round = 0; round < rounds; round++)
            for (int row = 0; row < 3; row++)
                if (strchr(rows, '0' + row))
                    keep_best(&best[row], measure(&r, &here, t, row, n, k), !round);
        printf("-- %d in flight, best of %d rounds of %d\n", k, rounds, n);
        row("bare librdkafka round trip", best[0], best[0]);
        row("through the gateway, private", best[1], best[0]);
        row("through the gateway, public", best[2], best[0]);
    }
    rig_done(&r);
    return 0;
}
