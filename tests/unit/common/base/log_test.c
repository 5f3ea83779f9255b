#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/sluice-log-XXXXXX";
static int saved, file;

/* Standard error goes to a file between catch and caught. */
static void catch (void)
{
    file = open(path, O_RDWR | O_TRUNC | O_APPEND);
    saved = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
}

static void caught(sl_buf *out)
{
    dup2(saved, STDERR_FILENO);
    close(saved), close(file);
    sl_buf_clear(out);
    assert_int_equal(sl_file_read(path, 1 << 24, out, NULL), SL_OK);
}

static sl_jnode *line_of(sl_str text)
{
    sl_jnode *root = NULL;
    assert_int_equal(sl_json_parse(&root, text, 1 << 20, NULL), SL_OK);
    return root;
}

static bool member_is(const sl_jnode *line, const char *key, const char *want)
{
    sl_str v;
    return sl_json_str(sl_json_get(line, key), &v) && sl_str_is(v, want);
}

static void a_line_is_one_object(void **state)
{
    sl_buf out = {0};
    sl_log_open("sluice-test", SL_LOG_INFO);
    catch ();
    errno = 42;
    SL_WARN((&(sl_log_ctx){.id = "id-1", .topic = "t", .partition = 3, .offset = 99}),
            "thing_failed", "it \"broke\"\n %d times", 7);
    int after = errno;
    caught(&out);
    assert_int_equal(after, 42);
    assert_int_equal(out.data[out.len - 1], '\n');
    assert_ptr_equal(strchr(out.data, '\n'), out.data + out.len - 1);
    sl_jnode *line = line_of(sl_buf_str(&out));
    int64_t v, us;
    sl_str time;
    assert_true(member_is(line, "level", "warn"));
    assert_true(member_is(line, "daemon", "sluice-test"));
    assert_true(member_is(line, "event", "thing_failed"));
    assert_true(member_is(line, "msg", "it \"broke\"\n 7 times"));
    assert_true(member_is(line, "id", "id-1"));
    assert_true(member_is(line, "topic", "t"));
    assert_true(sl_json_i64(sl_json_get(line, "partition"), &v) && v == 3);
    assert_true(sl_json_i64(sl_json_get(line, "offset"), &v) && v == 99);
    assert_true(sl_json_str(sl_json_get(line, "time"), &time));
    assert_true(sl_time_parse(time.p, time.n, &us));
    sl_json_free(line);
    sl_buf_done(&out);
}

static void context_is_left_out(void **state)
{
    sl_buf out = {0};
    catch ();
    SL_ERROR(NULL, "x", "plain");
    caught(&out);
    sl_jnode *line = line_of(sl_buf_str(&out));
    assert_int_equal(sl_json_size(line), 5);
    sl_json_free(line);
    sl_buf_done(&out);
}

static int formatted;
static int costly(void)
{
    return ++formatted;
}

static void levels_are_tested_first(void **state)
{
    sl_buf out = {0};
    sl_log_level level;
    assert_true(sl_log_level_parse("error", &level));
    assert_false(sl_log_level_parse("loud", &level));
    sl_log_set_level(level);
    catch ();
    SL_WARN(NULL, "x", "%d", costly());
    sl_log_set_level(SL_LOG_OFF);
    SL_ERROR(NULL, "x", "%d", costly());
    caught(&out);
    sl_log_set_level(SL_LOG_DEBUG);
    assert_int_equal(out.len, 0);
    assert_int_equal(formatted, 0);
    assert_true(sl_log_on(SL_LOG_DEBUG));
    assert_false(sl_log_on(SL_LOG_OFF));
    sl_buf_done(&out);
}

static void long_messages_are_cut_between_characters(void **state)
{
    sl_buf out = {0}, text = {0};
    for (int i = 0; i < 2000; i++)
        sl_buf_adds(&text, "\xe4\xb8\xad");
    catch ();
    SL_INFO(NULL, "x", "%s", text.data);
    caught(&out);
    sl_jnode *line = line_of(sl_buf_str(&out));
    sl_str msg;
    assert_true(sl_json_str(sl_json_get(line, "msg"), &msg));
    assert_true(msg.n > 2000 && msg.n < 2048 && msg.n % 3 == 0);
    assert_memory_equal(msg.p, text.data, msg.n);
    sl_json_free(line);
    sl_buf_done(&text);
    sl_buf_done(&out);
}

#define THREADS 4
#define LINES   500
static void *chatter(void *arg)
{
    for (int i = 0; i < LINES; i++)
        SL_INFO(NULL, "chat", "thread %s line %d", (const char *)arg, i);
    return NULL;
}

static void threads_do_not_mix_lines(void **state)
{
    static char *const names[THREADS] = {"a", "b", "c", "d"};
    pthread_t threads[THREADS];
    sl_buf out = {0};
    size_t lines = 0;
    catch ();
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, chatter, names[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    caught(&out);
    for (const char *p = out.data, *end; (end = strchr(p, '\n')); p = end + 1, lines++)
        sl_json_free(line_of((sl_str){p, (size_t)(end - p)}));
    assert_int_equal(lines, THREADS * LINES);
    sl_buf_done(&out);
}

static void repeated_errors_are_counted(void **state)
{
    sl_log_limit limit = {0};
    uint32_t skipped = 9;
    assert_true(sl_log_allow(&limit, &skipped));
    assert_int_equal(skipped, 0);
    for (int i = 0; i < 5; i++)
        assert_false(sl_log_allow(&limit, &skipped));
    limit.next_ms = 0; /* a second later */
    assert_true(sl_log_allow(&limit, &skipped));
    assert_int_equal(skipped, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_object),
        cmocka_unit_test(context_is_left_out),
        cmocka_unit_test(levels_are_tested_first),
        cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(threads_do_not_mix_lines),
        cmocka_unit_test(repeated_errors_are_counted),
    };
    close(mkstemp(path));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
