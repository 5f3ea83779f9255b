/* trace_fuzz.c - trace headers of any bytes: what is let through is short, printable ASCII without
 * anything that could end a header. First byte: where the parent ends. */
#include "gateway/trace.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void printable(sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] > '~')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t n = data[0] < size - 1 ? data[0] : size - 1;
    sl_str parent = {(const char *)data + 1, n};
    sl_str state = {(const char *)data + 1 + n, size - 1 - n};
    sl_trace_check(&parent, &state);
    if (parent.p && parent.n != 55)
        abort();
    if (state.p && (!parent.p || state.n > SL_TRACE_STATE_MAX))
        abort();
    printable(parent);
    printable(state);
    return 0;
}
