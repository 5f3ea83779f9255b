/* front_http.c - routes and submitting. front_http_auth.c says who asks, _answer.c answers. */
#include "gateway/front_http_internal.h"
#include "gateway/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void chat(sl_front_http *f, sl_http_request *r, const sl_asker *who);
static void completion(sl_front_http *f, sl_http_request *r, const sl_asker *who);

/* Every route names the right that it asks for. One that names none is open only when it says so;
 * otherwise nobody may use it. */
typedef struct route {
    const char *path, *method;
    sl_front_fn fn;
    sl_right right;
    bool admin, open, prefix; /* prefix: of the path, with something behind it */
} route;

static const route routes[] = {
    {"/v1/chat/completions", "POST", chat, .right = SL_RIGHT_INFER},
    {"/v1/completions", "POST", completion, .right = SL_RIGHT_INFER},
    {"/v1/models", "GET", sl_front_models, .right = SL_RIGHT_MODELS},
    {"/v1/models/", "GET", sl_front_model, .right = SL_RIGHT_MODELS, .prefix = true},
    {"/health", "GET", sl_front_health, .admin = true, .open = true},
    {"/health/readiness", "GET", sl_front_readiness, .admin = true, .open = true},
    {"/metrics", "GET", sl_front_metrics, .right = SL_RIGHT_METRICS, .admin = true},
    {"/admin/keys", "GET", sl_front_keys, .right = SL_RIGHT_KEYS, .admin = true},
    {"/admin/policy", "GET", sl_front_policy, .right = SL_RIGHT_POLICY, .admin = true},
    {"/admin/reload", "POST", sl_front_reload, .right = SL_RIGHT_RELOAD, .admin = true},
};

static bool is_open(const sl_front_http *f, const route *rt)
{
    return rt->open || (rt->right == SL_RIGHT_METRICS && !f->g->cfg->admin_auth);
}

/* NULL: answered with 404 or 405. */
static const route *find_route(const sl_front_http *f, sl_http_request *r)
{
    sl_str path = sl_http_path(r), method = sl_http_method(r);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const route *rt = &routes[i];
        size_t n = strlen(rt->path);
        bool here =
            rt->prefix ? path.n > n && !memcmp(path.p, rt->path, n) : sl_str_is(path, rt->path);
        if (!here || !(rt->admin ? f->opt.admin : f->opt.api))
            continue;
        if (sl_str_is(method, rt->method) || (sl_str_is(method, "HEAD") && rt->method[0] == 'G'))
            return rt;
        sl_http_add_header(r, "allow", sl_str_c(rt->method));
        sl_http_error(r, 405, "invalid_request_error", "method_not_allowed", NULL, 0,
                      "This path takes another method; see the Allow header.");
        return NULL;
    }
    sl_http_error(r, 404, "invalid_request_error", "not_found", NULL, 0, "There is no such path.");
    return NULL;
}

/* Before the body: path, method, key, limits. */
static void on_headers(void *arg, sl_http_request *r)
{
    sl_front_http *f = arg;
    sl_asker who = {0};
    const route *rt = find_route(f, r);
    if (!rt || is_open(f, rt) || !sl_front_ask(f, r, rt->right, &who))
        return;
    if (rt->right == SL_RIGHT_INFER)
        (void)sl_front_look(f, r, who.key);
    sl_api_keys_unref(who.keys);
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
                   .tenant = sl_str_c(c->who.key->tenant),
                   .key = c->who.key,
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
    c->accepted = true;
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

/* The keys of a tenant share results, so that a retry may come with a new key; but one that may not
 * do everything is never given what another one asked for. */
static sl_str idem_scope(const call *c, char buf[100])
{
    const sl_api_key *k = c->who.key;
    bool limited = k->models || k->max_level != SL_LEVEL_RESTRICTED;
    snprintf(buf, 100, limited ? "%s\n%s" : "%s", k->tenant, k->id);
    return sl_str_c(buf);
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
    char scope[100];
    switch (sl_idem_begin(c->f->g->idem, idem_scope(c, scope), key, sl_http_body(c->r), c->f->loop,
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

static void refuse_body(sl_front_http *f, sl_http_request *r, sl_status st,
                        const sl_chat_fault *fault, const sl_error *err)
{
    bool nomem = !st || st == SL_E_NOMEM;
    sl_metrics_add(sl_core_shard(f->core), SL_GM_REFUSED, SL_GM_REFUSED_INVALID, 1);
    sl_http_error(r,
                  nomem                  ? 503
                  : st == SL_E_TOO_LARGE ? 413
                                         : 400,
                  nomem ? "server_error" : "invalid_request_error",
                  fault->code[0] ? fault->code : NULL, fault->param[0] ? fault->param : NULL,
                  nomem ? 1 : 0, nomem ? "Out of memory." : err->text);
}

static void start_call(sl_front_http *f, sl_http_request *r, sl_chat_kind kind, const sl_asker *who)
{
    sl_chat_fault fault = {{0}, {0}};
    sl_error err = {0};
    sl_refusal ref = {0};
    sl_chat *chat = NULL;
    sl_status st =
        sl_chat_parse(&chat, kind, sl_http_body(r), (size_t)f->g->cfg->body_bytes, &fault, &err);
    call *c = st ? NULL : calloc(1, sizeof(*c));
    if (!c) {
        sl_chat_free(chat);
        refuse_body(f, r, st, &fault, &err);
        return;
    }
    *c = (call){.f = f,
                .r = r,
                .who = {sl_api_keys_ref(who->keys), who->key},
                .chat = chat,
                .stream = chat->stream,
                .include_usage = chat->include_usage,
                .deadline_ms = sl_unix_ms() + f->g->cfg->deadline_ms,
                .gathers = !chat->stream,
                .used = -1};
    sl_uuid7(c->id);
    c->head = (sl_answer_head){.kind = kind, .id = c->id, .created = (int64_t)time(NULL)};
    if (!sl_call_take(c, &ref)) {
        refused(c, &ref);
        return;
    }
    sl_http_set_user(r, c);
    begin_call(c);
}

static void chat(sl_front_http *f, sl_http_request *r, const sl_asker *who)
{
    start_call(f, r, SL_CHAT, who);
}

static void completion(sl_front_http *f, sl_http_request *r, const sl_asker *who)
{
    start_call(f, r, SL_COMPLETION, who);
}

static void on_request(void *arg, sl_http_request *r)
{
    sl_front_http *f = arg;
    sl_asker who = {0};
    if (sl_http_answered(r))
        return;
    const route *rt = find_route(f, r);
    if (!rt)
        return;
    if (is_open(f, rt)) {
        rt->fn(f, r, NULL);
    } else if (sl_front_ask(f, r, rt->right, &who)) { /* again: revoked while the body came */
        rt->fn(f, r, &who);
        sl_api_keys_unref(who.keys);
    }
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
