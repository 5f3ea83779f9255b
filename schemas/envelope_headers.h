/* envelope_headers.h - inside schemas/: the names of the envelope's headers and their canonical
 * form.
 *
 * Source: schemas/envelope.md. Ownership: everything is borrowed. Threads: constants and pure
 * functions. */
#ifndef SL_SCHEMAS_ENVELOPE_HEADERS_H
#define SL_SCHEMAS_ENVELOPE_HEADERS_H

#include "common/base/record.h"
#include "schemas/envelope.h"

/* In canonical order: the encoder writes them so and finds its work sorted. */
typedef enum sl_hdr {
    SL_H_CHECKSUM,
    SL_H_CLASS,
    SL_H_CORRELATIONID,
    SL_H_COUNT,
    SL_H_DEADLINE,
    SL_H_DIGEST,
    SL_H_END,
    SL_H_ENV,
    SL_H_FIN,
    SL_H_ID,
    SL_H_KID,
    SL_H_LEVEL,
    SL_H_POLICY,
    SL_H_REPLAYOF,
    SL_H_REPLYPARTITION,
    SL_H_REPLYTOPIC,
    SL_H_REQUESTCHECKSUM,
    SL_H_RUN,
    SL_H_SALT,
    SL_H_SEQ,
    SL_H_SOURCE,
    SL_H_SPECVERSION,
    SL_H_SUBJECT,
    SL_H_TENANT,
    SL_H_TIME,
    SL_H_TYPE,
    SL_H_CONTENT_TYPE,
    SL_H_TRACEPARENT,
    SL_H_TRACESTATE,
    SL_HDR_N
} sl_hdr;

sl_str sl_hdr_name(sl_hdr h);
/* SL_HDR_N when unknown. `hint`: where the last search ended; sorted input makes it one step. */
sl_hdr sl_hdr_find(sl_str name, size_t *hint);

/* Appends the canonical headers. Fails with SL_E_INVALID over the limits of envelope.h. */
sl_status sl_canonical_headers(const sl_header *h, size_t n, sl_buf *out,
                               sl_error *reterr) SL_MUST_CHECK;
/* The checksum over canonical headers and the body as on the wire. */
void sl_checksum_record(char out[SL_CHECKSUM_TEXT], sl_str canonical, sl_str body);
/* 32 lower-case hex digits. */
bool sl_hex32_valid(sl_str s);

#endif
