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
    sl_buf_adds(&body,
                chat ? "{\"model\":\"auto\",\"messages\":" : "{\"model\":\"auto\",\"prompt\":\"");
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
    OK(sl_chat_parse(&ret, chat ? SL_CHAT : SL_COMPLETION, sl_buf_str(&body), 1 << 20, &fault,
                     err));
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
        fail_msg("rendered:\n%.*s\nwanted:\n%.*s", (int)rendered.len, rendered.data, (int)want.n,
                 want.p);
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
            fail_msg("token %zu: %d, the reference has %d with a margin of %g", i, got, greedy[i],
                     gap);
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

static void text_and_ids_match_llama_cpp(void **state)
{
    all_cases(false);
}

static void greedy_ids_match_llama_cpp(void **state)
{
#ifdef SL_SANITIZED
    print_message("SKIP %s: minutes long under a sanitizer\n", __func__);
    skip();
#endif
    all_cases(true);
}

/* ---- the real model alone and in company ---- */
typedef struct answer {
    sl_buf text;
    bool ended;
} answer;
static void on_event(void *arg, const sl_gen_event *ev)
{
    answer *a = ev->user;
    sl_buf_add_str(&a->text, ev->text);
    a->ended |= ev->end;
}

static void run(sl_engine *e, const int *which, int n, answer *out)
{
    static const char *const prompts[] = {"The capital of France is",
                                          "def add(a, b):", "Once upon a time there was a river"};
    int64_t until = sl_mono_ms() + 120000;
    for (int i = 0; i < n; i++) {
        sl_chat c = {.kind = SL_COMPLETION,
                     .prompt = sl_str_c(prompts[which[i]]),
                     .seed = 4 + which[i],
                     .has_temperature = true,
                     .temperature = 0.8,
                     .has_max_tokens = true,
                     .max_tokens = 24};
        sl_gen *g;
        out[which[i]] = (answer){0};
        OK(sl_engine_submit(e, &c, &out[which[i]], &g, err));
    }
    for (int i = 0; i < n; i++)
        while (!out[which[i]].ended) {
            struct pollfd p = {sl_engine_fd(e), POLLIN, 0};
            assert_true(sl_mono_ms() < until && poll(&p, 1, 120000) >= 0);
            sl_engine_poll(e, on_event, NULL);
        }
}

static void same_answer_alone_and_together(void **state)
{
    const char *model = smollm_path();
    SKIP_UNLESS(model, "the SmolLM2 model (SLUICE_TEST_MODEL)");
#ifdef SL_SANITIZED
    print_message("SKIP %s: minutes long under a sanitizer\n", __func__);
    skip();
#endif
    sl_model *m = open_model(model);
    sl_engine *e = NULL;
    answer alone[3], crowd[3];
    OK(sl_engine_open(&e, m, &(sl_engine_options){.threads = 2, .slots = 3}, err));
    for (int i = 0; i < 3; i++)
        run(e, &i, 1, alone);
    run(e, (const int[]){2, 0, 1}, 3, crowd);
    for (int i = 0; i < 3; i++) {
        assert_true(alone[i].text.len > 10);
        assert_true(sl_str_eq(sl_buf_str(&alone[i].text), sl_buf_str(&crowd[i].text)));
        sl_buf_done(&alone[i].text);
        sl_buf_done(&crowd[i].text);
    }
    sl_engine_free(e);
    sl_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_ids_match_llama_cpp),
        cmocka_unit_test(greedy_ids_match_llama_cpp),
        cmocka_unit_test(same_answer_alone_and_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
