/* guard_test.c - pauses for addresses that guess keys; the clock is the test's. */
#include "gateway/guard.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t mallory[16] = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1};
static const uint8_t alice[16] = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 2};

static sl_guard *open_guard(int free_failures)
{
    sl_guard *g = NULL;
    sl_guard_options opt = {free_failures, 250, 32000};
    assert_int_equal(sl_guard_open(&g, &opt), SL_OK);
    return g;
}

static sl_guard_verdict wrong(sl_guard *g, const uint8_t *from, uint64_t tag, int64_t now)
{
    sl_guard_try t = {.address = from, .counts = true, .tag = tag};
    return sl_guard_judge(g, &t, now);
}

static int64_t right(sl_guard *g, const uint8_t *from, uint64_t tag, int64_t now)
{
    sl_guard_try t = {.address = from, .right = true, .tag = tag};
    return sl_guard_judge(g, &t, now).pause_ms;
}

static void pauses_double(void **state)
{
    (void)state;
    sl_guard *g = open_guard(3);
    int64_t now = 1000;
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(wrong(g, mallory, i, now).begun_ms, 0);
    for (int64_t ms = 250; ms <= 32000; ms *= 2) {
        assert_int_equal(wrong(g, mallory, (uint64_t)now, now).begun_ms, ms);
        assert_int_equal(wrong(g, mallory, 7, now + ms - 1).pause_ms, 1);
        now += ms;
    }
    assert_int_equal(wrong(g, mallory, 8, now).begun_ms, 32000); /* and no longer */
    sl_guard_free(g);
}

/* In a pause a right key and a wrong one are told the same, so it is no place to guess in. */
static void a_pause_tells_nothing(void **state)
{
    (void)state;
    sl_guard *g = open_guard(1);
    (void)wrong(g, mallory, 1, 0);
    assert_int_equal(wrong(g, mallory, 2, 0).begun_ms, 250);
    assert_int_equal(wrong(g, mallory, 3, 100).pause_ms, 150);
    assert_int_equal(right(g, mallory, 77, 100), 150);
    /* what was asked in it made it no longer */
    assert_int_equal(right(g, mallory, 77, 250), 0);
    assert_int_equal(wrong(g, mallory, 4, 250).begun_ms, 500);
    /* the key is known from here now, and goes on */
    assert_int_equal(right(g, mallory, 77, 251), 0);
    sl_guard_free(g);
}

static void others_notice_nothing(void **state)
{
    (void)state;
    sl_guard *g = open_guard(2);
    assert_int_equal(right(g, mallory, 42, 0), 0); /* a neighbour behind the same NAT */
    for (uint64_t i = 0; i < 1000; i++)
        (void)wrong(g, mallory, 1000 + i, (int64_t)i);
    assert_true(wrong(g, mallory, 5, 1000).pause_ms > 0);
    assert_int_equal(right(g, mallory, 42, 1000), 0);
    assert_true(right(g, mallory, 43, 1000) > 0); /* never seen from there before */
    assert_int_equal(right(g, alice, 43, 1000), 0);
    assert_int_equal(wrong(g, alice, 9, 1000).pause_ms, 0);
    sl_guard_free(g);
}

/* A client that goes on with the one old key it has is no guesser. */
static void the_same_wrong_key_is_one_guess(void **state)
{
    (void)state;
    sl_guard *g = open_guard(2);
    for (int64_t i = 0; i < 10000; i++) {
        sl_guard_verdict v = wrong(g, mallory, 1 + (uint64_t)i % 2, i);
        assert_int_equal(v.pause_ms, 0);
        assert_int_equal(v.begun_ms, 0);
    }
    assert_int_equal(wrong(g, mallory, 3, 10000).begun_ms, 250);
    sl_guard_free(g);
}

/* Used before the gateway has read of them: an operator who makes many keys is no guesser. */
static void a_key_that_was_too_new_is_forgiven(void **state)
{
    (void)state;
    sl_guard *g = open_guard(2);
    for (uint64_t i = 1; i <= 100; i++) {
        sl_guard_verdict v = wrong(g, mallory, i, (int64_t)i);
        assert_int_equal(v.pause_ms + v.begun_ms, 0);
        assert_int_equal(right(g, mallory, i, (int64_t)i), 0);
    }
    /* also when its own failure began a pause; the others' guesses still count */
    for (uint64_t i = 201; i <= 202; i++)
        (void)wrong(g, mallory, i, 1000);
    assert_int_equal(wrong(g, mallory, 203, 1000).begun_ms, 250);
    assert_int_equal(right(g, mallory, 203, 1001), 0);
    assert_int_equal(wrong(g, mallory, 204, 1001).pause_ms, 249);
    assert_int_equal(wrong(g, mallory, 204, 1250).begun_ms, 250);
    sl_guard_free(g);
}

