/* answer.c - the pieces of an answer: chunk bodies on the bus, SSE events, whole answers. */
#include "schemas/chat.h"

/* ---- chunk bodies ---- */

static void delta_text(sl_jsonw *w, sl_str role, sl_str content, sl_str reasoning)
{
    if (role.p)
        sl_jsonw_str(w, "role", role);
    if (content.p)
        sl_jsonw_str(w, "content", content);
    if (reasoning.p)
        sl_jsonw_str(w, "reasoning_content", reasoning);
}

void sl_chunk_write_delta(sl_buf *out, sl_str role, sl_str content, sl_str reasoning)
{
    sl_jsonw w = sl_jsonw_on(out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_arr(&w, "choices");
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_i64(&w, "index", 0);
    sl_jsonw_obj(&w, "delta");
    delta_text(&w, role, content, reasoning);
    sl_jsonw_end_obj(&w);
    sl_jsonw_null(&w, "finish_reason");
    sl_jsonw_end_obj(&w);
    sl_jsonw_end_arr(&w);
    sl_jsonw_end_obj(&w);
}

void sl_chunk_write_heartbeat(sl_buf *out)
{
    sl_buf_adds(out, "{\"choices\":[]}");
}

static void usage_members(sl_jsonw *w, const sl_usage *u)
{
    sl_jsonw_obj(w, "usage");
    sl_jsonw_i64(w, "prompt_tokens", u->prompt_tokens);
    sl_jsonw_i64(w, "completion_tokens", u->completion_tokens);
    sl_jsonw_i64(w, "total_tokens", u->prompt_tokens + u->completion_tokens);
    sl_jsonw_end_obj(w);
}

void sl_chunk_write_usage(sl_buf *out, const sl_usage *u)
{
    sl_jsonw w = sl_jsonw_on(out);
    sl_jsonw_obj(&w, NULL);
    usage_members(&w, u);
    sl_jsonw_end_obj(&w);
}

static void error_object(sl_jsonw *w, const char *message, const char *type, const char *code)
{
    sl_jsonw_obj(w, NULL);
    sl_jsonw_obj(w, "error");
    sl_jsonw_cstr(w, "message", message);
    sl_jsonw_cstr(w, "type", type);
    sl_jsonw_null(w, "param");
    sl_jsonw_str(w, "code", code ? sl_str_c(code) : (sl_str){NULL, 0});
    sl_jsonw_end_obj(w);
    sl_jsonw_end_obj(w);
}

void sl_chunk_write_error(sl_buf *out, const char *message, const char *type, const char *code)
{
    sl_jsonw w = sl_jsonw_on(out);
    error_object(&w, message, type, code);
}

/* ---- reading a chunk body ---- */

/* A string member; null and absent are the same, another kind is a fault. */
static bool member_str(const sl_jnode *obj, const char *key, sl_str *ret)
{
    const sl_jnode *n = sl_json_get(obj, key);
    return !n || sl_json_kind(n) == SL_J_NULL || sl_json_str(n, ret);
}

static bool read_delta(sl_chunk *c, const sl_jnode *delta)
{
    if (sl_json_kind(delta) != SL_J_OBJECT)
        return false;
    if (!member_str(delta, "role", &c->role) || !member_str(delta, "content", &c->content) ||
        !member_str(delta, "reasoning_content", &c->reasoning))
        return false;
    /* vLLM's later name for the same. */
    if (!c->reasoning.p && !member_str(delta, "reasoning", &c->reasoning))
        return false;
    const sl_jnode *calls = sl_json_get(delta, "tool_calls");
    if (!calls || sl_json_kind(calls) == SL_J_NULL)
        return true;
    if (sl_json_kind(calls) != SL_J_ARRAY)
        return false;
    for (const sl_jnode *t = sl_json_first(calls); t; t = sl_json_next(t)) {
        if (sl_json_kind(t) != SL_J_OBJECT)
            return false;
    }
    c->tool_calls = sl_json_first(calls) ? calls : NULL;
    return true;
}

/* *ret_delta: the chunk says something about choice 0. */
static bool read_choices(sl_chunk *c, bool *ret_delta)
{
    const sl_jnode *choices = sl_json_get(c->root, "choices");
    if (!choices)
        return true;
    if (sl_json_kind(choices) != SL_J_ARRAY || sl_json_size(choices) > 1)
        return false;
    const sl_jnode *choice = sl_json_first(choices);
    if (!choice)
        return true;
    int64_t index = 0;
    const sl_jnode *n = sl_json_get(choice, "index");
    if (sl_json_kind(choice) != SL_J_OBJECT || (n && (!sl_json_i64(n, &index) || index != 0)))
        return false;
    n = sl_json_get(choice, "delta");
    if (n) {
        *ret_delta = true;
        return read_delta(c, n);
    }
    n = sl_json_get(choice, "text"); /* completions */
    *ret_delta = n != NULL;
    return !n || sl_json_str(n, &c->content);
}

static bool read_usage(sl_chunk *c)
{
    const sl_jnode *u = sl_json_get(c->root, "usage");
    if (!u || sl_json_kind(u) == SL_J_NULL)
        return true;
    if (!sl_json_i64(sl_json_get(u, "prompt_tokens"), &c->usage.prompt_tokens) ||
        !sl_json_i64(sl_json_get(u, "completion_tokens"), &c->usage.completion_tokens))
        return false;
    c->has_usage = true;
    return c->usage.prompt_tokens >= 0 && c->usage.completion_tokens >= 0;
}

static bool read_error(sl_chunk *c)
{
    const sl_jnode *e = sl_json_get(c->root, "error");
    if (!e || sl_json_kind(e) == SL_J_NULL)
        return true;
    c->has_error = true;
    return sl_json_kind(e) == SL_J_OBJECT && member_str(e, "message", &c->error_message) &&
           member_str(e, "type", &c->error_type) && member_str(e, "code", &c->error_code);
}

sl_status sl_chunk_parse(sl_chunk *ret, sl_str body, sl_error *reterr)
{
    memset(ret, 0, sizeof(*ret));
    sl_status rc = sl_json_parse(&ret->root, body, SL_RECORD_MAX, reterr);
    if (rc)
        return rc;
    bool delta = false;
    if (sl_json_kind(ret->root) != SL_J_OBJECT || !read_choices(ret, &delta) || !read_usage(ret) ||
        !read_error(ret)) {
        sl_chunk_done(ret);
        return sl_fail(
            reterr, SL_E_INVALID,
            "a chunk is not one chat.completion.chunk of one choice, a usage or an error");
    }
    ret->heartbeat = !delta && !ret->has_usage && !ret->has_error;
    return SL_OK;
}

void sl_chunk_done(sl_chunk *c)
{
    sl_json_free(c->root);
    memset(c, 0, sizeof(*c));
}

/* ---- what a front sends ---- */

static void event_open(sl_buf *out, sl_jsonw *w)
{
    sl_buf_adds(out, "data: ");
    *w = sl_jsonw_on(out);
}

static void event_close(sl_buf *out)
{
    sl_buf_adds(out, "\n\n");
}

/* Opens the object with what every answer begins with. */
static void head(sl_jsonw *w, const sl_answer_head *h, const char *chat_object)
{
    sl_jsonw_obj(w, NULL);
    sl_jsonw_cstr(w, "id", h->id);
    sl_jsonw_cstr(w, "object", h->kind == SL_CHAT ? chat_object : "text_completion");
    sl_jsonw_i64(w, "created", h->created);
    sl_jsonw_str(w, "model", h->model);
}

static void choice_close(sl_jsonw *w, const char *finish)
{
    sl_jsonw_null(w, "logprobs");
    sl_jsonw_str(w, "finish_reason", finish ? sl_str_c(finish) : (sl_str){NULL, 0});
    sl_jsonw_end_obj(w);
    sl_jsonw_end_arr(w);
}

static void choice_open(sl_jsonw *w)
{
    sl_jsonw_arr(w, "choices");
    sl_jsonw_obj(w, NULL);
    sl_jsonw_i64(w, "index", 0);
}

void sl_sse_write_delta(sl_buf *out, const sl_answer_head *h, const sl_chunk *c, sl_str content,
                        const char *finish)
{
    sl_jsonw w;
    event_open(out, &w);
    head(&w, h, "chat.completion.chunk");
    choice_open(&w);
    if (h->kind == SL_CHAT) {
        sl_jsonw_obj(&w, "delta");
        delta_text(&w, c ? c->role : (sl_str){NULL, 0}, content,
                   c ? c->reasoning : (sl_str){NULL, 0});
        if (c && c->tool_calls) {
            sl_jsonw_raw(&w, "tool_calls", SL_STR(""));
            sl_json_write(c->tool_calls, out);
        }
        sl_jsonw_end_obj(&w);
    } else {
        sl_jsonw_str(&w, "text", content.p ? content : SL_STR(""));
    }
    choice_close(&w, finish);
    sl_jsonw_end_obj(&w);
    event_close(out);
}

void sl_sse_write_finish(sl_buf *out, const sl_answer_head *h, const char *finish)
{
    sl_jsonw w;
    event_open(out, &w);
    head(&w, h, "chat.completion.chunk");
    choice_open(&w);
    if (h->kind == SL_CHAT) {
        sl_jsonw_obj(&w, "delta");
        sl_jsonw_end_obj(&w);
    } else {
        sl_jsonw_str(&w, "text", SL_STR(""));
    }
    choice_close(&w, finish);
    sl_jsonw_i64(&w, "x_sluice_seed", h->seed);
    sl_jsonw_end_obj(&w);
    event_close(out);
}

void sl_sse_write_usage(sl_buf *out, const sl_answer_head *h, const sl_usage *u)
{
    sl_jsonw w;
    event_open(out, &w);
    head(&w, h, "chat.completion.chunk");
    sl_jsonw_arr(&w, "choices");
    sl_jsonw_end_arr(&w);
    usage_members(&w, u);
    sl_jsonw_end_obj(&w);
    event_close(out);
}

void sl_sse_write_error(sl_buf *out, const char *message, const char *type, const char *code)
{
    sl_jsonw w;
    event_open(out, &w);
    error_object(&w, message, type, code);
    event_close(out);
}

void sl_sse_write_done(sl_buf *out)
{
    sl_buf_adds(out, "data: [DONE]\n\n");
}

void sl_answer_write(sl_buf *out, const sl_answer_head *h, sl_str content, sl_str reasoning,
                     sl_str tool_calls_json, const char *finish, const sl_usage *u)
{
    sl_jsonw w = sl_jsonw_on(out);
    head(&w, h, "chat.completion");
    choice_open(&w);
    if (h->kind == SL_CHAT) {
        sl_jsonw_obj(&w, "message");
        sl_jsonw_cstr(&w, "role", "assistant");
        /* null when only tools were called, as OpenAI has it */
        sl_jsonw_str(&w, "content", content.n || !tool_calls_json.p ? content : (sl_str){NULL, 0});
        sl_jsonw_null(&w, "refusal");
        if (reasoning.p)
            sl_jsonw_str(&w, "reasoning_content", reasoning);
        if (tool_calls_json.p)
            sl_jsonw_raw(&w, "tool_calls", tool_calls_json);
        sl_jsonw_end_obj(&w);
    } else {
        sl_jsonw_str(&w, "text", content.p ? content : SL_STR(""));
    }
    choice_close(&w, finish);
    if (u)
        usage_members(&w, u);
    sl_jsonw_i64(&w, "x_sluice_seed", h->seed);
    sl_jsonw_end_obj(&w);
}
