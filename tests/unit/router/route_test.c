/* The decision: level, class and model for every kind of request, and what is told about it. */
#include "router/router.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char yaml[] =
    "version: 1\n"
    "models:\n"
    "  inside: {classes: [private]}\n"
    "  cloud: {classes: [public]}\n"
    "  both: {classes: [private, public]}\n"
    "defaults:\n"
    "  models: {private: inside, public: cloud}\n"
    "tenants:\n"
    "  strict: {floor: internal}\n"
    "  refuser: {sensitive_on_public_model: refuse}\n"
    "  few: {models: [auto, inside]}\n"
    "  words: {dictionary: [{term: Falcon, level: confidential}], allow: [EMAIL_ADDRESS]}\n";

static sl_policy *policy;
static sl_router *router;

static sl_status decide(const char *tenant, const char *body, sl_arena *arena, sl_decision *d)
{
    sl_chat *chat = NULL;
    sl_chat_fault fault = {0};
    sl_error err = {0};
    if (sl_chat_parse(&chat, SL_CHAT, sl_str_c(body), 1 << 20, &fault, &err) != SL_OK)
        fail_msg("%s: %s", body, err.text);
    sl_status st = sl_router_decide(router, policy, sl_str_c(tenant), chat, arena, d, &err);
    sl_chat_free(chat); /* the decision lives in the arena */
    return st;
}

#define ASK(model, content) \
    "{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"" content "\"}]}"
#define PLAIN "What is the capital of France?"
#define CARD  "my card 4539222126025164"
#define MAIL  "write to bob@acme.com"

static void test_table(void **state)
{
    static const struct {
        const char *tenant, *body;
        sl_class cls;
        sl_level level;
        const char *model; /* NULL: refused */
        bool rerouted;
    } cases[] = {
        {"any", ASK("auto", PLAIN), SL_CLASS_PUBLIC, SL_LEVEL_PUBLIC, "cloud", false},
        {"any", ASK("auto", CARD), SL_CLASS_PRIVATE, SL_LEVEL_RESTRICTED, "inside", false},
        {"any", ASK("inside", PLAIN), SL_CLASS_PRIVATE, SL_LEVEL_PUBLIC, "inside", false},
        {"any", ASK("inside", CARD), SL_CLASS_PRIVATE, SL_LEVEL_RESTRICTED, "inside", false},
        {"any", ASK("cloud", PLAIN), SL_CLASS_PUBLIC, SL_LEVEL_PUBLIC, "cloud", false},
        {"any", ASK("cloud", CARD), SL_CLASS_PRIVATE, SL_LEVEL_RESTRICTED, "inside", true},
        {"any", ASK("both", PLAIN), SL_CLASS_PUBLIC, SL_LEVEL_PUBLIC, "both", false},
        {"any", ASK("both", CARD), SL_CLASS_PRIVATE, SL_LEVEL_RESTRICTED, "both", false},
        {"strict", ASK("auto", PLAIN), SL_CLASS_PRIVATE, SL_LEVEL_INTERNAL, "inside", false},
        {"strict", ASK("cloud", PLAIN), SL_CLASS_PRIVATE, SL_LEVEL_INTERNAL, "inside", true},
        {"refuser", ASK("cloud", CARD), SL_CLASS_PRIVATE, SL_LEVEL_RESTRICTED, NULL, false},
        {"refuser", ASK("cloud", PLAIN), SL_CLASS_PUBLIC, SL_LEVEL_PUBLIC, "cloud", false},
        {"refuser", ASK("auto", CARD), SL_CLASS_PRIVATE, SL_LEVEL_RESTRICTED, "inside", false},
        {"words", ASK("auto", "What about falcon?"), SL_CLASS_PRIVATE, SL_LEVEL_CONFIDENTIAL,
         "inside", false},
        {"any", ASK("auto", "What about falcon?"), SL_CLASS_PUBLIC, SL_LEVEL_PUBLIC, "cloud",
         false},
        {"words", ASK("auto", MAIL), SL_CLASS_PUBLIC, SL_LEVEL_PUBLIC, "cloud",
         false}, /* allowed */
        {"any", ASK("auto", MAIL), SL_CLASS_PRIVATE, SL_LEVEL_CONFIDENTIAL, "inside", false},
        {"any", ASK("auto", "\\u0031\\u0033800138000"), SL_CLASS_PRIVATE, SL_LEVEL_CONFIDENTIAL,
         "inside", false},
    };
    sl_arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_decision d;
        sl_arena_reset(&arena);
        assert_int_equal(decide(cases[i].tenant, cases[i].body, &arena, &d), SL_OK);
        bool same_model =
            cases[i].model ? d.model && strcmp(d.model, cases[i].model) == 0 : d.model == NULL;
        if (d.cls != cases[i].cls || d.level != cases[i].level || !same_model ||
            d.rerouted != cases[i].rerouted || d.refused != !cases[i].model)
            fail_msg("%s %s: %s %s %s", cases[i].tenant, cases[i].body, sl_class_name(d.cls),
                     sl_level_name(d.level), d.model ? d.model : "refused");
    }
    sl_arena_done(&arena);
}

