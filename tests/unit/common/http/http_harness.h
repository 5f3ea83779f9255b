/* http_harness.h - a server on its own thread, and a plain socket client that sees raw bytes.
 *
 * The path of a request says what the handler does. Counters are read under a lock; waits are for
 * an event with a deadline. */
#ifndef SL_HTTP_HARNESS_H
#define SL_HTTP_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS   10000
#define HELD_MAX  64
#define BIG_BYTES (24u * 1024 * 1024)

typedef struct hx {
    sl_loop *loop;
    sl_http_server *server;
    pthread_t thread;
    int port;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int headers, requests, closes, writables; /* under the lock */
    size_t big_left;
    _Atomic size_t pending_max;      /* written by the loop, read by the test */
    sl_http_request *held[HELD_MAX]; /* the loop's */
    int held_n;
    char peer[64];
    bool posted;
} hx;

static inline void hx_count(hx *h, int *counter)
{
    pthread_mutex_lock(&h->lock);
    (*counter)++;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

/* Waits until *counter >= least; false after WAIT_MS. */
static inline bool hx_wait(hx *h, const int *counter, int least)
{
    struct timespec until;
    bool ok = true;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&h->lock);
    while (*counter < least && ok)
        ok = pthread_cond_timedwait(&h->changed, &h->lock, &until) == 0;
    ok = *counter >= least;
    pthread_mutex_unlock(&h->lock);
    return ok;
}

static inline int hx_read(hx *h, const int *counter)
{
    int v;
    pthread_mutex_lock(&h->lock);
    v = *counter;
    pthread_mutex_unlock(&h->lock);
    return v;
}

static inline void hx_push_big(hx *h, sl_http_request *r)
{
    static char block[16 * 1024];
    memset(block, 'b', sizeof block);
    while (h->big_left > 0 && sl_http_stream_pending(r) < 256 * 1024) {
        size_t n = h->big_left < sizeof block ? h->big_left : sizeof block;
        sl_http_stream_send(r, (sl_str){block, n});
        h->big_left -= n;
        if (sl_http_stream_pending(r) > h->pending_max)
            h->pending_max = sl_http_stream_pending(r);
    }
    if (h->big_left == 0)
        sl_http_stream_end(r, false);
}

static inline void hx_on_headers(void *arg, sl_http_request *r)
{
    hx *h = arg;
    if (sl_str_is(sl_http_path(r), "/deny"))
        sl_http_error(r, 401, "authentication_error", "invalid_api_key", NULL, 0, "No.");
    if (sl_str_is(sl_http_path(r), "/early-stream")) {
        sl_http_stream_begin(r, 200, "text/plain");
        sl_http_stream_send(r, SL_STR("early"));
    }
    hx_count(h, &h->headers);
}

static inline void hx_on_sse(sl_http_request *r)
{
    sl_http_add_header(r, "Cache-Control", SL_STR("no-store"));
    sl_http_stream_begin(r, 200, "text/event-stream");
    sl_http_stream_send(r, SL_STR("data: one\n\n"));
    sl_http_stream_send(r, SL_STR("")); /* must not end the stream */
    sl_http_stream_send(r, SL_STR("data: two\n\n"));
    sl_http_stream_end(r, sl_http_query(r).n > 0);
}

static inline void hx_on_request(void *arg, sl_http_request *r)
{
    hx *h = arg;
    sl_str path = sl_http_path(r);
    if (sl_str_is(path, "/sse")) {
        hx_on_sse(r);
    } else if (sl_str_is(path, "/hold")) {
        h->held[h->held_n++] = r;
    } else if (sl_str_is(path, "/stream-hold")) {
        sl_http_stream_begin(r, 200, "text/event-stream");
        h->held[h->held_n++] = r;
    } else if (sl_str_is(path, "/big")) {
        h->big_left = sl_http_query(r).n > 0 ? SIZE_MAX / 2 : BIG_BYTES;
        sl_http_stream_begin(r, 200, "application/octet-stream");
        hx_push_big(h, r);
    } else if (sl_str_is(path, "/headers")) {
        sl_str v = sl_http_header(r, "x-PROBE");
        sl_http_answer(r, 200, "text/plain", v.p ? v : SL_STR("(absent)"));
    } else if (sl_str_is(path, "/busy")) {
        sl_http_error(r, 429, "rate_limit_error", "rate_limited", NULL, 7, "Slow \"down\".");
    } else if (sl_str_is(path, "/nothing")) {
        sl_http_answer(r, 204, NULL, SL_STR(""));
    } else if (sl_str_is(path, "/peer")) {
        sl_http_answer(r, 200, "text/plain", sl_http_peer(r));
    } else if (sl_str_is(path, "/query")) {
        sl_http_answer(r, 200, "text/plain", sl_http_query(r));
    } else if (sl_str_is(path, "/echo")) {
        sl_http_answer(r, 200, "application/octet-stream", sl_http_body(r));
    } else {
        sl_http_answer(r, 200, "text/plain", path);
    }
    hx_count(h, &h->requests);
}

static inline void hx_on_close(void *arg, sl_http_request *r)
{
    hx *h = arg;
    for (int i = 0; i < h->held_n; i++) {
        if (h->held[i] == r)
            h->held[i--] = h->held[--h->held_n];
    }
    hx_count(h, &h->closes);
}

