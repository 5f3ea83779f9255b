/* The in-process bus: delivery, groups, redelivery, splits, faults. */
#include "common/base/clock.h"
#include "common/bus/memory.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct seen {
    sl_consumer *c;
    int n, revoked, errors;
    sl_status error;
    int32_t partition[4096];
    int64_t offset[4096];
    char value[4096][16];
    int finish; /* 1: finish each record at once */
} seen;

static void on_record(void *arg, const sl_record *r)
{
    seen *s = arg;
    assert_true(s->n < 4096);
    s->partition[s->n] = r->partition;
    s->offset[s->n] = r->offset;
    snprintf(s->value[s->n], sizeof(s->value[0]), "%.*s", (int)r->value.n, r->value.p);
    s->n++;
    if (s->finish)
        sl_consumer_finish(s->c, r->topic, r->partition, r->offset);
}

static void on_revoked(void *arg, const char *topic, int32_t partition)
{
    ((seen *)arg)->revoked++;
}

static void on_error(void *arg, const sl_error *e)
{
    ((seen *)arg)->errors++;
    ((seen *)arg)->error = e->code;
}

typedef struct acks {
    int n, ok;
    sl_status last;
    int64_t offset;
    int32_t partition;
} acks;

static void on_ack(void *arg, const sl_delivery *d)
{
    acks *a = arg;
    a->n++;
    a->ok += d->status == SL_OK;
    a->last = d->status;
    a->offset = d->offset;
    a->partition = d->partition;
}

typedef struct fixture {
    sl_bus *bus;
    sl_producer *p;
} fixture;

static int setup(void **state)
{
    static fixture f;
    static unsigned n;
    char name[32];
    snprintf(name, sizeof(name), "memory:test%u", n++);
    sl_bus_options opt = {.name = "test", .bootstrap = name, .client_id = "test"};
    assert_int_equal(sl_bus_open(&f.bus, &opt, NULL), SL_OK);
    sl_topic_spec topics[] = {{"one", 1, 1, NULL}, {"four", 4, 1, NULL}};
    assert_int_equal(sl_bus_topics_create(f.bus, topics, 2, 1000, NULL), SL_OK);
    assert_int_equal(sl_producer_open(&f.p, f.bus, NULL, NULL), SL_OK);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sl_producer_close(f->p);
    sl_bus_free(f->bus);
    return 0;
}

static void send(fixture *f, const char *topic, int32_t partition, const char *value, acks *a)
{
    sl_record r = {.topic = topic, .partition = partition, .value = sl_str_c(value)};
    assert_int_equal(sl_producer_send(f->p, &r, a ? on_ack : NULL, a, NULL), SL_OK);
}

static bool readable(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    return poll(&p, 1, 0) == 1;
}

static sl_consumer *member(fixture *f, seen *s, const char *group)
{
    static const char *const topics[] = {"four", NULL};
    sl_consumer_options opt = {.group = group,
                               .topics = topics,
                               .on_record = on_record,
                               .on_revoked = on_revoked,
                               .on_error = on_error,
                               .arg = s};
    assert_int_equal(sl_consumer_open(&s->c, f->bus, &opt, NULL), SL_OK);
    return s->c;
}

static sl_consumer *assigned(fixture *f, seen *s, const char *topic, int32_t partition,
                             int64_t offset)
{
    sl_bus_partition p = {topic, partition, offset};
    sl_consumer_options opt = {.partitions = &p,
                               .partitions_n = 1,
                               .on_record = on_record,
                               .on_error = on_error,
                               .arg = s};
    assert_int_equal(sl_consumer_open(&s->c, f->bus, &opt, NULL), SL_OK);
    return s->c;
}

static const sl_record whole = {
    .topic = "one",
    .partition = 0,
    .time_ms = 1234567890123,
    .key = {"k\0y", 3},
    .value = {NULL, 0},
    .headers = (const sl_header[]){{{"ce_id", 5}, {"1", 1}},
                                   {{"a", 1}, {NULL, 0}},
                                   {{"ce_id", 5}, {"", 0}}},
    .headers_n = 3,
};

