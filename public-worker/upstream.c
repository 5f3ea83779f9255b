#include "public-worker/upstream.h"

#include "common/base/log.h"
#include "common/http/client.h"

#include <stdio.h>
#include <stdlib.h>

#define EVENT_MAX          (1u << 20) /* bytes of one event of the stream */
#define ERROR_BODY_MAX     65536      /* of an error answer, the rest is not read for its code */
#define BACKOFF_FIRST_MS   250
#define BACKOFF_MAX_MS     8000
#define RETRY_AFTER_MAX_MS 30000 /* an upstream that wants more has, for this request, said no */
#define DEADLINE_GRACE_MS  30000

struct sl_upstream {
    sl_loop *loop;
    const sl_public_config *cfg;
    const sl_adapter *adapter;
    sl_http_client *client;
    sl_metrics_shard *shard;
    int active;
};

typedef struct call {
    sl_upstream *u;
    sl_job *job;
    sl_http_call *http; /* NULL while it waits for its next try */
    sl_timer *again;
    sl_buf body, url, auth, error_body;
    sl_sse sse;
    sl_upstream_turn turn;
    char env[96];
    int tries;
    bool cancelled;
    sl_status fault; /* what stopped the stream on our side */
    sl_error fault_error;
} call;

static const char *const answer_classes[] = {"2xx", "4xx", "5xx", "none", NULL};

/* clang-format off */
const sl_metric sl_public_metrics[SL_UM_N] = {
    SL_WORKER_METRICS,
    [SL_UM_RETRIES] = {.name = "sluice_upstream_retries_total", .kind = SL_COUNTER, .help = "Further tries of a request at the upstream."},
    [SL_UM_ANSWERS] = {.name = "sluice_upstream_answers_total", .kind = SL_COUNTER, .help = "HTTP answers of the upstream by class of status; none: the connection failed.", .label = "status", .values = answer_classes},
    [SL_UM_ACTIVE] = {.name = "sluice_upstream_active", .kind = SL_GAUGE, .help = "Requests at the upstream now."},
    [SL_UM_TUNNEL_AGE] = {.name = "sluice_tunnel_handshake_age_seconds", .kind = SL_GAUGE, .help = "Since the tunnel's last handshake; +Inf: none is known; NaN: no tunnel is configured."},
};
/* clang-format on */

static void count(sl_upstream *u, size_t metric, size_t value)
{
    if (u->shard)
        sl_metrics_add(u->shard, metric, value, 1);
}

static void set_active(sl_upstream *u, int by)
{
    u->active += by;
    if (u->shard)
        sl_metrics_gauge(u->shard, SL_UM_ACTIVE, 0, u->active);
}

static void call_free(call *c)
{
    set_active(c->u, -1);
    sl_timer_free(c->again);
    sl_buf_done(&c->body);
    sl_buf_done(&c->url);
    sl_buf_done(&c->auth);
    sl_buf_done(&c->error_body);
    sl_sse_done(&c->sse);
    free(c);
}

static void finish(call *c, sl_end end, const sl_error *err)
{
    sl_job *job = c->job;
    const sl_usage *usage = c->turn.has_usage ? &c->turn.usage : NULL;
    sl_job_set_user(job, NULL);
    sl_job_end(job, end, usage, err, c->env);
    call_free(c);
}

/* ---- the stream ---- */

static void on_text(void *arg, sl_str content, sl_str reasoning)
{
    sl_job_text(((call *)arg)->job, content, reasoning);
}

static void on_chunk(void *arg, sl_str body)
{
    sl_job_chunk(((call *)arg)->job, body);
}

static bool on_event(void *arg, sl_str data)
{
    call *c = arg;
    c->fault = c->u->adapter->event(&c->turn, data, &c->fault_error);
    return c->fault == SL_OK;
}

static bool on_data(void *arg, int http_status, sl_str piece)
{
    call *c = arg;
    if (http_status < 200 || http_status > 299) {
        size_t room = ERROR_BODY_MAX - c->error_body.len;
        sl_buf_add(&c->error_body, piece.p, piece.n < room ? piece.n : room);
        return true;
    }
    sl_error err = {0};
    sl_status st = sl_sse_feed(&c->sse, piece, EVENT_MAX, on_event, c, &err);
    if (st && !c->fault) {
        c->fault = st;
        sl_fail(&c->fault_error, st, "the upstream's stream can't be read");
    }
    return c->fault == SL_OK;
}

/* ---- the end of a try ---- */

