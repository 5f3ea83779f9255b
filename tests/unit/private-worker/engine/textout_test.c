#include "help.h"

#include "private-worker/engine/textout.h"

typedef struct step {
    const char *in, *out; /* bytes of one token; what is given out at once */
} step;

/* Feeds the steps; the last one with in NULL is the finish. */
static void check(const char *const *stops, const step *steps, bool stopped)
{
    sl_str s[SL_STOPS_MAX];
    size_t n = 0;
    for (; stops && stops[n]; n++)
        s[n] = sl_str_c(stops[n]);
    sl_textout t;
    OK(sl_textout_init(&t, s, n));
    for (;; steps++) {
        sl_buf out = {0};
        if (steps->in)
            OK(sl_textout_push(&t, sl_str_c(steps->in)));
        else
            OK(sl_textout_finish(&t));
        sl_textout_take(&t, &out);
        if (!sl_str_is(sl_buf_str(&out), steps->out))
            fail_msg("after \"%s\": \"%s\", wanted \"%s\"", steps->in ? steps->in : "the end",
                     out.data ? out.data : "", steps->out);
        sl_buf_done(&out);
        if (!steps->in)
            break;
    }
    assert_int_equal(t.stopped, stopped);
    sl_textout_done(&t);
}
#define CHECK(stops, stopped, ...) check(stops, (const step[]){__VA_ARGS__}, stopped)

static void characters_come_whole(void **state)
{
    CHECK(NULL, false, {"a", "a"}, {"\xE4", ""}, {"\xBD", ""}, {"\xA0", "\xE4\xBD\xA0"},
          {NULL, ""});
    CHECK(NULL, false, {"\xF0\x9F", ""}, {"\x98\x80!", "\xF0\x9F\x98\x80!"}, {NULL, ""});
    CHECK(NULL, false, {"\xC3", ""}, {NULL, "\xEF\xBF\xBD"});
}

static void broken_bytes_are_replaced(void **state)
{
    CHECK(NULL, false, {"a\x80z", "a\xEF\xBF\xBDz"}, {NULL, ""});
    CHECK(NULL, false, {"\xE4", ""}, {"x", "\xEF\xBF\xBDx"}, {NULL, ""});
    CHECK(NULL, false, {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"}, {NULL, ""});
    CHECK(NULL, false, {"\xED\xA0", "\xEF\xBF\xBD\xEF\xBF\xBD"}, {NULL, ""}); /* no surrogates */
    CHECK(NULL, false, {"\xF4\x90", "\xEF\xBF\xBD\xEF\xBF\xBD"}, {NULL, ""}); /* past U+10FFFF */
    CHECK(NULL, false, {"\xE4\xC3", "\xEF\xBF\xBD"}, {"\xA9", "\xC3\xA9"}, {NULL, ""});
}

static void stops_hold_back_only_their_beginning(void **state)
{
    static const char *const s[] = {"###", "END", NULL};
    CHECK(s, false, {"hello ", "hello "}, {"# one", "# one"}, {"a##", "a"}, {"b", "##b"},
          {NULL, ""});
    CHECK(s, true, {"hello #", "hello "}, {"#", ""}, {"# rest", ""}, {"more", ""}, {NULL, ""});
    CHECK(s, true, {"xEN", "x"}, {"D", ""}, {NULL, ""});
    CHECK(s, false, {"xEN", "x"}, {NULL, "EN"});
    CHECK(s, true, {"one END two ### three", "one "}, {NULL, ""});
    CHECK(s, true, {"##", ""}, {"E", "##"}, {"ND", ""}, {NULL, ""});
}

static void stops_of_several_bytes_and_overlaps(void **state)
{
    static const char *const s[] = {"\xE4\xBD\xA0!", "abab c", NULL};
    CHECK(s, true, {"x\xE4\xBD", "x"}, {"\xA0", ""}, {"!", ""}, {NULL, ""});
    CHECK(s, false, {"ab", ""}, {"ab", ""}, {"ab", "ab"}, {" d", "abab d"}, {NULL, ""});
    static const char *const one[] = {"", "q", NULL}; /* an empty stop string is none */
    CHECK(one, true, {"abc", "abc"}, {"dqe", "d"}, {NULL, ""});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_come_whole),
        cmocka_unit_test(broken_bytes_are_replaced),
        cmocka_unit_test(stops_hold_back_only_their_beginning),
        cmocka_unit_test(stops_of_several_bytes_and_overlaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
