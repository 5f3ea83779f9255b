/* persons.c - names of persons where words introduce them: labels, "my name is", titles. A name
 * alone is a weak sign; with any other sign it is confidential. */
#include "router/classify/contact.h"
#include "router/classify/numbers.h"

/* The hundred most frequent family names of China, in both scripts, and the double ones. */
static const char surnames[] =
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏"
    "吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万"
    "钱严覃武戴莫孔向汤張劉陳楊黃趙吳孫馬羅鄭謝許韓馮鄧蕭葉蘇魏呂盧鍾譚陸賈韋鄒";
static const char doubles[] = "欧阳司马上官诸葛夏侯皇甫尉迟公孙慕容司徒歐陽諸葛";

static bool in_list(const char *list, const char *p, size_t n)
{
    for (const char *q = list; *q; q += n) {
        if (memcmp(p, q, n) == 0)
            return true;
        if (strlen(q) < n)
            break;
    }
    return false;
}

/* Ideographs at i, at most `most`. */
static size_t ideographs(sl_str t, size_t i, size_t most)
{
    size_t n = 0;
    while (n < most && i + 3 <= t.n && (unsigned char)(t.p[i] - 0xe4) < 6)
        i += 3, n++;
    return n;
}

/* A Chinese name of two or three characters (four with a double family name) at i: bytes or 0. */
size_t sl_cn_name(sl_str t, size_t i)
{
    size_t n = ideographs(t, i, 5);
    if (n >= 3 && i + 6 <= t.n && in_list(doubles, t.p + i, 6))
        return n >= 4 ? 12 : 9;
    if (n < 2 || !in_list(surnames, t.p + i, 3))
        return 0;
    return n == 2 || n > 3 ? 6 + 3 * (n > 3) : 9;
}

/* Two or more capitalised words, or two words of another script: bytes or 0. */
static size_t person_name(sl_str t, size_t i)
{
    size_t x = i, end = i;
    int words = 0;
    while (words < 4) {
        size_t at = x;
        if (x >= t.n || !(sl_is_upper(t.p[x]) || sl_is_high(t.p[x])))
            break;
        while (x < t.n &&
               (sl_is_letter(t.p[x]) || sl_is_high(t.p[x]) || t.p[x] == '\'' || t.p[x] == '-'))
            x++;
        bool initial = x - at == 1;
        if (x < t.n && sl_is_digit(t.p[x]))
            break;
        bool shout = x - at > 3 && sl_is_upper(t.p[at + 1]) && words == 0; /* HTTP Server */
        if (shout && x < t.n && t.p[x] == '_')
            break;
        words++;
        end = x;
        if (initial && x < t.n && t.p[x] == '.')
            x++;
        if (x >= t.n || t.p[x] != ' ')
            break;
        x++;
    }
    return words >= 2 && end - i >= 5 ? end - i : 0;
}

static size_t skip_label(sl_str t, size_t i, size_t to, bool *ret_colon)
{
    *ret_colon = false;
    while (i < to && (memchr(" :=\"'*|>\t", t.p[i], 9) || t.p[i] == '\n')) {
        *ret_colon |= t.p[i] == ':' || t.p[i] == '=' || t.p[i] == '|' || t.p[i] == '>';
        i++;
    }
    return i;
}

/* Nothing stands before "name:" on its line that it would be the name of: "Product name:". */
static bool begins_label(sl_str t, size_t word)
{
    size_t i = word;
    while (i > 0 && !sl_is_letter(t.p[i - 1]) && !sl_is_high(t.p[i - 1]))
        i--;
    while (i > 0 && (sl_is_letter(t.p[i - 1]) || sl_is_high(t.p[i - 1])))
        i--;
    while (i > 0 && t.p[i - 1] == ' ')
        i--;
    return i == 0 || !sl_is_letter(t.p[i - 1]);
}

/* Names that stand for nobody. */
static bool is_placeholder(sl_str name)
{
    static const char *const names[] = {"Jane Doe",       "John Doe",         "Foo Bar",
                                        "Max Mustermann", "Erika Mustermann", "Lorem Ipsum",
                                        "First Last",     "Your Name"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (sl_str_is(name, names[i]))
            return true;
    }
    return false;
}

