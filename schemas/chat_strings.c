/* chat_strings.c - every place of a request that could carry content, for the classifier.
 *
 * The walk goes over the whole tree, not over a list of known places: what a later API adds is
 * reached without a change here. Left out are `model` (checked against the configured names),
 * roles (checked words), keys that are the API's own words, and top-level numbers (sampling).
 * A string that is itself JSON (tool arguments, results) is given raw and then walked, so that its
 * escapes hide nothing. Numbers of five digits and more are given as text below the top
 * level: a card number needs no quotes. */
#include "schemas/chat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* JSON inside JSON inside …: as deep as an agent's log of an agent's log. Deeper stays raw. */
#define NESTED_MAX 4
/* A longer value is no number or name that needs its key beside it. */
#define PAIR_MAX 256

typedef struct walk {
    sl_chat_string_fn fn;
    void *arg;
    char where[192];
    size_t where_n;
    int nested;
    bool keys; /* keys that are not the API's words are given too */
} walk;

/* Words of the API that stand as keys below the top level: they say nothing about content. A key
 * outside this list is content: it is given to fn and stands as * in `where`, which goes to
 * audits. */
static const char *const WORDS[] = {
    "content",
    "role",
    "type",
    "text",
    "name",
    "function",
    "arguments",
    "id",
    "tool_calls",
    "tool_call_id",
    "description",
    "parameters",
    "properties",
    "required",
    "items",
    "enum",
    "additionalProperties",
    "strict",
    "json_schema",
    "schema",
    "image_url",
    "url",
    "detail",
    "input_audio",
    "data",
    "format",
    "file",
    "file_data",
    "file_id",
    "filename",
    "refusal",
    "function_call",
    "audio",
    "custom",
    "input",
    "include_usage",
    "default",
    "title",
    "anyOf",
    "oneOf",
    "allOf",
    "const",
    "pattern",
    "$ref",
    "$defs",
    "index",
    "cache_control",
};

static bool is_word(sl_str key)
{
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
        if (sl_str_is(key, WORDS[i]))
            return true;
    }
    return false;
}

/* Appends a piece to the path; a full path keeps its beginning. */
static void push(walk *w, const char *sep, sl_str piece)
{
    int n = snprintf(w->where + w->where_n, sizeof(w->where) - w->where_n, "%s%.*s", sep,
                     (int)piece.n, piece.p);
    size_t room = sizeof(w->where) - w->where_n - 1;
    w->where_n += (size_t)n < room ? (size_t)n : room;
}

static void pop(walk *w, size_t to)
{
    w->where_n = to;
    w->where[to] = '\0';
}

static bool give(walk *w, sl_str s)
{
    return s.n == 0 || w->fn(w->arg, w->where, s);
}

static bool walk_node(walk *w, const sl_jnode *n);

static bool looks_like_json(sl_str s)
{
    size_t i = 0;
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t' || s.p[i] == '\r'))
        i++;
    return i < s.n && (s.p[i] == '{' || s.p[i] == '[' || s.p[i] == '"');
}

static bool walk_string(walk *w, sl_str s)
{
    if (!give(w, s))
        return false;
    if (w->nested >= NESTED_MAX || !looks_like_json(s))
        return true;
    sl_jnode *inner = NULL;
    if (sl_json_parse(&inner, s, s.n, NULL))
        return true; /* not JSON after all */
    size_t at = w->where_n;
    push(w, "", SL_STR("!"));
    w->nested++;
    bool on = walk_node(w, inner);
    w->nested--;
    pop(w, at);
    sl_json_free(inner);
    return on;
}

/* As the body will say it: sl_json_write keeps the digits that a double would round. */
static bool walk_number(walk *w, const sl_jnode *n)
{
    double v = 0;
    if (!sl_json_f64(n, &v) || fabs(v) < 10000)
        return true;
    sl_buf text = {0};
    sl_json_write(n, &text);
    bool on = give(w, sl_buf_str(&text));
    sl_buf_done(&text);
    return on;
}

static bool walk_array(walk *w, const sl_jnode *n)
{
    size_t i = 0, at = w->where_n;
    for (const sl_jnode *m = sl_json_first(n); m; m = sl_json_next(m), i++) {
        char index[24];
        snprintf(index, sizeof(index), "[%zu]", i);
        push(w, "", sl_str_c(index));
        bool on = walk_node(w, m);
        pop(w, at);
        if (!on)
            return false;
    }
    return true;
}

/* A key that is content, and what it says of its value: {"ssn": 123} reads "ssn: 123". */
static bool give_key(walk *w, sl_str key, const sl_jnode *value)
{
    sl_str s = {0};
    sl_buf text = {0};
    sl_buf_add_str(&text, key);
    if (sl_json_kind(value) == SL_J_NUMBER) {
        sl_buf_adds(&text, ": ");
        sl_json_write(value, &text);
    } else if (sl_json_str(value, &s) && s.n <= PAIR_MAX) {
        sl_buf_adds(&text, ": ");
        sl_buf_add_str(&text, s);
    }
    bool on = sl_buf_ok(&text) && give(w, sl_buf_str(&text));
    sl_buf_done(&text);
    return on;
}

