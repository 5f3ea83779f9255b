/* kafka_rig.h - what the tests of the bus on a real broker share. SLUICE_TEST_KAFKA holds its
 * bootstrap address (plain text); without it the tests that need a broker are skipped by name.
 * Each test program includes it once. */
#ifndef TESTS_UNIT_COMMON_BUS_KAFKA_RIG_H
#define TESTS_UNIT_COMMON_BUS_KAFKA_RIG_H

#include "common/base/clock.h"
#include "common/bus/bus.h"
#include "common/bus/kafka_hook.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RIG __attribute__((unused))

enum { SEEN_MAX = 20000, PATIENCE_MS = 60000 };

typedef struct seen {
    sl_consumer *c;
    int n, revoked, errors;
    sl_status last_error;
    bool finish;      /* each record at once */
    bool finish_late; /* those of a partition when it is revoked */
    int32_t partition[SEEN_MAX];
    int64_t offset[SEEN_MAX];
    int value[SEEN_MAX];
} seen;

typedef struct acks {
    int n, ok;
    sl_status last;
    int32_t partition;
} acks;

typedef struct fixture {
    const char *bootstrap;
    sl_bus *bus;
    sl_producer *p;
    char one[64], four[64], group[64];
} fixture;

static fixture fx;

static RIG void on_record(void *arg, const sl_record *r)
{
    seen *s = arg;
    assert_true(s->n < SEEN_MAX);
    s->partition[s->n] = r->partition;
    s->offset[s->n] = r->offset;
    char text[16] = "";
    if (r->value.n < sizeof(text))
        memcpy(text, r->value.p, r->value.n);
    s->value[s->n++] = atoi(text);
    if (s->finish)
        sl_consumer_finish(s->c, r->topic, r->partition, r->offset);
}

static RIG void on_revoked(void *arg, const char *topic, int32_t partition)
{
    seen *s = arg;
    s->revoked++;
    for (int i = 0; s->finish_late && i < s->n; i++)
        if (s->partition[i] == partition)
            sl_consumer_finish(s->c, topic, partition, s->offset[i]);
}

static RIG void on_error(void *arg, const sl_error *e)
{
    ((seen *)arg)->errors++;
    ((seen *)arg)->last_error = e->code;
    print_message("on_error: %s\n", e->text);
}

static RIG void on_ack(void *arg, const sl_delivery *d)
{
    acks *a = arg;
    a->n++;
    a->ok += d->status == SL_OK;
    a->last = d->status;
    a->partition = d->partition;
}

static RIG void open_bus(sl_bus **ret, const char *bootstrap)
{
    sl_bus_options opt = {.name = "test", .bootstrap = bootstrap, .client_id = "bus-test"};
    sl_error e = {0};
    if (sl_bus_open(ret, &opt, &e) != SL_OK)
        fail_msg("%s", e.text);
}

static RIG int setup(void **state)
{
    fx.bootstrap = getenv("SLUICE_TEST_KAFKA");
    if (!fx.bootstrap)
        return 0;
    char id[SL_UUID_TEXT];
    sl_uuid7(id);
    snprintf(fx.one, sizeof(fx.one), "bus-test-one-%s", id);
    snprintf(fx.four, sizeof(fx.four), "bus-test-four-%s", id);
    snprintf(fx.group, sizeof(fx.group), "bus-test-%s", id);
    open_bus(&fx.bus, fx.bootstrap);
    const char *config[] = {"max.message.bytes=1114112", "retention.ms=3600000", NULL};
    sl_topic_spec topics[] = {{fx.one, 1, 1, config}, {fx.four, 4, 1, NULL}};
    sl_error e = {0};
    if (sl_bus_topics_create(fx.bus, topics, 2, 10000, &e) != SL_OK)
        fail_msg("%s", e.text);
    const char *warm[] = {fx.one, fx.four, NULL};
    sl_producer_options opt = {.topics = warm};
    assert_int_equal(sl_producer_open(&fx.p, fx.bus, &opt, &e), SL_OK);
    return 0;
}

static RIG int teardown(void **state)
{
    if (!fx.bootstrap)
        return 0;
    sl_producer_close(fx.p);
    sl_bus_free(fx.bus);
    return 0;
}

#define NEED_BROKER()                                                 \
    do {                                                              \
        if (!fx.bootstrap) {                                          \
            print_message("skipped: SLUICE_TEST_KAFKA is not set\n"); \
            skip();                                                   \
        }                                                             \
    } while (0)

static RIG void send_value(sl_producer *p, const char *topic, int32_t partition, int value, acks *a)
{
    char text[16];
    sl_record r = {.topic = topic, .partition = partition};
    r.value = (sl_str){text, (size_t)snprintf(text, sizeof(text), "%d", value)};
    sl_error e = {0};
    if (sl_producer_send(p, &r, a ? on_ack : NULL, a, &e) != SL_OK)
        fail_msg("%s", e.text);
}

/* Polls c (and d, when not NULL) until *n reaches `want`, or time is up. */
static RIG bool until(sl_consumer *c, sl_consumer *d, const int *n, int want, int timeout_ms)
{
    int64_t deadline = sl_mono_ms() + timeout_ms;
    while (*n < want && sl_mono_ms() < deadline) {
        struct pollfd fds[2] = {{sl_consumer_fd(c), POLLIN, 0},
                                {d ? sl_consumer_fd(d) : -1, POLLIN, 0}};
        (void)poll(fds, 2, 50);
        if (fx.p)
            sl_producer_poll(fx.p); /* it may have something to send again */
        while (sl_consumer_poll(c, 100) == 100)
            ;
        while (d && sl_consumer_poll(d, 100) == 100)
            ;
    }
    return *n >= want;
}

static RIG sl_consumer *member(seen *s, const char *topic, const char *group, bool from_end)
{
    const char *topics[] = {topic, NULL};
    sl_consumer_options opt = {.group = group,
                               .topics = topics,
                               .from_end = from_end,
                               .on_record = on_record,
                               .on_revoked = on_revoked,
                               .on_error = on_error,
                               .arg = s};
    assert_int_equal(sl_consumer_open(&s->c, fx.bus, &opt, NULL), SL_OK);
    return s->c;
}

static RIG sl_consumer *assigned(seen *s, const char *topic, int32_t partition, int64_t offset)
{
    sl_bus_partition p = {topic, partition, offset};
    sl_consumer_options opt = {.partitions = &p,
                               .partitions_n = 1,
                               .on_record = on_record,
                               .on_error = on_error,
                               .arg = s};
    sl_error e = {0};
    if (sl_consumer_open(&s->c, fx.bus, &opt, &e) != SL_OK)
        fail_msg("%s", e.text);
    return s->c;
}

static RIG int64_t committed(const char *topic, int32_t partition)
{
    int64_t at = -2;
    sl_error e = {0};
    if (sl_bus_committed(fx.bus, fx.group, topic, partition, &at, 5000, &e) != SL_OK)
        fail_msg("%s", e.text);
    return at;
}

static RIG void flush(sl_producer *p)
{
    assert_int_equal(sl_producer_flush(p, PATIENCE_MS), SL_OK);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
