/* log.h - one JSON object a line on standard error.
 *
 * Libraries return errors; daemons log them once. Bodies, keys and tenants' texts never go here.
 * A line: {"time":"…","level":"info","daemon":"sluice-gateway","event":"…","msg":"…",fields…}.
 * The level is tested before anything is formatted. A line is written with one write(2).
 * Threads: any. */
#ifndef SL_BASE_LOG_H
#define SL_BASE_LOG_H

#include "common/base/status.h"

#include <stdint.h>

typedef enum sl_log_level {
    SL_LOG_DEBUG,
    SL_LOG_INFO,
    SL_LOG_WARN,
    SL_LOG_ERROR,
    SL_LOG_OFF
} sl_log_level;

void sl_log_open(const char *daemon, sl_log_level level);
void sl_log_set_level(sl_log_level level);
bool sl_log_level_parse(const char *name, sl_log_level *ret); /* debug|info|warn|error|off */
bool sl_log_on(sl_log_level level);

/* Context that a line carries besides its message; zeroed fields are left out. */
typedef struct sl_log_ctx {
    const char *id;    /* request id */
    const char *topic; /* with partition and offset */
    int32_t partition;
    int64_t offset;
} sl_log_ctx;

void sl_log_write(sl_log_level level, const sl_log_ctx *ctx, const char *event, const char *fmt,
                  ...) SL_PRINTF(4, 5);

/* `event` is a fixed snake_case word that operators search for. */
#define SL_LOG(level, ctx, event, ...)                    \
    do {                                                  \
        if (sl_log_on(level))                             \
            sl_log_write(level, ctx, event, __VA_ARGS__); \
    } while (0)
#define SL_DEBUG(ctx, event, ...) SL_LOG(SL_LOG_DEBUG, ctx, event, __VA_ARGS__)
#define SL_INFO(ctx, event, ...)  SL_LOG(SL_LOG_INFO, ctx, event, __VA_ARGS__)
#define SL_WARN(ctx, event, ...)  SL_LOG(SL_LOG_WARN, ctx, event, __VA_ARGS__)
#define SL_ERROR(ctx, event, ...) SL_LOG(SL_LOG_ERROR, ctx, event, __VA_ARGS__)

/* For errors that can repeat: at most one line a second for each call site; the next one that is
 * written says how many were left out. */
typedef struct sl_log_limit {
    int64_t next_ms;
    uint32_t skipped;
} sl_log_limit;
bool sl_log_allow(sl_log_limit *limit, uint32_t *ret_skipped);

#endif
