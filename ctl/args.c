#include "ctl/args.h"

#include "common/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

static void print_help(const sl_args *a)
{
    printf("Usage: sluice %s [options] %s\n%s\n\nOptions:\n", a->command, a->words, a->summary);
    for (const sl_arg *o = a->table; o->name; o++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        printf("  %-26s %s", left, o->help);
        if (o->def && o->def[0])
            printf(" (default %s)", o->def);
        putchar('\n');
    }
    printf("  %-26s %s\n", "--help", "this text");
}

static sl_status set(const sl_arg *o, const char *value, sl_error *reterr)
{
    if (o->flag)
        *o->flag = true;
    else if (o->text)
        *o->text = value;
    else if (!sl_parse_i64(sl_str_c(value), o->number))
        return sl_fail(reterr, SL_E_INVALID, "--%s: '%s' is not a whole number", o->name, value);
    return SL_OK;
}

static const sl_arg *find(const sl_args *a, sl_str name)
{
    for (const sl_arg *o = a->table; o->name; o++)
        if (sl_str_is(name, o->name))
            return o;
    return NULL;
}

/* One option at argv[*i]; moves *i over its value. */
static sl_status option(sl_args *a, int argc, char **argv, int *i, sl_error *reterr)
{
    const char *text = argv[*i] + 2, *eq = strchr(text, '=');
    sl_str name = {text, eq ? (size_t)(eq - text) : strlen(text)};
    const sl_arg *o = find(a, name);
    if (!o)
        return sl_fail(reterr, SL_E_INVALID, "unknown option --%.*s; see `sluice %s --help`",
                       (int)name.n, name.p, a->command);
    if (o->flag)
        return eq ? sl_fail(reterr, SL_E_INVALID, "--%s takes no value", o->name)
                  : set(o, NULL, reterr);
    if (!eq && *i + 1 >= argc)
        return sl_fail(reterr, SL_E_INVALID, "--%s needs a value (%s)", o->name, o->value);
    return set(o, eq ? eq + 1 : argv[++*i], reterr);
}

sl_status sl_args_parse(sl_args *a, int argc, char **argv, sl_error *reterr)
{
    bool words_only = false;
    a->word = calloc((size_t)argc + 1, sizeof(*a->word));
    if (!a->word)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory");
    for (const sl_arg *o = a->table; o->name; o++)
        if (o->def && !o->flag && set(o, o->def, reterr) != SL_OK)
            return SL_E_INVALID;
    for (int i = 1; i < argc; i++) {
        if (!words_only && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))) {
            print_help(a);
            a->help = true;
            return SL_OK;
        }
        if (words_only || strncmp(argv[i], "--", 2) != 0) {
            a->word[a->words_n++] = argv[i];
        } else if (!argv[i][2]) {
            words_only = true;
        } else {
            sl_status st = option(a, argc, argv, &i, reterr);
            if (st)
                return st;
        }
    }
    return SL_OK;
}

void sl_args_done(sl_args *a)
{
    free(a->word);
    a->word = NULL;
    a->words_n = 0;
}
