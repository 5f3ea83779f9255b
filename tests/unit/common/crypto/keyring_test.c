#include "common/crypto/keyring.h"

#include "common/base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
#define ENTRY(kid, class, key, from, to)                                                      \
    "{\"kid\":\"" kid "\",\"class\":\"" class "\",\"key\":\"" key "\",\"not_before\":\"" from \
                                              "\",\"not_after\":\"" to "\"}"
#define YEAR(y) #y "-01-01T00:00:00Z"

static const char good[] = "[" ENTRY("pub-1", "public", KEY_A, YEAR(2020), YEAR(2022)) "," ENTRY(
    "pub-2", "public", KEY_B, YEAR(2021),
    YEAR(2023)) "," ENTRY("priv.1", "private", KEY_A, YEAR(2020),
                          YEAR(2030)) "," ENTRY("pub-2b", "public", KEY_A, YEAR(2021),
                                                YEAR(2023)) "]";

static int64_t ms(const char *time)
{
    int64_t us;
    assert_true(sl_time_parse(time, strlen(time), &us));
    return us / 1000;
}

static const char *current(const sl_keyring *k, bool is_public, const char *time)
{
    const sl_key *key = sl_keyring_current(k, is_public, ms(time));
    return key ? key->kid : "none";
}

static void chooses_the_newest_valid_key(void **state)
{
    static const struct {
        bool is_public;
        const char *time, *kid;
    } cases[] = {
        {true, "2019-12-31T23:59:59.999Z", "none"},  {true, "2020-01-01T00:00:00Z", "pub-1"},
        {true, "2020-12-31T23:59:59.999Z", "pub-1"}, {true, "2021-01-01T00:00:00Z", "pub-2b"},
        {true, "2022-06-01T00:00:00Z", "pub-2b"},    {true, "2023-01-01T00:00:00Z", "none"},
        {false, "2022-01-01T00:00:00Z", "priv.1"},   {false, "2030-01-01T00:00:00Z", "none"},
    };
    sl_keyring *k = NULL;
    sl_error e;
    assert_int_equal(sl_keyring_parse(&k, "t", sl_str_c(good), &e), SL_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(current(k, cases[i].is_public, cases[i].time), cases[i].kid);
    assert_int_equal(sl_keyring_size(k), 4);
    assert_string_equal(sl_keyring_at(k, 2)->kid, "priv.1");
    assert_null(sl_keyring_at(k, 4));
    /* a key of the past still opens old records */
    const sl_key *old = sl_keyring_find(k, SL_STR("pub-1"));
    assert_non_null(old);
    for (int i = 0; i < 32; i++)
        assert_int_equal(old->key[i], i);
    assert_true(old->is_public);
    assert_null(sl_keyring_find(k, SL_STR("pub-")));
    assert_null(sl_keyring_find(k, SL_STR("pub-11")));
    assert_null(sl_keyring_find(k, (sl_str){"", 0}));
    sl_keyring *again = sl_keyring_ref(k);
    sl_keyring_unref(k);
    assert_string_equal(sl_keyring_at(again, 0)->kid, "pub-1");
    sl_keyring_unref(again);
    sl_keyring_unref(NULL);
}

static void refuses(void **state)
{
#define E1(kid, class, key) "[" ENTRY(kid, class, key, YEAR(2020), YEAR(2022)) "]"
#define K64                 "0123456789012345678901234567890123456789012345678901234567890123"
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "t: JSON, byte 0"},
        {"{}", "t: a keyring is a JSON array"},
        {"[1]", "t: entry 1 is no object"},
        {"[{}]", "t: entry 1 needs a kid"},
        {E1("", "public", KEY_A), "t: entry 1 needs a kid"},
        {E1("a b", "public", KEY_A), "t: entry 1 needs a kid"},
        {E1(K64 "x", "public", KEY_A), "t: entry 1 needs a kid"},
        {E1("k", "Public", KEY_A), "t: key k: class must be"},
        {E1("k", "public", "AAEC"), "t: key k: key must be 32 bytes"},
        {E1("k", "public", KEY_A "AAAA"), "t: key k: key must be 32 bytes"},
        {E1("k", "public", "not base64 at all, but long enough"), "t: key k: key must be 32 bytes"},
        {"[" ENTRY("k", "public", KEY_A, "2020", YEAR(2022)) "]",
         "t: key k: not_before and not_after"},
        {"[" ENTRY("k", "public", KEY_A, YEAR(2022), YEAR(2022)) "]",
         "t: key k: not_before must be"},
        {"[" ENTRY("k", "public", KEY_A, YEAR(2020),
                   YEAR(2022)) "," ENTRY("k", "private", KEY_B, YEAR(2020), YEAR(2022)) "]",
         "t: the kid k stands twice"},
        {"[{\"kid\":\"k\",\"notafter\":1}]", "t: entry 1 has an unknown member"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_keyring *k = NULL;
        sl_error e = {0};
        assert_int_equal(sl_keyring_parse(&k, "t", sl_str_c(cases[i].text), &e), SL_E_INVALID);
        if (strncmp(e.text, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("\"%s\" is not \"%s\"", e.text, cases[i].why);
        assert_null(strstr(e.text, "AAEC"));
        assert_null(k);
    }
    sl_keyring *k = NULL;
    assert_int_equal(sl_keyring_parse(&k, "t", SL_STR("[]"), NULL), SL_OK);
    assert_int_equal(sl_keyring_size(k), 0);
    assert_null(sl_keyring_current(k, true, 0));
    sl_keyring_unref(k);
    assert_int_equal(sl_keyring_parse(&k, "t", SL_STR(E1(K64, "public", KEY_A)), NULL), SL_OK);
    sl_keyring_unref(k);
}

static void the_file_must_be_private(void **state)
{
    static const struct {
        mode_t mode;
        sl_status status;
    } cases[] = {{0600, SL_OK},       {0400, SL_OK},       {0700, SL_OK},
                 {0640, SL_E_DENIED}, {0604, SL_E_DENIED}, {0620, SL_E_DENIED},
                 {0602, SL_E_DENIED}, {0666, SL_E_DENIED}};
    char path[] = "/tmp/sluice-keyring-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, good, strlen(good)), strlen(good));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_keyring *k = NULL;
        sl_error e = {0};
        assert_int_equal(fchmod(fd, cases[i].mode), 0);
        assert_int_equal(sl_keyring_load(&k, path, &e), cases[i].status);
        if (cases[i].status)
            assert_non_null(strstr(e.text, "chmod 600"));
        sl_keyring_unref(k);
    }
    close(fd);
    unlink(path);
    sl_keyring *k = NULL;
    assert_int_equal(sl_keyring_load(&k, path, NULL), SL_E_NOT_FOUND);
}

static void *use(void *arg)
{
    for (int i = 0; i < 5000; i++) {
        sl_keyring *k = sl_keyring_ref(arg);
        if (!sl_keyring_find(k, SL_STR("pub-2")))
            return NULL;
        sl_keyring_unref(k);
    }
    sl_keyring_unref(arg); /* each thread was given one reference */
    return "done";
}

static void snapshots_are_shared(void **state)
{
    sl_keyring *k = NULL;
    pthread_t threads[4];
    assert_int_equal(sl_keyring_parse(&k, "t", sl_str_c(good), NULL), SL_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, sl_keyring_ref(k)), 0);
    sl_keyring_unref(k); /* the last thread frees it */
    for (int i = 0; i < 4; i++) {
        void *done = NULL;
        pthread_join(threads[i], &done);
        assert_non_null(done);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_the_newest_valid_key),
        cmocka_unit_test(refuses),
        cmocka_unit_test(the_file_must_be_private),
        cmocka_unit_test(snapshots_are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
