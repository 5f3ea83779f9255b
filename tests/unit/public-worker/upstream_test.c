/* The public worker's upstream against a server that misbehaves on order. */
#include "tests/unit/worker/harness.h"

#include "common/http/server.h"
#include "public-worker/upstream.h"

typedef enum { /* what the server does with a request */
               DO_ANSWER,
               DO_STATUS,
               DO_CUT,
               DO_NO_DONE,
               DO_NO_REASON,
               DO_HANG,
               DO_TOOLS,
               DO_STALL,
               DO_GARBAGE,
               DO_ERROR_EVENT,
               DO_NOTHING,
               DO_PLAIN_JSON
} act_kind;

typedef struct act {
    act_kind kind;
    int status;
    const char *retry_after, *body;
} act;

typedef struct fake {
    harness *h;
    sl_http_server *server;
    const act *script;
    size_t script_n, served;
    sl_http_request *stalled;
    int closed;
    char auth[128];
    sl_buf body;
    /* under test */
    sl_public_config cfg;
    struct sl_option_pair model;
    char url[64];
    sl_upstream *upstream;
    sl_worker *worker;
    int at_once, most_at_once;
} fake;

#define DELTA(text)                                                                               \
    "data: "                                                                                      \
    "{\"id\":\"u-1\",\"created\":1,\"model\":\"vendor-7b\",\"choices\":[{\"index\":0,\"delta\":{" \
    "\"content\":\"" text "\"},\"finish_reason\":null}]}\n\n"
#define FINISH "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE  "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n"
#define DONE   "data: [DONE]\n\n"

static void stream(sl_http_request *r, const char *text, bool abort)
{
    sl_http_stream_begin(r, 200, "text/event-stream");
    sl_http_stream_send(r, sl_str_c(text));
    sl_http_stream_end(r, abort);
}

static void play(fake *f, const act *a, sl_http_request *r)
{
    switch (a->kind) {
    case DO_ANSWER:
        stream(r, DELTA("Hello") DELTA(" there") FINISH USAGE DONE, false);
        break;
    case DO_STATUS:
        if (a->retry_after)
            sl_http_add_header(r, "Retry-After", sl_str_c(a->retry_after));
        sl_http_answer(r, a->status, "application/json", sl_str_c(a->body ? a->body : "{}"));
        break;
    case DO_CUT:
        stream(r, DELTA("Hello"), true);
        break;
    case DO_NO_DONE:
        stream(r, DELTA("Hello") FINISH, false);
        break;
    case DO_NO_REASON:
        stream(r, DELTA("Hello") DONE, false);
        break;
    case DO_TOOLS:
        stream(r,
               "data: "
               "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\","
               "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n"
               "data: "
               "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"
               "\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n" DONE,
               false);
        break;
    case DO_GARBAGE:
        stream(r, DELTA("Hello") "data: <html>\n\n" DONE, false);
        break;
    case DO_ERROR_EVENT:
        stream(r, DELTA("Hello") "data: {\"error\":{\"message\":\"gpu-7 is on fire\"}}\n\n" DONE,
               false);
        break;
    case DO_NOTHING:
        stream(r, "", false);
        break;
    case DO_PLAIN_JSON:
        sl_http_answer(r, 200, "application/json",
                       SL_STR("{\"choices\":[{\"message\":{\"content\":\"x\"}}]}"));
        break;
    case DO_STALL:
        sl_http_stream_begin(r, 200, "text/event-stream");
        sl_http_stream_send(r, SL_STR(DELTA("Hello")));
        f->stalled = r;
        break;
    case DO_HANG:
        f->stalled = r;
        break;
    }
}

static void on_request(void *arg, sl_http_request *r)
{
    fake *f = arg;
    assert_true(sl_str_is(sl_http_path(r), "/v1/chat/completions"));
    hs_copy(f->auth, sizeof(f->auth), sl_http_header(r, "authorization"));
    sl_buf_clear(&f->body);
    sl_buf_add_str(&f->body, sl_http_body(r));
    f->at_once = sl_upstream_active(f->upstream);
    if (f->at_once > f->most_at_once)
        f->most_at_once = f->at_once;
    const act *a = &f->script[f->served < f->script_n ? f->served : f->script_n - 1];
    f->served++;
    play(f, a, r);
}

