/* rig.c - what the gateway's benches share: a gateway in this process on any bus, an echo worker of
 * both classes in a thread, and a plain client over keep-alive sockets. Each bench includes it. */
#include "common/base/clock.h"
#include "common/base/jsonw.h"
#include "common/base/log.h"
#include "common/bus/bus.h"
#include "common/bus/outbox.h"
#include "gateway/gateway.h"
#include "gateway/keys.h"
#include "schemas/audit.h"
#include "schemas/chat.h"
#include "schemas/envelope.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RIG __attribute__((unused))

static RIG void must(sl_status st, const sl_error *err, const char *what)
{
    if (st) {
        fprintf(stderr, "%s: %s\n", what, err->text);
        exit(1);
    }
}

/* ---- the echo worker: one thread, both classes ---- */

typedef struct echo {
    sl_bus *bus;
    sl_class cls;
    sl_codec *codec;
    sl_producer *producer;
    sl_outbox out; /* a poll's answers leave together, as from a worker whose answers are ready */
    sl_consumer *consumer;
    sl_keyring *ring;
    bool encrypt;
    bool endless; /* one piece of text, never an end */
} echo;

static RIG void send_chunk(echo *e, const sl_envelope *req, const char *run, uint64_t seq,
                           sl_run_digest *d, bool fin)
{
    sl_buf body = {0};
    if (fin)
        sl_chunk_write_usage(&body, &(sl_usage){200, 12});
    else
        sl_chunk_write_delta(&body, SL_STR("assistant"),
                             SL_STR("An answer that the echo worker gives at once."), (sl_str){0});
    sl_envelope env = {.type = SL_TYPE_CHUNK,
                       .subject = req->subject,
                       .seq = seq,
                       .fin = fin,
                       .count = seq,
                       .end = fin ? SL_END_STOP : SL_END_NONE,
                       .env = fin ? SL_STR("echo") : (sl_str){0},
                       .body = sl_buf_str(&body)};
    snprintf(env.run, sizeof(env.run), "%s", run);
    memcpy(env.requestchecksum, req->checksum, sizeof(env.requestchecksum));
    if (fin)
        sl_run_digest_text(d, env.digest);
    sl_record r;
    sl_error err = {0};
    must(sl_envelope_encode(e->codec, &env, &(sl_seal){e->encrypt ? e->ring : NULL, e->cls}, &r,
                            &err),
         &err, "encode");
    if (!fin)
        sl_run_digest_add(d, env.checksum);
    r.topic = sl_topic_name(e->cls, SL_TOPIC_RESPONSES);
    r.partition = req->replypartition;
    must(sl_outbox_send(&e->out, &r, NULL, NULL, NULL, &err), &err, "send");
    sl_buf_done(&body);
}

static RIG void on_request(void *arg, const sl_record *r)
{
    echo *e = arg;
    sl_envelope req;
    sl_error err = {0};
    char run[SL_RUN_TEXT];
    sl_run_digest *d;
    must(sl_envelope_decode(e->codec, r, e->ring, e->cls, e->encrypt, &req, &err), &err, "decode");
    must(sl_run_digest_open(&d), &err, "digest");
    sl_run_new(run);
    send_chunk(e, &req, run, 0, d, false);
    if (!e->endless)
        send_chunk(e, &req, run, 1, d, true);
    sl_run_digest_free(d);
}

static RIG void send_presence(echo *e)
{
    sl_buf body = {0};
    sl_presence p = {.instance = SL_STR("echo-0"),
                     .models = {SL_STR("smollm2"), SL_STR("smollm2-cloud")},
                     .models_n = 2,
                     .slots = 64,
                     .interval_ms = 2000};
    sl_presence_write(&body, &p);
    sl_envelope env = {
        .type = SL_TYPE_PRESENCE, .subject = SL_STR("echo-0"), .body = sl_buf_str(&body)};
    sl_record r;
    sl_error err = {0};
    must(sl_envelope_encode(e->codec, &env, &(sl_seal){e->encrypt ? e->ring : NULL, e->cls}, &r,
                            &err),
         &err, "encode");
    r.topic = sl_topic_name(e->cls, SL_TOPIC_PRESENCE);
    r.partition = 0;
    must(sl_outbox_send(&e->out, &r, NULL, NULL, NULL, &err), &err, "send");
    sl_buf_done(&body);
}

