/* The OpenAI adapter: events of a stream, errors, the request's form. */
#include "public-worker/adapter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct heard {
    sl_upstream_turn turn;
    sl_buf text, reasoning, chunks;
} heard;

static void on_text(void *arg, sl_str content, sl_str reasoning)
{
    heard *h = arg;
    sl_buf_add_str(&h->text, content);
    sl_buf_add_str(&h->reasoning, reasoning);
}

static void on_chunk(void *arg, sl_str body)
{
    heard *h = arg;
    sl_buf_add_str(&h->chunks, body);
    sl_buf_addc(&h->chunks, '\n');
}

static void events_become_text_chunks_and_ends(void **state)
{
    static const struct {
        sl_chat_kind kind;
        const char *event, *text, *reasoning, *chunks;
        sl_end end;
        sl_status status;
    } cases[] = {
        {SL_CHAT,
         "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}", "",
         "", "", SL_END_NONE, SL_OK},
        {SL_CHAT,
         "{\"id\":\"a\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi "
         "é\"},\"finish_reason\":null}]}",
         "Hi é", "", "", SL_END_NONE, SL_OK},
        {SL_CHAT, "{\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}", "", "hm", "",
         SL_END_NONE, SL_OK},
        {SL_CHAT, "{\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}", "", "hm", "", SL_END_NONE,
         SL_OK},
        {SL_CHAT, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}", "", "",
         "", SL_END_LENGTH, SL_OK},
        {SL_CHAT, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"eos\"}]}", "", "",
         "", SL_END_STOP, SL_OK},
        {SL_CHAT, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"content_filter\"}]}",
         "", "", "", SL_END_CONTENT_FILTER, SL_OK},
        {SL_CHAT, "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}", "", "", "",
         SL_END_NONE, SL_OK},
        {SL_CHAT,
         "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\"}]},"
         "\"finish_reason\":\"tool_calls\"}]}",
         "", "",
         "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\"}]},"
         "\"finish_reason\":null}]}\n",
         SL_END_TOOL_CALLS, SL_OK},
        {SL_COMPLETION, "{\"choices\":[{\"index\":0,\"text\":\"abc\",\"finish_reason\":\"stop\"}]}",
         "abc", "", "", SL_END_STOP, SL_OK},
        {SL_CHAT, "{\"choices\":[]}", "", "", "", SL_END_NONE, SL_OK},
        {SL_CHAT, "{\"error\":{\"message\":\"10.0.0.7 exploded\"}}", "", "", "", SL_END_NONE,
         SL_E_UNAVAILABLE},
        {SL_CHAT, "not json", "", "", "", SL_END_NONE, SL_E_CORRUPT},
        {SL_CHAT, "[1]", "", "", "", SL_END_NONE, SL_E_CORRUPT},
        {SL_CHAT, "{\"choices\":[{\"delta\":{\"content\":7}}]}", "", "", "", SL_END_NONE, SL_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        heard h = {.turn = {.text = on_text, .chunk = on_chunk, .kind = cases[i].kind}};
        sl_error err = {0};
        h.turn.arg = &h;
        assert_int_equal(sl_openai_adapter.event(&h.turn, sl_str_c(cases[i].event), &err),
                         cases[i].status);
        assert_string_equal(h.text.data ? h.text.data : "", cases[i].text);
        assert_string_equal(h.reasoning.data ? h.reasoning.data : "", cases[i].reasoning);
        assert_string_equal(h.chunks.data ? h.chunks.data : "", cases[i].chunks);
        assert_int_equal(h.turn.end, cases[i].end);
        assert_null(strstr(err.text, "10.0.0.7"));
        sl_buf_done(&h.text);
        sl_buf_done(&h.reasoning);
        sl_buf_done(&h.chunks);
    }
}

static void usage_and_the_end_mark(void **state)
{
    heard h = {.turn = {.text = on_text, .chunk = on_chunk}};
    h.turn.arg = &h;
    assert_int_equal(
        sl_openai_adapter.event(
            &h.turn,
            SL_STR("{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}"),
            NULL),
        SL_OK);
    assert_true(h.turn.has_usage);
    assert_int_equal(h.turn.usage.prompt_tokens, 7);
    assert_int_equal(h.turn.usage.completion_tokens, 3);
    assert_false(h.turn.done);
    assert_int_equal(sl_openai_adapter.event(&h.turn, SL_STR("[DONE]"), NULL), SL_OK);
    assert_true(h.turn.done);
    /* What comes after the end mark is not the answer. */
    assert_int_equal(sl_openai_adapter.event(
                         &h.turn, SL_STR("{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}"), NULL),
                     SL_OK);
    assert_int_equal(h.text.len, 0);
}

static void errors_are_definite_and_tell_nothing_of_the_upstream(void **state)
{
    static const struct {
        int http;
        const char *body;
        sl_status want;
    } cases[] = {
        {400, "{\"error\":{\"message\":\"host gpu-7 says no\"}}", SL_E_INVALID},
        {400, "{\"error\":{\"code\":\"context_length_exceeded\"}}", SL_E_TOO_LARGE},
        {401, "key sk-secret is wrong on gpu-7", SL_E_DENIED},
        {403, "", SL_E_DENIED},
        {404, "", SL_E_NOT_FOUND},
        {408, "", SL_E_TIMEOUT},
        {413, "", SL_E_TOO_LARGE},
        {422, "", SL_E_INVALID},
        {429, "", SL_E_FULL},
        {500, "gpu-7 Traceback", SL_E_UNAVAILABLE},
        {503, "", SL_E_UNAVAILABLE},
        {504, "", SL_E_TIMEOUT},
        {302, "", SL_E_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_error err = {0};
        assert_int_equal(sl_openai_adapter.error(cases[i].http, sl_str_c(cases[i].body), &err),
                         cases[i].want);
        assert_true(err.text[0] != 0);
        assert_null(strstr(err.text, "gpu-7"));
        assert_null(strstr(err.text, "sk-secret"));
    }
}

static void the_request_names_the_upstreams_model(void **state)
{
    sl_chat *c = NULL;
    sl_error err = {0};
    sl_str decided = SL_STR(
        "{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"seed\":1}");
    assert_int_equal(sl_chat_parse_decided(&c, decided, &err), SL_OK);
    sl_buf body = {0};
    const char *path = NULL;
    assert_int_equal(sl_openai_adapter.build(c, "vendor-7b", &path, &body, &err), SL_OK);
    assert_string_equal(path, "/chat/completions");
    assert_non_null(strstr(body.data, "\"vendor-7b\""));
    assert_null(strstr(body.data, "\"fast\""));
    assert_non_null(strstr(body.data, "\"stream\":true"));
    assert_non_null(strstr(body.data, "include_usage"));
    assert_null(strstr(body.data, "x_sluice"));
    sl_buf_done(&body);
    sl_chat_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_become_text_chunks_and_ends),
        cmocka_unit_test(usage_and_the_end_mark),
        cmocka_unit_test(errors_are_definite_and_tell_nothing_of_the_upstream),
        cmocka_unit_test(the_request_names_the_upstreams_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
