#include "public-worker/config.h"

#include <stddef.h>

#define AT(field) offsetof(sl_public_config, field)

/* clang-format off */
const sl_option sl_public_options[] = {
    {.name = "instance", .type = SL_OPT_STR, .offset = AT(instance), .def = "0",
     .help = "Name of this process among the public workers; unique, it stands in presence and audit records."},
    {.name = "log.level", .type = SL_OPT_ENUM, .offset = AT(log_level), .def = "info", .choices = "debug|info|warn|error|off", .reloadable = true,
     .help = "Least level of log lines."},
    {.name = "bus.bootstrap", .type = SL_OPT_STR, .offset = AT(bootstrap), .def = "127.0.0.1:9092",
     .help = "Brokers of the public bus, host:port, comma-separated."},
    {.name = "bus.properties", .type = SL_OPT_MAP, .offset = AT(properties), .def = "",
     .help = "librdkafka properties of the bus: security.protocol, ssl.ca.location and the like."},
    {.name = "keyring", .type = SL_OPT_STR, .offset = AT(keyring), .def = "",
     .help = "Key file (mode 0600) with keys of class public alone. Read again when it changes."},
    {.name = "encrypt", .type = SL_OPT_BOOL, .offset = AT(encrypt), .def = "true",
     .help = "Refuse plain requests and encrypt every answer."},
    {.name = "group", .type = SL_OPT_STR, .offset = AT(group), .def = "public-workers",
     .help = "Consumer group that shares the requests."},
    {.name = "upstream.api", .type = SL_OPT_ENUM, .offset = AT(upstream_api), .def = "openai", .choices = "openai",
     .help = "The upstream's kind of API."},
    {.name = "upstream.url", .type = SL_OPT_STR, .offset = AT(upstream_url), .def = "",
     .help = "Base address of the upstream, as far as /v1: https://api.example.com/v1."},
    {.name = "upstream.key", .type = SL_OPT_STR, .offset = AT(upstream_key), .def = "", .secret = true, .reloadable = true,
     .help = "API key of the upstream; in YAML take it from the environment with ${NAME}."},
    {.name = "upstream.ca", .type = SL_OPT_STR, .offset = AT(upstream_ca), .def = "",
     .help = "CA file for the upstream's certificate; empty: the system's."},
    {.name = "upstream.models", .type = SL_OPT_MAP, .offset = AT(upstream_models), .def = "",
     .help = "Models on offer: name on the bus to name at the upstream."},
    {.name = "upstream.concurrency", .type = SL_OPT_INT, .offset = AT(upstream_concurrency), .def = "32", .min = 1, .max = 4096, .reloadable = true,
     .help = "Most requests at the upstream at once."},
    {.name = "upstream.retries", .type = SL_OPT_INT, .offset = AT(upstream_retries), .def = "3", .min = 0, .max = 20, .reloadable = true,
     .help = "Further tries of a request that failed before the first byte of its answer."},
    {.name = "upstream.first_byte_ms", .type = SL_OPT_INT, .offset = AT(upstream_first_byte_ms), .def = "60000", .min = 10, .max = 3600000, .unit = "ms", .reloadable = true,
     .help = "Longest wait for the first byte of an answer."},
    {.name = "upstream.idle_ms", .type = SL_OPT_INT, .offset = AT(upstream_idle_ms), .def = "60000", .min = 10, .max = 3600000, .unit = "ms", .reloadable = true,
     .help = "Longest silence within an answer."},
    {.name = "tunnel.status_file", .type = SL_OPT_STR, .offset = AT(tunnel_status), .def = "",
     .help = "File that 'sluice tunnel status --status-file' keeps writing: ready only while the tunnel is well; empty: no tunnel."},
    {.name = "tunnel.handshake_max_s", .type = SL_OPT_INT, .offset = AT(tunnel_handshake_max_s), .def = "180", .min = 1, .max = 86400, .unit = "s", .reloadable = true,
     .help = "Oldest handshake of a tunnel that is well. WireGuard passes nothing with one older than 180 s."},
    {.name = "tunnel.status_max_s", .type = SL_OPT_INT, .offset = AT(tunnel_status_max_s), .def = "30", .min = 1, .max = 86400, .unit = "s", .reloadable = true,
     .help = "Age at which that file counts as no answer."},
    {.name = "tunnel.probe", .type = SL_OPT_BOOL, .offset = AT(tunnel_probe), .def = "true", .reloadable = true,
     .help = "Not ready either while that file tells of a probe through the tunnel that failed."},
    {.name = "admin.listen", .type = SL_OPT_STR, .offset = AT(admin_listen), .def = "127.0.0.1:9182",
     .help = "Address for /health, /health/readiness and /metrics; empty: none."},
    {.name = "coalesce_ms", .type = SL_OPT_INT, .offset = AT(coalesce_ms), .def = "20", .min = 0, .max = 1000, .unit = "ms",
     .help = "Text that follows the first is gathered this long into one record; 0: each piece at once."},
    {.name = "drain_ms", .type = SL_OPT_INT, .offset = AT(drain_ms), .def = "25000", .min = 0, .max = 3600000, .unit = "ms",
     .help = "On SIGTERM: longest time to finish what runs."},
    {.name = "start_ms", .type = SL_OPT_INT, .offset = AT(start_ms), .def = "60000", .min = 0, .max = 3600000, .unit = "ms",
     .help = "At start: how long to wait for a bus that does not answer yet."},
    {0},
};
/* clang-format on */

sl_status sl_public_config_check(const sl_public_config *c, sl_error *reterr)
{
    sl_str url = sl_str_c(c->upstream_url);
    if (!sl_str_prefix(url, SL_STR("http://")) && !sl_str_prefix(url, SL_STR("https://")))
        return sl_fail(reterr, SL_E_INVALID,
                       "upstream.url must begin with http:// or https:// and end with /v1");
    if (!c->upstream_models.n)
        return sl_fail(reterr, SL_E_INVALID,
                       "upstream.models names no model; add a line NAME: NAME_AT_THE_UPSTREAM");
    if (c->upstream_models.n > 32)
        return sl_fail(reterr, SL_E_TOO_LARGE, "upstream.models has more than 32 models");
    for (size_t i = 0; i < c->upstream_models.n; i++)
        if (!c->upstream_models.v[i].value[0])
            return sl_fail(reterr, SL_E_INVALID, "upstream.models: %s has no name at the upstream",
                           c->upstream_models.v[i].name);
    for (const char *p = c->upstream_key; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 127)
            return sl_fail(reterr, SL_E_INVALID,
                           "upstream.key holds a blank or a control character");
    if (c->encrypt && !c->keyring[0])
        return sl_fail(reterr, SL_E_INVALID,
                       "encrypt is on: name a key file in keyring ('sluice keys' makes one)");
    if (!c->instance[0])
        return sl_fail(reterr, SL_E_INVALID, "instance is empty");
    return SL_OK;
}