static RIG void *echo_main(void *arg)
{
    echo *es = arg;
    sl_error err = {0};
    for (int c = 0; c < SL_CLASS_N; c++) {
        echo *e = &es[c];
        must(sl_codec_open(&e->codec, "/sluice/echo/0", &err), &err, "codec");
        must(sl_producer_open(&e->producer, e->bus, &(sl_producer_options){.gather = true}, &err),
             &err, "producer");
        e->out = (sl_outbox){.producer = e->producer, .hold = true};
        sl_bus_partition all = {sl_topic_name(e->cls, SL_TOPIC_REQUESTS), -1, SL_FROM_END};
        sl_consumer_options co = {
            .partitions = &all, .partitions_n = 1, .on_record = on_request, .arg = e};
        must(sl_consumer_open(&e->consumer, e->bus, &co, &err), &err, "consumer");
    }
    int64_t presence = 0;
    for (;;) {
        struct pollfd p[4];
        for (int c = 0; c < SL_CLASS_N; c++) {
            p[2 * c] = (struct pollfd){.fd = sl_consumer_fd(es[c].consumer), .events = POLLIN};
            p[2 * c + 1] = (struct pollfd){.fd = sl_producer_fd(es[c].producer), .events = POLLIN};
        }
        (void)poll(p, 4, 500);
        for (int c = 0; c < SL_CLASS_N; c++) {
            while (sl_consumer_poll(es[c].consumer, 64) == 64)
                ;
            sl_outbox_pump(&es[c].out);
            sl_producer_poll(es[c].producer);
            if (sl_mono_ms() - presence > 1000)
                send_presence(&es[c]);
        }
        if (sl_mono_ms() - presence > 1000)
            presence = sl_mono_ms();
    }
    return NULL;
}

/* ---- the client: plain sockets, keep-alive ---- */

