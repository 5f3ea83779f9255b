/* json_check.h - private to json.c: the strict look at a JSON text before cJSON builds its tree.
 *
 * cJSON takes more than RFC 8259 allows (control characters in strings, 01, a BOM, any byte under
 * 33 as blank) and recurses to its own depth. The check is one loop without recursion; what passes
 * is safe and means the same to every reader. Threads: any. */
#ifndef SL_BASE_JSON_CHECK_H
#define SL_BASE_JSON_CHECK_H

#include "common/base/buf.h"

#define SL_JSON_DEPTH 64

/* A number that a double may not hold exactly: where it stands among the text's numbers. */
typedef struct sl_json_long {
    size_t ordinal, at, n;
} sl_json_long;

/* On success *longs (sl_json_long, appended) lists the numbers of more than 15 digits. */
sl_status sl_json_check(sl_str text, sl_buf *longs, sl_error *reterr) SL_MUST_CHECK;

#endif
