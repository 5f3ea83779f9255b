#include "common/crypto/keyring.h"

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/crypto/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1024 * 1024)
#define KEYS_MAX 4096 /* a new key every hour for half a year */

struct sl_keyring {
    atomic_uint refs;
    bool enforced;
    size_t n;
    sl_key keys[];
};

void sl_keyring_enforce(sl_keyring *k)
{
    k->enforced = true;
}

sl_keyring *sl_keyring_ref(sl_keyring *k)
{
    atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    return k;
}

void sl_keyring_unref(sl_keyring *k)
{
    if (!k || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
        return;
    sl_wipe(k->keys, k->n * sizeof(k->keys[0]));
    free(k);
}

static bool kid_valid(sl_str kid)
{
    if (kid.n == 0 || kid.n > SL_KID_MAX)
        return false;
    for (size_t i = 0; i < kid.n; i++) {
        char c = kid.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

static bool time_of(const sl_jnode *n, int64_t *ret_ms)
{
    sl_str text;
    int64_t us;
    if (!sl_json_str(n, &text) || !sl_time_parse(text.p, text.n, &us))
        return false;
    *ret_ms = us / 1000;
    return true;
}

static bool key_bytes(sl_str text, uint8_t out[32])
{
    sl_buf b = {0};
    bool ok = sl_base64_decode(&b, text) == SL_OK && b.len == 32;
    if (ok)
        memcpy(out, b.data, 32);
    sl_wipe(b.data, b.cap);
    sl_buf_done(&b);
    return ok;
}

static bool member_known(sl_str name)
{
    static const char *const known[] = {"kid", "class", "key", "not_before", "not_after"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (sl_str_is(name, known[i]))
            return true;
    return false;
}

/* `at` counts from 1 in error texts. */
static sl_status read_key(sl_key *ret, const sl_jnode *n, const char *name, size_t at,
                          sl_error *reterr)
{
    sl_str kid, class, key;
    if (sl_json_kind(n) != SL_J_OBJECT)
        return sl_fail(reterr, SL_E_INVALID, "%s: entry %zu is no object", name, at);
    for (const sl_jnode *m = sl_json_first(n); m; m = sl_json_next(m))
        if (!member_known(sl_json_key(m)))
            return sl_fail(reterr, SL_E_INVALID,
                           "%s: entry %zu has an unknown member; known are kid, class, key, "
                           "not_before, not_after",
                           name, at);
    if (!sl_json_str(sl_json_get(n, "kid"), &kid) || !kid_valid(kid))
        return sl_fail(reterr, SL_E_INVALID,
                       "%s: entry %zu needs a kid of 1 to %d characters of A-Z a-z 0-9 . _ -", name,
                       at, SL_KID_MAX);
    memcpy(ret->kid, kid.p, kid.n);
    ret->kid[kid.n] = '\0';
    if (!sl_json_str(sl_json_get(n, "class"), &class) ||
        !(sl_str_is(class, "public") || sl_str_is(class, "private")))
        return sl_fail(reterr, SL_E_INVALID, "%s: key %s: class must be public or private", name,
                       ret->kid);
    ret->is_public = sl_str_is(class, "public");
    if (!sl_json_str(sl_json_get(n, "key"), &key) || !key_bytes(key, ret->key))
        return sl_fail(reterr, SL_E_INVALID, "%s: key %s: key must be 32 bytes in base64", name,
                       ret->kid);
    if (!time_of(sl_json_get(n, "not_before"), &ret->not_before_ms) ||
        !time_of(sl_json_get(n, "not_after"), &ret->not_after_ms))
        return sl_fail(reterr, SL_E_INVALID,
                       "%s: key %s: not_before and not_after must be RFC 3339 times", name,
                       ret->kid);
    if (ret->not_before_ms >= ret->not_after_ms)
        return sl_fail(reterr, SL_E_INVALID, "%s: key %s: not_before must be before not_after",
                       name, ret->kid);
    return SL_OK;
}

static sl_status read_keys(sl_keyring *k, const sl_jnode *root, const char *name, sl_error *reterr)
{
    for (const sl_jnode *n = sl_json_first(root); n; n = sl_json_next(n)) {
        sl_key *key = &k->keys[k->n];
        sl_status st = read_key(key, n, name, k->n + 1, reterr);
        if (st)
            return st;
        if (sl_keyring_find(k, sl_str_c(key->kid)))
            return sl_fail(reterr, SL_E_INVALID, "%s: the kid %s stands twice", name, key->kid);
        k->n++;
    }
    return SL_OK;
}

/* The tree holds the keys in base64; nodes have no writer, so their memory is wiped in place. */
static void wipe_strings(const sl_jnode *n)
{
    sl_str text;
    if (sl_json_str(n, &text))
        sl_wipe((char *)(uintptr_t)text.p, text.n);
    for (const sl_jnode *c = sl_json_first(n); c; c = sl_json_next(c))
        wipe_strings(c);
}

sl_status sl_keyring_parse(sl_keyring **ret, const char *name, sl_str json, sl_error *reterr)
{
    sl_jnode *root = NULL;
    sl_keyring *k = NULL;
    size_t n = 0;
    sl_status st = sl_json_parse(&root, json, FILE_MAX, reterr);
    if (st) {
        sl_error_prefix(reterr, "%s", name);
        return st;
    }
    if (sl_json_kind(root) != SL_J_ARRAY) {
        st = sl_fail(reterr, SL_E_INVALID, "%s: a keyring is a JSON array of keys", name);
        goto cleanup;
    }
    n = sl_json_size(root);
    if (n > KEYS_MAX) {
        st = sl_fail(reterr, SL_E_TOO_LARGE, "%s: more than %d keys", name, KEYS_MAX);
        goto cleanup;
    }
    k = calloc(1, sizeof(*k) + n * sizeof(k->keys[0]));
    if (!k) {
        st = sl_fail(reterr, SL_E_NOMEM, "%s: out of memory", name);
        goto cleanup;
    }
    atomic_init(&k->refs, 1);
    st = read_keys(k, root, name, reterr);
cleanup:
    wipe_strings(root);
    sl_json_free(root);
    if (st) {
        if (k)
            k->n = n; /* a half-read key is wiped too */
        sl_keyring_unref(k);
    } else {
        *ret = k;
    }
    return st;
}

sl_status sl_keyring_load(sl_keyring **ret, const char *path, sl_error *reterr)
{
    sl_buf text = {0};
    struct stat info;
    sl_status st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sl_fail(reterr, errno == ENOENT ? SL_E_NOT_FOUND : SL_E_IO,
                       "%s: can't be opened: %s", path, strerrordesc_np(errno));
    if (fstat(fd, &info)) {
        st = sl_fail(reterr, SL_E_IO, "%s: can't be examined: %s", path, strerrordesc_np(errno));
        goto cleanup;
    }
    if (info.st_mode & (S_IRWXG | S_IRWXO)) {
        st = sl_fail(reterr, SL_E_DENIED,
                     "%s: others may use it (mode %04o); make it yours alone: chmod 600", path,
                     (unsigned)info.st_mode & 07777);
        goto cleanup;
    }
    /* All at once, so that growing leaves no unwiped copy behind. */
    if (!sl_buf_reserve(&text, info.st_size < FILE_MAX ? (size_t)info.st_size + 32768 : FILE_MAX)) {
        st = sl_fail(reterr, SL_E_NOMEM, "%s: out of memory", path);
        goto cleanup;
    }
    st = sl_fd_read(fd, path, FILE_MAX, &text, reterr);
    if (!st)
        st = sl_keyring_parse(ret, path, sl_buf_str(&text), reterr);
cleanup:
    sl_wipe(text.data, text.cap);
    sl_buf_done(&text);
    close(fd);
    return st;
}

const sl_key *sl_keyring_current(const sl_keyring *k, bool is_public, int64_t now_ms)
{
    const sl_key *best = NULL;
    for (size_t i = 0; i < k->n; i++) {
        const sl_key *key = &k->keys[i];
        if (key->is_public != is_public || now_ms < key->not_before_ms ||
            now_ms >= key->not_after_ms)
            continue;
        if (!best || key->not_before_ms >= best->not_before_ms) /* of two equals the later entry */
            best = key;
    }
    return best;
}

const sl_key *sl_keyring_find(const sl_keyring *k, sl_str kid)
{
    for (size_t i = 0; i < k->n; i++) {
        const sl_key *key = &k->keys[i];
        if (sl_str_is(kid, key->kid))
            return k->enforced && sl_unix_ms() >= key->not_after_ms ? NULL : key;
    }
    return NULL;
}

size_t sl_keyring_size(const sl_keyring *k)
{
    return k->n;
}

const sl_key *sl_keyring_at(const sl_keyring *k, size_t i)
{
    return i < k->n ? &k->keys[i] : NULL;
}
