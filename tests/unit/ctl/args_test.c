/* args_test.c - the command line of a subcommand: what is taken, what is refused, and by name. */
#include "ctl/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the system's own */
#include <cmocka.h>

static const char *name;
static bool loud;
static int64_t count;
static sl_error err;

static const sl_arg table[] = {
    {"name", "TEXT", "nobody", "who", &name, NULL, NULL},
    {"loud", NULL, NULL, "shout", NULL, &loud, NULL},
    {"count", "N", "7", "how often", NULL, NULL, &count},
    {0},
};

static sl_args parse(int argc, char **argv, sl_status expected)
{
    sl_args a = {.command = "greet", .words = "[TEXT]", .summary = "Greets.", .table = table};
    name = NULL;
    loud = false;
    count = 0;
    err = (sl_error){0};
    sl_status st = sl_args_parse(&a, argc, argv, &err);
    if (st != expected)
        fail_msg("%s: %s", sl_status_name(st), err.text);
    return a;
}

#define PARSE(expected, ...)                                                  \
    parse((int)(sizeof((char *[]){"greet", ##__VA_ARGS__}) / sizeof(char *)), \
          (char *[]){"greet", ##__VA_ARGS__, NULL}, expected)

static void defaults(void **state)
{
    sl_args a = PARSE(SL_OK);
    assert_string_equal(name, "nobody");
    assert_int_equal(count, 7);
    assert_false(loud);
    assert_int_equal(a.words_n, 0);
    sl_args_done(&a);
}

static void both_forms_and_words(void **state)
{
    sl_args a = PARSE(SL_OK, "one", "--name=Ada=B", "--count", "-3", "two", "--loud");
    assert_string_equal(name, "Ada=B"); /* the first '=' alone divides */
    assert_int_equal(count, -3);
    assert_true(loud);
    assert_int_equal(a.words_n, 2);
    assert_string_equal(a.word[0], "one");
    assert_string_equal(a.word[1], "two");
    sl_args_done(&a);
}

static void the_last_one_counts(void **state)
{
    sl_args a = PARSE(SL_OK, "--name", "a", "--name", "b", "--name=");
    assert_string_equal(name, "");
    sl_args_done(&a);
}

static void two_dashes_end_options(void **state)
{
    sl_args a = PARSE(SL_OK, "--", "--loud", "--help", "--");
    assert_false(loud);
    assert_false(a.help);
    assert_int_equal(a.words_n, 3);
    assert_string_equal(a.word[1], "--help");
    sl_args_done(&a);
}

static void refusals_name_the_option(void **state)
{
    static const struct {
        const char *given, *said;
    } cases[] = {
        {"--nam=x", "unknown option --nam;"},
        {"--names", "unknown option --names;"},
        {"--name", "--name needs a value (TEXT)"},
        {"--loud=yes", "--loud takes no value"},
        {"--count=ten", "--count: 'ten' is not a whole number"},
        {"--count=", "--count: '' is not a whole number"},
        {"--count=99999999999999999999", "is not a whole number"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_args a = PARSE(SL_E_INVALID, "word", (char *)(uintptr_t)cases[i].given);
        if (!strstr(err.text, cases[i].said))
            fail_msg("%s: said '%s'", cases[i].given, err.text);
        sl_args_done(&a); /* after a failure too */
        assert_null(a.word);
    }
}

/* The text of --help, through a pipe in the place of standard output. */
static void help(void **state)
{
    static const char *const asks[] = {"--help", "-h"};
    for (int i = 0; i < 2; i++) {
        char text[2048] = "";
        int p[2];
        assert_int_equal(pipe(p), 0);
        fflush(stdout);
        int was = dup(1);
        dup2(p[1], 1);
        sl_args a = PARSE(SL_OK, "--name", "x", (char *)(uintptr_t)asks[i], "--no-such");
        fflush(stdout);
        dup2(was, 1);
        close(was);
        close(p[1]);
        assert_true(read(p[0], text, sizeof(text) - 1) > 0);
        close(p[0]);
        assert_true(a.help);
        assert_non_null(strstr(text, "Usage: sluice greet [options] [TEXT]"));
        assert_non_null(strstr(text, "--name TEXT"));
        assert_non_null(strstr(text, "(default 7)"));
        sl_args_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(both_forms_and_words),
        cmocka_unit_test(the_last_one_counts),
        cmocka_unit_test(two_dashes_end_options),
        cmocka_unit_test(refusals_name_the_option),
        cmocka_unit_test(help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
