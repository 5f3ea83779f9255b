#include "gateway/metrics.h"

static const char *const classes[] = {"private", "public", NULL};
static const char *const levels[] = {"public", "internal", "confidential", "restricted", NULL};
static const char *const statuses[] = {"2xx", "4xx", "5xx", "gone", NULL};
static const char *const refusals[] = {"unauthorized", "invalid", "no_worker", "limit", "policy", "audit", "other", NULL};
static const char *const replies[] = {"taken", "foreign", "late", "duplicate", "corrupt", "unauthentic", NULL};
static const char *const outcomes[] = {"taken", "refused", NULL};
static const char *const kinds[] = {"input", "output", NULL};
/* From 10 us: the gateway's own share is measured in microseconds. */
static const double overhead_bounds[] = {0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0};
/* OpenTelemetry's gen_ai.client.operation.duration */
static const double duration_bounds[] = {0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 0};

const sl_metric sl_gateway_metrics[SL_GM_N] = {
    [SL_GM_REQUESTS] = {.name = "sluice_requests_total", .kind = SL_COUNTER, .help = "Requests that were decided, by class.", .label = "class", .values = classes},
    [SL_GM_LEVELS] = {.name = "sluice_request_levels_total", .kind = SL_COUNTER, .help = "Requests that were decided, by sensitivity level.", .label = "level", .values = levels},
    [SL_GM_ANSWERS] = {.name = "sluice_answers_total", .kind = SL_COUNTER, .help = "Answers, by status; gone: the client left first.", .label = "status", .values = statuses},
    [SL_GM_REFUSED] = {.name = "sluice_refused_total", .kind = SL_COUNTER, .help = "Requests refused before acceptance, by reason.", .label = "reason", .values = refusals},
    [SL_GM_INFLIGHT] = {.name = "sluice_inflight_requests", .kind = SL_GAUGE, .help = "Requests accepted and not yet answered.", .label = "class", .values = classes},
    [SL_GM_REPLIES] = {.name = "sluice_reply_records_total", .kind = SL_COUNTER, .help = "Chunk records read, by what became of them.", .label = "outcome", .values = replies},
    [SL_GM_SWITCHES] = {.name = "sluice_run_switches_total", .kind = SL_COUNTER, .help = "Requests that were executed more than once.", },
    [SL_GM_CANCELS] = {.name = "sluice_cancels_total", .kind = SL_COUNTER, .help = "Cancel records sent."},
    [SL_GM_AUDIT_FAILED] = {.name = "sluice_audit_failed_total", .kind = SL_COUNTER, .help = "Audit records that Kafka did not acknowledge."},
    [SL_GM_UNCONFIRMED] = {.name = "sluice_unconfirmed_total", .kind = SL_COUNTER, .help = "Requests whose produce was not acknowledged."},
    [SL_GM_BUS_ERRORS] = {.name = "sluice_bus_errors_total", .kind = SL_COUNTER, .help = "Troubles that a bus reported.", .label = "class", .values = classes},
    [SL_GM_WORKERS] = {.name = "sluice_live_workers", .kind = SL_GAUGE, .help = "Workers seen alive.", .label = "class", .values = classes},
    [SL_GM_INGRESS] = {.name = "sluice_ingress_records_total", .kind = SL_COUNTER, .help = "Records read from ingress topics."},
    [SL_GM_EGRESS] = {.name = "sluice_egress_records_total", .kind = SL_COUNTER, .help = "Records written to egress topics."},
    [SL_GM_TOKENS] = {.name = "sluice_tokens_total", .kind = SL_COUNTER, .help = "Tokens that answers report (gen_ai.client.token.usage).", .label = "gen_ai_token_type", .values = kinds},
    [SL_GM_OVERHEAD] = {.name = "sluice_overhead_seconds", .kind = SL_HISTOGRAM, .help = "From a whole request to its record handed to Kafka.", .bounds = overhead_bounds},
    [SL_GM_DECIDE] = {.name = "sluice_decide_seconds", .kind = SL_HISTOGRAM, .help = "Classification and policy.", .bounds = overhead_bounds},
    [SL_GM_DURATION] = {.name = "gen_ai_client_operation_duration_seconds", .kind = SL_HISTOGRAM, .help = "From a whole request to the end of its answer.", .bounds = duration_bounds},
    [SL_GM_FIRST_CHUNK] = {.name = "gen_ai_client_operation_time_to_first_chunk_seconds", .kind = SL_HISTOGRAM, .help = "From a whole request to the first piece of its answer.", .bounds = duration_bounds},
    [SL_GM_POLICY_RELOADS] = {.name = "sluice_policy_reloads_total", .kind = SL_COUNTER, .help = "Policy files read after a change, by outcome.", .label = "outcome", .values = outcomes},
    [SL_GM_CONNECTIONS] = {.name = "sluice_http_connections", .kind = SL_GAUGE, .help = "Open client connections."},
};
