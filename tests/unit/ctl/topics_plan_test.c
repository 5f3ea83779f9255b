/* The table of topics and rights: what each role may do in both shapes, what counts as too much. */
#include "ctl/topics_apply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const ingress_v[] = {"llm.ingress.v1", "llm.ingress.acme.v1"};
static const sl_option_list ingress = {(const char **)(uintptr_t)ingress_v, 2};

#define LIST(...)                                                         \
    {                                                                     \
        .v = (const char *[]){__VA_ARGS__},                               \
        .n = sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *) \
    }

static sl_principals everybody(void)
{
    static const char *g[] = {"gateway-0", "gateway-1"}, *a[] = {"auditor"}, *o[] = {"operator"},
                      *priv[] = {"private-worker-a"}, *pub[] = {"public-worker-a"};
    static struct sl_option_pair producers[] = {{"producer-crm", "llm.ingress.acme.v1"},
                                                {"producer-x", "llm.ingress.v1"}};
    return (sl_principals){.gateways = {g, 2},
                           .private_workers = {priv, 1},
                           .public_workers = {pub, 1},
                           .auditors = {a, 1},
                           .operators = {o, 1},
                           .producers = {producers, 2}};
}

static sl_plan plan_of(bool private, bool public, const sl_principals *p)
{
    sl_plan plan;
    sl_error err = {0};
    sl_plan_options o = {.on = {[SL_CLASS_PRIVATE] = private, [SL_CLASS_PUBLIC] = public},
                         .partitions = 4,
                         .replication = 1,
                         .ingress = &ingress,
                         .ingress_group = "gateway-ingress",
                         .principals = p};
    assert_int_equal(sl_plan_make(&plan, &o, &err), SL_OK);
    return plan;
}

/* The rules of a principal as text, sorted as the plan has them. */
static void rules_are(const sl_plan *plan, const char *principal, const char *const *want)
{
    sl_buf text = {0};
    size_t n = 0;
    for (size_t i = 0; i < plan->acls_n; i++) {
        if (strcmp(plan->acl[i].principal + 5, principal) != 0)
            continue;
        sl_buf_clear(&text);
        sl_acl_text(&plan->acl[i], &text);
        const char *rest = text.data + 5 + strlen(principal) + 5; /* "User:" … " may " */
        bool found = false;
        for (const char *const *w = want; *w; w++)
            found = found || !strcmp(*w, rest);
        if (!found)
            fail_msg("%s is too much", text.data);
        n++;
    }
    size_t want_n = 0;
    while (want[want_n])
        want_n++;
    assert_int_equal(n, want_n);
    sl_buf_done(&text);
}

static const char *const public_worker[] = {"Read topic llm.public.requests.v1",
                                            "Write topic llm.public.responses.v1",
                                            "Read topic llm.public.control.v1",
                                            "Write topic llm.public.presence.v1",
                                            "Write topic llm.public.dead-letter.v1",
                                            "Write topic llm.public.audit.v1",
                                            "Read groups public-*",
                                            NULL};
static const char *const private_worker[] = {"Read topic llm.private.requests.v1",
                                             "Write topic llm.private.responses.v1",
                                             "Read topic llm.private.control.v1",
                                             "Write topic llm.private.presence.v1",
                                             "Write topic llm.private.dead-letter.v1",
                                             "Write topic llm.audit.v1",
                                             "Read groups private-*",
                                             NULL};
static const char *const nothing[] = {NULL};

