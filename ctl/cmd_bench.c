/* cmd_bench.c - `sluice bench`: a closed loop of requests against a gateway; rates and latencies.
 * */
#include "common/base/clock.h"
#include "common/base/jsonw.h"
#include "common/http/client.h"
#include "ctl/cmd.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct bench bench;
typedef struct lane { /* one connection's worth of work: a request at a time */
    bench *b;
    int64_t start_us, first_us;
} lane;

struct bench {
    sl_loop *loop;
    sl_http_client *client;
    lane *lanes;
    const char *url;
    const char *headers[3];
    sl_buf body;
    int64_t total, sent, done, failed, open;
    double *first_ms, *all_ms;
    int64_t bytes;
    sl_error error;
};

static void next(lane *l);

static bool on_data(void *arg, int http_status, sl_str piece)
{
    lane *l = arg;
    (void)http_status;
    if (!l->first_us)
        l->first_us = sl_mono_us();
    l->b->bytes += (int64_t)piece.n;
    return true;
}

static void on_done(void *arg, const sl_http_result *res)
{
    lane *l = arg;
    bench *b = l->b;
    b->open--;
    if (res->status || res->http_status != 200) {
        b->failed++;
        if (res->status)
            b->error = res->error;
        else
            sl_fail(&b->error, SL_E_UNAVAILABLE, "the gateway answered %d", res->http_status);
    } else {
        b->first_ms[b->done] = (double)(l->first_us - l->start_us) / 1000.0;
        b->all_ms[b->done++] = (double)(sl_mono_us() - l->start_us) / 1000.0;
    }
    next(l);
    if (!b->open)
        sl_loop_stop(b->loop);
}

static void next(lane *l)
{
    static const sl_http_callbacks cb = {.on_data = on_data, .on_done = on_done};
    bench *b = l->b;
    sl_http_call *call;
    if (b->sent >= b->total)
        return;
    b->sent++;
    l->first_us = 0;
    l->start_us = sl_mono_us();
    if (sl_http_call_start(&call, b->client,
                           &(sl_http_call_options){.method = "POST",
                                                   .url = b->url,
                                                   .headers = b->headers,
                                                   .body = sl_buf_str(&b->body)},
                           &cb, l, &b->error) == SL_OK)
        b->open++;
    else
        b->failed++;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_row(const char *name, double *v, int64_t n, bool json)
{
    if (!n)
        return;
    qsort(v, (size_t)n, sizeof(*v), by_value);
    printf(json ? ",\"%s_ms\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f}"
                : "%-12s p50 %.2f ms  p90 %.2f  p99 %.2f  max %.2f\n",
           name, v[n / 2], v[n * 9 / 10], v[n * 99 / 100], v[n - 1]);
}

static void report(bench *b, double seconds, bool json)
{
    printf(json ? "{\"done\":%lld,\"failed\":%lld,\"seconds\":%.3f,\"requests_per_s\":%.1f,"
                  "\"bytes\":%lld"
                : "%lld done, %lld failed in %.2f s: %.1f requests/s, %lld bytes\n",
           (long long)b->done, (long long)b->failed, seconds, (double)b->done / seconds,
           (long long)b->bytes);
    print_row(json ? "first" : "first byte", b->first_ms, b->done, json);
    print_row(json ? "all" : "whole", b->all_ms, b->done, json);
    if (json)
        printf("}\n");
}

static sl_status run(bench *b, int64_t connections, bool json, sl_error *reterr)
{
    sl_status st = sl_loop_open(&b->loop, reterr);
    if (!st)
        st = sl_http_client_open(&b->client, b->loop, (int)connections, reterr);
    b->lanes = calloc((size_t)connections, sizeof(*b->lanes));
    b->first_ms = calloc((size_t)b->total + 1, sizeof(double));
    b->all_ms = calloc((size_t)b->total + 1, sizeof(double));
    if (!st && (!b->lanes || !b->first_ms || !b->all_ms))
        st = SL_E_NOMEM;
    int64_t start = sl_mono_us();
    for (int64_t i = 0; !st && i < connections; i++) {
        b->lanes[i].b = b;
        next(&b->lanes[i]);
    }
    if (!st && b->open)
        sl_loop_run(b->loop);
    if (!st)
        report(b, (double)(sl_mono_us() - start) / 1e6, json);
    if (!st && b->failed) {
        st = b->error.code ? b->error.code : SL_E_INTERNAL;
        if (reterr)
            *reterr = b->error;
    }
    sl_http_client_free(b->client);
    sl_loop_free(b->loop);
    free(b->lanes);
    free(b->first_ms);
    free(b->all_ms);
    return st;
}

static void make_body(sl_buf *out, int64_t bytes, int64_t max_tokens, bool stream)
{
    sl_jsonw w = sl_jsonw_on(out);
    sl_buf text = {0};
    while ((int64_t)text.len < bytes)
        sl_buf_adds(&text, "Tell me about canals and their locks. ");
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "model", "auto");
    sl_jsonw_bool(&w, "stream", stream);
    sl_jsonw_i64(&w, "max_tokens", max_tokens);
    sl_jsonw_arr(&w, "messages");
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "role", "user");
    sl_jsonw_str(&w, "content", (sl_str){text.data, bytes > 0 ? (size_t)bytes : text.len});
    sl_jsonw_end_obj(&w);
    sl_jsonw_end_arr(&w);
    sl_jsonw_end_obj(&w);
    sl_buf_done(&text);
}

