/* idempotency_test.c - owners, waiters, stored results, conflicts, bounds. */
#include "gateway/idempotency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct seen {
    int calls, with_result;
    sl_loop *loop;
} seen;

static void on_result(void *arg, sl_idem_result *r)
{
    seen *s = arg;
    s->calls++;
    s->with_result += r != NULL;
}

static void stop(void *arg)
{
    sl_loop_stop(arg);
}

static sl_idem_result *result(size_t bytes)
{
    sl_idem_result *r = calloc(1, sizeof(*r));
    r->refs = 1;
    r->http_status = 200;
    for (size_t i = 0; i < bytes; i++)
        sl_buf_addc(&r->content, 'x');
    return r;
}

static sl_idem_verdict begin(sl_idem *t, const char *key, const char *body, sl_loop *l, seen *s,
                             sl_idem_entry **e, sl_idem_waiter **w, sl_idem_result **r)
{
    return sl_idem_begin(t, SL_STR("tenant"), sl_str_c(key), sl_str_c(body), l, on_result, s, e, w,
                         r);
}

static void waiters_get_the_owners_result(void **state)
{
    (void)state;
    sl_idem *t;
    sl_loop *l;
    sl_idem_entry *e = NULL, *none = NULL;
    sl_idem_waiter *w1 = NULL, *w2 = NULL;
    sl_idem_result *r = NULL;
    seen s = {0}, gone = {0};
    assert_int_equal(sl_idem_open(&t, 60000, 1 << 20), SL_OK);
    assert_int_equal(sl_loop_open(&l, NULL), SL_OK);
    assert_int_equal(begin(t, "k", "body", l, &s, &e, &w1, &r), SL_IDEM_OWNER);
    assert_int_equal(begin(t, "k", "body", l, &s, &none, &w1, &r), SL_IDEM_WAIT);
    assert_int_equal(begin(t, "k", "body", l, &gone, &none, &w2, &r), SL_IDEM_WAIT);
    assert_int_equal(begin(t, "k", "other", l, &s, &none, &w2, &r), SL_IDEM_CONFLICT);
    sl_idem_cancel(t, w2);
    sl_idem_finish(t, e, result(10));
    assert_int_equal(sl_loop_post(l, stop, l), SL_OK);
    sl_loop_run(l);
    assert_int_equal(s.calls, 1);
    assert_int_equal(s.with_result, 1);
    assert_int_equal(gone.calls, 0);
    assert_int_equal(begin(t, "k", "body", l, &s, &none, &w1, &r), SL_IDEM_STORED);
    assert_int_equal(r->content.len, 10);
    sl_idem_result_unref(r);
    assert_int_equal(sl_idem_begin(t, SL_STR("another tenant"), SL_STR("k"), SL_STR("other"), l,
                                   on_result, &s, &e, &w1, &r),
                     SL_IDEM_OWNER);
    sl_idem_finish(t, e, NULL);
    sl_loop_free(l);
    sl_idem_free(t);
}

static void a_failure_frees_the_key(void **state)
{
    (void)state;
    sl_idem *t;
    sl_loop *l;
    sl_idem_entry *e = NULL, *e2 = NULL;
    sl_idem_waiter *w = NULL;
    sl_idem_result *r = NULL;
    seen s = {0};
    assert_int_equal(sl_idem_open(&t, 60000, 1 << 20), SL_OK);
    assert_int_equal(sl_loop_open(&l, NULL), SL_OK);
    assert_int_equal(begin(t, "k", "body", l, &s, &e, &w, &r), SL_IDEM_OWNER);
    assert_int_equal(begin(t, "k", "body", l, &s, &e2, &w, &r), SL_IDEM_WAIT);
    sl_idem_finish(t, e, NULL);
    assert_int_equal(begin(t, "k", "another body", l, &s, &e2, &w, &r), SL_IDEM_OWNER);
    assert_int_equal(sl_loop_post(l, stop, l), SL_OK);
    sl_loop_run(l);
    assert_int_equal(s.calls, 1);
    assert_int_equal(s.with_result, 0);
    sl_idem_finish(t, e2, NULL);
    sl_loop_free(l);
    sl_idem_free(t);
}

static void a_waiter_that_leaves_while_its_result_is_on_the_way(void **state)
{
    (void)state;
    sl_idem *t;
    sl_loop *l;
    sl_idem_entry *e = NULL, *none = NULL;
    sl_idem_waiter *w = NULL;
    sl_idem_result *r = NULL;
    seen s = {0};
    assert_int_equal(sl_idem_open(&t, 60000, 1 << 20), SL_OK);
    assert_int_equal(sl_loop_open(&l, NULL), SL_OK);
    assert_int_equal(begin(t, "k", "b", l, &s, &e, &w, &r), SL_IDEM_OWNER);
    assert_int_equal(begin(t, "k", "b", l, &s, &none, &w, &r), SL_IDEM_WAIT);
    sl_idem_finish(t, e, result(1));
    sl_idem_cancel(t, w);
    assert_int_equal(sl_loop_post(l, stop, l), SL_OK);
    sl_loop_run(l);
    assert_int_equal(s.calls, 0);
    sl_loop_free(l);
    sl_idem_free(t);
}

/* A loop that stopped before it ran what was posted: nothing leaks (LeakSanitizer). */
static void a_loop_that_ends_before_its_waiters_woke(void **state)
{
    (void)state;
    sl_idem *t;
    sl_loop *l;
    sl_idem_entry *e = NULL, *none = NULL;
    sl_idem_waiter *w = NULL;
    sl_idem_result *r = NULL;
    seen s = {0};
    assert_int_equal(sl_idem_open(&t, 60000, 1 << 20), SL_OK);
    assert_int_equal(sl_loop_open(&l, NULL), SL_OK);
    assert_int_equal(begin(t, "k", "b", l, &s, &e, &w, &r), SL_IDEM_OWNER);
    assert_int_equal(begin(t, "k", "b", l, &s, &none, &w, &r), SL_IDEM_WAIT);
    sl_idem_finish(t, e, result(1));
    sl_idem_cancel(t, w);
    sl_loop_free(l);
    sl_idem_free(t);
    assert_int_equal(s.calls, 0);
}

static void memory_is_bounded_the_oldest_go(void **state)
{
    (void)state;
    sl_idem *t;
    sl_loop *l;
    sl_idem_entry *e = NULL;
    sl_idem_waiter *w = NULL;
    sl_idem_result *r = NULL;
    seen s = {0};
    char key[16];
    assert_int_equal(sl_idem_open(&t, 60000, 100000), SL_OK);
    assert_int_equal(sl_loop_open(&l, NULL), SL_OK);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(begin(t, key, "b", l, &s, &e, &w, &r), SL_IDEM_OWNER);
        sl_idem_finish(t, e, result(20000));
    }
    assert_int_equal(begin(t, "k0", "b", l, &s, &e, &w, &r), SL_IDEM_OWNER); /* gone */
    assert_int_equal(begin(t, "k19", "b", l, &s, &e, &w, &r), SL_IDEM_STORED);
    sl_idem_result_unref(r);
    sl_loop_free(l);
    sl_idem_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiters_get_the_owners_result),
        cmocka_unit_test(a_failure_frees_the_key),
        cmocka_unit_test(a_waiter_that_leaves_while_its_result_is_on_the_way),
        cmocka_unit_test(a_loop_that_ends_before_its_waiters_woke),
        cmocka_unit_test(memory_is_bounded_the_oldest_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
