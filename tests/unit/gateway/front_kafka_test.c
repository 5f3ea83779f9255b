/* front_kafka_test.c - ingress records to egress answers, with every fault that egress can meet. */
#include "gateway/front_kafka.h"
#include "tests/unit/gateway/play.h"

typedef struct stage {
    gt_rig *g;
    sl_front_kafka *front;
    int64_t offset; /* of the ingress record that comes next */
    const char *want_topic;
    size_t want_n;
} stage;

static const char *const ingress[] = {SL_TOPIC_INGRESS};

static void open_front(stage *s)
{
    sl_error err = {0};
    gt_ok(sl_front_kafka_open(&s->front, s->g->loop, s->g->core, &s->g->g, &err), &err);
}

static stage *open_stage(const char *policy)
{
    stage *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->g = gt_open(policy);
    s->g->cfg.ingress_topics = (sl_option_list){.v = (const char **)ingress, .n = 1};
    open_front(s);
    return s;
}

static void close_stage(stage *s)
{
    sl_front_kafka_free(s->front);
    gt_close(s->g);
    free(s);
}

typedef struct ask {
    const char *text, *key, *correlation, *reply_topic, *deadline, *traceparent, *tracestate;
    bool stream, usage;
} ask;

static void ask_for(stage *s, const ask *a)
{
    sl_error err = {0};
    sl_buf body = {0};
    sl_header h[8];
    size_t n = 0;
    const char *const rows[][2] = {{"ce_id", a->correlation},
                                   {"ce_replytopic", a->reply_topic},
                                   {"ce_deadline", a->deadline},
                                   {"traceparent", a->traceparent},
                                   {"tracestate", a->tracestate}};
    for (size_t i = 0; i < 5; i++)
        if (rows[i][1])
            h[n++] = (sl_header){sl_str_c(rows[i][0]), sl_str_c(rows[i][1])};
    sl_buf_addf(&body,
                "{\"model\":\"auto\",\"stream\":%s,%s\"messages\":[{\"role\":\"user\","
                "\"content\":\"%s\"}]}",
                a->stream ? "true" : "false",
                a->usage ? "\"stream_options\":{\"include_usage\":true}," : "",
                a->text ? a->text : GT_PRIVATE);
    sl_record r = {.topic = SL_TOPIC_INGRESS,
                   .partition = 0,
                   .key = sl_str_c(a->key ? a->key : "customer"),
                   .value = sl_buf_str(&body),
                   .headers = h,
                   .headers_n = n};
    gt_ok(sl_producer_send(s->g->producer, &r, NULL, NULL, &err), &err);
    s->offset++;
    sl_buf_done(&body);
}

static gt_seen *wait_any_request(stage *s, size_t nth)
{
    const char *topic = "llm.private.requests.v1";
    assert_true(gt_wait_topic(s->g, topic, NULL, nth + 1));
    for (size_t i = 0; i < s->g->n; i++)
        if (!strcmp(s->g->seen[i].topic, topic) && nth-- == 0)
            return &s->g->seen[i];
    return NULL;
}

/* The nth record of the egress topic. */
static gt_seen *egress(stage *s, const char *topic, size_t nth)
{
    assert_true(gt_wait_topic(s->g, topic, NULL, nth + 1));
    for (size_t i = 0; i < s->g->n; i++)
        if (!strcmp(s->g->seen[i].topic, topic) && nth-- == 0)
            return &s->g->seen[i];
    return NULL;
}

static void has(const gt_seen *s, const char *text)
{
    if (!strstr(s->body, text))
        print_error("%s is not in %s\n", text, s->body);
    assert_non_null(strstr(s->body, text));
}

static int64_t committed(stage *s)
{
    int64_t offset = -1;
    sl_error err = {0};
    gt_ok(sl_bus_committed(s->g->bus, "g", SL_TOPIC_INGRESS, 0, &offset, 1000, &err), &err);
    return offset;
}

