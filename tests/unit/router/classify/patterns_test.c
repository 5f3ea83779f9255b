/* The cache of compiled patterns: used when it is whole and trusted, made anew when it is not; and
 * policies replaced under load: every verdict is of one policy. */
#include "common/base/clock.h"
#include "router/classify/pattern_cache.h"
#include "router/classify/patterns.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/sl-patterns-XXXXXX";
static char file[512];
static uint8_t key[SL_SHA256_SIZE];

/* ---- the cache ---- */

/* One of the two files of the directory. */
static bool find(char *path, size_t cap)
{
    DIR *d = opendir(dir);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        if (strncmp(e->d_name, "patterns-", 9) == 0)
            snprintf(path, cap, "%s/%s", dir, e->d_name), n++;
    }
    if (d)
        closedir(d);
    return n == 2;
}

static char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    struct stat st;
    assert_int_equal(fstat(fileno(f), &st), 0);
    *n = (size_t)st.st_size;
    char *p = malloc(*n);
    assert_non_null(p);
    assert_int_equal(fread(p, 1, *n, f), *n);
    fclose(f);
    return p;
}

static void write_file(const char *path, const char *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), (ssize_t)n);
    close(fd);
}

static bool loads(void)
{
    struct hs_database *db = sl_pattern_cache_load(dir, key);
    sl_pattern_cache_free(db);
    return db != NULL;
}

static void test_stored(void **state)
{
    struct stat st;
    assert_false(sl_patterns_cached()); /* the directory was empty */
    assert_true(sl_patterns_bytes() > 0 && sl_patterns_bytes() <= SL_PATTERN_DB_MAX);
    assert_true(find(file, sizeof file));
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(sl_patterns_cache("")); /* too late */
    size_t n;
    char *p = read_file(file, &n);
    memcpy(key, p + 8, sizeof key);
    free(p);
    assert_true(loads());
}

static void test_damaged(void **state)
{
    size_t n;
    char *p = read_file(file, &n);
    static const struct {
        size_t at;
        int flip;
    } damage[] = {{0, 1}, {7, 3}, {8, 1}, {40, 1}, {72, 1}, {79, 1}, {80, 1}, {4096, 0x80}};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        p[damage[i].at] ^= (char)damage[i].flip;
        write_file(file, p, n);
        assert_false(loads());
        p[damage[i].at] ^= (char)damage[i].flip;
    }
    write_file(file, p, n - 1);
    assert_false(loads());
    write_file(file, p, 80);
    assert_false(loads());
    write_file(file, p, 0);
    assert_false(loads());
    write_file(file, p, n);
    assert_true(loads());
    key[31] ^= 1; /* a file of other expressions under this name */
    assert_false(loads());
    key[31] ^= 1;
    free(p);
}

static void test_not_trusted(void **state)
{
    char other[600];
    assert_int_equal(chmod(file, 0620), 0);
    assert_false(loads());
    assert_int_equal(chmod(file, 0602), 0);
    assert_false(loads());
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(chmod(dir, 0770), 0);
    assert_false(loads());
    assert_int_equal(chmod(dir, 01777), 0);
    assert_false(loads());
    assert_int_equal(chmod(dir, 0700), 0);
    assert_true(loads());

    snprintf(other, sizeof other, "%s/other", dir);
    assert_int_equal(link(file, other), 0); /* a second name: somebody else may hold it */
    assert_false(loads());
    assert_int_equal(unlink(file), 0);
    assert_int_equal(symlink(other, file), 0);
    assert_false(loads());
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_false(loads()); /* and it does not wait */
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rename(other, file), 0);
    assert_true(loads());

    snprintf(other, sizeof other, "%s-link", dir);
    assert_int_equal(symlink(dir, other), 0);
    assert_null(sl_pattern_cache_load(other, key));
    char buf[64];
    assert_false(sl_pattern_cache_dir(other, buf, sizeof buf));
    assert_int_equal(unlink(other), 0);
    assert_false(sl_pattern_cache_dir("", buf, sizeof buf));
    assert_false(sl_pattern_cache_dir("/proc/nowhere", buf, sizeof buf));
    assert_true(sl_pattern_cache_dir(dir, buf, sizeof buf));
}

/* Another process: prints whether the cache was used and the milliseconds of processor time. */
static int child(const char *cache)
{
    sl_classifier *c = NULL;
    struct timespec t;
    if (!sl_patterns_cache(cache) || sl_classifier_open(&c, NULL) != SL_OK)
        return 126;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    sl_classifier_free(c);
    long ms = t.tv_sec * 1000 + t.tv_nsec / 1000000;
    return (sl_patterns_cached() ? 0 : 64) + (int)(ms > 60 ? 60 : ms);
}

static int run_child(const char *self)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(self, self, "--child", dir, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) < 126);
    return WEXITSTATUS(status);
}

