#include "gateway/keys.h"

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/jsonw.h"
#include "common/crypto/digest.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

struct sl_api_keys {
    atomic_int refs;
    size_t n;
    sl_api_key *rows; /* sorted by hash */
};

static const char *const role_names[SL_ROLE_N] = {"client", "operator", "auditor", "admin"};

const char *sl_role_name(sl_role r)
{
    return (unsigned)r < SL_ROLE_N ? role_names[r] : "unknown";
}

bool sl_role_parse(sl_str s, sl_role *ret)
{
    for (int i = 0; i < SL_ROLE_N; i++)
        if (sl_str_is(s, role_names[i]))
            return *ret = (sl_role)i, true;
    return false;
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(((const sl_api_key *)a)->hash, ((const sl_api_key *)b)->hash, SL_SHA256_SIZE);
}

/* Copies a JSON string of 1 to cap-1 printable ASCII characters. */
static bool copy_text(const sl_jnode *row, const char *name, char *out, size_t cap)
{
    sl_str s;
    if (!sl_json_str(sl_json_get(row, name), &s) || s.n == 0 || s.n >= cap)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

/* An absent time is 0. */
static bool read_time(const sl_jnode *row, const char *name, int64_t *ret)
{
    sl_str s;
    const sl_jnode *n = sl_json_get(row, name);
    *ret = 0;
    return !n || sl_json_kind(n) == SL_J_NULL ||
           (sl_json_str(n, &s) && sl_time_parse(s.p, s.n, ret));
}

static const char *read_row(const sl_jnode *row, sl_api_key *k)
{
    sl_str s = {0};
    if (!copy_text(row, "id", k->id, sizeof(k->id)))
        return "id";
    if (!copy_text(row, "tenant", k->tenant, sizeof(k->tenant)))
        return "tenant";
    if (!sl_json_str(sl_json_get(row, "hash"), &s) || s.n != 64 ||
        !sl_hex_decode(k->hash, 32, s.p, s.n))
        return "hash";
    if (!sl_json_str(sl_json_get(row, "role"), &s) || !sl_role_parse(s, &k->role))
        return "role";
    if (!read_time(row, "created", &k->created_us))
        return "created";
    if (!read_time(row, "expires", &k->expires_us))
        return "expires";
    const sl_jnode *revoked = sl_json_get(row, "revoked");
    if (revoked && !sl_json_bool(revoked, &k->revoked))
        return "revoked";
    return NULL;
}

static sl_status read_rows(sl_api_keys *k, const char *name, const sl_jnode *list, sl_error *reterr)
{
    for (const sl_jnode *row = sl_json_first(list); row; row = sl_json_next(row)) {
        const char *bad = read_row(row, &k->rows[k->n]);
        if (bad)
            return sl_fail(
                reterr, SL_E_INVALID,
                "%s: keys[%zu].%s is missing or malformed; write this file with `sluice keys`",
                name, k->n, bad);
        k->n++;
    }
    qsort(k->rows, k->n, sizeof(*k->rows), by_hash);
    for (size_t i = 1; i < k->n; i++)
        if (by_hash(&k->rows[i - 1], &k->rows[i]) == 0)
            return sl_fail(reterr, SL_E_CONFLICT, "%s: the keys '%s' and '%s' have the same hash",
                           name, k->rows[i - 1].id, k->rows[i].id);
    return SL_OK;
}

sl_status sl_api_keys_parse(sl_api_keys **ret, const char *name, sl_str json, sl_error *reterr)
{
    sl_jnode *root = NULL;
    sl_api_keys *k = NULL;
    sl_status st = sl_json_parse(&root, json, SL_API_KEYS_FILE_MAX, reterr);
    if (st) {
        sl_error_prefix(reterr, "%s", name);
        goto cleanup;
    }
    const sl_jnode *list = sl_json_get(root, "keys");
    if (sl_json_kind(list) != SL_J_ARRAY) {
        st = sl_fail(reterr, SL_E_INVALID, "%s: an object with a list 'keys' is expected", name);
        goto cleanup;
    }
    st = SL_E_NOMEM;
    k = calloc(1, sizeof(*k));
    if (!k)
        goto cleanup;
    atomic_init(&k->refs, 1);
    k->rows = calloc(sl_json_size(list) + 1, sizeof(*k->rows));
    if (!k->rows)
        goto cleanup;
    st = read_rows(k, name, list, reterr);
    if (!st)
        *ret = k, k = NULL;
cleanup:
    sl_api_keys_unref(k);
    sl_json_free(root);
    return st;
}

sl_status sl_api_keys_load(sl_api_keys **ret, const char *path, sl_error *reterr)
{
    struct stat sb;
    if (stat(path, &sb) != 0)
        return sl_fail(reterr, SL_E_NOT_FOUND,
                       "%s: there is no such file; `sluice keys create` makes it", path);
    if (sb.st_mode & 077)
        return sl_fail(reterr, SL_E_DENIED, "%s may be read by others (mode %o): chmod 600 it",
                       path, (unsigned)(sb.st_mode & 0777));
    sl_buf text = {0};
    sl_status st = sl_file_read(path, SL_API_KEYS_FILE_MAX, &text, reterr);
    if (!st)
        st = sl_api_keys_parse(ret, path, sl_buf_str(&text), reterr);
    sl_buf_done(&text);
    return st;
}

sl_api_keys *sl_api_keys_ref(sl_api_keys *k)
{
    if (k)
        atomic_fetch_add(&k->refs, 1);
    return k;
}

void sl_api_keys_unref(sl_api_keys *k)
{
    if (!k || atomic_fetch_sub(&k->refs, 1) != 1)
        return;
    free(k->rows);
    free(k);
}

size_t sl_api_keys_size(const sl_api_keys *k)
{
    return k ? k->n : 0;
}
const sl_api_key *sl_api_keys_at(const sl_api_keys *k, size_t i)
{
    return &k->rows[i];
}

const sl_api_key *sl_api_keys_check(const sl_api_keys *k, sl_str authorization, int64_t now_us)
{
    if (!k || authorization.n < 8 || strncasecmp(authorization.p, "Bearer ", 7) != 0)
        return NULL;
    sl_str text = {authorization.p + 7, authorization.n - 7};
    sl_api_key want;
    sl_sha256(want.hash, text.p, text.n);
    /* Looking up a digest leaks nothing useful by its time: the input can't be chosen by digest. */
    const sl_api_key *found = bsearch(&want, k->rows, k->n, sizeof(*k->rows), by_hash);
    if (!found || found->revoked || (found->expires_us && found->expires_us <= now_us))
        return NULL;
    return found;
}

sl_status sl_api_key_new(sl_api_key *ret, const char *tenant, sl_role role, int64_t expires_us,
                         sl_buf *ret_text, sl_error *reterr)
{
    if (!tenant[0] || strlen(tenant) >= sizeof(ret->tenant))
        return sl_fail(reterr, SL_E_INVALID, "a tenant's name has 1 to %zu characters",
                       sizeof(ret->tenant) - 1);
    uint8_t secret[32], id[8];
    sl_random(secret, sizeof(secret));
    sl_random(id, sizeof(id));
    sl_buf b64 = {0};
    sl_buf_add_base64(&b64, secret, sizeof(secret));
    sl_wipe(secret, sizeof(secret));
    for (size_t i = 0; i < b64.len; i++)
        b64.data[i] = b64.data[i] == '+' ? '-' : b64.data[i] == '/' ? '_' : b64.data[i];
    size_t start = ret_text->len;
    sl_buf_adds(ret_text, SL_API_KEY_PREFIX);
    sl_buf_add(ret_text, b64.data, b64.len ? b64.len - 1 : 0); /* without the one '=' */
    bool ok = sl_buf_ok(&b64) && sl_buf_ok(ret_text);
    if (b64.data)
        sl_wipe(b64.data, b64.len);
    sl_buf_done(&b64);
    if (!ok)
        return SL_E_NOMEM;
    *ret = (sl_api_key){.role = role, .created_us = sl_unix_us(), .expires_us = expires_us};
    sl_hex_encode(ret->id, id, sizeof(id));
    snprintf(ret->tenant, sizeof(ret->tenant), "%s", tenant);
    sl_sha256(ret->hash, ret_text->data + start, ret_text->len - start);
    return SL_OK;
}

void sl_api_keys_write(const sl_api_key *rows, size_t n, sl_buf *out)
{
    sl_jsonw w = sl_jsonw_on(out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_arr(&w, "keys");
    for (size_t i = 0; i < n; i++) {
        char hash[65], time[SL_TIME_TEXT];
        sl_hex_encode(hash, rows[i].hash, 32);
        sl_jsonw_obj(&w, NULL);
        sl_jsonw_cstr(&w, "id", rows[i].id);
        sl_jsonw_cstr(&w, "hash", hash);
        sl_jsonw_cstr(&w, "tenant", rows[i].tenant);
        sl_jsonw_cstr(&w, "role", sl_role_name(rows[i].role));
        sl_time_format(time, rows[i].created_us);
        sl_jsonw_cstr(&w, "created", time);
        if (rows[i].expires_us) {
            sl_time_format(time, rows[i].expires_us);
            sl_jsonw_cstr(&w, "expires", time);
        }
        sl_jsonw_bool(&w, "revoked", rows[i].revoked);
        sl_jsonw_end_obj(&w);
    }
    sl_jsonw_end_arr(&w);
    sl_jsonw_end_obj(&w);
    sl_buf_addc(out, '\n');
}
