#include "help.h"

#include "private-worker/engine/template.h"

#define MESSAGES_MAX 4
static sl_status render(const char *template, const sl_chat_message *msgs, size_t n, sl_buf *out,
                        sl_error *why)
{
    sl_template *t = NULL;
    OK(sl_template_open(&t, template ? sl_str_c(template) : (sl_str){0}, SL_STR("<s>"), err));
    sl_chat c = {.kind = SL_CHAT, .messages = (sl_chat_message *)msgs, .messages_n = n};
    sl_prompt p = {0};
    sl_status st = sl_template_render(t, &c, &p, why);
    sl_buf_clear(out);
    sl_buf_add_str(out, sl_buf_str(&p.text));
    for (size_t i = 0; i < p.plain_n; i++) /* spans ascend and lie inside */
        assert_true(p.plain[i].off + p.plain[i].n <=
                    (i + 1 < p.plain_n ? p.plain[i + 1].off : p.text.len));
    sl_prompt_done(&p);
    sl_template_free(t);
    return st;
}

#define CHATML                                                                   \
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + " \
    "message['content'] + '<|im_end|>' + "                                       \
    "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
static const char *const smollm = "{% for message in messages %}{% if loop.first and "
                                  "messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
                                  "You are kind<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + "
                                  "message['role'] + '\n' + message['content'] + "
                                  "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt "
                                  "%}{{ '<|im_start|>assistant\n' }}{% endif %}";
static const char *const multiline =
    "{%- for message in messages -%}\n    {{ '<|im_start|>' + message.role + '\\n' + "
    "message.content + '<|im_end|>\\n' }}\n"
    "{%- endfor %}\n{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
static const char *const llama3 =
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = "
    "'<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if "
    "loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if "
    "add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

static void known_families(void **state)
{
    const sl_chat_message talk[] = {{.role = SL_STR("system"), .content = SL_STR("S")},
                                    {.role = SL_STR("user"), .content = SL_STR(" U ")},
                                    {.role = SL_STR("assistant"), .content = SL_STR("A")},
                                    {.role = SL_STR("user"), .content = SL_STR("V")}};
    sl_buf out = {0};
    sl_error why;
    assert_int_equal(render(CHATML, talk, 4, &out, &why), SL_OK);
    const char *want = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n U "
                       "<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n"
                       "<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n";
    assert_string_equal(out.data, want);
    assert_int_equal(render(multiline, talk, 4, &out, &why), SL_OK);
    assert_string_equal(out.data, want);
    assert_int_equal(render(smollm, talk, 4, &out, &why), SL_OK);
    assert_string_equal(out.data, want);
    assert_int_equal(render(smollm, talk + 3, 1, &out, &why), SL_OK);
    assert_string_equal(out.data,
                        "<|im_start|>system\nYou are "
                        "kind<|im_end|>\n<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n");
    assert_int_equal(render(llama3, talk, 2, &out, &why), SL_OK);
    assert_string_equal(
        out.data,
        "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user"
        "<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
    sl_buf_done(&out);
}

static void unknown_ones_are_refused_by_digest(void **state)
{
    const sl_chat_message hi = {.role = SL_STR("user"), .content = SL_STR("hi")};
    static const char *const unknown[] = {
        "", "{{ messages }}", "{% for message in messages %}{{ message['content'] }}{% endfor %}",
        CHATML "x", "x" CHATML, CHATML " ", "\n" CHATML, " {{''}}" CHATML,
        /* one word of the program differs: the user's turns would be dropped */
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['name'] "
        "+ '<|im_end|>' + '\\n'}}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        "{%", "{{ '", "'", "{{ 'a\\", "-%}", "{%- -%}"};
    sl_buf out = {0};
    sl_error why;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(render(unknown[i], &hi, 1, &out, &why), SL_E_UNSUPPORTED);
        assert_non_null(strstr(why.text, "digest"));
    }
    assert_int_equal(render(NULL, &hi, 1, &out, &why), SL_E_UNSUPPORTED);
    assert_non_null(strstr(why.text, "no chat template"));
    sl_buf_done(&out);
}

/* Tool turns and null content have a form; an earlier call is not dropped. */
static void tool_turns_render(void **state)
{
    sl_jnode *calls = NULL;
    OK(sl_json_parse(&calls,
                     SL_STR("[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                            "\"arguments\":\"{}\"}}]"),
                     1000, err));
    const sl_chat_message talk[] = {
        {.role = SL_STR("developer"), .content = SL_STR("D")},
        {.role = SL_STR("assistant"), .tool_calls = calls},
        {.role = SL_STR("tool"), .content = SL_STR("42"), .tool_call_id = SL_STR("1")}};
    sl_buf out = {0};
    sl_error why;
    assert_int_equal(render(CHATML, talk, 3, &out, &why), SL_OK);
    assert_string_equal(
        out.data,
        "<|im_start|>system\nD<|im_end|>\n<|im_start|>assistant\n\n<tool_call>\n{\"name\":\"f\","
        "\"arguments\":\"{}\"}\n</"
        "tool_call><|im_end|>\n<|im_start|>tool\n42<|im_end|>\n<|im_start|>assistant\n");
    sl_buf_done(&out);
    sl_json_free(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_families),
        cmocka_unit_test(unknown_ones_are_refused_by_digest),
        cmocka_unit_test(tool_turns_render),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
