#include "public-worker/tunnel.h"

#include "common/base/clock.h"
#include "common/base/json.h"

#include <math.h>
#include <stdlib.h>

#define STATUS_MAX 16384

static sl_status no(sl_error *reterr, const char *why)
{
    return sl_fail(reterr, SL_E_UNAVAILABLE, "%s", why);
}

sl_status sl_tunnel_judge(const sl_public_config *c, sl_str text, int64_t now_ms, double *ret_age_s,
                          sl_error *reterr)
{
    sl_jnode *root = NULL;
    int64_t looked_ms, handshake_ms;
    bool up;
    sl_str probe;
    *ret_age_s = (double)INFINITY;
    if (sl_json_parse(&root, text, STATUS_MAX, NULL) != SL_OK)
        return no(reterr, "the status file is no JSON object");
    sl_status st = SL_OK;
    if (!sl_json_i64(sl_json_get(root, "looked_ms"), &looked_ms) ||
        !sl_json_i64(sl_json_get(root, "handshake_ms"), &handshake_ms) ||
        !sl_json_bool(sl_json_get(root, "up"), &up) ||
        !sl_json_str(sl_json_get(root, "probe"), &probe)) {
        st = no(reterr, "the status file lacks looked_ms, handshake_ms, up or probe");
        goto cleanup;
    }
    if (up && handshake_ms > 0)
        *ret_age_s = fmax(0, (double)(now_ms - handshake_ms) / 1000);
    /* From the future: the clock was set, or the file is another machine's. */
    if (llabs((long long)(now_ms - looked_ms)) > c->tunnel_status_max_s * 1000)
        st = no(reterr, "the status file is old: does `sluice tunnel status --every` run?");
    else if (!up)
        st = no(reterr, "the interface is not there");
    else if (handshake_ms <= 0)
        st = no(reterr, "there was no handshake yet");
    else if (*ret_age_s > (double)c->tunnel_handshake_max_s)
        st = no(reterr, "the last handshake is too old");
    else if (c->tunnel_probe && !sl_str_is(probe, "ok") && !sl_str_is(probe, "none"))
        st = no(reterr, "the probe through the tunnel failed");
cleanup:
    sl_json_free(root);
    return st;
}

sl_status sl_tunnel_check(const sl_public_config *c, double *ret_age_s, sl_error *reterr)
{
    sl_buf text = {0};
    *ret_age_s = (double)INFINITY;
    sl_status st = sl_file_read(c->tunnel_status, STATUS_MAX, &text, reterr);
    if (!st)
        st = sl_tunnel_judge(c, sl_buf_str(&text), sl_unix_ms(), ret_age_s, reterr);
    sl_buf_done(&text);
    return st;
}
