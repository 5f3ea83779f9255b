/* follow_test.c - runs of a request: order, gaps, switches, the client's place. */
#include "gateway/follow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fake_run { /* what a worker sends, with honest counts and digests */
    char id[SL_RUN_TEXT];
    uint64_t seq;
    sl_run_digest *digest;
    char checksum[SL_CHECKSUM_TEXT];
    sl_buf body;
} fake_run;

typedef struct client {
    sl_buf text, tools;
    int calls, roles;
} client;

static void on_delta(void *arg, const sl_chunk *c)
{
    client *k = arg;
    k->calls++;
    k->roles += c->role.p != NULL;
    if (c->content.n)
        sl_buf_add_str(&k->text, c->content);
    if (c->tool_calls)
        sl_json_write(c->tool_calls, &k->tools);
}

static fake_run run_new(char letter)
{
    fake_run r = {.seq = 0};
    memset(r.id, letter, 32);
    assert_int_equal(sl_run_digest_open(&r.digest), SL_OK);
    return r;
}

static void run_done(fake_run *r)
{
    sl_run_digest_free(r->digest);
    sl_buf_done(&r->body);
}

static sl_envelope chunk(fake_run *r, const char *text)
{
    sl_buf_clear(&r->body);
    if (text)
        sl_chunk_write_delta(&r->body, r->seq ? (sl_str){0} : SL_STR("assistant"), sl_str_c(text),
                             (sl_str){0});
    else
        sl_chunk_write_heartbeat(&r->body);
    sl_envelope e = {.type = SL_TYPE_CHUNK, .seq = r->seq++, .body = sl_buf_str(&r->body)};
    memcpy(e.run, r->id, sizeof(e.run));
    sl_checksum_bytes(e.checksum, r->body.data, r->body.len);
    sl_run_digest_add(r->digest, e.checksum);
    return e;
}

static sl_envelope end(fake_run *r, sl_end reason)
{
    sl_buf_clear(&r->body);
    sl_chunk_write_usage(&r->body, &(sl_usage){3, 5});
    sl_envelope e = {.type = SL_TYPE_CHUNK,
                     .seq = r->seq,
                     .fin = true,
                     .count = r->seq,
                     .end = reason,
                     .env = SL_STR("env-1"),
                     .body = sl_buf_str(&r->body)};
    memcpy(e.run, r->id, sizeof(e.run));
    sl_run_digest_text(r->digest, e.digest);
    return e;
}

static sl_follow_verdict feed(sl_follow *f, sl_envelope e, int64_t now)
{
    return sl_follow_record(f, &e, now);
}

static void open_follow(sl_follow **f, client *k, bool whole)
{
    *k = (client){.calls = 0};
    assert_int_equal(sl_follow_open(f, whole, on_delta, k), SL_OK);
}

static void close_follow(sl_follow *f, client *k)
{
    sl_follow_free(f);
    sl_buf_done(&k->text);
    sl_buf_done(&k->tools);
}

static void text_is(const client *k, const char *want)
{
    assert_string_equal(k->text.data ? k->text.data : "", want);
}

static void a_clean_stream(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a');
    open_follow(&f, &k, false);
    assert_int_equal(feed(f, chunk(&a, "Hel"), 0), SL_FOLLOW_MORE);
    text_is(&k, "Hel"); /* at once, not at the end */
    assert_int_equal(feed(f, chunk(&a, NULL), 1), SL_FOLLOW_MORE);
    assert_int_equal(feed(f, chunk(&a, "lo"), 2), SL_FOLLOW_MORE);
    assert_int_equal(feed(f, end(&a, SL_END_STOP), 3), SL_FOLLOW_DONE);
    text_is(&k, "Hello");
    assert_int_equal(k.roles, 1);
    assert_int_equal(k.calls, 2);
    sl_follow_result res;
    sl_follow_get_result(f, &res);
    assert_int_equal(res.end, SL_END_STOP);
    assert_int_equal(res.count, 3);
    assert_int_equal(res.usage.completion_tokens, 5);
    char want[SL_CHECKSUM_TEXT];
    sl_checksum_bytes(want, "Hello", 5);
    assert_string_equal(res.text_digest, want);
    close_follow(f, &k);
    run_done(&a);
}

static void a_gap_fails(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a');
    open_follow(&f, &k, false);
    (void)feed(f, chunk(&a, "one "), 0);
    (void)chunk(&a, "lost ");
    assert_int_equal(feed(f, chunk(&a, "three"), 2), SL_FOLLOW_FAILED);
    assert_string_equal(sl_follow_why(f), "gap");
    text_is(&k, "one ");
    close_follow(f, &k);
    run_done(&a);
}

