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
    const sl_api_key *found = NULL;
    uint64_t tag;
    (void)sl_api_keys_find(k, &(sl_key_claim){.authorization = sl_buf_str(&header)}, now, &found,
                           &tag);
    sl_buf_done(&header);
    return found;
}

static sl_key_verdict verdict(const sl_api_keys *k, sl_str auth, const char *cn, int64_t now)
{
    const sl_api_key *found = NULL;
    uint64_t tag;
    sl_key_claim claim = {.authorization = auth, .certificate = sl_str_c(cn)};
    return sl_api_keys_find(k, &claim, now, &found, &tag);
}

static sl_str bearer(sl_buf *out, const sl_buf *key)
{
    sl_buf_clear(out);
    sl_buf_adds(out, "Bearer ");
    sl_buf_add_str(out, sl_buf_str(key));
    return sl_buf_str(out);
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
    assert_int_equal(verdict(k, (sl_str){0}, "", 0), SL_KEY_MISSING);
    assert_int_equal(verdict(k, SL_STR(""), "", 0), SL_KEY_MISSING);
    assert_int_equal(verdict(NULL, (sl_str){0}, "", 0), SL_KEY_MISSING);
    assert_int_equal(verdict(NULL, SL_STR("Bearer sk-sluice-x"), "", 0), SL_KEY_WRONG);
    assert_int_equal(verdict(k, SL_STR("Bearer "), "", 0), SL_KEY_WRONG);
    assert_int_equal(verdict(k, SL_STR("Bearer"), "", 0), SL_KEY_WRONG);
    sl_api_keys_unref(k);
}

static void revoked_and_expired_keys_are_wrong(void **state)
{
    (void)state;
    sl_api_key rows[2];
    sl_buf a = {0}, b = {0}, auth = {0};
    assert_int_equal(sl_api_key_new(&rows[0], "t", SL_ROLE_CLIENT, 1000000, &a, NULL), SL_OK);
    assert_int_equal(sl_api_key_new(&rows[1], "t", SL_ROLE_CLIENT, 0, &b, NULL), SL_OK);
    rows[1].revoked = true;
    sl_api_keys *k = parse(rows, 2);
    assert_non_null(check(k, "Bearer ", &a, 999999));
    assert_null(check(k, "Bearer ", &a, 1000000));
    assert_null(check(k, "Bearer ", &b, 1));
    assert_int_equal(verdict(k, bearer(&auth, &a), "", 1000000), SL_KEY_EXPIRED);
    assert_int_equal(verdict(k, bearer(&auth, &b), "", 1), SL_KEY_REVOKED);
    sl_api_keys_unref(k);
    sl_buf_done(&a);
    sl_buf_done(&b);
    sl_buf_done(&auth);
}

static void a_certificate_stands_for_its_key(void **state)
{
    (void)state;
    sl_api_key rows[2];
    sl_buf a = {0}, b = {0}, auth = {0};
    assert_int_equal(sl_api_key_new(&rows[0], "t", SL_ROLE_CLIENT, 0, &a, NULL), SL_OK);
    assert_int_equal(sl_api_key_new(&rows[1], "t", SL_ROLE_CLIENT, 0, &b, NULL), SL_OK);
    (void)snprintf(rows[0].certificate, sizeof(rows[0].certificate), "app-1");
    sl_api_keys *k = parse(rows, 2);
    assert_int_equal(verdict(k, (sl_str){0}, "app-1", 1), SL_KEY_OK);
    assert_int_equal(verdict(k, (sl_str){0}, "app-2", 1), SL_KEY_MISSING);
    assert_int_equal(verdict(k, (sl_str){0}, "", 1), SL_KEY_MISSING);
    /* the key that is bound to it is worth nothing without it */
    assert_int_equal(verdict(k, bearer(&auth, &a), "app-1", 1), SL_KEY_OK);
    assert_int_equal(verdict(k, bearer(&auth, &a), "app-2", 1), SL_KEY_WRONG);
    assert_int_equal(verdict(k, bearer(&auth, &a), "", 1), SL_KEY_WRONG);
    /* another key counts, not the certificate; a wrong key is wrong with every certificate */
    assert_int_equal(verdict(k, bearer(&auth, &b), "app-1", 1), SL_KEY_OK);
    assert_int_equal(verdict(k, SL_STR("Bearer sk-sluice-no"), "app-1", 1), SL_KEY_WRONG);
    sl_api_keys_unref(k);
    sl_buf_done(&a);
    sl_buf_done(&b);
    sl_buf_done(&auth);
}

