/* The bus on a real broker: records, topics, groups, offsets. */
#include "tests/unit/common/bus/kafka_rig.h"

/* ---- without a broker ---- */

static void an_absent_broker_is_an_error_in_time(void **state)
{
    sl_bus *b;
    sl_producer *p;
    open_bus(&b, "127.0.0.1:1");
    int64_t low, high, start = sl_mono_ms();
    sl_error e = {0};
    assert_int_equal(sl_bus_watermarks(b, "topic", 0, &low, &high, 500, &e), SL_E_UNAVAILABLE);
    assert_true(sl_mono_ms() - start < 3000);
    acks a = {0};
    sl_producer_options opt = {.message_timeout_ms = 700, .queue_records = 3};
    assert_int_equal(sl_producer_open(&p, b, &opt, &e), SL_OK);
    for (int i = 0; i < 3; i++)
        send_value(p, "topic", 0, i, &a);
    sl_record r = {.topic = "topic"};
    assert_int_equal(sl_producer_send(p, &r, on_ack, &a, &e), SL_E_FULL);
    assert_int_equal(sl_producer_flush(p, 5000), SL_OK);
    assert_int_equal(a.n, 3);
    assert_int_equal(a.last, SL_E_TIMEOUT);
    send_value(p, "topic", 0, 4, &a);
    start = sl_mono_ms();
    sl_producer_close(p);
    assert_int_equal(a.n, 4);
    assert_int_equal(a.last, SL_E_CLOSED);
    assert_true(sl_mono_ms() - start < 6000);
    sl_bus_free(b);
}

static void an_absent_broker_is_reported_to_a_member(void **state)
{
    fixture keep = fx;
    open_bus(&fx.bus, "127.0.0.1:1");
    static seen s;
    s = (seen){0};
    sl_consumer *c = member(&s, "topic", "group", false);
    assert_true(until(c, NULL, &s.errors, 1, PATIENCE_MS));
    assert_int_equal(s.last_error, SL_E_UNAVAILABLE);
    sl_consumer_close(c);
    sl_bus_free(fx.bus);
    fx = keep;
}

/* ---- a real broker ---- */

static const sl_header all_headers[] = {{{"ce_id", 5}, {"1", 1}},
                                        {{"null", 4}, {NULL, 0}},
                                        {{"ce_id", 5}, {"", 0}},
                                        {{"bin", 3}, {"\0\xff", 2}}};

static void check_whole(void *arg, const sl_record *r)
{
    int i = (*(int *)arg)++;
    assert_string_equal(r->topic, fx.one);
    assert_int_equal(r->time_ms, 1700000000123);
    assert_int_equal(r->headers_n, i == 0 ? 4 : 0);
    for (size_t h = 0; h < r->headers_n; h++) {
        assert_true(sl_str_eq(r->headers[h].name, all_headers[h].name));
        assert_true(sl_str_eq(r->headers[h].value, all_headers[h].value));
        assert_int_equal(!r->headers[h].value.p, !all_headers[h].value.p);
    }
    assert_int_equal(!r->key.p, i == 1);
    assert_int_equal(!r->value.p, i == 0);
    assert_int_equal(r->key.n, i == 0 ? 3 : 0);
    assert_int_equal(r->value.n, i == 1 ? 3 : 0);
}

static void records_arrive_whole(void **state)
{
    NEED_BROKER();
    sl_record rows[] = {
        {.key = {"k\0y", 3}, .headers = all_headers, .headers_n = 4},
        {.value = {"v\0l", 3}},
        {.key = {"", 0}, .value = {"", 0}},
    };
    for (int i = 0; i < 3; i++) {
        rows[i].topic = fx.one;
        rows[i].time_ms = 1700000000123;
        assert_int_equal(sl_producer_send(fx.p, &rows[i], NULL, NULL, NULL), SL_OK);
    }
    flush(fx.p);
    int n = 0;
    sl_bus_partition p = {fx.one, -1, SL_FROM_BEGINNING};
    sl_consumer_options opt = {
        .partitions = &p, .partitions_n = 1, .on_record = check_whole, .arg = &n};
    sl_consumer *c;
    assert_int_equal(sl_consumer_open(&c, fx.bus, &opt, NULL), SL_OK);
    assert_false(sl_consumer_at_end(c));
    assert_true(until(c, NULL, &n, 3, PATIENCE_MS));
    assert_true(sl_consumer_at_end(c));
    sl_consumer_close(c);
}

