/* options_text.c - the table of options as text: --help, the effective YAML, a Markdown table. */
#include "common/base/jsonw.h"
#include "common/base/options_impl.h"

#define HIDDEN "\"***\""

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

/* ---- --help ---- */

static void add_form(sl_buf *out, const sl_option *row)
{
    static const char *const forms[] = {
        [SL_OPT_STR] = "TEXT",     [SL_OPT_BOOL] = "true|false", [SL_OPT_INT] = "NUMBER",
        [SL_OPT_FLOAT] = "NUMBER", [SL_OPT_LIST] = "A,B,…",      [SL_OPT_MAP] = "NAME=VALUE,…",
    };
    sl_buf_adds(out, row->type == SL_OPT_ENUM ? row->choices : forms[row->type]);
}

static bool has_limits(const sl_option *row)
{
    return (row->type == SL_OPT_INT || row->type == SL_OPT_FLOAT) && (row->min || row->max);
}

static void help_row(sl_buf *out, const sl_option *row)
{
    char env[SL_OPT_NAME];
    sl_opt_env_name(row->name, env);
    sl_buf_addf(out, "  --%s=", row->name);
    add_form(out, row);
    sl_buf_addf(out, "\n      %s\n      ", or_empty(row->help));
    if (row->secret || !or_empty(row->def)[0])
        sl_buf_adds(out, "No default");
    else
        sl_buf_addf(out, "Default: %s%s%s", row->def, or_empty(row->unit)[0] ? " " : "",
                    or_empty(row->unit));
    if (has_limits(row))
        sl_buf_addf(out, "; from %lld to %lld", (long long)row->min, (long long)row->max);
    sl_buf_addf(out, "%s; %s\n", row->reloadable ? "; reloadable" : "", env);
}

void sl_options_help(const sl_options_spec *spec, sl_buf *out)
{
    sl_buf_addf(
        out,
        "%s %s - %s\n\nUsage: %s [--config FILE] [--NAME=VALUE ...]\n\n"
        "  --config FILE   YAML file with the options below; dots are its levels\n"
        "  --dump-config   print the effective configuration as YAML, secrets as ***\n"
        "  --dump-doc      print the options as a Markdown table\n"
        "  --dump-metrics-doc  print the metrics as a Markdown table\n"
        "  --version       print the version\n"
        "  --help          print this text\n\n"
        "Later wins: default, file, environment, command line. In the file, ${NAME} stands\n"
        "for an environment variable.\n\nOptions:\n",
        spec->program, SL_VERSION, spec->summary, spec->program);
    for (const sl_option *row = spec->table; row->name; row++)
        help_row(out, row);
}

/* ---- the effective YAML ---- */

/* A double-quoted YAML scalar. JSON's escapes are YAML's too; "${" must not be read as a variable
 * when the dump is used as a file. */
static void add_quoted(sl_buf *out, const char *s)
{
    sl_buf_addc(out, '"');
    for (const char *var; (var = strstr(s, "${")); s = var + 2) {
        sl_json_escape(out, (sl_str){s, (size_t)(var - s)});
        sl_buf_adds(out, "$${");
    }
    sl_json_escape(out, sl_str_c(s));
    sl_buf_addc(out, '"');
}

/* librdkafka's and others' property names that stand for a secret. */
static bool names_secret(const char *name)
{
    static const char *const words[] = {"password", "secret",  "token",
                                        "jaas",     "key.pem", "api_key"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasestr(name, words[i]))
            return true;
    return false;
}

static void indent(sl_buf *out, size_t depth)
{
    while (depth--)
        sl_buf_adds(out, "  ");
}

static void dump_list(sl_buf *out, const sl_option_list *l, const sl_opt_mark *mark, bool secret)
{
    sl_buf_adds(out, " [");
    for (size_t i = 0; i < l->n; i++) {
        sl_buf_adds(out, i ? ", " : "");
        if (secret || (mark->elements && mark->elements[i]))
            sl_buf_adds(out, HIDDEN);
        else
            add_quoted(out, l->v[i]);
    }
    sl_buf_adds(out, "]\n");
}

static void dump_map(sl_buf *out, const sl_option_map *m, const sl_opt_mark *mark, bool secret,
                     size_t depth)
{
    sl_buf_adds(out, m->n ? "\n" : " {}\n");
    for (size_t i = 0; i < m->n; i++) {
        indent(out, depth + 1);
        add_quoted(out, m->v[i].name);
        sl_buf_adds(out, ": ");
        if (secret || (mark->elements && mark->elements[i]) || names_secret(m->v[i].name))
            sl_buf_adds(out, HIDDEN);
        else
            add_quoted(out, m->v[i].value);
        sl_buf_addc(out, '\n');
    }
}

