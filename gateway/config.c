#include "gateway/config.h"

#define ROW(n, t, f, ...)                                                           \
    {                                                                               \
        .name = n, .type = t, .offset = offsetof(sl_gateway_config, f), __VA_ARGS__ \
    }

/* clang-format off */
const sl_option sl_gateway_options[] = {
    ROW("instance", SL_OPT_INT, instance, .def = "0", .min = 0, .max = 9999, .help = "Number of this gateway among all gateways; it chooses the reply partitions. In Kubernetes: the StatefulSet's ordinal."),
    ROW("loops", SL_OPT_INT, loops, .def = "1", .min = 1, .max = 64, .help = "Event loops, each a thread with its own listener and reply partition."),
    ROW("log.level", SL_OPT_ENUM, log_level, .def = "info", .choices = "debug|info|warn|error|off", .reloadable = true, .help = "Least level that is logged."),
    ROW("http.listen", SL_OPT_STR, http_listen, .def = "127.0.0.1:8080", .help = "Address and port of the OpenAI-compatible API."),
    ROW("http.tls_cert", SL_OPT_STR, http_tls_cert, .def = "", .help = "PEM certificate chain, read again on SIGHUP and when it changes; empty: plain HTTP."),
    ROW("http.tls_key", SL_OPT_STR, http_tls_key, .def = "", .help = "PEM private key of that certificate, read again on SIGHUP and when it changes."),
    ROW("http.tls_client_ca", SL_OPT_STR, http_tls_client_ca, .def = "", .help = "PEM certificates of the authorities whose client certificates are asked for, read again on SIGHUP and when it changes; empty: none is."),
    ROW("http.tls_client_auth", SL_OPT_ENUM, http_tls_client_auth, .def = "required", .choices = "required|optional", .help = "Whether every client must show a certificate of http.tls_client_ca, or may."),
    ROW("http.connections", SL_OPT_INT, http_connections, .def = "4096", .min = 1, .max = 1000000, .help = "Open client connections a loop; the next one is answered 503."),
    ROW("admin.listen", SL_OPT_STR, admin_listen, .def = "", .help = "Another address for /health, /health/readiness, /metrics and /admin; empty: the API's."),
    ROW("admin.auth", SL_OPT_BOOL, admin_auth, .def = "false", .help = "Ask for a key of role operator, auditor or admin at /metrics too."),
    ROW("access.failures", SL_OPT_INT, access_failures, .def = "8", .min = 0, .max = 1000000, .help = "Wrong API keys that an address may send within ten minutes before each further one begins a pause; 0: no pauses."),
    ROW("access.pause_ms", SL_OPT_INT, access_pause_ms, .def = "250", .min = 1, .max = 3600000, .unit = "ms", .help = "The first pause; each further one is twice as long. Keys that were right from the address before go on."),
    ROW("access.pause_most_ms", SL_OPT_INT, access_pause_most_ms, .def = "32000", .min = 1, .max = 3600000, .unit = "ms", .help = "The longest pause."),
    ROW("limits.body_bytes", SL_OPT_INT, body_bytes, .def = "1000000", .min = 1024, .max = 1048576, .unit = "bytes", .help = "Largest request body; a larger one is answered 413."),
    ROW("limits.deadline_ms", SL_OPT_INT, deadline_ms, .def = "600000", .min = 1000, .max = 86400000, .unit = "ms", .help = "How long a request may take before it is answered 504."),
    ROW("bus.private.bootstrap", SL_OPT_STR, private_bootstrap, .def = "127.0.0.1:9092", .help = "Kafka brokers of the private cloud, host:port,…"),
    ROW("bus.private.properties", SL_OPT_MAP, private_properties, .def = "", .help = "librdkafka properties for the private bus (TLS files and the like)."),
    ROW("bus.public.bootstrap", SL_OPT_STR, public_bootstrap, .def = "", .help = "Kafka brokers of the public class; empty: the private ones (one cluster)."),
    ROW("bus.public.properties", SL_OPT_MAP, public_properties, .def = "", .help = "librdkafka properties for the public bus."),
    ROW("keyring", SL_OPT_STR, keyring, .def = "", .help = "Keyring file (mode 0600) with the keys that encrypt records; read again when it changes."),
    ROW("encrypt.private", SL_OPT_BOOL, encrypt_private, .def = "false", .help = "Encrypt records of the private class; plain ones are then refused."),
    ROW("encrypt.public", SL_OPT_BOOL, encrypt_public, .def = "true", .help = "Encrypt records of the public class; plain ones are then refused."),
    ROW("policy", SL_OPT_STR, policy, .def = "", .help = "Policy file (YAML); read again on SIGHUP and when it changes. Empty: the built-in policy."),
    ROW("classifier.model", SL_OPT_STR, classifier_model, .def = "", .help = "Weights of the learned second opinion; the policy says from which score it raises (contextual). Empty: the built-in ones."),
    ROW("classifier.cache", SL_OPT_STR, classifier_cache, .def = "", .help = "Directory for compiled patterns, so that a start takes milliseconds; writable by this user alone. Empty: SLUICE_CACHE_DIR, else sluice under XDG_CACHE_HOME or ~/.cache."),
    ROW("keys", SL_OPT_STR, keys, .def = "", .help = "API key file that `sluice keys` writes; read again when it changes. Empty: no HTTP request is let in."),
    ROW("ingress.topics", SL_OPT_LIST, ingress_topics, .def = "llm.ingress.v1", .help = "Ingress topics that this gateway reads; empty: no Kafka front."),
    ROW("ingress.group", SL_OPT_STR, ingress_group, .def = "gateway-ingress", .help = "Consumer group of the Kafka front."),
    ROW("ingress.inflight", SL_OPT_INT, ingress_inflight, .def = "256", .min = 1, .max = 100000, .help = "Ingress records in hand at once."),
    ROW("presence.timeout_ms", SL_OPT_INT, presence_timeout_ms, .def = "7000", .min = 1000, .max = 60000, .unit = "ms", .help = "A worker not heard of for this long takes no new requests; requests in flight wait 3 s longer."),
    ROW("idempotency.ttl_ms", SL_OPT_INT, idempotency_ttl_ms, .def = "3600000", .min = 1000, .max = 86400000, .unit = "ms", .help = "How long the result of a request with an Idempotency-Key is kept."),
    ROW("idempotency.bytes", SL_OPT_INT, idempotency_bytes, .def = "67108864", .min = 65536, .max = 4294967296, .unit = "bytes", .help = "Memory for such results; the oldest go first."),
    ROW("drain_ms", SL_OPT_INT, drain_ms, .def = "30000", .min = 0, .max = 3600000, .unit = "ms", .help = "On SIGTERM: how long open requests may take before they are cut with an error."),
    {0},
};
/* clang-format on */
