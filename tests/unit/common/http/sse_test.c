/* sse_test.c - the event-stream splitter, each case cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/http/client.h"

typedef struct sse_case {
    const char *in, *out; /* events, each followed by '|' */
} sse_case;

static const sse_case cases[] = {
    {"data: a\n\n", "a|"},
    {"data:a\n\ndata:  b\n\n", "a| b|"},
    {"data: a\r\n\r\ndata: b\r\rdata: c\n\n", "a|b|c|"},
    {"data: a\r\ndata: b\n\r\n", "a\nb|"},
    {"data: a\rdata\rdata: c\r\r", "a\n\nc|"},
    {": comment\n\ndata: a\n: another\ndata: b\n\n", "a\nb|"},
    {"event: x\nid: 1\nretry: 5\ndata: a\n\n", "a|"},
    {"event: x\n\n", ""},
    {"data\n\n", "|"},
    {"data:\n\n", "|"},
    {"data:\ndata:\n\n", "\n|"},
    {"datax: a\nDATA: b\n data: c\n\n", ""},
    {"\n\n\ndata: a\n\n\n\n", "a|"},
    {"\xef\xbb\xbf"
     "data: a\n\n",
     "a|"},
    {"\xef\xbb\xbf\xef\xbb\xbf"
     "data: a\n\n",
     ""},
    {"data: a\n\n\xef\xbb\xbf"
     "data: b\n\n",
     "a|"},
    {"data: no end\n", ""},
    {"data: {\"a\":\"b: c\"}\n\ndata: [DONE]\n\n", "{\"a\":\"b: c\"}|[DONE]|"},
    {"", ""},
};

static bool collect(void *arg, sl_str data)
{
    sl_buf *out = arg;
    sl_buf_add_str(out, data);
    sl_buf_addc(out, '|');
    return true;
}

static void run(const char *in, const char *want, size_t first, size_t step)
{
    sl_sse s = {0};
    sl_buf out = {0};
    sl_error e;
    size_t n = strlen(in), at = 0, take = first;
    while (at < n) {
        if (take > n - at)
            take = n - at;
        assert_int_equal(sl_sse_feed(&s, (sl_str){in + at, take}, 1000, collect, &out, &e), SL_OK);
        at += take;
        take = step;
    }
    if (!sl_str_is(sl_buf_str(&out), want))
        fail_msg("%s gave %s, cut at %zu then %zu", in, out.data ? out.data : "", first, step);
    sl_sse_done(&s);
    sl_buf_done(&out);
}

static void any_border(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].in);
        run(cases[i].in, cases[i].out, n, n);
        run(cases[i].in, cases[i].out, 1, 1);
        for (size_t cut = 1; cut < n; cut++)
            run(cases[i].in, cases[i].out, cut, n);
    }
}

static void too_large(void **state)
{
    static const char *const texts[] = {"data: 0123456789\n\n", "data: 01234\ndata: 56789\n\n",
                                        ": a comment without an end that goes on and on"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t step = 1; step < 50; step += 7) {
            sl_sse s = {0};
            sl_buf out = {0};
            sl_error e;
            sl_status st = SL_OK;
            for (size_t at = 0; at < strlen(texts[i]) && st == SL_OK; at += step) {
                size_t left = strlen(texts[i]) - at;
                st = sl_sse_feed(&s, (sl_str){texts[i] + at, left < step ? left : step}, 9, collect,
                                 &out, &e);
            }
            assert_int_equal(st, SL_E_TOO_LARGE);
            assert_int_equal(out.len, 0);
            sl_sse_done(&s);
        }
    }
    run("data: 012345678\n\n", "012345678|", 5, 3);
}

static bool first_only(void *arg, sl_str data)
{
    collect(arg, data);
    return false;
}

static void stopping(void **state)
{
    sl_sse s = {0};
    sl_buf out = {0};
    assert_int_equal(sl_sse_feed(&s, SL_STR("data: a\n\ndata: b\n\n"), 100, first_only, &out, NULL),
                     SL_OK);
    assert_string_equal(out.data, "a|");
    sl_sse_done(&s);
    sl_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_border),
        cmocka_unit_test(too_large),
        cmocka_unit_test(stopping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
