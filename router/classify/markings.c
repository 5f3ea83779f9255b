/* markings.c - document markings in English and Chinese, told apart from the same words in prose.
 *
 * A marking counts when it stands where documents carry one: after a label ("Classification:",
 * "密级:"), in brackets, alone at the start of a line, in upper case, or, for phrases that are
 * hardly anything else, anywhere. "secret garden" and "机密计算" are none of these. */
#include "router/classify/patterns.h"

#include <strings.h>

enum {
    BY_PLACE, /* label, brackets, start of a line */
    BY_CASE,  /* and in upper case anywhere */
    ANYWHERE
};

/* arg of a row: level and place. len: bytes of the shortest match; the check looks back for the true
 * start. */
#define ROW(level, where) ((level) << 4 | (where))

#define R SL_LEVEL_RESTRICTED
#define C SL_LEVEL_CONFIDENTIAL
#define I SL_LEVEL_INTERNAL

static const sl_pattern markings[] = {
    {"(?i)\\btop[ -]secret\\b", ROW(R, BY_CASE), 10},
    {"(?i)\\bstrictly (?:private and )?confidential\\b", ROW(R, ANYWHERE), 21},
    {"(?i)\\bhighly confidential\\b", ROW(R, ANYWHERE), 19},
    {"(?i)\\bsecret\\b", ROW(R, BY_PLACE), 6},
    {"(?i)\\brestricted\\b", ROW(R, BY_PLACE), 10},
    {"(?i)\\bconfidential\\b", ROW(C, BY_CASE), 12},
    {"(?i)\\b(?:company|commercial(?:ly)?|business|private and|privileged and|proprietary and)[ "
     "-](?:in[ -])?confiden(?:tial|ce)\\b",
     ROW(C, ANYWHERE), 19},
    {"(?i)\\b(?:this|the) "
     "(?:document|e-?mail|message|memo|file|report|information|attachment|presentation|material)(?:"
     " and its? (?:contents|attachments))? (?:is|are|contains?) (?:strictly |highly |company "
     ")?(?:confidential|privileged|proprietary)\\b",
     ROW(C, ANYWHERE), 24},
    {"(?i)\\battorney[- ]client privileged?\\b", ROW(C, ANYWHERE), 25},
    {"(?i)\\b(?:do not|not for) (?:distribut(?:e|ion)|re-?distribut(?:e|ion)|external "
     "(?:distribution|release))\\b",
     ROW(C, BY_CASE), 16},
    {"(?i)\\b(?:proprietary|trade secret)\\b", ROW(C, BY_CASE), 11},
    {"(?i)\\bTLP:(?:RED)\\b", ROW(R, ANYWHERE), 7},
    {"(?i)\\bTLP:AMBER\\b", ROW(C, ANYWHERE), 9},
    {"\\bNOFORN\\b", ROW(R, ANYWHERE), 6},
    {"\\b(?:CUI|ITAR|FOUO)\\b", ROW(C, BY_PLACE), 3},
    {"(?i)\\b(?:for )?(?:internal|official)[ -]use[ -]only\\b", ROW(I, ANYWHERE), 17},
    {"(?i)\\b(?:company |for )?internal only\\b", ROW(I, BY_CASE), 13},
    {"(?i)\\binternal\\b", ROW(I, BY_PLACE), 8},
    {"绝密", ROW(R, BY_PLACE), 6},
    {"机密", ROW(C, BY_PLACE), 6},
    {"機密", ROW(C, BY_PLACE), 6},
    {"秘密", ROW(C, BY_PLACE), 6},
    {"(?:核心|普通)商密", ROW(C, ANYWHERE), 12},
    {"商业(?:秘密|机密)", ROW(C, BY_PLACE), 12},
    {"(?:公司|企业|高度|严格)(?:机密|保密)", ROW(C, BY_PLACE), 12},
    {"(?:不得|严禁|禁止|请勿|切勿|不可|不准)(?:对外)?(?:外传|外泄|泄露|传播|公开|披露|转发)",
     ROW(C, ANYWHERE), 12},
    {"(?:内部|內部)(?:资料|資料|文件|使用|公开|材料|参考)", ROW(I, BY_PLACE), 12},
    {"(?:仅供|仅限|限于?)(?:公司)?内部", ROW(I, ANYWHERE), 9},
    {"(?:注意保密|保密文件|涉密|敏感信息 *请勿)", ROW(C, BY_PLACE), 6},
};
#undef R
#undef C
#undef I

static bool alnum(char ch)
{
    return (unsigned char)((ch | 32) - 'a') < 26 || (unsigned char)(ch - '0') < 10;
}

static bool starts(sl_str t, size_t at, const char *s)
{
    size_t n = strlen(s);
    return at + n <= t.n && memcmp(t.p + at, s, n) == 0;
}

static bool ends_before(sl_str t, size_t at, const char *s)
{
    size_t n = strlen(s);
    return at >= n && strncasecmp(t.p + at - n, s, n) == 0;
}

