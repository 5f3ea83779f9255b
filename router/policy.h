/* policy.h - the inside of a sl_policy; only router/ includes it.
 *
 * Everything lives in the policy's arena, except the dictionaries (freed with it). Immutable once
 * parsed, but for the reference count. */
#ifndef SL_ROUTER_POLICY_H
#define SL_ROUTER_POLICY_H

#include "common/base/yaml.h"
#include "router/classify/classify.h"

#include <stdatomic.h>

#define SL_CONTEXTUAL_OFF     2.0 /* above every score */
#define SL_CONTEXTUAL_DEFAULT 0.9 /* what the shipped pack is calibrated for: train/README.md */

typedef struct sl_rules {
    sl_level floor;      /* a request is never below this */
    sl_level public_max; /* the highest level that may leave */
    sl_fallback public_down;
    double contextual;     /* the score from which the learned model raises */
    bool refuse_sensitive; /* a sensitive request for a public-only model: 403, else rerouted */
} sl_rules;

typedef struct sl_tenant {
    const char *name;
    int line;
    sl_rules rules;
    const char **ingress;
    size_t ingress_n;
    const char **models; /* NULL: all */
    size_t models_n;
    sl_dictionary *dictionary;
    sl_entity_set allow;
} sl_tenant;

struct sl_policy {
    atomic_int refs;
    sl_arena arena;
    sl_str text;
    char digest[7 + 64 + 1];
    sl_policy_model *models;
    size_t models_n;
    const char *model_of[SL_CLASS_N]; /* what "auto" means; the public one may be NULL */
    sl_tenant defaults;               /* for tenants that the policy does not name */
    bool private_without_audit;
    int inflight[SL_CLASS_N];
    sl_tenant *tenants;
    size_t tenants_n;
    uint8_t pseudonym_key[32];
};

const sl_tenant *sl_policy_tenant(const sl_policy *p, sl_str name); /* or the defaults */
const sl_policy_model *sl_policy_find_model(const sl_policy *p, sl_str name);
/* Reads the tree into p (zeroed, arena ready). */
sl_status sl_policy_read(sl_policy *p, const char *name, const sl_yaml_node *root,
                         sl_error *reterr) SL_MUST_CHECK;

#endif
