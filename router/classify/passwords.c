/* passwords.c - secrets that stand beside a word for them (secret_words.def): "name = value" in
 * files and code, "the password is …" in thirty languages, one-time and recovery codes, cookies.
 *
 * A hit is a word. Right behind it, over the rest of its name and a connector (a colon, an equals
 * sign, "is", 是 …), the value is judged mildly; in the words of the sentence around, only what
 * hardly is anything else counts. Bytes of a sentence are looked at once a view, whatever the
 * number of words in it. */
#include "router/classify/secrets.h"
#include "router/classify/wordset.h"

#include <strings.h>

enum { PASS, SHORT, LOGIN, KEY, NAME, AK, COOKIE, VENDOR, CODE, FACTOR, RECOVERY };

enum {
    AHEAD = 72, /* bytes of the sentence behind a word */
    BACK = 44,  /* and before it */
    TAIL = 28,  /* the rest of a name: password_for_prod */
    VALUE_MAX = 200
};

typedef struct place {
    sl_classifier *c;
    sl_str t;
    size_t word; /* where the word ends */
    int kind;
} place;

/* Words of a group look for the same things. */
static int group_of(int kind)
{
    return kind == PASS || kind == SHORT ? 0 : kind == LOGIN ? 1 : kind == COOKIE ? 2 : 3;
}

static bool blank(char ch)
{
    return ch == ' ' || ch == '\t';
}

/* Cyrillic and Greek letters may be part of a password; other scripts end it. */
static bool alphabet(char ch)
{
    return (unsigned char)ch >= 0xce && (unsigned char)ch <= 0xd3;
}

static bool at_word(sl_str t, size_t i, const char *w)
{
    size_t n = strlen(w);
    return i + n <= t.n && sl_alike(t.p[i], w[0]) && strncasecmp(t.p + i, w, n) == 0;
}

/* ---- connectors ---- */

/* "is" in the languages of the words, with a blank behind it. */
static const char *const connector_words[] = {
    "is",    "are",  "was",   "=",      "to",     "as",    "be",    "now",  "ist",       "lautet",
    "war",   "sind", "auf",   "est",    "sera",   "es",    "son",   "era",  "e",         "sao",
    "foi",   "sono", "om",    "ar",     "er",     "on",    "van",   "jest", "to:",       "je",
    "jsou",  "este", "la",    "olarak", "adalah", "ialah", "yaitu", "ni",   "med",       "это",
    "это:",  "є",    "—",     "-",      "--",     "->",    "=>",    ":=",   "следующий", "είναι",
    "ειναι", "הוא",  "היא",   "هو",     "هي",     "है",     "คือ",    "são",  "luidt",     "lyder",
    "set",   "will", "reads", "called"};
static const char *const particle_words[] = {
    "是",   "为", "為", "：", "は",   "が", "を",   "に",   "も",   "는",
    "은",   "이", "가", "를", "을",   "란", "改成", "设为", "設為", "就是",
    "改为", "叫", "用", "填", "输入", "คือ", "เป็น",  "了",   "→"};
static sl_wordset connectors = SL_WORDSET(connector_words), particles = SL_WORDSET(particle_words);

static size_t connector_word(sl_str t, size_t i)
{
    if (i >= t.n)
        return 0;
    size_t n = sl_wordset_at(&connectors, t.p + i, t.n - i);
    return n && i + n < t.n && (blank(t.p[i + n]) || t.p[i + n] == ':' || t.p[i + n] == '\n') ? n
                                                                                              : 0;
}

/* Particles that stick to the word in Chinese, Japanese, Korean, Thai: 是, は, 는 … */
static size_t particle(sl_str t, size_t i)
{
    return i < t.n ? sl_wordset_at(&particles, t.p + i, t.n - i) : 0;
}

static bool particle_before(sl_str t, size_t at)
{
    for (size_t n = 3; n <= 6 && n <= at; n += 3) {
        if (particle(t, at - n) == n)
            return true;
    }
    return false;
}

/* From behind a name to its value. *ret_strong: there was a connector. *ret_quote: an open quote,
 * 0: none. */
