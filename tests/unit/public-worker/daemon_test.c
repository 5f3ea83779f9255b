/* The whole public worker on a bus in memory: configuration file, answers, admin port, drain. */
#include "tests/unit/worker/harness.h"

#include "common/http/client.h"
#include "common/http/server.h"
#include "public-worker/public_worker.h"

#include <signal.h>

typedef struct rig {
    harness *h;
    sl_http_server *upstream;
    sl_http_client *client;
    sl_public_config cfg;
    sl_options *options;
    sl_public_worker *p;
    char file[64];
    sl_http_request *held;
    bool hold, tunnel;
    char status_path[80]; /* the tunnel's status file */
    char auth[64];
    /* one HTTP question */
    int status;
    sl_buf body;
    bool done;
} rig;

#define ANSWER                                                                        \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n"       \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n" \
    "data: [DONE]\n\n"

static void answer(rig *r, sl_http_request *q)
{
    sl_http_stream_begin(q, 200, "text/event-stream");
    sl_http_stream_send(q, SL_STR(ANSWER));
    sl_http_stream_end(q, false);
}

static void on_request(void *arg, sl_http_request *q)
{
    rig *r = arg;
    hs_copy(r->auth, sizeof(r->auth), sl_http_header(q, "authorization"));
    if (r->hold)
        r->held = q;
    else
        answer(r, q);
}

static void on_close(void *arg, sl_http_request *q)
{
    ((rig *)arg)->held = NULL;
}

static void write_config(rig *r, const char *key)
{
    FILE *f = fopen(r->file, "w");
    assert_non_null(f);
    fprintf(f,
            "instance: p7\nlog:\n  level: \"off\"\nbus:\n  bootstrap: %s\nkeyring: %s\nupstream:\n"
            "  url: http://127.0.0.1:%d/v1\n  key: %s\n  models:\n    tiny: vendor-7b\n"
            "admin:\n  listen: 127.0.0.1:0\n",
            r->h->bus_name, r->h->ring_path, sl_http_server_port(r->upstream), key);
    if (r->tunnel)
        fprintf(f, "tunnel:\n  status_file: %s\n", r->status_path);
    fclose(f);
}

static rig *open_rig_with(bool tunnel)
{
    rig *r = calloc(1, sizeof(*r));
    sl_error err = {0};
    bool done = false;
    r->tunnel = tunnel;
    r->h = hs_open(SL_CLASS_PUBLIC);
    sl_http_server_options so = {.listen = "127.0.0.1:0"};
    sl_http_handlers hs = {.on_request = on_request, .on_close = on_close};
    assert_int_equal(sl_http_server_open(&r->upstream, r->h->loop, &so, &hs, r, &err), SL_OK);
    assert_int_equal(sl_http_client_open(&r->client, r->h->loop, 4, &err), SL_OK);
    (void)snprintf(r->file, sizeof(r->file), "%s.yaml", r->h->ring_path);
    (void)snprintf(r->status_path, sizeof(r->status_path), "%s.tunnel", r->h->ring_path);
    setenv("SL_TEST_UPSTREAM_KEY", "sk-from-the-environment", 1);
    write_config(r, "${SL_TEST_UPSTREAM_KEY}");
    char arg0[] = "sluice-public-worker", arg1[] = "--config";
    char *argv[] = {arg0, arg1, r->file, NULL};
    sl_options_spec spec = SL_PUBLIC_WORKER_SPEC(&r->cfg);
    sl_status st = sl_options_load(&r->options, &spec, 3, argv, &done, &err);
    if (!st)
        st = sl_public_worker_open(&r->p, r->h->loop, &r->cfg, r->options, &err);
    if (st)
        print_error("open: %s\n", err.text);
    assert_int_equal(st, SL_OK);
    return r;
}

static rig *open_rig(void)
{
    return open_rig_with(false);
}

static void close_rig(rig *r)
{
    sl_public_worker_free(r->p);
    sl_options_free(r->options);
    sl_http_client_free(r->client);
    sl_http_server_free(r->upstream);
    unlink(r->file);
    hs_free(r->h);
    free(r);
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

static int get(rig *r, const char *path)
{
    static const sl_http_callbacks cb = {.on_data = on_data, .on_done = on_done};
    char url[128];
    sl_http_call *call;
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", sl_public_worker_admin_port(r->p),
                   path);
    sl_http_call_options o = {.method = "GET", .url = url};
    r->done = false;
    sl_buf_done(&r->body);
    assert_int_equal(sl_http_call_start(&call, r->client, &o, &cb, r, NULL), SL_OK);
    assert_true(hs_wait(r->h, is_done, r));
    sl_buf_addc(&r->body, 0);
    return r->status;
}

static bool is_ready(harness *h, void *arg)
{
    return sl_public_worker_ready(((rig *)arg)->p);
}

