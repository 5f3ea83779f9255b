/* gateway.h - one gateway process: buses, snapshots, loops; start, serve, drain.
 *
 * Threads: sl_gateway_run uses the calling thread for loop 0 and starts the others. */
#ifndef SL_GATEWAY_GATEWAY_H
#define SL_GATEWAY_GATEWAY_H

#include "gateway/config.h"

typedef struct sl_gateway sl_gateway;
/* Waits for the buses (at most 30 s), reads the reply partitions' ends, then opens the ports. */
sl_status sl_gateway_open(sl_gateway **ret, const sl_gateway_config *cfg, sl_options *options,
                          sl_error *reterr) SL_MUST_CHECK;
int sl_gateway_port(const sl_gateway *g); /* of loop 0, where http.listen says port 0 */
/* Serves until SIGTERM or SIGINT, then drains; a second signal cuts short. */
void sl_gateway_run(sl_gateway *g);
void sl_gateway_stop(sl_gateway *g); /* from any thread: as SIGTERM */
void sl_gateway_free(sl_gateway *g);

#endif