static size_t to_value(sl_str t, size_t i, bool *ret_strong, char *ret_quote)
{
    size_t stop = i + 40 < t.n ? i + 40 : t.n;
    int breaks = 0, words = 0;
    *ret_strong = false, *ret_quote = 0;
    while (i < stop) {
        char ch = t.p[i];
        size_t n;
        if (ch == '\n' || ch == '\r') {
            if (!*ret_strong || ++breaks > 2)
                return i;
            *ret_quote = 0;
            i++;
        } else if (blank(ch) || strchr("*_]\\)", ch)) {
            *ret_quote = blank(ch) && *ret_quote && t.p[i - 1] != *ret_quote ? *ret_quote : 0;
            i++;
        } else if (ch == ':' || ch == '=' || ch == '|' || ch == '>' || ch == '(' || ch == ',') {
            *ret_strong |= ch != ',' && ch != '(';
            *ret_quote = 0;
            i++;
        } else if (ch == '"' || ch == '\'' || ch == '`') {
            *ret_quote = ch;
            i++;
        } else if ((n = connector_word(t, i)) && words < 2) {
            *ret_strong = true, words++, *ret_quote = 0;
            i += n;
        } else if ((n = particle(t, i))) {
            *ret_strong = true;
            i += n;
        } else if (at_word(t, i, "\xe2\x80\x9c") || at_word(t, i, "\xe3\x80\x8c") ||
                   at_word(t, i, "\xe3\x80\x90") || at_word(t, i, "\xe2\x80\x98")) {
            i += 3; /* typographic quotes */
        } else {
            break;
        }
    }
    return i;
}

static const bool ends_value[256] = {['"'] = true, ['\''] = true, ['`'] = true, [','] = true,
                                     [';'] = true, ['<'] = true,  ['>'] = true, ['|'] = true};

static size_t value_end(sl_str t, size_t from, char quote)
{
    size_t to = from, max = from + VALUE_MAX < t.n ? from + VALUE_MAX : t.n;
    if (quote) {
        while (to < max && t.p[to] != quote && t.p[to] != '\n')
            to++;
        if (to < max && t.p[to] == quote)
            return to;
        to = from;
    }
    while (to < max && (unsigned char)t.p[to] > ' ' && !ends_value[(unsigned char)t.p[to]] &&
           (!sl_is_high(t.p[to]) || alphabet(t.p[to]) || (to > from && alphabet(t.p[to - 1]))))
        to++;
    while (to > from && strchr(".)]}?!:", t.p[to - 1]))
        to--; /* what closes the sentence or the call */
    if (to < max && to > from && t.p[to] == '!' && to + 1 < max && !blank(t.p[to + 1]))
        to++;
    return to;
}

/* ---- values right behind a name ---- */

static bool has(const char *p, size_t n, const char *w)
{
    size_t m = strlen(w);
    for (size_t i = 0; i + m <= n; i++) {
        if (sl_alike(p[i], w[0]) && strncasecmp(p + i, w, m) == 0)
            return true;
    }
    return false;
}

/* password_length, tokenUrl, key_id: the name says that the value is about the secret. */
static const char *const about_words[] = {
    "length", "count", "type",  "name",    "file",   "path",  "url",     "uri",   "field",
    "policy", "hint",  "label", "min",     "max",    "size",  "limit",   "expir", "ttl",
    "_id",    "Id",    "izer",  "version", "format", "regex", "pattern", "align", "Code:"};
static sl_wordset abouts = SL_WORDSET(about_words);

static bool about(const char *p, size_t n)
{
    return sl_wordset_in(&abouts, p, n);
}

static bool uuid(const char *p, size_t n)
{
    return n == 36 && p[8] == '-' && p[13] == '-' && p[18] == '-' && p[23] == '-';
}

static bool digest(const char *p, size_t n)
{
    return uuid(p, n) || ((n == 32 || n == 40 || n == 64) && sl_value_look(p, n).hex);
}

/* Before the bare word "key" they make it a secret's name. */
static const char *const key_words[] = {
    "api",         "access",    "secret",      "private",    "encryption",   "encrypt",
    "decryption",  "master",    "license",     "licence",    "subscription", "auth",
    "service",     "account",   "storage",     "signing",    "sign",         "shared",
    "ssh",         "app",       "application", "client",     "consumer",     "activation",
    "root",        "admin",     "session",     "deploy",     "webhook",      "hmac",
    "aes",         "rsa",       "jwt",         "host",       "user",         "security",
    "recovery",    "wpa",       "wifi",        "wi-fi",      "network",      "bot",
    "developer",   "dev",       "prod",        "production", "live",         "project",
    "openai",      "stripe",    "azure",       "aws",        "google",       "gemini",
    "claude",      "anthropic", "deepseek",    "zhipu",      "glm",          "qwen",
    "serial",      "my",        "our",         "team",       "publishable",  "restricted",
    "integration", "payment",   "merchant",    "partner",    "cohere",       "mistral",
    "together",    "fireworks", "智谱",        "write",      "read",         "ingest"};
