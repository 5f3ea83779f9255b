/* envelope_test.c - what encode makes, decode takes; what is changed in between, it refuses; a
 * nonce is never used twice. */
#include "schemas/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define ID          "018f6b1e-2c3d-7e4f-8a5b-6c7d8e9fa0b1"
#define SUM         "0123456789abcdef0123456789abcdef"
#define STR(s, lit) assert_true(sl_str_is(s, lit))

static const char KEYS[] =
    "[{\"kid\":\"pub-1\",\"class\":\"public\",\"key\":"
    "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\","
    "\"not_before\":\"2020-01-01T00:00:00Z\",\"not_after\":\"2100-01-01T00:00:00Z\"},"
    "{\"kid\":\"old\",\"class\":\"private\",\"key\":\"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
    "\","
    "\"not_before\":\"2020-01-01T00:00:00Z\",\"not_after\":\"2020-02-01T00:00:00Z\"}]";

static sl_codec *codec, *other; /* `other` decodes, so that buffers are not shared by luck */
static sl_keyring *ring;

static sl_envelope request(void)
{
    return (sl_envelope){.type = SL_TYPE_REQUEST,
                         .subject = SL_STR(ID),
                         .cls = SL_CLASS_PUBLIC,
                         .level = SL_LEVEL_INTERNAL,
                         .policy = SL_STR("p"),
                         .tenant = SL_STR("t"),
                         .deadline_ms = 1795521600000,
                         .replypartition = 3,
                         .traceparent = SL_STR("00-a-b-01"),
                         .tracestate = SL_STR("x=1"),
                         .replayof = SL_STR("llm.public.requests.v1/0/7"),
                         .body = SL_STR("{\"messages\":[]}")};
}

static sl_envelope chunk(uint64_t seq, bool fin)
{
    sl_envelope e = {
        .type = SL_TYPE_CHUNK, .subject = SL_STR(ID), .seq = seq, .fin = fin, .body = SL_STR("{}")};
    memcpy(e.requestchecksum, SUM, sizeof(SUM));
    if (fin) {
        e.count = seq;
        e.end = SL_END_LENGTH;
        e.env = SL_STR("cpu-1");
        memcpy(e.digest, SUM, sizeof(SUM));
    }
    return e;
}

static void must_encode(sl_envelope *env, const sl_keyring *r, sl_record *rec)
{
    sl_error err = {0};
    if (sl_envelope_encode(codec, env, &(sl_seal){r, SL_CLASS_PUBLIC}, rec, &err))
        fail_msg("%s", err.text);
}

static sl_status decode(const sl_record *rec, sl_envelope *ret)
{
    return sl_envelope_decode(other, rec, ring, SL_CLASS_PUBLIC, false, ret, NULL);
}

static void round_trip(void **state)
{
    for (int sealed = 0; sealed < 2; sealed++) {
        sl_envelope e = request(), d;
        sl_record rec;
        must_encode(&e, sealed ? ring : NULL, &rec);
        STR(rec.key, ID);
        assert_int_equal(e.encrypted, sealed);
        if (sealed)
            assert_int_equal(rec.value.n, e.body.n + 16);
        assert_null(sealed ? memmem(rec.value.p, rec.value.n, "messages", 8) : NULL);
        assert_int_equal(decode(&rec, &d), SL_OK);
        STR(d.id, ID);
        STR(d.subject, ID);
        STR(d.source, "/sluice/test/0");
        STR(d.policy, "p");
        STR(d.tenant, "t");
        STR(d.replytopic, "llm.public.responses.v1");
        STR(d.traceparent, "00-a-b-01");
        STR(d.tracestate, "x=1");
        STR(d.replayof, "llm.public.requests.v1/0/7");
        STR(d.body, "{\"messages\":[]}");
        assert_true(d.cls == SL_CLASS_PUBLIC && d.level == SL_LEVEL_INTERNAL &&
                    d.replypartition == 3);
        assert_true(d.deadline_ms == 1795521600000 && d.encrypted == sealed);
        assert_string_equal(d.checksum, e.checksum);
        if (sealed)
            STR(d.kid, "pub-1");
        assert_int_equal(sl_envelope_decode(other, &rec, ring, SL_CLASS_PUBLIC, true, &d, NULL),
                         sealed ? SL_OK : SL_E_UNAUTHENTIC);
        assert_int_equal(sl_envelope_decode(other, &rec, ring, SL_CLASS_PRIVATE, false, &d, NULL),
                         SL_E_INVALID);
        assert_int_equal(sl_envelope_decode(other, &rec, NULL, SL_CLASS_PUBLIC, false, &d, NULL),
                         sealed ? SL_E_UNKNOWN_KEY : SL_OK);
    }
}