static void check_whole(void *arg, const sl_record *r)
{
    ++*(int *)arg;
    assert_string_equal(r->topic, "one");
    assert_int_equal(r->offset, 0);
    assert_int_equal(r->time_ms, whole.time_ms);
    assert_true(sl_str_eq(r->key, whole.key));
    assert_null(r->value.p);
    assert_int_equal(r->headers_n, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(sl_str_eq(r->headers[i].name, whole.headers[i].name));
        assert_true(sl_str_eq(r->headers[i].value, whole.headers[i].value));
        assert_int_equal(!r->headers[i].value.p, !whole.headers[i].value.p);
    }
}

static void a_record_arrives_whole(void **state)
{
    fixture *f = *state;
    assert_int_equal(sl_producer_send(f->p, &whole, NULL, NULL, NULL), SL_OK);
    int n = 0;
    sl_bus_partition p = {"one", -1, SL_FROM_BEGINNING};
    sl_consumer_options opt = {
        .partitions = &p, .partitions_n = 1, .on_record = check_whole, .arg = &n};
    sl_consumer *c;
    assert_int_equal(sl_consumer_open(&c, f->bus, &opt, NULL), SL_OK);
    assert_int_equal(sl_consumer_poll(c, 10), 1);
    assert_int_equal(n, 1);
    sl_consumer_close(c);
}

static void fds_tell_when_to_poll(void **state)
{
    fixture *f = *state;
    seen s = {0};
    acks a = {0};
    sl_consumer *c = assigned(f, &s, "one", 0, SL_FROM_END);
    assert_int_equal(sl_consumer_poll(c, 10), 0);
    assert_false(readable(sl_consumer_fd(c)));
    assert_false(readable(sl_producer_fd(f->p)));
    send(f, "one", 0, "x", &a);
    assert_int_equal(sl_producer_pending(f->p), 1);
    assert_int_equal(a.n, 0);
    assert_true(readable(sl_consumer_fd(c)));
    assert_true(readable(sl_producer_fd(f->p)));
    sl_producer_poll(f->p);
    assert_int_equal(a.ok, 1);
    assert_int_equal(sl_consumer_poll(c, 0), 0); /* busy: the record waits */
    assert_false(sl_consumer_at_end(c));
    assert_int_equal(sl_consumer_poll(c, 10), 1);
    assert_true(sl_consumer_at_end(c));
    assert_false(readable(sl_consumer_fd(c)));
    assert_false(readable(sl_producer_fd(f->p)));
    sl_consumer_close(c);
}

static void the_key_chooses_the_partition_as_java_does(void **state)
{
    fixture *f = *state;
    /* Utils.toPositive(Utils.murmur2(key)) % 4 of the Java client, for its own test's keys */
    static const struct {
        const char *key;
        int32_t want;
    } rows[] = {{"21", (int32_t)((uint32_t)-973932308 & 0x7fffffff) % 4},
                {"foobar", (int32_t)((uint32_t)-790332482 & 0x7fffffff) % 4},
                {"a-little-bit-long-string", (int32_t)((uint32_t)-985981536 & 0x7fffffff) % 4},
                {"a-little-bit-longer-string", (int32_t)((uint32_t)-1486304829 & 0x7fffffff) % 4},
                {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                 (int32_t)((uint32_t)-58897971 & 0x7fffffff) % 4},
                {"abc", 479470107 % 4}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        acks a = {0};
        sl_record r = {.topic = "four", .partition = -1, .key = sl_str_c(rows[i].key)};
        assert_int_equal(sl_producer_send(f->p, &r, on_ack, &a, NULL), SL_OK);
        sl_producer_poll(f->p);
        assert_int_equal(a.partition, rows[i].want);
    }
}

