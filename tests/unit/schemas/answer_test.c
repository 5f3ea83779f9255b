/* answer_test.c - chunk bodies read back as written, events and whole answers to the byte. */
#include "schemas/chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define NONE        ((sl_str){NULL, 0})
#define STR(s, lit) assert_true(sl_str_is(s, lit))

static void chunks(void **state)
{
    sl_buf b = {0};
    sl_chunk c;
    sl_chunk_write_delta(&b, SL_STR("assistant"), SL_STR("a\"\n\xe4\xb8\xad"), NONE);
    assert_string_equal(
        b.data,
        "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\\\"\\n"
        "\xe4\xb8\xad\"},\"finish_reason\":null}]}");
    assert_int_equal(sl_chunk_parse(&c, sl_buf_str(&b), NULL), SL_OK);
    STR(c.role, "assistant");
    STR(c.content, "a\"\n\xe4\xb8\xad");
    assert_null(c.reasoning.p);
    assert_false(c.heartbeat || c.has_usage || c.has_error);
    sl_chunk_done(&c);

    sl_buf_clear(&b);
    sl_chunk_write_delta(&b, NONE, NONE, SL_STR("hm"));
    assert_int_equal(sl_chunk_parse(&c, sl_buf_str(&b), NULL), SL_OK);
    STR(c.reasoning, "hm");
    assert_null(c.content.p);
    sl_chunk_done(&c);

    sl_buf_clear(&b);
    sl_chunk_write_heartbeat(&b);
    assert_int_equal(sl_chunk_parse(&c, sl_buf_str(&b), NULL), SL_OK);
    assert_true(c.heartbeat);
    sl_chunk_done(&c);

    sl_buf_clear(&b);
    sl_chunk_write_usage(&b, &(sl_usage){7, 5});
    assert_string_equal(
        b.data, "{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":12}}");
    assert_int_equal(sl_chunk_parse(&c, sl_buf_str(&b), NULL), SL_OK);
    assert_true(c.has_usage && !c.heartbeat);
    assert_int_equal(c.usage.prompt_tokens, 7);
    assert_int_equal(c.usage.completion_tokens, 5);
    sl_chunk_done(&c);

    sl_buf_clear(&b);
    sl_chunk_write_error(&b, "gone", "server_error", "upstream_error");
    assert_int_equal(sl_chunk_parse(&c, sl_buf_str(&b), NULL), SL_OK);
    assert_true(c.has_error && !c.heartbeat);
    STR(c.error_message, "gone");
    STR(c.error_type, "server_error");
    STR(c.error_code, "upstream_error");
    sl_chunk_done(&c);
    sl_buf_done(&b);
}

static void upstream_chunks(void **state)
{
    sl_chunk c;
    /* As OpenAI, vLLM and DeepSeek send them. */
    assert_int_equal(
        sl_chunk_parse(
            &c,
            SL_STR(
                "{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
                "\"delta\":{\"content\":null,\"reasoning\":\"r\",\"tool_calls\":[{\"index\":0,"
                "\"function\":{\"arguments\":\"{\"}}]},\"logprobs\":null,\"finish_reason\":null}],"
                "\"usage\":null}"),
            NULL),
        SL_OK);
    assert_null(c.content.p);
    STR(c.reasoning, "r");
    assert_non_null(c.tool_calls);
    assert_false(c.heartbeat);
    sl_chunk_done(&c);
    assert_int_equal(
        sl_chunk_parse(&c, SL_STR("{\"choices\":[{\"index\":0,\"text\":\"t\"}]}"), NULL), SL_OK);
    STR(c.content, "t");
    sl_chunk_done(&c);
    static const char *const bad[] = {
        "",
        "[]",
        "{\"choices\":{}}",
        "{\"choices\":[1]}",
        "{\"choices\":[{\"index\":1,\"delta\":{}}]}",
        "{\"choices\":[{\"delta\":{}},{\"delta\":{}}]}",
        "{\"choices\":[{\"delta\":{\"content\":5}}]}",
        "{\"choices\":[{\"delta\":[]}]}",
        "{\"choices\":[{\"delta\":{\"tool_calls\":{}}}]}",
        "{\"choices\":[{\"delta\":{\"tool_calls\":[1]}}]}",
        "{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":0}}",
        "{\"usage\":{}}",
        "{\"error\":\"x\"}",
        "{\"error\":{\"message\":{}}}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sl_error err = {0};
        if (sl_chunk_parse(&c, sl_str_c(bad[i]), &err) != SL_E_INVALID)
            fail_msg("taken: %s", bad[i]);
        assert_true(err.text[0] != '\0');
    }
}