static void the_key_chooses_the_partition_as_java_does(void **state)
{
    NEED_BROKER();
    acks a = {0};
    sl_record r = {.topic = fx.four, .partition = -1, .key = sl_str_c("foobar")};
    assert_int_equal(sl_producer_send(fx.p, &r, on_ack, &a, NULL), SL_OK);
    flush(fx.p);
    assert_int_equal(a.partition, (int32_t)((uint32_t)-790332482 & 0x7fffffff) % 4);
}

static void a_record_near_the_limit_passes_and_one_over_it_does_not(void **state)
{
    NEED_BROKER();
    static char big[1114112];
    acks a = {0};
    sl_record r = {.topic = fx.one, .value = {big, 1114112 - 1000}};
    memset(big, 'x', sizeof(big));
    assert_int_equal(sl_producer_send(fx.p, &r, on_ack, &a, NULL), SL_OK);
    flush(fx.p);
    assert_int_equal(a.last, SL_OK);
    r.value.n = 1114112; /* with what the broker adds it is over */
    assert_int_equal(sl_producer_send(fx.p, &r, on_ack, &a, NULL), SL_OK);
    flush(fx.p);
    assert_int_equal(a.last, SL_E_TOO_LARGE);
    assert_int_equal(
        sl_producer_send(fx.p, &(sl_record){.topic = fx.four, .value = {big, 9}}, on_ack, &a, NULL),
        SL_OK);
    flush(fx.p);
    assert_int_equal(a.last, SL_OK);
}

static void unknown_topics_are_said_so(void **state)
{
    NEED_BROKER();
    sl_error e = {0};
    acks a = {0};
    sl_producer *p;
    sl_producer_options opt = {.message_timeout_ms = 10000};
    assert_int_equal(sl_producer_open(&p, fx.bus, &opt, NULL), SL_OK);
    sl_record r = {.topic = "bus-test-absent"};
    sl_status s = sl_producer_send(p, &r, on_ack, &a, &e);
    flush(p);
    assert_int_equal(s == SL_OK ? a.last : s, SL_E_NOT_FOUND);
    sl_producer_close(p);
    int n = -1;
    assert_int_equal(sl_bus_partitions(fx.bus, "bus-test-absent", &n, 5000, &e), SL_OK);
    assert_int_equal(n, 0);
    sl_bus_partition part = {"bus-test-absent", -1, SL_FROM_END};
    sl_consumer_options copt = {.partitions = &part, .partitions_n = 1, .on_record = on_record};
    sl_consumer *c;
    assert_int_equal(sl_consumer_open(&c, fx.bus, &copt, &e), SL_E_NOT_FOUND);
    static seen seen1;
    seen1 = (seen){0};
    c = member(&seen1, "bus-test-absent", fx.group, false);
    assert_true(until(c, NULL, &seen1.errors, 1, PATIENCE_MS));
    assert_int_equal(seen1.last_error, SL_E_NOT_FOUND);
    sl_consumer_close(c);
}

static void admin_calls_answer(void **state)
{
    NEED_BROKER();
    char id[64];
    assert_int_equal(sl_bus_cluster_id(fx.bus, id, sizeof(id), 5000, NULL), SL_OK);
    assert_true(strlen(id) > 10);
    assert_int_equal(sl_bus_cluster_id(fx.bus, id, 3, 5000, NULL), SL_E_TOO_LARGE);
    int n = 0;
    assert_int_equal(sl_bus_partitions(fx.bus, fx.four, &n, 5000, NULL), SL_OK);
    assert_int_equal(n, 4);
    sl_error e;
    sl_topic_spec more = {fx.one, 2, 1, NULL};
    assert_int_equal(sl_bus_topics_create(fx.bus, &more, 1, 5000, &e), SL_E_CONFLICT);
    more.partitions = 1;
    assert_int_equal(sl_bus_topics_create(fx.bus, &more, 1, 5000, &e), SL_OK);
    const char *bad[] = {"no.such.setting=1", NULL};
    sl_topic_spec wrong = {"bus-test-wrong", 1, 1, bad};
    assert_int_equal(sl_bus_topics_create(fx.bus, &wrong, 1, 5000, &e), SL_E_INVALID);
    for (int i = 0; i < 4; i++) {
        sl_record r = {.topic = fx.four, .partition = 3, .time_ms = 1700000000000 + 10 * i};
        assert_int_equal(sl_producer_send(fx.p, &r, NULL, NULL, NULL), SL_OK);
    }
    flush(fx.p);
    int64_t low, high, at;
    assert_int_equal(sl_bus_watermarks(fx.bus, fx.four, 3, &low, &high, 5000, NULL), SL_OK);
    assert_int_equal(high - low, 4);
    assert_int_equal(sl_bus_offset_at(fx.bus, fx.four, 3, 1700000000011, &at, 5000, NULL), SL_OK);
    assert_int_equal(at, low + 2);
    assert_int_equal(sl_bus_offset_at(fx.bus, fx.four, 3, 1800000000000, &at, 5000, NULL), SL_OK);
    assert_int_equal(at, high);
    assert_int_equal(sl_bus_watermarks(fx.bus, fx.four, 7, &low, &high, 1000, &e), SL_E_NOT_FOUND);
}

