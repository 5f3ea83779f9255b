/* dead_letter.c - a record that was refused, kept as it was, with the reason beside it.
 *
 * The record may be malformed in any way, so its form for ce_dlqchecksum is simpler and wider than
 * the envelope's: position order, 64-bit lengths, null apart from empty (schemas/envelope.md). */
#include "schemas/envelope.h"
#include "schemas/envelope_headers.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#define DLQ_CHECKSUM SL_STR("ce_dlqchecksum")

static void update_str(XXH3_state_t *st, sl_str s)
{
    uint64_t n = s.p ? s.n : UINT64_MAX;
    uint8_t len[8];
    for (int i = 0; i < 8; i++)
        len[i] = (uint8_t)(n >> (56 - 8 * i));
    XXH3_128bits_update(st, len, sizeof(len));
    if (s.p && s.n)
        XXH3_128bits_update(st, s.p, s.n);
}

/* Over the key, the value, and every header but ce_dlqchecksum. */
static void dlq_checksum(char out[SL_CHECKSUM_TEXT], const sl_header *h, size_t n, sl_str key,
                         sl_str value)
{
    XXH3_state_t st;
    XXH3_INITSTATE(&st);
    XXH3_128bits_reset(&st);
    update_str(&st, key);
    update_str(&st, value);
    for (size_t i = 0; i < n; i++) {
        if (sl_str_eq(h[i].name, DLQ_CHECKSUM))
            continue;
        update_str(&st, (sl_str){h[i].name.p ? h[i].name.p : "", h[i].name.n});
        update_str(&st, h[i].value);
    }
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(&st));
    sl_hex_encode(out, bytes.digest, sizeof(bytes.digest));
}

sl_status sl_dead_letter(const sl_record *r, const char *group, const char *cause,
                         const char *message, int deliveries, sl_buf *scratch, sl_header *headers,
                         size_t headers_cap, sl_record *ret, sl_error *reterr)
{
    if (r->headers_n > headers_cap || headers_cap - r->headers_n < SL_DEAD_LETTER_HEADERS)
        return sl_fail(reterr, SL_E_TOO_LARGE,
                       "a dead letter of %zu headers needs room for %zu, the caller has %zu",
                       r->headers_n, r->headers_n + SL_DEAD_LETTER_HEADERS, headers_cap);
    sl_str topic = sl_str_c(r->topic ? r->topic : "");
    sl_str texts[] = {topic, sl_str_c(group), sl_str_c(cause), sl_str_c(message)};
    size_t need = 3 * 24 + SL_CHECKSUM_TEXT;
    for (size_t i = 0; i < 4; i++)
        need += texts[i].n;
    sl_buf_clear(scratch);
    /* One reservation, so that views into the buffer stay valid while it fills. */
    if (!sl_buf_reserve(scratch, need))
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a dead letter");

    size_t n = r->headers_n;
    if (n)
        memcpy(headers, r->headers, n * sizeof(*headers));
    size_t from = 0;
#define PUT(name_lit)                                                                              \
    do {                                                                                           \
        headers[n++] = (sl_header){SL_STR(name_lit), {scratch->data + from, scratch->len - from}}; \
        from = scratch->len;                                                                       \
    } while (0)
    sl_buf_add_str(scratch, topic);
    PUT("__dlq.errors.topic");
    sl_buf_add_i64(scratch, r->partition);
    PUT("__dlq.errors.partition");
    sl_buf_add_i64(scratch, r->offset);
    PUT("__dlq.errors.offset");
    sl_buf_add_str(scratch, texts[1]);
    PUT("__dlq.errors.group");
    sl_buf_add_i64(scratch, deliveries);
    PUT("__dlq.errors.delivery.count");
    sl_buf_add_str(scratch, texts[3]);
    PUT("__dlq.errors.message");
    sl_buf_add_str(scratch, texts[2]);
    PUT("__dlq.errors.code");
#undef PUT
    char sum[SL_CHECKSUM_TEXT];
    dlq_checksum(sum, headers, n, r->key, r->value);
    sl_buf_add(scratch, sum, SL_CHECKSUM_TEXT - 1);
    headers[n++] = (sl_header){DLQ_CHECKSUM, {scratch->data + from, SL_CHECKSUM_TEXT - 1}};

    *ret = (sl_record){.partition = -1,
                       .offset = -1,
                       .key = r->key,
                       .value = r->value,
                       .headers = headers,
                       .headers_n = n};
    return SL_OK;
}

sl_status sl_dead_letter_verify(const sl_record *r, sl_error *reterr)
{
    const sl_header *given = NULL;
    for (size_t i = 0; i < r->headers_n; i++) {
        if (sl_str_eq(r->headers[i].name, DLQ_CHECKSUM))
            given = &r->headers[i]; /* the last one is ours */
    }
    if (!given || !given->value.p || !sl_hex32_valid(given->value))
        return sl_fail(reterr, SL_E_INVALID, "no well-formed ce_dlqchecksum: not a dead letter");
    char sum[SL_CHECKSUM_TEXT];
    dlq_checksum(sum, r->headers, r->headers_n, r->key, r->value);
    if (memcmp(sum, given->value.p, SL_CHECKSUM_TEXT - 1) != 0)
        return sl_fail(reterr, SL_E_CORRUPT, "the dead letter was altered: its checksum is %s",
                       sum);
    return SL_OK;
}
