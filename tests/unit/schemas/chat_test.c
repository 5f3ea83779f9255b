/* chat_test.c - what OpenAI clients send is taken, what is wrong is refused by name, and no string
 * escapes the walk. */
#include "schemas/chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define MAX 1000000

static sl_chat *must_parse(sl_chat_kind kind, const char *body)
{
    sl_chat *c = NULL;
    sl_chat_fault fault;
    sl_error err = {0};
    if (sl_chat_parse(&c, kind, sl_str_c(body), MAX, &fault, &err))
        fail_msg("refused: %s (%s, %s)\n%s", err.text, fault.param, fault.code, body);
    return c;
}

#define STR(s, lit) assert_true(sl_str_is(s, lit))

static void accepts(void **state)
{
    static const char *const bodies[] = {
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        "{\"model\":\"auto\",\"messages\":[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":"
        "\"system\","
        "\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},{\"role\":\"user\",\"content\":\"hi\","
        "\"name\":\"bob\"}]}",
        /* an assistant's tool turn as openai-python dumps it, and the tool's answer */
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"w?\"},{\"content\":null,"
        "\"refusal\":null,"
        "\"role\":\"assistant\",\"annotations\":[],\"audio\":null,\"function_call\":null,\"tool_"
        "calls\":[{\"id\":"
        "\"call_1\",\"function\":{\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\",\"name\":\"get_"
        "weather\"},\"type\":"
        "\"function\"}]},{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"{\\\"t\\\":3}"
        "\"}],\"tools\":["
        "{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"parameters\":{\"type\":"
        "\"object\"}}}],"
        "\"tool_choice\":\"auto\",\"parallel_tool_calls\":true}",
        "{\"messages\":[{\"role\":\"assistant\",\"function_call\":{\"name\":\"f\",\"arguments\":\"{"
        "}\"}},"
        "{\"role\":\"function\",\"name\":\"f\",\"content\":null}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"temperature\":2,\"top_p\":1,\"n\":"
        "1,\"stop\":[\"a\",\"b\"],"
        "\"seed\":9007199254740992,\"presence_penalty\":-2,\"frequency_penalty\":2,\"logit_bias\":{"
        "\"50256\":-100},"
        "\"logprobs\":false,\"top_logprobs\":0,\"user\":\"u\",\"metadata\":{\"k\":\"v\"},\"store\":"
        "false,"
        "\"service_tier\":\"auto\",\"reasoning_effort\":\"low\",\"max_completion_tokens\":5,"
        "\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true},\"response_format\":{\"type\":\"json_object\"}"
        ",\"top_k\":40,"
        "\"min_p\":0.1,\"modalities\":[\"text\"],\"verbosity\":\"low\",\"prompt_cache_key\":\"k\"}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"temperature\":null,\"stop\":null,"
        "\"n\":null,"
        "\"tools\":null,\"stream\":null,\"max_tokens\":null,\"logprobs\":null,\"functions\":null}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
        "\"url\":\"u\"}}]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"hologram\",\"x\":1}]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tool_choice\":{\"type\":"
        "\"function\",\"function\":"
        "{\"name\":\"f\"}},\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
        "\"n\",\"schema\":{}}}}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        sl_chat_free(must_parse(SL_CHAT, bodies[i]));
    sl_chat_free(must_parse(
        SL_COMPLETION, "{\"prompt\":[\"once\"],\"best_of\":1,\"echo\":false,\"suffix\":null}"));
}

static void fields(void **state)
{
    sl_chat *c = must_parse(
        SL_CHAT,
        "{\"messages\":[{\"role\":\"user\",\"name\":\"bob\",\"content\":[{\"type\":\"text\","
        "\"text\":\"a\"},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}},{\"type\":\"text\",\"text\":\"b\"}]"
        "},"
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\",\"type\":"
        "\"function\",\"function\":"
        "{\"name\":\"f\",\"arguments\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\","
        "\"content\":\"\"}],"
        "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"seed\":-5,\"temperature\":0."
        "5,\"top_p\":0.25,"
        "\"top_k\":7,\"max_tokens\":9,\"stop\":\"END\",\"user\":\"u1\",\"presence_penalty\":1.5}");
    STR(c->model, "auto");
    assert_int_equal(c->messages_n, 3);
    STR(c->messages[0].content, "a\nb");
    STR(c->messages[0].name, "bob");
    assert_true(c->messages[0].opaque);
    assert_true(sl_chat_has_opaque(c));
    assert_null(c->messages[1].content.p);
    assert_non_null(c->messages[1].tool_calls);
    STR(c->messages[2].tool_call_id, "1");
    assert_non_null(c->messages[2].content.p);
    assert_true(c->stream && c->include_usage && c->has_seed && c->has_temperature && c->has_top_p);
    assert_true(c->has_top_k && c->has_max_tokens);
    assert_int_equal(c->seed, -5);
    assert_int_equal(c->top_k, 7);
    assert_int_equal(c->max_tokens, 9);
    assert_true(c->temperature == 0.5 && c->top_p == 0.25 && c->presence_penalty == 1.5);
    assert_int_equal(c->stop_n, 1);
    STR(c->stop[0], "END");
    STR(c->user, "u1");
    sl_chat_free(c);

    c = must_parse(SL_COMPLETION, "{\"model\":\"m\",\"prompt\":\"once\",\"top_k\":-1}");
    STR(c->prompt, "once");
    assert_false(c->has_top_k || c->has_seed || c->stream);
    sl_chat_free(c);
}

#define U "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
static const struct refusal {
    const char *body, *param, *code;
} REFUSALS[] = {
    {"", "", "invalid_json"},
    {"{", "", "invalid_json"},
    {"[]", "", "invalid_type"},
    {"{" U "} x", "", "invalid_json"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", "", "invalid_json"},
    {"{}", "messages", "missing_required_parameter"},
    {"{\"messages\":[]}", "messages", "empty_array"},
    {"{\"messages\":\"x\"}", "messages", "invalid_type"},
    {"{\"messages\":[1]}", "messages[0]", "invalid_type"},
    {"{\"messages\":[{\"content\":\"x\"}]}", "messages[0].role", "missing_required_parameter"},
    {"{\"messages\":[{\"role\":\"robot\",\"content\":\"x\"}]}", "messages[0].role",
     "invalid_value"},
    {"{\"messages\":[{\"role\":3,\"content\":\"x\"}]}", "messages[0].role", "invalid_type"},
    {"{\"messages\":[{\"role\":\"user\"}]}", "messages[0].content", "missing_required_parameter"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":null}]}", "messages[0].content",
     "invalid_type"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"a\"},{"
     "\"role\":\"user\","
     "\"content\":5}]}",
     "messages[2].content", "invalid_type"},
    {"{\"messages\":[{\"role\":\"assistant\",\"content\":null}]}", "messages[0].content",
     "invalid_type"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[]}]}", "messages[0].content", "empty_array"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[\"a\"]}]}", "messages[0].content[0]",
     "invalid_type"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]}",
     "messages[0].content[0].type", "missing_required_parameter"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
     "messages[0].content[0].text", "missing_required_parameter"},
    {"{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "messages[0].tool_call_id",
     "missing_required_parameter"},
    {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\","
     "\"function\":"
     "{\"name\":\"f\",\"arguments\":{}}}]}]}",
     "messages[0].tool_calls[0].function.arguments", "invalid_type"},
    {"{" U ",\"model\":5}", "model", "invalid_type"},
    {"{" U ",\"model\":\"\"}", "model", "invalid_value"},
    {"{" U ",\"temperature\":2.1}", "temperature", "invalid_value"},
    {"{" U ",\"temperature\":\"1\"}", "temperature", "invalid_type"},
    {"{" U ",\"top_p\":0}", "top_p", "invalid_value"},
    {"{" U ",\"top_p\":1.1}", "top_p", "invalid_value"},
    {"{" U ",\"top_k\":1.5}", "top_k", "invalid_value"},
    {"{" U ",\"n\":2}", "n", "unsupported_value"},
    {"{" U ",\"seed\":1.5}", "seed", "invalid_value"},
    {"{" U ",\"seed\":9223372036854775807}", "seed", "invalid_value"},
    {"{" U ",\"max_tokens\":0}", "max_tokens", "invalid_value"},
    {"{" U ",\"max_tokens\":5,\"max_completion_tokens\":5}", "max_completion_tokens",
     "invalid_value"},
    {"{" U ",\"stop\":[\"a\",5]}", "stop[1]", "invalid_type"},
    {"{" U ",\"stop\":\"\"}", "stop", "invalid_value"},
    {"{" U ",\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\",\"c\","
     "\"d\",\"e\",\"f\","
     "\"g\",\"h\"]}",
     "stop", "array_above_max_length"},
    {"{" U ",\"stream\":1}", "stream", "invalid_type"},
    {"{" U ",\"stream_options\":{\"include_usage\":true}}", "stream_options", "invalid_value"},
    {"{" U ",\"stream\":true,\"stream_options\":{\"x\":true}}", "stream_options",
     "unknown_parameter"},
    {"{" U ",\"logprobs\":true}", "logprobs", "unsupported_parameter"},
    {"{" U ",\"functions\":[]}", "functions", "unsupported_parameter"},
    {"{" U ",\"moderation\":{}}", "moderation", "unsupported_parameter"},
    {"{" U ",\"prompt_cache_options\":1}", "prompt_cache_options", "invalid_type"},
    {"{" U ",\"audio\":{}}", "audio", "unsupported_parameter"},
    {"{" U ",\"modalities\":[\"text\",\"audio\"]}", "modalities", "unsupported_value"},
    {"{" U ",\"metadata\":{\"k\":1}}", "metadata", "invalid_type"},
    {"{" U ",\"logit_bias\":{\"x\":1}}", "logit_bias", "invalid_value"},
    {"{" U ",\"logit_bias\":{\"1\":101}}", "logit_bias", "invalid_value"},
    {"{" U ",\"tools\":{}}", "tools", "invalid_type"},
    {"{" U ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}]}",
     "tools[0].function.name", "invalid_value"},
    {"{" U ",\"tool_choice\":\"maybe\"}", "tool_choice", "invalid_value"},
    {"{" U ",\"response_format\":{\"type\":\"xml\"}}", "response_format.type", "invalid_value"},
    {"{" U ",\"response_format\":{\"type\":\"json_schema\"}}", "response_format.json_schema",
     "missing_required_parameter"},
    {"{" U ",\"reasoning_effort\":\"huge\"}", "reasoning_effort", "invalid_value"},
    {"{" U ",\"temprature\":1}", "temprature", "unknown_parameter"},
    {"{" U ",\"x_sluice_kind\":\"completion\"}", "x_sluice_kind", "unknown_parameter"},
    {"{" U ",\"prompt\":\"x\"}", "prompt", "unknown_parameter"},
    {"{" U ",\"a\\u0001b\xc3\xa9\":1}", "a?b??", "unknown_parameter"},
};

