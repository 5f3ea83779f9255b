/* envelope_decode.c - from a record to an envelope, trusting nothing.
 *
 * Order: the headers' structure, the checksum, version and type, the headers' values, key, tag. So
 * a damaged record is told as damaged wherever a checksum can be read at all. What parses is filled
 * in even when the record is refused, so that the caller knows whom to answer; never the body. */
#include "schemas/envelope_codec.h"

typedef struct decoder {
    sl_codec *c;
    const sl_record *rec;
    sl_envelope *env;
    const sl_header *at[SL_HDR_N]; /* NULL: absent */
    sl_hdr twice;                  /* a known header that stands twice; SL_HDR_N: none */
    sl_hdr bad;                    /* the first header whose value is wrong or that is missing */
    const char *why;
} decoder;

static void complain(decoder *d, sl_hdr h, const char *why)
{
    if (d->bad != SL_HDR_N)
        return;
    d->bad = h;
    d->why = why;
}

static void collect(decoder *d)
{
    size_t hint = 0;
    d->twice = d->bad = SL_HDR_N;
    for (size_t i = 0; i < d->rec->headers_n; i++) {
        sl_hdr h = sl_hdr_find(d->rec->headers[i].name, &hint);
        if (h == SL_HDR_N)
            continue;
        if (d->at[h])
            d->twice = h;
        else
            d->at[h] = &d->rec->headers[i];
    }
}

static bool has(const decoder *d, sl_hdr h)
{
    return d->at[h] != NULL;
}

/* The text of a header; p NULL when it is absent or not valid. */
static sl_str text(decoder *d, sl_hdr h, bool required)
{
    const sl_header *f = d->at[h];
    if (!f) {
        if (required)
            complain(d, h, "is missing");
        return (sl_str){NULL, 0};
    }
    if (!f->value.p || (required && f->value.n == 0)) {
        complain(d, h, "is empty");
        return (sl_str){NULL, 0};
    }
    if (!sl_header_text_valid(f->value)) {
        complain(d, h, "holds control characters or bytes that are not UTF-8");
        return (sl_str){NULL, 0};
    }
    return f->value;
}

static bool number(decoder *d, sl_hdr h, bool required, uint64_t max, uint64_t *ret)
{
    sl_str s = text(d, h, required);
    uint64_t v = 0;
    if (!s.p)
        return false;
    /* One spelling a number: no leading zeros, so that equal values are equal texts. */
    if (!sl_parse_u64(s, &v) || v > max || (s.n > 1 && s.p[0] == '0')) {
        complain(d, h, "is not a number in range");
        return false;
    }
    *ret = v;
    return true;
}

static void hex32(decoder *d, sl_hdr h, char out[SL_CHECKSUM_TEXT])
{
    sl_str s = text(d, h, true);
    if (!s.p)
        return;
    if (!sl_hex32_valid(s)) {
        complain(d, h, "is not 32 lower-case hex digits");
        return;
    }
    memcpy(out, s.p, 32);
    out[32] = '\0';
}

static void read_request(decoder *d, sl_class cls)
{
    sl_envelope *env = d->env;
    sl_str s = text(d, SL_H_CLASS, true);
    if (s.p && !sl_class_parse(s, &env->cls))
        complain(d, SL_H_CLASS, "is not a class");
    else if (s.p && env->cls != cls)
        complain(d, SL_H_CLASS, "is not the class of this topic");
    s = text(d, SL_H_LEVEL, true);
    if (s.p && !sl_level_parse(s, &env->level))
        complain(d, SL_H_LEVEL, "is not a level");
    env->policy = text(d, SL_H_POLICY, false);
    env->tenant = text(d, SL_H_TENANT, false);
    uint64_t v = 0;
    if (has(d, SL_H_DEADLINE) && number(d, SL_H_DEADLINE, true, INT64_MAX, &v))
        env->deadline_ms = (int64_t)v;
    if (number(d, SL_H_REPLYPARTITION, true, INT32_MAX, &v))
        env->replypartition = (int32_t)v;
    else
        env->replypartition = -1;
    s = text(d, SL_H_REPLYTOPIC, true);
    /* Anything else would make the worker write where the far side can read. */
    if (s.p && !sl_str_is(s, sl_topic_name(cls, SL_TOPIC_RESPONSES)))
        complain(d, SL_H_REPLYTOPIC, "is not the reply topic of the class");
    else
        env->replytopic = s;
}

