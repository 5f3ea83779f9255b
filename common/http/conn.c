/* conn.c - the state machine of one HTTP connection. See server_internal.h. */
#include "common/http/server_internal.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <unistd.h>

static void set_deadline(sl_conn *c, int64_t after_ms)
{
    c->deadline_ms = sl_mono_ms() + after_ms;
}

static void trim(sl_buf *b)
{
    if (b->cap > SL_HTTP_KEEP)
        sl_buf_done(b);
    else
        sl_buf_clear(b);
}

static void next_request(sl_conn *c)
{
    sl_http_head_reset(&c->parsed);
    trim(&c->head);
    trim(&c->req.body);
    trim(&c->req.extra);
    c->req.user = NULL;
    c->req.visible = c->req.begun = c->req.ended = false;
    c->req.stream = c->req.chunked = c->req.head_only = c->req.blocked = false;
    c->state = C_HEAD;
    set_deadline(c, c->server->opt.idle_timeout_ms);
}

bool sl_conn_body_pending(const sl_conn *c)
{
    return c->state == C_BODY;
}

/* The answer is complete (all of it is in the wire's output). */
void sl_conn_answer_ended(sl_conn *c)
{
    c->req.ended = true;
    if (!c->req.keep || c->server->draining) {
        c->linger = c->state != C_OPEN || c->in_at < c->in.len;
        c->state = C_CLOSE;
        c->deadline_ms = 0; /* write_timeout watches the output */
    } else if (c->state == C_OPEN) {
        next_request(c);
    } /* in BODY: the rest is dropped first */
    if (c->depth == 0)
        sl_conn_kick(c);
}

/* ---- input ---- */

static void body_done(sl_conn *c)
{
    sl_http_request *r = &c->req;
    if (r->ended) {
        next_request(c);
        return;
    }
    c->state = C_OPEN;
    c->deadline_ms = 0;
    if (!r->begun) {
        r->visible = true;
        c->server->handlers.on_request(c->server->arg, r);
    }
}

static void head_done(sl_conn *c)
{
    sl_http_server *s = c->server;
    sl_http_request *r = &c->req;
    bool has_body = c->parsed.chunked || c->parsed.length > 0;

    r->keep = c->parsed.keep_alive && !s->draining;
    c->chunks = (sl_http_chunks){0};
    c->body_left = c->parsed.length;
    c->deadline_ms = 0;
    c->state = has_body ? C_BODY : C_OPEN;
    if (s->handlers.on_headers) {
        r->visible = true;
        s->handlers.on_headers(s->arg, r);
    }
    if (c->dead || c->state == C_CLOSE || c->state == C_HEAD)
        return; /* answered */
    if (!has_body) {
        if (!r->begun)
            body_done(c);
        return;
    }
    if (!r->begun && c->parsed.length > s->opt.body_max) {
        sl_conn_refuse(c, 413, "The request body is over the limit of this server.");
        return;
    }
    if (!r->begun && c->parsed.expect_continue)
        sl_buf_adds(&c->wire.out, "HTTP/1.1 100 Continue\r\n\r\n");
    set_deadline(c, s->opt.body_timeout_ms);
    if (!r->begun && c->parsed.has_length && !sl_buf_reserve(&r->body, (size_t)c->parsed.length))
        sl_conn_refuse(c, 503, "The server is out of memory.");
}

static size_t feed_head(sl_conn *c, const char *p, size_t n)
{
    size_t max = c->server->opt.header_max, before = c->head.len, used = n;
    sl_http_verdict v;

    if (before == 0) { /* the usual case, a whole head: copied once, without what follows it */
        v = sl_http_head_parse(&c->parsed, p, n);
        if (v == SL_HTTP_DONE)
            used = c->parsed.pos;
        if (v != SL_HTTP_BAD && used <= max)
            sl_buf_add(&c->head, p, used);
        if (v == SL_HTTP_MORE && !c->parsed.line && c->parsed.pos == n) { /* empty lines only */
            sl_http_head_reset(&c->parsed);
            sl_buf_clear(&c->head);
        } else if (v == SL_HTTP_MORE) {
            set_deadline(c, c->server->opt.header_timeout_ms);
        }
    } else {
        used = n < max + 1 - before ? n : max + 1 - before;
        sl_buf_add(&c->head, p, used);
        v = sl_http_head_parse(&c->parsed, c->head.data, c->head.len);
        if (v == SL_HTTP_DONE) {
            used = c->parsed.pos - before;
            c->head.len = c->parsed.pos;
        }
    }
    if (v == SL_HTTP_BAD)
        sl_conn_refuse(c, c->parsed.status, c->parsed.why);
    else if (before + used > max)
        sl_conn_refuse(c, 431, "The request header is over the limit of this server.");
    else if (!sl_buf_ok(&c->head))
        sl_conn_refuse(c, 503, "The server is out of memory.");
    else if (v == SL_HTTP_DONE)
        head_done(c);
    return used;
}

