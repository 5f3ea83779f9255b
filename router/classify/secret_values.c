/* secret_values.c - is this string a secret? Shapes of tokens, and the judgement of values: random
 * bytes, passwords, or what stands in documents where a secret would. */
#include "router/classify/secrets.h"
#include "router/classify/wordset.h"

#include <math.h>
#include <strings.h>

/* ---- classes ---- */

enum {
    DIGIT = 1,
    HEX_LOW = 2,
    LOW = 4,
    HEX_UP = 8,
    UP = 16,
    DASH = 32,
    UNDER = 64,
    PLUS = 128,
    EQUAL = 256,
    TOKEN = 512
};

static const uint16_t kinds[256] = {
    ['0' ... '9'] = DIGIT, ['a' ... 'f'] = HEX_LOW,
    ['g' ... 'z'] = LOW,   ['A' ... 'F'] = HEX_UP,
    ['G' ... 'Z'] = UP,    ['-'] = DASH,
    ['_'] = UNDER,         ['+'] = PLUS,
    ['/'] = PLUS,          ['='] = EQUAL,
    ['.'] = TOKEN,         ['~'] = TOKEN,
    ['%'] = TOKEN,
};

#define LOWER  (HEX_LOW | LOW)
#define UPPER  (HEX_UP | UP)
#define LETTER (LOWER | UPPER)

static unsigned mask(char cls)
{
    switch (cls) {
    case 'd':
        return DIGIT;
    case 'h':
        return DIGIT | HEX_LOW;
    case 'H':
        return DIGIT | HEX_LOW | HEX_UP;
    case 'a':
        return LOWER;
    case 'l':
        return DIGIT | LOWER;
    case 'u':
        return DIGIT | UPPER;
    case 'L':
        return LETTER;
    case 'w':
        return DIGIT | LETTER;
    case 'b':
        return DIGIT | LETTER | DASH | UNDER;
    case 'B':
        return DIGIT | LETTER | PLUS | EQUAL;
    default:
        return DIGIT | LETTER | DASH | UNDER | PLUS | EQUAL | TOKEN;
    }
}

bool sl_in_class(char ch, char cls)
{
    return (kinds[(unsigned char)ch] & mask(cls)) != 0;
}

size_t sl_class_run(sl_str t, size_t at, char cls, size_t max)
{
    unsigned m = mask(cls);
    size_t i = at, end = t.n - at > max ? at + max : t.n;
    while (i < end && (kinds[(unsigned char)t.p[i]] & m))
        i++;
    return i - at;
}

/* ---- shapes ---- */

enum { RUN_MAX = 400 }; /* bytes of one segment that are looked at */

static size_t number(const char **s)
{
    size_t v = 0;
    while (**s >= '0' && **s <= '9')
        v = v * 10 + (size_t)(*(*s)++ - '0');
    return v;
}

bool sl_shape_match(sl_str t, size_t at, const char *shape, size_t *ret_end)
{
    const char *s = shape;
    bool open = true; /* nothing is asked of what follows */
    char cls = 'w';
    while (*s) {
        if (*s == '\'') {
            for (s++; *s != '\''; s++, at++) {
                if (at >= t.n || t.p[at] != *s)
                    return false;
            }
            s++;
            continue;
        }
        cls = *s++;
        size_t min = number(&s), max = min;
        open = *s == '+';
        if (open)
            s++, max = RUN_MAX;
        else if (*s == '-')
            s++, max = number(&s);
        size_t n = sl_class_run(t, at, cls, max);
        if (n < min)
            return false;
        at += n;
    }
    if (!open && at < t.n && sl_in_class(t.p[at], cls == 'h' ? 'w' : cls))
        return false;
    *ret_end = at;
    return true;
}

/* ---- what a value is made of ---- */

enum { K_OTHER, K_LOWER, K_UPPER, K_DIGIT, K_HIGH, K_N };

static const uint8_t kind_of[256] = {['a' ... 'z'] = K_LOWER,
                                     ['A' ... 'Z'] = K_UPPER,
                                     ['0' ... '9'] = K_DIGIT,
                                     [0x80 ... 0xff] = K_HIGH};
/* Kinds after which this one is a change, as bits. Capital and camelCase are words and none, unless
 * another capital stood before. */
static const uint8_t change_from[K_N] = {
    [K_LOWER] = 1 << K_UPPER | 1 << K_DIGIT,
    [K_UPPER] = 1 << K_LOWER | 1 << K_DIGIT,
    [K_DIGIT] = 1 << K_LOWER | 1 << K_UPPER,
};

