#include "ctl/tunnel_status.h"

#include "common/base/clock.h"
#include "common/base/jsonw.h"
#include "ctl/child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define WG_MS    5000
#define PROBE_MS 2000

bool sl_tunnel_field(sl_str text, char *peer, size_t peer_size, char *value, size_t value_size)
{
    const char *tab = text.n ? memchr(text.p, '\t', text.n) : NULL;
    if (!tab)
        return false;
    size_t key_n = (size_t)(tab - text.p), rest = text.n - key_n - 1;
    const char *feed = memchr(tab + 1, '\n', rest);
    size_t value_n = feed ? (size_t)(feed - tab - 1) : rest;
    if (key_n >= peer_size || value_n >= value_size)
        return false;
    snprintf(peer, peer_size, "%.*s", (int)key_n, text.p);
    snprintf(value, value_size, "%.*s", (int)value_n, tab + 1);
    return true;
}

/* `wg show INTERFACE FIELD`; value is empty when the interface has no peer. */
static sl_status ask(const char *interface, const char *field, char *peer, size_t peer_size,
                     char *value, size_t value_size, sl_error *reterr)
{
    sl_buf out = {0};
    const char *argv[] = {"wg", "show", interface, field, NULL};
    sl_status st = sl_child_run(argv, WG_MS, &out, reterr);
    value[0] = '\0';
    if (!st)
        (void)sl_tunnel_field(sl_buf_str(&out), peer, peer_size, value, value_size);
    sl_buf_done(&out);
    return st;
}

sl_status sl_tunnel_traffic(const sl_tunnel_conf *c, char slot, int64_t *handshake_s,
                            uint64_t *received, uint64_t *sent, sl_error *reterr)
{
    char interface[18], peer[48], value[64];
    snprintf(interface, sizeof(interface), "%s%c", c->interface, slot);
    *handshake_s = 0;
    *received = *sent = 0;
    sl_status st =
        ask(interface, "latest-handshakes", peer, sizeof(peer), value, sizeof(value), reterr);
    if (st)
        return st;
    (void)sl_parse_i64(sl_str_c(value), handshake_s);
    st = ask(interface, "transfer", peer, sizeof(peer), value, sizeof(value), reterr);
    char *tab = strchr(value, '\t');
    if (!st && tab) {
        (void)sl_parse_u64((sl_str){value, (size_t)(tab - value)}, received);
        (void)sl_parse_u64(sl_str_c(tab + 1), sent);
    }
    return st;
}

static bool address_of(const char *text, struct sockaddr_in *ret)
{
    char host[32];
    uint64_t port;
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof(host) ||
        !sl_parse_u64(sl_str_c(colon + 1), &port) || !port || port > 65535)
        return false;
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &ret->sin_addr) == 1;
}

/* One TCP connection and its round trip. A reset is an answer of the far end too, but the bus does
 * not listen there. */
static sl_probe knock(const struct sockaddr_in *to, double *ret_ms)
{
    sl_probe said = SL_PROBE_SILENT;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
    socklen_t n = sizeof(error);
    int64_t start = sl_mono_us();
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (fd < 0)
        return SL_PROBE_SILENT;
    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
        error = errno;
    if (error == EINPROGRESS && poll(&p, 1, PROBE_MS) == 1)
        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
    *ret_ms = (double)(sl_mono_us() - start) / 1000;
    if (!error)
        said = SL_PROBE_OK;
    else if (error == ECONNREFUSED)
        said = SL_PROBE_RESET;
    close(fd);
    return said;
}

