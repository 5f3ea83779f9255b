/* buf.h - string views and a growable byte buffer.
 *
 * Ownership: sl_str borrows, always. sl_buf owns its bytes; `sl_buf_done` empties it and it may be
 * used again. A zeroed sl_buf is an empty buffer.
 * Errors: an append that cannot allocate sets `failed` and later appends do nothing, so a builder
 * checks once at the end (sl_buf_ok). The data is always NUL-terminated behind `len` when not NULL.
 * Threads: one owner at a time. */
#ifndef SL_BASE_BUF_H
#define SL_BASE_BUF_H

#include "common/base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct sl_str {
    const char *p;
    size_t n;
} sl_str;

#define SL_STR(lit) ((sl_str){(lit), sizeof(lit) - 1})
static inline sl_str sl_str_c(const char *s)
{
    return (sl_str){s, s ? strlen(s) : 0};
}
static inline bool sl_str_eq(sl_str a, sl_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool sl_str_is(sl_str a, const char *c)
{
    return sl_str_eq(a, sl_str_c(c));
}
static inline bool sl_str_prefix(sl_str s, sl_str prefix)
{
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

typedef struct sl_buf {
    char *data;
    size_t len, cap;
    bool failed;
} sl_buf;

void sl_buf_done(sl_buf *b);               /* frees; NULL is fine */
static inline void sl_buf_clear(sl_buf *b) /* keeps the memory */
{
    b->len = 0, b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}
bool sl_buf_reserve(sl_buf *b, size_t extra); /* room for `extra` more bytes and a NUL */
void sl_buf_add(sl_buf *b, const void *p, size_t n);
void sl_buf_addc(sl_buf *b, char c);
void sl_buf_adds(sl_buf *b, const char *s); /* a C string */
static inline void sl_buf_add_str(sl_buf *b, sl_str s)
{
    sl_buf_add(b, s.p, s.n);
}
void sl_buf_addf(sl_buf *b, const char *fmt, ...) SL_PRINTF(2, 3);
void sl_buf_addv(sl_buf *b, const char *fmt, va_list ap);
void sl_buf_add_u64(sl_buf *b, uint64_t v); /* decimal, without printf */
void sl_buf_add_i64(sl_buf *b, int64_t v);
void sl_buf_add_hex(sl_buf *b, const void *p, size_t n); /* lower case */
void sl_buf_consume(sl_buf *b, size_t n);                /* drops the first n bytes */
static inline bool sl_buf_ok(const sl_buf *b)
{
    return !b->failed;
}
static inline sl_str sl_buf_str(const sl_buf *b)
{
    return (sl_str){b->data ? b->data : "", b->len};
}

/* Hex: `out` has 2n+1 bytes. */
void sl_hex_encode(char *out, const void *p, size_t n);
/* Lower- or upper-case; false when n is odd, too long for out_n or not hex. */
bool sl_hex_decode(void *out, size_t out_n, const char *hex, size_t hex_n);
/* RFC 4648 base64 with padding. */
void sl_buf_add_base64(sl_buf *b, const void *p, size_t n);
/* Strict; appends the decoded bytes. */
sl_status sl_base64_decode(sl_buf *out, sl_str in) SL_MUST_CHECK;
/* Whole decimal numbers, no sign for u64, no blanks; false on overflow or junk. */
bool sl_parse_u64(sl_str s, uint64_t *ret);
bool sl_parse_i64(sl_str s, int64_t *ret);
/* True when s is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, ≤ U+10FFFF). */
bool sl_utf8_valid(const void *p, size_t n);
/* The length of the well-formed character that p starts with, 0 when there is none. */
size_t sl_utf8_char(const void *p, size_t n);
/* How many of the first n bytes end on a character boundary (an incomplete tail is left out). */
size_t sl_utf8_complete(const char *p, size_t n);

/* Reads a whole file of at most `max` bytes, appended to *out. */
sl_status sl_file_read(const char *path, size_t max, sl_buf *out, sl_error *reterr) SL_MUST_CHECK;
/* The same from an open descriptor; `name` stands in error texts. */
sl_status sl_fd_read(int fd, const char *name, size_t max, sl_buf *out,
                     sl_error *reterr) SL_MUST_CHECK;

#endif
