/* answer.c - what a handler sees of a request and how it answers. See server.h.
 *
 * Answers are appended to the connection's output; the connection sends them when the handler has
 * returned (or at the end of the loop's turn), so that one answer is one send. */
#include "common/http/server_internal.h"

#include "common/base/clock.h"
#include "common/base/jsonw.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

/* ---- the request ---- */

static sl_str span(const sl_http_request *r, sl_http_span s)
{
    const char *head = r->conn->head.data;
    return head ? (sl_str){head + s.at, s.n} : (sl_str){"", 0};
}

sl_str sl_http_method(const sl_http_request *r)
{
    return span(r, r->conn->parsed.method);
}

sl_str sl_http_path(const sl_http_request *r)
{
    sl_str path = span(r, r->conn->parsed.path);
    return path.n > 0 ? path : SL_STR("/"); /* absolute-form without a path */
}

sl_str sl_http_query(const sl_http_request *r)
{
    return span(r, r->conn->parsed.query);
}

sl_str sl_http_header(const sl_http_request *r, const char *name)
{
    const sl_http_head *h = &r->conn->parsed;
    const char *head = r->conn->head.data;
    size_t n = strlen(name);
    for (uint32_t i = 0; i < h->fields_n; i++) {
        const sl_http_field *f = &h->fields[i];
        if (f->name.n == n && strncasecmp(head + f->name.at, name, n) == 0)
            return span(r, f->value);
    }
    return (sl_str){NULL, 0};
}

sl_str sl_http_body(sl_http_request *r)
{
    return sl_buf_str(&r->body);
}

sl_str sl_http_peer(const sl_http_request *r)
{
    sl_conn *c = r->conn;
    char ip[INET6_ADDRSTRLEN] = "";
    if (c->peer_text[0] == '\0') {
        if (c->peer.any.sa_family == AF_INET) {
            inet_ntop(AF_INET, &c->peer.v4.sin_addr, ip, sizeof ip);
            snprintf(c->peer_text, sizeof c->peer_text, "%s:%u", ip, ntohs(c->peer.v4.sin_port));
        } else if (c->peer.any.sa_family == AF_INET6) {
            bool mapped = IN6_IS_ADDR_V4MAPPED(&c->peer.v6.sin6_addr);
            if (mapped) /* an IPv4 client of a dual-stack socket */
                inet_ntop(AF_INET, &c->peer.v6.sin6_addr.s6_addr[12], ip, sizeof ip);
            else
                inet_ntop(AF_INET6, &c->peer.v6.sin6_addr, ip, sizeof ip);
            snprintf(c->peer_text, sizeof c->peer_text, mapped ? "%s:%u" : "[%s]:%u", ip,
                     ntohs(c->peer.v6.sin6_port));
        } else {
            snprintf(c->peer_text, sizeof c->peer_text, "local");
        }
    }
    return sl_str_c(c->peer_text);
}

void sl_http_peer_ip(const sl_http_request *r, uint8_t out[16])
{
    const union sl_peer *peer = &r->conn->peer;
    memset(out, 0, 16);
    if (peer->any.sa_family == AF_INET6) {
        memcpy(out, &peer->v6.sin6_addr, 16);
    } else if (peer->any.sa_family == AF_INET) {
        out[10] = out[11] = 0xff;
        memcpy(out + 12, &peer->v4.sin_addr, 4);
    }
}

sl_str sl_http_client_name(const sl_http_request *r)
{
    sl_conn *c = r->conn;
    if (!c->named)
        sl_wire_peer_name(&c->wire, c->client_name);
    c->named = true;
    return sl_str_c(c->client_name);
}

void sl_http_set_user(sl_http_request *r, void *user)
{
    r->user = user;
}

void *sl_http_user(const sl_http_request *r)
{
    return r->user;
}

bool sl_http_answered(const sl_http_request *r)
{
    return r->begun;
}

/* ---- the answer's header ---- */

typedef struct sl_http_text {
    int status;
    const char *text;
} sl_http_text;

