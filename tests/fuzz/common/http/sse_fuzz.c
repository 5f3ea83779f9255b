/* sse_fuzz.c - the event-stream splitter: any bytes, cut anywhere, give the same events.
 *
 * Byte 0 is the size of the pieces of the second pass; the rest is the stream. */
#include "common/http/client.h"

#include <stdlib.h>

#define EVENT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool collect(void *arg, sl_str data)
{
    sl_buf *out = arg;
    sl_buf_add_u64(out, data.n);
    sl_buf_addc(out, ':');
    sl_buf_add_str(out, data);
    return true;
}

static sl_status split(sl_str in, size_t piece, sl_buf *out)
{
    sl_sse s = {0};
    sl_status st = SL_OK;
    for (size_t at = 0; at < in.n && st == SL_OK; at += piece) {
        /* a copy of its own size, so that a read past its end is seen */
        size_t n = in.n - at < piece ? in.n - at : piece;
        char *part = malloc(n);
        memcpy(part, in.p + at, n);
        st = sl_sse_feed(&s, (sl_str){part, n}, EVENT_MAX, collect, out, NULL);
        free(part);
    }
    sl_sse_done(&s);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_buf whole = {0}, cut = {0};
    sl_str in;
    sl_status a, b;
    if (size < 2)
        return 0;
    in = (sl_str){(const char *)data + 1, size - 1};
    a = split(in, in.n, &whole);
    b = split(in, (size_t)data[0] + 1, &cut);
    if (a != b || !sl_str_eq(sl_buf_str(&whole), sl_buf_str(&cut)))
        abort();
    sl_buf_done(&whole);
    sl_buf_done(&cut);
    return 0;
}
