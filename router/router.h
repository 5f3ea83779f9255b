/* router.h - the decision: classify a request, apply the tenant's policy, choose class and model.
 *
 * A sl_policy is an immutable snapshot parsed from YAML (with compiled pattern databases and the
 * tenants' dictionaries), reference-counted; each request holds one. A sl_router is one thread's
 * scratch. Doubt is never public: any classifier error is level internal or higher with a reason.
 * Ownership: a decision's views live in the arena that is passed in.
 * Threads: a policy may be used by any thread; a router by one. Errors: nothing here logs. */
#ifndef SL_ROUTER_ROUTER_H
#define SL_ROUTER_ROUTER_H

#include "common/base/arena.h"
#include "schemas/chat.h"
#include "schemas/types.h"

typedef struct sl_policy sl_policy;
typedef struct sl_router sl_router;

/* name stands in errors: "policy.yaml:12: tenants.acme.floor: unknown level 'secret' (…)". */
sl_status sl_policy_parse(sl_policy **ret, const char *name, sl_str yaml,
                          sl_error *reterr) SL_MUST_CHECK;
sl_status sl_policy_load(sl_policy **ret, const char *path, sl_error *reterr) SL_MUST_CHECK;
sl_status sl_policy_default(sl_policy **ret, sl_error *reterr) SL_MUST_CHECK; /* the built-in one */
sl_policy *sl_policy_ref(sl_policy *p);
void sl_policy_unref(sl_policy *p);
const char *sl_policy_digest(const sl_policy *p); /* "sha256:…" of the text */
sl_str sl_policy_text(const sl_policy *p);        /* as published; holds no secrets */
/* The tenant that the policy binds to an ingress topic; NULL: none. */
const char *sl_policy_tenant_of_topic(const sl_policy *p, const char *topic);
bool sl_policy_has_tenant(const sl_policy *p, sl_str tenant);

typedef struct sl_policy_model {
    const char *name;
    bool on[SL_CLASS_N];
} sl_policy_model;
size_t sl_policy_models(const sl_policy *p,
                        const sl_policy_model **ret); /* "auto" is not among them */
/* Is `model` (not "auto") known to the policy, and may the tenant use it? */
bool sl_policy_model_known(const sl_policy *p, sl_str model);
bool sl_policy_model_allowed(const sl_policy *p, sl_str tenant, sl_str model);

/* What to do when the public side is down, and when audit records can't be written for private
 * requests. */
typedef enum sl_fallback { SL_FALLBACK_REFUSE, SL_FALLBACK_PRIVATE } sl_fallback;
sl_fallback sl_policy_public_down(const sl_policy *p, sl_str tenant);
bool sl_policy_private_without_audit(const sl_policy *p);
int sl_policy_inflight_max(const sl_policy *p, sl_class c); /* the class's in-flight limit */
/* HMAC pseudonym of the tenant for the public class: 32 hex digits. */
void sl_policy_pseudonym(const sl_policy *p, sl_str tenant, char out[33]);

typedef struct sl_finding {
    const char *entity; /* "CREDIT_CARD", "MARKING", "UNDECODABLE" */
    sl_level level;
    const char *view;  /* "text", "nfkc", "base64", … */
    const char *where; /* "messages[2].content" */
    size_t offset;     /* of the first one, bytes, in that string */
    size_t length;     /* 0: unknown */
    int count;
    bool allowed; /* the tenant's allow-list lets it pass: it raised nothing */
} sl_finding;     /* never the value */

typedef struct sl_decision {
    sl_class cls;
    sl_level level;
    const char *model; /* resolved for the class; NULL when refused */
    bool refused;      /* 403 sensitivity_violation */
    bool rerouted;     /* a public-only model was named and the private one is taken instead */
    const sl_finding *findings;
    size_t findings_n;
    sl_str reasons;      /* JSON array text: [{"entity","level","view","where","offset","count"}] */
    const char *summary; /* "CREDIT_CARD,EMAIL": for x-sluice-reasons; "none" when empty */
} sl_decision;

/* Once a process, before the first open; without it the built-in model and the default directory
 * are taken. model_path: a pack of weights (router/classify/model.h), "" for the built-in one.
 * cache_dir: where compiled patterns are kept (router/classify/pattern_cache.h), NULL for the
 * default directory, "" for none; it must outlive the first open. */
sl_status sl_router_setup(const char *model_path, const char *cache_dir,
                          sl_error *reterr) SL_MUST_CHECK;
sl_status sl_router_open(sl_router **ret, sl_error *reterr) SL_MUST_CHECK;
void sl_router_free(sl_router *r);
/* Classifies and decides. The model "auto" means the policy's model for the class. SL_E_NOT_FOUND:
 * unknown model; SL_E_DENIED: the tenant may not use it. Any internal failure of the classifier is
 * not an error but a private decision with a reason. */
sl_status sl_router_decide(sl_router *r, const sl_policy *p, sl_str tenant, const sl_chat *chat,
                           sl_arena *arena, sl_decision *ret, sl_error *reterr) SL_MUST_CHECK;
/* Classification alone, of one text (for `sluice classify`): the level and findings. */
sl_status sl_router_classify(sl_router *r, const sl_policy *p, sl_str tenant, sl_str text,
                             sl_arena *arena, sl_decision *ret, sl_error *reterr) SL_MUST_CHECK;
/* The model for a request that falls back from public to private. NULL: none. */
const char *sl_policy_private_model(const sl_policy *p, sl_str tenant, sl_str asked);

#endif