/* "Classification: ", "密级：" and their kin right before `at`. */
static bool after_label(sl_str t, size_t at)
{
    static const char *const labels[] = {"classification",
                                         "classified",
                                         "classified as",
                                         "sensitivity",
                                         "security level",
                                         "confidentiality",
                                         "security classification",
                                         "protective marking",
                                         "marking",
                                         "handling",
                                         "distribution",
                                         "label",
                                         "data class",
                                         "密级",
                                         "密級",
                                         "保密级别",
                                         "保密等级",
                                         "安全等级",
                                         "保密程度",
                                         "文件级别",
                                         "机密等级",
                                         "保密期限"};
    size_t i = at;
    bool colon = false;
    while (i > 0 && at - i < 12 && (t.p[i - 1] == ' ' || strchr(":=\"'*_[(", t.p[i - 1]))) {
        colon |= t.p[i - 1] == ':' || t.p[i - 1] == '=';
        i--;
    }
    if (ends_before(t, i, "is") && i > 3 && t.p[i - 3] == ' ')
        i -= 3, colon = true;
    for (size_t x = 0; x < sizeof labels / sizeof *labels; x++) {
        if (ends_before(t, i, labels[x]) &&
            (colon || (unsigned char)labels[x][0] >= 0x80 || ends_before(t, i, "classified as")))
            return true;
    }
    return false;
}

static const char *const brackets[][2] = {{"[", "]"},   {"(", ")"},   {"【", "】"}, {"〔", "〕"},
                                          {"《", "》"}, {"「", "」"}, {"<", ">"},   {"**", "**"},
                                          {"{", "}"},   {"★", "★"}};

/* Brackets right around it; at most 24 bytes more between ("[Confidential - Finance]"). Round ones
 * directly behind a word are a call: hash(secret). */
static bool in_brackets(sl_str t, size_t from, size_t end)
{
    while (from > 0 && t.p[from - 1] == ' ')
        from--;
    for (size_t x = 0; x < sizeof brackets / sizeof *brackets; x++) {
        const char *open = brackets[x][0], *close = brackets[x][1];
        size_t open_n = strlen(open);
        if (!ends_before(t, from, open))
            continue;
        size_t before = from - open_n;
        bool word = before > 0 &&
                    (alnum(t.p[before - 1]) || t.p[before - 1] == '_' || t.p[before - 1] == ')');
        if (word && (unsigned char)open[0] < 0x80 && open[0] != '*')
            continue;
        for (size_t i = end; i < t.n && i <= end + 24 && t.p[i] != '\n'; i++) {
            if (starts(t, i, close))
                return open[0] != '(' || (t.p[from] < 'a' || t.p[from] > 'z' || i == end);
        }
    }
    return false;
}

/* Alone at the start of a line: only decoration before it, a break or punctuation behind it. */
static bool at_line_start(sl_str t, size_t from, size_t end)
{
    size_t i = from;
    while (i > 0 && strchr(" \t#*>-_=|~`\"", t.p[i - 1]))
        i--;
    if (i > 0 && t.p[i - 1] != '\n' && t.p[i - 1] != '\r')
        return false;
    bool spaced = false;
    while (end < t.n && strchr(" \t*_\"", t.p[end]))
        end++, spaced = true;
    if (end == t.n || strchr("\r\n:|;!=#>", t.p[end]))
        return !(end < t.n && t.p[end] == '=' && t.p[from] >= 'a'); /* secret=… is code */
    if (t.p[end] == ',' && end - from >= 12 && (unsigned char)t.p[from] >= 0x80)
        return true; /* 内部资料,… */
    if (t.p[end] == '.' || t.p[end] == ',')
        return end + 1 >= t.n || t.p[end + 1] == '\n';
    if (t.p[end] == '-' || t.p[end] == '/')
        return spaced || t.p[end] == '/';
    return starts(t, end, "\xe2\x98\x85") || starts(t, end, "级") || starts(t, end, "\xef\xbc");
}

static bool upper(sl_str t, size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        if (t.p[i] >= 'a' && t.p[i] <= 'z')
            return false;
    }
    bool left =
        from == 0 || !(t.p[from - 1] == '_' || t.p[from - 1] == '-' || t.p[from - 1] == '.');
    bool right = end == t.n || !(t.p[end] == '_' || t.p[end] == '-');
    return left && right;
}

/* 机密★10年, 机密级: a level with its term, wherever it stands. */
static bool with_term(sl_str t, size_t end)
{
    while (end < t.n && t.p[end] == ' ')
        end++;
    return starts(t, end, "\xe2\x98\x85") || (starts(t, end, "级") && !starts(t, end, "级别"));
}

/* Looks back for the start of the hit: the longest run of the marking's own kind of bytes. */
static size_t start_of(sl_str t, size_t end, const sl_pattern *m)
{
    size_t from = end - (size_t)m->len;
    bool ascii = (unsigned char)t.p[end - 1] < 0x80;
    while (ascii && from > 0 && alnum(t.p[from - 1]))
        from--;
    return from;
}

static void check_marking(sl_classifier *c, sl_str t, size_t end, const sl_pattern *m)
{
    int where = m->arg & 15;
    size_t from = start_of(t, end, m);
    bool chinese = (unsigned char)t.p[end - 1] >= 0x80;
    bool yes = where == ANYWHERE || after_label(t, from) || in_brackets(t, from, end) ||
               at_line_start(t, from, end) ||
               (!chinese && where == BY_CASE && upper(t, from, end)) ||
               (chinese && with_term(t, end));
    if (yes)
        sl_add(c, SL_ENT_MARKING, (sl_level)(m->arg >> 4), from, end - from);
}

const sl_pattern_list sl_marking_patterns = {markings, sizeof markings / sizeof *markings,
                                             check_marking};