static void dump_single(sl_buf *out, const sl_option *row, const void *field, bool secret)
{
    sl_jsonw w = sl_jsonw_on(out);
    const char *text;
    sl_buf_addc(out, ' ');
    switch (row->type) {
    case SL_OPT_BOOL:
        sl_buf_adds(out, *(const bool *)field ? "true" : "false");
        break;
    case SL_OPT_INT:
        sl_buf_add_i64(out, *(const int64_t *)field);
        break;
    case SL_OPT_FLOAT:
        sl_jsonw_f64(&w, NULL, *(const double *)field);
        break;
    case SL_OPT_ENUM:
        sl_buf_add_str(out, sl_opt_choice(row->choices, (size_t) * (const int *)field));
        break;
    default:
        memcpy(&text, field, sizeof(text));
        if (secret && text[0])
            sl_buf_adds(out, HIDDEN);
        else
            add_quoted(out, text);
    }
    sl_buf_addc(out, '\n');
}

static void dump_row(sl_buf *out, const sl_options *o, size_t i, size_t depth)
{
    const sl_option *row = &o->spec.table[i];
    const sl_opt_mark *mark = &o->marks[i];
    const void *field = (const char *)o->spec.target + row->offset;
    bool secret = row->secret || mark->secret;
    if (row->type == SL_OPT_LIST)
        dump_list(out, field, mark, secret);
    else if (row->type == SL_OPT_MAP)
        dump_map(out, field, mark, secret, depth);
    else if (secret && row->type != SL_OPT_STR)
        sl_buf_adds(out, " " HIDDEN "\n");
    else
        dump_single(out, row, field, secret);
}

/* Writes the rows whose names start with the first `prefix` bytes of row `first`'s name. A section
 * is written where its first row stands, whole. */
static void dump_section(sl_buf *out, const sl_options *o, size_t first, size_t prefix,
                         size_t depth)
{
    const sl_option *t = o->spec.table;
    for (size_t i = first; i < o->n; i++) {
        if (strncmp(t[i].name, t[first].name, prefix) != 0)
            continue;
        const char *rest = t[i].name + prefix, *dot = strchr(rest, '.');
        size_t part = dot ? (size_t)(dot - t[i].name) + 1 : 0;
        bool written = false;
        for (size_t k = first; dot && k < i && !written; k++)
            written = strncmp(t[k].name, t[i].name, part) == 0;
        if (written)
            continue;
        indent(out, depth);
        sl_buf_add(out, rest, dot ? (size_t)(dot - rest) : strlen(rest));
        sl_buf_addc(out, ':');
        if (!dot) {
            dump_row(out, o, i, depth);
            continue;
        }
        sl_buf_addc(out, '\n');
        dump_section(out, o, i, part, depth + 1);
    }
}

void sl_options_dump(const sl_options *o, sl_buf *out)
{
    dump_section(out, o, 0, 0, 0);
}

/* ---- Markdown ---- */

/* A cell: | would end it. */
static void add_cell(sl_buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '|')
            sl_buf_addc(out, '\\');
        sl_buf_addc(out, *s == '\n' ? ' ' : *s);
    }
}

void sl_options_doc(const sl_options_spec *spec, sl_buf *out)
{
    static const char *const types[] = {"text", "true/false", "whole number", "number",
                                        "",     "list",       "map"};
    sl_buf_addf(out, "## %s\n\n%s\n\n", spec->program, spec->summary);
    sl_buf_adds(out, "| option | type | default | limits | reload | meaning |\n"
                     "|---|---|---|---|---|---|\n");
    for (const sl_option *row = spec->table; row->name; row++) {
        sl_buf_addf(out, "| `%s` | ", row->name);
        add_cell(out, row->type == SL_OPT_ENUM ? row->choices : types[row->type]);
        if (or_empty(row->unit)[0])
            sl_buf_addf(out, ", %s", row->unit);
        sl_buf_adds(out, row->secret ? ", secret | " : " | ");
        if (or_empty(row->def)[0]) {
            sl_buf_addc(out, '`');
            add_cell(out, row->secret ? "***" : row->def);
            sl_buf_addc(out, '`');
        }
        sl_buf_adds(out, " | ");
        if (has_limits(row))
            sl_buf_addf(out, "%lld to %lld", (long long)row->min, (long long)row->max);
        sl_buf_adds(out, row->reloadable ? " | yes | " : " | no | ");
        add_cell(out, or_empty(row->help));
        sl_buf_adds(out, " |\n");
    }
    sl_buf_addc(out, '\n');
}
