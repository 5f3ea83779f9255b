/* audit.c - audit and presence records as JSON, written and read by the same names. */
#include "schemas/audit.h"

#include "common/base/clock.h"

static const char *const EVENTS[SL_AUDIT_EVENT_N] = {
    "policy", "decided",   "produced", "unconfirmed", "started",
    "ended",  "delivered", "redriven", "rejected",
};

const char *sl_audit_event_name(sl_audit_event e)
{
    return e >= 0 && e < SL_AUDIT_EVENT_N ? EVENTS[e] : "";
}

bool sl_audit_event_parse(sl_str s, sl_audit_event *ret)
{
    for (int i = 0; i < SL_AUDIT_EVENT_N; i++) {
        if (sl_str_is(s, EVENTS[i])) {
            *ret = (sl_audit_event)i;
            return true;
        }
    }
    return false;
}

/* The optional texts of a record: one table for both directions. */
typedef struct text_field {
    const char *name;
    size_t offset;
} text_field;
#define TEXT(f)                   \
    {                             \
#f, offsetof(sl_audit, f) \
    }
static const text_field TEXTS[] = {
    TEXT(id),       TEXT(policy), TEXT(tenant), TEXT(model), TEXT(front), TEXT(topic),
    TEXT(checksum), TEXT(run),    TEXT(digest), TEXT(end),   TEXT(env),   TEXT(cause),
};
#define TEXTS_N (sizeof(TEXTS) / sizeof(TEXTS[0]))

static sl_str *text_at(const sl_audit *a, size_t i)
{
    return (sl_str *)((char *)a + TEXTS[i].offset);
}

/* The numbers that are left out when 0 (or below: a clock that was set back). */
typedef struct number_field {
    const char *name;
    size_t offset;
    size_t size; /* of int64_t, uint64_t or int */
} number_field;
#define NUMBER(f)                                             \
    {                                                         \
#f, offsetof(sl_audit, f), sizeof(((sl_audit *)0)->f) \
    }
static const number_field NUMBERS[] = {
    NUMBER(count), NUMBER(bytes), NUMBER(http_status), NUMBER(wait_us), NUMBER(work_us),
};
#define NUMBERS_N (sizeof(NUMBERS) / sizeof(NUMBERS[0]))

static int64_t number_get(const sl_audit *a, size_t i)
{
    const char *p = (const char *)a + NUMBERS[i].offset;
    int64_t v = 0;
    if (NUMBERS[i].size == sizeof(int)) {
        int small;
        memcpy(&small, p, sizeof(small));
        v = small;
    } else {
        memcpy(&v, p, sizeof(v));
    }
    return v;
}

static void number_set(sl_audit *a, size_t i, int64_t v)
{
    char *p = (char *)a + NUMBERS[i].offset;
    int small = (int)v;
    if (NUMBERS[i].size == sizeof(int))
        memcpy(p, &small, sizeof(small));
    else
        memcpy(p, &v, sizeof(v));
}

void sl_audit_write(sl_buf *out, const sl_audit *a)
{
    char time[SL_TIME_TEXT];
    sl_jsonw w = sl_jsonw_on(out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "event", sl_audit_event_name(a->event));
    if (a->time_us) {
        sl_time_format(time, a->time_us);
        sl_jsonw_cstr(&w, "time", time);
    }
    if (a->has_class)
        sl_jsonw_cstr(&w, "class", sl_class_name(a->cls));
    if (a->has_level)
        sl_jsonw_cstr(&w, "level", sl_level_name(a->level));
    if (a->reasons_json.p)
        sl_jsonw_raw(&w, "reasons", a->reasons_json);
    for (size_t i = 0; i < TEXTS_N; i++) {
        sl_str s = *text_at(a, i);
        if (s.p)
            sl_jsonw_str(&w, TEXTS[i].name, s);
    }
    if (a->topic.p) {
        sl_jsonw_i64(&w, "partition", a->partition);
        sl_jsonw_i64(&w, "offset", a->offset);
    }
    for (size_t i = 0; i < NUMBERS_N; i++) {
        int64_t v = number_get(a, i);
        if (v > 0)
            sl_jsonw_i64(&w, NUMBERS[i].name, v);
    }
    sl_jsonw_end_obj(&w);
}

