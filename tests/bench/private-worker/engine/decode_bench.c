/* decode_bench - tokens a second of one model on this machine.
 *
 *   decode_bench [MODEL [THREADS [PROMPT_TOKENS [ANSWER_TOKENS [REQUESTS]]]]]
 *
 * Prints load time, time to the first token of a prompt, prefill and decode rates, for one request
 * and, with REQUESTS > 1, for that many at once. Wall time and the process's CPU time stand side by
 * side, so that a busy machine shows. */
#include "common/base/clock.h"
#include "private-worker/engine/backend.h"
#include "private-worker/engine/engine.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define REQUESTS_MAX 64

typedef struct request {
    int64_t first_us, end_us, tokens;
    sl_usage usage;
} request;

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static int running;
static void on_event(void *arg, const sl_gen_event *ev)
{
    request *r = ev->user;
    if (!r->first_us && ev->tokens)
        r->first_us = sl_mono_us();
    r->tokens += ev->tokens;
    if (ev->end) {
        r->end_us = sl_mono_us();
        r->usage = ev->usage;
        running--;
    }
}

/* Runs n equal requests with different seeds at once and prints what they did. */
static int measure(sl_engine *e, sl_str prompt, int answer, int n)
{
    static request r[REQUESTS_MAX];
    memset(r, 0, sizeof(r));
    sl_error err;
    double cpu = cpu_s();
    int64_t start = sl_mono_us(), first = 0, end = 0, tokens = 0;
    for (int i = 0; i < n; i++) {
        sl_chat c = {.kind = SL_COMPLETION,
                     .prompt = prompt,
                     .has_temperature = true,
                     .temperature = 1,
                     .seed = i,
                     .has_max_tokens = true,
                     .max_tokens = answer};
        sl_gen *g;
        if (sl_engine_submit(e, &c, &r[i], &g, &err)) {
            fprintf(stderr, "decode_bench: %s\n", err.text);
            return 1;
        }
        running++;
    }
    while (running) {
        struct pollfd p = {sl_engine_fd(e), POLLIN, 0};
        poll(&p, 1, -1);
        sl_engine_poll(e, on_event, NULL);
    }
    for (int i = 0; i < n; i++) {
        first = r[i].first_us > first ? r[i].first_us : first;
        end = r[i].end_us > end ? r[i].end_us : end;
        tokens += r[i].tokens;
    }
    cpu = cpu_s() - cpu;
    double prefill = (double)(first - start) * 1e-6, decode = (double)(end - first) * 1e-6;
    printf("%2d at once: prompt %4lld tokens, last first token after %7.1f ms (%.0f tokens/s); "
           "decode %7.1f tokens/s "
           "(%lld tokens); all %.2f s wall, %.2f s CPU\n",
           n, (long long)r[0].usage.prompt_tokens, prefill * 1e3,
           (double)(r[0].usage.prompt_tokens * n) / prefill,
           decode > 0 ? (double)(tokens - n) / decode : 0, (long long)tokens,
           (double)(end - start) * 1e-6, cpu);
    return 0;
}

int main(int argc, char **argv)
{
    const char *env = getenv("SLUICE_TEST_MODEL"),
               *path = env ? env : ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf";
    path = argc > 1 ? argv[1] : path;
    int threads = argc > 2 ? atoi(argv[2]) : 1, prompt_n = argc > 3 ? atoi(argv[3]) : 100;
    int answer = argc > 4 ? atoi(argv[4]) : 200, requests = argc > 5 ? atoi(argv[5]) : 4;
    requests = requests < 1 ? 1 : requests > REQUESTS_MAX ? REQUESTS_MAX : requests;
    sl_error err;
    sl_model *m;
    sl_engine *e;
    int64_t t = sl_mono_us();
    if (sl_model_open(&m, &(sl_model_options){.path = path, .backend = "cpu"}, &err)) {
        fprintf(stderr, "decode_bench: %s\n", err.text);
        return err.code == SL_E_NOT_FOUND ? 0 : 1; /* no model: nothing to measure */
    }
    t = sl_mono_us() - t;
    sl_backend *be;
    const char *kernels = sl_backend_cpu_open(&be, NULL) ? "?" : be->ops->kernels(be);
    printf("%s: loaded in %.1f ms, %d threads, %s kernels\n", sl_model_name(m), (double)t * 1e-3,
           threads, kernels);
    be->ops->free(be);
    if (sl_engine_open(&e, m, &(sl_engine_options){.threads = threads, .slots = requests}, &err)) {
        fprintf(stderr, "decode_bench: %s\n", err.text);
        return 1;
    }
    sl_buf prompt = {0};
    for (int i = 0; i < prompt_n; i++)
        sl_buf_adds(&prompt, " river");
    int rc = measure(e, sl_buf_str(&prompt), answer, 1);
    if (!rc && requests > 1)
        rc = measure(e, sl_buf_str(&prompt), answer, requests);
    sl_buf_done(&prompt);
    sl_engine_free(e);
    sl_model_free(m);
    return rc;
}
