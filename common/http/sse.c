/* sse.c - the event-stream splitter of client.h. A line is copied only when it crosses the border
 * of two feeds. */
#include "common/http/client.h"

/* Field name, colon and blank in front of an event's data. */
#define FIELD_SLACK 16

static sl_status too_large(size_t max, sl_error *reterr)
{
    return sl_fail(reterr, SL_E_TOO_LARGE, "an event of the stream is over %zu bytes", max);
}

/* One line without its end. *go becomes false when fn wants no more. */
static sl_status on_line(sl_sse *s, sl_str line, size_t max, sl_sse_fn fn, void *arg, bool *go,
                         sl_error *reterr)
{
    const char *colon;
    sl_str name, value = {"", 0};

    if (!s->later && sl_str_prefix(line, SL_STR("\xef\xbb\xbf")))
        line = (sl_str){line.p + 3, line.n - 3};
    s->later = true;
    if (line.n == 0) {
        bool has = s->has_data;
        s->has_data = false;
        if (has) {
            *go = fn(arg, sl_buf_str(&s->data));
            sl_buf_clear(&s->data);
        }
        return SL_OK;
    }
    colon = memchr(line.p, ':', line.n);
    name = colon ? (sl_str){line.p, (size_t)(colon - line.p)} : line;
    if (!sl_str_eq(name, SL_STR("data")))
        return SL_OK; /* a comment (empty name) or a field that is of no use here */
    if (colon) {
        value = (sl_str){colon + 1, line.n - name.n - 1};
        if (value.n > 0 && *value.p == ' ')
            value = (sl_str){value.p + 1, value.n - 1};
    }
    if (s->data.len + s->has_data + value.n > max)
        return too_large(max, reterr);
    if (s->has_data)
        sl_buf_addc(&s->data, '\n');
    s->has_data = true;
    sl_buf_add_str(&s->data, value);
    if (!sl_buf_ok(&s->data))
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for an event of the stream");
    return SL_OK;
}

sl_status sl_sse_feed(sl_sse *s, sl_str bytes, size_t max, sl_sse_fn fn, void *arg,
                      sl_error *reterr)
{
    const char *p = bytes.p, *end = bytes.p + bytes.n;
    bool go = true;

    while (p < end && go) {
        const char *lf, *stop;
        sl_str line;
        sl_status st;

        if (s->cr && *p == '\n') {
            s->cr = false;
            p++;
            continue;
        }
        s->cr = false;
        lf = memchr(p, '\n', (size_t)(end - p));
        stop = memchr(p, '\r', (size_t)((lf ? lf : end) - p));
        if (!stop)
            stop = lf ? lf : end;
        line = (sl_str){p, (size_t)(stop - p)};
        if (s->line.len + line.n > max + FIELD_SLACK)
            return too_large(max, reterr);
        if (s->line.len > 0 || stop == end) {
            sl_buf_add_str(&s->line, line);
            if (!sl_buf_ok(&s->line))
                return sl_fail(reterr, SL_E_NOMEM, "out of memory for a line of the stream");
            line = sl_buf_str(&s->line);
        }
        if (stop == end)
            break;
        s->cr = *stop == '\r';
        p = stop + 1;
        st = on_line(s, line, max, fn, arg, &go, reterr);
        sl_buf_clear(&s->line);
        if (st != SL_OK)
            return st;
    }
    return SL_OK;
}

void sl_sse_done(sl_sse *s)
{
    sl_buf_done(&s->line);
    sl_buf_done(&s->data);
    *s = (sl_sse){0};
}
