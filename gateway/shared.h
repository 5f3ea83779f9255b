/* shared.h - what the loops of one gateway process share.
 *
 * Ownership: gateway.c builds it before the loops start and frees it after they ended.
 * Threads: each field says. */
#ifndef SL_GATEWAY_SHARED_H
#define SL_GATEWAY_SHARED_H

#include "common/bus/bus.h"
#include "gateway/config.h"
#include "gateway/guard.h"
#include "gateway/idempotency.h"
#include "gateway/keys.h"
#include "gateway/metrics.h"
#include "gateway/presence.h"
#include "gateway/store.h"
#include "router/router.h"

#include <stdatomic.h>

typedef struct sl_gateway_shared {
    const sl_gateway_config *cfg; /* immutable while loops run */
    sl_bus *bus[SL_CLASS_N];      /* the same one twice where there is one cluster */
    int32_t reply_partitions[SL_CLASS_N];
    char source[96], cluster_id[64];
    sl_store *store;            /* policy, keyring, API keys: snapshots, any thread */
    sl_presence_view *presence; /* any thread */
    sl_idem *idem;              /* any thread */
    sl_guard *guard;            /* any thread; NULL: nobody is slowed down */
    sl_metrics *metrics;
    atomic_int inflight[SL_CLASS_N];
    atomic_bool draining;
} sl_gateway_shared;

#endif
