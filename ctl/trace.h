/* trace.h - one request's hops, read back from the topics, for `sluice send --explain`.
 * Threads: the caller's. */
#ifndef SL_CTL_TRACE_H
#define SL_CTL_TRACE_H

#include "ctl/cmd.h"

/* Prints every hop of `id` with its time since the first, and the checksum verdict. Waits up to
 * wait_ms for the delivery's record. SL_E_TIMEOUT: it did not come.
 * SL_E_CORRUPT: a checksum of its records is wrong. */
sl_status sl_trace_print(const sl_cmd_buses *b, const char *id, int64_t since_ms, int64_t wait_ms,
                         sl_error *reterr) SL_MUST_CHECK;

#endif
