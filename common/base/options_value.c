/* options_value.c - from the text of a value, or its YAML node, to the typed field and back to
 * comparing. */
#include "common/base/options_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

size_t sl_opt_size(sl_option_type type)
{
    static const size_t sizes[] = {
        [SL_OPT_STR] = sizeof(const char *),  [SL_OPT_BOOL] = sizeof(bool),
        [SL_OPT_INT] = sizeof(int64_t),       [SL_OPT_FLOAT] = sizeof(double),
        [SL_OPT_ENUM] = sizeof(int),          [SL_OPT_LIST] = sizeof(sl_option_list),
        [SL_OPT_MAP] = sizeof(sl_option_map),
    };
    return sizes[type];
}

sl_str sl_opt_choice(const char *choices, size_t index)
{
    while (index-- && choices) {
        choices = strchr(choices, '|');
        if (choices)
            choices++;
    }
    return choices ? (sl_str){choices, strcspn(choices, "|")} : (sl_str){0};
}

/* Never the value itself: it may be secret. */
static sl_status bad(const sl_opt_source *src, sl_error *reterr, const char *what)
{
    return sl_fail(reterr, SL_E_INVALID, "%s: %s %s", src->where, src->label, what);
}

static sl_status no_memory(sl_error *reterr)
{
    return sl_fail(reterr, SL_E_NOMEM, "options: out of memory");
}

/* What a user writes for "nothing": an empty plain scalar, ~ or null. */
static bool is_null(const sl_yaml_node *n)
{
    return n->kind == SL_YAML_SCALAR && !n->quoted &&
           (n->scalar.n == 0 || sl_str_is(n->scalar, "~") || sl_str_is(n->scalar, "null"));
}

/* The text of a single value. */
static sl_status single(const sl_option *row, const sl_opt_source *src, sl_str *ret,
                        sl_opt_mark *mark, sl_error *reterr)
{
    const sl_yaml_node *n = src->node;
    *ret = sl_str_c(src->text);
    if (!n)
        return sl_utf8_valid(ret->p, ret->n) ? SL_OK : bad(src, reterr, "must be UTF-8");
    if (n->kind != SL_YAML_SCALAR)
        return bad(src, reterr, "takes one value, not a list or section");
    /* A quoted scalar is a string, but quoting is what one does around ${NAME}. */
    if (n->quoted && !n->secret && row->type != SL_OPT_STR && row->type != SL_OPT_ENUM)
        return bad(src, reterr, "must be written without quotes");
    *ret = is_null(n) ? SL_STR("") : n->scalar;
    mark->secret = n->secret;
    return SL_OK;
}

static sl_status convert_bool(const sl_opt_source *src, sl_str text, bool *ret, sl_error *reterr)
{
    *ret = sl_str_is(text, "true");
    if (!*ret && !sl_str_is(text, "false"))
        return bad(src, reterr, "must be true or false");
    return SL_OK;
}

static sl_status convert_int(const sl_option *row, const sl_opt_source *src, sl_str text,
                             int64_t *ret, sl_error *reterr)
{
    bool limited = row->min != 0 || row->max != 0;
    if (!sl_parse_i64(text, ret))
        return bad(src, reterr, "must be a whole number");
    if (limited && (*ret < row->min || *ret > row->max))
        return sl_fail(reterr, SL_E_INVALID, "%s: %s must be from %lld to %lld", src->where,
                       src->label, (long long)row->min, (long long)row->max);
    return SL_OK;
}

static sl_status convert_float(const sl_option *row, const sl_opt_source *src, sl_str text,
                               double *ret, sl_error *reterr)
{
    bool limited = row->min != 0 || row->max != 0;
    char copy[64], *end;
    size_t n = text.n;
    /* strtod takes more than decimal numbers: blanks, hex, "inf". */
    if (n == 0 || n >= sizeof(copy) || strspn(text.p, "0123456789+-.eE") < n)
        return bad(src, reterr, "must be a number");
    memcpy(copy, text.p, n);
    copy[n] = '\0';
    *ret = strtod(copy, &end);
    if (*end || !isfinite(*ret))
        return bad(src, reterr, "must be a number");
    if (limited && (*ret < (double)row->min || *ret > (double)row->max))
        return sl_fail(reterr, SL_E_INVALID, "%s: %s must be from %lld to %lld", src->where,
                       src->label, (long long)row->min, (long long)row->max);
    return SL_OK;
}