static void end_record(void **state)
{
    sl_envelope e = chunk(2, true), d;
    sl_record rec;
    sl_run_new(e.run);
    must_encode(&e, ring, &rec);
    assert_int_equal(decode(&rec, &d), SL_OK);
    assert_true(d.fin && d.seq == 2 && d.count == 2 && d.end == SL_END_LENGTH);
    assert_string_equal(d.run, e.run);
    assert_string_equal(d.digest, SUM);
    assert_string_equal(d.requestchecksum, SUM);
    STR(d.env, "cpu-1");
    char id[128];
    snprintf(id, sizeof(id), ID "/%s/2", e.run);
    STR(d.id, id);
}

/* Ids and times that the encoder draws are new each time, for the same envelope too. */
static void drawn_anew(void **state)
{
    sl_envelope e = {.type = SL_TYPE_AUDIT, .subject = SL_STR(ID), .body = SL_STR("{}")};
    char ids[2][64], salts[2][64];
    for (int i = 0; i < 2; i++) {
        sl_record rec;
        must_encode(&e, ring, &rec);
        assert_null(rec.key.p);
        assert_null(e.id.p);
        assert_null(e.time.p);
        const sl_header *id = sl_record_header(&rec, "ce_id"),
                        *salt = sl_record_header(&rec, "ce_salt");
        assert_true(sl_uuid_valid(id->value.p, id->value.n));
        snprintf(ids[i], 64, "%.*s", (int)id->value.n, id->value.p);
        snprintf(salts[i], 64, "%.*s", (int)salt->value.n, salt->value.p);
    }
    assert_string_not_equal(ids[0], ids[1]);
    assert_string_not_equal(salts[0], salts[1]);
}

static void no_nonce_twice(void **state)
{
    sl_seal seal = {ring, SL_CLASS_PUBLIC};
    sl_envelope e = chunk(0, false);
    sl_record rec;
    sl_run_new(e.run);
    must_encode(&e, ring, &rec);
    assert_int_equal(sl_envelope_encode(codec, &e, &seal, &rec, NULL), SL_E_CONFLICT);
    e.seq = 5;
    must_encode(&e, ring, &rec);
    e.seq = 4;
    assert_int_equal(sl_envelope_encode(codec, &e, &seal, &rec, NULL), SL_E_CONFLICT);
    sl_envelope end = chunk(6, true);
    memcpy(end.run, e.run, sizeof(end.run));
    must_encode(&end, ring, &rec);
    e.seq = 7;
    assert_int_equal(sl_envelope_encode(codec, &e, &seal, &rec, NULL), SL_E_CONFLICT);
    must_encode(&e, NULL, &rec); /* plain records have no nonce */
    /* A record that does not fit uses up nothing. */
    char *big = calloc(1, SL_RECORD_MAX);
    e = chunk(0, false);
    sl_run_new(e.run);
    e.body = (sl_str){big, SL_RECORD_MAX};
    assert_int_equal(sl_envelope_encode(codec, &e, &seal, &rec, NULL), SL_E_TOO_LARGE);
    e.body = SL_STR("{}");
    must_encode(&e, ring, &rec);
    free(big);
}

/* More runs than the table holds, interleaved: every record still opens. */
static void many_runs(void **state)
{
    enum { RUNS = 3000 };
    char(*runs)[SL_RUN_TEXT] = calloc(RUNS, SL_RUN_TEXT);
    for (int i = 0; i < RUNS; i++)
        sl_run_new(runs[i]);
    for (uint64_t seq = 0; seq < 3; seq++) {
        for (int i = 0; i < RUNS; i++) {
            sl_envelope e = chunk(seq, false), d;
            sl_record rec;
            memcpy(e.run, runs[i], SL_RUN_TEXT);
            must_encode(&e, ring, &rec);
            assert_int_equal(decode(&rec, &d), SL_OK);
            STR(d.body, "{}");
        }
    }
    free(runs);
}

