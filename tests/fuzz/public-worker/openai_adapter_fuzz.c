/* An upstream's stream is bytes from outside: SSE framing, then the adapter's events and errors. */
#include "common/http/client.h"
#include "public-worker/adapter.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_text(void *arg, sl_str content, sl_str reasoning)
{
    /* Strings of the parser are UTF-8: what is passed on may stand in a record. */
    if (!sl_utf8_valid(content.p, content.n) || !sl_utf8_valid(reasoning.p, reasoning.n))
        abort();
}

static void on_chunk(void *arg, sl_str body)
{
    sl_chunk c;
    /* A chunk that the gateway would refuse is allowed to be sent, a crash is not. */
    if (!sl_chunk_parse(&c, body, NULL))
        sl_chunk_done(&c);
}

static bool on_event(void *arg, sl_str data)
{
    return sl_openai_adapter.event(arg, data, NULL) == SL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_sse sse = {0};
    sl_str all = {(const char *)data, size};
    sl_upstream_turn turn = {
        .text = on_text, .chunk = on_chunk, .kind = size & 1 ? SL_COMPLETION : SL_CHAT};
    size_t half = size / 2;
    turn.arg = &turn;
    if (!sl_sse_feed(&sse, (sl_str){all.p, half}, 65536, on_event, &turn, NULL) &&
        sl_sse_feed(&sse, (sl_str){all.p + half, size - half}, 65536, on_event, &turn, NULL))
        turn.done = false;
    sl_sse_done(&sse);
    if (sl_openai_adapter.error(size ? data[0] * 4 : 500, all, NULL) == SL_OK)
        abort();
    return 0;
}
