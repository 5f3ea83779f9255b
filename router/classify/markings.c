/* markings.c - document markings in forty languages, told apart from the same words in prose.
 *
 * The words stand in markings_words.def. Most of them are ordinary words too, and count where
 * documents carry a marking: behind a label ("Classification:", "密级:"), in brackets, on a line of
 * their own, between separators of a header or footer, in a file's name, beside a term ("机密★10年"),
 * or said of "this document". "secret garden", "机密计算" and client_secret are none of these. */
#include "router/classify/secrets.h"
#include "router/classify/wordset.h"

#include <strings.h>

enum { PLACE, CASE, ANY, LABELLED };

typedef struct marking {
    uint8_t len; /* bytes of the words; 0: an expression */
    uint8_t level, place;
} marking;

#define R SL_LEVEL_RESTRICTED
#define C SL_LEVEL_CONFIDENTIAL
#define I SL_LEVEL_INTERNAL
static const marking rows[] = {
#define M(words, level, place) {sizeof words - 1, level, place},
#define A(expr, level)         {0, level, ANY},
#include "router/classify/markings_words.def"
#undef M
#undef A
};
#undef R
#undef C
#undef I

/* ---- bytes ---- */

/* Chinese, Japanese, Korean: no blanks between words. */
static bool cjk(sl_str t, size_t at)
{
    unsigned char b = (unsigned char)t.p[at];
    return b >= 0xe3 && b <= 0xed;
}

/* The same without the punctuation of U+3000-303F: 【, 。 … */
static bool letter_of(sl_str t, size_t at)
{
    return cjk(t, at) &&
           !((unsigned char)t.p[at] == 0xe3 && at + 1 < t.n && (unsigned char)t.p[at + 1] == 0x80);
}

static bool ends_before(sl_str t, size_t at, const char *s)
{
    size_t n = strlen(s);
    return at >= n && strncasecmp(t.p + at - n, s, n) == 0;
}

static bool lower(char ch)
{
    return (unsigned char)(ch - 'a') < 26;
}

/* Written small throughout, as a word in a sentence or a name in code is. */
static bool small_word(sl_str t, size_t from, size_t end)
{
    if (!lower(t.p[from]))
        return false;
    for (size_t i = from; i < end; i++) {
        if (t.p[i] >= 'A' && t.p[i] <= 'Z')
            return false;
    }
    return true;
}

/* Words end where other letters of their script do not go on. */
static bool on_edges(sl_str t, size_t from, size_t end)
{
    if (cjk(t, from))
        return true;
    if (sl_is_high(t.p[from])) {
        bool left = from == 0 || !sl_is_high(t.p[from - 1]) || cjk(t, from - 1) ||
                    (unsigned char)t.p[from - 1] == 0x9d || (from >= 3 && cjk(t, from - 3));
        bool right =
            end >= t.n || (unsigned char)t.p[end] < 0xc3 || (unsigned char)t.p[end] >= 0xe2;
        return left && right;
    }
    if (from > 0 && sl_is_alnum(t.p[from - 1]) && sl_is_alnum(t.p[from]))
        return from >= 2 && t.p[from - 2] == '\\' && strchr("nrt", t.p[from - 1]);
    return end >= t.n || !sl_is_alnum(t.p[end]) || !sl_is_alnum(t.p[end - 1]);
}

/* ---- labels ---- */