static bool is_absent(const sl_jnode *n)
{
    return !n || sl_json_kind(n) == SL_J_NULL;
}

/* Optional members: absent is fine, another kind is not. */
static bool opt_str(const sl_jnode *obj, const char *key, sl_str *ret)
{
    const sl_jnode *n = sl_json_get(obj, key);
    return is_absent(n) || sl_json_str(n, ret);
}

static bool opt_i64(const sl_jnode *obj, const char *key, int64_t min, int64_t max, int64_t *ret)
{
    const sl_jnode *n = sl_json_get(obj, key);
    return is_absent(n) || (sl_json_i64(n, ret) && *ret >= min && *ret <= max);
}

/* The reasons as text again, kept in the tree beside their node so that the view has an owner. */
static sl_status read_reasons(sl_audit *a, sl_jnode *root, sl_error *reterr)
{
    const sl_jnode *reasons = sl_json_get(root, "reasons");
    if (is_absent(reasons))
        return SL_OK;
    if (sl_json_kind(reasons) != SL_J_ARRAY)
        return sl_fail(reterr, SL_E_INVALID, "an audit record's reasons are not an array");
    sl_buf text = {0};
    sl_json_write(reasons, &text);
    sl_status rc =
        sl_buf_ok(&text) ? sl_json_set_str(root, "reasons_json", sl_buf_str(&text)) : SL_E_NOMEM;
    sl_buf_done(&text);
    if (rc)
        return sl_fail(reterr, rc, "no memory for an audit record");
    sl_json_str(sl_json_get(root, "reasons_json"), &a->reasons_json);
    return SL_OK;
}

static bool read_words(sl_audit *a, const sl_jnode *root)
{
    sl_str event = {0}, time = {0}, cls = {0}, level = {0};
    if (!opt_str(root, "event", &event) || !opt_str(root, "time", &time) ||
        !opt_str(root, "class", &cls) || !opt_str(root, "level", &level))
        return false;
    if (!sl_audit_event_parse(event, &a->event))
        return false;
    if (time.p && !sl_time_parse(time.p, time.n, &a->time_us))
        return false;
    a->has_class = cls.p != NULL;
    a->has_level = level.p != NULL;
    return (!cls.p || sl_class_parse(cls, &a->cls)) &&
           (!level.p || sl_level_parse(level, &a->level));
}

static bool read_fields(sl_audit *a, const sl_jnode *root)
{
    for (size_t i = 0; i < TEXTS_N; i++) {
        if (!opt_str(root, TEXTS[i].name, text_at(a, i)))
            return false;
    }
    int64_t v = 0;
    if (!opt_i64(root, "partition", -1, INT32_MAX, &v) ||
        !opt_i64(root, "offset", -1, INT64_MAX, &a->offset))
        return false;
    a->partition = (int32_t)v;
    for (size_t i = 0; i < NUMBERS_N; i++) {
        v = 0;
        int64_t max = NUMBERS[i].size == sizeof(int) ? INT32_MAX : INT64_MAX;
        if (!opt_i64(root, NUMBERS[i].name, 0, max, &v))
            return false;
        number_set(a, i, v);
    }
    return true;
}

/* Audit and presence bodies are small; 256 KiB is far above the longest list of reasons. */
#define BODY_MAX (256 * 1024)

