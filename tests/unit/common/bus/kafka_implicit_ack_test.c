/* A record that librdkafka calls delivered only because a later batch was taken (2.0.2's implicit
 * acknowledgement). librdkafka's own mock broker refuses the first batch and takes the second, as a
 * broker does that has just become a partition's leader and does not know the producer yet. */
#include "common/base/clock.h"
#include "common/bus/bus.h"
#include "common/bus/kafka_hook.h"

#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RECORDS = 10, PATIENCE_MS = 30000, ROUND_TRIP_MS = 300 };

static int acked, offsetless;

static void on_ack(void *arg, const sl_delivery *d)
{
    assert_int_equal(d->status, SL_OK);
    acked++;
    offsetless += d->offset < 0;
}

static void send_one(sl_producer *p, int value)
{
    char text[16];
    sl_record r = {.topic = "t", .partition = 0};
    r.value = (sl_str){text, (size_t)snprintf(text, sizeof(text), "%d", value)};
    assert_int_equal(sl_producer_send(p, &r, on_ack, NULL, NULL), SL_OK);
}

static void wait_acks(sl_producer *p, int n)
{
    int64_t deadline = sl_mono_ms() + PATIENCE_MS;
    while (acked < n && sl_mono_ms() < deadline) {
        struct pollfd fd = {sl_producer_fd(p), POLLIN, 0};
        (void)poll(&fd, 1, 50);
        sl_producer_poll(p);
    }
    assert_int_equal(acked, n);
}

static void resend(bool gather)
{
    acked = offsetless = 0;
    rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), NULL, 0);
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(host, 1);
    assert_int_equal(rd_kafka_mock_topic_create(mock, "t", 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    sl_bus_options opt = {.name = "mock",
                          .bootstrap = rd_kafka_mock_cluster_bootstraps(mock),
                          .client_id = "implicit-ack-test"};
    sl_bus *bus;
    sl_producer *p;
    sl_error e = {0};
    assert_int_equal(sl_bus_open(&bus, &opt, &e), SL_OK);
    const char *warm[] = {"t", NULL};
    assert_int_equal(
        sl_producer_open(&p, bus, &(sl_producer_options){.gather = gather, .topics = warm}, &e),
        SL_OK);
    send_one(p, 0); /* the producer id is there, the connection up */
    wait_acks(p, 1);
    /* Two batches under way at once: the first is refused, the second taken. */
    rd_kafka_mock_broker_set_rtt(mock, 1, ROUND_TRIP_MS);
    rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 1,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    send_one(p, 1);
    int64_t until_ms = sl_mono_ms() + ROUND_TRIP_MS / 3;
    while (sl_mono_ms() < until_ms) {
        struct pollfd fd = {sl_producer_fd(p), POLLIN, 0};
        (void)poll(&fd, 1, 10);
        sl_producer_poll(p);
    }
    for (int i = 2; i < RECORDS; i++)
        send_one(p, i);
    wait_acks(p, RECORDS);
    int64_t low, high;
    assert_int_equal(sl_bus_watermarks(bus, "t", 0, &low, &high, 5000, &e), SL_OK);
    print_message("%d acknowledged (%d without an offset), %d in the log\n", acked, offsetless,
                  (int)(high - low));
    assert_int_equal(offsetless, 0);
    assert_true(high - low >= RECORDS);
    sl_producer_close(p);
    sl_bus_free(bus);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(host);
}

static void an_acknowledged_record_is_in_the_log(void **state)
{
    (void)state;
    resend(false);
}

/* The second burst leaves before the first was answered, since that takes longer than 20 ms. */
static void so_it_is_when_records_leave_in_bursts(void **state)
{
    (void)state;
    resend(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_acknowledged_record_is_in_the_log),
                                       cmocka_unit_test(so_it_is_when_records_leave_in_bursts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
