#include "router/classify/pattern_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hs/hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 80, KEEP = 16, NAME_MAX_BYTES = 64 };

static const char magic[8] = {'S', 'L', 'P', 'A', 'T', 'D', 'B', '1'};

/* ---- the directory ---- */

static bool make(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* Belongs to this user or root, and nobody else may write in it. */
static bool trusted_dir(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) &&
           (st.st_uid == geteuid() || st.st_uid == 0) && (st.st_mode & 022) == 0;
}

static int open_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && !trusted_dir(fd)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool sl_pattern_cache_dir(const char *dir, char *buf, size_t cap)
{
    const char *named = dir ? dir : secure_getenv("SLUICE_CACHE_DIR");
    const char *base = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
    int n;
    if (named) {
        if (!*named)
            return false;
        n = snprintf(buf, cap, "%s", named);
    } else if (base && base[0] == '/') {
        n = snprintf(buf, cap, "%s/sluice", base);
    } else if (home && home[0] == '/') {
        n = snprintf(buf, cap, "%s/.cache", home);
        if (n > 0 && (size_t)n < cap && !make(buf))
            return false;
        n = snprintf(buf, cap, "%s/.cache/sluice", home);
    } else {
        return false;
    }
    if (n <= 0 || (size_t)n >= cap || !make(buf))
        return false;
    int fd = open_dir(buf);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static void name_of(char *buf, size_t cap, const uint8_t *key)
{
    size_t n = (size_t)snprintf(buf, cap, "patterns-");
    for (int i = 0; i < 16; i++)
        n += (size_t)snprintf(buf + n, cap - n, "%02x", key[i]);
    snprintf(buf + n, cap - n, ".db");
}

/* ---- reading ---- */

static bool read_all(int fd, void *p, size_t n)
{
    char *q = p;
    while (n > 0) {
        ssize_t r = read(fd, q, n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return false;
        q += r, n -= (size_t)r;
    }
    return true;
}

static uint64_t length_of(const uint8_t *head)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | head[72 + i];
    return v;
}

/* A plain file of this user's, of one name, that others can't write, of a size that can be. */
static bool trusted_file(int fd, size_t *ret_size)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & 022) != 0 || st.st_nlink != 1 || st.st_size <= HEAD ||
        st.st_size > HEAD + (off_t)SL_PATTERN_DB_MAX)
        return false;
    *ret_size = (size_t)st.st_size;
    return true;
}

struct hs_database *sl_pattern_cache_load(const char *dir, const uint8_t key[SL_SHA256_SIZE])
{
    char name[NAME_MAX_BYTES];
    uint8_t sum[SL_SHA256_SIZE], *p = NULL;
    hs_database_t *db = NULL;
    size_t size = 0;
    int fd = -1, d = open_dir(dir);
    if (d < 0)
        return NULL;
    name_of(name, sizeof name, key);
    fd = openat(d, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || !trusted_file(fd, &size))
        goto cleanup;
    p = malloc(size);
    if (!p || !read_all(fd, p, size))
        goto cleanup;
    if (memcmp(p, magic, sizeof magic) != 0 || memcmp(p + 8, key, SL_SHA256_SIZE) != 0 ||
        length_of(p) != size - HEAD)
        goto cleanup;
    sl_sha256(sum, p + HEAD, size - HEAD);
    if (memcmp(sum, p + 40, sizeof sum) != 0)
        goto cleanup;
    if (hs_deserialize_database((const char *)p + HEAD, size - HEAD, &db) != HS_SUCCESS)
        db = NULL;
cleanup:
    free(p);
    if (fd >= 0)
        close(fd);
    close(d);
    return db;
}

void sl_pattern_cache_free(struct hs_database *db)
{
    hs_free_database(db);
}

/* ---- writing ---- */

static bool write_all(int fd, const void *p, size_t n)
{
    const char *q = p;
    while (n > 0) {
        ssize_t w = write(fd, q, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return false;
        q += w, n -= (size_t)w;
    }
    return true;
}

/* Removes the oldest files of this kind until KEEP are left. */
static void prune(int dir)
{
    for (int turn = 0; turn < 64; turn++) {
        int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
        DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
        char oldest[NAME_MAX_BYTES] = "";
        time_t when = 0;
        if (!d) {
            if (copy >= 0)
                close(copy);
            return;
        }
        for (struct dirent *e; (e = readdir(d)) != NULL;) {
            struct stat st;
            if (strncmp(e->d_name, "patterns-", 9) != 0 || strlen(e->d_name) >= sizeof oldest ||
                fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
                continue;
            n++;
            if (!oldest[0] || st.st_mtime < when)
                snprintf(oldest, sizeof oldest, "%s", e->d_name), when = st.st_mtime;
        }
        closedir(d);
        if (n <= KEEP || unlinkat(dir, oldest, 0) != 0)
            return;
    }
}

bool sl_pattern_cache_store(const char *dir, const uint8_t key[SL_SHA256_SIZE],
                            const struct hs_database *db)
{
    char name[NAME_MAX_BYTES], temp[NAME_MAX_BYTES + 24];
    uint8_t head[HEAD];
    char *bytes = NULL;
    size_t n = 0;
    bool ok = false;
    int fd = -1, d = open_dir(dir);
    if (d < 0 || hs_serialize_database(db, &bytes, &n) != HS_SUCCESS || n > SL_PATTERN_DB_MAX)
        goto cleanup;
    name_of(name, sizeof name, key);
    snprintf(temp, sizeof temp, "%s.%ld.tmp", name, (long)getpid());
    memcpy(head, magic, sizeof magic);
    memcpy(head + 8, key, SL_SHA256_SIZE);
    sl_sha256(head + 40, bytes, n);
    for (int i = 0; i < 8; i++)
        head[72 + i] = (uint8_t)((uint64_t)n >> (8 * i));
    (void)unlinkat(d, temp, 0); /* of a process that died with this number */
    fd = openat(d, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        goto cleanup;
    ok = write_all(fd, head, sizeof head) && write_all(fd, bytes, n) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    if (ok)
        ok = renameat(d, temp, d, name) == 0;
    if (!ok)
        (void)unlinkat(d, temp, 0);
    else
        prune(d);
cleanup:
    free(bytes);
    if (d >= 0)
        close(d);
    return ok;
}
