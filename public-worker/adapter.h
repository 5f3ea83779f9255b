/* adapter.h - what differs between vendors' APIs: the request's form and the events of a stream.
 *
 * An adapter is stateless; what a stream needs to remember stands in the turn. Whatever an
 * upstream says in an error stays here: texts that leave are our own, since they may hold the
 * vendor's internals or parts of the key. Threads: any; constants.
 * To add a vendor: fill one sl_adapter, add it to sl_adapter_at and its word to `upstream.api`. */
#ifndef SL_PUBLIC_WORKER_ADAPTER_H
#define SL_PUBLIC_WORKER_ADAPTER_H

#include "schemas/chat.h"

/* One answer as it streams in. The adapter calls text and chunk and fills the rest. */
typedef struct sl_upstream_turn {
    void (*text)(void *arg, sl_str content, sl_str reasoning);
    void (*chunk)(void *arg,
                  sl_str body); /* a chunk body as schemas/chat.h defines it, without usage */
    void *arg;
    sl_chat_kind kind;
    sl_usage usage;
    bool has_usage;
    sl_end end; /* SL_END_NONE until the upstream gave a reason */
    bool done;  /* the stream's own end mark came: only then is the answer whole */
} sl_upstream_turn;

typedef struct sl_adapter {
    const char *name; /* a word of `upstream.api` */
    /* Body and path (below upstream.url) of a request. */
    sl_status (*build)(sl_chat *chat, const char *model, const char **path, sl_buf *body,
                       sl_error *reterr);
    /* One header line "Name: value" that carries the key, appended to out. */
    void (*authorize)(const char *key, sl_buf *out);
    /* One event of the stream. A failure ends the answer with that error. */
    sl_status (*event)(sl_upstream_turn *t, sl_str data, sl_error *reterr);
    /* The error for an answer with this HTTP status and body (cut at 64 KiB); never SL_OK. */
    sl_status (*error)(int http_status, sl_str body, sl_error *reterr);
} sl_adapter;

extern const sl_adapter sl_openai_adapter;
const sl_adapter *sl_adapter_at(int i); /* by the index of `upstream.api`; NULL behind the last */

#endif
