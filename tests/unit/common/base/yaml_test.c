#include "common/base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static sl_yaml *parse(const char *text, bool expand)
{
    sl_yaml *y = NULL;
    sl_error e;
    if (sl_yaml_parse(&y, "t.yaml", sl_str_c(text), expand, &e))
        fail_msg("%s: %s", text, e.text);
    return y;
}

static void builds_a_tree_with_lines(void **state)
{
    sl_yaml *y = parse("# comment\n"
                       "a: 1\n"
                       "b:\n"
                       "  - x\n"
                       "  - \"2\"\n"
                       "  - {c: true, d: off}\n"
                       "e: |\n"
                       "  two\n"
                       "  lines\n"
                       "f:\n"
                       "g: []\n",
                       false);
    const sl_yaml_node *root = sl_yaml_root(y);
    assert_int_equal(root->kind, SL_YAML_MAP);
    const sl_yaml_node *a = sl_yaml_get(root, "a"), *b = sl_yaml_get(root, "b");
    int64_t i = 0;
    bool yes = false;
    assert_int_equal(a->line, 2);
    assert_true(sl_yaml_i64(a, &i) && i == 1);
    assert_int_equal(b->kind, SL_YAML_SEQ);
    assert_int_equal(b->line, 3);
    assert_true(sl_str_is(b->first->scalar, "x"));
    assert_int_equal(b->first->line, 4);
    const sl_yaml_node *two = b->first->next, *map = two->next;
    assert_true(two->quoted);
    assert_false(sl_yaml_i64(two, &i));
    assert_int_equal(map->line, 6);
    assert_true(sl_yaml_bool(sl_yaml_get(map, "c"), &yes) && yes);
    assert_false(sl_yaml_bool(sl_yaml_get(map, "d"), &yes)); /* YAML 1.1's off is text here */
    assert_null(map->next);
    assert_true(sl_str_is(sl_yaml_get(root, "e")->scalar, "two\nlines\n"));
    assert_int_equal(sl_yaml_get(root, "f")->scalar.n, 0);
    assert_null(sl_yaml_get(root, "g")->first);
    assert_null(sl_yaml_get(root, "h"));
    assert_null(sl_yaml_get(a, "x"));
    assert_null(sl_yaml_get(NULL, "x"));
    sl_yaml_free(y);
    sl_yaml_free(NULL);
}

static void empty_files_have_no_root(void **state)
{
    static const char *const texts[] = {"", "\n\n", "# only a comment\n", "---\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        sl_yaml *y = parse(texts[i], true);
        assert_null(sl_yaml_root(y));
        sl_yaml_free(y);
    }
}

static void refuses_with_the_line(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"a: 1\nb: [1, 2\n", "t.yaml:3: not YAML"},
        {"a: 1\n  b: 2\n", "t.yaml:2: not YAML"},
        {"a: 1\n\tb: 2\n", "t.yaml:2: not YAML"},
        {"a: 1\nb: 2\na: 3\n", "t.yaml:3: the key a stands twice (first in line 1)"},
        {"x:\n  a: 1\n  \"a\": 1\n", "t.yaml:3: the key a stands twice"},
        {"a: &x 1\n", "t.yaml:1: anchors"},
        {"a: &x [1]\n", "t.yaml:1: anchors"},
        {"a: 1\nb: *x\n", "t.yaml:2: aliases"},
        {"a: !!int 1\n", "t.yaml:1: tags"},
        {"a: !x {b: 1}\n", "t.yaml:1: tags"},
        {"a: 1\n---\nb: 2\n", "t.yaml:2: a second document"},
        {"# c\n\n%TAG !a! b\n---\na: 1\n", "t.yaml:3: directives"},
        {"%YAML 1.1\n---\na: 1\n", "t.yaml:1: directives"},
        {"? [1]\n: 2\n", "t.yaml:1: a key must be a plain text"},
        {"\"\": 2\n", "t.yaml:1: a key may not be empty"},
        {"a: \"\\0\"\n", "t.yaml:1: a NUL"},
        {"a: 1\nb: \xff\n", "t.yaml:2: not UTF-8"},
        {"a: 1\nb: ${SL_TEST_NOT_SET}\n",
         "t.yaml:2: the environment variable SL_TEST_NOT_SET is not"},
        {"a: ${}\n", "t.yaml:1: ${ must be followed"},
        {"a: ${9X}\n", "t.yaml:1: ${ must be followed"},
        {"a: x${OPEN\n", "t.yaml:1: ${ must be followed"},
        {"a: ${SL-TEST}\n", "t.yaml:1: ${ must be followed"},
    };
    unsetenv("SL_TEST_NOT_SET");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_yaml *y = NULL;
        sl_error e = {0};
        if (sl_yaml_parse(&y, "t.yaml", sl_str_c(cases[i].text), true, &e) != SL_E_INVALID)
            fail_msg("accepted: %s", cases[i].text);
        if (strncmp(e.text, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", cases[i].text, e.text, cases[i].why);
        assert_null(y);
    }
}

