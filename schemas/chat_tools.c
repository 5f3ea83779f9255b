/* chat_tools.c - the shape of tools, tool_choice, tool calls and response_format.
 *
 * Sluice passes them on; it checks what a server would trip over and leaves the schemas inside to
 * whoever serves the model. */
#include "schemas/chat_read.h"

/* OpenAI: names of functions are [A-Za-z0-9_-], at most 64. */
static sl_status read_function_name(sl_chat_reader *r, const sl_jnode *n, const char *param)
{
    sl_str s = {0};
    sl_status rc = sl_chat_read_str(r, n, param, 64, &s);
    if (rc)
        return rc;
    bool good = s.n > 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.');
    }
    return good ? SL_OK
                : sl_chat_refuse(r, param, "invalid_value",
                                 "Invalid '%s': expected letters, digits, '_' and '-'.", param);
}

static sl_status read_tool(sl_chat_reader *r, const sl_jnode *tool, size_t i)
{
    char param[64];
    sl_str type = {0}, unused;
    sl_status rc = sl_chat_read_kind(r, tool, sl_chat_param(param, "tools[%zu]", i), SL_J_OBJECT);
    if (rc == SL_OK)
        rc = sl_chat_read_str(r, sl_json_get(tool, "type"),
                              sl_chat_param(param, "tools[%zu].type", i), 64, &type);
    if (rc)
        return rc;
    if (sl_str_is(type, "custom"))
        return sl_chat_read_kind(r, sl_json_get(tool, "custom"),
                                 sl_chat_param(param, "tools[%zu].custom", i), SL_J_OBJECT);
    if (!sl_str_is(type, "function"))
        return sl_chat_refuse(r, param, "invalid_value",
                              "Invalid value for '%s': expected 'function' or 'custom'.", param);
    const sl_jnode *f = sl_json_get(tool, "function");
    rc = sl_chat_read_kind(r, f, sl_chat_param(param, "tools[%zu].function", i), SL_J_OBJECT);
    if (rc == SL_OK)
        rc = read_function_name(r, sl_json_get(f, "name"),
                                sl_chat_param(param, "tools[%zu].function.name", i));
    const sl_jnode *d = sl_json_get(f, "description"), *p = sl_json_get(f, "parameters");
    if (rc == SL_OK && sl_chat_given(d))
        rc = sl_chat_read_str(r, d, sl_chat_param(param, "tools[%zu].function.description", i),
                              SIZE_MAX, &unused);
    if (rc == SL_OK && sl_chat_given(p))
        rc = sl_chat_read_kind(r, p, sl_chat_param(param, "tools[%zu].function.parameters", i),
                               SL_J_OBJECT);
    return rc;
}

sl_status sl_chat_read_tools(sl_chat_reader *r, const sl_jnode *n)
{
    sl_status rc = sl_chat_read_kind(r, n, "tools", SL_J_ARRAY);
    if (rc)
        return rc;
    if (sl_json_size(n) > 128)
        return sl_chat_refuse(r, "tools", "array_above_max_length",
                              "Invalid 'tools': array too long. Expected at most 128 tools.");
    size_t i = 0;
    for (const sl_jnode *t = sl_json_first(n); t; t = sl_json_next(t), i++) {
        rc = read_tool(r, t, i);
        if (rc)
            return rc;
    }
    r->chat->tools = i ? n : NULL;
    return SL_OK;
}

sl_status sl_chat_read_tool_choice(sl_chat_reader *r, const sl_jnode *n)
{
    sl_str s = {0};
    if (sl_json_kind(n) == SL_J_OBJECT)
        return sl_chat_read_str(r, sl_json_get(n, "type"), "tool_choice.type", 64, &s);
    sl_status rc = sl_chat_read_str(r, n, "tool_choice", 64, &s);
    if (rc == SL_OK && !sl_str_is(s, "none") && !sl_str_is(s, "auto") && !sl_str_is(s, "required"))
        rc = sl_chat_refuse(
            r, "tool_choice", "invalid_value",
            "Invalid value for 'tool_choice': expected none, auto, required or an object.");
    return rc;
}

static sl_status read_tool_call(sl_chat_reader *r, const sl_jnode *call, const char *list, size_t i)
{
    char param[64];
    sl_str type = {0}, unused;
    sl_status rc =
        sl_chat_read_kind(r, call, sl_chat_param(param, "%s[%zu]", list, i), SL_J_OBJECT);
    if (rc == SL_OK)
        rc = sl_chat_read_str(r, sl_json_get(call, "id"),
                              sl_chat_param(param, "%s[%zu].id", list, i), 1024, &unused);
    if (rc == SL_OK)
        rc = sl_chat_read_str(r, sl_json_get(call, "type"),
                              sl_chat_param(param, "%s[%zu].type", list, i), 64, &type);
    if (rc || !sl_str_is(type, "function"))
        return rc; /* other types go on as they are; their strings are classified all the same */
    const sl_jnode *f = sl_json_get(call, "function");
    rc = sl_chat_read_kind(r, f, sl_chat_param(param, "%s[%zu].function", list, i), SL_J_OBJECT);
    if (rc == SL_OK)
        rc =
            sl_chat_read_str(r, sl_json_get(f, "name"),
                             sl_chat_param(param, "%s[%zu].function.name", list, i), 1024, &unused);
    if (rc == SL_OK)
        rc = sl_chat_read_str(r, sl_json_get(f, "arguments"),
                              sl_chat_param(param, "%s[%zu].function.arguments", list, i), SIZE_MAX,
                              &unused);
    return rc;
}

sl_status sl_chat_read_tool_calls(sl_chat_reader *r, const sl_jnode *n, const char *param)
{
    sl_status rc = sl_chat_read_kind(r, n, param, SL_J_ARRAY);
    size_t i = 0;
    for (const sl_jnode *c = sl_json_first(n); rc == SL_OK && c; c = sl_json_next(c), i++)
        rc = read_tool_call(r, c, param, i);
    return rc;
}

sl_status sl_chat_read_response_format(sl_chat_reader *r, const sl_jnode *n)
{
    sl_str type = {0};
    sl_status rc = sl_chat_read_kind(r, n, "response_format", SL_J_OBJECT);
    if (rc == SL_OK)
        rc = sl_chat_read_str(r, sl_json_get(n, "type"), "response_format.type", 64, &type);
    if (rc || sl_str_is(type, "text"))
        return rc;
    if (!sl_str_is(type, "json_object") && !sl_str_is(type, "json_schema"))
        return sl_chat_refuse(
            r, "response_format.type", "invalid_value",
            "Invalid value for 'response_format.type': expected text, json_object or json_schema.");
    if (sl_str_is(type, "json_schema"))
        rc = sl_chat_read_kind(r, sl_json_get(n, "json_schema"), "response_format.json_schema",
                               SL_J_OBJECT);
    if (rc == SL_OK)
        r->chat->response_format = n;
    return rc;
}
