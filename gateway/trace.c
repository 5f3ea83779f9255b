#include "gateway/trace.h"

#define MEMBERS_MAX 32
#define KEY_MAX     256
#define VALUE_MAX   256

/* n lower-case hex digits at p; *ret_zero tells whether all are 0. */
static bool hex(const char *p, size_t n, bool *ret_zero)
{
    *ret_zero = true;
    for (size_t i = 0; i < n; i++) {
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
            return false;
        *ret_zero &= p[i] == '0';
    }
    return true;
}

bool sl_trace_parent_ok(sl_str s)
{
    bool zero, no_trace, no_parent;
    if (s.n != 55 || s.p[2] != '-' || s.p[35] != '-' || s.p[52] != '-')
        return false;
    if (!hex(s.p, 2, &zero) || memcmp(s.p, "ff", 2) == 0 || !hex(s.p + 53, 2, &zero))
        return false;
    return hex(s.p + 3, 32, &no_trace) && !no_trace && hex(s.p + 36, 16, &no_parent) && !no_parent;
}

static bool key_ok(const char *p, size_t n)
{
    size_t at = n; /* of the one '@' between tenant and system */
    if (n == 0 || n > KEY_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        bool letter = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
        bool first = i == 0 || p[i - 1] == '@';
        if (c == '@' && at == n && i > 0)
            at = i;
        else if (!letter && !digit && (first || !strchr("_-*/", c) || !c))
            return false;
    }
    return at == n || at + 1 < n;
}

static bool value_ok(const char *p, size_t n)
{
    if (n == 0 || n > VALUE_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (p[i] < ' ' || p[i] > '~' || p[i] == ',' || p[i] == '=')
            return false;
    return true;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool member_ok(const char *p, size_t n)
{
    while (n && blank(p[0]))
        p++, n--;
    while (n && blank(p[n - 1]))
        n--;
    if (!n)
        return true;
    const char *eq = memchr(p, '=', n);
    if (!eq)
        return false;
    size_t key = (size_t)(eq - p);
    return key_ok(p, key) && value_ok(eq + 1, n - key - 1);
}

bool sl_trace_state_ok(sl_str s)
{
    size_t members = 0;
    if (s.n == 0 || s.n > SL_TRACE_STATE_MAX)
        return false;
    for (size_t at = 0; at <= s.n; members++) {
        const char *comma = memchr(s.p + at, ',', s.n - at);
        size_t n = comma ? (size_t)(comma - s.p) - at : s.n - at;
        if (members == MEMBERS_MAX || !member_ok(s.p + at, n))
            return false;
        at += n + 1;
    }
    return true;
}

void sl_trace_check(sl_str *parent, sl_str *state)
{
    if (!sl_trace_parent_ok(*parent))
        *parent = *state = (sl_str){0};
    else if (!sl_trace_state_ok(*state))
        *state = (sl_str){0};
}
