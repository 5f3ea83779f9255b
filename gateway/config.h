/* config.h - the gateway's options; config.c holds the one table that everything derives from. */
#ifndef SL_GATEWAY_CONFIG_H
#define SL_GATEWAY_CONFIG_H

#include "common/base/options.h"

typedef struct sl_gateway_config {
    int64_t instance, loops;
    int log_level;
    const char *http_listen, *http_tls_cert, *http_tls_key, *http_tls_client_ca;
    int64_t http_connections;
    int http_tls_client_auth;
    const char *admin_listen;
    bool admin_auth;
    int64_t access_failures, access_pause_ms, access_pause_most_ms;
    int64_t body_bytes, deadline_ms;
    const char *private_bootstrap, *public_bootstrap;
    sl_option_map private_properties, public_properties;
    const char *keyring;
    bool encrypt_private, encrypt_public;
    const char *policy, *keys;
    const char *classifier_model, *classifier_cache;
    sl_option_list ingress_topics;
    const char *ingress_group;
    int64_t ingress_inflight;
    int64_t presence_timeout_ms;
    int64_t idempotency_ttl_ms, idempotency_bytes;
    int64_t drain_ms;
} sl_gateway_config;

extern const sl_option sl_gateway_options[];

#endif
