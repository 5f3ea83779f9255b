/* The arithmetic against references that other programs made. */
#include "help.h"

#include <math.h>

static int64_t get_int(const sl_jnode *obj, const char *key)
{
    int64_t v = -1;
    assert_true(sl_json_i64(sl_json_get(obj, key), &v));
    return v;
}

static double rel_l2(const float *a, const float *b, size_t n)
{
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        s += (double)b[i] * (double)b[i];
    }
    return sqrt(d / s);
}

/* Logits of a case, and its greedy continuation fed with the reference's own tokens. */
static void check_case(sl_model *m, const sl_jnode *c, const float *want)
{
    size_t n, greedy_n, vocab = sl_model_vocab(m);
    int32_t *prompt = read_ids(sl_json_get(c, "prompt"), &n),
            *greedy = read_ids(sl_json_get(c, "greedy"), &greedy_n);
    size_t first = (size_t)get_int(c, "first_position"),
           positions = (size_t)get_int(c, "positions");
    assert_int_equal(get_int(c, "vocab"), vocab);
    want += get_int(c, "logits_offset");
    prompt = realloc(prompt, (n + greedy_n) * sizeof(*prompt));
    memcpy(prompt + n, greedy, greedy_n * sizeof(*greedy));
    float *got = malloc((n + greedy_n) * vocab * sizeof(*got));
    OK(sl_model_logits(m, prompt, n + greedy_n, got, err));
    for (size_t p = 0; p < positions; p++) {
        double d = rel_l2(got + (first + p) * vocab, want + p * vocab, vocab);
        if (!(d < 2e-3))
            fail_msg("prompt of %zu, position %zu: relative L2 %g", n, first + p, d);
    }
    const sl_jnode *margin = sl_json_first(sl_json_get(c, "margins"));
    int compared = 0;
    for (size_t i = 0; i < greedy_n; i++, margin = sl_json_next(margin)) {
        double gap = 0;
        assert_true(sl_json_f64(margin, &gap));
        if (gap <= 1e-2)
            continue;
        compared++;
        assert_int_equal(argmax(got + (n - 1 + i) * vocab, vocab), greedy[i]);
    }
    assert_true(compared > 20);
    free(got);
    free(prompt);
    free(greedy);
}

static void check_fixture(const char *name)
{
    char folder[256], file[300];
    const char *path;
    snprintf(file, sizeof(file), "engine/%s", name);
    SKIP_UNLESS(path = shared_path(file), "the fixtures' folder (SLUICE_SHARED)");
    snprintf(folder, sizeof(folder), "%s", path);
    snprintf(file, sizeof(file), "%s/reference.json", folder);
    sl_jnode *ref = read_json(file);
    sl_buf logits = {0};
    snprintf(file, sizeof(file), "%s/logits.f32", folder);
    OK(sl_file_read(file, 64 << 20, &logits, err));
    snprintf(file, sizeof(file), "fixture %s", folder);
    const char *gguf = make_gguf(file, "--type bf16");
    sl_model *m = open_model(gguf);
    int cases = 0;
    for (const sl_jnode *c = sl_json_first(sl_json_get(ref, "cases")); c;
         c = sl_json_next(c), cases++)
        check_case(m, c, (const float *)(const void *)logits.data);
    assert_int_equal(cases, 4);
    sl_model_free(m);
    unlink(gguf);
    sl_buf_done(&logits);
    sl_json_free(ref);
}

static void llama_matches_transformers(void **state)
{
    check_fixture("llama");
}
static void llama31_rope_matches_transformers(void **state)
{
    check_fixture("llama_rope31");
}

/* A quantised file computes what the same numbers as F32 compute: exactly, for the weights become
 * float32 before they are used. (Q4_1's d*q+m is rounded once here and twice in Python: close.) */