static void the_daemon_answers_and_shows_itself(void **state)
{
    rig *r = open_rig();
    assert_int_equal(get(r, "/health"), 200);
    assert_true(hs_wait(r->h, is_ready, r));
    assert_int_equal(get(r, "/health/readiness"), 200);
    hs_request q = {0};
    hs_send(r->h, &q);
    assert_true(hs_wait(r->h, hs_has_end, q.id));
    assert_int_equal(hs_end_of(r->h, q.id)->end, SL_END_STOP);
    assert_string_equal(r->auth, "Bearer sk-from-the-environment");
    assert_int_equal(get(r, "/metrics"), 200);
    assert_non_null(strstr(r->body.data, "sluice_runs_ended_total{end=\"stop\"} 1"));
    assert_non_null(strstr(r->body.data, "gen_ai_server_time_to_first_token_seconds_count 1"));
    assert_int_equal(get(r, "/other"), 404);
    bool found = false;
    for (size_t i = 0; i < r->h->n; i++)
        found |= r->h->seen[i].type == SL_TYPE_PRESENCE && strstr(r->h->seen[i].body, "\"tiny\"") &&
                 strcmp(r->h->seen[i].id, "p7") == 0;
    assert_true(found);
    sl_buf_done(&r->body);
    close_rig(r);
}

static void write_status(rig *r, int64_t handshake_age_s)
{
    FILE *f = fopen(r->status_path, "w");
    assert_non_null(f);
    fprintf(f, "{\"looked_ms\":%lld,\"handshake_ms\":%lld,\"up\":true,\"probe\":\"none\"}",
            (long long)sl_unix_ms(), (long long)(sl_unix_ms() - handshake_age_s * 1000));
    fclose(f);
}

static bool not_ready(harness *h, void *arg)
{
    return !is_ready(h, arg);
}

static void readiness_follows_the_tunnel(void **state)
{
    rig *r = open_rig_with(true);
    assert_int_equal(get(r, "/health"), 200);
    assert_int_equal(get(r, "/health/readiness"), 503);
    assert_int_equal(get(r, "/metrics"), 200);
    assert_non_null(strstr(r->body.data, "sluice_tunnel_handshake_age_seconds +Inf"));
    write_status(r, 5);
    assert_true(hs_wait(r->h, is_ready, r));
    assert_int_equal(get(r, "/health/readiness"), 200);
    assert_int_equal(get(r, "/metrics"), 200);
    assert_non_null(strstr(r->body.data, "sluice_tunnel_handshake_age_seconds 5"));
    write_status(r, 200);
    assert_true(hs_wait(r->h, not_ready, r));
    assert_int_equal(get(r, "/health/readiness"), 503);
    assert_int_equal(get(r, "/health"), 200);
    write_status(r, 1);
    assert_true(hs_wait(r->h, is_ready, r));
    assert_int_equal(unlink(r->status_path), 0);
    assert_true(hs_wait(r->h, not_ready, r));
    sl_buf_done(&r->body);
    close_rig(r);
}

static bool is_reloaded(harness *h, void *arg)
{
    return strcmp(((rig *)arg)->cfg.upstream_key, "sk-after-the-reload") == 0;
}

static bool never(harness *h, void *arg)
{
    return false;
}

static bool is_held(harness *h, void *arg)
{
    return ((rig *)arg)->held != NULL;
}

static void release(void *arg)
{
    rig *r = arg;
    answer(r, r->held);
}

static void sighup_reloads_and_sigterm_drains(void **state)
{
    rig *r = open_rig();
    write_config(r, "sk-after-the-reload");
    hs_request q = {0};
    assert_true(hs_wait(r->h, is_ready, r));
    raise(SIGHUP);
    assert_true(hs_wait(r->h, is_reloaded, r));
    r->hold = true;
    hs_send(r->h, &q);
    assert_true(hs_wait(r->h, is_held, r));
    assert_string_equal(r->auth, "Bearer sk-after-the-reload");
    raise(SIGTERM);
    sl_timer *t = NULL; /* the answer comes while the daemon drains */
    assert_int_equal(sl_timer_open(&t, r->h->loop, release, r, NULL), SL_OK);
    sl_timer_set(t, 50);
    int64_t start = sl_mono_ms();
    assert_false(hs_wait(r->h, never, NULL)); /* ends because the daemon stops the loop */
    assert_true(sl_mono_ms() - start < HS_WAIT_MS);
    sl_timer_free(t);
    assert_false(sl_public_worker_ready(r->p));
    assert_true(hs_wait(r->h, hs_has_end, q.id));
    assert_int_equal(hs_end_of(r->h, q.id)->end, SL_END_STOP);
    close_rig(r);
}

static void second_signal(void *arg)
{
    raise(SIGTERM);
}

static void a_second_signal_stops_at_once(void **state)
{
    rig *r = open_rig();
    hs_request q = {0};
    r->hold = true;
    hs_send(r->h, &q);
    assert_true(hs_wait(r->h, is_held, r));
    raise(SIGTERM);
    sl_timer *t = NULL;
    assert_int_equal(sl_timer_open(&t, r->h->loop, second_signal, NULL, NULL), SL_OK);
    sl_timer_set(t, 50);
    int64_t start = sl_mono_ms();
    assert_false(hs_wait(r->h, never, NULL));
    assert_true(sl_mono_ms() - start < 10000); /* drain_ms is 25 s */
    sl_timer_free(t);
    close_rig(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_daemon_answers_and_shows_itself),
        cmocka_unit_test(readiness_follows_the_tunnel),
        cmocka_unit_test(sighup_reloads_and_sigterm_drains),
        cmocka_unit_test(a_second_signal_stops_at_once),
    };
    sl_log_open("test", SL_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
