/* store.h - the snapshots that requests hold: policy, keyring, API keys; reloaded from their files.
 *
 * A policy that was read is only a candidate: it takes effect when its record is acknowledged
 * (whoever owns the audit producer sends it and calls sl_store_adopt). A bad file changes nothing.
 * Threads: getting a reference is allowed in any thread; checking for changes in one. */
#ifndef SL_GATEWAY_STORE_H
#define SL_GATEWAY_STORE_H

#include "common/crypto/keyring.h"
#include "gateway/keys.h"
#include "router/router.h"

typedef struct sl_store sl_store;
typedef struct sl_store_options {
    const char *policy_path, *keyring_path, *keys_path; /* "": none (policy: built in) */
    bool need_key[SL_CLASS_N];                          /* a valid key of the class must be there */
} sl_store_options;

/* Reads all of them; fails with the first error. The policy is a candidate then. */
sl_status sl_store_open(sl_store **ret, const sl_store_options *opt,
                        sl_error *reterr) SL_MUST_CHECK;
void sl_store_free(sl_store *s);

/* References; NULL where there is none (yet). */
sl_policy *sl_store_policy(sl_store *s);
sl_keyring *sl_store_keyring(sl_store *s);
sl_api_keys *sl_store_keys(sl_store *s);

/* Looks at the policy's file (reads it again with `force`); logs what was taken or refused. Returns
 * how many policy files were refused (0 or 1) through *ret_refused. */
void sl_store_check(sl_store *s, bool force, int *ret_refused);
/* The same for the keyring. 1: read anew, -1: refused, 0: the same file as before. */
int sl_store_check_keyring(sl_store *s, bool force);
/* The same for the API keys, which are looked at more often. 1: read anew, -1: refused, 0: the same
 * file as before. */
int sl_store_check_keys(sl_store *s, bool force);
/* The policy that waits for its publication; borrowed, NULL: none. */
sl_policy *sl_store_candidate(sl_store *s);
/* Its record was acknowledged: it takes effect for requests that begin from now on. */
void sl_store_adopt(sl_store *s, sl_policy *candidate);

#endif