sl_value_info sl_value_look(const char *p, size_t n)
{
    sl_value_info v = {.n = n, .hex = n > 0};
    uint64_t seen[4] = {0};
    unsigned last = K_OTHER, before = K_OTHER, of[K_N] = {0}, changes = 0, all = ~0u;
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)p[i];
        unsigned k = kind_of[ch];
        of[k]++;
        all &= kinds[ch] & (DIGIT | HEX_LOW | HEX_UP) ? ~0u : 0;
        seen[ch >> 6] |= UINT64_C(1) << (ch & 63);
        bool word = k == K_LOWER && last == K_UPPER && before != K_UPPER;
        changes += (change_from[k] >> last & 1u) & !word;
        before = last, last = k;
    }
    v.lower = of[K_LOWER], v.upper = of[K_UPPER], v.digits = of[K_DIGIT];
    v.symbols = of[K_OTHER], v.high = of[K_HIGH];
    v.changes = changes;
    v.hex &= all != 0;
    for (int i = 0; i < 4; i++)
        v.distinct += (size_t)__builtin_popcountll(seen[i]);
    return v;
}

static bool contains(const char *p, size_t n, const char *needle)
{
    size_t m = strlen(needle);
    for (size_t i = 0; i + m <= n; i++) {
        if (sl_alike(p[i], needle[0]) && strncasecmp(p + i, needle, m) == 0)
            return true;
    }
    return false;
}

static bool begins(const char *p, size_t n, const char *with)
{
    size_t m = strlen(with);
    return n >= m && strncasecmp(p, with, m) == 0;
}

double sl_entropy(const char *p, size_t n)
{
    unsigned count[256] = {0};
    for (size_t i = 0; i < n; i++)
        count[(unsigned char)p[i]]++;
    double h = 0;
    for (int i = 0; i < 256; i++) {
        if (count[i])
            h -= (double)count[i] / (double)n * log2((double)count[i] / (double)n);
    }
    return h;
}

/* ---- placeholders ---- */

/* $NAME, $name, %NAME%: a reference to where the secret is. "$ecret1" is none. */
static bool reference(const char *p, size_t n)
{
    if (n < 3 || (p[0] != '$' && p[0] != '%'))
        return false;
    size_t i = 1, upper = 0, lower = 0, digits = 0;
    for (; i < n && sl_in_class(p[i], 'b') && p[i] != '-'; i++)
        upper += sl_in_class(p[i], 'u') && !sl_in_class(p[i], 'd'), lower += sl_in_class(p[i], 'a'),
            digits += sl_in_class(p[i], 'd');
    return (i == n || (i + 1 == n && p[0] == '%' && p[i] == '%')) && digits == 0 &&
           (upper == 0 || lower == 0 || contains(p, n, "pass") || contains(p, n, "token"));
}

static const char *const placeholder_heads[] = {
    "<", "${", "{{", "$(", "#{", "%(", "%s", "{%", "[[", "process", "@param", "{0}", "...", "@@"};
static const char *const placeholder_words[] = {"example",
                                                "your_",
                                                "your-",
                                                "your ",
                                                "yourkey",
                                                "yourpass",
                                                "yourtoken",
                                                "yoursecret",
                                                "yourapi",
                                                "yourown",
                                                "placehold",
                                                "changeme",
                                                "change_me",
                                                "change-me",
                                                "replace_me",
                                                "replaceme",
                                                "replace-",
                                                "xxxx",
                                                "redacted",
                                                "insert",
                                                "dummy",
                                                "****",
                                                "....",
                                                "process.env",
                                                "os.environ",
                                                "getenv",
                                                "env.",
                                                "secrets.",
                                                "config.",
                                                "settings.",
                                                "vault:",
                                                "_here",
                                                "-here",
                                                "{password}",
                                                "[password",
                                                "notasecret",
                                                "not-a-secret",
                                                "goes_here",
                                                "todo",
                                                "\xe2\x80\xa2\xe2\x80\xa2",
                                                "import.meta",
                                                "********",
                                                "deine_",
                                                "votre_",
                                                "tu_clave",
                                                "\xe4\xbd\xa0\xe7\x9a\x84",
                                                "\xe6\x82\xa8\xe7\x9a\x84"};
static sl_wordset heads = SL_WORDSET(placeholder_heads), fillers = SL_WORDSET(placeholder_words);

void sl_secret_values_open(void)
{
    sl_wordset_build(&heads);
    sl_wordset_build(&fillers);
}

