/* http_api.c - routes and keys; one request is http_turn.c's. */
#include "private-worker/http_internal.h"

#include "common/crypto/digest.h"

#include <stdlib.h>

#define BODY_MAX      1000000
#define DRAIN_TICK_MS 50

typedef struct route {
    const char *path, *method;
    void (*handle)(sl_http_api *a, sl_http_request *r);
} route;

static void models(sl_http_api *a, sl_http_request *r)
{
    sl_buf b = {0};
    sl_jsonw w = sl_jsonw_on(&b);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "object", "list");
    sl_jsonw_arr(&w, "data");
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "id", sl_host_model(a->host));
    sl_jsonw_cstr(&w, "object", "model");
    sl_jsonw_i64(&w, "created", a->created);
    sl_jsonw_cstr(&w, "owned_by", "sluice");
    sl_jsonw_end_obj(&w);
    sl_jsonw_end_arr(&w);
    sl_jsonw_end_obj(&w);
    sl_http_answer(r, 200, "application/json", sl_buf_str(&b));
    sl_buf_done(&b);
}

static void chat(sl_http_api *a, sl_http_request *r)
{
    sl_http_turn_start(a, r, SL_CHAT);
}

static void completion(sl_http_api *a, sl_http_request *r)
{
    sl_http_turn_start(a, r, SL_COMPLETION);
}

static const route routes[] = {
    {"/v1/chat/completions", "POST", chat},
    {"/v1/completions", "POST", completion},
    {"/v1/models", "GET", models},
};

static const route *route_of(const sl_http_request *r)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (sl_str_is(sl_http_path(r), routes[i].path))
            return &routes[i];
    return NULL;
}

static bool key_ok(const sl_http_api *a, const sl_http_request *r)
{
    const sl_option_list *keys = &a->cfg->http_keys;
    sl_str auth = sl_http_header(r, "authorization");
    if (!keys->n)
        return true;
    if (auth.n < 7 || strncasecmp(auth.p, "Bearer ", 7) != 0)
        return false;
    auth.p += 7;
    auth.n -= 7;
    bool ok = false; /* all keys are compared, whichever fits */
    for (size_t i = 0; i < keys->n; i++)
        ok |= strlen(keys->v[i]) == auth.n && sl_equal_ct(keys->v[i], auth.p, auth.n);
    return ok;
}

static bool is_admin(sl_str path)
{
    return sl_str_is(path, "/health") || sl_str_is(path, "/health/readiness") ||
           sl_str_is(path, "/metrics");
}

/* Everything that can be refused without the body is refused before it is read. */
static void on_headers(void *arg, sl_http_request *r)
{
    sl_http_api *a = arg;
    if (is_admin(sl_http_path(r)))
        return;
    const route *to = route_of(r);
    if (!key_ok(a, r)) {
        sl_http_error(r, 401, "invalid_request_error", "invalid_api_key", NULL, 0,
                      "The API key is missing or wrong; send it as 'Authorization: Bearer KEY'.");
    } else if (!to) {
        sl_http_error(r, 404, "invalid_request_error", "not_found", NULL, 0,
                      "There is no such path.");
    } else if (!sl_str_is(sl_http_method(r), to->method)) {
        sl_http_add_header(r, "Allow", sl_str_c(to->method));
        sl_http_error(r, 405, "invalid_request_error", "method_not_allowed", NULL, 0,
                      "This path does not take that method.");
    }
}

static void on_request(void *arg, sl_http_request *r)
{
    sl_http_api *a = arg;
    if (sl_http_answered(r) || sl_admin_handle(&a->admin, r))
        return;
    const route *to = route_of(r);
    if (to)
        to->handle(a, r);
}

static void on_close(void *arg, sl_http_request *r)
{
    sl_http_turn_closed(arg, r);
}

/* ---- opening, draining, closing ---- */

static void drain_tick(void *arg)
{
    sl_http_api *a = arg;
    if (!TAILQ_EMPTY(&a->turns) && sl_mono_us() < a->drain_until_us) {
        sl_timer_set(a->drain_timer, DRAIN_TICK_MS);
        return;
    }
    if (a->drained)
        a->drained(a->drained_arg);
    a->drained = NULL;
}

void sl_http_api_drain(sl_http_api *a, int64_t timeout_ms, sl_loop_fn done, void *arg)
{
    if (a->draining)
        return;
    a->draining = true;
    a->drain_until_us = sl_mono_us() + timeout_ms * 1000;
    a->drained = done;
    a->drained_arg = arg;
    sl_http_server_drain(a->server);
    sl_timer_set(a->drain_timer, 0);
}

sl_status sl_http_api_open(sl_http_api **ret, sl_loop *l, const sl_private_config *cfg, sl_host *h,
                           const sl_admin_source *admin, sl_metrics_shard *shard, sl_error *reterr)
{
    sl_http_api *a = calloc(1, sizeof(*a));
    if (!a)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for the HTTP port");
    *a = (sl_http_api){
        .cfg = cfg, .host = h, .admin = *admin, .shard = shard, .created = sl_unix_ms() / 1000};
    TAILQ_INIT(&a->turns);
    sl_http_server_options opt = {.listen = cfg->http_listen, .body_max = BODY_MAX};
    sl_http_handlers handlers = {
        .on_headers = on_headers, .on_request = on_request, .on_close = on_close};
    sl_status st = sl_timer_open(&a->drain_timer, l, drain_tick, a, reterr);
    if (!st)
        st = sl_http_server_open(&a->server, l, &opt, &handlers, a, reterr);
    if (st) {
        sl_error_prefix(reterr, "http.listen");
        sl_http_api_free(a);
        return st;
    }
    *ret = a;
    return SL_OK;
}

int sl_http_api_port(const sl_http_api *a)
{
    return sl_http_server_port(a->server);
}

bool sl_http_api_ready(const sl_http_api *a)
{
    return !a->draining;
}

void sl_http_api_free(sl_http_api *a)
{
    if (!a)
        return;
    if (a->server)
        sl_http_server_free(a->server); /* on_close runs: turns lose their clients */
    while (!TAILQ_EMPTY(&a->turns))
        sl_http_turn_free(TAILQ_FIRST(&a->turns)); /* no events come any more */
    sl_timer_free(a->drain_timer);
    free(a);
}
