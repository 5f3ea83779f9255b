/* Verdicts of strings seen before: the same findings at the same places, apart by dictionary and
 * allow-list, forgotten in the order of their use; and no memory is asked for once warm. */
#include "router/classify/verdicts.h"

#include "tests/count_allocations.h"
#include "tests/unit/router/classify/rig.h"

static void classify_as(const sl_dictionary *d, const sl_entity_set *allow, const char *where,
                        sl_str text)
{
    begin(d, allow);
    sl_classify_text(c, where, text);
    end();
}

static size_t hits(void)
{
    return sl_verdicts_hits(c->verdicts);
}

static void test_same(void **state)
{
    static const sl_str text = {"电话１３８００１３８０００, bob@corpmail.com and bo@corpmail.com",
                                68};
    classify_as(NULL, NULL, "first", text);
    sl_finding first[8];
    size_t n = found_n, before = hits();
    assert_in_range(n, 2, 8);
    memcpy(first, found, n * sizeof *found);
    classify_as(NULL, NULL, "second", text);
    assert_int_equal(hits(), before + 1);
    assert_int_equal(found_n, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(found[i].entity, first[i].entity);
        assert_string_equal(found[i].view, first[i].view);
        assert_string_equal(found[i].where, "second");
        assert_int_equal(found[i].offset, first[i].offset);
        assert_int_equal(found[i].length, first[i].length);
        assert_int_equal(found[i].count, first[i].count);
    }
    assert_int_equal(level, SL_LEVEL_CONFIDENTIAL);
    classify_as(NULL, NULL, "other",
                SL_STR("电话, bob and bo; this is another text of that length, or nearly"));
    assert_int_equal(level, SL_LEVEL_PUBLIC);
}

static void test_apart(void **state)
{
    static const sl_term terms[] = {{{"Project Falcon", 14}, SL_LEVEL_RESTRICTED}};
    sl_dictionary *a = NULL, *b = NULL;
    sl_str text = SL_STR("Project Falcon, write to bob@corpmail.com");
    assert_int_equal(sl_dictionary_compile(&a, terms, 1, NULL), SL_OK);
    classify_as(NULL, NULL, "t", text);
    assert_int_equal(level, SL_LEVEL_CONFIDENTIAL);
    classify_as(a, NULL, "t", text);
    assert_int_equal(level, SL_LEVEL_RESTRICTED);
    sl_dictionary_free(a);
    static const sl_term others[] = {{{"Project Eagle", 13}, SL_LEVEL_RESTRICTED}};
    assert_int_equal(sl_dictionary_compile(&b, others, 1, NULL), SL_OK);
    classify_as(b, NULL, "t", text); /* very likely where the first one stood */
    assert_int_equal(level, SL_LEVEL_CONFIDENTIAL);
    sl_dictionary_free(b);
    sl_entity_set allow = {{0}};
    sl_entity_set_add(&allow, SL_ENT_EMAIL_ADDRESS);
    classify_as(NULL, &allow, "t", text);
    assert_int_equal(level, SL_LEVEL_PUBLIC);
    classify_as(NULL, NULL, "t", text);
    assert_int_equal(level, SL_LEVEL_CONFIDENTIAL);
}

static void test_doubt(void **state)
{
    for (int i = 0; i < 2; i++) {
        classify_as(NULL, NULL, "t", (sl_str){"this is not a text: \xff\xfe, is it", 30});
        assert_true(doubt && level == SL_LEVEL_INTERNAL);
    }
}

/* Pieces of a number in short strings, asked twice: the joined string is told once, as before. */
static void test_joined(void **state)
{
    for (int i = 0; i < 3; i++) {
        static const char *const parts[] = {"4539222", "126025164"};
        sl_arena_reset(&arena);
        sl_classify_begin(c, NULL, NULL, &arena);
        for (int k = 0; k < 2; k++)
            sl_classify_text(c, "m", sl_str_c(parts[k]));
        sl_classify_end(c, &level, &doubt, &found, &found_n);
        assert_int_equal(level, SL_LEVEL_RESTRICTED);
    }
}

/* Little memory: the oldest go, those in use stay, and what is told is always right. */
static void test_forget(void **state)
{
    sl_classifier_set_memory(c, 8192);
    assert_non_null(c->verdicts);
    char text[64];
    for (int i = 0; i < 2000; i++) {
        int n = snprintf(text, sizeof text, "message %d to bob%d@corpmail.com", i % 300, i % 300);
        classify_as(NULL, NULL, "t", (sl_str){text, (size_t)n});
        assert_int_equal(level, SL_LEVEL_CONFIDENTIAL);
        assert_int_equal(found_n, 1);
        classify_as(NULL, NULL, "t", SL_STR("a text that comes again and again: 4539222126025164"));
        assert_int_equal(level, SL_LEVEL_RESTRICTED);
    }
    assert_true(hits() > 1500); /* the one in use was kept nearly always */
    sl_classifier_set_memory(c, 0);
    assert_null(c->verdicts);
    classify_as(NULL, NULL, "t", SL_STR("it goes without: 4539222126025164"));
    assert_int_equal(level, SL_LEVEL_RESTRICTED);
    sl_classifier_set_memory(c, SL_VERDICTS_BYTES);
}

static void test_key(void **state)
{
    sl_verdict_key a = sl_verdicts_key(SL_STR("abc"), "x", 1);
    sl_verdict_key b = sl_verdicts_key(SL_STR("abd"), "x", 1);
    sl_verdict_key d = sl_verdicts_key(SL_STR("abc"), "y", 1);
    sl_verdict_key e = sl_verdicts_key(SL_STR("abc"), "x", 1);
    assert_memory_equal(&a, &e, sizeof a);
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &d, sizeof a);
}

#ifndef SL_SANITIZED
static void test_allocations(void **state)
{
    static const char *const texts[] = {
        "Please summarise the minutes of the meeting in plain words.",
        "请把下面的内容翻译成英文，电话１３８００１３８０００。",
        "card 4539 2221 2602 5164, bob at corpmail dot com, \"4539\" + \"2221\" + \"2602\"",
        "<b>x</b>y \\x41 %41 &#65; MTM4MDAxMzgwMDA= 49 51 56 48 48 49 51 56 48 48 48",
        "手机幺三八零零幺三八零零零, one three eight zero zero one, пapoль: Qwerty123!"};
    sl_classifier_set_memory(c, 0); /* every text is scanned each time */
    size_t before = 0;
    for (int round = 0; round < 20; round++) {
        if (round == 10)
            before = allocations;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            classify_as(NULL, NULL, "messages[0].content", sl_str_c(texts[i]));
    }
    assert_int_equal(allocations - before, 0);
    sl_classifier_set_memory(c, SL_VERDICTS_BYTES);
}
#endif

static int open_remembering(void **state)
{
    return setup(state) == 0 && c->verdicts ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_doubt),       cmocka_unit_test(test_joined),
        cmocka_unit_test(test_forget),      cmocka_unit_test(test_key),
#ifndef SL_SANITIZED
        cmocka_unit_test(test_allocations),
#endif
    };
    return cmocka_run_group_tests(tests, open_remembering, teardown);
}
