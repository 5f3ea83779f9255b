/* front_http_admin.c - health, readiness, metrics, models, /admin. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "gateway/front_http_internal.h"

static void health(sl_front_http *f, sl_http_request *r, bool readiness)
{
    const char *why = "";
    bool ok = !readiness || f->opt.ready(f->opt.arg, &why);
    sl_buf_clear(&f->out);
    sl_jsonw w = sl_jsonw_on(&f->out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "status", ok ? "ok" : "unavailable");
    if (!ok)
        sl_jsonw_cstr(&w, "reason", why);
    sl_jsonw_end_obj(&w);
    sl_http_answer(r, ok ? 200 : 503, "application/json", sl_buf_str(&f->out));
}

void sl_front_health(sl_front_http *f, sl_http_request *r, const sl_asker *who)
{
    health(f, r, false);
}

void sl_front_readiness(sl_front_http *f, sl_http_request *r, const sl_asker *who)
{
    health(f, r, true);
}

void sl_front_metrics(sl_front_http *f, sl_http_request *r, const sl_asker *who)
{
    sl_buf_clear(&f->out);
    sl_metrics_render(f->g->metrics, &f->out);
    sl_http_answer(r, 200, "text/plain; version=0.0.4; charset=utf-8", sl_buf_str(&f->out));
}

/* ---- models ---- */

static bool may_name(const sl_policy *p, const sl_api_key *k, sl_str name)
{
    return sl_policy_model_allowed(p, sl_str_c(k->tenant), name) && sl_api_key_model(k, name);
}

static const char *owner_of(const sl_policy_model *m)
{
    if (!m->on[SL_CLASS_PUBLIC])
        return "sluice-private";
    return m->on[SL_CLASS_PRIVATE] ? "sluice" : "sluice-public";
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

/* The policy in force, referenced; NULL: answered. */
static sl_policy *policy_of(sl_front_http *f, sl_http_request *r)
{
    sl_policy *p = sl_store_policy(f->g->store);
    if (!p)
        sl_http_error(r, 503, "service_unavailable", "starting", NULL, 2,
                      "No policy is in force yet. Try again.");
    return p;
}

/* `auto` stands first: the policy's model for the request's class. */
void sl_front_models(sl_front_http *f, sl_http_request *r, const sl_asker *who)
{
    sl_policy *p = policy_of(f, r);
    if (!p)
        return;
    const sl_policy_model *list = NULL;
    size_t n = sl_policy_models(p, &list);
    sl_buf_clear(&f->out);
    sl_jsonw w = sl_jsonw_on(&f->out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "object", "list");
    sl_jsonw_arr(&w, "data");
    if (may_name(p, who->key, SL_STR("auto")))
        model(&w, "auto", "sluice");
    for (size_t i = 0; i < n; i++)
        if (may_name(p, who->key, sl_str_c(list[i].name)))
            model(&w, list[i].name, owner_of(&list[i]));
    sl_jsonw_end_arr(&w);
    sl_jsonw_end_obj(&w);
    sl_http_answer(r, 200, "application/json", sl_buf_str(&f->out));
    sl_policy_unref(p);
}

/* Percent signs of the path taken back; false where they are no such thing. */
static bool unescape(sl_str s, sl_buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' && (s.n - i < 3 || !sl_hex_decode(&c, 1, s.p + i + 1, 2)))
            return false;
        i += s.p[i] == '%' ? 2 : 0;
        sl_buf_addc(out, c);
    }
    return sl_buf_ok(out);
}

/* What the key may not name does not exist for it. */
void sl_front_model(sl_front_http *f, sl_http_request *r, const sl_asker *who)
{
    sl_policy *p = policy_of(f, r);
    if (!p)
        return;
    sl_str path = sl_http_path(r), prefix = SL_STR("/v1/models/");
    const sl_policy_model *list = NULL;
    size_t n = sl_policy_models(p, &list), i = 0;
    sl_buf name = {0};
    bool ok = unescape((sl_str){path.p + prefix.n, path.n - prefix.n}, &name);
    bool is_auto = sl_str_is(sl_buf_str(&name), "auto");
    while (i < n && !sl_str_is(sl_buf_str(&name), list[i].name))
        i++;
    if (ok && (is_auto || i < n) && may_name(p, who->key, sl_buf_str(&name))) {
        sl_buf_clear(&f->out);
        sl_jsonw w = sl_jsonw_on(&f->out);
        model(&w, is_auto ? "auto" : list[i].name, is_auto ? "sluice" : owner_of(&list[i]));
        sl_http_answer(r, 200, "application/json", sl_buf_str(&f->out));
    } else {
        sl_http_error(r, 404, "invalid_request_error", "model_not_found", "model", 0,
                      "The model does not exist, or this key may not use it; GET /v1/models lists "
                      "the models.");
    }
    sl_buf_done(&name);
    sl_policy_unref(p);
}