static bool all_committed(void *arg)
{
    stage *s = arg;
    return committed(s) == s->offset && !sl_front_kafka_open_jobs(s->front);
}

static void wait_committed(stage *s)
{
    assert_true(gt_wait(s->g, all_committed, s));
}

static void a_streamed_answer(void **state)
{
    (void)state;
    stage *s = open_stage(NULL);
    gt_run w;
    ask_for(s, &(ask){.correlation = "mine", .stream = true, .usage = true});
    gt_run_open(&w, s->g, wait_any_request(s, 0));
    assert_string_equal(w.req.correlation, "mine");
    gt_say(&w, "one");
    gt_say(&w, "two");
    has(egress(s, SL_TOPIC_EGRESS, 1), "two");
    assert_true(committed(s) <= 0);
    gt_finish(&w, SL_END_STOP);
    has(egress(s, SL_TOPIC_EGRESS, 2), "\"finish_reason\":\"stop\"");
    gt_seen *last = egress(s, SL_TOPIC_EGRESS, 3);
    has(last, "\"prompt_tokens\":7");
    wait_committed(s);
    for (size_t i = 0; i < 4; i++) {
        char ce_id[96];
        gt_seen *e = egress(s, SL_TOPIC_EGRESS, i);
        (void)snprintf(ce_id, sizeof(ce_id), "%s/%zu", w.req.id, i);
        assert_string_equal(e->ce_id, ce_id);
        assert_string_equal(e->key, "customer");
        assert_string_equal(e->correlation, "mine");
        assert_int_equal(e->partition, last->partition);
    }
    gt_run_done(&w);
    close_stage(s);
}

static void a_whole_answer(void **state)
{
    (void)state;
    stage *s = open_stage(NULL);
    ask_for(s, &(ask){0});
    gt_answer(s->g, wait_any_request(s, 0), "all of it");
    has(egress(s, SL_TOPIC_EGRESS, 0), "all of it");
    wait_committed(s);
    assert_int_equal(gt_count(s->g, SL_TOPIC_EGRESS, NULL), 1);
    close_stage(s);
}

static size_t delivered(stage *s, const char *id, const char *with)
{
    return gt_audits(s->g, "delivered", id, with);
}

/* The one `delivered` record of the request says this. */
static void wait_delivered(stage *s, const char *id, const char *with)
{
    assert_true(gt_wait_audit(s->g, "delivered", id, with));
    assert_int_equal(delivered(s, id, NULL), 1);
}

/* A gateway that dies before Kafka has the answer must not have said that it was delivered. */
static void delivered_is_audited_when_the_end_is_acknowledged(void **state)
{
    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        stage *s = open_stage(NULL);
        gt_run w;
        ask_for(s, &(ask){.stream = stream});
        gt_run_open(&w, s->g, wait_any_request(s, 0));
        gt_say(&w, "one");
        if (stream)
            (void)egress(s, SL_TOPIC_EGRESS, 0);
        gt_advance(s->g, 100); /* the piece is acknowledged */
        sl_memory_hold(s->g->bus, true);
        gt_finish(&w, SL_END_STOP);
        (void)egress(s, SL_TOPIC_EGRESS, (size_t)stream);
        gt_advance(s->g, 1000);
        assert_int_equal(delivered(s, w.req.id, NULL), 0);
        sl_memory_hold(s->g->bus, false);
        wait_committed(s);
        wait_delivered(s, w.req.id, "\"http_status\":200");
        gt_run_done(&w);
        close_stage(s);
    }
}