static sl_status probe_it(const sl_tunnel_conf *c, const char *probe, sl_tunnel_state *s,
                          sl_error *reterr)
{
    struct sockaddr_in to;
    if (!strcmp(probe, "none") || (!probe[0] && !sl_tunnel_dials(c)))
        return SL_OK;
    if (probe[0])
        snprintf(s->probed, sizeof(s->probed), "%s", probe);
    else
        snprintf(s->probed, sizeof(s->probed), "%s:%.*s", c->peer_address,
                 (int)strcspn(c->ports, ","), c->ports);
    if (!address_of(s->probed, &to))
        return sl_fail(reterr, SL_E_INVALID, "'%s' is not ADDRESS:PORT", s->probed);
    s->probe = knock(&to, &s->probe_ms);
    return SL_OK;
}

sl_status sl_tunnel_look(const sl_tunnel_conf *c, const char *probe, sl_tunnel_state *ret,
                         sl_error *reterr)
{
    *ret = (sl_tunnel_state){0};
    sl_error none = {0};
    sl_status st = sl_tunnel_slot(c, "active", 'a', &ret->slot, reterr);
    if (!st)
        st = sl_tunnel_slot(c, "rotating", '\0', &ret->rotating, reterr);
    if (st)
        return st;
    snprintf(ret->interface, sizeof(ret->interface), "%s%c", c->interface, ret->slot);
    ret->now_ms = sl_unix_ms();
    st = sl_tunnel_traffic(c, ret->slot, &ret->handshake_s, &ret->received, &ret->sent, &none);
    if (st == SL_E_NOT_FOUND) {
        if (reterr)
            *reterr = none;
        return st;
    }
    if (st && if_nametoindex(ret->interface))
        return sl_fail(reterr, SL_E_DENIED,
                       "%s is there, but wg can't ask it: it takes root or CAP_NET_ADMIN",
                       ret->interface);
    ret->up = !st;
    if (ret->up && ask(ret->interface, "endpoints", ret->peer, sizeof(ret->peer), ret->endpoint,
                       sizeof(ret->endpoint), &none) != SL_OK)
        ret->up = false;
    return ret->up ? probe_it(c, probe, ret, reterr) : SL_OK;
}

double sl_tunnel_age_s(const sl_tunnel_state *s)
{
    double age = (double)(s->now_ms - s->handshake_s * 1000) / 1000;
    if (!s->handshake_s)
        return (double)INFINITY;
    return age < 0 ? 0 : age; /* wg tells whole seconds */
}

bool sl_tunnel_well(const sl_tunnel_state *s, int64_t age_max_s)
{
    return s->up && sl_tunnel_age_s(s) <= (double)age_max_s &&
           (s->probe == SL_PROBE_NONE || s->probe == SL_PROBE_OK);
}

static const char *const probes[] = {"none", "ok", "reset", "silent"};

void sl_tunnel_text(const sl_tunnel_conf *c, const sl_tunnel_state *s, int64_t age_max_s,
                    sl_buf *out)
{
    sl_buf_addf(out, "interface  %s, %s side, %s, %s to %s%s\n", s->interface, c->side, c->shape,
                c->address, c->peer_address, s->up ? "" : "; IT IS NOT THERE");
    if (s->rotating)
        sl_buf_addf(out, "rotation   to slot %c is not finished\n", s->rotating);
    if (!s->up)
        return;
    sl_buf_addf(out, "peer       %s at %s\n", s->peer, s->endpoint);
    if (s->handshake_s)
        sl_buf_addf(out, "handshake  %.0f s ago, limit %lld s%s\n", sl_tunnel_age_s(s),
                    (long long)age_max_s,
                    sl_tunnel_age_s(s) > (double)age_max_s ? "; TOO OLD" : "");
    else
        sl_buf_adds(out, "handshake  NEVER\n");
    sl_buf_addf(out, "received   %llu bytes, sent %llu\n", (unsigned long long)s->received,
                (unsigned long long)s->sent);
    if (s->probe == SL_PROBE_OK)
        sl_buf_addf(out, "probe      %s in %.2f ms\n", s->probed, s->probe_ms);
    else if (s->probe == SL_PROBE_RESET)
        sl_buf_addf(out,
                    "probe      %s REFUSED in %.2f ms: the far end answers, the bus does not\n",
                    s->probed, s->probe_ms);
    else if (s->probe == SL_PROBE_SILENT)
        sl_buf_addf(out, "probe      %s SILENT\n", s->probed);
}

