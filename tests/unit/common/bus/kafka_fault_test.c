/* Refused configurations, and what the producer does when the broker answers badly, with
 * librdkafka's mock broker: it injects faults and is never proof of what stands in a log. */
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

enum { PATIENCE_MS = 20000 };

typedef struct acks {
    int n, ok;
    sl_status last;
} acks;

static void on_ack(void *arg, const sl_delivery *d)
{
    acks *a = arg;
    a->n++;
    a->ok += d->status == SL_OK;
    a->last = d->status;
}

static void send_value(sl_producer *p, const char *topic, int32_t partition, int value, acks *a)
{
    char text[16];
    sl_record r = {.topic = topic, .partition = partition};
    r.value = (sl_str){text, (size_t)snprintf(text, sizeof(text), "%d", value)};
    assert_int_equal(sl_producer_send(p, &r, on_ack, a, NULL), SL_OK);
}

static sl_status open_with(const char *name, const char *value, sl_error *e)
{
    struct sl_option_pair pair = {name, value};
    sl_bus_options opt = {.name = "test", .bootstrap = "127.0.0.1:1", .properties = {&pair, 1}};
    sl_bus *b = NULL;
    sl_status s = sl_bus_open(&b, &opt, e);
    sl_bus_free(b);
    return s;
}

static void properties_are_checked_by_name(void **state)
{
    sl_error e;
    assert_int_equal(open_with("ssl.endpoint.identification.algorithm", "https", &e), SL_OK);
    assert_int_equal(open_with("compression.codec", "zstd", &e), SL_OK);
    assert_int_equal(open_with("acks", "1", &e), SL_E_INVALID);
    assert_non_null(strstr(e.text, "acks"));
    assert_int_equal(open_with("enable.idempotence", "false", &e), SL_E_INVALID);
    assert_int_equal(open_with("enable.auto.commit", "true", &e), SL_E_INVALID);
    assert_int_equal(open_with("no.such.property", "1", &e), SL_E_INVALID);
    assert_non_null(strstr(e.text, "no.such.property"));
    assert_int_equal(open_with("socket.timeout.ms", "secret-text", &e), SL_E_INVALID);
    assert_null(strstr(e.text, "secret-text"));
    assert_int_equal(open_with("ssl.ca.location", "/nonexistent/ca.pem", &e), SL_E_NOT_FOUND);
}

typedef struct mock {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    sl_bus *bus;
    sl_producer *p;
} mock;

static void mock_open(mock *m, int message_timeout_ms)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    m->cluster = rd_kafka_mock_cluster_new(m->rk, 1);
    assert_int_equal(rd_kafka_mock_topic_create(m->cluster, "faulty", 1, 1), 0);
    sl_bus_options bus = {.name = "test", .client_id = "bus-test"};
    bus.bootstrap = rd_kafka_mock_cluster_bootstraps(m->cluster);
    assert_int_equal(sl_bus_open(&m->bus, &bus, NULL), SL_OK);
    const char *topics[] = {"faulty", NULL};
    sl_producer_options opt = {.message_timeout_ms = message_timeout_ms, .topics = topics};
    assert_int_equal(sl_producer_open(&m->p, m->bus, &opt, NULL), SL_OK);
}

static void mock_close(mock *m)
{
    sl_producer_close(m->p);
    sl_bus_free(m->bus);
    rd_kafka_mock_cluster_destroy(m->cluster);
    rd_kafka_destroy(m->rk);
}

static void a_sequence_error_rebuilds_the_producer(void **state)
{
    mock m;
    acks a = {0};
    mock_open(&m, 20000);
    send_value(m.p, "faulty", 0, 0, &a);
    assert_int_equal(sl_producer_flush(m.p, PATIENCE_MS), SL_OK);
    assert_int_equal(a.ok, 1);
    rd_kafka_mock_push_request_errors(m.cluster, 0 /* Produce */, 1,
                                      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    for (int i = 1; i <= 50; i++)
        send_value(m.p, "faulty", 0, i, &a);
    int64_t deadline = sl_mono_ms() + PATIENCE_MS;
    while (rd_kafka_fatal_error(sl_kafka_producer_client(m.p), NULL, 0) == 0 && a.n < 51 &&
           sl_mono_ms() < deadline) {
        struct pollfd fd = {sl_producer_fd(m.p), POLLIN, 0};
        (void)poll(&fd, 1, 10);
    }
    assert_true(rd_kafka_fatal_error(sl_kafka_producer_client(m.p), NULL, 0) != 0);
    for (int i = 51; i <= 60; i++) /* taken while it is broken */
        send_value(m.p, "faulty", 0, i, &a);
    assert_int_equal(sl_producer_flush(m.p, PATIENCE_MS), SL_OK);
    assert_int_equal(rd_kafka_fatal_error(sl_kafka_producer_client(m.p), NULL, 0), 0);
    assert_int_equal(a.n, 61);
    assert_int_equal(a.ok, 61);
    mock_close(&m);
}

static void a_rebuild_does_not_stretch_the_time_out(void **state)
{
    mock m;
    acks a = {0};
    mock_open(&m, 2500);
    send_value(m.p, "faulty", 0, 0, &a);
    assert_int_equal(sl_producer_flush(m.p, PATIENCE_MS), SL_OK);
    rd_kafka_mock_broker_set_down(m.cluster, 1);
    int64_t start = sl_mono_ms();
    for (int i = 1; i <= 20; i++)
        send_value(m.p, "faulty", 0, i, &a);
    rd_kafka_test_fatal_error(sl_kafka_producer_client(m.p),
                              RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "test");
    assert_int_equal(sl_producer_flush(m.p, PATIENCE_MS), SL_OK);
    assert_true(sl_mono_ms() - start < 3500);
    assert_int_equal(a.n, 21);
    assert_int_equal(a.ok, 1);
    assert_int_equal(a.last, SL_E_TIMEOUT);
    mock_close(&m);
}

/* The broker appends and its answer is lost: the client sends again and still answers once. */
static void a_lost_acknowledgement_is_one_delivery(void **state)
{
    mock m;
    acks a = {0};
    mock_open(&m, 20000);
    send_value(m.p, "faulty", 0, 0, &a);
    assert_int_equal(sl_producer_flush(m.p, PATIENCE_MS), SL_OK);
    rd_kafka_mock_push_request_errors(m.cluster, 0 /* Produce */, 2, RD_KAFKA_RESP_ERR__TRANSPORT,
                                      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    for (int i = 1; i <= 10; i++)
        send_value(m.p, "faulty", 0, i, &a);
    assert_int_equal(sl_producer_flush(m.p, PATIENCE_MS), SL_OK);
    assert_int_equal(a.n, 11);
    assert_int_equal(a.ok, 11);
    mock_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_are_checked_by_name),
        cmocka_unit_test(a_sequence_error_rebuilds_the_producer),
        cmocka_unit_test(a_rebuild_does_not_stretch_the_time_out),
        cmocka_unit_test(a_lost_acknowledgement_is_one_delivery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
