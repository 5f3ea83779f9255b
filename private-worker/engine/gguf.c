#include "private-worker/engine/gguf.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Limits: far above what real files have, small enough that a hostile count cannot make the
 * reader allocate more than a few megabytes. */
#define KV_MAX         4096
#define TENSORS_MAX    65536
#define KEY_MAX        256
#define NAME_MAX_BYTES 64 /* of a tensor; the format's own limit */
#define ALIGN_MAX      (1u << 20)

struct sl_gguf {
    const uint8_t *map;
    size_t size;
    bool mapped;
    sl_gguf_kv *kv; /* sorted by key */
    size_t kv_n;
    sl_gguf_tensor *tensors; /* sorted by name */
    size_t tensors_n;
};

/* ---- tensor types ---- */
static const struct {
    const char *name;
    uint8_t elems, bytes; /* 0: known to ggml, not to this engine */
} dtypes[] = {
    [0] = {"F32", 1, 4},     [1] = {"F16", 1, 2},      [2] = {"Q4_0", 32, 18},
    [3] = {"Q4_1", 32, 20},  [6] = {"Q5_0", 0, 0},     [7] = {"Q5_1", 0, 0},
    [8] = {"Q8_0", 32, 34},  [9] = {"Q8_1", 0, 0},     [10] = {"Q2_K", 0, 0},
    [11] = {"Q3_K", 0, 0},   [12] = {"Q4_K", 0, 0},    [13] = {"Q5_K", 0, 0},
    [14] = {"Q6_K", 0, 0},   [15] = {"Q8_K", 0, 0},    [16] = {"IQ2_XXS", 0, 0},
    [17] = {"IQ2_XS", 0, 0}, [18] = {"IQ3_XXS", 0, 0}, [19] = {"IQ1_S", 0, 0},
    [20] = {"IQ4_NL", 0, 0}, [21] = {"IQ3_S", 0, 0},   [22] = {"IQ2_S", 0, 0},
    [23] = {"IQ4_XS", 0, 0}, [24] = {"I8", 0, 0},      [25] = {"I16", 0, 0},
    [26] = {"I32", 0, 0},    [27] = {"I64", 0, 0},     [28] = {"F64", 0, 0},
    [29] = {"IQ1_M", 0, 0},  [30] = {"BF16", 1, 2},
};

bool sl_dtype_block(uint32_t type, uint32_t *ret_elems, uint32_t *ret_bytes)
{
    if (type >= sizeof(dtypes) / sizeof(dtypes[0]) || !dtypes[type].elems)
        return false;
    *ret_elems = dtypes[type].elems;
    *ret_bytes = dtypes[type].bytes;
    return true;
}

const char *sl_dtype_name(uint32_t type)
{
    if (type >= sizeof(dtypes) / sizeof(dtypes[0]) || !dtypes[type].name)
        return "?";
    return dtypes[type].name;
}

size_t sl_dtype_row_bytes(uint32_t type, size_t n)
{
    uint32_t elems = 1, bytes = 0;
    return sl_dtype_block(type, &elems, &bytes) ? n / elems * bytes : 0;
}

/* ---- reading ---- */
typedef struct reader {
    const uint8_t *p, *end, *start;
} reader;

static size_t left(const reader *c)
{
    return (size_t)(c->end - c->p);
}
static size_t at(const reader *c)
{
    return (size_t)(c->p - c->start);
}

static bool get_u32(reader *c, uint32_t *ret)
{
    if (left(c) < 4)
        return false;
    memcpy(ret, c->p, 4);
    c->p += 4;
    return true;
}

static bool get_u64(reader *c, uint64_t *ret)
{
    if (left(c) < 8)
        return false;
    memcpy(ret, c->p, 8);
    c->p += 8;
    return true;
}

static bool get_str(reader *c, sl_str *ret)
{
    uint64_t n;
    if (!get_u64(c, &n) || n > left(c))
        return false;
    *ret = (sl_str){(const char *)c->p, (size_t)n};
    c->p += n;
    return true;
}

