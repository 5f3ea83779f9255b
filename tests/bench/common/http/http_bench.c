/* http_bench.c - CPU of a request at the HTTP server, beside evhttp doing the same in this run.
 *
 * Each server runs in a child process, which ends when told and whose CPU time (getrusage) counts:
 * all of it, the kernel's part too. The load comes from this process over keep-alive connections,
 * one request in flight each: a 1 KB POST, answered with 600 bytes. Rounds alternate between the
 * servers, so that a noisy machine hits both.
 *
 *     http_bench [requests a round, default 20,000] [connections, default 8] [rounds, default 5] */
#include "common/base/clock.h"
#include "common/http/server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BODY       1024
#define ANSWER     600
#define CONNS_MAX  256
#define ROUNDS_MAX 50

static char answer[ANSWER];

/* ---- the two servers; each tells its port through a pipe and runs until SIGTERM ---- */

static void tell_port(int fd, int port)
{
    if (write(fd, &port, sizeof port) != sizeof port)
        _exit(1);
}

static void sl_request(void *arg, sl_http_request *r)
{
    if (sl_http_body(r).n == BODY && sl_http_header(r, "authorization").p)
        sl_http_answer(r, 200, "application/json", (sl_str){answer, ANSWER});
}

static void sl_close(void *arg, sl_http_request *r) {}

static void serve_sluice(int fd)
{
    static const sl_http_handlers handlers = {.on_request = sl_request, .on_close = sl_close};
    sl_http_server_options opt = {.listen = "127.0.0.1:0"};
    sl_loop *l;
    sl_http_server *s;
    if (sl_loop_open(&l, NULL) != SL_OK ||
        sl_http_server_open(&s, l, &opt, &handlers, NULL, NULL) != SL_OK)
        _exit(1);
    tell_port(fd, sl_http_server_port(s));
    sl_loop_run(l);
}

static void ev_request(struct evhttp_request *r, void *arg)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(r), *out;
    size_t n = evbuffer_get_length(in);
    if (n != BODY || !evbuffer_pullup(in, -1) ||
        !evhttp_find_header(evhttp_request_get_input_headers(r), "authorization"))
        return;
    out = evbuffer_new();
    evbuffer_add(out, answer, ANSWER);
    evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Type", "application/json");
    evhttp_send_reply(r, 200, "OK", out);
    evbuffer_free(out);
}

static void serve_evhttp(int fd)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    struct evhttp_bound_socket *bound;
    struct sockaddr_in self;
    socklen_t n = sizeof self;
    evhttp_set_gencb(http, ev_request, NULL);
    bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    if (!bound || getsockname(evhttp_bound_socket_get_fd(bound), (void *)&self, &n) != 0)
        _exit(1);
    tell_port(fd, ntohs(self.sin_port));
    event_base_dispatch(base);
}

typedef struct target {
    const char *name;
    void (*serve)(int fd);
    double cpu_us[ROUNDS_MAX], p50_us[ROUNDS_MAX];
} target;

/* ---- the load ---- */

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? fd : -1;
}

static size_t make_request(char *out, size_t max)
{
    int n = snprintf(out, max,
                     "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
                     "Accept: application/json\r\nAccept-Encoding: identity\r\n"
                     "User-Agent: OpenAI/Python 1.99.0\r\nX-Stainless-Lang: python\r\n"
                     "X-Stainless-Retry-Count: 0\r\nAuthorization: Bearer sk-0123456789abcdef\r\n"
                     "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n",
                     BODY);
    memset(out + n, 'q', BODY);
    return (size_t)n + BODY;
}

