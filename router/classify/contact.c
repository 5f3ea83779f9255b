/* contact.c - how to reach a person, where a pattern finds it: e-mail addresses. Numbers are
 * phones.c's. */
#include "router/classify/patterns.h"

#include <strings.h>

static bool alnum(char ch)
{
    return (unsigned char)((ch | 32) - 'a') < 26 || (unsigned char)(ch - '0') < 10;
}

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

static void check_email(sl_classifier *c, sl_str t, size_t end, const sl_pattern *pattern)
{
    (void)pattern;
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

static const sl_pattern patterns[] = {
    {"[A-Za-z0-9._%+-]@[A-Za-z0-9]", SL_ENT_EMAIL_ADDRESS, 2},
};

const sl_pattern_list sl_contact_patterns = {patterns, sizeof patterns / sizeof *patterns,
                                             check_email};
