/* Packs are read or refused by name; scores follow the weights; the shipped pack tells a person's
 * illness from a question about illness. */
#include "router/classify/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { BITS = 8, PACK = 48 + (1 << BITS) };

static void put(char *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (char)(v >> 8 * i);
}

static void seal(char *pack, size_t n)
{
    uint64_t h = 0xCBF29CE484222325, word;
    for (size_t i = 0; i < n; i += 8) {
        if (i == 24)
            continue; /* the digest itself */
        memcpy(&word, pack + i, 8);
        h = (h ^ word) * 0x100000001B3;
    }
    put(pack + 24, h, 8);
}

/* One table of 1-grams in which every weight is 0 but that of '!', in windows of 64 bytes. */
static void make(char pack[PACK])
{
    memset(pack, 0, PACK);
    memcpy(pack, "SLMODEL", 8);
    put(pack + 8, 1, 2);
    pack[10] = BITS, pack[11] = 1, pack[12] = 1;
    put(pack + 16, 64, 2);
    put(pack + 20, PACK - 32, 4);
    float f[4] = {1, 0, 1, -1}; /* step, bias, slope, offset */
    memcpy(pack + 32, f, sizeof f);
    pack[48 + (uint8_t)((uint64_t)'!' * 0x9E3779B97F4A7C15 >> 56)] = 4;
    seal(pack, PACK);
}

static void test_scores(void **state)
{
    char pack[PACK];
    make(pack);
    sl_model *m = NULL;
    assert_int_equal(sl_model_parse(&m, (sl_str){pack, PACK}, NULL), SL_OK);
    /* of 64 bytes: 8 / 8 - 1 = 0, 16 / 8 - 1 = 1, 0 / 8 - 1 = -1: the logistic of them */
    char block[64];
    memset(block, 'a', sizeof block);
    assert_float_equal(sl_model_score(m, (sl_str){block, 64}), 0.268941, 1e-5);
    block[0] = block[63] = '!';
    assert_float_equal(sl_model_score(m, (sl_str){block, 64}), 0.5, 1e-6);
    block[30] = block[31] = '!';
    assert_float_equal(sl_model_score(m, (sl_str){block, 64}), 0.731059, 1e-5);
    /* too short to tell, then just long enough */
    assert_float_equal(sl_model_score(m, SL_STR("")), 0, 0);
    memset(block, '!', sizeof block);
    assert_float_equal(sl_model_score(m, (sl_str){block, 23}), 0, 0);
    assert_true(sl_model_score(m, (sl_str){block, 24}) > 0.99);
    /* a longer text is as high as its best window, wherever that is */
    char text[1000];
    for (size_t at = 0; at + 16 <= sizeof text; at += 7) {
        memset(text, 'x', sizeof text);
        memset(text + at, '!', 16);
        float in_window = sl_model_score(m, (sl_str){text, sizeof text});
        assert_true(in_window >= 0.98); /* 64 / sqrt(64) - 1 at best, never half of it alone */
    }
    sl_model_unload(m);
}

static void refused(char *pack, size_t n, const char *why)
{
    sl_model *m = NULL;
    sl_error err = {0};
    assert_int_equal(sl_model_parse(&m, (sl_str){pack, n}, &err), SL_E_INVALID);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
    assert_null(m);
}

static void test_refused(void **state)
{
    static const struct {
        int at, value;
        const char *why;
    } cases[] = {{0, 'X', "not one"},     {8, 2, "version 2"}, {10, 7, "2^7"},
                 {10, 19, "2^19"},        {11, 0, "0 tables"}, {11, 4, "4 tables"},
                 {12, 9, "9 bytes"},      {12, 0, "0 bytes"},  {16, 65, "window of 65"},
                 {17, 0x7f, "window of"}, {20, 1, "cut off"},  {60, 1, "damaged"},
                 {33, 1, "damaged"}};
    char pack[PACK];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make(pack);
        pack[cases[i].at] = (char)cases[i].value;
        refused(pack, PACK, cases[i].why);
    }
    make(pack);
    refused(pack, PACK - 1, "cut off");
    refused(pack, 40, "not one");
    refused(pack, 0, "not one");
    float nan[] = {0.0f / 0.0f, -1, 1.0f / 0.0f};
    for (size_t i = 0; i < 3; i++) {
        make(pack);
        memcpy(pack + 32, &nan[i], 4);
        seal(pack, PACK);
        refused(pack, PACK, "step");
    }
    char *big = calloc(1, SL_MODEL_PACK_MAX + 1);
    refused(big, SL_MODEL_PACK_MAX + 1, "at most");
    free(big);
}

static void test_files(void **state)
{
    sl_model *m = NULL;
    sl_error err = {0};
    assert_int_not_equal(sl_model_load(&m, "/nonexistent/model.bin", &err), SL_OK);
    assert_null(m);
    assert_true(err.text[0] != '\0');
    char path[] = "/tmp/model_test.XXXXXX", pack[PACK];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    make(pack);
    assert_int_equal(write(fd, pack, PACK), PACK);
    close(fd);
    assert_int_equal(sl_model_load(&m, path, &err), SL_OK);
    assert_true(sl_model_score(m, SL_STR("!!!!!!!!!!!!!!!!!!!!!!!!")) > 0.9);
    sl_model_unload(m);
    unlink(path);
}

static void test_shipped(void **state)
{
    static const char *const high[] = {
        "Owen Lockhart was diagnosed with epilepsy in March and has not told anyone at work.",
        "我们将在下个月以三亿元收购青禾食品集团，目前还没有公开。",
        "Harriet Pemberton earns $84,000 a year, more than Callum Delgado gets for the same job."};
    static const char *const low[] = {"What are the symptoms of epilepsy?", "什么是企业收购？",
                                      "How much does a nurse earn on average?",
                                      "The capital of France is",
                                      "for (int i = 0; i < n; i++) sum += a[i];"};
    sl_model *m = NULL;
    sl_error err = {0};
    if (sl_model_load(&m, "router/classify/model.bin", &err) != SL_OK)
        fail_msg("%s (run from the root of the repository)", err.text);
    for (size_t i = 0; i < sizeof high / sizeof *high; i++)
        if (!(sl_model_score(m, sl_str_c(high[i])) >= 0.9f))
            fail_msg("%s: %.3f", high[i], sl_model_score(m, sl_str_c(high[i])));
    for (size_t i = 0; i < sizeof low / sizeof *low; i++)
        if (!(sl_model_score(m, sl_str_c(low[i])) < 0.9f))
            fail_msg("%s: %.3f", low[i], sl_model_score(m, sl_str_c(low[i])));
    sl_model_unload(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scores),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_files),
                                       cmocka_unit_test(test_shipped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
