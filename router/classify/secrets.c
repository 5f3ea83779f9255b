/* secrets.c - keys and tokens that show by themselves: vendors' literals (secret_rules.def),
 * private keys, JSON Web Tokens, URLs with credentials, headers and command lines. The database
 * holds the literals alone, which cost least to look for; what must follow is checked here. */
#include "router/classify/secrets.h"

#include <strings.h>

/* ---- the rules ---- */

enum { EDGE = 1, RANDOM = 2, HOOK = 4, HASH = 8, KEY = 16 };

typedef struct rule {
    const char *shape;
    uint8_t literal; /* bytes */
    uint8_t flags;
    char before; /* class in front of the literal, 0: none */
    uint8_t before_min;
} rule;

static const rule rules[] = {
#define P(literal, shape, flags)              {shape, sizeof literal - 1, flags, 0, 0},
#define I(literal, before, min, shape, flags) {shape, sizeof literal - 1, flags, before, min},
#include "router/classify/secret_rules.def"
#undef P
#undef I
};

enum { RULES = sizeof rules / sizeof *rules };

static sl_entity entity_of(const rule *r)
{
    return r->flags & HOOK   ? SL_ENT_SECRET_URL
           : r->flags & HASH ? SL_ENT_PASSWORD_HASH
           : r->flags & KEY  ? SL_ENT_PRIVATE_KEY
                             : SL_ENT_API_TOKEN;
}

/* A token may begin here: no letter or digit in front, but for the n of an escaped line break. */
static bool edge(sl_str t, size_t at)
{
    if (at == 0 || !sl_in_class(t.p[at - 1], 'b'))
        return true;
    if (at >= 2 && strchr("nrt", t.p[at - 1]) && t.p[at - 2] == '\\')
        return true;
    return t.p[at - 1] == '_' && (at == 1 || !sl_in_class(t.p[at - 2], 'b')); /* _token_ */
}

static void check_rule(sl_classifier *c, sl_str t, size_t end, const rule *r)
{
    size_t from = end - r->literal, to = end;
    if ((r->flags & EDGE) && !edge(t, from))
        return;
    if (!sl_shape_match(t, end, r->shape, &to))
        return;
    if (r->before) {
        size_t n = 0;
        while (n < from && n < 64 && sl_in_class(t.p[from - n - 1], r->before))
            n++;
        if (n < r->before_min)
            return;
        from -= n;
    }
    size_t body = to - end;
    if ((r->flags & RANDOM) && !sl_value_random(t.p + end, body))
        return;
    if (r->flags & HOOK ? sl_value_placeholder(t.p + end, body)
                        : body >= 8 && sl_token_placeholder(t.p + from, to - from))
        return;
    sl_entity e = entity_of(r);
    sl_add(c, e, sl_entities[e].level, from, to - from);
}

/* id.secret of Zhipu, 32 hex digits and 16 letters; a secret key of AWS, 40 of base64 with a sign
 * among them, is weak by itself. */
void sl_secret_run(sl_classifier *c, sl_str t, size_t from, size_t end)
{
    size_t n = end - from;
    if (n == 32 && end < t.n && t.p[end] == '.' && sl_class_run(t, from, 'h', 33) == 32 &&
        sl_class_run(t, end + 1, 'w', 17) == 16 && sl_value_random(t.p + end + 1, 16))
        sl_add(c, SL_ENT_API_TOKEN, SL_LEVEL_RESTRICTED, from, 49);
    if (n == 40 && sl_class_run(t, from, 'B', 40) == 40 && !sl_value_look(t.p + from, n).hex) {
        sl_value_info v = sl_value_look(t.p + from, n);
        if (v.symbols > 0 && v.symbols < 6 && v.digits >= 2 && v.upper >= 6 && v.lower >= 6 &&
            v.changes >= 12)
            sl_add_weak(c, SL_ENT_API_TOKEN, from, n);
    }
}

/* ---- private keys ---- */

/* "PRIVATE KEY" ends here: is it an armour's first line? Between BEGIN and it stand only capitals,
 * digits and blanks; dashes, or what looks like the key's body, stand around. */
