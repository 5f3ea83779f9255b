#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/jsonw.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_MESSAGE 2048 /* longer messages are cut: a line stays under PIPE_BUF in most cases */

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};
static atomic_int log_level = SL_LOG_INFO;
static char log_daemon[64] = "sluice"; /* written before the first thread starts */

void sl_log_open(const char *daemon, sl_log_level level)
{
    snprintf(log_daemon, sizeof(log_daemon), "%s", daemon);
    sl_log_set_level(level);
}

void sl_log_set_level(sl_log_level level)
{
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

bool sl_log_level_parse(const char *name, sl_log_level *ret)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (sl_log_level)i;
            return true;
        }
    return false;
}

bool sl_log_on(sl_log_level level)
{
    return (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed) &&
           level < SL_LOG_OFF;
}

static void write_line(const sl_buf *line)
{
    ssize_t n;
    do
        n = write(STDERR_FILENO, line->data, line->len);
    while (n < 0 && errno == EINTR);
    /* Nothing can be told when even standard error fails; the daemon goes on. */
}

void sl_log_write(sl_log_level level, const sl_log_ctx *ctx, const char *event, const char *fmt,
                  ...)
{
    if (!sl_log_on(level))
        return;
    int saved = errno; /* a log line between a failed call and its errno must not change it */
    char msg[LOG_MESSAGE], time[SL_TIME_TEXT];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    size_t msg_n = n < 0 ? 0 : strlen(msg);
    if (n >= (int)sizeof(msg))
        msg_n = sl_utf8_complete(msg, msg_n);

    sl_buf line = {0};
    sl_jsonw w = sl_jsonw_on(&line);
    sl_time_format(time, sl_unix_us());
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "time", time);
    sl_jsonw_cstr(&w, "level", level_names[level]);
    sl_jsonw_cstr(&w, "daemon", log_daemon);
    sl_jsonw_cstr(&w, "event", event);
    sl_jsonw_str(&w, "msg", (sl_str){msg, msg_n});
    if (ctx && ctx->id)
        sl_jsonw_cstr(&w, "id", ctx->id);
    if (ctx && ctx->topic) {
        sl_jsonw_cstr(&w, "topic", ctx->topic);
        sl_jsonw_i64(&w, "partition", ctx->partition);
        sl_jsonw_i64(&w, "offset", ctx->offset);
    }
    sl_jsonw_end_obj(&w);
    sl_buf_addc(&line, '\n');
    if (sl_buf_ok(&line))
        write_line(&line);
    sl_buf_done(&line);
    errno = saved;
}

bool sl_log_allow(sl_log_limit *limit, uint32_t *ret_skipped)
{
    /* Callers keep the limit in a static; two threads may race for a second, which costs at most
     * one line too many or a miscounted skip, never a crash. */
    int64_t now = sl_mono_ms();
    int64_t next = __atomic_load_n(&limit->next_ms, __ATOMIC_RELAXED);
    if (now < next || !__atomic_compare_exchange_n(&limit->next_ms, &next, now + 1000, false,
                                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        __atomic_fetch_add(&limit->skipped, 1, __ATOMIC_RELAXED);
        return false;
    }
    *ret_skipped = __atomic_exchange_n(&limit->skipped, 0, __ATOMIC_RELAXED);
    return true;
}
