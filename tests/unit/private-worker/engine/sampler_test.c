#include "help.h"

#include "private-worker/engine/sampler.h"

#include <math.h>

/* Known answers of Random123's philox4x32-10. */
static void philox_known_answers(void **state)
{
    static const uint32_t cases[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
         0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        sl_philox(cases[i], cases[i] + 4, out);
        assert_memory_equal(out, cases[i] + 6, sizeof(out));
    }
}

static int32_t pick(sl_sampler *s, sl_sampling how, const float *logits, size_t n, uint64_t pos)
{
    int32_t id = -1;
    OK(sl_sampler_pick(s, &how, logits, n, pos, &id));
    return id;
}

static void zero_temperature_takes_the_first_of_the_likeliest(void **state)
{
    sl_sampler s = {0};
    float logits[] = {1, 5, 5, -2, NAN};
    assert_int_equal(pick(&s, (sl_sampling){.top_p = 1}, logits, 5, 0), 1);
    assert_int_equal(
        pick(&s, (sl_sampling){.temperature = 1, .top_p = 1, .top_k = 1}, logits, 5, 0), 1);
    assert_int_equal(pick(&s, (sl_sampling){.temperature = 1e-6f, .top_p = 1, .seed = 3},
                          (float[]){1, 2, 3}, 3, 9),
                     2);
    sl_sampler_done(&s);
}

/* Frequencies over many positions come near the probabilities. */
static void draws_follow_the_distribution(void **state)
{
    sl_sampler s = {0};
    enum { N = 40000 };
    const double p[] = {0.5, 0.25, 0.15, 0.07, 0.03};
    float logits[5];
    int seen[5] = {0};
    for (int i = 0; i < 5; i++)
        logits[i] = (float)log(p[i]) + 7;
    for (uint64_t i = 0; i < N; i++)
        seen[pick(&s, (sl_sampling){.temperature = 1, .top_p = 1, .seed = 42}, logits, 5, i)]++;
    for (int i = 0; i < 5; i++)
        assert_true(fabs((double)seen[i] / N - p[i]) < 0.01);
    sl_sampler_done(&s);
}

/* Two tokens at every gap: the share of the lesser one is e^gap / (1 + e^gap). */
static void weights_are_exponentials(void **state)
{
    sl_sampler s = {0};
    enum { N = 20000 };
    for (int gap = 0; gap <= 4; gap++) {
        float logits[2] = {3, 3 - (float)gap * 0.7f};
        int lesser = 0;
        for (uint64_t i = 0; i < N; i++)
            lesser +=
                pick(&s, (sl_sampling){.temperature = 0.7f, .top_p = 1, .seed = 9}, logits, 2, i);
        double want = exp(-gap) / (1 + exp(-gap));
        assert_true(fabs((double)lesser / N - want) < 0.012);
    }
    sl_sampler_done(&s);
}

static void top_k_and_top_p_cut(void **state)
{
    sl_sampler s = {0};
    enum { V = 1000 };
    float logits[V];
    for (int i = 0; i < V; i++)
        logits[i] = (float)((i * 7919) % V) * 0.01f; /* 0.00 to 9.99, each once */
    for (uint64_t i = 0; i < 300; i++) {
        int32_t k = pick(&s, (sl_sampling){.temperature = 5, .top_p = 1, .top_k = 3, .seed = i},
                         logits, V, i);
        assert_true(logits[k] > 9.965f);
        int32_t p =
            pick(&s, (sl_sampling){.temperature = 1, .top_p = 0.02f, .seed = i}, logits, V, i);
        assert_true(logits[p] > 9.955f); /* each of the best has about 0.01 of it all */
        int32_t zero =
            pick(&s, (sl_sampling){.temperature = 1, .top_p = 0, .seed = i}, logits, V, i);
        assert_true(logits[zero] > 9.985f);
    }
    int32_t wide = 0; /* top_k over the vocabulary cuts nothing */
    for (uint64_t i = 0; i < 200; i++)
        wide += logits[pick(
                    &s, (sl_sampling){.temperature = 1000, .top_p = 1, .top_k = 5000, .seed = 1},
                    logits, V, i)] < 5;
    assert_true(wide > 50);
    sl_sampler_done(&s);
}

/* The same key draws the same, whatever was drawn before; another seed or position another. */
static void draws_depend_on_seed_and_position_alone(void **state)
{
    sl_sampler a = {0}, b = {0};
    float logits[500];
    for (int i = 0; i < 500; i++)
        logits[i] = (float)(i % 13);
    int differ = 0;
    for (uint64_t i = 0; i < 100; i++) {
        sl_sampling how = {.temperature = 1, .top_p = 0.95f, .seed = 77};
        int32_t x = pick(&a, how, logits, 500, i);
        pick(&b, (sl_sampling){.temperature = 2, .top_p = 1, .seed = i}, logits, 500, 3 * i);
        assert_int_equal(pick(&b, how, logits, 500, i), x);
        differ += pick(&b, how, logits, 500, i + 1) != x;
    }
    assert_true(differ > 50);
    sl_sampler_done(&a);
    sl_sampler_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(zero_temperature_takes_the_first_of_the_likeliest),
        cmocka_unit_test(draws_follow_the_distribution),
        cmocka_unit_test(weights_are_exponentials),
        cmocka_unit_test(top_k_and_top_p_cut),
        cmocka_unit_test(draws_depend_on_seed_and_position_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
