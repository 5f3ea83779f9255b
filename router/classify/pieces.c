/* pieces.c - what parts of a view mean (digits that are spelled, pulled apart or look alike),
 * written out beside the words that stand around them, and read as one more view. */
#include "router/classify/words.h"

enum { BEFORE = 64, BEHIND = 44, TEXT_MAX = 80 };

/* Bytes of pieces that a string may have: enough for any text, and a bound for what is made of
 * nothing else. */
static size_t allowance(sl_str t)
{
    return t.n + 4096;
}

static void put(sl_classifier *c, sl_str t, size_t from, size_t end, sl_str text, bool doubtful)
{
    sl_pieces *p = &c->pieces;
    if (text.n > TEXT_MAX)
        return;
    size_t left = from > BEFORE ? from - BEFORE : 0;
    size_t right = t.n - end > BEHIND ? end + BEHIND : t.n;
    /* no parts of words, numbers and characters at the edges */
    while (left > 0 && left < from &&
           (sl_is_alnum(t.p[left - 1]) || ((unsigned char)t.p[left] & 0xc0) == 0x80))
        left++;
    while (right < t.n && right > end &&
           (sl_is_alnum(t.p[right]) || ((unsigned char)t.p[right] & 0xc0) == 0x80))
        right--;
    size_t n = right - left + text.n + 8;
    if (c->pieces_bytes + n > allowance(t)) {
        p->cut |= !doubtful;
        return;
    }
    c->pieces_bytes += n;
    sl_buf *out = &p->text;
    /* far from the piece before, and no beginning of a line */
    sl_buf_adds(out, "\n\n\n\n; ");
    sl_edits_add(&p->edits, out->len, left);
    sl_buf_add(out, t.p + left, from - left);
    size_t at = out->len;
    sl_edits_add(&p->edits, at, from);
    sl_buf_add_str(out, text);
    if (!doubtful && p->sure_n < SL_SURE)
        p->sure[p->sure_n].from = (uint32_t)at, p->sure[p->sure_n++].to = (uint32_t)out->len;
    sl_edits_add(&p->edits, out->len, end);
    sl_buf_add(out, t.p + end, right - end);
    sl_edits_add(&p->edits, out->len, right);
    sl_buf_adds(out, " ;");
}

static bool seen(const sl_classifier *c, uint32_t from, uint32_t end)
{
    for (unsigned i = 0; i < c->seen_n && i < SL_TAKEN; i++) {
        if (c->seen[i].from < end && c->seen[i].to > from)
            return true;
    }
    return false;
}

void sl_pieces_add(sl_classifier *c, sl_str t, size_t from, size_t end, sl_str text, bool doubtful)
{
    sl_pieces *p = &c->pieces;
    if (!doubtful) {
        put(c, t, from, end, text, false);
    } else if (p->maybe_n < SL_MAYBE && text.n <= sizeof p->maybe->d &&
               !seen(c, (uint32_t)from, (uint32_t)end)) {
        p->maybe[p->maybe_n].from = (uint32_t)from, p->maybe[p->maybe_n].end = (uint32_t)end;
        p->maybe[p->maybe_n].n = (int)text.n;
        memcpy(p->maybe[p->maybe_n++].d, text.p, text.n);
    }
}

void sl_pieces_clear(sl_classifier *c)
{
    sl_pieces *p = &c->pieces;
    sl_buf_clear(&p->text);
    sl_edits_clear(&p->edits);
    p->sure_n = p->maybe_n = 0;
    p->cut = false;
}

void sl_pieces_scan(sl_classifier *c, const sl_frame *f)
{
    sl_pieces *p = &c->pieces;
    c->frame = f;
    for (int i = 0; i < p->maybe_n; i++) {
        if (!seen(c, p->maybe[i].from, p->maybe[i].end))
            put(c, f->text, p->maybe[i].from, p->maybe[i].end,
                (sl_str){p->maybe[i].d, (size_t)p->maybe[i].n}, true);
    }
    p->maybe_n = 0;
    if (!sl_buf_ok(&p->text))
        sl_add(c, SL_ENT_CLASSIFIER_ERROR, SL_LEVEL_INTERNAL, 0, 0);
    if (p->cut)
        sl_add(c, SL_ENT_OVERSIZE, SL_LEVEL_INTERNAL, 0, 0);
    if (p->text.len > 0) {
        sl_frame in = {.view = f->decoded ? f->view : "digits",
                       .text = sl_buf_str(&p->text),
                       .parent = f,
                       .edits = &p->edits,
                       .decoded = f->decoded,
                       .again = true,
                       .pieces = true,
                       .stage = 2,
                       .depth = f->depth};
        sl_scan_view(c, &in);
        c->frame = f;
    }
    sl_pieces_clear(c);
}
