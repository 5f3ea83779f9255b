/* The lowest-unfinished tracker: out-of-order finishes, gaps, rewinds, and a model check. */
#include "common/bus/offsets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void deliver(sl_offsets *o, int64_t offset, sl_offsets_verdict want)
{
    sl_offsets_verdict got;
    assert_int_equal(sl_offsets_deliver(o, offset, &got), SL_OK);
    assert_int_equal(got, want);
}

static void commits_the_contiguous_prefix(void **state)
{
    sl_offsets o = {0};
    sl_offsets_start(&o, 5);
    assert_int_equal(sl_offsets_commit(&o), 5);
    for (int64_t i = 5; i < 10; i++)
        deliver(&o, i, SL_OFFSETS_DELIVER);
    assert_true(sl_offsets_finish(&o, 7));
    assert_true(sl_offsets_finish(&o, 6));
    assert_int_equal(sl_offsets_commit(&o), 5);
    assert_true(sl_offsets_finish(&o, 5));
    assert_int_equal(sl_offsets_commit(&o), 8);
    assert_true(sl_offsets_finish(&o, 9));
    assert_int_equal(sl_offsets_commit(&o), 8);
    assert_true(sl_offsets_finish(&o, 8));
    assert_int_equal(sl_offsets_commit(&o), 10);
    sl_offsets_done(&o);
}

static void nothing_is_known_before_the_first_record(void **state)
{
    sl_offsets o = {0};
    sl_offsets_start(&o, -1);
    assert_int_equal(sl_offsets_commit(&o), -1);
    deliver(&o, 42, SL_OFFSETS_DELIVER);
    assert_int_equal(sl_offsets_commit(&o), 42);
    sl_offsets_done(&o);
}

static void gaps_are_passed_over(void **state)
{
    sl_offsets o = {0};
    sl_offsets_start(&o, 0);
    deliver(&o, 3, SL_OFFSETS_DELIVER);
    deliver(&o, 10, SL_OFFSETS_DELIVER);
    assert_int_equal(sl_offsets_commit(&o), 3);
    assert_true(sl_offsets_finish(&o, 3));
    assert_int_equal(sl_offsets_commit(&o), 10);
    assert_false(sl_offsets_finish(&o, 5));
    sl_offsets_done(&o);
}

static void foreign_and_double_finishes_change_nothing(void **state)
{
    sl_offsets o = {0};
    sl_offsets_start(&o, 0);
    assert_false(sl_offsets_finish(&o, 0));
    deliver(&o, 0, SL_OFFSETS_DELIVER);
    deliver(&o, 1, SL_OFFSETS_DELIVER);
    assert_true(sl_offsets_finish(&o, 1));
    assert_false(sl_offsets_finish(&o, 1));
    assert_false(sl_offsets_finish(&o, 99));
    assert_false(sl_offsets_finish(&o, -1));
    assert_int_equal(sl_offsets_commit(&o), 0);
    sl_offsets_done(&o);
}

static void rewind_delivers_the_unfinished_again(void **state)
{
    sl_offsets o = {0};
    sl_offsets_start(&o, 0);
    for (int64_t i = 0; i < 4; i++)
        deliver(&o, i, SL_OFFSETS_DELIVER);
    assert_true(sl_offsets_finish(&o, 2));
    assert_int_equal(sl_offsets_rewind(&o, 1), SL_OK);
    deliver(&o, 1, SL_OFFSETS_DELIVER);
    deliver(&o, 2, SL_OFFSETS_SKIP);
    deliver(&o, 3, SL_OFFSETS_DELIVER);
    deliver(&o, 4, SL_OFFSETS_DELIVER);
    for (int64_t i = 0; i < 5; i++)
        if (i != 2)
            assert_true(sl_offsets_finish(&o, i));
    assert_int_equal(sl_offsets_commit(&o), 5);
    assert_int_equal(sl_offsets_rewind(&o, 5), SL_E_INVALID);
    assert_int_equal(sl_offsets_rewind(&o, -1), SL_E_INVALID);
    sl_offsets_done(&o);
}

static void rewind_below_the_committed_starts_anew(void **state)
{
    sl_offsets o = {0};
    sl_offsets_start(&o, 0);
    deliver(&o, 0, SL_OFFSETS_DELIVER);
    deliver(&o, 1, SL_OFFSETS_DELIVER);
    assert_true(sl_offsets_finish(&o, 0));
    assert_true(sl_offsets_finish(&o, 1));
    assert_int_equal(sl_offsets_rewind(&o, 0), SL_OK);
    assert_int_equal(sl_offsets_commit(&o), 0);
    deliver(&o, 0, SL_OFFSETS_DELIVER);
    deliver(&o, 1, SL_OFFSETS_DELIVER);
    sl_offsets_done(&o);
}

/* Random steps against a plain array that remembers everything. */
static void agrees_with_a_plain_model(void **state)
{
    enum { N = 3000 };
    static bool delivered[N], done[N];
    for (unsigned seed = 1; seed <= 20; seed++) {
        srand(seed);
        memset(delivered, 0, sizeof(delivered));
        memset(done, 0, sizeof(done));
        sl_offsets o = {0};
        sl_offsets_start(&o, 0);
        int64_t next = 0;
        for (int step = 0; step < 6000; step++) {
            if (rand() % 2 && next < N) {
                deliver(&o, next, SL_OFFSETS_DELIVER);
                delivered[next] = true;
                next += 1 + rand() % 3;
            } else {
                int64_t i = next > 0 ? rand() % (next < N ? next : N) : 0;
                assert_int_equal(sl_offsets_finish(&o, i), delivered[i] && !done[i]);
                done[i] |= delivered[i];
            }
            int64_t last = -1, want = -1;
            for (int64_t i = 0; i < N; i++) {
                if (delivered[i])
                    last = i;
                if (delivered[i] && !done[i] && want < 0)
                    want = i;
            }
            if (step % 50 == 0)
                assert_int_equal(sl_offsets_commit(&o), want >= 0 ? want : last + 1);
        }
        sl_offsets_done(&o);
    }
}

static void an_unbounded_backlog_is_refused(void **state)
{
    sl_offsets o = {0};
    sl_offsets_start(&o, 0);
    sl_offsets_verdict v;
    int64_t i = 0;
    while (i < 2 * SL_OFFSETS_MAX && sl_offsets_deliver(&o, i, &v) == SL_OK)
        i++;
    assert_int_equal(i, SL_OFFSETS_MAX);
    assert_true(sl_offsets_finish(&o, 0));
    assert_int_equal(sl_offsets_deliver(&o, i, &v), SL_OK);
    sl_offsets_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits_the_contiguous_prefix),
        cmocka_unit_test(nothing_is_known_before_the_first_record),
        cmocka_unit_test(gaps_are_passed_over),
        cmocka_unit_test(foreign_and_double_finishes_change_nothing),
        cmocka_unit_test(rewind_delivers_the_unfinished_again),
        cmocka_unit_test(rewind_below_the_committed_starts_anew),
        cmocka_unit_test(agrees_with_a_plain_model),
        cmocka_unit_test(an_unbounded_backlog_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
