/* front_http_internal.h - a call is one API request from its body to the end of its answer.
 *
 * A call holds the snapshot of the keys that let it in, and what it took of its key's limits; both
 * go back in sl_call_free. */
#ifndef SL_GATEWAY_FRONT_HTTP_INTERNAL_H
#define SL_GATEWAY_FRONT_HTTP_INTERNAL_H

#include "common/base/log.h"
#include "gateway/answer.h"
#include "gateway/front_http.h"
#include "gateway/limits.h"

#include <sys/queue.h>

#define SL_HTTP_PENDING_MAX (8u << 20) /* bytes that a slow reader may leave waiting */

struct sl_front_http {
    sl_loop *loop;
    sl_core *core;
    sl_gateway_shared *g;
    sl_http_server *server;
    sl_front_http_options opt;
    sl_buf out; /* scratch of one event */
    sl_log_limit log_pause;
};

/* Who asks: a row of the snapshot that is referenced here. */
typedef struct sl_asker {
    sl_api_keys *keys;
    const sl_api_key *key;
} sl_asker;

typedef struct call {
    sl_front_http *f;
    sl_http_request *r; /* NULL: the client went away, the work goes on for its Idempotency-Key */
    sl_ticket *ticket;  /* NULL: waits for another's result */
    sl_asker who;
    char id[SL_UUID_TEXT];
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
    bool taken, accepted;          /* a place within the key's limits; by the core */
    int64_t thought, prompt, used; /* tokens: taken, of the prompt, settled (-1: not known) */
    size_t said;                   /* bytes of the answer */
} call;

/* front_http_answer.c */
void sl_call_headers(call *c);
void sl_call_delta(void *user, const sl_chunk *delta);
void sl_call_end(void *user, const sl_outcome *o);
void sl_call_from_result(call *c, const sl_idem_result *res);
void sl_call_free(call *c);
/* front_http_auth.c */
/* True: *ret is who asks, he has the right, and ret->keys is the caller's to unref. False: the
 * request was answered with 401, 403 or 429. */
bool sl_front_ask(sl_front_http *f, sl_http_request *r, sl_right right, sl_asker *ret);
/* Before a body is read: false, and answered, when the key's limits would not let it pass. */
bool sl_front_look(sl_front_http *f, sl_http_request *r, const sl_api_key *k);
/* Takes the call's place within its key's limits and says what is left in headers. */
bool sl_call_take(call *c, sl_refusal *ref);
void sl_call_give(call *c);
/* front_http_admin.c */
typedef void (*sl_front_fn)(sl_front_http *f, sl_http_request *r, const sl_asker *who);
void sl_front_health(sl_front_http *f, sl_http_request *r, const sl_asker *who);
void sl_front_readiness(sl_front_http *f, sl_http_request *r, const sl_asker *who);
void sl_front_metrics(sl_front_http *f, sl_http_request *r, const sl_asker *who);
void sl_front_models(sl_front_http *f, sl_http_request *r, const sl_asker *who);
void sl_front_model(sl_front_http *f, sl_http_request *r, const sl_asker *who);
void sl_front_keys(sl_front_http *f, sl_http_request *r, const sl_asker *who);
void sl_front_policy(sl_front_http *f, sl_http_request *r, const sl_asker *who);
void sl_front_reload(sl_front_http *f, sl_http_request *r, const sl_asker *who);

#endif