static void one_cluster(void **state)
{
    sl_principals p = everybody();
    sl_plan plan = plan_of(true, true, &p);
    rules_are(&plan, "public-worker-a", public_worker);
    rules_are(&plan, "private-worker-a", private_worker);
    rules_are(&plan, "gateway-1",
              (const char *const[]){
                  "Write topic llm.private.requests.v1", "Read topic llm.private.responses.v1",
                  "Write topic llm.private.control.v1", "Read topic llm.private.presence.v1",
                  "Write topic llm.private.dead-letter.v1", "Write topic llm.public.requests.v1",
                  "Read topic llm.public.responses.v1", "Write topic llm.public.control.v1",
                  "Read topic llm.public.presence.v1", "Write topic llm.public.dead-letter.v1",
                  "Write topic llm.audit.v1", "Read topic llm.ingress.v1",
                  "Read topic llm.ingress.acme.v1", "Write topics llm.egress.*",
                  "Read group gateway-ingress", NULL});
    rules_are(&plan, "auditor",
              (const char *const[]){
                  "Read topic llm.private.requests.v1", "Read topic llm.private.responses.v1",
                  "Read topic llm.public.requests.v1", "Read topic llm.public.responses.v1",
                  "Read topic llm.audit.v1", "Read topic llm.public.audit.v1", NULL});
    rules_are(&plan, "operator",
              (const char *const[]){
                  "Read topic llm.private.presence.v1", "Read topic llm.private.dead-letter.v1",
                  "Read topic llm.public.presence.v1", "Read topic llm.public.dead-letter.v1",
                  "Describe topics llm.*", "Describe groups private-*", "Describe groups gateway-*",
                  "Describe groups public-*", NULL});
    rules_are(&plan, "producer-crm",
              (const char *const[]){"Write topic llm.ingress.acme.v1",
                                    "Read topics llm.egress.acme.*", "Read groups producer-crm.*",
                                    NULL});
    rules_are(&plan, "producer-x",
              (const char *const[]){"Write topic llm.ingress.v1", "Read topic llm.egress.v1",
                                    "Read groups producer-x.*", NULL});
    sl_plan_done(&plan);
}

static void two_clusters(void **state)
{
    sl_principals p = everybody();
    sl_plan priv = plan_of(true, false, &p), pub = plan_of(false, true, &p);
    rules_are(&priv, "public-worker-a", nothing);
    rules_are(&priv, "private-worker-a", private_worker);
    rules_are(&pub, "public-worker-a", public_worker);
    rules_are(&pub, "private-worker-a", nothing);
    rules_are(&pub, "producer-crm", nothing);
    for (size_t i = 0; i < priv.topics_n; i++)
        assert_null(strstr(priv.topic[i].name, ".public."));
    for (size_t i = 0; i < pub.topics_n; i++)
        assert_int_equal(strncmp(pub.topic[i].name, "llm.public.", 11), 0);
    assert_int_equal(pub.topics_n, 6);
    sl_plan_done(&priv);
    sl_plan_done(&pub);
}

static void topics_alone(void **state)
{
    sl_plan plan = plan_of(true, true, NULL);
    assert_int_equal(plan.acls_n, 0);
    assert_int_equal(plan.topics_n, 15);
    sl_plan_done(&plan);
}

static void wrong_names(void **state)
{
    const sl_principals cases[] = {
        {.gateways = LIST("public-worker-a")},
        {.gateways = LIST("gateway")},
        {.gateways = LIST("gateway-")},
        {.gateways = LIST("gateway-A")},
        {.public_workers = LIST("public-worker-a,b")},
        {.public_workers = LIST("private-worker-a")},
        {.auditors = LIST("auditors")},
        {.operators = LIST("*")},
        {.producers = {(struct sl_option_pair[]){{"gateway-0", "llm.ingress.v1"}}, 1}},
        {.producers = {(struct sl_option_pair[]){{"producer-a", "llm.private.requests.v1"}}, 1}},
        {.producers = {(struct sl_option_pair[]){{"producer-a", "llm.ingress..v1"}}, 1}},
        {.producers = {(struct sl_option_pair[]){{"producer-a", "llm.ingress.*.v1"}}, 1}},
    };
    sl_error err;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(sl_principals_check(&cases[i], &err), SL_E_INVALID);
    sl_principals good = everybody();
    assert_int_equal(sl_principals_check(&good, &err), SL_OK);
}

static void a_producer_nobody_reads(void **state)
{
    sl_principals p = {
        .producers = {(struct sl_option_pair[]){{"producer-a", "llm.ingress.other.v1"}}, 1}};
    sl_plan_options o = {.on = {true, true},
                         .partitions = 1,
                         .ingress = &ingress,
                         .ingress_group = "gateway-ingress",
                         .principals = &p};
    sl_plan plan;
    sl_error err = {0};
    assert_int_equal(sl_plan_make(&plan, &o, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "llm.ingress.other.v1"));
    sl_plan_done(&plan);
}

