/* patterns.h - the pattern lists that make up the Vectorscan databases.
 *
 * A list is a table of expressions and what its owner does with a hit. Rules that keep a scan at
 * 1-3 microseconds for 2 KB: no bare digit or letter classes (numbers.c has the numbers), no UTF8
 * flag (words of other scripts are literal bytes of the folded view), caseless by (?i) where it is
 * meant, no start of match, no open-ended tails (a tail is reported at each of its bytes): a
 * pattern ends as soon as it is sure, and the handler looks back and on from there. */
#ifndef SL_CLASSIFY_PATTERNS_H
#define SL_CLASSIFY_PATTERNS_H

#include "router/classify/classify.h"

typedef struct sl_pattern {
    const char *expr;
    int arg; /* the owner's: an entity, a context, an index */
    int len; /* bytes of the match, so that its start is known; 0: unknown */
} sl_pattern;

typedef struct sl_pattern_list {
    const sl_pattern *patterns;
    size_t n;
    /* A match of p ends at `end` (exclusive) of the view t. */
    void (*hit)(sl_classifier *c, sl_str t, size_t end, const sl_pattern *p);
} sl_pattern_list;

extern const sl_pattern_list sl_hint_patterns;        /* hints.c */
extern const sl_pattern_list sl_context_patterns;     /* contexts.c */
extern const sl_pattern_list sl_contact_patterns;     /* contact.c */
extern const sl_pattern_list sl_secret_patterns;      /* secrets.c */
extern const sl_pattern_list sl_secret_word_patterns; /* passwords.c */
extern const sl_pattern_list sl_marking_patterns;     /* markings.c */

/* Where the compiled database is kept between starts (pattern_cache.h says what is trusted): call
 * it before the first open, dir must outlive that; "" for no cache. Without a call the default
 * directory is used. False: the database is open already. */
bool sl_patterns_cache(const char *dir);
bool sl_patterns_cached(void);  /* the database came from there */
size_t sl_patterns_bytes(void); /* of the compiled databases */

sl_status sl_patterns_open(struct hs_scratch **scratch, sl_error *reterr) SL_MUST_CHECK;
bool sl_patterns_scan(sl_classifier *c, sl_str text);
void sl_patterns_scratch_free(struct hs_scratch *s);

#endif