static void duplicates_are_dropped(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a');
    open_follow(&f, &k, false);
    sl_envelope first = chunk(&a, "once");
    (void)sl_follow_record(f, &first, 0);
    assert_int_equal(sl_follow_record(f, &first, 1), SL_FOLLOW_MORE);
    assert_int_equal(sl_follow_duplicates(f), 1);
    assert_int_equal(feed(f, end(&a, SL_END_STOP), 2), SL_FOLLOW_DONE);
    text_is(&k, "once");
    close_follow(f, &k);
    run_done(&a);
}

static void an_end_that_lies_fails(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        sl_follow *f;
        client k;
        fake_run a = run_new('a');
        open_follow(&f, &k, false);
        (void)feed(f, chunk(&a, "x"), 0);
        sl_envelope e = end(&a, SL_END_STOP);
        if (i == 0)
            e.count++;
        else
            e.digest[0] = e.digest[0] == '0' ? '1' : '0';
        assert_int_equal(sl_follow_record(f, &e, 1), SL_FOLLOW_FAILED);
        assert_string_equal(sl_follow_why(f), i ? "digest" : "count");
        close_follow(f, &k);
        run_done(&a);
    }
}

/* The first worker died after "The sky "; the second says the same text in other chunks. */
static void a_second_run_continues(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a'), b = run_new('b');
    open_follow(&f, &k, false);
    (void)feed(f, chunk(&a, "The "), 0);
    (void)feed(f, chunk(&a, "sky "), 100);
    assert_int_equal(feed(f, chunk(&b, "The s"), 7000), SL_FOLLOW_MORE);
    text_is(&k, "The sky ");
    assert_int_equal(sl_follow_tick(f, 9000), SL_FOLLOW_MORE);
    text_is(&k, "The sky "); /* not silent for 10 s yet */
    assert_int_equal(feed(f, chunk(&b, "ky is bl"), 10200), SL_FOLLOW_MORE);
    text_is(&k, "The sky is bl");
    assert_int_equal(feed(f, chunk(&a, "zombie"), 10300), SL_FOLLOW_MORE); /* the first one wakes */
    assert_int_equal(feed(f, chunk(&b, "ue"), 10400), SL_FOLLOW_MORE);
    assert_int_equal(feed(f, end(&b, SL_END_STOP), 10500), SL_FOLLOW_DONE);
    text_is(&k, "The sky is blue");
    assert_int_equal(k.roles, 1);
    close_follow(f, &k);
    run_done(&a);
    run_done(&b);
}

static void a_second_run_behind_the_client_catches_up(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a'), b = run_new('b');
    open_follow(&f, &k, false);
    (void)feed(f, chunk(&a, "abcdef"), 0);
    (void)feed(f, chunk(&b, "abc"), 11000);
    text_is(&k, "abcdef");
    (void)feed(f, chunk(&b, "defg"), 11100);
    text_is(&k, "abcdefg");
    assert_int_equal(feed(f, end(&b, SL_END_LENGTH), 11200), SL_FOLLOW_DONE);
    close_follow(f, &k);
    run_done(&a);
    run_done(&b);
}

static void another_text_ends_the_stream(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a'), b = run_new('b');
    open_follow(&f, &k, false);
    (void)feed(f, chunk(&a, "abcdef"), 0);
    (void)feed(f, chunk(&b, "abX"), 11000);
    assert_int_equal(feed(f, chunk(&b, "defg"), 11100), SL_FOLLOW_FAILED);
    assert_string_equal(sl_follow_why(f), "prefix");
    text_is(&k, "abcdef");
    close_follow(f, &k);
    run_done(&a);
    run_done(&b);
}

static void a_shorter_complete_run_is_another_text(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a'), b = run_new('b');
    open_follow(&f, &k, false);
    (void)feed(f, chunk(&a, "abcdef"), 0);
    (void)feed(f, chunk(&b, "abc"), 11000);
    assert_int_equal(feed(f, end(&b, SL_END_STOP), 11100), SL_FOLLOW_FAILED);
    close_follow(f, &k);
    run_done(&a);
    run_done(&b);
}

static void a_broken_run_gives_way_at_once(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a'), b = run_new('b');
    open_follow(&f, &k, false);
    (void)feed(f, chunk(&a, "ab"), 0);
    (void)feed(f, chunk(&b, "abcd"), 50);
    (void)chunk(&a, "c");
    assert_int_equal(feed(f, chunk(&a, "d"), 100), SL_FOLLOW_MORE);
    text_is(&k, "abcd");
    close_follow(f, &k);
    run_done(&a);
    run_done(&b);
}

