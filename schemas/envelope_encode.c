/* envelope_encode.c - from an envelope to a finished record.
 *
 * Headers are put in canonical order, so that sorting them is one pass. A chunk's nonce is its
 * sequence number: the codec refuses to seal the same one of a run twice. */
#include "schemas/envelope_codec.h"

#include <stdio.h>

typedef struct encoder {
    sl_codec *c;
    const sl_envelope *env;
    sl_str id, subject, source, time; /* the caller's, or what stands in for them */
    size_t n;                         /* headers so far */
    sl_hdr invalid;                   /* the first header whose text is not valid; SL_HDR_N: none */
} encoder;

static void put(encoder *e, sl_hdr h, sl_str value)
{
    if (!value.p)
        return;
    if (e->invalid == SL_HDR_N && !sl_header_text_valid(value))
        e->invalid = h;
    e->c->headers[e->n++] = (sl_header){sl_hdr_name(h), value};
}

static sl_str u64_text(char *out, size_t cap, uint64_t v)
{
    int n = snprintf(out, cap, "%llu", (unsigned long long)v);
    return (sl_str){out, (size_t)n};
}

static sl_status check_chunk(const sl_envelope *env, sl_error *reterr)
{
    if (!sl_hex32_valid(sl_str_c(env->run)))
        return sl_fail(reterr, SL_E_INVALID, "a chunk needs its run (32 hex digits, sl_run_new)");
    if (!sl_hex32_valid(sl_str_c(env->requestchecksum)))
        return sl_fail(reterr, SL_E_INVALID, "a chunk needs the checksum of its request");
    if (!env->fin)
        return SL_OK;
    if (!sl_hex32_valid(sl_str_c(env->digest)) || env->end == SL_END_NONE)
        return sl_fail(reterr, SL_E_INVALID, "an end record needs the run's digest and an end");
    if (env->count != env->seq)
        return sl_fail(reterr, SL_E_INVALID,
                       "an end record's count must equal its sequence number");
    return SL_OK;
}

static sl_status check(const sl_envelope *env, sl_error *reterr)
{
    if (sl_type_name(env->type)[0] == '\0')
        return sl_fail(reterr, SL_E_INVALID, "an envelope needs a type");
    if (env->type != SL_TYPE_REQUEST && env->subject.n == 0)
        return sl_fail(reterr, SL_E_INVALID, "an envelope needs a subject");
    if (env->subject.n > 255 || env->id.n > 255)
        return sl_fail(reterr, SL_E_INVALID, "an envelope's id and subject are at most 255 bytes");
    if (env->type == SL_TYPE_CHUNK)
        return check_chunk(env, reterr);
    if (env->type != SL_TYPE_REQUEST)
        return SL_OK;
    sl_str reply = sl_str_c(sl_topic_name(env->cls, SL_TOPIC_RESPONSES));
    if (reply.n == 0 || sl_level_name(env->level)[0] == '\0')
        return sl_fail(reterr, SL_E_INVALID, "a request needs a class and a level");
    if (env->replytopic.p && !sl_str_eq(env->replytopic, reply))
        return sl_fail(reterr, SL_E_INVALID, "the reply topic of the class is %s", reply.p);
    if (env->replypartition < 0 || env->deadline_ms < 0)
        return sl_fail(reterr, SL_E_INVALID, "a reply partition or deadline is negative");
    return SL_OK;
}

/* Where the caller left id, subject, source or time open. The envelope itself is not changed: it
 * may be used again for the next record, with that record's own id and time. */
static void complete(encoder *e)
{
    sl_codec *c = e->c;
    const sl_envelope *env = e->env;
    e->id = env->id, e->subject = env->subject, e->source = env->source, e->time = env->time;
    if (env->type == SL_TYPE_CHUNK) {
        size_t n = env->subject.n;
        memcpy(c->id, env->subject.p, n);
        c->id[n++] = '/';
        memcpy(c->id + n, env->run, SL_RUN_TEXT - 1);
        n += SL_RUN_TEXT - 1;
        c->id[n++] = '/';
        n += u64_text(c->id + n, sizeof(c->id) - n, env->seq).n;
        e->id = (sl_str){c->id, n};
    } else if (e->id.n == 0 && env->type == SL_TYPE_REQUEST && env->subject.n) {
        e->id = env->subject;
    } else if (e->id.n == 0) {
        sl_uuid7(c->id);
        e->id = (sl_str){c->id, SL_UUID_TEXT - 1};
    }
    if (e->subject.n == 0)
        e->subject = e->id; /* a request is its own subject */
    if (!e->source.p)
        e->source = c->source;
    if (!e->time.p) {
        sl_time_format(c->time, sl_unix_us());
        e->time = sl_str_c(c->time);
    }
    /* The record must not point into arrays of the envelope, which may stand on a stack. */
    memcpy(c->run, env->run, sizeof(c->run));
    memcpy(c->digest, env->digest, sizeof(c->digest));
    memcpy(c->requestchecksum, env->requestchecksum, sizeof(c->requestchecksum));
}

