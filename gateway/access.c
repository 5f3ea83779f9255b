#include "gateway/access.h"

static const char *const role_names[SL_ROLE_N] = {"client", "operator", "auditor", "admin"};

/* An operator runs the gateway and an auditor looks at it; neither sends requests, so that their
 * keys are worth nothing to who wants answers. */
static const bool table[SL_ROLE_N][SL_RIGHT_N] = {
    [SL_ROLE_CLIENT] = {[SL_RIGHT_INFER] = true, [SL_RIGHT_MODELS] = true},
    [SL_ROLE_OPERATOR] = {[SL_RIGHT_METRICS] = true,
                          [SL_RIGHT_POLICY] = true,
                          [SL_RIGHT_KEYS] = true,
                          [SL_RIGHT_RELOAD] = true},
    [SL_ROLE_AUDITOR] =
        {[SL_RIGHT_METRICS] = true, [SL_RIGHT_POLICY] = true, [SL_RIGHT_KEYS] = true},
    [SL_ROLE_ADMIN] = {[SL_RIGHT_INFER] = true,
                       [SL_RIGHT_MODELS] = true,
                       [SL_RIGHT_METRICS] = true,
                       [SL_RIGHT_POLICY] = true,
                       [SL_RIGHT_KEYS] = true,
                       [SL_RIGHT_RELOAD] = true},
};

const char *sl_role_name(sl_role r)
{
    return (unsigned)r < SL_ROLE_N ? role_names[r] : "unknown";
}

bool sl_role_parse(sl_str s, sl_role *ret)
{
    for (int i = 0; i < SL_ROLE_N; i++)
        if (sl_str_is(s, role_names[i]))
            return *ret = (sl_role)i, true;
    return false;
}

bool sl_role_may(sl_role r, sl_right right)
{
    return (unsigned)r < SL_ROLE_N && (unsigned)right < SL_RIGHT_N && table[r][right];
}
