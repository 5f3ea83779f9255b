#include "common/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX (4u * 1024 * 1024)

static sl_jnode *parse(const char *text)
{
    sl_jnode *root = NULL;
    sl_error e;
    if (sl_json_parse(&root, sl_str_c(text), MAX, &e))
        fail_msg("%s: %s", text, e.text);
    return root;
}

static void accepts_and_writes_back(void **state)
{
    static const char *const same[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1.5",
        "\"\"",
        "[]",
        "{}",
        "[[],{}]",
        "{\"a\":1,\"b\":[1,2,{\"c\":null}],\"d\":\"x\"}",
        "\"\\\"\\\\\\n\\t\\u0001\"",
        "\"\xe4\xb8\xad\xe6\x96\x87\xf0\x9f\x98\x80\"",
        "[9007199254740993,-12345678901234567890,0.1234567890123456789,1]", /* kept as text */
        "{\"seed\":18446744073709551615}",
        "{\"A\":1,\"a\":2}", /* keys differ by case */
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        sl_buf out = {0};
        sl_jnode *root = parse(same[i]);
        sl_json_write(root, &out);
        assert_string_equal(out.data, same[i]);
        sl_json_free(root);
        sl_buf_done(&out);
    }
    static const struct {
        const char *text, *written;
    } others[] = {
        {" \t\r\n[ 1 , 2 ]\n", "[1,2]"},
        {"\"\\u00e9\\/\\ud83d\\ude00\"", "\"\xc3\xa9/\xf0\x9f\x98\x80\""},
        {"1E2", "100"},
        {"1e-2", "0.01"},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        sl_buf out = {0};
        sl_jnode *root = parse(others[i].text);
        sl_json_write(root, &out);
        assert_string_equal(out.data, others[i].written);
        sl_json_free(root);
        sl_buf_done(&out);
    }
}

static void refuses(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "byte 0: the text ends too early"},
        {"  ", "byte 2: the text ends too early"},
        {"{", "byte 1: a key"},
        {"[1,", "byte 3: the text ends"},
        {"[1,]", "byte 3: a value is expected"},
        {"{\"a\":1,}", "byte 7: a key"},
        {"{\"a\" 1}", "byte 5: a colon"},
        {"{a:1}", "byte 1: a key"},
        {"[1 2]", "byte 3: a comma or ]"},
        {"{\"a\":1]", "byte 6: a comma or }"},
        {"1 2", "byte 2: bytes behind"},
        {"[] x", "byte 3: bytes behind"},
        {"tru", "byte 0: a value"},
        {"nulll", "byte 4: bytes behind"},
        {"01", "byte 0: not a JSON number"},
        {"-", "byte 0: not a JSON number"},
        {"-01", "byte 0: not a JSON number"},
        {"1.", "byte 0: a number needs digits"},
        {"1e", "byte 0: a number needs digits"},
        {".5", "byte 0: a value"},
        {"+1", "byte 0: a value"},
        {"1e999", "too large for a double"},
        {"0x10", "byte 1: bytes behind"},
        {"NaN", "byte 0: a value"},
        {"\"abc", "byte 0: the string is not closed"},
        {"\"abc\\", "byte 0: the string is not closed"},
        {"\"a\nb\"", "byte 2: a control character"},
        {"\"\\x\"", "byte 1: unknown escape"},
        {"\"\\u12g4\"", "byte 1: \\u needs"},
        {"\"\\u12", "byte 1: \\u needs"},
        {"[\"a\\u0000b\"]", "byte 3: \\u0000"},
        {"{\"a\\u0000\":1,\"a\":2}", "byte 3: \\u0000"},
        {"\"\\ud800\"", "byte 1: half of a surrogate"},
        {"\"\\ud800\\u0041\"", "byte 1: half of a surrogate"},
        {"\"\\udc00\"", "byte 1: half of a surrogate"},
        {"\"\xff\"", "byte 1: not UTF-8"},
        {"\"\xed\xa0\x80\"", "byte 1: not UTF-8"},
        {"\"\xe4\xb8\"", "byte 1: not UTF-8"},
        {"\xef\xbb\xbf{}", "byte 0: a value"}, /* a BOM */
        {"{\"a\":1,\"a\":1}", "stands twice"},
        {"{\"a\":1,\"\\u0061\":1}", "stands twice"},
        {"[{\"x\":{\"k\":1,\"l\":2,\"k\":3}}]", "stands twice"},
        {"// c\n1", "byte 0: a value"},
        {"'a'", "byte 0: a value"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_jnode *root = NULL;
        sl_error e = {0};
        if (sl_json_parse(&root, sl_str_c(cases[i].text), MAX, &e) != SL_E_INVALID)
            fail_msg("accepted: %s", cases[i].text);
        if (!strstr(e.text, cases[i].why))
            fail_msg("%s: \"%s\" has no \"%s\"", cases[i].text, e.text, cases[i].why);
        assert_null(root);
    }
    sl_jnode *root = NULL;
    assert_int_equal(sl_json_parse(&root, (sl_str){"[\0]", 3}, MAX, NULL), SL_E_INVALID);
    assert_int_equal(sl_json_parse(&root, (sl_str){"1\0", 2}, MAX, NULL), SL_E_INVALID);
    assert_int_equal(sl_json_parse(&root, SL_STR("[1,2,3]"), 6, NULL), SL_E_TOO_LARGE);
}