static size_t feed_body(sl_conn *c, const char *p, size_t n)
{
    sl_http_request *r = &c->req;
    sl_buf *out = r->begun ? NULL : &r->body;
    size_t used = n;
    int status = 0;
    sl_http_verdict v;

    if (c->parsed.chunked) {
        v = sl_http_chunks_feed(&c->chunks, p, n, out, c->server->opt.body_max, &used, &status);
    } else {
        if (used > c->body_left)
            used = (size_t)c->body_left;
        if (out)
            sl_buf_add(out, p, used);
        c->body_left -= used;
        v = c->body_left == 0 ? SL_HTTP_DONE : SL_HTTP_MORE;
    }
    if (v == SL_HTTP_BAD)
        sl_conn_refuse(c, status,
                       status == 413 ? "The request body is over the limit of this server."
                                     : "The chunked coding of the request body is malformed.");
    else if (!sl_buf_ok(&r->body))
        sl_conn_refuse(c, 503, "The server is out of memory.");
    else if (v == SL_HTTP_DONE)
        body_done(c);
    return used;
}

/* Consumes input until it ends or a request is open; returns how much. */
static size_t feed(sl_conn *c, const char *p, size_t n)
{
    size_t at = 0;
    c->depth++;
    while (at < n && !c->dead && c->state != C_OPEN) {
        if (c->state == C_HEAD) {
            at += feed_head(c, p + at, n - at);
        } else if (c->state == C_BODY) {
            at += feed_body(c, p + at, n - at);
        } else {
            c->lingered += n - at;
            if (c->lingered > SL_HTTP_LINGER_BYTES)
                c->dead = true;
            at = n;
        }
    }
    c->depth--;
    return at;
}

static void on_bytes(void *arg, const char *p, size_t n)
{
    sl_conn *c = arg;
    if (c->dead)
        return;
    if (c->in.len == 0) {
        size_t used = feed(c, p, n);
        p += used;
        n -= used;
    }
    if (n > 0 && !c->dead) {
        sl_buf_consume(&c->in, c->in_at);
        c->in_at = 0;
        sl_buf_add(&c->in, p, n);
        if (!sl_buf_ok(&c->in))
            c->dead = true;
    }
}

static void feed_ahead(sl_conn *c)
{
    if (c->in.len == 0)
        return;
    c->in_at += feed(c, c->in.data + c->in_at, c->in.len - c->in_at);
    if (c->in_at == c->in.len) {
        c->in_at = 0;
        trim(&c->in);
    }
}

/* End of file means that the client went away. A client that shuts down its sending side and
 * still wants the answer can't be told from one that closed, and a closed one must stop costing
 * GPU time at once; HTTP clients do not half-close. */
static void on_gone(void *arg)
{
    sl_conn *c = arg;
    c->dead = true;
}

static void on_progress(void *arg)
{
    sl_conn *c = arg;
    sl_http_request *r = &c->req;
    if (c->dead || !r->stream || r->ended || !r->blocked ||
        sl_wire_pending(&c->wire) >= SL_HTTP_LOW_MARK)
        return;
    r->blocked = false;
    if (!c->server->handlers.on_writable)
        return;
    c->depth++;
    c->server->handlers.on_writable(c->server->arg, r);
    c->depth--;
}

/* ---- the end of a turn ---- */