static bool walk_object(walk *w, const sl_jnode *n)
{
    size_t at = w->where_n;
    for (const sl_jnode *m = sl_json_first(n); m; m = sl_json_next(m)) {
        sl_str key = sl_json_key(m);
        bool word = is_word(key);
        push(w, at ? "." : "", word ? key : SL_STR("*"));
        bool on = (word || !w->keys || give_key(w, key, m)) && walk_node(w, m);
        pop(w, at);
        if (!on)
            return false;
    }
    return true;
}

/* Recursion is bounded: sl_json_parse takes 64 levels, times NESTED_MAX + 1. */
static bool walk_node(walk *w, const sl_jnode *n)
{
    sl_str s = {0};
    switch (sl_json_kind(n)) {
    case SL_J_STRING:
        sl_json_str(n, &s);
        return walk_string(w, s);
    case SL_J_NUMBER:
        return walk_number(w, n);
    case SL_J_ARRAY:
        return walk_array(w, n);
    case SL_J_OBJECT:
        return walk_object(w, n);
    default:
        return true;
    }
}

/* What a message's text parts say when they are read in one go: a number cut in two by a part's
 * border is whole here. */
static bool walk_joined(walk *w, const sl_jnode *content)
{
    size_t parts = 0, at = w->where_n;
    sl_buf all = {0};
    for (const sl_jnode *p = sl_json_first(content); p; p = sl_json_next(p)) {
        sl_str s = {0};
        if (!sl_json_str(sl_json_get(p, "text"), &s))
            continue;
        sl_buf_add_str(&all, s);
        parts++;
    }
    bool on = true;
    if (parts > 1 && sl_buf_ok(&all)) {
        push(w, "", SL_STR(".content"));
        on = give(w, sl_buf_str(&all));
        pop(w, at);
    }
    sl_buf_done(&all);
    return on;
}

static bool walk_messages(walk *w, const sl_jnode *list)
{
    size_t i = 0, at = w->where_n;
    for (const sl_jnode *m = sl_json_first(list); m; m = sl_json_next(m), i++) {
        char index[24];
        snprintf(index, sizeof(index), "[%zu]", i);
        push(w, "", sl_str_c(index));
        size_t inside = w->where_n;
        bool on = true;
        for (const sl_jnode *f = sl_json_first(m); on && f; f = sl_json_next(f)) {
            sl_str key = sl_json_key(f);
            if (sl_str_is(key, "role"))
                continue;
            bool word = is_word(key);
            push(w, ".", word ? key : SL_STR("*"));
            on = (word || give_key(w, key, f)) && walk_node(w, f);
            pop(w, inside);
            if (on && sl_str_is(key, "content") && sl_json_kind(f) == SL_J_ARRAY)
                on = walk_joined(w, f);
        }
        pop(w, at);
        if (!on)
            return false;
    }
    return true;
}

bool sl_chat_strings(const sl_chat *c, sl_chat_string_fn fn, void *arg)
{
    walk w = {.fn = fn, .arg = arg};
    for (const sl_jnode *n = sl_json_first(c->root); n; n = sl_json_next(n)) {
        sl_str key = sl_json_key(n);
        /* The allow-list of chat_params.c has passed: the name is one of its words. */
        if (sl_str_is(key, "model") || sl_str_is(key, "x_sluice_kind") ||
            sl_json_kind(n) == SL_J_NUMBER)
            continue;
        pop(&w, 0);
        push(&w, "", key);
        w.keys = !sl_str_is(key, "logit_bias"); /* its keys are token ids */
        bool on = sl_str_is(key, "messages") ? walk_messages(&w, n) : walk_node(&w, n);
        if (!on)
            return false;
    }
    return true;
}

/* Parts of `content` that are not text. */
static bool has_opaque_part(const sl_jnode *content)
{
    if (sl_json_kind(content) != SL_J_ARRAY)
        return false;
    for (const sl_jnode *p = sl_json_first(content); p; p = sl_json_next(p)) {
        sl_str type = {0};
        if (sl_json_kind(p) == SL_J_STRING)
            continue;
        if (!sl_json_str(sl_json_get(p, "type"), &type) || !sl_str_is(type, "text"))
            return true;
    }
    return false;
}

bool sl_chat_has_opaque(const sl_chat *c)
{
    for (size_t i = 0; i < c->messages_n; i++) {
        if (c->messages[i].opaque)
            return true;
    }
    return has_opaque_part(sl_json_get(sl_json_get(c->root, "prediction"), "content"));
}
