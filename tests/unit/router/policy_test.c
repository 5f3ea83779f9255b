/* The policy file: what it says, and what each mistake is told, with its line. */
#include "common/crypto/digest.h"
#include "router/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MODELS "version: 1\nmodels:\n  p: {classes: [private]}\n  u: {classes: [public]}\n"
#define HEAD   MODELS "defaults:\n  models: {private: p, public: u}\n" /* 6 lines */

static const char good[] = HEAD "  public_max_level: internal\n"
                                "  floor: public\n"
                                "  public_down: private\n"
                                "  sensitive_on_public_model: refuse\n"
                                "  private_without_audit: true\n"
                                "  contextual: off\n"
                                "inflight: {private: 10, public: 20}\n"
                                "tenants:\n"
                                "  acme:\n"
                                "    ingress: [llm.ingress.v1, llm.ingress.acme.v1]\n"
                                "    floor: internal\n"
                                "    contextual: 0.75\n"
                                "    public_down: refuse\n"
                                "    models: [auto, p]\n"
                                "    dictionary:\n"
                                "      - {term: 'Project Falcon', level: restricted}\n"
                                "      - {term: 猎鹰计划}\n"
                                "    allow: [EMAIL_ADDRESS]\n"
                                "  other: {}\n";

static sl_policy *parse(const char *text)
{
    sl_policy *p = NULL;
    sl_error err = {0};
    if (sl_policy_parse(&p, "policy.yaml", sl_str_c(text), &err) != SL_OK)
        fail_msg("%s", err.text);
    return p;
}

static void test_good(void **state)
{
    sl_policy *p = parse(good);
    assert_true(sl_policy_has_tenant(p, SL_STR("acme")));
    assert_false(sl_policy_has_tenant(p, SL_STR("nobody")));
    assert_string_equal(sl_policy_tenant_of_topic(p, "llm.ingress.acme.v1"), "acme");
    assert_null(sl_policy_tenant_of_topic(p, "llm.ingress.other.v1"));
    assert_int_equal(sl_policy_public_down(p, SL_STR("acme")), SL_FALLBACK_REFUSE);
    assert_int_equal(sl_policy_public_down(p, SL_STR("other")), SL_FALLBACK_PRIVATE);
    assert_int_equal(sl_policy_public_down(p, SL_STR("nobody")), SL_FALLBACK_PRIVATE);
    assert_true(sl_policy_private_without_audit(p));
    assert_int_equal(sl_policy_inflight_max(p, SL_CLASS_PRIVATE), 10);
    assert_int_equal(sl_policy_inflight_max(p, SL_CLASS_PUBLIC), 20);
    const sl_policy_model *models;
    assert_int_equal(sl_policy_models(p, &models), 2);
    assert_string_equal(models[0].name, "p");
    assert_true(models[0].on[SL_CLASS_PRIVATE] && !models[0].on[SL_CLASS_PUBLIC]);
    assert_true(sl_policy_model_known(p, SL_STR("u")));
    assert_false(sl_policy_model_known(p, SL_STR("x")));
    assert_true(sl_policy_model_allowed(p, SL_STR("acme"), SL_STR("p")));
    assert_false(sl_policy_model_allowed(p, SL_STR("acme"), SL_STR("u")));
    assert_true(sl_policy_model_allowed(p, SL_STR("nobody"), SL_STR("u")));
    assert_string_equal(sl_policy_private_model(p, SL_STR("acme"), SL_STR("u")), "p");
    assert_true(sl_str_is(sl_policy_text(p), good));
    uint8_t sha[32];
    char hex[65];
    sl_sha256(sha, good, sizeof good - 1);
    sl_hex_encode(hex, sha, 32);
    assert_memory_equal(sl_policy_digest(p), "sha256:", 7);
    assert_string_equal(sl_policy_digest(p) + 7, hex);
    sl_policy_unref(sl_policy_ref(p));
    sl_policy_unref(p);
    sl_policy_unref(NULL);
}

static void test_default(void **state)
{
    sl_policy *p = NULL;
    sl_error err = {0};
    assert_int_equal(sl_policy_default(&p, &err), SL_OK);
    assert_true(sl_policy_model_known(p, SL_STR("smollm2")));
    assert_false(sl_policy_private_without_audit(p));
    sl_policy_unref(p);
}

