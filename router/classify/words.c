#include "router/classify/words.h"

#include "router/classify/numbers.h"

#include <pthread.h>

enum { LEAST = 6, LEAST_ALIKE = 9, DIGITS_MAX = 24, AROUND = 96, WORD_MAX = 32, SLOTS = 1024 };

int sl_alike_digit(char ch)
{
    switch (ch) {
    case 'O':
    case 'o':
        return 0;
    case 'l':
    case 'I':
    case '|':
        return 1;
    case 'Z':
    case 'z':
        return 2;
    case 'S':
    case 's':
        return 5;
    case 'B':
        return 8;
    default:
        return -1;
    }
}

/* A run under way. */
typedef struct run {
    char flat[DIGITS_MAX], grouped[2 * DIGITS_MAX];
    int n, grouped_n;
    int own; /* elements in the other form */
    size_t from, end;
    bool over;
} run;

static void run_add(run *r, int digit, int times, size_t end)
{
    for (int i = 0; i < times; i++) {
        if (r->n == DIGITS_MAX) {
            r->over = true;
            break;
        }
        r->flat[r->n++] = (char)('0' + digit);
        r->grouped[r->grouped_n++] = (char)('0' + digit);
    }
    r->end = end;
}

/* A separator goes on in the grouped form. */
static void run_sep(run *r, char sep)
{
    if (r->grouped_n > 0 && r->grouped_n < 2 * DIGITS_MAX - 1 &&
        sl_is_digit(r->grouped[r->grouped_n - 1]))
        r->grouped[r->grouped_n++] = sep;
}

/* What the run may mean: its groups as they stand, all in one, and each long group by itself. */
static void run_judge(sl_classifier *c, sl_str t, const run *r)
{
    int n = r->grouped_n;
    while (n > 0 && !sl_is_digit(r->grouped[n - 1]))
        n--;
    if (n != r->n)
        sl_pieces_add(c, t, r->from, r->end, (sl_str){r->grouped, (size_t)n}, false);
    sl_pieces_add(c, t, r->from, r->end, (sl_str){r->flat, (size_t)r->n}, false);
    for (int i = 0, from = 0; i <= n && n != r->n; i++) {
        if (i < n && sl_is_digit(r->grouped[i]))
            continue;
        if (i - from >= LEAST_ALIKE)
            sl_pieces_add(c, t, r->from, r->end, (sl_str){r->grouped + from, (size_t)(i - from)},
                          false);
        from = i + 1;
    }
}

static size_t skip_seps(sl_str t, size_t i, size_t max)
{
    size_t from = i;
    while (i < t.n && i < from + max && memchr(" ,.-\n/", t.p[i], 6))
        i++;
    return i;
}

/* ---- numerals ---- */

/* The digit of the three-byte numeral at p, or -1; *ret_korean. */
static int numeral(const unsigned char *p, size_t n, bool *ret_korean)
{
    static const struct {
        const char *s;
        int8_t digit;
        bool korean;
    } all[] = {{"一", 1, 0}, {"二", 2, 0}, {"三", 3, 0}, {"四", 4, 0}, {"五", 5, 0}, {"六", 6, 0},
               {"七", 7, 0}, {"八", 8, 0}, {"九", 9, 0}, {"零", 0, 0}, {"〇", 0, 0}, {"○", 0, 0},
               {"壹", 1, 0}, {"贰", 2, 0}, {"叁", 3, 0}, {"肆", 4, 0}, {"伍", 5, 0}, {"陆", 6, 0},
               {"柒", 7, 0}, {"捌", 8, 0}, {"玖", 9, 0}, {"貳", 2, 0}, {"參", 3, 0}, {"陸", 6, 0},
               {"壱", 1, 0}, {"弐", 2, 0}, {"参", 3, 0}, {"叄", 3, 0}, {"弍", 2, 0}, {"幺", 1, 0},
               {"两", 2, 0}, {"兩", 2, 0}, {"拐", 7, 0}, {"洞", 0, 0}, {"勾", 9, 0}, {"공", 0, 1},
               {"영", 0, 1}, {"일", 1, 1}, {"이", 2, 1}, {"삼", 3, 1}, {"사", 4, 1}, {"오", 5, 1},
               {"육", 6, 1}, {"륙", 6, 1}, {"칠", 7, 1}, {"팔", 8, 1}, {"구", 9, 1}};
    if (n < 3)
        return -1;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (memcmp(p, all[i].s, 3) == 0) {
            *ret_korean = all[i].korean;
            return all[i].digit;
        }
    }
    return -1;
}

