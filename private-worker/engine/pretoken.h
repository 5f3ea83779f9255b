/* pretoken.h - cuts text into the pieces that byte-pair merging never joins (PCRE2, JIT).
 *
 * A GGUF file names its cut by `tokenizer.ggml.pre`. Each cut is one or two patterns applied in
 * turn: every match of a pattern is a piece, and so is what lies between matches.
 * Threads: a sl_pretoken is immutable; a scan owns its state.
 * Errors: SL_E_UNSUPPORTED for a name that is not known. */
#ifndef SL_ENGINE_PRETOKEN_H
#define SL_ENGINE_PRETOKEN_H

#include "common/base/buf.h"

typedef struct sl_pretoken sl_pretoken;

sl_status sl_pretoken_open(sl_pretoken **ret, sl_str name, sl_error *reterr) SL_MUST_CHECK;
void sl_pretoken_free(sl_pretoken *p); /* NULL is fine */

/* What belongs to a cut besides its patterns. */
bool sl_pretoken_ignore_merges(const sl_pretoken *p); /* a piece that is a token is taken whole */
bool sl_pretoken_nfc(const sl_pretoken *p);           /* text is brought to NFC first */
bool sl_pretoken_add_bos(const sl_pretoken *p);       /* when the file does not say */

/* Calls fn for each piece of text (valid UTF-8) in order; stops when fn fails. */
typedef sl_status (*sl_piece_fn)(void *arg, const char *piece, size_t n);
sl_status sl_pretoken_scan(const sl_pretoken *p, sl_str text, sl_piece_fn fn, void *arg,
                           sl_error *reterr) SL_MUST_CHECK;

#endif
