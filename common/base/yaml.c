#include "common/base/yaml.h"

#include "common/base/arena.h"

#include <stdlib.h>
#include <yaml.h>

#define TEXT_MAX  (1024 * 1024)
#define DEPTH_MAX 32
#define NODES_MAX 100000

struct sl_yaml {
    sl_arena arena;
    sl_yaml_node *root;
};

/* A collection that is open while events arrive. */
typedef struct level {
    sl_yaml_node *node, *last;
    size_t children;
    bool has_key; /* in a map: the key of the next value is read */
    sl_str key;
    int key_line;
} level;

typedef struct builder {
    sl_yaml *y;
    const char *name;
    bool expand_env, started;
    level levels[DEPTH_MAX];
    int depth;
    size_t nodes;
    sl_error *reterr;
} builder;

static sl_status bad(const builder *b, int line, const char *what)
{
    return sl_fail(b->reterr, SL_E_INVALID, "%s:%d: %s", b->name, line, what);
}

static sl_status no_memory(const builder *b)
{
    return sl_fail(b->reterr, SL_E_NOMEM, "%s: out of memory", b->name);
}

static bool name_char(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

/* Appends the variable whose "${NAME}" starts at text.p[*i]; *i moves behind it. */
static sl_status add_variable(builder *b, int line, sl_str text, size_t *i, sl_buf *out)
{
    char name[128];
    size_t at = *i + 2, n = 0;
    while (at + n < text.n && n < sizeof(name) - 1 && name_char(text.p[at + n], n == 0))
        n++;
    if (n == 0 || at + n == text.n || text.p[at + n] != '}')
        return bad(b, line,
                   "${ must be followed by a variable's name and }; write $${ for a "
                   "literal ${");
    memcpy(name, text.p + at, n);
    name[n] = '\0';
    const char *value = getenv(name);
    if (!value)
        return sl_fail(b->reterr, SL_E_INVALID, "%s:%d: the environment variable %s is not set",
                       b->name, line, name);
    if (!sl_utf8_valid(value, strlen(value)))
        return sl_fail(b->reterr, SL_E_INVALID, "%s:%d: the environment variable %s is not UTF-8",
                       b->name, line, name);
    sl_buf_adds(out, value);
    *i = at + n + 1;
    return SL_OK;
}

/* Replaces each ${NAME}; $${ stands for a literal ${. */
static sl_status expand(builder *b, sl_yaml_node *node)
{
    sl_str text = node->scalar;
    if (!memmem(text.p, text.n, "${", 2))
        return SL_OK;
    sl_buf out = {0};
    sl_status st = SL_OK;
    for (size_t i = 0; i < text.n && !st;) {
        sl_str rest = {text.p + i, text.n - i};
        if (sl_str_prefix(rest, SL_STR("$${"))) {
            sl_buf_adds(&out, "${");
            i += 3;
        } else if (sl_str_prefix(rest, SL_STR("${"))) {
            st = add_variable(b, node->line, text, &i, &out);
            node->secret = true;
        } else {
            sl_buf_addc(&out, text.p[i++]);
        }
    }
    if (!st) {
        node->scalar = sl_arena_str(&b->y->arena, sl_buf_str(&out));
        if (!node->scalar.p || !sl_buf_ok(&out))
            st = no_memory(b);
    }
    if (out.data)
        explicit_bzero(out.data, out.cap);
    sl_buf_done(&out);
    return st;
}

/* Puts a node into the open collection, or makes it the root. */
static sl_status attach(builder *b, sl_yaml_node *node)
{
    if (++b->nodes > NODES_MAX)
        return sl_fail(b->reterr, SL_E_TOO_LARGE, "%s:%d: more than %d nodes", b->name, node->line,
                       NODES_MAX);
    if (b->depth == 0) {
        b->y->root = node;
        return SL_OK;
    }
    level *top = &b->levels[b->depth - 1];
    if (top->node->kind == SL_YAML_MAP) {
        node->key = top->key;
        node->line = top->key_line; /* a block below its key would else point at its first entry */
        top->has_key = false;
    }
    if (top->last)
        top->last->next = node;
    else
        top->node->first = node;
    top->last = node;
    top->children++;
    return SL_OK;
}

static bool wants_key(const builder *b)
{
    return b->depth && b->levels[b->depth - 1].node->kind == SL_YAML_MAP &&
           !b->levels[b->depth - 1].has_key;
}

static sl_status on_scalar(builder *b, const yaml_event_t *e, int line)
{
    const char *p = (const char *)e->data.scalar.value;
    size_t n = e->data.scalar.length;
    if (memchr(p, 0, n))
        return bad(b, line, "a NUL character is not accepted");
    sl_str text = sl_arena_str(&b->y->arena, (sl_str){p, n});
    if (!text.p)
        return no_memory(b);
    if (wants_key(b)) {
        level *top = &b->levels[b->depth - 1];
        if (n == 0)
            return bad(b, line, "a key may not be empty");
        top->key = text;
        top->key_line = line;
        top->has_key = true;
        return SL_OK;
    }
    sl_yaml_node *node = sl_arena_zalloc(&b->y->arena, sizeof(*node));
    if (!node)
        return no_memory(b);
    node->kind = SL_YAML_SCALAR;
    node->line = line;
    node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->scalar = text;
    sl_status st = b->expand_env ? expand(b, node) : SL_OK;
    return st ? st : attach(b, node);
}

static sl_status on_open(builder *b, sl_yaml_kind kind, int line)
{
    if (wants_key(b))
        return bad(b, line, "a key must be a plain text");
    if (b->depth == DEPTH_MAX)
        return bad(b, line, "nested more than 32 levels deep");
    sl_yaml_node *node = sl_arena_zalloc(&b->y->arena, sizeof(*node));
    if (!node)
        return no_memory(b);
    node->kind = kind;
    node->line = line;
    sl_status st = attach(b, node);
    if (st)
        return st;
    b->levels[b->depth++] = (level){.node = node};
    return SL_OK;
}

static int by_key_then_line(const void *pa, const void *pb)
{
    const sl_yaml_node *a = *(const sl_yaml_node *const *)pa;
    const sl_yaml_node *b = *(const sl_yaml_node *const *)pb;
    int order = strcmp(a->key.p, b->key.p);
    return order ? order : (a->line > b->line) - (a->line < b->line);
}

/* Sorting keeps this cheap for maps of any size. */
static sl_status check_keys(builder *b, const level *l)
{
    if (l->children < 2)
        return SL_OK;
    const sl_yaml_node **nodes = malloc(l->children * sizeof(*nodes));
    if (!nodes)
        return no_memory(b);
    size_t n = 0;
    for (const sl_yaml_node *c = l->node->first; c; c = c->next)
        nodes[n++] = c;
    qsort(nodes, n, sizeof(*nodes), by_key_then_line);
    sl_status st = SL_OK;
    for (size_t i = 1; i < n && !st; i++)
        if (sl_str_eq(nodes[i - 1]->key, nodes[i]->key))
            st = sl_fail(b->reterr, SL_E_INVALID,
                         "%s:%d: the key %.60s stands twice (first in line %d)", b->name,
                         nodes[i]->line, nodes[i]->key.p, nodes[i - 1]->line);
    free(nodes);
    return st;
}

static sl_status on_close(builder *b)
{
    level *top = &b->levels[--b->depth];
    return top->node->kind == SL_YAML_MAP ? check_keys(b, top) : SL_OK;
}

/* Features that make one text mean different things to different readers are refused by name. */
static sl_status refuse_features(builder *b, const yaml_event_t *e, int line)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return bad(b, line, "aliases (*name) are not accepted; write the value out");
    case YAML_SCALAR_EVENT:
        anchor = e->data.scalar.anchor, tag = e->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag;
        break;
    case YAML_DOCUMENT_START_EVENT:
        if (b->started)
            return bad(b, line, "a second document (---) is not accepted");
        b->started = true;
        break;
    default:
        break;
    }
    if (anchor)
        return bad(b, line, "anchors (&name) are not accepted; write the value out");
    if (tag)
        return bad(b, line, "tags (!name) are not accepted; quote a value that starts with !");
    return SL_OK;
}

