/* idrules.h - tokens of letters and digits, and the rules that know identifiers by their form.
 *
 * A token is what stands between blanks as one identifier: up to SL_TOKEN letters and digits in up
 * to SL_PARTS parts with one separator between two ("AB 12 34 56 C", "529.982.247-25").
 * Threads: the rules are compiled once a process (sl_idrules_open); then any. */
#ifndef SL_CLASSIFY_IDRULES_H
#define SL_CLASSIFY_IDRULES_H

#include "router/classify/classify.h"

enum { SL_TOKEN = 34, SL_PARTS = 8 };

/* A token and all its beginnings: those that end with one of its parts. */
typedef struct sl_token {
    char s[SL_TOKEN + 8]; /* upper case, no separators; written eight at a time */
    int parts;
    uint8_t n[SL_PARTS];            /* letters and digits up to the end of the part */
    size_t end[SL_PARTS];           /* bytes of the text */
    uint32_t key[SL_PARTS];         /* the lengths of the parts up to here, 4 bits each */
    char sep[SL_PARTS];             /* before the part; [0] is 0 */
    uint64_t letters, upper, lower; /* bit i: s[i] is a letter, of that case */
    size_t at;
} sl_token;

static inline uint64_t sl_token_mask(const sl_token *k, int last)
{
    return (UINT64_C(1) << k->n[last]) - 1;
}
static inline int sl_part_n(const sl_token *k, int part)
{
    return k->n[part] - (part > 0 ? k->n[part - 1] : 0);
}

typedef enum sl_verdict { SL_ID_NO, SL_ID_WEAK, SL_ID_SURE } sl_verdict;

void sl_idrules_open(void);
/* The strongest rule that the token fits, up to its part `last`. */
sl_verdict sl_idrules_match(const sl_token *k, int last, sl_entity *ret);

/* Bare digits that are all of a text, as one answers when asked for a number: any check will do. */
bool sl_idrules_lone(const char *s, int n, sl_entity *ret);
/* Whether any identifier is written with a part of first characters before one of second. */
bool sl_idrules_begins(size_t first, size_t second);

/* tokens.c: identifiers of letters and digits, by form or beside a word. */
void sl_tokens_scan(sl_classifier *c, sl_str t);
/* crypto_addr.c: a token that is the address of a wallet; context: beside a word for one. */
bool sl_crypto_address(const char *p, size_t n, bool context);
/* seed.c: recovery phrases. */
void sl_seed_scan(sl_classifier *c, sl_str t);

#endif
