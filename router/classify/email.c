/* email.c - e-mail addresses around an "@": RFC 5321's grammar and RFC 6531's letters of all
 * scripts, less what only looks so: code, packages, examples, mailboxes that nobody reads. */
#include "router/classify/contact.h"
#include "router/classify/numbers.h"

enum { LOCAL_MAX = 64, DOMAIN_MAX = 255 };

static bool local_char(char ch)
{
    return sl_is_alnum(ch) || (ch != 0 && strchr(".!#$%&'*+/=?^_`{|}~-", ch) != NULL);
}

static bool ends_with(sl_str s, const char *tail)
{
    size_t n = strlen(tail);
    return s.n >= n && strncasecmp(s.p + s.n - n, tail, n) == 0;
}

static bool is_any(sl_str s, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (sl_alike(s.p[0], names[i][0]) && s.n == strlen(names[i]) &&
            strncasecmp(s.p, names[i], s.n) == 0)
            return true;
    }
    return false;
}
#define IS_ANY(s, names) is_any(s, names, sizeof(names) / sizeof *(names))

/* RFC 2606 and 6761: names that are never somebody's, and those that documents use like them. */
static bool example_domain(sl_str d)
{
    static const char *const names[] = {
        "example.com",     "example.org",     "example.net",      "example.edu",  "example.io",
        "example.cn",      "example.com.cn",  "example.de",       "example.fr",   "yourdomain.com",
        "yourcompany.com", "your-domain.com", "your-company.com", "mydomain.com", "domain.com",
        "domain.tld",      "sample.com"};
    static const char *const tails[] = {".example", ".example.com", ".example.org", ".example.net",
                                        ".test",    ".invalid",     ".localhost",   ".localdomain"};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        if (ends_with(d, tails[i]))
            return true;
    }
    return IS_ANY(d, names);
}

/* "user@company.com": both halves are placeholders. */
static bool placeholder(sl_str local, sl_str d)
{
    static const char *const who[] = {
        "user",       "username",   "name",       "firstname.lastname",
        "first.last", "your.name",  "you",        "your",
        "yourname",   "your.email", "your-email", "youremail",
        "email",      "someone",    "somebody",   "your_email",
        "foo",        "bar",        "test",       "abc",
        "xxx",        "example",    "me",         "a",
        "x",          "mail",       "recipient",  "sender",
        "to",         "from"};
    static const char *const where[] = {
        "email.com",    "company.com", "test.com",    "foo.com",  "bar.com",          "mail.com",
        "site.com",     "website.com", "xyz.com",     "abc.com",  "xxx.com",          "server.com",
        "provider.com", "host.com",    "service.com", "corp.com", "organization.com", "b.com",
        "x.com",        "y.com",       "mysite.com",  "app.com",  "test.de",          "firma.de"};
    return IS_ANY(local, who) && IS_ANY(d, where);
}

/* A name, or a name with more behind it that is no letter. */
static bool begins(sl_str local, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(names[i]);
        if (local.n >= n && strncasecmp(local.p, names[i], n) == 0 &&
            (local.n == n || !sl_is_alnum(local.p[n])))
            return true;
    }
    return false;
}

static bool noreply(sl_str local)
{
    static const char *const names[] = {"noreply",      "no-reply",      "no_reply",
                                        "no.reply",     "donotreply",    "do-not-reply",
                                        "do_not_reply", "mailer-daemon", "not-a-real-address"};
    return begins(local, names, sizeof names / sizeof *names);
}

/* A function's mailbox: no person, but still the company's. */
static bool role(sl_str local)
{
    static const char *const names[] = {
        "info",      "support",     "sales",      "contact",   "admin",    "hello",
        "help",      "webmaster",   "postmaster", "press",     "media",    "office",
        "jobs",      "careers",     "billing",    "abuse",     "privacy",  "legal",
        "marketing", "newsletter",  "helpdesk",   "feedback",  "service",  "kontakt",
        "contacto",  "team",        "enquiries",  "inquiries", "security", "hostmaster",
        "subscribe", "unsubscribe", "editor"};
    return IS_ANY(local, names);
}

/* Suffixes of files and code that stand where a top-level domain would. */
static bool not_a_tld(sl_str tld)
{
    static const char *const no[] = {
        "png",  "jpg",   "jpeg",    "gif",    "svg",   "webp",   "css",   "js",    "ts",
        "tsx",  "jsx",   "json",    "html",   "htm",   "yml",    "yaml",  "md",    "txt",
        "py",   "conf",  "service", "target", "timer", "socket", "mount", "scope", "slice",
        "java", "class", "cpp",     "hpp",    "git",   "exe",    "dll",   "xml",   "csv",
        "log",  "lock",  "tar",     "gz",     "deb",   "rpm",    "jar",   "toml",  "ini",
        "sql",  "cfg",   "device",  "path",   "swap",  "length", "value", "name"};
    return IS_ANY(tld, no);
}