/* Stems of what stands before the colon. */
static const char *const label_words[] = {
    "classif", "sensitiv", "confidentiality", "security level", "security class", "marking",
    "handling", "distribution", "data class", "document class", "document-class", "doc class",
    "data-class", "information class", "footer", "header", "banner", "watermark", "stamp",
    "dataclass", "clearance", "access level", "tlp", "caveat", "status", "secrecy", "restriction",
    "circulation", "audience",
    /* German, Dutch, Nordic */
    "einstufung", "klassifi", "klassifizierung", "vertraulichkeit", "geheimhaltung", "schutzklasse",
    "schutzbedarf", "sicherheitsstufe", "verschlusssache", "rubricering", "vertrouwelijkheid",
    "beveiligingsniveau", "klassning", "sekretess", "konfidentialitet", "gradering", "fortrolighed",
    "fortrolighet", "sikkerhed", "sikkerhet", "luokitus", "luokka", "luokittelu", "suojaustaso",
    "luottamuksellisuus", "salassapito",
    /* Romance */
    "confidentialite", "niveau de", "mention", "diffusion", "clasificacion", "confidencialidad",
    "nivel de", "classificacao", "confidencialidade", "sigilo", "classificazione", "riservatezza",
    "livello di", "clasificare", "confidentialitate", "secretizare", "grado de", "grau de",
    /* Slavic in Latin letters, Hungarian, Baltic, Turkish */
    "klauzul", "klasyfikacj", "poufnosc", "stupen", "utajeni", "klasifika", "duvernost",
    "minosites", "besorolas", "bizalmassag", "titkossag", "stupanj", "tajnosti", "povjerljivost",
    "oznaka", "stopnja", "salastatuse", "slaptumo", "konfidencial", "gizlilik", "siniflandirma",
    "sinif", "derecesi",
    /* Vietnamese, Indonesian */
    "do mat", "muc do", "phan loai", "cap do", "klasifikasi", "kerahasiaan", "pengelasan",
    "tahap keselamatan",
    /* Cyrillic, Greek */
    "гриф", "классификация", "конфиденциальност", "уровень доступа", "секретност", "доступ",
    "категория", "класифікація", "конфіденційн", "таємност", "класификация", "ниво на", "степен",
    "поверљивост", "διαβάθμιση", "διαβαθμιση", "ταξινόμηση", "ταξινομηση", "εμπιστευτικότητα",
    "βαθμός",
    /* Arabic, Persian, Hebrew, Indic, Thai */
    "تصنيف", "السرية", "سرية", "طبقه بندی", "طبقه‌بندی", "محرمانگی", "סיווג", "רמת",
    "वर्गीकरण", "गोपनीयता", "श्रेणी", "ชั้นความลับ", "ความลับ", "ระดับ",
    /* Chinese, Japanese, Korean */
    "密级", "密級", "密等", "保密", "机密等级", "機密等級", "机密级别", "安全等级", "安全级别",
    "安全級別", "文件级别", "文档级别", "文件等级", "資料等級", "资料等级", "敏感度", "敏感级别",
    "等级", "等級", "級別", "级别", "区分", "機密度", "機密性", "分類", "分类", "取扱", "公開範囲",
    "セキュリティ", "등급", "분류", "보안", "비밀", "기밀", "구분"};

/* Right before a marking in a sentence: "classified as", "als … eingestuft". */
static const char *const verb_words[] = {"classified as",
                                         "classified",
                                         "marked as",
                                         "marked",
                                         "labeled as",
                                         "labelled as",
                                         "labeled",
                                         "labelled",
                                         "designated as",
                                         "designated",
                                         "rated",
                                         "stamped",
                                         "treated as",
                                         "treat as",
                                         "treat this as",
                                         "considered",
                                         "handled as",
                                         "eingestuft als",
                                         "klassifiziert als",
                                         "gekennzeichnet als",
                                         "classifie",
                                         "classifiee",
                                         "classe",
                                         "clasificado como",
                                         "clasificada como",
                                         "classificado como",
                                         "classificada como",
                                         "classificato come",
                                         "classificato",
                                         "sklasyfikowane jako",
                                         "oznaczone jako",
                                         "geclassificeerd als",
                                         "gerubriceerd als",
                                         "klassificerat som",
                                         "klassificeret som",
                                         "klassifisert som",
                                         "luokiteltu",
                                         "oznaceno jako",
                                         "klasifikovano jako",
                                         "定为",
                                         "定為",
                                         "列为",
                                         "列為",
                                         "属于",
                                         "屬於",
                                         "标为",
                                         "标记为",
                                         "標記為",
                                         "密级为",
                                         "定密为",
                                         "归类为",
                                         "评定为",
                                         "гриф",
                                         "с грифом",
                                         "под грифом",
                                         "помечен как",
                                         "отнесен к",
                                         "로 분류",
                                         "等级为",
                                         "级别为",
                                         "級別為"};

