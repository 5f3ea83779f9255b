/* presence_test.c - who is alive, by class, model and time. */
#include "gateway/presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void heard(sl_presence_view *v, sl_class c, const char *instance, const char *model,
                  bool draining, int64_t now)
{
    sl_presence p = {.instance = sl_str_c(instance),
                     .models = {SL_STR("other"), sl_str_c(model)},
                     .models_n = 2,
                     .draining = draining};
    sl_presence_view_heard(v, c, &p, now);
}

static void classes_models_and_time_count(void **state)
{
    (void)state;
    sl_presence_view *v;
    assert_int_equal(sl_presence_view_open(&v, 7000), SL_OK);
    sl_str m = SL_STR("smollm2");
    assert_false(sl_presence_view_live(v, SL_CLASS_PRIVATE, m, 0, 0));
    heard(v, SL_CLASS_PRIVATE, "a", "smollm2", false, 1000);
    assert_true(sl_presence_view_live(v, SL_CLASS_PRIVATE, m, 1000, 0));
    assert_true(sl_presence_view_live(v, SL_CLASS_PRIVATE, SL_STR("other"), 1000, 0));
    assert_false(sl_presence_view_live(v, SL_CLASS_PRIVATE, SL_STR("smol"), 1000, 0));
    assert_false(sl_presence_view_live(v, SL_CLASS_PUBLIC, m, 1000, 0));
    assert_true(sl_presence_view_live(v, SL_CLASS_PRIVATE, m, 7999, 0));
    assert_false(sl_presence_view_live(v, SL_CLASS_PRIVATE, m, 8000, 0));
    assert_true(sl_presence_view_live(v, SL_CLASS_PRIVATE, m, 8000, 3000));
    assert_false(sl_presence_view_live(v, SL_CLASS_PRIVATE, m, 11000, 3000));
    sl_presence_view_free(v);
}

static void says(sl_presence_view *v, const char *instance, const char *kid, bool draining,
                 int64_t now)
{
    sl_presence p = {.instance = sl_str_c(instance),
                     .models = {SL_STR("m")},
                     .models_n = 1,
                     .kids = {SL_STR("old"), sl_str_c(kid)},
                     .kids_n = kid ? 2 : 1,
                     .draining = draining};
    sl_presence_view_heard(v, SL_CLASS_PUBLIC, &p, now);
}

static void a_key_is_known_when_every_worker_says_so(void **state)
{
    (void)state;
    sl_presence_view *v;
    sl_str k = SL_STR("new");
    assert_int_equal(sl_presence_view_open(&v, 7000), SL_OK);
    assert_false(sl_presence_view_knows(v, SL_CLASS_PUBLIC, k, 1000)); /* nobody is there */
    says(v, "a", "new", false, 1000);
    assert_true(sl_presence_view_knows(v, SL_CLASS_PUBLIC, k, 1000));
    assert_true(sl_presence_view_knows(v, SL_CLASS_PUBLIC, SL_STR("old"), 1000));
    assert_false(sl_presence_view_knows(v, SL_CLASS_PUBLIC, SL_STR("ne"), 1000));
    assert_false(sl_presence_view_knows(v, SL_CLASS_PRIVATE, k, 1000));
    says(v, "b", NULL, false, 1000);
    assert_false(sl_presence_view_knows(v, SL_CLASS_PUBLIC, k, 1000));
    says(v, "b", NULL, true, 2000); /* it takes nothing any more */
    assert_true(sl_presence_view_knows(v, SL_CLASS_PUBLIC, k, 2000));
    says(v, "b", NULL, false, 3000);
    says(v, "a", "new", false, 9000);
    assert_false(sl_presence_view_knows(v, SL_CLASS_PUBLIC, k, 9999));
    assert_true(sl_presence_view_knows(v, SL_CLASS_PUBLIC, k, 10000)); /* b is gone */
    says(v, "a", NULL, false, 11000);                                  /* its file went back */
    assert_false(sl_presence_view_knows(v, SL_CLASS_PUBLIC, k, 11000));
    sl_presence_view_free(v);
}

