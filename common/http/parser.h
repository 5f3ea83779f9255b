/* parser.h - the bytes of an HTTP/1.x request: its head and its chunked body.
 *
 * Strict on purpose, because a proxy in front must read the same request as we do (RFC 9112 11.2).
 * Not libhttp-parser: Debian builds it with HTTP_PARSER_STRICT=0, and then 2.9.4 takes
 * "Content-Length : 5" (space before the colon) as a length, any byte after the CR of a chunk size
 * and any two bytes after a chunk's data, joins folded lines and accepts bare LF; each of them is
 * a way to smuggle a request. All of them are 400 here.
 * Ownership: spans are offsets into the caller's bytes, so those may move between calls; the
 * field table is the head's own (sl_http_head_done).
 * Threads: one owner. Errors: an HTTP status and a fixed English sentence; no allocation but the
 * field table's. */
#ifndef SL_HTTP_PARSER_H
#define SL_HTTP_PARSER_H

#include "common/base/buf.h"

#define SL_HTTP_FIELDS_MAX 100         /* nginx, Apache and Node allow about as many */
#define SL_HTTP_LINE_MAX   (8u * 1024) /* request line; RFC 9112 3 asks for 8,000 at least */

typedef struct sl_http_span {
    uint32_t at, n;
} sl_http_span;

typedef struct sl_http_field {
    sl_http_span name, value;
} sl_http_field;

typedef struct sl_http_head {
    sl_http_field *fields; /* kept between requests */
    uint32_t fields_n, fields_cap;
    uint32_t
        pos; /* where the first line that is not parsed yet starts; when done: the head's size */
    sl_http_span method, path, query;
    uint64_t length;
    uint8_t minor; /* HTTP/1.minor */
    bool line;     /* the request line is parsed */
    bool has_length, chunked, has_host, keep_alive, close, expect_continue;
    int status;      /* SL_HTTP_BAD: what to answer */
    const char *why; /* and the reason */
} sl_http_head;

typedef enum sl_http_verdict { SL_HTTP_MORE, SL_HTTP_DONE, SL_HTTP_BAD } sl_http_verdict;

void sl_http_head_reset(sl_http_head *h); /* keeps the table's memory */
void sl_http_head_done(sl_http_head *h);
/* `p` is the whole head so far, from its first byte on; lines already parsed are not read again. */
sl_http_verdict sl_http_head_parse(sl_http_head *h, const char *p, size_t n);

typedef enum sl_http_chunk_state {
    SL_CHUNK_SIZE,
    SL_CHUNK_DIGITS,
    SL_CHUNK_EXT,
    SL_CHUNK_SIZE_LF,
    SL_CHUNK_DATA,
    SL_CHUNK_DATA_CR,
    SL_CHUNK_DATA_LF,
    SL_CHUNK_TRAILER,      /* at the start of a line */
    SL_CHUNK_TRAILER_LINE, /* inside one; trailers are dropped */
    SL_CHUNK_TRAILER_LF,
    SL_CHUNK_END_LF,
    SL_CHUNK_END
} sl_http_chunk_state;

typedef struct sl_http_chunks {
    sl_http_chunk_state state;
    uint64_t left;     /* bytes of the current chunk */
    uint32_t overhead; /* bytes of extensions and trailers so far */
} sl_http_chunks;

/* Consumes bytes, appends data to *out (NULL: drops it) and says how many bytes were used in
 * *ret_used. SL_HTTP_BAD: *ret_status is 400, or 413 when out would grow over `max`. */
sl_http_verdict sl_http_chunks_feed(sl_http_chunks *c, const char *p, size_t n, sl_buf *out,
                                    size_t max, size_t *ret_used, int *ret_status);

#endif