static void check_pem(sl_classifier *c, sl_str t, size_t end)
{
    size_t from = end - 11, low = from > 40 ? from - 40 : 0, i = from;
    while (i > low && (sl_in_class(t.p[i - 1], 'u') || strchr(" \t\r\n", t.p[i - 1])))
        i--;
    size_t begin = i;
    while (begin + 5 <= from && memcmp(t.p + begin, "BEGIN", 5) != 0)
        begin++;
    if (begin + 5 > from)
        return;
    bool dashes = (begin > 0 && (t.p[begin - 1] == '-' || t.p[begin - 1] == ' ') && begin > 1 &&
                   t.p[begin - 2] == '-') ||
                  (end + 1 < t.n && t.p[end] == '-' && t.p[end + 1] == '-');
    if (!dashes) {
        size_t body = end, stop = end + 60 < t.n ? end + 60 : t.n;
        while (body < stop && sl_class_run(t, body, 'B', 40) < 40)
            body++;
        if (body == stop)
            return;
    }
    sl_add(c, SL_ENT_PRIVATE_KEY, SL_LEVEL_RESTRICTED, begin, end - begin);
}

/* A JSON Web Key with its private part: "kty" and, in the same object, "d" (or "k" of an octet
 * key). */
static void check_jwk(sl_classifier *c, sl_str t, size_t end)
{
    size_t low = end > 600 ? end - 600 : 0, stop = end + 3000 < t.n ? end + 3000 : t.n;
    size_t *seen = &c->secret_to[13];
    if (low < *seen)
        low = *seen;
    *seen = stop > 4 ? stop - 4 : 0;
    for (size_t i = low; i + 4 < stop; i++) {
        if (t.p[i] != '"' || (t.p[i + 1] != 'd' && t.p[i + 1] != 'k') || t.p[i + 2] != '"')
            continue;
        size_t v = i + 3;
        while (v < stop && strchr(" :\"\n\t", t.p[v]))
            v++;
        size_t n = sl_class_run(t, v, 'b', 400);
        if (n >= 22 && sl_value_random(t.p + v, n)) {
            sl_add(c, SL_ENT_PRIVATE_KEY, SL_LEVEL_RESTRICTED, i, v + n - i);
            return;
        }
    }
}

static void check_jwt(sl_classifier *c, sl_str t, size_t end)
{
    size_t from = end - 3;
    if (from > 0 && sl_in_class(t.p[from - 1], 'w') && !edge(t, from))
        return;
    size_t head = sl_class_run(t, end, 'b', 4000), dot = end + head;
    if (head < 12 || dot >= t.n || t.p[dot] != '.')
        return;
    size_t body = sl_class_run(t, dot + 1, 'b', 4000);
    bool object = body > 10 && memcmp(t.p + dot + 1, "eyJ", 3) == 0;
    bool dots = dot + 1 + body < t.n && t.p[dot + 1 + body] == '.'; /* JWE: five parts */
    if (object || (dots && head >= 20))
        sl_add(c, SL_ENT_JWT, SL_LEVEL_RESTRICTED, from, dot + 1 + body - from);
}

/* ---- URLs and headers ---- */

static const bool ends_url[256] = {
    [0 ... ' '] = true, [0x80 ... 0xff] = true, ['"'] = true, ['\''] = true, ['<'] = true,
    ['>'] = true,       ['`'] = true,           ['|'] = true, ['\\'] = true};

static bool url_end(char ch)
{
    return ends_url[(unsigned char)ch];
}

static bool url_placeholder(sl_str v)
{
    static const char *const words[] = {"password", "pass", "passwd", "pwd", "token",
                                        "secret",   "pw",   "apikey", "key", "mypass",
                                        "xxx",      "...",  "..",     "*"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (v.n == strlen(words[i]) && sl_alike(v.p[0], words[i][0]) &&
            strncasecmp(v.p, words[i], v.n) == 0)
            return true;
    }
    return sl_value_placeholder(v.p, v.n) && !(v.n >= 4 && v.p[0] != '<' && v.p[0] != '$' &&
                                               v.p[0] != '{' && sl_value_look(v.p, v.n).digits > 1);
}

/* The hit ends behind "://". user:password@host; a password may hold '/', '#' and '?', unless what
 * stands behind the colon is a port. */
