/* call.c - one HTTP call: its options, its time-outs, its one end. See client.h. */
#include "common/http/client_internal.h"

#include "common/base/clock.h"
#include "common/base/options.h"

#include <stdlib.h>
#include <strings.h>

#define DEFAULT_CONNECT_MS    5000
#define DEFAULT_FIRST_BYTE_MS 60000
#define DEFAULT_IDLE_MS       60000
/* Memory for pieces that an open call keeps. */
#define IN_KEEP (32u * 1024)
/* A server that asks for more is not believed. */
#define RETRY_AFTER_MAX_MS (24 * 3600 * 1000LL)

/* ---- what libcurl hands over ---- */

static void make_ready(sl_http_call *call)
{
    if (call->is_ready)
        return;
    call->is_ready = true;
    TAILQ_INSERT_TAIL(&call->client->ready, call, ready_link);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    sl_http_call *call = arg;
    sl_buf_add(&call->in, p, size * n);
    if (!sl_buf_ok(&call->in))
        return 0; /* CURLE_WRITE_ERROR */
    call->last_ms = sl_mono_ms();
    make_ready(call);
    return size * n;
}

/* RFC 9110 10.2.3: seconds or a date. */
static int64_t retry_after(sl_str v)
{
    char date[64];
    uint64_t seconds;
    int64_t ms;
    if (sl_parse_u64(v, &seconds)) {
        ms = seconds > RETRY_AFTER_MAX_MS / 1000 ? RETRY_AFTER_MAX_MS : (int64_t)seconds * 1000;
    } else {
        time_t at;
        if (v.n == 0 || v.n >= sizeof date)
            return -1;
        memcpy(date, v.p, v.n);
        date[v.n] = '\0';
        at = curl_getdate(date, NULL);
        if (at < 0)
            return -1;
        ms = (int64_t)at * 1000 - sl_unix_ms();
    }
    return ms < 0 ? 0 : ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : ms;
}

static sl_str trim(sl_str v)
{
    while (v.n > 0 && strchr(" \t", *v.p))
        v = (sl_str){v.p + 1, v.n - 1};
    while (v.n > 0 && strchr(" \t\r\n", v.p[v.n - 1]))
        v.n--;
    return v;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    sl_http_call *call = arg;
    sl_str line = {p, size * n};
    const char *colon = memchr(line.p, ':', line.n);

    if (sl_str_prefix(line, SL_STR("HTTP/"))) { /* the last header block counts, after any 1xx */
        call->retry_after_ms = -1;
        sl_buf_clear(&call->fields);
        return line.n;
    }
    if (!colon)
        return line.n;
    sl_str name = {line.p, (size_t)(colon - line.p)};
    if (name.n == 11 && strncasecmp(name.p, "retry-after", 11) == 0)
        call->retry_after_ms = retry_after(trim((sl_str){colon + 1, line.n - name.n - 1}));
    if (call->cb.on_header) {
        sl_buf_add_str(&call->fields, line);
        make_ready(call);
    }
    return sl_buf_ok(&call->fields) ? line.n : 0;
}

/* ---- the end ---- */

static void recycle(sl_http_client *c, CURL *easy)
{
    if (!easy)
        return;
    if (c->easy_n == SL_HTTP_EASY_KEEP || c->closing) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy); /* keeps the session cache and connections of the multi handle */
    c->easy[c->easy_n++] = easy;
}

static void call_free(sl_http_call *call)
{
    recycle(call->client, call->easy);
    curl_slist_free_all(call->headers);
    sl_timer_free(call->timer);
    sl_buf_done(&call->body);
    sl_buf_done(&call->in);
    sl_buf_done(&call->fields);
    free(call);
}

/* The one place where a started call ends. */
static void finish(sl_http_call *call, const sl_error *error)
{
    sl_http_client *c = call->client;
    sl_http_result res = {.status = error ? error->code : SL_OK, .first_byte = call->first_byte};
    long code = 0, request_bytes = 0;
    curl_off_t pretransfer_us = 0;

    if (call->ended)
        return;
    call->ended = true;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
    res.http_status = (int)code;
    res.sent = request_bytes > 0 || pretransfer_us > 0;
    res.retry_after_ms = call->retry_after_ms;
    if (error)
        res.error = *error;
    if (call->is_ready)
        TAILQ_REMOVE(&c->ready, call, ready_link);
    call->is_ready = false;
    TAILQ_REMOVE(&c->calls, call, link);
    sl_timer_cancel(call->timer);
    curl_multi_remove_handle(c->multi, call->easy);
    call->cb.on_done(call->arg, &res);
    if (!call->delivering)
        call_free(call);
}

