/* circumstances.c - what is told of a person's health, pay, faith, sexual life, union, convictions
 * and body: a term counts only where the same sentence speaks of somebody - "my", "she", a patient,
 * a name - and not of the matter in general. */
#include "router/classify/contact.h"
#include "router/classify/numbers.h"

enum { LEFT = 70, RIGHT = 50, TOKEN_MAX = 24 };

/* What a word of the sentence is to the question whose matter it is. */
typedef enum kind {
    SELF = 1,     /* I, my */
    THIRD = 2,    /* he, her */
    HAVE = 4,     /* have, am, is, was, suffers */
    GENERAL = 8,  /* what, explain, average, story */
    PATIENT = 16, /* patient, employee, applicant, Mr */
    MANY = 32,    /* people, patients */
    KIN = 64      /* mother, wife, boss */
} kind;

typedef struct person_word {
    const char *s;
    int kind;
} person_word;

/* Sorted by bytes; folded and in lower case. */
static const person_word words[] = {
#define W(s, kind) {s, kind},
#include "router/classify/terms_persons.def"
#undef W
};

static int kind_of(const char *p, size_t n)
{
    char key[TOKEN_MAX + 1];
    if (n > TOKEN_MAX)
        return 0;
    for (size_t i = 0; i < n; i++)
        key[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 32 : p[i]);
    key[n] = 0;
    size_t lo = 0, hi = sizeof words / sizeof *words;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int d = (unsigned char)key[0] - (unsigned char)words[mid].s[0];
        if (d == 0)
            d = strcmp(key, words[mid].s);
        if (d == 0)
            return words[mid].kind;
        if (d < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return 0;
}

static bool is_token(char ch)
{
    return sl_is_letter(ch) || (unsigned char)ch >= 0x80 || ch == '\'';
}

/* A stop of a sentence, but not "Mr." or "3.5". */
static bool is_stop(sl_str t, size_t i)
{
    if (t.p[i] == '\n' || t.p[i] == '!' || t.p[i] == '?')
        return true;
    if (t.p[i] == '.') {
        size_t n = 0;
        while (n < 4 && n < i && sl_is_letter(t.p[i - n - 1]))
            n++;
        bool short_title = n > 0 && n < 4 && t.p[i - n] >= 'A' && t.p[i - n] <= 'Z';
        return (i + 1 >= t.n || t.p[i + 1] == ' ') && !short_title;
    }
    return i + 3 <= t.n && (unsigned char)t.p[i] == 0xe3 && (unsigned char)t.p[i + 1] == 0x80 &&
           (unsigned char)t.p[i + 2] == 0x82;
}

typedef struct sentence {
    size_t from, to;
    int before, near; /* kinds before the term; those of the two words right before it */
    int behind;
    bool question;
    bool named; /* a capitalised pair of words before the term */
} sentence;

static sentence read_sentence(sl_str t, size_t start, size_t end)
{
    sentence s = {.from = start, .to = end};
    while (s.from > 0 && start - s.from < LEFT && !is_stop(t, s.from - 1))
        s.from--;
    while (s.to < t.n && s.to - end < RIGHT && !is_stop(t, s.to))
        s.to++;
    s.question = s.to < t.n && t.p[s.to] == '?';
    int last[2] = {0, 0};
    bool capital = false;
    for (size_t i = s.from; i < s.to;) {
        if (!is_token(t.p[i]) || (i >= start && i < end)) {
            i++;
            continue;
        }
        size_t at = i;
        while (i < s.to && is_token(t.p[i]) && !(i >= start && i < end))
            i++;
        int k = kind_of(t.p + at, i - at);
        if (at < start) {
            s.before |= k;
            last[0] = last[1], last[1] = k;
            bool upper = t.p[at] >= 'A' && t.p[at] <= 'Z' && i - at > 1 && k == 0;
            s.named |= capital && upper && t.p[at - 1] == ' ';
            capital = upper;
        } else {
            s.behind |= k;
        }
    }
    s.near = last[0] | last[1];
    return s;
}

/* Where the term that ends at `word` begins: back over letters, at most 40 bytes. */
static size_t term_start(sl_str t, size_t word)
{
    size_t i = word;
    while (i > 0 && word - i < 40 && is_token(t.p[i - 1]) && (unsigned char)t.p[i - 1] < 0x80)
        i--;
    return i == word && word > 6 ? word - 6 : i; /* other scripts: two characters at least */
}

static bool number_in(sl_str t, size_t from, size_t to)
{
    int run = 0;
    for (size_t i = from; i < to; i++) {
        if (sl_is_digit(t.p[i])) {
            if (++run >= 3)
                return true;
            if (i + 1 < t.n &&
                ((t.p[i + 1] | 32) == 'k' || (i + 4 <= t.n && memcmp(t.p + i + 1, "万", 3) == 0)))
                return true;
        } else if (t.p[i] != ',' && t.p[i] != '.') {
            run = 0;
        }
    }
    return false;
}

/* In scripts without spaces: "我被确诊", "彼は前科がある". */
static bool about_someone_east(sl_classifier *c, size_t start, size_t end, bool link)
{
    sl_ctx_set x = sl_ctx_around(&c->ctx, start, end);
    sl_ctx_set before = sl_said_before(c, start, SL_CTX_BEFORE);
    if (!sl_ctx_has(&x, SL_CTX_SOMEONE) || sl_ctx_has(&x, SL_CTX_GENERALLY) ||
        sl_ctx_has(&before, SL_CTX_ASKING))
        return false;
    sl_ctx_set near = sl_said_before(c, start, 15);
    return link || sl_ctx_has(&near, SL_CTX_SOMEONE);
}

/* Who it is about, by the sentence's words. */
static bool about_someone(const sentence *s, bool link)
{
    int person = SELF | THIRD | KIN | PATIENT;
    if ((s->before | s->behind) & MANY)
        return false;
    bool close = link && (s->before & (SELF | KIN)) && !s->question;
    if (((s->before & GENERAL) || (link && (s->behind & GENERAL))) && !close)
        return false;
    if (link)
        return (s->before & person) || s->named || (s->behind & PATIENT);
    /* "my diabetes", "she has cancer", "I am gay" */
    bool owned = (s->near & (SELF | THIRD | KIN)) && !(s->before & GENERAL);
    bool has = (s->before & person) && (s->near & HAVE);
    return owned || has || ((s->before & PATIENT) && (s->before & HAVE));
}

/* 张伟的月薪 */
static bool named_owner(sl_str t, size_t start)
{
    if (start < 9 || memcmp(t.p + start - 3, "的", 3) != 0)
        return false;
    sl_str head = {t.p, start - 3};
    return sl_cn_name(head, start - 9) == 6 || (start >= 12 && sl_cn_name(head, start - 12) == 9);
}

static void look(sl_classifier *c, sl_str t, size_t word, sl_entity e)
{
    size_t start = term_start(t, word);
    sentence s = read_sentence(t, start, word);
    bool pay = e == SL_ENT_SALARY, link, hit;
    if (pay) { /* an amount is what makes it somebody's */
        link = number_in(t, s.from, s.to);
        if (!link || (s.behind & GENERAL))
            return;
    } else {
        sl_ctx_set x = sl_ctx_around(&c->ctx, start, word);
        link = sl_ctx_has(&x, SL_CTX_LINK);
    }
    if (word >= 3 && (unsigned char)t.p[word - 3] >= 0xe3)
        hit = about_someone_east(c, start, word, link) || (pay && named_owner(t, start));
    else
        hit = about_someone(&s, link) ||
              (e == SL_ENT_BIOMETRICS && (s.behind & (PATIENT | KIN)) && !(s.before & GENERAL));
    if (hit)
        sl_add(c, e, sl_entities[e].level, start, word - start);
}

void sl_health_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    look(c, t, word, SL_ENT_HEALTH);
}

void sl_pay_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    look(c, t, word, SL_ENT_SALARY);
}

void sl_belief_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    look(c, t, word, SL_ENT_BELIEF);
}

void sl_sexual_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    look(c, t, word, SL_ENT_SEXUAL_LIFE);
}

void sl_union_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    look(c, t, word, SL_ENT_UNION_MEMBERSHIP);
}

void sl_crime_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    look(c, t, word, SL_ENT_CONVICTION);
}

void sl_body_beside(sl_classifier *c, sl_str t, size_t word, size_t from, size_t to)
{
    look(c, t, word, SL_ENT_BIOMETRICS);
}
