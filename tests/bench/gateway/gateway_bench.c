/* gateway_bench.c - the gateway alone: in-memory bus, echo worker, classification on, 1 KB
 * requests.
 *
 * Prints the CPU of the gateway's thread a request (its peer: an evhttp server that answers at
 * once, measured in the same run with the same client) and the latency that it adds at one
 * connection, in alternating rounds, the best of each. Usage: gateway_bench [requests]
 * [connections] */
#include "tests/bench/gateway/rig.c"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#define ROUNDS 3

/* ---- the peer: evhttp answering at once ---- */

static char evhttp_body[600];

static void evhttp_answer(struct evhttp_request *r, void *arg)
{
    (void)arg;
    struct evbuffer *in = evhttp_request_get_input_buffer(r), *out = evbuffer_new();
    evbuffer_pullup(in, -1);
    evbuffer_add(out, evhttp_body, sizeof(evhttp_body));
    evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Type", "application/json");
    evhttp_send_reply(r, 200, "OK", out);
    evbuffer_free(out);
}

static int evhttp_port;
static pthread_barrier_t evhttp_ready;

static void *evhttp_main(void *arg)
{
    (void)arg;
    struct event_base *base = event_base_new();
    struct evhttp *h = evhttp_new(base);
    struct evhttp_bound_socket *s = evhttp_bind_socket_with_handle(h, "127.0.0.1", 0);
    struct sockaddr_in sa;
    socklen_t n = sizeof(sa);
    memset(evhttp_body, 'x', sizeof(evhttp_body));
    evhttp_set_gencb(h, evhttp_answer, NULL);
    getsockname(evhttp_bound_socket_get_fd(s), (struct sockaddr *)&sa, &n);
    evhttp_port = ntohs(sa.sin_port);
    pthread_barrier_wait(&evhttp_ready);
    event_base_dispatch(base);
    return NULL;
}

static void row(const char *name, figures f, figures peer)
{
    printf("%-34s %6.1f us CPU/request  p50 %6.0f us  p99 %6.0f us  %8.0f requests/s  (added p99 "
           "%+.0f us)\n",
           name, f.cpu_us, f.p50_us, f.p99_us, f.rate, f.p99_us - peer.p99_us);
}

/* The round with the least p99 stands for what the machine allows. */
static void keep_best(figures *best, figures now, bool first)
{
    if (first || now.cpu_us < best->cpu_us)
        best->cpu_us = now.cpu_us;
    if (first || now.p99_us < best->p99_us)
        best->p99_us = now.p99_us;
    if (first || now.p50_us < best->p50_us)
        best->p50_us = now.p50_us;
    if (first || now.rate > best->rate)
        best->rate = now.rate;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 20000, conns = argc > 2 ? atoi(argv[2]) : 32;
    rig r;
    pthread_t peer_thread;
    rig_open(&r, "memory:bench", false);
    pthread_barrier_init(&evhttp_ready, NULL, 2);
    pthread_create(&peer_thread, NULL, evhttp_main, NULL);
    pthread_barrier_wait(&evhttp_ready);
    const sl_buf *pub = &r.request[SL_CLASS_PUBLIC], *prv = &r.request[SL_CLASS_PRIVATE];
    printf("gateway alone: in-memory bus, echo worker, classification on, %zu-byte requests, "
           "best of %d rounds of %d\n",
           pub->len, ROUNDS, n);
    for (int wide = 0; wide < 2; wide++) {
        int c = wide ? conns : 1, count = wide ? n : n / 4;
        figures best[3] = {{0}};
        (void)load(r.port, r.gateway_thread, pub, 500, c); /* warm */
        for (int round = 0; round < ROUNDS; round++) {
            keep_best(&best[0], load(evhttp_port, peer_thread, pub, count, c), !round);
            keep_best(&best[1], load(r.port, r.gateway_thread, pub, count, c), !round);
            keep_best(&best[2], load(r.port, r.gateway_thread, prv, count, c), !round);
        }
        printf("-- %d connection%s\n", c, c > 1 ? "s" : "");
        row("evhttp that answers at once", best[0], best[0]);
        row("gateway, public class (encrypted)", best[1], best[0]);
        row("gateway, private class", best[2], best[0]);
    }
    rig_done(&r);
    return 0;
}
