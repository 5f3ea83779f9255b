/* keyring_file.c - changing a keyring's file: new keys, rotation, the public class's file.
 *
 * The file is replaced whole, under a lock, and never grows worse than it was: what was written is
 * what sl_keyring_load reads, or the old file stays. */
#include "common/base/clock.h"
#include "common/base/jsonw.h"
#include "common/crypto/digest.h"
#include "common/crypto/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_A_KEY 320 /* over the longest entry: growing would leave unwiped copies behind */

static int lock_file(const char *path, sl_error *reterr)
{
    sl_buf name = {0};
    sl_buf_addf(&name, "%s.lock", path);
    int fd = sl_buf_ok(&name) ? open(name.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0 && flock(fd, LOCK_EX) != 0) {
        close(fd);
        fd = -1;
    }
    if (fd < 0)
        sl_fail(reterr, SL_E_IO, "%s.lock can't be locked: %s", path, strerrordesc_np(errno));
    sl_buf_done(&name);
    return fd;
}

static void write_key(sl_jsonw *w, const sl_key *k)
{
    char from[SL_TIME_TEXT], to[SL_TIME_TEXT];
    unsigned char base64[48]; /* 44 digits and a NUL */
    sl_time_format(from, k->not_before_ms * 1000);
    sl_time_format(to, k->not_after_ms * 1000);
    (void)EVP_EncodeBlock(base64, k->key, sizeof(k->key));
    sl_jsonw_obj(w, NULL);
    sl_jsonw_cstr(w, "kid", k->kid);
    sl_jsonw_cstr(w, "class", k->is_public ? "public" : "private");
    sl_jsonw_cstr(w, "key", (const char *)base64);
    sl_jsonw_cstr(w, "not_before", from);
    sl_jsonw_cstr(w, "not_after", to);
    sl_jsonw_end_obj(w);
    sl_wipe(base64, sizeof(base64));
}

static sl_status write_keys(sl_buf *out, const sl_key *keys, size_t n)
{
    if (!sl_buf_reserve(out, 16 + n * TEXT_A_KEY))
        return SL_E_NOMEM;
    sl_jsonw w = sl_jsonw_on(out);
    sl_jsonw_arr(&w, NULL);
    for (size_t i = 0; i < n; i++)
        write_key(&w, &keys[i]);
    sl_jsonw_end_arr(&w);
    sl_buf_addc(out, '\n');
    return sl_buf_ok(out) ? SL_OK : SL_E_NOMEM;
}

/* A rename that is not on the disk yet would bring the old file back after a power cut. */
static bool sync_folder(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    free(copy);
    return ok;
}

static bool write_all(int fd, sl_str text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text.p += n;
        text.n -= (size_t)n;
    }
    return true;
}

/* Root may write a file that a daemon's user reads: the owner stays. */
static bool keep_owner(int fd, const char *path)
{
    struct stat old;
    return stat(path, &old) != 0 || old.st_uid == geteuid() ||
           fchown(fd, old.st_uid, old.st_gid) == 0;
}

static sl_status replace(const char *path, const sl_key *keys, size_t n, sl_error *reterr)
{
    sl_buf text = {0}, fresh = {0};
    sl_keyring *check = NULL;
    sl_status st = write_keys(&text, keys, n);
    sl_buf_addf(&fresh, "%s.new", path);
    if (st || !sl_buf_ok(&fresh)) {
        st = sl_fail(reterr, SL_E_NOMEM, "%s: out of memory", path);
        goto cleanup;
    }
    if ((st = sl_keyring_parse(&check, path, sl_buf_str(&text), reterr)))
        goto cleanup;
    (void)unlink(fresh.data); /* of a command that was killed */
    int fd = open(fresh.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && keep_owner(fd, path) && write_all(fd, sl_buf_str(&text)) && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0 && close(fd) != 0 && ok) {
        ok = false;
        why = errno;
    }
    if (ok && rename(fresh.data, path) != 0) {
        ok = false;
        why = errno;
    }
    if (!ok) {
        st = sl_fail(reterr, SL_E_IO, "%s can't be written: %s", path, strerrordesc_np(why));
        (void)unlink(fresh.data);
    } else if (!sync_folder(path)) {
        st = sl_fail(reterr, SL_E_IO, "%s was written, but may not outlive a power cut", path);
    }
cleanup:
    sl_keyring_unref(check);
    sl_wipe(text.data, text.cap);
    sl_buf_done(&text);
    sl_buf_done(&fresh);
    return st;
}