static void finished_prefixes_are_committed_and_the_rest_comes_again(void **state)
{
    NEED_BROKER();
    static seen s, t;
    s = t = (seen){0};
    for (int i = 0; i < 6; i++)
        send_value(fx.p, fx.four, 2, i, NULL);
    flush(fx.p);
    sl_consumer *c = member(&s, fx.four, fx.group, false);
    assert_true(until(c, NULL, &s.n, 6, PATIENCE_MS));
    assert_true(sl_consumer_assigned(c));
    int64_t base = s.offset[0];
    for (int i = 0; i < 6; i++)
        if (i != 2 && i != 4)
            sl_consumer_finish(c, fx.four, 2, base + i);
    /* without another record, by the fd alone */
    int64_t deadline = sl_mono_ms() + PATIENCE_MS;
    while (committed(fx.four, 2) != base + 2 && sl_mono_ms() < deadline) {
        struct pollfd p = {sl_consumer_fd(c), POLLIN, 0};
        assert_true(poll(&p, 1, 1000) >= 0);
        if (p.revents)
            sl_consumer_poll(c, 0);
    }
    assert_int_equal(committed(fx.four, 2), base + 2);
    sl_consumer_finish(c, fx.four, 2, base + 2);
    sl_consumer_close(c); /* commits at once */
    assert_int_equal(committed(fx.four, 2), base + 4);
    c = member(&t, fx.four, fx.group, true); /* from_end counts only without a committed offset */
    assert_true(until(c, NULL, &t.n, 2, PATIENCE_MS));
    assert_int_equal(t.value[0], 4);
    assert_int_equal(t.value[1], 5);
    assert_int_equal(t.errors, 0);
    sl_consumer_close(c);
}

static void polling_for_nothing_serves_but_takes_nothing(void **state)
{
    NEED_BROKER();
    static seen s;
    s = (seen){0};
    for (int i = 0; i < 50; i++)
        send_value(fx.p, fx.four, 0, i, NULL);
    flush(fx.p);
    sl_consumer *c = member(&s, fx.four, fx.group, false);
    int64_t deadline = sl_mono_ms() + PATIENCE_MS;
    while (!sl_consumer_assigned(c) && sl_mono_ms() < deadline) {
        struct pollfd p = {sl_consumer_fd(c), POLLIN, 0};
        (void)poll(&p, 1, 100);
        assert_int_equal(sl_consumer_poll(c, 0), 0);
    }
    assert_true(sl_consumer_assigned(c));
    assert_int_equal(s.n, 0);
    assert_true(until(c, NULL, &s.n, 50, PATIENCE_MS));
    for (int i = 0; i < 50; i++)
        assert_int_equal(s.value[i], i);
    sl_consumer_close(c);
}