static sl_status on_event(builder *b, const yaml_event_t *e)
{
    int line = (int)e->start_mark.line + 1;
    sl_status st = refuse_features(b, e, line);
    if (st)
        return st;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(b, e, line);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, SL_YAML_SEQ, line);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, SL_YAML_MAP, line);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(b);
    default:
        return SL_OK;
    }
}

static sl_status syntax_error(const builder *b, const yaml_parser_t *p)
{
    if (p->error == YAML_MEMORY_ERROR)
        return no_memory(b);
    return sl_fail(b->reterr, SL_E_INVALID, "%s:%zu: not YAML: %s", b->name,
                   p->problem_mark.line + 1, p->problem ? p->problem : "unreadable");
}

static sl_status read_events(builder *b, sl_str text)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return no_memory(b);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
    sl_status st = SL_OK;
    bool end = false;
    while (!st && !end) {
        yaml_event_t e;
        if (!yaml_parser_parse(&parser, &e)) {
            st = syntax_error(b, &parser);
            break;
        }
        end = e.type == YAML_STREAM_END_EVENT;
        st = on_event(b, &e);
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&parser);
    return st;
}

/* The line of the first byte that is not UTF-8, from 1. */
static int bad_utf8_line(sl_str text)
{
    int line = 1;
    for (size_t i = 0, k; i < text.n; i += k) {
        k = sl_utf8_char(text.p + i, text.n - i);
        if (k == 0)
            break;
        line += text.p[i] == '\n';
    }
    return line;
}