static void refuses(void **state)
{
    for (size_t i = 0; i < sizeof(REFUSALS) / sizeof(REFUSALS[0]); i++) {
        const struct refusal *t = &REFUSALS[i];
        sl_chat *c = NULL;
        sl_chat_fault fault;
        sl_error err = {0};
        if (sl_chat_parse(&c, SL_CHAT, sl_str_c(t->body), MAX, &fault, &err) != SL_E_INVALID)
            fail_msg("taken: %s", t->body);
        if (strcmp(fault.param, t->param) != 0 || strcmp(fault.code, t->code) != 0)
            fail_msg("%s: param %s code %s: %s", t->body, fault.param, fault.code, err.text);
        assert_null(c);
        assert_true(err.text[0] != '\0');
    }
    sl_chat *c = NULL;
    sl_chat_fault fault;
    sl_error err = {0};
    assert_int_equal(
        sl_chat_parse(&c, SL_CHAT, SL_STR("{" U ",\"temprature\":1}"), MAX, &fault, &err),
        SL_E_INVALID);
    assert_string_equal(err.text, "Unrecognized request argument supplied: temprature");
    assert_int_equal(sl_chat_parse(&c, SL_CHAT, SL_STR("{" U "}"), 10, &fault, &err),
                     SL_E_TOO_LARGE);
    static const char *const prompts[] = {"{}", "{\"prompt\":[1,2]}", "{\"prompt\":[\"a\",\"b\"]}",
                                          "{\"prompt\":\"a\",\"messages\":[]}",
                                          "{\"prompt\":\"a\",\"echo\":true}"};
    for (size_t i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++)
        assert_int_equal(sl_chat_parse(&c, SL_COMPLETION, sl_str_c(prompts[i]), MAX, NULL, NULL),
                         SL_E_INVALID);
}

