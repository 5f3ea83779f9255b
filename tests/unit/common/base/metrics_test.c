#include "common/base/metrics.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

enum { REQUESTS, OPEN, SECONDS, QUIET };
static const char *const classes[] = {"public", "private \"q\"", NULL};
static const double bounds[] = {0.1, 1, 2.5, 0};
static const sl_metric table[] = {
    [REQUESTS] = {"sluice_requests_total", SL_COUNTER, "Requests\nby class \\.", "class", classes,
                  NULL},
    [OPEN] = {"sluice_open", SL_GAUGE, "Open.", NULL, NULL, NULL},
    [SECONDS] = {"sluice_request_seconds", SL_HISTOGRAM, "Time.", "class", classes, bounds},
    [QUIET] = {"sluice_quiet_seconds", SL_HISTOGRAM, "Never.", NULL, NULL, bounds},
};

static void renders_the_text_format(void **state)
{
    sl_metrics *m = NULL;
    sl_metrics_shard *a = NULL, *b = NULL;
    sl_error e;
    assert_int_equal(sl_metrics_open(&m, table, 4, &e), SL_OK);
    assert_int_equal(sl_metrics_shard_open(m, &a, &e), SL_OK);
    assert_int_equal(sl_metrics_shard_open(m, &b, &e), SL_OK);
    sl_metrics_add(a, REQUESTS, 0, 2);
    sl_metrics_add(b, REQUESTS, 0, 3);
    sl_metrics_add(b, REQUESTS, 1, 1);
    sl_metrics_gauge(a, OPEN, 0, 7);
    sl_metrics_gauge(a, OPEN, 0, 4);
    sl_metrics_gauge(b, OPEN, 0, 0.5);
    sl_metrics_observe(a, SECONDS, 0, 0.1); /* on the bound */
    sl_metrics_observe(b, SECONDS, 0, 0.2);
    sl_metrics_observe(b, SECONDS, 0, 99);
    sl_metrics_observe(b, SECONDS, 0, NAN);
    /* wrong kinds and indexes change nothing */
    sl_metrics_add(a, OPEN, 0, 1);
    sl_metrics_add(a, REQUESTS, 2, 1);
    sl_metrics_add(a, 99, 0, 1);
    sl_metrics_observe(a, REQUESTS, 0, 1);
    sl_buf out = {0};
    sl_metrics_render(m, &out);
    assert_string_equal(out.data,
                        "# HELP sluice_requests_total Requests\\nby class \\\\.\n"
                        "# TYPE sluice_requests_total counter\n"
                        "sluice_requests_total{class=\"public\"} 5\n"
                        "sluice_requests_total{class=\"private \\\"q\\\"\"} 1\n"
                        "# HELP sluice_open Open.\n"
                        "# TYPE sluice_open gauge\n"
                        "sluice_open 4.5\n"
                        "# HELP sluice_request_seconds Time.\n"
                        "# TYPE sluice_request_seconds histogram\n"
                        "sluice_request_seconds_bucket{class=\"public\",le=\"0.1\"} 1\n"
                        "sluice_request_seconds_bucket{class=\"public\",le=\"1\"} 2\n"
                        "sluice_request_seconds_bucket{class=\"public\",le=\"2.5\"} 2\n"
                        "sluice_request_seconds_bucket{class=\"public\",le=\"+Inf\"} 3\n"
                        "sluice_request_seconds_sum{class=\"public\"} 99.3\n"
                        "sluice_request_seconds_count{class=\"public\"} 3\n"
                        "sluice_request_seconds_bucket{class=\"private \\\"q\\\"\",le=\"0.1\"} 0\n"
                        "sluice_request_seconds_bucket{class=\"private \\\"q\\\"\",le=\"1\"} 0\n"
                        "sluice_request_seconds_bucket{class=\"private \\\"q\\\"\",le=\"2.5\"} 0\n"
                        "sluice_request_seconds_bucket{class=\"private \\\"q\\\"\",le=\"+Inf\"} 0\n"
                        "sluice_request_seconds_sum{class=\"private \\\"q\\\"\"} 0\n"
                        "sluice_request_seconds_count{class=\"private \\\"q\\\"\"} 0\n"
                        "# HELP sluice_quiet_seconds Never.\n"
                        "# TYPE sluice_quiet_seconds histogram\n"
                        "sluice_quiet_seconds_bucket{le=\"0.1\"} 0\n"
                        "sluice_quiet_seconds_bucket{le=\"1\"} 0\n"
                        "sluice_quiet_seconds_bucket{le=\"2.5\"} 0\n"
                        "sluice_quiet_seconds_bucket{le=\"+Inf\"} 0\n"
                        "sluice_quiet_seconds_sum 0\n"
                        "sluice_quiet_seconds_count 0\n");
    sl_metrics_free(m);
    sl_metrics_free(NULL);
    sl_buf_done(&out);
}

