#include "private-worker/engine/vocab.h"

#include <stdlib.h>
#include <xxhash.h>

#define VOCAB_MAX       (1u << 21)
#define MERGES_MAX      (1u << 22)
#define TOKEN_BYTES_MAX 4096
#define SPECIAL_LENGTHS 64 /* different lengths of special tokens that begin with one byte */

typedef struct merge_slot {
    uint64_t pair; /* left << 32 | right; EMPTY when free */
    uint32_t rank;
    int32_t id;
} merge_slot;
#define EMPTY UINT64_MAX

typedef struct id_table { /* open addressing; -1 is free */
    int32_t *slot;
    size_t mask;
} id_table;

struct sl_vocab {
    int32_t n;
    char *blob;  /* bytes of all tokens */
    size_t *off; /* n + 1 */
    uint8_t *type;
    int32_t byte[256];
    id_table normal, special;
    merge_slot *merges;
    size_t merge_mask;
    uint16_t lengths[256][SPECIAL_LENGTHS]; /* of specials by first byte, longest first, 0 ends */
};

/* ---- the alphabet of byte-level BPE: a printable character for each byte (GPT-2) ---- */
static bool keeps_itself(int b)
{
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
}

/* Code point to byte; -1 outside the alphabet. */
static int alphabet_byte(uint32_t cp)
{
    if (cp < 256)
        return keeps_itself((int)cp) ? (int)cp : -1;
    uint32_t extra = cp - 256;
    for (int b = 0; b < 256; b++)
        if (!keeps_itself(b) && extra-- == 0)
            return b;
    return -1;
}

/* Decodes one code point of valid UTF-8 of at most two bytes; others (never in the alphabet) give
 * a value past it. */
static size_t next_char(const char *p, size_t n, uint32_t *ret)
{
    uint8_t c = (uint8_t)p[0];
    if (c < 0x80) {
        *ret = c;
        return 1;
    }
    if (c >= 0xC2 && c < 0xE0 && n > 1) {
        *ret = (uint32_t)(c & 31) << 6 | ((uint8_t)p[1] & 63);
        return 2;
    }
    *ret = UINT32_MAX;
    return 1;
}

/* Writes the bytes that a token's text stands for; returns their number (never more than s.n). */
static size_t to_bytes(sl_str s, char *out, const int16_t *alphabet)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        size_t len = next_char(s.p + i, s.n - i, &cp);
        int b = cp < 512 ? alphabet[cp] : -1;
        if (b >= 0) {
            out[n++] = (char)b;
        } else {
            memcpy(out + n, s.p + i, len);
            n += len;
        }
        i += len;
    }
    return n;
}

/* ---- tables ---- */
static bool table_open(id_table *t, size_t n)
{
    size_t size = 16;
    while (size < 2 * n)
        size *= 2;
    t->slot = malloc(size * sizeof(*t->slot));
    if (!t->slot)
        return false;
    memset(t->slot, 0xFF, size * sizeof(*t->slot));
    t->mask = size - 1;
    return true;
}

static int32_t table_find(const sl_vocab *v, const id_table *t, const char *p, size_t n,
                          size_t *ret_slot)
{
    size_t i = XXH3_64bits(p, n) & t->mask;
    for (; t->slot[i] >= 0; i = (i + 1) & t->mask)
        if (sl_str_eq(sl_vocab_bytes(v, t->slot[i]), (sl_str){p, n}))
            return t->slot[i];
    if (ret_slot)
        *ret_slot = i;
    return -1;
}

static void table_add(sl_vocab *v, id_table *t, int32_t id)
{
    sl_str s = sl_vocab_bytes(v, id);
    size_t slot;
    if (s.n && table_find(v, t, s.p, s.n, &slot) < 0)
        t->slot[slot] = id; /* of two equal tokens the first one counts */
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9E3779B97F4A7C15u;
    return x ^ x >> 29;
}

static merge_slot *merge_at(const sl_vocab *v, uint64_t pair)
{
    size_t i = mix(pair) & v->merge_mask;
    while (v->merges[i].pair != EMPTY && v->merges[i].pair != pair)
        i = (i + 1) & v->merge_mask;
    return &v->merges[i];
}

