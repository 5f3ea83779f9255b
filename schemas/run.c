/* run.c - one execution of a request: its random name and the digest over its records. */
#include "schemas/envelope.h"

#include <stdlib.h>
#include <xxhash.h>

struct sl_run_digest {
    XXH3_state_t *xxh;
};

sl_status sl_run_digest_open(sl_run_digest **ret)
{
    sl_run_digest *d = calloc(1, sizeof(*d));
    if (!d)
        return SL_E_NOMEM;
    d->xxh = XXH3_createState(); /* 64-byte aligned, which calloc does not promise */
    if (!d->xxh) {
        free(d);
        return SL_E_NOMEM;
    }
    XXH3_128bits_reset(d->xxh);
    *ret = d;
    return SL_OK;
}

void sl_run_digest_add(sl_run_digest *d, const char checksum[SL_CHECKSUM_TEXT])
{
    XXH3_128bits_update(d->xxh, checksum, SL_CHECKSUM_TEXT - 1);
}

void sl_run_digest_text(const sl_run_digest *d, char out[SL_CHECKSUM_TEXT])
{
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(d->xxh));
    sl_hex_encode(out, bytes.digest, sizeof(bytes.digest));
}

void sl_run_digest_free(sl_run_digest *d)
{
    if (!d)
        return;
    XXH3_freeState(d->xxh);
    free(d);
}

void sl_run_new(char out[SL_RUN_TEXT])
{
    uint8_t bytes[16];
    sl_random(bytes, sizeof(bytes));
    sl_hex_encode(out, bytes, sizeof(bytes));
}