/* ---- strings ---- */

typedef struct heard {
    sl_buf all; /* "where=text\n" */
    int left;   /* stops when it reaches 0; < 0: never */
} heard;

static bool hear(void *arg, const char *where, sl_str text)
{
    heard *h = arg;
    sl_buf_addf(&h->all, "%s=", where);
    sl_buf_add_str(&h->all, text);
    sl_buf_addc(&h->all, '\n');
    return h->left < 0 || --h->left > 0;
}

static const char SPEAKING[] =
    "{\"model\":\"MODEL\",\"messages\":[{\"role\":\"system\",\"content\":\"S1\"},{\"role\":"
    "\"user\",\"name\":\"S2\","
    "\"content\":[{\"type\":\"text\",\"text\":\"4111 1111\"},{\"type\":\"text\",\"text\":\" "
    "1111 1111\"},"
    "{\"type\":\"wild\",\"deep\":{\"er\":[\"S3\",{\"K4\":\"S4\"}]}}],\"odd member\":\"S5\"},"
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"S6\",\"type\":"
    "\"function\",\"function\":"
    "{\"name\":\"S7\",\"arguments\":\"{\\\"K8\\\":\\\"S8\\\\u0041\\\",\\\"card\\\":"
    "4111111111111111111}\"}}]},"
    "{\"role\":\"tool\",\"tool_call_id\":\"S6\",\"content\":\"[\\\"S9\\\"]\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"S10\","
    "\"parameters\":"
    "{\"type\":\"object\",\"properties\":{\"K11\":{\"enum\":[\"S11\",13800138000]}}}}}],"
    "\"metadata\":{\"K12\":\"S12\"},\"stop\":[\"S13\"],\"user\":\"S14\",\"logit_bias\":{"
    "\"12345\":1},"
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"S15\","
    "\"schema\":{\"title\":\"S16\"}}},"
    "\"prediction\":{\"type\":\"content\",\"content\":\"S17\"},\"seed\":4111111111111111}";
