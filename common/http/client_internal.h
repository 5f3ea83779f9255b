/* client_internal.h - the client's sockets (client.c) and its calls (call.c).
 *
 * libcurl's callbacks only collect: body bytes go into the call's buffer, results are read after
 * curl_multi_socket_action has returned. So the caller's callbacks run outside of libcurl and may
 * start and cancel calls, which libcurl forbids inside its own. */
#ifndef SL_HTTP_CLIENT_INTERNAL_H
#define SL_HTTP_CLIENT_INTERNAL_H

#include "common/http/client.h"

#include <curl/curl.h>
#include <sys/queue.h>

/* Idle easy handles kept for the next calls; each has about 10 KB. */
#define SL_HTTP_EASY_KEEP 32

TAILQ_HEAD(sl_call_list, sl_http_call);

struct sl_http_client {
    sl_loop *loop;
    CURLM *multi;
    sl_timer *timer;
    struct sl_call_list calls, ready;
    CURL *easy[SL_HTTP_EASY_KEEP];
    int easy_n;
    bool closing;
};

struct sl_http_call {
    sl_http_client *client;
    TAILQ_ENTRY(sl_http_call) link, ready_link;
    CURL *easy;
    struct curl_slist *headers;
    sl_http_callbacks cb;
    void *arg;
    sl_buf body;       /* of the request */
    sl_buf in, fields; /* body and header lines of the answer, not delivered yet */
    sl_timer *timer;
    int64_t start_ms, last_ms;
    int64_t first_byte_timeout_ms, idle_timeout_ms, total_timeout_ms;
    int64_t retry_after_ms;
    bool is_ready, first_byte, delivering, ended;
};

void sl_call_deliver(sl_http_call *call);            /* may free it */
void sl_call_end(sl_http_call *call, CURLcode code); /* as libcurl says */

#endif