/* Runs from the root of the tree, as make does. */
static void test_sample(void **state)
{
    sl_policy *p = NULL;
    sl_error err = {0};
    if (sl_policy_load(&p, "deploy/demo/policy.yaml", &err) != SL_OK)
        fail_msg("%s", err.text);
    assert_string_equal(sl_policy_tenant_of_topic(p, "llm.ingress.v1"), "demo");
    sl_policy_unref(p);
    assert_int_equal(sl_policy_load(&p, "deploy/demo/no-such.yaml", &err), SL_E_NOT_FOUND);
}

static const struct {
    const char *yaml, *text;
} mistakes[] = {
    {"", "policy.yaml:1: the file is empty"},
    {"[]", "policy.yaml:1: must be a map"},
    {"models: {p: {classes: [private]}}\n", "version: must be 1"},
    {"version: 2\nmodels: {p: {classes: [private]}}\n", "policy.yaml:1: version: must be 1"},
    {"version: 1\n", "models: needs at least one model"},
    {"version: 1\nmodells: {}\n", "policy.yaml:2: unknown key 'modells'; did you mean 'models'?"},
    {"version: 1\nmodels:\n  auto: {classes: [private]}\n",
     "policy.yaml:3: models.auto: 'auto' is the policy's own word"},
    {"version: 1\nmodels:\n  'a b': {classes: [private]}\n",
     "policy.yaml:3: models.a b: a name is"},
    {"version: 1\nmodels:\n  p: {}\n", "policy.yaml:3: models.p: needs classes"},
    {"version: 1\nmodels:\n  p: {classes: []}\n", "policy.yaml:3: models.p: needs classes"},
    {"version: 1\nmodels:\n  p: {classes: [privat]}\n",
     "policy.yaml:3: models.p: unknown class 'privat'; did you mean 'private'?"},
    {"version: 1\nmodels:\n  p: {classes: [private, private]}\n", "class private stands twice"},
    {MODELS, "models.private: is missing"},
    {HEAD "  contextual: 1.5\n", "policy.yaml:7: defaults: contextual: must be a score above 0"},
    {HEAD "  contextual: high\n", "contextual: must be a score above 0 up to 1, or off"},
    {HEAD "  contextual: 0.5\ntenants: {a: {contextual: off}}\n",
     "contextual: is above the defaults'; a tenant may only lower it"},
    {MODELS "defaults:\n  models:\n    private: u\n",
     "policy.yaml:7: defaults.models.private: model 'u' is not on the private class"},
    {MODELS "defaults:\n  models: {private: q}\n",
     "policy.yaml:6: defaults.models.private: unknown model 'q'; did you mean 'p'?"},
    {HEAD "  floor: secret\n", "policy.yaml:7: defaults.floor: unknown level 'secret' (known: "
                               "public internal confidential restricted)"},
    {HEAD "  floor: internl\n",
     "policy.yaml:7: defaults.floor: unknown level 'internl'; did you mean 'internal'?"},
    {HEAD "  floor: [public]\n", "policy.yaml:7: defaults.floor: must be one value"},
    {HEAD "  public_down: wait\n",
     "policy.yaml:7: defaults.public_down: unknown way 'wait' (known: refuse private)"},
    {HEAD "  private_without_audit: perhaps\n",
     "policy.yaml:7: defaults: private_without_audit: must be true or false"},
    {HEAD "inflight: {private: 0}\n",
     "policy.yaml:7: inflight: private: must be a whole number from 1"},
    {HEAD "inflight: {privat: 1}\n",
     "policy.yaml:7: inflight: unknown key 'privat'; did you mean 'private'?"},
    {HEAD "pseudonym_key: abcdefghijklmnopqrst\n",
     "policy.yaml:7: pseudonym_key: must be written as ${NAME}"},
    {HEAD "pseudonym_key: ${SL_TEST_SHORT}\n",
     "policy.yaml:7: pseudonym_key: the variable holds fewer than 16 bytes"},
    {HEAD "pseudonym_key: ${SL_TEST_MISSING}\n", "policy.yaml:7:"},
    {HEAD "  floor: ${SL_TEST_LEVEL}\n",
     "policy.yaml:7: defaults.floor: may not come from the environment"},
    {HEAD "tenants: []\n", "policy.yaml:7: tenants: must be a map"},
    {HEAD "tenants:\n  a: {flor: public}\n",
     "policy.yaml:8: tenants.a: unknown key 'flor'; did you mean 'floor'?"},
    {HEAD "tenants:\n  a:\n    floor: topsecret\n",
     "policy.yaml:9: tenants.a.floor: unknown level 'topsecret'"},
    {HEAD "  floor: internal\ntenants:\n  a:\n    floor: public\n",
     "policy.yaml:10: tenants.a: floor: public is below the defaults' floor internal"},
    {HEAD "tenants:\n  a:\n    public_max_level: internal\n",
     "policy.yaml:9: tenants.a: public_max_level: internal is above"},
    {HEAD "tenants:\n  a: {models: [q, auto]}\n",
     "policy.yaml:8: tenants.a.models: unknown model 'q'"},
    {HEAD "tenants:\n  a: {models: p}\n", "policy.yaml:8: tenants.a.models: must be a list"},
    {HEAD "tenants:\n  a: {ingress: [llm.ingress.v1]}\n  b:\n    ingress: [llm.ingress.v1]\n",
     "policy.yaml:10: tenants.b.ingress: topic llm.ingress.v1 is bound to tenant 'a' already"},
    {HEAD "tenants:\n  a: {ingress: [other.topic]}\n",
     "policy.yaml:8: tenants.a.ingress: 'other.topic' is no ingress topic"},
    {HEAD "tenants:\n  a: {dictionary: [{term: ab}]}\n",
     "policy.yaml:8: tenants.a.dictionary: a term has 3 characters"},
    {HEAD "tenants:\n  a: {dictionary: [{level: internal}]}\n",
     "policy.yaml:8: tenants.a.dictionary: needs a term"},
    {HEAD "tenants:\n  a: {dictionary: [{term: abc, level: public}]}\n",
     "level public raises nothing"},
    {HEAD "tenants:\n  a:\n    dictionary:\n      - {term: abc}\n      - {term: abc}\n",
     "policy.yaml:11: tenants.a.dictionary: the term stands twice"},
    {HEAD "tenants:\n  a: {allow: [EMAIL]}\n",
     "policy.yaml:8: tenants.a.allow: unknown entity 'EMAIL'"},
    {HEAD "tenants:\n  a: {allow: [INVALID_UTF8]}\n", "INVALID_UTF8 can't be allowed"},
    {HEAD "tenants:\n  a: {allow: [MARKING]}\n", "MARKING can't be allowed"},
    {"version: 1\nversion: 1\n", "policy.yaml:2:"},
    {"version: 1\n\tmodels: {}\n", "policy.yaml:2:"},
};

