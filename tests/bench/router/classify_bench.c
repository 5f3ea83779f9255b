/* classify_bench - what classification costs on one thread: microseconds for 2 KB (mean, p50, p99),
 * MB/s at 32 KB, the most expensive input that a search finds, size of the pattern database, start
 * cold and warm, allocations once warm. Ends with the bars and exits 1 with --check when one is
 * missed. Usage: classify_bench [--check] [seconds a case, default 0.3] [seconds of search, 5] */
#include "common/base/clock.h"
#include "router/classify/classify.h"
#include "router/classify/model.h"
#include "router/classify/model_builtin.h"
#include "router/classify/patterns.h"
#include "tests/count_allocations.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

/* ---- timing ---- */

typedef struct bench {
    sl_classifier *classifier; /* which remembers nothing: a text is scanned each time */
    sl_model *model;
    sl_arena arena;
    double seconds, search;
} bench;

typedef struct figures {
    double mean, p50, p99;
} figures;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static sl_level classify(bench *b, sl_str text)
{
    sl_level level;
    bool doubt;
    sl_finding *found;
    size_t n;
    sl_arena_reset(&b->arena);
    sl_classify_begin(b->classifier, NULL, NULL, &b->arena);
    sl_classify_text(b->classifier, "text", text);
    sl_classify_end(b->classifier, &level, &doubt, &found, &n);
    return level;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static figures sorted(double *us, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += us[i];
    qsort(us, n, sizeof *us, by_value);
    return (figures){sum / (double)n, us[n / 2], us[n * 99 / 100]};
}

static void fill(sl_buf *b, const char *seed, size_t want)
{
    sl_buf_clear(b);
    while (b->len < want)
        sl_buf_adds(b, seed);
    b->len = sl_utf8_complete(b->data, want);
}

enum { SAMPLES_MAX = 100000, KINDS = 4 };

static const struct {
    const char *name, *text;
} kinds[KINDS] = {{"english", english}, {"chinese", chinese}, {"code", code}, {"pii-dense", dense}};

/* Every sample is one text; the kinds take turns, so that none stays alone in the caches. */
static figures time_kinds(bench *b, size_t bytes, double us_of[KINDS])
{
    static double us[SAMPLES_MAX];
    sl_buf text[KINDS] = {0};
    double sum[KINDS] = {0};
    size_t n = 0;
    for (int k = 0; k < KINDS; k++)
        fill(&text[k], kinds[k].text, bytes);
    for (int i = 0; i < 400; i++)
        classify(b, sl_buf_str(&text[i % KINDS]));
    double end = now_us() + b->seconds * KINDS * 1e6;
    while (n + KINDS <= SAMPLES_MAX && (n < 400 || now_us() < end)) {
        for (int k = 0; k < KINDS; k++, n++) {
            double from = now_us();
            classify(b, sl_buf_str(&text[k]));
            us[n] = now_us() - from;
            sum[k] += us[n];
        }
    }
    for (int k = 0; k < KINDS; k++) {
        us_of[k] = sum[k] / (double)(n / KINDS);
        sl_buf_done(&text[k]);
    }
    return sorted(us, n);
}

static void print(const char *name, size_t bytes, figures f, const char *level)
{
    printf("%-22s %6zu bytes  mean %8.2f us  p50 %8.2f  p99 %8.2f  %6.2f ns/byte  %7.1f MB/s  %s\n",
           name, bytes, f.mean, f.p50, f.p99, f.mean * 1e3 / (double)bytes, (double)bytes / f.mean,
           level);
}

/* ---- the most expensive input ---- */

static const char *const pieces[] = {"4 1 1 1 1 1 1 ",
                                     "4-1.1/1_1,1",
                                     "1111111111111111 ",
                                     "11010519491231002X",
                                     "12:34:56:78:9a:bc ",
                                     "1.2.3.4 ",
                                     "2a02::1:",
                                     "+44 20 7946 0958 ",
                                     "a@b.c ",
                                     "a@b.co@",
                                     "@@@@",
                                     "x@y [at] z [dot] ",
                                     "://a:b@c ",
                                     ":::: ",
                                     "key: ",
                                     "password=",
                                     "密码",
                                     "pwd:x1y2 ",
                                     "token = \"",
                                     "QmFzZTY0IHRleHQ/",
                                     "QmFzZTY0IHRleHQgaXMgaGVyZQ== ",
                                     "4a4b4c4d4e4f50515253545556575859 ",
                                     "%41%42%43",
                                     "%2541%2542",
                                     "&#65;&#66;",
                                     "\\u0041\\u0042",
                                     "\\x41\\x42",
                                     "=41=42=\n",
                                     "e\xcc\x81",
                                     "\xe2\x80\x8b"
                                     "a",
                                     "\xef\xbc\x91\xef\xbc\x92",
                                     "一二三四五六七",
                                     "零壹贰叁",
                                     "one two three ",
                                     "<b>1</b>",
                                     "**1**",
                                     "\"1\", \"2\", ",
                                     "'a' + 'b' + ",
                                     "CONFIDENTIAL\n",
                                     "[secret] ",
                                     "密级：机密 ",
                                     "机密计算",
                                     "SSN passport IBAN ",
                                     "身份证护照银行卡",
                                     "born on 1990-01-01 ",
                                     "AKIA",
                                     "sk-ant-",
                                     "ghp_",
                                     "eyJhbGciOi",
                                     "-----BEGIN ",
                                     "0x",
                                     "bc1q",
                                     "abandon ability able ",
                                     "Mr. John Smith ",
                                     "路号室栋 ",
                                     "\xd0\xb0"
                                     "a",
                                     "\xf0\x9f\x98\x80",
                                     "\xff",
                                     "((((",
                                     "\n",
                                     "DE89 3704 0044 ",
                                     "京A12345",
                                     "wxid_",
                                     "String.fromCharCode(65,66,"};
enum { PIECES = sizeof pieces / sizeof *pieces, WORST_BYTES = 4096, TOP = 6 };

typedef struct worst {
    double ns;
    char what[64];
    sl_level level;
} worst;

/* The least of a few runs: what the input costs, not what the machine did meanwhile. */
static double cost(bench *b, sl_str text, sl_level *level)
{
    double least = 1e18;
    for (int i = 0; i < 5; i++) {
        double from = now_us();
        *level = classify(b, text);
        double took = now_us() - from;
        least = took < least ? took : least;
    }
    return least * 1e3 / (double)text.n;
}

static void keep(worst top[TOP], worst w)
{
    for (int i = 0; i < TOP; i++) {
        if (w.ns <= top[i].ns)
            continue;
        memmove(top + i + 1, top + i, (size_t)(TOP - 1 - i) * sizeof *top);
        top[i] = w;
        return;
    }
}

static void escaped(char *to, size_t cap, const char *piece)
{
    size_t n = 0;
    for (; *piece && n + 5 < cap; piece++)
        n += (size_t)snprintf(
            to + n, cap - n, *piece == '\n' || *piece == '\\' || (*piece & 0x80) ? "\\x%02x" : "%c",
            (uint8_t)*piece);
}

/* Each piece alone, then random mixtures of up to four of them in random numbers. */
static void search(bench *b, worst top[TOP])
{
    uint64_t seed = 0x2545F4914F6CDD1D;
    sl_buf text = {0};
    double end = now_us() + b->search * 1e6;
    for (size_t i = 0; i < PIECES || now_us() < end; i++) {
        worst w = {0};
        char unit[2048] = "", part[64];
        size_t n = i < PIECES ? 1 : 2 + i % 3;
        for (size_t k = 0; k < n; k++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            size_t which = i < PIECES ? i : seed % PIECES,
                   times = i < PIECES ? 1 : 1 + (seed >> 32) % 6;
            for (size_t t = 0; t < times; t++)
                strncat(unit, pieces[which], sizeof unit - strlen(unit) - 1);
            escaped(part, sizeof part, pieces[which]);
            size_t used = strlen(w.what);
            snprintf(w.what + used, sizeof w.what - used, "%s%zux%.20s", k ? " " : "", times, part);
        }
        fill(&text, unit, WORST_BYTES);
        w.ns = cost(b, sl_buf_str(&text), &w.level);
        keep(top, w);
    }
    sl_buf_done(&text);
}

/* ---- start ---- */

/* In a process of its own: the database is one a process. */
static double start_ms(const char *dir)
{
    int fd[2];
    double ms = -1;
    if (pipe(fd) != 0)
        return ms;
    pid_t pid = fork();
    if (pid == 0) {
        double from = now_us();
        sl_router *r = NULL;
        if (sl_patterns_cache(dir) && sl_router_open(&r, NULL) == SL_OK)
            ms = (now_us() - from) / 1e3;
        _exit(write(fd[1], &ms, sizeof ms) != sizeof ms);
    }
    if (pid > 0 && read(fd[0], &ms, sizeof ms) != sizeof ms)
        ms = -1;
    if (pid > 0)
        waitpid(pid, NULL, 0);
    close(fd[0]), close(fd[1]);
    return ms;
}

static int missed;

static void bar(const char *name, double figure, const char *unit, bool at_least, double limit)
{
    bool ok = at_least ? figure >= limit : figure <= limit;
    missed += !ok;
    printf("%-44s %9.2f %-8s %s %-6.0f %s\n", name, figure, unit, at_least ? ">=" : "<=", limit,
           ok ? "" : "MISSED");
}

static void model_alone(double seconds)
{
    sl_model *m = NULL;
    sl_error err = {0};
    sl_buf text = {0};
    if (sl_model_load(&m, "router/classify/model.bin", &err) != SL_OK) {
        printf("model alone: %s\n", err.text);
        return;
    }
    float sum = 0;
    size_t n = 0;
    fill(&text, english, 2048);
    double from = now_us();
    for (; now_us() < from + seconds * 1e6; n++)
        sum += sl_model_score(m, sl_buf_str(&text));
    printf("%-22s %6zu bytes  mean %8.2f us  (score %.3f)\n", "the model alone", text.len,
           (now_us() - from) / (double)n, sum / (float)n);
    sl_buf_done(&text);
    sl_model_unload(m);
}

static int measure(bench *b, double cold, double warm)
{
    double us[KINDS];
    figures small = time_kinds(b, 2048, us), large;
    for (int k = 0; k < KINDS; k++)
        printf("%-22s %6d bytes  mean %8.2f us\n", kinds[k].name, 2048, us[k]);
    print("all kinds in turn", 2048, small, "");
    double slowest = 1e9, large_us[KINDS];
    large = time_kinds(b, 32768, large_us);
    for (int k = 0; k < KINDS; k++) {
        double rate = 32768 / large_us[k];
        printf("%-22s %6d bytes  mean %8.2f us  %7.1f MB/s\n", kinds[k].name, 32768, large_us[k],
               rate);
        slowest = rate < slowest ? rate : slowest;
    }
    print("all kinds in turn", 32768, large, "");
    model_alone(b->seconds);
    sl_buf text = {0};
    fill(&text, dense, 2048);
    size_t before = allocations;
    for (int i = 0; i < 1000; i++)
        classify(b, sl_buf_str(&text));
    double each = (double)(allocations - before) / 1000;
    sl_classifier_set_memory(b->classifier, SL_VERDICTS_BYTES);
    figures known = time_kinds(b, 2048, us);
    print("seen before", 2048, known, "");
    sl_classifier_set_memory(b->classifier, 0);
    sl_buf_done(&text);
    worst top[TOP] = {0};
    search(b, top);
    double mean_ns = small.mean * 1e3 / 2048;
    for (int i = 0; i < TOP; i++)
        printf("worst %d: %7.1f ns/byte, %5.1f x the mean  %-12s %s\n", i + 1, top[i].ns,
               top[i].ns / mean_ns, sl_level_name(top[i].level), top[i].what);
    puts("");
    bar("2 KB, mean", small.mean, "us", false, 15);
    bar("2 KB, p99", small.p99, "us", false, 50);
    bar("32 KB, all kinds", 32768 / large.mean, "MB/s", true, 120);
    bar("32 KB, slowest kind", slowest, "MB/s", true, 120);
    bar("worst input, a byte against the mean", top[0].ns / mean_ns, "x", false, 5);
    bar("pattern database", (double)sl_patterns_bytes() / 1048576, "MiB", false, 8);
    bar("allocations a text once warm", each, "", false, 0);
    bar("start with the cache", warm, "ms", false, 50);
    printf("%-44s %9.2f ms\n", "start without it", cold);
    return missed;
}

int main(int argc, char **argv)
{
    bool check = argc > 1 && strcmp(argv[1], "--check") == 0;
    argc -= check, argv += check;
    bench b = {.seconds = argc > 1 ? atof(argv[1]) : 0.3, .search = argc > 2 ? atof(argv[2]) : 5};
    sl_error err = {0};
    char dir[] = "/tmp/classify_bench.XXXXXX", rm[64];
    if (!mkdtemp(dir))
        return 1;
    double cold = start_ms(dir), warm = start_ms(dir);
    if (!sl_patterns_cache(dir) || sl_model_parse(&b.model, sl_model_builtin(), &err) != SL_OK ||
        sl_classifier_open(&b.classifier, &err) != SL_OK) {
        fprintf(stderr, "classify_bench: %s\n", err.text);
        return 1;
    }
    sl_classifier_set_memory(b.classifier, 0);
    sl_classifier_set_model(b.classifier, b.model, 1, 0.90f);
    snprintf(rm, sizeof rm, "rm -rf %s", dir);
    if (system(rm) != 0)
        fprintf(stderr, "classify_bench: %s stays behind\n", dir);
    int n = measure(&b, cold, warm);
    sl_arena_done(&b.arena);
    sl_classifier_free(b.classifier);
    sl_model_unload(b.model);
    return check && n ? 1 : 0;
}
