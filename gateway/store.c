#include "gateway/store.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

typedef struct watched {
    const char *path;
    struct stat seen;
} watched;

struct sl_store {
    pthread_mutex_t lock;
    watched policy_file, keyring_file, keys_file;
    bool need_key[SL_CLASS_N];
    sl_policy *policy, *candidate;
    sl_keyring *keyring;
    sl_api_keys *keys;
};

/* True when the file differs from when it was last looked at. */
static bool changed(watched *w)
{
    struct stat now = {0};
    if (!w->path[0])
        return false;
    (void)stat(w->path, &now); /* a vanished file counts as a change; the load names it */
    bool differs = now.st_mtim.tv_sec != w->seen.st_mtim.tv_sec ||
                   now.st_mtim.tv_nsec != w->seen.st_mtim.tv_nsec ||
                   now.st_size != w->seen.st_size || now.st_ino != w->seen.st_ino;
    w->seen = now;
    return differs;
}

static sl_status load_policy(sl_store *s, sl_error *reterr)
{
    sl_policy *p = NULL;
    sl_status st = s->policy_file.path[0] ? sl_policy_load(&p, s->policy_file.path, reterr)
                                          : sl_policy_default(&p, reterr);
    if (st)
        return st;
    pthread_mutex_lock(&s->lock);
    sl_policy *old = s->candidate;
    bool same = s->policy && !strcmp(sl_policy_digest(s->policy), sl_policy_digest(p));
    s->candidate = same ? NULL : p;
    pthread_mutex_unlock(&s->lock);
    sl_policy_unref(old);
    if (same)
        sl_policy_unref(p);
    return SL_OK;
}

static sl_status load_keyring(sl_store *s, sl_error *reterr)
{
    sl_keyring *k = NULL;
    if (s->keyring_file.path[0]) {
        sl_status st = sl_keyring_load(&k, s->keyring_file.path, reterr);
        if (st)
            return st;
    }
    for (int c = 0; c < SL_CLASS_N; c++)
        if (s->need_key[c] && !(k && sl_keyring_current(k, c == SL_CLASS_PUBLIC, sl_unix_ms()))) {
            sl_keyring_unref(k);
            return sl_fail(reterr, SL_E_NOT_FOUND,
                           "encryption of the %s class is on, but keyring '%s' has no key of it "
                           "that is valid now",
                           sl_class_name((sl_class)c), s->keyring_file.path);
        }
    if (k)
        sl_keyring_enforce(k);
    pthread_mutex_lock(&s->lock);
    sl_keyring *old = s->keyring;
    s->keyring = k;
    pthread_mutex_unlock(&s->lock);
    sl_keyring_unref(old);
    return SL_OK;
}

static sl_status load_keys(sl_store *s, sl_error *reterr)
{
    sl_api_keys *k = NULL;
    if (s->keys_file.path[0]) {
        sl_status st = sl_api_keys_load(&k, s->keys_file.path, reterr);
        if (!st)
            st = sl_api_keys_carry(k, s->keys); /* this thread alone replaces s->keys */
        if (st) {
            sl_api_keys_unref(k);
            return st;
        }
    }
    pthread_mutex_lock(&s->lock);
    sl_api_keys *old = s->keys;
    s->keys = k;
    pthread_mutex_unlock(&s->lock);
    sl_api_keys_unref(old);
    return SL_OK;
}

sl_status sl_store_open(sl_store **ret, const sl_store_options *opt, sl_error *reterr)
{
    sl_store *s = calloc(1, sizeof(*s));
    if (!s)
        return SL_E_NOMEM;
    pthread_mutex_init(&s->lock, NULL);
    s->policy_file.path = opt->policy_path;
    s->keyring_file.path = opt->keyring_path;
    s->keys_file.path = opt->keys_path;
    memcpy(s->need_key, opt->need_key, sizeof(s->need_key));
    (void)changed(&s->policy_file), (void)changed(&s->keyring_file), (void)changed(&s->keys_file);
    sl_status st = load_policy(s, reterr);
    if (!st)
        st = load_keyring(s, reterr);
    if (!st)
        st = load_keys(s, reterr);
    if (st)
        sl_store_free(s);
    else
        *ret = s;
    return st;
}

void sl_store_free(sl_store *s)
{
    if (!s)
        return;
    sl_policy_unref(s->policy);
    sl_policy_unref(s->candidate);
    sl_keyring_unref(s->keyring);
    sl_api_keys_unref(s->keys);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

sl_policy *sl_store_policy(sl_store *s)
{
    pthread_mutex_lock(&s->lock);
    sl_policy *p = s->policy ? sl_policy_ref(s->policy) : NULL;
    pthread_mutex_unlock(&s->lock);
    return p;
}

sl_keyring *sl_store_keyring(sl_store *s)
{
    pthread_mutex_lock(&s->lock);
    sl_keyring *k = s->keyring ? sl_keyring_ref(s->keyring) : NULL;
    pthread_mutex_unlock(&s->lock);
    return k;
}

sl_api_keys *sl_store_keys(sl_store *s)
{
    pthread_mutex_lock(&s->lock);
    sl_api_keys *k = s->keys ? sl_api_keys_ref(s->keys) : NULL;
    pthread_mutex_unlock(&s->lock);
    return k;
}

static void report(const char *what, sl_status st, const sl_error *err)
{
    if (st)
        SL_ERROR(NULL, "reload_refused", "%s: %s; the old one stays", what, err->text);
    else
        SL_INFO(NULL, "reloaded", "%s was read again", what);
}

void sl_store_check(sl_store *s, bool force, int *ret_refused)
{
    sl_error err = {0};
    *ret_refused = 0;
    if (changed(&s->policy_file) || (force && s->policy_file.path[0])) {
        sl_status st = load_policy(s, &err);
        *ret_refused = st != SL_OK;
        report("policy", st, &err);
    }
}

int sl_store_check_keyring(sl_store *s, bool force)
{
    sl_error err = {0};
    if (!changed(&s->keyring_file) && !(force && s->keyring_file.path[0]))
        return 0;
    sl_status st = load_keyring(s, &err);
    report("keyring", st, &err);
    return st ? -1 : 1;
}

int sl_store_check_keys(sl_store *s, bool force)
{
    sl_error err = {0};
    if (!changed(&s->keys_file) && !(force && s->keys_file.path[0]))
        return 0;
    sl_status st = load_keys(s, &err);
    report("API keys", st, &err);
    return st ? -1 : 1;
}

sl_policy *sl_store_candidate(sl_store *s)
{
    return s->candidate;
}

void sl_store_adopt(sl_store *s, sl_policy *candidate)
{
    pthread_mutex_lock(&s->lock);
    sl_policy *old = NULL;
    if (s->candidate == candidate) {
        old = s->policy;
        s->policy = candidate;
        s->candidate = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    sl_policy_unref(old);
}
