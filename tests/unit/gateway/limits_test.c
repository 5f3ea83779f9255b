/* limits_test.c - a key's buckets and places, with a clock of its own. */
#include "gateway/limits.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S 1000000ll /* microseconds */

static void requests_fill_in_a_minute(void **state)
{
    (void)state;
    sl_rates r = {.requests = 60};
    sl_limit *l = sl_limit_new();
    sl_limit_view v;
    for (int i = 0; i < 60; i++) {
        assert_int_equal(sl_limit_take(l, &r, 0, 1000, &v), SL_LIMIT_OK);
        assert_int_equal(v.requests_left, 59 - i);
        assert_int_equal(v.requests_reset_us, (i + 1) * S);
    }
    assert_int_equal(sl_limit_take(l, &r, 0, 1000, &v), SL_LIMIT_REQUESTS);
    assert_int_equal(v.wait_us, S);
    assert_int_equal(sl_limit_take(l, &r, 0, 1000 + S - 1, &v), SL_LIMIT_REQUESTS);
    assert_int_equal(v.wait_us, 1);
    assert_int_equal(sl_limit_take(l, &r, 0, 1000 + S, &v), SL_LIMIT_OK);
    assert_int_equal(sl_limit_take(l, &r, 0, 1000 + S, &v), SL_LIMIT_REQUESTS);
    /* an hour does not save up more than a minute */
    for (int i = 0; i < 60; i++)
        assert_int_equal(sl_limit_take(l, &r, 0, 3600 * S, &v), SL_LIMIT_OK);
    assert_int_equal(sl_limit_take(l, &r, 0, 3600 * S, &v), SL_LIMIT_REQUESTS);
    /* a clock that goes back gives nothing */
    assert_int_equal(sl_limit_take(l, &r, 0, 0, &v), SL_LIMIT_REQUESTS);
    sl_limit_unref(l);
}

static void tokens_are_settled(void **state)
{
    (void)state;
    sl_rates r = {.tokens = 600};
    sl_limit *l = sl_limit_new();
    sl_limit_view v;
    assert_int_equal(sl_limit_take(l, &r, 500, 0, &v), SL_LIMIT_OK);
    assert_int_equal(v.tokens_left, 100);
    assert_int_equal(v.tokens_reset_us, 50 * S);
    assert_int_equal(sl_limit_take(l, &r, 101, 0, &v), SL_LIMIT_TOKENS);
    assert_int_equal(v.wait_us, S / 10);
    sl_limit_give(l, &r, 500, 20, 0); /* it used less: the rest is there again */
    assert_int_equal(sl_limit_take(l, &r, 580, 0, &v), SL_LIMIT_OK);
    assert_int_equal(v.tokens_left, 0);
    sl_limit_give(l, &r, 580, 880, 0); /* and more: 300 are owed */
    assert_int_equal(sl_limit_look(l, &r, 0, &v), SL_LIMIT_TOKENS);
    assert_int_equal(v.tokens_left, 0);
    assert_int_equal(v.wait_us, 30 * S + S / 10);
    assert_int_equal(sl_limit_look(l, &r, 30 * S + S / 10, &v), SL_LIMIT_OK);
    sl_limit_unref(l);
}

/* What a worker says it used is bounded: at most two minutes, whatever the number. */
static void a_lie_costs_a_minute(void **state)
{
    (void)state;
    static const int64_t lies[] = {INT64_MAX, 1ll << 53, SL_RATE_MOST, -1, INT64_MIN};
    sl_rates r = {.tokens = SL_RATE_MOST};
    for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
        sl_limit *l = sl_limit_new();
        sl_limit_view v;
        assert_int_equal(sl_limit_take(l, &r, 1000, 0, &v), SL_LIMIT_OK);
        sl_limit_give(l, &r, 1000, lies[i], 0);
        sl_limit_look(l, &r, 0, &v);
        assert_true(v.tokens_left >= 0 && v.tokens_left <= SL_RATE_MOST);
        assert_int_equal(sl_limit_take(l, &r, SL_RATE_MOST, 120 * S, &v), SL_LIMIT_OK);
        sl_limit_unref(l);
    }
}

/* It would never pass otherwise. */
static void more_than_a_minute_holds_waits_for_all(void **state)
{
    (void)state;
    sl_rates r = {.tokens = 60};
    sl_limit *l = sl_limit_new();
    sl_limit_view v;
    assert_int_equal(sl_limit_take(l, &r, INT64_MAX, 0, &v), SL_LIMIT_OK);
    assert_int_equal(sl_limit_take(l, &r, INT64_MAX, 59 * S, &v), SL_LIMIT_TOKENS);
    assert_int_equal(sl_limit_take(l, &r, INT64_MAX, 60 * S, &v), SL_LIMIT_OK);
    sl_limit_unref(l);
}

