/* keyring_fuzz.c - a key file of any content; what is accepted keeps the keyring's promises. */
#include "common/crypto/keyring.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sl_keyring *k = NULL;
    sl_error e = {0};
    if (sl_keyring_parse(&k, "f", (sl_str){(const char *)data, n}, &e)) {
        if (k || !e.text[0])
            abort();
        return 0;
    }
    for (size_t i = 0; i < sl_keyring_size(k); i++) {
        const sl_key *key = sl_keyring_at(k, i);
        if (sl_keyring_find(k, sl_str_c(key->kid)) != key ||
            !sl_keyring_current(k, key->is_public, key->not_before_ms))
            abort();
    }
    sl_keyring_unref(k);
    return 0;
}
