/* secrets.c - what a pattern's hit amounts to: e-mail grammar, tokens that are examples, URL
 * credentials, and the values of "name = value" and "password is …". */
#include "router/classify/classify.h"

#include <ctype.h>
#include <math.h>
#include <strings.h>

static bool alnum(char ch)
{
    return (unsigned char)((ch | 32) - 'a') < 26 || (unsigned char)(ch - '0') < 10;
}

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

/* ---- e-mail ---- */

static bool local_char(char ch)
{
    return alnum(ch) || (ch != 0 && strchr(".!#$%&'*+/=?^_`{|}~-", ch) != NULL);
}

static bool ends_with(sl_str s, const char *tail)
{
    size_t n = strlen(tail);
    return s.n >= n && strncasecmp(s.p + s.n - n, tail, n) == 0;
}

/* RFC 2606 and 6761: names that are never somebody's. */
static bool example_domain(sl_str d)
{
    static const char *const names[] = {
        "example.com",    "example.org",    "example.net",     "example.edu", "example.cn",
        "example.com.cn", "yourdomain.com", "yourcompany.com", "domain.com",  "email.com.example"};
    static const char *const tails[] = {".example", ".example.com", ".example.org", ".example.net",
                                        ".test",    ".invalid",     ".localhost"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (d.n == strlen(names[i]) && strncasecmp(d.p, names[i], d.n) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        if (ends_with(d, tails[i]))
            return true;
    }
    return false;
}

static bool noreply(sl_str local)
{
    static const char *const names[] = {"noreply", "no-reply", "no_reply", "donotreply",
                                        "do-not-reply"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (local.n >= n && strncasecmp(local.p, names[i], n) == 0 &&
            (local.n == n || !alnum(local.p[n])))
            return true;
    }
    return false;
}

/* Suffixes of files and code that stand where a top-level domain would. */
static bool not_a_tld(sl_str tld)
{
    static const char *const no[] = {"png",  "jpg",  "jpeg",    "gif",    "svg",   "webp",
                                     "css",  "js",   "ts",      "tsx",    "jsx",   "json",
                                     "html", "htm",  "yml",     "yaml",   "md",    "txt",
                                     "py",   "conf", "service", "target", "timer", "socket"};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        if (tld.n == strlen(no[i]) && strncasecmp(tld.p, no[i], tld.n) == 0)
            return tld.n != 2 || true;
    }
    return false;
}

void sl_check_email(sl_classifier *c, sl_str t, size_t end)
{
    size_t at = end - 2, from = at; /* the hit is "x@y" */
    while (from > 0 && at - from < 64 && local_char(t.p[from - 1]))
        from--;
    while (from < at && !alnum(t.p[from]) && t.p[from] != '_')
        from++; /* quotes and brackets of the text around it */
    size_t to = end - 1, last_dot = 0;
    while (to < t.n && to - at < 255 && (alnum(t.p[to]) || t.p[to] == '-' || t.p[to] == '.')) {
        if (t.p[to] == '.') {
            if (t.p[to - 1] == '.')
                break;
            last_dot = to;
        }
        to++;
    }
    if (to > 0 && t.p[to - 1] == '.') { /* the full stop of a sentence */
        to--;
        last_dot = 0;
        for (size_t i = at + 1; i < to; i++) {
            if (t.p[i] == '.')
                last_dot = i;
        }
    }
    if (from == at || last_dot == 0 || to - last_dot - 1 < 2)
        return;
    sl_str local = {t.p + from, at - from}, domain = {t.p + at + 1, to - at - 1};
    sl_str tld = {t.p + last_dot + 1, to - last_dot - 1};
    for (size_t i = 0; i < tld.n; i++) {
        if (!((unsigned char)((tld.p[i] | 32) - 'a') < 26))
            return;
    }
    if (not_a_tld(tld) || example_domain(domain) || noreply(local))
        return;
    if (sl_str_is(local, "git") && to < t.n && t.p[to] == ':')
        return; /* git@host:path */
    sl_add(c, SL_ENT_EMAIL_ADDRESS, SL_LEVEL_CONFIDENTIAL, from, to - from);
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

void sl_check_token(sl_classifier *c, sl_str t, size_t end, sl_entity e, int len)
{
    size_t from = len > 0 && (size_t)len <= end ? end - (size_t)len : end - (end < 24 ? end : 24);
    size_t n = end - from;
    if (contains(t.p + from, n, "example") || contains(t.p + from, n, "xxxxxx") ||
        sl_entropy(t.p + from, n) < 2.5)
        return;
    sl_add(c, e, SL_LEVEL_RESTRICTED, from, n);
}

/* The hit ends behind the '@' of "://user:password@". */
void sl_check_url(sl_classifier *c, sl_str t, size_t end)
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
void sl_check_assignment(sl_classifier *c, sl_str t, size_t end, bool password)
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
