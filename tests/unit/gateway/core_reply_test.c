/* core_reply_test.c - answers: runs that restart, damaged, foreign, forged and missing records. */
#include "tests/unit/gateway/play.h"

typedef struct scene {
    gt_rig *g;
    gt_call c;
    gt_run w;
} scene;

static scene *open_scene(const gt_ask *ask)
{
    scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->g = gt_open(NULL);
    gt_submit_with(s->g, &s->c, ask);
    assert_int_equal(s->c.st, SL_OK);
    gt_run_open(&s->w, s->g, gt_wait_request(s->g, s->c.id));
    return s;
}

static void close_scene(scene *s)
{
    gt_run_done(&s->w);
    gt_call_done(&s->c);
    gt_close(s->g);
    free(s);
}

static void alive(scene *s, int64_t ms)
{
    for (; ms > 0; ms -= 2000) {
        gt_presence(s->g);
        gt_advance(s->g, ms < 2000 ? ms : 2000);
    }
    gt_presence(s->g);
}

static uint64_t replies(scene *s, const char *outcome)
{
    char line[80];
    (void)snprintf(line, sizeof(line), "sluice_reply_records_total{outcome=\"%s\"}", outcome);
    return gt_metric(s->g, line);
}

static void ends_well(scene *s, const char *text)
{
    gt_wait_end(&s->c);
    assert_int_equal(s->c.status, 200);
    assert_string_equal(s->c.text.data, text);
}

static void is_damaged(scene *s)
{
    gt_wait_end(&s->c);
    assert_int_equal(s->c.status, 502);
    assert_string_equal(s->c.code, "answer_damaged");
    assert_true(gt_wait_audit(s->g, "delivered", s->c.id, "answer_damaged"));
    assert_true(gt_wait_topic(s->g, sl_topic_name(s->w.req.cls, SL_TOPIC_CONTROL), s->c.id, 1));
}

static void duplicates_and_late_records_of_a_run(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){0});
    gt_say(&s->w, "ab");
    gt_wait_text(&s->c, "ab");
    uint64_t seq = s->w.seq;
    sl_run_digest *digest = s->w.digest;
    assert_int_equal(sl_run_digest_open(&s->w.digest), SL_OK);
    s->w.seq = 0;
    gt_say(&s->w, "ab"); /* redelivered */
    sl_run_digest_free(s->w.digest);
    s->w.digest = digest;
    s->w.seq = seq;
    gt_say(&s->w, "cd");
    gt_finish(&s->w, SL_END_LENGTH);
    ends_well(s, "abcd");
    assert_int_equal(s->c.end, SL_END_LENGTH);
    assert_int_equal(replies(s, "duplicate"), 1);
    gt_say(&s->w, "behind the end");
    gt_advance(s->g, 300);
    assert_int_equal(s->c.ends, 1);
    assert_int_equal(replies(s, "foreign"), 1);
    close_scene(s);
}

static void a_gap_ends_the_answer_with_an_error(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){0});
    gt_say(&s->w, "ab");
    s->w.lose = true;
    gt_say(&s->w, "cd");
    gt_say(&s->w, "ef");
    is_damaged(s);
    assert_string_equal(s->c.text.data, "ab");
    close_scene(s);
}

static void two_records_in_the_wrong_order_are_a_gap(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){.whole = true});
    s->w.seq = 1;
    gt_say(&s->w, "world");
    s->w.seq = 0;
    gt_say(&s->w, "hello ");
    is_damaged(s);
    assert_int_equal(s->c.deltas, 0);
    close_scene(s);
}

/* A worker died, another begins anew: the same prefix goes on where the client is. */
static void a_second_run_continues_a_silent_one(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){0});
    gt_run two;
    gt_run_open(&two, s->g, &s->w.req);
    gt_say(&s->w, "one two");
    gt_wait_text(&s->c, "one two");
    alive(s, 9000);
    gt_say(&two, "one");
    gt_say(&two, " two three");
    gt_advance(s->g, 300);
    assert_string_equal(s->c.text.data, "one two"); /* not silent for long enough */
    alive(s, 1500);
    gt_finish(&two, SL_END_STOP);
    ends_well(s, "one two three");
    assert_int_equal(gt_metric(s->g, "sluice_run_switches_total"), 1);
    gt_run_done(&two);
    close_scene(s);
}

static void another_text_does_not_continue_the_first(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){0});
    gt_run two;
    gt_run_open(&two, s->g, &s->w.req);
    gt_say(&s->w, "one two");
    gt_wait_text(&s->c, "one two");
    alive(s, 10500);
    gt_say(&two, "one and three");
    is_damaged(s);
    assert_string_equal(s->c.text.data, "one two");
    gt_run_done(&two);
    close_scene(s);
}