bool sl_value_placeholder(const char *p, size_t n)
{
    return sl_wordset_at(&heads, p, n) || sl_wordset_in(&fillers, p, n) || reference(p, n) ||
           sl_value_look(p, n).distinct <= 2;
}

bool sl_token_placeholder(const char *p, size_t n)
{
    return contains(p, n, "example") || contains(p, n, "xxxxx") || contains(p, n, "your_") ||
           contains(p, n, "your-") || contains(p, n, "placeholder") || contains(p, n, "redacted") ||
           contains(p, n, "*****") || contains(p, n, "00000000000") || contains(p, n, "....") ||
           sl_value_look(p, n).distinct < 6;
}

/* ---- random bytes ---- */

/* 2024-01-15T10:30:00Z, 10.0.17763.1, 1,024: a moment, a version, an amount. */
static bool moment(const char *p, size_t n, const sl_value_info *v)
{
    return v->lower + v->upper <= 3 && v->digits + v->lower + v->upper < n &&
           v->digits > 2 * (v->lower + v->upper) && n < 40;
}

/* Names with dots, paths, URLs, calls, e-mail. */
static bool name_like(const char *p, size_t n)
{
    if (contains(p, n, "://") || p[0] == '/' || begins(p, n, "./") || begins(p, n, "../") ||
        begins(p, n, "~/"))
        return true;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '(' || p[i] == '[' || p[i] == '{' ||
            (p[i] == ':' && i + 1 < n && p[i + 1] == ':'))
            return true;
    }
    return false;
}

bool sl_value_random(const char *p, size_t n)
{
    if (n < 13)
        return false;
    sl_value_info v = sl_value_look(p, n);
    size_t letters = v.lower + v.upper;
    if (letters < 2 || moment(p, n, &v) || v.high > 0)
        return false;
    size_t need = n / 6 < 3 ? 3 : n / 6 > 9 ? 9 : n / 6;
    return v.changes >= need && v.distinct >= 8 && sl_entropy(p, n) >= (v.hex ? 2.7 : 3.0);
}

bool sl_value_key(const char *p, size_t n)
{
    if (n < 10)
        return false;
    sl_value_info v = sl_value_look(p, n);
    size_t letters = v.lower + v.upper;
    if (v.high || moment(p, n, &v) || v.distinct < 6 || (v.digits == 0 && v.changes < n / 4) ||
        sl_value_placeholder(p, n) || name_like(p, n))
        return false;
    if (v.digits == 0) /* base64 and passphrases of letters: only when the case is wild */
        return n >= 16 && v.lower >= 3 && v.upper >= 3 && v.changes >= n / 4;
    if (letters == 0)
        return n >= 20 && v.symbols == 0;
    size_t need = n >= 32 ? 4 : n >= 16 ? 3 : 2;
    return v.changes >= need && sl_entropy(p, n) >= 2.6;
}

/* ---- passwords ---- */

/* What stands behind "password:" and is none: types, states, actions, and names of things. */
static bool common_word(const char *p, size_t n)
{
    static const char *const words[] = {
        "required",  "optional",  "string",      "text",     "true",      "false",     "null",
        "none",      "undefined", "nil",         "input",    "password",  "passwd",    "hidden",
        "secret",    "varchar",   "char",        "nullable", "invalid",   "incorrect", "expired",
        "reset",     "forgot",    "changed",     "enabled",  "disabled",  "protected", "protection",
        "encrypted", "hashed",    "hash",        "bcrypt",   "sha256",    "sha512",    "sha1",
        "sha-256",   "md5",       "argon2",      "argon2id", "pbkdf2",    "scrypt",    "base64",
        "utf8",      "utf-8",     "aes256",      "aes-256",  "oauth2",    "oauth",     "manager",
        "policy",    "field",     "length",      "min",      "max",       "minimum",   "maximum",
        "type",      "label",     "placeholder", "value",    "default",   "empty",     "blank",
        "missing",   "wrong",     "weak",        "strong",   "correct",   "valid",     "self",
        "this",      "user",      "request",     "form",     "data",      "args",      "params",
        "props",     "http",      "https",       "function", "return",    "const",     "let",
        "var",       "int",       "str",         "bool",     "optional[", "any",       "object",
        "field(",    "models",    "serializers", "strong1"};
    size_t word = 0;
    while (word < n && (sl_in_class(p[word], 'w')))
        word++;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!sl_alike(p[0], words[i][0]))
            continue;
        size_t m = strlen(words[i]);
        if ((m == n || m == word) && strncasecmp(p, words[i], m) == 0 &&
            (m == n || p[m] == '|' || p[m] == '(' || p[m] == '[' || p[m] == '.' || p[m] == '<' ||
             p[m] == ':' || p[m] == '?'))
            return true;
    }
    return false;
}

