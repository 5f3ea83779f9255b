/* Packs of weights: any bytes are taken or refused with a text; what is taken scores anything
 * between 0 and 1. The digest and lengths are made to fit, so that the fuzzer gets behind them. */
#include "router/classify/model.h"

#include <stdlib.h>

static uint64_t digest(const char *p, size_t n)
{
    uint64_t h = 0xCBF29CE484222325, word;
    for (size_t i = 0; i < n; i += 8) {
        if (i == 24)
            continue;
        word = 0;
        memcpy(&word, p + i, n - i < 8 ? n - i : 8);
        h = (h ^ word) * 0x100000001B3;
    }
    return h;
}

static void try_pack(const char *p, size_t n)
{
    sl_model *m = NULL;
    sl_error err = {0};
    if (sl_model_parse(&m, (sl_str){p, n}, &err) != SL_OK) {
        if (m || err.text[0] == '\0')
            abort();
        return;
    }
    for (size_t cut = 0; cut <= n; cut += 1 + cut / 3) {
        float s = sl_model_score(m, (sl_str){p, cut});
        if (!(s >= 0 && s <= 1))
            abort();
    }
    sl_model_unload(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_pack((const char *)data, size);
    if (size < 48)
        return 0;
    unsigned bits = data[10] % 8 + 8, tables = data[11] % 3 + 1;
    size_t n = 48 + ((size_t)tables << bits);
    char *pack = calloc(1, n);
    if (!pack)
        return 0;
    memcpy(pack, data, size < n ? size : n);
    memcpy(pack, "SLMODEL\0\1", 10); /* and the high byte of the version */
    pack[10] = (char)bits, pack[11] = (char)tables;
    uint32_t body = (uint32_t)n - 32;
    memcpy(pack + 20, &body, 4);
    uint64_t h = digest(pack, n);
    memcpy(pack + 24, &h, 8);
    try_pack(pack, n);
    free(pack);
    return 0;
}
