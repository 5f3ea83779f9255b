/* views.c - the normalised view of a text: NFKC (Unicode 15, by ICU), Default_Ignorable and format
 * characters dropped, combining marks behind ASCII dropped, every decimal digit as ASCII, every
 * dash as '-', every space as ' ', middle dots and bullets as '.'.
 *
 * NFKC of a whole text costs more than matching it, so a table built once from ICU says for each
 * character of the basic plane what single character it becomes, or that it needs ICU; only the few
 * characters around such a one go through unorm2_normalize. ASCII text never comes here. */
#include "router/classify/classify.h"

#include <pthread.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum { SEGMENT_MAX = 64 }; /* UTF-16 units of one normalisation segment; longer ones are split */

#define MAP_SLOW 0xffff /* needs ICU (or may join what stands before it) */
#define MAP_DROP 0x0000

static struct {
    pthread_once_t once;
    const UNormalizer2 *nfkc;
    uint16_t map[0x10000];
    bool failed;
} views = {.once = PTHREAD_ONCE_INIT};

/* What one normalised character becomes: a dash, a space, a digit, itself, or nothing. */
static UChar32 fold(UChar32 ch)
{
    if (ch < 0x80)
        return ch;
    if (u_hasBinaryProperty(ch, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
        return MAP_DROP;
    int type = u_charType(ch);
    if (type == U_DECIMAL_DIGIT_NUMBER)
        return '0' + u_charDigitValue(ch);
    if (type == U_DASH_PUNCTUATION || ch == 0x2212) /* minus sign */
        return '-';
    if (type == U_SPACE_SEPARATOR)
        return ' ';
    if (type == U_FORMAT_CHAR)
        return MAP_DROP;
    if (type == U_LINE_SEPARATOR || type == U_PARAGRAPH_SEPARATOR || ch == 0x85)
        return '\n';
    if (ch == 0xb7 || ch == 0x2022 || ch == 0x30fb || ch == 0x2027 || ch == 0x2219 || ch == 0x3002)
        return '.';
    return ch;
}

static uint16_t map_one(UChar32 ch)
{
    if (ch >= 0xd800 && ch <= 0xdfff)
        return MAP_DROP;
    if (u_hasBinaryProperty(ch, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
        return MAP_DROP;
    int type = u_charType(ch);
    if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK)
        return MAP_SLOW; /* joins or is dropped: depends on what stands before */
    if (!unorm2_hasBoundaryBefore(views.nfkc, ch))
        return MAP_SLOW;
    UErrorCode err = U_ZERO_ERROR;
    UChar in[2], out[SEGMENT_MAX];
    in[0] = (UChar)ch;
    int32_t n = unorm2_normalize(views.nfkc, in, 1, out, SEGMENT_MAX, &err);
    if (U_FAILURE(err) || n != 1 || u_getCombiningClass(out[0]) != 0)
        return MAP_SLOW;
    UChar32 to = fold(out[0]);
    return to >= 0xffff ? MAP_SLOW : (uint16_t)to;
}

static void build(void)
{
    UErrorCode err = U_ZERO_ERROR;
    views.nfkc = unorm2_getNFKCInstance(&err);
    if (U_FAILURE(err)) {
        views.failed = true;
        return;
    }
    for (UChar32 ch = 0; ch < 0x10000; ch++)
        views.map[ch] = ch < 0x80 ? (uint16_t)ch : map_one(ch);
    views.map[0] = ' '; /* NUL is no character to keep, and MAP_DROP would hide a joint */
}

sl_status sl_views_open(sl_error *reterr)
{
    pthread_once(&views.once, build);
    if (views.failed)
        return sl_fail(reterr, SL_E_INTERNAL,
                       "ICU has no NFKC data: install the package libicu72 completely");
    return SL_OK;
}

bool sl_ascii(sl_str s)
{
    size_t i = 0;
    uint64_t any = 0;
    for (; i + 32 <= s.n; i += 32) {
        uint64_t w[4];
        memcpy(w, s.p + i, 32);
        any |= w[0] | w[1] | w[2] | w[3];
    }
    for (; i < s.n; i++)
        any |= (uint64_t)(unsigned char)s.p[i];
    return (any & 0x8080808080808080u) == 0;
}

/* Decodes one character; returns its length, or 0 where the bytes are not UTF-8. */
static size_t decode(const unsigned char *p, size_t n, UChar32 *ret)
{
    unsigned char b = p[0];
    if (b < 0x80) {
        *ret = b;
        return 1;
    }
    size_t len = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
    if (b < 0xc2 || b > 0xf4 || n < len)
        return 0;
    UChar32 ch = b & (0xff >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        ch = ch << 6 | (p[i] & 0x3f);
    }
    static const UChar32 least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (ch < least[len] || ch > 0x10ffff || (ch >= 0xd800 && ch <= 0xdfff))
        return 0;
    *ret = ch;
    return len;
}

static inline void put(sl_buf *out, UChar32 ch)
{
    if (out->cap - out->len < 8 && !sl_buf_reserve(out, 64))
        return;
    unsigned char *q = (unsigned char *)out->data + out->len;
    if (ch < 0x80) {
        q[0] = (unsigned char)ch;
        out->len += 1;
    } else if (ch < 0x800) {
        q[0] = (unsigned char)(0xc0 | ch >> 6), q[1] = (unsigned char)(0x80 | (ch & 0x3f));
        out->len += 2;
    } else if (ch < 0x10000) {
        q[0] = (unsigned char)(0xe0 | ch >> 12), q[1] = (unsigned char)(0x80 | (ch >> 6 & 0x3f));
        q[2] = (unsigned char)(0x80 | (ch & 0x3f));
        out->len += 3;
    } else {
        q[0] = (unsigned char)(0xf0 | ch >> 18), q[1] = (unsigned char)(0x80 | (ch >> 12 & 0x3f));
        q[2] = (unsigned char)(0x80 | (ch >> 6 & 0x3f)), q[3] = (unsigned char)(0x80 | (ch & 0x3f));
        out->len += 4;
    }
}

/* Where a character of the astral planes stands for itself (emoji, rare Chinese). */
static bool astral_plain(UChar32 ch)
{
    return (ch >= 0x1f300 && ch <= 0x1fbef) || (ch >= 0x20000 && ch <= 0x2f7ff);
}

/* Normalises one segment (a starter and what follows without a boundary) and appends it. */
static void segment(const UChar *in, int32_t n, sl_buf *out, sl_norm_result *res)
{
    UChar norm[SEGMENT_MAX * 18 + 1]; /* U+FDFA becomes 18 units, the longest */
    UErrorCode err = U_ZERO_ERROR;
    int32_t m = unorm2_normalize(views.nfkc, in, n, norm, SEGMENT_MAX * 18, &err);
    if (U_FAILURE(err)) {
        res->invalid = true; /* can't happen with these sizes; doubt if it does */
        return;
    }
    bool after_ascii = out->len > 0 && (unsigned char)out->data[out->len - 1] < 0x80;
    for (int32_t i = 0; i < m;) {
        UChar32 ch;
        U16_NEXT(norm, i, m, ch);
        int type = u_charType(ch);
        bool mark = type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK;
        if (mark && after_ascii)
            continue; /* keycaps, strike-through: decoration on what is read as ASCII */
        UChar32 to = fold(ch);
        if (to == MAP_DROP)
            continue;
        after_ascii = to < 0x80;
        put(out, to);
    }
    res->changed = res->dropped = true;
}

/* State of the walk. last_in, last_out: where the character right before i began, in source and
 * output; last_in == i when there is none that could join with what stands at i. */
typedef struct walk {
    const unsigned char *p;
    size_t n, i, last_in, last_out;
} walk;

/* Copies ASCII, eight bytes at a time, from w->i on; returns false when there is none. */
static bool copy_ascii(walk *w, sl_buf *out)
{
    size_t from = w->i;
    while (w->i + 8 <= w->n) {
        uint64_t v;
        memcpy(&v, w->p + w->i, 8);
        if (v & 0x8080808080808080u || (out->cap - out->len < 16 && !sl_buf_reserve(out, 64)))
            break;
        memcpy(out->data + out->len, &v, 8);
        out->len += 8;
        w->i += 8;
    }
    if (w->i == from)
        return false;
    w->last_in = w->i - 1;
    w->last_out = out->len - 1;
    return true;
}

/* At walk->i stands a character that needs ICU: takes the segment around it. */
static void slow(walk *w, sl_buf *out, sl_norm_result *res)
{
    UChar seg[SEGMENT_MAX];
    int32_t m = 0;
    UChar32 ch = 0;
    size_t from = w->i;
    size_t len = decode(w->p + w->i, w->n - w->i, &ch);
    if (w->last_in < w->i && !unorm2_hasBoundaryBefore(views.nfkc, ch)) {
        from = w->last_in; /* it may join the character before */
        out->len = w->last_out;
    }
    bool first = true;
    for (w->i = from; w->i < w->n; w->i += len, first = false) {
        len = decode(w->p + w->i, w->n - w->i, &ch);
        if (len == 0 || m + 2 > SEGMENT_MAX)
            break;
        if (!first && unorm2_hasBoundaryBefore(views.nfkc, ch) && ch >= 0x20) {
            int type = u_charType(ch);
            if (type != U_NON_SPACING_MARK && type != U_ENCLOSING_MARK)
                break;
        }
        U16_APPEND_UNSAFE(seg, m, ch);
    }
    segment(seg, m, out, res);
    w->last_in = w->i;
    w->last_out = out->len;
}

size_t sl_normalise(sl_str in, sl_buf *out, size_t stop, sl_norm_result *ret)
{
    sl_norm_result res = {0};
    walk w = {.p = (const unsigned char *)in.p, .n = in.n};
    size_t start = out->len, at = SIZE_MAX;
    if (!sl_buf_reserve(out, in.n + 4)) {
        *ret = res;
        return SIZE_MAX;
    }
    while (w.i < w.n && !out->failed) {
        if (out->len - start > stop) {
            at = w.last_in;
            break;
        }
        if (w.p[w.i] < 0x80 && stop == SIZE_MAX && copy_ascii(&w, out))
            continue;
        UChar32 ch;
        size_t len = decode(w.p + w.i, w.n - w.i, &ch);
        if (len == 0) {
            res.invalid = res.changed = res.dropped = true;
            w.last_in = ++w.i;
            w.last_out = out->len;
            continue;
        }
        uint16_t to = ch < 0x10000 ? views.map[ch] : astral_plain(ch) ? 1 : MAP_SLOW;
        if (to == MAP_SLOW) {
            slow(&w, out, &res);
            continue;
        }
        if (to == MAP_DROP) {
            res.changed = res.dropped = true;
            w.last_in =
                w.i + len; /* nothing joins across it, else a row of them costs its square */
            w.last_out = out->len;
        } else {
            w.last_in = w.i;
            w.last_out = out->len;
            res.changed |= ch < 0x10000 && to != ch;
            put(out, ch < 0x10000 ? to : ch);
        }
        w.i += len;
    }
    if (ret)
        *ret = res;
    return at;
}