static const char *const EXPECTED[] = {
    "messages[0].content=S1\n",
    "messages[1].name=S2\n",
    "messages[1].content=4111 1111 1111 1111\n",
    "messages[1].content[0].text=4111 1111\n",
    "=deep\n",
    "=S3\n",
    "=K4: S4\n",
    "=S4\n",
    "=odd member: S5\n",
    "messages[1].*=S5\n",
    "messages[2].tool_calls[0].id=S6\n",
    "=S7\n",
    "messages[2].tool_calls[0].function.arguments={\"K8\":\"S8\\u0041\",\"card\":"
    "4111111111111111111}\n",
    "=K8: S8A\n",
    "messages[2].tool_calls[0].function.arguments!.*=S8A\n",
    "=card: 4111111111111111111\n",
    "=4111111111111111111\n",
    "messages[3].content=[\"S9\"]\n",
    "messages[3].content![0]=S9\n",
    "=S10\n",
    "=K11\n",
    "=S11\n",
    "=13800138000\n",
    "metadata.*=K12: S12\n",
    "metadata.*=S12\n",
    "stop[0]=S13\n",
    "user=S14\n",
    "=S15\n",
    "=S16\n",
    "prediction.content=S17\n",
};
static const char *const NEVER[] = {"MODEL",   "12345",       "=4111111111111111\n",
                                    "=system", "odd member=", "K11="};

static void strings(void **state)
{
    sl_chat *c = must_parse(SL_CHAT, SPEAKING);
    heard h = {.left = -1};
    assert_true(sl_chat_strings(c, hear, &h));
    const char *all = sl_buf_str(&h.all).p;
    for (size_t i = 0; i < sizeof(EXPECTED) / sizeof(EXPECTED[0]); i++) {
        if (!strstr(all, EXPECTED[i]))
            fail_msg("not heard: %s\nin\n%s", EXPECTED[i], all);
    }
    for (size_t i = 0; i < sizeof(NEVER) / sizeof(NEVER[0]); i++) {
        if (strstr(all, NEVER[i]))
            fail_msg("heard: %s\nin\n%s", NEVER[i], all);
    }
    h.left = 1;
    sl_buf_clear(&h.all);
    assert_false(sl_chat_strings(c, hear, &h));
    assert_string_equal(h.all.data, "messages[0].content=S1\n");
    sl_buf_done(&h.all);
    sl_chat_free(c);

    c = must_parse(SL_COMPLETION, "{\"prompt\":[\"P1\"],\"user\":\"P2\"}");
    h = (heard){.left = -1};
    assert_true(sl_chat_strings(c, hear, &h));
    assert_string_equal(h.all.data, "prompt[0]=P1\nuser=P2\n");
    sl_buf_done(&h.all);
    sl_chat_free(c);
}

