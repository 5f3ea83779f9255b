/* SmolLM2-135M-Instruct against llama.cpp's records: rendered text, prompt ids, greedy ids. Skips
 * where the model (SLUICE_TEST_MODEL) or the fixtures (SLUICE_SHARED) are not there. */
#include "help.h"

#include "common/base/jsonw.h"

/* The case as a request, through the parser that requests really take. */
static sl_chat *read_chat(const sl_jnode *c)
{
    sl_buf body = {0};
    sl_str text;
    const sl_jnode *messages = sl_json_get(c, "messages");
    bool chat = sl_json_kind(messages) == SL_J_ARRAY;
    sl_buf_adds(&body, chat ? "{\"model\":\"auto\",\"messages\":" : "{\"model\":\"auto\",\"prompt\":\"");
    if (chat) {
        sl_json_write(messages, &body);
        sl_buf_adds(&body, "}");
    } else {
        assert_true(sl_json_str(sl_json_get(c, "rendered"), &text));
        sl_json_escape(&body, text);
        sl_buf_adds(&body, "\"}");
    }
    sl_chat *ret = NULL;
    sl_chat_fault fault = {{0}, {0}};
    OK(sl_chat_parse(&ret, chat ? SL_CHAT : SL_COMPLETION, sl_buf_str(&body), 1 << 20, &fault, err));
    sl_buf_done(&body);
    return ret;
}

static void check_text(sl_model *m, const sl_jnode *c, const int32_t *ids, size_t n)
{
    sl_chat *chat = read_chat(c);
    sl_buf rendered = {0};
    sl_str want;
    OK(sl_model_render(m, chat, &rendered, err));
    assert_true(sl_json_str(sl_json_get(c, "rendered"), &want));
    if (!sl_str_eq(sl_buf_str(&rendered), want))
        fail_msg("rendered:\n%.*s\nwanted:\n%.*s", (int)rendered.len, rendered.data, (int)want.n, want.p);
    int32_t *got;
    size_t got_n;
    OK(sl_model_tokenize(m, want, true, false, &got, &got_n, err));
    assert_int_equal(got_n, n);
    assert_memory_equal(got, ids, n * sizeof(*ids));
    sl_buf back = {0};
    OK(sl_model_detokenize(m, got, got_n, &back, err));
    assert_true(sl_str_eq(sl_buf_str(&back), want));
    free(got);
    sl_buf_done(&back);
    sl_buf_done(&rendered);
    sl_chat_free(chat);
}

/* Feeds the reference's own ids and asks for the same next one wherever its margin is clear. */
static int check_greedy(sl_model *m, const sl_jnode *c, int32_t *ids, size_t n)
{
    size_t greedy_n, vocab = sl_model_vocab(m);
    int32_t *greedy = read_ids(sl_json_get(c, "greedy_ids_f32weights"), &greedy_n);
    int32_t *all = malloc((n + greedy_n) * sizeof(*all));
    memcpy(all, ids, n * sizeof(*ids));
    memcpy(all + n, greedy, greedy_n * sizeof(*greedy));
    float *out = malloc((n + greedy_n) * vocab * sizeof(*out));
    OK(sl_model_logits(m, all, n + greedy_n, out, err));
    const sl_jnode *margin = sl_json_first(sl_json_get(c, "margins_f32weights"));
    int compared = 0;
    for (size_t i = 0; i < greedy_n; i++, margin = sl_json_next(margin)) {
        double gap = 0;
        assert_true(sl_json_f64(margin, &gap));
        if (gap <= 0.05)
            continue;
        compared++;
        int32_t got = argmax(out + (n - 1 + i) * vocab, vocab);
        if (got != greedy[i])
            fail_msg("token %zu: %d, the reference has %d with a margin of %g", i, got, greedy[i], gap);
    }
    free(out);
    free(all);
    free(greedy);
    return compared;
}

static void all_cases(bool greedy)
{
    const char *path = shared_path("smollm2.json"), *model = smollm_path();
    SKIP_UNLESS(path, "smollm2.json (SLUICE_SHARED)");
    SKIP_UNLESS(model, "the SmolLM2 model (SLUICE_TEST_MODEL)");
    sl_jnode *root = read_json(path);
    sl_model *m = open_model(model);
    int cases = 0, compared = 0;
    for (const sl_jnode *c = sl_json_first(root); c; c = sl_json_next(c), cases++) {
        size_t n;
        int32_t *ids = read_ids(sl_json_get(c, "prompt_ids"), &n);
        if (greedy)
            compared += check_greedy(m, c, ids, n);
        else
            check_text(m, c, ids, n);
        free(ids);
    }
    assert_int_equal(cases, 25);
    if (greedy) {
        print_message("%d greedy tokens compared\n", compared);
        assert_true(compared > 600);
    }
    sl_model_free(m);
    sl_json_free(root);
}

static void text_and_ids_match_llama_cpp(void **state) { all_cases(false); }

static void greedy_ids_match_llama_cpp(void **state)
{
#ifdef SL_SANITIZED
    print_message("SKIP %s: minutes long under a sanitizer\n", __func__);
    skip();
#endif
    all_cases(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_ids_match_llama_cpp),
        cmocka_unit_test(greedy_ids_match_llama_cpp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
