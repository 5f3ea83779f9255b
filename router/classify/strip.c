/* strip.c - text without what keeps its letters apart: tags inside words, emphasis, escape
 * sequences of terminals, control characters, and the joints of strings that code puts together. */
#include "router/classify/views.h"

enum { TAG_MAX = 400, JOINT_MAX = 16 };

bool sl_has_control(sl_str t)
{
    size_t i = 0;
    for (; i + 8 <= t.n; i += 8) {
        uint64_t v, low, del;
        memcpy(&v, t.p + i, 8);
        low = (v - 0x2020202020202020u) & ~v & 0x8080808080808080u;
        del = v ^ 0x7f7f7f7f7f7f7f7fu;
        del = (del - 0x0101010101010101u) & ~del & 0x8080808080808080u;
        if (low | del)
            break;
    }
    for (; i < t.n; i++) {
        unsigned char b = (unsigned char)t.p[i];
        if ((b < ' ' && b != '\n' && b != '\t' && b != '\r') || b == 0x7f)
            return true;
    }
    return false;
}

/* The end of the tag or comment at i; 0: none. */
static size_t tag(sl_str t, size_t i)
{
    size_t max = t.n - i < TAG_MAX ? t.n - i : TAG_MAX;
    if (max >= 4 && memcmp(t.p + i, "<!--", 4) == 0) {
        const char *end = memmem(t.p + i, max, "-->", 3);
        return end ? (size_t)(end - t.p) + 3 : 0;
    }
    if (max < 3 || !(sl_is_letter(t.p[i + 1]) || (t.p[i + 1] == '/' && sl_is_letter(t.p[i + 2]))))
        return 0;
    size_t name = i + 2;
    while (name < t.n && (sl_is_letter(t.p[name]) || (unsigned char)(t.p[name] - '0') < 10))
        name++;
    if (name >= t.n || !memchr(" />\n\t", t.p[name], 5))
        return 0;
    const char *end = memchr(t.p + i, '>', max);
    return end ? (size_t)(end - t.p) + 1 : 0;
}

/* The end of a joint that begins with the quote at i: "…" + "…", '…' . '…', "…" "…"; 0: none. */
static size_t joint(sl_str t, size_t i)
{
    size_t x = i + 1, op = 0;
    while (x < t.n && x < i + JOINT_MAX && memchr(" \t\r\n\\", t.p[x], 5))
        x++;
    while (x < t.n && op < 2 && memchr("+.&|<", t.p[x], 5))
        x++, op++;
    while (x < t.n && x < i + 2 * JOINT_MAX && memchr(" \t\r\n\\", t.p[x], 5))
        x++;
    bool apart = x > i + 1; /* "" is an empty string or a quote inside one */
    return apart && x < t.n && (t.p[x] == '"' || t.p[x] == '\'') ? x + 1 : 0;
}

/* The end of an escape sequence of a terminal, ESC [ … letter. */
static size_t ansi(sl_str t, size_t i)
{
    size_t x = i + 1;
    if (x >= t.n || t.p[x] != '[')
        return x;
    for (x++; x < t.n && x < i + 24; x++) {
        if (sl_is_letter(t.p[x]))
            return x + 1;
    }
    return i + 1;
}

/* Where what is left out at i ends; i: nothing is. */
static size_t skip(sl_str t, size_t i)
{
    char ch = t.p[i];
    size_t end = 0;
    switch (ch) {
    case '<':
        end = tag(t, i);
        break;
    case '"':
    case '\'':
        end = joint(t, i);
        break;
    case '*':
    case '~':
    case '`':
        end = i + 1 < t.n && t.p[i + 1] == ch ? i + 2 : 0;
        break;
    case '\\': /* a line that goes on in the next */
        end = i + 1 < t.n && t.p[i + 1] == '\n' ? i + 2 : 0;
        break;
    case 0x1b:
        end = ansi(t, i);
        break;
    default:
        if (((unsigned char)ch < ' ' && ch != '\n' && ch != '\t' && ch != '\r') || ch == 0x7f)
            end = i + 1;
    }
    return end ? end : i;
}

bool sl_strip(sl_str t, sl_buf *out, sl_edits *edits)
{
    static const char special[256] = {
        ['<'] = 1, ['"'] = 1, ['\''] = 1, ['*'] = 1, ['~'] = 1, ['`'] = 1, ['\\'] = 1, [0x7f] = 1,
        [0] = 1,   [1] = 1,   [2] = 1,    [3] = 1,   [4] = 1,   [5] = 1,   [6] = 1,    [7] = 1,
        [8] = 1,   [11] = 1,  [12] = 1,   [14] = 1,  [15] = 1,  [16] = 1,  [17] = 1,   [18] = 1,
        [19] = 1,  [20] = 1,  [21] = 1,   [22] = 1,  [23] = 1,  [24] = 1,  [25] = 1,   [26] = 1,
        [27] = 1,  [28] = 1,  [29] = 1,   [30] = 1,  [31] = 1};
    bool changed = false;
    sl_edits_clear(edits);
    if (!sl_buf_reserve(out, t.n + 1))
        return false;
    for (size_t i = 0, from = 0; from < t.n;) {
        while (i < t.n && !special[(unsigned char)t.p[i]])
            i++;
        size_t end = i < t.n ? skip(t, i) : i;
        if (i < t.n && end == i) {
            i++;
            continue;
        }
        sl_buf_add(out, t.p + from, i - from);
        if (end > i)
            changed = true, sl_edits_add(edits, out->len, end);
        from = i = end;
    }
    return changed && sl_buf_ok(out);
}
