#include "private-worker/engine/tokenizer.h"
#include "private-worker/engine/pretoken.h"

#include <stdlib.h>
#include <utf8proc.h>

#define ENDS_MAX 8

struct sl_tokenizer {
    sl_vocab *vocab;
    sl_pretoken *pre;
    int32_t bos, ends[ENDS_MAX];
    int ends_n;
    bool add_bos;
};

/* ---- opening ---- */
static sl_status read_id(const sl_tokenizer *t, const sl_gguf *g, const char *key, int32_t *ret,
                         sl_error *err)
{
    uint64_t v = UINT64_MAX;
    sl_status st = sl_gguf_uint(g, key, false, 0, (uint64_t)sl_vocab_size(t->vocab) - 1, &v, err);
    *ret = v == UINT64_MAX ? -1 : (int32_t)v;
    return st;
}

static void add_end(sl_tokenizer *t, int32_t id)
{
    if (id >= 0 && t->ends_n < ENDS_MAX && !sl_tokenizer_ends(t, id))
        t->ends[t->ends_n++] = id;
}

/* Files name one end token; chat models end turns with others of their family too. */
static sl_status read_ends(sl_tokenizer *t, const sl_gguf *g, sl_error *err)
{
    static const char *const names[] = {"<|im_end|>", "<|endoftext|>", "<|eot_id|>",
                                        "<|end_of_text|>"};
    static const char *const keys[] = {"tokenizer.ggml.eos_token_id",
                                       "tokenizer.ggml.eot_token_id"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        int32_t id;
        sl_status st = read_id(t, g, keys[i], &id, err);
        if (st)
            return st;
        add_end(t, id);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        add_end(t, sl_vocab_special(t->vocab, names[i], strlen(names[i])));
    return t->ends_n ? SL_OK
                     : sl_fail(err, SL_E_INVALID,
                               "the file names no end token (tokenizer.ggml.eos_token_id)");
}

static sl_status open_all(sl_tokenizer *t, const sl_gguf *g, sl_error *err)
{
    sl_str model = {0}, pre = SL_STR("default");
    sl_status st = sl_gguf_text(g, "tokenizer.ggml.model", true, &model, err);
    if (st)
        return st;
    if (!sl_str_is(model, "gpt2"))
        return sl_fail(
            err, SL_E_UNSUPPORTED,
            "tokenizer.ggml.model is not \"gpt2\" (byte-level BPE), the one that this build has");
    if ((st = sl_gguf_text(g, "tokenizer.ggml.pre", false, &pre, err)) ||
        (st = sl_pretoken_open(&t->pre, pre, err)) || (st = sl_vocab_open(&t->vocab, g, err)) ||
        (st = read_id(t, g, "tokenizer.ggml.bos_token_id", &t->bos, err)) ||
        (st = read_ends(t, g, err)))
        return st;
    t->add_bos = sl_pretoken_add_bos(t->pre);
    if ((st = sl_gguf_bool(g, "tokenizer.ggml.add_bos_token", &t->add_bos, err)))
        return st;
    if (t->add_bos && t->bos < 0)
        return sl_fail(err, SL_E_INVALID,
                       "the file wants a BOS token but names none (tokenizer.ggml.bos_token_id)");
    return SL_OK;
}

sl_status sl_tokenizer_open(sl_tokenizer **ret, const sl_gguf *g, sl_error *reterr)
{
    sl_tokenizer *t = calloc(1, sizeof(*t));
    if (!t)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the tokenizer");
    sl_status st = open_all(t, g, reterr);
    if (st) {
        sl_tokenizer_free(t);
        return st;
    }
    *ret = t;
    return SL_OK;
}

void sl_tokenizer_free(sl_tokenizer *t)
{
    if (!t)
        return;
    sl_vocab_free(t->vocab);
    sl_pretoken_free(t->pre);
    free(t);
}

const sl_vocab *sl_tokenizer_vocab(const sl_tokenizer *t)
{
    return t->vocab;
}
bool sl_tokenizer_add_bos(const sl_tokenizer *t)
{
    return t->add_bos;
}
int32_t sl_tokenizer_bos(const sl_tokenizer *t)
{
    return t->bos;
}
sl_str sl_tokenizer_bytes(const sl_tokenizer *t, int32_t id)
{
    return sl_vocab_bytes(t->vocab, id);
}

bool sl_tokenizer_ends(const sl_tokenizer *t, int32_t id)
{
    for (int i = 0; i < t->ends_n; i++)
        if (t->ends[i] == id)
            return true;
    return false;
}

/* ---- encoding ---- */
typedef struct encoder {
    const sl_tokenizer *t;
    sl_bpe bpe;
    sl_ids *out;
    sl_error *err;
} encoder;

static sl_status encode_piece(void *arg, const char *p, size_t n)
{
    encoder *e = arg;
    int32_t id = sl_pretoken_ignore_merges(e->t->pre) ? sl_vocab_find(e->t->vocab, p, n) : -1;
    sl_status st = SL_OK;
    if (id < 0)
        st = sl_bpe_encode(&e->bpe, e->t->vocab, p, n, e->out);
    else if (sl_ids_reserve(e->out, 1))
        sl_ids_push(e->out, id);
    else
        st = SL_E_NOMEM;
    return st ? sl_fail(e->err, st, "a piece of %zu bytes could not be tokenised", n) : SL_OK;
}

/* Text without control tokens. */
static sl_status encode_text(encoder *e, sl_str s)
{
    if (!s.n)
        return SL_OK;
    if (!sl_pretoken_nfc(e->t->pre))
        return sl_pretoken_scan(e->t->pre, s, encode_piece, e, e->err);
    utf8proc_uint8_t *nfc = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &nfc,
                                      UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n < 0)
        return sl_fail(e->err, SL_E_INVALID, "the text could not be normalised (%d)", (int)n);
    sl_status st = sl_pretoken_scan(e->t->pre, (sl_str){(const char *)nfc, (size_t)n}, encode_piece,
                                    e, e->err);
    free(nfc);
    return st;
}

/* Walks the parts of text that are not plain and calls control tokens by name. */
static sl_status encode_all(encoder *e, sl_str s, const sl_span *plain, size_t plain_n)
{
    size_t from = 0, at = 0;
    for (size_t k = 0; k <= plain_n; k++) {
        size_t end = k < plain_n ? plain[k].off : s.n;
        while (at < end) {
            int32_t id = sl_vocab_match_special(e->t->vocab, s.p + at, end - at);
            if (id < 0) {
                at++;
                continue;
            }
            sl_status st = encode_text(e, (sl_str){s.p + from, at - from});
            if (st)
                return st;
            if (!sl_ids_reserve(e->out, 1))
                return sl_fail(e->err, SL_E_NOMEM, "no memory for the tokens");
            sl_ids_push(e->out, id);
            at += sl_vocab_bytes(e->t->vocab, id).n;
            from = at;
        }
        at = k < plain_n ? plain[k].off + plain[k].n : s.n;
    }
    return encode_text(e, (sl_str){s.p + from, s.n - from});
}

sl_status sl_tokenizer_encode(const sl_tokenizer *t, sl_str text, const sl_span *plain,
                              size_t plain_n, sl_ids *out, sl_error *reterr)
{
    if (!sl_utf8_valid(text.p, text.n))
        return sl_fail(reterr, SL_E_INVALID, "the text is not valid UTF-8");
    encoder e = {.t = t, .out = out, .err = reterr};
    size_t before = out->n;
    sl_status st = encode_all(&e, text, plain, plain_n);
    sl_bpe_done(&e.bpe);
    if (st)
        out->n = before;
    return st;
}
