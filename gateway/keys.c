#include "gateway/keys.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/jsonw.h"
#include "common/crypto/digest.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#define UNKNOWN "holds a name that this version does not know"

struct sl_api_keys {
    atomic_int refs;
    size_t n;
    sl_api_key *rows;           /* sorted by id */
    const sl_api_key **by_hash; /* sorted by hash */
    const sl_api_key **by_cn;   /* those with a certificate, sorted by it */
    size_t cn_n;
    sl_arena arena; /* lists of models */
};

static int by_id(const void *a, const void *b)
{
    return strcmp(((const sl_api_key *)a)->id, ((const sl_api_key *)b)->id);
}

static const sl_api_key *row_of(const void *p)
{
    return *(const sl_api_key *const *)p;
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(row_of(a)->hash, row_of(b)->hash, SL_SHA256_SIZE);
}

static int by_cn(const void *a, const void *b)
{
    return strcmp(row_of(a)->certificate, row_of(b)->certificate);
}

/* ---- reading a row ---- */

static bool is_plain(sl_str s, size_t cap)
{
    if (s.n == 0 || s.n >= cap)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return true;
}

/* Copies a JSON string of 1 to cap-1 printable ASCII characters. */
static bool copy_text(const sl_jnode *n, char *out, size_t cap)
{
    sl_str s;
    if (!sl_json_str(n, &s) || !is_plain(s, cap))
        return false;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

static bool read_time(const sl_jnode *n, int64_t *ret)
{
    sl_str s;
    return sl_json_kind(n) == SL_J_NULL || (sl_json_str(n, &s) && sl_time_parse(s.p, s.n, ret));
}

static bool read_rate(const sl_jnode *n, int64_t *ret)
{
    return sl_json_i64(n, ret) && *ret >= 0 && *ret <= SL_RATE_MOST;
}

static bool read_hash(const sl_jnode *n, sl_api_key *k)
{
    sl_str s;
    return sl_json_str(n, &s) && s.n == 64 && sl_hex_decode(k->hash, 32, s.p, s.n);
}

static bool read_models(const sl_jnode *n, sl_api_key *k, sl_arena *arena)
{
    sl_buf b = {0};
    bool ok = sl_json_kind(n) == SL_J_ARRAY;
    for (const sl_jnode *m = sl_json_first(n); ok && m; m = sl_json_next(m)) {
        sl_str s;
        ok = sl_json_str(m, &s) && is_plain(s, 257);
        if (ok) {
            sl_buf_add_str(&b, s);
            sl_buf_addc(&b, '\n');
        }
    }
    sl_str text = sl_buf_str(&b);
    k->models = ok && sl_buf_ok(&b) ? sl_arena_strndup(arena, text.p, text.n) : NULL;
    sl_buf_done(&b);
    return k->models != NULL;
}

static bool read_field(const sl_jnode *n, sl_str name, sl_api_key *k, sl_arena *arena)
{
    sl_str s;
    if (sl_str_is(name, "id"))
        return copy_text(n, k->id, sizeof(k->id));
    if (sl_str_is(name, "tenant"))
        return copy_text(n, k->tenant, sizeof(k->tenant));
    if (sl_str_is(name, "certificate"))
        return copy_text(n, k->certificate, sizeof(k->certificate));
    if (sl_str_is(name, "hash"))
        return read_hash(n, k);
    if (sl_str_is(name, "role"))
        return sl_json_str(n, &s) && sl_role_parse(s, &k->role);
    if (sl_str_is(name, "created"))
        return read_time(n, &k->created_us);
    if (sl_str_is(name, "expires"))
        return read_time(n, &k->expires_us);
    if (sl_str_is(name, "revoked"))
        return sl_json_bool(n, &k->revoked);
    if (sl_str_is(name, "max_level"))
        return sl_json_str(n, &s) && sl_level_parse(s, &k->max_level);
    if (sl_str_is(name, "models"))
        return read_models(n, k, arena);
    if (sl_str_is(name, "requests_per_minute"))
        return read_rate(n, &k->rates.requests);
    if (sl_str_is(name, "tokens_per_minute"))
        return read_rate(n, &k->rates.tokens);
    return sl_str_is(name, "concurrency") && read_rate(n, &k->rates.concurrency);
}

static bool is_known(sl_str name)
{
    static const char *const names[] = {"id",
                                        "tenant",
                                        "hash",
                                        "role",
                                        "created",
                                        "expires",
                                        "revoked",
                                        "models",
                                        "max_level",
                                        "requests_per_minute",
                                        "certificate",
                                        "concurrency",
                                        "tokens_per_minute"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (sl_str_is(name, names[i]))
            return true;
    return false;
}

/* The name of the field that is wrong, or NULL. */
static const char *read_row(const sl_jnode *row, sl_api_key *k, sl_arena *arena)
{
    static const char *const needed[] = {"id", "tenant", "hash", "role"};
    k->max_level = SL_LEVEL_RESTRICTED;
    if (sl_json_kind(row) != SL_J_OBJECT)
        return needed[0];
    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
        if (!sl_json_get(row, needed[i]))
            return needed[i];
    for (const sl_jnode *n = sl_json_first(row); n; n = sl_json_next(n)) {
        sl_str name = sl_json_key(n);
        if (!is_known(name))
            return UNKNOWN;
        if (!read_field(n, name, k, arena))
            return name.p;
    }
    return NULL;
}

/* ---- where it stands ---- */

static size_t line_at(sl_str text, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at && i < text.n; i++)
        line += text.p[i] == '\n';
    return line;
}

/* Behind the string that starts at i. */
static size_t skip_string(sl_str t, size_t i)
{
    for (i++; i < t.n && t.p[i] != '"'; i++)
        if (t.p[i] == '\\')
            i++;
    return i + 1;
}

/* The line of row `index` of the list "keys", or of its field, in a text that is JSON. A name that
 * is written with escapes is not found: then the row's line, or the first. */
static size_t line_of(sl_str t, size_t index, const char *field)
{
    size_t depth = 0, row = 0, found = 0, n = strlen(field);
    bool inside = false;
    for (size_t i = 0; i < t.n;) {
        char c = t.p[i];
        if (c == '"') {
            size_t end = skip_string(t, i);
            if (depth == 1)
                inside = end - i == 6 && !memcmp(t.p + i, "\"keys\"", 6);
            if (depth == 3 && found && end - i == n + 2 && !memcmp(t.p + i + 1, field, n))
                return line_at(t, i);
            i = end;
            continue;
        }
        if ((c == '{' || c == '[') && ++depth == 3 && inside && row++ == index)
            found = line_at(t, i);
        if ((c == '}' || c == ']') && depth-- == 3 && found)
            break;
        i++;
    }
    return found ? found : 1;
}

static sl_status bad_row(const char *name, sl_str json, size_t i, const char *field,
                         sl_error *reterr)
{
    size_t line = line_of(json, i, field);
    if (!strcmp(field, UNKNOWN))
        return sl_fail(reterr, SL_E_INVALID,
                       "%s:%zu: keys[%zu] %s; write this file with `sluice "
                       "keys`",
                       name, line, i, field);
    return sl_fail(
        reterr, SL_E_INVALID,
        "%s:%zu: keys[%zu].%s is missing or malformed; write this file with `sluice keys`", name,
        line, i, field);
}

/* ---- the whole file ---- */

static sl_status twice(const char *name, const char *what, const sl_api_key *a, const sl_api_key *b,
                       sl_error *reterr)
{
    return sl_fail(reterr, SL_E_CONFLICT, "%s: the keys '%s' and '%s' have the same %s", name,
                   a->id, b->id, what);
}

static sl_status sort_rows(sl_api_keys *k, const char *name, sl_error *reterr)
{
    qsort(k->rows, k->n, sizeof(*k->rows), by_id);
    for (size_t i = 0; i < k->n; i++) {
        k->by_hash[i] = &k->rows[i];
        if (k->rows[i].certificate[0])
            k->by_cn[k->cn_n++] = &k->rows[i];
    }
    qsort(k->by_hash, k->n, sizeof(*k->by_hash), by_hash);
    qsort(k->by_cn, k->cn_n, sizeof(*k->by_cn), by_cn);
    for (size_t i = 1; i < k->n; i++) {
        if (by_id(&k->rows[i - 1], &k->rows[i]) == 0)
            return twice(name, "id", &k->rows[i - 1], &k->rows[i], reterr);
        if (by_hash(&k->by_hash[i - 1], &k->by_hash[i]) == 0)
            return twice(name, "hash", k->by_hash[i - 1], k->by_hash[i], reterr);
    }
    for (size_t i = 1; i < k->cn_n; i++)
        if (by_cn(&k->by_cn[i - 1], &k->by_cn[i]) == 0)
            return twice(name, "certificate", k->by_cn[i - 1], k->by_cn[i], reterr);
    return SL_OK;
}

static sl_status read_rows(sl_api_keys *k, const char *name, sl_str json, const sl_jnode *list,
                           sl_error *reterr)
{
    size_t room = sl_json_size(list) + 1;
    k->rows = calloc(room, sizeof(*k->rows));
    k->by_hash = calloc(room, sizeof(*k->by_hash));
    k->by_cn = calloc(room, sizeof(*k->by_cn));
    if (!k->rows || !k->by_hash || !k->by_cn)
        return SL_E_NOMEM;
    for (const sl_jnode *row = sl_json_first(list); row; row = sl_json_next(row)) {
        const char *bad = read_row(row, &k->rows[k->n], &k->arena);
        if (bad)
            return bad_row(name, json, k->n, bad, reterr);
        k->n++;
    }
    return sort_rows(k, name, reterr);
}

/* "JSON, byte 120: …" becomes "keys.json:7: JSON, …". */
static void name_line(const char *name, sl_str json, sl_error *reterr)
{
    size_t at;
    if (reterr && sscanf(reterr->text, "JSON, byte %zu:", &at) == 1)
        sl_error_prefix(reterr, "%s:%zu", name, line_at(json, at));
    else
        sl_error_prefix(reterr, "%s", name);
}

sl_status sl_api_keys_parse(sl_api_keys **ret, const char *name, sl_str json, sl_error *reterr)
{
    sl_jnode *root = NULL;
    sl_api_keys *k = NULL;
    sl_status st = sl_json_parse(&root, json, SL_API_KEYS_FILE_MAX, reterr);
    if (st) {
        name_line(name, json, reterr);
        goto cleanup;
    }
    const sl_jnode *list = sl_json_get(root, "keys");
    if (sl_json_kind(list) != SL_J_ARRAY) {
        st = sl_fail(reterr, SL_E_INVALID, "%s:1: an object with a list 'keys' is expected", name);
        goto cleanup;
    }
    st = SL_E_NOMEM;
    k = calloc(1, sizeof(*k));
    if (!k)
        goto cleanup;
    atomic_init(&k->refs, 1);
    st = read_rows(k, name, json, list, reterr);
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

sl_status sl_api_keys_carry(sl_api_keys *k, const sl_api_keys *old)
{
    for (size_t i = 0; i < k->n; i++) {
        sl_api_key *row = &k->rows[i];
        const sl_api_key *was =
            old ? bsearch(row, old->rows, old->n, sizeof(*old->rows), by_id) : NULL;
        row->limit = was ? sl_limit_ref(was->limit) : sl_limit_new();
        if (!row->limit)
            return SL_E_NOMEM;
    }
    return SL_OK;
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
    for (size_t i = 0; i < k->n; i++)
        sl_limit_unref(k->rows[i].limit);
    free(k->rows);
    free(k->by_hash);
    free(k->by_cn);
    sl_arena_done(&k->arena);
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

/* ---- who is it? ---- */

static const sl_api_key *find_cn(const sl_api_keys *k, sl_str cn)
{
    sl_api_key want = {0};
    const sl_api_key *p = &want;
    if (cn.n == 0 || cn.n >= sizeof(want.certificate))
        return NULL;
    memcpy(want.certificate, cn.p, cn.n);
    const sl_api_key **found = bsearch(&p, k->by_cn, k->cn_n, sizeof(*k->by_cn), by_cn);
    return found ? *found : NULL;
}

/* Looking up a digest leaks nothing useful by its time: who chooses a key does not choose its
 * digest, and who found a digest out still has no key. */
static const sl_api_key *find_text(const sl_api_keys *k, sl_str text, sl_str cn, uint64_t *ret_tag)
{
    sl_api_key want;
    const sl_api_key *p = &want;
    sl_sha256(want.hash, text.p, text.n);
    memcpy(ret_tag, want.hash, sizeof(*ret_tag));
    const sl_api_key **found =
        k && k->n ? bsearch(&p, k->by_hash, k->n, sizeof(*k->by_hash), by_hash) : NULL;
    if (!found || !sl_equal_ct((*found)->hash, want.hash, sizeof(want.hash)))
        return NULL;
    return !(*found)->certificate[0] || sl_str_is(cn, (*found)->certificate) ? *found : NULL;
}

sl_key_verdict sl_api_keys_find(const sl_api_keys *k, const sl_key_claim *claim, int64_t now_us,
                                const sl_api_key **ret, uint64_t *ret_tag)
{
    sl_str auth = claim->authorization;
    const sl_api_key *row;
    *ret_tag = 0;
    if (!auth.p || auth.n == 0) {
        row = k ? find_cn(k, claim->certificate) : NULL;
        if (!row)
            return SL_KEY_MISSING;
        memcpy(ret_tag, row->hash, sizeof(*ret_tag));
    } else {
        bool bearer = auth.n > 7 && strncasecmp(auth.p, "Bearer ", 7) == 0;
        sl_str text = bearer ? (sl_str){auth.p + 7, auth.n - 7} : auth;
        row = find_text(k, text, claim->certificate, ret_tag);
        if (!row || !bearer)
            return SL_KEY_WRONG;
    }
    if (row->revoked)
        return SL_KEY_REVOKED;
    if (row->expires_us && row->expires_us <= now_us)
        return SL_KEY_EXPIRED;
    *ret = row;
    return SL_KEY_OK;
}

bool sl_api_key_model(const sl_api_key *k, sl_str model)
{
    if (!k->models)
        return true;
    for (const char *p = k->models, *nl; (nl = strchr(p, '\n')); p = nl + 1)
        if (sl_str_eq(model, (sl_str){p, (size_t)(nl - p)}))
            return true;
    return false;
}

/* ---- for `sluice keys` ---- */

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
    *ret = (sl_api_key){.role = role,
                        .created_us = sl_unix_us(),
                        .expires_us = expires_us,
                        .max_level = SL_LEVEL_RESTRICTED};
    sl_hex_encode(ret->id, id, sizeof(id));
    snprintf(ret->tenant, sizeof(ret->tenant), "%s", tenant);
    sl_sha256(ret->hash, ret_text->data + start, ret_text->len - start);
    return SL_OK;
}

static void write_rights(sl_jsonw *w, const sl_api_key *k)
{
    if (k->models) {
        sl_jsonw_arr(w, "models");
        for (const char *p = k->models, *nl; (nl = strchr(p, '\n')); p = nl + 1)
            sl_jsonw_str(w, NULL, (sl_str){p, (size_t)(nl - p)});
        sl_jsonw_end_arr(w);
    }
    if (k->max_level != SL_LEVEL_RESTRICTED)
        sl_jsonw_cstr(w, "max_level", sl_level_name(k->max_level));
    if (k->rates.requests)
        sl_jsonw_i64(w, "requests_per_minute", k->rates.requests);
    if (k->rates.tokens)
        sl_jsonw_i64(w, "tokens_per_minute", k->rates.tokens);
    if (k->rates.concurrency)
        sl_jsonw_i64(w, "concurrency", k->rates.concurrency);
    if (k->certificate[0])
        sl_jsonw_cstr(w, "certificate", k->certificate);
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
        write_rights(&w, &rows[i]);
        sl_jsonw_end_obj(&w);
    }
    sl_jsonw_end_arr(&w);
    sl_jsonw_end_obj(&w);
    sl_buf_addc(out, '\n');
}
