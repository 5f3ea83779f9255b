/* trace.h - is a trace header that came from outside well-formed?
 *
 * What is not is left out: a broken traceparent begins no trace, and without one a tracestate has
 * no meaning. Source: W3C Trace Context (Recommendation 2021), sections 3.2 and 3.3.
 * Threads: pure functions. */
#ifndef SL_GATEWAY_TRACE_H
#define SL_GATEWAY_TRACE_H

#include "common/base/buf.h"

#define SL_TRACE_STATE_MAX 512 /* characters; the least that every party must pass on */

/* version "-" trace-id "-" parent-id "-" flags; ids not all zero, version not ff. A later version
 * is taken when it has the same length. */
bool sl_trace_parent_ok(sl_str s);
/* Up to 32 members key "=" value, blanks around them, empty ones allowed. */
bool sl_trace_state_ok(sl_str s);
/* Empties what is malformed, and the state without a parent. */
void sl_trace_check(sl_str *parent, sl_str *state);

#endif