void sl_conn_settle(sl_conn *c)
{
    sl_http_request *r = &c->req;
    size_t pending;

    if (c->kicked) {
        TAILQ_REMOVE(&c->server->kicks, c, kick_link);
        c->kicked = false;
    }
    if (!c->dead && c->state != C_OPEN)
        feed_ahead(c);
    if (r->stream && !r->ended && sl_wire_pending(&c->wire) >= SL_HTTP_LOW_MARK)
        r->blocked = true; /* the handler may have stopped because of it */
    if (!c->dead && !sl_wire_flush(&c->wire))
        c->dead = true;
    if (c->dead) {
        sl_conn_free(c);
        return;
    }
    pending = sl_wire_pending(&c->wire);
    if (pending > 0)
        r->blocked = r->stream;
    else if (r->blocked && !r->ended)
        sl_wire_want_progress(&c->wire);
    if (pending == 0 && c->state == C_CLOSE) {
        if (!c->linger) {
            sl_conn_free(c);
            return;
        }
        c->state = C_LINGER;
        set_deadline(c, SL_HTTP_LINGER_MS);
        sl_wire_shutdown(&c->wire);
    }
    sl_wire_read(&c->wire, c->in.len - c->in_at < SL_HTTP_AHEAD_MAX);
}

void sl_conn_kick(sl_conn *c)
{
    if (c->kicked)
        return;
    c->kicked = true;
    TAILQ_INSERT_TAIL(&c->server->kicks, c, kick_link);
    event_active(c->server->kick_ev, EV_READ, 1);
}

static void settle_arg(void *arg)
{
    sl_conn_settle(arg);
}

const sl_wire_callbacks sl_conn_callbacks = {on_bytes, on_gone, on_progress, settle_arg};

/* ---- life ---- */

sl_conn *sl_conn_open(sl_http_server *s, int fd, const union sl_peer *peer, bool refused)
{
    void *ssl = NULL;
    sl_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    if (s->opt.tls && !(ssl = sl_tls_session(s->opt.tls))) {
        free(c);
        return NULL;
    }
    if (!sl_wire_open(&c->wire, &s->wires, c, fd, ssl)) {
        free(c);
        return NULL;
    }
    c->server = s;
    c->req.conn = c;
    c->refused = refused;
    c->peer = *peer;
    TAILQ_INSERT_TAIL(&s->conns, c, link);
    if (refused)
        s->refused_n++;
    else
        s->conns_n++;
    set_deadline(c, ssl ? s->opt.header_timeout_ms : s->opt.idle_timeout_ms);
    if (refused)
        sl_conn_refuse(c, 503, "The server has as many connections as it may have.");
    return c;
}

void sl_conn_free(sl_conn *c)
{
    sl_http_server *s = c->server;
    c->dead = c->gone = true;
    if (c->req.visible && !c->req.ended)
        s->handlers.on_close(s->arg, &c->req);
    if (c->kicked)
        TAILQ_REMOVE(&s->kicks, c, kick_link);
    TAILQ_REMOVE(&s->conns, c, link);
    if (c->refused)
        s->refused_n--;
    else
        s->conns_n--;
    sl_wire_close(&c->wire);
    sl_http_head_done(&c->parsed);
    sl_buf_done(&c->head);
    sl_buf_done(&c->in);
    sl_buf_done(&c->req.body);
    sl_buf_done(&c->req.extra);
    free(c);
}

static void expire_state(sl_conn *c)
{
    if (c->state == C_HEAD && c->head.len > 0)
        sl_conn_refuse(c, 408, "The request header did not arrive in time.");
    else if (c->state == C_BODY && !c->req.begun)
        sl_conn_refuse(c, 408, "The request body did not arrive in time.");
    else
        c->dead = true; /* idle, an unwanted body, a handshake or a lingering close */
}

void sl_conn_expire(sl_conn *c, int64_t now_ms)
{
    if (c->deadline_ms > 0 && now_ms >= c->deadline_ms)
        expire_state(c);
    if (sl_wire_stalled(&c->wire, now_ms, c->server->opt.write_timeout_ms))
        c->dead = true;
    if (!c->wire.reading && sl_wire_peer_gone(&c->wire))
        c->dead = true;
    if (c->dead || c->state == C_CLOSE)
        sl_conn_settle(c);
}
