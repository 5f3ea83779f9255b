#include "private-worker/engine/model.h"

#include "common/base/options.h" /* SL_VERSION */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

/* Bounds of hyperparameters: past what any model of this family has, and small enough that products
 * of two fit an int. */
#define LAYERS_MAX   1024
#define WIDTH_MAX    (1 << 17)
#define HEADS_MAX    1024
#define HEAD_DIM_MAX 256 /* the CPU kernels' accumulators */
#define CONTEXT_MAX  (1 << 24)

/* ---- hyperparameters ---- */
static sl_status read_int(const sl_gguf *g, const char *key, bool required, int lo, int hi,
                          int *ret, sl_error *err)
{
    uint64_t v = (uint64_t)(*ret < 0 ? 0 : *ret);
    sl_status st = sl_gguf_uint(g, key, required, (uint64_t)lo, (uint64_t)hi, &v, err);
    if (!st)
        *ret = (int)v;
    return st;
}

static sl_status read_sizes(const sl_gguf *g, sl_hparams *h, sl_error *err)
{
    const struct {
        const char *key;
        int hi, *to;
    } must[] = {
        {"llama.block_count", LAYERS_MAX, &h->layers},
        {"llama.context_length", CONTEXT_MAX, &h->context},
        {"llama.embedding_length", WIDTH_MAX, &h->hidden},
        {"llama.feed_forward_length", WIDTH_MAX, &h->ffn},
        {"llama.attention.head_count", HEADS_MAX, &h->heads},
    };
    sl_status st;
    for (size_t i = 0; i < sizeof(must) / sizeof(must[0]); i++)
        if ((st = read_int(g, must[i].key, true, 1, must[i].hi, must[i].to, err)))
            return st;
    h->kv_heads = h->heads;
    if ((st = read_int(g, "llama.attention.head_count_kv", false, 1, HEADS_MAX, &h->kv_heads, err)))
        return st;
    if (h->heads % h->kv_heads)
        return sl_fail(err, SL_E_INVALID, "%d attention heads cannot share %d KV heads", h->heads,
                       h->kv_heads);
    h->head_dim = h->hidden / h->heads;
    int value_dim;
    if ((st = read_int(g, "llama.attention.key_length", false, 1, HEAD_DIM_MAX, &h->head_dim, err)))
        return st;
    value_dim = h->head_dim;
    if ((st = read_int(g, "llama.attention.value_length", false, 1, HEAD_DIM_MAX, &value_dim, err)))
        return st;
    h->rope_dims = h->head_dim;
    if ((st =
             read_int(g, "llama.rope.dimension_count", false, 2, HEAD_DIM_MAX, &h->rope_dims, err)))
        return st;
    if (h->head_dim < 2 || h->head_dim > HEAD_DIM_MAX || value_dim != h->head_dim ||
        h->rope_dims > h->head_dim || h->rope_dims % 2)
        return sl_fail(err, SL_E_UNSUPPORTED,
                       "head sizes: keys %d, values %d, rotated %d; they must be equal or the last "
                       "smaller, even, at most %d",
                       h->head_dim, value_dim, h->rope_dims, HEAD_DIM_MAX);
    return SL_OK;
}

static sl_status read_hparams(const sl_gguf *g, sl_hparams *h, sl_error *err)
{
    sl_str arch = {0};
    sl_status st = sl_gguf_text(g, "general.architecture", true, &arch, err);
    if (st)
        return st;
    if (!sl_str_is(arch, "llama"))
        return sl_fail(err, SL_E_UNSUPPORTED,
                       "general.architecture is not \"llama\", the one that this build runs");
    uint64_t experts = 0;
    if ((st = sl_gguf_uint(g, "llama.expert_count", false, 0, UINT32_MAX, &experts, err)))
        return st;
    if (experts)
        return sl_fail(err, SL_E_UNSUPPORTED, "llama with experts is not supported");
    double eps = 0;
    if ((st = sl_gguf_float(g, "llama.attention.layer_norm_rms_epsilon", true, 0, 1, &eps, err)))
        return st;
    h->eps = (float)eps;
    return read_sizes(g, h, err);
}