/* clang-format off */
static const sl_http_text reasons[] = {
    {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {304, "Not Modified"},
    {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
    {405, "Method Not Allowed"}, {406, "Not Acceptable"}, {408, "Request Timeout"},
    {409, "Conflict"}, {411, "Length Required"}, {413, "Content Too Large"},
    {414, "URI Too Long"}, {415, "Unsupported Media Type"}, {417, "Expectation Failed"},
    {422, "Unprocessable Content"}, {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"}, {499, "Client Closed Request"},
    {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
    {503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
    {0, "Status"},
};

/* The `code` of errors that the server itself answers. */
static const sl_http_text refusal_codes[] = {
    {408, "request_timeout"}, {411, "length_required"}, {413, "request_too_large"},
    {414, "uri_too_long"}, {417, "expectation_failed"}, {431, "headers_too_large"},
    {501, "not_implemented"}, {503, "overloaded"}, {505, "http_version_not_supported"},
    {0, "malformed_request"},
};
/* clang-format on */

static const char *text_of(const sl_http_text *t, int status)
{
    while (t->status != 0 && t->status != status)
        t++;
    return t->text;
}

static void add_date(sl_http_server *s, sl_buf *out)
{
    time_t now = time(NULL);
    if (now != s->date_s) {
        struct tm tm;
        gmtime_r(&now, &tm);
        s->date_n = strftime(s->date, sizeof s->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
        s->date_s = now;
    }
    sl_buf_add(out, s->date, s->date_n);
}

static bool is_line_safe(sl_str v)
{
    return !memchr(v.p ? v.p : "", '\r', v.n) && !memchr(v.p ? v.p : "", '\n', v.n) &&
           !memchr(v.p ? v.p : "", '\0', v.n);
}

void sl_http_add_header(sl_http_request *r, const char *name, sl_str value)
{
    assert(is_line_safe(value) && is_line_safe(sl_str_c(name)));
    if (r->begun)
        return;
    sl_buf_adds(&r->extra, name);
    sl_buf_add(&r->extra, ": ", 2);
    sl_buf_add_str(&r->extra, value);
    sl_buf_add(&r->extra, "\r\n", 2);
}

#define ADD(out, lit) sl_buf_add(out, lit, sizeof(lit) - 1)

/* body_n < 0: a stream of unknown length. */
static void begin(sl_http_request *r, int status, const char *content_type, int64_t body_n)
{
    sl_conn *c = r->conn;
    sl_buf *out = &c->wire.out;
    bool bodiless = status == 204 || status == 304;

    assert(!r->begun && status >= 200 && status <= 599);
    /* A body that is still coming is either short enough to be read away or costs the connection.
     * After "Expect" nobody knows whether it comes at all. */
    if (sl_conn_body_pending(c) &&
        (c->parsed.chunked || c->parsed.expect_continue || c->body_left > SL_HTTP_DRAIN_MAX))
        r->keep = false;
    if (c->server->draining)
        r->keep = false;
    r->begun = true;
    r->stream = body_n < 0;
    r->head_only = bodiless || sl_str_is(sl_http_method(r), "HEAD");
    r->chunked = r->stream && !r->head_only && c->parsed.minor > 0;
    if (r->stream && !r->head_only && !r->chunked)
        r->keep = false; /* HTTP/1.0: the end of the connection is the end of the stream */

    if (status == 200) {
        ADD(out, "HTTP/1.1 200 OK\r\n");
    } else {
        ADD(out, "HTTP/1.1 ");
        sl_buf_add_u64(out, (uint64_t)status);
        sl_buf_addc(out, ' ');
        sl_buf_adds(out, text_of(reasons, status));
        ADD(out, "\r\n");
    }
    add_date(c->server, out);
    sl_buf_add_str(out, sl_buf_str(&r->extra));
    if (content_type) {
        ADD(out, "Content-Type: ");
        sl_buf_adds(out, content_type);
        ADD(out, "\r\n");
    }
    if (body_n >= 0 && !bodiless) {
        ADD(out, "Content-Length: ");
        sl_buf_add_u64(out, (uint64_t)body_n);
        ADD(out, "\r\n");
    } else if (r->chunked) {
        ADD(out, "Transfer-Encoding: chunked\r\n");
    }
    if (!r->keep)
        ADD(out, "Connection: close\r\n");
    else if (c->parsed.minor == 0)
        ADD(out, "Connection: keep-alive\r\n");
    ADD(out, "\r\n");
    if (!sl_buf_ok(&r->extra))
        out->failed = true;
}

static void whole(sl_http_request *r, int status, const char *content_type, sl_str body)
{
    begin(r, status, content_type, (int64_t)body.n);
    if (!r->head_only)
        sl_buf_add_str(&r->conn->wire.out, body);
    sl_conn_answer_ended(r->conn);
}

void sl_http_answer(sl_http_request *r, int status, const char *content_type, sl_str body)
{
    if (!r->conn->gone)
        whole(r, status, content_type, body);
}

/* ---- streams ---- */

/* Outside of the state machine nobody sends for us: ask for it at the end of this turn, so that
 * all pieces of the turn go out together. */
static void flush_later(sl_conn *c)
{
    if (c->depth == 0)
        sl_conn_kick(c);
}

void sl_http_stream_begin(sl_http_request *r, int status, const char *content_type)
{
    if (r->conn->gone)
        return;
    begin(r, status, content_type, -1);
    flush_later(r->conn);
}

void sl_http_stream_send(sl_http_request *r, sl_str piece)
{
    static const char digits[] = "0123456789abcdef";
    sl_buf *out = &r->conn->wire.out;
    char size[18];
    size_t at = sizeof size, n = piece.n;

    if (r->conn->gone || r->head_only || piece.n == 0)
        return;
    assert(r->stream && !r->ended);
    if (r->chunked) {
        size[--at] = '\n';
        size[--at] = '\r';
        for (; n > 0; n >>= 4)
            size[--at] = digits[n & 15];
        sl_buf_add(out, size + at, sizeof size - at);
    }
    sl_buf_add_str(out, piece);
    if (r->chunked)
        ADD(out, "\r\n");
    if (sl_wire_pending(&r->conn->wire) > SL_HTTP_PENDING_MAX)
        r->conn->dead = true; /* on_close follows at the end of the turn */
    flush_later(r->conn);
}

size_t sl_http_stream_pending(const sl_http_request *r)
{
    return r->conn->gone ? 0 : sl_wire_pending(&r->conn->wire);
}

void sl_http_stream_end(sl_http_request *r, bool abort)
{
    sl_conn *c = r->conn;
    if (c->gone)
        return;
    assert(r->stream && !r->ended);
    if (abort) {
        r->keep = false;
        if (!r->chunked) /* an end of file would look like a whole answer */
            sl_wire_reset(&c->wire);
    } else if (r->chunked) {
        ADD(&c->wire.out, "0\r\n\r\n");
    }
    sl_conn_answer_ended(c);
}

/* ---- errors ---- */

void sl_http_error_body(sl_buf *out, const char *type, const char *code, const char *param,
                        const char *message)
{
    sl_jsonw w = sl_jsonw_on(out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_obj(&w, "error");
    sl_jsonw_cstr(&w, "message", message);
    sl_jsonw_cstr(&w, "type", type);
    sl_jsonw_cstr(&w, "param", param);
    sl_jsonw_cstr(&w, "code", code);
    sl_jsonw_end_obj(&w);
    sl_jsonw_end_obj(&w);
}

static void error_answer(sl_http_request *r, int status, const char *type, const char *code,
                         const char *param, int retry_after_s, const char *message)
{
    sl_buf body = {0};
    char seconds[16];
    if (retry_after_s > 0) {
        snprintf(seconds, sizeof seconds, "%d", retry_after_s);
        sl_http_add_header(r, "Retry-After", sl_str_c(seconds));
    }
    sl_http_error_body(&body, type, code, param, message);
    if (!sl_buf_ok(&body))
        r->conn->wire.out.failed = true;
    whole(r, status, "application/json", sl_buf_str(&body));
    sl_buf_done(&body);
}

void sl_http_error(sl_http_request *r, int status, const char *type, const char *code,
                   const char *param, int retry_after_s, const char *message)
{
    if (!r->conn->gone)
        error_answer(r, status, type, code, param, retry_after_s, message);
}

void sl_conn_refuse(sl_conn *c, int status, const char *message)
{
    sl_http_request *r = &c->req;
    bool told = r->visible && !r->ended;

    c->gone = true; /* no handler has anything to say any more */
    if (told) {
        r->visible = false;
        c->server->handlers.on_close(c->server->arg, r);
    }
    if (r->begun) { /* an answer is on its way already: all that is left is to cut it */
        c->dead = true;
        return;
    }
    if (c->state == C_HEAD) /* not a whole head: no method, no version */
        sl_http_head_reset(&c->parsed);
    sl_buf_clear(&r->extra);
    r->keep = false;
    error_answer(r, status, status >= 500 ? "server_error" : "invalid_request_error",
                 text_of(refusal_codes, status), NULL, status == 503 ? 1 : 0, message);
    c->linger = true;
}
