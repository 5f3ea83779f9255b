/* keys.h - API keys: a file of hashes, written by `sluice keys`, read by the gateway.
 *
 * File: JSON, mode 0600: {"keys":[{"id","hash" (SHA-256 of the key, hex),"tenant","role","created"
 * (RFC 3339),"expires" (RFC 3339, optional),"revoked" (bool)}]}. A key is "sk-sluice-" and 43
 * base64url characters of 32 random bytes, so a plain SHA-256 is enough: there is nothing to guess.
 * Threads: a snapshot is immutable and reference-counted. */
#ifndef SL_GATEWAY_KEYS_H
#define SL_GATEWAY_KEYS_H

#include "common/base/buf.h"

#define SL_API_KEY_PREFIX    "sk-sluice-"
#define SL_API_KEYS_FILE_MAX (16u << 20)

typedef enum sl_role {
    SL_ROLE_CLIENT,
    SL_ROLE_OPERATOR,
    SL_ROLE_AUDITOR,
    SL_ROLE_ADMIN,
    SL_ROLE_N
} sl_role;
const char *sl_role_name(sl_role r);
bool sl_role_parse(sl_str s, sl_role *ret);

typedef struct sl_api_key {
    char id[33];
    uint8_t hash[32];
    char tenant[65];
    sl_role role;
    int64_t created_us, expires_us; /* Unix; 0: never */
    bool revoked;
} sl_api_key;

typedef struct sl_api_keys sl_api_keys;
sl_status sl_api_keys_parse(sl_api_keys **ret, const char *name, sl_str json,
                            sl_error *reterr) SL_MUST_CHECK;
/* A file that does not exist is SL_E_NOT_FOUND; a mode that others may read is refused. */
sl_status sl_api_keys_load(sl_api_keys **ret, const char *path, sl_error *reterr) SL_MUST_CHECK;
sl_api_keys *sl_api_keys_ref(sl_api_keys *k);
void sl_api_keys_unref(sl_api_keys *k);
size_t sl_api_keys_size(const sl_api_keys *k);
const sl_api_key *sl_api_keys_at(const sl_api_keys *k, size_t i);
/* The key that "Authorization: Bearer <key>" names, when it is valid at now_us; NULL otherwise. */
const sl_api_key *sl_api_keys_check(const sl_api_keys *k, sl_str authorization, int64_t now_us);

/* For `sluice keys`. Draws a key, puts its text in *ret_text and its row in *ret. */
sl_status sl_api_key_new(sl_api_key *ret, const char *tenant, sl_role role, int64_t expires_us,
                         sl_buf *ret_text, sl_error *reterr) SL_MUST_CHECK;
/* Writes rows as the file's text; the caller stores it atomically with mode 0600. */
void sl_api_keys_write(const sl_api_key *rows, size_t n, sl_buf *out);

#endif