/* ---- weights ---- */
typedef struct loader {
    sl_model *m;
    bool *used; /* tensors of the file that have found their place */
    sl_error *err;
} loader;

static sl_status need(loader *l, const char *name, int cols, int rows, bool vector, sl_weight *ret)
{
    const sl_gguf_tensor *t = sl_gguf_tensor_find(l->m->file, name);
    if (!t)
        return sl_fail(l->err, SL_E_INVALID, "tensor %s is missing", name);
    if (t->dims[0] != (uint64_t)cols || t->dims[1] != (uint64_t)rows || t->dims[2] != 1 ||
        t->dims[3] != 1)
        return sl_fail(l->err, SL_E_INVALID,
                       "tensor %s is %llu x %llu; the hyperparameters say %d x %d", name,
                       (unsigned long long)t->dims[0], (unsigned long long)t->dims[1], cols, rows);
    if (vector && t->type != SL_F32)
        return sl_fail(l->err, SL_E_UNSUPPORTED, "tensor %s is %s; it must be F32", name,
                       sl_dtype_name(t->type));
    if (!vector && cols % 32)
        return sl_fail(l->err, SL_E_UNSUPPORTED,
                       "tensor %s has rows of %d elements: not a multiple of 32", name, cols);
    *ret = (sl_weight){.buf = l->m->weights,
                       .off = (size_t)((const char *)t->data - sl_gguf_bytes(l->m->file).p),
                       .type = (sl_dtype)t->type,
                       .rows = rows,
                       .cols = cols};
    l->used[t - sl_gguf_tensor_at(l->m->file, 0)] = true;
    return SL_OK;
}

static sl_status load_layer(loader *l, int i)
{
    const sl_hparams *h = &l->m->h;
    sl_layer *y = &l->m->layers[i];
    int qd = h->heads * h->head_dim, kvd = h->kv_heads * h->head_dim;
    const struct {
        const char *name;
        int cols, rows;
        bool vector;
        sl_weight *to;
    } parts[] = {
        {"attn_norm", h->hidden, 1, true, &y->attn_norm},
        {"attn_q", h->hidden, qd, false, &y->q},
        {"attn_k", h->hidden, kvd, false, &y->k},
        {"attn_v", h->hidden, kvd, false, &y->v},
        {"attn_output", qd, h->hidden, false, &y->o},
        {"ffn_norm", h->hidden, 1, true, &y->ffn_norm},
        {"ffn_gate", h->hidden, h->ffn, false, &y->gate},
        {"ffn_up", h->hidden, h->ffn, false, &y->up},
        {"ffn_down", h->ffn, h->hidden, false, &y->down},
    };
    for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
        char name[64];
        snprintf(name, sizeof(name), "blk.%d.%s.weight", i, parts[p].name);
        sl_status st = need(l, name, parts[p].cols, parts[p].rows, parts[p].vector, parts[p].to);
        if (st)
            return st;
    }
    return SL_OK;
}

/* A tensor that found no place would change the answer if it were used (a bias, say): running
 * without it would be silently wrong. */
static sl_status refuse_strangers(const loader *l)
{
    for (size_t i = 0; i < sl_gguf_tensors(l->m->file); i++) {
        const sl_gguf_tensor *t = sl_gguf_tensor_at(l->m->file, i);
        if (!l->used[i])
            return sl_fail(l->err, SL_E_UNSUPPORTED,
                           "tensor %.*s has no place in a llama of %d layers", (int)t->name.n,
                           t->name.p, l->m->h.layers);
    }
    return SL_OK;
}

