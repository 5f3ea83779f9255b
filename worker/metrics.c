#include "worker/metrics.h"

const char *const sl_wm_ends[] = {"stop",      "length",  "tool_calls", "content_filter",
                                  "cancelled", "expired", "error",      NULL};
const char *const sl_wm_causes[] = {"corrupt",     "unauthentic", "unknown_key", "malformed",
                                    "unsupported", "other",       NULL};
const char *const sl_wm_states[] = {"waiting", "running", "ending", NULL};
const char *const sl_wm_reloads[] = {"taken", "refused", NULL};
const char *const sl_wm_tokens[] = {"prompt", "completion", NULL};

/* Bounds of the OpenTelemetry GenAI conventions. */
const double sl_wm_first_token_bounds[] = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25,
                                           0.5,   0.75,  1.0,  2.5,  5.0,  7.5,  10.0, 0};
const double sl_wm_per_token_bounds[] = {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2,
                                         0.3,  0.4,   0.5,  0.75,  1.0, 2.5,  0};
const double sl_wm_duration_bounds[] = {0.01, 0.02, 0.04,  0.08,  0.16,  0.32,  0.64, 1.28,
                                        2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 0};

void sl_wm_ended(sl_metrics_shard *s, sl_end end, const sl_usage *usage, int64_t taken_us,
                 int64_t first_us, int64_t end_us)
{
    if (!s || end <= SL_END_NONE || end > SL_END_ERROR)
        return;
    sl_metrics_add(s, SL_WM_ENDED, (size_t)end - 1, 1);
    sl_metrics_observe(s, SL_WM_DURATION, 0, (double)(end_us - taken_us) / 1e6);
    if (first_us)
        sl_metrics_observe(s, SL_WM_FIRST_TOKEN, 0, (double)(first_us - taken_us) / 1e6);
    if (!usage)
        return;
    if (usage->prompt_tokens > 0)
        sl_metrics_add(s, SL_WM_TOKENS, 0, (uint64_t)usage->prompt_tokens);
    if (usage->completion_tokens > 0)
        sl_metrics_add(s, SL_WM_TOKENS, 1, (uint64_t)usage->completion_tokens);
    if (first_us && usage->completion_tokens > 1)
        sl_metrics_observe(s, SL_WM_PER_TOKEN, 0,
                           (double)(end_us - first_us) / 1e6 /
                               (double)(usage->completion_tokens - 1));
}

size_t sl_wm_cause(const char *cause)
{
    size_t i = 0;
    while (sl_wm_causes[i + 1] && strcmp(sl_wm_causes[i], cause) != 0)
        i++;
    return i; /* the last one is "other" */
}
