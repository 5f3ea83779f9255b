/* json.h - reading JSON (RFC 8259) as a tree; the one adapter of cJSON.
 *
 * Stricter than cJSON: the text must be UTF-8, at most `max` bytes and 64 levels deep, without
 * trailing bytes, without \u0000 (a C string could not hold what follows it) and without a key
 * that stands twice in an object (two readers could take different ones).
 * Ownership: sl_json owns all nodes; views live as long as it, or until the node is changed.
 * A sl_jnode is cJSON's own node behind an opaque name. Threads: one owner. */
#ifndef SL_BASE_JSON_H
#define SL_BASE_JSON_H

#include "common/base/buf.h"

typedef struct cJSON sl_jnode; /* opaque here */

typedef enum sl_jkind {
    SL_J_NULL,
    SL_J_BOOL,
    SL_J_NUMBER,
    SL_J_STRING,
    SL_J_ARRAY,
    SL_J_OBJECT
} sl_jkind;

/* Errors name the byte offset. The root must be freed with sl_json_free. */
sl_status sl_json_parse(sl_jnode **ret, sl_str text, size_t max, sl_error *reterr) SL_MUST_CHECK;
void sl_json_free(sl_jnode *root); /* NULL is fine */

sl_jkind sl_json_kind(const sl_jnode *n);                          /* NULL: SL_J_NULL */
const sl_jnode *sl_json_get(const sl_jnode *obj, const char *key); /* exact case; NULL: absent */
const sl_jnode *sl_json_first(const sl_jnode *n); /* first child of array or object, or NULL */
const sl_jnode *sl_json_next(const sl_jnode *n);
sl_str sl_json_key(const sl_jnode *n); /* of an object's member */
size_t sl_json_size(const sl_jnode *n);
/* False (and *ret untouched) when the node is absent or of another kind. */
bool sl_json_str(const sl_jnode *n, sl_str *ret);
bool sl_json_bool(const sl_jnode *n, bool *ret);
bool sl_json_f64(const sl_jnode *n, double *ret);
bool sl_json_i64(const sl_jnode *n, int64_t *ret); /* whole numbers up to 2^53 in magnitude */

/* Changing: set replaces or adds. */
sl_status sl_json_set_str(sl_jnode *obj, const char *key, sl_str v) SL_MUST_CHECK;
sl_status sl_json_set_i64(sl_jnode *obj, const char *key, int64_t v) SL_MUST_CHECK;
sl_status sl_json_set_bool(sl_jnode *obj, const char *key, bool v) SL_MUST_CHECK;
void sl_json_remove(sl_jnode *obj, const char *key);
void sl_json_write(const sl_jnode *n, sl_buf *out); /* compact */

#endif
