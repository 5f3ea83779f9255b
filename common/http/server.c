/* server.c - listening, accepting, sweeping, draining. See server.h and server_internal.h.
 *
 * No timer belongs to a connection: one sweep a server looks at the connections' deadlines, so a
 * request costs no timer operation. Time-outs are therefore late by up to one sweep. */
#include "common/http/server_internal.h"

#include "common/base/clock.h"
#include "common/http/loop_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#define SCRATCH      (64u * 1024)
#define SWEEP_MS_MAX 250
/* Connections taken in one turn, so that a flood of them can't starve those that are open. */
#define ACCEPT_BATCH 64

/* ---- accepting ---- */

static void set_accepting(sl_http_server *s, bool on)
{
    if (on == s->accepting || !s->accept_ev)
        return;
    s->accepting = on;
    if (on)
        event_add(s->accept_ev, NULL);
    else
        event_del(s->accept_ev);
}

static void on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
    sl_http_server *s = arg;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        union sl_peer peer;
        socklen_t n = sizeof peer;
        int fd = accept4(s->listen_fd, &peer.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        bool full = s->conns_n >= s->opt.connections_max;
        if (fd < 0) {
            /* Out of descriptors or memory: the socket stays readable, so stop until the sweep. */
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                set_accepting(s, false);
            if (errno == ECONNABORTED || errno == EINTR)
                continue;
            return;
        }
        if ((full && s->refused_n >= SL_HTTP_REFUSED_MAX) || !sl_conn_open(s, fd, &peer, full))
            close(fd);
    }
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    sl_http_server *s = arg;
    sl_conn *c;
    while ((c = TAILQ_FIRST(&s->kicks)))
        sl_conn_settle(c);
}

static void on_sweep(void *arg)
{
    sl_http_server *s = arg;
    int64_t now = sl_mono_ms();
    sl_conn *c, *next;
    for (c = TAILQ_FIRST(&s->conns); c; c = next) {
        next = TAILQ_NEXT(c, link); /* settling frees no other connection */
        sl_conn_expire(c, now);
    }
    if (!s->draining)
        set_accepting(s, true);
}

/* ---- listening ---- */

/* Splits "host:port", "[v6]:port", ":port". False: malformed. */
static bool split_listen(const char *listen, char *host, size_t host_n, char *port, size_t port_n)
{
    const char *colon = strrchr(listen, ':');
    const char *h = listen, *end = colon;
    uint64_t value;

    if (!colon || !sl_parse_u64(sl_str_c(colon + 1), &value) || value > 65535)
        return false;
    if (*h == '[') {
        if (colon == listen || colon[-1] != ']')
            return false;
        h++;
        end--;
    }
    if ((size_t)(end - h) >= host_n || strlen(colon + 1) >= port_n)
        return false;
    memcpy(host, h, (size_t)(end - h));
    host[end - h] = '\0';
    strcpy(port, colon + 1);
    return true;
}

static int bind_one(const struct addrinfo *a, bool reuse_port)
{
    int on = 1, off = 0, idle_s = 30, interval_s = 10, probes = 3;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (reuse_port)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (a->ai_family == AF_INET6) /* "[::]" takes IPv4 clients too */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    /* Accepted sockets inherit these (Linux), which saves system calls for each connection. Probes
     * find a client whose machine vanished while its request waits: within a minute. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, 1024) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static sl_status listen_on(sl_http_server *s, const char *text, sl_error *reterr)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    char host[256], port[8];
    union sl_peer self;
    socklen_t n = sizeof self;

    if (!text || !split_listen(text, host, sizeof host, port, sizeof port))
        return sl_fail(reterr, SL_E_INVALID,
                       "cannot listen on \"%s\": write host:port, [v6]:port or :port",
                       text ? text : "");
    if (getaddrinfo(host[0] ? host : NULL, port, &hints, &list) != 0)
        return sl_fail(reterr, SL_E_INVALID, "cannot listen on \"%s\": unknown host", text);
    /* For all addresses the dual-stack socket comes first. */
    for (int pass = 0; pass < 2 && s->listen_fd < 0; pass++) {
        for (const struct addrinfo *a = list; a && s->listen_fd < 0; a = a->ai_next) {
            if (host[0] || (a->ai_family == AF_INET6) == (pass == 0))
                s->listen_fd = bind_one(a, s->opt.reuse_port);
        }
    }
    freeaddrinfo(list);
    if (s->listen_fd < 0)
        return sl_fail(reterr, SL_E_IO, "cannot listen on %s: %s", text, strerror(errno));
    if (getsockname(s->listen_fd, &self.any, &n) == 0)
        s->port = ntohs(self.any.sa_family == AF_INET ? self.v4.sin_port : self.v6.sin6_port);
    return SL_OK;
}

