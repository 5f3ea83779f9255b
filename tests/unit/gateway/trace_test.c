/* trace_test.c - the grammar of W3C trace headers. */
#include "gateway/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

static void parents(void **state)
{
    (void)state;
    static const char *const good[] = {"00-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-00",
                                       "00-" TRACE "-" PARENT "-ff", "01-" TRACE "-" PARENT "-01",
                                       "fe-" TRACE "-" PARENT "-01"};
    static const char *const bad[] = {"",
                                      "00-" TRACE "-" PARENT "-0",
                                      "00-" TRACE "-" PARENT "-01-",
                                      "ff-" TRACE "-" PARENT "-01",
                                      "0g-" TRACE "-" PARENT "-01",
                                      "00-" TRACE "-" PARENT "-0G",
                                      "00-00000000000000000000000000000000-" PARENT "-01",
                                      "00-" TRACE "-0000000000000000-01",
                                      "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
                                      "00_" TRACE "-" PARENT "-01",
                                      "00-" TRACE "_" PARENT "-01",
                                      "00-" TRACE "-" PARENT "_01",
                                      "00-0af7651916cd43dd8448eb211c80319 -" PARENT "-01",
                                      "4111 1111 1111 1111 is a card number, is it not, hm?---"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(sl_trace_parent_ok(sl_str_c(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(sl_trace_parent_ok(sl_str_c(bad[i])));
    assert_false(sl_trace_parent_ok((sl_str){0}));
}

static void states(void **state)
{
    (void)state;
    static const char *const good[] = {"a=b",         "a=b,c=d", " a=b , c=d\t",
                                       "a=b,,c=d",    "1a@b=x",  "fw529a3039@dt=FfAgo:1",
                                       "a_-*/9=!x y", "a=b c",   ",",
                                       "0=1"};
    static const char *const bad[] = {"",      "a",      "=b",         "a=",   "A=b",  "a=b=c",
                                      "a@=b",  "@a=b",   "a@b@c=d",    "a =b", "_a=b", "a@_b=c",
                                      "a=b,c", "a=\x01", "a=\xc3\xa4", "a b=c"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(sl_trace_state_ok(sl_str_c(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(sl_trace_state_ok(sl_str_c(bad[i])));
    assert_false(sl_trace_state_ok((sl_str){"a\0=b", 4}));
}

static void state_limits(void **state)
{
    (void)state;
    sl_buf b = {0};
    for (int i = 0; i < 32; i++)
        sl_buf_addf(&b, "%sk%d=v", i ? "," : "", i);
    assert_true(sl_trace_state_ok(sl_buf_str(&b)));
    sl_buf_adds(&b, ",k32=v");
    assert_false(sl_trace_state_ok(sl_buf_str(&b)));
    sl_buf_clear(&b);
    sl_buf_adds(&b, "a=");
    while (b.len < 258)
        sl_buf_addc(&b, 'x');
    assert_true(sl_trace_state_ok(sl_buf_str(&b)));
    sl_buf_addc(&b, 'x');
    assert_false(sl_trace_state_ok(sl_buf_str(&b)));
    sl_buf_done(&b);
}

static void a_state_needs_a_parent(void **state)
{
    (void)state;
    sl_str p = SL_STR("00-" TRACE "-" PARENT "-01"), s = SL_STR("a=b");
    sl_trace_check(&p, &s);
    assert_int_equal(p.n, 55);
    assert_int_equal(s.n, 3);
    s = SL_STR("no state");
    sl_trace_check(&p, &s);
    assert_int_equal(p.n, 55);
    assert_null(s.p);
    p = SL_STR("no parent"), s = SL_STR("a=b");
    sl_trace_check(&p, &s);
    assert_null(p.p);
    assert_null(s.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parents), cmocka_unit_test(states),
                                       cmocka_unit_test(state_limits),
                                       cmocka_unit_test(a_state_needs_a_parent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
