/* envelope_codec.c - a codec's life, and the derived keys of runs. */
#include "schemas/envelope_codec.h"

#include <stdlib.h>

sl_status sl_codec_open(sl_codec **ret, const char *source, sl_error *reterr)
{
    sl_codec *c = NULL;
    sl_str text = sl_str_c(source);
    if (text.n == 0 || text.n > 255 || !sl_header_text_valid(text))
        return sl_fail(reterr, SL_E_INVALID, "an envelope's source must be 1 to 255 bytes of text");
    c = calloc(1, sizeof(*c));
    char *copy = malloc(text.n);
    sl_status rc = SL_E_NOMEM;
    if (!c || !copy) {
        sl_fail(reterr, rc, "no memory for a codec");
        free(copy);
        goto fail;
    }
    memcpy(copy, text.p, text.n);
    c->source = (sl_str){copy, text.n};
    rc = sl_aead_open(&c->aead, reterr);
    if (rc)
        goto fail;
    *ret = c;
    return SL_OK;
fail:
    sl_codec_free(c);
    return rc;
}

static void table_done(sl_derived_table *t)
{
    if (!t->slots)
        return;
    sl_wipe(t->slots, SL_DERIVED_SETS * SL_DERIVED_WAYS * sizeof(*t->slots));
    free(t->slots);
}

void sl_codec_free(sl_codec *c)
{
    if (!c)
        return;
    table_done(&c->sealing);
    table_done(&c->opening);
    sl_aead_free(c->aead);
    sl_buf_done(&c->canonical);
    sl_buf_done(&c->sealed);
    if (c->plain.data)
        sl_wipe(c->plain.data, c->plain.cap);
    sl_buf_done(&c->plain);
    free((char *)c->source.p);
    free(c);
}

static sl_status derive(const sl_key_use *use, uint8_t out[SL_AEAD_KEY], sl_error *reterr)
{
    char info[64];
    sl_str parts[] = {
        SL_STR("sluice/1 "), sl_str_c(sl_type_name(use->type)), SL_STR(" "),
        sl_str_c(sl_class_name(use->key->is_public ? SL_CLASS_PUBLIC : SL_CLASS_PRIVATE))};
    size_t n = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        memcpy(info + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    if (sl_hkdf_sha256(out, SL_AEAD_KEY, use->key->key, sizeof(use->key->key), use->salt,
                       sizeof(use->salt), info, n))
        return sl_fail(reterr, SL_E_INTERNAL, "key derivation failed");
    return SL_OK;
}

static bool derived_is(const sl_derived *d, const sl_key_use *use)
{
    return d->used && memcmp(d->salt, use->salt, sizeof(d->salt)) == 0 &&
           sl_equal_ct(d->master, use->key->key, sizeof(d->master));
}

static sl_status fill(sl_derived *d, const sl_key_use *use, sl_error *reterr)
{
    d->used = false;
    sl_status rc = derive(use, d->key, reterr);
    if (rc)
        return rc;
    memcpy(d->master, use->key->key, sizeof(d->master));
    memcpy(d->salt, use->salt, sizeof(d->salt));
    d->next_seq = 0;
    d->used = true;
    return SL_OK;
}

sl_status sl_derived_get(sl_derived_table *t, const sl_key_use *use, sl_derived *scratch,
                         sl_derived **ret, sl_error *reterr)
{
    sl_status rc = SL_OK;
    if (!t || use->type != SL_TYPE_CHUNK) {
        rc = fill(scratch, use, reterr);
        if (rc == SL_OK)
            *ret = scratch;
        return rc;
    }
    if (!t->slots) {
        t->slots = calloc(SL_DERIVED_SETS * SL_DERIVED_WAYS, sizeof(*t->slots));
        if (!t->slots)
            return sl_fail(reterr, SL_E_NOMEM, "no memory for run keys");
    }
    /* Salts are random: their first byte picks the set. */
    sl_derived *set = &t->slots[(size_t)use->salt[0] * SL_DERIVED_WAYS];
    sl_derived *oldest = set;
    for (size_t i = 0; i < SL_DERIVED_WAYS; i++) {
        if (derived_is(&set[i], use)) {
            set[i].tick = ++t->tick;
            *ret = &set[i];
            return SL_OK;
        }
        if (set[i].tick < oldest->tick)
            oldest = &set[i];
    }
    rc = fill(oldest, use, reterr);
    oldest->tick = ++t->tick;
    if (rc == SL_OK)
        *ret = oldest;
    return rc;
}

void sl_envelope_nonce(uint8_t out[SL_AEAD_NONCE], uint64_t seq)
{
    memset(out, 0, 4);
    for (int i = 0; i < 8; i++)
        out[4 + i] = (uint8_t)(seq >> (56 - 8 * i));
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight bytes at a time: every header of every record passes here. A borrow between bytes can only
 * come out of a control byte, which is refused anyway. */
bool sl_header_text_valid(sl_str s)
{
    uint64_t bad = 0, high = 0;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t w, del;
        memcpy(&w, s.p + i, 8);
        del = w ^ EACH(0x7f);
        bad |= ((w - EACH(0x20)) & ~w) | ((del - EACH(1)) & ~del);
        high |= w;
    }
    for (; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        bad |= ch < 0x20 || ch == 0x7f ? EACH(0x80) : 0;
        high |= ch;
    }
    if (bad & EACH(0x80))
        return false;
    return !(high & EACH(0x80)) || sl_utf8_valid(s.p, s.n);
}

bool sl_type_is_keyed(sl_type t)
{
    return t == SL_TYPE_REQUEST || t == SL_TYPE_CHUNK || t == SL_TYPE_CANCEL || t == SL_TYPE_DRAIN;
}