/* A run of numerals, ASCII digits among them or not, from i on. Returns where it ends. Between
 * digits alone 一 and ー are dashes. */
static size_t numeral_run(sl_classifier *c, sl_str t, size_t i)
{
    run r = {.from = i};
    int korean = 0, ascii = 0, ones = 0;
    run dashes = {.from = i}; /* the same with 一 as a dash */
    for (;;) {
        bool ko = false;
        int d = i < t.n && (unsigned char)t.p[i] >= 0xe0
                    ? numeral((const unsigned char *)t.p + i, t.n - i, &ko)
                    : -1;
        if (d >= 0) {
            ones += sl_starts_at(t, i, "一");
            if (!sl_starts_at(t, i, "一"))
                run_add(&dashes, d, 1, i + 3);
            i += 3;
            run_add(&r, d, 1, i);
            r.own++, korean += ko;
        } else if (i < t.n && sl_is_digit(t.p[i])) {
            run_add(&dashes, t.p[i] - '0', 1, i + 1);
            run_add(&r, t.p[i] - '0', 1, i + 1);
            i++, ascii++;
        } else {
            break;
        }
        size_t x = skip_seps(t, i, 2);
        if (x > i)
            run_sep(&r, t.p[i] == '\n' ? ' ' : t.p[i]);
        if (sl_starts_at(t, x, "ー"))
            run_sep(&r, '-'), x += 3;
        i = x;
    }
    bool mixed = korean > 0 && korean < r.own;
    if (r.n < LEAST + (korean > 0) || r.over || mixed)
        return r.end > r.from ? r.end : i;
    if (ones == r.own && ascii >= 6)
        sl_pieces_add(c, t, r.from, r.end, (sl_str){dashes.flat, (size_t)dashes.n}, false);
    run_judge(c, t, &r);
    return r.end;
}

/* ---- digit words ---- */

enum { DOUBLE = 10, TRIPLE = 11 };

static struct {
    pthread_once_t once;
    struct {
        char word[WORD_MAX];
        uint8_t n, value;
    } slot[SLOTS];
    size_t longest;
    bool failed;
} table = {.once = PTHREAD_ONCE_INIT};

static uint32_t hash(const char *p, size_t n)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 16777619u;
    return h ^ h >> 15;
}

static void add_word(const char *word, size_t n, int value)
{
    if (n == 0 || n >= WORD_MAX) {
        table.failed |= n != 0;
        return;
    }
    for (uint32_t h = hash(word, n);; h++) {
        if (table.slot[h % SLOTS].n == 0) {
            table.slot[h % SLOTS].n = (uint8_t)n;
            table.slot[h % SLOTS].value = (uint8_t)value;
            memcpy(table.slot[h % SLOTS].word, word, n);
            break;
        }
        if (table.slot[h % SLOTS].n == n && memcmp(table.slot[h % SLOTS].word, word, n) == 0)
            return;
    }
    if (n > table.longest)
        table.longest = n;
}

/* Words as they are written; the table keeps them folded. Rows are the digits 0 to 9, double and
 * triple. */