/* A key of JSON names anything: others of a person stand beside it. */
static bool of_person(sl_classifier *c, sl_str t, size_t from, size_t to)
{
    sl_ctx_set s = sl_ctx_around(&c->ctx, from, to);
    if (sl_ctx_has(&s, SL_CTX_PHONE) || sl_ctx_has(&s, SL_CTX_ADDRESS) ||
        sl_ctx_has(&s, SL_CTX_BIRTH) || sl_ctx_has(&s, SL_CTX_PAY))
        return true;
    size_t stop = to + 40 < t.n ? to + 40 : t.n;
    for (size_t i = to; i + 5 < stop; i++) {
        if (memcmp(t.p + i, "\"age\"", 5) == 0 || memcmp(t.p + i, "mail\"", 5) == 0)
            return true;
    }
    return false;
}

/* "Patient name: Jane Roe", "姓名：张三", "ФИО: Иванов Иван" */
void sl_name_label(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    bool colon, said = word > 0 && (t.p[word - 1] == ':' || t.p[word - 1] == '"');
    if (said && !begins_label(t, word))
        return;
    size_t i = skip_label(t, word, to, &colon);
    colon |= said;
    if (i + 3 <= t.n && (memcmp(t.p + i, "是", 3) == 0 || memcmp(t.p + i, "为", 3) == 0))
        colon = true, i = skip_label(t, i + 3, to, &(bool){0});
    size_t n = sl_cn_name(t, i);
    bool same_line = i > word ? !memchr(t.p + word, '\n', i - word) : true;
    if (!n && colon && i < t.n && (same_line || sl_is_upper(t.p[i])))
        n = person_name(t, i);
    if (!n && colon && word > 0 && sl_is_high(t.p[word - 1])) { /* 氏名：山田太郎, 이름: 김철수 */
        size_t x = i;
        while (x < t.n && x < i + 24 && sl_is_high(t.p[x]))
            x++;
        n = x - i >= 6 && x - i < 24 ? x - i : 0;
    }
    bool key = word > 0 && t.p[word - 1] == '"';
    if (n && !is_placeholder((sl_str){t.p + i, n}) && (!key || of_person(c, t, i, i + n)))
        sl_add_weak(c, SL_ENT_PERSON, i, n);
}

/* "my name is Jane", "我叫张三", "меня зовут Иван" */
void sl_name_said(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    size_t i = word;
    while (i < to && (t.p[i] == ' ' || t.p[i] == ':'))
        i++;
    size_t n = sl_cn_name(t, i), x = i;
    bool name = i < t.n && (sl_is_upper(t.p[i]) ||
                            (sl_is_high(t.p[i]) && word > 0 && sl_is_high(t.p[word - 1]) &&
                             (unsigned char)(t.p[i] - 0xe4) >= 6));
    while (!n && name && x < t.n && (sl_is_letter(t.p[x]) || sl_is_high(t.p[x])))
        x++;
    n = n ? n : x - i;
    if (n >= 3)
        sl_add_weak(c, SL_ENT_PERSON, i, n);
}

/* "Mr. John Smith", "Frau Anna Schmidt": a title and two names. */
void sl_title_name(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    size_t i = word;
    while (i < t.n && (t.p[i] == ' ' || t.p[i] == '.'))
        i++;
    size_t n = i < t.n && sl_is_upper(t.p[i]) ? person_name(t, i) : 0;
    if (n)
        sl_add_weak(c, SL_ENT_PERSON, i, n);
}

/* 张伟先生 */
void sl_honorific(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    size_t end = word - 6;
    for (size_t n = 9; word >= 6 && n >= 6; n -= 3) {
        if (end < n || sl_cn_name(t, end - n) < n)
            continue;
        bool starts =
            end == n || ideographs(t, end - n - 3 < end ? end - n - 3 : 0, 1) == 0 || end - n < 3;
        if (starts || n == 9) {
            sl_add_weak(c, SL_ENT_PERSON, end - n, n);
            return;
        }
    }
}