static sl_status convert_enum(const sl_option *row, const sl_opt_source *src, sl_str text, int *ret,
                              sl_error *reterr)
{
    sl_str choice;
    for (size_t i = 0; (choice = sl_opt_choice(row->choices, i)).p; i++)
        if (sl_str_eq(choice, text)) {
            *ret = (int)i;
            return SL_OK;
        }
    return sl_fail(reterr, SL_E_INVALID, "%s: %s must be one of %s", src->where, src->label,
                   row->choices);
}

/* Splits at commas; "\," is a comma inside an entry; blanks around entries don't count. */
static sl_status split(const sl_opt_source *src, sl_arena *arena, sl_option_list *ret,
                       sl_error *reterr)
{
    const char *p = src->text;
    size_t most = 1;
    *ret = (sl_option_list){0};
    if (p[strspn(p, " ")] == '\0')
        return SL_OK;
    if (!sl_utf8_valid(p, strlen(p)))
        return bad(src, reterr, "must be UTF-8");
    for (const char *c = p; *c; c++)
        most += *c == ',';
    ret->v = sl_arena_alloc(arena, most * sizeof(*ret->v));
    char *out = sl_arena_alloc(arena, strlen(p) + most);
    if (!ret->v || !out)
        return no_memory(reterr);
    for (bool more = true; more;) {
        char *start = out, *last = out; /* last: behind the last byte that is no blank */
        p += strspn(p, " ");
        for (; *p && *p != ','; p++) {
            if (p[0] == '\\' && p[1] == ',')
                p++;
            *out++ = *p;
            if (*p != ' ')
                last = out;
        }
        if (last == start)
            return bad(src, reterr, "has an empty entry; write \\, for a comma inside one");
        *last = '\0';
        out = last + 1;
        ret->v[ret->n++] = start;
        more = *p++ == ',';
    }
    return SL_OK;
}

static size_t children(const sl_yaml_node *n)
{
    size_t k = 0;
    for (const sl_yaml_node *c = n->first; c; c = c->next)
        k++;
    return k;
}

/* Common to lists and maps of a file: room for the marks, and every child a scalar. */
static sl_status mark_children(const sl_opt_source *src, sl_arena *arena, size_t n,
                               sl_opt_mark *mark, sl_error *reterr)
{
    size_t i = 0;
    mark->elements = sl_arena_zalloc(arena, n + 1);
    if (!mark->elements)
        return no_memory(reterr);
    for (const sl_yaml_node *c = src->node->first; c; c = c->next) {
        if (c->kind != SL_YAML_SCALAR)
            return bad(src, reterr, "takes single values only");
        mark->elements[i++] = c->secret;
    }
    return SL_OK;
}

static sl_status convert_list(const sl_opt_source *src, sl_arena *arena, sl_option_list *ret,
                              sl_opt_mark *mark, sl_error *reterr)
{
    const sl_yaml_node *n = src->node;
    if (!n)
        return split(src, arena, ret, reterr);
    *ret = (sl_option_list){0};
    if (is_null(n))
        return SL_OK;
    if (n->kind != SL_YAML_SEQ)
        return bad(src, reterr, "takes a list: [a, b] or one \"- entry\" a line");
    size_t count = children(n);
    sl_status st = mark_children(src, arena, count, mark, reterr);
    if (st)
        return st;
    ret->v = sl_arena_alloc(arena, (count + 1) * sizeof(*ret->v));
    if (!ret->v)
        return no_memory(reterr);
    for (const sl_yaml_node *c = n->first; c; c = c->next) {
        const char *s = sl_arena_strndup(arena, c->scalar.p, c->scalar.n);
        if (!s)
            return no_memory(reterr);
        ret->v[ret->n++] = s;
    }
    return SL_OK;
}

