/* chat_messages.c - messages of a chat and the prompt of a completion. */
#include "schemas/chat_read.h"

typedef enum role { SYSTEM, DEVELOPER, USER, ASSISTANT, TOOL, FUNCTION, ROLE_N } role;
static const char *const ROLES[ROLE_N] = {"system",    "developer", "user",
                                          "assistant", "tool",      "function"};

typedef struct turn {
    const sl_jnode *node;
    sl_chat_message *msg;
    size_t i;
    role role;
} turn;

/* One part of a content array; a text part's text goes to *ret, else p stays NULL. */
static sl_status read_part(sl_chat_reader *r, turn *t, const sl_jnode *part, size_t j, sl_str *ret)
{
    char param[64];
    sl_str type = {0};
    sl_status rc = sl_chat_read_kind(
        r, part, sl_chat_param(param, "messages[%zu].content[%zu]", t->i, j), SL_J_OBJECT);
    if (rc == SL_OK)
        rc = sl_chat_read_str(r, sl_json_get(part, "type"),
                              sl_chat_param(param, "messages[%zu].content[%zu].type", t->i, j), 64,
                              &type);
    if (rc)
        return rc;
    if (sl_str_is(type, "text"))
        return sl_chat_read_str(r, sl_json_get(part, "text"),
                                sl_chat_param(param, "messages[%zu].content[%zu].text", t->i, j),
                                SIZE_MAX, ret);
    if (sl_str_is(type, "refusal") && t->role == ASSISTANT)
        return sl_chat_read_str(r, sl_json_get(part, "refusal"),
                                sl_chat_param(param, "messages[%zu].content[%zu].refusal", t->i, j),
                                SIZE_MAX, ret);
    t->msg->opaque = true; /* image, audio, file, or a type this version does not know */
    return SL_OK;
}

static sl_status read_parts(sl_chat_reader *r, turn *t, const sl_jnode *list)
{
    char param[64];
    size_t parts = sl_json_size(list), total = 0, j = 0;
    if (parts == 0)
        return sl_chat_refuse(r, sl_chat_param(param, "messages[%zu].content", t->i), "empty_array",
                              "Invalid '%s': an empty array.", param);
    sl_str *texts = sl_arena_alloc(&r->chat->arena, parts * sizeof(*texts));
    if (!texts)
        return sl_fail(r->err, SL_E_NOMEM, "no memory for a message");
    size_t n = 0;
    for (const sl_jnode *p = sl_json_first(list); p; p = sl_json_next(p), j++) {
        sl_str s = {0};
        sl_status rc = read_part(r, t, p, j, &s);
        if (rc)
            return rc;
        if (!s.p)
            continue;
        texts[n++] = s;
        total += s.n + 1;
    }
    if (n == 1) {
        t->msg->content = texts[0];
        return SL_OK;
    }
    char *joined = sl_arena_alloc(&r->chat->arena, total + 1), *at = joined;
    if (!joined)
        return sl_fail(r->err, SL_E_NOMEM, "no memory for a message");
    for (size_t i = 0; i < n; i++) {
        if (i)
            *at++ = '\n';
        memcpy(at, texts[i].p, texts[i].n);
        at += texts[i].n;
    }
    *at = '\0';
    t->msg->content = (sl_str){joined, (size_t)(at - joined)};
    return SL_OK;
}

/* Null or absent content: an assistant that called tools, refused or spoke, and function results.
 * */
static bool may_be_empty(const turn *t)
{
    static const char *const instead[] = {"tool_calls", "function_call", "refusal", "audio"};
    if (t->role == FUNCTION)
        return true;
    if (t->role != ASSISTANT)
        return false;
    for (size_t i = 0; i < sizeof(instead) / sizeof(instead[0]); i++) {
        if (sl_chat_given(sl_json_get(t->node, instead[i])))
            return true;
    }
    return false;
}

static sl_status read_content(sl_chat_reader *r, turn *t)
{
    char param[64];
    const sl_jnode *n = sl_json_get(t->node, "content");
    sl_chat_param(param, "messages[%zu].content", t->i);
    if (!sl_chat_given(n)) {
        if (may_be_empty(t))
            return SL_OK;
        if (!n)
            return sl_chat_refuse(r, param, "missing_required_parameter",
                                  "Missing required parameter: '%s'.", param);
        return sl_chat_refuse(r, param, "invalid_type",
                              "Invalid value for '%s': expected a string or an array, got null.",
                              param);
    }
    if (sl_json_kind(n) == SL_J_ARRAY)
        return read_parts(r, t, n);
    if (sl_json_kind(n) != SL_J_STRING)
        return sl_chat_refuse(r, param, "invalid_type",
                              "Invalid type for '%s': expected a string or an array of parts.",
                              param);
    return sl_chat_read_str(r, n, param, SIZE_MAX, &t->msg->content);
}

