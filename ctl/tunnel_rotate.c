#include "ctl/tunnel_rotate.h"

#include "common/base/clock.h"
#include "ctl/child.h"
#include "ctl/tunnel_status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define MAGIC     "sluice-tunnel-rotate 1 "
#define LOOK_MS   20
#define QUIET_MS  300  /* nothing by the old interface for so long: nothing is on its way there */
#define QUIET_MAX 5000 /* keepalives may come at any time: the old one goes then anyway */

typedef struct rotation {
    const sl_tunnel_rotate_options *o;
    sl_child peer;
    char from, to; /* slots */
    int64_t step_ms;
} rotation;

/* ---- files and steps ---- */

static void path_of(const rotation *r, char slot, const char *ending, char out[600])
{
    snprintf(out, 600, "%s/%c.%s", r->o->conf->folder, slot, ending);
}

/* Mode 0600, whole or not at all. */
static sl_status store(const rotation *r, const char *ending, sl_str text, sl_error *reterr)
{
    char path[600], temp[608];
    path_of(r, r->to, ending, path);
    snprintf(temp, sizeof(temp), "%s.new", path);
    (void)unlink(temp); /* of a rotation that was killed */
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n && write(fd, "\n", 1) == 1 &&
              fsync(fd) == 0;
    if (fd >= 0)
        ok &= close(fd) == 0;
    if (ok && rename(temp, path) == 0)
        return SL_OK;
    sl_status st = sl_fail(reterr, SL_E_IO, "%s can't be written: %s", path, strerror(errno));
    (void)unlink(temp);
    return st;
}

static sl_status load(const rotation *r, const char *ending, sl_buf *out, sl_error *reterr)
{
    char path[600];
    path_of(r, r->to, ending, path);
    sl_status st = sl_file_read(path, 64, out, reterr);
    if (!st && out->len && out->data[out->len - 1] == '\n')
        out->data[--out->len] = '\0';
    if (!st && !sl_tunnel_key_valid(sl_buf_str(out)))
        st = sl_fail(reterr, SL_E_INVALID, "%s holds no key", path);
    return st;
}

static sl_status step(rotation *r, const char *verb, char slot, sl_buf *out, sl_error *reterr)
{
    char text[2] = {slot, '\0'};
    sl_buf unused = {0};
    const char *argv[] = {r->o->script, verb, r->o->conf->path, text, NULL};
    sl_status st = sl_child_run(argv, r->step_ms, out ? out : &unused, reterr);
    if (st)
        sl_error_prefix(reterr, "%s", verb);
    sl_buf_done(&unused);
    return st;
}

/* Runs at both ends: true once the slot's own handshake is seen. */
static sl_status await_handshake(rotation *r, sl_error *reterr)
{
    int64_t end = sl_mono_ms() + r->step_ms, shaken = 0;
    uint64_t in, out;
    for (;;) {
        sl_status st = sl_tunnel_traffic(r->o->conf, r->to, &shaken, &in, &out, reterr);
        if (st || shaken)
            return st;
        if (sl_mono_ms() >= end)
            return sl_fail(
                reterr, SL_E_TIMEOUT,
                "the new keys have not shaken hands within %lld ms: does UDP pass on the "
                "second port?",
                (long long)r->step_ms);
        (void)poll(NULL, 0, LOOK_MS);
    }
}

/* Until nothing comes by the old interface any more. */
static void await_quiet(rotation *r)
{
    int64_t now = sl_mono_ms(), end = now + QUIET_MAX, since = now, shaken;
    uint64_t before = 0, in = 0, out;
    while (now < end && now - since < QUIET_MS) {
        if (sl_tunnel_traffic(r->o->conf, r->from, &shaken, &in, &out, NULL) != SL_OK)
            return; /* it is not there */
        if (in != before)
            since = now;
        before = in;
        (void)poll(NULL, 0, LOOK_MS);
        now = sl_mono_ms();
    }
}

/* Takes the new interface away while nothing uses it. */
static void give_up(rotation *r)
{
    char active;
    if (sl_tunnel_slot(r->o->conf, "active", 'a', &active, NULL) == SL_OK && active != r->to &&
        step(r, "slot-down", r->to, NULL, NULL) != SL_OK)
        fprintf(stderr, "sluice: tunnel: slot %c could not be taken away\n", r->to);
}

/* ---- the talk ---- */

static sl_status say(rotation *r, const char *line, sl_error *reterr)
{
    return sl_child_say(&r->peer, sl_str_c(line), reterr);
}

