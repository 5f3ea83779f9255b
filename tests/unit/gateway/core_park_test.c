/* core_park_test.c - requests whose worker lacks their key: they wait, and are sent again. */
#include "common/bus/memory.h"
#include "tests/unit/gateway/play.h"

#define REQUESTS "llm.public.requests.v1"

/* What a worker says that can't read the request. */
static void say_unknown(gt_rig *g, const gt_seen *req, gt_run *keep)
{
    gt_run w;
    sl_buf body = {0};
    gt_run_open(&w, g, req);
    sl_chunk_write_error(&body, "the key is missing", "server_error", "unknown_key");
    sl_envelope env = {
        .fin = true, .end = SL_END_ERROR, .env = SL_STR("test"), .body = sl_buf_str(&body)};
    sl_run_digest_text(w.digest, env.digest);
    gt_record(&w, &env);
    sl_buf_done(&body);
    if (keep)
        *keep = w;
    else
        gt_run_done(&w);
}

static void announce(gt_rig *g, const char *instance, const char *kid)
{
    sl_presence p = {.instance = sl_str_c(instance),
                     .models = {SL_STR("outside")},
                     .models_n = 1,
                     .kids = {sl_str_c(kid)},
                     .kids_n = 1};
    sl_presence_view_heard(g->g.presence, SL_CLASS_PUBLIC, &p, sl_mono_ms());
}

static bool parked(void *arg)
{
    return gt_metric(arg, "sluice_parked_requests{class=\"public\"}") > 0;
}

static gt_seen submit_parked_as(gt_rig *g, gt_call *c, bool whole)
{
    *c = (gt_call){0};
    gt_submit_with(g, c, &(gt_ask){.text = GT_PUBLIC, .whole = whole});
    assert_int_equal(c->st, SL_OK);
    gt_seen req = *gt_wait_request(g, c->id);
    say_unknown(g, &req, NULL);
    assert_true(gt_wait(g, parked, g));
    assert_int_equal(c->ends, 0);
    return req;
}

static gt_seen submit_parked(gt_rig *g, gt_call *c)
{
    return submit_parked_as(g, c, false);
}

static void so_is_one_that_is_not_streamed(void **state)
{
    gt_rig *g = gt_open(NULL);
    gt_call c;
    announce(g, "w", "k0");
    gt_seen req = submit_parked_as(g, &c, true);
    announce(g, "w", "k1");
    assert_true(gt_wait_topic(g, REQUESTS, c.id, 2));
    gt_answer(g, &req, "at last");
    gt_wait_end(&c);
    assert_int_equal(c.status, 200);
    assert_string_equal(c.text.data, "at last");
    gt_call_done(&c);
    gt_close(g);
}

static void it_is_sent_again_when_every_worker_has_the_key(void **state)
{
    gt_rig *g = gt_open(NULL);
    gt_call c;
    announce(g, "w", "k0");
    announce(g, "w2", "k0");
    gt_seen req = submit_parked(g, &c);
    announce(g, "w", "k1");
    gt_advance(g, 1000);
    assert_int_equal(gt_count(g, REQUESTS, c.id), 1); /* the other one would park it again */
    announce(g, "w2", "k1");
    assert_true(gt_wait_topic(g, REQUESTS, c.id, 2));
    assert_true(gt_wait_audit(g, "redriven", c.id, REQUESTS));
    gt_advance(g, 2000);
    assert_int_equal(gt_count(g, REQUESTS, c.id), 2); /* once */
    size_t last = 0;
    for (size_t i = 0; i < g->n; i++)
        last = strcmp(g->seen[i].topic, REQUESTS) ? last : i;
    assert_string_equal(g->seen[last].checksum, req.checksum); /* the same bytes */
    gt_answer(g, &req, "at last");
    gt_wait_end(&c);
    assert_int_equal(c.status, 200);
    assert_string_equal(c.text.data, "at last");
    assert_int_equal(gt_metric(g, "sluice_redriven_total{class=\"public\"}"), 1);
    gt_advance(g, 600);
    assert_int_equal(gt_metric(g, "sluice_parked_requests{class=\"public\"}"), 0);
    gt_call_done(&c);
    gt_close(g);
}

static void the_deadline_ends_what_nobody_can_read(void **state)
{
    gt_rig *g = gt_open(NULL);
    gt_call c;
    announce(g, "w", "k0");
    (void)submit_parked(g, &c);
    for (int i = 0; i < 620 && !c.ends; i += 5) {
        announce(g, "w", "k0");
        gt_presence_of(g, SL_CLASS_PRIVATE, "w", false);
        gt_advance(g, 5000);
    }
    assert_int_equal(c.status, 504);
    assert_int_equal(gt_count(g, REQUESTS, c.id), 1);
    gt_call_done(&c);
    gt_close(g);
}

/* A record of the run that parked it, produced a second time, starts nothing. */
static void a_replayed_refusal_is_nothing_new(void **state)
{
    gt_rig *g = gt_open(NULL);
    gt_call c;
    gt_run run;
    announce(g, "w", "k1");
    gt_submit(g, &c, GT_PUBLIC);
    gt_seen req = *gt_wait_request(g, c.id);
    say_unknown(g, &req, &run);
    assert_true(gt_wait_topic(g, REQUESTS, c.id, 2));
    for (int i = 0; i < 3; i++) {
        sl_buf body = {0};
        gt_run again = run;
        sl_chunk_write_error(&body, "the key is missing", "server_error", "unknown_key");
        again.seq = 0;
        sl_envelope env = {
            .fin = true, .end = SL_END_ERROR, .env = SL_STR("test"), .body = sl_buf_str(&body)};
        sl_run_digest_text(run.digest, env.digest);
        sl_codec_free(g->codec); /* a codec refuses a number of a run that it has sealed */
        assert_int_equal(sl_codec_open(&g->codec, "/sluice/worker/test", NULL), SL_OK);
        gt_record(&again, &env);
        sl_buf_done(&body);
    }
    gt_advance(g, 5000);
    assert_int_equal(gt_count(g, REQUESTS, c.id), 2);
    assert_int_equal(gt_metric(g, "sluice_reply_records_total{outcome=\"duplicate\"}"), 3);
    gt_run_done(&run);
    gt_answer(g, &req, "whole");
    gt_wait_end(&c);
    assert_string_equal(c.text.data, "whole");
    gt_call_done(&c);
    gt_close(g);
}

