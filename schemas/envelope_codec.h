/* envelope_codec.h - inside schemas/: the state that encoding and decoding share.
 *
 * Keys: a run's chunks share one derived key, so both directions keep a table of them; requests and
 * the like have a fresh salt each and are derived every time. Threads: one owner. */
#ifndef SL_SCHEMAS_ENVELOPE_CODEC_H
#define SL_SCHEMAS_ENVELOPE_CODEC_H

#include "common/crypto/aead.h"
#include "common/crypto/digest.h"
#include "schemas/envelope_headers.h"

#define SL_SALT_SIZE 16

/* What decides a derived key. The key's own bytes stand here instead of its kid, so that a kid that
 * comes back with other bytes after a reload can't meet a stale entry. */
typedef struct sl_key_use {
    const sl_key *key;
    sl_type type;
    uint8_t salt[SL_SALT_SIZE];
} sl_key_use;

typedef struct sl_derived {
    uint8_t master[32], salt[SL_SALT_SIZE], key[SL_AEAD_KEY];
    bool used;
    uint64_t tick;     /* of the last use, for eviction */
    uint64_t next_seq; /* encoding: the first sequence number that no record has used */
} sl_derived;

/* 256 sets of 4: about 1,000 runs at once before one is derived again, in 110 KB a direction,
 * allocated with the first encrypted chunk. */
#define SL_DERIVED_SETS 256
#define SL_DERIVED_WAYS 4
typedef struct sl_derived_table {
    sl_derived *slots;
    uint64_t tick;
} sl_derived_table;

struct sl_codec {
    sl_str source;
    sl_aead *aead;
    sl_buf canonical, sealed, plain;
    sl_derived_table sealing, opening;
    sl_header headers[SL_HDR_N];
    /* texts of the record under construction; an id is at most 255 + 33 + 22 bytes */
    char id[512], time[SL_TIME_TEXT], deadline[24], partition[16], seq[24], count[24], salt[33],
        kid[SL_KID_MAX + 1];
    char run[SL_RUN_TEXT], digest[SL_CHECKSUM_TEXT], requestchecksum[SL_CHECKSUM_TEXT],
        checksum[SL_CHECKSUM_TEXT];
};

/* Derives, or finds in the table (chunks only; `t` may be NULL: derive into *scratch). The result
 * is valid until the next call. */
sl_status sl_derived_get(sl_derived_table *t, const sl_key_use *use, sl_derived *scratch,
                         sl_derived **ret, sl_error *reterr) SL_MUST_CHECK;
/* The nonce: seq as a 96-bit number, big endian. */
void sl_envelope_nonce(uint8_t out[SL_AEAD_NONCE], uint64_t seq);
/* Known headers hold UTF-8 without control characters. */
bool sl_header_text_valid(sl_str s);
/* Whether the key of a record of this type is the subject. */
bool sl_type_is_keyed(sl_type t);

#endif