static void test_refusals(void **state)
{
    sl_arena arena = {0};
    sl_decision d;
    assert_int_equal(decide("any", ASK("nonesuch", PLAIN), &arena, &d), SL_E_NOT_FOUND);
    assert_int_equal(decide("few", ASK("cloud", PLAIN), &arena, &d), SL_E_DENIED);
    assert_int_equal(decide("few", ASK("inside", PLAIN), &arena, &d), SL_OK);
    assert_int_equal(decide("few", ASK("auto", PLAIN), &arena, &d), SL_OK);
    sl_arena_done(&arena);
}

/* Sensitive content in any place of the request counts, and the reason says which. */
static void test_places(void **state)
{
    static const char *const bodies[] = {
        "{\"messages\":[{\"role\":\"system\",\"content\":\"" CARD
        "\"},{\"role\":\"user\",\"content\":\"hi\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":"
        "\"" CARD "\"},{\"role\":\"user\",\"content\":\"so?\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"},{"
        "\"type\":\"text\",\"text\":\"" CARD "\"}]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"user\":\"" CARD "\"}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stop\":[\"" CARD "\"]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"description\":\"" CARD "\"}}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":"
        "null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{\\\"x\\\":\\\"" CARD
        "\\\"}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"ok\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"4539222\"},{\"role\":\"user\",\"content\":"
        "\"126025164\"}]}",
    };
    sl_arena arena = {0};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        sl_decision d;
        sl_arena_reset(&arena);
        assert_int_equal(decide("any", bodies[i], &arena, &d), SL_OK);
        if (d.level != SL_LEVEL_RESTRICTED || d.cls != SL_CLASS_PRIVATE)
            fail_msg("%s: %s", bodies[i], sl_level_name(d.level));
        assert_true(d.findings_n > 0 && d.findings[0].where[0] != '\0');
    }
    sl_arena_done(&arena);
}

static void test_opaque(void **state)
{
    sl_arena arena = {0};
    sl_decision d;
    assert_int_equal(
        decide("any",
               "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"what "
               "is it?\"},"
               "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x.org/a.png\"}}]}]}",
               &arena, &d),
        SL_OK);
    assert_int_equal(d.cls, SL_CLASS_PRIVATE);
    assert_int_equal(d.level, SL_LEVEL_INTERNAL);
    assert_non_null(strstr(d.summary, "OPAQUE_CONTENT"));
    sl_arena_done(&arena);
}

