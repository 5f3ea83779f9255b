/* config.h - the options of sluice-public-worker. Strings belong to the sl_options object. */
#ifndef SL_PUBLIC_WORKER_CONFIG_H
#define SL_PUBLIC_WORKER_CONFIG_H

#include "common/base/options.h"

typedef struct sl_public_config {
    const char *instance;
    int log_level;
    const char *bootstrap;
    sl_option_map properties;
    const char *keyring;
    bool encrypt;
    const char *group;
    int upstream_api; /* index of `upstream.api`: which adapter */
    const char *upstream_url, *upstream_key, *upstream_ca;
    sl_option_map upstream_models; /* name on the bus -> name at the upstream */
    int64_t upstream_concurrency, upstream_retries, upstream_first_byte_ms, upstream_idle_ms;
    const char *tunnel_status; /* "": no tunnel */
    int64_t tunnel_handshake_max_s, tunnel_status_max_s;
    bool tunnel_probe;
    const char *admin_listen;
    int64_t drain_ms, start_ms, coalesce_ms;
} sl_public_config;

extern const sl_option sl_public_options[]; /* ends with name == NULL */
#define SL_PUBLIC_WORKER_SPEC(cfg)                                                           \
    ((sl_options_spec){                                                                      \
        .program = "sluice-public-worker",                                                   \
        .summary = "Answers public requests from Kafka with an OpenAI-compatible upstream.", \
        .table = sl_public_options,                                                          \
        .target = (cfg)})
/* What the table can't say: a URL's shape, at least one model, a keyring where encryption is on. */
sl_status sl_public_config_check(const sl_public_config *c, sl_error *reterr) SL_MUST_CHECK;

#endif
