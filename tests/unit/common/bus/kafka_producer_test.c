/* The producer on a real broker: rebuilt after a fatal error, bursts, the first record. */
#include "tests/unit/common/bus/kafka_rig.h"

/* Every record is there, in order; a repeat stands right where the resend began. */
static void break_and_count(sl_producer *p)
{
    static acks a;
    static seen s;
    a = (acks){0};
    s = (seen){0};
    const int n = 3000;
    rd_kafka_t *first = sl_kafka_producer_client(p);
    for (int i = 0; i < n; i++) {
        send_value(p, fx.one, 0, i, &a);
        if (i == 1000)
            rd_kafka_test_fatal_error(first, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                                      "test");
        if (i % 100 == 0)
            sl_producer_poll(p);
    }
    flush(p);
    assert_int_equal(rd_kafka_fatal_error(sl_kafka_producer_client(p), NULL, 0), 0);
    assert_int_equal(a.n, n);
    assert_int_equal(a.ok, n);
    sl_consumer *c = assigned(&s, fx.one, 0, SL_FROM_BEGINNING);
    int64_t deadline = sl_mono_ms() + PATIENCE_MS;
    int next = 0, repeats = 0;
    while (!sl_consumer_at_end(c) && sl_mono_ms() < deadline)
        until(c, NULL, &s.n, 1 << 30, 20);
    for (int i = 0; i < s.n; i++) {
        if (s.value[i] == next)
            next++;
        else if (s.value[i] < next) {
            repeats++;
            if (i > 0 && s.value[i] != s.value[i - 1] + 1)
                next = s.value[i] + 1;
        } else
            fail_msg("%d came, %d was next", s.value[i], next);
    }
    assert_int_equal(next, n);
    print_message("repeated by the resend: %d\n", repeats);
    sl_consumer_close(c);
}

static void a_broken_producer_is_rebuilt_and_loses_nothing(void **state)
{
    NEED_BROKER();
    break_and_count(fx.p);
}

static sl_producer *gathering(int gather_us)
{
    const char *topics[] = {fx.one, NULL};
    sl_producer *p;
    sl_producer_options opt = {.gather = true, .gather_us = gather_us, .topics = topics};
    assert_int_equal(sl_producer_open(&p, fx.bus, &opt, NULL), SL_OK);
    return p;
}

static void a_broken_gathering_producer_loses_nothing(void **state)
{
    NEED_BROKER();
    sl_producer *p = gathering(300);
    break_and_count(p);
    sl_producer_close(p);
}

/* Nothing polls, so the first answer is not seen: the rest must not have left. */
static void a_burst_waits_for_the_answer_before_it(void **state)
{
    NEED_BROKER();
    sl_producer *p = gathering(0);
    acks a = {0};
    int64_t took_us = 0;
    int sent = 0, left = 0;
    for (int tries = 0; tries < 20; tries++) {
        flush(p);
        int64_t start_us = sl_mono_us();
        for (int i = 0; i < 10; i++)
            send_value(p, fx.one, 0, sent++, &a);
        left = rd_kafka_outq_len(sl_kafka_producer_client(p));
        took_us = sl_mono_us() - start_us;
        if (took_us < 15000) /* else we were held up, and it may leave after 20 ms */
            break;
    }
    assert_true(took_us < 15000);
    assert_in_range(left, 1, 2); /* the record, and its answer that nobody took */
    flush(p);
    assert_int_equal(a.ok, sent);
    sl_producer_close(p);
}

/* The answer to the first does not come, since nothing polls; after 20 ms that holds nobody up. */
static void a_missing_answer_holds_nothing_up_for_long(void **state)
{
    NEED_BROKER();
    sl_producer *p = gathering(0);
    acks a = {0};
    send_value(p, fx.one, 0, 0, &a);
    (void)poll(NULL, 0, 30);
    int before = rd_kafka_outq_len(sl_kafka_producer_client(p));
    send_value(p, fx.one, 0, 1, &a);
    assert_true(rd_kafka_outq_len(sl_kafka_producer_client(p)) > before);
    flush(p);
    assert_int_equal(a.ok, 2);
    sl_producer_close(p);
}

/* Who sends is still at work on what the callback would end. */
static void a_refusal_is_told_by_poll_alone(void **state)
{
    NEED_BROKER();
    sl_producer *p = gathering(0);
    acks a = {0};
    send_value(p, fx.one, 0, 0, &a);
    flush(p); /* from here librdkafka knows the partitions */
    assert_int_equal(a.ok, 1);
    send_value(p, fx.one, 999, 1, &a);
    assert_int_equal(a.n, 1);
    assert_int_equal(sl_producer_pending(p), 1);
    flush(p);
    assert_int_equal(a.n, 2);
    assert_int_equal(a.ok, 1);
    send_value(p, fx.one, 999, 2, &a);
    sl_producer_close(p);
    assert_int_equal(a.n, 3);
    assert_int_equal(a.ok, 1);
}

static void what_is_corked_leaves_together(void **state)
{
    NEED_BROKER();
    acks a = {0};
    sl_producer_cork(fx.p, true);
    for (int i = 0; i < 10; i++)
        send_value(fx.p, fx.one, 0, i, &a);
    assert_int_equal(rd_kafka_outq_len(sl_kafka_producer_client(fx.p)), 0);
    assert_int_equal(sl_producer_pending(fx.p), 10);
    sl_producer_cork(fx.p, false);
    assert_int_equal(rd_kafka_outq_len(sl_kafka_producer_client(fx.p)), 10);
    flush(fx.p);
    assert_int_equal(a.ok, 10);
}

static void the_first_record_is_not_late(void **state)
{
    NEED_BROKER();
    sl_producer *p;
    const char *topics[] = {fx.one, NULL};
    sl_producer_options opt = {.topics = topics};
    acks a = {0};
    assert_int_equal(sl_producer_open(&p, fx.bus, &opt, NULL), SL_OK);
    /* What a daemon's start takes anyway; the producer gets its id and leader meanwhile. */
    struct pollfd fd = {sl_producer_fd(p), POLLIN, 0};
    (void)poll(&fd, 1, 1000);
    int64_t start = sl_mono_us();
    send_value(p, fx.one, 0, 1, &a);
    flush(p);
    int64_t took = sl_mono_us() - start;
    print_message("first record: %lld us\n", (long long)took);
    assert_int_equal(a.ok, 1);
    assert_true(took < 250000);
    sl_producer_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_broken_producer_is_rebuilt_and_loses_nothing),
        T(a_broken_gathering_producer_loses_nothing),
        T(a_burst_waits_for_the_answer_before_it),
        T(a_missing_answer_holds_nothing_up_for_long),
        T(a_refusal_is_told_by_poll_alone),
        T(what_is_corked_leaves_together),
        T(the_first_record_is_not_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