sl_status sl_audit_parse(sl_audit *ret, sl_jnode **root, sl_str body, sl_error *reterr)
{
    sl_audit a = {0};
    sl_jnode *tree = NULL;
    sl_status rc = sl_json_parse(&tree, body, BODY_MAX, reterr);
    if (rc)
        return rc;
    if (sl_json_kind(tree) != SL_J_OBJECT || !read_words(&a, tree) || !read_fields(&a, tree))
        rc = sl_fail(reterr, SL_E_INVALID,
                     "an audit record has a member of the wrong type or value");
    if (rc == SL_OK)
        rc = read_reasons(&a, tree, reterr);
    if (rc) {
        sl_json_free(tree);
        return rc;
    }
    *ret = a;
    *root = tree;
    return SL_OK;
}

void sl_presence_write(sl_buf *out, const sl_presence *p)
{
    sl_jsonw w = sl_jsonw_on(out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_str(&w, "instance", p->instance.p ? p->instance : SL_STR(""));
    sl_jsonw_arr(&w, "models");
    for (size_t i = 0; i < p->models_n; i++)
        sl_jsonw_str(&w, NULL, p->models[i]);
    sl_jsonw_end_arr(&w);
    if (p->kids_n) {
        sl_jsonw_arr(&w, "kids");
        for (size_t i = 0; i < p->kids_n; i++)
            sl_jsonw_str(&w, NULL, p->kids[i]);
        sl_jsonw_end_arr(&w);
    }
    sl_jsonw_i64(&w, "slots", p->slots);
    sl_jsonw_i64(&w, "active", p->active);
    sl_jsonw_i64(&w, "queued", p->queued);
    sl_jsonw_bool(&w, "draining", p->draining);
    sl_jsonw_str(&w, "env", p->env.p ? p->env : SL_STR(""));
    sl_jsonw_i64(&w, "interval_ms", p->interval_ms);
    sl_jsonw_end_obj(&w);
}

static bool read_names(sl_str out[32], size_t *ret_n, const sl_jnode *list)
{
    if (sl_json_kind(list) != SL_J_ARRAY || sl_json_size(list) > 32)
        return false;
    for (const sl_jnode *m = sl_json_first(list); m; m = sl_json_next(m)) {
        if (!sl_json_str(m, &out[(*ret_n)++]))
            return false;
    }
    return true;
}

static bool read_presence(sl_presence *p, const sl_jnode *root)
{
    int64_t slots = 0, active = 0, queued = 0;
    if (!sl_json_str(sl_json_get(root, "instance"), &p->instance) || p->instance.n == 0 ||
        !read_names(p->models, &p->models_n, sl_json_get(root, "models")) ||
        !opt_str(root, "env", &p->env))
        return false;
    const sl_jnode *kids = sl_json_get(root, "kids");
    if (!is_absent(kids) && !read_names(p->kids, &p->kids_n, kids))
        return false;
    if (!opt_i64(root, "slots", 0, INT32_MAX, &slots) ||
        !opt_i64(root, "active", 0, INT32_MAX, &active) ||
        !opt_i64(root, "queued", 0, INT32_MAX, &queued) ||
        !opt_i64(root, "interval_ms", 0, 86400000, &p->interval_ms))
        return false;
    p->slots = (int)slots, p->active = (int)active, p->queued = (int)queued;
    const sl_jnode *draining = sl_json_get(root, "draining");
    return is_absent(draining) || sl_json_bool(draining, &p->draining);
}

sl_status sl_presence_parse(sl_presence *ret, sl_jnode **root, sl_str body, sl_error *reterr)
{
    sl_presence p = {0};
    sl_jnode *tree = NULL;
    sl_status rc = sl_json_parse(&tree, body, BODY_MAX, reterr);
    if (rc)
        return rc;
    if (sl_json_kind(tree) != SL_J_OBJECT || !read_presence(&p, tree)) {
        sl_json_free(tree);
        return sl_fail(reterr, SL_E_INVALID,
                       "a presence record has a member of the wrong type or value");
    }
    *ret = p;
    *root = tree;
    return SL_OK;
}