static sl_wordset keys = SL_WORDSET(key_words);

static bool key_qualified(sl_str t, size_t end)
{
    size_t i = end - 3;
    while (i > 0 && (blank(t.p[i - 1]) || t.p[i - 1] == '_' || t.p[i - 1] == '-'))
        i--;
    return sl_wordset_ends(&keys, t.p, i);
}

static bool direct_value(const place *s, const char *p, size_t n, bool qualified, char quote)
{
    if (n == 0)
        return false;
    switch (s->kind) {
    case PASS:
        if (sl_value_password(p, n))
            return true;
        /* several words in quotes, or a word alone in a file of settings */
        return quote && n >= 8 && memchr(p, ' ', n) == NULL && sl_value_look(p, n).digits > 0;
    case SHORT:
        return sl_value_password(p, n) && (sl_value_look(p, n).digits < n || n >= 6);
    case NAME:
        return sl_value_key(p, n) || sl_value_random(p, n);
    case KEY:
        if (qualified)
            return sl_value_key(p, n);
        return n >= 20 && !digest(p, n) && sl_value_key(p, n) && sl_value_random(p, n) &&
               sl_value_look(p, n).upper + (memchr(p, '.', n) ? 2 : 0) >= 2;
    case COOKIE:
        return n >= 12 && sl_value_key(p, n) && sl_value_look(p, n).changes >= 3;
    case AK:
        return n >= 16 && sl_value_key(p, n);
    case VENDOR:
        return n >= 14 && sl_value_random(p, n) && !sl_value_placeholder(p, n);
    default:
        return false;
    }
}

static sl_entity entity(const place *s)
{
    return s->kind == PASS || s->kind == SHORT || s->kind == LOGIN       ? SL_ENT_PASSWORD
           : s->kind == CODE || s->kind == FACTOR || s->kind == RECOVERY ? SL_ENT_ONE_TIME_CODE
                                                                         : SL_ENT_CREDENTIAL;
}

static void found(const place *s, size_t at, size_t n)
{
    sl_add(s->c, entity(s), SL_LEVEL_RESTRICTED, at, n);
}

/* A line of a file of settings, NAME=value: there a password may be a plain word. */
static bool setting(const place *s, size_t value, char quote)
{
    sl_str t = s->t;
    size_t i = s->word;
    while (i > 0 && sl_in_class(t.p[i - 1], 'b'))
        i--;
    bool start = i == 0 || t.p[i - 1] == '\n' || t.p[i - 1] == ';' ||
                 (i >= 7 && at_word(t, i - 7, "export "));
    if (i > 0 && t.p[i - 1] == '.') { /* spring.datasource.password= */
        while (i > 0 && (sl_in_class(t.p[i - 1], 'b') || t.p[i - 1] == '.'))
            i--;
        start = i == 0 || t.p[i - 1] == '\n';
    }
    size_t eq = value - (quote != 0);
    return start && eq > 0 && t.p[eq - 1] == '=';
}

static bool plain_word(const char *p, size_t n)
{
    return n >= 6 && sl_value_look(p, n).lower == n && !sl_value_placeholder(p, n) &&
           !has(p, n, "password") && !has(p, n, "required") && !has(p, n, "string") &&
           !has(p, n, "secret") && !has(p, n, "default") && !has(p, n, "getpass");
}

/* 密码 482913: six to eight digits that stand alone. */
static bool digits_follow(sl_str t, size_t v, size_t n)
{
    return n >= 6 && n <= 8 && sl_class_run(t, v, 'd', 9) == n &&
           (v + n == t.n || !sl_is_high(t.p[v + n]));
}

