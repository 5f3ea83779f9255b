/* secrets.h - what the parts of the secret detector share: shapes of tokens, judgement of values.
 *
 * secrets.c has the vendors' literals and the structures (keys, hashes, URLs); passwords.c what
 * stands beside a word for a secret; secret_values.c says whether a value is one.
 * Threads: pure functions of their arguments; positions are those of the view. */
#ifndef SL_CLASSIFY_SECRETS_H
#define SL_CLASSIFY_SECRETS_H

#include "router/classify/patterns.h"

/* ---- classes of bytes and shapes (language: secret_rules.def) ---- */
bool sl_in_class(char ch, char cls);
/* Bytes from `at` that are of the class, at most max. */
size_t sl_class_run(sl_str t, size_t at, char cls, size_t max);
/* Does the shape match at `at`? *ret_end: behind the match. */
bool sl_shape_match(sl_str t, size_t at, const char *shape, size_t *ret_end);

/* Their tables; once, before the first scan. */
void sl_secret_values_open(void);
void sl_passwords_open(void);
void sl_markings_open(void);

/* ---- values ---- */
typedef struct sl_value_info {
    size_t n, digits, lower, upper, symbols, high; /* bytes by kind; high: 0x80 and up */
    size_t changes;                                /* of kind, a capital that begins a word apart */
    size_t distinct;
    bool hex;
} sl_value_info;

/* One of set's characters is in it; it has no NUL behind it as strcspn would need. */
static inline bool sl_value_any(const char *p, size_t n, const char *set)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] && strchr(set, p[i]))
            return true;
    }
    return false;
}
sl_value_info sl_value_look(const char *p, size_t n);
/* Stands where documents put a secret and is none: <your-key>, ${TOKEN}, xxxx, process.env.X. */
bool sl_value_placeholder(const char *p, size_t n);
/* A vendor's token that is an example: holds EXAMPLE, xxxx, one byte all along. */
bool sl_token_placeholder(const char *p, size_t n);
bool sl_value_random(const char *p, size_t n);   /* no word, name, path or date: random bytes */
bool sl_value_key(const char *p, size_t n);      /* may be a key, beside a word that says so */
bool sl_value_password(const char *p, size_t n); /* may be a password, behind "password is" */
bool sl_value_strong(const char *p, size_t n);   /* looks like one in the middle of a sentence */

/* ---- runs ---- */
/* A run of base64 letters at [from, end), which decode.c finds: is it a key that no literal
 * marks? */
void sl_secret_run(sl_classifier *c, sl_str t, size_t from, size_t end);

#endif
