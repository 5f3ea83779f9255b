#include "common/base/jsonw.h"

#include "common/base/json.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void commas_and_nesting(void **state)
{
    sl_buf b = {0};
    sl_jsonw w = sl_jsonw_on(&b);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "a", "x");
    sl_jsonw_arr(&w, "b");
    sl_jsonw_i64(&w, NULL, -1);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_end_obj(&w);
    sl_jsonw_arr(&w, NULL);
    sl_jsonw_end_arr(&w);
    sl_jsonw_u64(&w, NULL, UINT64_MAX);
    sl_jsonw_end_arr(&w);
    sl_jsonw_bool(&w, "c", true);
    sl_jsonw_null(&w, "d");
    sl_jsonw_str(&w, "e", (sl_str){NULL, 0});
    sl_jsonw_str(&w, "f", (sl_str){"", 0});
    sl_jsonw_raw(&w, "g", SL_STR("{\"r\":1}"));
    sl_jsonw_f64(&w, "h", 0.25);
    sl_jsonw_end_obj(&w);
    assert_string_equal(b.data, "{\"a\":\"x\",\"b\":[-1,{},[],18446744073709551615],\"c\":true,"
                                "\"d\":null,\"e\":null,\"f\":\"\",\"g\":{\"r\":1},\"h\":0.25}");
    sl_buf_done(&b);
}

static void escapes(void **state)
{
    static const struct {
        sl_str in;
        const char *out;
    } cases[] = {
        {{"", 0}, ""},
        {{"plain", 5}, "plain"},
        {{"a\"b\\c/", 6}, "a\\\"b\\\\c/"},
        {{"\b\f\n\r\t", 5}, "\\b\\f\\n\\r\\t"},
        {{"\0\x01\x1f\x7f", 4}, "\\u0000\\u0001\\u001f\x7f"},
        {{"12345678\"", 9}, "12345678\\\""},
        {{"1234567\"8", 9}, "1234567\\\"8"},
        {{"\"2345678", 8}, "\\\"2345678"},
        {{"       \x1f", 8}, "       \\u001f"},
        {{"\x1f       ", 8}, "\\u001f       "},
        {{"\xe4\xb8\xad\xe6\x96\x87 12345678", 15}, "\xe4\xb8\xad\xe6\x96\x87 12345678"},
        {{"\xf0\x9f\x98\x80", 4}, "\xf0\x9f\x98\x80"},
        {{"a\xff"
          "b",
          3},
         "a\xef\xbf\xbd"
         "b"},
        {{"\xe4\xb8", 2}, "\xef\xbf\xbd\xef\xbf\xbd"},
        {{"\xc0\x80", 2}, "\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_buf b = {0};
        sl_json_escape(&b, cases[i].in);
        assert_string_equal(sl_buf_str(&b).p, cases[i].out);
        sl_buf_done(&b);
    }
}

/* Every byte at every place of a word and behind it: the fast scan must not miss one. */
static void every_byte_at_every_place(void **state)
{
    for (int c = 1; c < 128; c++)
        for (size_t at = 0; at < 17; at++) {
            char text[18] = "xxxxxxxxxxxxxxxxx";
            sl_buf b = {0};
            sl_jsonw w = sl_jsonw_on(&b);
            text[at] = (char)c;
            sl_jsonw_str(&w, NULL, (sl_str){text, 17});
            sl_jnode *root = NULL;
            assert_int_equal(sl_json_parse(&root, sl_buf_str(&b), 1000, NULL), SL_OK);
            sl_str back = {0};
            assert_true(sl_json_str(root, &back));
            assert_true(sl_str_eq(back, (sl_str){text, 17}));
            sl_json_free(root);
            sl_buf_done(&b);
        }
}

static void doubles(void **state)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0.0"},
        {1, "1"},
        {-17, "-17"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {1e21, "1e+21"},
        {5e-324, "5e-324"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {9007199254740991, "9007199254740991"},
        {NAN, "null"},
        {INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_buf b = {0};
        sl_jsonw w = sl_jsonw_on(&b);
        sl_jsonw_f64(&w, NULL, cases[i].v);
        assert_string_equal(b.data, cases[i].text);
        sl_buf_done(&b);
    }
    uint64_t x = 88172645463325252u; /* xorshift64: the same bit patterns every run */
    for (int i = 0; i < 20000; i++) {
        double v;
        sl_buf b = {0};
        sl_jsonw w = sl_jsonw_on(&b);
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(&v, &x, sizeof(v));
        sl_jsonw_f64(&w, NULL, v);
        if (isfinite(v))
            assert_true(strtod(b.data, NULL) == v);
        sl_buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_nesting),
        cmocka_unit_test(escapes),
        cmocka_unit_test(every_byte_at_every_place),
        cmocka_unit_test(doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
