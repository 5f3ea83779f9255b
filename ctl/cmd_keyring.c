/* cmd_keyring.c - `sluice keyring create|list|rotate|export`: the keys that encrypt envelopes.
 *
 * Key bytes are never printed; they go from one file of mode 0600 to another. docs/keys.md tells
 * how a rotation is done. */
#include "common/base/clock.h"
#include "common/base/jsonw.h"
#include "common/crypto/keyring.h"
#include "ctl/cmd.h"

#include <stdio.h>

/* Clocks of the hosts that share a first key may differ by so much. */
#define SKEW_MS (5 * 60000LL)

typedef struct change {
    bool is_public;
    const char *kid;
    int64_t start_ms, life_ms, overlap_ms;
    sl_key made; /* without its bytes */
} change;

static bool duration(const char *text, int64_t *ret_ms)
{
    int64_t at, now = sl_unix_ms();
    if (!strcmp(text, "0") || !strcmp(text, "0s"))
        return *ret_ms = 0, true;
    if (!strcmp(text, "now") || strchr(text, ':') || !sl_cmd_time(text, &at))
        return false;
    *ret_ms = (now - at + 500) / 1000 * 1000; /* "ago", read as a length: whole seconds */
    return true;
}

static void keep(change *c, const sl_keyring_edit *e)
{
    c->made = e->keys[e->n - 1];
    memset(c->made.key, 0, sizeof(c->made.key));
}

static sl_status add(void *arg, sl_keyring_edit *e, sl_error *reterr)
{
    change *c = arg;
    for (size_t i = 0; i < e->n; i++)
        if (e->keys[i].is_public == c->is_public && e->keys[i].not_after_ms > sl_unix_ms())
            return sl_fail(reterr, SL_E_CONFLICT,
                           "the class has a key already: %s; a new one beside it is a rotation",
                           e->keys[i].kid);
    sl_status st = sl_keyring_add(e, c->is_public, c->kid, c->start_ms - SKEW_MS,
                                  c->start_ms + c->life_ms, reterr);
    if (!st)
        keep(c, e);
    return st;
}

static sl_status rotate(void *arg, sl_keyring_edit *e, sl_error *reterr)
{
    change *c = arg;
    sl_status st =
        sl_keyring_rotate(e, c->is_public, c->kid, c->start_ms, c->life_ms, c->overlap_ms, reterr);
    if (!st)
        keep(c, e);
    return st;
}

static const char *state(const sl_keyring *ring, const sl_key *k)
{
    int64_t now = sl_unix_ms();
    if (k == sl_keyring_current(ring, k->is_public, now))
        return "used";
    return now >= k->not_after_ms ? "over" : now < k->not_before_ms ? "coming" : "accepted";
}

static void print_key(const sl_key *k, const char *state, bool json)
{
    char from[SL_TIME_TEXT], to[SL_TIME_TEXT];
    const char *class = k->is_public ? "public" : "private";
    sl_time_format(from, k->not_before_ms * 1000);
    sl_time_format(to, k->not_after_ms * 1000);
    if (json)
        printf("{\"kid\":\"%s\",\"class\":\"%s\",\"not_before\":\"%s\",\"not_after\":\"%s\","
               "\"state\":\"%s\"}\n",
               k->kid, class, from, to, state);
    else
        printf("%-32s %-7s %s  %s  %s\n", k->kid, class, from, to, state);
}

static sl_status list(const char *path, bool json, sl_error *reterr)
{
    sl_keyring *ring = NULL;
    sl_status st = sl_keyring_load(&ring, path, reterr);
    for (size_t i = 0; !st && i < sl_keyring_size(ring); i++) {
        const sl_key *k = sl_keyring_at(ring, i);
        print_key(k, state(ring, k), json);
    }
    sl_keyring_unref(ring);
    return st;
}

static sl_status export(const char *path, const char *to, sl_error *reterr)
{
    sl_keyring *ring = NULL;
    sl_status st = sl_keyring_load(&ring, path, reterr);
    if (!st && !sl_keyring_current(ring, true, sl_unix_ms()))
        st = sl_fail(reterr, SL_E_NOT_FOUND, "%s has no key of class public that is valid now",
                     path);
    if (!st)
        st = sl_keyring_export(ring, true, to, reterr);
    sl_keyring_unref(ring);
    return st;
}