static void check_type(const char *type, double bound)
{
    char args[64], expand[80];
    snprintf(args, sizeof(args), "--type %s", type);
    snprintf(expand, sizeof(expand), "--type %s --expand", type);
    enum { N = 150 };
    int32_t ids[N];
    for (int i = 0; i < N; i++)
        ids[i] = (i * 37 + 11) % 509 + 3;
    float *out[2];
    for (int k = 0; k < 2; k++) {
        const char *path = make_gguf("random", k ? expand : args);
        sl_model *m = open_model(path);
        out[k] = malloc(sizeof(float) * N * sl_model_vocab(m));
        OK(sl_model_logits(m, ids, N, out[k], err));
        sl_model_free(m);
        unlink(path);
    }
    double d = rel_l2(out[0], out[1], N * 512);
    if (!(d <= bound))
        fail_msg("%s: relative L2 %g", type, d);
    free(out[0]);
    free(out[1]);
}

static void every_type_computes_its_values(void **state)
{
    check_type("f16", 0);
    check_type("bf16", 0);
    check_type("q8_0", 0);
    check_type("q4_0", 1e-6);
    check_type("q4_1", 1e-4);
}

/* A prompt's logits do not depend on where the passes were cut: 1, 96 or 97 tokens before. */
static void logits_do_not_depend_on_the_cut(void **state)
{
    sl_model *m = open_model(TINY);
    enum { N = 230 };
    size_t vocab = sl_model_vocab(m);
    int32_t ids[N];
    for (int i = 0; i < N; i++)
        ids[i] = (i * 91 + 5) % 509 + 3;
    float *all = malloc(sizeof(float) * N * vocab), *part = malloc(sizeof(float) * N * vocab);
    OK(sl_model_logits(m, ids, N, all, err));
    for (size_t n = 1; n < N; n += n < 4 ? 1 : 31) {
        OK(sl_model_logits(m, ids, n, part, err));
        assert_memory_equal(all, part, sizeof(float) * n * vocab);
    }
    free(all);
    free(part);
    sl_model_free(m);
}

static void options_and_limits_are_checked(void **state)
{
    sl_model *m = NULL;
    sl_error err;
    assert_int_equal(sl_model_open(&m, &(sl_model_options){.path = "/nonexistent.gguf"}, &err),
                     SL_E_NOT_FOUND);
    assert_int_equal(sl_model_open(&m, &(sl_model_options){.path = "/tmp"}, &err), SL_E_IO);
    assert_int_equal(
        sl_model_open(&m, &(sl_model_options){.path = TINY, .backend = "abacus"}, &err),
        SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "abacus"));
    m = open_model(TINY);
    int32_t ids[2] = {1, 512};
    float *out = malloc(sizeof(float) * 2 * 512);
    assert_int_equal(sl_model_logits(m, ids, 2, out, &err), SL_E_INVALID);
    assert_int_equal(sl_model_logits(m, ids, 0, out, &err), SL_E_INVALID);
    assert_int_equal(sl_model_logits(m, ids, 5000, out, &err), SL_E_INVALID);
    assert_string_equal(sl_model_name(m), "tiny-llama");
    assert_int_equal(sl_model_context(m), 4096);
    assert_int_equal(strlen(sl_model_env(m)), 32);
    free(out);
    sl_model_free(m);
}

/* The environment id names the weights: one changed bit is another id. */
static void env_id_follows_the_file(void **state)
{
    sl_buf file = {0};
    OK(sl_file_read(TINY, 1 << 20, &file, err));
    char path[64];
    snprintf(path, sizeof(path), "/tmp/sluice-test-env-%d.gguf", (int)getpid());
    char env[2][33];
    for (int k = 0; k < 2; k++) {
        file.data[file.len - 40] ^= (char)k;
        FILE *f = fopen(path, "wb");
        assert_int_equal(fwrite(file.data, 1, file.len, f), file.len);
        fclose(f);
        sl_model *m = open_model(path);
        snprintf(env[k], sizeof(env[k]), "%s", sl_model_env(m));
        sl_model_free(m);
    }
    unlink(path);
    assert_string_not_equal(env[0], env[1]);
    sl_model *m = open_model(TINY);
    assert_string_equal(env[0], sl_model_env(m));
    sl_model_free(m);
    sl_buf_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llama_matches_transformers),
        cmocka_unit_test(llama31_rope_matches_transformers),
        cmocka_unit_test(every_type_computes_its_values),
        cmocka_unit_test(logits_do_not_depend_on_the_cut),
        cmocka_unit_test(options_and_limits_are_checked),
        cmocka_unit_test(env_id_follows_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
