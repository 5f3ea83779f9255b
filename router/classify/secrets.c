/* secrets.c - keys, tokens and passwords: what they look like, and what a hit amounts to (examples
 * and placeholders are none; values of "name = value" and "password is …" are judged). */
#include "router/classify/patterns.h"

#include <ctype.h>
#include <math.h>
#include <strings.h>

static bool contains(const char *p, size_t n, const char *needle)
{
    size_t m = strlen(needle);
    for (size_t i = 0; i + m <= n; i++) {
        if (strncasecmp(p + i, needle, m) == 0)
            return true;
    }
    return false;
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

/* ---- tokens ---- */

/* Values that documents use where a secret would stand. */
static bool placeholder(const char *p, size_t n)
{
    static const char *const words[] = {
        "example",   "your_", "your-",    "yourkey", "placeholder", "changeme",
        "change_me", "xxxx",  "redacted", "insert",  "dummy",       "${",
        "{{",        "<",     "...",      "****",    "process.env", "os.environ",
        "getenv",    "env.",  "secrets.", "config.", "settings."};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (contains(p, n, words[i]))
            return true;
    }
    return false;
}

static void check_token(sl_classifier *c, sl_str t, size_t end, sl_entity e, int len)
{
    size_t from = len > 0 && (size_t)len <= end ? end - (size_t)len : end - (end < 24 ? end : 24);
    size_t n = end - from;
    if (contains(t.p + from, n, "example") || contains(t.p + from, n, "xxxxxx") ||
        sl_entropy(t.p + from, n) < 2.5)
        return;
    sl_add(c, e, SL_LEVEL_RESTRICTED, from, n);
}

/* The hit ends behind the '@' of "://user:password@". */
static void check_url(sl_classifier *c, sl_str t, size_t end)
{
    size_t colon = end - 1, from;
    while (colon > 0 && t.p[colon] != ':')
        colon--;
    size_t n = end - 1 - (colon + 1);
    for (from = colon; from > 2 && t.p[from] != '/'; from--)
        ;
    const char *p = t.p + colon + 1;
    if (n == 0 || placeholder(p, n) || (n == 8 && strncasecmp(p, "password", 8) == 0) ||
        (n == 4 && strncasecmp(p, "pass", 4) == 0))
        return;
    sl_add(c, SL_ENT_URL_CREDENTIALS, SL_LEVEL_RESTRICTED, from + 1, end - from - 1);
}

/* The hit ends behind the first character of the value. */
static void check_assignment(sl_classifier *c, sl_str t, size_t end, bool password)
{
    size_t from = end - 1, to = end;
    while (to < t.n && to - from < 256 && (unsigned char)t.p[to] > ' ' &&
           (unsigned char)t.p[to] < 0x80 && !strchr("\"'`,;<>|", t.p[to]))
        to++;
    while (to > from && strchr(".)]}?!:", t.p[to - 1]))
        to--; /* what closes the sentence or the call */
    size_t n = to - from;
    const char *p = t.p + from;
    size_t digits = 0, letters = 0, upper = 0, other = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)p[i];
        digits += isdigit(ch) != 0, letters += isalpha(ch) != 0, upper += isupper(ch) != 0,
            other += !isalnum(ch);
    }
    if (n == 0 || placeholder(p, n))
        return;
    bool call = memchr(p, '(', n) != NULL || memchr(p, '[', n) != NULL || contains(p, n, "::");
    if (password) {
        if (n < 6 || call || digits == 0)
            return;
    } else {
        double h = sl_entropy(p, n);
        bool plain = n >= 12 && digits >= 2 && letters >= 2 && h >= 3.0;
        bool mixed = n >= 20 && digits >= 1 && upper >= 3 && letters - upper >= 3 && h >= 3.5;
        if (call || !(plain || mixed))
            return;
    }
    sl_add(c, SL_ENT_CREDENTIAL, SL_LEVEL_RESTRICTED, from, n);
}

/* ---- the patterns ---- */

enum { K_TOKEN, K_URL, K_ASSIGN, K_PASSWORD, K_FIXED };
#define K(kind, ent) (SL_ENT_##ent << 4 | K_##kind)
#define TOKEN(expr, len)               \
    {                                  \
        expr, K(TOKEN, API_TOKEN), len \
    }
#define FIXED(expr, ent)       \
    {                          \
        expr, K(FIXED, ent), 0 \
    }

