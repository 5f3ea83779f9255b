/* Policy YAML: any bytes are taken or refused with a text that names the file. */
#include "router/router.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_policy *p = NULL;
    sl_error err = {0};
    sl_str text = {(const char *)data, size};
    if (sl_policy_parse(&p, "fuzz.yaml", text, &err) != SL_OK) {
        if (err.text[0] == '\0' || strncmp(err.text, "fuzz.yaml", 9) != 0)
            abort();
        return 0;
    }
    if (!sl_str_eq(sl_policy_text(p), text) ||
        !sl_policy_private_model(p, SL_STR("x"), SL_STR("auto")))
        abort();
    sl_policy_unref(p);
    return 0;
}
