/* fold_table.c - what each character becomes in the folded view, worked out once from ICU.
 *
 * Two stages: stage one maps the upper bits to a block of 256 entries; blocks in which every
 * character stands for itself are one block. Entries are 32 bits: a kind and a payload. */
#include "router/classify/fold_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>

enum { BLOCKS = 0x110000 >> 8, TEXT_MAX = 48 };

static struct {
    pthread_once_t once;
    const UNormalizer2 *nfkc, *nfd;
    bool failed;
} build_state = {.once = PTHREAD_ONCE_INIT};

sl_fold_table sl_folding;

static const uint32_t self_block[256]; /* zero: kind SELF */

/* Letters that no decomposition leads to ASCII, and look-alikes of punctuation. */
static const struct {
    UChar32 ch;
    const char *to;
} special[] = {
    {0xdf, "ss"},   {0x1e9e, "SS"}, {0xe6, "ae"},   {0xc6, "AE"},   {0x153, "oe"}, {0x152, "OE"},
    {0xf8, "o"},    {0xd8, "O"},    {0x142, "l"},   {0x141, "L"},   {0x111, "d"},  {0x110, "D"},
    {0xf0, "d"},    {0xd0, "D"},    {0xfe, "th"},   {0xde, "TH"},   {0x131, "i"},  {0x127, "h"},
    {0x126, "H"},   {0x167, "t"},   {0x166, "T"},   {0x14b, "n"},   {0x14a, "N"},  {0x138, "k"},
    {0x259, "e"},   {0x18f, "E"},   {0x2018, "'"},  {0x2019, "'"},  {0x201b, "'"}, {0x201c, "\""},
    {0x201d, "\""}, {0x201e, "\""}, {0x201f, "\""}, {0x3001, ","},  {0x60c, ","},  {0x66b, "."},
    {0x66c, ","},   {0x2212, "-"},  {0x2043, "-"},  {0x2d7, "-"},   {0x2500, "-"}, {0x2501, "-"},
    {0x2044, "/"},  {0x2215, "/"},  {0x2236, ":"},  {0xa789, ":"},  {0x2502, "|"}, {0x2503, "|"},
    {0x2800, " "},  {0x85, "\n"},   {0x2028, "\n"}, {0x2029, "\n"}, {0xb7, "."},   {0x2022, "."},
    {0x30fb, "."},  {0x2027, "."},  {0x2219, "."},  {0x22c5, "."},  {0x3002, "."}, {0x25e6, "."},
    {0x2e31, "."},  {0xa78f, "."},  {0x61b, ";"},   {0x61f, "?"},   {0x5be, "-"},  {0x640, ""},
    {0x1d00, "a"},  {0x299, "b"},   {0x1d04, "c"},  {0x1d05, "d"},  {0x1d07, "e"}, {0xa730, "f"},
    {0x262, "g"},   {0x29c, "h"},   {0x26a, "i"},   {0x1d0a, "j"},  {0x1d0b, "k"}, {0x29f, "l"},
    {0x1d0d, "m"},  {0x274, "n"},   {0x1d0f, "o"},  {0x1d18, "p"},  {0x280, "r"},  {0xa731, "s"},
    {0x1d1b, "t"},  {0x1d1c, "u"},  {0x1d20, "v"},  {0x1d21, "w"},  {0x28f, "y"},  {0x1d22, "z"},
    {0x251, "a"},   {0x261, "g"},   {0x269, "i"},
};

static const char *special_of(UChar32 ch)
{
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        if (special[i].ch == ch)
            return special[i].to;
    }
    return NULL;
}

/* Digits in circles that have no decomposition: ❶ ➀ ➊ ⓵ and their kin. 0: none. */
static char circled_digit(UChar32 ch)
{
    static const UChar32 ones[] = {0x2776, 0x2780, 0x278a, 0x24f5};
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++) {
        if (ch >= ones[i] && ch < ones[i] + 9)
            return (char)('1' + (ch - ones[i]));
    }
    return ch == 0x24ff ? '0' : 0;
}

