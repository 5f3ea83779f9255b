/* args.h - the command line of a subcommand from one table: parser and --help say the same.
 *
 * --name VALUE, --name=VALUE and flags without value; "--" ends options; the rest are words.
 * Threads: one owner. */
#ifndef SL_CTL_ARGS_H
#define SL_CTL_ARGS_H

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct sl_arg {
    const char *name;  /* without dashes; ends with NULL */
    const char *value; /* how --help names the value; NULL: a flag */
    const char *def;   /* shown in --help; NULL: none */
    const char *help;
    const char **text; /* gets the value */
    bool *flag;        /* gets true */
    int64_t *number;   /* gets a whole number (then text is NULL) */
} sl_arg;

typedef struct sl_args {
    const char *command, *words, *summary; /* "send", "[TEXT]", one sentence */
    const sl_arg *table;
    const char **word; /* of argv */
    size_t words_n;
    bool help; /* --help was asked for (and printed) */
} sl_args;

/* argv[0] is the subcommand. Sets defaults first; the last of repeated options counts. --help (-h)
 * ends parsing. word borrows argv; free with sl_args_done, after failures too. */
sl_status sl_args_parse(sl_args *a, int argc, char **argv, sl_error *reterr) SL_MUST_CHECK;
void sl_args_done(sl_args *a);

#endif