/* Names go into error texts and logs, so only plain ones are let in. */
static bool plain_name(sl_str s, size_t max)
{
    if (s.n == 0 || s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return true;
}

static size_t scalar_bytes(uint32_t kind)
{
    static const uint8_t n[SL_GGUF_KINDS] = {
        [SL_GGUF_U8] = 1,  [SL_GGUF_I8] = 1,  [SL_GGUF_U16] = 2, [SL_GGUF_I16] = 2,
        [SL_GGUF_U32] = 4, [SL_GGUF_I32] = 4, [SL_GGUF_F32] = 4, [SL_GGUF_BOOL] = 1,
        [SL_GGUF_U64] = 8, [SL_GGUF_I64] = 8, [SL_GGUF_F64] = 8,
    };
    return kind < SL_GGUF_KINDS ? n[kind] : 0;
}

#define TRUNCATED(c, what) \
    sl_fail(err, SL_E_CORRUPT, "the file ends inside %s (byte %zu): it is truncated", what, at(c))

static sl_status read_array(reader *c, sl_gguf_kv *kv, sl_error *err)
{
    uint32_t elem;
    if (!get_u32(c, &elem) || !get_u64(c, &kv->n))
        return TRUNCATED(c, "an array's head");
    if (elem >= SL_GGUF_KINDS || elem == SL_GGUF_ARRAY)
        return sl_fail(err, SL_E_CORRUPT, "key %.*s: array of element type %u", (int)kv->key.n,
                       kv->key.p, elem);
    kv->elem = (sl_gguf_kind)elem;
    kv->data = c->p;
    if (elem != SL_GGUF_STR) {
        if (kv->n > left(c) / scalar_bytes(elem))
            return TRUNCATED(c, "an array");
        c->p += kv->n * scalar_bytes(elem);
        return SL_OK;
    }
    if (kv->n > left(c) / 8)
        return TRUNCATED(c, "an array of strings");
    for (uint64_t i = 0; i < kv->n; i++) {
        sl_str s;
        if (!get_str(c, &s))
            return TRUNCATED(c, "a string of an array");
    }
    return SL_OK;
}

static sl_status read_kv(reader *c, sl_gguf_kv *kv, sl_error *err)
{
    if (!get_str(c, &kv->key))
        return TRUNCATED(c, "a metadata key");
    if (!plain_name(kv->key, KEY_MAX))
        return sl_fail(
            err, SL_E_CORRUPT,
            "the metadata key before byte %zu is empty, longer than %d bytes or not plain ASCII",
            at(c), KEY_MAX);
    uint32_t kind;
    if (!get_u32(c, &kind))
        return TRUNCATED(c, "a metadata type");
    if (kind >= SL_GGUF_KINDS)
        return sl_fail(err, SL_E_CORRUPT, "key %.*s: value type %u", (int)kv->key.n, kv->key.p,
                       kind);
    kv->kind = (sl_gguf_kind)kind;
    if (kind == SL_GGUF_ARRAY)
        return read_array(c, kv, err);
    kv->data = c->p;
    if (kind == SL_GGUF_STR) {
        sl_str s;
        return get_str(c, &s) ? SL_OK : TRUNCATED(c, "a string value");
    }
    if (left(c) < scalar_bytes(kind))
        return TRUNCATED(c, "a metadata value");
    if (kind == SL_GGUF_BOOL && *c->p > 1)
        return sl_fail(err, SL_E_CORRUPT, "key %.*s: a bool of %u", (int)kv->key.n, kv->key.p,
                       *c->p);
    c->p += scalar_bytes(kind);
    return SL_OK;
}

/* Bytes of a tensor; checks its type and that rows are whole blocks, without overflow. */
static sl_status tensor_bytes(sl_gguf_tensor *t, sl_error *err)
{
    uint32_t elems, bytes;
    if (!sl_dtype_block(t->type, &elems, &bytes))
        return sl_fail(
            err, SL_E_UNSUPPORTED,
            "tensor %.*s has type %s (%u); this build reads F32, F16, BF16, Q8_0, Q4_0, Q4_1",
            (int)t->name.n, t->name.p, sl_dtype_name(t->type), t->type);
    uint64_t n = 1;
    for (int i = 0; i < 4; i++) {
        if (t->dims[i] == 0)
            return sl_fail(err, SL_E_CORRUPT, "tensor %.*s has a dimension of 0", (int)t->name.n,
                           t->name.p);
        if (__builtin_mul_overflow(n, t->dims[i], &n))
            return sl_fail(err, SL_E_CORRUPT, "tensor %.*s: its dimensions overflow",
                           (int)t->name.n, t->name.p);
    }
    if (t->dims[0] % elems)
        return sl_fail(
            err, SL_E_CORRUPT, "tensor %.*s: rows of %llu elements are not whole blocks of %s",
            (int)t->name.n, t->name.p, (unsigned long long)t->dims[0], sl_dtype_name(t->type));
    uint64_t size;
    if (__builtin_mul_overflow(n / elems, (uint64_t)bytes, &size) || size > SIZE_MAX)
        return sl_fail(err, SL_E_CORRUPT, "tensor %.*s: its size overflows", (int)t->name.n,
                       t->name.p);
    t->bytes = (size_t)size;
    return SL_OK;
}

/* Leaves the offset in *ret_off: the data's start is known only behind the last entry. */
static sl_status read_tensor(reader *c, sl_gguf_tensor *t, uint64_t *ret_off, sl_error *err)
{
    if (!get_str(c, &t->name))
        return TRUNCATED(c, "a tensor's name");
    if (!plain_name(t->name, NAME_MAX_BYTES))
        return sl_fail(
            err, SL_E_CORRUPT,
            "the tensor name before byte %zu is empty, longer than %d bytes or not plain ASCII",
            at(c), NAME_MAX_BYTES);
    if (!get_u32(c, &t->dims_n))
        return TRUNCATED(c, "a tensor's entry");
    if (t->dims_n < 1 || t->dims_n > 4)
        return sl_fail(err, SL_E_CORRUPT, "tensor %.*s has %u dimensions (1 to 4)", (int)t->name.n,
                       t->name.p, t->dims_n);
    for (uint32_t i = 0; i < 4; i++)
        t->dims[i] = 1;
    for (uint32_t i = 0; i < t->dims_n; i++)
        if (!get_u64(c, &t->dims[i]))
            return TRUNCATED(c, "a tensor's entry");
    if (!get_u32(c, &t->type) || !get_u64(c, ret_off))
        return TRUNCATED(c, "a tensor's entry");
    return tensor_bytes(t, err);
}

static int by_key(const void *a, const void *b)
{
    const sl_str *x = &((const sl_gguf_kv *)a)->key, *y = &((const sl_gguf_kv *)b)->key;
    int d = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return d ? d : (x->n > y->n) - (x->n < y->n);
}

static int by_name(const void *a, const void *b)
{
    const sl_str *x = &((const sl_gguf_tensor *)a)->name, *y = &((const sl_gguf_tensor *)b)->name;
    int d = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return d ? d : (x->n > y->n) - (x->n < y->n);
}

static int by_place(const void *a, const void *b)
{
    const uint8_t *x = ((const sl_gguf_tensor *)a)->data, *y = ((const sl_gguf_tensor *)b)->data;
    return (x > y) - (x < y);
}

static sl_status read_head(sl_gguf *g, reader *c, sl_error *err)
{
    uint32_t magic, version;
    uint64_t tensors, kvs;
    if (!get_u32(c, &magic) || memcmp(c->start, "GGUF", 4))
        return sl_fail(err, SL_E_INVALID, "not a GGUF file: it does not begin with \"GGUF\"");
    if (!get_u32(c, &version))
        return TRUNCATED(c, "the header");
    if (version != 2 && version != 3)
        return sl_fail(err, SL_E_UNSUPPORTED,
                       "GGUF version %u%s; this build reads versions 2 and 3", version,
                       (version & 0xFFFF) == 0 ? " (a big-endian file?)" : "");
    if (!get_u64(c, &tensors) || !get_u64(c, &kvs))
        return TRUNCATED(c, "the header");
    if (tensors > TENSORS_MAX || kvs > KV_MAX)
        return sl_fail(err, SL_E_TOO_LARGE,
                       "%llu tensors and %llu metadata keys; at most %d and %d",
                       (unsigned long long)tensors, (unsigned long long)kvs, TENSORS_MAX, KV_MAX);
    g->tensors_n = (size_t)tensors;
    g->kv_n = (size_t)kvs;
    g->kv = calloc(g->kv_n + 1, sizeof(*g->kv));
    g->tensors = calloc(g->tensors_n + 1, sizeof(*g->tensors));
    if (!g->kv || !g->tensors)
        return sl_fail(err, SL_E_NOMEM, "no memory for the tensor table");
    return SL_OK;
}

/* Places the tensors in the data section; no two may share a byte. */
static sl_status place_tensors(sl_gguf *g, const reader *c, const uint64_t *offsets, uint64_t align,
                               sl_error *err)
{
    uint64_t start = ((uint64_t)at(c) + align - 1) / align * align;
    uint64_t room = start < g->size ? g->size - start : 0;
    for (size_t i = 0; i < g->tensors_n; i++) {
        sl_gguf_tensor *t = &g->tensors[i];
        if (offsets[i] % align)
            return sl_fail(err, SL_E_CORRUPT, "tensor %.*s: its offset is not a multiple of %llu",
                           (int)t->name.n, t->name.p, (unsigned long long)align);
        if (offsets[i] > room || t->bytes > room - offsets[i])
            return sl_fail(err, SL_E_CORRUPT,
                           "tensor %.*s reaches past the end of the file: it is truncated",
                           (int)t->name.n, t->name.p);
        t->data = g->map + start + offsets[i];
    }
    qsort(g->tensors, g->tensors_n, sizeof(*g->tensors), by_place);
    for (size_t i = 1; i < g->tensors_n; i++) {
        const sl_gguf_tensor *a = &g->tensors[i - 1], *b = &g->tensors[i];
        if (a->data + a->bytes > b->data)
            return sl_fail(err, SL_E_CORRUPT, "tensors %.*s and %.*s overlap", (int)a->name.n,
                           a->name.p, (int)b->name.n, b->name.p);
    }
    return SL_OK;
}

static sl_status sort_names(sl_gguf *g, sl_error *err)
{
    qsort(g->tensors, g->tensors_n, sizeof(*g->tensors), by_name);
    for (size_t i = 1; i < g->tensors_n; i++)
        if (by_name(&g->tensors[i - 1], &g->tensors[i]) == 0)
            return sl_fail(err, SL_E_CORRUPT, "tensor %.*s stands twice", (int)g->tensors[i].name.n,
                           g->tensors[i].name.p);
    return SL_OK;
}

static sl_status read_all(sl_gguf *g, sl_error *err)
{
    reader c = {g->map, g->map + g->size, g->map};
    sl_status st = read_head(g, &c, err);
    if (st)
        return st;
    for (size_t i = 0; i < g->kv_n; i++)
        if ((st = read_kv(&c, &g->kv[i], err)))
            return st;
    qsort(g->kv, g->kv_n, sizeof(*g->kv), by_key);
    for (size_t i = 1; i < g->kv_n; i++)
        if (by_key(&g->kv[i - 1], &g->kv[i]) == 0)
            return sl_fail(err, SL_E_CORRUPT, "key %.*s stands twice", (int)g->kv[i].key.n,
                           g->kv[i].key.p);
    uint64_t align = 32;
    if ((st = sl_gguf_uint(g, "general.alignment", false, 8, ALIGN_MAX, &align, err)))
        return st;
    if (align & (align - 1))
        return sl_fail(err, SL_E_CORRUPT, "general.alignment is %llu: not a power of two",
                       (unsigned long long)align);
    uint64_t *offsets = calloc(g->tensors_n + 1, sizeof(*offsets));
    if (!offsets)
        return sl_fail(err, SL_E_NOMEM, "no memory for the tensor table");
    for (size_t i = 0; !st && i < g->tensors_n; i++)
        st = read_tensor(&c, &g->tensors[i], &offsets[i], err);
    if (!st)
        st = place_tensors(g, &c, offsets, align, err);
    free(offsets);
    return st ? st : sort_names(g, err);
}

sl_status sl_gguf_parse(sl_gguf **ret, const void *data, size_t n, sl_error *reterr)
{
    sl_gguf *g = calloc(1, sizeof(*g));
    if (!g)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the model file's table");
    g->map = data;
    g->size = n;
    sl_status st = read_all(g, reterr);
    if (st) {
        sl_gguf_free(g);
        return st;
    }
    *ret = g;
    return SL_OK;
}

sl_status sl_gguf_open(sl_gguf **ret, const char *path, sl_error *reterr)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        sl_status code = errno == ENOENT ? SL_E_NOT_FOUND : SL_E_IO;
        return sl_fail(reterr, code, "cannot open the model file %s: %s", path, strerror(errno));
    }
    struct stat sb;
    void *map = MAP_FAILED;
    if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0)
        map = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return sl_fail(reterr, SL_E_IO,
                       "cannot map the model file %s: not a regular file, or empty", path);
    sl_gguf *g;
    sl_status st = sl_gguf_parse(&g, map, (size_t)sb.st_size, reterr);
    if (st) {
        munmap(map, (size_t)sb.st_size);
        sl_error_prefix(reterr, "%s", path);
        return st;
    }
    g->mapped = true;
    *ret = g;
    return SL_OK;
}

