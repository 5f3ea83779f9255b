#include "private-worker/engine/backend.h"

static const struct {
    const char *name;
    sl_status (*open)(sl_backend **ret, sl_error *reterr);
} constructors[] = {
    {"cpu", sl_backend_cpu_open},
};

sl_status sl_backend_open(const char *name, sl_backend **ret, sl_error *reterr)
{
    for (size_t i = 0; i < sizeof(constructors) / sizeof(constructors[0]); i++)
        if (!strcmp(name, constructors[i].name))
            return constructors[i].open(ret, reterr);
    return sl_fail(reterr, SL_E_NOT_FOUND, "no backend \"%s\" in this build; there is: cpu", name);
}