static void read_end(decoder *d)
{
    sl_envelope *env = d->env;
    if (!has(d, SL_H_FIN))
        return;
    sl_str s = text(d, SL_H_FIN, true);
    if (!sl_str_is(s, "1")) {
        complain(d, SL_H_FIN, "is not 1");
        return;
    }
    env->fin = true;
    if (number(d, SL_H_COUNT, true, UINT64_MAX, &env->count) && env->count != env->seq)
        complain(d, SL_H_COUNT, "is not the end record's sequence number");
    hex32(d, SL_H_DIGEST, env->digest);
    env->end = sl_end_parse(text(d, SL_H_END, true));
    if (env->end == SL_END_NONE)
        complain(d, SL_H_END, "is not a known end");
    if (has(d, SL_H_ENV) && d->at[SL_H_ENV]->value.n)
        env->env = text(d, SL_H_ENV, false);
}

/* ce_id of a chunk is built of three headers that stand beside it; a difference is a forgery. */
static bool chunk_id_matches(const decoder *d)
{
    const sl_envelope *env = d->env;
    sl_str id = env->id, seq = d->at[SL_H_SEQ] ? d->at[SL_H_SEQ]->value : (sl_str){NULL, 0};
    size_t subject_n = env->subject.n, run_n = SL_RUN_TEXT - 1;
    if (!id.p || !env->subject.p || !seq.p || id.n != subject_n + run_n + seq.n + 2)
        return false;
    const char *p = id.p;
    return memcmp(p, env->subject.p, subject_n) == 0 && p[subject_n] == '/' &&
           memcmp(p + subject_n + 1, env->run, run_n) == 0 && p[subject_n + 1 + run_n] == '/' &&
           memcmp(p + subject_n + 2 + run_n, seq.p, seq.n) == 0;
}

static void read_chunk(decoder *d)
{
    hex32(d, SL_H_RUN, d->env->run);
    hex32(d, SL_H_REQUESTCHECKSUM, d->env->requestchecksum);
    number(d, SL_H_SEQ, true, UINT64_MAX - 1, &d->env->seq);
    if (!chunk_id_matches(d))
        complain(d, SL_H_ID, "is not subject/run/sequence number");
    read_end(d);
}

static void read_values(decoder *d, sl_class cls)
{
    sl_envelope *env = d->env;
    int64_t unused = 0;
    env->id = text(d, SL_H_ID, true);
    env->subject = text(d, SL_H_SUBJECT, true);
    env->source = text(d, SL_H_SOURCE, true);
    env->time = text(d, SL_H_TIME, true);
    if (env->time.p && !sl_time_parse(env->time.p, env->time.n, &unused))
        complain(d, SL_H_TIME, "is not an RFC 3339 time");
    (void)text(d, SL_H_CONTENT_TYPE, true);
    if (has(d, SL_H_CORRELATIONID))
        env->correlationid = text(d, SL_H_CORRELATIONID, false);
    if (has(d, SL_H_REPLAYOF))
        env->replayof = text(d, SL_H_REPLAYOF, false);
    if (env->type == SL_TYPE_REQUEST)
        read_request(d, cls);
    else if (env->type == SL_TYPE_CHUNK)
        read_chunk(d);
    for (sl_hdr h = SL_H_CLASS; h <= SL_H_CONTENT_TYPE; h++) {
        if (has(d, h))
            (void)text(d, h, false); /* whatever the type uses: known headers are text */
    }
    /* The key is not covered by the checksum. An answer stands under its producer's own. */
    sl_str key = d->rec->key;
    if (key.p && key.n && env->subject.p && !sl_str_eq(key, env->subject) &&
        env->type != SL_TYPE_ANSWER)
        complain(d, SL_H_SUBJECT, "is not the record's key");
    /* Not covered by the checksum, so a wrong one is dropped, not a reason to refuse. */
    for (int i = 0; i < 2; i++) {
        const sl_header *f = d->at[i ? SL_H_TRACESTATE : SL_H_TRACEPARENT];
        if (f && f->value.p && sl_header_text_valid(f->value))
            *(i ? &env->tracestate : &env->traceparent) = f->value;
    }
}

