/* options_impl.h - private to options*.c: what the steps from text to typed values share. */
#ifndef SL_BASE_OPTIONS_IMPL_H
#define SL_BASE_OPTIONS_IMPL_H

#include "common/base/arena.h"
#include "common/base/options.h"

/* Which parts of a row's value came from ${NAME} in the file and must not be shown. */
typedef struct sl_opt_mark {
    bool secret;    /* the whole value */
    bool *elements; /* of a list or map: each one; NULL: none */
} sl_opt_mark;

struct sl_options {
    sl_options_spec spec;
    size_t n, size;   /* rows; bytes of the target that they cover */
    const char *path; /* of the configuration file; "" when there is none */
    const char **cli; /* a row: its text on the command line, or NULL */
    sl_opt_mark *marks;
    sl_arena own;     /* path and cli */
    sl_arena *values; /* one for each load or reload that changed something */
    size_t values_n;
};

/* Where a value stands, for texts of errors and for its form. */
typedef struct sl_opt_source {
    const char *where; /* "gateway.yaml:12", "the environment", "the command line", "the default" */
    const char *label; /* "http.listen", "SLUICE_HTTP_LISTEN", "--http.listen" */
    const sl_yaml_node *node; /* from a file */
    const char *text;         /* else */
} sl_opt_source;

/* Converts into base + row->offset; strings go into the arena. */
sl_status sl_opt_convert(const sl_option *row, const sl_opt_source *src, sl_arena *arena,
                         void *base, sl_opt_mark *mark, sl_error *reterr) SL_MUST_CHECK;
bool sl_opt_equal(const sl_option *row, const void *a, const void *b); /* bases */
size_t sl_opt_size(sl_option_type type);
/* The index-th of a '|'-separated list; p == NULL behind the last. */
sl_str sl_opt_choice(const char *choices, size_t index);

/* The row of that name; n when there is none. */
size_t sl_opt_find(const sl_option *table, sl_str name);
bool sl_opt_is_section(const sl_option *table, sl_str path);
/* The known name nearest to `name`, or "" when none is near; `out` holds it. With `section`, names
 * are cut to as many parts as `name` has. */
#define SL_OPT_NAME 128
const char *sl_opt_nearest(const sl_option *table, sl_str name, bool section,
                           char out[SL_OPT_NAME]);

/* Command line: fills o->cli and o->path. *ret_ask: "help", "version", "dump-config", "dump-doc"
 * or NULL. */
sl_status sl_opt_read_cli(sl_options *o, int argc, char **argv, const char **ret_ask,
                          sl_error *reterr) SL_MUST_CHECK;
/* SLUICE_HTTP_LISTEN for http.listen. */
void sl_opt_env_name(const char *name, char out[SL_OPT_NAME]);

#endif
