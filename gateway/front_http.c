/* front_http.c - routes, authentication, submitting; front_http_answer.c writes the answers. */
#include "gateway/front_http_internal.h"
#include "gateway/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef enum route { R_CHAT, R_COMPLETION, R_MODELS, R_ADMIN, R_NONE } route;

static const struct {
    const char *path, *method;
    route route;
} routes[] = {
    {"/v1/chat/completions", "POST", R_CHAT}, {"/v1/completions", "POST", R_COMPLETION},
    {"/v1/models", "GET", R_MODELS},          {"/health", "GET", R_ADMIN},
    {"/health/readiness", "GET", R_ADMIN},    {"/metrics", "GET", R_ADMIN},
};

static route find_route(const sl_front_http *f, sl_http_request *r)
{
    sl_str path = sl_http_path(r), method = sl_http_method(r);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        bool on = routes[i].route == R_ADMIN ? f->opt.admin : f->opt.api;
        if (!on || !sl_str_is(path, routes[i].path))
            continue;
        if (sl_str_is(method, routes[i].method) ||
            (sl_str_is(method, "HEAD") && routes[i].method[0] == 'G'))
            return routes[i].route;
        sl_http_add_header(r, "allow", sl_str_c(routes[i].method));
        sl_http_error(r, 405, "invalid_request_error", "method_not_allowed", NULL, 0,
                      "This path takes another method; see the Allow header.");
        return R_NONE;
    }
    sl_http_error(r, 404, "invalid_request_error", "not_found", NULL, 0, "There is no such path.");
    return R_NONE;
}

/* The tenant of the request's key, copied into `out`; answers 401 otherwise. */
static bool authenticate(sl_front_http *f, sl_http_request *r, char out[65])
{
    sl_api_keys *keys = sl_store_keys(f->g->store);
    sl_str auth = sl_http_header(r, "authorization");
    const sl_api_key *k = sl_api_keys_check(keys, auth, sl_unix_us());
    bool allowed = k && (k->role == SL_ROLE_CLIENT || k->role == SL_ROLE_ADMIN);
    if (allowed)
        memcpy(out, k->tenant, 65);
    if (!allowed) {
        sl_metrics_add(sl_core_shard(f->core), SL_GM_REFUSED, SL_GM_REFUSED_UNAUTHORIZED, 1);
        if (k)
            sl_http_error(r, 403, "permission_error", "role_not_allowed", NULL, 0,
                          "This key's role may not send requests.");
        else
            sl_http_error(r, 401, "authentication_error",
                          auth.n ? "invalid_api_key" : "missing_api_key", NULL, 0,
                          auth.n ? "The API key is wrong, expired or revoked."
                                 : "Give your API key as 'Authorization: Bearer KEY'.");
    }
    sl_api_keys_unref(keys);
    return allowed;
}

/* Before the body: path, method, key. */
static void on_headers(void *arg, sl_http_request *r)
{
    sl_front_http *f = arg;
    char tenant[65];
    route rt = find_route(f, r);
    if (rt == R_CHAT || rt == R_COMPLETION || rt == R_MODELS)
        (void)authenticate(f, r, tenant);
}

static const sl_sink http_sink = {.delta = sl_call_delta, .end = sl_call_end};

static void refused(call *c, const sl_refusal *ref)
{
    if (c->entry) /* the key is free again; who waits for it tries for itself */
        sl_idem_finish(c->f->g->idem, c->entry, NULL);
    c->entry = NULL;
    sl_call_headers(c);
    sl_http_error(c->r, ref->http_status, ref->type, ref->code, ref->param, ref->retry_after_s,
                  ref->message);
    sl_http_set_user(c->r, NULL);
    sl_call_free(c);
}

static void run_call(call *c)
{
    sl_refusal ref = {0};
    sl_str traceparent = sl_http_header(c->r, "traceparent");
    sl_str tracestate = sl_http_header(c->r, "tracestate");
    sl_trace_check(&traceparent, &tracestate);
    sl_submit s = {.chat = c->chat,
                   .id = c->id,
                   .tenant = sl_str_c(c->tenant),
                   .front = "http",
                   .whole = !c->stream,
                   .deadline_ms = c->deadline_ms,
                   .received_us = sl_mono_us(),
                   .traceparent = traceparent,
                   .tracestate = tracestate,
                   .sink = &http_sink,
                   .user = c};
    if (sl_core_submit(c->f->core, &s, &c->arena, &c->decision, &c->ticket, &ref) != SL_OK) {
        refused(c, &ref);
        return;
    }
    c->head.model = sl_arena_str(&c->arena, sl_str_c(c->decision.model));
    c->head.seed = sl_ticket_seed(c->ticket);
    sl_call_headers(c);
    sl_chat_free(c->chat);
    c->chat = NULL;
}

static void begin_call(call *c);

/* Without a result the owner was refused or met a passing fault: the first of those who wait
 * becomes the owner, the others wait for it. The deadline stays the one of their own arrival. */
static void on_result(void *arg, sl_idem_result *res)
{
    call *c = arg;
    c->waiter = NULL;
    if (res)
        sl_call_from_result(c, res);
    else
        begin_call(c);
}

