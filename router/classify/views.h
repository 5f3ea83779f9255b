/* views.h - the stages that make other views of a text: look-alike letters, text without its
 * markup, addresses without their disguise, lists of character codes, escapes and blobs.
 *
 * Each either fills a buffer with the whole text in another form and tells the edits, or scans
 * small pieces itself. Threads: one owner; tables are constant once opened. */
#ifndef SL_CLASSIFY_VIEWS_H
#define SL_CLASSIFY_VIEWS_H

#include "router/classify/classify.h"

/* The UTF-8 of ch at q (room for four bytes): its length. */
static inline size_t sl_utf8_put(unsigned char *q, uint32_t ch)
{
    if (ch < 0x80) {
        q[0] = (unsigned char)ch;
        return 1;
    }
    if (ch < 0x800) {
        q[0] = (unsigned char)(0xc0 | ch >> 6), q[1] = (unsigned char)(0x80 | (ch & 0x3f));
        return 2;
    }
    if (ch < 0x10000) {
        q[0] = (unsigned char)(0xe0 | ch >> 12), q[1] = (unsigned char)(0x80 | (ch >> 6 & 0x3f));
        q[2] = (unsigned char)(0x80 | (ch & 0x3f));
        return 3;
    }
    q[0] = (unsigned char)(0xf0 | ch >> 18), q[1] = (unsigned char)(0x80 | (ch >> 12 & 0x3f));
    q[2] = (unsigned char)(0x80 | (ch >> 6 & 0x3f)), q[3] = (unsigned char)(0x80 | (ch & 0x3f));
    return 4;
}
/* One character at i: its length, 0 where the bytes are not UTF-8. */
size_t sl_view_char(sl_str t, size_t i, uint32_t *ret);

void sl_lookalike_open(void);
/* Appends t with tokens of mixed scripts in one; false: nothing changed. */
bool sl_lookalike(sl_str t, sl_buf *out, sl_edits *edits);

/* strip.c: appends t without tags, emphasis, escape sequences, control characters and the joints of
 * strings that code puts together; false: nothing changed. */
bool sl_strip(sl_str t, sl_buf *out, sl_edits *edits);
bool sl_has_control(sl_str t);

/* disguise.c: scans the addresses that avoid their signs ("bob at acme dot com"), text that is
 * said to be reversed or in rot13. */
void sl_disguise_scan(sl_classifier *c, const sl_frame *f, const sl_hints *h);

/* lists.c: scans what lists of character codes spell (decimal, hexadecimal, binary). */
void sl_lists_scan(sl_classifier *c, const sl_frame *f, const sl_hints *h);

/* A piece that stands for [at, at+n) of f's text, as a view that is not taken apart again. */
void sl_scan_piece(sl_classifier *c, const sl_frame *f, const char *view, sl_str text, size_t at,
                   size_t n);
/* The same for something decoded: one deeper, within the limits of a string. */
void sl_scan_decoded(sl_classifier *c, const sl_frame *f, const char *view, const sl_buf *out,
                     size_t at, size_t n);

#endif
