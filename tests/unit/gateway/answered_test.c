/* answered_test.c - which offsets are remembered, and when they are forgotten. */
#include "gateway/answered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool has(sl_answered *a, int64_t offset)
{
    return sl_answered_has(a, "t", 0, offset);
}

static void add(sl_answered *a, int64_t offset)
{
    sl_answered_add(a, "t", 0, offset);
}

static void partitions_are_told_apart(void **state)
{
    (void)state;
    sl_answered a = {0};
    assert_false(has(&a, 5));
    add(&a, 5);
    assert_true(has(&a, 5));
    assert_false(has(&a, 4));
    assert_false(has(&a, 6));
    assert_false(sl_answered_has(&a, "t", 1, 5));
    assert_false(sl_answered_has(&a, "u", 0, 5));
    sl_answered_add(&a, "t", 1, 6);
    assert_true(sl_answered_has(&a, "t", 1, 6));
    assert_false(has(&a, 6));
    sl_answered_done(&a);
}

/* Against a plain table, in an order that joins, bridges and repeats. */
static void any_order_and_neighbours_share_a_range(void **state)
{
    (void)state;
    enum { N = 512 };
    bool told[N] = {false};
    sl_answered a = {0};
    unsigned x = 7;
    for (int k = 0; k < 3 * N; k++) {
        x = x * 1103515245u + 12345u;
        int64_t offset = (x >> 16) % N;
        add(&a, offset);
        told[offset] = true;
        size_t ranges = 0;
        for (int i = 0; i < N; i++) {
            assert_int_equal(has(&a, i), told[i]);
            ranges += told[i] && (i == 0 || !told[i - 1]);
        }
        assert_int_equal(a.parts[0].n, ranges);
    }
    for (int i = 0; i < N; i++)
        add(&a, i);
    assert_int_equal(a.parts[0].n, 1);
    sl_answered_done(&a);
}

static void an_acknowledged_commit_needs_no_memory(void **state)
{
    (void)state;
    sl_answered a = {0};
    for (int64_t i = 10; i < 20; i++)
        add(&a, i);
    add(&a, 30);
    sl_answered_committed(&a.parts[0], -1);
    assert_true(has(&a, 10));
    sl_answered_committed(&a.parts[0], 15);
    assert_true(has(&a, 15));
    assert_int_equal(a.parts[0].ranges[0].from, 15);
    add(&a, 12); /* a late one: the commit has it */
    assert_int_equal(a.parts[0].n, 2);
    sl_answered_committed(&a.parts[0], 30);
    assert_true(has(&a, 30));
    assert_int_equal(a.parts[0].n, 1);
    sl_answered_committed(&a.parts[0], 31);
    assert_int_equal(a.parts[0].n, 0);
    sl_answered_done(&a);
}

/* The group was set back, or the topic made anew: these records are to be run. */
static void below_the_commit_everything_is_new(void **state)
{
    (void)state;
    sl_answered a = {0};
    add(&a, 100);
    add(&a, 120);
    sl_answered_committed(&a.parts[0], 101);
    assert_true(has(&a, 120));
    assert_false(has(&a, 100));
    assert_false(has(&a, 120));
    add(&a, 100);
    assert_true(has(&a, 100));
    sl_answered_done(&a);
}

static void it_is_bounded_and_keeps_the_highest(void **state)
{
    (void)state;
    sl_answered a = {0};
    for (int64_t i = 1; i <= SL_ANSWERED_RANGES + 10; i++)
        add(&a, 2 * i);
    assert_int_equal(a.parts[0].n, SL_ANSWERED_RANGES);
    assert_false(has(&a, 20));
    assert_true(has(&a, 22));
    assert_true(has(&a, 2 * (SL_ANSWERED_RANGES + 10)));
    add(&a, 4); /* lower than all of them */
    assert_false(has(&a, 4));
    add(&a, 27); /* joins two */
    assert_int_equal(a.parts[0].n, SL_ANSWERED_RANGES - 1);
    sl_answered_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_are_told_apart),
        cmocka_unit_test(any_order_and_neighbours_share_a_range),
        cmocka_unit_test(an_acknowledged_commit_needs_no_memory),
        cmocka_unit_test(below_the_commit_everything_is_new),
        cmocka_unit_test(it_is_bounded_and_keeps_the_highest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
