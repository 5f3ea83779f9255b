/* options_cli.c - the command line, and what a user may have meant by an unknown name. */
#include "common/base/options_impl.h"

#include <stdio.h>

size_t sl_opt_find(const sl_option *table, sl_str name)
{
    size_t i = 0;
    while (table[i].name && !sl_str_is(name, table[i].name))
        i++;
    return i;
}

bool sl_opt_is_section(const sl_option *table, sl_str path)
{
    for (; table->name; table++)
        if (strncmp(table->name, path.p, path.n) == 0 && table->name[path.n] == '.')
            return true;
    return false;
}

void sl_opt_env_name(const char *name, char out[SL_OPT_NAME])
{
    snprintf(out, SL_OPT_NAME, "SLUICE_%s", name);
    for (char *c = out; *c; c++)
        *c = *c == '.' || *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
}

/* Levenshtein's distance, one row at a time. Names are under SL_OPT_NAME bytes. */
static size_t distance(sl_str a, sl_str b)
{
    size_t row[SL_OPT_NAME];
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);
            diagonal = row[j];
            size_t drop = row[j] + 1, add = row[j - 1] + 1;
            row[j] = change < drop ? change : drop;
            if (add < row[j])
                row[j] = add;
        }
    }
    return row[b.n];
}

/* `name` up to its parts-th dot. */
static sl_str cut(const char *name, size_t parts)
{
    size_t n = 0;
    for (; name[n]; n++)
        if (name[n] == '.' && --parts == 0)
            break;
    return (sl_str){name, n};
}

static void consider(sl_str name, sl_str known, size_t *best, char out[SL_OPT_NAME])
{
    if (known.n >= SL_OPT_NAME)
        return;
    size_t d = distance(name, known);
    if (d < *best) {
        *best = d;
        memcpy(out, known.p, known.n);
        out[known.n] = '\0';
    }
}

const char *sl_opt_nearest(const sl_option *table, sl_str name, bool section, char out[SL_OPT_NAME])
{
    static const char *const built_in[] = {"config",      "help",     "version",
                                           "dump-config", "dump-doc", "dump-metrics-doc"};
    out[0] = '\0';
    if (name.n >= SL_OPT_NAME)
        return out;
    size_t parts = 1, best = name.n / 3 + 2; /* farther than that is no slip of the finger */
    for (size_t i = 0; i < name.n; i++)
        parts += name.p[i] == '.';
    for (const sl_option *row = table; row->name; row++)
        consider(name, section ? cut(row->name, parts) : sl_str_c(row->name), &best, out);
    for (size_t i = 0; !section && i < sizeof(built_in) / sizeof(built_in[0]); i++)
        consider(name, sl_str_c(built_in[i]), &best, out);
    if (out[0])
        return out;
    /* "listen" for "http.listen": the last part alone. */
    for (const sl_option *row = table; row->name && !section; row++) {
        const char *dot = strrchr(row->name, '.');
        if (dot && sl_str_is(name, dot + 1))
            snprintf(out, SL_OPT_NAME, "%s", row->name);
    }
    return out;
}

static sl_status unknown(const sl_options *o, sl_str name, sl_error *reterr)
{
    char near[SL_OPT_NAME];
    sl_opt_nearest(o->spec.table, name, false, near);
    if (near[0])
        return sl_fail(reterr, SL_E_INVALID, "--%.*s is no option; did you mean --%s?",
                       (int)(name.n > 60 ? 60 : name.n), name.p, near);
    return sl_fail(reterr, SL_E_INVALID, "--%.*s is no option; see --help",
                   (int)(name.n > 60 ? 60 : name.n), name.p);
}

/* The value of the option in argv[*i]: behind its '=', or the next argument. */
static const char *take_value(int argc, char **argv, int *i, const char *equals)
{
    if (equals)
        return equals + 1;
    return *i + 1 < argc ? argv[++*i] : NULL;
}

/* A switch needs no value: --encrypt.private alone is true, "--encrypt.private false" works too. */
static const char *take_bool(int argc, char **argv, int *i, const char *equals)
{
    const char *next = !equals && *i + 1 < argc ? argv[*i + 1] : "";
    if (equals || strcmp(next, "true") == 0 || strcmp(next, "false") == 0)
        return take_value(argc, argv, i, equals);
    return "true";
}

static const char *asked(sl_str name)
{
    static const char *const asks[] = {"help", "version", "dump-config", "dump-doc",
                                       "dump-metrics-doc"};
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
        if (sl_str_is(name, asks[i]))
            return asks[i];
    return NULL;
}

static sl_status read_one(sl_options *o, int argc, char **argv, int *i, const char **ret_ask,
                          sl_error *reterr)
{
    const char *arg = argv[*i];
    if (strcmp(arg, "-h") == 0)
        arg = "--help";
    if (strncmp(arg, "--", 2) != 0 || arg[2] == '\0')
        return sl_fail(reterr, SL_E_INVALID,
                       "argument %d is no option: options are --name=value; see --help", *i);
    const char *equals = strchr(arg, '=');
    sl_str name = {arg + 2, equals ? (size_t)(equals - arg - 2) : strlen(arg + 2)};
    const char *ask = equals ? NULL : asked(name);
    if (ask) {
        if (!*ret_ask) /* the first one counts */
            *ret_ask = ask;
        return SL_OK;
    }
    size_t row = sl_opt_find(o->spec.table, name);
    bool config = sl_str_is(name, "config");
    if (row == o->n && !config)
        return unknown(o, name, reterr);
    const char *value = !config && o->spec.table[row].type == SL_OPT_BOOL
                            ? take_bool(argc, argv, i, equals)
                            : take_value(argc, argv, i, equals);
    if (!value)
        return sl_fail(reterr, SL_E_INVALID, "--%s needs a value", arg + 2);
    const char **slot = config ? &o->path : &o->cli[row];
    *slot = sl_arena_strndup(&o->own, value, strlen(value)); /* reload reads it again */
    return *slot ? SL_OK : sl_fail(reterr, SL_E_NOMEM, "options: out of memory");
}

sl_status sl_opt_read_cli(sl_options *o, int argc, char **argv, const char **ret_ask,
                          sl_error *reterr)
{
    sl_status st = SL_OK;
    *ret_ask = NULL;
    for (int i = 1; i < argc && !st; i++)
        st = read_one(o, argc, argv, &i, ret_ask, reterr);
    return st;
}