/* Every single changed byte of every header and of the body is noticed, and nothing crashes. */
static void every_byte(void **state)
{
    sl_envelope e = request(), d;
    sl_record rec;
    must_encode(&e, ring, &rec);
    sl_header headers[SL_ENVELOPE_HEADERS_MAX];
    memcpy(headers, rec.headers, rec.headers_n * sizeof(headers[0]));
    char copy[512];
    for (size_t i = 0; i < rec.headers_n; i++) {
        bool covered = !sl_str_prefix(headers[i].name, SL_STR("trace"));
        for (int part = 0; part < 2; part++) {
            sl_str *at = part ? &headers[i].value : &headers[i].name, was = *at;
            assert_true(was.n < sizeof(copy));
            for (size_t k = 0; k < was.n; k++) {
                memcpy(copy, was.p, was.n);
                copy[k] ^= 1;
                *at = (sl_str){copy, was.n};
                sl_record r = rec;
                r.headers = headers;
                if (covered || !part) /* a renamed trace header is an unknown one: covered */
                    assert_int_not_equal(decode(&r, &d), SL_OK);
                else
                    assert_int_equal(decode(&r, &d), SL_OK);
            }
            *at = was;
        }
    }
    for (size_t k = 0; k < rec.value.n; k++) {
        memcpy(copy, rec.value.p, rec.value.n);
        copy[k] ^= 0x80;
        sl_record r = rec;
        r.value.p = copy;
        assert_int_equal(decode(&r, &d), SL_E_CORRUPT);
        assert_null(d.body.p);
        STR(d.subject, ID); /* whom to answer is known all the same */
        assert_int_equal(d.replypartition, 3);
    }
}

static void refuses(void **state)
{
    sl_record rec;
    sl_seal seal = {ring, SL_CLASS_PUBLIC}, none = {ring, SL_CLASS_PRIVATE};
    sl_envelope e = request();
    assert_int_equal(sl_envelope_encode(codec, &e, &none, &rec, NULL),
                     SL_E_NOT_FOUND); /* the old key is over */
    struct {
        sl_envelope e;
    } bad[] = {{request()},
               {request()},
               {request()},
               {request()},
               {request()},
               {chunk(1, false)},
               {chunk(1, true)},
               {chunk(1, true)},
               {chunk(1, true)},
               {{0}},
               {{.type = SL_TYPE_CANCEL}}};
    bad[0].e.tenant = SL_STR("a\nb");
    bad[1].e.tenant = SL_STR("\xff");
    bad[2].e.replytopic = SL_STR("llm.private.responses.v1");
    bad[3].e.replypartition = -1;
    bad[4].e.cls = SL_CLASS_N;
    /* 5: no run */
    sl_run_new(bad[6].e.run), bad[6].e.count = 9;
    sl_run_new(bad[7].e.run), bad[7].e.end = SL_END_NONE;
    sl_run_new(bad[8].e.run), bad[8].e.requestchecksum[0] = 'G';
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sl_error err = {0};
        if (sl_envelope_encode(codec, &bad[i].e, &seal, &rec, &err) != SL_E_INVALID)
            fail_msg("case %zu was taken", i);
        assert_true(err.text[0] != '\0');
    }
    sl_codec *c = NULL;
    assert_int_equal(sl_codec_open(&c, "", NULL), SL_E_INVALID);
    assert_null(c);
}

