/* http_rig.h - a whole gateway in a thread, a worker of both classes in another, plain sockets.
 *
 * The worker echoes the user's text, or holds requests back, or fails them, as the test says. The
 * rig's records (seen) are the worker's: the test looks at them under its lock. */
#ifndef SL_TESTS_GATEWAY_HTTP_RIG_H
#define SL_TESTS_GATEWAY_HTTP_RIG_H

#include "gateway/gateway.h"
#include "tests/unit/gateway/play.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

typedef enum gh_mode { GH_ECHO, GH_HOLD, GH_FAIL, GH_FAIL_ONE } gh_mode; /* one, then hold */

typedef struct gh_rig {
    gt_rig *g;
    sl_gateway *gw;
    pthread_t gateway_thread, worker_thread;
    pthread_mutex_t lock;
    _Atomic int mode;
    _Atomic bool stop, draining, absent;
    bool done[GT_SEEN];
    sl_buf key;
    int port;
    bool ended;
} gh_rig;

/* ---- the worker ---- */

GT void gh_send_presence(gh_rig *h, sl_class c)
{
    gt_rig *g = h->g;
    sl_buf body = {0};
    sl_record r;
    sl_error err = {0};
    sl_presence p = {.instance = SL_STR("w-0"),
                     .models = {SL_STR("inside"), SL_STR("outside")},
                     .models_n = 2,
                     .draining = h->draining,
                     .interval_ms = 2000};
    sl_presence_write(&body, &p);
    sl_envelope env = {.type = SL_TYPE_PRESENCE, .subject = p.instance, .body = sl_buf_str(&body)};
    gt_ok(sl_envelope_encode(g->codec, &env, &(sl_seal){c == SL_CLASS_PUBLIC ? g->ring : NULL, c},
                             &r, &err),
          &err);
    r.topic = sl_topic_name(c, SL_TOPIC_PRESENCE);
    r.partition = 0;
    (void)!sl_producer_send(g->producer, &r, NULL, NULL, &err);
    sl_buf_done(&body);
}

/* The text behind the last "content":" of the body. */
GT void gh_text_of(const char *body, char *out, size_t n)
{
    const char *at = NULL;
    for (const char *p = body; (p = strstr(p, "\"content\":\"")); p++)
        at = p + 11;
    assert_non_null(at);
    (void)snprintf(out, n, "%.*s", (int)strcspn(at, "\""), at);
}

GT void gh_work(gh_rig *h)
{
    char text[256];
    for (size_t i = 0; i < h->g->n && h->mode != GH_HOLD; i++) {
        gt_seen *s = &h->g->seen[i];
        if (s->type != SL_TYPE_REQUEST || h->done[i])
            continue;
        h->done[i] = true;
        gt_run w;
        gt_run_open(&w, h->g, s);
        if (h->mode == GH_FAIL || h->mode == GH_FAIL_ONE) {
            if (h->mode == GH_FAIL_ONE)
                h->mode = GH_HOLD;
            gt_finish(&w, SL_END_ERROR);
        } else {
            gh_text_of(s->body, text, sizeof(text));
            gt_say(&w, text);
            gt_finish(&w, SL_END_STOP);
        }
        gt_run_done(&w);
    }
}

GT void *gh_worker(void *arg)
{
    gh_rig *h = arg;
    int64_t presence_us = 0;
    while (!h->stop) {
        struct pollfd p = {.fd = sl_consumer_fd(h->g->watcher), .events = POLLIN};
        (void)poll(&p, 1, 20);
        pthread_mutex_lock(&h->lock);
        sl_producer_poll(h->g->producer);
        while (sl_consumer_poll(h->g->watcher, 64) == 64)
            ;
        gh_work(h);
        pthread_mutex_unlock(&h->lock);
        if (h->absent || gt_real_us() - presence_us < 50000)
            continue;
        presence_us = gt_real_us();
        gh_send_presence(h, SL_CLASS_PRIVATE);
        gh_send_presence(h, SL_CLASS_PUBLIC);
    }
    return NULL;
}

GT size_t gh_requests(gh_rig *h)
{
    pthread_mutex_lock(&h->lock);
    size_t n = gt_count(h->g, "llm.private.requests.v1", NULL) +
               gt_count(h->g, "llm.public.requests.v1", NULL);
    pthread_mutex_unlock(&h->lock);
    return n;
}

GT void gh_wait_requests(gh_rig *h, size_t n)
{
    int64_t until = gt_real_us() + GT_WAIT_MS * 1000;
    while (gh_requests(h) < n && gt_real_us() < until)
        (void)poll(NULL, 0, 2);
    assert_int_equal(gh_requests(h), n);
}

/* ---- the client ---- */

GT int gh_dial(int port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval tv = {.tv_sec = GT_WAIT_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
        return fd;
    close(fd);
    return -1;
}

typedef struct gh_ask {
    const char *text;   /* NULL: GT_PRIVATE */
    const char *idem;   /* an Idempotency-Key */
    const char *header; /* "name: value\r\n" */
    bool stream;
} gh_ask;

GT int gh_send(gh_rig *h, const gh_ask *a)
{
    sl_buf b = {0}, body = {0};
    sl_buf_addf(&body,
                "{\"model\":\"auto\",\"stream\":%s,\"messages\":[{\"role\":\"user\",\"content\":"
                "\"%s\"}]}",
                a->stream ? "true" : "false", a->text ? a->text : GT_PRIVATE);
    sl_buf_addf(&b,
                "POST /v1/chat/completions HTTP/1.1\r\nHost: t\r\nConnection: close\r\n"
                "Authorization: Bearer %s\r\nContent-Length: %zu\r\n%s",
                h->key.data, body.len, a->header ? a->header : "");
    if (a->idem)
        sl_buf_addf(&b, "Idempotency-Key: %s\r\n", a->idem);
    sl_buf_addf(&b, "\r\n%s", body.data);
    int fd = gh_dial(h->port);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, b.data, b.len, MSG_NOSIGNAL), (ssize_t)b.len);
    sl_buf_done(&b);
    sl_buf_done(&body);
    return fd;
}