/* The words end what they stand in: a value of a file, a cell, a line. */
static bool value_ends(sl_str t, size_t end)
{
    while (end < t.n && strchr(" \t\"'`*_)]", t.p[end]))
        end++;
    return end == t.n || strchr("\r\n,;|}<", t.p[end]) || t.p[end] == '\\' ||
           (t.p[end] == '.' && (end + 1 == t.n || t.p[end + 1] == '\n'));
}

static sl_wordset labels = SL_WORDSET(label_words);

static bool label_before(sl_str t, size_t i)
{
    size_t low = i > 40 ? i - 40 : 0, line = i;
    while (line > low && !strchr("\n.;,", t.p[line - 1]))
        line--;
    return sl_wordset_in(&labels, t.p + line, i - line);
}

static sl_wordset verbs = SL_WORDSET(verb_words);

static bool verb_before(sl_str t, size_t i)
{
    return sl_wordset_ends(&verbs, t.p, i);
}

/* "Classification: ", "密级：", "sensitivity = ", <classification> right before `at`, or with a few
 * words of the same value between ("Level 3 Restricted"). */
static bool after_label(sl_str t, size_t at, size_t end)
{
    size_t i = at;
    bool colon = false;
    while (i > 0 && at - i < 14 && strchr(" \t:=\"'*_[(>|-`", t.p[i - 1])) {
        colon |= strchr(":=>|", t.p[i - 1]) != NULL;
        i--;
    }
    if (i < at || cjk(t, at)) {
        if (verb_before(t, i))
            return true;
    }
    bool is = ends_before(t, i, " is") || ends_before(t, i, "为") || ends_before(t, i, "為") ||
              ends_before(t, i, "是") || ends_before(t, i, "は") || ends_before(t, i, " est") ||
              ends_before(t, i, " ist") || ends_before(t, i, " es");
    if (lower(t.p[at]) && !value_ends(t, end))
        return false;
    if (!colon && !is && (!lower(t.p[at]) || sl_is_high(t.p[at]))) {
        size_t low = i > 24 ? i - 24 : 0;
        while (i > low &&
               (sl_is_alnum(t.p[i - 1]) || sl_is_high(t.p[i - 1]) || strchr(" -/", t.p[i - 1])))
            i--;
        colon = i > 0 && strchr(":=|", t.p[i - 1]) && value_ends(t, end);
        while (colon && i > 0 && strchr(" :=|", t.p[i - 1]))
            i--;
    }
    return (colon || is) && label_before(t, i);
}

/* A string of JSON or an element of markup that holds the words and nothing else. */
static bool whole_string(sl_str t, size_t from, size_t end)
{
    if (from < 2 || end >= t.n || lower(t.p[from]))
        return false;
    char a = t.p[from - 1], b = t.p[end];
    if (a == '>' && b == '<')
        return true;
    size_t i = from - 1;
    while (i > 0 && t.p[i - 1] == ' ')
        i--;
    return a == '"' && b == '"' && i > 0 && strchr(":,[", t.p[i - 1]);
}

/* ---- places ---- */

static const char *const brackets[][2] = {
    {"[", "]"},   {"(", ")"},   {"【", "】"}, {"〔", "〕"}, {"《", "》"}, {"「", "」"},
    {"<", ">"},   {"**", "**"}, {"{", "}"},   {"★", "★"},   {"『", "』"}, {"〈", "〉"},
    {"*", "*"},   {"##", "##"}, {"«", "»"},   {"_", "_"},   {"--", "--"}, {"==", "=="},
    {"<<", ">>"}, {"//", "//"}, {"■", "■"},   {"※", "※"}};

/* What may stand between the words and the closing bracket: nothing, or a separator and more. */
static bool bracket_rest(sl_str t, size_t end, size_t close)
{
    if (close == end)
        return true;
    size_t i = end;
    while (i < close && t.p[i] == ' ')
        i++;
    if (i == close || strchr("-|,/:;.", t.p[i]) || sl_starts_at(t, i, "★") ||
        sl_starts_at(t, i, "级"))
        return true;
    return !cjk(t, end > 3 ? end - 3 : 0) && i > end && close - end <= 16; /* [Internal draft] */
}

