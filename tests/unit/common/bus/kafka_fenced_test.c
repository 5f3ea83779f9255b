/* Members of a group with a name of their own (group.instance.id) on a real broker: fenced, they
 * join again. */
#include "tests/unit/common/bus/kafka_rig.h"

static sl_consumer *named(seen *s, const char *name)
{
    const char *topics[] = {fx.one, NULL};
    sl_consumer_options opt = {.group = fx.group,
                               .instance = name,
                               .topics = topics,
                               .on_record = on_record,
                               .on_revoked = on_revoked,
                               .on_error = on_error,
                               .arg = s};
    s->finish = true;
    assert_int_equal(sl_consumer_open(&s->c, fx.bus, &opt, NULL), SL_OK);
    return s->c;
}

static void send_and_flush(int from, int to)
{
    for (int i = from; i < to; i++)
        send_value(fx.p, fx.one, 0, i, NULL);
    assert_int_equal(sl_producer_flush(fx.p, 10000), SL_OK);
}

/* What a join that was carried out and never answered does to the member. */
static void a_fenced_member_goes_on(void **state)
{
    NEED_BROKER();
    static seen s;
    s = (seen){0};
    sl_consumer *c = named(&s, "goes-on");
    send_and_flush(0, 10);
    assert_true(until(c, NULL, &s.n, 10, PATIENCE_MS));
    rd_kafka_t *first = sl_kafka_consumer_client(c);
    rd_kafka_test_fatal_error(first, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "a test says so");
    assert_true(until(c, NULL, &s.errors, 1, PATIENCE_MS));
    assert_int_equal(s.last_error, SL_E_CONFLICT);
    assert_true(until(c, NULL, &s.revoked, 1, PATIENCE_MS));
    assert_ptr_not_equal(sl_kafka_consumer_client(c), first);
    send_and_flush(10, 20);
    /* What could not be committed any more comes again. */
    assert_true(until(c, NULL, &s.n, 20, PATIENCE_MS));
    while (s.value[s.n - 1] != 19)
        assert_true(until(c, NULL, &s.n, s.n + 1, PATIENCE_MS));
    for (int i = 1; i < s.n; i++)
        assert_true(s.value[i] == s.value[i - 1] + 1 || (i == 10 && !s.value[i]));
    int64_t last = s.offset[s.n - 1];
    sl_consumer_close(c);
    assert_int_equal(committed(fx.one, 0), last + 1);
}

/* The later one takes the work over; the first takes it back when the other has gone. */
static void the_name_is_taken_back(void **state)
{
    NEED_BROKER();
    static seen s, t;
    s = t = (seen){0};
    sl_consumer *c = named(&s, "taken");
    send_and_flush(0, 1);
    assert_true(until(c, NULL, &s.n, 1, PATIENCE_MS));
    sl_consumer *d = named(&t, "taken");
    assert_true(until(c, d, &s.errors, 1, PATIENCE_MS));
    assert_int_equal(s.last_error, SL_E_CONFLICT);
    sl_consumer_close(d);
    int before = s.n;
    send_and_flush(1, 2);
    assert_true(until(c, NULL, &s.n, before + 1, PATIENCE_MS));
    sl_consumer_close(c);
}

/* However often: the client of each time is replaced, and closing in between waits for nothing. */
static void a_broken_member_can_be_closed(void **state)
{
    NEED_BROKER();
    static seen s;
    s = (seen){0};
    sl_consumer *c = named(&s, "closed");
    rd_kafka_test_fatal_error(sl_kafka_consumer_client(c), RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
                              "a test says so");
    assert_true(until(c, NULL, &s.errors, 1, PATIENCE_MS));
    int64_t began = sl_mono_ms();
    sl_consumer_close(c);
    assert_true(sl_mono_ms() - began < 7000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_fenced_member_goes_on),
        T(the_name_is_taken_back),
        T(a_broken_member_can_be_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