static void no_key_and_expired_keys_count_for_nothing(void **state)
{
    (void)state;
    sl_guard *g = open_guard(1);
    for (uint64_t i = 0; i < 100; i++) {
        sl_guard_try t = {.address = mallory, .tag = i};
        sl_guard_verdict v = sl_guard_judge(g, &t, 0);
        assert_int_equal(v.pause_ms + v.begun_ms, 0);
    }
    sl_guard_free(g);
}

static void ten_quiet_minutes_are_forgiven(void **state)
{
    (void)state;
    sl_guard *g = open_guard(1);
    (void)wrong(g, mallory, 1, 0);
    assert_int_equal(wrong(g, mallory, 2, 0).begun_ms, 250);
    assert_int_equal(wrong(g, mallory, 3, SL_GUARD_FORGET_MS - 1).begun_ms, 500);
    assert_int_equal(wrong(g, mallory, 4, 2 * SL_GUARD_FORGET_MS).begun_ms, 0);
    sl_guard_free(g);
}

static void ipv6_counts_by_its_64(void **state)
{
    (void)state;
    sl_guard *g = open_guard(4);
    uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [7] = 1}, other[16];
    for (uint8_t i = 0; i < 4; i++) {
        six[15] = i;
        assert_int_equal(wrong(g, six, 1u + i, 0).begun_ms, 0);
    }
    six[8] = 0x99;
    assert_int_equal(wrong(g, six, 9, 0).begun_ms, 250);
    memcpy(other, six, 16);
    other[7] = 2;
    assert_int_equal(wrong(g, other, 10, 0).pause_ms, 0);
    assert_int_equal(wrong(g, alice, 11, 0).pause_ms, 0);
    sl_guard_free(g);
}

/* A flood of addresses can push others' failures out, but neither grows nor breaks anything. */
static void a_flood_of_addresses(void **state)
{
    (void)state;
    sl_guard *g = open_guard(1);
    uint8_t from[16] = {[10] = 0xff, [11] = 0xff};
    for (uint32_t i = 0; i < 100000; i++) {
        memcpy(from + 12, &i, 4);
        assert_int_equal(wrong(g, from, i, 0).pause_ms, 0);
        assert_int_equal(wrong(g, from, i + 1, 0).begun_ms, 250);
    }
    assert_int_equal(wrong(g, from, 1, 1).pause_ms, 249); /* the newest are in it */
    sl_guard_free(g);
}

static void none_where_it_is_off(void **state)
{
    (void)state;
    sl_guard *g = open_guard(0);
    for (uint64_t i = 0; i < 100; i++) {
        sl_guard_verdict v = wrong(g, mallory, i, 0);
        assert_int_equal(v.pause_ms + v.begun_ms, 0);
    }
    sl_guard_free(g);
}

static void *guess(void *arg)
{
    for (uint64_t i = 0; i < 20000; i++) {
        (void)wrong(arg, i % 2 ? mallory : alice, i, (int64_t)i);
        (void)right(arg, mallory, i % 5, (int64_t)i);
    }
    return NULL;
}

static void threads_guess_together(void **state)
{
    (void)state;
    pthread_t t[4];
    sl_guard *g = open_guard(8);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, guess, g), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    sl_guard_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double),
        cmocka_unit_test(a_pause_tells_nothing),
        cmocka_unit_test(others_notice_nothing),
        cmocka_unit_test(the_same_wrong_key_is_one_guess),
        cmocka_unit_test(a_key_that_was_too_new_is_forgiven),
        cmocka_unit_test(no_key_and_expired_keys_count_for_nothing),
        cmocka_unit_test(ten_quiet_minutes_are_forgiven),
        cmocka_unit_test(ipv6_counts_by_its_64),
        cmocka_unit_test(a_flood_of_addresses),
        cmocka_unit_test(none_where_it_is_off),
        cmocka_unit_test(threads_guess_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
