/* idrules.h - tokens of letters and digits, and the rules that know identifiers by their form.
 *
 * A token is what stands between blanks as one identifier: up to SL_TOKEN letters and digits in up
 * to SL_PARTS parts with one separator between two ("AB 12 34 56 C", "529.982.247-25").
 * Threads: the rules are compiled once a process (sl_idrules_open); then any. */
#ifndef SL_CLASSIFY_IDRULES_H
#define SL_CLASSIFY_IDRULES_H

#include "router/classify/classify.h"

enum { SL_TOKEN = 34, SL_PARTS = 8 };

typedef struct sl_token {
    char s[SL_TOKEN + 1]; /* upper case, no separators */
    int n, parts;
    uint8_t len[SL_PARTS]; /* of the parts */
    char sep[SL_PARTS];    /* before the part; [0] is 0 */
    uint64_t letters;      /* bit i: s[i] is a letter */
    int letter_n;
    bool upper, lower; /* letters of that case are among them */
    size_t at, end;    /* bytes of the text */
} sl_token;

typedef enum sl_verdict { SL_ID_NO, SL_ID_WEAK, SL_ID_SURE } sl_verdict;

void sl_idrules_open(void);
/* The strongest rule that the token fits. */
sl_verdict sl_idrules_match(const sl_token *k, sl_entity *ret);

/* tokens.c: identifiers of letters and digits, by form or beside a word. */
void sl_tokens_scan(sl_classifier *c, sl_str t);
/* crypto_addr.c: a token that is the address of a wallet; context: beside a word for one. */
bool sl_crypto_address(const char *p, size_t n, bool context);
/* seed.c: recovery phrases. */
void sl_seed_scan(sl_classifier *c, sl_str t);

#endif
