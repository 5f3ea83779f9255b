/* loop_internal.h - what the rest of this folder may know of a loop. */
#ifndef SL_HTTP_LOOP_INTERNAL_H
#define SL_HTTP_LOOP_INTERNAL_H

#include "common/http/loop.h"

struct event_base;
struct event_base *sl_loop_base(sl_loop *l);

/* Milliseconds as a timeval; negative counts as 0. */
struct timeval sl_loop_timeval(int64_t ms);

#endif
