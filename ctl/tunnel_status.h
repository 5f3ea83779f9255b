/* tunnel_status.h - how the tunnel is: what `wg` says of it, and one round trip through it.
 *
 * Only `wg show` with one field at a time is asked: its `dump` would hand over the private key.
 * Threads: plain data; sl_tunnel_look blocks for some ms, a probe for up to 2 s. */
#ifndef SL_CTL_TUNNEL_STATUS_H
#define SL_CTL_TUNNEL_STATUS_H

#include "ctl/tunnel_conf.h"

typedef enum sl_probe { SL_PROBE_NONE, SL_PROBE_OK, SL_PROBE_RESET, SL_PROBE_SILENT } sl_probe;

typedef struct sl_tunnel_state {
    char interface[17], peer[48], endpoint[72], probed[80]; /* interface with its slot */
    char slot, rotating;                                    /* rotating: 0 when none is */
    bool up;                                                /* the interface is there */
    int64_t handshake_s;                                    /* Unix; 0: never */
    uint64_t received, sent;
    int64_t now_ms; /* Unix, when it was looked */
    sl_probe probe;
    double probe_ms;
} sl_tunnel_state;

/* One line of `wg show IF FIELD`: the peer, then one or two values. False when there is none. */
bool sl_tunnel_field(sl_str text, char *peer, size_t peer_size, char *value, size_t value_size);
/* When the slot's last handshake was (Unix seconds, 0: never) and how many bytes came. */
sl_status sl_tunnel_traffic(const sl_tunnel_conf *c, char slot, int64_t *handshake_s,
                            uint64_t *received, uint64_t *sent, sl_error *reterr) SL_MUST_CHECK;
/* probe: "ADDRESS:PORT", "" for the bus where this end dials it, "none". */
sl_status sl_tunnel_look(const sl_tunnel_conf *c, const char *probe, sl_tunnel_state *ret,
                         sl_error *reterr) SL_MUST_CHECK;
double sl_tunnel_age_s(const sl_tunnel_state *s); /* of the handshake; infinite: never */
bool sl_tunnel_well(const sl_tunnel_state *s, int64_t age_max_s);

void sl_tunnel_text(const sl_tunnel_conf *c, const sl_tunnel_state *s, int64_t age_max_s,
                    sl_buf *out);
void sl_tunnel_json(const sl_tunnel_conf *c, const sl_tunnel_state *s, int64_t age_max_s,
                    sl_buf *out);
void sl_tunnel_metrics(const sl_tunnel_state *s, int64_t age_max_s, sl_buf *out);

#endif
