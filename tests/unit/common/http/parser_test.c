/* parser_test.c - request heads and chunked bodies: what is taken, what is refused, at any cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/http/parser.h"

#include <stdlib.h>

typedef struct head_case {
    const char *text;
    int status; /* 0: taken */
} head_case;

#define L1 "POST /v1/x HTTP/1.1\r\n"
#define H  "Host: a\r\n"
#define N  "Content-Length: 5\r\n"

static const head_case head_cases[] = {
    {"GET / HTTP/1.1\r\n" H "\r\n", 0},
    {"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 0},
    {"GET / HTTP/1.0\r\n\r\n", 0},
    {"GET http://a.b:80/x?y HTTP/1.1\r\n" H "\r\n", 0},
    {"GET http://a.b HTTP/1.1\r\n" H "\r\n", 0},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", 0},
    {L1 H N "\r\n", 0},
    {L1 H "Transfer-Encoding: chunked\r\n\r\n", 0},
    {L1 H "transfer-encoding: \tChunked \r\n\r\n", 0},
    {L1 H N "X: caf\xc3\xa9\r\n\r\n", 0},
    {L1 H N "X:\r\n\r\n", 0},
    {L1 H N "Expect: 100-continue\r\n\r\n", 0},
    /* request line */
    {"GARBAGE\r\n\r\n", 400},
    {"GET /\r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /  HTTP/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" H "\r\n", 400},
    {" GET / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET x HTTP/1.1\r\n" H "\r\n", 400},
    {"GET * HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\t HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /a#b HTTP/1.1\r\n" H "\r\n", 400},
    {"GET / http/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.10\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1\n" H "\r\n", 400},
    {"\x16\x03\x01\x02\x01", 400}, /* a TLS hello: refused without a line's end */
    {"GET / HTTP/2.0\r\n" H "\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\n", 505},
    {"BREW / HTTP/1.1\r\n" H "\r\n", 501},
    {"CONNECT a:443 HTTP/1.1\r\n" H "\r\n", 501},
    /* fields */
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H H "\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H ": x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X : x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X y: x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X: a\r\n folded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X: a\r\n\tfolded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n X: a\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X: a\nY: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n", 417},
    /* framing: each of these is a way to smuggle a request */
    {L1 H "\r\n", 411},
    {L1 H N N "\r\n", 400},
    {L1 H "Content-Length: 5, 5\r\n\r\n", 400},
    {L1 H "Content-Length: +5\r\n\r\n", 400},
    {L1 H "Content-Length: -5\r\n\r\n", 400},
    {L1 H "Content-Length: 0x5\r\n\r\n", 400},
    {L1 H "Content-Length: 5 5\r\n\r\n", 400},
    {L1 H "Content-Length:\r\n\r\n", 400},
    {L1 H "Content-Length: 9999999999999999999\r\n\r\n", 400},
    {L1 H "Content-Length : 5\r\n\r\n", 400},
    {L1 H N "Transfer-Encoding: chunked\r\n\r\n", 400},
    {L1 H "Transfer-Encoding: chunked\r\n" N "\r\n", 400},
    {L1 H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {L1 H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {L1 H "Transfer-Encoding: xchunked\r\n\r\n", 501},
    {L1 H "Transfer-Encoding: chunked, identity\r\n\r\n", 501},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
};

static void check_head(const char *text, size_t n, size_t step, int status)
{
    sl_http_head h = {0};
    sl_http_verdict v = SL_HTTP_MORE;
    for (size_t seen = step; v == SL_HTTP_MORE; seen += step) {
        v = sl_http_head_parse(&h, text, seen < n ? seen : n);
        if (seen >= n)
            break;
    }
    if (status == 0 && (v != SL_HTTP_DONE || h.pos != n))
        fail_msg("refused (%d %s): %s", h.status, h.why ? h.why : "-", text);
    if (status != 0 && (v != SL_HTTP_BAD || h.status != status || !h.why))
        fail_msg("verdict %d, status %d, not %d: %s", v, h.status, status, text);
    sl_http_head_done(&h);
}

static void heads(void **state)
{
    for (size_t i = 0; i < sizeof head_cases / sizeof *head_cases; i++) {
        const head_case *c = &head_cases[i];
        size_t n = strlen(c->text);
        check_head(c->text, n, n, c->status);
        check_head(c->text, n, 1, c->status);
        check_head(c->text, n, 7, c->status);
    }
}

static void nul_bytes_are_refused(void **state)
{
    static const char in_value[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";
    static const char in_name[] = "GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n";
    static const char in_target[] = "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n";
    check_head(in_value, sizeof in_value - 1, 5, 400);
    check_head(in_name, sizeof in_name - 1, 5, 400);
    check_head(in_target, sizeof in_target - 1, 5, 400);
}

static void limits(void **state)
{
    sl_buf b = {0};
    sl_http_head h = {0};
    sl_buf_adds(&b, "GET /");
    for (int i = 0; i < 9000; i++)
        sl_buf_addc(&b, 'a');
    assert_int_equal(sl_http_head_parse(&h, b.data, b.len), SL_HTTP_BAD);
    assert_int_equal(h.status, 414);
    sl_http_head_reset(&h);
    sl_buf_clear(&b);
    sl_buf_adds(&b, "GET / HTTP/1.1\r\n" H);
    for (int i = 1; i < SL_HTTP_FIELDS_MAX; i++)
        sl_buf_addf(&b, "X-%d: y\r\n", i);
    assert_int_equal(sl_http_head_parse(&h, b.data, b.len), SL_HTTP_MORE);
    assert_int_equal(h.fields_n, SL_HTTP_FIELDS_MAX);
    sl_buf_adds(&b, "One-More: y\r\n");
    assert_int_equal(sl_http_head_parse(&h, b.data, b.len), SL_HTTP_BAD);
    assert_int_equal(h.status, 431);
    sl_http_head_done(&h);
    sl_buf_done(&b);
}

static void spans_and_connection(void **state)
{
    static const char text[] = "POST /a/b?c=d HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n"
                               "Content-Length: 12\r\nX-Y:  z \t\r\n\r\nBODY";
    sl_http_head h = {0};
    assert_int_equal(sl_http_head_parse(&h, text, sizeof text - 1), SL_HTTP_DONE);
    assert_int_equal(h.pos, sizeof text - 1 - 4);
    assert_memory_equal(text + h.path.at, "/a/b", 4);
    assert_int_equal(h.path.n, 4);
    assert_memory_equal(text + h.query.at, "c=d", 3);
    assert_int_equal(h.query.n, 3);
    assert_int_equal(h.length, 12);
    assert_false(h.keep_alive);
    assert_int_equal(h.fields_n, 4);
    assert_int_equal(h.fields[3].value.n, 1);
    assert_int_equal(text[h.fields[3].value.at], 'z');
    sl_http_head_done(&h);
}

static void keep_alive(void **state)
{
    static const struct {
        const char *text;
        bool keep;
    } cases[] = {{"GET / HTTP/1.1\r\n" H "\r\n", true},
                 {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false},
                 {"GET / HTTP/1.0\r\n" H "\r\n", false},
                 {"GET / HTTP/1.0\r\n" H "Connection: Keep-Alive\r\n\r\n", true},
                 {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_http_head h = {0};
        assert_int_equal(sl_http_head_parse(&h, cases[i].text, strlen(cases[i].text)),
                         SL_HTTP_DONE);
        assert_int_equal(h.keep_alive, cases[i].keep);
        sl_http_head_done(&h);
    }
}

/* ---- chunks ---- */

typedef struct chunk_case {
    const char *text, *body; /* body NULL: refused */
    size_t rest;             /* bytes behind the end */
} chunk_case;

static const chunk_case chunk_cases[] = {
    {"0\r\n\r\n", "", 0},
    {"5\r\nhello\r\n0\r\n\r\n", "hello", 0},
    {"5;a=b\r\nhello\r\n1 \r\n!\r\n000\r\nTrail: er\r\nX: y\r\n\r\nNEXT", "hello!", 4},
    {"A\r\n0123456789\r\n0\r\n\r\n", "0123456789", 0},
    {"\r\n0\r\n\r\n", NULL, 0},
    {"x\r\n", NULL, 0},
    {"-5\r\nhello\r\n0\r\n\r\n", NULL, 0},
    {"0x5\r\nhello\r\n0\r\n\r\n", NULL, 0},
    {" 5\r\nhello\r\n0\r\n\r\n", NULL, 0},
    {"5\rXhello\r\n0\r\n\r\n", NULL, 0},
    {"5\nhello\r\n0\r\n\r\n", NULL, 0},
    {"5\r\nhelloXX0\r\n\r\n", NULL, 0},
    {"5\r\nhelloX\n0\r\n\r\n", NULL, 0},
    {"5\r\nhello\rX0\r\n\r\n", NULL, 0},
    {"5\r\nhello\n0\r\n\r\n", NULL, 0},
    {"5;a\nb\r\nhello\r\n0\r\n\r\n", NULL, 0},
    {"0\r\n folded: x\r\n\r\n", NULL, 0},
    {"0\r\nX: a\nY: b\r\n\r\n", NULL, 0},
    {"0\r\n\rX", NULL, 0},
    {"fffffffffffffffff\r\n", NULL, 0},
    {"12345678901234567\r\n", NULL, 0},
};

static void chunks(void **state)
{
    for (size_t i = 0; i < sizeof chunk_cases / sizeof *chunk_cases; i++) {
        const chunk_case *cc = &chunk_cases[i];
        for (size_t step = 1; step < 40; step += 3) {
            sl_http_chunks c = {0};
            sl_buf out = {0};
            size_t n = strlen(cc->text), at = 0;
            int status = 0;
            sl_http_verdict v = SL_HTTP_MORE;
            while (at < n && v == SL_HTTP_MORE) {
                size_t used = 0;
                v = sl_http_chunks_feed(&c, cc->text + at, n - at < step ? n - at : step, &out,
                                        1024, &used, &status);
                at += used;
            }
            if (cc->body) {
                assert_int_equal(v, SL_HTTP_DONE);
                assert_int_equal(n - at, cc->rest);
                assert_true(sl_str_is(sl_buf_str(&out), cc->body));
            } else if (v != SL_HTTP_BAD || status != 400) {
                fail_msg("taken (verdict %d, status %d): %s", v, status, cc->text);
            }
            sl_buf_done(&out);
        }
    }
}

static void chunks_over_limit(void **state)
{
    static const char text[] = "8\r\n01234567\r\n9\r\n0";
    sl_http_chunks c = {0};
    sl_buf out = {0};
    size_t used = 0;
    int status = 0;
    assert_int_equal(sl_http_chunks_feed(&c, text, sizeof text - 1, &out, 16, &used, &status),
                     SL_HTTP_BAD);
    assert_int_equal(status, 413);
    sl_buf_done(&out);
}

static void endless_extensions_are_refused(void **state)
{
    sl_http_chunks c = {0};
    sl_http_verdict v = SL_HTTP_MORE;
    int status = 0;
    size_t used, total = 0;
    char block[256];
    memset(block, 'e', sizeof block);
    block[0] = '1';
    block[1] = ';';
    while (v == SL_HTTP_MORE && total < 1024 * 1024) {
        v = sl_http_chunks_feed(&c, block, sizeof block, NULL, 16, &used, &status);
        total += sizeof block;
    }
    assert_int_equal(v, SL_HTTP_BAD);
    assert_true(total < 32 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(limits),
        cmocka_unit_test(spans_and_connection),
        cmocka_unit_test(keep_alive),
        cmocka_unit_test(chunks),
        cmocka_unit_test(chunks_over_limit),
        cmocka_unit_test(endless_extensions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