/* Everything up to the end of the connection; the status, 0 when nothing came in time. */
GT int gh_read(int fd, sl_buf *out)
{
    char piece[4096];
    ssize_t n;
    while ((n = recv(fd, piece, sizeof(piece), 0)) > 0)
        sl_buf_add(out, piece, (size_t)n);
    close(fd);
    return out->len > 12 ? atoi(out->data + 9) : 0;
}

/* Sends, and reads the answer, which must have this status and hold this text (NULL: any). */
GT void gh_expect(int fd, int status, const char *text)
{
    sl_buf out = {0};
    int got = gh_read(fd, &out);
    if (got != status || (text && !strstr(out.data, text)))
        print_error("want %d and %s, got: %s\n", status, text ? text : "anything",
                    out.data ? out.data : "nothing");
    assert_int_equal(got, status);
    assert_true(!text || strstr(out.data, text));
    sl_buf_done(&out);
}

GT int gh_get(gh_rig *h, const char *path, sl_buf *out)
{
    char line[256];
    int fd = gh_dial(h->port);
    assert_true(fd >= 0);
    int n = snprintf(line, sizeof(line), "GET %s HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
                     path);
    assert_int_equal(send(fd, line, (size_t)n, MSG_NOSIGNAL), n);
    return gh_read(fd, out);
}

/* Until readiness answers this status with this reason (NULL: any). */
GT void gh_wait_ready(gh_rig *h, int status, const char *reason)
{
    int64_t until = gt_real_us() + GT_WAIT_MS * 1000;
    for (;;) {
        sl_buf out = {0};
        int got = gh_get(h, "/health/readiness", &out);
        bool met = got == status && (!reason || strstr(out.data, reason));
        bool late = gt_real_us() > until;
        if (!met && late)
            print_error("readiness: %d %s\n", got, out.data);
        sl_buf_done(&out);
        if (met)
            return;
        assert_false(late);
        (void)poll(NULL, 0, 5);
    }
}

/* What was sent before has been taken by a gateway of one loop when this returns. */
GT void gh_barrier(gh_rig *h)
{
    for (int i = 0; i < 3; i++) {
        sl_buf out = {0};
        assert_int_equal(gh_get(h, "/health", &out), 200);
        sl_buf_done(&out);
    }
}

/* ---- the whole ---- */

GT void gh_new_key(gh_rig *h, sl_buf *ret_text)
{
    sl_api_key row;
    sl_error err = {0};
    sl_buf file = {0};
    gt_ok(sl_api_key_new(&row, "acme", SL_ROLE_CLIENT, 0, ret_text, &err), &err);
    sl_api_keys_write(&row, 1, &file);
    gt_write(h->g->keys_path, file.data);
    sl_buf_done(&file);
}

GT void *gh_gateway(void *arg)
{
    sl_gateway_run(arg);
    return NULL;
}

GT gh_rig *gh_prepare(const char *policy, int loops)
{
    gh_rig *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    h->g = calloc(1, sizeof(*h->g));
    assert_non_null(h->g);
    pthread_mutex_init(&h->lock, NULL);
    gt_files(h->g, policy);
    gt_config(h->g);
    h->g->cfg.loops = loops;
    gt_topics(h->g, loops);
    gt_other_side(h->g);
    gh_new_key(h, &h->key);
    return h;
}

GT void gh_start(gh_rig *h)
{
    sl_error err = {0};
    gt_ok(sl_gateway_open(&h->gw, &h->g->cfg, NULL, &err), &err);
    h->port = sl_gateway_port(h->gw);
    assert_int_equal(pthread_create(&h->gateway_thread, NULL, gh_gateway, h->gw), 0);
    assert_int_equal(pthread_create(&h->worker_thread, NULL, gh_worker, h), 0);
}

GT gh_rig *gh_open(const char *policy, int loops)
{
    gh_rig *h = gh_prepare(policy, loops);
    gh_start(h);
    gh_wait_ready(h, 200, NULL);
    return h;
}

GT void gh_end(gh_rig *h)
{
    if (h->ended)
        return;
    h->ended = true;
    sl_gateway_stop(h->gw);
    assert_int_equal(pthread_join(h->gateway_thread, NULL), 0);
}

GT void gh_close(gh_rig *h)
{
    gh_end(h);
    h->stop = true;
    assert_int_equal(pthread_join(h->worker_thread, NULL), 0);
    sl_gateway_free(h->gw);
    gt_rig *g = h->g;
    gt_forget(g);
    sl_consumer_close(g->watcher);
    sl_producer_close(g->producer);
    sl_codec_free(g->codec);
    sl_keyring_unref(g->ring);
    sl_bus_free(g->bus);
    gt_free_files(g);
    free(g);
    sl_buf_done(&h->key);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

#endif