static bool in_brackets(sl_str t, size_t from, size_t end)
{
    while (from > 0 && t.p[from - 1] == ' ')
        from--;
    for (size_t x = 0; x < sizeof brackets / sizeof *brackets; x++) {
        const char *open = brackets[x][0], *close = brackets[x][1];
        size_t open_n = strlen(open);
        if (from == 0 || t.p[from - 1] != open[open_n - 1] || !ends_before(t, from, open))
            continue;
        size_t before = from - open_n;
        bool word =
            before > 0 && (sl_is_alnum(t.p[before - 1]) || strchr("_)]\"'.", t.p[before - 1]));
        if (word && !sl_is_high(open[0]) && open_n == 1)
            continue;
        bool small = small_word(t, from + (t.p[from] == ' '), end);
        if (small && strchr("<{_/", open[0]))
            continue; /* a tag, a template, a name */
        for (size_t i = end; i < t.n && i <= end + 24 && t.p[i] != '\n'; i++) {
            if (sl_starts_at(t, i, close) && bracket_rest(t, end, i))
                return !strchr("([", open[0]) || !small ||
                       (i == end && (open[0] == '(' || value_ends(t, i + 1)));
        }
    }
    return false;
}

/* Nouns that a marking which begins a line is part of: "Confidential memo", "Internal report". */
static size_t document_noun(sl_str t, size_t i)
{
    static const char *const nouns[] = {
        "document", "memo",         "memorandum", "report",    "draft",          "information",
        "material", "presentation", "file",       "use",       "communication",  "property",
        "data",     "only",         "notice",     "treatment", "correspondence", "briefing"};
    for (size_t x = 0; x < sizeof nouns / sizeof *nouns; x++) {
        size_t n = strlen(nouns[x]);
        if (i + n <= t.n && strncasecmp(t.p + i, nouns[x], n) == 0 &&
            (i + n == t.n || !sl_is_alnum(t.p[i + n])))
            return n;
    }
    return 0;
}

static bool line_begins(sl_str t, size_t from)
{
    size_t i = from;
    while (i > 0 && strchr(" \t#*>-_=|~`\"'!/+.", t.p[i - 1]))
        i--;
    for (int n = 0; n < 4 && i >= 3; n++) { /* ★, ※, ■, emoji */
        if (sl_starts_at(t, i - 3, "★") || sl_starts_at(t, i - 3, "※") ||
            sl_starts_at(t, i - 3, "■") || sl_starts_at(t, i - 3, "●") ||
            sl_starts_at(t, i - 3, "◆") || sl_starts_at(t, i - 3, "⚠"))
            i -= 3;
        else if (i >= 4 && (unsigned char)t.p[i - 4] == 0xf0)
            i -= 4;
        else
            break;
        while (i > 0 && t.p[i - 1] == ' ')
            i--;
    }
    return i == 0 || t.p[i - 1] == '\n' || t.p[i - 1] == '\r' ||
           (i >= 2 && t.p[i - 2] == '\\' && t.p[i - 1] == 'n');
}

/* Alone at the start of a line: only decoration before it, a break or punctuation behind it. */
static bool at_line_start(sl_str t, size_t from, size_t end)
{
    if (!line_begins(t, from))
        return false;
    bool spaced = false, small = small_word(t, from, end);
    while (end < t.n && strchr(" \t*_\"'", t.p[end]))
        end++, spaced = true;
    if (!small && spaced && document_noun(t, end)) {
        end += document_noun(t, end);
        while (end < t.n && strchr(" \t*_\"'", t.p[end]))
            end++;
    }
    if (end == t.n)
        return !small || line_begins(t, from);
    char ch = t.p[end];
    if (ch == '=')
        return !small && end + 1 < t.n && t.p[end + 1] == '='; /* secret=… is code */
    if (strchr("\r\n|;!#>", ch))
        return true;
    if (ch == ':')
        return !small || spaced || sl_is_high(t.p[from]);
    if (ch == ',' && sl_is_high(t.p[from]))
        return true; /* 内部资料,… */
    if (ch == '.' || ch == ',')
        return end + 1 >= t.n || t.p[end + 1] == '\n' ||
               (!small && ch == '.' && t.p[end + 1] == ' ') || sl_is_high(t.p[from]);
    if (ch == '-' || ch == '/')
        return spaced || ch == '/' || (end + 1 < t.n && t.p[end + 1] == '-');
    if (ch == '(' || ch == '[')
        return !small;
    return sl_starts_at(t, end, "★") || sl_starts_at(t, end, "级") ||
           sl_starts_at(t, end, "\xef\xbc") || sl_starts_at(t, end, "】") ||
           sl_starts_at(t, end, "—") || sl_starts_at(t, end, "※");
}