static void depth_is_limited(void **state)
{
    for (size_t depth = 63; depth <= 66; depth++) {
        sl_buf text = {0};
        for (size_t i = 0; i < depth; i++)
            sl_buf_adds(&text, i % 2 ? "[" : "{\"a\":");
        sl_buf_adds(&text, "1");
        for (size_t i = depth; i-- > 0;)
            sl_buf_adds(&text, i % 2 ? "]" : "}");
        sl_jnode *root = NULL;
        sl_error e = {0};
        sl_status st = sl_json_parse(&root, sl_buf_str(&text), MAX, &e);
        assert_int_equal(st, depth <= 64 ? SL_OK : SL_E_INVALID);
        if (st)
            assert_non_null(strstr(e.text, "64 levels"));
        sl_json_free(root);
        sl_buf_done(&text);
    }
    sl_buf text = {0};
    for (size_t i = 0; i < MAX; i++)
        sl_buf_addc(&text, '[');
    sl_jnode *root = NULL;
    assert_int_equal(sl_json_parse(&root, sl_buf_str(&text), MAX, NULL), SL_E_INVALID);
    sl_buf_done(&text);
}

/* 100,000 keys: comparing all pairs would take minutes and trip the suite's time limit. */
static void many_keys_are_checked_quickly(void **state)
{
    for (int twice = 0; twice < 2; twice++) {
        sl_buf text = {0};
        sl_buf_adds(&text, "{\"key0\":0");
        for (int i = 1; i < 100000; i++)
            sl_buf_addf(&text, ",\"key%d\":1", i == 99999 && twice ? 0 : i);
        sl_buf_adds(&text, "}");
        sl_jnode *root = NULL;
        assert_int_equal(sl_json_parse(&root, sl_buf_str(&text), MAX, NULL),
                         twice ? SL_E_INVALID : SL_OK);
        if (!twice)
            assert_int_equal(sl_json_size(root), 100000);
        sl_json_free(root);
        sl_buf_done(&text);
    }
}

static void reads_values(void **state)
{
    sl_jnode *root = parse("{\"s\":\"x\",\"b\":true,\"i\":-5,\"f\":1.5,\"n\":null,\"a\":[1,2],"
                           "\"big\":9007199254740992,\"over\":9007199254740993,\"huge\":1e300}");
    sl_str s = SL_STR("untouched");
    bool b = false;
    int64_t i = 7;
    double f = 7;
    assert_true(sl_json_str(sl_json_get(root, "s"), &s) && sl_str_is(s, "x"));
    assert_true(sl_json_bool(sl_json_get(root, "b"), &b) && b);
    assert_true(sl_json_i64(sl_json_get(root, "i"), &i) && i == -5);
    assert_true(sl_json_f64(sl_json_get(root, "f"), &f) && f == 1.5);
    assert_false(sl_json_i64(sl_json_get(root, "f"), &i));
    assert_true(sl_json_i64(sl_json_get(root, "big"), &i) && i == 9007199254740992);
    assert_false(sl_json_i64(sl_json_get(root, "over"), &i));
    assert_false(sl_json_i64(sl_json_get(root, "huge"), &i));
    assert_int_equal(i, 9007199254740992);
    assert_false(sl_json_str(sl_json_get(root, "i"), &s));
    assert_false(sl_json_str(sl_json_get(root, "none"), &s));
    assert_false(sl_json_bool(NULL, &b));
    assert_null(sl_json_get(root, "S"));
    assert_null(sl_json_get(NULL, "s"));
    assert_int_equal(sl_json_kind(NULL), SL_J_NULL);
    assert_int_equal(sl_json_kind(sl_json_get(root, "a")), SL_J_ARRAY);
    assert_int_equal(sl_json_size(sl_json_get(root, "a")), 2);
    assert_int_equal(sl_json_size(root), 9);
    assert_true(sl_str_is(sl_json_key(sl_json_first(root)), "s"));
    assert_true(sl_str_is(sl_json_key(sl_json_next(sl_json_first(root))), "b"));
    assert_null(sl_json_first(sl_json_get(root, "s")));
    sl_json_free(root);
    sl_json_free(NULL);
}

static void changes_values(void **state)
{
    sl_buf out = {0};
    sl_jnode *root = parse("{\"model\":\"auto\",\"n\":1,\"gone\":[1,{\"x\":2}]}");
    assert_int_equal(sl_json_set_str(root, "model", SL_STR("m \"q\"")), SL_OK);
    assert_int_equal(sl_json_set_i64(root, "seed", INT64_MAX), SL_OK);
    assert_int_equal(sl_json_set_i64(root, "n", 2), SL_OK);
    assert_int_equal(sl_json_set_bool(root, "stream", true), SL_OK);
    assert_int_equal(sl_json_set_str(root, "empty", (sl_str){NULL, 0}), SL_OK);
    sl_json_remove(root, "gone");
    sl_json_remove(root, "never");
    assert_int_equal(sl_json_set_str(root, "x", (sl_str){"a\0b", 3}), SL_E_INVALID);
    assert_int_equal(sl_json_set_str(root, "x", SL_STR("\xff")), SL_E_INVALID);
    sl_json_write(root, &out);
    assert_string_equal(out.data, "{\"model\":\"m \\\"q\\\"\",\"n\":2,\"seed\":9223372036854775807,"
                                  "\"stream\":true,\"empty\":\"\"}");
    sl_json_free(root);
    root = parse("[]");
    assert_int_equal(sl_json_set_bool(root, "x", true), SL_E_INVALID);
    sl_json_free(root);
    sl_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_and_writes_back),
        cmocka_unit_test(refuses),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(many_keys_are_checked_quickly),
        cmocka_unit_test(reads_values),
        cmocka_unit_test(changes_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