/* ---- life ---- */

static int64_t or_default(int64_t v, int64_t def)
{
    return v > 0 ? v : def;
}

static void set_options(sl_http_server *s, const sl_http_server_options *opt)
{
    sl_http_server_options *o = &s->opt;
    int64_t least;
    *o = *opt;
    o->listen = NULL; /* the caller's text */
    o->header_max = (size_t)or_default((int64_t)o->header_max, 32 * 1024);
    o->body_max = (size_t)or_default((int64_t)o->body_max, 1000000);
    o->connections_max = (int)or_default(o->connections_max, 4096);
    o->header_timeout_ms = or_default(o->header_timeout_ms, 10000);
    o->body_timeout_ms = or_default(o->body_timeout_ms, 30000);
    o->idle_timeout_ms = or_default(o->idle_timeout_ms, 75000);
    o->write_timeout_ms = or_default(o->write_timeout_ms, 30000);
    least = o->header_timeout_ms;
    least = o->body_timeout_ms < least ? o->body_timeout_ms : least;
    least = o->idle_timeout_ms < least ? o->idle_timeout_ms : least;
    least = o->write_timeout_ms < least ? o->write_timeout_ms : least;
    s->sweep_ms = least / 4 < 10 ? 10 : least / 4 > SWEEP_MS_MAX ? SWEEP_MS_MAX : least / 4;
}

sl_status sl_http_server_open(sl_http_server **ret, sl_loop *l, const sl_http_server_options *opt,
                              const sl_http_handlers *h, void *arg, sl_error *reterr)
{
    struct event_base *base = sl_loop_base(l);
    sl_http_server *s = calloc(1, sizeof *s);
    sl_status st;

    if (!s)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for an HTTP server");
    s->loop = l;
    s->handlers = *h;
    s->arg = arg;
    s->listen_fd = -1;
    s->date_s = -1;
    TAILQ_INIT(&s->conns);
    TAILQ_INIT(&s->kicks);
    set_options(s, opt);
    s->wires = (sl_wire_env){base, &sl_conn_callbacks, malloc(SCRATCH), SCRATCH};
    st = listen_on(s, opt->listen, reterr);
    if (st == SL_OK)
        st = sl_timer_open(&s->sweep, l, on_sweep, s, reterr);
    if (st == SL_OK) {
        s->kick_ev = event_new(base, -1, EV_PERSIST, on_kick, s);
        s->accept_ev = event_new(base, s->listen_fd, EV_READ | EV_PERSIST, on_accept, s);
        if (!s->wires.scratch || !s->kick_ev || !s->accept_ev)
            st = sl_fail(reterr, SL_E_NOMEM, "out of memory for an HTTP server");
    }
    if (st != SL_OK) {
        sl_http_server_free(s);
        return st;
    }
    set_accepting(s, true);
    sl_timer_every(s->sweep, s->sweep_ms);
    *ret = s;
    return SL_OK;
}

static void stop_listening(sl_http_server *s)
{
    set_accepting(s, false);
    if (s->accept_ev)
        event_free(s->accept_ev);
    s->accept_ev = NULL;
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    s->listen_fd = -1;
}

void sl_http_server_drain(sl_http_server *s)
{
    sl_conn *c;
    s->draining = true;
    stop_listening(s);
    TAILQ_FOREACH(c, &s->conns, link)
    {
        if (c->state == C_HEAD && c->head.len == 0 && c->depth == 0) {
            c->state = C_CLOSE; /* idle; what was written still goes out */
            sl_conn_kick(c);
        }
    }
}

void sl_http_server_free(sl_http_server *s)
{
    sl_conn *c;
    if (!s)
        return;
    stop_listening(s);
    while ((c = TAILQ_FIRST(&s->conns)))
        sl_conn_free(c);
    sl_timer_free(s->sweep);
    if (s->kick_ev)
        event_free(s->kick_ev);
    free(s->wires.scratch);
    free(s);
}

int sl_http_server_port(const sl_http_server *s)
{
    return s->port;
}

int sl_http_server_connections(const sl_http_server *s)
{
    return s->conns_n;
}
