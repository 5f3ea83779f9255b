#include "ctl/tunnel_conf.h"

#include <stdio.h>

#define CONF_MAX 65536
#define BLANKS   " \t\r"

static sl_str trim(sl_str s)
{
    while (s.n && strchr(BLANKS, s.p[0]))
        s.p++, s.n--;
    while (s.n && strchr(BLANKS, s.p[s.n - 1]))
        s.n--;
    return s;
}

/* The text up to `stop`, which is taken off the rest. */
static sl_str cut(sl_str *rest, char stop)
{
    const char *at = rest->n ? memchr(rest->p, stop, rest->n) : NULL;
    sl_str head = {rest->p, at ? (size_t)(at - rest->p) : rest->n};
    size_t taken = head.n + (at ? 1 : 0);
    rest->p += taken;
    rest->n -= taken;
    return head;
}

sl_status sl_tunnel_conf_parse(sl_tunnel_conf *ret, sl_str text, sl_error *reterr)
{
    struct {
        const char *name;
        char *value;
        size_t size;
    } rows[] = {{"side", ret->side, sizeof(ret->side)},
                {"shape", ret->shape, sizeof(ret->shape)},
                {"interface", ret->interface, sizeof(ret->interface)},
                {"address", ret->address, sizeof(ret->address)},
                {"peer_address", ret->peer_address, sizeof(ret->peer_address)},
                {"ports", ret->ports, sizeof(ret->ports)}};
    snprintf(ret->shape, sizeof(ret->shape), "two-clusters");
    snprintf(ret->interface, sizeof(ret->interface), "sluice-wg");
    snprintf(ret->ports, sizeof(ret->ports), "9094");
    while (text.n) {
        sl_str rest = cut(&text, '\n');
        rest = cut(&rest, '#');
        sl_str name = trim(cut(&rest, '=')), value = trim(rest);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            if (!sl_str_is(name, rows[i].name))
                continue;
            if (value.n >= rows[i].size)
                return sl_fail(reterr, SL_E_INVALID, "the value of %s is too long", rows[i].name);
            snprintf(rows[i].value, rows[i].size, "%.*s", (int)value.n, value.p);
        }
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!rows[i].value[0])
            return sl_fail(reterr, SL_E_INVALID, "%s is missing", rows[i].name);
    if (strlen(ret->interface) + 1 >= sizeof(ret->interface) || strchr(ret->interface, '/'))
        return sl_fail(reterr, SL_E_INVALID, "'%s' is no name of an interface", ret->interface);
    return SL_OK;
}

sl_status sl_tunnel_conf_read(sl_tunnel_conf *ret, const char *path, sl_error *reterr)
{
    sl_buf text = {0};
    *ret = (sl_tunnel_conf){0};
    const char *slash = strrchr(path, '/');
    if (strlen(path) >= sizeof(ret->path))
        return sl_fail(reterr, SL_E_INVALID, "the path of the configuration is too long");
    snprintf(ret->path, sizeof(ret->path), "%s", path);
    snprintf(ret->folder, sizeof(ret->folder), "%.*s", slash ? (int)(slash - path) : 1,
             slash ? path : ".");
    sl_status st = sl_file_read(path, CONF_MAX, &text, reterr);
    if (!st) {
        st = sl_tunnel_conf_parse(ret, sl_buf_str(&text), reterr);
        if (st)
            sl_error_prefix(reterr, "%s", path);
    }
    sl_buf_done(&text);
    return st;
}

sl_status sl_tunnel_slot(const sl_tunnel_conf *c, const char *file, char none, char *ret,
                         sl_error *reterr)
{
    char path[600];
    sl_buf text = {0};
    snprintf(path, sizeof(path), "%s/%s", c->folder, file);
    sl_status st = sl_file_read(path, 16, &text, reterr);
    sl_str slot =
        trim((sl_str){sl_buf_str(&text).p,
                      text.len && text.data[text.len - 1] == '\n' ? text.len - 1 : text.len});
    if (st == SL_E_NOT_FOUND) {
        *ret = none;
        st = SL_OK;
        if (reterr)
            *reterr = (sl_error){0};
    } else if (!st && (sl_str_is(slot, "a") || sl_str_is(slot, "b"))) {
        *ret = slot.p[0];
    } else if (!st) {
        st = sl_fail(reterr, SL_E_INVALID, "%s holds neither a nor b", path);
    }
    sl_buf_done(&text);
    return st;
}

bool sl_tunnel_dials(const sl_tunnel_conf *c)
{
    return !strcmp(c->side, "private") == !strcmp(c->shape, "two-clusters");
}

bool sl_tunnel_key_valid(sl_str key)
{
    sl_buf bytes = {0};
    bool ok = key.n == 44 && sl_base64_decode(&bytes, key) == SL_OK && bytes.len == 32;
    if (bytes.data)
        explicit_bzero(bytes.data, bytes.cap);
    sl_buf_done(&bytes);
    return ok;
}
