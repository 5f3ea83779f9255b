/* cmd_keys.c - `sluice keys create|list|revoke`: the gateway's API key file. */
#include "common/base/clock.h"
#include "common/crypto/digest.h"
#include "ctl/cmd.h"
#include "ctl/key_rights.h"
#include "gateway/config.h"
#include "gateway/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Held from reading the file to its replacement, so that of two commands at once neither undoes
 * what the other did. The lock has a file of its own, since the key file itself is replaced. */
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
        sl_fail(reterr, SL_E_INVALID, "%s.lock can't be locked: %s", path, strerror(errno));
    sl_buf_done(&name);
    return fd;
}

/* Writes beside the file, mode 0600, syncs, renames: a reader sees the old or the new one, whole.
 * Under the lock. The owner stays: root may write a file that the gateway's user reads. */
static sl_status store(const char *path, const sl_api_key *rows, size_t n, sl_error *reterr)
{
    sl_buf text = {0}, tmp = {0};
    struct stat old;
    sl_status st = SL_OK;
    sl_api_keys_write(rows, n, &text);
    sl_buf_addf(&tmp, "%s.new", path);
    if (!sl_buf_ok(&text) || !sl_buf_ok(&tmp)) {
        sl_buf_done(&text);
        sl_buf_done(&tmp);
        return sl_fail(reterr, SL_E_NOMEM, "out of memory");
    }
    (void)unlink(tmp.data); /* of a command that was killed */
    int fd = open(tmp.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && (stat(path, &old) != 0 || old.st_uid == geteuid() ||
                          fchown(fd, old.st_uid, old.st_gid) == 0);
    ok = ok && write(fd, text.data, text.len) == (ssize_t)text.len && fsync(fd) == 0;
    if (fd >= 0)
        ok &= close(fd) == 0;
    if (!ok || rename(tmp.data, path) != 0) {
        st = sl_fail(reterr, SL_E_INVALID, "%s can't be written: %s", path, strerror(errno));
        (void)unlink(tmp.data);
    }
    sl_buf_done(&text);
    sl_buf_done(&tmp);
    return st;
}

typedef struct rows {
    sl_api_keys *file; /* the rows' lists of models are its */
    sl_api_key *v;
    size_t n;
} rows;

/* The rows of the file and room for one more; an absent file has none. */
static sl_status load(const char *path, rows *ret, sl_error *reterr)
{
    sl_status st = sl_api_keys_load(&ret->file, path, reterr);
    if (st && st != SL_E_NOT_FOUND)
        return st;
    ret->n = sl_api_keys_size(ret->file);
    ret->v = calloc(ret->n + 1, sizeof(*ret->v));
    for (size_t i = 0; ret->v && i < ret->n; i++)
        ret->v[i] = *sl_api_keys_at(ret->file, i);
    if (reterr)
        *reterr = (sl_error){0};
    return ret->v ? SL_OK : SL_E_NOMEM;
}

static void free_rows(rows *r)
{
    sl_api_keys_unref(r->file);
    free(r->v);
}

static void print_new(const sl_api_key *k, const char *text, bool json)
{
    if (json) {
        printf("{\"id\":\"%s\",\"tenant\":\"%s\",\"role\":\"%s\",\"key\":\"%s\"}\n", k->id,
               k->tenant, sl_role_name(k->role), text);
        return;
    }
    fprintf(stderr, "key %s of tenant %s (%s); it is shown this once:\n", k->id, k->tenant,
            sl_role_name(k->role));
    printf("%s\n", text);
}

static sl_status create(const char *path, const char *tenant, const char *role_name,
                        const char *expires, const sl_key_rights *rights, bool json,
                        sl_error *reterr)
{
    sl_role role;
    int64_t expires_us = 0;
    rows all = {0};
    sl_buf text = {0}, models = {0};
    if (!sl_role_parse(sl_str_c(role_name), &role))
        return sl_fail(reterr, SL_E_INVALID,
                       "unknown role '%s'; client, operator, auditor and admin exist", role_name);
    if (!tenant[0])
        return sl_fail(reterr, SL_E_INVALID, "name the tenant: --tenant NAME");
    if (expires[0] && !sl_time_parse(expires, strlen(expires), &expires_us))
        return sl_fail(reterr, SL_E_INVALID,
                       "--expires '%s' is not a time such as 2027-01-31T00:00:00Z", expires);
    int lock = lock_file(path, reterr);
    sl_status st = lock < 0 ? SL_E_INVALID : load(path, &all, reterr);
    if (!st)
        st = sl_api_key_new(&all.v[all.n], tenant, role, expires_us, &text, reterr);
    if (!st)
        st = sl_key_rights_apply(rights, &all.v[all.n], &models, reterr);
    if (!st)
        st = store(path, all.v, all.n + 1, reterr);
    if (!st)
        print_new(&all.v[all.n], text.data, json);
    if (lock >= 0)
        close(lock);
    if (text.data)
        sl_wipe(text.data, text.len);
    sl_buf_done(&text);
    sl_buf_done(&models);
    free_rows(&all);
    return st;
}

static void print_row(const sl_api_key *k, bool json)
{
    char created[SL_TIME_TEXT], expires[SL_TIME_TEXT] = "never";
    bool expired = k->expires_us && k->expires_us <= sl_unix_us();
    const char *state = k->revoked ? "revoked" : expired ? "expired" : "valid";
    sl_buf out = {0};
    sl_time_format(created, k->created_us);
    if (k->expires_us)
        sl_time_format(expires, k->expires_us);
    if (json) {
        sl_jsonw w = sl_jsonw_on(&out);
        sl_jsonw_obj(&w, NULL);
        sl_jsonw_cstr(&w, "id", k->id);
        sl_jsonw_cstr(&w, "tenant", k->tenant);
        sl_jsonw_cstr(&w, "role", sl_role_name(k->role));
        sl_jsonw_cstr(&w, "created", created);
        sl_jsonw_cstr(&w, "expires", expires);
        sl_jsonw_bool(&w, "revoked", k->revoked);
        sl_jsonw_cstr(&w, "state", state);
        sl_key_rights_json(k, &w);
        sl_jsonw_end_obj(&w);
    } else {
        sl_buf_addf(&out, "%-34s %-20s %-9s %s  %-28s %s", k->id, k->tenant, sl_role_name(k->role),
                    created, expires, state);
        sl_key_rights_text(k, &out);
    }
    printf("%s\n", sl_buf_ok(&out) ? out.data : "out of memory");
    sl_buf_done(&out);
}

static sl_status list(const char *path, bool json, sl_error *reterr)
{
    sl_api_keys *keys = NULL;
    sl_status st = sl_api_keys_load(&keys, path, reterr);
    for (size_t i = 0; !st && i < sl_api_keys_size(keys); i++)
        print_row(sl_api_keys_at(keys, i), json);
    sl_api_keys_unref(keys);
    return st;
}

static sl_status revoke_key(const char *path, const char *id, sl_error *reterr)
{
    rows all = {0};
    bool found = false;
    int lock = lock_file(path, reterr);
    sl_status st = lock < 0 ? SL_E_INVALID : load(path, &all, reterr);
    for (size_t i = 0; !st && i < all.n; i++)
        if (!strcmp(all.v[i].id, id))
            all.v[i].revoked = found = true;
    if (!st && !found)
        st = sl_fail(reterr, SL_E_NOT_FOUND, "%s has no key '%s'; `sluice keys list` shows them",
                     path, id);
    if (!st)
        st = store(path, all.v, all.n, reterr);
    if (lock >= 0)
        close(lock);
    free_rows(&all);
    return st;
}

/* The key file that the gateway's configuration names. */
static sl_status path_of_config(const char *config, sl_buf *out, sl_error *reterr)
{
    sl_gateway_config cfg = {0};
    sl_options *options = NULL;
    sl_options_spec spec = {
        .program = "sluice-gateway", .summary = "", .table = sl_gateway_options, .target = &cfg};
    char flag[] = "--config", program[] = "sluice";
    char *args[] = {program, flag, (char *)(uintptr_t)config, NULL};
    bool leave;
    sl_status st = sl_options_load(&options, &spec, config[0] ? 3 : 1, args, &leave, reterr);
    if (!st && !cfg.keys[0])
        st = sl_fail(reterr, SL_E_INVALID,
                     "which file? Give --file, or --config of a gateway that has `keys`");
    if (!st)
        sl_buf_adds(out, cfg.keys);
    sl_options_free(options);
    return st;
}

int sl_cmd_keys(int argc, char **argv)
{
    const char *file = NULL, *config = NULL, *tenant = NULL, *role = NULL, *expires = NULL;
    sl_key_rights rights = {0};
    bool json = false;
    const sl_arg table[] = {
        {"file", "FILE", "", "the key file", &file, NULL, NULL},
        {"config", "FILE", sl_cmd_env("SLUICE_CONFIG"),
         "the gateway's configuration, which names the key file", &config, NULL, NULL},
        {"tenant", "NAME", "", "tenant of a new key", &tenant, NULL, NULL},
        {"role", "ROLE", "client", "client, operator, auditor or admin", &role, NULL, NULL},
        {"expires", "TIME", "", "when a new key ends (RFC 3339)", &expires, NULL, NULL},
        {"models", "A,B", "",
         "models that a new key may name, auto among them; else all of its "
         "tenant's",
         &rights.models, NULL, NULL},
        {"max-level", "LEVEL", "restricted", "the highest level that its requests may have",
         &rights.max_level, NULL, NULL},
        {"requests-per-minute", "N", "0", "how many requests it may send; 0: no limit", NULL, NULL,
         &rights.requests},
        {"tokens-per-minute", "N", "0", "how many tokens it may use", NULL, NULL, &rights.tokens},
        {"concurrency", "N", "0", "how many of its requests may run at one time", NULL, NULL,
         &rights.concurrency},
        {"certificate", "CN", "", "common name of the client certificate that it belongs to",
         &rights.certificate, NULL, NULL},
        {"json", NULL, NULL, "create and list print JSON", NULL, &json, NULL},
        {0},
    };
    sl_args a = {.command = "keys",
                 .words = "create|list|revoke [ID]",
                 .summary =
                     "Makes, lists and revokes API keys. The file holds hashes; a running "
                     "gateway reads it again when it changes. Keys that encrypt records: `sluice "
                     "keyring`.",
                 .table = table};
    int code = sl_cmd_args(&a, argc, argv);
    if (code >= 0)
        return code;
    sl_error err = {0};
    sl_buf path = {0};
    sl_status st = SL_OK;
    if (file[0])
        sl_buf_adds(&path, file);
    else
        st = path_of_config(config, &path, &err);
    const char *verb = a.words_n ? a.word[0] : "";
    if (st)
        ;
    else if (!strcmp(verb, "create") && a.words_n == 1)
        st = create(path.data, tenant, role, expires, &rights, json, &err);
    else if (!strcmp(verb, "list") && a.words_n == 1)
        st = list(path.data, json, &err);
    else if (!strcmp(verb, "revoke") && a.words_n == 2)
        st = revoke_key(path.data, a.word[1], &err);
    else
        st = sl_fail(&err, SL_E_INVALID, "say create, list or revoke ID; see `sluice keys --help`");
    sl_buf_done(&path);
    sl_args_done(&a);
    return st ? sl_cmd_fail("keys", &err) : SL_EXIT_OK;
}