static void finish_with(sl_http_call *call, sl_status code, bool retriable, const char *text)
{
    sl_error error;
    (void)sl_fail(&error, code, "%s", text);
    error.retriable = retriable;
    finish(call, &error);
}

/* Lines as on_header took them: a name, a colon, a value, a line's end. */
static void deliver_fields(sl_http_call *call)
{
    const char *p = call->fields.data, *end = p + call->fields.len;
    while (p < end && !call->ended) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        const char *stop = lf ? lf + 1 : end;
        const char *colon = memchr(p, ':', (size_t)(stop - p));
        if (colon)
            call->cb.on_header(call->arg, (sl_str){p, (size_t)(colon - p)},
                               trim((sl_str){colon + 1, (size_t)(stop - colon - 1)}));
        p = stop;
    }
    sl_buf_done(&call->fields);
}

static void deliver_body(sl_http_call *call)
{
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    call->first_byte = true;
    if (!call->cb.on_data(call->arg, (int)status, sl_buf_str(&call->in)))
        finish_with(call, SL_E_CLOSED, false, "the call was cancelled by its receiver");
    if (call->in.cap > IN_KEEP)
        sl_buf_done(&call->in);
    else
        sl_buf_clear(&call->in);
}

void sl_call_deliver(sl_http_call *call)
{
    TAILQ_REMOVE(&call->client->ready, call, ready_link);
    call->is_ready = false;
    call->delivering = true; /* a callback may end the call: freed here, not under our feet */
    if (call->fields.len > 0)
        deliver_fields(call);
    if (call->in.len > 0 && !call->ended)
        deliver_body(call);
    call->delivering = false;
    if (call->ended)
        call_free(call);
}

static sl_status code_status(CURLcode code, bool *ret_retriable)
{
    *ret_retriable = false;
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return SL_E_NOMEM;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return SL_E_INVALID;
    case CURLE_PEER_FAILED_VERIFICATION:
        return SL_E_DENIED;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return SL_E_CORRUPT;
    case CURLE_WRITE_ERROR:
        return SL_E_NOMEM; /* on_body fails for that reason alone */
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
        *ret_retriable = true;
        return SL_E_UNAVAILABLE;
    case CURLE_OPERATION_TIMEDOUT:
        *ret_retriable = true;
        return SL_E_TIMEOUT;
    default:
        *ret_retriable = true;
        return SL_E_IO;
    }
}

void sl_call_end(sl_http_call *call, CURLcode code)
{
    bool retriable;
    long request_bytes = 0;
    sl_status st;
    if (code == CURLE_OK) {
        finish(call, NULL);
        return;
    }
    /* libcurl says the same of "ftp://" and of a server that answers with something else. */
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    if (code == CURLE_UNSUPPORTED_PROTOCOL && request_bytes > 0)
        code = CURLE_WEIRD_SERVER_REPLY;
    st = code_status(code, &retriable);
    finish_with(call, st, retriable, curl_easy_strerror(code));
}

void sl_http_call_cancel(sl_http_call *call)
{
    finish_with(call, SL_E_CLOSED, false, "the call was cancelled");
}

/* The timer is armed once and looks at the clock when it fires: no re-arming for each piece. */
static void on_timeout(void *arg)
{
    sl_http_call *call = arg;
    int64_t now = sl_mono_ms();
    int64_t due = call->first_byte ? call->last_ms + call->idle_timeout_ms
                                   : call->start_ms + call->first_byte_timeout_ms;
    int64_t total = call->start_ms + call->total_timeout_ms;

    if (call->total_timeout_ms > 0 && now >= total) {
        finish_with(call, SL_E_TIMEOUT, true, "the call took longer than its total time-out");
    } else if (now >= due) {
        finish_with(call, SL_E_TIMEOUT, true,
                    call->first_byte ? "the answer stopped in the middle (idle time-out)"
                                     : "no byte of the answer's body came in time");
    } else {
        if (call->total_timeout_ms > 0 && total < due)
            due = total;
        sl_timer_set(call->timer, due - now);
    }
}

/* ---- the start ---- */

static sl_status add_header(sl_http_call *call, const char *line, sl_error *reterr)
{
    struct curl_slist *list;
    if (strpbrk(line, "\r\n"))
        return sl_fail(reterr, SL_E_INVALID, "a request header has a line break");
    list = curl_slist_append(call->headers, line);
    if (!list)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for an HTTP call");
    call->headers = list;
    return SL_OK;
}