static void expands_variables(void **state)
{
    static const struct {
        const char *text, *value;
        bool secret;
    } cases[] = {
        {"a: ${SL_TEST_A}", "one", true},
        {"a: x${SL_TEST_A}y${SL_TEST_B}", "xoney: [2", true}, /* never read as YAML */
        {"a: \"${SL_TEST_A}\"", "one", true},
        {"a: $${SL_TEST_A}", "${SL_TEST_A}", false},
        {"a: $SL_TEST_A $1 $", "$SL_TEST_A $1 $", false},
        {"a: ${SL_TEST_EMPTY}", "", true},
        {"a: plain", "plain", false},
    };
    setenv("SL_TEST_A", "one", 1);
    setenv("SL_TEST_B", ": [2", 1);
    setenv("SL_TEST_EMPTY", "", 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_yaml *y = parse(cases[i].text, true);
        const sl_yaml_node *a = sl_yaml_get(sl_yaml_root(y), "a");
        if (!sl_str_is(a->scalar, cases[i].value))
            fail_msg("%s became %s", cases[i].text, a->scalar.p);
        assert_int_equal(a->secret, cases[i].secret);
        sl_yaml_free(y);
    }
    sl_yaml *y = parse("a: ${SL_TEST_A}", false);
    assert_true(sl_str_is(sl_yaml_get(sl_yaml_root(y), "a")->scalar, "${SL_TEST_A}"));
    sl_yaml_free(y);
}

static sl_status parse_buf(sl_buf *text, sl_error *e)
{
    sl_yaml *y = NULL;
    sl_status st = sl_yaml_parse(&y, "t.yaml", sl_buf_str(text), true, e);
    if (!st)
        sl_yaml_free(y);
    sl_buf_done(text);
    return st;
}

static void limits(void **state)
{
    sl_error e = {0};
    for (int depth = 32; depth <= 33; depth++) {
        sl_buf text = {0};
        for (int i = 0; i < depth; i++)
            sl_buf_adds(&text, "[");
        for (int i = 0; i < depth; i++)
            sl_buf_adds(&text, "]");
        assert_int_equal(parse_buf(&text, &e), depth == 32 ? SL_OK : SL_E_INVALID);
    }
    assert_non_null(strstr(e.text, "32 levels"));
    sl_buf deep = {0}, many = {0}, large = {0}, twice = {0};
    for (int i = 0; i < 100000; i++)
        sl_buf_adds(&deep, "[");
    assert_int_equal(parse_buf(&deep, &e), SL_E_INVALID);
    for (int i = 0; i < 100001; i++)
        sl_buf_adds(&many, "- x\n");
    assert_int_equal(parse_buf(&many, &e), SL_E_TOO_LARGE);
    assert_non_null(strstr(e.text, "t.yaml:100000: more than"));
    sl_buf_adds(&large, "# ");
    while (large.len <= 1024 * 1024)
        sl_buf_adds(&large, "xxxxxxxxxxxxxxxx");
    assert_int_equal(parse_buf(&large, &e), SL_E_TOO_LARGE);
    for (int i = 0; i < 50000; i++) /* all pairs would take seconds */
        sl_buf_addf(&twice, "k%d: 1\n", i % 49999);
    assert_int_equal(parse_buf(&twice, &e), SL_E_INVALID);
    assert_non_null(strstr(e.text, "t.yaml:50000: the key k0 stands twice (first in line 1)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_a_tree_with_lines),
        cmocka_unit_test(empty_files_have_no_root),
        cmocka_unit_test(refuses_with_the_line),
        cmocka_unit_test(expands_variables),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