/* Reads one whole answer; it is small, so it nearly always comes in one piece. */
static bool read_answer(int fd)
{
    char block[4096];
    size_t got = 0;
    for (;;) {
        ssize_t n = recv(fd, block + got, sizeof block - 1 - got, 0);
        char *end;
        if (n <= 0)
            return false;
        got += (size_t)n;
        block[got] = '\0';
        end = strstr(block, "\r\n\r\n");
        if (end && got == (size_t)(end + 4 - block) + ANSWER)
            return strncmp(block, "HTTP/1.1 200", 12) == 0;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* conns_n requests in flight; returns the median round trip, or -1. */
static double load(int port, int requests, int conns_n)
{
    static char request[BODY + 1024];
    size_t n = make_request(request, 1024);
    struct pollfd p[CONNS_MAX];
    int64_t sent_at[CONNS_MAX];
    double *us = calloc((size_t)requests, sizeof *us), median;
    int sent = 0, done = 0;
    for (int i = 0; i < conns_n; i++) {
        p[i] = (struct pollfd){.fd = dial(port), .events = POLLIN};
        sent_at[i] = sl_mono_us();
        if (p[i].fd < 0 || send(p[i].fd, request, n, 0) != (ssize_t)n)
            return -1;
        sent++;
    }
    while (done < sent) {
        if (poll(p, (nfds_t)conns_n, 5000) <= 0)
            return -1;
        for (int i = 0; i < conns_n; i++) {
            if (!(p[i].revents & POLLIN))
                continue;
            if (!read_answer(p[i].fd))
                return -1;
            us[done++] = (double)(sl_mono_us() - sent_at[i]);
            if (sent >= requests)
                continue;
            sent_at[i] = sl_mono_us();
            if (send(p[i].fd, request, n, 0) != (ssize_t)n)
                return -1;
            sent++;
        }
    }
    for (int i = 0; i < conns_n; i++)
        close(p[i].fd);
    qsort(us, (size_t)done, sizeof *us, by_value);
    median = us[done / 2];
    free(us);
    return median;
}

static bool run_round(target *t, int round, int requests, int conns_n)
{
    struct rusage used;
    int pipes[2], port, status;
    pid_t pid;
    bool ok;
    if (pipe(pipes) != 0)
        return false;
    pid = fork();
    if (pid == 0) {
        t->serve(pipes[1]);
        _exit(0);
    }
    ok = read(pipes[0], &port, sizeof port) == sizeof port;
    close(pipes[0]);
    close(pipes[1]);
    t->p50_us[round] = ok ? load(port, requests, conns_n) : -1;
    kill(pid, SIGTERM);
    wait4(pid, &status, 0, &used);
    t->cpu_us[round] = ((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
                        (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec)) /
                       requests;
    return t->p50_us[round] >= 0;
}

int main(int argc, char **argv)
{
    target targets[2] = {{.name = "evhttp", .serve = serve_evhttp},
                         {.name = "sluice", .serve = serve_sluice}};
    int requests = argc > 1 ? atoi(argv[1]) : 20000;
    int conns_n = argc > 2 ? atoi(argv[2]) : 8;
    int rounds = argc > 3 ? atoi(argv[3]) : 5;
    if (requests < 1 || conns_n < 1 || conns_n > CONNS_MAX || requests < conns_n || rounds < 1 ||
        rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: http_bench [requests] [connections, at most %d] [rounds]\n",
                CONNS_MAX);
        return 2;
    }
    memset(answer, 'x', ANSWER);
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < 2; i++) {
            if (!run_round(&targets[i], r, requests, conns_n)) {
                fprintf(stderr, "http_bench: a round against %s failed\n", targets[i].name);
                return 1;
            }
        }
    }
    printf("http: %d requests of %d B a round, answers of %d B, %d connections, %d rounds, "
           "libevent %s\n",
           requests, BODY, ANSWER, conns_n, rounds, event_get_version());
    for (int i = 0; i < 2; i++) {
        qsort(targets[i].cpu_us, (size_t)rounds, sizeof(double), by_value);
        qsort(targets[i].p50_us, (size_t)rounds, sizeof(double), by_value);
        printf("http: %-6s  CPU %5.1f us a request (median; %.1f-%.1f), round trip p50 %.0f us\n",
               targets[i].name, targets[i].cpu_us[rounds / 2], targets[i].cpu_us[0],
               targets[i].cpu_us[rounds - 1], targets[i].p50_us[rounds / 2]);
    }
    printf("http: sluice/evhttp CPU ratio %.2f\n",
           targets[1].cpu_us[rounds / 2] / targets[0].cpu_us[rounds / 2]);
    return 0;
}