static void a_closed_members_unfinished_records_come_again(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        char v[8];
        snprintf(v, sizeof(v), "%d", i);
        send(f, "four", 2, v, NULL);
    }
    seen s = {0};
    sl_consumer *c = member(f, &s, "g");
    assert_int_equal(sl_consumer_poll(c, 100), 5);
    assert_true(sl_consumer_assigned(c));
    sl_consumer_finish(c, "four", 2, 0);
    sl_consumer_finish(c, "four", 2, 1);
    sl_consumer_finish(c, "four", 2, 3);
    int64_t committed;
    assert_int_equal(sl_bus_committed(f->bus, "g", "four", 2, &committed, 1000, NULL), SL_OK);
    assert_int_equal(committed, 2);
    assert_int_equal(sl_consumer_committed(c, "four", 2), 2);
    assert_int_equal(sl_consumer_committed(c, "four", 4), -1);
    assert_int_equal(sl_consumer_committed(c, "none", 2), -1);
    sl_consumer_close(c);
    seen t = {0};
    c = member(f, &t, "g");
    assert_int_equal(sl_consumer_poll(c, 100), 3);
    assert_string_equal(t.value[0], "2");
    assert_int_equal(sl_bus_committed(f->bus, "other", "four", 2, &committed, 1000, NULL), SL_OK);
    assert_int_equal(committed, -1);
    sl_consumer_close(c);
}

static void members_share_and_take_over(void **state)
{
    fixture *f = *state;
    seen a = {.finish = 1}, b = {.finish = 1};
    sl_consumer *ca = member(f, &a, "g");
    sl_consumer_poll(ca, 10);
    sl_consumer *cb = member(f, &b, "g");
    sl_consumer_poll(cb, 10);
    assert_false(sl_consumer_assigned(cb)); /* nobody has let go yet */
    sl_consumer_poll(ca, 10);
    assert_int_equal(a.revoked, 2);
    assert_true(readable(sl_consumer_fd(cb)));
    sl_consumer_poll(cb, 10);
    for (int i = 0; i < 40; i++)
        send(f, "four", i % 4, "x", NULL);
    sl_consumer_poll(ca, 100);
    sl_consumer_poll(cb, 100);
    assert_int_equal(a.n, 20);
    assert_int_equal(b.n, 20);
    for (int i = 0; i < 20; i++)
        for (int j = 0; j < 20; j++)
            assert_int_not_equal(a.partition[i], b.partition[j]);
    sl_consumer_close(cb);
    for (int i = 0; i < 40; i++)
        send(f, "four", i % 4, "x", NULL);
    assert_int_equal(sl_consumer_poll(ca, 100), 40);
    sl_consumer_close(ca);
}

static void a_rewound_record_comes_again(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 3; i++)
        send(f, "four", 1, "x", NULL);
    seen s = {0};
    sl_consumer *c = member(f, &s, "g");
    assert_int_equal(sl_consumer_poll(c, 10), 3);
    sl_consumer_finish(c, "four", 1, 1);
    assert_int_equal(sl_consumer_rewind(c, "four", 1, 0), SL_OK);
    assert_true(readable(sl_consumer_fd(c)));
    assert_int_equal(sl_consumer_poll(c, 10), 2);
    assert_int_equal(s.offset[3], 0);
    assert_int_equal(s.offset[4], 2);
    assert_int_equal(sl_consumer_rewind(c, "four", 1, 7), SL_E_INVALID);
    assert_int_equal(sl_consumer_rewind(c, "four", 9, 0), SL_E_NOT_FOUND);
    sl_consumer_close(c);
}

static void a_split_takes_its_partitions_along(void **state)
{
    fixture *f = *state;
    seen a = {0}, b = {0};
    sl_consumer *c = assigned(f, &a, "four", -1, SL_FROM_BEGINNING), *split;
    sl_bus_partition mine[] = {{"four", 1, 0}, {"four", 3, 0}}, none = {"one", 0, 0};
    sl_consumer_options cb = {.on_record = on_record, .arg = &b};
    assert_int_equal(sl_consumer_split(&split, c, &none, 1, &cb, NULL), SL_E_NOT_FOUND);
    send(f, "four", 1, "early", NULL);
    assert_int_equal(sl_consumer_split(&split, c, mine, 2, &cb, NULL), SL_OK);
    sl_consumer_poll(c, 10);
    for (int i = 0; i < 4; i++)
        send(f, "four", i, "x", NULL);
    assert_true(readable(sl_consumer_fd(split)));
    assert_int_equal(sl_consumer_poll(split, 10), 3);
    assert_int_equal(sl_consumer_poll(c, 10), 2);
    assert_int_equal(b.partition[0] % 2, 1);
    sl_consumer_close(split);
    sl_consumer_close(c);
}