static void test_start(void **state)
{
    int status = run_child("/proc/self/exe");
    assert_true(status < 64);
#ifndef SL_SANITIZED
    assert_in_range(status, 0, 50); /* milliseconds of a warm start */
#endif
    /* a damaged one is replaced by a good one */
    size_t n, m;
    char *good = read_file(file, &n);
    good[n - 1] ^= 1;
    write_file(file, good, n);
    good[n - 1] ^= 1;
    assert_true(run_child("/proc/self/exe") >= 64);
    char *now = read_file(file, &m);
    assert_int_equal(m, n);
    assert_true(loads());
    assert_true(run_child("/proc/self/exe") < 64);
    free(now);
    free(good);
}

/* ---- policies replaced under load ---- */

enum { RELOADS = 1000, READERS = 3 };

static struct {
    pthread_mutex_t lock;
    sl_policy *now;
    atomic_bool stop;
    atomic_ulong asked, mixed;
} live = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Odd policies say alpha restricted and beta internal, even ones the reverse. */
static sl_policy *policy(int i)
{
    char text[512];
    sl_policy *p = NULL;
    sl_error err = {0};
    const char *a = i % 2 ? "restricted" : "internal", *b = i % 2 ? "internal" : "restricted";
    snprintf(text, sizeof text,
             "version: 1\nmodels:\n  p: {classes: [private]}\n  u: {classes: [public]}\n"
             "defaults:\n  models: {private: p, public: u}\ntenants:\n  t:\n    dictionary:\n"
             "      - {term: 'alphaville', level: %s}\n      - {term: 'betaville', level: %s}\n"
             "      - {term: 'number %d', level: internal}\n",
             a, b, i);
    if (sl_policy_parse(&p, "policy.yaml", sl_str_c(text), &err) != SL_OK)
        fail_msg("%s", err.text);
    return p;
}

static void *reader(void *arg)
{
    sl_router *r = NULL;
    sl_arena arena = {0};
    if (sl_router_open(&r, NULL) != SL_OK)
        return NULL;
    while (!atomic_load(&live.stop)) {
        pthread_mutex_lock(&live.lock);
        sl_policy *p = sl_policy_ref(live.now);
        pthread_mutex_unlock(&live.lock);
        sl_arena_reset(&arena);
        sl_decision d;
        bool odd = strstr(sl_policy_text(p).p, "'alphaville', level: restricted") != NULL;
        bool ok = sl_router_classify(r, p, SL_STR("t"), SL_STR("from alphaville to betaville"),
                                     &arena, &d, NULL) == SL_OK;
        int terms = 0;
        for (size_t i = 0; ok && i < d.findings_n; i++) {
            if (strcmp(d.findings[i].entity, "DICTIONARY") != 0)
                continue;
            bool alpha = d.findings[i].offset < 12;
            ok = d.findings[i].level == (alpha == odd ? SL_LEVEL_RESTRICTED : SL_LEVEL_INTERNAL);
            terms++;
        }
        ok = ok && terms == 2;
        atomic_fetch_add(&live.asked, 1);
        if (!ok)
            atomic_fetch_add(&live.mixed, 1);
        sl_policy_unref(p);
    }
    sl_router_free(r);
    sl_arena_done(&arena);
    return NULL;
}

static void test_reload(void **state)
{
    pthread_t threads[READERS];
    live.now = policy(0);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, NULL), 0);
    for (int i = 1; i <= RELOADS; i++) {
        sl_policy *next = policy(i);
        pthread_mutex_lock(&live.lock);
        sl_policy *old = live.now;
        live.now = next;
        pthread_mutex_unlock(&live.lock);
        sl_policy_unref(old);
    }
    /* the readers saw the last one, too */
    unsigned long seen = atomic_load(&live.asked);
    int64_t deadline = sl_mono_us() + 10000000;
    while (atomic_load(&live.asked) < seen + 2 * READERS && sl_mono_us() < deadline)
        sched_yield();
    atomic_store(&live.stop, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    sl_policy_unref(live.now);
    assert_int_equal(atomic_load(&live.mixed), 0);
    assert_true(atomic_load(&live.asked) >= seen + 2 * READERS);
    assert_true(atomic_load(&live.asked) > RELOADS / 10);
}

static void test_dictionary_size(void **state)
{
    sl_term term = {SL_STR("Falcon"), SL_LEVEL_RESTRICTED};
    sl_dictionary *d = NULL;
    assert_int_equal(sl_dictionary_compile(&d, &term, 1, NULL), SL_OK);
    assert_true(sl_dictionary_bytes(d) > 0 && sl_dictionary_bytes(d) < SL_DICTIONARY_BYTES);
    sl_dictionary_free(d);
    assert_int_equal(sl_dictionary_bytes(NULL), 0);
}

static int setup(void **state)
{
    sl_classifier *c = NULL;
    if (!mkdtemp(dir) || !sl_patterns_cache(dir) || sl_classifier_open(&c, NULL) != SL_OK)
        return -1;
    sl_classifier_free(c);
    return 0;
}

static int teardown(void **state)
{
    char path[600];
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
    return rmdir(dir);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return child(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stored),          cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_not_trusted),     cmocka_unit_test(test_start),
        cmocka_unit_test(test_dictionary_size), cmocka_unit_test(test_reload),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
