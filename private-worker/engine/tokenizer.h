/* tokenizer.h - text to tokens and back, by what the model file says.
 *
 * Text that a user wrote and text that the chat template wrote are told apart: control tokens are
 * recognised in the template's text alone, so that a user who types <|im_end|> has typed letters.
 * Between two control tokens the text of both is cut and merged as one, as in training.
 * Threads: immutable once opened; encode and decode from any thread.
 * Errors: SL_E_UNSUPPORTED (tokenizer model or cut), SL_E_INVALID (text that is not UTF-8). */
#ifndef SL_ENGINE_TOKENIZER_H
#define SL_ENGINE_TOKENIZER_H

#include "private-worker/engine/bpe.h"

typedef struct sl_tokenizer sl_tokenizer;

typedef struct sl_span {
    size_t off, n;
} sl_span;

sl_status sl_tokenizer_open(sl_tokenizer **ret, const sl_gguf *g, sl_error *reterr) SL_MUST_CHECK;
void sl_tokenizer_free(sl_tokenizer *t); /* NULL is fine */
const sl_vocab *sl_tokenizer_vocab(const sl_tokenizer *t);
bool sl_tokenizer_add_bos(const sl_tokenizer *t); /* whether plain prompts begin with BOS */
int32_t sl_tokenizer_bos(const sl_tokenizer *t);  /* -1: none */
bool sl_tokenizer_ends(const sl_tokenizer *t, int32_t id); /* whether the token ends a turn */

/* Appends the tokens of text. Inside `plain` (ascending, not overlapping) no control token is
 * recognised; NULL with plain_n 0: recognised everywhere. */
sl_status sl_tokenizer_encode(const sl_tokenizer *t, sl_str text, const sl_span *plain,
                              size_t plain_n, sl_ids *out, sl_error *reterr) SL_MUST_CHECK;
/* The bytes of a token; control tokens have their text. Lives as long as the tokenizer. */
sl_str sl_tokenizer_bytes(const sl_tokenizer *t, int32_t id);

#endif
