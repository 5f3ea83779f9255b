/* gguf.h - reads a GGUF file (versions 2 and 3, little endian): metadata and tensor table.
 *
 * Nothing in the file is trusted: every length, count, offset, type and name is checked when it is
 * opened, so that the getters cannot fail on structure. Weights stay in the mapping.
 * Ownership: views live as long as the sl_gguf. A mapped file must not be truncated while it is
 * open (the kernel would raise SIGBUS); model files are replaced by rename, never written in place.
 * Threads: immutable once opened. Errors: SL_E_CORRUPT (structure), SL_E_INVALID (a value out of
 * range), SL_E_UNSUPPORTED (version, type), SL_E_NOT_FOUND, SL_E_IO.
 * Source: ggml docs/gguf.md. */
#ifndef SL_ENGINE_GGUF_H
#define SL_ENGINE_GGUF_H

#include "common/base/buf.h"

typedef enum sl_gguf_kind { /* metadata value types, as on disk */
                            SL_GGUF_U8,
                            SL_GGUF_I8,
                            SL_GGUF_U16,
                            SL_GGUF_I16,
                            SL_GGUF_U32,
                            SL_GGUF_I32,
                            SL_GGUF_F32,
                            SL_GGUF_BOOL,
                            SL_GGUF_STR,
                            SL_GGUF_ARRAY,
                            SL_GGUF_U64,
                            SL_GGUF_I64,
                            SL_GGUF_F64,
                            SL_GGUF_KINDS
} sl_gguf_kind;

typedef enum sl_dtype { /* tensor element types that the engine computes with, as on disk */
                        SL_F32 = 0,
                        SL_F16 = 1,
                        SL_Q4_0 = 2,
                        SL_Q4_1 = 3,
                        SL_Q8_0 = 8,
                        SL_BF16 = 30
} sl_dtype;

/* Elements and bytes of one block; false for a type that this build cannot read. */
bool sl_dtype_block(uint32_t type, uint32_t *ret_elems, uint32_t *ret_bytes);
const char *sl_dtype_name(uint32_t type); /* "Q4_K"; "?" when unknown to ggml too */
/* Bytes of a row of n elements; n must be a whole number of blocks of a known type. */
size_t sl_dtype_row_bytes(uint32_t type, size_t n);

typedef struct sl_gguf_kv {
    sl_str key;
    sl_gguf_kind kind, elem; /* elem: of an array */
    uint64_t n;              /* array length */
    const uint8_t *data;     /* the value, unaligned */
} sl_gguf_kv;

typedef struct sl_gguf_tensor {
    sl_str name;
    uint32_t dims_n, type;
    uint64_t dims[4]; /* fastest first; unused ones are 1 */
    const uint8_t *data;
    size_t bytes;
} sl_gguf_tensor;

typedef struct sl_gguf sl_gguf;

sl_status sl_gguf_open(sl_gguf **ret, const char *path, sl_error *reterr) SL_MUST_CHECK;
/* The same on memory that the caller keeps alive. */
sl_status sl_gguf_parse(sl_gguf **ret, const void *data, size_t n, sl_error *reterr) SL_MUST_CHECK;
void sl_gguf_free(sl_gguf *g);          /* NULL is fine */
sl_str sl_gguf_bytes(const sl_gguf *g); /* the whole file */

const sl_gguf_kv *sl_gguf_find(const sl_gguf *g, const char *key); /* NULL: absent */
/* Typed getters. An absent key is an error when `required`, else *ret stays as it was. */
sl_status sl_gguf_uint(const sl_gguf *g, const char *key, bool required, uint64_t lo, uint64_t hi,
                       uint64_t *ret, sl_error *reterr) SL_MUST_CHECK;
sl_status sl_gguf_float(const sl_gguf *g, const char *key, bool required, double lo, double hi,
                        double *ret, sl_error *reterr) SL_MUST_CHECK;
sl_status sl_gguf_bool(const sl_gguf *g, const char *key, bool *ret,
                       sl_error *reterr) SL_MUST_CHECK;
sl_status sl_gguf_text(const sl_gguf *g, const char *key, bool required, sl_str *ret,
                       sl_error *reterr) SL_MUST_CHECK;
/* An array of the given element kind; at most `max` elements. */
sl_status sl_gguf_array(const sl_gguf *g, const char *key, bool required, sl_gguf_kind elem,
                        uint64_t max, const sl_gguf_kv **ret, sl_error *reterr) SL_MUST_CHECK;
/* Walks a string array: *cursor starts as kv->data; call it kv->n times. */
sl_str sl_gguf_next_str(const uint8_t **cursor);

size_t sl_gguf_tensors(const sl_gguf *g);
const sl_gguf_tensor *sl_gguf_tensor_at(const sl_gguf *g, size_t i); /* sorted by name */
const sl_gguf_tensor *sl_gguf_tensor_find(const sl_gguf *g, const char *name);

#endif
