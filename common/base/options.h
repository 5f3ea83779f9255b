/* options.h - one table of options drives the YAML file, the environment, the command line,
 * --help, --dump-config and docs/configuration.md.
 *
 * A row says name, type, offset in the caller's struct, default, limits, unit and help. Names are
 * dotted paths: `http.listen` stands as "http:\n  listen:" in YAML, SLUICE_HTTP_LISTEN in the
 * environment, --http.listen=V (or "--http.listen V") on the command line. Later wins: default,
 * file, environment, command line. Unknown names are errors that suggest the nearest known one.
 * In lists and maps of the environment and the command line "\," stands for a comma in an entry,
 * and maps are written NAME=VALUE,…. Environment variables that name no option are not ours and
 * ignored.
 * A value that came from ${NAME} in the file is as secret as one whose row says so.
 * Ownership: strings written into the struct belong to the sl_options object and live as long as
 * it, those of values that a reload replaced too.
 * Threads: the owner's; the struct may be read by any thread while it is not reloaded. */
#ifndef SL_BASE_OPTIONS_H
#define SL_BASE_OPTIONS_H

#include "common/base/buf.h"
#include "common/base/metrics.h"
#include "common/base/yaml.h"

typedef enum sl_option_type {
    SL_OPT_STR,   /* const char *; never NULL, "" when unset */
    SL_OPT_BOOL,  /* bool */
    SL_OPT_INT,   /* int64_t, with min and max */
    SL_OPT_FLOAT, /* double */
    SL_OPT_ENUM,  /* int: index into `choices`, a '|'-separated list */
    SL_OPT_LIST,  /* sl_option_list: strings; outside of the file comma-separated */
    SL_OPT_MAP    /* sl_option_map: names to strings, for librdkafka properties and the like */
} sl_option_type;

typedef struct sl_option_list {
    const char **v;
    size_t n;
} sl_option_list;
typedef struct sl_option_map {
    struct sl_option_pair {
        const char *name, *value;
    } * v;
    size_t n;
} sl_option_map;

typedef struct sl_option {
    const char *name;
    sl_option_type type;
    size_t offset;
    const char *def; /* as it would stand in YAML; lists comma-separated */
    int64_t min, max;
    const char *unit;    /* "ms", "bytes", "" */
    const char *choices; /* for SL_OPT_ENUM */
    bool reloadable, secret;
    const char *help; /* one or two sentences */
} sl_option;

typedef struct sl_options sl_options;

typedef struct sl_options_spec {
    const char *program, *summary; /* for --help */
    const sl_option *table;        /* ends with name == NULL */
    void *target;                  /* the struct that offsets point into */
    const sl_metric *metrics;      /* for --dump-metrics-doc; NULL: the program has none */
    size_t metrics_n;
} sl_options_spec;

/* Reads everything. --config FILE names the file (optional), --help, --version, --dump-config,
 * --dump-doc and --dump-metrics-doc are answered on stdout: then *ret_exit is true and the caller
 * exits with 0. */
sl_status sl_options_load(sl_options **ret, const sl_options_spec *spec, int argc, char **argv,
                          bool *ret_exit, sl_error *reterr) SL_MUST_CHECK;
/* Reads file and environment again and updates the reloadable ones; names those that changed but
 * need a restart in *ret_ignored (a text, may be NULL). A bad file changes nothing. */
sl_status sl_options_reload(sl_options *o, sl_buf *ret_ignored, sl_error *reterr) SL_MUST_CHECK;
const char *sl_options_config_path(const sl_options *o); /* "" when there is none */
void sl_options_free(sl_options *o);

/* The same table as text: --help, the effective YAML (secrets as ***), a Markdown table. */
void sl_options_help(const sl_options_spec *spec, sl_buf *out);
void sl_options_dump(const sl_options *o, sl_buf *out);
void sl_options_doc(const sl_options_spec *spec, sl_buf *out);

#define SL_VERSION "0.1.0"

#endif