/* password: …, API_TOKEN=…, "secret" => "…", <password>…</password>, password is … */
static bool check_direct(const place *s)
{
    sl_str t = s->t;
    size_t i = s->word, tail = i;
    bool ascii = !sl_is_high(t.p[i - 1]);
    while (ascii && tail < t.n && tail - i < TAIL && sl_in_class(t.p[tail], 'b'))
        tail++;
    bool strong;
    char quote;
    size_t v = to_value(t, tail, &strong, &quote);
    if (v >= t.n || v > tail + 36)
        return false;
    size_t *judged = s->c->secret_to + 4 + 2 * group_of(s->kind); /* where the last value stood */
    if (v > judged[0] && v < judged[1])
        return false; /* inside it: a row of names without values */
    size_t to = value_end(t, v, quote), n = to - v;
    const char *p = t.p + v;
    judged[0] = v, judged[1] = to;
    bool named = tail > i && about(t.p + i, tail - i);
    bool qualified = s->kind == KEY && key_qualified(t, s->word);
    /* the value of what has name="password": an attribute, a key, the next line of YAML */
    size_t word = tail;
    while (word < t.n && word - tail < 40 && strchr(" \"',\n\r\t{}-", t.p[word]))
        word++;
    if (word > tail && at_word(t, word, "value") && word + 5 < t.n) {
        v = to_value(t, word + 5, &strong, &quote);
        to = value_end(t, v, quote), n = to - v, p = t.p + v;
    }
    size_t gap = tail;
    while (gap < v && blank(t.p[gap]))
        gap++;
    bool glued = gap == v && !ascii; /* 密码abc123, 密码 abc123 */
    bool call =
        !strong && quote && v > tail && memchr(t.p + tail, '(', v - tail); /* setPassword("…") */
    if (named ? n >= 20 && sl_value_random(p, n) && !digest(p, n)
        : strong || call
            ? direct_value(s, p, n, qualified, quote) ||
                  (s->kind == PASS && n > 0 && setting(s, v, quote) && plain_word(p, n))
        : !ascii && digits_follow(t, v, n) ? s->kind == PASS
        : glued ? (s->kind == PASS && sl_value_password(p, n) && n >= 6 &&
                   sl_value_look(p, n).lower + sl_value_look(p, n).upper > 0) ||
                      (s->kind == NAME && sl_value_key(p, n))
                : false) {
        found(s, v, n);
        return true;
    }
    return false;
}

/* ---- the sentence around ---- */

/* How far words of this kind have looked. */
static size_t *seen(const place *s)
{
    return &s->c->secret_to[group_of(s->kind)];
}

static const bool ends_token[256] = {
    ['"'] = true, ['\''] = true, ['`'] = true, [','] = true, [';'] = true, ['|'] = true};

static inline bool token_byte(sl_str t, size_t i)
{
    char ch = t.p[i];
    return (unsigned char)ch > ' ' &&
           (!sl_is_high(ch) || alphabet(ch) || (i > 0 && alphabet(t.p[i - 1]))) &&
           !ends_token[(unsigned char)ch];
}

static size_t trim(sl_str t, size_t *from, size_t to)
{
    while (*from < to && strchr("([{<*_:", t.p[*from]))
        (*from)++;
    while (to > *from && strchr(".)]}>?!:*", t.p[to - 1]))
        to--;
    if (to < t.n && to > *from && t.p[to] == '!') /* Passw0rd! */
        to++;
    return to - *from;
}

/* admin/Passw0rd1, admin:Passw0rd1 */
static bool pair(const char *p, size_t n)
{
    if (!(memchr(p, '/', n) || memchr(p, ':', n)) || memchr(p, '{', n) || memchr(p, '}', n))
        return false; /* none or a template */
    for (size_t i = 2; i + 5 < n; i++) {
        if (p[i] != '/' && p[i] != ':')
            continue;
        if (p[i] == ':' && p[i + 1] == '/')
            return false;
        sl_value_info v = sl_value_look(p + i + 1, n - i - 1);
        return sl_value_look(p, i).digits < i && v.digits > 0 && v.lower + v.upper >= 2 &&
               !memchr(p + i + 1, '/', n - i - 1) && v.symbols + v.upper > 0 &&
               sl_value_password(p + i + 1, n - i - 1);
    }
    return false;
}

