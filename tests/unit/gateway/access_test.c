/* access_test.c - the table of rights, written down a second time. */
#include "gateway/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void every_pair_is_as_documented(void **state)
{
    (void)state;
    static const char *const may[SL_ROLE_N] = {"infer models", "metrics policy keys reload",
                                               "metrics policy keys",
                                               "infer models metrics policy keys reload"};
    static const char *const names[SL_RIGHT_N] = {"none",   "infer", "models", "metrics",
                                                  "policy", "keys",  "reload"};
    for (int role = 0; role < SL_ROLE_N; role++)
        for (int right = 0; right < SL_RIGHT_N; right++)
            assert_int_equal(sl_role_may((sl_role)role, (sl_right)right),
                             strstr(may[role], names[right]) != NULL);
}

static void what_is_not_listed_is_refused(void **state)
{
    (void)state;
    for (int n = -2; n < 64; n++) {
        assert_false(sl_role_may((sl_role)n, SL_RIGHT_NONE));
        if (n < 0 || n >= SL_ROLE_N)
            assert_false(sl_role_may((sl_role)n, SL_RIGHT_INFER));
        if (n < 0 || n >= SL_RIGHT_N)
            assert_false(sl_role_may(SL_ROLE_ADMIN, (sl_right)n));
    }
}

static void names_of_roles(void **state)
{
    (void)state;
    sl_role r;
    for (int i = 0; i < SL_ROLE_N; i++) {
        assert_true(sl_role_parse(sl_str_c(sl_role_name((sl_role)i)), &r));
        assert_int_equal(r, i);
    }
    assert_false(sl_role_parse(SL_STR("Admin"), &r));
    assert_false(sl_role_parse(SL_STR("unknown"), &r));
    assert_string_equal(sl_role_name((sl_role)-1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_is_as_documented),
        cmocka_unit_test(what_is_not_listed_is_refused),
        cmocka_unit_test(names_of_roles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