static void members_share_and_take_over(void **state)
{
    NEED_BROKER();
    static seen a, b;
    a = (seen){.finish_late = true};
    b = (seen){.finish = true};
    sl_consumer *ca = member(&a, fx.four, fx.group, false);
    for (int i = 0; i < 40; i++)
        send_value(fx.p, fx.four, i % 4, i, NULL);
    assert_true(until(ca, NULL, &a.n, 40, PATIENCE_MS));
    sl_consumer *cb = member(&b, fx.four, fx.group, false);
    assert_true(until(ca, cb, &a.revoked, 4, PATIENCE_MS));
    int64_t deadline = sl_mono_ms() + PATIENCE_MS;
    while (!(sl_consumer_assigned(ca) && sl_consumer_assigned(cb)) && sl_mono_ms() < deadline)
        until(ca, cb, &a.n, 1 << 30, 50);
    a.finish = true;
    for (int i = 40; i < 80; i++)
        send_value(fx.p, fx.four, i % 4, i, NULL);
    deadline = sl_mono_ms() + PATIENCE_MS;
    while (a.n + b.n < 80 && sl_mono_ms() < deadline)
        until(ca, cb, &a.n, 1 << 30, 50);
    int times[80] = {0};
    for (int i = 0; i < a.n; i++)
        times[a.value[i]]++;
    for (int i = 0; i < b.n; i++)
        times[b.value[i]]++;
    for (int i = 0; i < 80; i++) /* what was finished while it was revoked is not repeated */
        assert_int_equal(times[i], 1);
    sl_consumer_close(ca);
    for (int i = 80; i < 120; i++)
        send_value(fx.p, fx.four, i % 4, i, NULL);
    assert_true(until(cb, NULL, &b.n, 60, PATIENCE_MS));
    assert_int_equal(b.n, 60);
    assert_int_equal(a.errors + b.errors, 0);
    sl_consumer_close(cb);
}

static void a_rewound_record_comes_again(void **state)
{
    NEED_BROKER();
    static seen s;
    s = (seen){0};
    for (int i = 0; i < 2000; i++)
        send_value(fx.p, fx.one, 0, i, NULL);
    flush(fx.p);
    sl_consumer *c = member(&s, fx.one, fx.group, false);
    assert_true(until(c, NULL, &s.n, 1, PATIENCE_MS)); /* at most 100: the rest is prefetched */
    int first = s.n;
    int64_t base = s.offset[0];
    sl_consumer_finish(c, fx.one, 0, base + 1);
    assert_int_equal(sl_consumer_rewind(c, fx.one, 0, base), SL_OK);
    assert_int_equal(sl_consumer_rewind(c, fx.one, 0, base + 5000), SL_E_INVALID);
    assert_true(until(c, NULL, &s.n, first + 1999, PATIENCE_MS));
    assert_int_equal(s.offset[first], base);
    assert_int_equal(s.offset[first + 1], base + 2);
    for (int i = first + 2; i < s.n; i++)
        assert_int_equal(s.offset[i], s.offset[i - 1] + 1);
    for (int i = 0; i < s.n; i++)
        sl_consumer_finish(c, fx.one, 0, s.offset[i]);
    sl_consumer_close(c);
    assert_int_equal(committed(fx.one, 0), base + 2000);
}

static rd_kafka_t *bare_client(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", fx.bootstrap, NULL, 0);
    return rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
}

static void await_done(rd_kafka_t *rk, rd_kafka_queue_t *q)
{
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, 10000);
    assert_non_null(ev);
    assert_int_equal(rd_kafka_event_error(ev), 0);
    rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(q);
    rd_kafka_destroy(rk);
}

static void records_delete(const char *topic, int32_t partition, int64_t before)
{
    rd_kafka_t *rk = bare_client();
    rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = before;
    rd_kafka_DeleteRecords_t *del = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(rk, &del, 1, NULL, q);
    rd_kafka_DeleteRecords_destroy(del);
    rd_kafka_topic_partition_list_destroy(list);
    await_done(rk, q);
}

