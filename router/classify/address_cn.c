/* address_cn.c - East Asian addresses: chains of ever smaller places that end in numbers. */
#include "router/classify/contact.h"
#include "router/classify/numbers.h"

/* What closes a link of the chain, from the greatest to the smallest. By code point; with a second
 * character before those without. digit: only behind a number. */
typedef struct link {
    uint16_t code, second;
    uint8_t rank;
    bool digit;
} link;

static const link links[] = {
    {0x4e01, 0x76ee, 5, true},  /* 丁目 */
    {0x4e61, 0, 4, false},      /* 乡 */
    {0x533a, 0, 3, false},      /* 区 */
    {0x5340, 0, 3, false},      /* 區 */
    {0x5355, 0x5143, 8, true},  /* 单元 */
    {0x53bf, 0, 3, false},      /* 县 */
    {0x53f7, 0, 6, true},       /* 号 */
    {0x55ae, 0x5143, 8, true},  /* 單元 */
    {0x56ed, 0, 5, false},      /* 园 */
    {0x5ba4, 0, 9, true},       /* 室 */
    {0x5c42, 0, 8, true},       /* 层 */
    {0x5dde, 0, 1, false},      /* 州 */
    {0x5df7, 0, 5, false},      /* 巷 */
    {0x5e02, 0, 2, false},      /* 市 */
    {0x5e62, 0, 7, true},       /* 幢 */
    {0x5e9c, 0, 1, false},      /* 府 */
    {0x5ea7, 0, 7, false},      /* 座 */
    {0x5f04, 0, 5, true},       /* 弄 */
    {0x6237, 0, 9, true},       /* 户 */
    {0x623f, 0, 9, true},       /* 房 */
    {0x65d7, 0, 3, false},      /* 旗 */
    {0x6751, 0, 4, false},      /* 村 */
    {0x680b, 0, 7, true},       /* 栋 */
    {0x697c, 0, 7, false},      /* 楼 */
    {0x6a13, 0, 7, false},      /* 樓 */
    {0x6bb5, 0, 5, false},      /* 段 */
    {0x753a, 0, 4, false},      /* 町 */
    {0x756a, 0, 6, true},       /* 番 */
    {0x7701, 0, 1, false},      /* 省 */
    {0x770c, 0, 1, false},      /* 県 */
    {0x7e23, 0, 3, false},      /* 縣 */
    {0x7ec4, 0, 6, true},       /* 组 */
    {0x80e1, 0x540c, 5, false}, /* 胡同 */
    {0x865f, 0, 6, true},       /* 號 */
    {0x8857, 0x9053, 4, false}, /* 街道 */
    {0x8857, 0, 5, false},      /* 街 */
    {0x8def, 0, 5, false},      /* 路 */
    {0x9053, 0, 5, false},      /* 道 */
    {0x90e1, 0, 3, false},      /* 郡 */
    {0x90fd, 0, 1, false},      /* 都 */
    {0x9109, 0, 4, false},      /* 鄉 */
    {0x91cc, 0, 4, false},      /* 里 */
    {0x93ae, 0, 4, false},      /* 鎮 */
    {0x9547, 0, 4, false},      /* 镇 */
    {0xad6c, 0, 3, false},      /* 구 */
    {0xad70, 0, 3, false},      /* 군 */
    {0xae38, 0, 5, false},      /* 길 */
    {0xb3c4, 0, 1, false},      /* 도 */
    {0xb3d9, 0, 4, false},      /* 동 */
    {0xb85c, 0, 5, false},      /* 로 */
    {0xba74, 0, 4, false},      /* 면 */
    {0xbc88, 0xc9c0, 6, true},  /* 번지 */
    {0xc2dc, 0, 2, false},      /* 시 */
    {0xc74d, 0, 4, false},      /* 읍 */
    {0xce35, 0, 8, true},       /* 층 */
    {0xd638, 0, 9, true},       /* 호 */
};

/* The character of three bytes at i, 0 when there is none. */
static uint16_t code_at(sl_str t, size_t i)
{
    if (i + 3 > t.n || ((unsigned char)t.p[i] & 0xf0) != 0xe0)
        return 0;
    return (uint16_t)((t.p[i] & 0xf) << 12 | (t.p[i + 1] & 0x3f) << 6 | (t.p[i + 2] & 0x3f));
}

/* The low bytes of the codes above: most characters are none of them. */
static const uint64_t low_bytes[4] = {0x85a0000800081a16, 0x1011140690aa2085, 0x8020409010000100,
                                      0x2080a00252801010};

static const link *link_at(sl_str t, size_t i)
{
    uint16_t code = code_at(t, i);
    if (!(low_bytes[(code & 0xff) >> 6] >> (code & 0x3f) & 1))
        return NULL;
    size_t lo = 0, hi = sizeof links / sizeof *links;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (links[mid].code < code)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < sizeof links / sizeof *links && links[lo].code == code; lo++) {
        if (links[lo].second == 0 || links[lo].second == code_at(t, i + 3))
            return &links[lo];
    }
    return NULL;
}

static size_t link_bytes(const link *l)
{
    return l->second ? 6 : 3;
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
    if (!sl_is_high(ch))
        return sl_is_digit(ch) || sl_is_letter(ch) || ch == ' ' || ch == '-' || ch == '#';
    /* U+3000 to U+303F: brackets and stops, but 〇 */
    return !((unsigned char)ch == 0xe3 && i + 1 < t.n && (unsigned char)t.p[i + 1] == 0x80);
}

/* The chain around `word`: links in order of size. */
void sl_cn_address_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    size_t at = word, end = word;
    while (at > 0 && word - at < 96 && (inside(t, at - 1) || (t.p[at - 1] & 0xc0) == 0x80))
        at--;
    while (end < t.n && end - word < 40 && (inside(t, end) || ((t.p[end] & 0xc0) == 0x80)))
        end++;
    int last = 0, count = 0, numbers = 0;
    size_t first = word, stop = word;
    for (size_t i = at; i < end;) {
        if (!sl_is_high(t.p[i])) {
            i++;
            continue;
        }
        const link *l = link_at(t, i);
        size_t n = l ? link_bytes(l) : 3;
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
    int count = 0, last = 0;
    for (size_t i = from; i + 3 <= word;) {
        if (!sl_is_high(t.p[i])) {
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
    int last = 0, count = 0;
    for (size_t i = word; i < to;) {
        const link *l = sl_is_high(t.p[i]) ? link_at(t, i) : NULL;
        if (l && l->rank > last)
            last = l->rank, count++;
        i += l ? link_bytes(l) : sl_is_high(t.p[i]) ? 3 : 1;
    }
    if (count >= 3)
        sl_add(c, SL_ENT_POSTAL_ADDRESS, SL_LEVEL_CONFIDENTIAL, word, to - word);
}
