/* chat.h - the OpenAI chat and completion bodies: read, check, write; and the pieces of an answer.
 *
 * Sources: OpenAI API reference (chat completions, completions, models), as far as openapi.yaml
 * lists. Ownership: sl_chat owns its JSON tree; views live as long as it. Threads: one owner. */
#ifndef SL_SCHEMAS_CHAT_H
#define SL_SCHEMAS_CHAT_H

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/jsonw.h"
#include "schemas/types.h"

typedef enum sl_chat_kind { SL_CHAT, SL_COMPLETION } sl_chat_kind;

typedef struct sl_chat_message {
    sl_str role, content; /* text parts joined with "\n"; p NULL: null content */
    sl_str name, tool_call_id;
    const sl_jnode *tool_calls; /* NULL: none */
    bool opaque;                /* has a part that is not text (image, audio, file) */
} sl_chat_message;

typedef struct sl_chat {
    sl_chat_kind kind;
    sl_jnode *root;
    sl_str model;
    bool stream, include_usage;
    sl_chat_message *messages; /* SL_CHAT */
    size_t messages_n;
    sl_str prompt;         /* SL_COMPLETION: one string */
    const sl_jnode *tools; /* NULL: none */
    /* sampling; has_* tells what the client gave */
    bool has_seed, has_temperature, has_top_p, has_top_k, has_max_tokens;
    int64_t seed;
    double temperature, top_p;
    int64_t top_k, max_tokens;
    sl_str stop[16];
    size_t stop_n;
    sl_str user;
    /* 0 and NULL: not given */
    double presence_penalty, frequency_penalty, min_p;
    const sl_jnode *logit_bias;      /* object: token id -> bias */
    const sl_jnode *response_format; /* type json_object or json_schema; "text" is NULL */
    sl_arena arena;
} sl_chat;

/* What a 400 names: reterr->text is the message, `param` the offending parameter
 * ("messages[2].role", or ""), `code` OpenAI's word for it. Refused: bad JSON, bad UTF-8, wrong
 * types, ranges, empty messages, n ≠ 1, unsupported and unknown parameters (the allow-list is in
 * chat_params.c). An absent model is "auto". SL_E_TOO_LARGE over `max`; `fault` may be NULL. */
typedef struct sl_chat_fault {
    char param[64];
    char code[32];
} sl_chat_fault;
sl_status sl_chat_parse(sl_chat **ret, sl_chat_kind kind, sl_str body, size_t max,
                        sl_chat_fault *fault, sl_error *reterr) SL_MUST_CHECK;
void sl_chat_free(sl_chat *c);

/* Calls fn for every string of the request that could carry content: system prompt, every message,
 * parts, tool definitions, arguments (raw, and parsed when they are JSON), results, names,
 * metadata, stop, user, object keys that are not the API's words, and numbers of five digits and
 * more below the top level. `where` is a JSON path for reasons, in which a key of the client's own
 * stands as "*" and "!" leads into parsed JSON. Returns false when fn stopped. */
typedef bool (*sl_chat_string_fn)(void *arg, const char *where, sl_str text);
bool sl_chat_strings(const sl_chat *c, sl_chat_string_fn fn, void *arg);
bool sl_chat_has_opaque(const sl_chat *c); /* images, audio, files, unknown part types */

/* The body for a worker: the request as decided. Adds "x_sluice_kind":"completion" for
 * completions. */
sl_status sl_chat_decided(sl_chat *c, const char *model, int64_t seed, sl_buf *out) SL_MUST_CHECK;
/* The worker's side: reads a decided body (either kind, told by x_sluice_kind). */
sl_status sl_chat_parse_decided(sl_chat **ret, sl_str body, sl_error *reterr) SL_MUST_CHECK;
/* The body for an OpenAI-compatible upstream: without x_sluice_kind, stream and usage switched on,
 * model replaced when not NULL. */
sl_status sl_chat_upstream(sl_chat *c, const char *model, sl_buf *out) SL_MUST_CHECK;

/* ---- answers ---- */
typedef struct sl_usage {
    int64_t prompt_tokens, completion_tokens;
} sl_usage;

/* One chunk body on the bus: one OpenAI chat.completion.chunk without id, created, model:
 * {"choices":[{"index":0,"delta":{…},"finish_reason":null}]}; heartbeat {"choices":[]};
 * end {"usage":{…}} or {"error":{"message","type","code"}}. */
void sl_chunk_write_delta(sl_buf *out, sl_str role, sl_str content,
                          sl_str reasoning); /* p NULL: field absent */
void sl_chunk_write_heartbeat(sl_buf *out);
void sl_chunk_write_usage(sl_buf *out, const sl_usage *u);
void sl_chunk_write_error(sl_buf *out, const char *message, const char *type, const char *code);

typedef struct sl_chunk {
    sl_jnode *root;
    bool heartbeat;
    sl_str role, content, reasoning; /* p NULL: absent */
    const sl_jnode *tool_calls;      /* deltas; NULL: none */
    bool has_usage, has_error;
    sl_usage usage;
    sl_str error_message, error_type, error_code;
} sl_chunk;
sl_status sl_chunk_parse(sl_chunk *ret, sl_str body, sl_error *reterr) SL_MUST_CHECK;
void sl_chunk_done(sl_chunk *c);

/* What a front sends. `created` is Unix seconds. Chat: object "chat.completion.chunk"; completion:
 * "text_completion". */
typedef struct sl_answer_head {
    sl_chat_kind kind;
    const char *id;
    int64_t created;
    sl_str model;
    int64_t seed;
} sl_answer_head;
/* One SSE event "data: {…}\n\n" from a bus chunk; finish NULL: null. Usage event and [DONE] apart.
 * */
void sl_sse_write_delta(sl_buf *out, const sl_answer_head *h, const sl_chunk *c, sl_str content,
                        const char *finish);
void sl_sse_write_finish(sl_buf *out, const sl_answer_head *h, const char *finish);
void sl_sse_write_usage(sl_buf *out, const sl_answer_head *h, const sl_usage *u);
void sl_sse_write_error(sl_buf *out, const char *message, const char *type, const char *code);
void sl_sse_write_done(sl_buf *out); /* data: [DONE] */
/* A whole answer. tool_calls_json: a JSON array text or p NULL. */
void sl_answer_write(sl_buf *out, const sl_answer_head *h, sl_str content, sl_str reasoning,
                     sl_str tool_calls_json, const char *finish, const sl_usage *u);

#endif
