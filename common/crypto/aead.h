/* aead.h - AES-256-GCM (NIST SP 800-38D) on a reused context; the tag stands behind the text.
 *
 * Threads: each thread has its own sl_aead. Nonces are the caller's business (schemas/envelope.c is
 * the one caller; its rule is in schemas/envelope.md). */
#ifndef SL_CRYPTO_AEAD_H
#define SL_CRYPTO_AEAD_H

#include "common/base/buf.h"

#define SL_AEAD_KEY   32
#define SL_AEAD_NONCE 12
#define SL_AEAD_TAG   16

typedef struct sl_aead sl_aead;
sl_status sl_aead_open(sl_aead **ret, sl_error *reterr) SL_MUST_CHECK;
void sl_aead_free(sl_aead *a); /* wipes */
/* out has n + SL_AEAD_TAG bytes; in place (out == in) is allowed. */
sl_status sl_aead_seal(sl_aead *a, const uint8_t key[SL_AEAD_KEY],
                       const uint8_t nonce[SL_AEAD_NONCE], const void *aad, size_t aad_n,
                       const void *in, size_t n, void *out, sl_error *reterr) SL_MUST_CHECK;
/* n counts the tag; out has n - SL_AEAD_TAG bytes. SL_E_UNAUTHENTIC leaves out wiped. */
sl_status sl_aead_unseal(sl_aead *a, const uint8_t key[SL_AEAD_KEY],
                         const uint8_t nonce[SL_AEAD_NONCE], const void *aad, size_t aad_n,
                         const void *in, size_t n, void *out, sl_error *reterr) SL_MUST_CHECK;

#endif
