/* books_test.c - one request's records as the daemons write them, whole and with one thing wrong:
 * each fault is found, and only that one. */
#include "ctl/books.h"

#include "schemas/audit.h"
#include "schemas/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define ID       "018f6b1e-2c3d-7e4f-8a5b-6c7d8e9fa0b1"
#define SUM      "0123456789abcdef0123456789abcdef"
#define NOW      INT64_C(1795521600000)
#define DEADLINE (NOW + 60000)

static sl_books *books;
static sl_codec *codec;
static sl_tally tally;
static sl_book book; /* the last that was shown */

/* What a test may ask to be different. */
typedef struct story {
    bool is_public, no_request, no_answer, no_delivery, twice, client_gone;
    bool wrong_class_header, other_topic, produced_elsewhere, no_decided;
    sl_level level;
    int alter_chunk; /* 1 + its number: a byte of its body is changed */
    int skip_chunk;  /* 1 + its number: it is not there */
    bool wrong_digest, restarted;
} story;

static void encode(sl_envelope *env, sl_record *r, const char *topic)
{
    sl_error err = {0};
    if (sl_envelope_encode(codec, env, &(sl_seal){0}, r, &err))
        fail_msg("%s", err.text);
    r->topic = topic;
    r->time_ms = NOW;
}

static void audit(sl_audit a, const char *topic)
{
    sl_buf body = {0};
    sl_record r;
    a.id = SL_STR(ID);
    a.time_us = NOW * 1000;
    a.has_class = true;
    sl_audit_write(&body, &a);
    sl_envelope env = {.type = SL_TYPE_AUDIT, .subject = SL_STR(ID), .body = sl_buf_str(&body)};
    encode(&env, &r, topic);
    sl_books_add(books, &r);
    sl_buf_done(&body);
}

static void request(const story *s)
{
    sl_record r;
    sl_class cls = s->is_public != s->wrong_class_header ? SL_CLASS_PUBLIC : SL_CLASS_PRIVATE;
    sl_envelope env = {.type = SL_TYPE_REQUEST,
                       .subject = SL_STR(ID),
                       .cls = cls,
                       .level = s->level,
                       .policy = SL_STR("p"),
                       .tenant = SL_STR("t"),
                       .deadline_ms = DEADLINE,
                       .replytopic = sl_str_c(sl_topic_name(cls, SL_TOPIC_RESPONSES)),
                       .body = SL_STR("{}")};
    encode(&env, &r,
           s->is_public != s->other_topic ? "llm.public.requests.v1" : "llm.private.requests.v1");
    sl_books_add(books, &r);
}

static void run_of(const story *s, bool whole)
{
    static char altered[] = "{\"altered\":1}";
    const char *topic = s->is_public ? "llm.public.responses.v1" : "llm.private.responses.v1";
    sl_run_digest *sum;
    sl_envelope env = {
        .type = SL_TYPE_CHUNK, .subject = SL_STR(ID), .body = SL_STR("{\"original\":1}")};
    sl_record r;
    sl_run_new(env.run);
    memcpy(env.requestchecksum, SUM, sizeof(SUM));
    assert_int_equal(sl_run_digest_open(&sum), SL_OK);
    for (int i = 0; i < 3; i++) {
        env.seq = (uint64_t)i;
        encode(&env, &r, topic);
        sl_run_digest_add(sum, env.checksum);
        if (s->alter_chunk == i + 1)
            r.value = sl_str_c(altered);
        if (s->skip_chunk != i + 1)
            sl_books_add(books, &r);
        if (i == 1 && s->skip_chunk != 2)
            sl_books_add(books, &r); /* sent again by a rebuilt producer: the same bytes */
    }
    sl_run_digest_text(sum, env.digest);
    if (s->wrong_digest)
        env.digest[0] = env.digest[0] == '0' ? '1' : '0';
    env.seq = 3;
    env.fin = true;
    env.count = 3;
    env.end = SL_END_STOP;
    env.env = SL_STR("cpu-1");
    encode(&env, &r, topic);
    if (whole)
        sl_books_add(books, &r);
    sl_run_digest_free(sum);
}

