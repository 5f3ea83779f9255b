/* Access control lists: what is refused before any broker sees it, and a cluster without an
 * authorizer. tests/segregation has the broker that keeps them. */
#include "tests/unit/common/bus/kafka_rig.h"

static void ignore(void *arg, const sl_acl *a) {}

static const sl_acl good = {.principal = "User:gateway-0",
                            .host = "*",
                            .resource = SL_ACL_TOPIC,
                            .name = "llm.",
                            .op = SL_ACL_READ};

static void a_bus_without_them(void **state)
{
    sl_bus *bus = NULL;
    sl_error err = {0};
    assert_int_equal(
        sl_bus_open(&bus, &(sl_bus_options){.name = "t", .bootstrap = "memory:acl"}, &err), SL_OK);
    assert_int_equal(sl_bus_acls_list(bus, ignore, NULL, 1000, &err), SL_E_UNSUPPORTED);
    assert_int_equal(sl_bus_acls_create(bus, &good, 1, 1000, &err), SL_E_UNSUPPORTED);
    assert_int_equal(sl_bus_acls_delete(bus, &good, 1, 1000, &err), SL_E_UNSUPPORTED);
    sl_bus_free(bus);
}

static void refused_arguments(void **state)
{
    sl_bus *bus = NULL;
    sl_error err = {0};
    assert_int_equal(
        sl_bus_open(&bus, &(sl_bus_options){.name = "t", .bootstrap = "127.0.0.1:1"}, &err), SL_OK);
    sl_acl cases[] = {good, good, good, good, good, good};
    cases[0].principal = "gateway-0";
    cases[1].principal = NULL;
    cases[2].host = "";
    cases[3].name = "";
    cases[4].op = SL_ACL_OP_OTHER;
    cases[5].resource = SL_ACL_OTHER;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_status want = i < 4 ? SL_E_INVALID : SL_E_UNSUPPORTED;
        assert_int_equal(sl_bus_acls_create(bus, &cases[i], 1, 100, &err), want);
        assert_int_equal(sl_bus_acls_delete(bus, &cases[i], 1, 100, &err), want);
    }
    assert_int_equal(sl_bus_acls_create(bus, NULL, 0, 100, &err), SL_OK); /* nothing to do */
    sl_bus_free(bus);
}

static void a_cluster_without_an_authorizer(void **state)
{
    const char *bootstrap = getenv("SLUICE_TEST_KAFKA");
    if (!bootstrap || !*bootstrap)
        skip();
    sl_bus *bus = NULL;
    sl_error err = {0};
    assert_int_equal(
        sl_bus_open(&bus, &(sl_bus_options){.name = "t", .bootstrap = bootstrap}, &err), SL_OK);
    assert_int_equal(sl_bus_acls_list(bus, ignore, NULL, PATIENCE_MS, &err), SL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "no authorizer"));
    assert_int_equal(sl_bus_acls_create(bus, &good, 1, PATIENCE_MS, &err), SL_E_UNSUPPORTED);
    assert_int_equal(sl_bus_acls_delete(bus, &good, 1, PATIENCE_MS, &err), SL_E_UNSUPPORTED);
    sl_bus_free(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bus_without_them),
        cmocka_unit_test(refused_arguments),
        cmocka_unit_test(a_cluster_without_an_authorizer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
