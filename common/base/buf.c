#include "common/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUF_MIN 64 /* below this malloc's own overhead dominates */

void sl_buf_done(sl_buf *b)
{
    if (!b)
        return;
    free(b->data);
    *b = (sl_buf){0};
}

bool sl_buf_reserve(sl_buf *b, size_t extra)
{
    if (b->failed)
        return false;
    if (b->cap > b->len && extra < b->cap - b->len) /* one byte stays for the NUL */
        return true;
    if (extra > SIZE_MAX / 4 || b->len > SIZE_MAX / 4) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + extra + 1;
    size_t cap = b->cap < BUF_MIN ? BUF_MIN : b->cap;
    while (cap < need)
        cap += cap / 2; /* 1.5: freed blocks can be used again by the allocator */
    char *data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    data[b->len] = '\0';
    return true;
}

void sl_buf_add(sl_buf *b, const void *p, size_t n)
{
    if (!sl_buf_reserve(b, n))
        return;
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void sl_buf_addc(sl_buf *b, char c)
{
    if (!sl_buf_reserve(b, 1))
        return;
    b->data[b->len++] = c;
    b->data[b->len] = '\0';
}

void sl_buf_adds(sl_buf *b, const char *s)
{
    sl_buf_add(b, s, strlen(s));
}

void sl_buf_addf(sl_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    sl_buf_addv(b, fmt, ap);
    va_end(ap);
}

void sl_buf_addv(sl_buf *b, const char *fmt, va_list ap)
{
    if (!sl_buf_reserve(b, BUF_MIN))
        return;
    va_list again;
    va_copy(again, ap);
    size_t room = b->cap - b->len;
    int n = vsnprintf(b->data + b->len, room, fmt, ap);
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n < room) {
        b->len += (size_t)n;
    } else if (sl_buf_reserve(b, (size_t)n)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    b->data[b->len] = '\0';
}

static const char two_digits[] =
    "00010203040506070809101112131415161718192021222324252627282930313233"
    "34353637383940414243444546474849505152535455565758596061626364656667"
    "6869707172737475767778798081828384858687888990919293949596979899";

void sl_buf_add_u64(sl_buf *b, uint64_t v)
{
    char text[20];
    size_t i = sizeof(text);
    while (v >= 100) {
        i -= 2;
        memcpy(text + i, two_digits + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10) {
        i -= 2;
        memcpy(text + i, two_digits + 2 * v, 2);
    } else {
        text[--i] = (char)('0' + v);
    }
    sl_buf_add(b, text + i, sizeof(text) - i);
}

void sl_buf_add_i64(sl_buf *b, int64_t v)
{
    if (v < 0)
        sl_buf_addc(b, '-');
    sl_buf_add_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void sl_buf_add_hex(sl_buf *b, const void *p, size_t n)
{
    if (n > SIZE_MAX / 4) {
        b->failed = true;
        return;
    }
    if (!sl_buf_reserve(b, 2 * n))
        return;
    sl_hex_encode(b->data + b->len, p, n);
    b->len += 2 * n;
}

void sl_buf_consume(sl_buf *b, size_t n)
{
    if (!b->data || n == 0)
        return;
    if (n > b->len)
        n = b->len;
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

sl_status sl_fd_read(int fd, const char *name, size_t max, sl_buf *out, sl_error *reterr)
{
    size_t start = out->len;
    for (;;) {
        if (!sl_buf_reserve(out, 16384))
            return sl_fail(reterr, SL_E_NOMEM, "%s: out of memory while reading", name);
        ssize_t n = read(fd, out->data + out->len, out->cap - out->len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sl_fail(reterr, SL_E_IO, "%s: can't be read: %s", name, strerrordesc_np(errno));
        if (n == 0)
            break;
        out->len += (size_t)n;
        out->data[out->len] = '\0';
        if (out->len - start > max)
            return sl_fail(reterr, SL_E_TOO_LARGE, "%s: larger than the limit of %zu bytes", name,
                           max);
    }
    return SL_OK;
}

sl_status sl_file_read(const char *path, size_t max, sl_buf *out, sl_error *reterr)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sl_fail(reterr, errno == ENOENT ? SL_E_NOT_FOUND : SL_E_IO,
                       "%s: can't be opened: %s", path, strerrordesc_np(errno));
    sl_status st = sl_fd_read(fd, path, max, out, reterr);
    close(fd);
    return st;
}