static sl_status load_weights(loader *l)
{
    sl_model *m = l->m;
    const sl_gguf_tensor *embed = sl_gguf_tensor_find(m->file, "token_embd.weight");
    if (!embed)
        return sl_fail(l->err, SL_E_INVALID, "tensor token_embd.weight is missing");
    if (embed->dims[1] > INT32_MAX / 2)
        return sl_fail(l->err, SL_E_INVALID, "tensor token_embd.weight has too many rows");
    m->h.vocab = (int)embed->dims[1];
    if (m->h.vocab != sl_vocab_size(sl_tokenizer_vocab(m->tokenizer)))
        return sl_fail(l->err, SL_E_INVALID, "token_embd.weight has %d rows for %d tokens",
                       m->h.vocab, sl_vocab_size(sl_tokenizer_vocab(m->tokenizer)));
    m->layers = calloc((size_t)m->h.layers, sizeof(*m->layers));
    if (!m->layers)
        return sl_fail(l->err, SL_E_NOMEM, "no memory for the layer table");
    sl_status st = need(l, "token_embd.weight", m->h.hidden, m->h.vocab, false, &m->embed);
    if (!st)
        st = need(l, "output_norm.weight", m->h.hidden, 1, true, &m->out_norm);
    m->head = m->embed; /* tied, unless the file has its own */
    if (!st && sl_gguf_tensor_find(m->file, "output.weight"))
        st = need(l, "output.weight", m->h.hidden, m->h.vocab, false, &m->head);
    for (int i = 0; !st && i < m->h.layers; i++)
        st = load_layer(l, i);
    return st;
}

/* ---- rotary frequencies ---- */
static sl_status load_rope(loader *l)
{
    sl_model *m = l->m;
    double base = 10000, factor = 1;
    sl_str scaling = SL_STR("none");
    sl_status st = sl_gguf_float(m->file, "llama.rope.freq_base", false, 1, 1e12, &base, l->err);
    if (st || (st = sl_gguf_text(m->file, "llama.rope.scaling.type", false, &scaling, l->err)) ||
        (st = sl_gguf_float(m->file, "llama.rope.scaling.factor", false, 1e-3, 1e6, &factor,
                            l->err)))
        return st;
    if (!sl_str_is(scaling, "none") && !sl_str_is(scaling, "linear"))
        return sl_fail(l->err, SL_E_UNSUPPORTED,
                       "llama.rope.scaling.type is neither \"none\" nor \"linear\"");
    int n = m->h.rope_dims / 2;
    const float *divide = NULL; /* Llama 3.1 stores what each frequency is divided by */
    if (sl_gguf_tensor_find(m->file, "rope_freqs.weight")) {
        sl_weight w;
        if ((st = need(l, "rope_freqs.weight", n, 1, true, &w)))
            return st;
        divide = (const float *)(const void *)(sl_gguf_bytes(m->file).p + w.off);
    }
    m->rope_freq = calloc((size_t)n, sizeof(*m->rope_freq));
    if (!m->rope_freq)
        return sl_fail(l->err, SL_E_NOMEM, "no memory for the rotary frequencies");
    for (int i = 0; i < n; i++) {
        double f = pow(base, -2.0 * i / m->h.rope_dims);
        if (sl_str_is(scaling, "linear"))
            f /= factor;
        if (divide && !(divide[i] > 0))
            return sl_fail(l->err, SL_E_INVALID, "rope_freqs.weight[%d] is not above 0", i);
        m->rope_freq[i] = (float)(divide ? f / divide[i] : f);
    }
    return SL_OK;
}

static sl_status load_tensors(sl_model *m, sl_error *err)
{
    loader l = {.m = m, .err = err, .used = calloc(sl_gguf_tensors(m->file) + 1, sizeof(bool))};
    if (!l.used)
        return sl_fail(err, SL_E_NOMEM, "no memory for the tensor table");
    sl_status st = load_weights(&l);
    if (!st)
        st = load_rope(&l);
    if (!st)
        st = refuse_strangers(&l);
    free(l.used);
    return st;
}

/* ---- identity ---- */
/* Equal ids promise equal answers. The whole file is hashed: a changed weight is a changed model.
 * */