static void put_request(encoder *e)
{
    sl_codec *c = e->c;
    const sl_envelope *env = e->env;
    put(e, SL_H_LEVEL, sl_str_c(sl_level_name(env->level)));
    put(e, SL_H_POLICY, env->policy);
    put(e, SL_H_REPLAYOF, env->replayof);
    put(e, SL_H_REPLYPARTITION,
        u64_text(c->partition, sizeof(c->partition), (uint64_t)env->replypartition));
    put(e, SL_H_REPLYTOPIC, sl_str_c(sl_topic_name(env->cls, SL_TOPIC_RESPONSES)));
}

static void put_headers(encoder *e, const sl_key *key)
{
    sl_codec *c = e->c;
    const sl_envelope *env = e->env;
    bool request = env->type == SL_TYPE_REQUEST, chunk = env->type == SL_TYPE_CHUNK;
    if (request)
        put(e, SL_H_CLASS, sl_str_c(sl_class_name(env->cls)));
    put(e, SL_H_CORRELATIONID, env->correlationid);
    if (chunk && env->fin)
        put(e, SL_H_COUNT, u64_text(c->count, sizeof(c->count), env->count));
    if (request && env->deadline_ms)
        put(e, SL_H_DEADLINE,
            u64_text(c->deadline, sizeof(c->deadline), (uint64_t)env->deadline_ms));
    if (chunk && env->fin) {
        put(e, SL_H_DIGEST, sl_str_c(c->digest));
        put(e, SL_H_END, sl_str_c(sl_end_name(env->end)));
        put(e, SL_H_ENV, env->env.p ? env->env : SL_STR(""));
        put(e, SL_H_FIN, SL_STR("1"));
    }
    put(e, SL_H_ID, e->id);
    if (key)
        put(e, SL_H_KID, sl_str_c(c->kid));
    if (request)
        put_request(e);
    else
        put(e, SL_H_REPLAYOF, env->replayof);
    if (chunk) {
        put(e, SL_H_REQUESTCHECKSUM, sl_str_c(c->requestchecksum));
        put(e, SL_H_RUN, sl_str_c(c->run));
        put(e, SL_H_SEQ, u64_text(c->seq, sizeof(c->seq), env->seq));
    } else if (key) {
        put(e, SL_H_SALT, sl_str_c(c->salt));
    }
    put(e, SL_H_SOURCE, e->source);
    put(e, SL_H_SPECVERSION, SL_STR("1.0"));
    put(e, SL_H_SUBJECT, e->subject);
    if (request)
        put(e, SL_H_TENANT, env->tenant);
    put(e, SL_H_TIME, e->time);
    put(e, SL_H_TYPE, sl_str_c(sl_type_name(env->type)));
    put(e, SL_H_CONTENT_TYPE,
        key ? SL_STR("application/octet-stream") : SL_STR("application/json"));
    put(e, SL_H_TRACEPARENT, env->traceparent);
    put(e, SL_H_TRACESTATE, env->tracestate);
}

/* The key that seals; the salt is drawn here, or is the run's own 128 random bits. */
static sl_status pick_key(encoder *e, const sl_seal *seal, sl_key_use *use, sl_error *reterr)
{
    use->key = sl_keyring_current(seal->ring, seal->cls == SL_CLASS_PUBLIC, sl_unix_ms());
    if (!use->key)
        return sl_fail(reterr, SL_E_NOT_FOUND,
                       "the keyring has no key of class %s that is valid now: add one",
                       sl_class_name(seal->cls));
    use->type = e->env->type;
    memcpy(e->c->kid, use->key->kid, sizeof(e->c->kid));
    if (e->env->type == SL_TYPE_CHUNK) {
        if (!sl_hex_decode(use->salt, sizeof(use->salt), e->env->run, SL_RUN_TEXT - 1))
            return sl_fail(reterr, SL_E_INVALID, "a run is 32 hex digits");
    } else {
        sl_random(use->salt, sizeof(use->salt));
        sl_hex_encode(e->c->salt, use->salt, sizeof(use->salt));
    }
    return SL_OK;
}