void sl_gguf_free(sl_gguf *g)
{
    if (!g)
        return;
    if (g->mapped)
        munmap((void *)g->map, g->size);
    free(g->kv);
    free(g->tensors);
    free(g);
}

sl_str sl_gguf_bytes(const sl_gguf *g)
{
    return (sl_str){(const char *)g->map, g->size};
}

/* ---- getters ---- */
const sl_gguf_kv *sl_gguf_find(const sl_gguf *g, const char *key)
{
    sl_gguf_kv want = {.key = sl_str_c(key)};
    return bsearch(&want, g->kv, g->kv_n, sizeof(*g->kv), by_key);
}

static sl_status absent(const char *key, bool required, sl_error *err)
{
    return required ? sl_fail(err, SL_E_INVALID, "key %s is missing", key) : SL_OK;
}

/* Counts stand as any integer type in the wild; a negative one is no count. */
static bool as_uint(const sl_gguf_kv *kv, uint64_t *ret)
{
    uint64_t u = 0;
    size_t n = scalar_bytes(kv->kind);
    switch (kv->kind) {
    case SL_GGUF_U8:
    case SL_GGUF_U16:
    case SL_GGUF_U32:
    case SL_GGUF_U64:
        memcpy(&u, kv->data, n);
        break;
    case SL_GGUF_I8:
    case SL_GGUF_I16:
    case SL_GGUF_I32:
    case SL_GGUF_I64:
        memcpy(&u, kv->data, n);
        if (kv->data[n - 1] & 0x80)
            return false;
        break;
    default:
        return false;
    }
    *ret = u;
    return true;
}

