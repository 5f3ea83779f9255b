/* kafka_path_bench.c - client, gateway, Kafka, echo worker and back, against a bare librdkafka
 * round trip over two topics on the same broker in the same run.
 *
 *     SLUICE_KAFKA=127.0.0.1:9092 [SLUICE_KAFKA_PID=PID] \
 *         kafka_path_bench [rounds [rows [in flight]]]
 *
 * rows: digits out of 0123 for bare, private, public, bare with the same records; all without it.
 * Each measurement says first where its CPU time went; the broker's is known when SLUICE_KAFKA_PID
 * names its process. "The same records" is what Kafka alone costs: a bare program that for each
 * request writes what the private path writes (a request, two chunks, as many audit records as were
 * counted, these over a producer with 50 ms of linger) and does nothing else.
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

static rd_kafka_t *bare_client(bool producer, const char *linger_ms)
{
    static const char *const conf[][2] = {{"socket.nagle.disable", "true"},
                                          {"fetch.wait.max.ms", "100"},
                                          {"fetch.error.backoff.ms", "10"},
                                          {"check.crcs", "true"}};
    char why[256];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    rd_kafka_conf_set(c, "bootstrap.servers", bootstrap, why, sizeof(why));
    for (size_t i = 0; i < sizeof(conf) / sizeof(conf[0]); i++)
        rd_kafka_conf_set(c, conf[i][0], conf[i][1], why, sizeof(why));
    rd_kafka_conf_set(c, "linger.ms", linger_ms, why, sizeof(why));
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
    rd_kafka_t *consumer, *producer, *audit_producer;
    rd_kafka_topic_t *topic, *audit_topic;
} bare;

/* What a bare value begins with; the echo sends it back `replies` times. */
typedef struct bare_value {
    int64_t sent_us;
    int replies, reply;
} bare_value;

enum { REPLIES = 2, CHUNK_BYTES = 512, AUDIT_BYTES = 512 };

static bare bare_open(const char *from, const char *to)
{
    bare b = {bare_client(false, "0"), bare_client(true, "0"), bare_client(true, "50"), NULL, NULL};
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
    b.audit_topic = rd_kafka_topic_new(b.audit_producer, "bench.audit", NULL);
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
        bare_value v = {0};
        if (m && !m->err)
            memcpy(&v, m->payload, sizeof(v));
        for (v.reply = 1; v.reply <= v.replies; v.reply++) {
            memcpy(m->payload, &v, sizeof(v));
            bare_send(b, m->payload, v.replies == 1 ? m->len : CHUNK_BYTES);
        }
        if (m)
            rd_kafka_message_destroy(m);
    }
    return NULL;
}

static void bare_audit(bare *b, int n)
{
    char value[AUDIT_BYTES] = {0};
    for (int i = 0; i < n; i++)
        while (rd_kafka_produce(b->audit_topic, 0, RD_KAFKA_MSG_F_COPY, value, sizeof(value), NULL,
                                0, NULL))
            rd_kafka_poll(b->audit_producer, 10);
    rd_kafka_poll(b->audit_producer, 0);
}

/* A request is done when its last reply is there; `audits` records go beside each. */
static figures bare_load(bare *b, int n, int in_flight, int replies, int audits)
{
    double *lat = calloc((size_t)n + 1, sizeof(*lat));
    char value[1024] = {0};
    int sent = 0, done = 0;
    int64_t start = sl_mono_us();
    while (done < n) {
        for (; sent < n && sent - done < in_flight; sent++) {
            memcpy(value, &(bare_value){sl_mono_us(), replies, 0}, sizeof(bare_value));
            bare_send(b, value, sizeof(value));
            bare_audit(b, audits);
        }
        rd_kafka_message_t *m = rd_kafka_consumer_poll(b->consumer, 100);
        rd_kafka_poll(b->producer, 0);
        if (m && !m->err) {
            bare_value v;
            memcpy(&v, m->payload, sizeof(v));
            if (v.reply == v.replies)
                lat[done++] = (double)(sl_mono_us() - v.sent_us);
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
    sl_topic_spec t[] = {
        {"bench.request", 1, 1, NULL}, {"bench.reply", 1, 1, NULL}, {"bench.audit", 1, 1, NULL}};
    must(sl_bus_topics_create(bus, t, 3, 10000, &err), &err, "topics");
}

static int64_t audit_records(sl_bus *bus)
{
    int64_t low, high, all = 0;
    int partitions = 0;
    sl_error err = {0};
    must(sl_bus_partitions(bus, SL_TOPIC_AUDIT, &partitions, 10000, &err), &err, "audit topic");
    for (int i = 0; i < partitions; i++) {
        must(sl_bus_watermarks(bus, SL_TOPIC_AUDIT, i, &low, &high, 10000, &err), &err, "audit");
        all += high;
    }
    return all;
}

/* How many audit records a private request leaves; they linger 50 ms and the tick sends them. */
static int audits_each(rig *r)
{
    enum { N = 200 };
    (void)poll(NULL, 0, 1000);
    int64_t before = audit_records(r->bus);
    (void)load(r->port, r->gateway_thread, &r->request[SL_CLASS_PRIVATE], N, 8);
    (void)poll(NULL, 0, 1000);
    return (int)((audit_records(r->bus) - before + N / 2) / N);
}

/* One load through the gateway or around it; rows 0 and 3 are bare. */
static figures measure(rig *r, bare *here, pthread_t bare_thread, int row, int n, int k, int audits)
{
    static const char *const names[] = {"bare", "private", "public", "same records"};
    bool around = row == 0 || row == 3;
    cpu before = cpu_now(r, around ? bare_thread : r->echo_thread);
    figures f = around ? bare_load(here, n, k, row ? REPLIES : 1, row ? audits : 0)
                       : load(r->port, r->gateway_thread, &r->request[row - 1], n, k);
    cpu_row(names[row], before, cpu_now(r, around ? bare_thread : r->echo_thread), n);
    return f;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 3;
    const char *rows = argc > 2 ? argv[2] : "0123";
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
    (void)bare_load(&here, 200, 1, 1, 1);
    int audits = audits_each(&r);
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        figures best[4] = {{0}};
        int k = loads[i].in_flight, n = loads[i].count;
        if (argc > 3 && atoi(argv[3]) != k)
            continue;
        for (int c = 0; c < SL_CLASS_N; c++)
            (void)load(r.port, r.gateway_thread, &r.request[c], 200, k);
        for (int round = 0; round < rounds; round++)
            for (int row = 0; row < 4; row++)
                if (strchr(rows, '0' + row))
                    keep_best(&best[row], measure(&r, &here, t, row, n, k, audits), !round);
        printf("-- %d in flight, best of %d rounds of %d\n", k, rounds, n);
        row("bare librdkafka round trip", best[0], best[0]);
        printf("a private request: 1 request, %d chunks and %d audit records\n", REPLIES, audits);
        row("bare, the same records", best[3], best[0]);
        row("through the gateway, private", best[1], best[0]);
        row("  against bare, the same records", best[1], best[3]);
        row("through the gateway, public", best[2], best[0]);
    }
    rig_done(&r);
    return 0;
}