/* Doubt stays inside even where the policy lets `internal` out. */
static void test_doubt_stays(void **state)
{
    static const char loose[] =
        "version: 1\nmodels: {p: {classes: [private]}, u: {classes: [public]}}\n"
        "defaults: {models: {private: p, public: u}, public_max_level: restricted}\n";
    sl_policy *p = NULL;
    sl_arena arena = {0};
    sl_decision d;
    sl_error err = {0};
    assert_int_equal(sl_policy_parse(&p, "loose", SL_STR(loose), &err), SL_OK);
    assert_int_equal(sl_router_classify(router, p, SL_STR("x"), SL_STR(CARD), &arena, &d, &err),
                     SL_OK);
    assert_int_equal(d.cls, SL_CLASS_PUBLIC);
    assert_int_equal(
        sl_router_classify(router, p, SL_STR("x"), (sl_str){"\xff", 1}, &arena, &d, &err), SL_OK);
    assert_int_equal(d.cls, SL_CLASS_PRIVATE);
    sl_arena_done(&arena);
    sl_policy_unref(p);
}

static void test_reasons(void **state)
{
    sl_arena arena = {0};
    sl_decision d;
    sl_error err = {0};
    assert_int_equal(
        sl_router_classify(router, policy, SL_STR("x"),
                           SL_STR("a card 4539222126025164 and bob@acme.com and al@acme.com"),
                           &arena, &d, &err),
        SL_OK);
    assert_string_equal(d.summary, "EMAIL_ADDRESS,CREDIT_CARD");
    assert_true(sl_str_is(d.reasons,
                          "[{\"entity\":\"EMAIL_ADDRESS\",\"level\":\"confidential\",\"view\":"
                          "\"text\",\"where\":\"text\",\"offset\":28,\"length\":12,\"count\":2},"
                          "{\"entity\":\"CREDIT_CARD\",\"level\":\"restricted\",\"view\":\"text\","
                          "\"where\":\"text\",\"offset\":7,\"length\":16,\"count\":1}]"));
    assert_null(memmem(d.reasons.p, d.reasons.n, "4539", 4)); /* never the value */
    assert_null(memmem(d.reasons.p, d.reasons.n, "acme", 4));
    assert_int_equal(sl_router_classify(router, policy, SL_STR("x"), SL_STR(""), &arena, &d, &err),
                     SL_OK);
    assert_string_equal(d.summary, "none");
    assert_true(sl_str_is(d.reasons, "[]"));
    sl_arena_done(&arena);
}

/* One policy, a router a thread, and a reload in between. */
static void *thread(void *arg)
{
    sl_router *r = NULL;
    sl_arena arena = {0};
    sl_decision d;
    if (sl_router_open(&r, NULL) != SL_OK)
        return "open";
    const char *fault = NULL;
    for (int i = 0; i < 200 && !fault; i++) {
        sl_policy *mine = NULL;
        sl_policy *p = i % 50 == 0 && sl_policy_parse(&mine, "again", SL_STR(yaml), NULL) == SL_OK
                           ? mine
                           : sl_policy_ref(policy);
        sl_arena_reset(&arena);
        if (sl_router_classify(r, p, SL_STR("words"), SL_STR("the FALCON has 4539222126025164"),
                               &arena, &d, NULL) != SL_OK ||
            d.findings_n != 2)
            fault = "findings";
        sl_policy_unref(p);
    }
    sl_arena_done(&arena);
    sl_router_free(r);
    return (void *)fault;
}

static void test_threads(void **state)
{
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, thread, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *fault;
        pthread_join(t[i], &fault);
        if (fault)
            fail_msg("%s", (const char *)fault);
    }
}

static int setup(void **state)
{
    sl_error err = {0};
    if (sl_policy_parse(&policy, "policy.yaml", SL_STR(yaml), &err) != SL_OK ||
        sl_router_open(&router, &err) != SL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    sl_router_free(router);
    sl_policy_unref(policy);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),       cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_places),      cmocka_unit_test(test_opaque),
        cmocka_unit_test(test_doubt_stays), cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
