/* seed.c - recovery phrases of wallets: twelve and more words of BIP-39's list in a row.
 *
 * Twelve words take 47 bytes at least, so a look at one word in every 40 bytes meets each phrase;
 * only where that word is of the list are its neighbours read. */
#include "router/classify/idrules.h"

#include <pthread.h>

enum { WORDS = 2048, SLOTS = 8192, STRIDE = 40, WORD_MAX = 8, GAP_MAX = 6, LEAST = 12 };

static const char list[] =
#include "router/classify/bip39.def"
    ;

static struct {
    pthread_once_t once;
    uint16_t slot[SLOTS]; /* offset of the word in the list, plus 1; 0: free */
} set = {.once = PTHREAD_ONCE_INIT};

static unsigned hash(const char *p, size_t n)
{
    unsigned h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 16777619u;
    return (h ^ h >> 15) % SLOTS;
}

static void fill(void)
{
    for (const char *p = list; *p;) {
        size_t n = (size_t)(strchr(p, ' ') - p);
        unsigned h = hash(p, n);
        while (set.slot[h])
            h = (h + 1) % SLOTS;
        set.slot[h] = (uint16_t)(p - list + 1);
        p += n + 1;
    }
}

static bool listed(const char *p, size_t n)
{
    char low[WORD_MAX];
    if (n < 3 || n > WORD_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        low[i] = (char)(p[i] | 32);
    for (unsigned h = hash(low, n); set.slot[h]; h = (h + 1) % SLOTS) {
        const char *w = list + set.slot[h] - 1;
        if (strncmp(w, low, n) == 0 && w[n] == ' ') /* the list ends sooner than a long word */
            return true;
    }
    return false;
}

/* Between words of a phrase: blanks, commas, quotes, numbers ("7. word"). */
static bool gap(char ch)
{
    return ch != '\0' && strchr(" \t\r\n,.;:-_/|\"'()[]0123456789", ch) != NULL;
}

/* The word that holds byte i. */
static bool word_at(sl_str t, size_t i, size_t *from, size_t *to)
{
    *from = i, *to = i;
    while (*from > 0 && sl_is_letter(t.p[*from - 1]) && i - *from <= WORD_MAX)
        --*from;
    while (*to < t.n && sl_is_letter(t.p[*to]) && *to - i <= WORD_MAX)
        ++*to;
    return *to > *from && listed(t.p + *from, *to - *from);
}

/* Words of the list behind `to`; *end: the end of the last. */
static int onward(sl_str t, size_t to, size_t *end)
{
    int n = 0;
    for (;;) {
        size_t i = to;
        while (i < t.n && gap(t.p[i]) && i - to <= GAP_MAX)
            i++;
        if (i == to || i >= t.n || !sl_is_letter(t.p[i]))
            return n;
        size_t from, next;
        if (!word_at(t, i, &from, &next) || from != i)
            return n;
        n++, to = *end = next;
    }
}

static int backward(sl_str t, size_t from, size_t *begin)
{
    int n = 0;
    for (;;) {
        size_t i = from;
        while (i > 0 && gap(t.p[i - 1]) && from - i <= GAP_MAX)
            i--;
        if (i == from || i == 0 || !sl_is_letter(t.p[i - 1]))
            return n;
        size_t first, to;
        if (!word_at(t, i - 1, &first, &to) || to != i)
            return n;
        n++, from = *begin = first;
    }
}

void sl_seed_scan(sl_classifier *c, sl_str t)
{
    pthread_once(&set.once, fill);
    for (size_t i = STRIDE / 2; i < t.n; i += STRIDE) {
        size_t x = i, from, to;
        while (x < t.n && !sl_is_letter(t.p[x]) && x < i + GAP_MAX)
            x++;
        if (x >= t.n || !sl_is_letter(t.p[x]) || !word_at(t, x, &from, &to))
            continue;
        size_t begin = from, end = to;
        int n = 1 + onward(t, to, &end);
        if (n < LEAST)
            n += backward(t, from, &begin);
        if (n >= LEAST) {
            sl_add(c, SL_ENT_SEED_PHRASE, SL_LEVEL_RESTRICTED, begin, end - begin);
            i = end;
        }
    }
}