/* True when the call goes on by itself; otherwise it was answered, or waits. */
static bool take_key(call *c, sl_str key)
{
    sl_idem_result *stored = NULL;
    if (key.n > 255) {
        refused(c, &(sl_refusal){.http_status = 400,
                                 .type = "invalid_request_error",
                                 .code = "invalid_idempotency_key",
                                 .message = "An Idempotency-Key has at most 255 characters."});
        return false;
    }
    switch (sl_idem_begin(c->f->g->idem, sl_str_c(c->tenant), key, sl_http_body(c->r), c->f->loop,
                          on_result, c, &c->entry, &c->waiter, &stored)) {
    case SL_IDEM_OWNER:
        c->gathers = true;
        return true;
    case SL_IDEM_WAIT:
        return false;
    case SL_IDEM_STORED:
        sl_call_from_result(c, stored);
        sl_idem_result_unref(stored);
        return false;
    case SL_IDEM_CONFLICT:
        refused(c, &(sl_refusal){.http_status = 422,
                                 .type = "invalid_request_error",
                                 .code = "idempotency_conflict",
                                 .message = "This Idempotency-Key was used with another body."});
        return false;
    default:
        refused(c, &(sl_refusal){.http_status = 503,
                                 .retry_after_s = 2,
                                 .type = "service_unavailable",
                                 .code = "idempotency_full",
                                 .message = "Too many Idempotency-Keys are in use. Try again."});
        return false;
    }
}

static void begin_call(call *c)
{
    sl_str key = sl_http_header(c->r, "idempotency-key");
    if (!key.n || take_key(c, key))
        run_call(c);
}

static void start_call(sl_front_http *f, sl_http_request *r, sl_chat_kind kind,
                       const char tenant[65])
{
    sl_chat_fault fault = {{0}, {0}};
    sl_error err = {0};
    sl_chat *chat = NULL;
    sl_status st =
        sl_chat_parse(&chat, kind, sl_http_body(r), (size_t)f->g->cfg->body_bytes, &fault, &err);
    call *c = st ? NULL : calloc(1, sizeof(*c));
    if (!c) {
        bool nomem = !st || st == SL_E_NOMEM;
        sl_chat_free(chat);
        sl_metrics_add(sl_core_shard(f->core), SL_GM_REFUSED, SL_GM_REFUSED_INVALID, 1);
        sl_http_error(r,
                      nomem                  ? 503
                      : st == SL_E_TOO_LARGE ? 413
                                             : 400,
                      nomem ? "server_error" : "invalid_request_error",
                      fault.code[0] ? fault.code : NULL, fault.param[0] ? fault.param : NULL,
                      nomem ? 1 : 0, nomem ? "Out of memory." : err.text);
        return;
    }
    *c = (call){.f = f,
                .r = r,
                .chat = chat,
                .stream = chat->stream,
                .include_usage = chat->include_usage,
                .deadline_ms = sl_unix_ms() + f->g->cfg->deadline_ms,
                .gathers = !chat->stream};
    memcpy(c->tenant, tenant, sizeof(c->tenant));
    sl_uuid7(c->id);
    c->head = (sl_answer_head){.kind = kind, .id = c->id, .created = (int64_t)time(NULL)};
    sl_http_set_user(r, c);
    begin_call(c);
}

static void on_request(void *arg, sl_http_request *r)
{
    sl_front_http *f = arg;
    char tenant[65] = "";
    if (sl_http_answered(r))
        return;
    route rt = find_route(f, r);
    if (rt == R_NONE)
        return;
    if (rt == R_ADMIN)
        sl_front_admin(f, r);
    else if (!authenticate(f, r, tenant)) /* revoked while the body came */
        return;
    else if (rt == R_MODELS)
        sl_front_models(f, r, sl_str_c(tenant));
    else
        start_call(f, r, rt == R_CHAT ? SL_CHAT : SL_COMPLETION, tenant);
}

/* A disconnect cancels the work, unless an Idempotency-Key says that the client will ask again. */
static void on_close(void *arg, sl_http_request *r)
{
    (void)arg;
    call *c = sl_http_user(r);
    if (!c)
        return;
    c->r = NULL;
    if (c->waiter) {
        sl_idem_cancel(c->f->g->idem, c->waiter);
        sl_call_free(c);
    } else if (c->ticket && !c->entry) {
        sl_ticket *t = c->ticket;
        c->ticket = NULL;
        sl_core_cancel(c->f->core, t);
        sl_call_free(c);
    }
}

sl_status sl_front_http_open(sl_front_http **ret, sl_loop *l, sl_core *c, sl_gateway_shared *g,
                             const sl_front_http_options *opt, sl_error *reterr)
{
    static const sl_http_handlers handlers = {
        .on_headers = on_headers, .on_request = on_request, .on_close = on_close};
    sl_front_http *f = calloc(1, sizeof(*f));
    if (!f)
        return SL_E_NOMEM;
    *f = (sl_front_http){.loop = l, .core = c, .g = g, .opt = *opt};
    sl_http_server_options so = {.listen = opt->listen,
                                 .body_max = (size_t)g->cfg->body_bytes,
                                 .connections_max = (int)g->cfg->http_connections,
                                 .tls = opt->tls,
                                 .reuse_port = opt->reuse_port};
    sl_status st = sl_http_server_open(&f->server, l, &so, &handlers, f, reterr);
    if (st)
        free(f);
    else
        *ret = f;
    return st;
}

int sl_front_http_port(const sl_front_http *f)
{
    return sl_http_server_port(f->server);
}
void sl_front_http_drain(sl_front_http *f)
{
    sl_http_server_drain(f->server);
}
int sl_front_http_connections(const sl_front_http *f)
{
    return sl_http_server_connections(f->server);
}

void sl_front_http_free(sl_front_http *f)
{
    if (!f)
        return;
    sl_http_server_free(f->server);
    sl_buf_done(&f->out);
    free(f);
}