static inline void hx_on_writable(void *arg, sl_http_request *r)
{
    hx *h = arg;
    hx_count(h, &h->writables);
    if (h->big_left > 0)
        hx_push_big(h, r);
}

static inline void *hx_thread(void *arg)
{
    hx *h = arg;
    sl_loop_run(h->loop);
    return NULL;
}

static inline hx *hx_open(sl_http_server_options opt)
{
    static const sl_http_handlers handlers = {hx_on_headers, hx_on_request, hx_on_close,
                                              hx_on_writable};
    hx *h = calloc(1, sizeof *h);
    sl_error e = {0};
    assert_non_null(h);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    if (!opt.listen)
        opt.listen = "127.0.0.1:0";
    assert_int_equal(sl_loop_open(&h->loop, &e), SL_OK);
    if (sl_http_server_open(&h->server, h->loop, &opt, &handlers, h, &e) != SL_OK)
        fail_msg("%s", e.text);
    h->port = sl_http_server_port(h->server);
    assert_true(h->port > 0);
    pthread_create(&h->thread, NULL, hx_thread, h);
    return h;
}

static inline void hx_close(hx *h)
{
    sl_loop_stop(h->loop);
    pthread_join(h->thread, NULL);
    sl_http_server_free(h->server);
    sl_loop_free(h->loop);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* Runs fn in the loop's thread and waits for it. */
typedef struct hx_job {
    hx *h;
    void (*fn)(hx *h);
    int done;
} hx_job;

static inline void hx_run_job(void *arg)
{
    hx_job *j = arg;
    j->fn(j->h);
    hx_count(j->h, &j->done);
}

static inline void hx_do(hx *h, void (*fn)(hx *h))
{
    hx_job j = {h, fn, 0};
    assert_int_equal(sl_loop_post(h->loop, hx_run_job, &j), SL_OK);
    assert_true(hx_wait(h, &j.done, 1));
}

/* ---- raw client ---- */

static inline int dial(const hx *h)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)h->port)};
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline bool put(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

static inline void say(int fd, const char *text)
{
    assert_true(put(fd, text, strlen(text)));
}

typedef struct answer {
    int status;
    sl_buf head, body; /* body: chunks decoded */
    bool cut;          /* the end came before the answer's end */
} answer;

/* One byte, or -1 at the end (of file, by reset or after WAIT_MS). */
static inline int get1(int fd)
{
    unsigned char c;
    return recv(fd, &c, 1, 0) == 1 ? c : -1;
}

static inline bool get_line(int fd, sl_buf *out)
{
    int c;
    while ((c = get1(fd)) >= 0) {
        sl_buf_addc(out, (char)c);
        if (c == '\n')
            return true;
    }
    return false;
}

static inline bool get_n(int fd, sl_buf *out, size_t n)
{
    char block[16 * 1024];
    while (n > 0) {
        ssize_t k = recv(fd, block, n < sizeof block ? n : sizeof block, 0);
        if (k <= 0)
            return false;
        sl_buf_add(out, block, (size_t)k);
        n -= (size_t)k;
    }
    return true;
}

static inline bool get_chunks(int fd, sl_buf *out)
{
    for (;;) {
        sl_buf line = {0};
        size_t n;
        bool ok = get_line(fd, &line);
        n = ok ? strtoul(line.data, NULL, 16) : 0;
        sl_buf_clear(&line);
        ok = ok && get_n(fd, out, n) && get_line(fd, &line) && line.len == 2;
        sl_buf_done(&line);
        if (!ok || n == 0)
            return ok;
    }
}

static inline bool has(const answer *a, const char *text)
{
    return a->head.data && strstr(a->head.data, text);
}

/* Reads one answer; HEAD answers have no body. */
static inline answer get_answer_to(int fd, bool head_only)
{
    answer a = {0};
    const char *length;
    do {
        if (!get_line(fd, &a.head)) {
            a.cut = true;
            return a;
        }
    } while (a.head.len < 4 || strcmp(a.head.data + a.head.len - 4, "\r\n\r\n") != 0);
    a.status = atoi(a.head.data + 9);
    if (head_only || a.status < 200 || a.status == 204)
        return a;
    length = strstr(a.head.data, "Content-Length: ");
    if (length)
        a.cut = !get_n(fd, &a.body, strtoul(length + 16, NULL, 10));
    else if (has(&a, "Transfer-Encoding: chunked"))
        a.cut = !get_chunks(fd, &a.body);
    else
        get_n(fd, &a.body, SIZE_MAX);
    return a;
}

static inline answer get_answer(int fd)
{
    return get_answer_to(fd, false);
}

static inline void answer_done(answer *a)
{
    sl_buf_done(&a->head);
    sl_buf_done(&a->body);
}

/* Reads an answer and checks its status and (when not NULL) a piece of its body. */
static inline void expect(int fd, int status, const char *piece)
{
    answer a = get_answer(fd);
    if (a.status != status || a.cut)
        fail_msg("status %d (cut %d), not %d: %s%s", a.status, a.cut, status,
                 a.head.data ? a.head.data : "", a.body.data ? a.body.data : "");
    if (piece && !(a.body.data && strstr(a.body.data, piece)))
        fail_msg("body without %s: %s", piece, a.body.data ? a.body.data : "");
    answer_done(&a);
}

/* True when the server closes; false when it stays open for WAIT_MS or sends something. */
static inline bool closed(int fd)
{
    char c;
    ssize_t n = recv(fd, &c, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

#endif
