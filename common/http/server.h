/* server.h - HTTP/1.1 server on one loop: keep-alive, chunked streams (SSE), TLS, limits.
 *
 * Shape: the server calls `on_headers` when a request's header is complete (the place to check the
 * key before a body is read), then `on_request` when its body is complete. The handler answers
 * through the sl_http_request at once or later; `on_close` tells that the client went away before
 * the answer was complete, also while the request waits unanswered (never after the answer's end).
 * An end of file counts as going away: a client that only shuts down its sending side while it
 * waits (no HTTP client does) loses its answer, because it can't be told from one that closed, and
 * work for a closed one must stop at once. A reset or a vanished machine (found by TCP keep-alive
 * within a minute) counts too. Pipelined requests are handled one at a time, in order, and 64 KiB
 * of them are read ahead.
 * Every error that the server itself answers (400 malformed, 408 slow, 411, 413 over
 * body_max while the client still sends, 414, 417, 431, 501, 503 too many connections, 505) has an
 * OpenAI error object as JSON body. After 4xx of these the connection is closed, but only when the
 * client has read the answer or 5 s or 64 MiB of its input have passed. A request that on_headers
 * has seen gets on_close before such an answer.
 * Ownership: a request belongs to the server and is valid until its answer has ended or on_close
 * returned. Header and body views live as long as the request.
 * Several processes' or threads' servers may listen on one port (SO_REUSEPORT).
 * Threads: all in the loop's thread. */
#ifndef SL_HTTP_SERVER_H
#define SL_HTTP_SERVER_H

#include "common/base/buf.h"
#include "common/crypto/tls.h"
#include "common/http/loop.h"

typedef struct sl_http_server sl_http_server;
typedef struct sl_http_request sl_http_request;

typedef struct sl_http_handlers {
    /* May answer (then the body is drained or the connection closed) or return to go on.
     * NULL: none. */
    void (*on_headers)(void *arg, sl_http_request *r);
    void (*on_request)(void *arg, sl_http_request *r);
    void (*on_close)(void *arg, sl_http_request *r); /* r is freed after this returns */
    /* Output of a stream had to wait or was over the low mark (32 KiB), and is under it now: the
     * time to go on for a handler that stopped because of sl_http_stream_pending. May be NULL. */
    void (*on_writable)(void *arg, sl_http_request *r);
} sl_http_handlers;

typedef struct sl_http_server_options {
    const char *listen;  /* "127.0.0.1:8080", "[::]:8080", ":8080" (all); port 0: any */
    size_t header_max;   /* bytes; default 32 KiB */
    size_t body_max;     /* bytes; default 1,000,000 */
    int connections_max; /* default 4,096; the next one gets 503 */
    /* From the first byte of a request to its header's end, and for a TLS handshake; 10,000. */
    int64_t header_timeout_ms;
    int64_t body_timeout_ms;  /* the body's whole; default 30,000 */
    int64_t idle_timeout_ms;  /* between requests; default 75,000 */
    int64_t write_timeout_ms; /* no byte taken by the client; default 30,000 */
    sl_tls *tls;              /* NULL: plain */
    bool reuse_port;
} sl_http_server_options;

sl_status sl_http_server_open(sl_http_server **ret, sl_loop *l, const sl_http_server_options *opt,
                              const sl_http_handlers *h, void *arg, sl_error *reterr) SL_MUST_CHECK;
int sl_http_server_port(const sl_http_server *s);
/* Stops accepting; open requests go on; connections close after their current answer. */
void sl_http_server_drain(sl_http_server *s);
int sl_http_server_connections(const sl_http_server *s);
void sl_http_server_free(
    sl_http_server *s); /* closes everything; on_close runs for open requests */

sl_str sl_http_method(const sl_http_request *r);
sl_str sl_http_path(const sl_http_request *r);  /* without the query */
sl_str sl_http_query(const sl_http_request *r); /* without '?' */
/* Case-insensitive; p == NULL when absent; the first one where repeated. */
sl_str sl_http_header(const sl_http_request *r, const char *name);
sl_str sl_http_body(sl_http_request *r);       /* one piece */
sl_str sl_http_peer(const sl_http_request *r); /* "10.0.0.1:4711" */
/* The client's address; IPv4 as ::ffff:a.b.c.d; zeros where there is none. */
void sl_http_peer_ip(const sl_http_request *r, uint8_t out[16]);
/* The common name of the client's certificate, which was verified; n 0: it showed none. */
sl_str sl_http_client_name(const sl_http_request *r);
void sl_http_set_user(sl_http_request *r, void *user);
void *sl_http_user(const sl_http_request *r);

/* Answering. Response headers are added first; values with CR, LF or NUL are refused by assert. */
void sl_http_add_header(sl_http_request *r, const char *name, sl_str value);
/* A whole answer. content_type NULL: none. */
void sl_http_answer(sl_http_request *r, int status, const char *content_type, sl_str body);
/* A stream: status and headers now, then pieces, then the end. With `abort` the connection is cut
 * without the last chunk, so that a client can't take a cut stream for a whole one. */
void sl_http_stream_begin(sl_http_request *r, int status, const char *content_type);
void sl_http_stream_send(sl_http_request *r, sl_str piece);
/* Bytes that wait for the client. Over 64 MiB the connection is cut: stop well before. */
size_t sl_http_stream_pending(const sl_http_request *r);
void sl_http_stream_end(sl_http_request *r, bool abort);
bool sl_http_answered(const sl_http_request *r); /* an answer was begun */

/* {"error":{"message","type","param","code"}} with Retry-After when retry_after_s > 0.
 * param and code may be NULL. */
void sl_http_error(sl_http_request *r, int status, const char *type, const char *code,
                   const char *param, int retry_after_s, const char *message);
/* The same JSON, appended to a buffer (for SSE error events and dead ends elsewhere). */
void sl_http_error_body(sl_buf *out, const char *type, const char *code, const char *param,
                        const char *message);

#endif
