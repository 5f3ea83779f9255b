/* client_test.c - the HTTP client against the project's server and against scripted ones. */
#include "client_harness.h"

static void answers(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    cx c = cx_open(4);
    got g = {0};
    static const char *const headers[] = {"X-Probe: a b", NULL};
    static char big[900000];
    char peer[64];

    call(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/some/path")});
    assert_int_equal(g.res.status, SL_OK);
    assert_int_equal(g.res.http_status, 200);
    assert_int_equal(g.status_seen, 200);
    assert_int_equal(g.res.retry_after_ms, -1);
    assert_true(g.res.sent && g.res.first_byte);
    assert_string_equal(g.body.data, "/some/path");
    assert_non_null(strstr(g.fields.data, "Content-Type=text/plain;Content-Length=10;"));
    got_done(&g);
    call(&c, &g,
         (sl_http_call_options){.method = "GET", .url = url_of(h, "/headers"), .headers = headers});
    assert_string_equal(g.body.data, "a b");
    got_done(&g);
    memset(big, 'p', sizeof big);
    call(&c, &g,
         (sl_http_call_options){
             .method = "POST", .url = url_of(h, "/echo"), .body = {big, sizeof big}});
    assert_int_equal(g.body.len, sizeof big);
    assert_memory_equal(g.body.data, big, sizeof big);
    got_done(&g);
    call(&c, &g, (sl_http_call_options){.method = "POST", .url = url_of(h, "/echo")});
    assert_int_equal(g.res.http_status, 200);
    assert_int_equal(g.pieces, 0);
    assert_false(g.res.first_byte);
    got_done(&g);
    call(&c, &g, (sl_http_call_options){.method = "HEAD", .url = url_of(h, "/x")});
    assert_int_equal(g.res.status, SL_OK);
    assert_int_equal(g.pieces, 0);
    got_done(&g);
    call(&c, &g, (sl_http_call_options){.method = "DELETE", .url = url_of(h, "/gone")});
    assert_string_equal(g.body.data, "/gone");
    got_done(&g);
    /* the connection is used again */
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/peer")});
    snprintf(peer, sizeof peer, "%s", g.body.data);
    got_done(&g);
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/peer")});
    assert_string_equal(g.body.data, peer);
    got_done(&g);
    cx_close(&c);
    hx_close(h);
}

static void big_answer(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    cx c = cx_open(4);
    got g = {0};
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/big")});
    assert_int_equal(g.res.status, SL_OK);
    assert_int_equal(g.body.len, BIG_BYTES);
    assert_true(g.pieces > 3); /* as it came, not at the end */
    got_done(&g);
    cx_close(&c);
    hx_close(h);
}

static bool add_event(void *arg, sl_str data)
{
    sl_buf *out = arg;
    sl_buf_add_str(out, data);
    sl_buf_addc(out, '|');
    return true;
}

static void event_stream(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    cx c = cx_open(4);
    got g = {0};
    sl_sse s = {0};
    sl_buf out = {0};
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/sse")});
    assert_int_equal(sl_sse_feed(&s, sl_buf_str(&g.body), 1000, add_event, &out, NULL), SL_OK);
    assert_string_equal(out.data, "one|two|");
    sl_sse_done(&s);
    sl_buf_done(&out);
    got_done(&g);
    /* a cut stream is an error, not an end */
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/sse?abort")});
    assert_int_equal(g.res.status, SL_E_IO);
    assert_int_equal(g.res.http_status, 200);
    assert_true(g.res.first_byte);
    assert_true(strlen(g.res.error.text) > 10);
    got_done(&g);
    cx_close(&c);
    hx_close(h);
}

static void error_answers(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    cx c = cx_open(4);
    got g = {0};
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/busy")});
    assert_int_equal(g.res.status, SL_OK);
    assert_int_equal(g.res.http_status, 429);
    assert_int_equal(g.res.retry_after_ms, 7000);
    assert_non_null(strstr(g.body.data, "rate_limited"));
    got_done(&g);
    cx_close(&c);
    hx_close(h);
}

static void many_at_once(void **state)
{
    enum { N = 200 };
    hx *h = hx_open((sl_http_server_options){0});
    cx c = cx_open(50);
    static got g[N];
    char path[32];
    for (int i = 0; i < N; i++) {
        snprintf(path, sizeof path, i % 2 ? "/sse" : "/n%d", i);
        start(&c, &g[i], (sl_http_call_options){.method = "GET", .url = url_of(h, path)});
    }
    run_all(&c);
    for (int i = 0; i < N; i++) {
        snprintf(path, sizeof path, "/n%d", i);
        assert_int_equal(g[i].res.status, SL_OK);
        assert_string_equal(g[i].body.data, i % 2 ? "data: one\n\ndata: two\n\n" : path);
        got_done(&g[i]);
    }
    cx_close(&c);
    hx_close(h);
}

/* ---- scripted servers ---- */

typedef struct script {
    const char *text; /* sent when the request's header has come */
    bool hold;        /* then waits until the client closes */
    int listen_fd;
    pthread_t thread;
    char url[64];
} script;

static void *play(void *arg)
{
    script *s = arg;
    int fd = accept(s->listen_fd, NULL, NULL);
    sl_buf in = {0};
    char c;
    while (fd >= 0 && get_line(fd, &in) && !strstr(in.data, "\r\n\r\n"))
        ;
    sl_buf_done(&in);
    if (s->text)
        put(fd, s->text, strlen(s->text));
    while (s->hold && recv(fd, &c, 1, 0) > 0)
        ;
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void script_open(script *s)
{
    struct sockaddr_in self = {.sin_family = AF_INET};
    socklen_t n = sizeof self;
    s->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, "127.0.0.1", &self.sin_addr);
    assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&self, sizeof self), 0);
    assert_int_equal(listen(s->listen_fd, 4), 0);
    getsockname(s->listen_fd, (struct sockaddr *)&self, &n);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d/", ntohs(self.sin_port));
    pthread_create(&s->thread, NULL, play, s);
}

