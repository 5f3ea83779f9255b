/* entities.h - the one table of what the classifier can find: name, level, strength, meaning.
 *
 * The enum, the names in reasons, the policy's allow-list and the documentation derive from it.
 * Strength: ALONE is sufficient by itself; WEAK is `internal` without context or a second sign
 * (its validator passes too often by chance); CONTEXT counts only beside a context word; CLOSED is
 * doubt (never public, and no policy may allow it). Threads: constants. */
#ifndef SL_CLASSIFY_ENTITIES_H
#define SL_CLASSIFY_ENTITIES_H

#include "schemas/types.h"

typedef enum sl_strength { SL_ALONE, SL_WEAK, SL_CONTEXT, SL_CLOSED } sl_strength;

/* X(name, level, strength, validator, help). Each part of the table stands with those who own it:
 * entities_ids.def, entities_contact.def, entities_secrets.def; what is left is here. */
#define SL_ENTITIES_BASE(X)                                                                 \
    X(DICTIONARY, RESTRICTED, ALONE, "",                                                    \
      "term of the tenant's dictionary; the level is the term's")                           \
    X(CONTEXTUAL, CONFIDENTIAL, ALONE, "learned model",                                     \
      "what no pattern sees: circumstances of persons, business facts that are not public") \
    X(INVALID_UTF8, INTERNAL, CLOSED, "", "bytes that are not UTF-8")                       \
    X(OPAQUE_CONTENT, INTERNAL, CLOSED, "",                                                 \
      "image, audio, file or encoded blob that can't be read")                              \
    X(OVERSIZE, INTERNAL, CLOSED, "", "more text than the classifier's limits allow")       \
    X(OVERWORK, INTERNAL, CLOSED, "",                                                       \
      "text that costs more work than one of its length may; the rest of it was not read")  \
    X(CLASSIFIER_ERROR, INTERNAL, CLOSED, "", "a scan failed")

typedef enum sl_entity {
#define X(name, level, strength, validator, help) SL_ENT_##name,
#include "router/classify/entities_contact.def"
#include "router/classify/entities_ids.def"
#include "router/classify/entities_secrets.def"
    SL_ENTITIES_BASE(X)
#undef X
        SL_ENT_N
} sl_entity;

/* A set of entities: the tenant's allow-list. */
typedef struct sl_entity_set {
    uint64_t w[(SL_ENT_N + 63) / 64];
} sl_entity_set;

static inline void sl_entity_set_add(sl_entity_set *s, sl_entity e)
{
    s->w[e / 64] |= UINT64_C(1) << (e % 64);
}
static inline bool sl_entity_set_has(const sl_entity_set *s, sl_entity e)
{
    return (s->w[e / 64] >> (e % 64) & 1) != 0;
}

typedef struct sl_entity_info {
    const char *name;
    sl_level level;
    sl_strength strength;
    const char *validator; /* check digit or structure that is verified; "" where there is none */
    const char *help;
} sl_entity_info;

extern const sl_entity_info sl_entities[SL_ENT_N];
bool sl_entity_parse(sl_str name, sl_entity *ret);

#endif
