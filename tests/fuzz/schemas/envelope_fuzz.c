/* envelope_fuzz.c - records of any shape: decode, verify and dead-letter must neither crash nor let
 * a body through that verify refuses.
 *
 * Input: one byte of flags, then pieces, each a u16 length (big endian, 65535: null) and bytes:
 * key, value, then name and value of each header. With flag 1 ce_checksum is made right, so that
 * what lies behind the checksum is reached. */
#include "schemas/envelope_headers.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char KEYS[] =
    "[{\"kid\":\"k\",\"class\":\"public\",\"key\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\","
    "\"not_before\":\"2020-01-01T00:00:00Z\",\"not_after\":\"2100-01-01T00:00:00Z\"}]";

static sl_str piece(const uint8_t **p, size_t *n)
{
    if (*n < 2)
        return (sl_str){NULL, 0};
    size_t len = (size_t)(*p)[0] << 8 | (*p)[1];
    *p += 2, *n -= 2;
    if (len == 65535)
        return (sl_str){NULL, 0};
    if (len > *n)
        len = *n;
    sl_str s = {(const char *)*p, len};
    *p += len, *n -= len;
    return s;
}

static void try_record(sl_codec *c, const sl_keyring *ring, const sl_record *r, uint8_t flags)
{
    sl_envelope env;
    sl_error err;
    char sum[SL_CHECKSUM_TEXT];
    sl_class cls = flags & 2 ? SL_CLASS_PUBLIC : SL_CLASS_PRIVATE;
    sl_status rc = sl_envelope_decode(c, r, ring, cls, flags & 4, &env, &err);
    sl_status verified = sl_envelope_verify(r, sum, &err);
    if ((rc == SL_OK && verified != SL_OK) || (rc != SL_OK && env.body.p))
        abort();
    sl_buf scratch = {0};
    sl_header out[80 + SL_DEAD_LETTER_HEADERS];
    sl_record dlq;
    if (sl_dead_letter(r, "g", "corrupt", "m", 1, &scratch, out, sizeof(out) / sizeof(out[0]), &dlq,
                       &err) == SL_OK &&
        sl_dead_letter_verify(&dlq, &err) != SL_OK)
        abort();
    sl_buf_done(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sl_codec *c;
    static sl_keyring *ring;
    if (!c && (sl_codec_open(&c, "/sluice/fuzz/0", NULL) ||
               sl_keyring_parse(&ring, "k", sl_str_c(KEYS), NULL)))
        abort();
    if (size < 1)
        return 0;
    uint8_t flags = data[0];
    data++, size--;
    sl_header h[80];
    sl_record r = {.topic = "t", .headers = h};
    r.key = piece(&data, &size);
    r.value = piece(&data, &size);
    while (size && r.headers_n < 79) {
        h[r.headers_n].name = piece(&data, &size);
        if (!h[r.headers_n].name.p)
            h[r.headers_n].name = SL_STR("");
        h[r.headers_n++].value = piece(&data, &size);
    }
    char sum[SL_CHECKSUM_TEXT];
    sl_buf canonical = {0};
    if ((flags & 1) && sl_canonical_headers(h, r.headers_n, &canonical, NULL) == SL_OK) {
        sl_checksum_record(sum, sl_buf_str(&canonical), r.value);
        h[r.headers_n++] = (sl_header){SL_STR("ce_checksum"), {sum, SL_CHECKSUM_TEXT - 1}};
    }
    try_record(c, ring, &r, flags);
    sl_buf_done(&canonical);
    return 0;
}
