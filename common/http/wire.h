/* wire.h - one accepted connection's bytes, plain or TLS, under the HTTP state machine.
 *
 * Plain: own read and write events on the socket. A bufferevent would cost two epoll_ctl, an ioctl
 * and a second turn of the loop for each answer; here a request is one recv and one send. TLS: a
 * bufferevent_openssl with deferred callbacks.
 * Output is collected in `out` and leaves in sl_wire_flush, so that a header and the first piece
 * of a stream, or the answers of a pipeline, go out in one send.
 * Ownership: embedded in its connection; sl_wire_close releases everything.
 * Callbacks run from the loop only, never inside a sl_wire_ function; `settle` is always the last
 * one of a turn and may free the connection. */
#ifndef SL_HTTP_WIRE_H
#define SL_HTTP_WIRE_H

#include "common/base/buf.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct bufferevent;

typedef struct sl_wire_callbacks {
    void (*bytes)(void *arg, const char *p, size_t n);
    void (*gone)(void *arg);     /* end of file or a broken connection */
    void (*progress)(void *arg); /* the client took bytes that had to wait */
    void (*settle)(void *arg);
} sl_wire_callbacks;

/* Shared by a server's wires: reading goes through one buffer. */
typedef struct sl_wire_env {
    struct event_base *base;
    const sl_wire_callbacks *cb;
    char *scratch;
    size_t scratch_n;
} sl_wire_env;

typedef struct sl_wire {
    const sl_wire_env *env;
    void *arg;
    int fd;
    bool reading, writing, ready;   /* ready: the TLS handshake is over (plain: from the start) */
    struct event read_ev, write_ev; /* plain */
    struct bufferevent *bev;        /* TLS; NULL: plain */
    sl_buf out;
    size_t out_at;  /* bytes of out that are gone */
    uint64_t sent;  /* bytes that left out */
    uint64_t taken; /* bytes that the socket had taken at the last look */
    int64_t progress_ms;
} sl_wire;

/* ssl: an OpenSSL session (taken), or NULL. False: out of memory; the fd stays the caller's. */
bool sl_wire_open(sl_wire *w, const sl_wire_env *env, void *arg, int fd, void *ssl);
void sl_wire_close(sl_wire *w);
void sl_wire_reset(sl_wire *w); /* the peer will see a reset instead of an end of file */
bool sl_wire_flush(sl_wire *w); /* false: the connection is broken */
/* All output is gone: progress shall be called in the next turn nevertheless. */
void sl_wire_want_progress(sl_wire *w);
size_t sl_wire_pending(const sl_wire *w);
void sl_wire_read(sl_wire *w, bool on);
void sl_wire_shutdown(sl_wire *w); /* no more output; reading goes on */
/* True when output waits and no byte was taken for timeout_ms. Called now and then. */
bool sl_wire_stalled(sl_wire *w, int64_t now_ms, int64_t timeout_ms);
/* The common name of the peer's certificate, "" when there is none; room for SL_TLS_NAME. */
void sl_wire_peer_name(const sl_wire *w, char *out);
/* True when the peer has closed or reset, found without reading. */
bool sl_wire_peer_gone(const sl_wire *w);

#endif