static const sl_pattern patterns[] = {
    {"://[^\\s/?#@:]{1,64}:[^\\s/?#@]{1,128}@", K(URL, URL_CREDENTIALS), 0},
    {"(?i)\\b(?:server|data source)=[^;\\s]{1,64};.{0,120}(?:password|pwd)=[^;\\s]{3}",
     K(FIXED, URL_CREDENTIALS), 0},

    /* private keys */
    FIXED("-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----", PRIVATE_KEY),
    FIXED("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----", PRIVATE_KEY),
    FIXED("PuTTY-User-Key-File-[23]:", PRIVATE_KEY),
    FIXED("AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", PRIVATE_KEY),

    /* JWT: two base64url objects, dot between */
    FIXED("\\beyJ[A-Za-z0-9_-]{15,2000}\\.eyJ[A-Za-z0-9_-]{15}", JWT),

    /* clouds */
    TOKEN("\\b(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}\\b", 20),
    TOKEN("\\bAIza[A-Za-z0-9_-]{35}", 39),
    TOKEN("\\bya29\\.[A-Za-z0-9_-]{30}", 35),
    TOKEN("\\bGOCSPX-[A-Za-z0-9_-]{28}", 35),
    TOKEN("\\bLTAI[A-Za-z0-9]{16}", 20),
    TOKEN("\\bAKID[A-Za-z0-9]{28}", 32),
    TOKEN("\\bAKLT[A-Za-z0-9_-]{30}", 34),
    TOKEN("\\bbce-v3/ALTAK-[A-Za-z0-9]{21}/[a-f0-9]{40}", 0),
    TOKEN("\\bAccountKey=[A-Za-z0-9+/]{60}", 0),
    TOKEN("\\bSharedAccessKey=[A-Za-z0-9+/]{40}", 0),
    TOKEN("\\bdop_v1_[a-f0-9]{64}", 71),
    TOKEN("\\b[A-Za-z0-9]{3}8Q~[A-Za-z0-9_~.-]{31}", 37),
    TOKEN("\\bdapi[a-f0-9]{32}", 36),
    TOKEN("\\bhvs\\.[A-Za-z0-9_-]{24}", 28),
    TOKEN("\\bhvb\\.[A-Za-z0-9_-]{80}", 84),

    /* models */
    TOKEN("\\bsk-ant-[a-z]{3,8}[0-9]{2}-[A-Za-z0-9_-]{24}", 0),
    TOKEN("\\bsk-(?:proj|svcacct|admin|or-v1|lf)-[A-Za-z0-9_-]{20}", 0),
    TOKEN("\\bsk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}", 51),
    TOKEN("\\bsk-[A-Za-z0-9]{32}", 35),
    TOKEN("\\bhf_[A-Za-z]{34}", 37),
    TOKEN("\\bgsk_[A-Za-z0-9]{48}", 52),
    TOKEN("\\br8_[A-Za-z0-9]{37}", 40),
    TOKEN("\\bpplx-[A-Za-z0-9]{40}", 45),
    TOKEN("\\bxai-[A-Za-z0-9]{60}", 64),

    /* code and packages */
    TOKEN("\\bgh[pousr]_[A-Za-z0-9]{36}", 40),
    TOKEN("\\bgithub_pat_[A-Za-z0-9_]{60}", 71),
    TOKEN("\\bgl(?:pat|ptt|dt|rt|cbt|soat|ft|oas|agent)-[A-Za-z0-9_-]{20}", 0),
    TOKEN("\\bATATT3[A-Za-z0-9_=-]{60}", 66),
    TOKEN("\\bATBB[A-Za-z0-9]{28}", 32),
    TOKEN("\\bnpm_[A-Za-z0-9]{36}", 40),
    TOKEN("\\bpypi-AgE[A-Za-z0-9_-]{50}", 58),
    TOKEN("\\brubygems_[a-f0-9]{48}", 57),
    TOKEN("\\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{27}", 36),
    TOKEN("\\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}", 64),
    TOKEN("\\bpul-[a-f0-9]{40}", 44),
    TOKEN("\\bCCIPAT_[A-Za-z0-9_]{40}", 47),

    /* services */
    TOKEN("\\bxox[abeoprs]-[A-Za-z0-9-]{20}", 25),
    TOKEN("\\bxapp-[0-9]-[A-Z0-9]{8,14}-[0-9]{8,16}-[a-f0-9]{32}", 0),
    TOKEN("hooks\\.slack\\.com/(?:services|workflows)/[A-Z][A-Za-z0-9]{8,12}/[A-Z][A-Za-z0-9]{8}",
          0),
    TOKEN("discord(?:app)?\\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60}", 0),
    TOKEN("oapi\\.dingtalk\\.com/robot/send\\?access_token=[a-f0-9]{64}", 0),
    TOKEN("qyapi\\.weixin\\.qq\\.com/cgi-bin/webhook/send\\?key=[a-f0-9-]{36}", 0),
    TOKEN("open\\.feishu\\.cn/open-apis/bot/v2/hook/[a-f0-9-]{36}", 0),
    TOKEN("\\b[sr]k_(?:live|test)_[A-Za-z0-9]{16}", 24),
    TOKEN("\\bwhsec_[A-Za-z0-9+/]{24}", 30),
    TOKEN("\\bsq0(?:atp|csp)-[A-Za-z0-9_-]{22}", 29),
    TOKEN("\\bSG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}", 69),
    TOKEN("\\bkey-[a-f0-9]{32}\\b", 36),
    TOKEN("\\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", 0),
    TOKEN("\\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", 38),
    TOKEN("\\bgl(?:sa|c)_[A-Za-z0-9+/_]{32}", 0),
    TOKEN("\\bNRAK-[A-Z0-9]{27}", 32),
    TOKEN("\\blin_api_[A-Za-z0-9]{40}", 48),
    TOKEN("\\bntn_[A-Za-z0-9]{40}", 44),
    TOKEN("\\bdp\\.(?:pt|st|ct)\\.[A-Za-z0-9._-]{40}", 0),
    TOKEN("\\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32}", 0),
    TOKEN("\\bEAA[A-Za-z0-9]{60}", 63),
    TOKEN("\\bsntr(?:ys|yu)_[A-Za-z0-9+/=_]{40}", 0),
    TOKEN("\\bfigd_[A-Za-z0-9_-]{40}", 45),
    TOKEN("\\bTSKEY-[a-z]{4,8}-[A-Za-z0-9]{10,20}-[A-Za-z0-9]{20}", 0),

    /* name and value; the value is judged in secrets.c */
    {"(?i)(?:api[_-]?key|secret[_-]?(?:access[_-]?)?key|access[_-]?(?:key|token)|auth[_-]?token|"
     "client[_-]?secret|private[_-]?key|refresh[_-]?token|bearer[_-]?token|encryption[_-]?key|"
     "signing[_-]?(?:key|secret)|app[_-]?secret|secret|token|credential)s?[\"'`\\]]?\\s{0,3}(?::|=|"
     "=>|:=)\\s{0,2}[\"'`]?[^\\s\"'`=]",
     K(ASSIGN, CREDENTIAL), 0},
    {"(?i)\\b(?:authorization[\"']?\\s{0,2}[:=]\\s{0,2}[\"']?)?(?:bearer|basic)\\s[A-Za-z0-9._~+/"
     "-]",
     K(ASSIGN, CREDENTIAL), 0},
    {"(?i)(?:password|passwd|passphrase|\\bpwd|passwort|kennwort|mot de passe|contrase\xc3\xb1"
     "a|senha|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|"
     "\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|"
     "\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8|\xe5\xaf\x86\xe7\xa0\x81|"
     "\xe5\xaf\x86\xe7\xa2\xbc|\xe5\x8f\xa3\xe4\xbb\xa4)"
     "[\"'`\\]]?\\s{0,3}(?::|=|=>|:=|is|\xe6\x98\xaf|\xe4\xb8\xba|\xe7\x82\xba)\\s{0,3}[\"'`]?[^"
     "\\s\"'`=]",
     K(PASSWORD, CREDENTIAL), 0},

    FIXED("(?i)data:(?:image|audio|video|application)/[a-z0-9.+-]{2,60};base64,", OPAQUE_CONTENT),
};

static void on_hit(sl_classifier *c, sl_str t, size_t end, const sl_pattern *p)
{
    sl_entity e = (sl_entity)(p->arg >> 4);
    switch (p->arg & 15) {
    case K_TOKEN:
        check_token(c, t, end, e, p->len);
        break;
    case K_URL:
        check_url(c, t, end);
        break;
    case K_ASSIGN:
    case K_PASSWORD:
        check_assignment(c, t, end, (p->arg & 15) == K_PASSWORD);
        break;
    default:
        sl_add(c, e, sl_entities[e].level, end - 1, 1);
    }
}

const sl_pattern_list sl_secret_patterns = {patterns, sizeof patterns / sizeof *patterns, on_hit};