static void while_the_first_run_speaks_the_second_waits(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){0});
    gt_run two;
    gt_run_open(&two, s->g, &s->w.req);
    gt_say(&s->w, "a");
    gt_say(&two, "a");
    gt_say(&two, "b");
    gt_finish(&two, SL_END_STOP);
    gt_wait_text(&s->c, "a");
    gt_say(&s->w, "b");
    gt_wait_text(&s->c, "ab");
    assert_int_equal(s->c.ends, 0);
    gt_finish(&s->w, SL_END_STOP);
    ends_well(s, "ab");
    gt_run_done(&two);
    close_scene(s);
}

static void a_whole_answer_takes_the_first_complete_run(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){.whole = true});
    gt_run two;
    gt_run_open(&two, s->g, &s->w.req);
    gt_say(&s->w, "half");
    gt_say(&two, "whole");
    gt_finish(&two, SL_END_STOP);
    ends_well(s, "whole");
    gt_run_done(&two);
    close_scene(s);
}

/* ---- damage and forgery ---- */

static void a_damaged_record_shows_as_a_gap(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){0});
    gt_say(&s->w, "ab");
    s->w.damage = gt_damage_value;
    gt_say(&s->w, "cd");
    gt_say(&s->w, "ef");
    is_damaged(s);
    assert_string_equal(s->c.text.data, "ab");
    assert_int_equal(replies(s, "corrupt"), 1);
    assert_true(gt_wait_audit(s->g, "rejected", s->c.id, "corrupt"));
    close_scene(s);
}

static void a_damaged_end_is_found_by_time(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        scene *s = open_scene(&(gt_ask){.whole = whole});
        gt_say(&s->w, "ab");
        s->w.damage = gt_damage_value;
        gt_finish(&s->w, SL_END_STOP);
        gt_advance(s->g, 2000);
        assert_int_equal(s->c.ends, 0);
        gt_advance(s->g, 1000);
        is_damaged(s);
        close_scene(s);
    }
}

/* Somebody else's records can't end, alter or add to a sound answer. */
static void forged_records_change_nothing(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){.text = GT_PUBLIC});
    gt_say(&s->w, "ab");
    gt_wait_text(&s->c, "ab");
    gt_run forger;
    gt_run_open(&forger, s->g, &s->w.req);
    forger.wrong_request = true;
    gt_say(&forger, "answers another request");
    memcpy(forger.run, s->w.run, sizeof(forger.run));
    forger.seq = 1;
    forger.on_other_class = true;
    gt_say(&forger, "comes from the other class");
    forger.seq = 1;
    forger.plain = true;
    gt_say(&forger, "is not encrypted");
    gt_advance(s->g, 3000);
    assert_int_equal(s->c.ends, 0);
    assert_int_equal(replies(s, "unauthentic"), 3);
    assert_true(gt_wait_audit(s->g, "rejected", s->c.id, "unauthentic"));
    gt_say(&s->w, "cd");
    gt_finish(&s->w, SL_END_STOP);
    ends_well(s, "abcd");
    gt_run_done(&forger);
    close_scene(s);
}

static void a_damaged_record_on_the_other_class_is_not_ours(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){0});
    gt_say(&s->w, "ab");
    gt_run other;
    gt_run_open(&other, s->g, &s->w.req);
    other.on_other_class = true;
    other.damage = gt_damage_value;
    gt_say(&other, "from the public side");
    gt_advance(s->g, 3000);
    assert_int_equal(s->c.ends, 0);
    gt_finish(&s->w, SL_END_STOP);
    ends_well(s, "ab");
    gt_run_done(&other);
    close_scene(s);
}

static void no_subject(sl_record *r, sl_header *headers, char *value)
{
    for (size_t i = 0; i < r->headers_n; i++)
        if (sl_str_is(headers[i].name, "ce_subject"))
            headers[i].value = (sl_str){0};
}

static void a_record_without_a_subject_is_foreign(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){0});
    gt_run other;
    gt_run_open(&other, s->g, &s->w.req);
    other.damage = no_subject;
    gt_say(&other, "whose");
    gt_answer(s->g, &s->w.req, "ours");
    ends_well(s, "ours");
    assert_int_equal(replies(s, "foreign"), 1);
    gt_run_done(&other);
    close_scene(s);
}

/* ---- ends ---- */