static void damage_without_a_successor_is_seen_by_time(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a');
    open_follow(&f, &k, false);
    (void)feed(f, chunk(&a, "ab"), 0);
    assert_int_equal(sl_follow_damaged(f, 100), SL_FOLLOW_MORE);
    assert_int_equal(sl_follow_tick(f, 100 + SL_FOLLOW_SUSPECT_MS - 1), SL_FOLLOW_MORE);
    assert_int_equal(sl_follow_tick(f, 100 + SL_FOLLOW_SUSPECT_MS), SL_FOLLOW_FAILED);
    close_follow(f, &k);
    run_done(&a);
}

static void somebody_elses_damage_is_forgotten(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a');
    open_follow(&f, &k, false);
    (void)feed(f, chunk(&a, "ab"), 0);
    (void)sl_follow_damaged(f, 100);
    assert_int_equal(feed(f, chunk(&a, "cd"), 200), SL_FOLLOW_MORE); /* no gap: it was not ours */
    assert_int_equal(sl_follow_tick(f, 5000), SL_FOLLOW_MORE);
    assert_int_equal(feed(f, end(&a, SL_END_STOP), 5100), SL_FOLLOW_DONE);
    close_follow(f, &k);
    run_done(&a);
}

static void whole_takes_the_first_complete_run(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a'), b = run_new('b');
    open_follow(&f, &k, true);
    (void)feed(f, chunk(&a, "half an ans"), 0);
    (void)feed(f, chunk(&b, "another "), 8000);
    assert_int_equal(k.calls, 0);
    (void)feed(f, chunk(&b, "answer"), 8100);
    assert_int_equal(feed(f, end(&b, SL_END_STOP), 8200), SL_FOLLOW_DONE);
    text_is(&k, "another answer");
    sl_follow_result res;
    sl_follow_get_result(f, &res);
    assert_memory_equal(res.run.p, b.id, 32);
    close_follow(f, &k);
    run_done(&a);
    run_done(&b);
}

static void whole_fails_when_no_run_is_left(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a');
    open_follow(&f, &k, true);
    (void)feed(f, chunk(&a, "x"), 0);
    (void)chunk(&a, "y");
    assert_int_equal(feed(f, chunk(&a, "z"), 1), SL_FOLLOW_FAILED);
    assert_int_equal(k.calls, 0);
    close_follow(f, &k);
    run_done(&a);
}

static void other_runs_are_bounded(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a'), b = run_new('b');
    char *big = malloc(100001);
    memset(big, 'q', 100000);
    big[100000] = '\0';
    open_follow(&f, &k, false);
    (void)feed(f, chunk(&a, "q"), 0);
    for (int i = 0; i < 3; i++)
        (void)feed(f, chunk(&b, big), 100);
    assert_int_equal(sl_follow_tick(f, 19000),
                     SL_FOLLOW_MORE); /* over 256 KiB: it is no candidate */
    text_is(&k, "q");
    assert_int_equal(sl_follow_tick(f, 20000), SL_FOLLOW_FAILED); /* so nothing can come any more */
    assert_string_equal(sl_follow_why(f), "silent");
    close_follow(f, &k);
    run_done(&a);
    run_done(&b);
    free(big);
}

static void a_malformed_body_breaks_the_run(void **state)
{
    (void)state;
    sl_follow *f;
    client k;
    fake_run a = run_new('a');
    open_follow(&f, &k, false);
    sl_envelope e = chunk(&a, "x");
    e.body = SL_STR("{\"choices\":");
    assert_int_equal(sl_follow_record(f, &e, 0), SL_FOLLOW_FAILED);
    assert_string_equal(sl_follow_why(f), "malformed");
    close_follow(f, &k);
    run_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_stream),
        cmocka_unit_test(a_gap_fails),
        cmocka_unit_test(duplicates_are_dropped),
        cmocka_unit_test(an_end_that_lies_fails),
        cmocka_unit_test(a_second_run_continues),
        cmocka_unit_test(a_second_run_behind_the_client_catches_up),
        cmocka_unit_test(another_text_ends_the_stream),
        cmocka_unit_test(a_shorter_complete_run_is_another_text),
        cmocka_unit_test(a_broken_run_gives_way_at_once),
        cmocka_unit_test(damage_without_a_successor_is_seen_by_time),
        cmocka_unit_test(somebody_elses_damage_is_forgotten),
        cmocka_unit_test(whole_takes_the_first_complete_run),
        cmocka_unit_test(whole_fails_when_no_run_is_left),
        cmocka_unit_test(other_runs_are_bounded),
        cmocka_unit_test(a_malformed_body_breaks_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