/* A path that is longer than its buffer keeps its beginning; nothing is lost or overrun. */
static void deep_strings(void **state)
{
    sl_buf b = {0};
    sl_buf_adds(&b, "{" U
                    ",\"metadata\":null,\"response_format\":{\"type\":\"json_object\",\"schema\":");
    for (int i = 0; i < 40; i++)
        sl_buf_adds(&b, "{\"additionalProperties\":");
    sl_buf_adds(&b, "\"BOTTOM\"");
    for (int i = 0; i < 40; i++)
        sl_buf_adds(&b, "}");
    sl_buf_adds(&b, "}}");
    sl_chat *c = must_parse(SL_CHAT, b.data);
    heard h = {.left = -1};
    assert_true(sl_chat_strings(c, hear, &h));
    assert_non_null(strstr(h.all.data, "=BOTTOM\n"));
    sl_buf_done(&h.all);
    sl_buf_done(&b);
    sl_chat_free(c);
}

static void opaque(void **state)
{
    static const struct {
        const char *body;
        bool opaque;
    } cases[] = {
        {"{" U "}", false},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":"
         "{}}]}]}",
         true},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{}}]}]}",
         true},
        {"{\"messages\":[{\"role\":\"assistant\",\"audio\":{\"id\":\"a\"}}]}", true},
        {"{" U
         ",\"prediction\":{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}}",
         false},
        {"{" U ",\"prediction\":{\"type\":\"content\",\"content\":[{\"type\":\"img\"}]}}", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_chat *c = must_parse(SL_CHAT, cases[i].body);
        assert_int_equal(sl_chat_has_opaque(c), cases[i].opaque);
        sl_chat_free(c);
    }
}

static void decided(void **state)
{
    sl_chat *c = must_parse(SL_CHAT, "{\"model\":\"auto\"," U
                                     ",\"seed\":1,\"stream\":false,\"user\":\"u\"}");
    sl_buf b = {0};
    assert_int_equal(sl_chat_decided(c, "smol", 42, &b), SL_OK);
    assert_string_equal(b.data,
                        "{" U ",\"stream\":false,\"user\":\"u\",\"model\":\"smol\",\"seed\":42}");
    STR(c->model, "auto"); /* the client's view is untouched */
    sl_buf_clear(&b);
    assert_int_equal(sl_chat_upstream(c, NULL, &b), SL_OK);
    assert_string_equal(b.data,
                        "{" U ",\"seed\":1,\"user\":\"u\",\"model\":\"auto\",\"stream\":true,"
                        "\"stream_options\":{\"include_usage\":true}}");
    sl_chat_free(c);

    c = must_parse(SL_COMPLETION, "{\"prompt\":\"once\",\"stream\":true,\"stream_options\":{}}");
    sl_buf_clear(&b);
    assert_int_equal(sl_chat_decided(c, "smol", -3, &b), SL_OK);
    sl_chat_free(c);
    assert_int_equal(sl_chat_parse_decided(&c, sl_buf_str(&b), NULL), SL_OK);
    assert_int_equal(c->kind, SL_COMPLETION);
    STR(c->prompt, "once");
    STR(c->model, "smol");
    assert_int_equal(c->seed, -3);
    sl_buf_clear(&b);
    assert_int_equal(sl_chat_upstream(c, "gpt", &b), SL_OK);
    assert_null(strstr(b.data, "x_sluice_kind"));
    assert_non_null(strstr(b.data, "\"model\":\"gpt\""));
    sl_chat_free(c);
    sl_buf_done(&b);
    assert_int_equal(sl_chat_parse_decided(&c, SL_STR("{\"messages\":[]}"), NULL), SL_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts), cmocka_unit_test(fields),       cmocka_unit_test(refuses),
        cmocka_unit_test(strings), cmocka_unit_test(deep_strings), cmocka_unit_test(opaque),
        cmocka_unit_test(decided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