/* A header or footer: "Acme | Confidential | page 2", "Page 3 - Confidential", "… / Internal". */
static bool separated(sl_str t, size_t from, size_t end)
{
    if (lower(t.p[from]))
        return false;
    size_t i = from, j = end;
    while (i > 0 && t.p[i - 1] == ' ')
        i--;
    while (j < t.n && t.p[j] == ' ')
        j++;
    bool left = i > 0 && (t.p[i - 1] == '|' || sl_starts_at(t, i - 1, "\t") ||
                          (i < from && strchr("-/.", t.p[i - 1]) && i > 1 && t.p[i - 2] == ' ') ||
                          (i >= 3 && (sl_starts_at(t, i - 3, "—") || sl_starts_at(t, i - 3, "–"))));
    bool right = j == t.n || strchr("|\r\n", t.p[j]) || (j > end && strchr("-/", t.p[j])) ||
                 (t.p[j] == '.' && (j + 1 == t.n || j > end));
    return left && right;
}

static bool upper_word(sl_str t, size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        if (lower(t.p[i]))
            return false;
    }
    bool left = from == 0 || !strchr("_-.$", t.p[from - 1]);
    bool right = end == t.n || !strchr("_-(=", t.p[end]);
    return left && right;
}

/* SECRET//NOFORN, //SECRET */
static bool slashes(sl_str t, size_t from, size_t end)
{
    return (sl_starts_at(t, end, "//") || (from >= 2 && sl_starts_at(t, from - 2, "//"))) &&
           !lower(t.p[from]) && !(from >= 3 && t.p[from - 3] == ':');
}

/* 机密★10年, 机密级: a level with its term, wherever it stands. */
static bool with_term(sl_str t, size_t end)
{
    while (end < t.n && t.p[end] == ' ')
        end++;
    return sl_starts_at(t, end, "★") || sl_starts_at(t, end, "☆") ||
           (sl_starts_at(t, end, "级") && !sl_starts_at(t, end, "级别")) ||
           (sl_starts_at(t, end, "級") && !sl_starts_at(t, end, "級別"));
}

/* Q3_confidential_draft.docx: part of a name with an extension of documents. */
static bool in_file_name(sl_str t, size_t from, size_t end)
{
    bool joined =
        (from > 0 && strchr("_-.", t.p[from - 1])) || (end < t.n && strchr("_-.", t.p[end]));
    if (!joined)
        return false;
    static const char *const types[] = {".doc", ".xls", ".ppt",   ".pdf",     ".csv", ".odt",
                                        ".ods", ".odp", ".rtf",   ".eml",     ".msg", ".zip",
                                        ".txt", ".md",  ".pages", ".numbers", ".key", ".7z",
                                        ".vsd", ".mp4", ".wav"};
    size_t i = end;
    while (i < t.n && i < end + 80 &&
           (sl_is_alnum(t.p[i]) || strchr("_-.()", t.p[i]) || sl_is_high(t.p[i]))) {
        for (size_t x = 0; t.p[i] == '.' && x < sizeof types / sizeof *types; x++) {
            if (i + 2 < t.n && strncasecmp(t.p + i, types[x], strlen(types[x])) == 0)
                return true;
        }
        i++;
    }
    return false;
}

