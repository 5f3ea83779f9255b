/* wire.c - plain and TLS byte streams. See wire.h. */
#include "common/http/wire.h"

#include "common/crypto/tls.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* Output memory that an idle connection keeps: enough for ordinary answers. */
#define OUT_KEEP (8u * 1024)
/* Sent bytes in front of `out` that are dropped by moving the rest. */
#define OUT_SLACK (256u * 1024)

/* ---- plain ---- */

static void plain_read(evutil_socket_t fd, short what, void *arg)
{
    sl_wire *w = arg;
    const sl_wire_callbacks *cb = w->env->cb;
    ssize_t n = recv(w->fd, w->env->scratch, w->env->scratch_n, 0);

    if (n > 0)
        cb->bytes(w->arg, w->env->scratch, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        cb->gone(w->arg);
    cb->settle(w->arg);
}

static bool plain_flush(sl_wire *w);

static void plain_write(evutil_socket_t fd, short what, void *arg)
{
    sl_wire *w = arg;
    const sl_wire_callbacks *cb = w->env->cb;
    if (!plain_flush(w))
        cb->gone(w->arg);
    else
        cb->progress(w->arg);
    cb->settle(w->arg);
}

static void want_write(sl_wire *w, bool on)
{
    if (on == w->writing)
        return;
    w->writing = on;
    if (on)
        event_add(&w->write_ev, NULL);
    else
        event_del(&w->write_ev);
}

static void out_drained(sl_wire *w)
{
    w->out_at = 0;
    if (w->out.cap > OUT_KEEP)
        sl_buf_done(&w->out);
    else
        sl_buf_clear(&w->out);
}

static bool plain_flush(sl_wire *w)
{
    while (w->out_at < w->out.len) {
        ssize_t n = send(w->fd, w->out.data + w->out_at, w->out.len - w->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            if (w->out_at > OUT_SLACK) {
                sl_buf_consume(&w->out, w->out_at);
                w->out_at = 0;
            }
            want_write(w, true);
            return true;
        }
        if (n < 0)
            return false;
        w->out_at += (size_t)n;
        w->sent += (uint64_t)n;
    }
    want_write(w, false);
    out_drained(w);
    return true;
}

/* ---- TLS ---- */

static void tls_read(struct bufferevent *bev, void *arg)
{
    sl_wire *w = arg;
    const sl_wire_callbacks *cb = w->env->cb;
    size_t n;
    while ((n = bufferevent_read(bev, w->env->scratch, w->env->scratch_n)) > 0)
        cb->bytes(w->arg, w->env->scratch, n);
    cb->settle(w->arg);
}

static void tls_write(struct bufferevent *bev, void *arg)
{
    sl_wire *w = arg;
    const sl_wire_callbacks *cb = w->env->cb;
    cb->progress(w->arg);
    cb->settle(w->arg);
}

static void tls_event(struct bufferevent *bev, short what, void *arg)
{
    sl_wire *w = arg;
    const sl_wire_callbacks *cb = w->env->cb;
    if (what & BEV_EVENT_CONNECTED)
        w->ready = true;
    else
        cb->gone(w->arg);
    cb->settle(w->arg);
}

static bool tls_flush(sl_wire *w)
{
    if (w->out.len > 0 && bufferevent_write(w->bev, w->out.data, w->out.len) != 0)
        return false;
    w->sent += w->out.len;
    out_drained(w);
    return true;
}

/* ---- both ---- */

bool sl_wire_open(sl_wire *w, const sl_wire_env *env, void *arg, int fd, void *ssl)
{
    memset(w, 0, sizeof *w);
    w->env = env;
    w->arg = arg;
    w->fd = fd;
    if (!ssl) {
        w->ready = true;
        event_assign(&w->read_ev, env->base, fd, EV_READ | EV_PERSIST, plain_read, w);
        event_assign(&w->write_ev, env->base, fd, EV_WRITE | EV_PERSIST, plain_write, w);
        w->reading = event_add(&w->read_ev, NULL) == 0;
        return w->reading;
    }
    w->bev = bufferevent_openssl_socket_new(env->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                            BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!w->bev)
        return false;
    bufferevent_openssl_set_allow_dirty_shutdown(w->bev, 1);
    bufferevent_setcb(w->bev, tls_read, tls_write, tls_event, w);
    w->reading = bufferevent_enable(w->bev, EV_READ | EV_WRITE) == 0;
    return true;
}

void sl_wire_close(sl_wire *w)
{
    if (w->bev) {
        bufferevent_free(w->bev);
        w->bev = NULL;
    } else if (w->fd >= 0) {
        event_del(&w->read_ev);
        event_del(&w->write_ev);
        close(w->fd);
    }
    w->fd = -1;
    sl_buf_done(&w->out);
}

void sl_wire_reset(sl_wire *w)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool sl_wire_flush(sl_wire *w)
{
    if (w->out.failed)
        return false; /* an answer with a hole in it must not go out */
    if (w->out_at == w->out.len)
        return true;
    return w->bev ? tls_flush(w) : plain_flush(w);
}

void sl_wire_want_progress(sl_wire *w)
{
    if (!w->bev) /* a bufferevent tells anyway */
        want_write(w, true);
}

size_t sl_wire_pending(const sl_wire *w)
{
    size_t n = w->out.len - w->out_at;
    if (w->bev)
        n += evbuffer_get_length(bufferevent_get_output(w->bev));
    return n;
}

void sl_wire_read(sl_wire *w, bool on)
{
    if (on == w->reading)
        return;
    w->reading = on;
    if (w->bev && on)
        bufferevent_enable(w->bev, EV_READ);
    else if (w->bev)
        bufferevent_disable(w->bev, EV_READ);
    else if (on)
        event_add(&w->read_ev, NULL);
    else
        event_del(&w->read_ev);
}

void sl_wire_shutdown(sl_wire *w)
{
    shutdown(w->fd, SHUT_WR);
}

bool sl_wire_stalled(sl_wire *w, int64_t now_ms, int64_t timeout_ms)
{
    size_t pending = sl_wire_pending(w);
    uint64_t taken = w->sent;
    if (w->bev)
        taken -= evbuffer_get_length(bufferevent_get_output(w->bev));
    /* `writing` without output: the kernel's own buffer is full and a handler waits for room. */
    if ((pending == 0 && !w->writing) || taken != w->taken || w->progress_ms == 0) {
        w->taken = taken;
        w->progress_ms = now_ms;
        return false;
    }
    return now_ms - w->progress_ms >= timeout_ms;
}

bool sl_wire_peer_gone(const sl_wire *w)
{
    struct tcp_info info;
    socklen_t n = sizeof info;
    if (getsockopt(w->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return false; /* not TCP (tests use socket pairs) */
    return info.tcpi_state == TCP_CLOSE_WAIT || info.tcpi_state == TCP_CLOSE ||
           info.tcpi_state == TCP_LAST_ACK || info.tcpi_state == TCP_CLOSING;
}

void sl_wire_peer_name(const sl_wire *w, char *out)
{
    out[0] = '\0';
    if (w->bev && w->ready)
        sl_tls_peer_name(bufferevent_openssl_get_ssl(w->bev), out);
}
