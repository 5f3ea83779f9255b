/* A model's text side: prompts to tokens, tokens to text. */
#include "private-worker/engine/model.h"

#include <stdlib.h>

static sl_status encode(const sl_model *m, sl_str text, const sl_span *plain, size_t plain_n,
                        bool add_bos, sl_ids *out, sl_error *err)
{
    if (add_bos && sl_tokenizer_bos(m->tokenizer) >= 0) {
        if (!sl_ids_reserve(out, 1))
            return sl_fail(err, SL_E_NOMEM, "no memory for the tokens");
        sl_ids_push(out, sl_tokenizer_bos(m->tokenizer));
    }
    return sl_tokenizer_encode(m->tokenizer, text, plain, plain_n, out, err);
}

sl_status sl_model_prompt(const sl_model *m, const sl_chat *chat, sl_ids *out, sl_error *reterr)
{
    if (chat->kind == SL_COMPLETION) {
        sl_span all = {0, chat->prompt.n};
        return encode(m, chat->prompt, &all, 1, sl_tokenizer_add_bos(m->tokenizer), out, reterr);
    }
    sl_prompt p = {0};
    sl_status st = sl_template_render(m->template, chat, &p, reterr);
    if (!st) /* a template writes its BOS itself */
        st = encode(m, sl_buf_str(&p.text), p.plain, p.plain_n, false, out, reterr);
    sl_prompt_done(&p);
    return st;
}

sl_status sl_model_tokenize(const sl_model *m, sl_str text, bool special, bool add_bos,
                            int32_t **ret, size_t *ret_n, sl_error *reterr)
{
    sl_ids ids = {0};
    sl_span all = {0, text.n};
    sl_status st = encode(m, text, &all, special ? 0 : 1, add_bos, &ids, reterr);
    if (!st && !sl_ids_reserve(&ids, 1)) /* never NULL */
        st = sl_fail(reterr, SL_E_NOMEM, "no memory for the tokens");
    if (st) {
        free(ids.v);
        return st;
    }
    *ret = ids.v;
    *ret_n = ids.n;
    return SL_OK;
}

sl_status sl_model_detokenize(const sl_model *m, const int32_t *ids, size_t n, sl_buf *out,
                              sl_error *reterr)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= m->h.vocab)
            return sl_fail(reterr, SL_E_INVALID, "token %d is not one of the model's %d", ids[i],
                           m->h.vocab);
        sl_buf_add_str(out, sl_tokenizer_bytes(m->tokenizer, ids[i]));
    }
    return sl_buf_ok(out) ? SL_OK : sl_fail(reterr, SL_E_NOMEM, "no memory for the text");
}

sl_status sl_model_render(const sl_model *m, const sl_chat *chat, sl_buf *out, sl_error *reterr)
{
    if (chat->kind == SL_COMPLETION) {
        sl_buf_add_str(out, chat->prompt);
        return sl_buf_ok(out) ? SL_OK : sl_fail(reterr, SL_E_NOMEM, "no memory for the prompt");
    }
    sl_prompt p = {0};
    sl_status st = sl_template_render(m->template, chat, &p, reterr);
    if (!st)
        sl_buf_add_str(out, sl_buf_str(&p.text));
    sl_prompt_done(&p);
    if (!st && !sl_buf_ok(out))
        st = sl_fail(reterr, SL_E_NOMEM, "no memory for the prompt");
    return st;
}