static void a_lost_offset_is_reported_and_reading_goes_on(void **state)
{
    NEED_BROKER();
    static seen s, t, u;
    s = t = u = (seen){0};
    for (int i = 0; i < 10; i++)
        send_value(fx.p, fx.one, 0, i, NULL);
    flush(fx.p);
    sl_consumer *c = member(&s, fx.one, fx.group, false);
    assert_true(until(c, NULL, &s.n, 10, PATIENCE_MS));
    assert_int_equal(s.errors, 0);
    int64_t base = s.offset[0];
    sl_consumer_finish(c, fx.one, 0, base);
    sl_consumer_close(c);
    assert_int_equal(committed(fx.one, 0), base + 1);
    records_delete(fx.one, 0, base + 4);
    c = member(&t, fx.one, fx.group, true);
    assert_true(until(c, NULL, &t.n, 6, PATIENCE_MS));
    assert_int_equal(t.errors, 1);
    assert_int_equal(t.last_error, SL_E_CORRUPT);
    assert_int_equal(t.offset[0], base + 4);
    for (int i = 0; i < 6; i++)
        sl_consumer_finish(c, fx.one, 0, t.offset[i]);
    sl_consumer_close(c);
    assert_int_equal(committed(fx.one, 0), base + 10);
    c = assigned(&u, fx.one, 0, base);
    assert_true(until(c, NULL, &u.n, 6, PATIENCE_MS));
    assert_int_equal(u.errors, 1);
    assert_int_equal(u.last_error, SL_E_CORRUPT);
    sl_consumer_close(c);
}

/* More than a consumer prefetches is deleted under a member that was busy. */
static void a_busy_member_that_retention_overtakes_is_told(void **state)
{
    NEED_BROKER();
    static seen s;
    static char big[100000];
    s = (seen){0};
    sl_consumer *c = member(&s, fx.one, fx.group, false);
    int64_t deadline = sl_mono_ms() + PATIENCE_MS;
    for (int i = 0; i < 500; i++) {
        sl_record r = {.topic = fx.one, .value = {big, sizeof(big)}};
        assert_int_equal(sl_producer_send(fx.p, &r, NULL, NULL, NULL), SL_OK);
        sl_producer_poll(fx.p);
    }
    flush(fx.p);
    while (!sl_consumer_assigned(c) && sl_mono_ms() < deadline) {
        struct pollfd p = {sl_consumer_fd(c), POLLIN, 0};
        (void)poll(&p, 1, 100);
        assert_int_equal(sl_consumer_poll(c, 0), 0);
    }
    records_delete(fx.one, 0, 500);
    send_value(fx.p, fx.one, 0, 77, NULL);
    flush(fx.p);
    while ((s.n == 0 || s.value[s.n - 1] != 77) && sl_mono_ms() < deadline)
        until(c, NULL, &s.n, s.n + 1, 100);
    assert_int_equal(s.value[s.n - 1], 77);
    assert_int_equal(s.offset[s.n - 1], 500);
    assert_true(s.n < 501);
    assert_true(s.errors > 0);
    assert_int_equal(s.last_error, SL_E_CORRUPT);
    for (int i = 0; i < s.n; i++)
        sl_consumer_finish(c, fx.one, 0, s.offset[i]);
    sl_consumer_close(c);
    assert_int_equal(committed(fx.one, 0), 501);
}

static void topic_recreate(const char *topic)
{
    rd_kafka_t *rk = bare_client();
    rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopic_t *del = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(rk, &del, 1, NULL, q);
    rd_kafka_DeleteTopic_destroy(del);
    await_done(rk, q);
    sl_topic_spec spec = {topic, 1, 1, NULL};
    int64_t deadline = sl_mono_ms() + PATIENCE_MS;
    while (sl_bus_topics_create(fx.bus, &spec, 1, 5000, NULL) != SL_OK)
        assert_true(sl_mono_ms() < deadline);
}

/* The log is cut while a member reads it: what it had prefetched counts, then it starts anew. */
static void a_position_lost_while_reading_is_reported(void **state)
{
    NEED_BROKER();
    static seen s, t;
    s = t = (seen){0};
    sl_consumer *c = member(&s, fx.one, fx.group, false);
    sl_consumer *d = assigned(&t, fx.one, 0, SL_FROM_BEGINNING);
    for (int i = 0; i < 10; i++)
        send_value(fx.p, fx.one, 0, i, NULL);
    assert_true(until(c, d, &s.n, 10, PATIENCE_MS));
    assert_true(until(c, d, &t.n, 10, PATIENCE_MS));
    for (int i = 0; i < 10; i++)
        sl_consumer_finish(c, fx.one, 0, i);
    /* Both stand at 10: a new log of 3 records would be below. Deleting the topic and making it
     * again is how a log gets shorter. */
    topic_recreate(fx.one);
    for (int i = 0; i < 3; i++)
        send_value(fx.p, fx.one, 0, 100 + i, NULL);
    assert_true(until(c, d, &s.n, 13, 2 * PATIENCE_MS));
    assert_true(until(c, d, &t.n, 13, 2 * PATIENCE_MS));
    assert_int_equal(s.value[10], 100);
    assert_int_equal(t.value[10], 100);
    /* The group may learn of the new topic by a rebalance instead, with its offsets deleted; and
     * librdkafka, when its metadata shows the topic gone in between, begins where the assignment
     * said, which is the beginning here. Then nothing was lost, and nothing is said. */
    if (t.errors > 0)
        assert_int_equal(t.last_error, SL_E_CORRUPT);
    sl_consumer_close(d);
    sl_consumer_close(c);
}

