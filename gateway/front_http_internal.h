/* front_http_internal.h - a call is one API request from its body to the end of its answer. */
#ifndef SL_GATEWAY_FRONT_HTTP_INTERNAL_H
#define SL_GATEWAY_FRONT_HTTP_INTERNAL_H

#include "gateway/answer.h"
#include "gateway/front_http.h"

#include <sys/queue.h>

#define SL_HTTP_PENDING_MAX (8u << 20) /* bytes that a slow reader may leave waiting */

struct sl_front_http {
    sl_loop *loop;
    sl_core *core;
    sl_gateway_shared *g;
    sl_http_server *server;
    sl_front_http_options opt;
    sl_buf out; /* scratch of one event */
};

typedef struct call {
    sl_front_http *f;
    sl_http_request *r; /* NULL: the client went away, the work goes on for its Idempotency-Key */
    sl_ticket *ticket;  /* NULL: waits for another's result */
    char id[SL_UUID_TEXT], tenant[65];
    int64_t deadline_ms; /* Unix; from when the request came, also when it waited for another's */
    sl_arena arena;
    sl_chat *chat;
    sl_answer_head head;
    sl_decision decision;
    bool stream, begun, include_usage;
    sl_answer answer; /* gathered when whole or when a key stores it */
    bool gathers;
    sl_idem_entry *entry;
    sl_idem_waiter *waiter;
} call;

/* front_http_answer.c */
void sl_call_headers(call *c);
void sl_call_delta(void *user, const sl_chunk *delta);
void sl_call_end(void *user, const sl_outcome *o);
void sl_call_from_result(call *c, const sl_idem_result *res);
void sl_call_free(call *c);
/* front_http_admin.c */
void sl_front_admin(sl_front_http *f, sl_http_request *r);
void sl_front_models(sl_front_http *f, sl_http_request *r, sl_str tenant);

#endif
