/* worker_keys.c - the keyring: loaded at start, looked at every 2 s, swapped when it changed.
 *
 * A file that can't be read or is wrong changes nothing; the old keys stay. What a new one brings
 * is said in a presence at once: gateways wait for it to send parked requests again. */
#include "worker/worker_internal.h"

#define POLL_US 2000000

/* Design 5: a public worker's file holds keys of class public alone. One that holds more works,
 * and whoever takes the machine has the others too. */
static void warn_of_other_class(const sl_worker *w, const sl_keyring *ring)
{
    size_t other = 0;
    for (size_t i = 0; i < sl_keyring_size(ring); i++)
        other += !sl_keyring_at(ring, i)->is_public;
    if (w->cls == SL_CLASS_PUBLIC && other)
        SL_WARN(NULL, "keyring_too_wide",
                "%s holds %zu keys of class private; give this worker a file that `sluice keyring "
                "export` made",
                w->keyring_path, other);
}

sl_status sl_worker_keys_load(sl_worker *w, sl_error *reterr)
{
    if (!w->keyring_path[0])
        return w->must_encrypt ? sl_fail(reterr, SL_E_INVALID,
                                         "encryption is on, but no keyring is named: set keyring")
                               : SL_OK;
    struct stat st = {0};
    (void)stat(w->keyring_path, &st); /* the load below says what is wrong */
    w->ring_stat = st;
    sl_keyring *ring = NULL;
    sl_status status = sl_keyring_load(&ring, w->keyring_path, reterr);
    if (status)
        return status;
    if (w->must_encrypt && !sl_keyring_current(ring, w->cls == SL_CLASS_PUBLIC, sl_unix_ms())) {
        sl_keyring_unref(ring);
        return sl_fail(reterr, SL_E_NOT_FOUND, "%s has no key of class %s that is valid now",
                       w->keyring_path, sl_class_name(w->cls));
    }
    sl_keyring_enforce(ring);
    warn_of_other_class(w, ring);
    sl_keyring_unref(w->ring);
    w->ring = ring;
    return SL_OK;
}

sl_status sl_worker_reload_keys(sl_worker *w, sl_error *reterr)
{
    if (!w->keyring_path[0])
        return SL_OK;
    sl_status st = sl_worker_keys_load(w, reterr);
    sl_worker_count(w, SL_WM_KEYRING_RELOADS, st != SL_OK, 1);
    if (!st)
        sl_worker_presence(w);
    return st;
}

/* Seconds until no key of the class may encrypt any more; 0: none may. */
static void gauge(const sl_worker *w)
{
    int64_t now = sl_unix_ms();
    const sl_key *k = w->ring ? sl_keyring_current(w->ring, w->cls == SL_CLASS_PUBLIC, now) : NULL;
    if (w->shard)
        sl_metrics_gauge(w->shard, SL_WM_KEY_LEFT, 0,
                         k ? (double)(k->not_after_ms - now) / 1000 : 0);
}

void sl_worker_keys_poll(sl_worker *w)
{
    int64_t now = sl_mono_us();
    struct stat st;
    if (!w->keyring_path[0] || now - w->keys_at_us < POLL_US)
        return;
    w->keys_at_us = now;
    gauge(w);
    if (stat(w->keyring_path, &st) ||
        (st.st_mtim.tv_sec == w->ring_stat.st_mtim.tv_sec &&
         st.st_mtim.tv_nsec == w->ring_stat.st_mtim.tv_nsec && st.st_size == w->ring_stat.st_size &&
         st.st_ino == w->ring_stat.st_ino))
        return;
    sl_error err = {0};
    if (sl_worker_reload_keys(w, &err))
        SL_ERROR(NULL, "keyring_refused", "%s; the old keys stay", err.text);
    else
        SL_INFO(NULL, "keyring_loaded", "%zu keys", sl_keyring_size(w->ring));
}