#define THREADS 4
#define ROUNDS  20000
static sl_metrics *shared;
static atomic_int running;

static void *count(void *arg)
{
    sl_metrics_shard *s = arg;
    for (int i = 0; i < ROUNDS; i++) {
        sl_metrics_add(s, REQUESTS, 1, 1);
        sl_metrics_observe(s, SECONDS, 1, 0.5);
        sl_metrics_gauge(s, OPEN, 0, i);
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

static uint64_t value_of(const char *text, const char *series)
{
    const char *at = strstr(text, series);
    assert_non_null(at);
    return strtoull(at + strlen(series), NULL, 10);
}

/* Rendering runs beside the writers: sums never fall, and the end is exact. */
static void sums_shards_of_threads(void **state)
{
    pthread_t threads[THREADS];
    assert_int_equal(sl_metrics_open(&shared, table, 4, NULL), SL_OK);
    atomic_store(&running, THREADS);
    for (int i = 0; i < THREADS; i++) {
        sl_metrics_shard *s = NULL;
        assert_int_equal(sl_metrics_shard_open(shared, &s, NULL), SL_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, count, s), 0);
    }
    const char *series = "sluice_requests_total{class=\"private \\\"q\\\"\"} ";
    uint64_t last = 0;
    sl_buf out = {0};
    do {
        sl_buf_clear(&out);
        sl_metrics_render(shared, &out);
        uint64_t now = value_of(out.data, series);
        assert_true(now >= last && now <= THREADS * ROUNDS);
        last = now;
    } while (atomic_load(&running));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    sl_buf_clear(&out);
    sl_metrics_render(shared, &out);
    assert_int_equal(value_of(out.data, series), THREADS * ROUNDS);
    assert_int_equal(value_of(out.data, "sluice_request_seconds_sum{class=\"private \\\"q\\\"\"} "),
                     THREADS * ROUNDS / 2);
    assert_int_equal(value_of(out.data, "\nsluice_open "), THREADS * (ROUNDS - 1));
    sl_metrics_free(shared);
    sl_buf_done(&out);
}

static void refuses_bad_tables(void **state)
{
    static const double falling[] = {1, 0.5, 0};
    static const sl_metric bad[][2] = {
        {{"9x", SL_COUNTER, "h", NULL, NULL, NULL}, {"b", SL_COUNTER, "h", NULL, NULL, NULL}},
        {{"a-b", SL_COUNTER, "h", NULL, NULL, NULL}, {"b", SL_COUNTER, "h", NULL, NULL, NULL}},
        {{"a", SL_COUNTER, "h", NULL, NULL, NULL}, {"a", SL_COUNTER, "h", NULL, NULL, NULL}},
        {{"a", SL_HISTOGRAM, "h", NULL, NULL, NULL}, {"b", SL_COUNTER, "h", NULL, NULL, NULL}},
        {{"a", SL_HISTOGRAM, "h", NULL, NULL, falling}, {"b", SL_COUNTER, "h", NULL, NULL, NULL}},
        {{"a", SL_COUNTER, "h", "l", NULL, NULL}, {"b", SL_COUNTER, "h", NULL, NULL, NULL}},
        {{"a", SL_COUNTER, "h", "l:", classes, NULL}, {"b", SL_COUNTER, "h", NULL, NULL, NULL}},
        {{"a", SL_COUNTER, NULL, NULL, NULL, NULL}, {"b", SL_COUNTER, "h", NULL, NULL, NULL}},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sl_metrics *m = NULL;
        assert_int_not_equal(sl_metrics_open(&m, bad[i], 2, NULL), SL_OK);
        assert_null(m);
    }
}

static void documents(void **state)
{
    sl_buf out = {0};
    sl_metrics_doc("sluice-test", table, 4, &out);
    assert_non_null(strstr(out.data, "## sluice-test\n"));
    assert_non_null(strstr(out.data, "| `sluice_open` | gauge |  | Open. |\n"));
    sl_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_the_text_format),
        cmocka_unit_test(sums_shards_of_threads),
        cmocka_unit_test(refuses_bad_tables),
        cmocka_unit_test(documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