static sl_status set_headers(sl_http_call *call, const sl_http_call_options *opt, sl_error *reterr)
{
    bool typed = false;
    /* A server that ignores 100-continue would cost a second. */
    sl_status st = add_header(call, "Expect:", reterr);
    for (size_t i = 0; opt->headers && opt->headers[i] && st == SL_OK; i++) {
        typed |= strncasecmp(opt->headers[i], "content-type:", 13) == 0;
        st = add_header(call, opt->headers[i], reterr);
    }
    if (st == SL_OK && !typed) /* not libcurl's own guess, a form */
        st = add_header(call, "Content-Type:", reterr);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    return st;
}

static sl_status set_request(sl_http_call *call, const sl_http_call_options *opt, sl_error *reterr)
{
    const char *method = opt->method ? opt->method : "POST";
    bool post = strcmp(method, "POST") == 0;

    sl_buf_add_str(&call->body, opt->body);
    if (!sl_buf_ok(&call->body))
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for an HTTP call");
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
    } else if (post || opt->body.n > 0) {
        curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)opt->body.n);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->body.data ? call->body.data : "");
    }
    if (!post && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, method);
    return set_headers(call, opt, reterr);
}

static void set_transport(sl_http_call *call, const sl_http_call_options *opt)
{
    CURL *e = call->easy;
    int64_t connect_ms = opt->connect_timeout_ms > 0 ? opt->connect_timeout_ms : DEFAULT_CONNECT_MS;
    curl_easy_setopt(e, CURLOPT_URL, opt->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "sluice/" SL_VERSION);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    if (opt->ca_file && opt->ca_file[0]) {
        curl_easy_setopt(e, CURLOPT_CAINFO, opt->ca_file);
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL); /* that one alone */
    }
    if (opt->cert_file && opt->cert_file[0])
        curl_easy_setopt(e, CURLOPT_SSLCERT, opt->cert_file);
    if (opt->key_file && opt->key_file[0])
        curl_easy_setopt(e, CURLOPT_SSLKEY, opt->key_file);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(e, CURLOPT_PRIVATE, call);
}

static void set_timeouts(sl_http_call *call, const sl_http_call_options *opt)
{
    int64_t first = opt->first_byte_timeout_ms, idle = opt->idle_timeout_ms, soonest;
    call->first_byte_timeout_ms = first > 0 ? first : DEFAULT_FIRST_BYTE_MS;
    call->idle_timeout_ms = idle > 0 ? idle : DEFAULT_IDLE_MS;
    call->total_timeout_ms = opt->total_timeout_ms;
    call->start_ms = call->last_ms = sl_mono_ms();
    soonest = call->first_byte_timeout_ms;
    if (call->total_timeout_ms > 0 && call->total_timeout_ms < soonest)
        soonest = call->total_timeout_ms;
    if (call->idle_timeout_ms < soonest)
        soonest = call->idle_timeout_ms; /* a fast first byte makes this one due first */
    sl_timer_set(call->timer, soonest);
}

sl_status sl_http_call_start(sl_http_call **ret, sl_http_client *c, const sl_http_call_options *opt,
                             const sl_http_callbacks *cb, void *arg, sl_error *reterr)
{
    sl_http_call *call;
    sl_status st;

    if (c->closing)
        return sl_fail(reterr, SL_E_CLOSED, "the HTTP client is closing");
    call = calloc(1, sizeof *call);
    if (!call)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for an HTTP call");
    call->client = c;
    call->cb = *cb;
    call->arg = arg;
    call->retry_after_ms = -1;
    call->easy = c->easy_n > 0 ? c->easy[--c->easy_n] : curl_easy_init();
    st = call->easy ? sl_timer_open(&call->timer, c->loop, on_timeout, call, reterr)
                    : sl_fail(reterr, SL_E_NOMEM, "out of memory for an HTTP call");
    if (st == SL_OK) {
        set_transport(call, opt);
        st = set_request(call, opt, reterr);
    }
    if (st == SL_OK && curl_multi_add_handle(c->multi, call->easy) != CURLM_OK)
        st = sl_fail(reterr, SL_E_INTERNAL, "libcurl refused an HTTP call");
    if (st != SL_OK) {
        call_free(call);
        return st;
    }
    set_timeouts(call, opt);
    TAILQ_INSERT_TAIL(&c->calls, call, link);
    *ret = call;
    return SL_OK;
}
