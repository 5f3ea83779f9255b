/* help.h - what the engine's tests share: files, fixtures, a request in one line, waiting. */
#ifndef SL_TEST_ENGINE_HELP_H
#define SL_TEST_ENGINE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/json.h"
#include "private-worker/engine/engine.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TINY  "tests/data/engine/tiny-llama.gguf"
#define MAKER "tests/data/engine/make_gguf.py"

#define OK(call)                                                                \
    do {                                                                        \
        sl_error ok_err = {0};                                                  \
        sl_error *err __attribute__((unused)) = &ok_err;                        \
        sl_status ok_st = (call);                                               \
        if (ok_st)                                                              \
            fail_msg("%s: %s (%s)", #call, ok_err.text, sl_status_name(ok_st)); \
    } while (0)

/* A file below the shared fixtures; NULL when it is not there (the test then skips). */
static inline const char *shared_path(const char *name)
{
    static char path[512];
    const char *root = getenv("SLUICE_SHARED");
    snprintf(path, sizeof(path), "%s/fixtures/%s", root ? root : "../shared", name);
    return access(path, R_OK) ? NULL : path;
}

static inline const char *smollm_path(void)
{
    const char *path = getenv("SLUICE_TEST_MODEL");
    path = path ? path : ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf";
    return access(path, R_OK) ? NULL : path;
}

#define SKIP_UNLESS(path, what)                                         \
    do {                                                                \
        if (!(path)) {                                                  \
            print_message("SKIP %s: %s is not here\n", __func__, what); \
            skip();                                                     \
        }                                                               \
    } while (0)

static inline sl_model *open_model(const char *path)
{
    sl_model *m = NULL;
    OK(sl_model_open(&m, &(sl_model_options){.path = path, .backend = "cpu"}, err));
    return m;
}

static inline sl_jnode *read_json(const char *path)
{
    sl_buf text = {0};
    sl_jnode *root = NULL;
    OK(sl_file_read(path, 64 << 20, &text, err));
    OK(sl_json_parse(&root, sl_buf_str(&text), 64 << 20, err));
    sl_buf_done(&text);
    return root;
}

static inline int32_t *read_ids(const sl_jnode *array, size_t *ret_n)
{
    size_t n = sl_json_size(array), i = 0;
    int32_t *ids = calloc(n + 1, sizeof(*ids));
    for (const sl_jnode *x = sl_json_first(array); x; x = sl_json_next(x)) {
        int64_t v = -1;
        assert_true(sl_json_i64(x, &v));
        ids[i++] = (int32_t)v;
    }
    *ret_n = n;
    return ids;
}

static inline int32_t argmax(const float *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        best = x[i] > x[best] ? i : best;
    return (int32_t)best;
}

/* Runs make_gguf.py with the arguments and returns the path of the file that it wrote. */
static inline const char *make_gguf(const char *args_before, const char *args_after)
{
    static char path[64];
    static int count;
    char cmd[1024];
    snprintf(path, sizeof(path), "/tmp/sluice-test-%d-%d.gguf", (int)getpid(), count++);
    snprintf(cmd, sizeof(cmd), "python3 " MAKER " %s %s %s", args_before, path, args_after);
    if (system(cmd))
        fail_msg("%s failed", cmd);
    return path;
}

#endif