static void huge_headers(void **state)
{
    char *big = malloc(SL_ENVELOPE_HEADER_BYTES_MAX + 1);
    memset(big, 'x', SL_ENVELOPE_HEADER_BYTES_MAX + 1);
    sl_header h[] = {{SL_STR("x"), {big, SL_ENVELOPE_HEADER_BYTES_MAX}},
                     {{big, SL_ENVELOPE_HEADER_BYTES_MAX + 1}, SL_STR("")}};
    char sum[SL_CHECKSUM_TEXT];
    for (int i = 0; i < 2; i++) {
        sl_record r = {.headers = &h[i], .headers_n = 1};
        sl_envelope d;
        assert_int_equal(decode(&r, &d), SL_E_INVALID);
        assert_int_equal(sl_envelope_verify(&r, sum, NULL), SL_E_INVALID);
    }
    free(big);
    sl_record empty = {0};
    sl_envelope d;
    assert_int_equal(decode(&empty, &d), SL_E_INVALID);
}

static void run_digest(void **state)
{
    sl_run_digest *d = NULL;
    char text[SL_CHECKSUM_TEXT], whole[SL_CHECKSUM_TEXT];
    assert_int_equal(sl_run_digest_open(&d), SL_OK);
    sl_run_digest_text(d, text);
    assert_string_equal(text, "99aa06d3014798d86001c324468d497f"); /* of nothing */
    sl_run_digest_add(d, SUM);
    sl_run_digest_add(d, SUM);
    sl_run_digest_text(d, text);
    sl_checksum_bytes(whole, SUM SUM, 64);
    assert_string_equal(text, whole);
    sl_run_digest_free(d);
    sl_run_digest_free(NULL);
}

static void dead_letter(void **state)
{
    sl_header h[2] = {{SL_STR("ce_id"), SL_STR("x")}, {SL_STR("odd"), {NULL, 0}}},
              out[2 + SL_DEAD_LETTER_HEADERS];
    sl_record r = {.topic = "llm.public.requests.v1",
                   .partition = 1,
                   .offset = 42,
                   .key = SL_STR("k"),
                   .value = {NULL, 0},
                   .headers = h,
                   .headers_n = 2},
              dlq;
    sl_buf scratch = {0};
    assert_int_equal(
        sl_dead_letter(&r, "g", "corrupt", "was altered", 1, &scratch, out, 9, &dlq, NULL),
        SL_E_TOO_LARGE);
    assert_int_equal(
        sl_dead_letter(&r, "g", "corrupt", "was altered", 1, &scratch, out, 10, &dlq, NULL), SL_OK);
    assert_int_equal(dlq.headers_n, 10);
    STR(dlq.headers[0].value, "x");
    assert_null(dlq.headers[1].value.p);
    STR(sl_record_header(&dlq, "__dlq.errors.topic")->value, "llm.public.requests.v1");
    STR(sl_record_header(&dlq, "__dlq.errors.partition")->value, "1");
    STR(sl_record_header(&dlq, "__dlq.errors.offset")->value, "42");
    STR(sl_record_header(&dlq, "__dlq.errors.group")->value, "g");
    STR(sl_record_header(&dlq, "__dlq.errors.delivery.count")->value, "1");
    STR(sl_record_header(&dlq, "__dlq.errors.message")->value, "was altered");
    STR(sl_record_header(&dlq, "__dlq.errors.code")->value, "corrupt");
    assert_int_equal(sl_dead_letter_verify(&dlq, NULL), SL_OK);
    dlq.value = SL_STR(""); /* null and empty are apart */
    assert_int_equal(sl_dead_letter_verify(&dlq, NULL), SL_E_CORRUPT);
    assert_int_equal(sl_dead_letter_verify(&r, NULL), SL_E_INVALID);
    sl_buf_done(&scratch);
}

static int setup(void **state)
{
    return sl_codec_open(&codec, "/sluice/test/0", NULL) ||
           sl_codec_open(&other, "/sluice/other/0", NULL) ||
           sl_keyring_parse(&ring, "keys", sl_str_c(KEYS), NULL);
}

static int teardown(void **state)
{
    sl_codec_free(codec);
    sl_codec_free(other);
    sl_codec_free(NULL);
    sl_keyring_unref(ring);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(end_record),
        cmocka_unit_test(drawn_anew), cmocka_unit_test(no_nonce_twice),
        cmocka_unit_test(many_runs),  cmocka_unit_test(every_byte),
        cmocka_unit_test(refuses),    cmocka_unit_test(huge_headers),
        cmocka_unit_test(run_digest), cmocka_unit_test(dead_letter),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