/* "This document is …", "本文件…", "ce document est …": the subject of the sentence, close before. */
static const char *const subject_words[] = {"this document",
                                            "this e-mail",
                                            "this email",
                                            "this message",
                                            "this memo",
                                            "this file",
                                            "this report",
                                            "this information",
                                            "this presentation",
                                            "this deck",
                                            "this spreadsheet",
                                            "this material",
                                            "these materials",
                                            "this letter",
                                            "this draft",
                                            "this page",
                                            "this content",
                                            "the attached",
                                            "the enclosed",
                                            "the following is",
                                            "contents of",
                                            "all information in",
                                            "dieses dokument",
                                            "diese e-mail",
                                            "diese nachricht",
                                            "dieser bericht",
                                            "diese informationen",
                                            "diese mail",
                                            "diese datei",
                                            "dieses schreiben",
                                            "diese unterlagen",
                                            "ce document",
                                            "ce message",
                                            "cet e-mail",
                                            "ce courriel",
                                            "ce rapport",
                                            "ce courrier",
                                            "ces informations",
                                            "este documento",
                                            "este mensaje",
                                            "este correo",
                                            "este informe",
                                            "esta informacion",
                                            "este e-mail",
                                            "esta mensagem",
                                            "este relatorio",
                                            "este arquivo",
                                            "questo documento",
                                            "questa e-mail",
                                            "questo messaggio",
                                            "questa comunicazione",
                                            "questo rapporto",
                                            "il presente documento",
                                            "le present document",
                                            "el presente documento",
                                            "o presente documento",
                                            "dit document",
                                            "deze e-mail",
                                            "dit bericht",
                                            "dit rapport",
                                            "ten dokument",
                                            "niniejszy dokument",
                                            "ta wiadomosc",
                                            "ten raport",
                                            "detta dokument",
                                            "det har dokumentet",
                                            "detta meddelande",
                                            "dette dokument",
                                            "denne e-mail",
                                            "denne rapport",
                                            "dette dokumentet",
                                            "denne e-posten",
                                            "tama asiakirja",
                                            "tama viesti",
                                            "tama raportti",
                                            "tento dokument",
                                            "tato zprava",
                                            "tato sprava",
                                            "ez a dokumentum",
                                            "ez az e-mail",
                                            "acest document",
                                            "acest mesaj",
                                            "acest raport",
                                            "bu belge",
                                            "bu dokuman",
                                            "bu e-posta",
                                            "bu mesaj",
                                            "bu rapor",
                                            "tai lieu nay",
                                            "email nay",
                                            "bao cao nay",
                                            "dokumen ini",
                                            "pesan ini",
                                            "laporan ini",
                                            "email ini",
                                            "ovaj dokument",
                                            "ova poruka",
                                            "ta dokument",
                                            "see dokument",
                                            "sis dokuments",
                                            "sis dokumentas",
                                            "этот документ",
                                            "данный документ",
                                            "настоящий документ",
                                            "документ является",
                                            "это сообщение",
                                            "данное сообщение",
                                            "это письмо",
                                            "этот отчет",
                                            "этот отчёт",
                                            "цей документ",
                                            "це повідомлення",
                                            "цей звіт",
                                            "този документ",
                                            "овај документ",
                                            "το έγγραφο αυτό",
                                            "αυτό το έγγραφο",
                                            "το παρόν έγγραφο",
                                            "το παρον εγγραφο",
                                            "هذا المستند",
                                            "هذه الوثيقة",
                                            "هذه الرسالة",
                                            "هذا التقرير",
                                            "این سند",
                                            "מסמך זה",
                                            "הודעה זו",
                                            "המסמך הזה",
                                            "यह दस्तावेज",
                                            "यह दस्तावेज़",
                                            "यह ईमेल",
                                            "यह रिपोर्ट",
                                            "เอกสารนี้",
                                            "เอกสารฉบับนี้",
                                            "อีเมลนี้",
                                            "本文件",
                                            "本文档",
                                            "该文件",
                                            "此文件",
                                            "该文档",
                                            "此文档",
                                            "本邮件",
                                            "此邮件",
                                            "本资料",
                                            "本報告",
                                            "本报告",
                                            "该报告",
                                            "本材料",
                                            "以下内容",
                                            "以下資料",
                                            "此資料",
                                            "本郵件",
                                            "此郵件",
                                            "该资料",
                                            "以下信息",
                                            "本書",
                                            "本資料",
                                            "本メール",
                                            "本文書",
                                            "この文書",
                                            "この資料",
                                            "このメール",
                                            "이 문서",
                                            "본 문서",
                                            "이 메일",
                                            "본 메일",
                                            "본 자료",
                                            "이 자료",
                                            "이 보고서",
                                            "본 보고서"};