static void a_workers_error_is_the_clients(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){.whole = true});
    gt_finish(&s->w, SL_END_ERROR);
    gt_wait_end(&s->c);
    assert_int_equal(s->c.status, 502);
    assert_string_equal(s->c.code, "broken");
    close_scene(s);
    s = open_scene(&(gt_ask){0});
    gt_finish(&s->w, SL_END_CANCELLED);
    gt_wait_end(&s->c);
    assert_int_equal(s->c.status, 503);
    close_scene(s);
    s = open_scene(&(gt_ask){0});
    gt_finish(&s->w, SL_END_EXPIRED);
    gt_wait_end(&s->c);
    assert_int_equal(s->c.status, 504);
    close_scene(s);
}

static void a_client_that_leaves_inside_the_delivery(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){0});
    s->c.cancel_at_delta = true;
    gt_answer(s->g, &s->w.req, "more");
    assert_true(gt_wait_audit(s->g, "delivered", s->c.id, "client_gone"));
    assert_int_equal(s->c.deltas, 1);
    assert_int_equal(s->c.ends, 0);
    close_scene(s);
}

/* ---- silence ---- */

/* One run is broken, the other's worker died: nothing will come, and nobody waits for minutes. */
static void broken_and_silent(const gt_ask *ask)
{
    scene *s = open_scene(ask);
    gt_run two;
    gt_run_open(&two, s->g, &s->w.req);
    gt_say(&two, "ab");
    gt_say(&s->w, "ab");
    gt_advance(s->g, 300);
    s->w.lose = true;
    gt_say(&s->w, "cd");
    gt_say(&s->w, "ef");
    gt_advance(s->g, 300);
    assert_int_equal(s->c.ends, 0);
    for (int i = 0; i < 5; i++) {
        alive(s, 8000);
        gt_beat(&two); /* it lives: it may take its time */
    }
    gt_advance(s->g, 300);
    assert_int_equal(s->c.ends, 0);
    alive(s, 19000); /* a killed worker's work moves within ten seconds and shows soon after */
    assert_int_equal(s->c.ends, 0);
    alive(s, 1500);
    is_damaged(s);
    gt_run_done(&two);
    close_scene(s);
}

static void a_stream_whose_runs_are_broken_or_silent(void **state)
{
    (void)state;
    broken_and_silent(&(gt_ask){0});
}

static void a_whole_answer_whose_runs_are_broken_or_silent(void **state)
{
    (void)state;
    broken_and_silent(&(gt_ask){.whole = true});
}

/* The first run fell silent; the second is larger than what is kept of runs that nobody follows. */
static void a_whole_answer_follows_the_run_that_speaks(void **state)
{
    (void)state;
    scene *s = open_scene(&(gt_ask){.whole = true});
    gt_run two;
    gt_run_open(&two, s->g, &s->w.req);
    char *text = malloc(100001);
    memset(text, 'x', 100000);
    text[100000] = '\0';
    gt_say(&s->w, "a");
    alive(s, 10500);
    for (int i = 0; i < 4; i++) {
        gt_say(&two, text);
        gt_advance(s->g, 300);
    }
    gt_finish(&two, SL_END_STOP);
    gt_wait_end(&s->c);
    assert_int_equal(s->c.status, 200);
    assert_int_equal(s->c.text.len, 400000);
    free(text);
    gt_run_done(&two);
    close_scene(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duplicates_and_late_records_of_a_run),
        cmocka_unit_test(a_gap_ends_the_answer_with_an_error),
        cmocka_unit_test(two_records_in_the_wrong_order_are_a_gap),
        cmocka_unit_test(a_second_run_continues_a_silent_one),
        cmocka_unit_test(another_text_does_not_continue_the_first),
        cmocka_unit_test(while_the_first_run_speaks_the_second_waits),
        cmocka_unit_test(a_whole_answer_takes_the_first_complete_run),
        cmocka_unit_test(a_damaged_record_shows_as_a_gap),
        cmocka_unit_test(a_damaged_end_is_found_by_time),
        cmocka_unit_test(forged_records_change_nothing),
        cmocka_unit_test(a_damaged_record_on_the_other_class_is_not_ours),
        cmocka_unit_test(a_record_without_a_subject_is_foreign),
        cmocka_unit_test(a_workers_error_is_the_clients),
        cmocka_unit_test(a_client_that_leaves_inside_the_delivery),
        cmocka_unit_test(a_stream_whose_runs_are_broken_or_silent),
        cmocka_unit_test(a_whole_answer_whose_runs_are_broken_or_silent),
        cmocka_unit_test(a_whole_answer_follows_the_run_that_speaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