static const char *const words[] = {
    "zero oh o null cero zéro zero nul nula zéró noll sıfır khong không nol kosong ling ноль нуль "
    "μηδέν صفر शून्य ศูนย์ ゼロ れい まる nolla nulla",
    "one eins ein uno un um uma een één jeden ett en bir mot một satu yi yao один одна одно ένα "
    "واحد "
    "एक หนึ่ง いち イチ yksi egy jedna",
    "two zwei zwo dos deux dois duas due twee dwa två tva iki hai dua er два две дві δύο اثنان "
    "اثنين दो สอง "
    "に kaksi kettő két dva",
    "three drei tres trois três tre drie trzy üç uc ba tiga san три τρία ثلاثة तीन สาม さん kolme "
    "három tri",
    "four vier cuatro quatre quatro quattro cztery fyra dört dort bốn bon empat si четыре чотири "
    "τέσσερα أربعة اربعة चार สี่ よん neljä négy čtyři",
    "five fünf fuenf cinco cinq cinque vijf pięć fem beş nam năm lima wu пять п'ять πέντε "
    "خمسة पांच पाँच "
    "ห้า ご viisi öt pět",
    "six sechs seis sei zes sześć seks sex altı sau sáu enam liu шесть шість έξι ستة छह छः हह หก "
    "ろく kuusi hat šest",
    "seven sieben siete sept sete sette zeven siedem sju syv yedi bay bảy tujuh qi семь сім επτά "
    "εφτά "
    "سبعة सात เจ็ด なな しち seitsemän hét sedm",
    "eight acht ocho huit oito otto osiem åtta otte åtte sekiz tam tám delapan восемь вісім οκτώ "
    "οχτώ "
    "ثمانية ثماني आठ แปด はち kahdeksan nyolc osm",
    "nine niner neun nueve neuf nove negen dziewięć nio ni dokuz chín chin sembilan jiu девять "
    "дев'ять "
    "εννέα εννιά تسعة नौ เก้า きゅう yhdeksän kilenc devět",
    "double doppel doble dobro doppio dubbel двойной",
    "triple dreifach triplo тройной",
};

static void build(void)
{
    sl_buf b = {0};
    sl_norm_result res;
    for (int value = 0; value <= TRIPLE; value++) {
        sl_buf_clear(&b);
        sl_fold(sl_str_c(words[value]), &b, NULL, &res);
        for (size_t i = 0, from = 0; i <= b.len; i++) {
            if (i == b.len || b.data[i] == ' ')
                add_word(b.data + from, i - from, value), from = i + 1;
        }
    }
    table.failed |= !sl_buf_ok(&b);
    sl_buf_done(&b);
}

bool sl_words_open(void)
{
    pthread_once(&table.once, build);
    return !table.failed;
}

static int lookup(const char *p, size_t n)
{
    for (uint32_t h = hash(p, n); table.slot[h % SLOTS].n; h++) {
        if (table.slot[h % SLOTS].n == n && memcmp(table.slot[h % SLOTS].word, p, n) == 0)
            return table.slot[h % SLOTS].value;
    }
    return -1;
}

static bool word_byte(char ch)
{
    return sl_is_letter(ch) || (unsigned char)ch >= 0x80 || ch == '\'';
}

/* The digit word at i: its value and end; -1: none. A whole word, or, where words are not parted
 * ("onetwothree", Thai, kana), the longest that begins one. */
static int word_at(sl_str t, size_t i, size_t *ret_end)
{
    char low[WORD_MAX];
    size_t n = 0;
    while (n < table.longest && i + n < t.n && word_byte(t.p[i + n])) {
        char ch = t.p[i + n];
        low[n++] = ch >= 'A' && ch <= 'Z' ? (char)(ch | 32) : ch;
    }
    bool whole = i + n == t.n || !word_byte(t.p[i + n]);
    for (size_t m = n; m >= (whole && m == n ? 1 : 3); m--) {
        int v = lookup(low, m);
        if (v >= 0) {
            *ret_end = i + m;
            return v;
        }
    }
    return -1;
}

/* A run of digit words from i on, numbers in digits among them or not. */
static size_t word_run(sl_classifier *c, sl_str t, size_t i)
{
    run r = {.from = i, .end = i};
    int times = 1;
    while (i < t.n) {
        size_t end = i;
        int v = sl_is_digit(t.p[i]) ? t.p[i] - '0' : word_at(t, i, &end);
        if (sl_is_digit(t.p[i])) {
            end = i + 1;
        } else if (v < 0) {
            break;
        } else {
            r.own++;
        }
        if (v == DOUBLE || v == TRIPLE)
            times = v - DOUBLE + 2;
        else
            run_add(&r, v, times, end), times = 1;
        i = skip_seps(t, end, 3);
    }
    if (r.n >= LEAST && r.own >= 3 && !r.over)
        sl_pieces_add(c, t, r.from, r.end, (sl_str){r.flat, (size_t)r.n}, false);
    return r.end;
}

/* ---- letters that look like digits ---- */

