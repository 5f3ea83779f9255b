/* jsonw.h - writing JSON (RFC 8259) into an sl_buf: commas and escapes are its business.
 *
 * A writer borrows the buffer. Strings must be UTF-8; bytes that are not are written as U+FFFD.
 * Keys are C strings that need no escaping. Threads: one owner. */
#ifndef SL_BASE_JSONW_H
#define SL_BASE_JSONW_H

#include "common/base/buf.h"

typedef struct sl_jsonw {
    sl_buf *b;
    bool comma; /* the next value needs a comma first */
} sl_jsonw;

static inline sl_jsonw sl_jsonw_on(sl_buf *b)
{
    return (sl_jsonw){b, false};
}
void sl_jsonw_obj(sl_jsonw *w, const char *key); /* key NULL: in an array or at the top */
void sl_jsonw_end_obj(sl_jsonw *w);
void sl_jsonw_arr(sl_jsonw *w, const char *key);
void sl_jsonw_end_arr(sl_jsonw *w);
void sl_jsonw_str(sl_jsonw *w, const char *key, sl_str v); /* v.p == NULL: null */
void sl_jsonw_cstr(sl_jsonw *w, const char *key, const char *v);
void sl_jsonw_i64(sl_jsonw *w, const char *key, int64_t v);
void sl_jsonw_u64(sl_jsonw *w, const char *key, uint64_t v);
void sl_jsonw_f64(sl_jsonw *w, const char *key, double v); /* shortest form that reads back equal */
void sl_jsonw_bool(sl_jsonw *w, const char *key, bool v);
void sl_jsonw_null(sl_jsonw *w, const char *key);
void sl_jsonw_raw(sl_jsonw *w, const char *key, sl_str json); /* json is one whole JSON value */

/* Appends v escaped, without quotes. */
void sl_json_escape(sl_buf *b, sl_str v);

#endif
