/* worker_keys.c - the keyring: loaded at start, looked at every 2 s, swapped when it changed.
 *
 * A file that can't be read or is wrong changes nothing; the old keys stay. */
#include "worker/worker_internal.h"

#define POLL_US 2000000

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
    sl_keyring_unref(w->ring);
    w->ring = ring;
    return SL_OK;
}

sl_status sl_worker_reload_keys(sl_worker *w, sl_error *reterr)
{
    return sl_worker_keys_load(w, reterr);
}

void sl_worker_keys_poll(sl_worker *w)
{
    int64_t now = sl_mono_us();
    struct stat st;
    if (!w->keyring_path[0] || now - w->keys_at_us < POLL_US)
        return;
    w->keys_at_us = now;
    if (stat(w->keyring_path, &st) ||
        (st.st_mtim.tv_sec == w->ring_stat.st_mtim.tv_sec &&
         st.st_mtim.tv_nsec == w->ring_stat.st_mtim.tv_nsec && st.st_size == w->ring_stat.st_size &&
         st.st_ino == w->ring_stat.st_ino))
        return;
    sl_error err = {0};
    if (sl_worker_keys_load(w, &err))
        SL_ERROR(NULL, "keyring_refused", "%s; the old keys stay", err.text);
    else
        SL_INFO(NULL, "keyring_loaded", "%zu keys", sl_keyring_size(w->ring));
}