static RIG int dial(int port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

typedef struct conn {
    int fd;
    char buf[8192];
    size_t len;
    int64_t start_us;
} conn;

static RIG void send_request(conn *c, const sl_buf *req)
{
    c->len = 0;
    c->start_us = sl_mono_us();
    if (write(c->fd, req->data, req->len) != (ssize_t)req->len) {
        perror("write");
        exit(1);
    }
}

/* True when the whole answer is there. */
static RIG bool read_answer(conn *c)
{
    ssize_t n = read(c->fd, c->buf + c->len, sizeof(c->buf) - 1 - c->len);
    if (n <= 0) {
        fprintf(stderr, "the server closed: %.*s\n", (int)c->len, c->buf);
        exit(1);
    }
    c->len += (size_t)n;
    c->buf[c->len] = '\0';
    char *head = strstr(c->buf, "\r\n\r\n");
    if (!head)
        return false;
    if (strncmp(c->buf, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "not a 200: %s\n", c->buf);
        exit(1);
    }
    char *cl = strcasestr(c->buf, "content-length:");
    return cl && c->len >= (size_t)(head + 4 - c->buf) + strtoul(cl + 15, NULL, 10);
}

static RIG int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static RIG double thread_cpu_us(pthread_t t)
{
    clockid_t clock;
    struct timespec ts;
    pthread_getcpuclockid(t, &clock);
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

typedef struct figures {
    double cpu_us, p50_us, p99_us, rate;
} figures;

static RIG figures load(int port, pthread_t server, const sl_buf *req, int n, int conns)
{
    conn *cs = calloc((size_t)conns, sizeof(*cs));
    struct pollfd *p = calloc((size_t)conns, sizeof(*p));
    double *lat = calloc((size_t)n + 1, sizeof(*lat));
    int sent = 0, done = 0;
    for (int i = 0; i < conns; i++)
        cs[i].fd = dial(port);
    double cpu = thread_cpu_us(server);
    int64_t start = sl_mono_us();
    for (int i = 0; i < conns && sent < n; i++, sent++) {
        send_request(&cs[i], req);
        p[i] = (struct pollfd){.fd = cs[i].fd, .events = POLLIN};
    }
    while (done < n) {
        (void)poll(p, (nfds_t)conns, 5000);
        for (int i = 0; i < conns; i++) {
            if (!(p[i].revents & POLLIN) || !read_answer(&cs[i]))
                continue;
            lat[done++] = (double)(sl_mono_us() - cs[i].start_us);
            if (sent < n) {
                send_request(&cs[i], req);
                sent++;
            } else {
                p[i].fd = -1;
            }
        }
    }
    figures f = {.cpu_us = (thread_cpu_us(server) - cpu) / n,
                 .rate = n / ((double)(sl_mono_us() - start) / 1e6)};
    qsort(lat, (size_t)n, sizeof(*lat), by_value);
    f.p50_us = lat[n / 2];
    f.p99_us = lat[(size_t)n * 99 / 100];
    for (int i = 0; i < conns; i++)
        close(cs[i].fd);
    free(cs);
    free(p);
    free(lat);
    return f;
}

static RIG void make_request(sl_buf *out, const char *key, const char *last, bool stream)
{
    sl_buf body = {0}, text = {0};
    while (text.len < 800)
        sl_buf_adds(
            &text,
            "Explain to a colleague how the weekly build report is put together, step by step. ");
    sl_buf_adds(&text, last);
    sl_jsonw w = sl_jsonw_on(&body);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "model", "auto");
    sl_jsonw_bool(&w, "stream", stream);
    sl_jsonw_arr(&w, "messages");
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "role", "user");
    sl_jsonw_str(&w, "content", sl_buf_str(&text));
    sl_jsonw_end_obj(&w);
    sl_jsonw_end_arr(&w);
    sl_jsonw_i64(&w, "max_tokens", 64);
    sl_jsonw_f64(&w, "temperature", 0.2);
    sl_jsonw_end_obj(&w);
    sl_buf_addf(out,
                "POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "
                "%s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                key, body.len);
    sl_buf_add_str(out, sl_buf_str(&body));
    sl_buf_done(&body);
    sl_buf_done(&text);
}

static RIG void write_file(const char *path, sl_str text)
{
    FILE *f = fopen(path, "w");
    if (!f || fwrite(text.p, 1, text.n, f) != text.n || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
    chmod(path, 0600);
}

static const char policy[] =
    "version: 1\nmodels:\n  smollm2: {classes: [private]}\n  smollm2-cloud: {classes: [public]}\n"
    "defaults:\n  models: {private: smollm2, public: smollm2-cloud}\n";

static RIG void make_files(const char *dir, sl_buf *key, char paths[3][256])
{
    sl_api_key row;
    sl_error err = {0};
    sl_buf keys = {0}, ring = {0};
    uint8_t secret[32];
    snprintf(paths[0], 256, "%s/policy.yaml", dir);
    snprintf(paths[1], 256, "%s/keys.json", dir);
    snprintf(paths[2], 256, "%s/keyring.json", dir);
    must(sl_api_key_new(&row, "bench", SL_ROLE_CLIENT, 0, key, &err), &err, "key");
    sl_api_keys_write(&row, 1, &keys);
    sl_random(secret, sizeof(secret));
    sl_buf_adds(&ring, "[{\"kid\":\"k1\",\"class\":\"public\",\"key\":\"");
    sl_buf_add_base64(&ring, secret, sizeof(secret));
    sl_buf_adds(
        &ring,
        "\",\"not_before\":\"2020-01-01T00:00:00Z\",\"not_after\":\"2099-01-01T00:00:00Z\"}]");
    write_file(paths[0], SL_STR(policy));
    write_file(paths[1], sl_buf_str(&keys));
    write_file(paths[2], sl_buf_str(&ring));
    sl_buf_done(&keys);
    sl_buf_done(&ring);
}

static RIG void make_topics(sl_bus *bus)
{
    sl_topic_spec specs[16];
    size_t n = 0;
    for (int c = 0; c < SL_CLASS_N; c++)
        for (int t = 0; t < SL_TOPIC_N; t++)
            specs[n++] = (sl_topic_spec){sl_topic_name((sl_class)c, (sl_topic)t), 1, 1, NULL};
    specs[n++] = (sl_topic_spec){SL_TOPIC_AUDIT, 1, 1, NULL};
    specs[n++] = (sl_topic_spec){SL_TOPIC_PUBLIC_AUDIT, 1, 1, NULL};
    sl_error err = {0};
    must(sl_bus_topics_create(bus, specs, n, 1000, &err), &err, "topics");
}

static RIG void *gateway_main(void *arg)
{
    sl_gateway_run(arg);
    return NULL;
}

/* Until the policy is in force and the worker was heard of. */
static RIG void wait_ready(int port)
{
    int64_t until = sl_mono_ms() + 10000;
    for (;;) {
        char buf[4096];
        int fd = dial(port);
        static const char get[] =
            "GET /health/readiness HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n";
        ssize_t n = write(fd, get, sizeof(get) - 1) > 0 ? read(fd, buf, sizeof(buf) - 1) : 0;
        close(fd);
        if (n > 12 && !strncmp(buf, "HTTP/1.1 200", 12))
            return;
        if (sl_mono_ms() > until) {
            fprintf(stderr, "the gateway is not ready: %.*s\n", (int)n, buf);
            exit(1);
        }
        (void)poll(NULL, 0, 50);
    }
}

typedef struct rig {
    char dir[32], paths[3][256];
    sl_buf key, request[SL_CLASS_N], stream;
    sl_bus *bus;
    sl_gateway *gw;
    sl_gateway_config cfg;
    echo echoes[SL_CLASS_N];
    pthread_t gateway_thread, echo_thread;
    int port;
} rig;

/* The threads end with the process. */
static RIG void rig_open(rig *r, const char *bootstrap, bool endless)
{
    sl_error err = {0};
    *r = (rig){.dir = "/tmp/gateway_bench.XXXXXX"};
    sl_log_open("bench", SL_LOG_ERROR);
    if (!mkdtemp(r->dir))
        exit(1);
    make_files(r->dir, &r->key, r->paths);
    sl_bus_options bo = {.name = "bench", .bootstrap = bootstrap, .client_id = "bench"};
    must(sl_bus_open(&r->bus, &bo, &err), &err, "bus");
    make_topics(r->bus);
    r->cfg = (sl_gateway_config){.loops = 1,
                                 .log_level = SL_LOG_ERROR,
                                 .http_listen = "127.0.0.1:0",
                                 .http_tls_cert = "",
                                 .http_tls_key = "",
                                 .http_tls_client_ca = "",
                                 .http_connections = 4096,
                                 .admin_listen = "",
                                 .body_bytes = 1000000,
                                 .deadline_ms = 600000,
                                 .private_bootstrap = bootstrap,
                                 .public_bootstrap = "",
                                 .keyring = r->paths[2],
                                 .encrypt_public = true,
                                 .policy = r->paths[0],
                                 .keys = r->paths[1],
                                 .ingress_group = "g",
                                 .presence_timeout_ms = 7000,
                                 .idempotency_ttl_ms = 60000,
                                 .idempotency_bytes = 1 << 20,
                                 .drain_ms = 1000};
    must(sl_gateway_open(&r->gw, &r->cfg, NULL, &err), &err, "gateway");
    for (int c = 0; c < SL_CLASS_N; c++)
        r->echoes[c] = (echo){
            .bus = r->bus, .cls = (sl_class)c, .encrypt = c == SL_CLASS_PUBLIC, .endless = endless};
    must(sl_keyring_load(&r->echoes[0].ring, r->paths[2], &err), &err, "keyring");
    r->echoes[1].ring = r->echoes[0].ring;
    pthread_create(&r->gateway_thread, NULL, gateway_main, r->gw);
    pthread_create(&r->echo_thread, NULL, echo_main, r->echoes);
    r->port = sl_gateway_port(r->gw);
    wait_ready(r->port);
    const char *secret = "Confidential: my number is 138-0013-8000.";
    make_request(&r->request[SL_CLASS_PRIVATE], r->key.data, secret, false);
    make_request(&r->request[SL_CLASS_PUBLIC], r->key.data, "Thank you.", false);
    make_request(&r->stream, r->key.data, "Thank you.", true);
}

static RIG void rig_done(rig *r)
{
    for (int i = 0; i < 3; i++)
        (void)unlink(r->paths[i]);
    (void)rmdir(r->dir);
}