/* Runs a stream whose `nth` egress record of four meets the fault. */
static void torn(size_t nth, sl_memory_fault fault)
{
    stage *s = open_stage(NULL);
    gt_run w;
    size_t stand = fault == SL_MEMORY_LOST ? 0 : 1;
    ask_for(s, &(ask){.stream = true, .usage = true});
    gt_run_open(&w, s->g, wait_any_request(s, 0));
    for (size_t i = 0; i < 3; i++) {
        if (i == nth)
            sl_memory_fail_sends(s->g->bus, SL_TOPIC_EGRESS, 1, fault, SL_E_TIMEOUT);
        if (i < 2)
            gt_say(&w, i ? "two" : "one");
        else
            gt_finish(&w, SL_END_STOP);
        if (i == nth)
            break;
        (void)egress(s, SL_TOPIC_EGRESS, i);
    }
    wait_committed(s);
    size_t n = gt_count(s->g, SL_TOPIC_EGRESS, NULL);
    gt_seen *last = egress(s, SL_TOPIC_EGRESS, n - 1);
    has(last, "answer_torn");
    assert_int_equal(n, nth + stand + 1);
    for (size_t i = 0; i < n; i++)
        assert_null(strstr(egress(s, SL_TOPIC_EGRESS, i)->body, "prompt_tokens"));
    assert_int_equal(gt_metric(s->g, "sluice_egress_failed_total"), 1);
    assert_true(gt_wait_audit(s->g, "rejected", w.req.id, "egress_failed"));
    wait_delivered(s, w.req.id, "answer_torn"); /* and not the answer that the core has whole */
    assert_int_equal(delivered(s, w.req.id, "\"http_status\":502"), 1);
    gt_run_done(&w);
    close_stage(s);
}

static void a_piece_that_is_lost_ends_the_answer_with_an_error(void **state)
{
    (void)state;
    torn(0, SL_MEMORY_LOST);
    torn(1, SL_MEMORY_LOST);
}

static void a_finish_that_is_lost_ends_the_answer_with_an_error(void **state)
{
    (void)state;
    torn(2, SL_MEMORY_LOST);
}

/* It stands in the log, but nobody knows: doubt is told. */
static void a_piece_that_is_not_acknowledged(void **state)
{
    (void)state;
    torn(1, SL_MEMORY_ACK_LOST);
}

static void a_lost_end_is_sent_again_as_the_same_event(void **state)
{
    (void)state;
    stage *s = open_stage(NULL);
    ask_for(s, &(ask){0});
    gt_seen *req = wait_any_request(s, 0);
    sl_memory_fail_sends(s->g->bus, SL_TOPIC_EGRESS, 1, SL_MEMORY_ACK_LOST, SL_E_TIMEOUT);
    gt_answer(s->g, req, "once");
    gt_seen *a = egress(s, SL_TOPIC_EGRESS, 0);
    assert_true(committed(s) <= 0);
    gt_advance(s->g, 1000);
    gt_seen *b = egress(s, SL_TOPIC_EGRESS, 1);
    assert_string_equal(a->ce_id, b->ce_id);
    assert_string_equal(a->body, b->body);
    wait_committed(s);
    wait_delivered(s, a->id, "\"http_status\":200");
    close_stage(s);
}

static void an_answer_larger_than_a_record(void **state)
{
    (void)state;
    stage *s = open_stage(NULL);
    gt_run w;
    char *text = malloc(500001);
    memset(text, 'x', 500000);
    text[500000] = '\0';
    ask_for(s, &(ask){0});
    gt_run_open(&w, s->g, wait_any_request(s, 0));
    for (int i = 0; i < 3; i++)
        gt_say(&w, text);
    gt_finish(&w, SL_END_STOP);
    has(egress(s, SL_TOPIC_EGRESS, 0), "answer_too_large");
    wait_committed(s);
    wait_delivered(s, w.req.id, "answer_too_large");
    assert_int_equal(delivered(s, w.req.id, "\"http_status\":200"), 0);
    free(text);
    gt_run_done(&w);
    close_stage(s);
}

