/* answer_test.c - tool call deltas become whole tool calls. */
#include "gateway/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void add_tools(sl_answer *a, const char *json)
{
    sl_jnode *n = NULL;
    assert_int_equal(sl_json_parse(&n, sl_str_c(json), 65536, NULL), SL_OK);
    sl_answer_add(a, &(sl_chunk){.tool_calls = n});
    sl_json_free(n);
}

static void deltas_are_merged_by_index(void **state)
{
    (void)state;
    sl_answer a = {0};
    sl_buf out = {0};
    sl_answer_add(&a, &(sl_chunk){.content = SL_STR("one "), .reasoning = SL_STR("why")});
    add_tools(&a, "[{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                  "\"arguments\":\"{\\\"a\\\"\"}}]");
    add_tools(&a, "[{\"index\":1,\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"g\","
                  "\"arguments\":\"{}\"}}]");
    add_tools(&a, "[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]");
    sl_answer_add(&a, &(sl_chunk){.content = SL_STR("two")});
    sl_answer_tool_calls(&a, &out);
    assert_string_equal(out.data, "[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":"
                                  "\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
                                  "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":"
                                  "\"g\",\"arguments\":\"{}\"}}]");
    assert_string_equal(a.content.data, "one two");
    assert_string_equal(a.reasoning.data, "why");
    assert_false(a.failed);
    sl_answer_done(&a);
    sl_buf_done(&out);
}

static void no_tools_write_nothing(void **state)
{
    (void)state;
    sl_answer a = {0};
    sl_buf out = {0};
    sl_answer_add(&a, &(sl_chunk){.content = SL_STR("x")});
    sl_answer_tool_calls(&a, &out);
    assert_int_equal(out.len, 0);
    sl_answer_done(&a);
    sl_buf_done(&out);
}

static void too_many_tool_calls_fail(void **state)
{
    (void)state;
    sl_answer a = {0};
    char json[128];
    for (int i = 0; i <= SL_ANSWER_TOOLS_MAX; i++) {
        assert_false(a.failed);
        snprintf(json, sizeof(json), "[{\"index\":%d,\"function\":{\"name\":\"f\"}}]", i);
        add_tools(&a, json);
    }
    assert_true(a.failed);
    sl_answer_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deltas_are_merged_by_index),
        cmocka_unit_test(no_tools_write_nothing),
        cmocka_unit_test(too_many_tool_calls_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