static void script_close(script *s)
{
    shutdown(s->listen_fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listen_fd);
}

/* One GET against a script; the client is closed before the script is joined. */
static got against(const char *text, bool hold, sl_http_call_options opt)
{
    script s = {.text = text, .hold = hold};
    cx c = cx_open(4);
    got g = {0};
    script_open(&s);
    opt.method = "GET";
    opt.url = s.url;
    call(&c, &g, opt);
    cx_close(&c);
    script_close(&s);
    return g;
}

static void broken_servers(void **state)
{
    static const struct {
        const char *text;
        sl_status status;
        int http_status;
        bool first_byte;
    } cases[] = {
        {"", SL_E_IO, 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", SL_E_IO, 200, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", SL_E_IO, 200, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", SL_E_IO, 200, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", SL_E_IO, 200, false},
        {"SSH-2.0-nonsense\r\n", SL_E_CORRUPT, 0, false},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", SL_OK,
         302, false},
        {"HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
         "1\r\n\r\nx",
         SL_OK, 200, true},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", SL_OK, 200, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        got g = against(cases[i].text, false, (sl_http_call_options){0});
        if (g.res.status != cases[i].status || g.res.http_status != cases[i].http_status ||
            g.res.first_byte != cases[i].first_byte || !g.res.sent)
            fail_msg("case %zu: %s, HTTP %d, first_byte %d, sent %d: %s", i,
                     sl_status_name(g.res.status), g.res.http_status, g.res.first_byte, g.res.sent,
                     g.res.error.text);
        if (strstr(cases[i].text, "100 Continue"))
            assert_string_equal(g.fields.data, "Content-Length=1;");
        assert_int_equal(g.res.retry_after_ms, -1);
        got_done(&g);
    }
}

