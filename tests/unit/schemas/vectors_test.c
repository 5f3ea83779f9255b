/* vectors_test.c - the language-neutral vectors, which another hand in another language made. */
#include "schemas/envelope.h"

#include "common/base/json.h"
#include "schemas/envelope_headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define PATH "tests/data/envelope/vectors.json"

static sl_jnode *root;
static sl_keyring *ring;

static sl_str str_at(const sl_jnode *n, const char *key)
{
    sl_str s = {0};
    sl_json_str(sl_json_get(n, key), &s);
    return s;
}

/* A record's texts live in one arena-like buffer of buffers: freed together. */
typedef struct row {
    sl_header headers[SL_ENVELOPE_HEADERS_MAX + 8];
    uint8_t *bytes[SL_ENVELOPE_HEADERS_MAX + 10];
    size_t bytes_n;
    sl_record rec;
    const char *name;
} row;

static sl_str unhex(row *r, sl_str hex)
{
    uint8_t *p = malloc(hex.n / 2 + 1);
    assert_non_null(p);
    assert_true(sl_hex_decode(p, hex.n / 2, hex.p, hex.n));
    r->bytes[r->bytes_n++] = p;
    return (sl_str){(char *)p, hex.n / 2};
}

static void row_open(row *r, const sl_jnode *n)
{
    memset(r, 0, sizeof(*r));
    r->name = str_at(n, "name").p;
    size_t i = 0;
    for (const sl_jnode *h = sl_json_first(sl_json_get(n, "headers")); h;
         h = sl_json_next(h), i++) {
        assert_true(i < sizeof(r->headers) / sizeof(r->headers[0]));
        const sl_jnode *name = sl_json_first(h), *value = sl_json_next(name),
                       *hex = sl_json_next(value);
        sl_str raw = {0};
        assert_true(sl_json_str(name, &r->headers[i].name));
        sl_json_str(value, &r->headers[i].value);
        if (sl_json_str(hex, &raw))
            r->headers[i].value = unhex(r, raw);
    }
    sl_str body = str_at(n, "body_hex");
    r->rec = (sl_record){.key = str_at(n, "key"), .headers = r->headers, .headers_n = i};
    if (body.p)
        r->rec.value = unhex(r, body);
}

static void row_done(row *r)
{
    for (size_t i = 0; i < r->bytes_n; i++)
        free(r->bytes[i]);
}

static const char *cause_of(sl_status rc)
{
    switch (rc) {
    case SL_OK:
        return "";
    case SL_E_INVALID:
        return "malformed";
    case SL_E_CORRUPT:
        return "corrupt";
    case SL_E_UNAUTHENTIC:
        return "unauthentic";
    case SL_E_UNKNOWN_KEY:
        return "unknown_key";
    case SL_E_UNSUPPORTED:
        return "unsupported";
    default:
        return sl_status_name(rc);
    }
}

static void check_decoded(row *r, const sl_jnode *n, const sl_envelope *env)
{
    sl_str plain = str_at(n, "plain_hex");
    assert_int_equal(env->encrypted, plain.p != NULL);
    sl_str want = plain.p ? unhex(r, plain) : r->rec.value;
    if (env->body.n != want.n || (want.n && memcmp(env->body.p, want.p, want.n) != 0))
        fail_msg("%s: another body", r->name);
    assert_int_equal(env->body.p == NULL, want.p == NULL);
}

