/* The HTTP mode with an engine of the test's own: routes, streams, errors, disconnects, drain. */
#include "tests/unit/private-worker/fake_engine.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/client.h"
#include "private-worker/http_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define WAIT_MS 20000

typedef struct rig {
    sl_loop *loop;
    sl_private_config cfg;
    sl_host *host;
    sl_metrics *metrics;
    sl_metrics_shard *shard;
    sl_http_api *api;
    sl_http_client *client;
    char base[64];
    bool drained;
    bool (*until)(struct rig *r);
    int64_t deadline_ms;
    bool reached;
} rig;

typedef struct reply {
    rig *r;
    sl_http_call *call;
    int status;
    sl_buf body;
    bool done, hold;
    sl_http_result res;
} reply;

static const sl_metric table[] = {SL_WORKER_METRICS};
static bool yes(void *arg)
{
    return sl_http_api_ready(((rig *)arg)->api);
}

static rig *open_rig(const char **keys, size_t keys_n)
{
    rig *r = calloc(1, sizeof(*r));
    sl_error err = {0};
    memset(&fe, 0, sizeof(fe));
    r->cfg = (sl_private_config){.instance = "0",
                                 .http_listen = "127.0.0.1:0",
                                 .http_keys = {keys, keys_n},
                                 .model_path = "x.gguf",
                                 .model_name = "tiny",
                                 .slots = 4,
                                 .queue = 4};
    assert_int_equal(sl_loop_open(&r->loop, &err), SL_OK);
    assert_int_equal(sl_host_open(&r->host, r->loop, &r->cfg, &err), SL_OK);
    assert_int_equal(fe.submitted, 1); /* the warm-up */
    assert_int_equal(sl_metrics_open(&r->metrics, table, SL_WM_N, &err), SL_OK);
    assert_int_equal(sl_metrics_shard_open(r->metrics, &r->shard, &err), SL_OK);
    sl_admin_source source = {.daemon = "d", .metrics = r->metrics, .ready = yes, .arg = r};
    assert_int_equal(sl_http_api_open(&r->api, r->loop, &r->cfg, r->host, &source, r->shard, &err),
                     SL_OK);
    assert_int_equal(sl_http_client_open(&r->client, r->loop, 16, &err), SL_OK);
    (void)snprintf(r->base, sizeof(r->base), "http://127.0.0.1:%d", sl_http_api_port(r->api));
    return r;
}

static void close_rig(rig *r)
{
    sl_http_client_free(r->client);
    sl_http_api_free(r->api);
    sl_host_free(r->host);
    sl_metrics_free(r->metrics);
    sl_loop_free(r->loop);
    free(r);
}

static void turn(void *arg)
{
    rig *r = arg;
    r->reached = r->until(r);
    if (r->reached || sl_mono_ms() > r->deadline_ms)
        sl_loop_stop(r->loop);
}

static bool wait_for(rig *r, bool (*until)(rig *r))
{
    sl_timer *t = NULL;
    assert_int_equal(sl_timer_open(&t, r->loop, turn, r, NULL), SL_OK);
    r->until = until;
    r->reached = false;
    r->deadline_ms = sl_mono_ms() + WAIT_MS;
    sl_timer_every(t, 2);
    sl_loop_run(r->loop);
    sl_timer_free(t);
    return r->reached;
}

static bool on_data(void *arg, int status, sl_str piece)
{
    reply *p = arg;
    p->status = status;
    sl_buf_add_str(&p->body, piece);
    return true;
}

static void on_done(void *arg, const sl_http_result *res)
{
    reply *p = arg;
    p->done = true;
    p->res = *res;
    p->status = res->http_status;
    p->call = NULL;
}

static reply *current; /* for the predicates */
static bool is_done(rig *r)
{
    return current->done;
}
static bool has_text(rig *r)
{
    return current->body.len > 0;
}
static bool is_cancelled(rig *r)
{
    return fe.cancelled > 0;
}
static bool is_submitted(rig *r)
{
    return fe.submitted >= 2;
}
static bool is_drained(rig *r)
{
    return r->drained;
}