static void events(void **state)
{
    sl_answer_head chat = {SL_CHAT, "chatcmpl-1", 1700000000, SL_STR("m"), 7};
    sl_answer_head text = {SL_COMPLETION, "cmpl-1", 1700000000, SL_STR("m"), 7};
    sl_chunk c;
    sl_buf b = {0};
    assert_int_equal(
        sl_chunk_parse(
            &c,
            SL_STR("{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
                   "\"abc\",\"tool_calls\":[{\"index\":0}]}}]}"),
            NULL),
        SL_OK);
    sl_sse_write_delta(&b, &chat, &c, SL_STR("bc"), NULL);
    assert_string_equal(
        b.data,
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
        "\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
        "\"bc\","
        "\"tool_calls\":[{\"index\":0}]},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    sl_buf_clear(&b);
    sl_sse_write_delta(&b, &text, &c, SL_STR("bc"), "stop");
    assert_string_equal(
        b.data, "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1700000000,"
                "\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"bc\",\"logprobs\":null,"
                "\"finish_reason\":\"stop\"}]}\n\n");
    sl_chunk_done(&c);
    sl_buf_clear(&b);
    sl_sse_write_finish(&b, &chat, "length");
    assert_string_equal(
        b.data,
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
        "\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_"
        "reason\":"
        "\"length\"}],\"x_sluice_seed\":7}\n\n");
    sl_buf_clear(&b);
    sl_sse_write_usage(&b, &chat, &(sl_usage){1, 2});
    assert_non_null(strstr(b.data,
                           "\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,"
                           "\"total_tokens\":3}}\n\n"));
    sl_buf_clear(&b);
    sl_sse_write_error(&b, "m", "t", NULL);
    sl_sse_write_done(&b);
    assert_string_equal(
        b.data,
        "data: {\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":null,\"code\":null}}\n\n"
        "data: [DONE]\n\n");
    sl_buf_done(&b);
}

static void whole(void **state)
{
    sl_answer_head chat = {SL_CHAT, "chatcmpl-1", 1, SL_STR("m"), 7};
    sl_answer_head text = {SL_COMPLETION, "cmpl-1", 1, SL_STR("m"), 7};
    sl_buf b = {0};
    sl_answer_write(&b, &chat, SL_STR("hi"), NONE, NONE, "stop", &(sl_usage){1, 2});
    assert_string_equal(
        b.data,
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\","
        "\"choices\":[{"
        "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null},"
        "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,"
        "\"completion_tokens\":2,\"total_tokens\":3},\"x_sluice_seed\":7}");
    sl_buf_clear(&b);
    sl_answer_write(&b, &chat, SL_STR(""), SL_STR("r"), SL_STR("[{\"id\":\"1\"}]"), "tool_calls",
                    NULL);
    assert_non_null(strstr(
        b.data, "\"content\":null,\"refusal\":null,\"reasoning_content\":\"r\",\"tool_calls\":[{"
                "\"id\":\"1\"}]}"));
    sl_buf_clear(&b);
    sl_answer_write(&b, &text, SL_STR("hi"), NONE, NONE, "length", NULL);
    assert_string_equal(
        b.data, "{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\","
                "\"choices\":[{\"index\":0,\"text\":\"hi\",\"logprobs\":null,\"finish_reason\":"
                "\"length\"}],\"x_sluice_seed\":7}");
    sl_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks),
        cmocka_unit_test(upstream_chunks),
        cmocka_unit_test(events),
        cmocka_unit_test(whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
