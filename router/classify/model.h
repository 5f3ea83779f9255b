/* model.h - the learned second opinion: what patterns can't see, as a score from 0 to 1.
 *
 * A linear model of hashed byte n-grams with one int8 weight a bucket, trained by train/train.py;
 * the pack of weights is a file that can be replaced without a new build. The score only ever
 * raises a level; the policy holds the threshold (`contextual`). 0.90 is what about 2 % of ordinary
 * texts made of unseen templates reach (train/README.md has the figures).
 *
 * A text of up to `window` bytes is judged as a whole; a longer one by windows that overlap by
 * half, and its score is the greatest.
 *
 * Layout of a pack, little-endian:
 *    0  8  "SLMODEL" and a zero byte
 *    8  2  version, 1
 *   10  1  bits of a table's index, 8 to 18
 *   11  1  tables (one a length of n-grams), 1 to 3
 *   12  4  bytes of an n-gram a table, 1 to 8; 0: no table
 *   16  2  window in bytes, even, 64 to 4096
 *   18  2  zero
 *   20  4  bytes that follow the digest
 *   24  8  FNV-1a over the 8-byte words of all that stands before and after it
 *   32 16  float: step of a weight, bias, slope, offset
 *   48     weights, int8, one table behind the other
 *
 * Ownership: the caller frees; the bytes of a pack are copied. Threads: immutable, any number.
 * Errors: SL_E_IO, SL_E_INVALID (with what is wrong), SL_E_NOMEM. */
#ifndef SL_CLASSIFY_MODEL_H
#define SL_CLASSIFY_MODEL_H

#include "common/base/buf.h"

#define SL_MODEL_PACK_MAX (512u << 10) /* bytes of a pack */

typedef struct sl_model sl_model;

sl_status sl_model_load(sl_model **ret, const char *path, sl_error *reterr) SL_MUST_CHECK;
sl_status sl_model_parse(sl_model **ret, sl_str bytes, sl_error *reterr) SL_MUST_CHECK;
void sl_model_unload(sl_model *m);
/* Of a text of any length, valid UTF-8 or not; 0 for fewer than 24 bytes, which say too little. */
float sl_model_score(const sl_model *m, sl_str text);

#endif
