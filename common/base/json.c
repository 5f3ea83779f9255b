#include "common/base/json.h"

#include "common/base/json_check.h"
#include "common/base/jsonw.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EXACT_MOST 9007199254740992 /* 2^53: whole numbers up to here are exact in a double */
#define FEW_KEYS   8                /* up to here comparing all pairs beats sorting */

/* A number node whose text a double may not hold keeps that text in `valuestring`, which cJSON
 * leaves unused on numbers and frees with the node. Writing uses it, so that a tree that is read
 * and written does not alter large numbers. */

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The key that stands twice in the object, or NULL. SL_E_NOMEM when sorting found no memory. */
static sl_status find_double_key(const cJSON *obj, const char **ret)
{
    size_t n = 0;
    *ret = NULL;
    for (const cJSON *c = obj->child; c; c = c->next)
        n++;
    if (n <= FEW_KEYS) {
        for (const cJSON *c = obj->child; c; c = c->next)
            for (const cJSON *d = c->next; d; d = d->next)
                if (strcmp(c->string, d->string) == 0)
                    *ret = d->string;
        return SL_OK;
    }
    const char **keys = malloc(n * sizeof(*keys));
    if (!keys)
        return SL_E_NOMEM;
    n = 0;
    for (const cJSON *c = obj->child; c; c = c->next)
        keys[n++] = c->string;
    qsort(keys, n, sizeof(*keys), by_key);
    for (size_t i = 1; i < n && !*ret; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            *ret = keys[i];
    free(keys);
    return SL_OK;
}

/* What the walk over a new tree, in the order of the text, needs to know. */
typedef struct review {
    sl_str text;
    const sl_json_long *longs, *longs_end;
    size_t numbers;
    sl_error *reterr;
} review;

static sl_status review_number(review *r, cJSON *n)
{
    size_t ordinal = r->numbers++;
    if (!isfinite(n->valuedouble))
        return sl_fail(r->reterr, SL_E_INVALID, "JSON: number %zu is too large for a double",
                       ordinal + 1);
    if (r->longs == r->longs_end || r->longs->ordinal != ordinal)
        return SL_OK;
    n->valuestring = strndup(r->text.p + r->longs->at, r->longs->n);
    r->longs++;
    return n->valuestring ? SL_OK : sl_fail(r->reterr, SL_E_NOMEM, "JSON: out of memory");
}

/* Recursion is bounded: the check has refused more than SL_JSON_DEPTH levels. */
static sl_status review_node(review *r, cJSON *n)
{
    const char *twice = NULL;
    if (cJSON_IsNumber(n))
        return review_number(r, n);
    if (cJSON_IsObject(n)) {
        if (find_double_key(n, &twice))
            return sl_fail(r->reterr, SL_E_NOMEM, "JSON: out of memory");
        if (twice) /* the key itself may be content: not named */
            return sl_fail(r->reterr, SL_E_INVALID,
                           "JSON: a key of %zu bytes stands twice in one object", strlen(twice));
    }
    for (cJSON *c = n->child; c; c = c->next) {
        sl_status st = review_node(r, c);
        if (st)
            return st;
    }
    return SL_OK;
}

sl_status sl_json_parse(sl_jnode **ret, sl_str text, size_t max, sl_error *reterr)
{
    if (text.n > max)
        return sl_fail(reterr, SL_E_TOO_LARGE, "JSON: %zu bytes are over the limit of %zu", text.n,
                       max);
    sl_buf longs = {0};
    cJSON *root = NULL;
    sl_status st = sl_json_check(text, &longs, reterr);
    if (st)
        goto cleanup;
    root = cJSON_ParseWithLength(text.p, text.n);
    if (!root) { /* the check passed, so only memory can be missing */
        st = sl_fail(reterr, SL_E_NOMEM, "JSON: out of memory");
        goto cleanup;
    }
    const sl_json_long *first = (const sl_json_long *)(const void *)longs.data;
    review r = {text, first, first ? first + longs.len / sizeof(*first) : NULL, 0, reterr};
    st = review_node(&r, root);
cleanup:
    sl_buf_done(&longs);
    if (st)
        cJSON_Delete(root);
    else
        *ret = root;
    return st;
}

void sl_json_free(sl_jnode *root)
{
    cJSON_Delete(root);
}

sl_jkind sl_json_kind(const sl_jnode *n)
{
    switch (n ? n->type & 0xff : cJSON_NULL) {
    case cJSON_True:
    case cJSON_False:
        return SL_J_BOOL;
    case cJSON_Number:
        return SL_J_NUMBER;
    case cJSON_String:
        return SL_J_STRING;
    case cJSON_Array:
        return SL_J_ARRAY;
    case cJSON_Object:
        return SL_J_OBJECT;
    default:
        return SL_J_NULL;
    }
}

const sl_jnode *sl_json_get(const sl_jnode *obj, const char *key)
{
    if (!cJSON_IsObject(obj))
        return NULL;
    for (const cJSON *c = obj->child; c; c = c->next)
        if (strcmp(c->string, key) == 0)
            return c;
    return NULL;
}

const sl_jnode *sl_json_first(const sl_jnode *n)
{
    return cJSON_IsObject(n) || cJSON_IsArray(n) ? n->child : NULL;
}

const sl_jnode *sl_json_next(const sl_jnode *n)
{
    return n ? n->next : NULL;
}

sl_str sl_json_key(const sl_jnode *n)
{
    return sl_str_c(n && n->string ? n->string : "");
}

size_t sl_json_size(const sl_jnode *n)
{
    size_t k = 0;
    for (const cJSON *c = sl_json_first(n); c; c = c->next)
        k++;
    return k;
}

bool sl_json_str(const sl_jnode *n, sl_str *ret)
{
    if (!cJSON_IsString(n))
        return false;
    *ret = sl_str_c(n->valuestring);
    return true;
}

bool sl_json_bool(const sl_jnode *n, bool *ret)
{
    if (!cJSON_IsBool(n))
        return false;
    *ret = cJSON_IsTrue(n);
    return true;
}

bool sl_json_f64(const sl_jnode *n, double *ret)
{
    if (!cJSON_IsNumber(n))
        return false;
    *ret = n->valuedouble;
    return true;
}

bool sl_json_i64(const sl_jnode *n, int64_t *ret)
{
    if (!cJSON_IsNumber(n) || fabs(n->valuedouble) > (double)EXACT_MOST ||
        n->valuedouble != floor(n->valuedouble))
        return false;
    /* 2^53 + 1 reads as the double 2^53: its text tells. */
    int64_t v = (int64_t)n->valuedouble, exact;
    if (n->valuestring && sl_parse_i64(sl_str_c(n->valuestring), &exact) && exact != v)
        return false;
    *ret = v;
    return true;
}

/* Takes `item`. The key is copied here: cJSON 1.7.15 would put a node without a key into the tree
 * when its own copy fails. */
static sl_status set_item(cJSON *obj, const char *key, cJSON *item)
{
    if (!item)
        return SL_E_NOMEM;
    sl_status st = SL_OK;
    cJSON *old = (cJSON *)(uintptr_t)sl_json_get(obj, key); /* obj is ours to change */
    if (!cJSON_IsObject(obj))
        st = SL_E_INVALID;
    else if (!old)
        st = cJSON_AddItemToObject(obj, key, item) ? SL_OK : SL_E_NOMEM;
    else if (!(item->string = strdup(key)))
        st = SL_E_NOMEM;
    else
        cJSON_ReplaceItemViaPointer(obj, old, item);
    if (st)
        cJSON_Delete(item);
    return st;
}

sl_status sl_json_set_str(sl_jnode *obj, const char *key, sl_str v)
{
    if ((v.n && memchr(v.p, 0, v.n)) || !sl_utf8_valid(v.p, v.n))
        return SL_E_INVALID;
    char *copy = malloc(v.n + 1);
    if (!copy)
        return SL_E_NOMEM;
    if (v.n)
        memcpy(copy, v.p, v.n);
    copy[v.n] = '\0';
    sl_status st = set_item(obj, key, cJSON_CreateString(copy));
    free(copy);
    return st;
}

sl_status sl_json_set_i64(sl_jnode *obj, const char *key, int64_t v)
{
    cJSON *item = cJSON_CreateNumber((double)v);
    if (item && (v > EXACT_MOST || v < -EXACT_MOST)) {
        char text[24];
        snprintf(text, sizeof(text), "%lld", (long long)v);
        item->valuestring = strdup(text);
        if (!item->valuestring) {
            cJSON_Delete(item);
            item = NULL;
        }
    }
    return set_item(obj, key, item);
}

sl_status sl_json_set_bool(sl_jnode *obj, const char *key, bool v)
{
    return set_item(obj, key, cJSON_CreateBool(v));
}

void sl_json_remove(sl_jnode *obj, const char *key)
{
    if (cJSON_IsObject(obj))
        cJSON_DeleteItemFromObjectCaseSensitive(obj, key);
}

static void write_node(sl_jsonw *w, const cJSON *n)
{
    switch (sl_json_kind(n)) {
    case SL_J_NULL:
        sl_jsonw_null(w, NULL);
        return;
    case SL_J_BOOL:
        sl_jsonw_bool(w, NULL, cJSON_IsTrue(n));
        return;
    case SL_J_NUMBER:
        if (n->valuestring)
            sl_jsonw_raw(w, NULL, sl_str_c(n->valuestring));
        else
            sl_jsonw_f64(w, NULL, n->valuedouble);
        return;
    case SL_J_STRING:
        sl_jsonw_str(w, NULL, sl_str_c(n->valuestring));
        return;
    case SL_J_ARRAY:
        sl_jsonw_arr(w, NULL);
        for (const cJSON *c = n->child; c; c = c->next)
            write_node(w, c);
        sl_jsonw_end_arr(w);
        return;
    case SL_J_OBJECT:
        sl_jsonw_obj(w, NULL);
        for (const cJSON *c = n->child; c; c = c->next) {
            sl_jsonw_str(w, NULL, sl_str_c(c->string)); /* a key is written like a string … */
            sl_buf_addc(w->b, ':');
            w->comma = false; /* … and its value follows without a comma */
            write_node(w, c);
        }
        sl_jsonw_end_obj(w);
        return;
    }
}

void sl_json_write(const sl_jnode *n, sl_buf *out)
{
    sl_jsonw w = sl_jsonw_on(out);
    write_node(&w, n);
}