int sl_cmd_bench(int argc, char **argv)
{
    const char *url = NULL, *key = NULL;
    int64_t requests = 0, connections = 0, bytes = 0, max_tokens = 0;
    bool stream = false, json = false;
    const sl_arg table[] = {
        {"url", "URL", sl_cmd_env("SLUICE_URL"), "the gateway", &url, NULL, NULL},
        {"key", "KEY", NULL, "API key; better in SLUICE_API_KEY", &key, NULL, NULL},
        {"requests", "N", "100", "how many", NULL, NULL, &requests},
        {"connections", "N", "1", "how many at once", NULL, NULL, &connections},
        {"bytes", "N", "1000", "length of the prompt", NULL, NULL, &bytes},
        {"max-tokens", "N", "16", "most tokens of an answer", NULL, NULL, &max_tokens},
        {"stream", NULL, NULL, "streamed answers", NULL, &stream, NULL},
        {"json", NULL, NULL, "one JSON object", NULL, &json, NULL},
        {0},
    };
    sl_args a = {.command = "bench",
                 .words = "",
                 .summary = "Sends requests in a closed loop and prints rates and latencies.",
                 .table = table};
    int code = sl_cmd_args(&a, argc, argv);
    if (code >= 0)
        return code;
    sl_error err = {0};
    bench b = {.total = requests};
    sl_buf target = {0}, auth = {0};
    sl_status st = SL_OK;
    if (!key)
        key = sl_cmd_env("SLUICE_API_KEY");
    if (a.words_n || !url[0] || requests < 1 || requests > 10000000 || connections < 1 ||
        connections > 10000 || bytes < 1 || bytes > 1000000 || max_tokens < 1)
        st = sl_fail(&err, SL_E_INVALID,
                     "a URL, 1 to 10000000 requests over 1 to 10000 connections with 1 to 1000000 "
                     "bytes are possible");
    if (!st) {
        sl_buf_addf(&target, "%s/v1/chat/completions", url);
        sl_buf_addf(&auth, "Authorization: Bearer %s", key);
        make_body(&b.body, bytes, max_tokens, stream);
        b.url = target.data;
        b.headers[0] = auth.data;
        b.headers[1] = "Content-Type: application/json";
        st = run(&b, connections, json, &err);
    }
    sl_buf_done(&b.body);
    sl_buf_done(&target);
    sl_buf_done(&auth);
    sl_args_done(&a);
    return st ? sl_cmd_fail("bench", &err) : SL_EXIT_OK;
}