static void check_url(sl_classifier *c, sl_str t, size_t end)
{
    size_t stop = end + 260 < t.n ? end + 260 : t.n, colon = 0, at = 0, i;
    if (end < c->secret_to[15])
        return; /* the URL before this one went on up to there, and no sign came */
    for (i = end; i < stop && !url_end(t.p[i]); i++) {
        if (t.p[i] == ':' && !colon)
            colon = i;
        if (t.p[i] == '@') {
            at = i;
            break;
        }
        if (t.p[i] == '/' || t.p[i] == '?' || t.p[i] == '#' || t.p[i] == ',') {
            bool port = colon && sl_class_run(t, colon + 1, 'd', 6) == i - colon - 1;
            if (!colon || port)
                break;
        }
    }
    if (!at) {
        c->secret_to[15] = i;
        return;
    }
    /* "user:P@ss@host": the host begins behind the last one */
    for (i = at + 1; colon && i < stop && !url_end(t.p[i]) && t.p[i] != '/'; i++) {
        if (t.p[i] == '@')
            at = i;
    }
    if (colon) {
        sl_str v = {t.p + colon + 1, at - colon - 1};
        if (v.n == 0 || url_placeholder(v))
            return;
    } else if (!sl_value_random(t.p + end, at - end)) {
        return; /* a user alone, unless it is a token */
    }
    sl_add(c, SL_ENT_URL_CREDENTIALS, SL_LEVEL_RESTRICTED, end, at - end);
}

/* scott/tiger@//host: Oracle's connection strings, behind "jdbc:oracle:thin:" or "sqlplus ". */
static void check_oracle(sl_classifier *c, sl_str t, size_t end)
{
    size_t stop = end + 160 < t.n ? end + 160 : t.n, slash = 0, i = end;
    while (i < stop && !url_end(t.p[i]) && t.p[i] != '@') {
        if (t.p[i] == '/' && !slash)
            slash = i;
        i++;
    }
    if (!slash || slash == end || i >= stop || t.p[i] != '@' || i - slash < 4 ||
        url_placeholder((sl_str){t.p + slash + 1, i - slash - 1}))
        return;
    sl_add(c, SL_ENT_URL_CREDENTIALS, SL_LEVEL_RESTRICTED, end, i - end);
}

/* Is it base64 of "name:password"? */
static bool basic_pair(sl_str v)
{
    uint32_t acc = 0;
    int bits = 0, colons = 0, n = 0;
    for (size_t i = 0; i < v.n && v.p[i] != '='; i++) {
        char ch = v.p[i];
        int x = ch >= 'A' && ch <= 'Z'   ? ch - 'A'
                : ch >= 'a' && ch <= 'z' ? ch - 'a' + 26
                : ch >= '0' && ch <= '9' ? ch - '0' + 52
                : ch == '+'              ? 62
                                         : 63;
        acc = acc << 6 | (uint32_t)x, bits += 6;
        if (bits >= 8) {
            unsigned char b = (unsigned char)(acc >> (bits -= 8));
            if (b < 0x20 || b == 0x7f)
                return false;
            colons += b == ':', n++;
        }
    }
    return colons > 0 && n >= 3;
}

static bool before_is(sl_str t, size_t at, size_t reach, const char *word)
{
    size_t low = at > reach ? at - reach : 0, n = strlen(word);
    for (size_t i = low; i + n <= at; i++) {
        if (sl_alike(t.p[i], word[0]) && strncasecmp(t.p + i, word, n) == 0)
            return true;
    }
    return false;
}

/* Behind "Bearer ", "Basic ". */
static void check_header(sl_classifier *c, sl_str t, size_t end, bool basic)
{
    while (end < t.n && (t.p[end] == ' ' || t.p[end] == '"' || t.p[end] == ':'))
        end++;
    size_t n = sl_class_run(t, end, basic ? 'B' : 't', 2000);
    const char *p = t.p + end;
    bool yes;
    if (basic)
        yes = n >= 6 && basic_pair((sl_str){p, n});
    else if (before_is(t, end, 40, "authorization"))
        yes = n >= 8 && sl_value_look(p, n).digits > 0 && !sl_token_placeholder(p, n) &&
              !sl_value_placeholder(p, n);
    else
        yes =
            n >= 16 && (sl_value_random(p, n) || sl_value_key(p, n)) && !sl_token_placeholder(p, n);
    if (yes)
        sl_add(c, SL_ENT_CREDENTIAL, SL_LEVEL_RESTRICTED, end, n);
}

/* ---- command lines ---- */

typedef struct command {
    const char *option; /* behind it stands the password */
    bool apart;         /* a blank stands between (else it may be glued on) */
} command;

/* C(expression of the program's name, option, apart) */
#define COMMANDS(C)                            \
    C("mysql", " -p", false)                   \
    C("mariadb", " -p", false)                 \
    C("sshpass", " -p", false)                 \
    C("docker login", " -p", true)             \
    C("redis-cli", " -a", true)                \
    C("ldapsearch", " -w", true)               \
    C("ldapmodify", " -w", true)               \
    C("sqlcmd", " -P", true)                   \
    C("mongo(?:sh|dump|restore)", " -p", true) \
    C("psexec", " -p", true)                   \
    C("az login", " -p", true)                 \
    C("zip ", " -P", true)                     \
    C("7z ", " -p", false)                     \
    C("openssl", " pass:", false)              \
    C("smbclient", "%", false)                 \
    C("htpasswd", " -b", true)                 \
    C("xfreerdp", " /p:", false)               \
    C("wget", " --password=", false)           \
    C("snmpwalk", " -A", true)                 \
    C("ipmitool", " -P", true)                 \
    C("evil-winrm", " -p", true)

