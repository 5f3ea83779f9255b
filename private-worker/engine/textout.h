/* textout.h - tokens' bytes become a stream of whole characters that ends before a stop string.
 *
 * Bytes come in as tokens give them; what goes out is valid UTF-8 (a sequence that can no longer
 * become valid is replaced by U+FFFD) and is held back only as far as a stop string could begin in
 * it, or as a character is incomplete. Never held to the end.
 * Ownership: copies the stop strings. A zeroed sl_textout has none. Threads: one owner. */
#ifndef SL_ENGINE_TEXTOUT_H
#define SL_ENGINE_TEXTOUT_H

#include "common/base/buf.h"

#define SL_STOPS_MAX 16

typedef struct sl_textout {
    char *stops[SL_STOPS_MAX];
    size_t stop_bytes[SL_STOPS_MAX];
    size_t stops_n;
    uint8_t part[4]; /* an incomplete character */
    size_t part_n;
    sl_buf held;  /* whole characters not yet given out */
    size_t ready; /* how many bytes of it may go out */
    bool stopped; /* a stop string has come; nothing goes out after what stood before it */
} sl_textout;

sl_status sl_textout_init(sl_textout *t, const sl_str *stops,
                          size_t n) SL_MUST_CHECK; /* empty strings are ignored */
void sl_textout_done(sl_textout *t);
sl_status sl_textout_push(sl_textout *t, sl_str bytes) SL_MUST_CHECK;
/* No more will come: what was held back is ready now. */
sl_status sl_textout_finish(sl_textout *t) SL_MUST_CHECK;
/* Moves the ready text to the end of out. */
void sl_textout_take(sl_textout *t, sl_buf *out);

#endif