static void deleted_records_are_reported(void **state)
{
    fixture *f = *state;
    seen s = {0};
    sl_consumer *c = assigned(f, &s, "one", 0, SL_FROM_BEGINNING);
    for (int i = 0; i < 10; i++)
        send(f, "one", 0, "x", NULL);
    sl_memory_trim(f->bus, "one", 0, 4);
    assert_int_equal(sl_consumer_poll(c, 100), 6);
    assert_int_equal(s.errors, 1);
    assert_int_equal(s.error, SL_E_CORRUPT);
    sl_memory_retain(f->bus, 1);
    send(f, "one", 0, "y", NULL);
    int64_t low, high;
    assert_int_equal(sl_bus_watermarks(f->bus, "one", 0, &low, &high, 100, NULL), SL_OK);
    assert_int_equal(low, 10);
    assert_int_equal(high, 11);
    sl_consumer_close(c);
}

static void faults_do_what_they_say(void **state)
{
    fixture *f = *state;
    acks a = {0};
    int64_t low, high;
    sl_memory_fail_sends(f->bus, "one", 1, SL_MEMORY_LOST, SL_E_UNAVAILABLE);
    send(f, "four", 0, "x", &a);
    sl_producer_poll(f->p);
    assert_int_equal(a.last, SL_OK);
    send(f, "one", 0, "x", &a);
    sl_producer_poll(f->p);
    assert_int_equal(a.last, SL_E_UNAVAILABLE);
    sl_memory_fail_sends(f->bus, NULL, 1, SL_MEMORY_ACK_LOST, SL_E_TIMEOUT);
    send(f, "one", 0, "x", &a);
    sl_producer_poll(f->p);
    assert_int_equal(a.last, SL_E_TIMEOUT);
    assert_int_equal(sl_bus_watermarks(f->bus, "one", 0, &low, &high, 100, NULL), SL_OK);
    assert_int_equal(high, 1);
    sl_memory_full(f->bus, 1);
    sl_record r = {.topic = "one"};
    assert_int_equal(sl_producer_send(f->p, &r, NULL, NULL, NULL), SL_E_FULL);
    assert_int_equal(sl_producer_send(f->p, &r, NULL, NULL, NULL), SL_OK);
    a = (acks){0};
    sl_memory_hold(f->bus, true);
    send(f, "one", 0, "x", &a);
    sl_producer_poll(f->p);
    assert_int_equal(a.n, 0);
    assert_int_equal(sl_producer_flush(f->p, 0), SL_E_TIMEOUT);
    sl_memory_hold(f->bus, false);
    assert_true(readable(sl_producer_fd(f->p)));
    assert_int_equal(sl_producer_flush(f->p, 0), SL_OK);
    assert_int_equal(a.ok, 1);
    sl_memory_down(f->bus, true);
    assert_int_equal(sl_bus_watermarks(f->bus, "one", 0, &low, &high, 100, NULL), SL_E_UNAVAILABLE);
    sl_memory_down(f->bus, false);
}

static void bad_arguments_are_refused(void **state)
{
    fixture *f = *state;
    sl_error e;
    sl_record r = {.topic = "no good"};
    assert_int_equal(sl_producer_send(f->p, &r, NULL, NULL, &e), SL_E_INVALID);
    r.topic = "one";
    r.partition = -2;
    assert_int_equal(sl_producer_send(f->p, &r, NULL, NULL, &e), SL_E_INVALID);
    r.partition = 0;
    static char big[1114113];
    r.value = (sl_str){big, sizeof(big)};
    assert_int_equal(sl_producer_send(f->p, &r, NULL, NULL, &e), SL_E_TOO_LARGE);
    acks a = {0};
    send(f, "absent", 0, "x", &a);
    send(f, "one", 1, "x", &a);
    sl_producer_poll(f->p);
    assert_int_equal(a.n, 2);
    assert_int_equal(a.ok, 0);
    assert_int_equal(a.last, SL_E_NOT_FOUND);
    sl_topic_spec more = {"one", 2, 1, NULL};
    assert_int_equal(sl_bus_topics_create(f->bus, &more, 1, 100, &e), SL_E_CONFLICT);
    sl_bus *b;
    assert_int_equal(sl_bus_open(&b, &(sl_bus_options){.bootstrap = "memory:"}, &e), SL_E_INVALID);
    assert_int_equal(sl_bus_open(&b, &(sl_bus_options){0}, &e), SL_E_INVALID);
}