/* A token of digits and such letters, single separators inside, from i on. */
static size_t alike_run(sl_classifier *c, sl_str t, size_t i)
{
    run r = {.from = i, .end = i};
    while (i < t.n) {
        int v = sl_is_digit(t.p[i]) ? t.p[i] - '0' : sl_alike_digit(t.p[i]);
        if (v < 0)
            break;
        r.own += !sl_is_digit(t.p[i]);
        run_add(&r, v, 1, ++i);
        if (i + 1 < t.n && memchr(" -./", t.p[i], 4) &&
            (sl_is_digit(t.p[i + 1]) || sl_alike_digit(t.p[i + 1]) >= 0))
            run_sep(&r, t.p[i++]);
    }
    bool whole = i == t.n || !(sl_is_letter(t.p[i]) || t.p[i] == '_');
    /* an X may stand for a check digit */
    whole |= i < t.n && (t.p[i] | 32) == 'x' && (i + 1 == t.n || !sl_is_letter(t.p[i + 1]));
    if (r.own > 0 && whole && r.n >= LEAST_ALIKE && !r.over && (r.n - r.own) * 2 >= r.n)
        run_judge(c, t, &r);
    return i > r.end ? i : r.end;
}

/* ---- where to look ---- */

static void around(const sl_classifier *c, sl_str t, sl_hint_kind kind, size_t *from, size_t *to)
{
    *from = c->hints.first[kind] > AROUND ? c->hints.first[kind] - AROUND : 0;
    *to = c->hints.last[kind] + AROUND < t.n ? c->hints.last[kind] + AROUND : t.n;
}

static void scan_numerals(sl_classifier *c, sl_str t)
{
    size_t i, to;
    bool ko;
    around(c, t, SL_HINT_NUMERALS, &i, &to);
    while (i < to && sl_work(c, 12)) {
        unsigned char b = (unsigned char)t.p[i];
        bool digit = sl_is_digit((char)b) && (i == 0 || !sl_is_digit(t.p[i - 1]));
        if (digit || (b >= 0xe0 && numeral((const unsigned char *)t.p + i, t.n - i, &ko) >= 0)) {
            size_t end = numeral_run(c, t, i);
            end = end > i ? end : i + 1;
            (void)sl_work(c, (end - i) * 25);
            i = end;
        } else {
            i++;
        }
    }
}

static void scan_words(sl_classifier *c, sl_str t)
{
    size_t i, to, end;
    around(c, t, SL_HINT_WORDS, &i, &to);
    while (i < to && sl_work(c, 2)) {
        if (word_byte(t.p[i])) {
            bool inside = i > 0 && word_byte(t.p[i - 1]) && (unsigned char)t.p[i] < 0x80 &&
                          (unsigned char)t.p[i - 1] < 0x80;
            if (!inside && sl_work(c, 60) && word_at(t, i, &end) >= 0) {
                end = word_run(c, t, i);
                if (end > i) {
                    (void)sl_work(c, (end - i) * 20);
                    i = end;
                    continue;
                }
            }
        }
        do {
            i++;
        } while (i < to && ((unsigned char)t.p[i] & 0xc0) == 0x80);
    }
}

static void scan_alike(sl_classifier *c, sl_str t)
{
    size_t i, to;
    around(c, t, SL_HINT_ALIKE, &i, &to);
    while (i < to) {
        /* behind other letters a token may begin with a digit */
        bool start =
            i == 0 || !(sl_is_alnum(t.p[i - 1]) || t.p[i - 1] == '_') ||
            (sl_is_digit(t.p[i]) && sl_is_letter(t.p[i - 1]) && sl_alike_digit(t.p[i - 1]) < 0);
        if (start && (sl_is_digit(t.p[i]) || sl_alike_digit(t.p[i]) >= 0) && sl_work(c, 20)) {
            size_t end = alike_run(c, t, i);
            i = end > i ? end : i + 1;
        } else {
            i++;
        }
    }
}

void sl_words_scan(sl_classifier *c, sl_str t)
{
    unsigned any = c->hints.any;
    if (any >> SL_HINT_NUMERALS & 1)
        scan_numerals(c, t);
    if (any >> SL_HINT_WORDS & 1)
        scan_words(c, t);
    if (any >> SL_HINT_ALIKE & 1)
        scan_alike(c, t);
}
