#include "common/base/options_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX (1024 * 1024)

static sl_status no_memory(sl_error *reterr)
{
    return sl_fail(reterr, SL_E_NOMEM, "options: out of memory");
}

/* ---- the file ---- */

typedef struct file {
    const char *name; /* without folders, as it stands in error texts */
    sl_yaml *yaml;
    const sl_yaml_node **nodes; /* a row: its node, or NULL */
} file;

static sl_status unknown(const sl_options *o, const file *f, const sl_yaml_node *n, sl_str path,
                         sl_error *reterr)
{
    char near[SL_OPT_NAME];
    int shown = (int)(path.n > 60 ? 60 : path.n);
    sl_opt_nearest(o->spec.table, path, n->kind == SL_YAML_MAP, near);
    if (near[0])
        return sl_fail(reterr, SL_E_INVALID, "%s:%d: %.*s is no option; did you mean %s?", f->name,
                       n->line, shown, path.p, near);
    return sl_fail(reterr, SL_E_INVALID, "%s:%d: %.*s is no option; --help lists them", f->name,
                   n->line, shown, path.p);
}

/* Matches the entries of a map to rows; path holds the names above, the parser has bounded the
 * depth. */
static sl_status match(const sl_options *o, file *f, const sl_yaml_node *map, sl_buf *path,
                       sl_error *reterr)
{
    sl_status st = SL_OK;
    size_t above = path->len;
    for (const sl_yaml_node *n = map->first; n && !st; n = n->next) {
        path->len = above;
        if (above)
            sl_buf_addc(path, '.');
        sl_buf_add_str(path, n->key);
        if (!sl_buf_ok(path))
            return no_memory(reterr);
        sl_str name = sl_buf_str(path);
        size_t row = sl_opt_find(o->spec.table, name);
        if (row < o->n && f->nodes[row])
            st = sl_fail(reterr, SL_E_INVALID, "%s:%d: %s stands twice (first in line %d)", f->name,
                         n->line, o->spec.table[row].name, f->nodes[row]->line);
        else if (row < o->n)
            f->nodes[row] = n;
        else if (!sl_opt_is_section(o->spec.table, name))
            st = unknown(o, f, n, name, reterr);
        else if (n->kind == SL_YAML_MAP)
            st = match(o, f, n, path, reterr);
        else if (n->kind != SL_YAML_SCALAR || n->scalar.n) /* "http:" with nothing below is fine */
            st = sl_fail(reterr, SL_E_INVALID,
                         "%s:%d: %s is a section: its options stand indented below it", f->name,
                         n->line, name.p);
    }
    path->len = above;
    return st;
}

static sl_status read_file(const sl_options *o, file *f, sl_error *reterr)
{
    sl_buf text = {0}, path = {0};
    const char *slash = strrchr(o->path, '/');
    f->name = slash ? slash + 1 : o->path;
    f->nodes = calloc(o->n + 1, sizeof(*f->nodes));
    sl_status st = f->nodes ? SL_OK : no_memory(reterr);
    if (st || !o->path[0])
        goto cleanup;
    if ((st = sl_file_read(o->path, FILE_MAX, &text, reterr)))
        goto cleanup;
    if ((st = sl_yaml_parse(&f->yaml, f->name, sl_buf_str(&text), true, reterr)))
        goto cleanup;
    const sl_yaml_node *root = sl_yaml_root(f->yaml);
    if (root && root->kind != SL_YAML_MAP)
        st =
            sl_fail(reterr, SL_E_INVALID, "%s:%d: a configuration is made of \"name: value\" lines",
                    f->name, root->line);
    else if (root)
        st = match(o, f, root, &path, reterr);
cleanup:
    sl_buf_done(&text);
    sl_buf_done(&path);
    return st;
}

static void file_done(file *f)
{
    sl_yaml_free(f->yaml);
    free(f->nodes);
}

/* ---- all sources of one row, the weakest first; each is checked even if a later one wins ---- */

static sl_status fill_row(const sl_options *o, size_t i, const file *f, sl_arena *arena, void *base,
                          sl_opt_mark *mark, sl_error *reterr)
{
    const sl_option *row = &o->spec.table[i];
    char label[SL_OPT_NAME + 8], where[SL_OPT_NAME];
    sl_opt_source src = {
        .where = "the default", .label = row->name, .text = row->def ? row->def : ""};
    sl_status st = sl_opt_convert(row, &src, arena, base, mark, reterr);
    if (!st && f->nodes[i]) {
        snprintf(where, sizeof(where), "%.100s:%d", f->name, f->nodes[i]->line);
        src = (sl_opt_source){.where = where, .label = row->name, .node = f->nodes[i]};
        st = sl_opt_convert(row, &src, arena, base, mark, reterr);
    }
    sl_opt_env_name(row->name, label);
    const char *env = getenv(label);
    if (!st && env) {
        src = (sl_opt_source){.where = "the environment", .label = label, .text = env};
        st = sl_opt_convert(row, &src, arena, base, mark, reterr);
    }
    if (!st && o->cli[i]) {
        snprintf(label, sizeof(label), "--%s", row->name);
        src = (sl_opt_source){.where = "the command line", .label = label, .text = o->cli[i]};
        st = sl_opt_convert(row, &src, arena, base, mark, reterr);
    }
    return st;
}

static sl_status fill(const sl_options *o, sl_arena *arena, void *base, sl_opt_mark *marks,
                      sl_error *reterr)
{
    file f = {0};
    sl_status st = read_file(o, &f, reterr);
    for (size_t i = 0; i < o->n && !st; i++)
        st = fill_row(o, i, &f, arena, base, &marks[i], reterr);
    file_done(&f);
    return st;
}