static void reply_topic(const char *topic, bool stream)
{
    stage *s = open_stage(NULL);
    ask_for(s, &(ask){.reply_topic = topic, .stream = stream});
    gt_advance(s->g, 100);
    if (gt_count(s->g, "llm.private.requests.v1", NULL))
        gt_answer(s->g, wait_any_request(s, 0), "hello");
    gt_advance(s->g, 1500);
    has(egress(s, SL_TOPIC_EGRESS, 0), "reply_topic_unavailable");
    wait_committed(s);
    assert_int_equal(delivered(s, NULL, "\"http_status\":200"), 0);
    assert_int_equal(gt_count(s->g, SL_TOPIC_EGRESS, NULL), 1);
    close_stage(s);
}

static void reply_topics_that_can_not_be_written(void **state)
{
    (void)state;
    reply_topic("llm.egress.absent", false);
    reply_topic("llm.egress.absent", true);
    reply_topic("llm.egress.a/b", false);
    reply_topic("llm.egress.a\nb", true);
    reply_topic("llm.egress.", false);
}

static void a_reply_topic_of_ones_own(void **state)
{
    (void)state;
    stage *s = open_stage(NULL);
    ask_for(s, &(ask){.reply_topic = "llm.egress.own", .stream = true});
    gt_answer(s->g, wait_any_request(s, 0), "hello");
    has(egress(s, "llm.egress.own", 0), "hello");
    wait_committed(s);
    assert_int_equal(gt_count(s->g, SL_TOPIC_EGRESS, NULL), 0);
    ask_for(s, &(ask){.reply_topic = "llm.private.requests.v1"}); /* no egress topic: not heard */
    gt_answer(s->g, wait_any_request(s, 1), "hello");
    (void)egress(s, SL_TOPIC_EGRESS, 0);
    wait_committed(s);
    close_stage(s);
}

static void deadlines_of_producers(void **state)
{
    (void)state;
    static const char *const bad[] = {"soon", "2026-11-24T12:00:00Z", "-5", "+5", "1e15",
                                      " 1",   "99999999999999999999"};
    size_t n = sizeof(bad) / sizeof(*bad);
    stage *s = open_stage(NULL);
    for (size_t i = 0; i < n; i++) {
        ask_for(s, &(ask){.deadline = bad[i]});
        has(egress(s, SL_TOPIC_EGRESS, i), "invalid_deadline");
    }
    ask_for(s, &(ask){.deadline = "1000"});
    has(egress(s, SL_TOPIC_EGRESS, n), "deadline_exceeded");
    wait_committed(s);
    assert_int_equal(gt_count(s->g, "llm.private.requests.v1", NULL), 0);
    char soon[32];
    int64_t at = sl_unix_ms() + 30000;
    (void)snprintf(soon, sizeof(soon), "%lld", (long long)at);
    ask_for(s, &(ask){.deadline = soon});
    assert_int_equal(wait_any_request(s, 0)->deadline_ms, at);
    ask_for(s, &(ask){.deadline = "9223372036854775807"}); /* the limit is the operator's */
    int64_t far = wait_any_request(s, 1)->deadline_ms;
    assert_true(far <= sl_unix_ms() + s->g->cfg.deadline_ms);
    close_stage(s);
}

static void trace_headers_of_producers(void **state)
{
    (void)state;
    const char *good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const char *bad = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0z";
    stage *s = open_stage(NULL);
    ask_for(s, &(ask){.traceparent = good, .tracestate = "v=1"});
    ask_for(s, &(ask){.traceparent = bad, .tracestate = "v=1"});
    ask_for(s, &(ask){.traceparent = good, .tracestate = "no state"});
    ask_for(s, &(ask){.tracestate = "v=1"});
    gt_seen *r[4];
    for (size_t i = 0; i < 4; i++)
        r[i] = wait_any_request(s, i);
    assert_string_equal(r[0]->traceparent, good);
    assert_string_equal(r[0]->tracestate, "v=1");
    assert_string_equal(r[1]->traceparent, "");
    assert_string_equal(r[1]->tracestate, "");
    assert_string_equal(r[2]->traceparent, good);
    assert_string_equal(r[2]->tracestate, "");
    assert_string_equal(r[3]->tracestate, "");
    close_stage(s);
}

