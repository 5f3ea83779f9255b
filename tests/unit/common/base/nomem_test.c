/* nomem_test.c - every allocation of the readers fails once: each time a clean SL_E_NOMEM, nothing
 * leaks. The allocator is replaced, so sanitizer builds skip it. */
#include "common/base/json.h"
#include "common/base/jsonw.h"
#include "common/base/metrics.h"
#include "common/base/options.h"
#include "common/base/yaml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#ifndef SL_SANITIZED
static size_t countdown; /* the allocation that fails; 0: none */
static long live;

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static bool fails(void)
{
    if (countdown && --countdown == 0) {
        errno = ENOMEM;
        return true;
    }
    return false;
}

static void *counted(void *p)
{
    live += p != NULL;
    return p;
}

void *malloc(size_t n)
{
    return fails() ? NULL : counted(__libc_malloc(n));
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t n)
{
    if (fails())
        return NULL;
    void *q = __libc_realloc(p, n);
    live += p == NULL && q != NULL;
    return q;
}

void free(void *p)
{
    live -= p != NULL;
    __libc_free(p);
}
#endif

static sl_status read_json(void)
{
    static const char text[] = "{\"a\":[1,9007199254740993,\"x\"],\"b\":1,\"c\":1,\"d\":1,\"e\":1,"
                               "\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":{}}";
    sl_jnode *root = NULL;
    sl_buf out = {0};
    sl_status st = sl_json_parse(&root, sl_str_c(text), sizeof(text), NULL);
    if (!st)
        st = sl_json_set_str(root, "b", SL_STR("text"));
    if (!st)
        st = sl_json_set_i64(root, "seed", INT64_MAX);
    if (!st) {
        sl_json_write(root, &out);
        st = sl_buf_ok(&out) ? SL_OK : SL_E_NOMEM;
    }
    sl_json_free(root);
    sl_buf_done(&out);
    return st;
}

static sl_status read_yaml(void)
{
    sl_yaml *y = NULL;
    sl_status st =
        sl_yaml_parse(&y, "t", SL_STR("a: ${HOME}\nb: [1, {c: d}]\ne: \"f\"\n"), true, NULL);
    if (!st)
        sl_yaml_free(y);
    return st;
}

static char path[] = "/tmp/sluice-nomem-XXXXXX";

static sl_status read_options(void)
{
    static struct {
        const char *text;
        sl_option_list list;
        sl_option_map map;
    } cfg;
    static const sl_option table[] = {
        {"s.text", SL_OPT_STR, 0, .def = "x", .reloadable = true, .help = "h"},
        {"list", SL_OPT_LIST, sizeof(char *), .def = "a,b", .help = "h"},
        {"map", SL_OPT_MAP, sizeof(char *) + sizeof(sl_option_list), .def = "a=b", .help = "h"},
        {0},
    };
    static const sl_options_spec spec = {
        .program = "t", .summary = "t", .table = table, .target = &cfg};
    char *argv[] = {"t", "--config", path, "--s.text=y"};
    sl_options *o = NULL;
    sl_buf dump = {0};
    bool leave;
    sl_status st = sl_options_load(&o, &spec, 4, argv, &leave, NULL);
    if (!st) {
        cfg.text = ""; /* so that the reload has something to change */
        st = sl_options_reload(o, NULL, NULL);
    }
    if (!st) {
        sl_options_dump(o, &dump);
        st = sl_buf_ok(&dump) ? SL_OK : SL_E_NOMEM;
    }
    sl_options_free(o);
    sl_buf_done(&dump);
    return st;
}

static sl_status count_metrics(void)
{
    static const sl_metric table[] = {{"x_total", SL_COUNTER, "h", NULL, NULL, NULL}};
    sl_metrics *m = NULL;
    sl_metrics_shard *s;
    sl_buf out = {0};
    sl_status st = sl_metrics_open(&m, table, 1, NULL);
    if (!st)
        st = sl_metrics_shard_open(m, &s, NULL);
    if (!st) {
        sl_metrics_render(m, &out);
        st = sl_buf_ok(&out) ? SL_OK : SL_E_NOMEM;
    }
    sl_metrics_free(m);
    sl_buf_done(&out);
    return st;
}

static const struct reader {
    const char *name;
    sl_status (*run)(void);
    long kept; /* aligned_alloc is not counted when it takes, only when it is freed */
} readers[] = {
    {"json", read_json, 0},
    {"yaml", read_yaml, 0},
    {"options", read_options, 0},
    {"metrics", count_metrics, -1},
};
#define READERS (sizeof(readers) / sizeof(readers[0]))

static void all_succeed_with_memory(void **state)
{
    setenv("HOME", "/", 0);
    for (size_t i = 0; i < READERS; i++) /* whatever is allocated once a process is allocated now */
        assert_int_equal(readers[i].run(), SL_OK);
}

#ifndef SL_SANITIZED
static void sweep(const struct reader *r)
{
    for (size_t n = 1;; n++) {
        long before = live;
        countdown = n;
        sl_status st = r->run();
        bool reached = countdown == 0;
        countdown = 0;
        long leaked = live - before;
        if (leaked != 0 && leaked != r->kept)
            fail_msg("%s, allocation %zu: %ld not freed", r->name, n, leaked);
        if (st != (reached ? SL_E_NOMEM : SL_OK))
            fail_msg("%s, allocation %zu: %s", r->name, n, sl_status_name(st));
        if (!reached)
            return;
    }
}
#endif

static void each_allocation_fails_once(void **state)
{
#ifdef SL_SANITIZED
    skip();
#else
    for (size_t i = 0; i < READERS; i++)
        sweep(&readers[i]);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_succeed_with_memory),
        cmocka_unit_test(each_allocation_fails_once),
    };
    int fd = mkstemp(path);
    const char text[] = "s:\n  text: a\nlist: [a, b]\nmap: {c: d}\n";
    if (write(fd, text, sizeof(text) - 1) != sizeof(text) - 1)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
