/* keys_fuzz.c - key files of any bytes: what is taken can be written and read again, and means the
 * same; what is refused says where. Also looks its rows up, with any Authorization. */
#include "common/base/jsonw.h"
#include "gateway/keys.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void same(const sl_api_key *a, const sl_api_key *b)
{
    must(!strcmp(a->id, b->id) && !strcmp(a->tenant, b->tenant));
    must(!strcmp(a->certificate, b->certificate) && !memcmp(a->hash, b->hash, 32));
    must(a->role == b->role && a->revoked == b->revoked && a->max_level == b->max_level);
    must(a->expires_us == b->expires_us);
    must(!a->models == !b->models && (!a->models || !strcmp(a->models, b->models)));
    must(!memcmp(&a->rates, &b->rates, sizeof(a->rates)));
    must((unsigned)a->role < SL_ROLE_N && a->rates.requests >= 0);
}

static void look_up(const sl_api_keys *k, sl_str any)
{
    const sl_api_key *row = NULL;
    uint64_t tag;
    sl_key_claim claim = {.authorization = any};
    must(sl_api_keys_find(k, &claim, 0, &row, &tag) != SL_KEY_OK);
    for (size_t i = 0; i < sl_api_keys_size(k); i++) {
        claim = (sl_key_claim){.certificate = sl_str_c(sl_api_keys_at(k, i)->certificate)};
        row = NULL;
        sl_key_verdict v = sl_api_keys_find(k, &claim, INT64_MIN, &row, &tag);
        must((v == SL_KEY_OK) == (row != NULL));
        must(!row || row == sl_api_keys_at(k, i));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_str text = {(const char *)data, size};
    sl_api_keys *k = NULL, *again = NULL;
    sl_error err = {0};
    look_up(NULL, text);
    if (sl_api_keys_parse(&k, "keys.json", text, &err) != SL_OK) {
        must(k == NULL && !strncmp(err.text, "keys.json", 9));
        return 0;
    }
    look_up(k, text);
    sl_buf out = {0};
    sl_api_keys_write(sl_api_keys_size(k) ? sl_api_keys_at(k, 0) : NULL, sl_api_keys_size(k), &out);
    must(sl_api_keys_parse(&again, "again", sl_buf_str(&out), &err) == SL_OK);
    must(sl_api_keys_size(again) == sl_api_keys_size(k));
    for (size_t i = 0; i < sl_api_keys_size(k); i++)
        same(sl_api_keys_at(k, i), sl_api_keys_at(again, i));
    must(sl_api_keys_carry(again, NULL) == SL_OK);
    must(sl_api_keys_carry(k, again) == SL_OK);
    sl_api_keys_unref(again);
    sl_api_keys_unref(k);
    sl_buf_done(&out);
    return 0;
}