static void a_group_without_offsets_can_start_at_the_end(void **state)
{
    NEED_BROKER();
    static seen s;
    s = (seen){0};
    for (int i = 0; i < 5; i++)
        send_value(fx.p, fx.one, 0, i, NULL);
    flush(fx.p);
    sl_consumer *c = member(&s, fx.one, fx.group, true);
    /* The end is found some time after the assignment: send until something arrives. */
    int sent = 5;
    int64_t deadline = sl_mono_ms() + PATIENCE_MS;
    while (s.n == 0 && sl_mono_ms() < deadline) {
        send_value(fx.p, fx.one, 0, sent++, NULL);
        until(c, NULL, &s.n, 1, 100);
    }
    assert_true(s.n > 0);
    assert_true(s.value[0] >= 5);
    assert_int_equal(s.errors, 0);
    int64_t first = s.offset[0];
    sl_consumer_close(c);
    assert_int_equal(committed(fx.one, 0), first); /* nothing is finished: its place is kept */
}

static void a_split_takes_its_partitions_along(void **state)
{
    NEED_BROKER();
    static seen a, b;
    a = b = (seen){0};
    for (int i = 0; i < 400; i++)
        send_value(fx.p, fx.four, i % 4, i, NULL);
    flush(fx.p);
    sl_consumer *c = assigned(&a, fx.four, -1, SL_FROM_BEGINNING), *split;
    assert_true(until(c, NULL, &a.n, 1, PATIENCE_MS)); /* some are read, some prefetched */
    sl_bus_partition mine[] = {{fx.four, 1, 0}, {fx.four, 3, 0}};
    sl_consumer_options cb = {.on_record = on_record, .on_error = on_error, .arg = &b};
    assert_int_equal(sl_consumer_split(&split, c, mine, 2, &cb, NULL), SL_OK);
    b.c = split;
    int before = a.n;
    for (int i = 400; i < 800; i++)
        send_value(fx.p, fx.four, i % 4, i, NULL);
    int64_t deadline = sl_mono_ms() + PATIENCE_MS;
    while (a.n + b.n < 800 && sl_mono_ms() < deadline)
        until(c, split, &a.n, 1 << 30, 20);
    assert_int_equal(a.n + b.n, 800);
    for (int i = 0; i < b.n; i++)
        assert_int_equal(b.partition[i] % 2, 1);
    for (int i = before; i < a.n; i++)
        assert_int_equal(a.partition[i] % 2, 0);
    bool there[800] = {false};
    for (int i = 0; i < a.n; i++)
        there[a.value[i]] = true;
    for (int i = 0; i < b.n; i++)
        there[b.value[i]] = true;
    for (int i = 0; i < 800; i++)
        assert_true(there[i]);
    assert_true(sl_consumer_at_end(split));
    sl_consumer_close(split);
    sl_consumer_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_absent_broker_is_an_error_in_time),
        cmocka_unit_test(an_absent_broker_is_reported_to_a_member),
        T(records_arrive_whole),
        T(the_key_chooses_the_partition_as_java_does),
        T(a_record_near_the_limit_passes_and_one_over_it_does_not),
        T(unknown_topics_are_said_so),
        T(admin_calls_answer),
        T(finished_prefixes_are_committed_and_the_rest_comes_again),
        T(polling_for_nothing_serves_but_takes_nothing),
        T(members_share_and_take_over),
        T(a_rewound_record_comes_again),
        T(a_lost_offset_is_reported_and_reading_goes_on),
        T(a_busy_member_that_retention_overtakes_is_told),
        T(a_position_lost_while_reading_is_reported),
        T(a_group_without_offsets_can_start_at_the_end),
        T(a_split_takes_its_partitions_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
