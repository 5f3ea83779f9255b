#include "common/base/clock.h"
#include "common/crypto/keyring.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)

static char dir[] = "/tmp/sluice-ringfile-XXXXXX", path[64], other[64];
static int64_t now;

static int begin(void **state)
{
    if (!path[0]) /* once for all tests */
        assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/keyring.json", dir);
    (void)snprintf(other, sizeof(other), "%s/public.json", dir);
    now = sl_unix_ms();
    return 0;
}

static int end(void **state)
{
    char lock[80];
    for (int i = 0; i < 2; i++) {
        (void)snprintf(lock, sizeof(lock), "%s.lock", i ? other : path);
        unlink(lock);
        unlink(i ? other : path);
    }
    return 0;
}

typedef struct step {
    bool rotate, is_public;
    const char *kid;
    int64_t start_ms, overlap_ms;
} step;

static sl_status take(void *arg, sl_keyring_edit *e, sl_error *reterr)
{
    const step *s = arg;
    return s->rotate ? sl_keyring_rotate(e, s->is_public, s->kid, now + s->start_ms, 240 * HOUR,
                                         s->overlap_ms, reterr)
                     : sl_keyring_add(e, s->is_public, s->kid, now + s->start_ms,
                                      now + s->start_ms + 240 * HOUR, reterr);
}

static sl_status change(step s)
{
    sl_error err = {0};
    return sl_keyring_change(path, !s.rotate, take, &s, &err);
}

static sl_keyring *load(const char *from)
{
    sl_keyring *k = NULL;
    sl_error err = {0};
    if (sl_keyring_load(&k, from, &err))
        fail_msg("%s", err.text);
    return k;
}

static const char *used(const sl_keyring *k, bool is_public, int64_t at_ms)
{
    const sl_key *key = sl_keyring_current(k, is_public, at_ms);
    return key ? key->kid : "none";
}

static void a_rotation_overlaps(void **state)
{
    assert_int_equal(change((step){true, true, "b", 0, HOUR}), SL_E_NOT_FOUND); /* no file */
    assert_int_equal(change((step){false, true, "a", -HOUR, 0}), SL_OK);
    assert_int_equal(change((step){false, false, "p", -HOUR, 0}), SL_OK);
    assert_int_equal(change((step){false, true, "a", 0, 0}), SL_E_CONFLICT);
    assert_int_equal(change((step){true, true, "b", HOUR, 3 * HOUR}), SL_OK);
    sl_keyring *k = load(path);
    assert_int_equal(sl_keyring_size(k), 3);
    assert_string_equal(used(k, true, now), "a");
    assert_string_equal(used(k, true, now + HOUR - 1), "a");
    assert_string_equal(used(k, true, now + HOUR), "b");
    assert_string_equal(used(k, true, now + 240 * HOUR), "b");
    assert_string_equal(used(k, true, now + 241 * HOUR), "none");
    assert_true(sl_keyring_find(k, SL_STR("a"))->not_after_ms == now + 4 * HOUR);
    assert_string_equal(used(k, false, now + 5 * HOUR), "p"); /* the other class is as it was */
    assert_memory_not_equal(sl_keyring_find(k, SL_STR("a"))->key,
                            sl_keyring_find(k, SL_STR("b"))->key, 32);
    sl_keyring_unref(k);
    /* one that is to come would win over a third one that begins before it */
    assert_int_equal(change((step){true, true, "c", 0, HOUR}), SL_E_CONFLICT);
    /* a second rotation never lengthens what a first one shortened */
    assert_int_equal(change((step){true, true, "c", 2 * HOUR, 48 * HOUR}), SL_OK);
    k = load(path);
    assert_true(sl_keyring_find(k, SL_STR("a"))->not_after_ms == now + 4 * HOUR);
    assert_true(sl_keyring_find(k, SL_STR("b"))->not_after_ms == now + 50 * HOUR);
    sl_keyring_unref(k);
}

static void a_dead_class_is_not_rotated(void **state)
{
    assert_int_equal(change((step){false, true, "a", -300 * HOUR, 0}), SL_OK);
    assert_int_equal(change((step){true, true, "b", 0, HOUR}), SL_E_NOT_FOUND);
    assert_int_equal(change((step){true, false, "b", 0, HOUR}), SL_E_NOT_FOUND);
}