static sl_status check_encryption_headers(const decoder *d, sl_error *reterr)
{
    bool kid = has(d, SL_H_KID), salt = has(d, SL_H_SALT), chunk = d->env->type == SL_TYPE_CHUNK;
    if (salt && (!kid || chunk))
        return sl_fail(reterr, SL_E_INVALID, "ce_salt stands where it does not belong");
    if (kid && !salt && !chunk)
        return sl_fail(reterr, SL_E_INVALID, "ce_salt is missing");
    return SL_OK;
}

static sl_status find_key(decoder *d, const sl_keyring *ring, sl_class cls, sl_key_use *use,
                          sl_error *reterr)
{
    sl_str kid = d->at[SL_H_KID]->value;
    use->key = ring ? sl_keyring_find(ring, kid) : NULL;
    if (!use->key)
        return sl_fail(reterr, SL_E_UNKNOWN_KEY,
                       "the record's key id is not in the keyring, or its time is over");
    d->env->kid = kid;
    if (use->key->is_public != (cls == SL_CLASS_PUBLIC))
        return sl_fail(reterr, SL_E_UNAUTHENTIC, "the record names a key of another class");
    use->type = d->env->type;
    sl_str salt = use->type == SL_TYPE_CHUNK ? d->at[SL_H_RUN]->value : d->at[SL_H_SALT]->value;
    if (!salt.p || !sl_hex32_valid(salt) ||
        !sl_hex_decode(use->salt, sizeof(use->salt), salt.p, salt.n))
        return sl_fail(reterr, SL_E_INVALID, "ce_salt is not 32 lower-case hex digits");
    return SL_OK;
}

static sl_status open_body(decoder *d, const sl_key_use *use, sl_error *reterr)
{
    sl_codec *c = d->c;
    sl_str sealed = d->rec->value;
    if (!sealed.p || sealed.n < SL_AEAD_TAG)
        return sl_fail(reterr, SL_E_UNAUTHENTIC, "an encrypted body is shorter than its tag");
    sl_derived scratch, *key = NULL;
    sl_status rc = sl_derived_get(&c->opening, use, &scratch, &key, reterr);
    if (rc)
        goto cleanup;
    sl_buf_clear(&c->plain);
    if (!sl_buf_reserve(&c->plain, sealed.n)) {
        rc = sl_fail(reterr, SL_E_NOMEM, "no memory for a decrypted body");
        goto cleanup;
    }
    uint8_t nonce[SL_AEAD_NONCE];
    sl_envelope_nonce(nonce, use->type == SL_TYPE_CHUNK ? d->env->seq : 0);
    rc = sl_aead_unseal(c->aead, key->key, nonce, c->canonical.data, c->canonical.len, sealed.p,
                        sealed.n, c->plain.data, reterr);
    if (rc)
        goto cleanup;
    c->plain.len = sealed.n - SL_AEAD_TAG;
    c->plain.data[c->plain.len] = '\0';
    d->env->body = sl_buf_str(&c->plain);
    d->env->encrypted = true;
cleanup:
    if (key == &scratch)
        sl_wipe(&scratch, sizeof(scratch));
    return rc;
}