static void check_row(sl_codec *c, row *r, const sl_jnode *n)
{
    char sum[SL_CHECKSUM_TEXT];
    sl_buf canonical = {0};
    sl_error err = {0};
    sl_str want_sum = str_at(n, "checksum"), want_cause = str_at(n, "cause");
    if (r->rec.headers_n <= SL_ENVELOPE_HEADERS_MAX) {
        sl_str want = unhex(r, str_at(n, "canonical_hex"));
        assert_int_equal(sl_canonical_headers(r->headers, r->rec.headers_n, &canonical, &err),
                         SL_OK);
        if (!sl_str_eq(sl_buf_str(&canonical), want))
            fail_msg("%s: another canonical form", r->name);
        sl_checksum_record(sum, sl_buf_str(&canonical), r->rec.value);
        if (!sl_str_is(want_sum, sum))
            fail_msg("%s: checksum %s", r->name, sum);
    }
    sl_buf_done(&canonical);
    sl_class cls = SL_CLASS_PRIVATE;
    bool must_encrypt = false;
    assert_true(sl_class_parse(str_at(n, "class"), &cls));
    sl_json_bool(sl_json_get(n, "must_encrypt"), &must_encrypt);
    sl_envelope env;
    sl_status rc = sl_envelope_decode(c, &r->rec, ring, cls, must_encrypt, &env, &err);
    if (!sl_str_is(want_cause.p ? want_cause : SL_STR(""), cause_of(rc)))
        fail_msg("%s: %s (%s), expected %s", r->name, cause_of(rc), err.text, want_cause.p);
    if (rc == SL_OK)
        check_decoded(r, n, &env);
    else
        assert_null(env.body.p);
    /* The keyless check agrees wherever the checksum decides. */
    rc = sl_envelope_verify(&r->rec, sum, NULL);
    if (sl_str_is(want_cause, "corrupt"))
        assert_int_equal(rc, SL_E_CORRUPT);
    else if (!sl_str_is(want_cause, "malformed"))
        assert_int_equal(rc, SL_OK);
}

static void records(void **state)
{
    sl_codec *c = NULL;
    size_t n = 0;
    row r;
    assert_int_equal(sl_codec_open(&c, "/sluice/test/0", NULL), SL_OK);
    for (int round = 0; round < 2; round++) { /* the second with a warm table of keys */
        for (const sl_jnode *v = sl_json_first(sl_json_get(root, "records")); v;
             v = sl_json_next(v), n++) {
            row_open(&r, v);
            check_row(c, &r, v);
            row_done(&r);
        }
    }
    assert_true(n > 120);
    sl_codec_free(c);
}

static void hashes(void **state)
{
    size_t n = 0;
    for (const sl_jnode *v = sl_json_first(sl_json_get(root, "xxh3_128")); v;
         v = sl_json_next(v), n++) {
        row r = {0};
        char sum[SL_CHECKSUM_TEXT];
        sl_str text = unhex(&r, str_at(v, "text_hex"));
        sl_checksum_bytes(sum, text.p, text.n);
        assert_true(sl_str_is(str_at(v, "checksum"), sum));
        row_done(&r);
    }
    assert_int_equal(n, 3);
}

static void dead_letters(void **state)
{
    size_t n = 0;
    for (const sl_jnode *v = sl_json_first(sl_json_get(root, "dead_letters")); v;
         v = sl_json_next(v), n++) {
        row r;
        row_open(&r, v);
        r.headers[r.rec.headers_n++] = (sl_header){SL_STR("ce_dlqchecksum"), str_at(v, "checksum")};
        sl_error err = {0};
        if (sl_dead_letter_verify(&r.rec, &err))
            fail_msg("%s: %s", r.name, err.text);
        r.rec.headers_n -= 2; /* without checksum and code */
        assert_int_equal(sl_dead_letter_verify(&r.rec, NULL), SL_E_INVALID);
        row_done(&r);
    }
    assert_int_equal(n, 3);
}

static int setup(void **state)
{
    sl_buf text = {0}, keys = {0};
    sl_error err = {0};
    if (sl_file_read(PATH, 4 << 20, &text, &err) ||
        sl_json_parse(&root, sl_buf_str(&text), text.len, &err)) {
        print_error("%s: %s (run from the top of the tree)\n", PATH, err.text);
        return -1;
    }
    sl_json_write(sl_json_get(root, "keyring"), &keys);
    int rc = sl_keyring_parse(&ring, "vectors", sl_buf_str(&keys), &err);
    if (rc)
        print_error("keyring: %s\n", err.text);
    sl_buf_done(&text);
    sl_buf_done(&keys);
    return rc;
}

static int teardown(void **state)
{
    sl_json_free(root);
    sl_keyring_unref(ring);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records),
        cmocka_unit_test(hashes),
        cmocka_unit_test(dead_letters),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