static void begin(rig *r, reply *p, const char *method, const char *path, const char *key,
                  const char *body)
{
    static const sl_http_callbacks cb = {.on_data = on_data, .on_done = on_done};
    char url[128], auth[128];
    const char *headers[] = {"Content-Type: application/json", NULL, NULL};
    (void)snprintf(url, sizeof(url), "%s%s", r->base, path);
    if (key) {
        (void)snprintf(auth, sizeof(auth), "Authorization: Bearer %s", key);
        headers[1] = auth;
    }
    sl_http_call_options o = {
        .method = method, .url = url, .headers = headers, .body = sl_str_c(body)};
    memset(p, 0, sizeof(*p));
    p->r = r;
    current = p;
    assert_int_equal(sl_http_call_start(&p->call, r->client, &o, &cb, p, NULL), SL_OK);
}

static void ask(rig *r, reply *p, const char *method, const char *path, const char *key,
                const char *body)
{
    begin(r, p, method, path, key, body);
    assert_true(wait_for(r, is_done));
    sl_buf_addc(&p->body, 0);
}

#define CHAT "/v1/chat/completions"
#define BODY "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define STREAM \
    "{\"model\":\"tiny\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define STREAM_USAGE                                                                   \
    "{\"model\":\"tiny\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," \
    "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"

static void whole_answers(void **state)
{
    rig *r = open_rig(NULL, 0);
    reply p;
    ask(r, &p, "POST", CHAT, NULL, BODY);
    assert_int_equal(p.status, 200);
    assert_non_null(strstr(p.body.data, "\"Hello there\""));
    assert_non_null(strstr(p.body.data, "\"finish_reason\":\"stop\""));
    assert_non_null(strstr(p.body.data, "\"total_tokens\":6"));
    assert_non_null(strstr(p.body.data, "\"chat.completion\""));
    sl_buf_done(&p.body);
    ask(r, &p, "POST", "/v1/completions", NULL,
        "{\"model\":\"auto\",\"prompt\":\"Hi\",\"seed\":42}");
    assert_int_equal(p.status, 200);
    assert_non_null(strstr(p.body.data, "\"text\":\"Hello there\""));
    assert_int_equal(fe.seed, 42);
    sl_buf_done(&p.body);
    ask(r, &p, "GET", "/v1/models", NULL, "");
    assert_non_null(strstr(p.body.data, "\"id\":\"tiny\""));
    sl_buf_done(&p.body);
    close_rig(r);
}

static void streamed_answers(void **state)
{
    rig *r = open_rig(NULL, 0);
    reply p;
    ask(r, &p, "POST", CHAT, NULL, STREAM);
    assert_int_equal(p.status, 200);
    assert_non_null(strstr(p.body.data, "\"role\":\"assistant\""));
    assert_non_null(strstr(p.body.data, "\"content\":\"Hello\""));
    assert_non_null(strstr(p.body.data, "\"content\":\" there\""));
    assert_null(strstr(p.body.data, "\"total_tokens\""));
    assert_string_equal(p.body.data + p.body.len - 1 - strlen("data: [DONE]\n\n"),
                        "data: [DONE]\n\n");
    sl_buf_done(&p.body);
    ask(r, &p, "POST", CHAT, NULL, STREAM_USAGE);
    assert_non_null(strstr(p.body.data, "\"total_tokens\":6"));
    sl_buf_done(&p.body);
    close_rig(r);
}

static void refusals(void **state)
{
    static const char *keys[] = {"a-key-of-the-test", "another-key"};
    static const struct {
        const char *method, *path, *key, *body;
        int status;
        const char *code;
    } cases[] = {
        {"POST", CHAT, "another-key", BODY, 200, "Hello"},
        {"POST", CHAT, NULL, BODY, 401, "invalid_api_key"},
        {"POST", CHAT, "a-key-of-the-tesT", BODY, 401, "invalid_api_key"},
        {"POST", CHAT, "", BODY, 401, "invalid_api_key"},
        {"GET", "/v1/models", NULL, "", 401, "invalid_api_key"},
        {"GET", "/health", NULL, "", 200, "ok"},
        {"GET", "/health/readiness", NULL, "", 200, "ready"},
        {"GET", "/metrics", NULL, "", 200, "sluice_requests_taken_total"},
        {"POST", "/metrics", NULL, "", 405, "method_not_allowed"},
        {"GET", CHAT, "another-key", "", 405, "method_not_allowed"},
        {"POST", "/v1/other", "another-key", BODY, 404, "not_found"},
        {"POST", CHAT, "another-key", "{", 400, "error"},
        {"POST", CHAT, "another-key", "{\"model\":\"tiny\",\"messages\":[]}", 400, "messages"},
        {"POST", CHAT, "another-key",
         "{\"model\":\"gpt-4\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 404,
         "model_not_found"},
    };
    rig *r = open_rig(keys, 2);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        reply p;
        ask(r, &p, cases[i].method, cases[i].path, cases[i].key, cases[i].body);
        print_message("%s %s: %d\n", cases[i].method, cases[i].path, p.status);
        assert_int_equal(p.status, cases[i].status);
        assert_non_null(strstr(p.body.data, cases[i].code));
        sl_buf_done(&p.body);
    }
    close_rig(r);
}

