/* decode.h - inside the decoders: escapes and blobs.
 *
 * Threads: no state. */
#ifndef SL_CLASSIFY_DECODE_H
#define SL_CLASSIFY_DECODE_H

#include "router/classify/views.h"

enum { SL_ESC_OCTAL = 1, SL_ESC_QP = 2, SL_ESC_AROUND = 256 };

int sl_hex_value(char ch); /* -1: no hex digit */
/* Appends the part of t that has escapes, and a little around it, with them undone; kinds: those
 * that are looked for besides percent, HTML, \u and \x. Returns the name of the first, or NULL when
 * there is none; [*ret_from, *ret_to) is the part. */
const char *sl_unescape(sl_str t, unsigned kinds, sl_buf *out, size_t *ret_from, size_t *ret_to);

/* blobs.c: runs of base64, base64url, base32 and hex that hold text; those that don't are doubt. */
void sl_blobs_scan(sl_classifier *c, const sl_frame *f);

#endif
