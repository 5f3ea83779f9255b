/* server_test.c - the HTTP server seen from a raw socket: answers, limits, errors, disconnects. */
#include "http_harness.h"

#define HOST "Host: test\r\n"

static void one_connection(hx *h)
{
    assert_int_equal(sl_http_server_connections(h->server), 1);
}

static void answers(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    answer a;

    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
    a = get_answer(fd);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body.data, "hello");
    assert_true(has(&a, "Content-Type: application/octet-stream\r\n"));
    assert_true(has(&a, "Date: "));
    assert_false(has(&a, "Connection: close"));
    answer_done(&a);
    /* the same connection, one byte at a time */
    for (const char *p = "GET /headers HTTP/1.1\r\n" HOST "x-probe:  a b \r\nX-Probe: 2\r\n\r\n";
         *p; p++)
        assert_true(put(fd, p, 1));
    expect(fd, 200, "a b");
    say(fd, "GET /headers HTTP/1.1\r\n" HOST "\r\n");
    expect(fd, 200, "(absent)");
    say(fd, "GET /query?a=b&c HTTP/1.1\r\n" HOST "\r\n");
    expect(fd, 200, "a=b&c");
    say(fd, "GET http://test HTTP/1.1\r\n" HOST "\r\n");
    expect(fd, 200, "/");
    say(fd, "GET /peer HTTP/1.1\r\n" HOST "\r\n");
    expect(fd, 200, "127.0.0.1:");
    say(fd, "GET /nothing HTTP/1.1\r\n" HOST "\r\n");
    a = get_answer(fd);
    assert_int_equal(a.status, 204);
    assert_false(has(&a, "Content-Length"));
    answer_done(&a);
    hx_do(h, one_connection);
    close(fd);
    assert_int_equal(hx_read(h, &h->closes), 0);
    hx_close(h);
}

static void chunked_body_and_trailers(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
            "3;x=y\r\nabc\r\n4\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n"
            "GET /next HTTP/1.1\r\n" HOST "\r\n");
    expect(fd, 200, "abcdefg");
    expect(fd, 200, "/next");
    close(fd);
    hx_close(h);
}

