#include "common/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {
    [SL_OK] = "ok",
    [SL_E_INVALID] = "invalid",
    [SL_E_NOMEM] = "out_of_memory",
    [SL_E_IO] = "io",
    [SL_E_NOT_FOUND] = "not_found",
    [SL_E_FULL] = "full",
    [SL_E_TIMEOUT] = "timeout",
    [SL_E_CLOSED] = "closed",
    [SL_E_DENIED] = "denied",
    [SL_E_UNAVAILABLE] = "unavailable",
    [SL_E_UNSUPPORTED] = "unsupported",
    [SL_E_CORRUPT] = "corrupt",
    [SL_E_UNAUTHENTIC] = "unauthentic",
    [SL_E_UNKNOWN_KEY] = "unknown_key",
    [SL_E_TOO_LARGE] = "too_large",
    [SL_E_CONFLICT] = "conflict",
    [SL_E_INTERNAL] = "internal",
};

const char *sl_status_name(sl_status code)
{
    if ((unsigned)code >= sizeof(status_names) / sizeof(status_names[0]) || !status_names[code])
        return "unknown";
    return status_names[code];
}

sl_status sl_fail(sl_error *reterr, sl_status code, const char *fmt, ...)
{
    if (!reterr)
        return code;
    va_list ap;
    va_start(ap, fmt);
    char text[sizeof(reterr->text)];
    vsnprintf(text, sizeof(text), fmt, ap); /* a copy first: fmt's arguments may be reterr->text */
    va_end(ap);
    *reterr = (sl_error){.code = code,
                         .retriable =
                             code == SL_E_FULL || code == SL_E_TIMEOUT || code == SL_E_UNAVAILABLE};
    memcpy(reterr->text, text, sizeof(text));
    return code;
}

void sl_error_prefix(sl_error *err, const char *fmt, ...)
{
    if (!err)
        return;
    char text[sizeof(err->text)];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(text))
        return;
    snprintf(text + n, sizeof(text) - (size_t)n, ": %s", err->text);
    memcpy(err->text, text, sizeof(text));
}
