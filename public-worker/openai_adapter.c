/* openai_adapter.c - chat completions and completions as OpenAI, vLLM and their like speak them.
 * Source: OpenAI API reference, streaming objects of both. */
#include "public-worker/adapter.h"

#define EVENT_MAX (1u << 20)

static sl_status build(sl_chat *chat, const char *model, const char **path, sl_buf *body,
                       sl_error *reterr)
{
    sl_status st = sl_chat_upstream(chat, model, body);
    if (!st && !sl_buf_ok(body))
        st = SL_E_NOMEM;
    if (st)
        return sl_fail(reterr, st, "the request could not be written for the upstream");
    *path = chat->kind == SL_COMPLETION ? "/completions" : "/chat/completions";
    return SL_OK;
}

static void authorize(const char *key, sl_buf *out)
{
    sl_buf_adds(out, "Authorization: Bearer ");
    sl_buf_adds(out, key);
}

static sl_end end_of(sl_str reason)
{
    static const struct {
        const char *word;
        sl_end end;
    } words[] = {
        {"stop", SL_END_STOP},
        {"length", SL_END_LENGTH},
        {"tool_calls", SL_END_TOOL_CALLS},
        {"function_call", SL_END_TOOL_CALLS},
        {"content_filter", SL_END_CONTENT_FILTER},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (sl_str_is(reason, words[i].word))
            return words[i].end;
    return SL_END_STOP; /* a vendor's own word for "done" */
}

/* What is not plain text (tool calls, refusals, logprobs) goes on as the upstream wrote it, without
 * id, created, model and finish reason, which are Sluice's own. */
static void pass_rest(sl_upstream_turn *t, const sl_jnode *choice, const sl_jnode *delta,
                      sl_status *st)
{
    static const char *const fields[] = {"tool_calls", "function_call", "refusal"};
    const sl_jnode *logprobs = sl_json_get(choice, "logprobs");
    bool any = sl_json_kind(logprobs) == SL_J_OBJECT;
    for (size_t i = 0; i < 3; i++)
        any |= sl_json_kind(sl_json_get(delta, fields[i])) != SL_J_NULL;
    if (!any)
        return;
    sl_buf b = {0};
    sl_buf_adds(&b, "{\"choices\":[{\"index\":0,\"delta\":{");
    bool comma = false;
    for (size_t i = 0; i < 3; i++) {
        const sl_jnode *v = sl_json_get(delta, fields[i]);
        if (sl_json_kind(v) == SL_J_NULL)
            continue;
        sl_buf_addf(&b, "%s\"%s\":", comma ? "," : "", fields[i]);
        sl_json_write(v, &b);
        comma = true;
    }
    sl_buf_adds(&b, "},\"finish_reason\":null");
    if (sl_json_kind(logprobs) == SL_J_OBJECT) {
        sl_buf_adds(&b, ",\"logprobs\":");
        sl_json_write(logprobs, &b);
    }
    sl_buf_adds(&b, "}]}");
    if (sl_buf_ok(&b))
        t->chunk(t->arg, sl_buf_str(&b));
    else
        *st = SL_E_NOMEM;
    sl_buf_done(&b);
}

static sl_status choice_event(sl_upstream_turn *t, const sl_jnode *choice)
{
    sl_status st = SL_OK;
    sl_str content = {0}, reasoning = {0}, reason;
    int64_t index = 0;
    if (sl_json_i64(sl_json_get(choice, "index"), &index) && index != 0)
        return SL_OK; /* n is 1: a second choice is nobody's */
    const sl_jnode *delta = sl_json_get(choice, "delta");
    if (t->kind == SL_COMPLETION) {
        (void)sl_json_str(sl_json_get(choice, "text"), &content);
    } else {
        (void)sl_json_str(sl_json_get(delta, "content"), &content);
        if (!sl_json_str(sl_json_get(delta, "reasoning_content"), &reasoning))
            (void)sl_json_str(sl_json_get(delta, "reasoning"), &reasoning);
    }
    if (content.n || reasoning.n)
        t->text(t->arg, content, reasoning);
    pass_rest(t, choice, delta, &st);
    if (sl_json_str(sl_json_get(choice, "finish_reason"), &reason) && reason.n)
        t->end = end_of(reason);
    return st;
}

static void usage_event(sl_upstream_turn *t, const sl_jnode *usage)
{
    sl_usage u = {0};
    if (!sl_json_i64(sl_json_get(usage, "prompt_tokens"), &u.prompt_tokens))
        return;
    (void)sl_json_i64(sl_json_get(usage, "completion_tokens"), &u.completion_tokens);
    t->usage = u;
    t->has_usage = true;
}

static sl_status event(sl_upstream_turn *t, sl_str data, sl_error *reterr)
{
    if (t->done)
        return SL_OK;
    if (sl_str_is(data, "[DONE]")) {
        t->done = true;
        return SL_OK;
    }
    sl_jnode *root = NULL;
    sl_status st = sl_json_parse(&root, data, EVENT_MAX, NULL);
    if (st || sl_json_kind(root) != SL_J_OBJECT) {
        sl_json_free(root);
        return sl_fail(reterr, SL_E_CORRUPT,
                       "the upstream sent an event that is not a JSON object");
    }
    if (sl_json_kind(sl_json_get(root, "error")) != SL_J_NULL)
        st = sl_fail(reterr, SL_E_UNAVAILABLE,
                     "the upstream reported an error in the middle of its answer");
    const sl_jnode *choices = sl_json_get(root, "choices");
    if (sl_json_kind(choices) == SL_J_ARRAY)
        for (const sl_jnode *c = sl_json_first(choices); c && !st; c = sl_json_next(c))
            st = choice_event(t, c);
    usage_event(t, sl_json_get(root, "usage"));
    sl_json_free(root);
    if (st == SL_E_NOMEM)
        sl_fail(reterr, st, "out of memory for the upstream's answer");
    return st;
}

/* The upstream's code, as far as it is one of the few that the client can do something about. */
static bool has_code(sl_str body, const char *code)
{
    sl_jnode *root = NULL;
    sl_str is = {0};
    bool yes = !sl_json_parse(&root, body, 65536, NULL) &&
               sl_json_str(sl_json_get(sl_json_get(root, "error"), "code"), &is) &&
               sl_str_is(is, code);
    sl_json_free(root);
    return yes;
}

static sl_status error(int status, sl_str body, sl_error *reterr)
{
    if (status == 413 || has_code(body, "context_length_exceeded"))
        return sl_fail(reterr, SL_E_TOO_LARGE,
                       "the request is longer than the model's context at the upstream");
    if (status == 401 || status == 403)
        return sl_fail(reterr, SL_E_DENIED,
                       "the upstream refused this worker's key (HTTP %d); the operator must check "
                       "upstream.key",
                       status);
    if (status == 404)
        return sl_fail(reterr, SL_E_NOT_FOUND, "the upstream does not have this model (HTTP 404)");
    if (status == 429)
        return sl_fail(reterr, SL_E_FULL, "the upstream limits this worker's rate (HTTP 429)");
    if (status == 408 || status == 504)
        return sl_fail(reterr, SL_E_TIMEOUT, "the upstream did not answer in time (HTTP %d)",
                       status);
    if (status >= 400 && status < 500)
        return sl_fail(reterr, SL_E_INVALID, "the upstream refused the request (HTTP %d)", status);
    return sl_fail(reterr, SL_E_UNAVAILABLE, "the upstream failed (HTTP %d)", status);
}

const sl_adapter sl_openai_adapter = {
    .name = "openai", .build = build, .authorize = authorize, .event = event, .error = error};

const sl_adapter *sl_adapter_at(int i)
{
    static const sl_adapter *const all[] = {&sl_openai_adapter};
    return i >= 0 && (size_t)i < sizeof(all) / sizeof(all[0]) ? all[i] : NULL;
}