static bool sentence_value(const place *s, sl_str v, bool connected, bool slash)
{
    const char *p = v.p;
    size_t n = v.n;
    if (n < 5 || p[0] == '@' || p[0] == '/')
        return false;
    bool strong = sl_value_strong(p, n);
    sl_value_info i;
    switch (s->kind) {
    case PASS:
    case SHORT:
        if (strong && s->kind == PASS)
            return true;
        if (n < 6 || !(connected || slash))
            return false;
        i = sl_value_look(p, n);
        return i.digits > 0 && i.digits < n && sl_value_password(p, n) &&
               i.lower + i.upper + i.high >= 2;
    case LOGIN:
        if (pair(p, n))
            return true;
        if (!strong)
            return false;
        i = sl_value_look(p, n);
        return (slash || (i.symbols > 0 && sl_value_any(p, n, "!#$%^&*+?~@"))) &&
               i.upper + i.lower >= 3;
    case NAME:
    case KEY:
        if (n < 14 || (s->kind == KEY && !key_qualified(s->t, s->word)))
            return false;
        if (digest(p, n) && !connected)
            return false;
        return !sl_token_placeholder(p, n) && !sl_value_placeholder(p, n) &&
               sl_value_random(p, n) && sl_value_key(p, n);
    default:
        return false;
    }
}

/* A digest is spoken of: "the hash of the token is …". */
static bool of_digest(sl_str t, size_t from, size_t to)
{
    return has(t.p + from, to - from, "sha") || has(t.p + from, to - from, "md5") ||
           has(t.p + from, to - from, "hash") || has(t.p + from, to - from, "commit") ||
           has(t.p + from, to - from, "checksum");
}

/* Does the word stand inside a URL? */
static bool in_url(sl_str t, size_t at)
{
    size_t low = at > 60 ? at - 60 : 0, i = at;
    while (i > low && token_byte(t, i - 1)) {
        if (i >= 3 && memcmp(t.p + i - 3, "://", 3) == 0)
            return true;
        i--;
    }
    return false;
}

static void check_ahead(const place *s)
{
    sl_str t = s->t;
    bool url = in_url(t, s->word);
    size_t i = s->word, stop = i + AHEAD < t.n ? i + AHEAD : t.n;
    bool connected = false, slash = false;
    while (i < stop && token_byte(t, i) && !sl_is_high(t.p[i - 1]) &&
           (url || (t.p[i] != ':' && t.p[i] != '=')))
        i++; /* the rest of the word's own token */
    size_t first = i;
    while (first < stop && (blank(t.p[first]) || t.p[first] == '\r'))
        first++;
    bool own_line = first < stop && t.p[first] == '\n' && s->kind == PASS;
    if (own_line)
        i = first + 1; /* "Password", and the value on the next line */
    if (i < *seen(s)) {
        i = *seen(s);
        while (i < stop && token_byte(t, i) && token_byte(t, i - 1))
            i++; /* the middle of a token that was looked at */
    }
    if (stop > *seen(s))
        *seen(s) = stop;
    while (i < stop) {
        if (t.p[i] == '\n' && s->kind != LOGIN && !(connected && t.p[i - 1] == ':'))
            return;
        if (!token_byte(t, i)) {
            i++;
            continue;
        }
        size_t from = i, to = i;
        while (to < t.n && to - from < 128 && token_byte(t, to))
            to++;
        bool ends = strchr(".?!", t.p[to - 1]) && (to == t.n || blank(t.p[to]));
        bool colon = t.p[to - 1] == ':' || t.p[to - 1] == '=';
        size_t next = to, at = from, n = trim(t, &at, to);
        bool particle_in_front =
            sl_is_high(from > 0 ? t.p[from - 1] : ' ') && particle_before(t, from);
        if (n > 0 &&
            sentence_value(s, (sl_str){t.p + at, n}, connected || particle_in_front, slash) &&
            !(digest(t.p + at, n) && of_digest(t, s->word, at))) {
            found(s, at, n);
            return;
        }
        if (ends || own_line)
            return;
        slash = n == 1 && t.p[at] == '/';
        connected = colon || connector_word(t, from) == to - from ||
                    (to - from == 1 && strchr("=-:>", t.p[from])) || (connected && n == 0);
        i = next;
    }
}