static sl_wordset subjects = SL_WORDSET(subject_words);

static bool said_of_document(sl_str t, size_t from)
{
    size_t low = from > 64 ? from - 64 : 0, i = from;
    while (i > low && !strchr("\n?!;", t.p[i - 1]) && !(t.p[i - 1] == '.' && t.p[i] == ' '))
        i--;
    if (from - i < 9)
        return false;
    return sl_wordset_in(&subjects, t.p + i, from - i);
}

void sl_markings_open(void)
{
    sl_wordset_build(&labels);
    sl_wordset_build(&verbs);
    sl_wordset_build(&subjects);
}

/* ---- hits ---- */

/* 限內部使用, 絕對機密: a marking of more words than the table has, behind a label or in brackets. */
static bool longer(sl_str t, size_t from, size_t end)
{
    size_t a = from, b = end;
    while (a >= 3 && from - a < 15 && cjk(t, a - 3) && !sl_starts_at(t, a - 3, "】"))
        a -= 3;
    while (b + 3 <= t.n && b - end < 15 && cjk(t, b))
        b += 3;
    if (a == from && b == end)
        return false;
    if (!value_ends(t, b) && !sl_starts_at(t, b, "】"))
        return false;
    return after_label(t, a, b) || (in_brackets(t, a, b) && !ends_before(t, a, "《") &&
                                    !ends_before(t, a, "「") && !ends_before(t, a, "『"));
}

static bool counts(sl_str t, size_t from, size_t end, const marking *m)
{
    if (m->place == ANY)
        return true;
    /* inside a row of characters only what a label or a bracket holds */
    if (cjk(t, from) && from >= 3 && letter_of(t, from - 3) && end < t.n && letter_of(t, end) &&
        !with_term(t, end) && !verb_before(t, from))
        return longer(t, from, end);
    if (after_label(t, from, end) || whole_string(t, from, end))
        return true;
    if (m->place == LABELLED)
        return (in_brackets(t, from, end) && !lower(t.p[from])) ||
               (upper_word(t, from, end) && at_line_start(t, from, end)) ||
               (!lower(t.p[from]) && line_begins(t, from) && value_ends(t, end));
    if (cjk(t, from) && longer(t, from, end))
        return true;
    if (m->place == CASE && !sl_is_high(t.p[from]) && upper_word(t, from, end))
        return true;
    return in_brackets(t, from, end) || at_line_start(t, from, end) || separated(t, from, end) ||
           slashes(t, from, end) || (cjk(t, from) && with_term(t, end)) ||
           ((m->place == CASE || sl_is_high(t.p[from])) && in_file_name(t, from, end)) ||
           said_of_document(t, from);
}

/* ---- the patterns ---- */

static const sl_pattern patterns[] = {
#define M(words, level, place) {"(?i)\\Q" words "\\E", 0, 0},
#define A(expr, level)         {"(?i)" expr, 0, 0},
#include "router/classify/markings_words.def"
#undef M
#undef A
};

static void on_hit(sl_classifier *c, sl_str t, size_t end, const sl_pattern *p)
{
    const marking *m = &rows[p - patterns];
    size_t len = m->len ? m->len : 8, from = end > len ? end - len : 0;
    bool phrase = m->place == ANY && sl_is_high(t.p[end - 1]); /* hardly part of another word */
    if (m->len && ((!phrase && !on_edges(t, from, end)) || !counts(t, from, end, m)))
        return;
    sl_add(c, SL_ENT_MARKING, (sl_level)m->level, from, end - from);
}

const sl_pattern_list sl_marking_patterns = {patterns, sizeof patterns / sizeof *patterns, on_hit};