static void times_find_offsets(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 4; i++) {
        sl_record r = {.topic = "one", .time_ms = 1000 + 10 * i};
        assert_int_equal(sl_producer_send(f->p, &r, NULL, NULL, NULL), SL_OK);
    }
    int64_t at;
    assert_int_equal(sl_bus_offset_at(f->bus, "one", 0, 1011, &at, 100, NULL), SL_OK);
    assert_int_equal(at, 2);
    assert_int_equal(sl_bus_offset_at(f->bus, "one", 0, 5000, &at, 100, NULL), SL_OK);
    assert_int_equal(at, 4);
}

/* An echo in another thread: everything comes back, once, in order, and no wake-up is lost. */
enum { ECHOES = 200000 };

typedef struct echo {
    sl_bus *bus;
    sl_producer *p;
    sl_consumer *c;
    int n;
} echo;

static void echo_record(void *arg, const sl_record *r)
{
    echo *e = arg;
    sl_record out = {.topic = "four", .partition = 3, .value = r->value};
    assert_int_equal(sl_producer_send(e->p, &out, NULL, NULL, NULL), SL_OK);
    e->n++;
}

static void *echo_main(void *arg)
{
    echo *e = arg;
    while (e->n < ECHOES) {
        struct pollfd p = {sl_consumer_fd(e->c), POLLIN, 0};
        if (poll(&p, 1, 10000) != 1)
            break;
        while (sl_consumer_poll(e->c, 16) == 16)
            ;
    }
    return NULL;
}

static void back(void *arg, const sl_record *r)
{
    int64_t *n = arg, i;
    memcpy(&i, r->value.p, sizeof(i));
    assert_int_equal(i, *n);
    ++*n;
}

static void an_echo_thread_answers_every_record(void **state)
{
    fixture *f = *state;
    echo e = {.bus = f->bus};
    int64_t got = 0, sent = 0;
    sl_bus_partition there = {"one", 0, SL_FROM_END}, here = {"four", 3, SL_FROM_END};
    sl_consumer_options opt = {
        .partitions = &there, .partitions_n = 1, .on_record = echo_record, .arg = &e};
    assert_int_equal(sl_consumer_open(&e.c, f->bus, &opt, NULL), SL_OK);
    assert_int_equal(sl_producer_open(&e.p, f->bus, NULL, NULL), SL_OK);
    opt = (sl_consumer_options){
        .partitions = &here, .partitions_n = 1, .on_record = back, .arg = &got};
    sl_consumer *c;
    assert_int_equal(sl_consumer_open(&c, f->bus, &opt, NULL), SL_OK);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, echo_main, &e), 0);
    sl_consumer_poll(c, 16);
    while (got < ECHOES) {
        while (sent < ECHOES && sent - got < 8) {
            sl_record r = {.topic = "one", .value = {(char *)&sent, sizeof(sent)}};
            assert_int_equal(sl_producer_send(f->p, &r, NULL, NULL, NULL), SL_OK);
            sent++;
        }
        struct pollfd p = {sl_consumer_fd(c), POLLIN, 0};
        assert_int_equal(poll(&p, 1, 10000), 1);
        while (sl_consumer_poll(c, 16) == 16)
            ;
    }
    pthread_join(t, NULL);
    sl_consumer_close(c);
    sl_consumer_close(e.c);
    sl_producer_close(e.p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_record_arrives_whole),
        T(fds_tell_when_to_poll),
        T(the_key_chooses_the_partition_as_java_does),
        T(a_closed_members_unfinished_records_come_again),
        T(members_share_and_take_over),
        T(a_rewound_record_comes_again),
        T(a_split_takes_its_partitions_along),
        T(deleted_records_are_reported),
        T(faults_do_what_they_say),
        T(bad_arguments_are_refused),
        T(times_find_offsets),
        T(an_echo_thread_answers_every_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