/* What became of this try. *retry: nothing of the answer came and another try may help. */
static sl_status outcome(call *c, const sl_http_result *res, bool *retry, sl_error *err)
{
    *retry = false;
    if (c->fault) {
        *err = c->fault_error;
        return c->fault;
    }
    if (res->status) {
        bool timeout = res->status == SL_E_TIMEOUT;
        /* A time-out after the request was sent may mean that the upstream works on it. */
        *retry = !res->first_byte && res->error.retriable && !(timeout && res->sent);
        return sl_fail(err, timeout ? SL_E_TIMEOUT : SL_E_UNAVAILABLE,
                       timeout           ? "the upstream did not answer in time"
                       : res->first_byte ? "the upstream's answer broke off"
                                         : "the upstream can't be reached");
    }
    if (res->http_status < 200 || res->http_status > 299) {
        *retry = res->http_status == 429 || res->http_status >= 500;
        return c->u->adapter->error(res->http_status, sl_buf_str(&c->error_body), err);
    }
    if (!c->turn.done) {
        *retry = !res->first_byte;
        return sl_fail(err, SL_E_UNAVAILABLE,
                       "the upstream's answer ended without its end mark; it may be cut");
    }
    if (c->turn.end == SL_END_NONE)
        return sl_fail(err, SL_E_CORRUPT, "the upstream ended its answer without a finish reason");
    return SL_OK;
}

static int64_t backoff_ms(int tries)
{
    int64_t most = BACKOFF_FIRST_MS << (tries < 6 ? tries : 6);
    if (most > BACKOFF_MAX_MS)
        most = BACKOFF_MAX_MS;
    uint64_t r;
    sl_random(&r, sizeof(r));
    return (int64_t)(r % (uint64_t)(most + 1)); /* full jitter */
}

static bool try_again_later(call *c, const sl_http_result *res)
{
    if (c->tries > c->u->cfg->upstream_retries)
        return false;
    int64_t wait = backoff_ms(c->tries - 1);
    if (res->retry_after_ms > wait)
        wait = res->retry_after_ms;
    if (wait > RETRY_AFTER_MAX_MS || sl_unix_ms() + wait > sl_job_deadline_ms(c->job))
        return false;
    SL_INFO((&(sl_log_ctx){.id = sl_job_id(c->job)}), "upstream_retry",
            "try %d failed (HTTP %d); again in %lld ms", c->tries, res->http_status,
            (long long)wait);
    count(c->u, SL_UM_RETRIES, 0);
    sl_timer_set(c->again, wait);
    return true;
}

static size_t answer_class(const sl_http_result *res)
{
    if (res->status)
        return 3;
    return res->http_status < 300 ? 0 : res->http_status < 500 ? 1 : 2;
}

static void on_done(void *arg, const sl_http_result *res)
{
    call *c = arg;
    c->http = NULL;
    if (c->cancelled) {
        finish(c, SL_END_CANCELLED, NULL);
        return;
    }
    count(c->u, SL_UM_ANSWERS, answer_class(res));
    bool retry;
    sl_error err = {0};
    if (!outcome(c, res, &retry, &err)) {
        finish(c, c->turn.end, NULL);
        return;
    }
    if (retry && try_again_later(c, res))
        return;
    SL_WARN((&(sl_log_ctx){.id = sl_job_id(c->job)}), "upstream_failed", "%s (HTTP %d, try %d)",
            err.text, res->http_status, c->tries);
    finish(c, SL_END_ERROR, &err);
}

/* ---- starting ---- */

static sl_status send(call *c, sl_error *reterr)
{
    const sl_public_config *cfg = c->u->cfg;
    const char *headers[4] = {"Content-Type: application/json", "Accept: text/event-stream"};
    sl_buf_clear(&c->auth);
    if (cfg->upstream_key[0]) { /* read anew each time: a reload may have changed it */
        c->u->adapter->authorize(cfg->upstream_key, &c->auth);
        if (!sl_buf_ok(&c->auth))
            return sl_fail(reterr, SL_E_NOMEM, "out of memory for a call of the upstream");
        headers[2] = c->auth.data;
    }
    int64_t left = sl_job_deadline_ms(c->job) + DEADLINE_GRACE_MS - sl_unix_ms();
    sl_http_call_options opt = {.method = "POST",
                                .url = c->url.data,
                                .headers = headers,
                                .body = sl_buf_str(&c->body),
                                .first_byte_timeout_ms = cfg->upstream_first_byte_ms,
                                .idle_timeout_ms = cfg->upstream_idle_ms,
                                .total_timeout_ms = left > 1 ? left : 1,
                                .ca_file = cfg->upstream_ca[0] ? cfg->upstream_ca : NULL};
    static const sl_http_callbacks cb = {.on_data = on_data, .on_done = on_done};
    sl_buf_clear(&c->error_body);
    sl_sse_done(&c->sse);
    c->sse = (sl_sse){0};
    c->tries++;
    return sl_http_call_start(&c->http, c->u->client, &opt, &cb, c, reterr);
}

