#include "common/base/harden.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { DUMPABLE = 1, CORE = 2, GAINS = 4, OPEN_FILES = 8 };

/* What a process still has: asked in a child, since it can't be taken back. */
static int left_with(bool harden, const char *debug)
{
    pid_t pid = fork();
    if (!pid) {
        struct rlimit core;
        umask(022);
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        if (debug)
            setenv("SLUICE_DEBUGGABLE", debug, 1);
        else
            unsetenv("SLUICE_DEBUGGABLE");
        getrlimit(RLIMIT_CORE, &core);
        rlim_t before = core.rlim_max;
        if (harden)
            sl_harden();
        getrlimit(RLIMIT_CORE, &core);
        int got = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) ? DUMPABLE : 0;
        got |= core.rlim_max == before && before ? CORE : 0;
        got |= prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) ? 0 : GAINS;
        got |= umask(0) == 077 ? 0 : OPEN_FILES;
        _exit(got);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A container may start us with less than everything: then that much is not asked for. */
static int at_start;

#ifdef SL_SANITIZED
#define SANITIZED DUMPABLE
#else
#define SANITIZED 0
#endif

static void test_everything_is_given_up(void **state)
{
    assert_int_equal(at_start & (DUMPABLE | OPEN_FILES), DUMPABLE | OPEN_FILES);
    assert_int_equal(left_with(true, NULL), SANITIZED);
}

static void test_debuggable_leaves_dumps_alone(void **state)
{
    assert_int_equal(left_with(true, "1"), at_start & (DUMPABLE | CORE));
}

static void test_another_value_is_no_permission(void **state)
{
    assert_int_equal(left_with(true, "0"), SANITIZED);
    assert_int_equal(left_with(true, ""), SANITIZED);
}

int main(void)
{
    at_start = left_with(false, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_given_up),
        cmocka_unit_test(test_debuggable_leaves_dumps_alone),
        cmocka_unit_test(test_another_value_is_no_permission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