static void test_mistakes(void **state)
{
    setenv("SL_TEST_SHORT", "short", 1);
    setenv("SL_TEST_LEVEL", "internal", 1);
    unsetenv("SL_TEST_MISSING");
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        sl_policy *p = NULL;
        sl_error err = {0};
        if (sl_policy_parse(&p, "policy.yaml", sl_str_c(mistakes[i].yaml), &err) == SL_OK)
            fail_msg("taken, though wrong: %s", mistakes[i].yaml);
        assert_null(p);
        if (!strstr(err.text, mistakes[i].text))
            fail_msg("\"%s\" does not hold \"%s\"", err.text, mistakes[i].text);
    }
}

static void test_pseudonym(void **state)
{
    static const char text[] = HEAD "pseudonym_key: ${SL_TEST_KEY}\n";
    char a[33], b[33], other[33], drawn[33], again[33];
    setenv("SL_TEST_KEY", "0123456789abcdef-one", 1);
    sl_policy *p = parse(text);
    assert_true(sl_str_is(sl_policy_text(p), text)); /* unexpanded */
    sl_policy_pseudonym(p, SL_STR("acme"), a);
    sl_policy_pseudonym(p, SL_STR("acme2"), other);
    sl_policy_unref(p);
    p = parse(text);
    sl_policy_pseudonym(p, SL_STR("acme"), b);
    assert_string_equal(a, b);
    assert_string_not_equal(a, other);
    assert_int_equal(strlen(a), 32);
    char digest[80];
    snprintf(digest, sizeof digest, "%s", sl_policy_digest(p));
    sl_policy_unref(p);
    setenv("SL_TEST_KEY", "0123456789abcdef-two", 1);
    p = parse(text);
    sl_policy_pseudonym(p, SL_STR("acme"), b);
    assert_string_not_equal(a, b);
    assert_string_equal(digest, sl_policy_digest(p)); /* of the text as written */
    sl_policy_unref(p);
    p = parse(good);
    sl_policy_pseudonym(p, SL_STR("acme"), drawn);
    sl_policy_unref(p);
    p = parse(good); /* a reload keeps the process's own key */
    sl_policy_pseudonym(p, SL_STR("acme"), again);
    sl_policy_unref(p);
    assert_string_equal(drawn, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_default), cmocka_unit_test(test_sample),
        cmocka_unit_test(test_mistakes), cmocka_unit_test(test_pseudonym)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
