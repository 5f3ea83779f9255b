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

/* X(name, level, strength, help) */
#define SL_ENTITIES(X)                                                                           \
    X(CREDIT_CARD, RESTRICTED, ALONE, "payment card number: issuer prefix, length, Luhn digit")  \
    X(IBAN, RESTRICTED, ALONE, "international bank account number: country length, mod 97")      \
    X(CN_RESIDENT_ID, RESTRICTED, ALONE, "Chinese resident ID number: region, date, GB 11643")   \
    X(US_SSN, RESTRICTED, ALONE, "US social security number, dashed, or bare beside its name")   \
    X(CN_MOBILE, CONFIDENTIAL, ALONE, "Chinese mobile number with an operator's prefix")         \
    X(CN_LANDLINE, CONFIDENTIAL, ALONE, "Chinese landline number, area code and dash")           \
    X(PHONE_NUMBER, CONFIDENTIAL, ALONE, "telephone number: E.164, or national beside a word")   \
    X(EMAIL_ADDRESS, CONFIDENTIAL, ALONE, "e-mail address of a person or mailbox")               \
    X(IP_ADDRESS, INTERNAL, ALONE, "IPv4 address outside loopback and documentation ranges")     \
    X(PRIVATE_KEY, RESTRICTED, ALONE, "PEM, OpenSSH, PGP or age private key")                    \
    X(API_TOKEN, RESTRICTED, ALONE, "vendor token or key with a known prefix")                   \
    X(JWT, RESTRICTED, ALONE, "JSON Web Token")                                                  \
    X(URL_CREDENTIALS, RESTRICTED, ALONE, "URL or connection string with user and password")     \
    X(CREDENTIAL, RESTRICTED, CONTEXT, "password, key or secret given as name and value")        \
    X(MARKING, RESTRICTED, ALONE, "document marking; the level is the marking's")                \
    X(DICTIONARY, RESTRICTED, ALONE, "term of the tenant's dictionary; the level is the term's") \
    X(INVALID_UTF8, INTERNAL, CLOSED, "bytes that are not UTF-8")                                \
    X(OPAQUE_CONTENT, INTERNAL, CLOSED, "image, audio, file or encoded blob that can't be read") \
    X(OVERSIZE, INTERNAL, CLOSED, "more text than the classifier's limits allow")                \
    X(CLASSIFIER_ERROR, INTERNAL, CLOSED, "a scan failed")

typedef enum sl_entity {
#define SL_X(name, level, strength, help) SL_ENT_##name,
    SL_ENTITIES(SL_X)
#undef SL_X
        SL_ENT_N
} sl_entity;

typedef struct sl_entity_info {
    const char *name;
    sl_level level;
    sl_strength strength;
    const char *help;
} sl_entity_info;

extern const sl_entity_info sl_entities[SL_ENT_N];
bool sl_entity_parse(sl_str name, sl_entity *ret);

#endif
