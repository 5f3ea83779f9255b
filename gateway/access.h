/* access.h - what each role may do: the one table. What is not listed is refused.
 *
 * /health and /health/readiness ask for no key and need no right. Threads: constants. */
#ifndef SL_GATEWAY_ACCESS_H
#define SL_GATEWAY_ACCESS_H

#include "common/base/buf.h"

typedef enum sl_role {
    SL_ROLE_CLIENT,
    SL_ROLE_OPERATOR,
    SL_ROLE_AUDITOR,
    SL_ROLE_ADMIN,
    SL_ROLE_N
} sl_role;
const char *sl_role_name(sl_role r);
bool sl_role_parse(sl_str s, sl_role *ret);

typedef enum sl_right {
    SL_RIGHT_NONE, /* nobody has it */
    SL_RIGHT_INFER,
    SL_RIGHT_MODELS,
    SL_RIGHT_METRICS, /* where admin.auth asks for a key */
    SL_RIGHT_POLICY,
    SL_RIGHT_KEYS,
    SL_RIGHT_RELOAD,
    SL_RIGHT_N
} sl_right;
/* False for every pair outside of the table, numbers that are no role or right among them. */
bool sl_role_may(sl_role r, sl_right right);

#endif
