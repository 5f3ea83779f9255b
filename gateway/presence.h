/* presence.h - which workers live, by class and model, as their presence records tell.
 *
 * Fed by one thread, asked by all. A worker is live for `timeout_ms` after its last record, by
 * this process's monotonic clock: clocks of other hosts do not matter. Threads: any (a mutex
 * inside). */
#ifndef SL_GATEWAY_PRESENCE_H
#define SL_GATEWAY_PRESENCE_H

#include "schemas/audit.h"

#define SL_PRESENCE_WORKERS_MAX 1024 /* a class; the one silent longest gives way */

typedef struct sl_presence_view sl_presence_view;
sl_status sl_presence_view_open(sl_presence_view **ret, int64_t timeout_ms) SL_MUST_CHECK;
void sl_presence_view_free(sl_presence_view *v);
void sl_presence_view_heard(sl_presence_view *v, sl_class c, const sl_presence *p, int64_t now_ms);
/* Is there a worker that has the model? Draining ones count only with `grace_ms` > 0, which also
 * lengthens the time-out: for requests that are in flight already. */
bool sl_presence_view_live(sl_presence_view *v, sl_class c, sl_str model, int64_t now_ms,
                           int64_t grace_ms);
/* Would any worker that may be given a request now accept this key id? False without workers. */
bool sl_presence_view_knows(sl_presence_view *v, sl_class c, sl_str kid, int64_t now_ms);
/* Live workers that take new requests: draining ones do not count. */
int sl_presence_view_count(sl_presence_view *v, sl_class c, int64_t now_ms);

#endif
