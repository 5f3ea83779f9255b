/* client_harness.h - calls of the HTTP client on a loop of the test's own thread. */
#ifndef SL_HTTP_CLIENT_HARNESS_H
#define SL_HTTP_CLIENT_HARNESS_H

#include "common/http/client.h"
#include "http_harness.h"

typedef struct cx {
    sl_loop *loop;
    sl_http_client *client;
    sl_timer *guard;
    int open; /* calls without on_done */
} cx;

typedef struct got {
    cx *c;
    sl_http_call *call;
    sl_buf body, fields;
    sl_http_result res;
    int pieces, done, status_seen;
    /* what on_data does with the first piece */
    bool refuse, cancel_self, cancel_in_header;
    struct got *cancel_other;
    struct got *start_next; /* a call that on_done starts, to the same url */
    const char *url;
} got;

static inline void cx_guard(void *arg)
{
    fail_msg("a call did not end within %d ms", WAIT_MS);
}

static inline cx cx_open(int connections_max)
{
    cx c = {0};
    sl_error e;
    assert_int_equal(sl_loop_open(&c.loop, &e), SL_OK);
    assert_int_equal(sl_http_client_open(&c.client, c.loop, connections_max, &e), SL_OK);
    assert_int_equal(sl_timer_open(&c.guard, c.loop, cx_guard, NULL, &e), SL_OK);
    return c;
}

static inline void cx_close(cx *c)
{
    sl_http_client_free(c->client);
    sl_timer_free(c->guard);
    sl_loop_free(c->loop);
}

static inline void start(cx *c, got *g, sl_http_call_options opt);

static inline void on_header(void *arg, sl_str name, sl_str value)
{
    got *g = arg;
    assert_int_equal(g->done, 0);
    assert_int_equal(g->pieces, 0);
    sl_buf_addf(&g->fields, "%.*s=%.*s;", (int)name.n, name.p, (int)value.n, value.p);
    if (g->cancel_in_header && g->res.status == SL_OK) {
        g->cancel_in_header = false;
        sl_http_call_cancel(g->call);
        assert_int_equal(g->done, 1);
    }
}

static inline bool on_data(void *arg, int http_status, sl_str piece)
{
    got *g = arg;
    assert_int_equal(g->done, 0);
    assert_true(piece.n > 0);
    sl_buf_add_str(&g->body, piece);
    g->status_seen = http_status;
    g->pieces++;
    if (g->cancel_other) {
        sl_http_call_cancel(g->cancel_other->call);
        assert_int_equal(g->cancel_other->done, 1); /* before it returned */
        g->cancel_other = NULL;
    }
    if (g->cancel_self) {
        sl_http_call_cancel(g->call);
        assert_int_equal(g->done, 1);
    }
    return !g->refuse;
}

static inline void on_done(void *arg, const sl_http_result *res)
{
    got *g = arg;
    g->res = *res;
    assert_int_equal(++g->done, 1);
    if (g->start_next)
        start(g->c, g->start_next, (sl_http_call_options){.method = "GET", .url = g->url});
    if (--g->c->open == 0)
        sl_loop_stop(g->c->loop);
}

static inline void start(cx *c, got *g, sl_http_call_options opt)
{
    static const sl_http_callbacks cb = {on_header, on_data, on_done};
    sl_error e = {0};
    g->c = c;
    g->url = opt.url;
    c->open++;
    if (sl_http_call_start(&g->call, c->client, &opt, &cb, g, &e) != SL_OK)
        fail_msg("%s", e.text);
}

/* Runs the loop until every call has ended. */
static inline void run_all(cx *c)
{
    sl_timer_set(c->guard, WAIT_MS);
    sl_loop_run(c->loop);
    sl_timer_cancel(c->guard);
    assert_int_equal(c->open, 0);
}

static inline void call(cx *c, got *g, sl_http_call_options opt)
{
    start(c, g, opt);
    run_all(c);
}

static inline const char *url_of(const hx *h, const char *path)
{
    static char text[4][256];
    static int next;
    char *p = text[next++ & 3];
    snprintf(p, sizeof text[0], "http://127.0.0.1:%d%s", h->port, path);
    return p;
}

static inline void got_done(got *g)
{
    sl_buf_done(&g->body);
    sl_buf_done(&g->fields);
    *g = (got){0};
}

#endif