static sl_status map_from_text(const sl_opt_source *src, sl_arena *arena, sl_option_map *ret,
                               sl_error *reterr)
{
    sl_option_list list;
    sl_status st = split(src, arena, &list, reterr);
    if (st || list.n == 0)
        return st;
    ret->v = sl_arena_alloc(arena, list.n * sizeof(*ret->v));
    if (!ret->v)
        return no_memory(reterr);
    for (size_t i = 0; i < list.n; i++) {
        const char *equals = strchr(list.v[i], '=');
        if (!equals || equals == list.v[i])
            return bad(src, reterr, "takes entries of the form NAME=VALUE");
        const char *name = sl_arena_strndup(arena, list.v[i], (size_t)(equals - list.v[i]));
        if (!name)
            return no_memory(reterr);
        for (size_t k = 0; k < ret->n; k++)
            if (strcmp(ret->v[k].name, name) == 0)
                return bad(src, reterr, "names one entry twice");
        ret->v[ret->n].name = name;
        ret->v[ret->n++].value = equals + 1;
    }
    return SL_OK;
}

static sl_status convert_map(const sl_opt_source *src, sl_arena *arena, sl_option_map *ret,
                             sl_opt_mark *mark, sl_error *reterr)
{
    const sl_yaml_node *n = src->node;
    *ret = (sl_option_map){0};
    if (!n)
        return map_from_text(src, arena, ret, reterr);
    if (is_null(n))
        return SL_OK;
    if (n->kind != SL_YAML_MAP)
        return bad(src, reterr, "takes \"name: value\" lines below it");
    size_t count = children(n);
    sl_status st = mark_children(src, arena, count, mark, reterr);
    if (st)
        return st;
    ret->v = sl_arena_alloc(arena, (count + 1) * sizeof(*ret->v));
    if (!ret->v)
        return no_memory(reterr);
    for (const sl_yaml_node *c = n->first; c; c = c->next) {
        const char *name = sl_arena_strndup(arena, c->key.p, c->key.n);
        const char *value = sl_arena_strndup(arena, c->scalar.p, c->scalar.n);
        if (!name || !value)
            return no_memory(reterr);
        ret->v[ret->n].name = name;
        ret->v[ret->n++].value = value;
    }
    return SL_OK;
}

sl_status sl_opt_convert(const sl_option *row, const sl_opt_source *src, sl_arena *arena,
                         void *base, sl_opt_mark *mark, sl_error *reterr)
{
    void *field = (char *)base + row->offset;
    sl_str text = {0};
    *mark = (sl_opt_mark){0};
    if (row->type == SL_OPT_LIST)
        return convert_list(src, arena, field, mark, reterr);
    if (row->type == SL_OPT_MAP)
        return convert_map(src, arena, field, mark, reterr);
    sl_status st = single(row, src, &text, mark, reterr);
    if (st)
        return st;
    switch (row->type) {
    case SL_OPT_BOOL:
        return convert_bool(src, text, field, reterr);
    case SL_OPT_INT:
        return convert_int(row, src, text, field, reterr);
    case SL_OPT_FLOAT:
        return convert_float(row, src, text, field, reterr);
    case SL_OPT_ENUM:
        return convert_enum(row, src, text, field, reterr);
    default: {
        const char *s = sl_arena_strndup(arena, text.p, text.n);
        memcpy(field, &s, sizeof(s));
        return s ? SL_OK : no_memory(reterr);
    }
    }
}

static bool lists_equal(const sl_option_list *a, const sl_option_list *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->v[i], b->v[i]) == 0;
    return same;
}

static bool maps_equal(const sl_option_map *a, const sl_option_map *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->v[i].name, b->v[i].name) == 0 && strcmp(a->v[i].value, b->v[i].value) == 0;
    return same;
}

bool sl_opt_equal(const sl_option *row, const void *a_base, const void *b_base)
{
    const void *a = (const char *)a_base + row->offset, *b = (const char *)b_base + row->offset;
    switch (row->type) {
    case SL_OPT_STR:
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    case SL_OPT_LIST:
        return lists_equal(a, b);
    case SL_OPT_MAP:
        return maps_equal(a, b);
    default:
        return memcmp(a, b, sl_opt_size(row->type)) == 0;
    }
}
