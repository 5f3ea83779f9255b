#include "private-worker/config.h"

#include <stddef.h>
#include <stdio.h>

#define AT(field) offsetof(sl_private_config, field)

/* clang-format off */
const sl_option sl_private_options[] = {
    {.name = "instance", .type = SL_OPT_STR, .offset = AT(instance), .def = "0",
     .help = "Name of this process among the private workers; unique, it stands in presence and audit records."},
    {.name = "log.level", .type = SL_OPT_ENUM, .offset = AT(log_level), .def = "info", .choices = "debug|info|warn|error|off", .reloadable = true,
     .help = "Least level of log lines."},
    {.name = "http.listen", .type = SL_OPT_STR, .offset = AT(http_listen), .def = "",
     .help = "Serve the OpenAI API on this address instead of reading the bus (--http for short)."},
    {.name = "http.keys", .type = SL_OPT_LIST, .offset = AT(http_keys), .def = "", .secret = true, .reloadable = true,
     .help = "API keys that the HTTP mode takes; none: every caller is let in."},
    {.name = "model.path", .type = SL_OPT_STR, .offset = AT(model_path), .def = "",
     .help = "The model, a .gguf file."},
    {.name = "model.name", .type = SL_OPT_STR, .offset = AT(model_name), .def = "",
     .help = "Name under which the model is offered; empty: the file's own."},
    {.name = "engine.threads", .type = SL_OPT_INT, .offset = AT(threads), .def = "0", .min = 0, .max = 1024,
     .help = "Threads of the engine; 0: all cores."},
    {.name = "engine.slots", .type = SL_OPT_INT, .offset = AT(slots), .def = "8", .min = 1, .max = 1024,
     .help = "Requests that run at once."},
    {.name = "engine.context", .type = SL_OPT_INT, .offset = AT(context), .def = "0", .min = 0, .max = 1048576, .unit = "tokens",
     .help = "Longest prompt with its answer; 0: the model's, at most 8,192."},
    {.name = "engine.queue", .type = SL_OPT_INT, .offset = AT(queue), .def = "64", .min = 1, .max = 65536,
     .help = "Requests that may wait for a slot in HTTP mode; the next one is answered 503."},
    {.name = "bus.bootstrap", .type = SL_OPT_STR, .offset = AT(bootstrap), .def = "127.0.0.1:9092",
     .help = "Brokers of the private bus, host:port, comma-separated."},
    {.name = "bus.properties", .type = SL_OPT_MAP, .offset = AT(properties), .def = "",
     .help = "librdkafka properties of the bus: security.protocol, ssl.ca.location and the like."},
    {.name = "keyring", .type = SL_OPT_STR, .offset = AT(keyring), .def = "",
     .help = "Key file (mode 0600); needed where encrypt is on. Read again when it changes."},
    {.name = "encrypt", .type = SL_OPT_BOOL, .offset = AT(encrypt), .def = "false",
     .help = "Refuse plain requests and encrypt every answer."},
    {.name = "group", .type = SL_OPT_STR, .offset = AT(group), .def = "private-workers",
     .help = "Consumer group that shares the requests."},
    {.name = "admin.listen", .type = SL_OPT_STR, .offset = AT(admin_listen), .def = "",
     .help = "Address for /health, /health/readiness and /metrics; empty: none (in HTTP mode they stand beside the API)."},
    {.name = "coalesce_ms", .type = SL_OPT_INT, .offset = AT(coalesce_ms), .def = "20", .min = 0, .max = 1000, .unit = "ms",
     .help = "Text that follows the first is gathered this long into one record; 0: each piece at once."},
    {.name = "drain_ms", .type = SL_OPT_INT, .offset = AT(drain_ms), .def = "25000", .min = 0, .max = 3600000, .unit = "ms",
     .help = "On SIGTERM: longest time to finish what runs."},
    {.name = "start_ms", .type = SL_OPT_INT, .offset = AT(start_ms), .def = "60000", .min = 0, .max = 3600000, .unit = "ms",
     .help = "At start: how long to wait for a bus that does not answer yet."},
    {0},
};
/* clang-format on */

void sl_private_short_forms(int argc, char **argv)
{
    static char whole[] = "--http.listen", joined[320];
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--http") == 0) {
            argv[i] = whole;
        } else if (strncmp(argv[i], "--http=", 7) == 0 && strlen(argv[i] + 7) < 256) {
            (void)snprintf(joined, sizeof(joined), "--http.listen=%s", argv[i] + 7);
            argv[i] = joined;
        }
    }
}

sl_status sl_private_config_check(const sl_private_config *c, sl_error *reterr)
{
    if (!c->model_path[0])
        return sl_fail(reterr, SL_E_INVALID, "model.path names no model; give a .gguf file");
    if (!c->instance[0])
        return sl_fail(reterr, SL_E_INVALID, "instance is empty");
    if (!c->http_listen[0] && c->encrypt && !c->keyring[0])
        return sl_fail(reterr, SL_E_INVALID,
                       "encrypt is on: name a key file in keyring ('sluice keys' makes one)");
    for (size_t i = 0; i < c->http_keys.n; i++)
        if (strlen(c->http_keys.v[i]) < 8)
            return sl_fail(reterr, SL_E_INVALID, "http.keys: key %zu has fewer than 8 characters",
                           i + 1);
    return SL_OK;
}
