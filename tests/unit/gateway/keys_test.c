/* keys_test.c - API keys: files, checks, bad rows. */
#include "common/base/clock.h"
#include "gateway/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static sl_api_keys *parse(const sl_api_key *rows, size_t n)
{
    sl_buf text = {0};
    sl_error err = {0};
    sl_api_keys *k = NULL;
    sl_api_keys_write(rows, n, &text);
    assert_int_equal(sl_api_keys_parse(&k, "keys.json", sl_buf_str(&text), &err), SL_OK);
    sl_buf_done(&text);
    return k;
}

static const sl_api_key *check(const sl_api_keys *k, const char *scheme, const sl_buf *key,
                               int64_t now)
{
    sl_buf header = {0};
    sl_buf_adds(&header, scheme);
    sl_buf_add_str(&header, sl_buf_str(key));
    const sl_api_key *found = sl_api_keys_check(k, sl_buf_str(&header), now);
    sl_buf_done(&header);
    return found;
}

static void a_key_is_found_by_its_text_alone(void **state)
{
    (void)state;
    sl_api_key rows[3];
    sl_buf text[3] = {{0}, {0}, {0}};
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            sl_api_key_new(&rows[i], i ? "acme" : "demo", SL_ROLE_CLIENT, 0, &text[i], NULL),
            SL_OK);
    sl_api_keys *k = parse(rows, 3);
    for (int i = 0; i < 3; i++) {
        const sl_api_key *found = check(k, "Bearer ", &text[i], sl_unix_us());
        assert_non_null(found);
        assert_string_equal(found->id, rows[i].id);
        assert_string_equal(found->tenant, i ? "acme" : "demo");
        assert_non_null(check(k, "bearer ", &text[i], sl_unix_us()));
        assert_null(check(k, "Basic ", &text[i], sl_unix_us()));
        text[i].data[text[i].len - 1] ^= 1;
        assert_null(check(k, "Bearer ", &text[i], sl_unix_us()));
        sl_buf_done(&text[i]);
    }
    assert_null(sl_api_keys_check(k, (sl_str){0}, 0));
    assert_null(sl_api_keys_check(NULL, SL_STR("Bearer sk-sluice-x"), 0));
    sl_api_keys_unref(k);
}

static void revoked_and_expired_keys_are_wrong(void **state)
{
    (void)state;
    sl_api_key rows[2];
    sl_buf a = {0}, b = {0};
    assert_int_equal(sl_api_key_new(&rows[0], "t", SL_ROLE_CLIENT, 1000000, &a, NULL), SL_OK);
    assert_int_equal(sl_api_key_new(&rows[1], "t", SL_ROLE_CLIENT, 0, &b, NULL), SL_OK);
    rows[1].revoked = true;
    sl_api_keys *k = parse(rows, 2);
    assert_non_null(check(k, "Bearer ", &a, 999999));
    assert_null(check(k, "Bearer ", &a, 1000000));
    assert_null(check(k, "Bearer ", &b, 1));
    sl_api_keys_unref(k);
    sl_buf_done(&a);
    sl_buf_done(&b);
}

static void bad_files_name_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *names;
    } rows[] = {
        {"[]", "'keys'"},
        {"{\"keys\":1}", "'keys'"},
        {"{\"keys\":[{}]}", "keys[0].id"},
        {"{\"keys\":[{\"id\":\"a\",\"tenant\":\"t t\"}]}", "keys[0].tenant"},
        {"{\"keys\":[{\"id\":\"a\",\"tenant\":\"t\",\"hash\":\"00\"}]}", "keys[0].hash"},
        {"{\"keys\":[{\"id\":\"a\",\"tenant\":\"t\",\"hash\":"
         "\"0000000000000000000000000000000000000000000000000000000000000000\",\"role\":\"king\"}]"
         "}",
         "keys[0].role"},
        {"{\"keys\":[", "keys.json"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sl_api_keys *k = NULL;
        sl_error err = {0};
        assert_int_not_equal(sl_api_keys_parse(&k, "keys.json", sl_str_c(rows[i].text), &err),
                             SL_OK);
        assert_null(k);
        assert_non_null(strstr(err.text, rows[i].names));
    }
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/keys_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "{\"keys\":[]}", 11) == 11);
    close(fd);
    sl_api_keys *k = NULL;
    sl_error err = {0};
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(sl_api_keys_load(&k, path, &err), SL_E_DENIED);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(sl_api_keys_load(&k, path, &err), SL_OK);
    assert_int_equal(sl_api_keys_size(k), 0);
    sl_api_keys_unref(k);
    unlink(path);
    assert_int_equal(sl_api_keys_load(&k, path, &err), SL_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_by_its_text_alone),
        cmocka_unit_test(revoked_and_expired_keys_are_wrong),
        cmocka_unit_test(bad_files_name_what_is_wrong),
        cmocka_unit_test(a_file_that_others_may_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
