#include "gateway/answer.h"

#include <stdlib.h>

static sl_answer_tool *tool_at(sl_answer *a, int64_t index)
{
    for (size_t i = 0; i < a->tools_n; i++)
        if (a->tools[i].index == index)
            return &a->tools[i];
    if (a->tools_n == SL_ANSWER_TOOLS_MAX)
        return NULL;
    if (!a->tools)
        a->tools = calloc(SL_ANSWER_TOOLS_MAX, sizeof(*a->tools));
    if (!a->tools)
        return NULL;
    a->tools[a->tools_n].index = index;
    return &a->tools[a->tools_n++];
}

static void append(sl_buf *b, const sl_jnode *obj, const char *key)
{
    sl_str s;
    if (sl_json_str(sl_json_get(obj, key), &s))
        sl_buf_add_str(b, s);
}

static void once(sl_buf *b, const sl_jnode *obj, const char *key)
{
    if (b->len == 0)
        append(b, obj, key);
}

static void add_tools(sl_answer *a, const sl_jnode *list)
{
    int64_t position = 0;
    for (const sl_jnode *n = sl_json_first(list); n; n = sl_json_next(n), position++) {
        int64_t index = position; /* servers that send whole calls leave the index out */
        (void)sl_json_i64(sl_json_get(n, "index"), &index);
        sl_answer_tool *t = tool_at(a, index);
        if (!t) {
            a->failed = true;
            return;
        }
        const sl_jnode *fn = sl_json_get(n, "function");
        once(&t->id, n, "id");
        once(&t->type, n, "type");
        once(&t->name, fn, "name");
        append(&t->arguments, fn, "arguments");
    }
}

void sl_answer_add(sl_answer *a, const sl_chunk *delta)
{
    if (delta->content.n)
        sl_buf_add_str(&a->content, delta->content);
    if (delta->reasoning.n)
        sl_buf_add_str(&a->reasoning, delta->reasoning);
    if (delta->tool_calls)
        add_tools(a, delta->tool_calls);
    a->failed |= a->content.failed || a->reasoning.failed;
}

void sl_answer_tool_calls(const sl_answer *a, sl_buf *out)
{
    if (!a->tools_n)
        return;
    sl_jsonw w = sl_jsonw_on(out);
    sl_jsonw_arr(&w, NULL);
    for (size_t i = 0; i < a->tools_n; i++) {
        const sl_answer_tool *t = &a->tools[i];
        sl_jsonw_obj(&w, NULL);
        sl_jsonw_str(&w, "id", sl_buf_str(&t->id));
        sl_jsonw_str(&w, "type", t->type.len ? sl_buf_str(&t->type) : SL_STR("function"));
        sl_jsonw_obj(&w, "function");
        sl_jsonw_str(&w, "name", sl_buf_str(&t->name));
        sl_jsonw_str(&w, "arguments", sl_buf_str(&t->arguments));
        sl_jsonw_end_obj(&w);
        sl_jsonw_end_obj(&w);
    }
    sl_jsonw_end_arr(&w);
}

void sl_answer_done(sl_answer *a)
{
    sl_buf_done(&a->content);
    sl_buf_done(&a->reasoning);
    for (size_t i = 0; i < a->tools_n; i++) {
        sl_buf_done(&a->tools[i].id);
        sl_buf_done(&a->tools[i].type);
        sl_buf_done(&a->tools[i].name);
        sl_buf_done(&a->tools[i].arguments);
    }
    free(a->tools);
    *a = (sl_answer){0};
}
