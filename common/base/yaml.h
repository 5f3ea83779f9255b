/* yaml.h - a YAML 1.1 file as a tree of nodes that know their line (libyaml events underneath).
 *
 * Serves the daemons' configuration and the router's policy. Limits: 1 MiB, depth 32, 100,000
 * nodes; anchors, aliases, tags, directives and several documents are refused by name with their
 * line. "$${" stands for a literal "${" when variables are expanded.
 * `${NAME}` in a scalar is replaced by the environment variable when `expand_env` is set; a missing
 * one is an error with its line; expanded nodes are marked secret and never printed.
 * Ownership: sl_yaml owns all nodes. Threads: immutable once parsed. */
#ifndef SL_BASE_YAML_H
#define SL_BASE_YAML_H

#include "common/base/buf.h"

typedef enum sl_yaml_kind { SL_YAML_SCALAR, SL_YAML_SEQ, SL_YAML_MAP } sl_yaml_kind;

typedef struct sl_yaml_node {
    sl_yaml_kind kind;
    int line;                          /* from 1; of a map's entry: its key's */
    bool quoted;                       /* a quoted scalar is always a string */
    bool secret;                       /* came from ${NAME} */
    sl_str key;                        /* in a map: this entry's key */
    sl_str scalar;                     /* SL_YAML_SCALAR */
    struct sl_yaml_node *first, *next; /* children; next sibling */
} sl_yaml_node;

typedef struct sl_yaml sl_yaml;
/* `name` stands in error texts ("policy.yaml:12: …"). A duplicate key is an error. */
sl_status sl_yaml_parse(sl_yaml **ret, const char *name, sl_str text, bool expand_env,
                        sl_error *reterr) SL_MUST_CHECK;
const sl_yaml_node *sl_yaml_root(const sl_yaml *y); /* NULL for an empty file */
void sl_yaml_free(sl_yaml *y);

const sl_yaml_node *sl_yaml_get(const sl_yaml_node *map, const char *key); /* NULL: absent */
/* Scalars: true|false, whole numbers, plain text. False when the node is not one. */
bool sl_yaml_bool(const sl_yaml_node *n, bool *ret);
bool sl_yaml_i64(const sl_yaml_node *n, int64_t *ret);

#endif