static void on_close(void *arg, sl_http_request *r)
{
    fake *f = arg;
    f->closed++;
    if (f->stalled == r)
        f->stalled = NULL;
}

static fake *open_fake(const act *script, size_t n)
{
    fake *f = calloc(1, sizeof(*f));
    sl_error err = {0};
    f->h = hs_open(SL_CLASS_PUBLIC);
    f->script = script;
    f->script_n = n;
    sl_http_server_options so = {.listen = "127.0.0.1:0"};
    sl_http_handlers hs = {.on_request = on_request, .on_close = on_close};
    assert_int_equal(sl_http_server_open(&f->server, f->h->loop, &so, &hs, f, &err), SL_OK);
    (void)snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d/v1/",
                   sl_http_server_port(f->server));
    f->model = (struct sl_option_pair){"tiny", "vendor-7b"};
    f->cfg = (sl_public_config){.instance = "0",
                                .upstream_url = f->url,
                                .upstream_key = "sk-test-key",
                                .upstream_ca = "",
                                .keyring = f->h->ring_path,
                                .encrypt = true,
                                .upstream_models = {&f->model, 1},
                                .upstream_concurrency = 8,
                                .upstream_retries = 3,
                                .upstream_first_byte_ms = 10000,
                                .upstream_idle_ms = 10000};
    assert_int_equal(sl_public_config_check(&f->cfg, &err), SL_OK);
    assert_int_equal(sl_upstream_open(&f->upstream, f->h->loop, &f->cfg, NULL, &err), SL_OK);
    sl_worker_options wo = {.cls = SL_CLASS_PUBLIC,
                            .daemon = "public-worker",
                            .instance = "0",
                            .group = "g",
                            .bus = f->h->bus,
                            .keyring_path = f->h->ring_path,
                            .must_encrypt = true};
    assert_int_equal(
        sl_worker_open(&f->worker, f->h->loop, &wo, &sl_upstream_executor, f->upstream, &err),
        SL_OK);
    return f;
}

static void close_fake(fake *f)
{
    sl_worker_free(f->worker);
    sl_upstream_free(f->upstream);
    sl_http_server_free(f->server);
    sl_buf_done(&f->body);
    hs_free(f->h);
    free(f);
}

static hs_seen *ask(fake *f, hs_request *q)
{
    hs_send(f->h, q);
    assert_true(hs_wait(f->h, hs_has_end, q->id));
    return hs_end_of(f->h, q->id);
}

static void an_answer_streams_through(void **state)
{
    static const act script[] = {{.kind = DO_ANSWER}};
    fake *f = open_fake(script, 1);
    hs_request q = {0};
    hs_seen *end = ask(f, &q);
    assert_int_equal(end->end, SL_END_STOP);
    assert_string_equal(end->env, "upstream/vendor-7b");
    assert_non_null(strstr(end->body, "\"completion_tokens\":2"));
    char *text = hs_text(f->h, end->run);
    assert_string_equal(text, "Hello there");
    free(text);
    assert_string_equal(f->auth, "Bearer sk-test-key");
    assert_non_null(strstr(f->body.data, "\"vendor-7b\""));
    for (size_t i = 0; i < f->h->n; i++) /* nothing of the upstream's names goes on */
        assert_true(!f->h->seen[i].body || !strstr(f->h->seen[i].body, "u-1"));
    close_fake(f);
}

static void tool_calls_pass_as_they_are(void **state)
{
    static const act script[] = {{.kind = DO_TOOLS}};
    fake *f = open_fake(script, 1);
    hs_request q = {0};
    hs_seen *end = ask(f, &q);
    assert_int_equal(end->end, SL_END_TOOL_CALLS);
    assert_int_equal(end->count, 2);
    close_fake(f);
}

static void what_fails_before_the_first_byte_is_tried_again(void **state)
{
    static const act scripts[][3] = {
        {{.kind = DO_STATUS, .status = 500},
         {.kind = DO_STATUS, .status = 503, .retry_after = "0"},
         {.kind = DO_ANSWER}},
        {{.kind = DO_STATUS, .status = 429, .retry_after = "1"},
         {.kind = DO_NOTHING},
         {.kind = DO_ANSWER}},
    };
    for (size_t i = 0; i < 2; i++) {
        fake *f = open_fake(scripts[i], 3);
        int64_t start = sl_mono_ms();
        hs_request q = {0};
        hs_seen *end = ask(f, &q);
        assert_int_equal(end->end, SL_END_STOP);
        assert_int_equal(f->served, 3);
        if (i == 1)
            assert_true(sl_mono_ms() - start >= 1000); /* Retry-After */
        close_fake(f);
    }
}