/* Marks that only decorate: never part of how a word is written. */
static bool decoration(UChar32 ch)
{
    bool overlay = ch >= 0x334 && ch <= 0x338;
    bool harakat = (ch >= 0x610 && ch <= 0x61a) || (ch >= 0x64b && ch <= 0x652) ||
                   (ch >= 0x656 && ch <= 0x65f) || ch == 0x670 || (ch >= 0x6d6 && ch <= 0x6ed);
    bool points = ch >= 0x591 && ch <= 0x5c7;
    return overlay || ((harakat || points) && u_charType(ch) == U_NON_SPACING_MARK) ||
           u_charType(ch) == U_ENCLOSING_MARK;
}

static bool is_mark(UChar32 ch)
{
    int type = u_charType(ch);
    return type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK;
}

static int put(char *out, int n, UChar32 ch)
{
    U8_APPEND_UNSAFE((uint8_t *)out, n, ch);
    return n;
}

/* One character of the NFKC form, folded, appended to out. */
static int fold_one(UChar32 ch, char *out, int n)
{
    const char *text = special_of(ch);
    if (text) {
        size_t m = strlen(text);
        memcpy(out + n, text, m);
        return n + (int)m;
    }
    if (ch < 0x80)
        return put(out, n, ch);
    if (u_hasBinaryProperty(ch, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) || decoration(ch))
        return n;
    int type = u_charType(ch);
    if (type == U_DECIMAL_DIGIT_NUMBER)
        return put(out, n, '0' + u_charDigitValue(ch));
    if (circled_digit(ch))
        return put(out, n, circled_digit(ch));
    if (type == U_DASH_PUNCTUATION)
        return put(out, n, '-');
    if (type == U_SPACE_SEPARATOR)
        return put(out, n, ' ');
    if (type == U_FORMAT_CHAR || type == U_SURROGATE)
        return n;
    if (ch >= 0x1f150 && ch <= 0x1f169)
        return put(out, n, 'A' + (ch - 0x1f150));
    if (ch >= 0x1f170 && ch <= 0x1f189)
        return put(out, n, 'A' + (ch - 0x1f170));
    UErrorCode err = U_ZERO_ERROR;
    if (uscript_getScript(ch, &err) != USCRIPT_LATIN || U_FAILURE(err))
        return put(out, n, u_tolower(ch));
    UChar from[2], nfd[16];
    int32_t len = 0, i = 0;
    U16_APPEND_UNSAFE(from, len, ch);
    int32_t m = unorm2_normalize(build_state.nfd, from, len, nfd, 16, &err);
    UChar32 base = ch;
    if (U_SUCCESS(err) && m > 0)
        U16_NEXT(nfd, i, m, base);
    if (base == ch)
        return u_tolower(ch) == ch ? put(out, n, ch) : fold_one(u_tolower(ch), out, n);
    return fold_one(base, out, n); /* the marks behind it go */
}

/* An expansion's place in the pool; 0 when there is none left. */
static uint32_t pool(const char *text, int n)
{
    sl_fold_table *t = &sl_folding;
    if (n > SL_FOLD_EXPANSION || t->pool_n == SL_FOLD_POOL)
        return 0;
    for (uint32_t i = 1; i < t->pool_n; i++) {
        if (t->pool[i].n == n && memcmp(t->pool[i].s, text, (size_t)n) == 0)
            return i;
    }
    t->pool[t->pool_n].n = (uint8_t)n;
    memcpy(t->pool[t->pool_n].s, text, (size_t)n);
    return t->pool_n++;
}