sl_status sl_keyring_change(const char *path, bool make, sl_keyring_edit_fn fn, void *arg,
                            sl_error *reterr)
{
    sl_keyring *old = NULL;
    sl_keyring_edit e = {0};
    size_t room = 0;
    int lock = lock_file(path, reterr);
    if (lock < 0)
        return SL_E_IO;
    sl_status st = sl_keyring_load(&old, path, reterr);
    if (st == SL_E_NOT_FOUND && make)
        st = SL_OK;
    if (st)
        goto cleanup;
    e.n = old ? sl_keyring_size(old) : 0;
    room = e.n + 1;
    e.keys = calloc(room, sizeof(*e.keys));
    if (!e.keys) {
        st = sl_fail(reterr, SL_E_NOMEM, "%s: out of memory", path);
        goto cleanup;
    }
    for (size_t i = 0; i < e.n; i++)
        e.keys[i] = *sl_keyring_at(old, i);
    st = fn(arg, &e, reterr);
    if (!st)
        st = replace(path, e.keys, e.n, reterr);
cleanup:
    if (e.keys)
        sl_wipe(e.keys, room * sizeof(*e.keys));
    free(e.keys);
    sl_keyring_unref(old);
    close(lock);
    return st;
}

sl_status sl_keyring_export(const sl_keyring *k, bool is_public, const char *path, sl_error *reterr)
{
    size_t size = sl_keyring_size(k), n = 0;
    sl_key *keys = calloc(size + 1, sizeof(*keys));
    if (!keys)
        return sl_fail(reterr, SL_E_NOMEM, "%s: out of memory", path);
    for (size_t i = 0; i < size; i++)
        if (sl_keyring_at(k, i)->is_public == is_public)
            keys[n++] = *sl_keyring_at(k, i);
    int lock = lock_file(path, reterr);
    sl_status st = lock < 0 ? SL_E_IO : replace(path, keys, n, reterr);
    if (lock >= 0)
        close(lock);
    sl_wipe(keys, (size + 1) * sizeof(*keys));
    free(keys);
    return st;
}

static bool has_kid(const sl_keyring_edit *e, const char *kid)
{
    for (size_t i = 0; i < e->n; i++)
        if (!strcmp(e->keys[i].kid, kid))
            return true;
    return false;
}

/* public-20261201T031500Z, and -2, -3 of one second. */
static void make_kid(const sl_keyring_edit *e, bool is_public, int64_t at_ms,
                     char out[SL_KID_MAX + 1])
{
    char time[SL_TIME_TEXT], base[40];
    size_t n = 0;
    sl_time_format(time, at_ms * 1000);
    for (const char *p = time; *p && *p != '.'; p++)
        if (*p != '-' && *p != ':')
            time[n++] = *p; /* never ahead of p */
    time[n] = '\0';
    (void)snprintf(base, sizeof(base), "%s-%.20sZ", is_public ? "public" : "private", time);
    (void)snprintf(out, SL_KID_MAX + 1, "%s", base);
    for (size_t i = 2; has_kid(e, out); i++)
        (void)snprintf(out, SL_KID_MAX + 1, "%s-%zu", base, i);
}

sl_status sl_keyring_add(sl_keyring_edit *e, bool is_public, const char *kid, int64_t not_before_ms,
                         int64_t not_after_ms, sl_error *reterr)
{
    sl_key *k = &e->keys[e->n];
    if (strlen(kid) > SL_KID_MAX)
        return sl_fail(reterr, SL_E_INVALID, "a kid has at most %d characters", SL_KID_MAX);
    if (has_kid(e, kid))
        return sl_fail(reterr, SL_E_CONFLICT, "the kid %s exists", kid);
    *k = (sl_key){
        .is_public = is_public, .not_before_ms = not_before_ms, .not_after_ms = not_after_ms};
    if (kid[0])
        (void)snprintf(k->kid, sizeof(k->kid), "%s", kid);
    else
        make_kid(e, is_public, not_before_ms, k->kid);
    sl_random(k->key, sizeof(k->key));
    e->n++;
    return SL_OK;
}

sl_status sl_keyring_rotate(sl_keyring_edit *e, bool is_public, const char *kid, int64_t start_ms,
                            int64_t life_ms, int64_t overlap_ms, sl_error *reterr)
{
    const char *class = is_public ? "public" : "private";
    bool found = false;
    for (size_t i = 0; i < e->n; i++) {
        const sl_key *k = &e->keys[i];
        if (k->is_public != is_public)
            continue;
        if (k->not_before_ms > start_ms)
            return sl_fail(reterr, SL_E_CONFLICT,
                           "the key %s begins later than the new one would, so it would win; wait "
                           "until it is in use",
                           k->kid);
        found |= k->not_after_ms > start_ms;
    }
    if (!found)
        return sl_fail(reterr, SL_E_NOT_FOUND,
                       "there is no key of class %s that is valid then; make one with create",
                       class);
    size_t n = e->n;
    sl_status st = sl_keyring_add(e, is_public, kid, start_ms, start_ms + life_ms, reterr);
    for (size_t i = 0; i < n && !st; i++) {
        sl_key *k = &e->keys[i];
        if (k->is_public == is_public && k->not_after_ms > start_ms + overlap_ms)
            k->not_after_ms = start_ms + overlap_ms;
    }
    return st;
}