/* Takes the arena over. */
static bool keep_values(sl_options *o, sl_arena *arena)
{
    sl_arena *more = realloc(o->values, (o->values_n + 1) * sizeof(*more));
    if (!more)
        return false;
    o->values = more;
    o->values[o->values_n++] = *arena;
    *arena = (sl_arena){0};
    return true;
}

static void copy_row(const sl_options *o, size_t i, const void *base, const sl_opt_mark *marks)
{
    const sl_option *row = &o->spec.table[i];
    memcpy((char *)o->spec.target + row->offset, (const char *)base + row->offset,
           sl_opt_size(row->type));
    o->marks[i] = marks[i];
}

static sl_status first_fill(sl_options *o, sl_error *reterr)
{
    sl_arena arena = {0};
    void *base = calloc(1, o->size + 1);
    sl_opt_mark *marks = calloc(o->n + 1, sizeof(*marks));
    sl_status st = base && marks ? fill(o, &arena, base, marks, reterr) : no_memory(reterr);
    if (!st && !keep_values(o, &arena))
        st = no_memory(reterr);
    for (size_t i = 0; i < o->n && !st; i++)
        copy_row(o, i, base, marks);
    sl_arena_done(&arena);
    free(base);
    free(marks);
    return st;
}

/* ---- answers ---- */

static sl_status print(const sl_buf *text, sl_error *reterr)
{
    if (!sl_buf_ok(text))
        return no_memory(reterr);
    for (size_t done = 0; done < text->len;) {
        ssize_t n = write(STDOUT_FILENO, text->data + done, text->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sl_fail(reterr, SL_E_IO, "standard output can't be written: %s",
                           strerrordesc_np(errno));
        done += (size_t)n;
    }
    return SL_OK;
}

static sl_status answer(const sl_options *o, const char *ask, sl_error *reterr)
{
    sl_buf text = {0};
    if (strcmp(ask, "help") == 0)
        sl_options_help(&o->spec, &text);
    else if (strcmp(ask, "version") == 0)
        sl_buf_addf(&text, "%s %s\n", o->spec.program, SL_VERSION);
    else if (strcmp(ask, "dump-doc") == 0)
        sl_options_doc(&o->spec, &text);
    else if (strcmp(ask, "dump-metrics-doc") == 0)
        sl_metrics_doc(o->spec.program, o->spec.metrics, o->spec.metrics_n, &text);
    else
        sl_options_dump(o, &text);
    sl_status st = print(&text, reterr);
    sl_buf_done(&text);
    return st;
}

/* ---- the object ---- */

static sl_options *options_new(const sl_options_spec *spec)
{
    sl_options *o = calloc(1, sizeof(*o));
    if (!o)
        return NULL;
    o->spec = *spec;
    o->path = "";
    for (; spec->table[o->n].name; o->n++) {
        const sl_option *row = &spec->table[o->n];
        if (row->offset + sl_opt_size(row->type) > o->size)
            o->size = row->offset + sl_opt_size(row->type);
    }
    o->cli = calloc(o->n + 1, sizeof(*o->cli));
    o->marks = calloc(o->n + 1, sizeof(*o->marks));
    if (o->cli && o->marks)
        return o;
    sl_options_free(o);
    return NULL;
}

sl_status sl_options_load(sl_options **ret, const sl_options_spec *spec, int argc, char **argv,
                          bool *ret_exit, sl_error *reterr)
{
    const char *ask = NULL;
    *ret_exit = false;
    sl_options *o = options_new(spec);
    if (!o)
        return no_memory(reterr);
    sl_status st = sl_opt_read_cli(o, argc, argv, &ask, reterr);
    /* --help must work when the file does not. */
    bool dump = ask && strcmp(ask, "dump-config") == 0;
    if (!st && (!ask || dump))
        st = first_fill(o, reterr);
    if (!st && ask) {
        st = answer(o, ask, reterr);
        *ret_exit = !st;
    }
    if (st || ask)
        sl_options_free(o);
    if (!st)
        *ret = ask ? NULL : o;
    return st;
}

/* Copies what may change now; names the rest in *ignored. */
static void apply(sl_options *o, const void *base, const sl_opt_mark *marks, sl_buf *ignored)
{
    for (size_t i = 0; i < o->n; i++) {
        const sl_option *row = &o->spec.table[i];
        if (sl_opt_equal(row, o->spec.target, base))
            continue;
        if (row->reloadable) {
            copy_row(o, i, base, marks);
        } else if (ignored) {
            sl_buf_adds(ignored, ignored->len ? ", " : "");
            sl_buf_adds(ignored, row->name);
        }
    }
}

sl_status sl_options_reload(sl_options *o, sl_buf *ret_ignored, sl_error *reterr)
{
    sl_arena arena = {0};
    bool changed = false;
    void *base = calloc(1, o->size + 1);
    sl_opt_mark *marks = calloc(o->n + 1, sizeof(*marks));
    sl_status st = base && marks ? fill(o, &arena, base, marks, reterr) : no_memory(reterr);
    for (size_t i = 0; i < o->n && !st && !changed; i++)
        changed =
            o->spec.table[i].reloadable && !sl_opt_equal(&o->spec.table[i], o->spec.target, base);
    /* Old strings stay: another thread may still hold one. New ones are kept only when used. */
    if (!st && changed && !keep_values(o, &arena))
        st = no_memory(reterr);
    if (!st)
        apply(o, base, marks, ret_ignored);
    sl_arena_done(&arena);
    free(base);
    free(marks);
    return st;
}

const char *sl_options_config_path(const sl_options *o)
{
    return o->path;
}

void sl_options_free(sl_options *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->values_n; i++)
        sl_arena_done(&o->values[i]);
    free(o->values);
    sl_arena_done(&o->own);
    free(o->cli);
    free(o->marks);
    free(o);
}
