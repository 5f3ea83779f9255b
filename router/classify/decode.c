/* decode.c - what a view holds encoded is scanned as views of their own, two deep. */
#include "router/classify/decode.h"

void sl_decode_scan(sl_classifier *c, const sl_frame *f, const sl_hints *h)
{
    sl_str t = f->text;
    unsigned kinds = (h->any >> SL_HINT_ESCAPE & 1 ? SL_ESC_OCTAL : 0) |
                     (h->any >> SL_HINT_QP & 1 ? SL_ESC_QP : 0);
    bool escapes =
        kinds || memchr(t.p, '%', t.n) || memchr(t.p, '&', t.n) || memchr(t.p, '\\', t.n);
    if (escapes && f->depth < SL_DECODE_DEPTH && sl_work(c, t.n * 2)) {
        sl_buf *out = &c->decoded[f->depth];
        size_t from = 0, to = 0;
        sl_buf_clear(out);
        const char *view = sl_unescape(t, kinds, out, &from, &to);
        if (view && !sl_buf_ok(out))
            sl_add(c, SL_ENT_CLASSIFIER_ERROR, SL_LEVEL_INTERNAL, 0, 0);
        else if (view)
            sl_scan_decoded(c, f, view, out, from, to - from);
    }
    sl_blobs_scan(c, f);
}
