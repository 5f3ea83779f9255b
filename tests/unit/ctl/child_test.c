/* Programs that are run: their output, their failure, their deadline, and the talk by lines. */
#include "ctl/child.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
/* after the system's own */
#include <cmocka.h>

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void output_and_failures(void **state)
{
    sl_buf out = {0};
    sl_error err = {0};
    assert_int_equal(sl_child_run(ARGV("printf", "%s", "a b;c"), 5000, &out, &err), SL_OK);
    assert_string_equal(out.data, "a b;c");
    assert_int_equal(sl_child_run(ARGV("false"), 5000, &out, &err), SL_E_IO);
    assert_int_equal(sl_child_run(ARGV("no-such-program"), 5000, &out, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no-such-program is not installed"));
    sl_buf_clear(&out);
    assert_int_equal(sl_child_run(ARGV("head", "-c", "70000", "/dev/zero"), 5000, &out, &err),
                     SL_E_IO);
    sl_buf_done(&out);
}

static void a_deadline_ends_it(void **state)
{
    sl_buf out = {0};
    int64_t start = sl_mono_ms();
    assert_int_equal(sl_child_run(ARGV("sleep", "30"), 50, &out, NULL), SL_E_TIMEOUT);
    assert_true(sl_mono_ms() - start < 5000);
    sl_buf_done(&out);
}

/* The daemon holds the pipe; the program that started it has ended. */
static void what_stays_behind_is_not_waited_for(void **state)
{
    sl_buf out = {0};
    int64_t start = sl_mono_ms();
    assert_int_equal(sl_child_run(ARGV("sh", "-c", "sleep 20 & echo $!"), 10000, &out, NULL),
                     SL_OK);
    assert_true(sl_mono_ms() - start < 5000);
    assert_true(atoi(out.data) > 1);
    assert_int_equal(kill(atoi(out.data), SIGKILL), 0);
    sl_buf_done(&out);
}

static void a_talk(void **state)
{
    sl_child c;
    sl_buf line = {0};
    sl_error err = {0};
    const char *const *argv =
        ARGV("sh", "-c", "read -r l; echo \"1 $l\"; echo two; read -r l; echo \"3 $l\"");
    assert_int_equal(sl_child_start(&c, argv, &err), SL_OK);
    assert_int_equal(sl_child_say(&c, SL_STR("hello"), &err), SL_OK);
    assert_int_equal(sl_child_hear(&c, 5000, &line, &err), SL_OK);
    assert_string_equal(line.data, "1 hello");
    sl_buf_clear(&line);
    assert_int_equal(sl_child_hear(&c, 5000, &line, &err), SL_OK);
    assert_string_equal(line.data, "two");
    assert_int_equal(sl_child_hear(&c, 20, &line, &err), SL_E_TIMEOUT);
    assert_int_equal(sl_child_say(&c, SL_STR("again"), &err), SL_OK);
    sl_buf_clear(&line);
    assert_int_equal(sl_child_hear(&c, 5000, &line, &err), SL_OK);
    assert_string_equal(line.data, "3 again");
    assert_int_equal(sl_child_hear(&c, 5000, &line, &err), SL_E_CLOSED);
    sl_child_done(&c);
    sl_buf_done(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_failures),
        cmocka_unit_test(a_deadline_ends_it),
        cmocka_unit_test(what_stays_behind_is_not_waited_for),
        cmocka_unit_test(a_talk),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
