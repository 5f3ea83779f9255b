/* The tunnel's status file: which text means well, and that everything else does not. */
#include "public-worker/tunnel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* after the system's own */
#include <cmocka.h>

#define NOW 1800000000000

static const sl_public_config cfg = {
    .tunnel_handshake_max_s = 180, .tunnel_status_max_s = 30, .tunnel_probe = true};

static void what_is_well(void **state)
{
    static const struct {
        const char *text;
        double age;      /* -1: infinite */
        const char *why; /* NULL: well */
    } cases[] = {
        {"{\"looked_ms\":1799999999000,\"handshake_ms\":1799999990000,\"up\":true,"
         "\"probe\":\"ok\",\"more\":1}",
         10, NULL},
        {"{\"looked_ms\":1800000000000,\"handshake_ms\":1799999820000,\"up\":true,"
         "\"probe\":\"none\"}",
         180, NULL},
        {"{\"looked_ms\":1800000000000,\"handshake_ms\":1799999819000,\"up\":true,"
         "\"probe\":\"none\"}",
         181, "too old"},
        {"{\"looked_ms\":1800000000000,\"handshake_ms\":0,\"up\":true,\"probe\":\"none\"}", -1,
         "no handshake yet"},
        {"{\"looked_ms\":1800000000000,\"handshake_ms\":1799999990000,\"up\":false,"
         "\"probe\":\"none\"}",
         -1, "not there"},
        {"{\"looked_ms\":1800000000000,\"handshake_ms\":1799999990000,\"up\":true,"
         "\"probe\":\"silent\"}",
         10, "probe"},
        {"{\"looked_ms\":1799999969000,\"handshake_ms\":1799999960000,\"up\":true,"
         "\"probe\":\"ok\"}",
         40, "old: does"},
        {"{\"looked_ms\":1800000031000,\"handshake_ms\":1799999990000,\"up\":true,"
         "\"probe\":\"ok\"}",
         10, "old: does"},
        {"{\"looked_ms\":1800000000000,\"up\":true,\"probe\":\"ok\"}", -1, "lacks"},
        {"{\"looked_ms\":\"1800000000000\",\"handshake_ms\":1799999990000,\"up\":true,"
         "\"probe\":\"ok\"}",
         -1, "lacks"},
        {"", -1, "no JSON"},
        {"{\"looked_ms\":18000", -1, "no JSON"},
        {"[]", -1, "lacks"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_error why = {0};
        double age = 0;
        sl_status st = sl_tunnel_judge(&cfg, sl_str_c(cases[i].text), NOW, &age, &why);
        if (st != (cases[i].why ? SL_E_UNAVAILABLE : SL_OK) ||
            (cases[i].why && !strstr(why.text, cases[i].why)) ||
            (cases[i].age < 0 ? !isinf(age) : fabs(age - cases[i].age) > 0.001))
            fail_msg("case %zu: %d, age %g, '%s'", i, st, age, why.text);
    }
}

static void a_failed_probe_may_be_passed_over(void **state)
{
    sl_public_config c = cfg;
    double age;
    sl_str text = SL_STR("{\"looked_ms\":1800000000000,\"handshake_ms\":1799999990000,\"up\":true,"
                         "\"probe\":\"reset\"}");
    assert_int_equal(sl_tunnel_judge(&c, text, NOW, &age, NULL), SL_E_UNAVAILABLE);
    c.tunnel_probe = false;
    assert_int_equal(sl_tunnel_judge(&c, text, NOW, &age, NULL), SL_OK);
}

static void no_file_is_no(void **state)
{
    sl_public_config c = cfg;
    sl_error why = {0};
    double age = 0;
    c.tunnel_status = "/nonexistent/tunnel.json";
    assert_int_not_equal(sl_tunnel_check(&c, &age, &why), SL_OK);
    assert_true(isinf(age));
    assert_non_null(strstr(why.text, "/nonexistent/tunnel.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_well),
        cmocka_unit_test(a_failed_probe_may_be_passed_over),
        cmocka_unit_test(no_file_is_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