/* The line of a directive before the first document, 0 when there is none. libyaml compares every
 * %TAG with all before it, which a large file would turn into minutes. */
static int directive_line(sl_str text)
{
    int line = 1;
    for (size_t i = 0; i < text.n; line++) {
        if (text.p[i] == '%')
            return line;
        if (text.p[i] != '#' && text.p[i] != '\n' && text.p[i] != '\r' && text.p[i] != ' ')
            return 0;
        const char *end = memchr(text.p + i, '\n', text.n - i);
        i = end ? (size_t)(end - text.p) + 1 : text.n;
    }
    return 0;
}

sl_status sl_yaml_parse(sl_yaml **ret, const char *name, sl_str text, bool expand_env,
                        sl_error *reterr)
{
    builder b = {.name = name, .expand_env = expand_env, .reterr = reterr};
    if (text.n > TEXT_MAX)
        return sl_fail(reterr, SL_E_TOO_LARGE, "%s: larger than the limit of %d bytes", name,
                       TEXT_MAX);
    if (!sl_utf8_valid(text.p, text.n))
        return bad(&b, bad_utf8_line(text), "not UTF-8");
    int directive = directive_line(text);
    if (directive)
        return bad(&b, directive, "directives (%name) are not accepted");
    b.y = calloc(1, sizeof(*b.y));
    if (!b.y)
        return no_memory(&b);
    sl_status st = read_events(&b, text);
    if (st)
        sl_yaml_free(b.y);
    else
        *ret = b.y;
    return st;
}

const sl_yaml_node *sl_yaml_root(const sl_yaml *y)
{
    /* An empty file is a document without a node, or with one empty plain scalar. */
    const sl_yaml_node *r = y->root;
    return r && r->kind == SL_YAML_SCALAR && !r->quoted && r->scalar.n == 0 ? NULL : r;
}

void sl_yaml_free(sl_yaml *y)
{
    if (!y)
        return;
    sl_arena_done(&y->arena);
    free(y);
}

const sl_yaml_node *sl_yaml_get(const sl_yaml_node *map, const char *key)
{
    if (!map || map->kind != SL_YAML_MAP)
        return NULL;
    for (const sl_yaml_node *c = map->first; c; c = c->next)
        if (sl_str_is(c->key, key))
            return c;
    return NULL;
}

bool sl_yaml_bool(const sl_yaml_node *n, bool *ret)
{
    if (!n || n->kind != SL_YAML_SCALAR || n->quoted)
        return false;
    bool yes = sl_str_is(n->scalar, "true");
    if (!yes && !sl_str_is(n->scalar, "false"))
        return false;
    *ret = yes;
    return true;
}

bool sl_yaml_i64(const sl_yaml_node *n, int64_t *ret)
{
    return n && n->kind == SL_YAML_SCALAR && !n->quoted && sl_parse_i64(n->scalar, ret);
}