static void it_is_not_sent_again_for_ever(void **state)
{
    gt_rig *g = gt_open(NULL);
    gt_call c;
    announce(g, "w", "k1");
    gt_submit(g, &c, GT_PUBLIC);
    gt_seen req = *gt_wait_request(g, c.id);
    for (size_t i = 0; i < 9; i++) {
        say_unknown(g, &req, NULL);
        for (int s = 0; s < 80 && !c.ends && gt_count(g, REQUESTS, c.id) == i + 1; s++) {
            announce(g, "w", "k1");
            gt_presence_of(g, SL_CLASS_PRIVATE, "w", false);
            gt_advance(g, 500);
        }
    }
    gt_wait_end(&c);
    assert_int_equal(c.status, 502);
    assert_string_equal(c.code, "unknown_key");
    assert_int_equal(gt_count(g, REQUESTS, c.id), 9);
    gt_call_done(&c);
    gt_close(g);
}

/* Another run is under way: nothing is to be sent again. */
static void a_worker_that_has_begun_ends_the_waiting(void **state)
{
    gt_rig *g = gt_open(NULL);
    gt_call c;
    gt_run run;
    announce(g, "w", "k0");
    gt_seen req = submit_parked(g, &c);
    gt_run_open(&run, g, &req);
    gt_say(&run, "I ");
    gt_wait_text(&c, "I ");
    announce(g, "w", "k1");
    gt_advance(g, 1000);
    assert_int_equal(gt_count(g, REQUESTS, c.id), 1);
    gt_say(&run, "do");
    gt_finish(&run, SL_END_STOP);
    gt_wait_end(&c);
    assert_int_equal(c.status, 200);
    gt_run_done(&run);
    gt_call_done(&c);
    gt_close(g);
}

/* Text that the client has can't be taken back: the error is the client's. */
static void after_text_it_is_an_error(void **state)
{
    gt_rig *g = gt_open(NULL);
    gt_call c;
    gt_run run;
    announce(g, "w", "k1");
    gt_submit(g, &c, GT_PUBLIC);
    gt_seen req = *gt_wait_request(g, c.id);
    gt_run_open(&run, g, &req);
    gt_say(&run, "half ");
    gt_wait_text(&c, "half ");
    sl_buf body = {0};
    sl_chunk_write_error(&body, "the key is missing", "server_error", "unknown_key");
    sl_envelope env = {.fin = true,
                       .count = run.seq,
                       .end = SL_END_ERROR,
                       .env = SL_STR("test"),
                       .body = sl_buf_str(&body)};
    sl_run_digest_text(run.digest, env.digest);
    gt_record(&run, &env);
    sl_buf_done(&body);
    gt_wait_end(&c);
    assert_string_equal(c.code, "unknown_key");
    gt_advance(g, 1000);
    assert_int_equal(gt_count(g, REQUESTS, c.id), 1);
    gt_run_done(&run);
    gt_call_done(&c);
    gt_close(g);
}

static void a_client_that_left_is_not_waited_for(void **state)
{
    gt_rig *g = gt_open(NULL);
    gt_call c;
    announce(g, "w", "k0");
    (void)submit_parked(g, &c);
    sl_core_cancel(g->core, c.ticket);
    announce(g, "w", "k1");
    gt_advance(g, 1000);
    assert_int_equal(gt_count(g, REQUESTS, c.id), 1);
    assert_int_equal(sl_core_open_tickets(g->core), 0);
    gt_call_done(&c);
    gt_close(g);
}

static void a_redrive_that_kafka_did_not_take_is_tried_again(void **state)
{
    gt_rig *g = gt_open(NULL);
    gt_call c;
    announce(g, "w", "k0");
    gt_seen req = submit_parked(g, &c);
    sl_memory_fail_sends(g->bus, REQUESTS, 1, SL_MEMORY_LOST, SL_E_TIMEOUT);
    announce(g, "w", "k1");
    assert_true(gt_wait_topic(g, REQUESTS, c.id, 2));
    assert_int_equal(gt_audits(g, "redriven", c.id, NULL) <= 1, true);
    gt_answer(g, &req, "whole");
    gt_wait_end(&c);
    assert_int_equal(c.status, 200);
    gt_call_done(&c);
    gt_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_sent_again_when_every_worker_has_the_key),
        cmocka_unit_test(so_is_one_that_is_not_streamed),
        cmocka_unit_test(the_deadline_ends_what_nobody_can_read),
        cmocka_unit_test(a_replayed_refusal_is_nothing_new),
        cmocka_unit_test(it_is_not_sent_again_for_ever),
        cmocka_unit_test(a_worker_that_has_begun_ends_the_waiting),
        cmocka_unit_test(after_text_it_is_an_error),
        cmocka_unit_test(a_client_that_left_is_not_waited_for),
        cmocka_unit_test(a_redrive_that_kafka_did_not_take_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
