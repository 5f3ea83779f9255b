/* crypto_bench.c - what encrypting one record costs: key derivation, AES-256-GCM, checksum.
 *
 * Bars: sealing and checksumming 2 KB <= 3 us, deriving a record's key <= 5 us. */
#include "common/base/clock.h"
#include "common/crypto/aead.h"
#include "common/crypto/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#define SIZE    2048
#define ROUNDS  100000
#define BATCHES 9

typedef struct bench {
    sl_aead *aead;
    uint8_t key[32], nonce[12], salt[16], headers[400], body[SIZE], out[SIZE + SL_AEAD_TAG];
    uint64_t sink; /* keeps results alive */
} bench;

static void derive(bench *b)
{
    b->salt[0]++;
    if (sl_hkdf_sha256(b->key, 32, b->headers, 32, b->salt, 16,
                       "sluice/1 io.sluice.request.v1 public", 36))
        abort();
}

static void seal(bench *b)
{
    b->key[0]++; /* each record has its own key */
    if (sl_aead_seal(b->aead, b->key, b->nonce, b->headers, sizeof(b->headers), b->body, SIZE,
                     b->out, NULL))
        abort();
}

static void seal_and_checksum(bench *b)
{
    seal(b);
    b->sink += XXH3_128bits(b->out, sizeof(b->out)).low64;
}

static void unseal(bench *b)
{
    if (sl_aead_unseal(b->aead, b->key, b->nonce, b->headers, sizeof(b->headers), b->out,
                       sizeof(b->out), b->body, NULL))
        abort();
}

static void hmac(bench *b)
{
    sl_hmac_sha256(b->key, b->body, 32, b->salt, 16);
}

static int by_value(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* The median of several batches, in microseconds a call. */
static double measure(bench *b, void (*f)(bench *))
{
    double us[BATCHES];
    f(b);
    for (int i = 0; i < BATCHES; i++) {
        int64_t start = sl_mono_us();
        for (int k = 0; k < ROUNDS; k++)
            f(b);
        us[i] = (double)(sl_mono_us() - start) / ROUNDS;
    }
    qsort(us, BATCHES, sizeof(us[0]), by_value);
    return us[BATCHES / 2];
}

int main(void)
{
    static const struct {
        const char *name;
        void (*f)(bench *);
        double bar;
    } rows[] = {
        {"hkdf-sha256, 32 bytes", derive, 5},
        {"hmac-sha256, 16 bytes", hmac, 0},
        {"aes-256-gcm seal, 2 KB, new key", seal, 0},
        {"seal + xxh3-128, 2 KB, new key", seal_and_checksum, 3},
        {"aes-256-gcm unseal, 2 KB", unseal, 0},
    };
    static bench b;
    if (sl_aead_open(&b.aead, NULL))
        return 1;
    sl_random(b.body, sizeof(b.body));
    bool met = true;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double us = measure(&b, rows[i].f);
        printf("%-34s %7.3f us", rows[i].name, us);
        if (rows[i].bar > 0) {
            printf("   bar %.0f us: %s", rows[i].bar, us <= rows[i].bar ? "met" : "MISSED");
            met = met && us <= rows[i].bar;
        }
        printf("\n");
    }
    sl_aead_free(b.aead);
    return met && b.sink ? 0 : 1;
}