void sl_tunnel_json(const sl_tunnel_conf *c, const sl_tunnel_state *s, int64_t age_max_s,
                    sl_buf *out)
{
    sl_jsonw w = sl_jsonw_on(out);
    char rotating[2] = {s->rotating, '\0'}, slot[2] = {s->slot, '\0'};
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "interface", s->interface);
    sl_jsonw_cstr(&w, "side", c->side);
    sl_jsonw_cstr(&w, "shape", c->shape);
    sl_jsonw_bool(&w, "well", sl_tunnel_well(s, age_max_s));
    sl_jsonw_bool(&w, "up", s->up);
    sl_jsonw_cstr(&w, "slot", slot);
    sl_jsonw_str(&w, "rotating", (sl_str){s->rotating ? rotating : NULL, 1});
    sl_jsonw_cstr(&w, "peer", s->peer);
    sl_jsonw_cstr(&w, "endpoint", s->endpoint);
    sl_jsonw_i64(&w, "looked_ms", s->now_ms);
    sl_jsonw_i64(&w, "handshake_ms", s->handshake_s * 1000);
    if (s->handshake_s)
        sl_jsonw_f64(&w, "handshake_age_s", sl_tunnel_age_s(s));
    else
        sl_jsonw_null(&w, "handshake_age_s");
    sl_jsonw_u64(&w, "received_bytes", s->received);
    sl_jsonw_u64(&w, "sent_bytes", s->sent);
    sl_jsonw_cstr(&w, "probe", probes[s->probe]);
    sl_jsonw_cstr(&w, "probed", s->probed);
    if (s->probe == SL_PROBE_OK || s->probe == SL_PROBE_RESET)
        sl_jsonw_f64(&w, "probe_ms", s->probe_ms);
    else
        sl_jsonw_null(&w, "probe_ms");
    sl_jsonw_end_obj(&w);
    sl_buf_addc(out, '\n');
}

static void metric(sl_buf *out, const sl_tunnel_state *s, const char *name, const char *type,
                   const char *help, double v)
{
    sl_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s{interface=\"%s\"} ", name, help, name, type,
                name, s->interface);
    if (isinf(v))
        sl_buf_adds(out, "+Inf\n");
    else
        sl_buf_addf(out, "%.17g\n", v);
}

void sl_tunnel_metrics(const sl_tunnel_state *s, int64_t age_max_s, sl_buf *out)
{
    metric(out, s, "sluice_tunnel_up", "gauge",
           "1 while the interface is there, its handshake fresh and the probe answered.",
           sl_tunnel_well(s, age_max_s));
    metric(out, s, "sluice_tunnel_handshake_age_seconds", "gauge",
           "Since the last handshake; +Inf: never.", s->up ? sl_tunnel_age_s(s) : (double)INFINITY);
    metric(out, s, "sluice_tunnel_rotating", "gauge", "1 while a rotation is not finished.",
           s->rotating != 0);
    metric(out, s, "sluice_tunnel_received_bytes_total", "counter",
           "Bytes of WireGuard's packets from the far end.", (double)s->received);
    metric(out, s, "sluice_tunnel_sent_bytes_total", "counter",
           "Bytes of WireGuard's packets to the far end.", (double)s->sent);
    if (s->probe == SL_PROBE_NONE)
        return;
    metric(out, s, "sluice_tunnel_probe_success", "gauge",
           "1 when a TCP connection through the tunnel was accepted.", s->probe == SL_PROBE_OK);
    if (s->probe != SL_PROBE_SILENT)
        metric(out, s, "sluice_tunnel_probe_seconds", "gauge", "Round trip of that connection.",
               s->probe_ms / 1000);
}