/* Structure: limits, nothing known twice, a checksum that can be compared. Fills c->canonical. */
static sl_status check_structure(decoder *d, sl_error *reterr)
{
    sl_buf_clear(&d->c->canonical);
    sl_status rc =
        sl_canonical_headers(d->rec->headers, d->rec->headers_n, &d->c->canonical, reterr);
    if (rc)
        return rc;
    if (d->twice != SL_HDR_N)
        return sl_fail(reterr, SL_E_INVALID, "header %s stands twice", sl_hdr_name(d->twice).p);
    const sl_header *sum = d->at[SL_H_CHECKSUM];
    if (!sum || !sum->value.p || !sl_hex32_valid(sum->value))
        return sl_fail(reterr, SL_E_INVALID,
                       "ce_checksum is missing or not 32 lower-case hex digits");
    return SL_OK;
}

static sl_status check_version(const decoder *d, sl_error *reterr)
{
    const sl_header *version = d->at[SL_H_SPECVERSION];
    if (!version || !d->at[SL_H_TYPE])
        return sl_fail(reterr, SL_E_INVALID, "%s is missing",
                       version ? "ce_type" : "ce_specversion");
    if (!sl_str_is(version->value, "1.0"))
        return sl_fail(reterr, SL_E_UNSUPPORTED, "ce_specversion is not 1.0");
    if (d->env->type == SL_TYPE_UNKNOWN)
        return sl_fail(reterr, SL_E_UNSUPPORTED, "ce_type is not known to this version");
    return SL_OK;
}

sl_status sl_envelope_decode(sl_codec *c, const sl_record *r, const sl_keyring *ring, sl_class cls,
                             bool must_encrypt, sl_envelope *ret, sl_error *reterr)
{
    memset(ret, 0, sizeof(*ret));
    ret->replypartition = -1;
    decoder d = {.c = c, .rec = r, .env = ret};
    collect(&d);
    ret->type = d.at[SL_H_TYPE] ? sl_type_parse(d.at[SL_H_TYPE]->value) : SL_TYPE_UNKNOWN;
    read_values(&d, cls);

    sl_status rc = check_structure(&d, reterr);
    if (rc)
        return rc;
    sl_checksum_record(ret->checksum, sl_buf_str(&c->canonical), r->value);
    if (memcmp(ret->checksum, d.at[SL_H_CHECKSUM]->value.p, SL_CHECKSUM_TEXT - 1) != 0)
        return sl_fail(reterr, SL_E_CORRUPT,
                       "the record was altered on its way: its checksum is %s", ret->checksum);
    rc = check_version(&d, reterr);
    if (rc)
        return rc;
    if (d.bad != SL_HDR_N)
        return sl_fail(reterr, SL_E_INVALID, "%s %s", sl_hdr_name(d.bad).p, d.why);
    rc = check_encryption_headers(&d, reterr);
    if (rc)
        return rc;
    if (!has(&d, SL_H_KID)) {
        if (must_encrypt)
            return sl_fail(reterr, SL_E_UNAUTHENTIC, "the record is plain where encryption is due");
        ret->body = r->value;
        return SL_OK;
    }
    sl_key_use use = {0};
    rc = find_key(&d, ring, cls, &use, reterr);
    return rc ? rc : open_body(&d, &use, reterr);
}

sl_status sl_envelope_verify(const sl_record *r, char out[SL_CHECKSUM_TEXT], sl_error *reterr)
{
    sl_codec bare = {0}; /* only its canonical buffer is used */
    sl_envelope none;
    decoder d = {.c = &bare, .rec = r, .env = &none};
    collect(&d);
    out[0] = '\0';
    sl_status rc = check_structure(&d, reterr);
    if (rc == SL_OK) {
        sl_checksum_record(out, sl_buf_str(&bare.canonical), r->value);
        if (memcmp(out, d.at[SL_H_CHECKSUM]->value.p, SL_CHECKSUM_TEXT - 1) != 0)
            rc = sl_fail(reterr, SL_E_CORRUPT, "the record was altered: its checksum is %s", out);
    }
    sl_buf_done(&bare.canonical);
    return rc;
}