static void what_can_not_be_tried_again_is_a_definite_error(void **state)
{
    static const struct {
        act a;
        size_t served;
        const char *code;
    } cases[] = {
        {{.kind = DO_STATUS, .status = 400, .body = "{\"error\":{\"message\":\"gpu-7\"}}"},
         1,
         "invalid_request"},
        {{.kind = DO_STATUS, .status = 401, .body = "gpu-7"}, 1, "upstream_denied"},
        {{.kind = DO_STATUS, .status = 429, .retry_after = "3600"}, 1, "rate_limit_exceeded"},
        {{.kind = DO_CUT}, 1, "unavailable"},
        {{.kind = DO_NO_DONE}, 1, "unavailable"},
        {{.kind = DO_NO_REASON}, 1, "corrupt"},
        {{.kind = DO_GARBAGE}, 1, "corrupt"},
        {{.kind = DO_ERROR_EVENT}, 1, "unavailable"},
        {{.kind = DO_PLAIN_JSON}, 1, "unavailable"},
        {{.kind = DO_STATUS, .status = 500}, 2, "unavailable"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake *f = open_fake(&cases[i].a, 1);
        f->cfg.upstream_retries = 1;
        hs_request q = {0};
        hs_seen *end = ask(f, &q);
        print_message("case %zu: %s\n", i, end->body);
        assert_int_equal(end->end, SL_END_ERROR);
        assert_non_null(strstr(end->body, cases[i].code));
        assert_null(strstr(end->body, "gpu-7"));
        assert_int_equal(f->served, cases[i].served);
        close_fake(f);
    }
}

static void an_upstream_that_is_away_is_an_error_after_its_retries(void **state)
{
    static const act script[] = {{.kind = DO_ANSWER}};
    fake *f = open_fake(script, 1);
    f->cfg.upstream_url = "http://127.0.0.1:1/v1"; /* nobody listens there */
    f->cfg.upstream_retries = 1;
    hs_request q = {0};
    hs_seen *end = ask(f, &q);
    assert_int_equal(end->end, SL_END_ERROR);
    assert_non_null(strstr(end->body, "unavailable"));
    assert_int_equal(f->served, 0);
    close_fake(f);
}

static void silence_is_a_time_out_and_not_tried_again(void **state)
{
    static const act script[] = {{.kind = DO_HANG}};
    fake *f = open_fake(script, 1);
    f->cfg.upstream_first_byte_ms = 100;
    hs_request q = {0};
    hs_seen *end = ask(f, &q);
    assert_int_equal(end->end, SL_END_ERROR);
    assert_non_null(strstr(end->body, "timeout"));
    assert_int_equal(f->served, 1);
    close_fake(f);
}

static bool is_stalled(harness *h, void *arg)
{
    return ((fake *)arg)->stalled != NULL && hs_count(h, SL_TOPIC_RESPONSES, SL_TYPE_CHUNK) > 0;
}

static bool is_served(harness *h, void *arg)
{
    return ((fake *)arg)->served > 0;
}

static bool is_closed(harness *h, void *arg)
{
    return ((fake *)arg)->closed > 0;
}

static void a_cancel_closes_the_call(void **state)
{
    static const act scripts[][1] = {{{.kind = DO_STALL}}, {{.kind = DO_HANG}}};
    for (size_t i = 0; i < 2; i++) {
        fake *f = open_fake(scripts[i], 1);
        hs_request q = {0};
        hs_send(f->h, &q);
        assert_true(hs_wait(f->h, i ? is_served : is_stalled, f));
        hs_cancel(f->h, q.id, false);
        assert_true(hs_wait(f->h, hs_has_end, q.id));
        assert_int_equal(hs_end_of(f->h, q.id)->end, SL_END_CANCELLED);
        assert_true(hs_wait(f->h, is_closed, f)); /* the upstream sees the client go */
        assert_int_equal(sl_upstream_active(f->upstream), 0);
        close_fake(f);
    }
}

static void a_cancel_ends_a_wait_for_the_next_try(void **state)
{
    static const act script[] = {{.kind = DO_STATUS, .status = 503, .retry_after = "20"}};
    fake *f = open_fake(script, 1);
    hs_request q = {0};
    hs_send(f->h, &q);
    assert_true(hs_wait(f->h, is_served, f));
    hs_cancel(f->h, q.id, false);
    assert_true(hs_wait(f->h, hs_has_end, q.id));
    assert_int_equal(hs_end_of(f->h, q.id)->end, SL_END_CANCELLED);
    close_fake(f);
}

static void a_model_that_is_not_offered_is_refused(void **state)
{
    static const act script[] = {{.kind = DO_ANSWER}};
    fake *f = open_fake(script, 1);
    hs_request q = {.body = "{\"model\":\"other\",\"messages\":[{\"role\":\"user\",\"content\":"
                            "\"Hello\"}],\"seed\":1}"};
    hs_seen *end = ask(f, &q);
    assert_int_equal(end->end, SL_END_ERROR);
    assert_non_null(strstr(end->body, "model_not_found"));
    assert_int_equal(f->served, 0);
    close_fake(f);
}

static void concurrency_is_a_limit(void **state)
{
    static const act script[] = {{.kind = DO_ANSWER}};
    fake *f = open_fake(script, 1);
    f->cfg.upstream_concurrency = 2;
    hs_request q[20];
    memset(q, 0, sizeof(q));
    for (int i = 0; i < 20; i++)
        hs_send(f->h, &q[i]);
    for (int i = 0; i < 20; i++) {
        assert_true(hs_wait(f->h, hs_has_end, q[i].id));
        assert_int_equal(hs_end_of(f->h, q[i].id)->end, SL_END_STOP);
    }
    assert_int_equal(f->served, 20);
    assert_true(f->most_at_once <= 2);
    close_fake(f);
}

static void closing_in_the_middle_leaks_nothing(void **state)
{
    static const act script[] = {{.kind = DO_STALL}};
    fake *f = open_fake(script, 1);
    hs_request q = {0};
    hs_send(f->h, &q);
    assert_true(hs_wait(f->h, is_stalled, f));
    close_fake(f);
}

static void a_bad_configuration_is_named(void **state)
{
    struct sl_option_pair m = {"a", "b"}, empty = {"a", ""};
    sl_public_config ok = {.instance = "0",
                           .upstream_url = "https://x/v1",
                           .upstream_key = "",
                           .keyring = "k",
                           .encrypt = true,
                           .upstream_models = {&m, 1}};
    sl_error err = {0};
    assert_int_equal(sl_public_config_check(&ok, &err), SL_OK);
    sl_public_config c = ok;
    c.upstream_url = "x/v1";
    assert_int_equal(sl_public_config_check(&c, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "upstream.url"));
    c = ok;
    c.upstream_models.n = 0;
    assert_int_equal(sl_public_config_check(&c, &err), SL_E_INVALID);
    c = ok;
    c.upstream_models.v = &empty;
    assert_int_equal(sl_public_config_check(&c, &err), SL_E_INVALID);
    c = ok;
    c.upstream_key = "a\r\nX: y";
    assert_int_equal(sl_public_config_check(&c, &err), SL_E_INVALID);
    assert_null(strstr(err.text, "X: y"));
    c = ok;
    c.keyring = "";
    assert_int_equal(sl_public_config_check(&c, &err), SL_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_streams_through),
        cmocka_unit_test(tool_calls_pass_as_they_are),
        cmocka_unit_test(what_fails_before_the_first_byte_is_tried_again),
        cmocka_unit_test(what_can_not_be_tried_again_is_a_definite_error),
        cmocka_unit_test(an_upstream_that_is_away_is_an_error_after_its_retries),
        cmocka_unit_test(silence_is_a_time_out_and_not_tried_again),
        cmocka_unit_test(a_cancel_closes_the_call),
        cmocka_unit_test(a_cancel_ends_a_wait_for_the_next_try),
        cmocka_unit_test(a_model_that_is_not_offered_is_refused),
        cmocka_unit_test(concurrency_is_a_limit),
        cmocka_unit_test(closing_in_the_middle_leaks_nothing),
        cmocka_unit_test(a_bad_configuration_is_named),
    };
    sl_log_open("test", SL_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
