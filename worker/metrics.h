/* metrics.h - the metrics that both workers share: the first rows of each daemon's table.
 *
 * A daemon's table begins with SL_WORKER_METRICS and its own enum continues at SL_WM_N.
 * The gen_ai names follow OpenTelemetry's GenAI server metrics. Threads: constants. */
#ifndef SL_WORKER_METRICS_H
#define SL_WORKER_METRICS_H

#include "common/base/metrics.h"
#include "schemas/chat.h"

enum {
    SL_WM_TAKEN,
    SL_WM_ENDED,
    SL_WM_RECORDS,
    SL_WM_BYTES,
    SL_WM_HEARTBEATS,
    SL_WM_CANCELS,
    SL_WM_REJECTED,
    SL_WM_RESTARTS,
    SL_WM_AUDIT_FAILED,
    SL_WM_BUS_ERRORS,
    SL_WM_KEYRING_RELOADS,
    SL_WM_KEY_LEFT,
    SL_WM_JOBS,
    SL_WM_UNSENT,
    SL_WM_DRAINING,
    SL_WM_TOKENS,
    SL_WM_FIRST_TOKEN,
    SL_WM_PER_TOKEN,
    SL_WM_DURATION,
    SL_WM_N
};

extern const char *const sl_wm_ends[];   /* label values, index = sl_end - 1 */
extern const char *const sl_wm_causes[]; /* corrupt, unauthentic, … */
extern const char *const sl_wm_states[];
extern const char *const sl_wm_reloads[];
extern const char *const sl_wm_tokens[];
extern const double sl_wm_first_token_bounds[], sl_wm_per_token_bounds[], sl_wm_duration_bounds[];

/* clang-format off */
#define SL_WORKER_METRICS \
    [SL_WM_TAKEN] = {.name = "sluice_requests_taken_total", .kind = SL_COUNTER, .help = "Requests taken from Kafka (or HTTP)."}, \
    [SL_WM_ENDED] = {.name = "sluice_runs_ended_total", .kind = SL_COUNTER, .help = "Runs that ended, by how.", .label = "end", .values = sl_wm_ends}, \
    [SL_WM_RECORDS] = {.name = "sluice_chunk_records_total", .kind = SL_COUNTER, .help = "Chunk records handed to Kafka, heartbeats and ends included."}, \
    [SL_WM_BYTES] = {.name = "sluice_chunk_bytes_total", .kind = SL_COUNTER, .help = "Bytes of those records' values."}, \
    [SL_WM_HEARTBEATS] = {.name = "sluice_heartbeats_total", .kind = SL_COUNTER, .help = "Heartbeat chunks."}, \
    [SL_WM_CANCELS] = {.name = "sluice_cancels_total", .kind = SL_COUNTER, .help = "Cancel records that were accepted."}, \
    [SL_WM_REJECTED] = {.name = "sluice_records_rejected_total", .kind = SL_COUNTER, .help = "Records that went to the dead-letter topic or were refused, by cause.", .label = "cause", .values = sl_wm_causes}, \
    [SL_WM_RESTARTS] = {.name = "sluice_run_restarts_total", .kind = SL_COUNTER, .help = "Runs given up because Kafka did not take their records; the request was run again."}, \
    [SL_WM_AUDIT_FAILED] = {.name = "sluice_audit_failed_total", .kind = SL_COUNTER, .help = "Audit records that Kafka did not acknowledge."}, \
    [SL_WM_BUS_ERRORS] = {.name = "sluice_bus_errors_total", .kind = SL_COUNTER, .help = "Troubles that the bus reported."}, \
    [SL_WM_KEYRING_RELOADS] = {.name = "sluice_keyring_reloads_total", .kind = SL_COUNTER, .help = "Keyring files read after a change, by outcome.", .label = "outcome", .values = sl_wm_reloads}, \
    [SL_WM_KEY_LEFT] = {.name = "sluice_key_left_seconds", .kind = SL_GAUGE, .help = "How long the key that encrypts may still do so; 0: there is none, as on a plain class."}, \
    [SL_WM_JOBS] = {.name = "sluice_jobs", .kind = SL_GAUGE, .help = "Requests in hand, by state.", .label = "state", .values = sl_wm_states}, \
    [SL_WM_UNSENT] = {.name = "sluice_unsent_bytes", .kind = SL_GAUGE, .help = "Bytes of finished records that wait for room in the producer."}, \
    [SL_WM_DRAINING] = {.name = "sluice_draining", .kind = SL_GAUGE, .help = "1 while the worker takes nothing new and finishes what runs."}, \
    [SL_WM_TOKENS] = {.name = "sluice_tokens_total", .kind = SL_COUNTER, .help = "Tokens of runs that ended, as their usage says.", .label = "kind", .values = sl_wm_tokens}, \
    [SL_WM_FIRST_TOKEN] = {.name = "gen_ai_server_time_to_first_token_seconds", .kind = SL_HISTOGRAM, .help = "From taking a request to its first text.", .bounds = sl_wm_first_token_bounds}, \
    [SL_WM_PER_TOKEN] = {.name = "gen_ai_server_time_per_output_token_seconds", .kind = SL_HISTOGRAM, .help = "Time per token after the first.", .bounds = sl_wm_per_token_bounds}, \
    [SL_WM_DURATION] = {.name = "gen_ai_server_request_duration_seconds", .kind = SL_HISTOGRAM, .help = "From taking a request to the end of its run.", .bounds = sl_wm_duration_bounds}
/* clang-format on */

/* One run's times (monotonic microseconds; first_us 0: no text came) into the three histograms and
 * the counters of ends and tokens. usage may be NULL. */
void sl_wm_ended(sl_metrics_shard *s, sl_end end, const sl_usage *usage, int64_t taken_us,
                 int64_t first_us, int64_t end_us);
size_t sl_wm_cause(const char *cause); /* index for SL_WM_REJECTED */

#endif
