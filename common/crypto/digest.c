#include "common/crypto/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK 64 /* SHA-256's block, which HMAC pads its key to */

/* OpenSSL 3 looks an algorithm up by name on each use unless it was fetched, which costs more than
 * hashing a request id. So: fetched once a process, one context a thread. HMAC and HKDF are built
 * on SHA-256 here, because EVP_MAC and EVP_KDF allocate contexts on every use. */
static EVP_MD *sha256;
static pthread_key_t context_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_context(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    /* Without SHA-256 or memory at first use a wrong digest would be the only answer left. */
    if (!sha256 || pthread_key_create(&context_key, free_context))
        abort();
}

/* The thread's context, started anew. */
static EVP_MD_CTX *start(void)
{
    static _Thread_local EVP_MD_CTX *mine;
    if (!mine) {
        pthread_once(&once, fetch);
        mine = EVP_MD_CTX_new();
        if (!mine || pthread_setspecific(context_key, mine) ||
            !EVP_DigestInit_ex2(mine, sha256, NULL))
            abort();
    } else if (!EVP_DigestInit_ex2(mine, NULL, NULL)) {
        abort();
    }
    return mine;
}

static void add(EVP_MD_CTX *ctx, const void *p, size_t n)
{
    if (n && !EVP_DigestUpdate(ctx, p, n))
        abort();
}

static void end(EVP_MD_CTX *ctx, uint8_t out[SL_SHA256_SIZE])
{
    if (!EVP_DigestFinal_ex(ctx, out, NULL))
        abort();
}

void sl_sha256(uint8_t out[SL_SHA256_SIZE], const void *p, size_t n)
{
    EVP_MD_CTX *ctx = start();
    add(ctx, p, n);
    end(ctx, out);
}

sl_status sl_sha256_file(uint8_t out[SL_SHA256_SIZE], const char *path, sl_error *reterr)
{
    const size_t step = 1024 * 1024; /* models are gigabytes: large reads, off the stack */
    sl_status st = SL_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sl_fail(reterr, errno == ENOENT ? SL_E_NOT_FOUND : SL_E_IO,
                       "%s: can't be opened: %s", path, strerrordesc_np(errno));
    uint8_t *bytes = malloc(step);
    if (!bytes) {
        st = sl_fail(reterr, SL_E_NOMEM, "%s: out of memory while hashing", path);
        goto cleanup;
    }
    EVP_MD_CTX *ctx = start();
    for (;;) {
        ssize_t n = read(fd, bytes, step);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            st = sl_fail(reterr, SL_E_IO, "%s: can't be read: %s", path, strerrordesc_np(errno));
            goto cleanup;
        }
        if (n == 0)
            break;
        add(ctx, bytes, (size_t)n);
    }
    end(ctx, out);
cleanup:
    free(bytes);
    close(fd);
    return st;
}

/* RFC 2104 over up to three pieces of text. */
static void hmac(uint8_t out[SL_SHA256_SIZE], const void *key, size_t key_n, const sl_str *pieces,
                 size_t pieces_n)
{
    uint8_t pad[BLOCK] = {0};
    if (key_n > BLOCK)
        sl_sha256(pad, key, key_n);
    else if (key_n)
        memcpy(pad, key, key_n);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36;
    EVP_MD_CTX *ctx = start();
    add(ctx, pad, BLOCK);
    for (size_t i = 0; i < pieces_n; i++)
        add(ctx, pieces[i].p, pieces[i].n);
    uint8_t inner[SL_SHA256_SIZE];
    end(ctx, inner);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    ctx = start();
    add(ctx, pad, BLOCK);
    add(ctx, inner, sizeof(inner));
    end(ctx, out);
    OPENSSL_cleanse(pad, sizeof(pad));
    OPENSSL_cleanse(inner, sizeof(inner));
}

void sl_hmac_sha256(uint8_t out[SL_SHA256_SIZE], const void *key, size_t key_n, const void *p,
                    size_t n)
{
    hmac(out, key, key_n, &(sl_str){p, n}, 1);
}

sl_status sl_hkdf_sha256(void *out, size_t out_n, const void *key, size_t key_n, const void *salt,
                         size_t salt_n, const void *info, size_t info_n)
{
    if (out_n > SL_SHA256_SIZE)
        return SL_E_INVALID;
    uint8_t prk[SL_SHA256_SIZE], block[SL_SHA256_SIZE];
    /* An absent salt is a string of zeros (RFC 5869 2.2), which is how HMAC pads an empty key. */
    sl_hmac_sha256(prk, salt, salt_n, key, key_n);
    const sl_str pieces[2] = {{info, info_n}, {"\x01", 1}};
    hmac(block, prk, sizeof(prk), pieces, 2);
    memcpy(out, block, out_n);
    OPENSSL_cleanse(prk, sizeof(prk));
    OPENSSL_cleanse(block, sizeof(block));
    return SL_OK;
}

bool sl_equal_ct(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void sl_wipe(void *p, size_t n)
{
    if (p && n)
        OPENSSL_cleanse(p, n);
}