static void a_request_waits_for_a_worker(void **state)
{
    (void)state;
    stage *s = open_stage(NULL);
    gt_advance(s->g, 8000);
    ask_for(s, &(ask){0});
    gt_advance(s->g, 2000);
    assert_int_equal(gt_count(s->g, SL_TOPIC_EGRESS, NULL), 0);
    assert_int_equal(sl_front_kafka_open_jobs(s->front), 1);
    gt_presence(s->g);
    gt_answer(s->g, wait_any_request(s, 0), "hello");
    has(egress(s, SL_TOPIC_EGRESS, 0), "hello");
    wait_committed(s);
    close_stage(s);
}

/* A drain leaves to another gateway what it has not begun, and waits for what it has. */
static void a_drain_does_not_wait_for_what_waits(void **state)
{
    (void)state;
    stage *s = open_stage(NULL);
    ask_for(s, &(ask){0});
    gt_seen *req = wait_any_request(s, 0);
    gt_presence_of(s->g, SL_CLASS_PRIVATE, "w", true);
    ask_for(s, &(ask){0});
    gt_advance(s->g, 1000);
    assert_int_equal(sl_front_kafka_open_jobs(s->front), 2);
    atomic_store(&s->g->g.draining, true);
    sl_front_kafka_drain(s->front);
    assert_int_equal(sl_front_kafka_open_jobs(s->front), 1);
    ask_for(s, &(ask){0});
    gt_answer(s->g, req, "hello");
    s->offset = 1; /* of the three */
    wait_committed(s);
    assert_int_equal(gt_count(s->g, SL_TOPIC_EGRESS, NULL), 1);
    close_stage(s);
}

/* Deliveries come after the front is gone; nothing was committed, so another reads it again. */
static void closing_with_answers_on_their_way(void **state)
{
    (void)state;
    stage *s = open_stage(NULL);
    gt_run w;
    char id[SL_UUID_TEXT];
    ask_for(s, &(ask){.stream = true});
    ask_for(s, &(ask){.stream = true});
    gt_run_open(&w, s->g, wait_any_request(s, 0));
    memcpy(id, w.req.id, sizeof(id));
    gt_say(&w, "piece");
    (void)egress(s, SL_TOPIC_EGRESS, 0);
    sl_memory_hold(s->g->bus, true);
    gt_say(&w, "held");
    (void)egress(s, SL_TOPIC_EGRESS, 1);
    gt_answer(s->g, wait_any_request(s, 1), "held as well");
    (void)egress(s, SL_TOPIC_EGRESS, 2);
    gt_advance(s->g, 300);
    gt_run_done(&w);
    gt_skew_ms += 4000;
    sl_front_kafka_free(s->front);
    gt_close_core(s->g);
    sl_memory_hold(s->g->bus, false);
    assert_true(committed(s) <= 0);
    gt_open_core(s->g);
    gt_presence(s->g);
    gt_advance(s->g, 100);
    assert_int_equal(delivered(s, NULL, NULL), 0);
    gt_forget(s->g);
    open_front(s);
    for (size_t i = 0; i < 2; i++)
        gt_answer(s->g, wait_any_request(s, i), "again");
    assert_string_equal(wait_any_request(s, 0)->id, id); /* the same id */
    wait_committed(s);
    close_stage(s);
}

#define OTHER_INGRESS "llm.ingress.other.v1"

/* The rival takes its share of the partitions: the one that the requests come from. */
static sl_consumer *rival_joins(stage *s, sl_consumer_options *co)
{
    sl_error err = {0};
    sl_consumer *rival = NULL;
    gt_ok(sl_consumer_open(&rival, s->g->bus, co, &err), &err);
    gt_advance(s->g, 1000);
    return rival;
}

