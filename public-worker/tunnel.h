/* tunnel.h - is the tunnel well? As the status file says that root's `sluice tunnel status` writes.
 *
 * The worker needs no right on the network's devices this way: a small file that everybody may read
 * takes the answer from a process that has the right and nothing else. Whatever is wrong with the
 * file (absent, malformed, old) is the answer no. Threads: the loop's. */
#ifndef SL_PUBLIC_WORKER_TUNNEL_H
#define SL_PUBLIC_WORKER_TUNNEL_H

#include "common/base/buf.h"
#include "public-worker/config.h"

/* The text of a status file, read at now_ms (Unix). The handshake's age is infinite when there was
 * none or the text tells nothing. SL_E_UNAVAILABLE: not well, and why. */
sl_status sl_tunnel_judge(const sl_public_config *c, sl_str text, int64_t now_ms, double *ret_age_s,
                          sl_error *reterr) SL_MUST_CHECK;
/* The same with the file of the configuration. */
sl_status sl_tunnel_check(const sl_public_config *c, double *ret_age_s,
                          sl_error *reterr) SL_MUST_CHECK;

#endif
