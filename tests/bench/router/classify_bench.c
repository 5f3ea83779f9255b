/* classify_bench - microseconds to classify 2 KB (mean, p99) and MB/s at 32 KB, one thread, by kind
 * of text. Usage: classify_bench [seconds a case, default 0.5] */
#include "common/base/clock.h"
#include "router/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char english[] = "The committee met on Tuesday to discuss how the library could stay "
                              "open later in the evening. Several "
                              "members asked whether volunteers might help, and the chair promised "
                              "to write a short plan before the next "
                              "meeting. Please summarise the arguments for and against, in plain "
                              "words, and suggest three questions that "
                              "a careful reader would ask. Keep the tone friendly; the audience is "
                              "students who have not followed it. ";
static const char chinese[] =
    "请帮我把下面这段话改写得更通顺一些，并且保持原来的意思。上周我们讨论了如何让图书馆在晚上开放得"
    "更久，"
    "有几位同事认为可以请志愿者帮忙，也有人担心安全问题。请分别列出支持和反对的理由，每条不超过二十"
    "个字，"
    "最后给出三个值得继续追问的问题。语气要友好，读者是没有参加讨论的学生。";
static const char code[] =
    "def merge(left: list[int], right: list[int]) -> list[int]:\n    result, i, j = [], 0, 0\n"
    "    while i < len(left) and j < len(right):\n        if left[i] <= right[j]:\n"
    "            result.append(left[i]); i += 1\n        else:\n            "
    "result.append(right[j]); j += 1\n"
    "    return result + left[i:] + right[j:]\n\n# complexity: O(n), n = 1024; see "
    "test_merge_sorted_input()\n";
static const char dense[] = "Customer Li Wei, 身份证号 11010519491231002X, 手机 138-0013-8000, "
                            "mail li.wei@corp-mail.cn, card 4539 2221 2602 5164, "
                            "IBAN DE89 3704 0044 0532 0130 00, SSN 219-09-9999, host 10.20.30.40, "
                            "phone +44 20 7946 0958; order 2026-11-24 no 55821. ";

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void fill(sl_buf *b, const char *seed, size_t want)
{
    sl_buf_clear(b);
    while (b->len < want)
        sl_buf_adds(b, seed);
    b->len = sl_utf8_complete(b->data, want);
}

enum { SAMPLES_MAX = 200000 };

static void run(sl_router *r, const sl_policy *p, const char *name, sl_str text, double seconds)
{
    static double us[SAMPLES_MAX];
    sl_arena arena = {0};
    sl_decision d;
    size_t n = 0;
    double sum = 0;
    int64_t end = sl_mono_us() + (int64_t)(seconds * 1e6);
    enum { BATCH = 8 }; /* the clock costs and rounds: time a few at once */
    while (n < SAMPLES_MAX && (n < 100 || sl_mono_us() < end)) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int i = 0; i < BATCH; i++) {
            sl_arena_reset(&arena);
            if (sl_router_classify(r, p, SL_STR("bench"), text, &arena, &d, NULL) != SL_OK)
                abort();
        }
        clock_gettime(CLOCK_MONOTONIC, &b);
        us[n] =
            ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 1e3 / BATCH;
        sum += us[n++];
    }
    qsort(us, n, sizeof *us, by_value);
    double mean = sum / (double)n;
    printf("%-22s %6zu bytes  mean %8.2f us  p50 %8.2f  p99 %8.2f  %7.1f MB/s  %s\n", name, text.n,
           mean, us[n / 2], us[n * 99 / 100], (double)text.n / us[n / 2], sl_level_name(d.level));
    sl_arena_done(&arena);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name, *text;
    } cases[] = {{"english", english},
                 {"chinese", chinese},
                 {"code", code},
                 {"pii-dense", dense},
                 {"digits", "4 1 1 1 1 1 1 "},
                 {"long digits", "11111111111111111111111111111111"},
                 {"base64-like", "QmFzZTY0IHRleHQgaXMgaGVyZQ/"},
                 {"at signs", "a@b.c "},
                 {"percent", "%41%42%43"},
                 {"marks", "e\xcc\x81"}};
    double seconds = argc > 1 ? atof(argv[1]) : 0.5;
    sl_error err = {0};
    sl_policy *p = NULL;
    sl_router *r = NULL;
    int64_t start = sl_mono_us();
    if (sl_policy_default(&p, &err) != SL_OK || sl_router_open(&r, &err) != SL_OK) {
        fprintf(stderr, "classify_bench: %s\n", err.text);
        return 1;
    }
    printf("start: %.0f ms (patterns compiled, tables built)\n",
           (double)(sl_mono_us() - start) / 1e3);
    sl_buf b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fill(&b, cases[i].text, 2048);
        run(r, p, cases[i].name, sl_buf_str(&b), seconds);
        fill(&b, cases[i].text, 32768);
        run(r, p, cases[i].name, sl_buf_str(&b), seconds);
    }
    sl_buf_done(&b);
    sl_router_free(r);
    sl_policy_unref(p);
    return 0;
}
