/* metrics.h - the gateway's metrics: one table, an index each. docs/metrics.md is made from it. */
#ifndef SL_GATEWAY_METRICS_H
#define SL_GATEWAY_METRICS_H

#include "common/base/metrics.h"
#include "schemas/types.h"

enum {
    SL_GM_REQUESTS, /* by class */
    SL_GM_LEVELS,   /* by level */
    SL_GM_ANSWERS,  /* by status group */
    SL_GM_REFUSED,  /* by reason, before acceptance */
    SL_GM_INFLIGHT, /* by class */
    SL_GM_REPLIES,  /* chunk records by what became of them */
    SL_GM_SWITCHES,
    SL_GM_CANCELS,
    SL_GM_AUDIT_FAILED,
    SL_GM_UNCONFIRMED,
    SL_GM_BUS_ERRORS,
    SL_GM_WORKERS, /* live workers by class */
    SL_GM_INGRESS,
    SL_GM_EGRESS,
    SL_GM_EGRESS_FAILED,
    SL_GM_TOKENS,   /* by kind */
    SL_GM_OVERHEAD, /* seconds spent before the request was produced */
    SL_GM_DECIDE,   /* seconds of classification and policy */
    SL_GM_DURATION,
    SL_GM_FIRST_CHUNK,
    SL_GM_POLICY_RELOADS, /* by outcome */
    SL_GM_KEY_RELOADS,    /* by outcome */
    SL_GM_AUTH_FAILED,    /* by reason */
    SL_GM_AUTH_PAUSES,
    SL_GM_LIMITED, /* by limit */
    SL_GM_CONNECTIONS,
    SL_GM_PARKED,          /* by class */
    SL_GM_REDRIVEN,        /* by class */
    SL_GM_KEYRING_RELOADS, /* by outcome */
    SL_GM_KEY_LEFT,        /* by class */
    SL_GM_N
};

enum {
    SL_GM_REPLY_TAKEN,
    SL_GM_REPLY_FOREIGN,
    SL_GM_REPLY_LATE,
    SL_GM_REPLY_DUPLICATE,
    SL_GM_REPLY_CORRUPT,
    SL_GM_REPLY_UNAUTHENTIC
};
enum {
    SL_GM_REFUSED_UNAUTHORIZED,
    SL_GM_REFUSED_INVALID,
    SL_GM_REFUSED_NO_WORKER,
    SL_GM_REFUSED_LIMIT,
    SL_GM_REFUSED_POLICY,
    SL_GM_REFUSED_AUDIT,
    SL_GM_REFUSED_OTHER,
    SL_GM_REFUSED_KEY
};
enum {
    SL_GM_AUTH_MISSING,
    SL_GM_AUTH_WRONG,
    SL_GM_AUTH_EXPIRED,
    SL_GM_AUTH_REVOKED,
    SL_GM_AUTH_ROLE,
    SL_GM_AUTH_PAUSED
};
enum { SL_GM_LIMITED_REQUESTS, SL_GM_LIMITED_TOKENS, SL_GM_LIMITED_CONCURRENCY };

extern const sl_metric sl_gateway_metrics[SL_GM_N];

#endif