static sl_status read_role(sl_chat_reader *r, turn *t)
{
    char param[64];
    sl_chat_param(param, "messages[%zu].role", t->i);
    sl_status rc = sl_chat_read_str(r, sl_json_get(t->node, "role"), param, 64, &t->msg->role);
    if (rc)
        return rc;
    for (t->role = 0; t->role < ROLE_N; t->role++) {
        if (sl_str_is(t->msg->role, ROLES[t->role]))
            return SL_OK;
    }
    return sl_chat_refuse(r, param, "invalid_value",
                          "Invalid value for '%s': expected one of: system, developer, user, "
                          "assistant, tool, function.",
                          param);
}

static sl_status read_message(sl_chat_reader *r, turn *t)
{
    char param[64];
    sl_status rc =
        sl_chat_read_kind(r, t->node, sl_chat_param(param, "messages[%zu]", t->i), SL_J_OBJECT);
    if (rc == SL_OK)
        rc = read_role(r, t);
    if (rc == SL_OK)
        rc = read_content(r, t);
    const sl_jnode *n = rc ? NULL : sl_json_get(t->node, "name");
    if (rc == SL_OK && (sl_chat_given(n) || t->role == FUNCTION))
        rc = sl_chat_read_str(r, n, sl_chat_param(param, "messages[%zu].name", t->i), 256,
                              &t->msg->name);
    n = rc ? NULL : sl_json_get(t->node, "tool_call_id");
    if (rc == SL_OK && (sl_chat_given(n) || t->role == TOOL))
        rc = sl_chat_read_str(r, n, sl_chat_param(param, "messages[%zu].tool_call_id", t->i), 1024,
                              &t->msg->tool_call_id);
    n = rc ? NULL : sl_json_get(t->node, "tool_calls");
    if (rc == SL_OK && sl_chat_given(n)) {
        rc = sl_chat_read_tool_calls(r, n, sl_chat_param(param, "messages[%zu].tool_calls", t->i));
        t->msg->tool_calls = sl_json_first(n) ? n : NULL;
    }
    if (rc == SL_OK && sl_chat_given(sl_json_get(t->node, "audio")))
        t->msg->opaque = true; /* an earlier spoken answer, kept at the upstream */
    return rc;
}

sl_status sl_chat_read_messages(sl_chat_reader *r)
{
    sl_chat *c = r->chat;
    const sl_jnode *list = sl_json_get(c->root, "messages");
    sl_status rc = sl_chat_read_kind(r, list, "messages", SL_J_ARRAY);
    if (rc)
        return rc;
    size_t n = sl_json_size(list);
    if (n == 0)
        return sl_chat_refuse(r, "messages", "empty_array",
                              "Invalid 'messages': empty array. Expected at least one message.");
    c->messages = sl_arena_zalloc(&c->arena, n * sizeof(*c->messages));
    if (!c->messages)
        return sl_fail(r->err, SL_E_NOMEM, "no memory for messages");
    for (const sl_jnode *m = sl_json_first(list); m; m = sl_json_next(m), c->messages_n++) {
        turn t = {.node = m, .msg = &c->messages[c->messages_n], .i = c->messages_n};
        rc = read_message(r, &t);
        if (rc)
            return rc;
    }
    return SL_OK;
}

sl_status sl_chat_read_prompt(sl_chat_reader *r)
{
    const sl_jnode *n = sl_json_get(r->chat->root, "prompt");
    if (n && sl_json_kind(n) == SL_J_ARRAY) {
        const sl_jnode *first = sl_json_first(n);
        /* A list of one is how some clients always send it; more would be more than one result. */
        if (sl_json_size(n) != 1 || sl_json_kind(first) != SL_J_STRING)
            return sl_chat_refuse(r, "prompt", "unsupported_value",
                                  "Unsupported value: 'prompt' must be one string here.");
        n = first;
    }
    return sl_chat_read_str(r, n, "prompt", SIZE_MAX, &r->chat->prompt);
}