typedef struct words {
    const char *keyring, *class, *kid, *lead, *life, *overlap, *public_file;
    bool json;
} words;

static sl_status make_change(const words *o, bool rotates, sl_error *reterr)
{
    change c = {.is_public = !strcmp(o->class, "public"), .kid = o->kid};
    int64_t lead;
    if (!c.is_public && strcmp(o->class, "private") != 0)
        return sl_fail(reterr, SL_E_INVALID, "say of which class: --class public or private");
    if (!duration(o->lead, &lead) || !duration(o->life, &c.life_ms) ||
        !duration(o->overlap, &c.overlap_ms))
        return sl_fail(reterr, SL_E_INVALID,
                       "--lead, --life and --overlap are lengths of time such as 30s, 15m, 24h or "
                       "90d");
    if (c.life_ms < 60000)
        return sl_fail(reterr, SL_E_INVALID, "--life is a minute or more");
    c.start_ms = sl_unix_ms() + (rotates ? lead : 0);
    sl_status st = sl_keyring_change(o->keyring, !rotates, rotates ? rotate : add, &c, reterr);
    if (!st)
        print_key(&c.made, rotates && lead ? "coming" : "used", o->json);
    return st;
}

static sl_status run(const sl_args *a, const words *o, sl_error *reterr)
{
    const char *verb = a->words_n == 1 ? a->word[0] : "";
    bool rotates = !strcmp(verb, "rotate"), exports = !strcmp(verb, "export");
    if (!o->keyring[0])
        return sl_fail(reterr, SL_E_INVALID, "which file? Give --keyring, or set SLUICE_KEYRING");
    if (!strcmp(verb, "list"))
        return list(o->keyring, o->json, reterr);
    if (exports && !o->public_file[0])
        return sl_fail(reterr, SL_E_INVALID, "say where to: --export-public FILE");
    if (!exports && !rotates && strcmp(verb, "create") != 0)
        return sl_fail(reterr, SL_E_INVALID,
                       "say create, list, rotate or export; see `sluice keyring --help`");
    sl_status st = exports ? SL_OK : make_change(o, rotates, reterr);
    if (!st && o->public_file[0])
        st = export(o->keyring, o->public_file, reterr);
    return st;
}

int sl_cmd_keyring(int argc, char **argv)
{
    words o = {0};
    const sl_arg table[] = {
        {"keyring", "FILE", sl_cmd_env("SLUICE_KEYRING"), "the keyring's file", &o.keyring, NULL,
         NULL},
        {"class", "CLASS", "", "class of the new key: public or private", &o.class, NULL, NULL},
        {"kid", "NAME", "", "id of the new key; else made of its class and time", &o.kid, NULL,
         NULL},
        {"lead", "TIME", "5s",
         "rotate: the new key is used after so long; give the time in which the file reaches "
         "every host",
         &o.lead, NULL, NULL},
        {"overlap", "TIME", "24h", "rotate: the old keys are accepted so much longer", &o.overlap,
         NULL, NULL},
        {"life", "TIME", "90d", "how long the new key may be used", &o.life, NULL, NULL},
        {"export-public", "FILE", "",
         "writes the keys of class public alone to this file, for a public worker", &o.public_file,
         NULL, NULL},
        {"json", NULL, NULL, "print JSON", NULL, &o.json, NULL},
        {0},
    };
    sl_args a = {.command = "keyring",
                 .words = "create|list|rotate|export",
                 .summary = "Makes, lists, rotates and exports the keys that encrypt records. "
                            "Running daemons read the file again when it changes.",
                 .table = table};
    int code = sl_cmd_args(&a, argc, argv);
    if (code >= 0)
        return code;
    sl_error err = {0};
    sl_status st = run(&a, &o, &err);
    sl_args_done(&a);
    return st ? sl_cmd_fail("keyring", &err) : SL_EXIT_OK;
}
