/* keyring.h - the keys that encrypt envelopes, by class: a JSON file, mode 0600.
 *
 * File: [{"kid","class","key" (base64, 32 bytes),"not_before","not_after" (RFC 3339)}].
 * The newest key of a class that is valid now encrypts; every key that is valid or was valid
 * (not_after in the past included, for replay) decrypts.
 * A keyring is an immutable snapshot behind a reference count; the daemon swaps it on change.
 * Threads: a snapshot may be read by any thread. */
#ifndef SL_CRYPTO_KEYRING_H
#define SL_CRYPTO_KEYRING_H

#include "common/base/buf.h"

#define SL_KID_MAX 64

typedef struct sl_key {
    char kid[SL_KID_MAX + 1]; /* [A-Za-z0-9._-] */
    bool is_public;           /* the class */
    uint8_t key[32];
    int64_t not_before_ms, not_after_ms; /* Unix */
} sl_key;

typedef struct sl_keyring sl_keyring;
sl_status sl_keyring_load(sl_keyring **ret, const char *path,
                          sl_error *reterr) SL_MUST_CHECK; /* refuses a mode wider than 0600 */
sl_status sl_keyring_parse(sl_keyring **ret, const char *name, sl_str json,
                           sl_error *reterr) SL_MUST_CHECK;
sl_keyring *sl_keyring_ref(sl_keyring *k);
void sl_keyring_unref(sl_keyring *k); /* NULL is fine; the last one wipes */
const sl_key *sl_keyring_current(const sl_keyring *k, bool is_public,
                                 int64_t now_ms);               /* NULL: none */
const sl_key *sl_keyring_find(const sl_keyring *k, sl_str kid); /* NULL: unknown */
size_t sl_keyring_size(const sl_keyring *k);
const sl_key *sl_keyring_at(const sl_keyring *k, size_t i);

#endif
