/* client.c - libcurl's multi handle in an sl_loop. See client_internal.h. */
#include "common/http/client_internal.h"

#include "common/http/loop_internal.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>

static void settle(sl_http_client *c)
{
    sl_http_call *call;
    CURLMsg *msg;
    int left;

    while ((call = TAILQ_FIRST(&c->ready)))
        sl_call_deliver(call);
    while ((msg = curl_multi_info_read(c->multi, &left))) {
        char *private = NULL;
        CURLcode code = msg->data.result;
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private);
        sl_call_end((sl_http_call *)(void *)private, code);
    }
}

/* ---- libcurl's sockets and its timer ---- */

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    sl_http_client *c = arg;
    int running;
    int mask = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(c->multi, fd, mask, &running);
    settle(c);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    sl_http_client *c = arg;
    struct event *ev = socket_arg;
    short flags = EV_PERSIST;

    if (ev)
        event_free(ev);
    ev = NULL;
    if (what != CURL_POLL_REMOVE) {
        if (what & CURL_POLL_IN)
            flags |= EV_READ;
        if (what & CURL_POLL_OUT)
            flags |= EV_WRITE;
        ev = event_new(sl_loop_base(c->loop), fd, flags, on_socket, c);
        if (!ev || event_add(ev, NULL) != 0) {
            if (ev)
                event_free(ev);
            curl_multi_assign(c->multi, fd, NULL);
            return -1; /* libcurl fails the transfers */
        }
    }
    curl_multi_assign(c->multi, fd, ev);
    return 0;
}

static void on_timer(void *arg)
{
    sl_http_client *c = arg;
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    settle(c);
}

static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
    sl_http_client *c = arg;
    if (timeout_ms < 0)
        sl_timer_cancel(c->timer);
    else
        sl_timer_set(c->timer, timeout_ms);
    return 0;
}

/* ---- life ---- */

static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

sl_status sl_http_client_open(sl_http_client **ret, sl_loop *l, int connections_max,
                              sl_error *reterr)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sl_http_client *c = calloc(1, sizeof *c);
    sl_status st;

    if (!c)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for an HTTP client");
    pthread_once(&once, global_init);
    c->loop = l;
    TAILQ_INIT(&c->calls);
    TAILQ_INIT(&c->ready);
    c->multi = curl_multi_init();
    st = c->multi ? sl_timer_open(&c->timer, l, on_timer, c, reterr)
                  : sl_fail(reterr, SL_E_NOMEM, "out of memory for an HTTP client");
    if (st != SL_OK) {
        sl_http_client_free(c);
        return st;
    }
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    if (connections_max > 0) {
        curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections_max);
        curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)connections_max);
    }
    *ret = c;
    return SL_OK;
}

void sl_http_client_free(sl_http_client *c)
{
    sl_http_call *call;
    if (!c)
        return;
    c->closing = true;
    while ((call = TAILQ_FIRST(&c->calls)))
        sl_http_call_cancel(call);
    while (c->easy_n > 0)
        curl_easy_cleanup(c->easy[--c->easy_n]);
    if (c->multi)
        curl_multi_cleanup(c->multi);
    sl_timer_free(c->timer);
    free(c);
}