sl_status sl_gguf_uint(const sl_gguf *g, const char *key, bool required, uint64_t lo, uint64_t hi,
                       uint64_t *ret, sl_error *reterr)
{
    const sl_gguf_kv *kv = sl_gguf_find(g, key);
    if (!kv)
        return absent(key, required, reterr);
    uint64_t v;
    if (!as_uint(kv, &v))
        return sl_fail(reterr, SL_E_INVALID, "key %s is not a count", key);
    if (v < lo || v > hi)
        return sl_fail(reterr, SL_E_INVALID, "key %s is %llu; it must be %llu to %llu", key,
                       (unsigned long long)v, (unsigned long long)lo, (unsigned long long)hi);
    *ret = v;
    return SL_OK;
}

sl_status sl_gguf_float(const sl_gguf *g, const char *key, bool required, double lo, double hi,
                        double *ret, sl_error *reterr)
{
    const sl_gguf_kv *kv = sl_gguf_find(g, key);
    if (!kv)
        return absent(key, required, reterr);
    double v;
    if (kv->kind == SL_GGUF_F32) {
        float f;
        memcpy(&f, kv->data, 4);
        v = f;
    } else if (kv->kind == SL_GGUF_F64) {
        memcpy(&v, kv->data, 8);
    } else {
        return sl_fail(reterr, SL_E_INVALID, "key %s is not a floating-point number", key);
    }
    if (!isfinite(v) || v < lo || v > hi)
        return sl_fail(reterr, SL_E_INVALID, "key %s is %g; it must be %g to %g", key, v, lo, hi);
    *ret = v;
    return SL_OK;
}

