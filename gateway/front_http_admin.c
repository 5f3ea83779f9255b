/* front_http_admin.c - health, readiness, metrics, models. */
#include "gateway/front_http_internal.h"

static void health(sl_front_http *f, sl_http_request *r, bool readiness)
{
    const char *why = "";
    bool ok = !readiness || f->opt.ready(f->opt.ready_arg, &why);
    sl_buf_clear(&f->out);
    sl_jsonw w = sl_jsonw_on(&f->out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "status", ok ? "ok" : "unavailable");
    if (!ok)
        sl_jsonw_cstr(&w, "reason", why);
    sl_jsonw_end_obj(&w);
    sl_http_answer(r, ok ? 200 : 503, "application/json", sl_buf_str(&f->out));
}

void sl_front_admin(sl_front_http *f, sl_http_request *r)
{
    sl_str path = sl_http_path(r);
    if (!sl_str_is(path, "/metrics")) {
        health(f, r, sl_str_is(path, "/health/readiness"));
        return;
    }
    sl_buf_clear(&f->out);
    sl_metrics_render(f->g->metrics, &f->out);
    sl_http_answer(r, 200, "text/plain; version=0.0.4; charset=utf-8", sl_buf_str(&f->out));
}

static void model(sl_jsonw *w, const char *name, const char *classes)
{
    sl_jsonw_obj(w, NULL);
    sl_jsonw_cstr(w, "id", name);
    sl_jsonw_cstr(w, "object", "model");
    sl_jsonw_i64(w, "created", 0);
    sl_jsonw_cstr(w, "owned_by", classes);
    sl_jsonw_end_obj(w);
}

/* `auto` stands first: the policy's model for the request's class. */
void sl_front_models(sl_front_http *f, sl_http_request *r, sl_str tenant)
{
    sl_policy *p = sl_store_policy(f->g->store);
    if (!p) {
        sl_http_error(r, 503, "service_unavailable", "starting", NULL, 2,
                      "No policy is in force yet. Try again.");
        return;
    }
    const sl_policy_model *list = NULL;
    size_t n = sl_policy_models(p, &list);
    sl_buf_clear(&f->out);
    sl_jsonw w = sl_jsonw_on(&f->out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "object", "list");
    sl_jsonw_arr(&w, "data");
    model(&w, "auto", "sluice");
    for (size_t i = 0; i < n; i++)
        if (sl_policy_model_allowed(p, tenant, sl_str_c(list[i].name)))
            model(&w, list[i].name,
                  list[i].on[SL_CLASS_PUBLIC]
                      ? (list[i].on[SL_CLASS_PRIVATE] ? "sluice" : "sluice-public")
                      : "sluice-private");
    sl_jsonw_end_arr(&w);
    sl_jsonw_end_obj(&w);
    sl_http_answer(r, 200, "application/json", sl_buf_str(&f->out));
    sl_policy_unref(p);
}
