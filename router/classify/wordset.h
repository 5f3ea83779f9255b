/* wordset.h - is one of these words here? Lists of up to 255 words, looked up by their first byte,
 * so that a look costs a byte and not a list. ASCII case does not matter. Built once, before the
 * first scan; constant from then on. */
#ifndef SL_CLASSIFY_WORDSET_H
#define SL_CLASSIFY_WORDSET_H

#include "common/base/buf.h"

#include <stdbool.h>

typedef struct sl_wordset {
    const char *const *words;
    unsigned n;
    uint8_t first[256]; /* of a first byte: the last word that begins so, 0: none; 1 is words[0] */
    uint8_t next[256];  /* of a word: another that begins so */
    uint8_t len[256];   /* of a word, in bytes */
    uint64_t pairs[16]; /* hashes of the first two bytes that any word has */
} sl_wordset;

#define SL_WORDSET(array)                                                  \
    {                                                                      \
        .words = (array), .n = (unsigned)(sizeof(array) / sizeof *(array)) \
    }

void sl_wordset_build(sl_wordset *s);
/* A word stands at p, within n bytes: its length, of the longest; 0: none. */
size_t sl_wordset_at(const sl_wordset *s, const char *p, size_t n);
/* A word stands somewhere in the n bytes. */
bool sl_wordset_in(const sl_wordset *s, const char *p, size_t n);
/* The n bytes end with a word (of at most 32 bytes). */
bool sl_wordset_ends(const sl_wordset *s, const char *p, size_t n);

#endif