static void rights_survive_the_file(void **state)
{
    (void)state;
    sl_api_key rows[2];
    sl_buf a = {0}, b = {0};
    assert_int_equal(sl_api_key_new(&rows[0], "t", SL_ROLE_OPERATOR, 0, &a, NULL), SL_OK);
    assert_int_equal(sl_api_key_new(&rows[1], "t", SL_ROLE_CLIENT, 0, &b, NULL), SL_OK);
    rows[1].models = "auto\nmeta/tiny\n";
    rows[1].max_level = SL_LEVEL_INTERNAL;
    rows[1].rates = (sl_rates){60, 1000, 3};
    sl_api_keys *k = parse(rows, 2);
    const sl_api_key *all = check(k, "Bearer ", &a, 1), *some = check(k, "Bearer ", &b, 1);
    assert_int_equal(all->max_level, SL_LEVEL_RESTRICTED);
    assert_int_equal(all->role, SL_ROLE_OPERATOR);
    assert_int_equal(all->rates.requests + all->rates.tokens + all->rates.concurrency, 0);
    assert_true(sl_api_key_model(all, SL_STR("anything")));
    assert_int_equal(some->max_level, SL_LEVEL_INTERNAL);
    assert_int_equal(some->rates.requests, 60);
    assert_int_equal(some->rates.tokens, 1000);
    assert_int_equal(some->rates.concurrency, 3);
    assert_true(sl_api_key_model(some, SL_STR("auto")));
    assert_true(sl_api_key_model(some, SL_STR("meta/tiny")));
    assert_false(sl_api_key_model(some, SL_STR("meta/tin")));
    assert_false(sl_api_key_model(some, SL_STR("meta/tiny2")));
    assert_false(sl_api_key_model(some, SL_STR("auto\nmeta/tiny")));
    assert_false(sl_api_key_model(some, SL_STR("")));
    sl_api_keys_unref(k);
    sl_buf_done(&a);
    sl_buf_done(&b);
}

/* An empty list lets nothing pass; it is not the same as none. */
static void an_empty_list_of_models_allows_none(void **state)
{
    (void)state;
    sl_api_keys *k = NULL;
    sl_error err = {0};
    sl_str text = SL_STR("{\"keys\":[{\"id\":\"a\",\"tenant\":\"t\",\"role\":\"client\",\"hash\":"
                         "\"00000000000000000000000000000000000000000000000000000000000000ff\","
                         "\"models\":[]}]}");
    assert_int_equal(sl_api_keys_parse(&k, "keys.json", text, &err), SL_OK);
    assert_false(sl_api_key_model(sl_api_keys_at(k, 0), SL_STR("auto")));
    sl_api_keys_unref(k);
}

/* The file is read again: whoever had used up his minute has still used it up. */
static void limits_outlive_the_snapshot(void **state)
{
    (void)state;
    sl_api_key rows[2];
    sl_buf a = {0}, b = {0};
    sl_limit_view v;
    assert_int_equal(sl_api_key_new(&rows[0], "t", SL_ROLE_CLIENT, 0, &a, NULL), SL_OK);
    assert_int_equal(sl_api_key_new(&rows[1], "t", SL_ROLE_CLIENT, 0, &b, NULL), SL_OK);
    rows[0].rates.requests = rows[1].rates.requests = 1;
    sl_api_keys *old = parse(rows, 1), *k = parse(rows, 2);
    assert_int_equal(sl_api_keys_carry(old, NULL), SL_OK);
    const sl_api_key *one = check(old, "Bearer ", &a, 1);
    assert_int_equal(sl_limit_take(one->limit, &one->rates, 0, 5, &v), SL_LIMIT_OK);
    assert_int_equal(sl_api_keys_carry(k, old), SL_OK);
    sl_api_keys_unref(old);
    one = check(k, "Bearer ", &a, 1);
    assert_int_equal(sl_limit_take(one->limit, &one->rates, 0, 5, &v), SL_LIMIT_REQUESTS);
    one = check(k, "Bearer ", &b, 1);
    assert_int_equal(sl_limit_take(one->limit, &one->rates, 0, 5, &v), SL_LIMIT_OK);
    sl_api_keys_unref(k);
    sl_buf_done(&a);
    sl_buf_done(&b);
}