/* Hears a line that begins with `word`; what follows a blank goes to `rest` (NULL: nothing may). */
static sl_status hear(rotation *r, const char *word, int64_t timeout_ms, sl_buf *rest,
                      sl_error *reterr)
{
    sl_buf line = {0};
    size_t n = strlen(word);
    sl_status st = sl_child_hear(&r->peer, timeout_ms, &line, reterr);
    sl_str s = sl_buf_str(&line);
    bool fits = sl_str_prefix(s, sl_str_c(word)) && (rest ? s.n > n && s.p[n] == ' ' : s.n == n);
    if (!st && !fits)
        st = sl_fail(reterr, SL_E_INVALID, "the other end did not say '%s'", word);
    else if (!st && rest)
        sl_buf_add(rest, s.p + n + 1, s.n - n - 1);
    sl_buf_done(&line);
    return st;
}

bool sl_tunnel_offer(sl_str line, char *slot, sl_str *public_key, sl_str *preshared_key)
{
    const size_t head = sizeof(MAGIC) - 1, key = 44;
    if (line.n != head + 2 + key + 1 + key || !sl_str_prefix(line, SL_STR(MAGIC)))
        return false;
    const char *p = line.p + head;
    *slot = p[0];
    *public_key = (sl_str){p + 2, key};
    *preshared_key = (sl_str){p + 2 + key + 1, key};
    return (p[0] == 'a' || p[0] == 'b') && p[1] == ' ' && p[2 + key] == ' ' &&
           sl_tunnel_key_valid(*public_key) && sl_tunnel_key_valid(*preshared_key);
}

/* ---- the near end ---- */

/* The slots: a rotation that broke off is taken up where it was. */
static sl_status choose_slots(rotation *r, sl_error *reterr)
{
    char active;
    sl_status st = sl_tunnel_slot(r->o->conf, "active", 'a', &active, reterr);
    if (!st)
        st = sl_tunnel_slot(r->o->conf, "rotating", active == 'a' ? 'b' : 'a', &r->to, reterr);
    r->from = r->to == 'a' ? 'b' : 'a';
    return st;
}

static sl_status offer(rotation *r, sl_error *reterr)
{
    sl_buf public_key = {0}, preshared_key = {0}, line = {0}, theirs = {0};
    sl_status st = step(r, "slot-new", r->to, &public_key, reterr);
    if (!st && public_key.len && public_key.data[public_key.len - 1] == '\n')
        public_key.data[--public_key.len] = '\0';
    if (!st)
        st = load(r, "psk", &preshared_key, reterr);
    sl_buf_addf(&line, MAGIC "%c %s %s", r->to, public_key.len ? public_key.data : "",
                preshared_key.len ? preshared_key.data : "");
    if (!st)
        st = sl_child_say(&r->peer, sl_buf_str(&line), reterr);
    if (!st)
        st = hear(r, "ready", 2 * r->step_ms, &theirs, reterr);
    if (!st && !sl_tunnel_key_valid(sl_buf_str(&theirs)))
        st = sl_fail(reterr, SL_E_INVALID, "the far end sent no public key");
    if (!st)
        st = store(r, "peer", sl_buf_str(&theirs), reterr);
    if (line.data)
        explicit_bzero(line.data, line.cap);
    if (preshared_key.data)
        explicit_bzero(preshared_key.data, preshared_key.cap);
    sl_buf_done(&line);
    sl_buf_done(&preshared_key);
    sl_buf_done(&public_key);
    sl_buf_done(&theirs);
    return st;
}

static sl_status shake(rotation *r, sl_tunnel_rotated *ret, int64_t *up_us, sl_error *reterr)
{
    sl_status st = offer(r, reterr);
    if (!st)
        st = step(r, "slot-up", r->to, NULL, reterr);
    *up_us = sl_mono_us();
    if (!st)
        st = await_handshake(r, reterr);
    ret->handshake_ms = (double)(sl_mono_us() - *up_us) / 1000;
    return st;
}

/* From `shaken` on nothing is taken back: the far end may have moved already. */
static sl_status move(rotation *r, sl_error *reterr)
{
    sl_status st = say(r, "shaken", reterr);
    if (!st)
        st = hear(r, "moved", 3 * r->step_ms, NULL, reterr);
    if (!st)
        st = step(r, "slot-use", r->to, NULL, reterr);
    if (!st) {
        await_quiet(r);
        st = say(r, "retire", reterr);
    }
    if (!st)
        st = hear(r, "done", 2 * r->step_ms + QUIET_MAX, NULL, reterr);
    if (!st)
        st = step(r, "slot-down", r->from, NULL, reterr);
    if (st)
        sl_error_prefix(reterr, "both keys stay valid; the same command again finishes");
    return st;
}

