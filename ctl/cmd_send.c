/* cmd_send.c - `sluice send`: one request to the gateway, its answer as it comes. */
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/jsonw.h"
#include "common/http/client.h"
#include "ctl/cmd.h"
#include "ctl/trace.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define EVENT_MAX (4u << 20)

typedef struct send {
    sl_loop *loop;
    bool stream, json, explain, printing, ended_clean, failed;
    sl_buf body;    /* the answer, when it is not a stream or not a 200 */
    sl_buf headers; /* x-sluice-* and x-request-id, "name: value\n" */
    sl_sse sse;
    char id[64];
    sl_http_result result;
    int64_t start_us, first_us, done_us;
} send;

static void on_header(void *arg, sl_str name, sl_str value)
{
    send *s = arg;
    if (name.n == 12 && !strncasecmp(name.p, "x-request-id", 12))
        snprintf(s->id, sizeof(s->id), "%.*s", (int)value.n, value.p);
    if ((name.n > 9 && !strncasecmp(name.p, "x-sluice-", 9)) ||
        (name.n == 12 && !strncasecmp(name.p, "x-request-id", 12)))
        sl_buf_addf(&s->headers, "%.*s: %.*s\n", (int)name.n, name.p, (int)value.n, value.p);
}

static void print_header(const send *s, const char *label, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = s->headers.data; p && *p; p = strchr(p, '\n') + 1)
        if (!strncasecmp(p, name, n) && p[n] == ':')
            printf("   %-9s %.*s\n", label, (int)strcspn(p + n + 2, "\n"), p + n + 2);
}

/* Before the first text: who decided what. */
static void begin_text(send *s)
{
    if (s->printing)
        return;
    s->printing = true;
    s->first_us = sl_mono_us();
    if (s->explain) {
        print_header(s, "id", "x-request-id");
        print_header(s, "class", "x-sluice-class");
        print_header(s, "level", "x-sluice-level");
        print_header(s, "reasons", "x-sluice-reasons");
        print_header(s, "model", "x-sluice-model");
        printf("   answer    ");
    }
}

static void print_text(send *s, const sl_jnode *root)
{
    const sl_jnode *choice = sl_json_first(sl_json_get(root, "choices"));
    const sl_jnode *part = sl_json_get(choice, s->stream ? "delta" : "message");
    sl_str text;
    if (sl_json_str(sl_json_get(part, "content"), &text) && text.n) {
        begin_text(s);
        fwrite(text.p, 1, text.n, stdout);
        fflush(stdout);
    }
}

static void print_error(send *s, const sl_jnode *root)
{
    const sl_jnode *e = sl_json_get(root, "error");
    sl_str message = {0}, code = {0};
    if (!e)
        return;
    (void)sl_json_str(sl_json_get(e, "message"), &message);
    (void)sl_json_str(sl_json_get(e, "code"), &code);
    s->failed = true;
    fprintf(stderr, "sluice: send: %.*s (%.*s)\n", (int)message.n, message.p ? message.p : "",
            (int)code.n, code.p ? code.p : "");
}

static bool on_event(void *arg, sl_str data)
{
    send *s = arg;
    if (sl_str_is(data, "[DONE]")) {
        s->ended_clean = true;
        return true;
    }
    sl_jnode *root = NULL;
    if (sl_json_parse(&root, data, EVENT_MAX, NULL) == SL_OK) {
        if (s->json) {
            fwrite(data.p, 1, data.n, stdout);
            putchar('\n');
        } else {
            print_text(s, root);
        }
        print_error(s, root);
    }
    sl_json_free(root);
    return true;
}

static bool on_data(void *arg, int http_status, sl_str piece)
{
    send *s = arg;
    if (s->stream && http_status == 200)
        return sl_sse_feed(&s->sse, piece, EVENT_MAX, on_event, s, NULL) == SL_OK;
    sl_buf_add_str(&s->body, piece);
    return s->body.len < EVENT_MAX;
}

static void on_done(void *arg, const sl_http_result *res)
{
    send *s = arg;
    s->result = *res;
    s->done_us = sl_mono_us();
    sl_loop_stop(s->loop);
}

static void make_body(sl_buf *out, const send *s, const char *text, const char *system,
                      const char *model, int64_t max_tokens, const char *temperature)
{
    sl_jsonw w = sl_jsonw_on(out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "model", model);
    sl_jsonw_bool(&w, "stream", s->stream);
    sl_jsonw_arr(&w, "messages");
    const char *const rows[][2] = {{"system", system}, {"user", text}};
    for (int i = system[0] ? 0 : 1; i < 2; i++) {
        sl_jsonw_obj(&w, NULL);
        sl_jsonw_cstr(&w, "role", rows[i][0]);
        sl_jsonw_cstr(&w, "content", rows[i][1]);
        sl_jsonw_end_obj(&w);
    }
    sl_jsonw_end_arr(&w);
    if (max_tokens > 0)
        sl_jsonw_i64(&w, "max_tokens", max_tokens);
    if (temperature[0])
        sl_jsonw_raw(&w, "temperature", sl_str_c(temperature));
    sl_jsonw_end_obj(&w);
}

