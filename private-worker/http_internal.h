/* http_internal.h - what http_api.c and http_turn.c share. */
#ifndef SL_PRIVATE_WORKER_HTTP_INTERNAL_H
#define SL_PRIVATE_WORKER_HTTP_INTERNAL_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "private-worker/http_api.h"

#include <strings.h>
#include <sys/queue.h>

typedef struct sl_http_turn { /* one request and its answer */
    sl_task task;
    sl_http_api *api;
    sl_http_request *request; /* NULL: the client went away */
    TAILQ_ENTRY(sl_http_turn) all;
    char id[48]; /* chatcmpl-<uuid>, the id in the answer */
    sl_answer_head head;
    bool stream, include_usage, begun;
    sl_buf text; /* of a whole answer */
    int64_t taken_us, first_us;
} sl_http_turn;

struct sl_http_api {
    const sl_private_config *cfg;
    sl_host *host;
    sl_admin_source admin;
    sl_metrics_shard *shard;
    sl_http_server *server;
    sl_timer *drain_timer;
    TAILQ_HEAD(, sl_http_turn) turns;
    int64_t created; /* Unix seconds */
    bool draining;
    int64_t drain_until_us;
    sl_loop_fn drained;
    void *drained_arg;
};

void sl_http_turn_start(sl_http_api *a, sl_http_request *r, sl_chat_kind kind);
void sl_http_turn_closed(sl_http_api *a, sl_http_request *r);
void sl_http_turn_free(sl_http_turn *t);

#endif