static void head_and_http10(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    answer a;
    say(fd, "HEAD /echoed HTTP/1.1\r\n" HOST "\r\n");
    a = get_answer_to(fd, true);
    assert_true(has(&a, "Content-Length: 7\r\n"));
    answer_done(&a);
    say(fd, "HEAD /sse HTTP/1.1\r\n" HOST "\r\n");
    a = get_answer_to(fd, true);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    say(fd, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    a = get_answer(fd);
    assert_true(has(&a, "Connection: keep-alive\r\n"));
    answer_done(&a);
    say(fd, "GET /b HTTP/1.0\r\n\r\n");
    expect(fd, 200, "/b");
    assert_true(closed(fd));
    close(fd);

    fd = dial(h); /* a stream to HTTP/1.0 ends with the connection */
    say(fd, "GET /sse HTTP/1.0\r\n\r\n");
    a = get_answer(fd);
    assert_false(has(&a, "chunked"));
    assert_string_equal(a.body.data, "data: one\n\ndata: two\n\n");
    answer_done(&a);
    close(fd);

    fd = dial(h); /* an aborted one with a reset, so that it can't look whole */
    say(fd, "GET /sse?abort HTTP/1.0\r\n\r\n");
    for (ssize_t n = 1; n > 0;) {
        char block[512];
        n = recv(fd, block, sizeof block, 0);
        if (n <= 0) {
            assert_int_equal(n, -1);
            assert_int_equal(errno, ECONNRESET);
        }
    }
    close(fd);
    hx_close(h);
}

static void pipelining(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    sl_buf b = {0};
    for (int i = 0; i < 500; i++)
        sl_buf_addf(&b, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\n%04d", i);
    sl_buf_adds(&b, "GET /end HTTP/1.1\r\nConnection: close\r\n" HOST "\r\n");
    assert_true(put(fd, b.data, b.len));
    for (int i = 0; i < 500; i++) {
        char number[8];
        snprintf(number, sizeof number, "%04d", i);
        expect(fd, 200, number);
    }
    expect(fd, 200, "/end");
    assert_true(closed(fd));
    close(fd);
    sl_buf_done(&b);
    hx_close(h);
}

static void answer_held(hx *h)
{
    while (h->held_n > 0)
        sl_http_answer(h->held[--h->held_n], 200, "text/plain", SL_STR("late"));
}

static void one_request_at_a_time(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    say(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\nGET /hold HTTP/1.1\r\n" HOST "\r\n"
            "GET /third HTTP/1.1\r\n" HOST "\r\n");
    assert_true(hx_wait(h, &h->requests, 1));
    assert_int_equal(hx_read(h, &h->requests), 1);
    hx_do(h, answer_held);
    expect(fd, 200, "late");
    assert_true(hx_wait(h, &h->requests, 2));
    assert_int_equal(hx_read(h, &h->requests), 2);
    hx_do(h, answer_held);
    expect(fd, 200, "late");
    expect(fd, 200, "/third");
    close(fd);
    hx_close(h);
}

static void streams(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    answer a;
    say(fd, "GET /sse HTTP/1.1\r\n" HOST "\r\n");
    a = get_answer(fd);
    assert_int_equal(a.status, 200);
    assert_false(a.cut);
    assert_true(has(&a, "Transfer-Encoding: chunked\r\n"));
    assert_true(has(&a, "Content-Type: text/event-stream\r\n"));
    assert_true(has(&a, "Cache-Control: no-store\r\n"));
    assert_string_equal(a.body.data, "data: one\n\ndata: two\n\n");
    answer_done(&a);
    say(fd, "GET /sse?abort HTTP/1.1\r\n" HOST "\r\n");
    a = get_answer(fd);
    assert_true(a.cut);
    assert_string_equal(a.body.data, "data: one\n\ndata: two\n\n");
    answer_done(&a);
    close(fd);
    hx_close(h);
}

/* The header and the first piece come in one segment. */
static void first_piece_with_header(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    char block[4096];
    ssize_t n;
    say(fd, "GET /sse HTTP/1.1\r\n" HOST "\r\n");
    n = recv(fd, block, sizeof block - 1, 0);
    assert_true(n > 0);
    block[n] = '\0';
    assert_non_null(strstr(block, "data: one"));
    close(fd);
    hx_close(h);
}

static void slow_reader(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    answer a;
    say(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    assert_true(hx_wait(h, &h->requests, 1));
    a = get_answer(fd);
    assert_false(a.cut);
    assert_int_equal(a.body.len, BIG_BYTES);
    answer_done(&a);
    assert_true(hx_read(h, &h->writables) > 0);
    assert_true(h->pending_max <= 256 * 1024 + 32 * 1024);
    say(fd, "GET /after HTTP/1.1\r\n" HOST "\r\n");
    expect(fd, 200, "/after");
    close(fd);
    hx_close(h);
}

static void errors_of_handlers(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    answer a;
    say(fd, "GET /busy HTTP/1.1\r\n" HOST "\r\n");
    a = get_answer(fd);
    assert_int_equal(a.status, 429);
    assert_true(has(&a, "Retry-After: 7\r\n"));
    assert_true(has(&a, "Content-Type: application/json\r\n"));
    assert_string_equal(
        a.body.data, "{\"error\":{\"message\":\"Slow \\\"down\\\".\",\"type\":\"rate_limit_error\","
                     "\"param\":null,\"code\":\"rate_limited\"}}");
    answer_done(&a);
    /* refused before the body: the connection stays usable when the body is short */
    say(fd, "POST /deny HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n");
    expect(fd, 401, "invalid_api_key");
    say(fd, "abcGET /next HTTP/1.1\r\n" HOST "\r\n");
    expect(fd, 200, "/next");
    /* and is closed after a long one, which need not be sent */
    say(fd, "POST /deny HTTP/1.1\r\n" HOST "Content-Length: 900000\r\n\r\n");
    a = get_answer(fd);
    assert_int_equal(a.status, 401);
    assert_true(has(&a, "Connection: close\r\n"));
    answer_done(&a);
    assert_true(closed(fd));
    close(fd);
    hx_close(h);
}

/* A client that pushes its whole body without looking must still find the handler's answer. */
static void denied_while_sending(void **state)
{
    static char block[64 * 1024];
    hx *h = hx_open((sl_http_server_options){.body_max = 32 * 1024 * 1024});
    int fd = dial(h);
    say(fd, "POST /deny HTTP/1.1\r\n" HOST "Content-Length: 20971520\r\n\r\n");
    for (int i = 0; i < 320; i++)
        assert_true(put(fd, block, sizeof block));
    expect(fd, 401, "invalid_api_key");
    assert_true(closed(fd));
    close(fd);
    hx_close(h);
}

static void end_held(hx *h)
{
    while (h->held_n > 0)
        sl_http_stream_end(h->held[--h->held_n], false);
}

static void drain_server(hx *h)
{
    sl_http_server_drain(h->server);
}

/* Its header promised a connection that lives on; draining closes it nevertheless. */
static void drain_in_a_stream(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    say(fd, "GET /stream-hold HTTP/1.1\r\n" HOST "\r\n");
    assert_true(hx_wait(h, &h->requests, 1));
    hx_do(h, drain_server);
    hx_do(h, end_held);
    expect(fd, 200, NULL);
    assert_true(closed(fd));
    assert_int_equal(hx_read(h, &h->closes), 0);
    close(fd);
    hx_close(h);
}

static void expect_continue(void **state)
{
    hx *h = hx_open((sl_http_server_options){.body_max = 1000});
    int fd = dial(h);
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    expect(fd, 100, NULL);
    say(fd, "hi");
    expect(fd, 200, "hi");
    say(fd, "POST /deny HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    expect(fd, 401, NULL);
    close(fd);
    fd = dial(h);
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
    expect(fd, 413, "request_too_large");
    close(fd);
    hx_close(h);
}

static void answers_in_on_headers(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    say(fd, "GET /deny HTTP/1.1\r\n" HOST "\r\nGET /next HTTP/1.1\r\n" HOST "\r\n");
    expect(fd, 401, NULL);
    expect(fd, 200, "/next");
    assert_int_equal(hx_read(h, &h->closes), 0);
    close(fd);
    hx_close(h);
}

/* Empty lines behind a body, as old clients send them, are not the start of a request. */
static void empty_lines_are_idle(void **state)
{
    hx *h = hx_open((sl_http_server_options){.header_timeout_ms = 100, .idle_timeout_ms = 600});
    int fd = dial(h);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi\r\n");
    expect(fd, 200, "hi");
    assert_int_equal(poll(&p, 1, 300), 0);
    say(fd, "\r\nGET /next HTTP/1.1\r\n" HOST "\r\n");
    expect(fd, 200, "/next");
    assert_true(closed(fd)); /* idle */
    close(fd);
    hx_close(h);
}

/* A stream that begins before the body has come goes on while the body is dropped. */
static void early_stream(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    char block[2048];
    say(fd, "POST /early-stream HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\n");
    assert_true(recv(fd, block, sizeof block, 0) > 0);
    say(fd, "body");
    close(fd);
    assert_true(hx_wait(h, &h->closes, 1));
    assert_int_equal(hx_read(h, &h->requests), 0);
    hx_close(h);
}

typedef struct refusal {
    const char *text;
    int status;
    const char *code;
} refusal;

static void refusals(void **state)
{
    static const refusal cases[] = {
        {"NONSENSE\r\n\r\n", 400, "malformed_request"},
        {"\x16\x03\x01", 400, "malformed_request"},
        {"GET / HTTP/1.1\r\n\r\n", 400, "malformed_request"},
        {"GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400, "malformed_request"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400,
         "malformed_request"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", 400,
         "malformed_request"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400,
         "malformed_request"},
        {"POST / HTTP/1.1\r\n" HOST "\r\n", 411, "length_required"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999\r\n\r\n", 413, "request_too_large"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e9\r\nx", 413,
         "request_too_large"},
        {"BREW / HTTP/1.1\r\n" HOST "\r\n", 501, "not_implemented"},
        {"GET / HTTP/3.0\r\n" HOST "\r\n", 505, "http_version_not_supported"},
    };
    hx *h = hx_open((sl_http_server_options){.body_max = 1000});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = dial(h);
        answer a;
        say(fd, cases[i].text);
        a = get_answer(fd);
        if (a.status != cases[i].status || !a.body.data || !strstr(a.body.data, cases[i].code) ||
            strncmp(a.body.data, "{\"error\":{\"message\":\"", 21) != 0)
            fail_msg("case %zu: %d %s", i, a.status, a.body.data ? a.body.data : "");
        assert_true(has(&a, "Content-Type: application/json\r\n"));
        assert_true(has(&a, "Connection: close\r\n"));
        answer_done(&a);
        assert_true(closed(fd));
        close(fd);
    }
    assert_int_equal(hx_read(h, &h->requests), 0);
    /* those that on_headers saw were told */
    assert_int_equal(hx_read(h, &h->closes), hx_read(h, &h->headers));
    hx_close(h);
}

static void long_heads(void **state)
{
    hx *h = hx_open((sl_http_server_options){.header_max = 16 * 1024});
    static char big[20000];
    int fd = dial(h);
    memset(big, 'a', sizeof big - 1);
    say(fd, "GET /");
    put(fd, big, 10000);
    expect(fd, 414, "uri_too_long");
    close(fd);
    fd = dial(h);
    say(fd, "GET / HTTP/1.1\r\n" HOST "X: ");
    put(fd, big, 17000);
    expect(fd, 431, "headers_too_large");
    close(fd);
    fd = dial(h); /* in one piece with its end */
    say(fd, "GET / HTTP/1.1\r\n" HOST "X: ");
    put(fd, big, 19000);
    put(fd, "\r\n\r\n", 4);
    expect(fd, 431, "headers_too_large");
    close(fd);
    fd = dial(h);
    say(fd, "GET /ok HTTP/1.1\r\n" HOST "X: ");
    put(fd, big, 15000);
    say(fd, "\r\n\r\n");
    expect(fd, 200, "/ok");
    close(fd);
    hx_close(h);
}

/* The client pushes 20 MB without looking and must still find the 413. */
static void too_large_while_sending(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    static char block[64 * 1024];
    for (int chunked = 0; chunked < 2; chunked++) {
        int fd = dial(h);
        bool sent = true;
        say(fd, chunked ? "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                        : "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 20971520\r\n\r\n");
        for (int i = 0; i < 320 && sent; i++) {
            if (chunked)
                sent = put(fd, "10000\r\n", 7);
            sent = sent && put(fd, block, sizeof block);
            if (chunked)
                sent = sent && put(fd, "\r\n", 2);
        }
        assert_true(sent);
        expect(fd, 413, "request_too_large");
        assert_true(closed(fd));
        close(fd);
    }
    hx_close(h);
}

static void time_outs(void **state)
{
    hx *h = hx_open((sl_http_server_options){
        .header_timeout_ms = 200, .body_timeout_ms = 200, .idle_timeout_ms = 200});
    int fd = dial(h), idle = dial(h), body = dial(h);
    say(fd, "GET / HTTP/1.1\r\nHos");
    say(body, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc");
    expect(fd, 408, "request_timeout");
    expect(body, 408, "request_timeout");
    assert_true(closed(idle));
    close(fd);
    close(body);
    close(idle);
    hx_close(h);
}

/* Bytes that trickle do not put the deadline off. */
static void slow_loris(void **state)
{
    hx *h = hx_open((sl_http_server_options){.header_timeout_ms = 300});
    int fd = dial(h), sent = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t start = sl_mono_ms();
    say(fd, "GET / HTTP/1.1\r\nX: ");
    while (poll(&p, 1, 20) == 0 && sl_mono_ms() - start < WAIT_MS) {
        say(fd, "a");
        sent++;
    }
    assert_true(sent > 3);
    assert_true(sl_mono_ms() - start < 2000);
    expect(fd, 408, "request_timeout");
    close(fd);
    hx_close(h);
}

static void write_time_out(void **state)
{
    hx *h = hx_open((sl_http_server_options){.write_timeout_ms = 300});
    int fd = dial(h);
    say(fd, "GET /big?endless HTTP/1.1\r\n" HOST "\r\n"); /* and never read */
    assert_true(hx_wait(h, &h->closes, 1));
    close(fd);
    hx_close(h);
}

static void too_many_connections(void **state)
{
    hx *h = hx_open((sl_http_server_options){.connections_max = 2});
    int a = dial(h), b = dial(h), c;
    answer ans;
    say(a, "GET /a HTTP/1.1\r\n" HOST "\r\n");
    say(b, "GET /b HTTP/1.1\r\n" HOST "\r\n");
    expect(a, 200, "/a");
    expect(b, 200, "/b");
    c = dial(h);
    say(c, "GET /c HTTP/1.1\r\n" HOST "\r\n");
    ans = get_answer(c);
    assert_int_equal(ans.status, 503);
    assert_true(has(&ans, "Retry-After: 1\r\n"));
    assert_non_null(strstr(ans.body.data, "\"code\":\"overloaded\""));
    answer_done(&ans);
    assert_true(closed(c));
    close(c);
    say(a, "GET /a HTTP/1.1\r\nConnection: close\r\n" HOST "\r\n");
    expect(a, 200, "/a");
    assert_true(closed(a));
    close(a);
    c = dial(h);
    say(c, "GET /c HTTP/1.1\r\n" HOST "\r\n");
    expect(c, 200, "/c");
    close(c);
    close(b);
    hx_close(h);
}

/* ---- the client goes away ---- */

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static void gone_while_waiting(void **state)
{
    static const char *const paths[] = {"/hold", "/stream-hold"};
    for (int i = 0; i < 2; i++) {
        for (int how = 0; how < 3; how++) {
            hx *h = hx_open((sl_http_server_options){0});
            int fd = dial(h);
            char text[128];
            snprintf(text, sizeof text, "POST %s HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi",
                     paths[i]);
            say(fd, text);
            assert_true(hx_wait(h, &h->requests, 1));
            assert_int_equal(hx_read(h, &h->closes), 0);
            if (how == 0)
                close(fd);
            else if (how == 1)
                reset(fd);
            else
                shutdown(fd, SHUT_WR);
            assert_true(hx_wait(h, &h->closes, 1));
            if (how == 2) {
                assert_true(closed(fd) || i == 1); /* the stream's header may have come first */
                close(fd);
            }
            hx_do(h, answer_held); /* none is left */
            assert_int_equal(hx_read(h, &h->closes), 1);
            hx_close(h);
        }
    }
}

/* Behind more pipelined input than the server keeps, the end of file can't be read. */
static void gone_behind_pipelined_input(void **state)
{
    hx *h = hx_open((sl_http_server_options){.idle_timeout_ms = 400});
    static char junk[100 * 1024];
    int fd = dial(h);
    memset(junk, 'j', sizeof junk);
    say(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    assert_true(hx_wait(h, &h->requests, 1));
    put(fd, junk, sizeof junk);
    close(fd);
    assert_true(hx_wait(h, &h->closes, 1));
    hx_close(h);
}

static void gone_in_the_body(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc");
    assert_true(hx_wait(h, &h->headers, 1));
    close(fd);
    assert_true(hx_wait(h, &h->closes, 1));
    assert_int_equal(hx_read(h, &h->requests), 0);
    hx_close(h);
}

static void gone_in_a_stream(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    char block[512];
    say(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    assert_true(recv(fd, block, sizeof block, 0) > 0);
    close(fd);
    assert_true(hx_wait(h, &h->closes, 1));
    hx_close(h);
}

/* ---- the server goes away ---- */

static void free_server(hx *h)
{
    sl_http_server_free(h->server);
    h->server = NULL;
}

static void free_with_open_requests(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int a = dial(h), b = dial(h), c = dial(h);
    say(a, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    say(b, "GET /stream-hold HTTP/1.1\r\n" HOST "\r\n");
    say(c, "GET /ha");
    assert_true(hx_wait(h, &h->requests, 2));
    hx_do(h, free_server);
    assert_int_equal(hx_read(h, &h->closes), 2);
    assert_true(closed(a));
    assert_true(closed(c));
    close(a);
    close(b);
    close(c);
    hx_close(h);
}

static void drain(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int idle = dial(h), waiting = dial(h), stream = dial(h), half = dial(h), late;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)h->port)};
    answer a;
    say(idle, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    expect(idle, 200, "/x");
    say(half, "GET /x HTTP/1.1\r\n" HOST "\r\nGET /half HT");
    expect(half, 200, "/x");
    say(waiting, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    assert_true(hx_wait(h, &h->requests, 3));
    say(stream, "GET /sse HTTP/1.1\r\n" HOST "\r\n");
    expect(stream, 200, "two");
    hx_do(h, drain_server);
    assert_true(closed(idle));
    assert_true(closed(stream));
    say(half, "TP/1.1\r\n" HOST "\r\n");
    a = get_answer(half);
    assert_int_equal(a.status, 200);
    assert_true(has(&a, "Connection: close\r\n"));
    answer_done(&a);
    hx_do(h, answer_held);
    expect(waiting, 200, "late");
    assert_true(closed(waiting));
    late = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    assert_int_equal(connect(late, (struct sockaddr *)&to, sizeof to), -1);
    close(late);
    close(idle);
    close(waiting);
    close(stream);
    close(half);
    hx_close(h);
}

static void listening(void **state)
{
    static const char *const wrong[] = {"",
                                        "x",
                                        "127.0.0.1",
                                        "127.0.0.1:99999",
                                        "127.0.0.1:x",
                                        "[::1:80",
                                        "no.such.host.invalid:80",
                                        NULL};
    static const sl_http_handlers handlers = {NULL, hx_on_request, hx_on_close, NULL};
    sl_http_server *a, *b;
    sl_loop *l;
    sl_error e;
    char text[64];
    assert_int_equal(sl_loop_open(&l, &e), SL_OK);
    for (size_t i = 0; wrong[i]; i++) {
        sl_http_server_options o = {.listen = wrong[i]};
        assert_int_equal(sl_http_server_open(&a, l, &o, &handlers, NULL, &e), SL_E_INVALID);
        assert_true(strlen(e.text) > 20);
    }
    assert_int_equal(
        sl_http_server_open(&a, l, &(sl_http_server_options){.listen = ":0", .reuse_port = true},
                            &handlers, NULL, &e),
        SL_OK);
    snprintf(text, sizeof text, ":%d", sl_http_server_port(a));
    assert_int_equal(
        sl_http_server_open(&b, l, &(sl_http_server_options){.listen = text}, &handlers, NULL, &e),
        SL_E_IO);
    assert_int_equal(
        sl_http_server_open(&b, l, &(sl_http_server_options){.listen = text, .reuse_port = true},
                            &handlers, NULL, &e),
        SL_OK);
    sl_http_server_free(a);
    sl_http_server_free(b);
    sl_http_server_free(NULL);
    sl_loop_free(l);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(chunked_body_and_trailers),
        cmocka_unit_test(head_and_http10),
        cmocka_unit_test(pipelining),
        cmocka_unit_test(one_request_at_a_time),
        cmocka_unit_test(streams),
        cmocka_unit_test(first_piece_with_header),
        cmocka_unit_test(slow_reader),
        cmocka_unit_test(errors_of_handlers),
        cmocka_unit_test(denied_while_sending),
        cmocka_unit_test(drain_in_a_stream),
        cmocka_unit_test(expect_continue),
        cmocka_unit_test(answers_in_on_headers),
        cmocka_unit_test(empty_lines_are_idle),
        cmocka_unit_test(early_stream),
        cmocka_unit_test(refusals),
        cmocka_unit_test(long_heads),
        cmocka_unit_test(too_large_while_sending),
        cmocka_unit_test(time_outs),
        cmocka_unit_test(slow_loris),
        cmocka_unit_test(write_time_out),
        cmocka_unit_test(too_many_connections),
        cmocka_unit_test(gone_while_waiting),
        cmocka_unit_test(gone_behind_pipelined_input),
        cmocka_unit_test(gone_in_the_body),
        cmocka_unit_test(gone_in_a_stream),
        cmocka_unit_test(free_with_open_requests),
        cmocka_unit_test(drain),
        cmocka_unit_test(listening),
    };
    if (argc > 1) /* one test by its name, with wildcards */
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
