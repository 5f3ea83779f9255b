/* tunnel_rotate.h - new keys for both ends while traffic runs.
 *
 * WireGuard has one key an interface, so the new keys get an interface of their own beside the old
 * one (the other slot: other port, same tunnel address). The two ends talk by lines over the
 * standard input and output of the far end's `sluice tunnel rotate --far`, which the near end
 * starts, over ssh for instance; the preshared key passes there, private keys never do.
 *
 *     near: sluice-tunnel-rotate 1 SLOT PUBLIC-KEY PRESHARED-KEY
 *     far:  ready PUBLIC-KEY         its new interface is up
 *     near: shaken                   the new keys have shaken hands
 *     far:  moved                    its route goes by the new interface
 *     near: retire                   so does the near one's; nothing comes by the old one
 *     far:  done                     the old interface and its keys are gone
 *
 * Until `shaken` a failure takes the new interface away on both ends. After it both stay, either
 * works, and the same command again finishes: what was made is offered once more.
 * Threads: one owner; blocks. */
#ifndef SL_CTL_TUNNEL_ROTATE_H
#define SL_CTL_TUNNEL_ROTATE_H

#include "ctl/tunnel_conf.h"

typedef struct sl_tunnel_rotate_options {
    const sl_tunnel_conf *conf;
    const char *script;      /* wg.sh */
    const char *const *peer; /* the command that starts the far end, ends with NULL; near end */
    int64_t timeout_ms;      /* of one step */
} sl_tunnel_rotate_options;

typedef struct sl_tunnel_rotated {
    char old_slot, new_slot;
    double handshake_ms; /* from the new interface to its handshake */
    double both_ms;      /* as long as both keys were valid at this end */
    double total_ms;
} sl_tunnel_rotated;

/* The first line of the talk, split; false when it is not one. The views borrow the line. */
bool sl_tunnel_offer(sl_str line, char *slot, sl_str *public_key, sl_str *preshared_key);

sl_status sl_tunnel_rotate_near(const sl_tunnel_rotate_options *o, sl_tunnel_rotated *ret,
                                sl_error *reterr) SL_MUST_CHECK;
sl_status sl_tunnel_rotate_far(const sl_tunnel_rotate_options *o, sl_error *reterr) SL_MUST_CHECK;

#endif
