/* policy.c - the snapshot: parse, digest, count references, answer questions about it. */
#include "router/policy.h"

#include "common/base/clock.h"
#include "common/crypto/digest.h"

#include <pthread.h>
#include <stdlib.h>

enum { POLICY_MAX = 1 << 20 };

/* What a system without a policy file does: the demo's two models, nothing sensitive leaves. */
static const char builtin[] = "version: 1\n"
                              "models:\n"
                              "  smollm2: {classes: [private]}\n"
                              "  smollm2-cloud: {classes: [public]}\n"
                              "defaults:\n"
                              "  models: {private: smollm2, public: smollm2-cloud}\n"
                              "  public_max_level: public\n"
                              "  floor: public\n"
                              "  public_down: private\n"
                              "  sensitive_on_public_model: reroute\n"
                              "  private_without_audit: false\n"
                              "inflight: {private: 4096, public: 4096}\n";

/* Without a key of the operator's, pseudonyms hold for the life of the process: one key, so that
 * a reload does not change them. */
static struct {
    pthread_once_t once;
    uint8_t key[32];
} process = {.once = PTHREAD_ONCE_INIT};

static void draw_key(void)
{
    sl_random(process.key, sizeof process.key);
}

static void destroy(sl_policy *p)
{
    for (size_t i = 0; i < p->tenants_n; i++)
        sl_dictionary_free(p->tenants[i].dictionary);
    sl_wipe(p->pseudonym_key, sizeof p->pseudonym_key);
    sl_arena_done(&p->arena);
    free(p);
}

sl_status sl_policy_parse(sl_policy **ret, const char *name, sl_str yaml, sl_error *reterr)
{
    sl_yaml *tree = NULL;
    sl_policy *p = NULL;
    sl_status st = yaml.n > POLICY_MAX
                       ? sl_fail(reterr, SL_E_TOO_LARGE, "%s: over %d bytes", name, POLICY_MAX)
                       : sl_views_open(reterr);
    if (st == SL_OK)
        st = sl_yaml_parse(&tree, name, yaml, true, reterr);
    if (st != SL_OK)
        return st;
    p = calloc(1, sizeof *p);
    if (!p) {
        st = sl_fail(reterr, SL_E_NOMEM, "%s: no memory for the policy", name);
        goto cleanup;
    }
    atomic_init(&p->refs, 1);
    pthread_once(&process.once, draw_key);
    memcpy(p->pseudonym_key, process.key, sizeof process.key);
    p->text = sl_arena_str(&p->arena, yaml);
    if (!p->text.p) {
        st = sl_fail(reterr, SL_E_NOMEM, "%s: no memory for the policy", name);
        goto cleanup;
    }
    uint8_t sha[SL_SHA256_SIZE];
    sl_sha256(sha, yaml.p, yaml.n);
    memcpy(p->digest, "sha256:", 7);
    sl_hex_encode(p->digest + 7, sha, sizeof sha);
    st = sl_policy_read(p, name, sl_yaml_root(tree), reterr);
    if (st != SL_OK)
        goto cleanup;
    *ret = p;
    p = NULL;
cleanup:
    if (p)
        destroy(p);
    sl_yaml_free(tree);
    return st;
}

sl_status sl_policy_load(sl_policy **ret, const char *path, sl_error *reterr)
{
    sl_buf text = {0};
    sl_status st = sl_file_read(path, POLICY_MAX, &text, reterr);
    if (st == SL_OK) {
        const char *slash = strrchr(path, '/');
        st = sl_policy_parse(ret, slash ? slash + 1 : path, sl_buf_str(&text), reterr);
    }
    sl_buf_done(&text);
    return st;
}

sl_status sl_policy_default(sl_policy **ret, sl_error *reterr)
{
    return sl_policy_parse(ret, "built-in policy", sl_str_c(builtin), reterr);
}

sl_policy *sl_policy_ref(sl_policy *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void sl_policy_unref(sl_policy *p)
{
    if (p && atomic_fetch_sub(&p->refs, 1) == 1)
        destroy(p);
}

const char *sl_policy_digest(const sl_policy *p)
{
    return p->digest;
}
sl_str sl_policy_text(const sl_policy *p)
{
    return p->text;
}

const sl_tenant *sl_policy_tenant(const sl_policy *p, sl_str name)
{
    for (size_t i = 0; i < p->tenants_n; i++) {
        if (sl_str_is(name, p->tenants[i].name))
            return &p->tenants[i];
    }
    return &p->defaults;
}

const char *sl_policy_tenant_of_topic(const sl_policy *p, const char *topic)
{
    for (size_t i = 0; i < p->tenants_n; i++) {
        for (size_t j = 0; j < p->tenants[i].ingress_n; j++) {
            if (strcmp(p->tenants[i].ingress[j], topic) == 0)
                return p->tenants[i].name;
        }
    }
    return NULL;
}

bool sl_policy_has_tenant(const sl_policy *p, sl_str tenant)
{
    return sl_policy_tenant(p, tenant) != &p->defaults;
}

size_t sl_policy_models(const sl_policy *p, const sl_policy_model **ret)
{
    *ret = p->models;
    return p->models_n;
}

const sl_policy_model *sl_policy_find_model(const sl_policy *p, sl_str name)
{
    for (size_t i = 0; i < p->models_n; i++) {
        if (sl_str_is(name, p->models[i].name))
            return &p->models[i];
    }
    return NULL;
}

bool sl_policy_model_known(const sl_policy *p, sl_str model)
{
    return sl_policy_find_model(p, model) != NULL;
}

bool sl_policy_model_allowed(const sl_policy *p, sl_str tenant, sl_str model)
{
    const sl_tenant *t = sl_policy_tenant(p, tenant);
    if (!t->models)
        return true;
    for (size_t i = 0; i < t->models_n; i++) {
        if (sl_str_is(model, t->models[i]))
            return true;
    }
    return false;
}

sl_fallback sl_policy_public_down(const sl_policy *p, sl_str tenant)
{
    return sl_policy_tenant(p, tenant)->rules.public_down;
}

bool sl_policy_private_without_audit(const sl_policy *p)
{
    return p->private_without_audit;
}
int sl_policy_inflight_max(const sl_policy *p, sl_class c)
{
    return p->inflight[c];
}

void sl_policy_pseudonym(const sl_policy *p, sl_str tenant, char out[33])
{
    uint8_t mac[SL_SHA256_SIZE];
    sl_hmac_sha256(mac, p->pseudonym_key, sizeof p->pseudonym_key, tenant.p, tenant.n);
    sl_hex_encode(out, mac, 16);
}

const char *sl_policy_private_model(const sl_policy *p, sl_str tenant, sl_str asked)
{
    const sl_policy_model *m = sl_policy_find_model(p, asked);
    if (m && m->on[SL_CLASS_PRIVATE] && sl_policy_model_allowed(p, tenant, asked))
        return m->name;
    return p->model_of[SL_CLASS_PRIVATE];
}