sl_status sl_tunnel_rotate_near(const sl_tunnel_rotate_options *o, sl_tunnel_rotated *ret,
                                sl_error *reterr)
{
    rotation r = {.o = o, .step_ms = o->timeout_ms};
    *ret = (sl_tunnel_rotated){0};
    int64_t start_us = sl_mono_us(), up_us = start_us;
    sl_status st = choose_slots(&r, reterr);
    if (st)
        return st;
    st = sl_child_start(&r.peer, o->peer, reterr);
    if (st)
        return st;
    st = shake(&r, ret, &up_us, reterr);
    if (st) {
        sl_child_done(&r.peer); /* the far end takes its part back as well */
        give_up(&r);
        return st;
    }
    st = move(&r, reterr);
    ret->old_slot = r.from;
    ret->new_slot = r.to;
    ret->both_ms = (double)(sl_mono_us() - up_us) / 1000;
    sl_child_done(&r.peer);
    ret->total_ms = (double)(sl_mono_us() - start_us) / 1000;
    return st;
}

/* ---- the far end ---- */

/* Makes or finds the slot that the near end offers. Another rotation's slot is no obstacle: what
 * broke off before is replaced, unless it is in use. */
static sl_status accept_offer(rotation *r, sl_str theirs, sl_str preshared_key, sl_error *reterr)
{
    sl_buf known = {0}, own = {0}, line = {0};
    char rotating;
    sl_status st = sl_tunnel_slot(r->o->conf, "rotating", '\0', &rotating, reterr);
    bool again =
        !st && load(r, "peer", &known, NULL) == SL_OK && sl_str_eq(sl_buf_str(&known), theirs);
    char active = '\0';
    if (!st)
        st = sl_tunnel_slot(r->o->conf, "active", 'a', &active, reterr);
    if (!st && active == r->to && !again)
        st = sl_fail(reterr, SL_E_CONFLICT, "slot %c is in use here: the ends disagree", r->to);
    else if (!st && rotating == r->to && !again)
        st = step(r, "slot-down", r->to, NULL, reterr);
    if (!st)
        st = step(r, active == r->to ? "slot-public" : "slot-new", r->to, &own, reterr);
    if (!st && !again)
        st = store(r, "psk", preshared_key, reterr);
    if (!st && !again)
        st = store(r, "peer", theirs, reterr);
    if (!st)
        st = step(r, "slot-up", r->to, NULL, reterr);
    if (!st && own.len && own.data[own.len - 1] == '\n')
        own.data[--own.len] = '\0';
    sl_buf_addf(&line, "ready %s", own.len ? own.data : "");
    if (!st)
        st = sl_child_say(&r->peer, sl_buf_str(&line), reterr);
    sl_buf_done(&known);
    sl_buf_done(&own);
    sl_buf_done(&line);
    return st;
}

static sl_status hear_offer(rotation *r, sl_error *reterr)
{
    sl_buf line = {0};
    sl_str theirs, preshared_key;
    sl_status st = sl_child_hear(&r->peer, r->step_ms, &line, reterr);
    if (!st && !sl_tunnel_offer(sl_buf_str(&line), &r->to, &theirs, &preshared_key))
        st = sl_fail(reterr, SL_E_INVALID, "this is not the offer of a rotation");
    r->from = r->to == 'a' ? 'b' : 'a';
    if (!st) {
        st = accept_offer(r, theirs, preshared_key, reterr);
        if (!st)
            st = hear(r, "shaken", 3 * r->step_ms, NULL, reterr);
        if (st && st != SL_E_CONFLICT)
            give_up(r);
    }
    if (line.data)
        explicit_bzero(line.data, line.cap);
    sl_buf_done(&line);
    return st;
}

sl_status sl_tunnel_rotate_far(const sl_tunnel_rotate_options *o, sl_error *reterr)
{
    rotation r = {.o = o,
                  .step_ms = o->timeout_ms,
                  .peer = {.in = dup(STDIN_FILENO), .out = dup(STDOUT_FILENO)}};
    sl_status st = hear_offer(&r, reterr);
    if (!st)
        st = await_handshake(&r, reterr);
    if (!st)
        st = step(&r, "slot-use", r.to, NULL, reterr);
    if (!st)
        st = say(&r, "moved", reterr);
    if (!st)
        st = hear(&r, "retire", 3 * r.step_ms + QUIET_MAX, NULL, reterr);
    if (!st) {
        await_quiet(&r);
        st = step(&r, "slot-down", r.from, NULL, reterr);
    }
    if (!st)
        st = say(&r, "done", reterr);
    sl_child_done(&r.peer);
    return st;
}
