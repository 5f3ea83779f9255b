/* net.c - addresses of machines: IPv4 among the digit groups, IPv6 and MAC by their colons. */
#include "router/classify/contact.h"
#include "router/classify/numbers.h"
#include "router/classify/validators.h"

/* Four equal numbers, or small ones beside a word for versions. */
static bool is_version(const sl_cluster *k, int i, const int octet[4], sl_ctx_set s)
{
    size_t at = k->g[i].at;
    char before = at > 0 ? k->t.p[at - 1] : ' ';
    if ((before | 32) == 'v' || before == '/' || before == '=' || before == '@') {
        bool small = octet[0] < 32 && octet[1] < 100;
        if ((before | 32) == 'v' || (small && !sl_ctx_has(&s, SL_CTX_NET)))
            return octet[0] != 10;
    }
    return sl_ctx_has(&s, SL_CTX_VERSION) && !sl_ctx_has(&s, SL_CTX_NET);
}

bool sl_check_ip(sl_cluster *k, int i)
{
    if (i + 3 >= k->n || (i + 4 < k->n && k->g[i + 4].sep == '.' && k->g[i + 4].sep_n == 1))
        return false;
    if (i > 0 && k->g[i].sep == '.' && k->g[i].sep_n == 1)
        return false;
    int octet[4], digits = 0;
    for (int x = 0; x < 4; x++) {
        const sl_group *g = &k->g[i + x];
        if (g->n > 3 || (x > 0 && (g->sep != '.' || g->sep_n != 1)))
            return false;
        if (g->n > 1 && g->d[0] == 0)
            return false; /* no octet, and octal in some programs */
        octet[x] = 0;
        for (int y = 0; y < g->n; y++)
            octet[x] = octet[x] * 10 + g->d[y];
        digits += g->n;
    }
    if (!sl_ipv4_public_interest(octet) || octet[3] == 0) /* a network, not a machine */
        return false;
    sl_ctx_set s = sl_ctx_around(&k->c->ctx, k->g[i].at, k->g[i + 3].end);
    /* "1.2.3.4" is a version as well */
    if ((digits < 7 && !sl_ctx_has(&s, SL_CTX_NET)) || is_version(k, i, octet, s))
        return false;
    sl_add(k->c, SL_ENT_IP_ADDRESS, SL_LEVEL_INTERNAL, k->g[i].at, k->g[i + 3].end - k->g[i].at);
    k->done_to = k->g[i + 3].end;
    return true;
}

static bool is_hex(char ch)
{
    return sl_is_digit(ch) || (unsigned char)((ch | 32) - 'a') < 6;
}

/* Six pairs of hex digits from `at`, one kind of separator. */
static bool is_mac(sl_str t, size_t at, char sep)
{
    if (at + 17 > t.n)
        return false;
    bool all_same = true;
    for (size_t i = 0; i < 17; i++) {
        char ch = t.p[at + i];
        if (i % 3 == 2 ? ch != sep : !is_hex(ch))
            return false;
        if (i % 3 != 2)
            all_same &= ch == t.p[at];
    }
    /* "AC:" of "MAC:" is no pair */
    bool pair = at >= 3 && t.p[at - 1] == sep && is_hex(t.p[at - 2]) && is_hex(t.p[at - 3]) &&
                !(at >= 4 && sl_is_letter(t.p[at - 4]));
    bool left = at == 0 || !(is_hex(t.p[at - 1]) || pair);
    bool right = at + 17 == t.n || !(is_hex(t.p[at + 17]) || t.p[at + 17] == sep);
    return left && right && !all_same; /* 00:00:…, ff:ff:… */
}