/* "Abc123xy is my password", 用Abc123xy作为密码: tokens before the word, the nearest first. */
static void check_back(const place *s, size_t word_from)
{
    sl_str t = s->t;
    size_t low = word_from > BACK ? word_from - BACK : 0, i = word_from;
    if (low < *seen(s))
        low = *seen(s);
    bool joined = false;
    while (i > low) {
        if (t.p[i - 1] == '\n')
            return;
        if (!token_byte(t, i - 1)) {
            i--;
            continue;
        }
        size_t to = i, from = i;
        while (from > 0 && to - from < 64 && token_byte(t, from - 1))
            from--;
        if (to - from < 64 && strchr(".?!", t.p[to - 1]) && to < t.n && blank(t.p[to]))
            return;
        size_t at = from, n = trim(t, &at, to);
        bool glued = to < t.n && sl_is_high(t.p[to]) && n >= 8; /* …作为密码 */
        if (n > 0 && sentence_value(s, (sl_str){t.p + at, n}, joined || glued, false)) {
            found(s, at, n);
            return;
        }
        static const char *const words[] = {"is",   "as",   "als", "ist", "comme", "como",
                                            "come", "jako", "som", "est", "es",    "for"};
        for (size_t x = 0; x < sizeof words / sizeof *words; x++)
            joined |= n <= 5 && n == strlen(words[x]) && strncasecmp(t.p + at, words[x], n) == 0;
        i = from;
    }
}

/* ---- codes ---- */

/* A group of 4-8 digits at i that stands for itself; "123 456" and "123-456" are one. *ret_end:
 * behind it. */
static size_t code_at(sl_str t, size_t i, size_t *ret_end)
{
    size_t n = sl_class_run(t, i, 'd', 12), end = i + n;
    if (n == 3 && end + 4 <= t.n && (t.p[end] == ' ' || t.p[end] == '-') &&
        sl_class_run(t, end + 1, 'd', 4) == 3)
        n = 6, end += 4;
    *ret_end = end;
    if (n < 4 || n > 8)
        return 0;
    if (i > 0 && (sl_in_class(t.p[i - 1], 'w') || strchr(".$/#%_", t.p[i - 1])))
        return 0;
    if (i > 1 && strchr(":-", t.p[i - 1]) && sl_in_class(t.p[i - 2], 'd'))
        return 0;
    if (end < t.n && (sl_in_class(t.p[end], 'w') || strchr("%_/$", t.p[end])))
        return 0;
    if (end + 1 < t.n && strchr(".:-", t.p[end]) && sl_in_class(t.p[end + 1], 'd'))
        return 0;
    return n;
}

static bool year(const char *p, size_t n)
{
    return n == 4 && (memcmp(p, "19", 2) == 0 || memcmp(p, "20", 2) == 0);
}

/* A colon, an equals sign or "is" stands right before i. */
static bool connected_before(sl_str t, size_t i)
{
    size_t to = i;
    while (to > 0 && (blank(t.p[to - 1]) || strchr("\"'*`(", t.p[to - 1])))
        to--;
    if (to == 0 || strchr(":=#", t.p[to - 1]) ||
        (sl_is_high(t.p[to - 1]) && particle_before(t, to)))
        return true;
    size_t from = to;
    while (from > 0 && to - from < 12 &&
           (sl_in_class(t.p[from - 1], 'L') || sl_is_high(t.p[from - 1])))
        from--;
    return connector_word(t, from) == to - from;
}

static void check_code(const place *s, size_t word_from)
{
    sl_str t = s->t;
    size_t stop = s->word + 48 < t.n ? s->word + 48 : t.n, end;
    bool strong;
    char quote;
    size_t tail = s->word;
    while (tail < t.n && tail - s->word < 12 && sl_in_class(t.p[tail], 'L'))
        tail++;
    size_t v = to_value(t, tail, &strong, &quote);
    if (at_word(t, v, "G-"))
        v += 2;
    for (size_t i = v < stop ? v : s->word; i < stop && !strchr("\n?", t.p[i]); i++) {
        if (!sl_in_class(t.p[i], 'd') || (i > 0 && sl_in_class(t.p[i - 1], 'w') && i != v))
            continue;
        size_t n = code_at(t, i, &end);
        bool direct = i == v && (strong || v == tail || n >= 6 || s->kind == CODE);
        if (n && (direct || !year(t.p + i, n)) &&
            (n >= 6 || (direct && s->kind == CODE) ||
             (s->kind == CODE && connected_before(t, i)))) {
            found(s, i, end - i);
            return;
        }
        i = end > i ? end - 1 : i;
    }
    /* "482913 is your code", 482913是您的验证码 */
    size_t low = word_from > 36 ? word_from - 36 : 0;
    for (size_t i = word_from; i > low && t.p[i - 1] != '\n'; i--) {
        if (!sl_in_class(t.p[i - 1], 'd'))
            continue;
        size_t to = i;
        while (i > 0 && sl_in_class(t.p[i - 1], 'd'))
            i--;
        size_t from = i >= 4 && (t.p[i - 1] == ' ' || t.p[i - 1] == '-') && to - i == 3 &&
                              sl_class_run(t, i - 4, 'd', 4) == 3
                          ? i - 4
                          : i;
        size_t n = code_at(t, from, &end);
        size_t after = end;
        while (after < t.n && blank(t.p[after]))
            after++;
        if (n && !year(t.p + from, n) && (connector_word(t, after) || particle(t, after)))
            found(s, from, end - from);
        return;
    }
}

