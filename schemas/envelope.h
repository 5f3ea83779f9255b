/* envelope.h - building and reading Sluice's records: headers, checksum, encryption.
 *
 * Source: schemas/envelope.md (CloudEvents 1.0, Kafka protocol binding, binary mode). Encoding
 * draws the salt itself, each time anew; there is no way to pass one. A resend sends the same
 * finished bytes; whoever changes a byte or a header encodes again.
 * Ownership: sl_codec is one thread's (cipher contexts, buffers, derived keys of runs). An encoded
 * record borrows the codec's buffers and is valid until its next encode. A decoded envelope borrows
 * the record for plain bodies and the codec's buffer for decrypted ones, until its next decode.
 * Threads: a codec has one owner; a keyring snapshot is shared. */
#ifndef SL_SCHEMAS_ENVELOPE_H
#define SL_SCHEMAS_ENVELOPE_H

#include "common/base/clock.h"
#include "common/base/record.h"
#include "common/crypto/keyring.h"
#include "schemas/types.h"

#define SL_CHECKSUM_TEXT             33 /* 32 lower-case hex digits + NUL */
#define SL_RUN_TEXT                  33
#define SL_ENVELOPE_HEADERS_MAX      64
#define SL_ENVELOPE_HEADER_BYTES_MAX 65536

typedef struct sl_envelope {
    sl_type type;
    sl_str id; /* encode: p NULL = UUIDv7, or a request's subject; a chunk's is built */
    sl_str source, subject;
    sl_str time; /* RFC 3339; encode: p NULL = now */
    sl_str traceparent, tracestate, correlationid, replayof;
    sl_str body; /* plaintext; p NULL = null */
    /* request */
    sl_class cls;
    sl_level level;
    sl_str policy, tenant;
    int64_t deadline_ms; /* Unix; 0: none */
    sl_str replytopic;
    int32_t replypartition;
    /* chunk */
    char run[SL_RUN_TEXT];
    uint64_t seq;
    bool fin;
    uint64_t count;
    char digest[SL_CHECKSUM_TEXT]; /* of the checksums before the end record */
    sl_end end;
    sl_str env;
    char requestchecksum[SL_CHECKSUM_TEXT];
    /* result of decode, and of encode */
    bool encrypted;
    sl_str kid;
    char checksum[SL_CHECKSUM_TEXT];
} sl_envelope;

typedef struct sl_codec sl_codec;
/* source: "/sluice/<daemon>/<instance>", copied. */
sl_status sl_codec_open(sl_codec **ret, const char *source, sl_error *reterr) SL_MUST_CHECK;
void sl_codec_free(sl_codec *c);

typedef struct sl_seal {
    const sl_keyring *ring; /* NULL: plain */
    sl_class cls;           /* the class whose key encrypts */
} sl_seal;

/* Builds the record: *ret gets key (= subject for request, chunk and control records), value and
 * headers; topic and partition are the caller's. Fills env->checksum, env->kid. SL_E_NOT_FOUND when
 * the ring has no valid key of the class. */
sl_status sl_envelope_encode(sl_codec *c, sl_envelope *env, const sl_seal *seal, sl_record *ret,
                             sl_error *reterr) SL_MUST_CHECK;

/* Checks structure (SL_E_INVALID), checksum (SL_E_CORRUPT), key (SL_E_UNKNOWN_KEY: also when a key
 * of another class than `cls` is named, which is SL_E_UNAUTHENTIC) and tag (SL_E_UNAUTHENTIC), in
 * this order. With `must_encrypt` a plain record is SL_E_UNAUTHENTIC. SL_E_UNSUPPORTED: unknown
 * type or version. On failure the fields that could be read soundly are filled all the same
 * (subject, replytopic, replypartition, type), so that the caller can answer; never the body. */
sl_status sl_envelope_decode(sl_codec *c, const sl_record *r, const sl_keyring *ring, sl_class cls,
                             bool must_encrypt, sl_envelope *ret, sl_error *reterr) SL_MUST_CHECK;

/* The checksum alone, for auditors without keys: recomputes and compares with ce_checksum. */
sl_status sl_envelope_verify(const sl_record *r, char out[SL_CHECKSUM_TEXT],
                             sl_error *reterr) SL_MUST_CHECK;
/* XXH3-128 (seed 0) of bytes as 32 hex digits, high 64 bits first. */
void sl_checksum_bytes(char out[SL_CHECKSUM_TEXT], const void *p, size_t n);

/* XXH3-128 over the checksum texts of a run's records in order (ce_digest). */
typedef struct sl_run_digest sl_run_digest;
sl_status sl_run_digest_open(sl_run_digest **ret) SL_MUST_CHECK;
void sl_run_digest_add(sl_run_digest *d, const char checksum[SL_CHECKSUM_TEXT]);
void sl_run_digest_text(const sl_run_digest *d, char out[SL_CHECKSUM_TEXT]);
void sl_run_digest_free(sl_run_digest *d);

void sl_run_new(char out[SL_RUN_TEXT]); /* 128 random bits in hex */

/* Dead letters: the record as it was plus __dlq.errors.* (KIP-1191) and ce_dlqchecksum over all of
 * it. `cause` is a short word: corrupt, unauthentic, unknown_key, malformed, unsupported, retries.
 * The result borrows `scratch` and `r`. */
#define SL_DEAD_LETTER_HEADERS \
    8 /* added to those of the record: headers_cap ≥ r->headers_n + this */
sl_status sl_dead_letter(const sl_record *r, const char *group, const char *cause,
                         const char *message, int deliveries, sl_buf *scratch, sl_header *headers,
                         size_t headers_cap, sl_record *ret, sl_error *reterr) SL_MUST_CHECK;
/* For `sluice dlq`: SL_E_INVALID without ce_dlqchecksum, SL_E_CORRUPT when it does not match. */
sl_status sl_dead_letter_verify(const sl_record *r, sl_error *reterr) SL_MUST_CHECK;

#endif