static void send_again(void *arg)
{
    call *c = arg;
    sl_error err = {0};
    if (send(c, &err))
        finish(c, SL_END_ERROR, &err);
}

static const char *upstream_model(const sl_upstream *u, sl_str model)
{
    const sl_option_map *m = &u->cfg->upstream_models;
    for (size_t i = 0; i < m->n; i++)
        if (sl_str_is(model, m->v[i].name))
            return m->v[i].value;
    return NULL;
}

static sl_status prepare(call *c, sl_error *reterr)
{
    sl_upstream *u = c->u;
    sl_chat *chat = sl_job_chat(c->job);
    const char *model = upstream_model(u, chat->model), *path = NULL;
    if (!model)
        return sl_fail(reterr, SL_E_NOT_FOUND, "this worker does not offer the model");
    (void)snprintf(c->env, sizeof(c->env), "upstream/%s", model);
    c->turn = (sl_upstream_turn){.text = on_text, .chunk = on_chunk, .arg = c, .kind = chat->kind};
    sl_status st = u->adapter->build(chat, model, &path, &c->body, reterr);
    if (st)
        return st;
    sl_str url = sl_str_c(u->cfg->upstream_url);
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    sl_buf_add_str(&c->url, url);
    sl_buf_adds(&c->url, path);
    if (!sl_buf_ok(&c->url))
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for a call of the upstream");
    return sl_timer_open(&c->again, u->loop, send_again, c, reterr);
}

static sl_status start(void *arg, sl_job *job, sl_error *reterr)
{
    sl_upstream *u = arg;
    if (u->active >= u->cfg->upstream_concurrency)
        return sl_fail(reterr, SL_E_FULL, "upstream.concurrency is reached");
    call *c = calloc(1, sizeof(*c));
    if (!c)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for a call of the upstream");
    c->u = u;
    c->job = job;
    set_active(u, 1);
    sl_status st = prepare(c, reterr);
    if (!st)
        st = send(c, reterr);
    if (st) {
        call_free(c);
        return st;
    }
    sl_job_set_user(job, c);
    return SL_OK;
}

static void cancel(void *arg, sl_job *job)
{
    call *c = sl_job_user(job);
    if (!c)
        return;
    c->cancelled = true;
    if (c->http) {
        sl_http_call_cancel(c->http); /* on_done runs and frees c */
        return;
    }
    sl_timer_cancel(c->again);
    finish(c, SL_END_CANCELLED, NULL);
}

static void presence(void *arg, sl_presence *p)
{
    const sl_upstream *u = arg;
    const sl_option_map *m = &u->cfg->upstream_models;
    size_t max = sizeof(p->models) / sizeof(p->models[0]);
    for (size_t i = 0; i < m->n && p->models_n < max; i++)
        p->models[p->models_n++] = sl_str_c(m->v[i].name);
    p->slots = (int)u->cfg->upstream_concurrency;
    p->active = u->active;
    p->env = SL_STR("upstream");
}

const sl_executor sl_upstream_executor = {.start = start, .cancel = cancel, .presence = presence};

sl_status sl_upstream_open(sl_upstream **ret, sl_loop *l, const sl_public_config *cfg,
                           sl_metrics_shard *shard, sl_error *reterr)
{
    sl_upstream *u = calloc(1, sizeof(*u));
    if (!u)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for the upstream");
    *u = (sl_upstream){
        .loop = l, .cfg = cfg, .adapter = sl_adapter_at(cfg->upstream_api), .shard = shard};
    sl_status st =
        u->adapter ? SL_OK : sl_fail(reterr, SL_E_UNSUPPORTED, "upstream.api is unknown");
    if (!st)
        st = sl_http_client_open(&u->client, l, 4096, reterr);
    if (st) {
        free(u);
        return st;
    }
    *ret = u;
    return SL_OK;
}

void sl_upstream_free(sl_upstream *u)
{
    if (!u)
        return;
    sl_http_client_free(u->client);
    free(u);
}

int sl_upstream_active(const sl_upstream *u)
{
    return u->active;
}