static void retry_after(void **state)
{
    static const struct {
        const char *value;
        int64_t least, most;
    } cases[] = {{"0", 0, 0},
                 {"120", 120000, 120000},
                 {"  3 ", 3000, 3000},
                 {"99999999999", 86400000, 86400000},
                 {"Sun, 06 Nov 1994 08:49:37 GMT", 0, 0},
                 {"Fri, 31 Dec 2100 23:59:59 GMT", 86400000, 86400000},
                 {"soon", -1, -1},
                 {"-5", -1, -1},
                 {"", -1, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        got g;
        snprintf(text, sizeof text,
                 "HTTP/1.1 503 No\r\nretry-AFTER:%s\r\nContent-Length: 0\r\n\r\n", cases[i].value);
        g = against(text, false, (sl_http_call_options){0});
        if (g.res.retry_after_ms < cases[i].least || g.res.retry_after_ms > cases[i].most)
            fail_msg("\"%s\" is %lld", cases[i].value, (long long)g.res.retry_after_ms);
        got_done(&g);
    }
}

static void time_outs(void **state)
{
    static const char begun[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    static const char header[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    int64_t t = sl_mono_ms();
    got g = against(NULL, true, (sl_http_call_options){.first_byte_timeout_ms = 100});
    assert_int_equal(g.res.status, SL_E_TIMEOUT);
    assert_true(g.res.error.retriable && g.res.sent && !g.res.first_byte);
    g = against(header, true, (sl_http_call_options){.first_byte_timeout_ms = 100});
    assert_int_equal(g.res.status, SL_E_TIMEOUT);
    assert_int_equal(g.res.http_status, 200);
    got_done(&g);
    g = against(begun, true, (sl_http_call_options){.idle_timeout_ms = 100});
    assert_int_equal(g.res.status, SL_E_TIMEOUT);
    assert_true(g.res.first_byte);
    assert_non_null(strstr(g.res.error.text, "idle"));
    got_done(&g);
    g = against(begun, true, (sl_http_call_options){.total_timeout_ms = 100});
    assert_int_equal(g.res.status, SL_E_TIMEOUT);
    assert_non_null(strstr(g.res.error.text, "total"));
    got_done(&g);
    t = sl_mono_ms() - t;
    assert_true(t >= 400 && t < 5000);
}

static void unreachable(void **state)
{
    cx c = cx_open(4);
    got g = {0};
    script s = {0};
    script_open(&s);
    script_close(&s); /* a port that nobody listens on */
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = s.url});
    assert_int_equal(g.res.status, SL_E_UNAVAILABLE);
    assert_true(g.res.error.retriable);
    assert_false(g.res.sent);
    assert_int_equal(g.res.http_status, 0);
    got_done(&g);
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = "ftp://127.0.0.1/"});
    assert_int_equal(g.res.status, SL_E_INVALID);
    assert_false(g.res.error.retriable);
    got_done(&g);
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = "file:///etc/passwd"});
    assert_int_equal(g.res.status, SL_E_INVALID);
    assert_int_equal(g.pieces, 0);
    got_done(&g);
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = "http://no.such.host.invalid/"});
    assert_int_equal(g.res.status, SL_E_UNAVAILABLE);
    got_done(&g);
    cx_close(&c);
}

static void header_with_line_break(void **state)
{
    static const sl_http_callbacks cb = {NULL, on_data, on_done};
    static const char *const headers[] = {"X: a\r\nY: b", NULL};
    cx c = cx_open(4);
    sl_http_call *started = NULL;
    sl_http_call_options opt = {.method = "GET", .url = "http://127.0.0.1:1/", .headers = headers};
    assert_int_equal(sl_http_call_start(&started, c.client, &opt, &cb, NULL, NULL), SL_E_INVALID);
    assert_null(started);
    cx_close(&c);
}

static void no_proxy_from_the_environment(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    cx c = cx_open(4);
    got g = {0};
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/direct")});
    assert_string_equal(g.body.data, "/direct");
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    got_done(&g);
    cx_close(&c);
    hx_close(h);
}

/* ---- cancelling ---- */

