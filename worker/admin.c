#include "worker/admin.h"

#include "common/base/jsonw.h"

#include <stdlib.h>

struct sl_admin {
    sl_http_server *server;
    sl_admin_source source;
};

static void answer_state(const sl_admin_source *s, sl_http_request *r, bool ok, const char *word)
{
    sl_buf b = {0};
    sl_jsonw w = sl_jsonw_on(&b);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "status", word);
    sl_jsonw_cstr(&w, "daemon", s->daemon);
    sl_jsonw_end_obj(&w);
    if (!ok)
        sl_http_add_header(r, "Retry-After", SL_STR("1"));
    sl_http_answer(r, ok ? 200 : 503, "application/json", sl_buf_str(&b));
    sl_buf_done(&b);
}

static void answer_metrics(const sl_admin_source *s, sl_http_request *r)
{
    sl_buf b = {0};
    if (s->before_scrape)
        s->before_scrape(s->arg);
    sl_metrics_render(s->metrics, &b);
    sl_http_answer(r, 200, "text/plain; version=0.0.4; charset=utf-8", sl_buf_str(&b));
    sl_buf_done(&b);
}

bool sl_admin_handle(const sl_admin_source *s, sl_http_request *r)
{
    sl_str path = sl_http_path(r);
    bool health = sl_str_is(path, "/health"), ready = sl_str_is(path, "/health/readiness");
    if (!health && !ready && !sl_str_is(path, "/metrics"))
        return false;
    if (!sl_str_is(sl_http_method(r), "GET")) {
        sl_http_add_header(r, "Allow", SL_STR("GET"));
        sl_http_error(r, 405, "invalid_request_error", "method_not_allowed", NULL, 0,
                      "This path takes GET alone.");
    } else if (health) {
        answer_state(s, r, true, "ok");
    } else if (ready) {
        bool is = s->ready(s->arg);
        answer_state(s, r, is, is ? "ready" : "not ready");
    } else {
        answer_metrics(s, r);
    }
    return true;
}

static void on_request(void *arg, sl_http_request *r)
{
    sl_admin *a = arg;
    if (!sl_admin_handle(&a->source, r))
        sl_http_error(r, 404, "invalid_request_error", "not_found", NULL, 0,
                      "There is no such path; try /health, /health/readiness or /metrics.");
}

static void on_close(void *arg, sl_http_request *r) {}

sl_status sl_admin_open(sl_admin **ret, sl_loop *l, const char *listen, const sl_admin_source *s,
                        sl_error *reterr)
{
    sl_admin *a = calloc(1, sizeof(*a));
    if (!a)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for the admin port");
    a->source = *s;
    sl_http_server_options opt = {.listen = listen, .connections_max = 64, .body_max = 4096};
    sl_http_handlers h = {.on_request = on_request, .on_close = on_close};
    sl_status st = sl_http_server_open(&a->server, l, &opt, &h, a, reterr);
    if (st) {
        sl_error_prefix(reterr, "admin.listen");
        free(a);
        return st;
    }
    *ret = a;
    return SL_OK;
}

int sl_admin_port(const sl_admin *a)
{
    return sl_http_server_port(a->server);
}

void sl_admin_free(sl_admin *a)
{
    if (!a)
        return;
    sl_http_server_free(a->server);
    free(a);
}