sl_status sl_gguf_bool(const sl_gguf *g, const char *key, bool *ret, sl_error *reterr)
{
    const sl_gguf_kv *kv = sl_gguf_find(g, key);
    if (!kv)
        return SL_OK;
    if (kv->kind != SL_GGUF_BOOL)
        return sl_fail(reterr, SL_E_INVALID, "key %s is not true or false", key);
    *ret = *kv->data != 0;
    return SL_OK;
}

sl_status sl_gguf_text(const sl_gguf *g, const char *key, bool required, sl_str *ret,
                       sl_error *reterr)
{
    const sl_gguf_kv *kv = sl_gguf_find(g, key);
    if (!kv)
        return absent(key, required, reterr);
    if (kv->kind != SL_GGUF_STR)
        return sl_fail(reterr, SL_E_INVALID, "key %s is not a string", key);
    const uint8_t *p = kv->data;
    *ret = sl_gguf_next_str(&p);
    return SL_OK;
}

sl_status sl_gguf_array(const sl_gguf *g, const char *key, bool required, sl_gguf_kind elem,
                        uint64_t max, const sl_gguf_kv **ret, sl_error *reterr)
{
    const sl_gguf_kv *kv = sl_gguf_find(g, key);
    if (!kv)
        return absent(key, required, reterr);
    if (kv->kind != SL_GGUF_ARRAY || kv->elem != elem)
        return sl_fail(reterr, SL_E_INVALID, "key %s is not an array of the type it must have",
                       key);
    if (kv->n > max)
        return sl_fail(reterr, SL_E_TOO_LARGE, "key %s has %llu elements; at most %llu", key,
                       (unsigned long long)kv->n, (unsigned long long)max);
    *ret = kv;
    return SL_OK;
}

sl_str sl_gguf_next_str(const uint8_t **cursor)
{
    uint64_t n;
    memcpy(&n, *cursor, 8);
    sl_str s = {(const char *)*cursor + 8, (size_t)n};
    *cursor += 8 + n;
    return s;
}

size_t sl_gguf_tensors(const sl_gguf *g)
{
    return g->tensors_n;
}
const sl_gguf_tensor *sl_gguf_tensor_at(const sl_gguf *g, size_t i)
{
    return &g->tensors[i];
}

const sl_gguf_tensor *sl_gguf_tensor_find(const sl_gguf *g, const char *name)
{
    sl_gguf_tensor want = {.name = sl_str_c(name)};
    return bsearch(&want, g->tensors, g->tensors_n, sizeof(*g->tensors), by_name);
}
