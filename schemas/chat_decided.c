/* chat_decided.c - a request on its way: the body for a worker, the body for an upstream.
 *
 * The client's tree is not changed; a new object is written with the members that stay. */
#include "schemas/chat.h"

static bool in_list(sl_str key, const char *const *list)
{
    for (; *list; list++) {
        if (sl_str_is(key, *list))
            return true;
    }
    return false;
}

/* Opens the object and copies every member whose key is not in `without`. The keys have passed the
 * allow-list, so they need no escaping. */
static void write_members(const sl_chat *c, const char *const *without, sl_jsonw *w)
{
    sl_jsonw_obj(w, NULL);
    for (const sl_jnode *n = sl_json_first(c->root); n; n = sl_json_next(n)) {
        sl_str key = sl_json_key(n);
        if (in_list(key, without))
            continue;
        /* An empty raw value writes the key and the comma; the node follows in place. */
        sl_jsonw_raw(w, key.p, SL_STR(""));
        sl_json_write(n, w->b);
    }
}

static sl_status finish(sl_jsonw *w)
{
    sl_jsonw_end_obj(w);
    return sl_buf_ok(w->b) ? SL_OK : SL_E_NOMEM;
}

sl_status sl_chat_decided(sl_chat *c, const char *model, int64_t seed, sl_buf *out)
{
    static const char *const without[] = {"model", "seed", "x_sluice_kind", NULL};
    sl_jsonw w = sl_jsonw_on(out);
    write_members(c, without, &w);
    sl_jsonw_cstr(&w, "model", model);
    sl_jsonw_i64(&w, "seed", seed);
    if (c->kind == SL_COMPLETION)
        sl_jsonw_cstr(&w, "x_sluice_kind", "completion");
    return finish(&w);
}

sl_status sl_chat_upstream(sl_chat *c, const char *model, sl_buf *out)
{
    static const char *const without[] = {"model", "stream", "stream_options", "x_sluice_kind",
                                          NULL};
    sl_jsonw w = sl_jsonw_on(out);
    write_members(c, without, &w);
    sl_jsonw_str(&w, "model", model ? sl_str_c(model) : c->model);
    sl_jsonw_bool(&w, "stream", true);
    sl_jsonw_obj(&w, "stream_options");
    sl_jsonw_bool(&w, "include_usage", true);
    sl_jsonw_end_obj(&w);
    return finish(&w);
}