static const command commands[] = {
#define C(name, option, apart) {option, apart},
    COMMANDS(C)
#undef C
};

enum { COMMANDS_N = sizeof commands / sizeof *commands };

static bool command_value(const char *p, size_t n)
{
    if (n < 4 || p[0] == '-' || p[0] == '$' || sl_value_placeholder(p, n))
        return false;
    sl_value_info v = sl_value_look(p, n);
    return v.digits < n && (v.digits > 0 || v.symbols > 0 || v.upper > 0);
}

static void check_command(sl_classifier *c, sl_str t, size_t end, const command *m)
{
    size_t stop = end + 160 < t.n ? end + 160 : t.n, n = strlen(m->option);
    for (size_t i = end; i + n < stop && t.p[i] != '\n'; i++) {
        if (memcmp(t.p + i, m->option, n) != 0)
            continue;
        size_t v = i + n;
        if (m->apart && v < stop && t.p[v] != ' ' && t.p[v] != '=')
            continue;
        while (v < stop && strchr(" '\"=", t.p[v]))
            v++;
        size_t to = v;
        while (to < stop && (unsigned char)t.p[to] > ' ' && !strchr("'\"`;|", t.p[to]))
            to++;
        if (!command_value(t.p + v, to - v))
            continue;
        sl_add(c, SL_ENT_PASSWORD, SL_LEVEL_RESTRICTED, v, to - v);
        return;
    }
}

/* Behind " -u " and "--user": user:password. Containers name user and group so, too. */
static void check_user_option(sl_classifier *c, sl_str t, size_t end)
{
    size_t v = end;
    while (v < t.n && v < end + 4 && strchr(" '\"=", t.p[v]))
        v++;
    size_t to = v, colon = 0;
    while (to < t.n && to < v + 120 && (unsigned char)t.p[to] > ' ' && !strchr("'\"`", t.p[to])) {
        if (t.p[to] == ':' && !colon)
            colon = to;
        to++;
    }
    if (!colon || colon == v || to - colon < 4)
        return;
    sl_str pass = {t.p + colon + 1, to - colon - 1};
    sl_value_info i = sl_value_look(pass.p, pass.n);
    bool web = before_is(t, v, 200, "curl") || before_is(t, v, 200, "http");
    if (url_placeholder(pass) || i.digits == pass.n || (!web && i.digits + i.symbols == 0))
        return;
    sl_add(c, SL_ENT_PASSWORD, SL_LEVEL_RESTRICTED, v, to - v);
}

/* WIFI:T:WPA;S:name;P:password;; as in QR codes. */
static void check_wifi(sl_classifier *c, sl_str t, size_t end)
{
    size_t stop = end + 120 < t.n ? end + 120 : t.n;
    for (size_t i = end; i + 5 < stop; i++) {
        if (t.p[i] == 'P' && t.p[i + 1] == ':' && (t.p[i - 1] == ';' || t.p[i - 1] == ':')) {
            size_t n = 0;
            while (i + 2 + n < stop && t.p[i + 2 + n] != ';' && t.p[i + 2 + n] != '\n')
                n++;
            if (n >= 4 && !sl_value_placeholder(t.p + i + 2, n))
                sl_add(c, SL_ENT_PASSWORD, SL_LEVEL_RESTRICTED, i + 2, n);
            return;
        }
    }
}

/* host:port:database:user:password, a line of .pgpass; the hit ends behind ":5432:". */
static void check_pgpass(sl_classifier *c, sl_str t, size_t end)
{
    size_t i = end;
    int colons = 0;
    while (i < t.n && i < end + 130 && (unsigned char)t.p[i] > ' ' && colons < 2)
        colons += t.p[i++] == ':';
    size_t n = 0;
    while (i + n < t.n && n < 80 && (unsigned char)t.p[i + n] > ' ')
        n++;
    if (colons == 2 && n >= 4 && !sl_value_placeholder(t.p + i, n))
        sl_add(c, SL_ENT_URL_CREDENTIALS, SL_LEVEL_RESTRICTED, i, n);
}

