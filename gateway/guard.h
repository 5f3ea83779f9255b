/* guard.h - slows down who guesses API keys, by source address.
 *
 * An address may be wrong a few times for nothing; each further wrong key begins a pause, twice as
 * long as the one before. In a pause no key of that address is judged, right or wrong, so a guesser
 * learns nothing from it; only keys that were right from there before go on, so that who shares the
 * address (a proxy, NAT) with a guesser keeps working. The same wrong key again is no new guess: a
 * client that was not told of its new key harms nobody; and one that was tried before the gateway
 * had read of it is forgiven when it turns out right.
 * Nothing waits here: the caller answers with what is left of the pause. Both tables have a fixed
 * size. Addresses are /32 of IPv4 and /64 of IPv6.
 * Threads: any. A right key of a known address costs one load; all else takes a mutex. */
#ifndef SL_GATEWAY_GUARD_H
#define SL_GATEWAY_GUARD_H

#include "common/base/status.h"

#include <stdint.h>

typedef struct sl_guard sl_guard;
typedef struct sl_guard_options {
    int free_failures;         /* 0: nobody is slowed down */
    int64_t first_ms, most_ms; /* the first pause and the longest */
} sl_guard_options;

/* After so long without a wrong key an address is forgotten. */
#define SL_GUARD_FORGET_MS 600000

typedef struct sl_guard_try {
    const uint8_t *address; /* 16 bytes; IPv4 as ::ffff:a.b.c.d */
    bool right;             /* the key is in the key file, and valid */
    bool counts;            /* wrong: it is a guess, not an expired key or none at all */
    uint64_t tag;           /* of the key's text: the same key, the same tag */
} sl_guard_try;

typedef struct sl_guard_verdict {
    int64_t pause_ms; /* over 0: don't tell whether the key is right, ask to come again then */
    int64_t begun_ms; /* over 0: this wrong key has begun a pause of so long */
    int failures;     /* of the address, when begun_ms > 0 */
} sl_guard_verdict;

sl_status sl_guard_open(sl_guard **ret, const sl_guard_options *opt) SL_MUST_CHECK;
void sl_guard_free(sl_guard *g); /* NULL is fine */
sl_guard_verdict sl_guard_judge(sl_guard *g, const sl_guard_try *t, int64_t now_ms);

#endif
