/* Text of users: what goes in comes out, control tokens never come from plain text, and the stream
 * side gives valid UTF-8 whatever the bytes. The tiny model is read from tests/data. */
#include "private-worker/engine/textout.h"
#include "private-worker/engine/tokenizer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sl_tokenizer *tokenizer(void)
{
    static sl_tokenizer *t;
    static sl_gguf *g;
    if (!t && (sl_gguf_open(&g, "tests/data/engine/tiny-llama.gguf", NULL) ||
               sl_tokenizer_open(&t, g, NULL)))
        abort(); /* run it from the repository's root */
    return t;
}

static void check_tokens(sl_str text, bool plain)
{
    sl_tokenizer *t = tokenizer();
    sl_span all = {0, text.n};
    sl_ids ids = {0};
    sl_buf back = {0};
    sl_status st = sl_tokenizer_encode(t, text, &all, plain ? 1 : 0, &ids, NULL);
    if ((st == SL_OK) != sl_utf8_valid(text.p, text.n))
        abort();
    for (size_t i = 0; !st && i < ids.n; i++) {
        if (plain && sl_vocab_type(sl_tokenizer_vocab(t), ids.v[i]) == SL_TOKEN_CONTROL)
            abort();
        sl_buf_add_str(&back, sl_tokenizer_bytes(t, ids.v[i]));
    }
    if (!st && !sl_str_eq(sl_buf_str(&back), text))
        abort();
    sl_buf_done(&back);
    free(ids.v);
}

/* The bytes in tokens of 1 to 5, against a stop string made of their own beginning. */
static void check_stream(const uint8_t *data, size_t size)
{
    sl_textout t;
    sl_buf out = {0};
    sl_str stops[2] = {{(const char *)data, size < 3 ? size : 3}, SL_STR("ab")};
    bool valid = sl_utf8_valid(stops[0].p, stops[0].n);
    if (sl_textout_init(&t, stops + !valid, 1 + valid))
        return;
    for (size_t i = 0, n; i < size; i += n) {
        n = 1 + data[i] % 5;
        n = n < size - i ? n : size - i;
        if (sl_textout_push(&t, (sl_str){(const char *)data + i, n}))
            abort();
        sl_textout_take(&t, &out);
        if (!sl_utf8_valid(out.data, out.len))
            abort();
    }
    if (sl_textout_finish(&t))
        abort();
    sl_textout_take(&t, &out);
    if (!sl_utf8_valid(out.data, out.len) || (out.len && memmem(out.data, out.len, "ab", 2)))
        abort();
    sl_textout_done(&t);
    sl_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_tokens((sl_str){(const char *)data, size}, true);
    check_tokens((sl_str){(const char *)data, size}, false);
    check_stream(data, size);
    return 0;
}
