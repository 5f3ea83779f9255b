/* key_rights.h - what `sluice keys create` may say of a new API key, and how `list` shows it.
 *
 * Threads: one owner. */
#ifndef SL_CTL_KEY_RIGHTS_H
#define SL_CTL_KEY_RIGHTS_H

#include "common/base/jsonw.h"
#include "ctl/args.h"
#include "gateway/keys.h"

typedef struct sl_key_rights {
    const char *models, *max_level, *certificate; /* "" where not given */
    int64_t requests, tokens, concurrency;        /* 0: no limit */
} sl_key_rights;

/* Writes them into a row. The list of models lives in *models, which must outlive the row. */
sl_status sl_key_rights_apply(const sl_key_rights *r, sl_api_key *row, sl_buf *models,
                              sl_error *reterr) SL_MUST_CHECK;
/* "models=auto,tiny max-level=internal requests=60/min", or nothing for a key without limits. */
void sl_key_rights_text(const sl_api_key *k, sl_buf *out);
void sl_key_rights_json(const sl_api_key *k, sl_jsonw *w); /* members of an object */

#endif
