/* The whole private worker: bus mode and HTTP mode with an engine of the test's own. */
#include "tests/unit/worker/harness.h"

#include "common/http/client.h"
#include "private-worker/private_worker.h"
#include "tests/unit/private-worker/fake_engine.h"

#include <signal.h>

typedef struct rig {
    harness *h;
    sl_private_config cfg;
    sl_options *options;
    sl_private_worker *p;
    sl_http_client *client;
    int status;
    bool done;
    sl_buf body;
} rig;

static rig *open_rig(bool http)
{
    rig *r = calloc(1, sizeof(*r));
    sl_error err = {0};
    bool done = false;
    char boot[96];
    memset(&fe, 0, sizeof(fe));
    r->h = hs_open(SL_CLASS_PRIVATE);
    (void)snprintf(boot, sizeof(boot), "--bus.bootstrap=%s", r->h->bus_name);
    char a0[] = "sluice-private-worker", a1[] = "--model.path=x.gguf", a2[] = "--model.name=tiny",
         a3[] = "--admin.listen=127.0.0.1:0", a4[] = "--log.level=off", a5[] = "--http",
         a6[] = "127.0.0.1:0";
    char *argv[] = {a0, a1, a2, a3, a4, boot, a5, a6, NULL};
    int argc = http ? 8 : 6;
    sl_private_short_forms(argc, argv);
    sl_options_spec spec = SL_PRIVATE_WORKER_SPEC(&r->cfg);
    sl_status st = sl_options_load(&r->options, &spec, argc, argv, &done, &err);
    if (!st)
        st = sl_private_worker_open(&r->p, r->h->loop, &r->cfg, r->options, &err);
    if (st)
        print_error("open: %s\n", err.text);
    assert_int_equal(st, SL_OK);
    assert_int_equal(sl_http_client_open(&r->client, r->h->loop, 4, &err), SL_OK);
    return r;
}

static void close_rig(rig *r)
{
    sl_http_client_free(r->client);
    sl_private_worker_free(r->p);
    sl_options_free(r->options);
    sl_buf_done(&r->body);
    hs_free(r->h);
    free(r);
}

static bool is_ready(harness *h, void *arg)
{
    return sl_private_worker_ready(((rig *)arg)->p);
}

static bool has_chunk(harness *h, void *arg)
{
    return hs_count(h, SL_TOPIC_RESPONSES, SL_TYPE_CHUNK) > 0;
}

static bool never(harness *h, void *arg)
{
    return false;
}

static bool on_data(void *arg, int status, sl_str piece)
{
    sl_buf_add_str(&((rig *)arg)->body, piece);
    return true;
}

static void on_done(void *arg, const sl_http_result *res)
{
    rig *r = arg;
    r->status = res->http_status;
    r->done = true;
}

static bool is_done(harness *h, void *arg)
{
    return ((rig *)arg)->done;
}

static int get(rig *r, int port, const char *path)
{
    static const sl_http_callbacks cb = {.on_data = on_data, .on_done = on_done};
    char url[128];
    sl_http_call *call;
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    sl_http_call_options o = {.method = "GET", .url = url};
    r->done = false;
    sl_buf_done(&r->body);
    assert_int_equal(sl_http_call_start(&call, r->client, &o, &cb, r, NULL), SL_OK);
    assert_true(hs_wait(r->h, is_done, r));
    sl_buf_addc(&r->body, 0);
    return r->status;
}

static void let_go(void *arg)
{
    fe.mode = FE_ANSWER;
    fe_wake(fe.engine);
}

static void bus_mode_answers_and_drains(void **state)
{
    rig *r = open_rig(false);
    assert_true(hs_wait(r->h, is_ready, r));
    assert_int_equal(get(r, sl_private_worker_admin_port(r->p), "/health/readiness"), 200);
    assert_int_equal(sl_private_worker_http_port(r->p), 0);
    fe.mode = FE_HOLD;
    hs_request q = {.plain = true};
    hs_send(r->h, &q);
    assert_true(hs_wait(r->h, has_chunk, NULL));
    assert_int_equal(get(r, sl_private_worker_admin_port(r->p), "/metrics"), 200);
    assert_non_null(strstr(r->body.data, "sluice_engine_active 1"));
    raise(SIGTERM);
    sl_timer *t = NULL;
    assert_int_equal(sl_timer_open(&t, r->h->loop, let_go, r, NULL), SL_OK);
    sl_timer_set(t, 50);
    int64_t start = sl_mono_ms();
    assert_false(hs_wait(r->h, never, NULL)); /* ends because the daemon stops the loop */
    assert_true(sl_mono_ms() - start < HS_WAIT_MS);
    sl_timer_free(t);
    assert_true(hs_wait(r->h, hs_has_end, q.id));
    assert_int_equal(hs_end_of(r->h, q.id)->end, SL_END_STOP);
    close_rig(r);
}

static void http_mode_answers_and_drains(void **state)
{
    rig *r = open_rig(true);
    int port = sl_private_worker_http_port(r->p);
    assert_int_equal(get(r, port, "/v1/models"), 200);
    assert_non_null(strstr(r->body.data, "\"tiny\""));
    assert_int_equal(get(r, port, "/health/readiness"), 200);
    assert_int_equal(get(r, sl_private_worker_admin_port(r->p), "/health"), 200);
    raise(SIGTERM);
    int64_t start = sl_mono_ms();
    assert_false(hs_wait(r->h, never, NULL));
    assert_true(sl_mono_ms() - start < HS_WAIT_MS);
    assert_false(sl_private_worker_ready(r->p));
    close_rig(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bus_mode_answers_and_drains),
        cmocka_unit_test(http_mode_answers_and_drains),
    };
    sl_log_open("test", SL_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
