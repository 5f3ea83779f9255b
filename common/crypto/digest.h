/* digest.h - SHA-256, HMAC-SHA256, HKDF-SHA256 (RFC 5869), constant-time comparison.
 *
 * Threads: any; each keeps one OpenSSL context. Errors: functions that return nothing abort when
 * OpenSSL has no SHA-256 or no memory at a thread's first use. */
#ifndef SL_CRYPTO_DIGEST_H
#define SL_CRYPTO_DIGEST_H

#include "common/base/buf.h"

#define SL_SHA256_SIZE 32
void sl_sha256(uint8_t out[SL_SHA256_SIZE], const void *p, size_t n);
sl_status sl_sha256_file(uint8_t out[SL_SHA256_SIZE], const char *path,
                         sl_error *reterr) SL_MUST_CHECK;
void sl_hmac_sha256(uint8_t out[SL_SHA256_SIZE], const void *key, size_t key_n, const void *p,
                    size_t n);
/* One block of output suffices: `out_n` ≤ 32. */
sl_status sl_hkdf_sha256(void *out, size_t out_n, const void *key, size_t key_n, const void *salt,
                         size_t salt_n, const void *info, size_t info_n) SL_MUST_CHECK;
bool sl_equal_ct(const void *a, const void *b, size_t n);
void sl_wipe(void *p, size_t n); /* not optimised away */

#endif