/* ---- opening ---- */
static sl_status read_types(sl_vocab *v, const sl_gguf *g, sl_error *err)
{
    const sl_gguf_kv *kv = NULL;
    sl_status st =
        sl_gguf_array(g, "tokenizer.ggml.token_type", false, SL_GGUF_I32, VOCAB_MAX, &kv, err);
    if (st)
        return st;
    memset(v->type, SL_TOKEN_NORMAL, (size_t)v->n);
    if (!kv)
        return SL_OK;
    if (kv->n != (uint64_t)v->n)
        return sl_fail(err, SL_E_INVALID,
                       "tokenizer.ggml.token_type has %llu elements for %d tokens",
                       (unsigned long long)kv->n, v->n);
    for (int32_t i = 0; i < v->n; i++) {
        int32_t t;
        memcpy(&t, kv->data + 4 * (size_t)i, 4);
        if (t < SL_TOKEN_NORMAL || t > SL_TOKEN_BYTE)
            return sl_fail(err, SL_E_INVALID, "tokenizer.ggml.token_type[%d] is %d", i, t);
        v->type[i] = (uint8_t)t;
    }
    return SL_OK;
}

static sl_status read_tokens(sl_vocab *v, const sl_gguf_kv *kv, const int16_t *alphabet,
                             sl_error *err)
{
    const uint8_t *cursor = kv->data;
    size_t total = 0;
    for (uint64_t i = 0; i < kv->n; i++) {
        sl_str s = sl_gguf_next_str(&cursor);
        if (s.n > TOKEN_BYTES_MAX || !sl_utf8_valid(s.p, s.n))
            return sl_fail(err, SL_E_INVALID,
                           "tokenizer.ggml.tokens[%llu] is longer than %d bytes or not UTF-8",
                           (unsigned long long)i, TOKEN_BYTES_MAX);
        total += s.n;
    }
    v->blob = malloc(total + 1);
    if (!v->blob)
        return sl_fail(err, SL_E_NOMEM, "no memory for the vocabulary");
    cursor = kv->data;
    size_t at = 0;
    for (int32_t i = 0; i < v->n; i++) {
        sl_str s = sl_gguf_next_str(&cursor);
        v->off[i] = at;
        if (v->type[i] == SL_TOKEN_NORMAL || v->type[i] == SL_TOKEN_BYTE) {
            at += to_bytes(s, v->blob + at, alphabet);
        } else {
            if (s.n)
                memcpy(v->blob + at, s.p, s.n);
            at += s.n;
        }
    }
    v->off[v->n] = at;
    return SL_OK;
}

/* Keeps the lengths of special tokens by first byte, longest first. */
static sl_status note_special(sl_vocab *v, int32_t id, sl_error *err)
{
    sl_str s = sl_vocab_bytes(v, id);
    if (!s.n)
        return SL_OK;
    uint16_t *len = v->lengths[(uint8_t)s.p[0]];
    int i = 0;
    while (i < SPECIAL_LENGTHS - 1 && len[i] > s.n)
        i++;
    if (len[i] == s.n)
        return SL_OK;
    if (i == SPECIAL_LENGTHS - 1 || len[SPECIAL_LENGTHS - 2])
        return sl_fail(err, SL_E_UNSUPPORTED, "the special tokens have too many different lengths");
    memmove(len + i + 1, len + i, sizeof(*len) * (size_t)(SPECIAL_LENGTHS - 2 - i));
    len[i] = (uint16_t)s.n;
    return SL_OK;
}

static sl_status index_tokens(sl_vocab *v, sl_error *err)
{
    if (!table_open(&v->normal, (size_t)v->n) || !table_open(&v->special, (size_t)v->n))
        return sl_fail(err, SL_E_NOMEM, "no memory for the vocabulary");
    for (int32_t i = 0; i < v->n; i++) {
        if (v->type[i] == SL_TOKEN_NORMAL || v->type[i] == SL_TOKEN_BYTE) {
            table_add(v, &v->normal, i);
        } else if (sl_token_is_special((sl_token_type)v->type[i])) {
            table_add(v, &v->special, i);
            sl_status st = note_special(v, i, err);
            if (st)
                return st;
        }
    }
    for (int b = 0; b < 256; b++) {
        char c = (char)b;
        v->byte[b] = sl_vocab_find(v, &c, 1);
    }
    return SL_OK;
}

static sl_status add_merge(sl_vocab *v, sl_str line, uint32_t rank, const int16_t *alphabet,
                           sl_error *err)
{
    char buf[2 * TOKEN_BYTES_MAX];
    const char *space = line.n > 1 ? memchr(line.p + 1, ' ', line.n - 1) : NULL;
    if (!space || line.n > sizeof(buf))
        return sl_fail(err, SL_E_INVALID, "tokenizer.ggml.merges[%u] is not two tokens", rank);
    size_t a = to_bytes((sl_str){line.p, (size_t)(space - line.p)}, buf, alphabet);
    size_t b =
        to_bytes((sl_str){space + 1, line.n - 1 - (size_t)(space - line.p)}, buf + a, alphabet);
    int32_t left = sl_vocab_find(v, buf, a), right = sl_vocab_find(v, buf + a, b),
            id = sl_vocab_find(v, buf, a + b);
    if (left < 0 || right < 0 || id < 0)
        return sl_fail(err, SL_E_INVALID,
                       "tokenizer.ggml.merges[%u] names a token that the vocabulary lacks", rank);
    merge_slot *m = merge_at(v, (uint64_t)left << 32 | (uint32_t)right);
    if (m->pair == EMPTY) /* of two equal merges the first one counts */
        *m = (merge_slot){(uint64_t)left << 32 | (uint32_t)right, rank, id};
    return SL_OK;
}