static void dates_are_enforced(void **state)
{
    assert_int_equal(change((step){false, true, "over", -300 * HOUR, 0}), SL_OK);
    assert_int_equal(change((step){false, true, "now", -HOUR, 0}), SL_OK);
    assert_int_equal(change((step){false, true, "soon", HOUR, 0}), SL_OK);
    sl_keyring *k = load(path);
    assert_non_null(sl_keyring_find(k, SL_STR("over"))); /* for who reads old records */
    sl_keyring_enforce(k);
    assert_null(sl_keyring_find(k, SL_STR("over")));
    assert_non_null(sl_keyring_find(k, SL_STR("now")));
    assert_non_null(sl_keyring_find(k, SL_STR("soon"))); /* another host's clock is ahead */
    sl_keyring_unref(k);
}

static void the_file_stays_private_and_whole(void **state)
{
    struct stat first, second;
    mode_t mask = umask(0);
    assert_int_equal(change((step){false, true, "a", 0, 0}), SL_OK);
    umask(mask);
    assert_int_equal(stat(path, &first), 0);
    assert_int_equal(first.st_mode & 07777, 0600);
    /* a wrong kid would make a file that no daemon reads: refused, the old one stays */
    assert_int_equal(change((step){false, true, "not a kid", 0, 0}), SL_E_INVALID);
    assert_int_equal(stat(path, &second), 0);
    assert_int_equal(second.st_ino, first.st_ino);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(change((step){false, false, "p", 0, 0}), SL_OK);
        assert_int_equal(stat(path, &second), 0);
        assert_int_equal(second.st_uid, 65534);
        assert_int_equal(second.st_mode & 07777, 0600);
    }
    sl_keyring_unref(load(path));
    /* one that others may use is not touched */
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(change((step){false, false, "q", 0, 0}), SL_E_DENIED);
}

static void the_public_file_has_no_private_key(void **state)
{
    assert_int_equal(change((step){false, true, "a", 0, 0}), SL_OK);
    assert_int_equal(change((step){false, false, "p", 0, 0}), SL_OK);
    assert_int_equal(change((step){true, true, "b", HOUR, HOUR}), SL_OK);
    sl_keyring *all = load(path);
    assert_int_equal(sl_keyring_export(all, true, other, NULL), SL_OK);
    sl_keyring *k = load(other);
    assert_int_equal(sl_keyring_size(k), 2);
    for (size_t i = 0; i < 2; i++) {
        const sl_key *key = sl_keyring_at(k, i), *from = sl_keyring_find(all, sl_str_c(key->kid));
        assert_true(key->is_public);
        assert_memory_equal(key->key, from->key, 32);
        assert_int_equal(key->not_after_ms, from->not_after_ms);
        assert_int_equal(key->not_before_ms, from->not_before_ms);
    }
    sl_keyring_unref(k);
    sl_keyring_unref(all);
}

static void kids_are_made(void **state)
{
    assert_int_equal(change((step){false, true, "", 0, 0}), SL_OK);
    assert_int_equal(change((step){false, true, "", 0, 0}), SL_OK);
    assert_int_equal(change((step){false, false, "", 0, 0}), SL_OK);
    sl_keyring *k = load(path);
    const char *a = sl_keyring_at(k, 0)->kid, *b = sl_keyring_at(k, 1)->kid;
    assert_int_equal(strlen(a), strlen("public-20261201T031500Z"));
    assert_memory_equal(a, "public-20", 9);
    assert_memory_equal(b, a, strlen(a));
    assert_string_equal(b + strlen(a), "-2");
    assert_memory_equal(sl_keyring_at(k, 2)->kid, "private-20", 10);
    sl_keyring_unref(k);
}

static void *add_ten(void *arg)
{
    for (int i = 0; i < 10; i++) {
        step s = {false, true, "", 0, 0};
        if (sl_keyring_change(path, true, take, &s, NULL))
            return NULL;
    }
    return "done";
}

static void changes_at_once_lose_nothing(void **state)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_ten, NULL), 0);
    for (int i = 0; i < 3; i++) {
        void *done = NULL;
        pthread_join(threads[i], &done);
        assert_non_null(done);
    }
    sl_keyring *k = load(path);
    assert_int_equal(sl_keyring_size(k), 30);
    sl_keyring_unref(k);
}

static int gone(void **state)
{
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rotation_overlaps, begin, end),
        cmocka_unit_test_setup_teardown(a_dead_class_is_not_rotated, begin, end),
        cmocka_unit_test_setup_teardown(dates_are_enforced, begin, end),
        cmocka_unit_test_setup_teardown(the_file_stays_private_and_whole, begin, end),
        cmocka_unit_test_setup_teardown(the_public_file_has_no_private_key, begin, end),
        cmocka_unit_test_setup_teardown(kids_are_made, begin, end),
        cmocka_unit_test_setup_teardown(changes_at_once_lose_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, gone);
}