/* ---- /admin ---- */

static void write_models(sl_jsonw *w, const char *models)
{
    sl_jsonw_arr(w, "models");
    for (const char *p = models, *nl; (nl = strchr(p, '\n')); p = nl + 1)
        sl_jsonw_str(w, NULL, (sl_str){p, (size_t)(nl - p)});
    sl_jsonw_end_arr(w);
}

static void write_limits(sl_jsonw *w, const sl_api_key *k)
{
    sl_limit_view v;
    (void)sl_limit_look(k->limit, &k->rates, sl_mono_us(), &v);
    sl_jsonw_i64(w, "running", v.running);
    if (k->rates.concurrency)
        sl_jsonw_i64(w, "concurrency", k->rates.concurrency);
    if (k->rates.requests) {
        sl_jsonw_i64(w, "requests_per_minute", k->rates.requests);
        sl_jsonw_i64(w, "requests_left", v.requests_left);
    }
    if (k->rates.tokens) {
        sl_jsonw_i64(w, "tokens_per_minute", k->rates.tokens);
        sl_jsonw_i64(w, "tokens_left", v.tokens_left);
    }
}

/* Without its hash: that is of no use to who looks. */
static void write_key(sl_jsonw *w, const sl_api_key *k, int64_t now_us)
{
    char time[SL_TIME_TEXT];
    bool expired = k->expires_us && k->expires_us <= now_us;
    sl_jsonw_obj(w, NULL);
    sl_jsonw_cstr(w, "id", k->id);
    sl_jsonw_cstr(w, "tenant", k->tenant);
    sl_jsonw_cstr(w, "role", sl_role_name(k->role));
    sl_jsonw_cstr(w, "state", k->revoked ? "revoked" : expired ? "expired" : "valid");
    sl_time_format(time, k->created_us);
    sl_jsonw_cstr(w, "created", time);
    if (k->expires_us) {
        sl_time_format(time, k->expires_us);
        sl_jsonw_cstr(w, "expires", time);
    }
    sl_jsonw_cstr(w, "max_level", sl_level_name(k->max_level));
    if (k->models)
        write_models(w, k->models);
    if (k->certificate[0])
        sl_jsonw_cstr(w, "certificate", k->certificate);
    write_limits(w, k);
    sl_jsonw_end_obj(w);
}

void sl_front_keys(sl_front_http *f, sl_http_request *r, const sl_asker *who)
{
    int64_t now_us = sl_unix_us();
    sl_buf_clear(&f->out);
    sl_jsonw w = sl_jsonw_on(&f->out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_arr(&w, "keys");
    for (size_t i = 0; i < sl_api_keys_size(who->keys); i++)
        write_key(&w, sl_api_keys_at(who->keys, i), now_us);
    sl_jsonw_end_arr(&w);
    sl_jsonw_end_obj(&w);
    sl_http_answer(r, 200, "application/json", sl_buf_str(&f->out));
}

void sl_front_policy(sl_front_http *f, sl_http_request *r, const sl_asker *who)
{
    sl_policy *p = policy_of(f, r);
    if (!p)
        return;
    sl_buf_clear(&f->out);
    sl_jsonw w = sl_jsonw_on(&f->out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "policy", sl_policy_digest(p));
    sl_jsonw_str(&w, "text", sl_policy_text(p));
    sl_jsonw_end_obj(&w);
    sl_http_answer(r, 200, "application/json", sl_buf_str(&f->out));
    sl_policy_unref(p);
}

void sl_front_reload(sl_front_http *f, sl_http_request *r, const sl_asker *who)
{
    SL_INFO(NULL, "reload_asked", "by key %s (%s)", who->key->id, sl_role_name(who->key->role));
    if (f->opt.reload(f->opt.arg))
        sl_http_answer(r, 202, "application/json", SL_STR("{\"status\":\"reloading\"}"));
    else
        sl_http_error(r, 503, "service_unavailable", "overloaded", NULL, 1,
                      "The gateway takes no message now. Try again.");
}