static void a_draining_worker_finishes_but_takes_nothing(void **state)
{
    (void)state;
    sl_presence_view *v;
    assert_int_equal(sl_presence_view_open(&v, 7000), SL_OK);
    heard(v, SL_CLASS_PUBLIC, "a", "m", true, 0);
    assert_false(sl_presence_view_live(v, SL_CLASS_PUBLIC, SL_STR("m"), 1, 0));
    assert_true(sl_presence_view_live(v, SL_CLASS_PUBLIC, SL_STR("m"), 1, 3000));
    assert_int_equal(sl_presence_view_count(v, SL_CLASS_PUBLIC, 1), 0);
    heard(v, SL_CLASS_PUBLIC, "b", "m", false, 0);
    assert_int_equal(sl_presence_view_count(v, SL_CLASS_PUBLIC, 1), 1);
    heard(v, SL_CLASS_PUBLIC, "a", "m", false, 1); /* it came back */
    assert_int_equal(sl_presence_view_count(v, SL_CLASS_PUBLIC, 1), 2);
    sl_presence_view_free(v);
}

/* Who holds the public side's key may invent workers there; none of it reaches the private side. */
static void a_flood_of_names_stays_in_its_class(void **state)
{
    (void)state;
    sl_presence_view *v;
    char name[32];
    assert_int_equal(sl_presence_view_open(&v, 7000), SL_OK);
    heard(v, SL_CLASS_PRIVATE, "true", "m", false, 0);
    for (int i = 0; i < 3 * SL_PRESENCE_WORKERS_MAX; i++) {
        snprintf(name, sizeof(name), "forged%d", i);
        heard(v, SL_CLASS_PUBLIC, name, "m", false, 1);
    }
    assert_true(sl_presence_view_live(v, SL_CLASS_PRIVATE, SL_STR("m"), 2, 0));
    assert_int_equal(sl_presence_view_count(v, SL_CLASS_PRIVATE, 2), 1);
    assert_int_equal(sl_presence_view_count(v, SL_CLASS_PUBLIC, 2), SL_PRESENCE_WORKERS_MAX);
    sl_presence_view_free(v);
}

/* Names of models with bytes that the table's own text is made of, and more than it holds. */
static void hostile_model_names(void **state)
{
    (void)state;
    sl_presence_view *v;
    assert_int_equal(sl_presence_view_open(&v, 7000), SL_OK);
    static char big[2000];
    memset(big, 'x', sizeof(big));
    sl_presence p = {.instance = SL_STR("w"),
                     .models = {{"a\0b", 3},
                                SL_STR("c\nd"),
                                {"", 0},
                                {big, sizeof(big)},
                                {big, 900},
                                {big, 200},
                                SL_STR("m")},
                     .models_n = 7};
    sl_presence_view_heard(v, SL_CLASS_PRIVATE, &p, 0);
    static const char *const no[] = {"a", "b", "c", "d", "c\nd", ""};
    for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
        assert_false(sl_presence_view_live(v, SL_CLASS_PRIVATE, sl_str_c(no[i]), 1, 0));
    assert_true(sl_presence_view_live(v, SL_CLASS_PRIVATE, SL_STR("m"), 1, 0));
    assert_true(sl_presence_view_live(v, SL_CLASS_PRIVATE, (sl_str){big, 900}, 1, 0));
    p.instance = (sl_str){big, sizeof(big)}; /* too long a name is nobody */
    sl_presence_view_heard(v, SL_CLASS_PUBLIC, &p, 0);
    p.instance = (sl_str){"w\0x", 3};
    sl_presence_view_heard(v, SL_CLASS_PUBLIC, &p, 0);
    assert_int_equal(sl_presence_view_count(v, SL_CLASS_PUBLIC, 1), 0);
    sl_presence_view_free(v);
}

static void many_workers_and_an_end_to_them(void **state)
{
    (void)state;
    sl_presence_view *v;
    char name[32];
    assert_int_equal(sl_presence_view_open(&v, 7000), SL_OK);
    for (int i = 0; i < SL_PRESENCE_WORKERS_MAX + 500; i++) {
        snprintf(name, sizeof(name), "w%d", i);
        heard(v, SL_CLASS_PRIVATE, name, "m", false, i);
    }
    assert_int_equal(sl_presence_view_count(v, SL_CLASS_PRIVATE, 1600), SL_PRESENCE_WORKERS_MAX);
    heard(v, SL_CLASS_PRIVATE, "", "m", false, 9999); /* no name: not taken */
    assert_int_equal(sl_presence_view_count(v, SL_CLASS_PRIVATE, 20000), 0);
    sl_presence_view_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_known_when_every_worker_says_so),
        cmocka_unit_test(classes_models_and_time_count),
        cmocka_unit_test(a_draining_worker_finishes_but_takes_nothing),
        cmocka_unit_test(many_workers_and_an_end_to_them),
        cmocka_unit_test(a_flood_of_names_stays_in_its_class),
        cmocka_unit_test(hostile_model_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