static bool call_like(const char *p, size_t n)
{
    size_t name = 0;
    while (name < n && (sl_in_class(p[name], 'w') || p[name] == '_' || p[name] == '.'))
        name++;
    if (name > 2 && name < n && (p[name] == '(' || p[name] == '[') && sl_in_class(p[0], 'L') &&
        sl_value_look(p, name).digits <= 1)
        return true;
    /* user.password, this.form.pwd2: names joined by dots */
    size_t dots = 0, i = 0;
    for (; i < n; i++) {
        if (p[i] == '.' && i > 0 && i + 1 < n && sl_in_class(p[i + 1], 'L'))
            dots++;
        else if (!sl_in_class(p[i], 'b') || p[i] == '-')
            break;
    }
    return i == n && dots > 0 && sl_in_class(p[0], 'a') && n - dots > 4 &&
           sl_value_look(p, n).digits <= 1;
}

bool sl_value_password(const char *p, size_t n)
{
    if (n < 4 || n > 128 || sl_value_placeholder(p, n) || common_word(p, n) || call_like(p, n) ||
        contains(p, n, "://"))
        return false;
    sl_value_info v = sl_value_look(p, n);
    size_t letters = v.lower + v.upper + v.high;
    if (v.digits == n)
        return n <= 24;
    if (letters == 0)
        return v.digits >= 4 && v.symbols >= 1 && n >= 6 && !moment(p, n, &v);
    if (v.digits > 0)
        return n >= 5;
    /* letters and signs */
    bool inner = v.symbols > 0 && !(p[n - 1] == '.' && v.symbols == 1);
    bool hyphens = memchr(p, '-', n) || memchr(p, '_', n);
    if (inner && sl_value_any(p, n, "!@#$%^&*+=?~"))
        return n >= 6;
    if (v.upper >= 2 && v.lower >= 2 && v.changes >= 2)
        return n >= 8; /* wild case */
    return inner && hyphens && v.symbols >= 2 && n >= 12 &&
           v.upper == 0; /* correct-horse-battery */
}

/* SHA-256, UTF-8, Base64, IPv6, Wi-Fi6, USB3.0, H2O: a name that holds a digit. */
static bool term_like(const char *p, size_t n, const sl_value_info *v)
{
    size_t i = 0;
    while (i < n && sl_in_class(p[i], 'L'))
        i++;
    size_t letters = i;
    while (i < n && (sl_in_class(p[i], 'd') || strchr(".-/", p[i])))
        i++;
    if (i == n && letters > 0 && v->symbols > 0 && v->digits <= 4 && n <= 12)
        return true; /* letters, then a number */
    if (contains(p, n, "(?") || contains(p, n, "[a-z") || contains(p, n, ".*") ||
        contains(p, n, "\\d"))
        return true; /* an expression */
    return contains(p, n, "http") || contains(p, n, "www.") || contains(p, n, "utf-");
}

static bool any_digit(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (sl_is_digit(p[i]))
            return true;
    }
    return false;
}

bool sl_value_strong(const char *p, size_t n)
{
    if (n < 7 || n > 64 || !any_digit(p, n))
        return false;
    sl_value_info v = sl_value_look(p, n);
    bool script = v.high >= 6 && v.digits >= 2 && v.symbols <= 2 && v.lower + v.upper == 0;
    if ((!script && v.lower + v.upper < 2) || sl_value_placeholder(p, n) || call_like(p, n))
        return false;
    if (script)
        return true; /* Київ2024 */
    if (term_like(p, n, &v) || contains(p, n, "://") || v.high > v.lower + v.upper)
        return false;
    bool sign = false; /* a sign that prose does not put inside words */
    for (size_t i = 0; i < n; i++) {
        if (strchr("!@#$%^&*+=?~<>", p[i]))
            sign = true;
        if (p[i] == '@' && i > 0 && memchr(p + i, '.', n - i))
            return false; /* an address */
    }
    if (sign)
        return true;
    bool mixed = v.upper >= 1 && v.lower >= 2;
    size_t last = n;
    while (last > 0 && sl_in_class(p[last - 1], 'd'))
        last--;
    bool tail = n - last == v.digits; /* digits at the end alone: Summer2024, Section12 */
    return mixed && v.symbols == 0 && (!tail || v.digits >= 3 || v.upper >= 2);
}
