/* envelope_headers.c - header names, the canonical form and the checksum over it. */
#include "schemas/envelope_headers.h"

#define XXH_STATIC_LINKING_ONLY /* the state's layout, so that it can live on the stack */
#include <xxhash.h>

#define NAME(lit)            \
    {                        \
        lit, sizeof(lit) - 1 \
    }
static const sl_str NAMES[SL_HDR_N] = {
    NAME("ce_checksum"),
    NAME("ce_class"),
    NAME("ce_correlationid"),
    NAME("ce_count"),
    NAME("ce_deadline"),
    NAME("ce_digest"),
    NAME("ce_end"),
    NAME("ce_env"),
    NAME("ce_fin"),
    NAME("ce_id"),
    NAME("ce_kid"),
    NAME("ce_level"),
    NAME("ce_policy"),
    NAME("ce_replayof"),
    NAME("ce_replypartition"),
    NAME("ce_replytopic"),
    NAME("ce_requestchecksum"),
    NAME("ce_run"),
    NAME("ce_salt"),
    NAME("ce_seq"),
    NAME("ce_source"),
    NAME("ce_specversion"),
    NAME("ce_subject"),
    NAME("ce_tenant"),
    NAME("ce_time"),
    NAME("ce_type"),
    NAME("content-type"),
    NAME("traceparent"),
    NAME("tracestate"),
};

sl_str sl_hdr_name(sl_hdr h)
{
    return NAMES[h];
}

sl_hdr sl_hdr_find(sl_str name, size_t *hint)
{
    size_t at = *hint;
    for (size_t i = 0; i < SL_HDR_N; i++, at++) {
        if (at >= SL_HDR_N)
            at = 0;
        if (sl_str_eq(name, NAMES[at])) {
            *hint = at + 1;
            return (sl_hdr)at;
        }
    }
    return SL_HDR_N;
}

static bool covered(sl_str name)
{
    return !sl_str_eq(name, NAMES[SL_H_CHECKSUM]) && !sl_str_eq(name, NAMES[SL_H_TRACEPARENT]) &&
           !sl_str_eq(name, NAMES[SL_H_TRACESTATE]);
}

/* Unsigned bytes, the shorter of two equal beginnings first. */
static int name_cmp(sl_str a, sl_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

static void put_u16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put_u32(uint8_t *p, size_t v)
{
    put_u16(p, v >> 16);
    put_u16(p + 2, v & 0xffff);
}

static sl_status check_limits(const sl_header *h, size_t n, size_t *ret_bytes, sl_error *reterr)
{
    if (n > SL_ENVELOPE_HEADERS_MAX)
        return sl_fail(reterr, SL_E_INVALID, "record has %zu headers, the limit is %d", n,
                       SL_ENVELOPE_HEADERS_MAX);
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (h[i].name.n > SL_ENVELOPE_HEADER_BYTES_MAX - 1 ||
            h[i].value.n > SL_ENVELOPE_HEADER_BYTES_MAX)
            bytes = SL_ENVELOPE_HEADER_BYTES_MAX + 1;
        else
            bytes += h[i].name.n + h[i].value.n;
        if (bytes > SL_ENVELOPE_HEADER_BYTES_MAX)
            return sl_fail(reterr, SL_E_INVALID, "headers are over %d bytes",
                           SL_ENVELOPE_HEADER_BYTES_MAX);
    }
    *ret_bytes = bytes + n * 6;
    return SL_OK;
}

sl_status sl_canonical_headers(const sl_header *h, size_t n, sl_buf *out, sl_error *reterr)
{
    size_t bytes = 0;
    sl_status rc = check_limits(h, n, &bytes, reterr);
    if (rc)
        return rc;
    if (!sl_buf_reserve(out, bytes))
        return sl_fail(reterr, SL_E_NOMEM, "no memory for canonical headers");

    /* Insertion sort: stable, and one pass over what our own encoder wrote. */
    uint8_t order[SL_ENVELOPE_HEADERS_MAX];
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (!covered(h[i].name))
            continue;
        size_t at = m++;
        for (; at > 0 && name_cmp(h[order[at - 1]].name, h[i].name) > 0; at--)
            order[at] = order[at - 1];
        order[at] = (uint8_t)i;
    }
    for (size_t i = 0; i < m; i++) {
        const sl_header *f = &h[order[i]];
        uint8_t len[4];
        put_u16(len, f->name.n);
        sl_buf_add(out, len, 2);
        sl_buf_add(out, f->name.p, f->name.n);
        size_t value_n = f->value.p ? f->value.n : 0;
        put_u32(len, value_n);
        sl_buf_add(out, len, 4);
        if (value_n)
            sl_buf_add(out, f->value.p, value_n);
    }
    return SL_OK;
}

/* XXH128_canonicalFromHash writes the high 64 bits first, big endian: the order on the wire. */
static void digest_text(char out[SL_CHECKSUM_TEXT], XXH128_hash_t h)
{
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, h);
    sl_hex_encode(out, bytes.digest, sizeof(bytes.digest));
}

void sl_checksum_bytes(char out[SL_CHECKSUM_TEXT], const void *p, size_t n)
{
    digest_text(out, XXH3_128bits(n ? p : "", n));
}

void sl_checksum_record(char out[SL_CHECKSUM_TEXT], sl_str canonical, sl_str body)
{
    XXH3_state_t st;
    XXH3_INITSTATE(&st);
    XXH3_128bits_reset(&st);
    XXH3_128bits_update(&st, canonical.p, canonical.n);
    size_t body_n = body.p ? body.n : 0;
    uint8_t len[8];
    put_u32(len, (uint64_t)body_n >> 32);
    put_u32(len + 4, body_n & 0xffffffff);
    XXH3_128bits_update(&st, len, sizeof(len));
    if (body_n)
        XXH3_128bits_update(&st, body.p, body_n);
    digest_text(out, XXH3_128bits_digest(&st));
}

bool sl_hex32_valid(sl_str s)
{
    if (s.n != 32)
        return false;
    for (size_t i = 0; i < 32; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}
