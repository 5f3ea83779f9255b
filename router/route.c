/* route.c - one request: classify every string, take the highest level, choose class and model. */
#include "router/policy.h"

#include "common/base/jsonw.h"
#include "router/classify/model.h"
#include "router/classify/model_builtin.h"
#include "router/classify/patterns.h"

#include <pthread.h>
#include <stdlib.h>

struct sl_router {
    sl_classifier *c;
};

/* ---- what all routers of a process share ---- */

static struct {
    pthread_mutex_t lock;
    sl_model *model; /* loaded by setup, or the built-in one at the first open; never freed */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static sl_status open_model(const char *path, sl_error *reterr)
{
    sl_status st = SL_OK;
    pthread_mutex_lock(&shared.lock);
    if (!shared.model)
        st = path && path[0] ? sl_model_load(&shared.model, path, reterr)
                             : sl_model_parse(&shared.model, sl_model_builtin(), reterr);
    pthread_mutex_unlock(&shared.lock);
    return st;
}

sl_status sl_router_setup(const char *model_path, const char *cache_dir, sl_error *reterr)
{
    if (!sl_patterns_cache(cache_dir) || shared.model)
        return sl_fail(reterr, SL_E_INTERNAL, "the classifier is in use already");
    return open_model(model_path, reterr);
}

sl_status sl_router_open(sl_router **ret, sl_error *reterr)
{
    sl_status shared_st = open_model(NULL, reterr);
    if (shared_st != SL_OK)
        return shared_st;
    sl_router *r = calloc(1, sizeof *r);
    if (!r)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a router");
    sl_status st = sl_classifier_open(&r->c, reterr);
    if (st != SL_OK) {
        free(r);
        return st;
    }
    *ret = r;
    return SL_OK;
}

void sl_router_free(sl_router *r)
{
    if (!r)
        return;
    sl_classifier_free(r->c);
    free(r);
}

/* ---- reasons ---- */

static void write_reasons(sl_decision *d, sl_buf *b)
{
    sl_jsonw w = sl_jsonw_on(b);
    sl_jsonw_arr(&w, NULL);
    for (size_t i = 0; i < d->findings_n; i++) {
        const sl_finding *f = &d->findings[i];
        sl_jsonw_obj(&w, NULL);
        sl_jsonw_cstr(&w, "entity", f->entity);
        sl_jsonw_cstr(&w, "level", sl_level_name(f->level));
        sl_jsonw_cstr(&w, "view", f->view);
        sl_jsonw_cstr(&w, "where", f->where);
        sl_jsonw_u64(&w, "offset", f->offset);
        if (f->length)
            sl_jsonw_u64(&w, "length", f->length);
        sl_jsonw_i64(&w, "count", f->count);
        if (f->allowed)
            sl_jsonw_bool(&w, "allowed", true);
        sl_jsonw_end_obj(&w);
    }
    sl_jsonw_end_arr(&w);
}

/* Distinct entities in the order found, comma between. */
static void write_summary(const sl_decision *d, sl_buf *b)
{
    for (size_t i = 0; i < d->findings_n; i++) {
        size_t x = 0;
        while (x < i && d->findings[x].entity != d->findings[i].entity)
            x++;
        if (x < i)
            continue;
        if (b->len)
            sl_buf_addc(b, ',');
        sl_buf_adds(b, d->findings[i].entity);
    }
    if (!b->len)
        sl_buf_adds(b, "none");
}

static sl_status tell(sl_decision *d, sl_arena *arena, sl_error *reterr)
{
    if (d->findings_n == 0) { /* the common case, without allocations */
        d->reasons = SL_STR("[]");
        d->summary = "none";
        return SL_OK;
    }
    sl_buf json = {0}, summary = {0};
    write_reasons(d, &json);
    write_summary(d, &summary);
    d->reasons = sl_arena_str(arena, sl_buf_str(&json));
    d->summary = sl_arena_strndup(arena, summary.data, summary.len);
    bool ok = sl_buf_ok(&json) && sl_buf_ok(&summary) && d->reasons.p && d->summary;
    sl_buf_done(&json);
    sl_buf_done(&summary);
    return ok ? SL_OK : sl_fail(reterr, SL_E_NOMEM, "no memory for the reasons of a decision");
}

/* ---- the decision ---- */

static sl_status classified(sl_router *r, const sl_tenant *t, sl_arena *arena, sl_decision *d,
                            sl_error *reterr)
{
    sl_finding *found;
    bool doubt;
    sl_classify_end(r->c, &d->level, &doubt, &found, &d->findings_n);
    d->findings = found;
    if (t->rules.floor > d->level)
        d->level = t->rules.floor;
    bool inside = doubt || d->level > t->rules.public_max;
    d->cls = inside ? SL_CLASS_PRIVATE : SL_CLASS_PUBLIC;
    return tell(d, arena, reterr);
}

/* The class that the level asks for stands in d->cls; the model that was named may change it. */
static sl_status choose(const sl_policy *p, const sl_tenant *t, sl_str asked, sl_decision *d,
                        sl_error *reterr)
{
    if (sl_str_is(asked, "auto")) {
        if (!p->model_of[d->cls])
            d->cls = SL_CLASS_PRIVATE;
        d->model = p->model_of[d->cls];
        return SL_OK;
    }
    const sl_policy_model *m = sl_policy_find_model(p, asked);
    if (!m)
        return sl_fail(reterr, SL_E_NOT_FOUND,
                       "the policy has no such model; ask for one of /v1/models");
    if (d->cls == SL_CLASS_PUBLIC && !m->on[SL_CLASS_PUBLIC])
        d->cls = SL_CLASS_PRIVATE;
    if (m->on[d->cls]) {
        d->model = m->name;
    } else if (t->rules
                   .refuse_sensitive) { /* sensitive, and the model is on the public class alone */
        d->refused = true;
    } else {
        d->rerouted = true;
        d->model = p->model_of[SL_CLASS_PRIVATE];
    }
    return SL_OK;
}

static void begin(sl_router *r, const sl_tenant *t, sl_arena *arena)
{
    sl_classifier_set_model(r->c, t->rules.contextual <= 1 ? shared.model : NULL, 1,
                            (float)t->rules.contextual);
    sl_classify_begin(r->c, t->dictionary, &t->allow, arena);
}

static bool on_string(void *arg, const char *where, sl_str text)
{
    sl_classify_text(arg, where, text);
    return true;
}

sl_status sl_router_decide(sl_router *r, const sl_policy *p, sl_str tenant, const sl_chat *chat,
                           sl_arena *arena, sl_decision *ret, sl_error *reterr)
{
    const sl_tenant *t = sl_policy_tenant(p, tenant);
    sl_str asked = chat->model.n ? chat->model : SL_STR("auto");
    sl_decision d = {0};
    if (!sl_str_is(asked, "auto") && !sl_policy_model_known(p, asked))
        return sl_fail(reterr, SL_E_NOT_FOUND,
                       "the policy has no such model; ask for one of /v1/models");
    if (!sl_policy_model_allowed(p, tenant, asked))
        return sl_fail(reterr, SL_E_DENIED, "the tenant may not use this model");
    begin(r, t, arena);
    if (!sl_chat_strings(chat, on_string, r->c))
        sl_classify_doubt(r->c, SL_ENT_CLASSIFIER_ERROR, "");
    if (sl_chat_has_opaque(chat))
        sl_classify_doubt(r->c, SL_ENT_OPAQUE_CONTENT, "messages");
    sl_status st = classified(r, t, arena, &d, reterr);
    if (st == SL_OK)
        st = choose(p, t, asked, &d, reterr);
    if (st == SL_OK)
        *ret = d;
    return st;
}

sl_status sl_router_classify(sl_router *r, const sl_policy *p, sl_str tenant, sl_str text,
                             sl_arena *arena, sl_decision *ret, sl_error *reterr)
{
    const sl_tenant *t = sl_policy_tenant(p, tenant);
    sl_decision d = {0};
    begin(r, t, arena);
    sl_classify_text(r->c, "text", text);
    sl_status st = classified(r, t, arena, &d, reterr);
    if (st == SL_OK)
        st = choose(p, t, SL_STR("auto"), &d, reterr);
    if (st == SL_OK)
        *ret = d;
    return st;
}
