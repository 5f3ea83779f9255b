/* Hostile and broken model files: each ends in its own named error, none in a crash. */
#include "help.h"

#include "private-worker/engine/gguf.h"

#include <sys/mman.h>

static sl_buf original;  /* the tiny model's bytes */
static sl_gguf *parsed;  /* of them */
static size_t infos_end; /* where the tensor table ends */
static size_t data_at;   /* where the data section begins */
static int mutations;

static int load_original(void **state)
{
    OK(sl_file_read(TINY, 4 << 20, &original, err));
    OK(sl_gguf_parse(&parsed, original.data, original.len, err));
    data_at = SIZE_MAX;
    for (size_t i = 0; i < sl_gguf_tensors(parsed); i++) {
        const sl_gguf_tensor *t = sl_gguf_tensor_at(parsed, i);
        size_t end = (size_t)(t->name.p - original.data) + t->name.n + 4 + 8 * t->dims_n + 12;
        size_t data = (size_t)((const char *)t->data - original.data);
        infos_end = end > infos_end ? end : infos_end;
        data_at = data < data_at ? data : data_at;
    }
    return 0;
}

static int free_original(void **state)
{
    sl_gguf_free(parsed);
    sl_buf_done(&original);
    return 0;
}

/* Opens the bytes as a model; an error must have a code and a text. */
static sl_status try_open(const sl_buf *file, sl_error *err)
{
    int fd = memfd_create("hostile", MFD_CLOEXEC);
    char path[64];
    assert_true(fd >= 0);
    assert_int_equal(write(fd, file->data, file->len), file->len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    sl_model *m = NULL;
    *err = (sl_error){0};
    sl_status st = sl_model_open(&m, &(sl_model_options){.path = path, .backend = "cpu"}, err);
    close(fd);
    assert_true(st == SL_OK || (err->code == st && err->text[0]));
    sl_model_free(m);
    return st;
}

static void refused(const sl_buf *file, sl_status want, const char *text)
{
    sl_error err;
    sl_status st = try_open(file, &err);
    mutations++;
    if (st != want || !strstr(err.text, text))
        fail_msg("mutation %d: %s, \"%s\"; wanted %s with \"%s\"", mutations, sl_status_name(st),
                 err.text, sl_status_name(want), text);
}

/* The file with `cut` bytes at `at` of the head replaced, padded so that the data stays in place.
 * */
static sl_buf spliced(size_t at, size_t cut, const void *in, size_t n)
{
    sl_buf f = {0};
    sl_buf_add(&f, original.data, at);
    sl_buf_add(&f, in, n);
    sl_buf_add(&f, original.data + at + cut, infos_end - at - cut);
    while (f.len % 32)
        sl_buf_addc(&f, 0);
    sl_buf_add(&f, original.data + data_at, original.len - data_at);
    return f;
}

static void refused_splice(size_t at, size_t cut, const void *in, size_t n, sl_status want,
                           const char *text)
{
    sl_buf f = spliced(at, cut, in, n);
    refused(&f, want, text);
    sl_buf_done(&f);
}

static void refused_bytes(size_t at, const void *in, size_t n, sl_status want, const char *text)
{
    refused_splice(at, n, in, n, want, text);
}

static const sl_gguf_kv *kv_of(const char *key)
{
    const sl_gguf_kv *kv = sl_gguf_find(parsed, key);
    assert_non_null(kv);
    return kv;
}
static size_t place(const void *p)
{
    return (size_t)((const char *)p - original.data);
}

static size_t value_bytes(const sl_gguf_kv *kv)
{
    static const size_t n[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    const uint8_t *p = kv->data;
    if (kv->kind == SL_GGUF_STR)
        return 8 + sl_gguf_next_str(&p).n;
    if (kv->kind != SL_GGUF_ARRAY)
        return n[kv->kind];
    if (kv->elem != SL_GGUF_STR)
        return kv->n * n[kv->elem];
    for (uint64_t i = 0; i < kv->n; i++)
        sl_gguf_next_str(&p);
    return (size_t)(p - kv->data);
}

/* Gives a key another type and value. */
static void refused_value(const char *key, uint32_t kind, const void *value, size_t n,
                          sl_status want, const char *text)
{
    const sl_gguf_kv *kv = kv_of(key);
    size_t at = place(kv->key.p) + kv->key.n, end = place(kv->data) + value_bytes(kv);
    sl_buf v = {0};
    sl_buf_add(&v, &kind, 4);
    sl_buf_add(&v, value, n);
    refused_splice(at, end - at, v.data, v.len, want, text);
    sl_buf_done(&v);
}

/* Renames a key by changing its last letter, so that it is missing. */
static void refused_missing(const char *key, sl_status want)
{
    const sl_gguf_kv *kv = kv_of(key);
    refused_bytes(place(kv->key.p) + kv->key.n - 1, "~", 1, want, key);
}

static void headers(void **state)
{
    uint32_t v1 = 1, v4 = 4, big = 3u << 24;
    uint64_t huge = UINT64_MAX, many = 1 << 20, kvs;
    refused_bytes(0, "GGUG", 4, SL_E_INVALID, "not a GGUF");
    refused_bytes(0, "PK\3\4", 4, SL_E_INVALID, "not a GGUF");
    refused_bytes(4, &v1, 4, SL_E_UNSUPPORTED, "version 1");
    refused_bytes(4, &v4, 4, SL_E_UNSUPPORTED, "version 4");
    refused_bytes(4, &big, 4, SL_E_UNSUPPORTED, "big-endian");
    refused_bytes(8, &huge, 8, SL_E_TOO_LARGE, "tensors");
    refused_bytes(8, &many, 8, SL_E_TOO_LARGE, "tensors");
    refused_bytes(16, &huge, 8, SL_E_TOO_LARGE, "metadata");
    memcpy(&kvs, original.data + 16, 8);
    kvs++; /* the first tensor is read as a key: its dimension count is its type */
    refused_bytes(16, &kvs, 8, SL_E_CORRUPT, "");
    kvs -= 2; /* the last key is read as a tensor */
    refused_bytes(16, &kvs, 8, SL_E_CORRUPT, "");
}

static void counts(void **state)
{
    static const char *const keys[] = {
        "llama.block_count",          "llama.context_length",
        "llama.embedding_length",     "llama.feed_forward_length",
        "llama.attention.head_count", "llama.attention.head_count_kv",
        "llama.attention.key_length", "llama.attention.value_length",
        "llama.rope.dimension_count"};
    uint32_t zero = 0, huge = UINT32_MAX;
    int32_t minus = -1;
    uint64_t wide = UINT64_MAX;
    float real = 4;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        refused_value(keys[i], SL_GGUF_U32, &zero, 4, SL_E_INVALID, keys[i]);
        refused_value(keys[i], SL_GGUF_U32, &huge, 4, SL_E_INVALID, keys[i]);
        refused_value(keys[i], SL_GGUF_I32, &minus, 4, SL_E_INVALID, keys[i]);
        refused_value(keys[i], SL_GGUF_U64, &wide, 8, SL_E_INVALID, keys[i]);
        refused_value(keys[i], SL_GGUF_F32, &real, 4, SL_E_INVALID, keys[i]);
        if (i < 5)
            refused_missing(keys[i], SL_E_INVALID);
    }
    uint32_t three = 3, odd = 15, layers = 3, fewer = 1;
    refused_value("llama.attention.head_count_kv", SL_GGUF_U32, &three, 4, SL_E_INVALID,
                  "cannot share");
    refused_value("llama.rope.dimension_count", SL_GGUF_U32, &odd, 4, SL_E_UNSUPPORTED,
                  "rotated 15");
    refused_value("llama.block_count", SL_GGUF_U32, &layers, 4, SL_E_INVALID,
                  "blk.2.attn_norm.weight is missing");
    refused_value("llama.block_count", SL_GGUF_U32, &fewer, 4, SL_E_UNSUPPORTED, "blk.1.");
    uint32_t other = 96;
    refused_value("llama.embedding_length", SL_GGUF_U32, &other, 4, SL_E_INVALID,
                  "token_embd.weight");
    refused_value("llama.feed_forward_length", SL_GGUF_U32, &other, 4, SL_E_INVALID,
                  "ffn_gate.weight");
}

static void reals_and_texts(void **state)
{
    float nan = __builtin_nanf(""), inf = __builtin_inff(), minus = -1, zero = 0;
    uint32_t one = 1, align = 48, tiny = 1;
    const char *eps = "llama.attention.layer_norm_rms_epsilon", *base = "llama.rope.freq_base";
    refused_value(eps, SL_GGUF_F32, &nan, 4, SL_E_INVALID, eps);
    refused_value(eps, SL_GGUF_F32, &inf, 4, SL_E_INVALID, eps);
    refused_value(eps, SL_GGUF_F32, &minus, 4, SL_E_INVALID, eps);
    refused_value(eps, SL_GGUF_U32, &one, 4, SL_E_INVALID, eps);
    refused_missing(eps, SL_E_INVALID);
    refused_value(base, SL_GGUF_F32, &nan, 4, SL_E_INVALID, base);
    refused_value(base, SL_GGUF_F32, &zero, 4, SL_E_INVALID, base);
    refused_value("general.alignment", SL_GGUF_U32, &align, 4, SL_E_CORRUPT, "general.alignment");
    refused_value("general.alignment", SL_GGUF_U32, &tiny, 4, SL_E_INVALID, "general.alignment");
    refused_value("general.alignment", SL_GGUF_F32, &nan, 4, SL_E_INVALID, "general.alignment");
    refused_value("general.architecture", SL_GGUF_STR, "\5\0\0\0\0\0\0\0mamba", 13,
                  SL_E_UNSUPPORTED, "general.architecture");
    refused_value("general.architecture", SL_GGUF_U32, &one, 4, SL_E_INVALID,
                  "general.architecture");
    refused_missing("general.architecture", SL_E_INVALID);
    refused_value("tokenizer.ggml.model", SL_GGUF_STR, "\5\0\0\0\0\0\0\0llama", 13,
                  SL_E_UNSUPPORTED, "tokenizer.ggml.model");
    refused_missing("tokenizer.ggml.model", SL_E_INVALID);
    refused_value("tokenizer.ggml.pre", SL_GGUF_STR, "\4\0\0\0\0\0\0\0nope", 12, SL_E_UNSUPPORTED,
                  "tokenizer.ggml.pre");
    refused_value("tokenizer.ggml.pre", SL_GGUF_STR, "\0\0\0\0\0\0\0\0", 8, SL_E_UNSUPPORTED,
                  "tokenizer.ggml.pre");
    refused_value("tokenizer.chat_template", SL_GGUF_STR, "\2\0\0\0\0\0\0\0\xC3\x28", 10,
                  SL_E_INVALID, "tokenizer.chat_template");
    refused_value("tokenizer.ggml.add_bos_token", SL_GGUF_BOOL, "\2", 1, SL_E_CORRUPT,
                  "tokenizer.ggml.add_bos_token");
    refused_value("tokenizer.ggml.add_bos_token", SL_GGUF_U32, &one, 4, SL_E_INVALID,
                  "tokenizer.ggml.add_bos_token");
    refused_value("general.name", SL_GGUF_STR, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 8, SL_E_CORRUPT,
                  "truncated");
    for (uint32_t kind = 13; kind < 18; kind++)
        refused_value("general.name", kind, &one, 4, SL_E_CORRUPT, "general.name");
}

static void tokenizers(void **state)
{
    uint32_t past = 512;
    static const char *const ids[] = {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"};
    for (size_t i = 0; i < 2; i++)
        refused_value(ids[i], SL_GGUF_U32, &past, 4, SL_E_INVALID, ids[i]);
    static const char *const arrays[] = {"tokenizer.ggml.tokens", "tokenizer.ggml.merges",
                                         "tokenizer.ggml.token_type"};
    for (size_t i = 0; i < 3; i++) {
        const sl_gguf_kv *kv = kv_of(arrays[i]);
        uint32_t elem = SL_GGUF_ARRAY, bad = 99, u8 = SL_GGUF_U8;
        uint64_t huge = UINT64_MAX, more = kv->n + 1, much = 1ull << 60;
        refused_bytes(place(kv->data) - 12, &elem, 4, SL_E_CORRUPT, arrays[i]);
        refused_bytes(place(kv->data) - 12, &bad, 4, SL_E_CORRUPT, arrays[i]);
        refused_bytes(place(kv->data) - 8, &huge, 8, SL_E_CORRUPT, "truncated");
        refused_bytes(place(kv->data) - 8, &much, 8, SL_E_CORRUPT, "truncated");
        refused_bytes(place(kv->data) - 8, &more, 8, SL_E_CORRUPT, "");
        refused_value(arrays[i], SL_GGUF_U32, &past, 4, SL_E_INVALID, arrays[i]);
        sl_buf one = {0}; /* an array of one byte, and an empty one */
        uint64_t n = 1, none = 0;
        sl_buf_add(&one, &u8, 4), sl_buf_add(&one, &n, 8), sl_buf_addc(&one, 1);
        refused_value(arrays[i], SL_GGUF_ARRAY, one.data, one.len, SL_E_INVALID, arrays[i]);
        sl_buf_clear(&one);
        sl_buf_add(&one, i == 2 ? "\5\0\0\0" : "\10\0\0\0", 4), sl_buf_add(&one, &none, 8);
        if (i != 1) /* no merges is a tokenizer too */
            refused_value(arrays[i], SL_GGUF_ARRAY, one.data, one.len, SL_E_INVALID,
                          i ? arrays[i] : "tokens");
        sl_buf_done(&one);
    }
    refused_missing("tokenizer.ggml.tokens", SL_E_INVALID);
    refused_missing("tokenizer.ggml.merges", SL_E_INVALID);
    const sl_gguf_kv *merges = kv_of("tokenizer.ggml.merges"),
                     *types = kv_of("tokenizer.ggml.token_type");
    refused_bytes(place(merges->data) + 8, "\x01", 1, SL_E_INVALID, "merges[0]");
    refused_bytes(place(types->data) + 4, "\x09", 1, SL_E_INVALID, "token_type[1]");
    refused_bytes(place(types->data) + 4, "\x00", 1, SL_E_INVALID, "token_type[1]");
    const sl_gguf_kv *tokens = kv_of("tokenizer.ggml.tokens");
    refused_bytes(place(tokens->data) + 8, "\xFF", 1, SL_E_INVALID, "tokens[0]");
}

static void tensor_tables(void **state)
{
    static const char *const names[] = {"token_embd.weight", "blk.1.ffn_down.weight",
                                        "output_norm.weight"};
    uint64_t zero = 0, huge = UINT64_MAX, half = 1ull << 63, odd = 33, one = 1, far = 1ull << 40;
    for (size_t i = 0; i < 3; i++) {
        const sl_gguf_tensor *t = sl_gguf_tensor_find(parsed, names[i]);
        size_t dims_n = place(t->name.p) + t->name.n, dims = dims_n + 4,
               type = dims + 8 * t->dims_n, off = type + 4;
        refused_bytes(dims_n, &zero, 4, SL_E_CORRUPT, names[i]);
        refused_bytes(dims_n, "\5\0\0\0", 4, SL_E_CORRUPT, names[i]);
        refused_bytes(dims_n, "\xFF\xFF\xFF\xFF", 4, SL_E_CORRUPT, names[i]);
        refused_bytes(dims, &zero, 8, SL_E_CORRUPT, names[i]);
        refused_bytes(dims, &huge, 8, SL_E_CORRUPT, names[i]);
        refused_bytes(dims, &half, 8, SL_E_CORRUPT, names[i]);
        refused_bytes(dims, &far, 8, SL_E_CORRUPT, names[i]);
        refused_bytes(dims, &one, 8, i == 1 ? SL_E_CORRUPT : SL_E_INVALID, names[i]);
        refused_bytes(type, "\14\0\0\0", 4, SL_E_UNSUPPORTED, "Q4_K");
        refused_bytes(type, "\17\47\0\0", 4, SL_E_UNSUPPORTED, names[i]);
        refused_bytes(off, &odd, 8, SL_E_CORRUPT, names[i]);
        refused_bytes(off, &huge, 8, SL_E_CORRUPT, names[i]);
        refused_bytes(off, &far, 8, SL_E_CORRUPT, names[i]);
        refused_bytes(place(t->name.p), "~", 1, SL_E_INVALID, "is missing");
        refused_bytes(place(t->name.p), "\n", 1, SL_E_CORRUPT, "plain ASCII");
        refused_bytes(place(t->name.p) - 8, &huge, 8, SL_E_CORRUPT, "truncated");
    }
    const sl_gguf_tensor *q0 = sl_gguf_tensor_find(parsed, "blk.0.attn_q.weight");
    const sl_gguf_tensor *q1 = sl_gguf_tensor_find(parsed, "blk.1.attn_q.weight");
    size_t off0 = place(q0->name.p) + q0->name.n + 4 + 16 + 4;
    uint64_t at1 = (uint64_t)(place(q1->data) - data_at);
    refused_bytes(off0, &at1, 8, SL_E_CORRUPT, "overlap");
    refused_bytes(place(q0->name.p), "blk.1", 5, SL_E_CORRUPT, "stands twice");
    const sl_gguf_kv *name = kv_of("general.name");
    refused_bytes(place(name->key.p), "general\nname", 12, SL_E_CORRUPT, "plain ASCII");
    sl_buf copy = {0}; /* a key twice */
    uint64_t kvs;
    memcpy(&kvs, original.data + 16, 8);
    kvs++;
    sl_buf_add(&copy, original.data, 16), sl_buf_add(&copy, &kvs, 8);
    size_t kv_at = place(name->key.p) - 8, kv_end = place(name->data) + value_bytes(name);
    sl_buf_add(&copy, original.data + kv_at, kv_end - kv_at);
    refused_splice(0, 24, copy.data, copy.len, SL_E_CORRUPT, "general.name stands twice");
    sl_buf_done(&copy);
}

/* Cut anywhere, the file is refused; the data section's last byte counts too. */
static void truncations(void **state)
{
    for (size_t n = 0; n < 200; n++) {
        size_t at = n < 40    ? n
                    : n < 190 ? 40 + (infos_end - 40) * (n - 40) / 150
                              : original.len - 200 + n;
        sl_buf f = {0};
        sl_buf_add(&f, original.data, at);
        sl_error err;
        sl_status st = try_open(&f, &err);
        if (st == SL_OK || (st != SL_E_CORRUPT && at >= 4 && at > 0))
            fail_msg("cut at %zu: %s, \"%s\"", at, sl_status_name(st), err.text);
        mutations++;
        sl_buf_done(&f);
    }
}

/* Random damage to the head: never a crash, and what opens can be used. */
static void random_damage(void **state)
{
    uint64_t x = 88172645463325252u;
    int errors = 0;
#ifdef SL_SANITIZED
    const int rounds = 400;
#else
    const int rounds = 2000;
#endif
    sl_buf f = {0};
    sl_buf_add(&f, original.data, original.len);
    for (int i = 0; i < rounds; i++) {
        memcpy(f.data, original.data, infos_end);
        for (int k = 0; k < 1 + i % 4; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            f.data[x % infos_end] = (char)(x >> 40);
        }
        sl_error err;
        errors += try_open(&f, &err) != SL_OK;
    }
    assert_true(errors > rounds / 4);
    sl_buf_done(&f);
}

static void enough_mutations(void **state)
{
    print_message("%d mutations\n", mutations);
    assert_true(mutations >= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),         cmocka_unit_test(counts),
        cmocka_unit_test(reals_and_texts), cmocka_unit_test(tokenizers),
        cmocka_unit_test(tensor_tables),   cmocka_unit_test(truncations),
        cmocka_unit_test(random_damage),   cmocka_unit_test(enough_mutations),
    };
    return cmocka_run_group_tests(tests, load_original, free_original);
}