static sl_status call(send *s, const char *url, const char *key, sl_str body, sl_error *reterr)
{
    static const sl_http_callbacks cb = {
        .on_header = on_header, .on_data = on_data, .on_done = on_done};
    sl_http_client *client = NULL;
    sl_http_call *c = NULL;
    sl_buf target = {0}, auth = {0};
    sl_buf_addf(&target, "%s/v1/chat/completions", url);
    sl_buf_addf(&auth, "Authorization: Bearer %s", key);
    const char *headers[] = {auth.data, "Content-Type: application/json", NULL};
    sl_status st = sl_loop_open(&s->loop, reterr);
    if (!st)
        st = sl_http_client_open(&client, s->loop, 1, reterr);
    if (!st)
        st = sl_http_call_start(&c, client,
                                &(sl_http_call_options){.method = "POST",
                                                        .url = target.data,
                                                        .headers = headers,
                                                        .body = body,
                                                        .first_byte_timeout_ms = 600000,
                                                        .idle_timeout_ms = 600000},
                                &cb, s, reterr);
    if (!st) {
        sl_loop_run(s->loop);
        st = s->result.status;
        if (st && reterr)
            *reterr = s->result.error;
    }
    sl_http_client_free(client);
    sl_loop_free(s->loop);
    sl_buf_done(&target);
    sl_buf_done(&auth);
    return st;
}

/* The answer in one piece, or the error object. */
static void print_whole(send *s)
{
    sl_jnode *root = NULL;
    if (sl_json_parse(&root, sl_buf_str(&s->body), EVENT_MAX, NULL) == SL_OK) {
        if (s->json)
            puts(s->body.data);
        else
            print_text(s, root);
        print_error(s, root);
    }
    sl_json_free(root);
}

static int finish(send *s, const sl_cmd_kafka *kafka, int64_t since_ms)
{
    sl_error err = {0};
    sl_cmd_buses buses = {0};
    if (!s->stream || s->result.http_status != 200)
        print_whole(s);
    if (s->printing)
        putchar('\n');
    if (s->stream && s->result.http_status == 200 && !s->ended_clean && !s->failed) {
        fprintf(stderr, "sluice: send: the stream was cut before its end\n");
        return SL_EXIT_NO;
    }
    if (s->result.http_status != 200 || s->failed)
        return SL_EXIT_NO;
    if (!s->explain || s->json)
        return SL_EXIT_OK;
    double all_ms = (double)(s->done_us - s->start_us) / 1000.0;
    if (s->first_us)
        printf("   time      first text after %.0f ms, all after %.0f ms\n",
               (double)(s->first_us - s->start_us) / 1000.0, all_ms);
    else
        printf("   time      no text, all after %.0f ms\n", all_ms);
    sl_status st = sl_cmd_buses_open(&buses, kafka, &err);
    if (!st)
        st = sl_trace_print(&buses, s->id, since_ms, 10000, &err);
    sl_cmd_buses_done(&buses);
    return st ? sl_cmd_fail("send", &err) : SL_EXIT_OK;
}

int sl_cmd_send(int argc, char **argv)
{
    const char *url = NULL, *key = NULL, *model = NULL, *system = NULL, *temperature = NULL;
    sl_cmd_kafka kafka = {0};
    int64_t max_tokens = 0, since_ms = sl_unix_ms() - 1000;
    send s = {0};
    const sl_arg table[] = {
        {"url", "URL", sl_cmd_env("SLUICE_URL"), "the gateway", &url, NULL, NULL},
        {"key", "KEY", NULL, "API key; better in SLUICE_API_KEY", &key, NULL, NULL},
        {"model", "NAME", "auto", "model; auto: the policy's for the request's class", &model, NULL,
         NULL},
        {"system", "TEXT", "", "system prompt", &system, NULL, NULL},
        {"max-tokens", "N", "0", "most tokens of the answer; 0: the model's", NULL, NULL,
         &max_tokens},
        {"temperature", "T", "", "sampling temperature", &temperature, NULL, NULL},
        {"stream", NULL, NULL, "print the answer as it comes", NULL, &s.stream, NULL},
        {"explain", NULL, NULL,
         "print id, class, level, reasons, hops and checksums too (reads Kafka)", NULL, &s.explain,
         NULL},
        {"json", NULL, NULL, "print the gateway's JSON", NULL, &s.json, NULL},
        SL_CMD_KAFKA_ARGS(kafka),
        {0},
    };
    sl_args a = {.command = "send",
                 .words = "TEXT",
                 .summary = "Sends one chat request to the gateway and prints the answer.",
                 .table = table};
    int code = sl_cmd_args(&a, argc, argv);
    if (code >= 0)
        return code;
    sl_error err = {0};
    sl_buf body = {0};
    sl_status st = SL_OK;
    if (!key)
        key = sl_cmd_env("SLUICE_API_KEY");
    if (a.words_n != 1 || !url[0] || !key[0])
        st = sl_fail(&err, SL_E_INVALID,
                     "give one TEXT; the gateway and key come from SLUICE_URL and SLUICE_API_KEY "
                     "(. .run/env), or --url and --key");
    else if (max_tokens < 0 || (temperature[0] && !sl_cmd_is_number(temperature)))
        st = sl_fail(&err, SL_E_INVALID, "--max-tokens and --temperature are numbers from 0 up");
    if (!st) {
        make_body(&body, &s, a.word[0], system, model, max_tokens, temperature);
        s.start_us = sl_mono_us();
        st = call(&s, url, key, sl_buf_str(&body), &err);
    }
    code = st ? sl_cmd_fail("send", &err) : finish(&s, &kafka, since_ms);
    sl_buf_done(&body);
    sl_buf_done(&s.body);
    sl_buf_done(&s.headers);
    sl_sse_done(&s.sse);
    sl_args_done(&a);
    return code;
}