/* Country codes that exist; what is longer than two letters is taken for a domain. */
static bool is_cctld(const char *p)
{
    static const char codes[] =
        "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br "
        "bs bt bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz "
        "ec ee eg er es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw "
        "gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw "
        "ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu "
        "mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt "
        "pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc "
        "td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws "
        "ye yt za zm zw ";
    char want[4] = {(char)(p[0] | 32), (char)(p[1] | 32), ' ', 0};
    return strstr(codes, want) != NULL;
}

static bool tld_ok(sl_str tld)
{
    if (tld.n >= 4 && strncasecmp(tld.p, "xn--", 4) == 0)
        return tld.n > 6;
    if (tld.n >= 2 && sl_is_high(tld.p[0])) /* 中国, рф, 한국, भारत: at least two letters */
        return tld.n >= 4 && tld.n <= 30;
    size_t n = 0;
    while (n < tld.n && sl_is_letter(tld.p[n]))
        n++;
    if (n < tld.n && !sl_is_high(tld.p[n]))
        return false;
    sl_str ascii = {tld.p, n};
    if (n < 2 || n > 24 || not_a_tld(ascii))
        return false;
    return n > 2 || is_cctld(ascii.p);
}

/* The end of the domain that starts at `from`, and its last dot. */
static size_t read_domain(sl_str t, size_t from, size_t *ret_dot)
{
    size_t to = from, dot = 0;
    bool wide = from < t.n && sl_is_high(t.p[from]);
    while (to < t.n && to - from < DOMAIN_MAX) {
        char ch = t.p[to];
        if (ch == '.') {
            if (t.p[to - 1] == '.' || to == from)
                break;
            /* the label behind decides anew whether it is of another script */
            wide = to + 1 < t.n && sl_is_high(t.p[to + 1]);
            dot = to;
        } else if (sl_is_high(ch) ? !wide : !(sl_is_alnum(ch) || ch == '-')) {
            break;
        }
        to++;
    }
    if (to > from && t.p[to - 1] == '.') { /* the full stop of a sentence */
        to--;
        dot = 0;
        for (size_t i = from; i < to; i++) {
            if (t.p[i] == '.')
                dot = i;
        }
    }
    *ret_dot = dot;
    return to;
}

static size_t local_start(sl_str t, size_t at)
{
    size_t from = at;
    bool wide = sl_is_high(t.p[at - 1]);
    if (t.p[at - 1] == '"') { /* "john doe"@host */
        for (size_t i = at - 1; i > 0 && at - i < LOCAL_MAX; i--) {
            if (t.p[i - 1] == '"')
                return i - 1;
        }
        return at;
    }
    while (from > 0 && at - from < LOCAL_MAX &&
           (local_char(t.p[from - 1]) || (wide && sl_is_high(t.p[from - 1]))))
        from--;
    while (from < at && !sl_is_alnum(t.p[from]) && t.p[from] != '_' && !sl_is_high(t.p[from]))
        from++; /* quotes and brackets of the text around it */
    return from;
}

/* "scheme://user:word@host": secrets.c's. */
static bool is_userinfo(sl_str t, size_t from)
{
    if (from == 0 || t.p[from - 1] != ':')
        return false;
    for (size_t i = from; i > 2 && from - i < 64 && t.p[i - 1] != ' ' && t.p[i - 1] != '\n'; i--) {
        if (t.p[i - 1] == '/' && t.p[i - 2] == '/' && t.p[i - 3] == ':')
            return true;
    }
    return false;
}

/* The hit is "x@y" that ends at `end`; x and y may be bytes of a letter of any script. */
void sl_email_hit(sl_classifier *c, sl_str t, size_t end)
{
    size_t at = end - 2, dot;
    char before = t.p[at - 1], behind = t.p[at + 1];
    if (!(sl_is_alnum(before) || sl_is_high(before) || memchr("._%+-\"", before, 6)) ||
        !(sl_is_alnum(behind) || sl_is_high(behind)))
        return;
    size_t from = local_start(t, at), to = read_domain(t, at + 1, &dot);
    if (from == at || dot <= at + 1 || to - dot - 1 < 2)
        return;
    sl_str local = {t.p + from, at - from}, domain = {t.p + at + 1, to - at - 1};
    sl_str tld = {t.p + dot + 1, to - dot - 1};
    /* "10:30@vk.com" is one, "q@k.transpose(-2)" is not */
    bool called = to < t.n && (t.p[to] == '(' || t.p[to] == '@') && !ends_with(domain, ".com");
    if (called || !tld_ok(tld) || example_domain(domain) || noreply(local) ||
        placeholder(local, domain) || is_userinfo(t, from))
        return;
    if (sl_str_is(local, "git") || sl_str_is(local, "this") || sl_str_is(local, "super"))
        return; /* git@host:path, this@Label.member */
    bool host =
        ends_with(domain, ".local") || ends_with(domain, ".internal") || ends_with(domain, ".lan");
    sl_add(c, SL_ENT_EMAIL_ADDRESS, host || role(local) ? SL_LEVEL_INTERNAL : SL_LEVEL_CONFIDENTIAL,
           from, to - from);
}
