/* vocab.h - the tokens of a byte-level BPE file as bytes, and the merges between them.
 *
 * Normal tokens are kept as the bytes they stand for; control and user-defined ones as their text.
 * Ownership: own memory, nothing borrowed from the file. Threads: immutable once opened.
 * Errors: SL_E_CORRUPT or SL_E_INVALID name the key and the index. */
#ifndef SL_ENGINE_VOCAB_H
#define SL_ENGINE_VOCAB_H

#include "private-worker/engine/gguf.h"

typedef enum sl_token_type {
    SL_TOKEN_NORMAL = 1,
    SL_TOKEN_UNKNOWN,
    SL_TOKEN_CONTROL,
    SL_TOKEN_USER,
    SL_TOKEN_UNUSED,
    SL_TOKEN_BYTE
} sl_token_type;

typedef struct sl_vocab sl_vocab;

sl_status sl_vocab_open(sl_vocab **ret, const sl_gguf *g, sl_error *reterr) SL_MUST_CHECK;
void sl_vocab_free(sl_vocab *v); /* NULL is fine */
int32_t sl_vocab_size(const sl_vocab *v);
sl_str sl_vocab_bytes(const sl_vocab *v, int32_t id);
sl_token_type sl_vocab_type(const sl_vocab *v, int32_t id);
static inline bool sl_token_is_special(sl_token_type t)
{
    return t == SL_TOKEN_CONTROL || t == SL_TOKEN_USER;
}

int32_t sl_vocab_byte(const sl_vocab *v, uint8_t byte);               /* -1: no such token */
int32_t sl_vocab_find(const sl_vocab *v, const char *p, size_t n);    /* normal tokens; -1 */
int32_t sl_vocab_special(const sl_vocab *v, const char *p, size_t n); /* special tokens; -1 */
/* The longest special token that the n bytes begin with; -1. */
int32_t sl_vocab_match_special(const sl_vocab *v, const char *p, size_t n);
/* Whether left and right merge, into what, and how early (lower ranks first). */
bool sl_vocab_merge(const sl_vocab *v, int32_t left, int32_t right, uint32_t *ret_rank,
                    int32_t *ret_id);

#endif
