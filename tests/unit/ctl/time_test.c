/* time_test.c - times on the command line, and numbers that may stand in a JSON body. */
#include "common/base/clock.h"
#include "ctl/cmd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static void moments(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:01Z", 1000},
        {"2026-11-24T12:00:00Z", 1795521600000},
        {"2026-11-24T12:00:00.250Z", 1795521600250},
        {"2026-11-24T13:00:00+01:00", 1795521600000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = -1;
        if (!sl_cmd_time(cases[i].text, &ms) || ms != cases[i].ms)
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
    }
}

static void ago(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"now", 0},      {"0s", 0},        {"90s", 90000},           {"15m", 900000},
                 {"2h", 7200000}, {"1d", 86400000}, {"36500d", 3153600000000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t before = sl_unix_ms() - cases[i].ms, ms = 0;
        if (!sl_cmd_time(cases[i].text, &ms))
            fail_msg("%s was refused", cases[i].text);
        assert_in_range(ms - before, 0, 60000);
    }
}

static void refused(void **state)
{
    static const char *const cases[] = {"",
                                        "m",
                                        "15",
                                        "15x",
                                        "-5m",
                                        "1.5h",
                                        "15 m",
                                        "NOW",
                                        "now ",
                                        "+1h",
                                        "5mm",
                                        "2026-11-24",
                                        "2026-13-24T12:00:00Z",
                                        "36501d",
                                        "9223372036854775807d"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = 42;
        if (sl_cmd_time(cases[i], &ms))
            fail_msg("'%s' was taken", cases[i]);
        assert_int_equal(ms, 42);
    }
}

static void numbers(void **state)
{
    static const char *const good[] = {"0", "0.7", "1e-3", "-2", "12"};
    static const char *const bad[] = {"", "nan", "0x1", "1,2", "0.7 ", ".5", "+1", "1}", "e"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!sl_cmd_is_number(good[i]))
            fail_msg("'%s' was refused", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (sl_cmd_is_number(bad[i]))
            fail_msg("'%s' was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments),
        cmocka_unit_test(ago),
        cmocka_unit_test(refused),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
