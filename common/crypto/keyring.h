/* keyring.h - the keys that encrypt envelopes, by class: a JSON file, mode 0600.
 *
 * File: [{"kid","class","key" (base64, 32 bytes),"not_before","not_after" (RFC 3339)}].
 * The newest key of a class that is valid now encrypts; every key of the file decrypts. A daemon
 * enforces dates: it knows a key until its not_after (before its not_before too, since clocks
 * differ). Who reads old records, an auditor say, does not.
 * A keyring is an immutable snapshot behind a reference count; the daemon swaps it on change.
 * Threads: a snapshot may be read by any thread; keyring_file.c's functions have one owner. */
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
/* From here on sl_keyring_find knows no key whose not_after is past; before the snapshot is shared.
 */
void sl_keyring_enforce(sl_keyring *k);
sl_keyring *sl_keyring_ref(sl_keyring *k);
void sl_keyring_unref(sl_keyring *k); /* NULL is fine; the last one wipes */
const sl_key *sl_keyring_current(const sl_keyring *k, bool is_public,
                                 int64_t now_ms);               /* NULL: none */
const sl_key *sl_keyring_find(const sl_keyring *k, sl_str kid); /* NULL: unknown */
size_t sl_keyring_size(const sl_keyring *k);
const sl_key *sl_keyring_at(const sl_keyring *k, size_t i);

/* ---- changing the file (keyring_file.c) ---- */

typedef struct sl_keyring_edit {
    sl_key *keys; /* those of the file, with room for one more */
    size_t n;     /* the change may raise it by one */
} sl_keyring_edit;
typedef sl_status (*sl_keyring_edit_fn)(void *arg, sl_keyring_edit *e, sl_error *reterr);
/* Under a lock (FILE.lock): reads the file, lets fn change the keys, replaces the file in one step.
 * Mode 0600; the owner of an old file stays. An absent file is empty when `make` says so. */
sl_status sl_keyring_change(const char *path, bool make, sl_keyring_edit_fn fn, void *arg,
                            sl_error *reterr) SL_MUST_CHECK;
/* Writes the keys of one class alone to another file, in the same manner. */
sl_status sl_keyring_export(const sl_keyring *k, bool is_public, const char *path,
                            sl_error *reterr) SL_MUST_CHECK;
/* A new random key of the class. kid "": made of class and time. SL_E_CONFLICT: the kid exists. */
sl_status sl_keyring_add(sl_keyring_edit *e, bool is_public, const char *kid, int64_t not_before_ms,
                         int64_t not_after_ms, sl_error *reterr) SL_MUST_CHECK;
/* Adds a key that is used from start_ms on; the others of the class are accepted until overlap_ms
 * later at the most. SL_E_NOT_FOUND without a key of the class that is valid at start_ms;
 * SL_E_CONFLICT when one begins later, which would win. */
sl_status sl_keyring_rotate(sl_keyring_edit *e, bool is_public, const char *kid, int64_t start_ms,
                            int64_t life_ms, int64_t overlap_ms, sl_error *reterr) SL_MUST_CHECK;

#endif
