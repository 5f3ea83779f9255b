/* keys.h - API keys: a file of hashes, written by `sluice keys`, read by the gateway.
 *
 * File: JSON, mode 0600: {"keys":[{…}]}, a row a key:
 *   id, tenant, role                  texts; the role is one of access.h
 *   hash                              SHA-256 of the key, hex
 *   created, expires                  RFC 3339; expires is optional
 *   revoked                           bool, optional
 *   models                            list of names, `auto` among them; absent: all of the tenant's
 *   max_level                         the highest level that its requests may have; absent: any
 *   requests_per_minute, tokens_per_minute, concurrency   absent or 0: no limit
 *   certificate                       common name of a client certificate: the certificate alone is
 *                                     enough then, and the key counts only together with it
 * Any other name is an error, so that a misspelt limit is not a missing one. A key is "sk-sluice-"
 * and 43 base64url characters of 32 random bytes, so a plain SHA-256 is enough: there is nothing to
 * guess.
 * Threads: a snapshot is immutable and reference-counted; its rows live as long as it. */
#ifndef SL_GATEWAY_KEYS_H
#define SL_GATEWAY_KEYS_H

#include "common/base/buf.h"
#include "gateway/access.h"
#include "gateway/limits.h"
#include "schemas/types.h"

#define SL_API_KEY_PREFIX    "sk-sluice-"
#define SL_API_KEYS_FILE_MAX (16u << 20)

typedef struct sl_api_key {
    char id[33];
    uint8_t hash[32];
    char tenant[65], certificate[65];
    sl_role role;
    int64_t created_us, expires_us; /* Unix; 0: never */
    bool revoked;
    sl_level max_level;
    const char *models; /* "a\nb\n"; NULL: all of the tenant's */
    sl_rates rates;
    sl_limit *limit; /* set by sl_api_keys_carry; the snapshot's */
} sl_api_key;

typedef struct sl_api_keys sl_api_keys;
/* Errors name the line: "keys.json:12: keys[3].role is missing or malformed; …". */
sl_status sl_api_keys_parse(sl_api_keys **ret, const char *name, sl_str json,
                            sl_error *reterr) SL_MUST_CHECK;
/* A file that does not exist is SL_E_NOT_FOUND; a mode that others may read is refused. */
sl_status sl_api_keys_load(sl_api_keys **ret, const char *path, sl_error *reterr) SL_MUST_CHECK;
/* Before the snapshot is shared: gives each row the state of its limits, that of the row with the
 * same id in `old` (may be NULL) where there is one. */
sl_status sl_api_keys_carry(sl_api_keys *k, const sl_api_keys *old) SL_MUST_CHECK;
sl_api_keys *sl_api_keys_ref(sl_api_keys *k);
void sl_api_keys_unref(sl_api_keys *k);
size_t sl_api_keys_size(const sl_api_keys *k);
const sl_api_key *sl_api_keys_at(const sl_api_keys *k, size_t i); /* sorted by id */

typedef enum sl_key_verdict {
    SL_KEY_OK,
    SL_KEY_MISSING, /* neither a key nor a certificate that stands for one */
    SL_KEY_WRONG,   /* no such key, or without its certificate */
    SL_KEY_EXPIRED,
    SL_KEY_REVOKED
} sl_key_verdict;
typedef struct sl_key_claim {
    sl_str authorization; /* "Bearer <key>"; p NULL: none */
    sl_str certificate;   /* common name of the verified client certificate; n 0: none */
} sl_key_claim;
/* *ret: the row, with SL_KEY_OK alone. *ret_tag: the same for the same claim, of a key's text. */
sl_key_verdict sl_api_keys_find(const sl_api_keys *k, const sl_key_claim *claim, int64_t now_us,
                                const sl_api_key **ret, uint64_t *ret_tag);
/* May the key's requests name this model ("auto" is a name)? */
bool sl_api_key_model(const sl_api_key *k, sl_str model);

/* For `sluice keys`. Draws a key, puts its text in *ret_text and its row in *ret. */
sl_status sl_api_key_new(sl_api_key *ret, const char *tenant, sl_role role, int64_t expires_us,
                         sl_buf *ret_text, sl_error *reterr) SL_MUST_CHECK;
/* Writes rows as the file's text; the caller stores it atomically with mode 0600. */
void sl_api_keys_write(const sl_api_key *rows, size_t n, sl_buf *out);

#endif
