#include "common/crypto/digest.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static size_t unhex(uint8_t *out, size_t max, const char *hex)
{
    assert_true(sl_hex_decode(out, max, hex, strlen(hex)));
    return strlen(hex) / 2;
}

static void assert_hex(const uint8_t *p, size_t n, const char *want)
{
    char hex[129];
    sl_hex_encode(hex, p, n);
    assert_string_equal(hex, want);
}

/* FIPS 180-4 examples (NIST's SHA256.pdf) and the empty text. */
static void sha256_known_answers(void **state)
{
    static const struct {
        const char *text, *digest;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    uint8_t out[SL_SHA256_SIZE];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_sha256(out, cases[i].text, strlen(cases[i].text));
        assert_hex(out, sizeof(out), cases[i].digest);
    }
}

static void sha256_of_a_file(void **state)
{
    char path[] = "/tmp/sluice-digest-XXXXXX";
    static char block[100000];
    int fd = mkstemp(path);
    uint8_t out[SL_SHA256_SIZE], want[SL_SHA256_SIZE];
    memset(block, 'a', sizeof(block));
    for (int i = 0; i < 10; i++) /* FIPS 180-4: one million times "a" */
        assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
    close(fd);
    unhex(want, 32, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    sl_error e;
    assert_int_equal(sl_sha256_file(out, path, &e), SL_OK);
    assert_memory_equal(out, want, sizeof(want));
    unlink(path);
    assert_int_equal(sl_sha256_file(out, path, &e), SL_E_NOT_FOUND);
    assert_int_equal(sl_sha256_file(out, "/tmp", &e), SL_E_IO);
}

/* RFC 4231 test cases 1, 2, 3, 6 and 7. */
static void hmac_known_answers(void **state)
{
    static const struct {
        const char *key, *text, *mac;
    } cases[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
         "dddddddddddddddddddddddddddddddddddd",
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    };
    uint8_t key[256], text[256], mac[SL_SHA256_SIZE];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t key_n = unhex(key, sizeof(key), cases[i].key);
        size_t n = unhex(text, sizeof(text), cases[i].text);
        sl_hmac_sha256(mac, key, key_n, text, n);
        assert_hex(mac, sizeof(mac), cases[i].mac);
    }
    memset(key, 0xaa, 131); /* longer than a block: the key is hashed first */
    sl_hmac_sha256(mac, key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54);
    assert_hex(mac, sizeof(mac),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    sl_str long_text =
        SL_STR("This is a test using a larger than block-size key and a larger than "
               "block-size data. The key needs to be hashed before being used by the "
               "HMAC algorithm.");
    sl_hmac_sha256(mac, key, 131, long_text.p, long_text.n);
    assert_hex(mac, sizeof(mac),
               "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

/* RFC 5869 A.1 to A.3; the vectors' first 32 bytes, which are the first block of output. */
static void hkdf_known_answers(void **state)
{
    static const struct {
        const char *ikm, *salt, *info, *okm;
    } cases[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
         "f0f1f2f3f4f5f6f7f8f9",
         "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
         "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
         "404142434445464748494a4b4c4d4e4f",
         "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
         "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
         "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
         "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
         "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
         "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
         "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"},
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
         "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"},
    };
    uint8_t ikm[128], salt[128], info[128], okm[32];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t ikm_n = unhex(ikm, sizeof(ikm), cases[i].ikm);
        size_t salt_n = unhex(salt, sizeof(salt), cases[i].salt);
        size_t info_n = unhex(info, sizeof(info), cases[i].info);
        assert_int_equal(sl_hkdf_sha256(okm, 32, ikm, ikm_n, salt, salt_n, info, info_n), SL_OK);
        assert_hex(okm, 32, cases[i].okm);
    }
    memset(okm, 7, sizeof(okm));
    assert_int_equal(sl_hkdf_sha256(okm, 5, ikm, 1, NULL, 0, NULL, 0), SL_OK);
    assert_int_equal(okm[5], 7);
    assert_int_equal(sl_hkdf_sha256(okm, 33, ikm, 1, NULL, 0, NULL, 0), SL_E_INVALID);
}

static void compares_and_wipes(void **state)
{
    char a[] = "secret", b[] = "secret", c[] = "secreT";
    assert_true(sl_equal_ct(a, b, 6));
    assert_false(sl_equal_ct(a, c, 6));
    assert_true(sl_equal_ct(a, c, 5));
    sl_wipe(a, 6);
    assert_memory_equal(a, "\0\0\0\0\0\0", 6);
    sl_wipe(NULL, 0);
}

static void *hash_often(void *ret)
{
    uint8_t out[SL_SHA256_SIZE], want[SL_SHA256_SIZE];
    sl_hmac_sha256(want, "k", 1, "text", 4);
    for (int i = 0; i < 2000; i++) {
        sl_hmac_sha256(out, "k", 1, "text", 4);
        if (memcmp(out, want, sizeof(out)) != 0)
            return NULL;
    }
    return ret;
}

static void threads_have_their_own_context(void **state)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_often, threads), 0);
    for (int i = 0; i < 4; i++) {
        void *ok = NULL;
        pthread_join(threads[i], &ok);
        assert_non_null(ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_known_answers), cmocka_unit_test(sha256_of_a_file),
        cmocka_unit_test(hmac_known_answers),   cmocka_unit_test(hkdf_known_answers),
        cmocka_unit_test(compares_and_wipes),   cmocka_unit_test(threads_have_their_own_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