#define HASH  "0000000000000000000000000000000000000000000000000000000000000000"
#define HASH2 "1111111111111111111111111111111111111111111111111111111111111111"
#define ROW(more)                                                         \
    "{\"keys\":[\n  {\"id\":\"a\",\n   \"tenant\":\"t\",\"hash\":\"" HASH \
    "\",\n   \"role\":\"client\",\n   " more "}\n]}"
#define TWO(a, b)                                                                         \
    "{\"keys\":[{\"tenant\":\"t\",\"role\":\"client\"," a "},{\"tenant\":\"t\",\"role\":" \
    "\"client\"," b "}]}"

static void bad_files_name_line_and_field(void **state)
{
    (void)state;
    static const struct {
        const char *text, *names;
    } rows[] = {
        {"[]", "'keys'"},
        {"{\"keys\":1}", "'keys'"},
        {"{\"keys\":[1]}", "keys.json:1: keys[0].id"},
        {"{\"keys\":[{}]}", "keys.json:1: keys[0].id"},
        {"{\"other\":[{\n}],\n\"keys\":[\n{}]}", "keys.json:4: keys[0].id"},
        {"{\"keys\":[\n{\"id\":\"a\",\"tenant\":\"t t\",\"hash\":\"\",\"role\":\"\"}]}",
         "keys.json:2: keys[0].tenant"},
        {"{\"keys\":[{\"id\":\"a\",\"tenant\":\"t\",\"role\":\"client\",\"hash\":\"00\"}]}",
         "keys[0].hash"},
        {"{\"keys\":[{\"id\":\"a\",\"tenant\":\"t\",\"hash\":\"" HASH "\",\n\"role\":\"king\"}]}",
         "keys.json:2: keys[0].role"},
        {ROW("\"max_level\":\"secret\""), "keys.json:5: keys[0].max_level"},
        {ROW("\"models\":\"auto\""), "keys.json:5: keys[0].models"},
        {ROW("\"models\":[\"auto\",\n\"\"]"), "keys.json:5: keys[0].models"},
        {ROW("\"models\":[\"a b\"]"), "keys.json:5: keys[0].models"},
        {ROW("\"requests_per_minute\":-1"), "keys.json:5: keys[0].requests_per_minute"},
        {ROW("\"requests_per_minute\":1.5"), "keys.json:5: keys[0].requests_per_minute"},
        {ROW("\"tokens_per_minute\":1000000001"), "keys.json:5: keys[0].tokens_per_minute"},
        {ROW("\"concurrency\":\"many\""), "keys.json:5: keys[0].concurrency"},
        {ROW("\"certificate\":\"a b\""), "keys.json:5: keys[0].certificate"},
        {ROW("\"expires\":\"tomorrow\""), "keys.json:5: keys[0].expires"},
        {ROW("\"revoked\":\"yes\""), "keys.json:5: keys[0].revoked"},
        {ROW("\"max_levle\":\"internal\""), "keys.json:2: keys[0] holds a name"},
        {TWO("\"id\":\"a\",\"hash\":\"" HASH "\"", "\"id\":\"b\",\"hash\":\"" HASH "\""),
         "'a' and 'b' have the same hash"},
        {TWO("\"id\":\"a\",\"hash\":\"" HASH "\"", "\"id\":\"a\",\"hash\":\"" HASH2 "\""),
         "'a' and 'a' have the same id"},
        {TWO("\"id\":\"a\",\"hash\":\"" HASH "\",\"certificate\":\"x\"",
             "\"id\":\"b\",\"hash\":\"" HASH2 "\",\"certificate\":\"x\""),
         "'a' and 'b' have the same certificate"},
        {"{\"keys\":[", "keys.json:1: JSON, byte"},
        {"{\"keys\":[\n\n{\"id\":\"a\",}]}", "keys.json:3: JSON, byte"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sl_api_keys *k = NULL;
        sl_error err = {0};
        assert_int_not_equal(sl_api_keys_parse(&k, "keys.json", sl_str_c(rows[i].text), &err),
                             SL_OK);
        assert_null(k);
        if (!strstr(err.text, rows[i].names))
            print_error("row %zu: want '%s' in: %s\n", i, rows[i].names, err.text);
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
        cmocka_unit_test(a_certificate_stands_for_its_key),
        cmocka_unit_test(rights_survive_the_file),
        cmocka_unit_test(an_empty_list_of_models_allows_none),
        cmocka_unit_test(limits_outlive_the_snapshot),
        cmocka_unit_test(bad_files_name_line_and_field),
        cmocka_unit_test(a_file_that_others_may_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
