/* http_server_fuzz.c - bytes of a client against the whole server, through a socket pair.
 *
 * Byte 0 is the size of the pieces of the second pass; the rest is what the client sends. Whatever
 * the cuts, the handler must see the same requests and the client the same statuses. */
#include "common/http/loop_internal.h"
#include "common/http/server_internal.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    sl_loop *loop;
    sl_http_server *server;
    sl_http_request *held;
    sl_buf seen; /* by the handler */
    sl_buf out;  /* at the client */
} f;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(sl_str s)
{
    sl_buf_add_u64(&f.seen, s.n);
    sl_buf_addc(&f.seen, ':');
    sl_buf_add_str(&f.seen, s);
}

static void on_headers(void *arg, sl_http_request *r)
{
    note(sl_http_path(r));
    if (sl_http_header(r, "x-deny").p)
        sl_http_error(r, 401, "authentication_error", "invalid_api_key", NULL, 1, "No.");
}

static void on_request(void *arg, sl_http_request *r)
{
    note(sl_http_method(r));
    note(sl_http_query(r));
    note(sl_http_body(r));
    if (sl_http_header(r, "x-stream").p) {
        sl_http_stream_begin(r, 200, "text/event-stream");
        sl_http_stream_send(r, sl_http_body(r));
        sl_http_stream_end(r, sl_http_query(r).n > 0);
    } else if (sl_http_header(r, "x-later").p) {
        f.held = r;
    } else {
        sl_http_answer(r, 200, "text/plain", sl_http_peer(r));
    }
}

static void on_close(void *arg, sl_http_request *r)
{
    sl_buf_adds(&f.seen, "closed");
    if (f.held == r)
        f.held = NULL;
}

static void open_server(void)
{
    static const sl_http_handlers handlers = {on_headers, on_request, on_close, NULL};
    sl_http_server_options opt = {
        .listen = "127.0.0.1:0", .header_max = 2048, .body_max = 1024, .connections_max = 4};
    if (sl_loop_open(&f.loop, NULL) != SL_OK ||
        sl_http_server_open(&f.server, f.loop, &opt, &handlers, NULL, NULL) != SL_OK)
        abort();
}

/* Lets the server work until it neither reads nor answers. */
static void turn(int fd)
{
    char block[4096];
    ssize_t n;
    bool more;
    do {
        event_base_loop(sl_loop_base(f.loop), EVLOOP_NONBLOCK);
        more = f.held != NULL;
        if (f.held) {
            sl_http_request *r = f.held;
            f.held = NULL;
            sl_http_answer(r, 202, NULL, SL_STR("later"));
        }
        while ((n = recv(fd, block, sizeof block, MSG_DONTWAIT)) > 0) {
            sl_buf_add(&f.out, block, (size_t)n);
            more = true;
        }
    } while (more);
}

static void play(const uint8_t *p, size_t n, size_t piece, sl_buf *ret)
{
    union sl_peer peer = {.any = {.sa_family = AF_UNIX}};
    int pair[2];
    sl_conn *c;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
        abort();
    c = sl_conn_open(f.server, pair[0], &peer, false);
    if (!c)
        abort();
    for (size_t at = 0; at < n; at += piece) {
        size_t k = n - at < piece ? n - at : piece;
        if (send(pair[1], p + at, k, MSG_NOSIGNAL) != (ssize_t)k)
            break; /* the server has closed */
        turn(pair[1]);
    }
    close(pair[1]);
    for (int i = 0; i < 10 && sl_http_server_connections(f.server) > 0; i++)
        event_base_loop(sl_loop_base(f.loop), EVLOOP_NONBLOCK);
    if (sl_http_server_connections(f.server) != 0)
        abort();                                  /* a connection without a client stays */
    for (size_t i = 0; i + 12 < f.out.len; i++) { /* not all of it: the date may differ */
        if (memcmp(f.out.data + i, "HTTP/1.1 ", 9) == 0)
            sl_buf_add(&f.seen, f.out.data + i, 12);
    }
    sl_buf_done(&f.out);
    *ret = f.seen;
    f.seen = (sl_buf){0};
    f.held = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_buf whole = {0}, cut = {0};
    if (size < 2 || size > 32 * 1024)
        return 0;
    if (!f.server)
        open_server();
    play(data + 1, size - 1, size, &whole);
    play(data + 1, size - 1, (size_t)data[0] + 1, &cut);
    if (!sl_str_eq(sl_buf_str(&whole), sl_buf_str(&cut)))
        abort();
    sl_buf_done(&whole);
    sl_buf_done(&cut);
    return 0;
}