static void tell(const story *s)
{
    sl_class cls = s->is_public ? SL_CLASS_PUBLIC : SL_CLASS_PRIVATE;
    if (!s->no_decided)
        audit(
            (sl_audit){.event = SL_AUDIT_DECIDED, .cls = cls, .level = s->level, .has_level = true},
            SL_TOPIC_AUDIT);
    if (!s->no_request)
        request(s);
    audit((sl_audit){.event = SL_AUDIT_PRODUCED,
                     .cls = s->produced_elsewhere == s->is_public ? SL_CLASS_PRIVATE
                                                                  : SL_CLASS_PUBLIC},
          SL_TOPIC_AUDIT);
    if (s->restarted)
        run_of(&(story){.is_public = s->is_public}, false);
    if (!s->no_answer)
        run_of(s, true);
    for (int i = 0; i < (s->no_delivery ? 0 : s->twice ? 2 : 1); i++)
        audit((sl_audit){.event = SL_AUDIT_DELIVERED,
                         .cls = cls,
                         .http_status = s->client_gone ? 0 : 200},
              SL_TOPIC_AUDIT);
}

static void on_book(void *arg, const sl_book *b)
{
    book = *b;
}

/* Tells the story to fresh books and judges them at `now_ms`; returns the id's faults. */
static unsigned judged(const story *s, int64_t now_ms, int64_t since_ms)
{
    memset(&book, 0, sizeof(book));
    assert_int_equal(sl_books_open(&books, SL_LEVEL_PUBLIC, since_ms), SL_OK);
    tell(s);
    sl_books_close(books, now_ms, &tally, on_book, NULL);
    sl_books_free(books);
    assert_int_equal(tally.ids, 1);
    assert_string_equal(book.id, ID);
    return book.faults;
}

#define FAULTS(...) judged(&(story){__VA_ARGS__}, NOW, 0)
#define ONLY(f)     (1u << (f))

static void clean(void **state)
{
    assert_int_equal(FAULTS(.is_public = true), 0);
    assert_int_equal(tally.by_class[1], 1);
    assert_int_equal(FAULTS(.level = SL_LEVEL_RESTRICTED), 0);
    assert_int_equal(tally.by_class[0], 1);
    assert_int_equal(tally.accepted, 1);
    assert_int_equal(tally.answered, 1);
    assert_int_equal(tally.bad_records, 0);
    assert_int_equal(tally.reexecuted, 0);
    assert_int_equal(tally.records, 9);
    assert_int_equal(book.runs, 1);
    assert_int_equal(book.complete_runs, 1);
}

static void lost(void **state)
{
    assert_int_equal(FAULTS(.no_request = true), ONLY(SL_FAULT_LOST));
    assert_int_equal(tally.faults[SL_FAULT_LOST], 1);
}

static void unanswered(void **state)
{
    story s = {.no_answer = true, .no_delivery = true};
    assert_int_equal(judged(&s, DEADLINE + 30000, 0), 0); /* still open */
    assert_int_equal(tally.open, 1);
    assert_int_equal(judged(&s, DEADLINE + 30001, 0), ONLY(SL_FAULT_UNANSWERED));
    s.no_answer = false; /* an answer that stands in Kafka alone did not reach the client */
    assert_int_equal(judged(&s, DEADLINE + 30001, 0), ONLY(SL_FAULT_UNANSWERED));
}

static void open_ids(void **state)
{
    assert_int_equal(sl_books_open(&books, SL_LEVEL_PUBLIC, 0), SL_OK);
    tell(&(story){.no_delivery = true});
    assert_int_equal(sl_books_open_ids(books), 1);
    audit((sl_audit){.event = SL_AUDIT_DELIVERED, .http_status = 503}, SL_TOPIC_AUDIT);
    assert_int_equal(sl_books_open_ids(books), 0);
    sl_books_close(books, NOW, &tally, NULL, NULL);
    assert_int_equal(tally.errors, 1);
    assert_int_equal(tally.answered, 0);
    sl_books_free(books);
}

static void duplicated(void **state)
{
    assert_int_equal(FAULTS(.twice = true), ONLY(SL_FAULT_DUPLICATED));
    assert_int_equal(FAULTS(.twice = true, .client_gone = true), 0); /* no results at all */
    assert_int_equal(tally.gone, 1);
}