/* Groups of IPv6 from `at`; where it ends, or 0. Documentation, loopback and "::" are nobody's. */
static size_t ipv6_end(sl_str t, size_t at)
{
    int groups = 0, digits = 0, run = 0, letters = 0;
    bool gap = false;
    size_t i = at, colon = 0;
    for (; i < t.n && i < at + 40; i++) {
        if (is_hex(t.p[i])) {
            if (++run > 4)
                return 0;
            groups += run == 1;
            digits++;
            letters += !sl_is_digit(t.p[i]);
        } else if (t.p[i] == ':') {
            if (colon && colon == i - 1) {
                if (gap)
                    return 0;
                gap = true;
            }
            colon = i, run = 0;
        } else {
            break;
        }
    }
    if (i < t.n && sl_is_letter(t.p[i]))
        return 0;
    if (colon == i - 1 && !(gap && i >= 2 && t.p[i - 2] == ':'))
        i--; /* "2001:db8::1: text" */
    if (gap ? groups < 2 || groups > 7 || digits < 5 : groups != 8)
        return 0;
    return letters || groups == 8 || (gap && groups >= 3) ? i : 0;
}

static bool ipv6_documented(const char *p)
{
    return strncasecmp(p, "2001:db8", 8) == 0 || strncasecmp(p, "2001:0db8", 9) == 0 ||
           strncasecmp(p, "3fff:", 5) == 0 || strncasecmp(p, "ff0", 3) == 0;
}

/* Back from a colon to where its row of hex digits begins. */
static size_t row_start(sl_str t, size_t colon)
{
    size_t i = colon;
    while (i > 0 && colon - i < 5 && is_hex(t.p[i - 1]))
        i--;
    return i;
}

static size_t row_end(sl_str t, size_t i)
{
    while (i < t.n && (is_hex(t.p[i]) || t.p[i] == ':'))
        i++;
    return i;
}

void sl_net_scan(sl_classifier *c, sl_str t)
{
    for (const char *q = t.n ? memchr(t.p, ':', t.n) : NULL; q;) {
        size_t colon = (size_t)(q - t.p), next = colon + 1;
        size_t at = row_start(t, colon), end;
        /* "MAC:6d:0b:…": the row may begin behind the first colon */
        bool edge = at < colon && !(at > 0 && (sl_is_letter(t.p[at - 1]) || t.p[at - 1] == '_'));
        if (!sl_work(c, 10))
            return;
        if (next + 2 < t.n && edge && (is_hex(t.p[next]) || t.p[next] == ':')) {
            if (colon == at + 2 && is_mac(t, at, ':')) {
                sl_add(c, SL_ENT_MAC_ADDRESS, SL_LEVEL_INTERNAL, at, 17);
            } else if ((end = ipv6_end(t, at)) != 0 && !ipv6_documented(t.p + at)) {
                sl_add(c, SL_ENT_IP_ADDRESS, SL_LEVEL_INTERNAL, at, end - at);
            }
            next = row_end(t, next); /* one look a row */
        }
        q = next < t.n ? memchr(t.p + next, ':', t.n - next) : NULL;
    }
}

/* 04-e5-33-2a-4c-cc and 04e5.332a.4ccc only beside their word, which ends at `end`. */
void sl_net_mac_beside(sl_classifier *c, sl_str t, size_t from, size_t to)
{
    for (size_t i = from; i < to && i + 14 <= t.n; i++) {
        if (!is_hex(t.p[i]) || (i > 0 && (sl_is_letter(t.p[i - 1]) || sl_is_digit(t.p[i - 1]))))
            continue;
        size_t len = 0;
        if (is_mac(t, i, '-'))
            len = 17;
        else if (is_mac(t, i, ':'))
            len = 17;
        else if (t.p[i + 4] == '.' && t.p[i + 9] == '.')
            len = 14;
        for (size_t x = 0; len == 14 && x < 14; x++) {
            if (x != 4 && x != 9 && !is_hex(t.p[i + x]))
                len = 0;
        }
        if (!len && i + 12 <= t.n) { /* 04E5332A4CCC */
            size_t n = 0;
            while (n < 13 && i + n < t.n && is_hex(t.p[i + n]))
                n++;
            len = n == 12 && (i + n == t.n || !sl_is_letter(t.p[i + n])) ? 12 : 0;
        }
        if (len) {
            sl_add(c, SL_ENT_MAC_ADDRESS, SL_LEVEL_INTERNAL, i, len);
            return;
        }
    }
}