static void cancel_before_and_during(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    cx c = cx_open(4);
    got g = {0}, other = {0}, next = {0};

    start(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/x")});
    sl_http_call_cancel(g.call); /* before the loop ran */
    assert_int_equal(g.done, 1);
    assert_int_equal(g.res.status, SL_E_CLOSED);
    assert_false(g.res.sent);
    got_done(&g);
    sl_loop_run(c.loop); /* on_done stopped it */

    g.cancel_self = true; /* inside on_data, with more to come */
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/big?endless")});
    assert_int_equal(g.res.status, SL_E_CLOSED);
    assert_int_equal(g.pieces, 1);
    assert_true(hx_wait(h, &h->closes, 1)); /* the server learned it */
    got_done(&g);

    g.cancel_in_header = true;
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/big?endless")});
    assert_int_equal(g.res.status, SL_E_CLOSED);
    assert_int_equal(g.pieces, 0);
    assert_int_equal(g.res.http_status, 200);
    assert_true(hx_wait(h, &h->closes, 2));
    got_done(&g);

    g.refuse = true;
    call(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/big?endless")});
    assert_int_equal(g.res.status, SL_E_CLOSED);
    assert_int_equal(g.pieces, 1);
    assert_true(hx_wait(h, &h->closes, 3));
    got_done(&g);

    start(&c, &other, (sl_http_call_options){.method = "GET", .url = url_of(h, "/hold")});
    g.cancel_other = &other; /* one call's data cancels another call; its end starts a third */
    g.start_next = &next;
    start(&c, &g, (sl_http_call_options){.method = "GET", .url = url_of(h, "/sse")});
    run_all(&c);
    assert_int_equal(other.res.status, SL_E_CLOSED);
    assert_int_equal(g.res.status, SL_OK);
    assert_int_equal(next.res.status, SL_OK);
    assert_true(next.body.len > 0);
    got_done(&g);
    got_done(&next);
    cx_close(&c);
    hx_close(h);
}

static void on_turn(void *arg)
{
    sl_loop_stop(arg);
}

static void free_with_open_calls(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    cx c = cx_open(4);
    got a = {0}, b = {0};
    sl_timer *turn;
    start(&c, &a, (sl_http_call_options){.method = "GET", .url = url_of(h, "/hold")});
    start(&c, &b, (sl_http_call_options){.method = "GET", .url = url_of(h, "/stream-hold")});
    assert_int_equal(sl_timer_open(&turn, c.loop, on_turn, c.loop, NULL), SL_OK);
    while (hx_read(h, &h->requests) < 2) {
        sl_timer_set(turn, 5);
        sl_loop_run(c.loop);
    }
    sl_timer_free(turn);
    cx_close(&c);
    assert_int_equal(a.done, 1);
    assert_int_equal(b.done, 1);
    assert_int_equal(a.res.status, SL_E_CLOSED);
    assert_true(a.res.sent);
    assert_true(hx_wait(h, &h->closes, 2));
    got_done(&a);
    got_done(&b);
    hx_close(h);
}

static void answer_held(hx *h)
{
    while (h->held_n > 0)
        sl_http_answer(h->held[--h->held_n], 200, "text/plain", SL_STR("late"));
}

static void connection_limit(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    cx c = cx_open(2);
    static got g[6];
    sl_timer *turn;
    for (int i = 0; i < 6; i++)
        start(&c, &g[i], (sl_http_call_options){.method = "GET", .url = url_of(h, "/hold")});
    assert_int_equal(sl_timer_open(&turn, c.loop, on_turn, c.loop, NULL), SL_OK);
    for (int served = 2; served <= 6; served += 2) {
        while (hx_read(h, &h->requests) < served) {
            sl_timer_set(turn, 5);
            sl_loop_run(c.loop);
        }
        assert_int_equal(hx_read(h, &h->requests), served);
        hx_do(h, answer_held);
    }
    sl_timer_free(turn);
    if (c.open > 0)
        run_all(&c);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(g[i].body.data, "late");
        got_done(&g[i]);
    }
    cx_close(&c);
    hx_close(h);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(big_answer),
        cmocka_unit_test(event_stream),
        cmocka_unit_test(error_answers),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(broken_servers),
        cmocka_unit_test(retry_after),
        cmocka_unit_test(time_outs),
        cmocka_unit_test(unreachable),
        cmocka_unit_test(header_with_line_break),
        cmocka_unit_test(no_proxy_from_the_environment),
        cmocka_unit_test(cancel_before_and_during),
        cmocka_unit_test(free_with_open_calls),
        cmocka_unit_test(connection_limit),
    };
    if (argc > 1) /* one test by its name, with wildcards */
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
