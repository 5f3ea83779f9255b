/* The classifier: any bytes as one text. Positions lie in the text, the level is the highest
 * finding's, and bytes that are not UTF-8 are never public. */
#include "common/base/buf.h"
#include "router/router.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sl_policy *policy;
    static sl_router *router;
    if (!policy &&
        (sl_policy_default(&policy, NULL) != SL_OK || sl_router_open(&router, NULL) != SL_OK))
        abort();
    sl_arena arena = {0};
    sl_decision d;
    sl_str text = {(const char *)data, size};
    if (sl_router_classify(router, policy, SL_STR("fuzz"), text, &arena, &d, NULL) != SL_OK)
        abort();
    sl_level highest = SL_LEVEL_PUBLIC;
    for (size_t i = 0; i < d.findings_n; i++) {
        const sl_finding *f = &d.findings[i];
        if (f->level > highest)
            highest = f->level;
        if (f->offset > size || f->length > size - f->offset || f->count < 1)
            abort();
    }
    if (highest != d.level || (d.level > SL_LEVEL_PUBLIC) != (d.cls == SL_CLASS_PRIVATE))
        abort();
    if (!sl_utf8_valid(data, size) && d.level == SL_LEVEL_PUBLIC)
        abort();
    if (!sl_utf8_valid(d.reasons.p, d.reasons.n))
        abort();
    sl_arena_done(&arena);
    return 0;
}