/* Codes in a list: a1b2c-3d4e5, 1234-5678, over the next lines. */
static void check_recovery(const place *s)
{
    sl_str t = s->t;
    size_t stop = s->word + 200 < t.n ? s->word + 200 : t.n;
    size_t *to = &s->c->secret_to[12];
    size_t i = s->word > *to ? s->word : *to;
    *to = stop > *to ? stop : *to;
    for (; i < stop; i++) {
        if (!sl_in_class(t.p[i], 'w') || sl_in_class(t.p[i - 1], 'b'))
            continue;
        size_t n = sl_class_run(t, i, 'b', 80);
        sl_value_info v = sl_value_look(t.p + i, n);
        bool dashed = memchr(t.p + i, '-', n) != NULL;
        if (n >= 8 && v.digits >= 2 && !sl_value_placeholder(t.p + i, n) &&
            (v.digits + v.symbols == n ? n >= 8 && v.digits >= 8 : dashed || v.changes >= 2)) {
            found(s, i, n);
            return;
        }
        i += n;
    }
}

/* Cookie: a=b; sid=…: any value of the line that is random. */
static void check_cookies(const place *s)
{
    sl_str t = s->t;
    size_t stop = s->word + 400 < t.n ? s->word + 400 : t.n;
    if (s->word >= t.n || !strchr(":s=\"'-", t.p[s->word]) || s->word < *seen(s))
        return;
    *seen(s) = s->word;
    for (size_t i = s->word; i + 12 < stop && t.p[i] != '\n'; i++) {
        if (t.p[i] != '=')
            continue;
        size_t n = sl_class_run(t, i + 1, 't', 300);
        if (n >= 16 && sl_value_random(t.p + i + 1, n) && !sl_token_placeholder(t.p + i + 1, n)) {
            found(s, i + 1, n);
            return;
        }
        i += n;
    }
}

/* ---- the patterns ---- */

void sl_passwords_open(void)
{
    sl_wordset_build(&connectors);
    sl_wordset_build(&particles);
    sl_wordset_build(&abouts);
    sl_wordset_build(&keys);
}

static const sl_pattern patterns[] = {
#define W(kind, expr) {"(?i)(?:" expr ")", kind, 0},
#include "router/classify/secret_words.def"
#undef W
};

static void on_word(sl_classifier *c, sl_str t, size_t end, const sl_pattern *p)
{
    place s = {c, t, end, p->arg};
    size_t from = end;
    while (from > 0 && end - from < 40 &&
           (sl_in_class(t.p[from - 1], 'b') || sl_is_high(t.p[from - 1])) &&
           (sl_is_high(t.p[end - 1]) == sl_is_high(t.p[from - 1])) &&
           !(sl_is_high(t.p[end - 1]) && end - from >= 6))
        from--;
    switch (s.kind) {
    case CODE:
    case FACTOR:
        check_code(&s, from);
        break;
    case RECOVERY:
        check_recovery(&s);
        break;
    case PASS:
    case NAME:
        if (!check_direct(&s)) {
            check_back(&s, from);
            check_ahead(&s);
        }
        break;
    case KEY:
        if (!check_direct(&s) && key_qualified(t, end))
            check_ahead(&s);
        break;
    case LOGIN:
        check_ahead(&s);
        break;
    case COOKIE:
        if (!check_direct(&s))
            check_cookies(&s);
        break;
    default:
        check_direct(&s);
    }
}

const sl_pattern_list sl_secret_word_patterns = {patterns, sizeof patterns / sizeof *patterns,
                                                 on_word};
