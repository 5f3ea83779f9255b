#include "router/classify/wordset.h"

#include <string.h>

static inline unsigned char small(char ch)
{
    return (unsigned char)((unsigned char)(ch - 'A') < 26 ? ch | 32 : ch);
}

static inline unsigned pair(unsigned char a, unsigned char b)
{
    return (a * 37u ^ b * 5u) & 1023;
}

void sl_wordset_build(sl_wordset *s)
{
    for (unsigned i = 0; i < s->n && i < 255; i++) {
        unsigned char a = small(s->words[i][0]), b = small(s->words[i][1]);
        s->next[i + 1] = s->first[a];
        s->first[a] = (uint8_t)(i + 1);
        s->len[i + 1] = (uint8_t)strlen(s->words[i]);
        for (unsigned x = b ? b : 0; x <= (b ? b : 255u); x++) /* behind one byte stands any */
            s->pairs[pair(a, (unsigned char)x) / 64] |= UINT64_C(1)
                                                        << pair(a, (unsigned char)x) % 64;
    }
}

/* A word may begin with the first of the n bytes. */
static inline bool may(const sl_wordset *s, const char *p, size_t n)
{
    unsigned char a = small(p[0]);
    if (n < 2)
        return s->first[a] != 0;
    unsigned h = pair(a, small(p[1]));
    return s->pairs[h / 64] >> h % 64 & 1;
}

size_t sl_wordset_at(const sl_wordset *s, const char *p, size_t n)
{
    size_t best = 0;
    if (n == 0 || !may(s, p, n))
        return 0;
    for (unsigned x = s->first[small(p[0])]; x; x = s->next[x]) {
        const char *w = s->words[x - 1];
        size_t m = s->len[x], i = 1;
        if (m > n || m <= best)
            continue;
        while (i < m && small(w[i]) == small(p[i]))
            i++;
        if (i == m)
            best = m;
    }
    return best;
}

bool sl_wordset_in(const sl_wordset *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (may(s, p + i, n - i) && sl_wordset_at(s, p + i, n - i))
            return true;
    }
    return false;
}

bool sl_wordset_ends(const sl_wordset *s, const char *p, size_t n)
{
    for (size_t i = n > 32 ? n - 32 : 0; i < n; i++) {
        if (may(s, p + i, n - i) && sl_wordset_at(s, p + i, n - i) == n - i)
            return true;
    }
    return false;
}