static uint32_t entry(UChar32 ch)
{
    if (ch < 0x80)
        return SL_FOLD_SELF;
    int type = u_charType(ch);
    if (type == U_SURROGATE || u_hasBinaryProperty(ch, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
        return SL_FOLD_DROP;
    if (type == U_UNASSIGNED || type == U_PRIVATE_USE_CHAR)
        return SL_FOLD_SELF;
    if (decoration(ch))
        return SL_FOLD_DROP;
    bool joins = !unorm2_hasBoundaryBefore(build_state.nfkc, ch);
    if (is_mark(ch)) {
        /* general diacritics are decoration unless they make a letter of what stands before */
        bool general = ublock_getCode(ch) == UBLOCK_COMBINING_DIACRITICAL_MARKS ||
                       ublock_getCode(ch) == UBLOCK_COMBINING_DIACRITICAL_MARKS_EXTENDED ||
                       ublock_getCode(ch) == UBLOCK_COMBINING_DIACRITICAL_MARKS_SUPPLEMENT ||
                       ublock_getCode(ch) == UBLOCK_COMBINING_MARKS_FOR_SYMBOLS ||
                       ublock_getCode(ch) == UBLOCK_COMBINING_HALF_MARKS;
        int qc = u_getIntPropertyValue(ch, UCHAR_NFKC_QUICK_CHECK);
        if (qc == UNORM_YES)
            return general ? SL_FOLD_DROP : SL_FOLD_MARK;
        return SL_FOLD_JOIN;
    }
    if (joins)
        return SL_FOLD_JOIN;
    UErrorCode err = U_ZERO_ERROR;
    UChar in[2], norm[32];
    int32_t len = 0;
    U16_APPEND_UNSAFE(in, len, ch);
    int32_t m = unorm2_normalize(build_state.nfkc, in, len, norm, 32, &err);
    if (U_FAILURE(err))
        return SL_FOLD_JOIN;
    char text[32 * 4 + 16];
    int n = 0;
    for (int32_t i = 0; i < m;) {
        UChar32 x;
        U16_NEXT(norm, i, m, x);
        if (is_mark(x) && n > 0 && (unsigned char)text[n - 1] < 0x80)
            continue;
        n = fold_one(x, text, n);
    }
    if (n == 0)
        return SL_FOLD_DROP;
    int32_t used = 0;
    UChar32 to;
    U8_NEXT((const uint8_t *)text, used, n, to);
    if (used == n)
        return to == ch ? SL_FOLD_SELF : SL_FOLD_MAP | (uint32_t)to;
    uint32_t place = pool(text, n);
    return place ? SL_FOLD_EXPAND | place : SL_FOLD_JOIN;
}

/* Blocks of ideographs, syllables and private use, which stand for themselves; and planes without
 * characters. */
static bool plain_block(uint32_t block)
{
    uint32_t ch = block << 8;
    return (ch >= 0x3400 && ch < 0xa000) || (ch >= 0xac00 && ch < 0xd700) ||
           (ch >= 0xe000 && ch < 0xf900) || (ch >= 0x12000 && ch < 0x16000) ||
           (ch >= 0x17000 && ch < 0x1b000) || (ch >= 0x20000 && ch < 0x2f800) ||
           (ch >= 0x2fb00 && ch < 0xe0000) || ch >= 0xe1000;
}

static void build(void)
{
    UErrorCode err = U_ZERO_ERROR;
    sl_fold_table *t = &sl_folding;
    build_state.nfkc = unorm2_getNFKCInstance(&err);
    build_state.nfd = unorm2_getNFDInstance(&err);
    if (U_FAILURE(err)) {
        build_state.failed = true;
        return;
    }
    t->pool_n = 1;
    for (uint32_t block = 0; block < BLOCKS; block++) {
        t->stage[block] = self_block;
        if (plain_block(block))
            continue;
        uint32_t e[256], any = 0;
        for (uint32_t i = 0; i < 256; i++)
            any |= e[i] = entry((UChar32)(block << 8 | i));
        if (!any)
            continue;
        uint32_t *copy = malloc(sizeof e);
        if (!copy) {
            build_state.failed = true;
            return;
        }
        memcpy(copy, e, sizeof e);
        t->stage[block] = copy;
    }
}

bool sl_fold_table_open(void)
{
    pthread_once(&build_state.once, build);
    return !build_state.failed;
}

size_t sl_fold_compose(const uint32_t *chars, size_t n, uint32_t *out, size_t out_max)
{
    UChar in[SL_FOLD_SEGMENT * 2], norm[SL_FOLD_SEGMENT * 20];
    int32_t m = 0;
    UErrorCode err = U_ZERO_ERROR;
    for (size_t i = 0; i < n && i < SL_FOLD_SEGMENT; i++)
        U16_APPEND_UNSAFE(in, m, (UChar32)chars[i]);
    int32_t len = unorm2_normalize(build_state.nfkc, in, m, norm, SL_FOLD_SEGMENT * 20, &err);
    size_t k = 0;
    if (U_FAILURE(err))
        return 0;
    for (int32_t i = 0; i < len && k < out_max;) {
        UChar32 ch;
        U16_NEXT(norm, i, len, ch);
        out[k++] = (uint32_t)ch;
    }
    return k;
}