static void what_counts_as_ours(void **state)
{
    const struct {
        sl_acl_resource resource;
        const char *principal, *name;
        bool prefixed, deny, ours;
    } cases[] = {
        {SL_ACL_TOPIC, "User:x", "llm.audit.v1", false, false, true},
        {SL_ACL_TOPIC, "User:x", "*", false, false, true},
        {SL_ACL_TOPIC, "User:x", "l", true, false, true},
        {SL_ACL_TOPIC, "User:x", "llm.private.r", true, false, true},
        {SL_ACL_TOPIC, "User:x", "orders", false, false, false},
        {SL_ACL_TOPIC, "User:x", "llmx", true, false, false},
        {SL_ACL_TOPIC, "User:x", "ll", false, false, false},
        {SL_ACL_TOPIC, "User:x", "llm.audit.v1", false, true, false},
        {SL_ACL_GROUP, "User:x", "private-workers", false, false, true},
        {SL_ACL_GROUP, "User:x", "p", true, false, true},
        {SL_ACL_GROUP, "User:x", "fronts", false, false, true},
        {SL_ACL_GROUP, "User:x", "orders", true, false, false},
        {SL_ACL_CLUSTER, "User:public-worker-a", "kafka-cluster", false, false, true},
        {SL_ACL_CLUSTER, "User:*", "kafka-cluster", false, false, true},
        {SL_ACL_CLUSTER, "User:somebody", "kafka-cluster", false, false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_acl a = {.principal = cases[i].principal,
                    .host = "*",
                    .resource = cases[i].resource,
                    .name = cases[i].name,
                    .prefixed = cases[i].prefixed,
                    .op = SL_ACL_READ,
                    .deny = cases[i].deny};
        if (sl_acl_ours(&a, "fronts") != cases[i].ours)
            fail_msg("case %zu: %s", i, cases[i].name);
    }
}

static void a_rule_as_text(void **state)
{
    sl_buf text = {0};
    sl_acl a = {.principal = "User:\x1b[31m",
                .host = "10.0.0.1",
                .resource = SL_ACL_TOPIC,
                .name = "llm.",
                .prefixed = true,
                .op = SL_ACL_ALL,
                .deny = true};
    sl_acl_text(&a, &text);
    assert_string_equal(text.data, "User:?[31m may not All topics llm.* from 10.0.0.1");
    sl_buf_done(&text);
}

/* On a bus without access control lists: what is missing is made once, a dry run makes nothing. */
static void applying(void **state)
{
    sl_plan plan = plan_of(true, true, NULL);
    sl_bus *bus = NULL;
    sl_error err = {0};
    assert_int_equal(
        sl_bus_open(&bus, &(sl_bus_options){.name = "t", .bootstrap = "memory:plan"}, &err), SL_OK);
    sl_apply_options o = {.bus = "private", .bootstrap = "x", .ingress_group = "", .json = true};
    size_t open = 0;
    int n = 0;
    o.dry_run = true;
    assert_int_equal(sl_plan_apply(bus, &plan, &o, &open, &err), SL_OK);
    assert_int_equal(open, 15);
    assert_int_equal(sl_bus_partitions(bus, "llm.audit.v1", &n, 1000, &err), SL_OK);
    assert_int_equal(n, 0);
    o.dry_run = false;
    assert_int_equal(sl_plan_apply(bus, &plan, &o, &open, &err), SL_OK);
    assert_int_equal(open, 0);
    assert_int_equal(sl_bus_partitions(bus, "llm.ingress.acme.v1", &n, 1000, &err), SL_OK);
    assert_int_equal(n, 4);
    o.dry_run = true;
    assert_int_equal(sl_plan_apply(bus, &plan, &o, &open, &err), SL_OK);
    assert_int_equal(open, 0);
    o.acls = true;
    assert_int_equal(sl_plan_apply(bus, &plan, &o, &open, &err), SL_E_UNSUPPORTED);
    o.acls = false;
    plan.topic[0].partitions = 9; /* there are 4: told, and a failure when applied */
    assert_int_equal(sl_plan_apply(bus, &plan, &o, &open, &err), SL_OK);
    assert_int_equal(open, 1);
    o.dry_run = false;
    assert_int_equal(sl_plan_apply(bus, &plan, &o, &open, &err), SL_E_CONFLICT);
    sl_bus_free(bus);
    sl_plan_done(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_cluster),
        cmocka_unit_test(two_clusters),
        cmocka_unit_test(topics_alone),
        cmocka_unit_test(wrong_names),
        cmocka_unit_test(a_producer_nobody_reads),
        cmocka_unit_test(what_counts_as_ours),
        cmocka_unit_test(a_rule_as_text),
        cmocka_unit_test(applying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