static void the_engines_errors(void **state)
{
    static const struct {
        fe_mode mode;
        const char *body;
        int status;
        const char *code;
    } cases[] = {
        {FE_FULL, BODY, 503, "overloaded"},
        {FE_FULL, STREAM, 503, "overloaded"},
        {FE_TOO_LONG, BODY, 400, "context_length_exceeded"},
        {FE_FAIL, BODY, 500, "internal_error"},
        {FE_FAIL, STREAM, 500, "internal_error"},
        {FE_FAIL_LATE, BODY, 500, "internal_error"},
        {FE_FAIL_LATE, STREAM, 200, "internal_error"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rig *r = open_rig(NULL, 0);
        reply p;
        fe.mode = cases[i].mode;
        ask(r, &p, "POST", CHAT, NULL, cases[i].body);
        print_message("case %zu: %d %s\n", i, p.status, p.body.data);
        assert_int_equal(p.status, cases[i].status);
        assert_non_null(strstr(p.body.data, cases[i].code));
        assert_null(strstr(p.body.data, "[DONE]")); /* a cut stream never ends as a whole one */
        if (cases[i].mode == FE_FULL)
            assert_int_equal(p.res.retry_after_ms, 1000);
        sl_buf_done(&p.body);
        close_rig(r);
    }
}

static void a_client_that_goes_away_cancels(void **state)
{
    static const char *const bodies[] = {BODY, STREAM};
    for (int i = 0; i < 2; i++) {
        rig *r = open_rig(NULL, 0);
        reply p;
        fe.mode = FE_HOLD;
        begin(r, &p, "POST", CHAT, NULL, bodies[i]);
        assert_true(wait_for(r, i ? has_text : is_submitted));
        sl_http_call_cancel(p.call);
        assert_true(wait_for(r, is_cancelled));
        sl_buf_done(&p.body);
        close_rig(r);
    }
}

static void drained(void *arg)
{
    ((rig *)arg)->drained = true;
}

static void drain_finishes_what_runs(void **state)
{
    rig *r = open_rig(NULL, 0);
    reply p;
    fe.mode = FE_HOLD;
    begin(r, &p, "POST", CHAT, NULL, STREAM);
    assert_true(wait_for(r, has_text));
    sl_http_api_drain(r->api, 10000, drained, r);
    assert_false(sl_http_api_ready(r->api));
    assert_false(r->drained);
    fe.mode = FE_ANSWER; /* lets it go on */
    fe_wake(fe.engine);
    assert_true(wait_for(r, is_drained));
    assert_true(wait_for(r, is_done));
    sl_buf_addc(&p.body, 0);
    assert_non_null(strstr(p.body.data, "[DONE]"));
    sl_buf_done(&p.body);
    close_rig(r);
}

static void short_forms(void **state)
{
    char a[] = "x", b[] = "--http", c[] = ":80", d[] = "--http=127.0.0.1:1";
    char *argv[] = {a, b, c, d};
    sl_private_short_forms(4, argv);
    assert_string_equal(argv[1], "--http.listen");
    assert_string_equal(argv[2], ":80");
    assert_string_equal(argv[3], "--http.listen=127.0.0.1:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(streamed_answers),
        cmocka_unit_test(refusals),
        cmocka_unit_test(the_engines_errors),
        cmocka_unit_test(a_client_that_goes_away_cancels),
        cmocka_unit_test(drain_finishes_what_runs),
        cmocka_unit_test(short_forms),
    };
    sl_log_open("test", SL_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