/* kind: Secret with data: a Kubernetes manifest; some value of base64 or text follows. */
static void check_manifest(sl_classifier *c, sl_str t, size_t end)
{
    size_t stop = end + 1500 < t.n ? end + 1500 : t.n, *seen = &c->secret_to[14];
    size_t i = end > *seen ? end : *seen;
    *seen = stop > 6 ? stop - 6 : 0;
    for (; i + 6 < stop; i++) {
        if (memcmp(t.p + i, "ata:", 4) != 0 || (i > 0 && t.p[i - 1] != 'd' && t.p[i - 1] != 'D'))
            continue;
        if (i >= 5 && memcmp(t.p + i - 5, "metad", 5) == 0)
            continue;
        size_t v = i + 4;
        while (v < stop && t.p[v] != ':')
            v++;
        while (v < stop && strchr(": \"'|\n", t.p[v]))
            v++;
        size_t n = 0;
        while (v + n < stop && (unsigned char)t.p[v + n] > ' ' && t.p[v + n] != '"')
            n++;
        if (n >= 6 && !sl_value_placeholder(t.p + v, n)) {
            sl_add(c, SL_ENT_CREDENTIAL, SL_LEVEL_RESTRICTED, v, n);
            return;
        }
    }
}

/* ---- the patterns ---- */

enum {
    K_RULE,
    K_COMMAND,
    K_PEM,
    K_JWK,
    K_JWT,
    K_URL,
    K_ORACLE,
    K_BEARER,
    K_BASIC,
    K_USER,
    K_WIFI,
    K_PGPASS,
    K_MANIFEST,
    K_BLOB
};

/* The rules first, then the commands, so that a row's place says which it is. */
static const sl_pattern patterns[] = {
#define P(literal, shape, flags)              {"\\Q" literal "\\E", K_RULE, 0},
#define I(literal, before, min, shape, flags) {"\\Q" literal "\\E", K_RULE, 0},
#include "router/classify/secret_rules.def"
#undef P
#undef I
#define C(name, option, apart) {"(?i)\\b" name, K_COMMAND, 0},
    COMMANDS(C)
#undef C
        {"PRIVATE KEY", K_PEM, 0},
    {"\"kty\"", K_JWK, 0},
    {"eyJ", K_JWT, 0},
    {"://", K_URL, 0},
    {"(?i)jdbc:oracle:(?:thin|oci):", K_ORACLE, 0},
    {"(?i)\\bsqlplus ", K_ORACLE, 0},
    {"(?i)bearer[ :\"]", K_BEARER, 0},
    {"(?i)\\bbasic ", K_BASIC, 0},
    {"\"auth\" ?:", K_BASIC, 0}, /* of .docker/config.json */
    {" -u[ '\"]", K_USER, 0},
    {" --user[ =]", K_USER, 0},
    {"WIFI:", K_WIFI, 0},
    {":5432:", K_PGPASS, 0},
    {"(?i)kind\"?:\\s?\"?secret\\b", K_MANIFEST, 0},
    {"(?i)data:(?:image|audio|video|application)/[a-z0-9.+-]{2,60};base64,", K_BLOB, 0},
};

static void on_hit(sl_classifier *c, sl_str t, size_t end, const sl_pattern *p)
{
    size_t row = (size_t)(p - patterns);
    switch (p->arg) {
    case K_RULE:
        check_rule(c, t, end, &rules[row]);
        break;
    case K_COMMAND:
        check_command(c, t, end, &commands[row - RULES]);
        break;
    case K_PEM:
        check_pem(c, t, end);
        break;
    case K_JWK:
        check_jwk(c, t, end);
        break;
    case K_JWT:
        check_jwt(c, t, end);
        break;
    case K_URL:
        check_url(c, t, end);
        break;
    case K_ORACLE:
        check_oracle(c, t, end);
        break;
    case K_BEARER:
    case K_BASIC:
        check_header(c, t, end, p->arg == K_BASIC);
        break;
    case K_USER:
        check_user_option(c, t, end);
        break;
    case K_WIFI:
        check_wifi(c, t, end);
        break;
    case K_PGPASS:
        check_pgpass(c, t, end);
        break;
    case K_MANIFEST:
        check_manifest(c, t, end);
        break;
    default:
        sl_add(c, SL_ENT_OPAQUE_CONTENT, SL_LEVEL_INTERNAL, end - 1, 1);
    }
}

const sl_pattern_list sl_secret_patterns = {patterns, sizeof patterns / sizeof *patterns, on_hit};
