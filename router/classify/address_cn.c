/* address_cn.c - East Asian addresses: chains of ever smaller places that end in numbers. */
#include "router/classify/contact.h"
#include "router/classify/numbers.h"

/* What closes a link of the chain, from the greatest to the smallest; digit: only behind one. */
typedef struct link {
    char s[8];
    uint8_t rank;
    bool digit;
} link;

static const link links[] = {
    {"省", 1, false},  {"州", 1, false},  {"都", 1, false},  {"府", 1, false},   {"県", 1, false},
    {"市", 2, false},  {"区", 3, false},  {"區", 3, false},  {"县", 3, false},   {"縣", 3, false},
    {"旗", 3, false},  {"郡", 3, false},  {"镇", 4, false},  {"鎮", 4, false},   {"乡", 4, false},
    {"鄉", 4, false},  {"村", 4, false},  {"町", 4, false},  {"街道", 4, false}, {"里", 4, false},
    {"路", 5, false},  {"街", 5, false},  {"道", 5, false},  {"巷", 5, false},   {"胡同", 5, false},
    {"弄", 5, true},   {"段", 5, false},  {"园", 5, false},  {"丁目", 5, true},  {"小区", 5, false},
    {"号", 6, true},   {"號", 6, true},   {"番地", 6, true}, {"番", 6, true},    {"组", 6, true},
    {"栋", 7, true},   {"幢", 7, true},   {"座", 7, false},  {"楼", 7, false},   {"樓", 7, false},
    {"单元", 8, true}, {"單元", 8, true}, {"层", 8, true},   {"室", 9, true},    {"房", 9, true},
    {"户", 9, true},   {"시", 2, false},  {"도", 1, false},  {"구", 3, false},   {"군", 3, false},
    {"읍", 4, false},  {"면", 4, false},  {"동", 4, false},  {"로", 5, false},   {"길", 5, false},
    {"번지", 6, true}, {"층", 8, true},   {"호", 9, true},
};

static const link *link_at(sl_str t, size_t i)
{
    const link *best = NULL;
    size_t best_n = 0;
    for (size_t x = 0; x < sizeof links / sizeof *links; x++) {
        size_t n = strlen(links[x].s);
        if (n > best_n && i + n <= t.n && memcmp(t.p + i, links[x].s, n) == 0)
            best = &links[x], best_n = n;
    }
    return best;
}

static bool high(char ch)
{
    return (unsigned char)ch >= 0x80;
}

/* Chinese numerals stand for digits: 一号, 十二栋. */
static bool digit_before(sl_str t, size_t i)
{
    static const char numerals[] = "一二三四五六七八九十百〇两";
    if (i > 0 && (sl_is_digit(t.p[i - 1]) || (t.p[i - 1] >= 'A' && t.p[i - 1] <= 'Z')))
        return true;
    for (size_t x = 0; i >= 3 && x + 3 < sizeof numerals; x += 3) {
        if (memcmp(t.p + i - 3, numerals + x, 3) == 0)
            return true;
    }
    return i > 1 && t.p[i - 1] == ' ' && sl_is_digit(t.p[i - 2]);
}

/* What may stand inside a chain. */
static bool inside(sl_str t, size_t i)
{
    char ch = t.p[i];
    if (!high(ch))
        return sl_is_digit(ch) || sl_is_letter(ch) || ch == ' ' || ch == '-' || ch == '#';
    /* U+3000 to U+303F: brackets and stops, but 〇 */
    return !((unsigned char)ch == 0xe3 && i + 1 < t.n && (unsigned char)t.p[i + 1] == 0x80);
}

/* The chain around `word`: links in order of size. */
void sl_cn_address_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    (void)from, (void)to;
    size_t at = word, end = word;
    while (at > 0 && word - at < 110 && (inside(t, at - 1) || (t.p[at - 1] & 0xc0) == 0x80))
        at--;
    while (end < t.n && end - word < 40 && (inside(t, end) || ((t.p[end] & 0xc0) == 0x80)))
        end++;
    int last = 0, count = 0, numbers = 0;
    size_t first = word, stop = word;
    for (size_t i = at; i < end;) {
        if (!high(t.p[i])) {
            i++;
            continue;
        }
        const link *l = link_at(t, i);
        size_t n = l ? strlen(l->s) : 3;
        if (l && l->rank > last && i > at && (!l->digit || digit_before(t, i))) {
            last = l->rank, count++;
            numbers += l->digit;
            first = first == word ? i : first;
            stop = i + n;
        }
        i += n;
    }
    sl_ctx_set s = sl_ctx_around(&c->ctx, at, end);
    int need = sl_ctx_has(&s, SL_CTX_ADDRESS) || sl_ctx_has(&s, SL_CTX_RESIDES) ? 2 : 3;
    if (count >= need && numbers > 0 && stop >= word)
        sl_add(c, SL_ENT_POSTAL_ADDRESS, SL_LEVEL_CONFIDENTIAL, at, stop - at);
}

/* 강남구 테헤란로 123: the number has no word behind it. */
void sl_kr_address_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    (void)to;
    int count = 0, last = 0;
    for (size_t i = from; i + 3 <= word;) {
        if (!high(t.p[i])) {
            i++;
            continue;
        }
        const link *l = link_at(t, i);
        bool closes = l && !l->digit && i + 3 < t.n && (t.p[i + 3] == ' ' || t.p[i + 3] == ',');
        if (closes && l->rank > last)
            last = l->rank, count++;
        i += 3;
    }
    if (count >= 2 && last >= 4)
        sl_add(c, SL_ENT_POSTAL_ADDRESS, SL_LEVEL_CONFIDENTIAL, word - 1, 1);
}

/* "住址：河北省保定市…镇…村": no number, but the word and four links. */
void sl_cn_home_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    (void)from;
    int last = 0, count = 0;
    for (size_t i = word; i < to;) {
        const link *l = high(t.p[i]) ? link_at(t, i) : NULL;
        if (l && l->rank > last)
            last = l->rank, count++;
        i += l ? strlen(l->s) : high(t.p[i]) ? 3 : 1;
    }
    if (count >= 3)
        sl_add(c, SL_ENT_POSTAL_ADDRESS, SL_LEVEL_CONFIDENTIAL, word, to - word);
}
