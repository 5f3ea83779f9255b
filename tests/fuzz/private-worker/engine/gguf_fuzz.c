/* Model files from outside: the reader, and what is built from its metadata. */
#include "private-worker/engine/template.h"
#include "private-worker/engine/tokenizer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

/* Every getter on a checked file is safe to call. */
static void touch(const sl_gguf *g)
{
    for (size_t i = 0; i < sl_gguf_tensors(g); i++) {
        const sl_gguf_tensor *t = sl_gguf_tensor_at(g, i);
        if (t->bytes)
            sink = (uint8_t)(t->data[0] + t->data[t->bytes - 1]);
    }
    static const char *const keys[] = {"general.name", "general.alignment", "llama.block_count",
                                       "x"};
    for (size_t i = 0; i < 4; i++) {
        uint64_t u = 0;
        double d = 0;
        bool b = false;
        sl_str s = {0};
        const sl_gguf_kv *kv = NULL;
        sl_error err;
        sink = (uint8_t)sl_gguf_uint(g, keys[i], true, 0, 100, &u, &err);
        sink = (uint8_t)sl_gguf_float(g, keys[i], true, 0, 100, &d, &err);
        sink = (uint8_t)sl_gguf_bool(g, keys[i], &b, &err);
        sink = (uint8_t)sl_gguf_text(g, keys[i], true, &s, &err);
        if (!sl_gguf_array(g, keys[i], true, SL_GGUF_STR, 1000, &kv, &err)) {
            const uint8_t *cursor = kv->data;
            for (uint64_t k = 0; k < kv->n; k++)
                s = sl_gguf_next_str(&cursor);
        }
        if (s.n)
            sink = (uint8_t)s.p[s.n - 1];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_gguf *g = NULL;
    sl_tokenizer *t = NULL;
    sl_template *p = NULL;
    sl_str text = {0};
    sl_error err;
    if (sl_gguf_parse(&g, data, size, &err))
        return 0;
    touch(g);
    if (!sl_tokenizer_open(&t, g, &err)) {
        sl_ids ids = {0};
        if (sl_tokenizer_encode(t, SL_STR("The <|im_end|> 12\n x"), NULL, 0, &ids, &err) == SL_OK &&
            ids.n)
            sink = (uint8_t)sl_tokenizer_bytes(t, ids.v[0]).n;
        free(ids.v);
    }
    if (!sl_gguf_text(g, "tokenizer.chat_template", false, &text, &err) &&
        !sl_template_open(&p, text, (sl_str){"", 0}, &err))
        sink = (uint8_t)sl_template_digest(p)[0];
    sl_template_free(p);
    sl_tokenizer_free(t);
    sl_gguf_free(g);
    return 0;
}
