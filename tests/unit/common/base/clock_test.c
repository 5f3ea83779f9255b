#include "common/base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void formats_and_reads_times(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1, "1970-01-01T00:00:00.000001Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {951782400000000, "2000-02-29T00:00:00.000000Z"},
        {1795521600123456, "2026-11-24T12:00:00.123456Z"},
        {4107542400000000, "2100-03-01T00:00:00.000000Z"},
        {-62167219200000000, "0000-01-01T00:00:00.000000Z"},
        {253402300799999999, "9999-12-31T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[SL_TIME_TEXT];
        int64_t us;
        sl_time_format(text, cases[i].us);
        assert_string_equal(text, cases[i].text);
        assert_true(sl_time_parse(text, strlen(text), &us));
        assert_true(us == cases[i].us);
    }
    char text[SL_TIME_TEXT];
    sl_time_format(text, INT64_MAX);
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
    sl_time_format(text, INT64_MIN);
    assert_string_equal(text, "0000-01-01T00:00:00.000000Z");
}

static void reads_every_form_of_rfc_3339(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {
        {"1985-04-12T23:20:50.52Z", 482196050520000},
        {"1996-12-19T16:39:57-08:00", 851042397000000},
        {"1937-01-01T12:00:27.87+00:20", -1041337172130000},
        {"1970-01-01t00:00:01z", 1000000},
        {"1970-01-01 00:00:01Z", 1000000},
        {"1970-01-01T00:00:00.1234567899Z", 123456},
        {"1970-01-01T00:00:00.000000000000000000000000000001Z", 0},
        {"1990-12-31T23:59:60Z", 662688000000000},
        {"1970-01-01T00:00:00-00:00", 0},
    };
    static const char *const bad[] = {"",
                                      "1970",
                                      "1970-01-01",
                                      "1970-01-01T00:00:00",
                                      "1970-01-01T00:00Z",
                                      "1970-13-01T00:00:00Z",
                                      "1970-00-01T00:00:00Z",
                                      "1970-02-29T00:00:00Z",
                                      "1900-02-29T00:00:00Z",
                                      "1970-01-00T00:00:00Z",
                                      "1970-01-01T24:00:00Z",
                                      "1970-01-01T00:60:00Z",
                                      "1970-01-01T00:00:61Z",
                                      "1970-01-01T00:00:00.Z",
                                      "1970-01-01T00:00:00+1:00",
                                      "1970-01-01T00:00:00+24:00",
                                      "1970-01-01T00:00:00+0100",
                                      "1970-01-01T00:00:00Zx",
                                      "70-01-01T00:00:00Z",
                                      "1970-1-01T00:00:00Z",
                                      "+970-01-01T00:00:00Z",
                                      "1970-01-01T00:00:00.5",
                                      "1970-01-01X00:00:00Z"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t us = -7;
        assert_true(sl_time_parse(good[i].text, strlen(good[i].text), &us));
        assert_true(us == good[i].us);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t us;
        if (sl_time_parse(bad[i], strlen(bad[i]), &us))
            fail_msg("accepted: %s", bad[i]);
    }
}

static void clocks_go_forward(void **state)
{
    int64_t a = sl_mono_us(), b = sl_mono_us();
    assert_true(a > 0 && b >= a);
    assert_true(sl_unix_ms() > 1700000000000);
}

static void ids_ascend(void **state)
{
    char last[SL_UUID_TEXT] = "", id[SL_UUID_TEXT];
    for (int i = 0; i < 100000; i++) { /* more than fit a few milliseconds' counters */
        sl_uuid7(id);
        assert_true(sl_uuid_valid(id, strlen(id)));
        assert_int_equal(id[14], '7');
        assert_non_null(strchr("89ab", id[19]));
        assert_true(strcmp(id, last) > 0);
        memcpy(last, id, sizeof(last));
    }
    unsigned long long ms = strtoull(id, NULL, 16);
    memmove(id + 8, id + 9, 5);
    id[12] = '\0';
    ms = strtoull(id, NULL, 16);
    int64_t off = (int64_t)ms - sl_unix_ms();
    assert_true(off > -1000 && off < 1000);
}

static void ids_from_a_digest(void **state)
{
    uint8_t digest[16];
    char id[SL_UUID_TEXT];
    memset(digest, 0xff, sizeof(digest));
    sl_uuid8(id, digest);
    assert_string_equal(id, "ffffffff-ffff-8fff-bfff-ffffffffffff");
    memset(digest, 0, sizeof(digest));
    sl_uuid8(id, digest);
    assert_string_equal(id, "00000000-0000-8000-8000-000000000000");
}

static void id_syntax(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"01890a5d-ac96-774b-bcce-b302099a8057", true},
        {"01890A5D-ac96-774b-bcce-b302099a8057", false},
        {"01890a5d-ac96-774b-bcce-b302099a805", false},
        {"01890a5d-ac96-774b-bcce-b302099a80577", false},
        {"01890a5dac96-774b-bcce-b302099a8057-", false},
        {"01890a5d-ac96-774b-bcce-b302099a805g", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(sl_uuid_valid(cases[i].text, strlen(cases[i].text)), cases[i].valid);
}

static void *draw(void *out)
{
    sl_random(out, 16);
    return NULL;
}

static void random_bytes_differ(void **state)
{
    static const uint8_t zero[64];
    uint8_t a[64] = {0}, b[64] = {0}, large[4096] = {0};
    sl_random(a, sizeof(a));
    sl_random(b, sizeof(b));
    sl_random(large, sizeof(large));
    sl_random(a, 0);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, zero, sizeof(a));
    assert_memory_not_equal(large + 2048, large, 2048);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, draw, b), 0);
    pthread_join(t, NULL);
    draw(a);
    assert_memory_not_equal(a, b, 16);
}

/* A child must not draw what its parent draws next from the same buffer. */
static void random_bytes_differ_after_fork(void **state)
{
    int ends[2];
    uint8_t mine[16], child[16];
    sl_random(mine, 1);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        sl_random(child, sizeof(child));
        _exit(write(ends[1], child, sizeof(child)) == sizeof(child) ? 0 : 1);
    }
    sl_random(mine, sizeof(mine));
    assert_int_equal(read(ends[0], child, sizeof(child)), sizeof(child));
    waitpid(pid, NULL, 0);
    close(ends[0]), close(ends[1]);
    assert_memory_not_equal(mine, child, sizeof(mine));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_and_reads_times), cmocka_unit_test(reads_every_form_of_rfc_3339),
        cmocka_unit_test(clocks_go_forward),       cmocka_unit_test(ids_ascend),
        cmocka_unit_test(ids_from_a_digest),       cmocka_unit_test(id_syntax),
        cmocka_unit_test(random_bytes_differ),     cmocka_unit_test(random_bytes_differ_after_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
