/* base_bench.c - what the hot path takes from common/base: ids, JSON in and out, numbers. */
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/jsonw.h"

#include <stdio.h>
#include <stdlib.h>

#define SIZE    2048
#define ROUNDS  20000
#define BATCHES 9

typedef struct bench {
    sl_buf ascii, chinese, request, out;
    sl_jnode *tree;
    char id[SL_UUID_TEXT], time[SL_TIME_TEXT];
} bench;

static void uuid(bench *b)
{
    sl_uuid7(b->id);
}
static void format_time(bench *b)
{
    sl_time_format(b->time, sl_unix_us());
}

static void write_string(bench *b, const sl_buf *text)
{
    sl_jsonw w = sl_jsonw_on(&b->out);
    sl_buf_clear(&b->out);
    sl_jsonw_str(&w, NULL, sl_buf_str(text));
}

static void write_ascii(bench *b)
{
    write_string(b, &b->ascii);
}
static void write_chinese(bench *b)
{
    write_string(b, &b->chinese);
}

static void add_numbers(bench *b)
{
    sl_buf_clear(&b->out);
    for (uint64_t i = 1; i < 1000; i++)
        sl_buf_add_u64(&b->out, i * 1234567891u);
}

static void parse(bench *b)
{
    sl_jnode *root;
    if (sl_json_parse(&root, sl_buf_str(&b->request), 1 << 20, NULL))
        abort();
    sl_json_free(root);
}

static void write_tree(bench *b)
{
    sl_buf_clear(&b->out);
    sl_json_write(b->tree, &b->out);
}

static int by_value(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double measure(bench *b, void (*f)(bench *))
{
    double us[BATCHES];
    f(b);
    for (int i = 0; i < BATCHES; i++) {
        int64_t start = sl_mono_us();
        for (int k = 0; k < ROUNDS; k++)
            f(b);
        us[i] = (double)(sl_mono_us() - start) / ROUNDS;
    }
    qsort(us, BATCHES, sizeof(us[0]), by_value);
    return us[BATCHES / 2];
}

static bool prepare(bench *b)
{
    while (b->ascii.len < SIZE)
        sl_buf_adds(&b->ascii, "The quick brown fox said: \"jump\". ");
    while (b->chinese.len < SIZE)
        sl_buf_adds(&b->chinese,
                    "\xe4\xb8\xad\xe6\x96\x87\xe7\x9a\x84\xe8\xaf\xb7\xe6\xb1\x82\xef\xbc\x8c");
    sl_jsonw w = sl_jsonw_on(&b->request);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "model", "auto");
    sl_jsonw_arr(&w, "messages");
    for (int i = 0; i < 2; i++) {
        sl_jsonw_obj(&w, NULL);
        sl_jsonw_cstr(&w, "role", i ? "user" : "system");
        sl_jsonw_str(&w, "content", (sl_str){b->ascii.data, SIZE / 2});
        sl_jsonw_end_obj(&w);
    }
    sl_jsonw_end_arr(&w);
    sl_jsonw_f64(&w, "temperature", 0.7);
    sl_jsonw_bool(&w, "stream", true);
    sl_jsonw_end_obj(&w);
    return sl_json_parse(&b->tree, sl_buf_str(&b->request), 1 << 20, NULL) == SL_OK;
}

int main(void)
{
    static const struct {
        const char *name;
        void (*f)(bench *);
    } rows[] = {
        {"uuid v7", uuid},
        {"time, RFC 3339", format_time},
        {"JSON string, 2 KB ASCII", write_ascii},
        {"JSON string, 2 KB Chinese", write_chinese},
        {"999 decimal numbers", add_numbers},
        {"parse a 2 KB request", parse},
        {"write a 2 KB request", write_tree},
    };
    static bench b;
    if (!prepare(&b))
        return 1;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        printf("%-28s %8.3f us\n", rows[i].name, measure(&b, rows[i].f));
    sl_json_free(b.tree);
    sl_buf_done(&b.ascii), sl_buf_done(&b.chinese), sl_buf_done(&b.request), sl_buf_done(&b.out);
    return 0;
}