static sl_status read_merges(sl_vocab *v, const sl_gguf *g, const int16_t *alphabet, sl_error *err)
{
    const sl_gguf_kv *kv = NULL;
    sl_status st =
        sl_gguf_array(g, "tokenizer.ggml.merges", true, SL_GGUF_STR, MERGES_MAX, &kv, err);
    if (st)
        return st;
    size_t size = 16;
    while (size < 2 * kv->n)
        size *= 2;
    v->merges = malloc(size * sizeof(*v->merges));
    if (!v->merges)
        return sl_fail(err, SL_E_NOMEM, "no memory for the merges");
    memset(v->merges, 0xFF, size * sizeof(*v->merges));
    v->merge_mask = size - 1;
    const uint8_t *cursor = kv->data;
    for (uint32_t i = 0; !st && i < kv->n; i++)
        st = add_merge(v, sl_gguf_next_str(&cursor), i, alphabet, err);
    return st;
}

static sl_status open_all(sl_vocab *v, const sl_gguf *g, sl_error *err)
{
    const sl_gguf_kv *kv = NULL;
    sl_status st =
        sl_gguf_array(g, "tokenizer.ggml.tokens", true, SL_GGUF_STR, VOCAB_MAX, &kv, err);
    if (st)
        return st;
    if (kv->n == 0)
        return sl_fail(err, SL_E_INVALID, "tokenizer.ggml.tokens is empty");
    int16_t alphabet[512];
    for (uint32_t cp = 0; cp < 512; cp++)
        alphabet[cp] = (int16_t)alphabet_byte(cp);
    v->n = (int32_t)kv->n;
    v->off = calloc((size_t)v->n + 1, sizeof(*v->off));
    v->type = malloc((size_t)v->n);
    if (!v->off || !v->type)
        return sl_fail(err, SL_E_NOMEM, "no memory for the vocabulary");
    if ((st = read_types(v, g, err)) || (st = read_tokens(v, kv, alphabet, err)) ||
        (st = index_tokens(v, err)))
        return st;
    return read_merges(v, g, alphabet, err);
}

sl_status sl_vocab_open(sl_vocab **ret, const sl_gguf *g, sl_error *reterr)
{
    sl_vocab *v = calloc(1, sizeof(*v));
    if (!v)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the vocabulary");
    sl_status st = open_all(v, g, reterr);
    if (st) {
        sl_vocab_free(v);
        return st;
    }
    *ret = v;
    return SL_OK;
}

void sl_vocab_free(sl_vocab *v)
{
    if (!v)
        return;
    free(v->blob);
    free(v->off);
    free(v->type);
    free(v->normal.slot);
    free(v->special.slot);
    free(v->merges);
    free(v);
}

/* ---- look-ups ---- */
int32_t sl_vocab_size(const sl_vocab *v)
{
    return v->n;
}
sl_str sl_vocab_bytes(const sl_vocab *v, int32_t id)
{
    return (sl_str){v->blob + v->off[id], v->off[id + 1] - v->off[id]};
}
sl_token_type sl_vocab_type(const sl_vocab *v, int32_t id)
{
    return (sl_token_type)v->type[id];
}
int32_t sl_vocab_byte(const sl_vocab *v, uint8_t byte)
{
    return v->byte[byte];
}
int32_t sl_vocab_find(const sl_vocab *v, const char *p, size_t n)
{
    return table_find(v, &v->normal, p, n, NULL);
}
int32_t sl_vocab_special(const sl_vocab *v, const char *p, size_t n)
{
    return table_find(v, &v->special, p, n, NULL);
}

int32_t sl_vocab_match_special(const sl_vocab *v, const char *p, size_t n)
{
    const uint16_t *len = v->lengths[(uint8_t)p[0]];
    for (; *len; len++) {
        int32_t id = *len <= n ? sl_vocab_special(v, p, *len) : -1;
        if (id >= 0)
            return id;
    }
    return -1;
}

bool sl_vocab_merge(const sl_vocab *v, int32_t left, int32_t right, uint32_t *ret_rank,
                    int32_t *ret_id)
{
    const merge_slot *m = merge_at(v, (uint64_t)(uint32_t)left << 32 | (uint32_t)right);
    if (m->pair == EMPTY)
        return false;
    *ret_rank = m->rank;
    *ret_id = m->id;
    return true;
}