static void drop_record(void *arg, const sl_record *r)
{
    (void)arg;
    (void)r;
}

/* The end is acknowledged while the partition is not assigned, so nothing could be committed: when
 * it comes back, the record does too. It was answered and must not be run again. */
static void an_answered_record_that_comes_again_is_only_committed(void **state)
{
    (void)state;
    static const char *const two[] = {OTHER_INGRESS, SL_TOPIC_INGRESS, NULL};
    stage *s = calloc(1, sizeof(*s));
    sl_error err = {0};
    assert_non_null(s);
    s->g = gt_open(NULL);
    gt_ok(
        sl_bus_topics_create(s->g->bus, &(sl_topic_spec){OTHER_INGRESS, 1, 1, NULL}, 1, 1000, &err),
        &err);
    s->g->cfg.ingress_topics = (sl_option_list){.v = (const char **)two, .n = 2};
    open_front(s);
    sl_consumer_options co = {.group = "g", .topics = two, .on_record = drop_record};
    static const char *const end_of[] = {"an answer", "It broke."};
    for (size_t i = 0; i < 2; i++) {
        gt_run w;
        ask_for(s, &(ask){0});
        gt_run_open(&w, s->g, wait_any_request(s, i));
        sl_consumer *rival = rival_joins(s, &co);
        gt_say(&w, "an answer");
        gt_finish(&w, i ? SL_END_ERROR : SL_END_STOP);
        has(egress(s, SL_TOPIC_EGRESS, i), end_of[i]);
        gt_advance(s->g, 200); /* acknowledged */
        assert_int_equal(sl_front_kafka_open_jobs(s->front), 0);
        assert_true(committed(s) < s->offset);
        sl_consumer_close(rival);
        wait_committed(s);
        gt_advance(s->g, 1000);
        assert_int_equal(gt_count(s->g, "llm.private.requests.v1", NULL), i + 1);
        assert_int_equal(gt_count(s->g, SL_TOPIC_EGRESS, NULL), i + 1);
        wait_delivered(s, w.req.id, NULL);
        gt_run_done(&w);
    }
    ask_for(s, &(ask){0}); /* a new one is run */
    gt_answer(s->g, wait_any_request(s, 2), "hello");
    wait_committed(s);
    close_stage(s);
}

/* Whose request is it? The policy does not say. */
static void no_tenant_for_the_topic(void **state)
{
    (void)state;
    stage *s = open_stage("version: 1\nmodels:\n  inside: {classes: [private]}\n"
                          "defaults:\n  models: {private: inside}\n");
    ask_for(s, &(ask){0});
    has(egress(s, SL_TOPIC_EGRESS, 0), "no_tenant");
    wait_committed(s);
    close_stage(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_streamed_answer),
        cmocka_unit_test(a_whole_answer),
        cmocka_unit_test(delivered_is_audited_when_the_end_is_acknowledged),
        cmocka_unit_test(a_piece_that_is_lost_ends_the_answer_with_an_error),
        cmocka_unit_test(a_finish_that_is_lost_ends_the_answer_with_an_error),
        cmocka_unit_test(a_piece_that_is_not_acknowledged),
        cmocka_unit_test(a_lost_end_is_sent_again_as_the_same_event),
        cmocka_unit_test(an_answer_larger_than_a_record),
        cmocka_unit_test(reply_topics_that_can_not_be_written),
        cmocka_unit_test(a_reply_topic_of_ones_own),
        cmocka_unit_test(deadlines_of_producers),
        cmocka_unit_test(trace_headers_of_producers),
        cmocka_unit_test(a_request_waits_for_a_worker),
        cmocka_unit_test(a_drain_does_not_wait_for_what_waits),
        cmocka_unit_test(closing_with_answers_on_their_way),
        cmocka_unit_test(an_answered_record_that_comes_again_is_only_committed),
        cmocka_unit_test(no_tenant_for_the_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
