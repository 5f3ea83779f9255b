#include "common/crypto/aead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Test cases 13 to 16 of "The Galois/Counter Mode of Operation" (McGrew, Viega), which NIST
 * published with the mode: AES-256. */
static const struct vector {
    const char *key, *nonce, *aad, *plain, *sealed; /* sealed: the tag stands behind */
} vectors[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static size_t unhex(uint8_t *out, const char *hex)
{
    assert_true(sl_hex_decode(out, 128, hex, strlen(hex)));
    return strlen(hex) / 2;
}

/* All on one pair of contexts, twice, so that a key that stays behind would show. */
static void known_answers(void **state)
{
    sl_aead *a = NULL;
    sl_error e;
    assert_int_equal(sl_aead_open(&a, &e), SL_OK);
    for (size_t i = 0; i < 2 * sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct vector *v = &vectors[i % (sizeof(vectors) / sizeof(vectors[0]))];
        uint8_t key[128], nonce[128], aad[128], plain[128], want[128], out[128] = {0};
        unhex(key, v->key);
        unhex(nonce, v->nonce);
        size_t aad_n = unhex(aad, v->aad), n = unhex(plain, v->plain);
        assert_int_equal(unhex(want, v->sealed), n + SL_AEAD_TAG);
        assert_int_equal(sl_aead_seal(a, key, nonce, aad, aad_n, plain, n, out, &e), SL_OK);
        assert_memory_equal(out, want, n + SL_AEAD_TAG);
        /* in place, both ways */
        assert_int_equal(sl_aead_unseal(a, key, nonce, aad, aad_n, out, n + SL_AEAD_TAG, out, &e),
                         SL_OK);
        assert_memory_equal(out, plain, n);
        assert_int_equal(sl_aead_seal(a, key, nonce, aad, aad_n, out, n, out, &e), SL_OK);
        assert_memory_equal(out, want, n + SL_AEAD_TAG);
    }
    sl_aead_free(a);
    sl_aead_free(NULL);
}

/* Each bit of the sealed text, the AAD, the nonce and the key counts. */
static void every_bit_is_authenticated(void **state)
{
    static const uint8_t zero[40];
    uint8_t key[32], nonce[12] = {1}, aad[9] = "headers!", sealed[40 + SL_AEAD_TAG], out[40];
    sl_aead *a = NULL;
    sl_error e;
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    assert_int_equal(sl_aead_open(&a, &e), SL_OK);
    assert_int_equal(sl_aead_seal(a, key, nonce, aad, 9, zero, 40, sealed, &e), SL_OK);
    const struct {
        uint8_t *p;
        size_t n;
    } parts[] = {
        {sealed, sizeof(sealed)}, {aad, sizeof(aad)}, {nonce, sizeof(nonce)}, {key, sizeof(key)}};
    for (size_t part = 0; part < 4; part++)
        for (size_t bit = 0; bit < parts[part].n * 8; bit++) {
            parts[part].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
            memset(out, 0xee, sizeof(out));
            assert_int_equal(sl_aead_unseal(a, key, nonce, aad, 9, sealed, sizeof(sealed), out, &e),
                             SL_E_UNAUTHENTIC);
            assert_memory_equal(out, zero, sizeof(out)); /* wiped */
            parts[part].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    for (size_t n = 0; n < sizeof(sealed); n++) /* cut short */
        assert_int_equal(sl_aead_unseal(a, key, nonce, aad, 9, sealed, n, out, &e),
                         SL_E_UNAUTHENTIC);
    assert_int_equal(sl_aead_unseal(a, key, nonce, aad, 8, sealed, sizeof(sealed), out, &e),
                     SL_E_UNAUTHENTIC);
    assert_int_equal(sl_aead_unseal(a, key, nonce, aad, 9, sealed, sizeof(sealed), out, &e), SL_OK);
    sl_aead_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(every_bit_is_authenticated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
