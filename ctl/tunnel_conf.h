/* tunnel_conf.h - what `sluice tunnel` needs of deploy/wireguard's tunnel.conf.
 *
 * wg.sh judges the file; this reader takes the few names it needs and passes over the rest.
 * Threads: plain data. */
#ifndef SL_CTL_TUNNEL_CONF_H
#define SL_CTL_TUNNEL_CONF_H

#include "common/base/buf.h"

typedef struct sl_tunnel_conf {
    char path[512], folder[512]; /* keys and `active` lie in the folder */
    char side[16], shape[16], interface[16], address[16], peer_address[16], ports[128];
} sl_tunnel_conf;

sl_status sl_tunnel_conf_read(sl_tunnel_conf *ret, const char *path,
                              sl_error *reterr) SL_MUST_CHECK;
sl_status sl_tunnel_conf_parse(sl_tunnel_conf *ret, sl_str text, sl_error *reterr) SL_MUST_CHECK;
/* The slot in a file of the folder ("active", "rotating"); `none` when the file is not there. */
sl_status sl_tunnel_slot(const sl_tunnel_conf *c, const char *file, char none, char *ret,
                         sl_error *reterr) SL_MUST_CHECK;
/* Does this end dial the bus (and can try it)? Otherwise it listens. */
bool sl_tunnel_dials(const sl_tunnel_conf *c);
/* A WireGuard key in base64: 43 characters and "=". */
bool sl_tunnel_key_valid(sl_str key);

#endif