static sl_status seal_body(encoder *e, const sl_key_use *use, sl_error *reterr)
{
    sl_codec *c = e->c;
    uint64_t seq = use->type == SL_TYPE_CHUNK ? e->env->seq : 0;
    sl_derived scratch, *d = NULL;
    sl_status rc = sl_derived_get(&c->sealing, use, &scratch, &d, reterr);
    if (rc)
        goto cleanup;
    if (use->type == SL_TYPE_CHUNK && seq < d->next_seq) {
        rc = sl_fail(reterr, SL_E_CONFLICT,
                     "sequence number %llu of this run is sealed already: send the finished bytes "
                     "again, or start a new run",
                     (unsigned long long)seq);
        goto cleanup;
    }
    size_t n = e->env->body.p ? e->env->body.n : 0;
    sl_buf_clear(&c->sealed);
    if (!sl_buf_reserve(&c->sealed, n + SL_AEAD_TAG)) {
        rc = sl_fail(reterr, SL_E_NOMEM, "no memory for an encrypted body");
        goto cleanup;
    }
    uint8_t nonce[SL_AEAD_NONCE];
    sl_envelope_nonce(nonce, seq);
    rc = sl_aead_seal(c->aead, d->key, nonce, c->canonical.data, c->canonical.len,
                      n ? e->env->body.p : "", n, c->sealed.data, reterr);
    if (rc)
        goto cleanup;
    c->sealed.len = n + SL_AEAD_TAG;
    if (use->type == SL_TYPE_CHUNK)
        d->next_seq = e->env->fin ? UINT64_MAX : seq + 1; /* nothing follows an end record */
cleanup:
    if (d == &scratch)
        sl_wipe(&scratch, sizeof(scratch));
    return rc;
}

/* What Kafka counts, roughly from above: 8 bytes of lengths a header, 64 a record, the checksum. */
static sl_status check_size(const encoder *e, bool sealed, sl_error *reterr)
{
    size_t n = 64 + 2 * SL_CHECKSUM_TEXT + e->subject.n + (sealed ? SL_AEAD_TAG : 0);
    for (size_t i = 0; i < e->n; i++)
        n += e->c->headers[i].name.n + e->c->headers[i].value.n + 8;
    if (e->env->body.n > SL_RECORD_MAX || n + e->env->body.n > SL_RECORD_MAX)
        return sl_fail(reterr, SL_E_TOO_LARGE, "a body of %zu bytes does not fit a record of %d",
                       e->env->body.n, SL_RECORD_MAX);
    return SL_OK;
}

sl_status sl_envelope_encode(sl_codec *c, sl_envelope *env, const sl_seal *seal, sl_record *ret,
                             sl_error *reterr)
{
    sl_status rc = check(env, reterr);
    if (rc)
        return rc;
    encoder e = {.c = c, .env = env, .invalid = SL_HDR_N};
    sl_key_use use = {0};
    if (seal && seal->ring) {
        rc = pick_key(&e, seal, &use, reterr);
        if (rc)
            return rc;
    }
    complete(&e);
    put_headers(&e, use.key);
    if (e.invalid != SL_HDR_N)
        return sl_fail(reterr, SL_E_INVALID,
                       "%s holds control characters or bytes that are not UTF-8",
                       sl_hdr_name(e.invalid).p);
    /* Before sealing: a sequence number that was sealed can't be used again. */
    rc = check_size(&e, use.key != NULL, reterr);
    if (rc)
        return rc;
    sl_buf_clear(&c->canonical);
    rc = sl_canonical_headers(c->headers, e.n, &c->canonical, reterr);
    if (rc)
        return rc;
    sl_record rec = {.partition = -1, .offset = -1, .value = env->body};
    if (use.key) {
        rc = seal_body(&e, &use, reterr);
        if (rc)
            return rc;
        rec.value = sl_buf_str(&c->sealed);
    }
    sl_checksum_record(c->checksum, sl_buf_str(&c->canonical), rec.value);
    put(&e, SL_H_CHECKSUM, sl_str_c(c->checksum));
    rec.headers = c->headers;
    rec.headers_n = e.n;
    if (sl_type_is_keyed(env->type))
        rec.key = e.subject;
    memcpy(env->checksum, c->checksum, SL_CHECKSUM_TEXT);
    env->encrypted = use.key != NULL;
    env->kid = use.key ? sl_str_c(use.key->kid) : (sl_str){NULL, 0};
    *ret = rec;
    return SL_OK;
}