static void altered(void **state)
{
    for (int i = 1; i <= 3; i++) {
        unsigned f = FAULTS(.alter_chunk = i);
        assert_int_equal(f, ONLY(SL_FAULT_ALTERED) | ONLY(SL_FAULT_BESIDE));
        assert_int_equal(tally.bad_records, i == 2 ? 2 : 1); /* the second one is there twice */
    }
}

static void count_and_digest(void **state)
{
    unsigned both = ONLY(SL_FAULT_ALTERED) | ONLY(SL_FAULT_BESIDE);
    assert_int_equal(FAULTS(.wrong_digest = true), both);
    assert_int_equal(FAULTS(.skip_chunk = 2), both);
    assert_int_equal(FAULTS(.skip_chunk = 3), both);
    assert_int_equal(book.complete_runs, 0);
}

static void wrong_class(void **state)
{
    unsigned only = ONLY(SL_FAULT_WRONG_CLASS);
    assert_int_equal(FAULTS(.wrong_class_header = true), only);
    assert_int_equal(FAULTS(.other_topic = true, .level = SL_LEVEL_INTERNAL), only);
    assert_int_equal(FAULTS(.is_public = true, .level = SL_LEVEL_INTERNAL), only);
    assert_int_equal(FAULTS(.produced_elsewhere = true), only);
    assert_int_equal(FAULTS(.is_public = true, .produced_elsewhere = true), only);
}

static void beside_kafka(void **state)
{
    assert_int_equal(FAULTS(.no_answer = true), ONLY(SL_FAULT_BESIDE));
    assert_int_equal(FAULTS(.no_answer = true, .client_gone = true), 0);
}

static void executed_again(void **state)
{
    assert_int_equal(FAULTS(.restarted = true), 0);
    assert_int_equal(tally.reexecuted, 1);
    assert_int_equal(book.runs, 2);
    assert_int_equal(book.complete_runs, 1);
}

static void cut_off_by_since(void **state)
{
    story s = {.no_decided = true, .no_request = true, .no_answer = true};
    assert_int_equal(judged(&s, NOW, NOW - 1000), 0);
    assert_int_equal(tally.cut, 1);
    assert_int_equal(tally.accepted, 0);
    assert_int_equal(judged(&s, NOW, NOW - 3600000),
                     ONLY(SL_FAULT_LOST) | ONLY(SL_FAULT_BESIDE)); /* too late to have been cut */
    assert_int_equal(tally.cut, 0);
}

/* Records that name no request, or nothing at all, are counted and change no book. */
static void strangers(void **state)
{
    sl_record r;
    sl_envelope env = {.type = SL_TYPE_PRESENCE, .subject = SL_STR("w"), .body = SL_STR("{}")};
    assert_int_equal(sl_books_open(&books, SL_LEVEL_PUBLIC, 0), SL_OK);
    encode(&env, &r, SL_TOPIC_AUDIT);
    sl_books_add(books, &r);
    sl_books_add(books, &(sl_record){.topic = "llm.audit.v1", .value = SL_STR("{}")});
    env.type = SL_TYPE_AUDIT;
    env.body = SL_STR("not json");
    encode(&env, &r, SL_TOPIC_AUDIT);
    sl_books_add(books, &r);
    sl_books_close(books, NOW, &tally, NULL, NULL);
    assert_int_equal(tally.records, 3);
    assert_int_equal(tally.bad_records, 2);
    assert_int_equal(tally.ids, 0);
    sl_books_free(books);
}

static int set_up(void **state)
{
    return sl_codec_open(&codec, "/sluice/test/0", NULL);
}

static int tear_down(void **state)
{
    sl_codec_free(codec);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean),
        cmocka_unit_test(lost),
        cmocka_unit_test(unanswered),
        cmocka_unit_test(open_ids),
        cmocka_unit_test(duplicated),
        cmocka_unit_test(altered),
        cmocka_unit_test(count_and_digest),
        cmocka_unit_test(wrong_class),
        cmocka_unit_test(beside_kafka),
        cmocka_unit_test(executed_again),
        cmocka_unit_test(cut_off_by_since),
        cmocka_unit_test(strangers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