static void all_or_nothing(void **state)
{
    (void)state;
    sl_rates r = {.requests = 2, .tokens = 100, .concurrency = 2};
    sl_limit *l = sl_limit_new();
    sl_limit_view v;
    assert_int_equal(sl_limit_take(l, &r, 60, 0, &v), SL_LIMIT_OK);
    assert_int_equal(sl_limit_take(l, &r, 60, 0, &v), SL_LIMIT_TOKENS);
    assert_int_equal(v.requests_left, 1); /* the refused one took none */
    assert_int_equal(v.tokens_left, 40);
    assert_int_equal(v.running, 1);
    assert_int_equal(sl_limit_take(l, &r, 10, 0, &v), SL_LIMIT_OK);
    assert_int_equal(sl_limit_take(l, &r, 10, 0, &v), SL_LIMIT_CONCURRENCY);
    assert_int_equal(v.tokens_left, 30);
    sl_limit_give(l, &r, 60, 0, 0);
    assert_int_equal(sl_limit_take(l, &r, 10, 0, &v), SL_LIMIT_REQUESTS);
    assert_int_equal(v.wait_us, 30 * S);
    assert_int_equal(v.running, 1);
    sl_limit_unref(l);
}

static void no_limit_is_no_limit(void **state)
{
    (void)state;
    sl_rates none = {0};
    sl_limit *l = sl_limit_new();
    sl_limit_view v;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(sl_limit_take(l, &none, INT64_MAX, 0, &v), SL_LIMIT_OK);
    assert_int_equal(v.running, 1000);
    for (int i = 0; i < 1000; i++)
        sl_limit_give(l, &none, INT64_MAX, INT64_MAX, 0);
    sl_limit_look(l, &none, 0, &v);
    assert_int_equal(v.running, 0);
    sl_limit_unref(l);
}

/* The key file gives the key another rate: what was left keeps its share. */
static void a_new_rate(void **state)
{
    (void)state;
    sl_rates slow = {.requests = 10}, fast = {.requests = 100};
    sl_limit *l = sl_limit_new();
    sl_limit_view v;
    for (int i = 0; i < 8; i++)
        assert_int_equal(sl_limit_take(l, &slow, 0, 0, &v), SL_LIMIT_OK);
    assert_int_equal(sl_limit_take(l, &fast, 0, 0, &v), SL_LIMIT_OK);
    assert_int_equal(v.requests_left, 19);
    assert_int_equal(sl_limit_take(l, &slow, 0, 0, &v), SL_LIMIT_OK);
    assert_int_equal(v.requests_left, 0);
    sl_limit_unref(l);
}

/* ---- threads ---- */

typedef struct crowd {
    sl_limit *l;
    sl_rates r;
    int64_t passed;
} crowd;

static void *press(void *arg)
{
    crowd *c = arg;
    sl_limit_view v;
    for (int i = 0; i < 20000; i++) {
        if (sl_limit_take(c->l, &c->r, 3, 0, &v) != SL_LIMIT_OK)
            continue;
        c->passed++;
        sl_limit_give(c->l, &c->r, 3, 3, 0);
    }
    return NULL;
}

static void threads_share_one_minute(void **state)
{
    (void)state;
    pthread_t t[4];
    crowd c[4];
    sl_limit *l = sl_limit_new();
    sl_limit_view v;
    for (int i = 0; i < 4; i++) {
        c[i] = (crowd){l, {.requests = 1000000, .tokens = 30000}, 0};
        assert_int_equal(pthread_create(&t[i], NULL, press, &c[i]), 0);
    }
    int64_t passed = 0;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        passed += c[i].passed;
    }
    assert_int_equal(passed, 10000);
    sl_limit_look(l, &c[0].r, 0, &v);
    assert_int_equal(v.running, 0);
    sl_limit_unref(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_fill_in_a_minute),
        cmocka_unit_test(tokens_are_settled),
        cmocka_unit_test(a_lie_costs_a_minute),
        cmocka_unit_test(more_than_a_minute_holds_waits_for_all),
        cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(no_limit_is_no_limit),
        cmocka_unit_test(a_new_rate),
        cmocka_unit_test(threads_share_one_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
