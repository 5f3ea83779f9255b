/* client.h - HTTP client on the same loop (libcurl multi underneath).
 *
 * One sl_http_client a loop holds the connection pool. A call streams the body to `on_data` as it
 * arrives and ends with exactly one `on_done`, also after sl_http_call_cancel.
 * Callbacks never run inside sl_http_call_start; any function but sl_http_client_free may be called
 * inside them. A cancelled call ends with SL_E_CLOSED, a time-out with SL_E_TIMEOUT.
 * Connections are HTTP/1.1 and reused; redirects are not followed; proxies of the environment
 * (http_proxy and the like) are not used: a request goes where its URL says or nowhere. libcurl
 * sends a request a second time on its own only when a reused connection turns out closed before
 * any byte of an answer.
 * Ownership: request bytes are copied; the call is freed after on_done returns.
 * Threads: all in the loop's thread. */
#ifndef SL_HTTP_CLIENT_H
#define SL_HTTP_CLIENT_H

#include "common/base/buf.h"
#include "common/http/loop.h"

typedef struct sl_http_client sl_http_client;
typedef struct sl_http_call sl_http_call;

typedef struct sl_http_result {
    sl_status status;       /* SL_OK: a whole HTTP answer came (whatever its status code) */
    sl_error error;         /* otherwise: what failed */
    int http_status;        /* 0 when no status line came */
    int64_t retry_after_ms; /* from Retry-After; -1 when absent */
    bool sent;              /* bytes of the request may have reached the server */
    bool first_byte;        /* at least one body byte arrived */
} sl_http_result;

typedef struct sl_http_call_options {
    const char *method; /* "POST" */
    const char *url;
    const char *const *headers; /* "Name: value", ends with NULL; may be NULL */
    sl_str body;
    int64_t connect_timeout_ms;       /* default 5,000 */
    int64_t first_byte_timeout_ms;    /* until the first body byte; default 60,000 */
    int64_t idle_timeout_ms;          /* without a byte after that; default 60,000 */
    int64_t total_timeout_ms;         /* 0: none */
    const char *ca_file;              /* NULL: the system's */
    const char *cert_file, *key_file; /* client certificate; NULL: none */
} sl_http_call_options;

typedef struct sl_http_callbacks {
    /* Each header of the answer, before the body; names in the server's case. Headers of 1xx
     * answers are left out. May be NULL. */
    void (*on_header)(void *arg, sl_str name, sl_str value);
    /* Pieces of the body, of any status. Returning false cancels the call. */
    bool (*on_data)(void *arg, int http_status, sl_str piece);
    void (*on_done)(void *arg, const sl_http_result *res);
} sl_http_callbacks;

sl_status sl_http_client_open(sl_http_client **ret, sl_loop *l, int connections_max,
                              sl_error *reterr) SL_MUST_CHECK;
void sl_http_client_free(sl_http_client *c); /* cancels open calls: on_done runs */
sl_status sl_http_call_start(sl_http_call **ret, sl_http_client *c, const sl_http_call_options *opt,
                             const sl_http_callbacks *cb, void *arg,
                             sl_error *reterr) SL_MUST_CHECK;
void sl_http_call_cancel(sl_http_call *call); /* on_done runs before this returns */

/* Splits a server-sent event stream (WHATWG HTML 9.2) into events, over any chunk borders. Only
 * the data of an event counts here; event, id, retry and comments are read over, and an event
 * without a data line or without its empty line is none. A zeroed sl_sse is ready. */
typedef struct sl_sse {
    sl_buf line, data;
    bool cr; /* the last byte was CR */
    bool has_data;
    bool later; /* past the first line, which may start with a byte order mark */
} sl_sse;
typedef bool (*sl_sse_fn)(void *arg,
                          sl_str data); /* false stops: the rest of these bytes is dropped */
/* Events over `max` bytes are SL_E_TOO_LARGE; the splitter is then good for sl_sse_done only. */
sl_status sl_sse_feed(sl_sse *s, sl_str bytes, size_t max, sl_sse_fn fn, void *arg,
                      sl_error *reterr) SL_MUST_CHECK;
void sl_sse_done(sl_sse *s);

#endif
