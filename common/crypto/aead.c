#include "common/crypto/aead.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

/* One context a direction: changing the key of a started context costs about a tenth of making a
 * new one. EVP_CIPHER_CTX_free wipes the key schedules. */
struct sl_aead {
    EVP_CIPHER_CTX *seal, *unseal;
};

/* Fetched once a process: a fetch by name on every use costs more than sealing 2 KB. */
static EVP_CIPHER *aes_256_gcm;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

sl_status sl_aead_open(sl_aead **ret, sl_error *reterr)
{
    pthread_once(&once, fetch);
    if (!aes_256_gcm)
        return sl_fail(reterr, SL_E_UNSUPPORTED, "this OpenSSL offers no AES-256-GCM");
    sl_aead *a = calloc(1, sizeof(*a));
    if (!a)
        return sl_fail(reterr, SL_E_NOMEM, "AES-256-GCM: out of memory");
    a->seal = EVP_CIPHER_CTX_new();
    a->unseal = EVP_CIPHER_CTX_new();
    if (!a->seal || !a->unseal || !EVP_EncryptInit_ex2(a->seal, aes_256_gcm, NULL, NULL, NULL) ||
        !EVP_DecryptInit_ex2(a->unseal, aes_256_gcm, NULL, NULL, NULL)) {
        sl_aead_free(a);
        return sl_fail(reterr, SL_E_NOMEM, "AES-256-GCM: out of memory");
    }
    *ret = a;
    return SL_OK;
}

void sl_aead_free(sl_aead *a)
{
    if (!a)
        return;
    EVP_CIPHER_CTX_free(a->seal);
    EVP_CIPHER_CTX_free(a->unseal);
    free(a);
}

static sl_status check_sizes(size_t aad_n, size_t n, sl_error *reterr)
{
    if (aad_n > INT_MAX || n > INT_MAX - SL_AEAD_TAG)
        return sl_fail(reterr, SL_E_TOO_LARGE, "AES-256-GCM: more than 2 GiB in one record");
    return SL_OK;
}

sl_status sl_aead_seal(sl_aead *a, const uint8_t key[SL_AEAD_KEY],
                       const uint8_t nonce[SL_AEAD_NONCE], const void *aad, size_t aad_n,
                       const void *in, size_t n, void *out, sl_error *reterr)
{
    sl_status st = check_sizes(aad_n, n, reterr);
    if (st)
        return st;
    uint8_t *o = out;
    int done = 0;
    bool ok = EVP_EncryptInit_ex2(a->seal, NULL, key, nonce, NULL) &&
              (aad_n == 0 || EVP_EncryptUpdate(a->seal, NULL, &done, aad, (int)aad_n)) &&
              (n == 0 || EVP_EncryptUpdate(a->seal, o, &done, in, (int)n)) &&
              EVP_EncryptFinal_ex(a->seal, o + n, &done) &&
              EVP_CIPHER_CTX_ctrl(a->seal, EVP_CTRL_AEAD_GET_TAG, SL_AEAD_TAG, o + n);
    if (ok)
        return SL_OK;
    OPENSSL_cleanse(out, n + SL_AEAD_TAG); /* in place, plain text could stand there */
    return sl_fail(reterr, SL_E_INTERNAL, "AES-256-GCM: sealing failed");
}

sl_status sl_aead_unseal(sl_aead *a, const uint8_t key[SL_AEAD_KEY],
                         const uint8_t nonce[SL_AEAD_NONCE], const void *aad, size_t aad_n,
                         const void *in, size_t n, void *out, sl_error *reterr)
{
    if (n < SL_AEAD_TAG)
        return sl_fail(reterr, SL_E_UNAUTHENTIC,
                       "the encrypted record is shorter than its authentication tag");
    sl_status st = check_sizes(aad_n, n, reterr);
    if (st)
        return st;
    n -= SL_AEAD_TAG;
    uint8_t tag[SL_AEAD_TAG]; /* a copy: OpenSSL wants it writable */
    memcpy(tag, (const uint8_t *)in + n, SL_AEAD_TAG);
    int done = 0;
    uint8_t none[1];
    if (!EVP_DecryptInit_ex2(a->unseal, NULL, key, nonce, NULL) ||
        (aad_n && !EVP_DecryptUpdate(a->unseal, NULL, &done, aad, (int)aad_n)) ||
        (n && !EVP_DecryptUpdate(a->unseal, out, &done, in, (int)n)) ||
        !EVP_CIPHER_CTX_ctrl(a->unseal, EVP_CTRL_AEAD_SET_TAG, SL_AEAD_TAG, tag)) {
        OPENSSL_cleanse(out, n);
        return sl_fail(reterr, SL_E_INTERNAL, "AES-256-GCM: unsealing failed");
    }
    if (EVP_DecryptFinal_ex(a->unseal, none, &done) == 1)
        return SL_OK;
    OPENSSL_cleanse(out, n);
    return sl_fail(reterr, SL_E_UNAUTHENTIC,
                   "the encrypted record or one of its headers was changed, or the key is another");
}
