/* server_internal.h - a server, its connections and the one request of each connection.
 *
 * conn.c is the state machine, answer.c writes answers, server.c listens, sweeps and closes.
 * A connection is freed in one place only, sl_conn_settle (and by sl_http_server_free), which runs
 * at the end of a turn and never inside a handler: so handlers may answer from any callback.
 *
 * State    what the next input byte is
 * HEAD     the request's head (between requests: nothing yet)
 * BODY     its body; kept for on_request, or dropped when the answer has begun already
 * OPEN     kept for later: the request is complete and its answer is not
 * CLOSE    dropped: the last answer is on its way out, then the connection ends
 * LINGER   dropped: output is shut down; the client may still be sending. Closing at once would
 *          make the kernel send a reset, which takes the answer from the client's hands. */
#ifndef SL_HTTP_SERVER_INTERNAL_H
#define SL_HTTP_SERVER_INTERNAL_H

#include "common/http/parser.h"
#include "common/http/server.h"
#include "common/http/wire.h"

#include <netinet/in.h>
#include <sys/queue.h>

/* Input kept while a request is open (pipelined requests). Past it reading pauses, and the sweep
 * asks the kernel whether the client is still there. */
#define SL_HTTP_AHEAD_MAX (64u * 1024)
/* on_writable is called when pending output falls under this. */
#define SL_HTTP_LOW_MARK (32u * 1024)
/* A handler that looks at sl_http_stream_pending stays far below; one that does not shall not take
 * the whole process down. */
#define SL_HTTP_PENDING_MAX (64u * 1024 * 1024)
/* A body that nobody wants is read to its end, to keep the connection, up to this size. */
#define SL_HTTP_DRAIN_MAX (64u * 1024)
/* What a lingering close reads at most: over the 20 MB bodies that clients do send. */
#define SL_HTTP_LINGER_BYTES (64u * 1024 * 1024)
#define SL_HTTP_LINGER_MS    5000
/* Connections over connections_max that are told so at one time; the next are cut. */
#define SL_HTTP_REFUSED_MAX 64
/* Request memory that an idle connection keeps. */
#define SL_HTTP_KEEP (4u * 1024)

typedef struct sl_conn sl_conn;
TAILQ_HEAD(sl_conn_list, sl_conn);

union sl_peer {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

typedef enum sl_conn_state { C_HEAD, C_BODY, C_OPEN, C_CLOSE, C_LINGER } sl_conn_state;

struct sl_http_request {
    sl_conn *conn;
    void *user;
    sl_buf body;
    sl_buf extra;                    /* response header lines that the handler added */
    bool visible;                    /* a handler has seen it: it gets on_close */
    bool begun;                      /* the answer's header is written */
    bool ended;                      /* the answer is complete */
    bool stream, chunked, head_only; /* of the answer */
    bool keep;                       /* the connection lives on after the answer */
    bool blocked;                    /* stream output had to wait: on_writable is due */
};

struct sl_conn {
    sl_http_server *server;
    TAILQ_ENTRY(sl_conn) link, kick_link;
    sl_wire wire;
    sl_conn_state state;
    bool kicked;         /* in the server's kick list */
    bool dead;           /* to be freed by settle */
    bool linger;         /* after the answer */
    bool gone;           /* on_close is running or ran: answers are ignored */
    bool refused;        /* over connections_max */
    int depth;           /* > 0: inside the state machine, settle follows */
    int64_t deadline_ms; /* of the state; 0: none */
    size_t lingered;
    sl_buf head;
    sl_http_head parsed;
    sl_http_chunks chunks;
    uint64_t body_left; /* Content-Length bodies */
    sl_buf in;          /* input ahead of the open request */
    size_t in_at;
    sl_http_request req;
    union sl_peer peer;
    char peer_text[64]; /* made when asked for */
    char client_name[SL_TLS_NAME];
    bool named; /* client_name was asked for */
};

struct sl_http_server {
    sl_loop *loop;
    sl_http_handlers handlers;
    void *arg;
    sl_http_server_options opt;
    sl_wire_env wires;
    int listen_fd, port;
    struct event *accept_ev, *kick_ev;
    sl_timer *sweep;
    int64_t sweep_ms;
    bool accepting, draining;
    int conns_n, refused_n;
    struct sl_conn_list conns, kicks;
    char date[40]; /* "Date: …\r\n" of the second date_s */
    size_t date_n;
    int64_t date_s;
};

/* conn.c */
sl_conn *sl_conn_open(sl_http_server *s, int fd, const union sl_peer *peer, bool refused);
void sl_conn_settle(sl_conn *c);
void sl_conn_kick(sl_conn *c);                   /* settle it at the end of this turn of the loop */
void sl_conn_free(sl_conn *c);                   /* on_close runs for an open request */
void sl_conn_expire(sl_conn *c, int64_t now_ms); /* deadlines; marks and settles */
void sl_conn_answer_ended(sl_conn *c);
bool sl_conn_body_pending(const sl_conn *c);
extern const sl_wire_callbacks sl_conn_callbacks;

/* answer.c: the server's own errors; ends the connection. */
void sl_conn_refuse(sl_conn *c, int status, const char *message);

#endif