static void make_env(sl_model *m)
{
    sl_str file = sl_gguf_bytes(m->file);
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(file.p, file.n));
    char hex[33], text[256];
    sl_hex_encode(hex, &digest, sizeof(digest));
    int n = snprintf(text, sizeof(text), "sluice-engine %s %s %s %s", SL_VERSION,
                     m->backend->ops->arithmetic(m->backend), hex, sl_template_digest(m->template));
    XXH128_canonicalFromHash(&digest, XXH3_128bits(text, (size_t)n));
    sl_hex_encode(m->env, &digest, sizeof(digest));
}

/* general.name where it is plain text of one line, else the file's base name. */
static sl_status make_name(sl_model *m, const char *path, sl_error *err)
{
    sl_str name = {0};
    sl_status st = sl_gguf_text(m->file, "general.name", false, &name, err);
    if (st)
        return st;
    bool plain = name.n && name.n < sizeof(m->name) && sl_utf8_valid(name.p, name.n);
    for (size_t i = 0; plain && i < name.n; i++)
        plain = (unsigned char)name.p[i] >= ' ' && name.p[i] != 127;
    const char *slash = strrchr(path, '/');
    if (!plain)
        name = sl_str_c(slash ? slash + 1 : path);
    snprintf(m->name, sizeof(m->name), "%.*s", (int)name.n, name.p);
    return SL_OK;
}

/* ---- opening ---- */
static sl_status open_all(sl_model *m, const sl_model_options *opt, sl_error *err)
{
    sl_str text = {0}, bytes;
    sl_status st = sl_backend_open(opt->backend ? opt->backend : "cpu", &m->backend, err);
    if (st || (st = sl_gguf_open(&m->file, opt->path, err)))
        return st;
    bytes = sl_gguf_bytes(m->file);
    if ((st = m->backend->ops->buffer_map(m->backend, bytes.p, bytes.n, &m->weights, err)) ||
        (st = read_hparams(m->file, &m->h, err)) ||
        (st = sl_tokenizer_open(&m->tokenizer, m->file, err)) || (st = load_tensors(m, err)) ||
        (st = sl_gguf_text(m->file, "tokenizer.chat_template", false, &text, err)) ||
        (st = make_name(m, opt->path, err)))
        return st;
    int32_t bos = sl_tokenizer_bos(m->tokenizer);
    st = sl_template_open(&m->template, text,
                          bos < 0 ? (sl_str){"", 0} : sl_tokenizer_bytes(m->tokenizer, bos), err);
    if (!st)
        make_env(m);
    return st;
}

sl_status sl_model_open(sl_model **ret, const sl_model_options *opt, sl_error *reterr)
{
    if (!opt->path)
        return sl_fail(reterr, SL_E_INVALID, "no model file is given");
    sl_model *m = calloc(1, sizeof(*m));
    if (!m)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the model");
    sl_error err = {0};
    sl_status st = open_all(m, opt, &err);
    if (st) {
        if (m->file) /* sl_gguf_open names the file itself */
            sl_error_prefix(&err, "%s", opt->path);
        if (reterr)
            *reterr = err;
        sl_model_free(m);
        return st;
    }
    *ret = m;
    return SL_OK;
}

void sl_model_free(sl_model *m)
{
    if (!m)
        return;
    sl_template_free(m->template);
    sl_tokenizer_free(m->tokenizer);
    free(m->rope_freq);
    free(m->layers);
    if (m->backend) {
        m->backend->ops->buffer_free(m->weights);
        m->backend->ops->free(m->backend);
    }
    sl_gguf_free(m->file);
    free(m);
}

const char *sl_model_env(const sl_model *m)
{
    return m->env;
}
int sl_model_context(const sl_model *m)
{
    return m->h.context;
}
const char *sl_model_name(const sl_model *m)
{
    return m->name;
}
size_t sl_model_vocab(const sl_model *m)
{
    return (size_t)m->h.vocab;
}
