#include "router/classify/wordset.h"

#include <strings.h>

static unsigned char small(char ch)
{
    return (unsigned char)(ch >= 'A' && ch <= 'Z' ? ch | 32 : ch);
}

void sl_wordset_build(sl_wordset *s)
{
    for (unsigned i = 0; i < s->n && i < 255; i++) {
        unsigned char b = small(s->words[i][0]);
        s->next[i + 1] = s->first[b];
        s->first[b] = (uint8_t)(i + 1);
    }
}

size_t sl_wordset_at(const sl_wordset *s, const char *p, size_t n)
{
    size_t best = 0;
    if (n == 0)
        return 0;
    for (unsigned x = s->first[small(p[0])]; x; x = s->next[x]) {
        const char *w = s->words[x - 1];
        if (w[1] && (n < 2 || small(w[1]) != small(p[1])))
            continue;
        size_t m = strlen(w);
        if (m <= n && m > best && strncasecmp(p, w, m) == 0)
            best = m;
    }
    return best;
}

bool sl_wordset_in(const sl_wordset *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s->first[small(p[i])] && sl_wordset_at(s, p + i, n - i))
            return true;
    }
    return false;
}

bool sl_wordset_ends(const sl_wordset *s, const char *p, size_t n)
{
    for (size_t i = n > 32 ? n - 32 : 0; i < n; i++) {
        if (s->first[small(p[i])] && sl_wordset_at(s, p + i, n - i) == n - i)
            return true;
    }
    return false;
}
