/* chat_parse.c - an OpenAI body from bytes to sl_chat, and the readers of single values. */
#include "schemas/chat_read.h"

#include <stdio.h>
#include <stdlib.h>

const char *sl_chat_param(char out[64], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out, 64, fmt, ap);
    va_end(ap);
    return out;
}

sl_status sl_chat_refuse(sl_chat_reader *r, const char *param, const char *code, const char *fmt,
                         ...)
{
    char text[sizeof(((sl_error *)0)->text)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    snprintf(r->fault->param, sizeof(r->fault->param), "%s", param);
    snprintf(r->fault->code, sizeof(r->fault->code), "%s", code);
    return sl_fail(r->err, SL_E_INVALID, "%s", text);
}

bool sl_chat_given(const sl_jnode *n)
{
    return n && sl_json_kind(n) != SL_J_NULL;
}

static const char *kind_name(sl_jkind k)
{
    static const char *const names[] = {"null",     "a boolean", "a number",
                                        "a string", "an array",  "an object"};
    return names[k];
}

sl_status sl_chat_read_kind(sl_chat_reader *r, const sl_jnode *n, const char *param, sl_jkind kind)
{
    if (!n)
        return sl_chat_refuse(r, param, "missing_required_parameter",
                              "Missing required parameter: '%s'.", param);
    if (sl_json_kind(n) == kind)
        return SL_OK;
    return sl_chat_refuse(r, param, "invalid_type", "Invalid type for '%s': expected %s, got %s.",
                          param, kind_name(kind), kind_name(sl_json_kind(n)));
}

sl_status sl_chat_read_f64(sl_chat_reader *r, const sl_jnode *n, const char *param, double min,
                           double max, double *ret)
{
    double v = 0;
    sl_status rc = sl_chat_read_kind(r, n, param, SL_J_NUMBER);
    if (rc)
        return rc;
    if (!sl_json_f64(n, &v) || !(v >= min && v <= max))
        return sl_chat_refuse(r, param, "invalid_value",
                              "Invalid value for '%s': expected a number from %g to %g.", param,
                              min, max);
    *ret = v;
    return SL_OK;
}

sl_status sl_chat_read_i64(sl_chat_reader *r, const sl_jnode *n, const char *param, int64_t min,
                           int64_t max, int64_t *ret)
{
    int64_t v = 0;
    sl_status rc = sl_chat_read_kind(r, n, param, SL_J_NUMBER);
    if (rc)
        return rc;
    if (!sl_json_i64(n, &v) || v < min || v > max)
        return sl_chat_refuse(r, param, "invalid_value",
                              "Invalid value for '%s': expected a whole number from %lld to %lld.",
                              param, (long long)min, (long long)max);
    *ret = v;
    return SL_OK;
}

sl_status sl_chat_read_bool(sl_chat_reader *r, const sl_jnode *n, const char *param, bool *ret)
{
    sl_status rc = sl_chat_read_kind(r, n, param, SL_J_BOOL);
    if (rc == SL_OK)
        sl_json_bool(n, ret);
    return rc;
}

sl_status sl_chat_read_str(sl_chat_reader *r, const sl_jnode *n, const char *param, size_t max,
                           sl_str *ret)
{
    sl_str s = {0};
    sl_status rc = sl_chat_read_kind(r, n, param, SL_J_STRING);
    if (rc)
        return rc;
    sl_json_str(n, &s);
    if (s.n > max)
        return sl_chat_refuse(r, param, "string_above_max_length",
                              "Invalid '%s': string too long. Expected at most %zu bytes, got %zu.",
                              param, max, s.n);
    *ret = s;
    return SL_OK;
}

void sl_chat_free(sl_chat *c)
{
    if (!c)
        return;
    sl_json_free(c->root);
    sl_arena_done(&c->arena);
    free(c);
}

/* The one place that takes a body: `decided` bodies may carry x_sluice_kind, which names the kind.
 * */
static sl_status parse(sl_chat **ret, sl_chat_reader *r, sl_chat_kind kind, sl_str body, size_t max)
{
    sl_chat *c = calloc(1, sizeof(*c));
    if (!c)
        return sl_fail(r->err, SL_E_NOMEM, "no memory for a request");
    memset(r->fault, 0, sizeof(*r->fault));
    r->chat = c;
    c->kind = kind;
    sl_status rc = sl_json_parse(&c->root, body, max, r->err);
    if (rc) {
        snprintf(r->fault->code, sizeof(r->fault->code), "%s",
                 rc == SL_E_TOO_LARGE ? "request_too_large" : "invalid_json");
        goto fail;
    }
    if (sl_json_kind(c->root) != SL_J_OBJECT) {
        rc = sl_chat_refuse(r, "", "invalid_type", "The request body must be a JSON object.");
        goto fail;
    }
    if (r->decided) {
        sl_str k = {0};
        if (sl_json_str(sl_json_get(c->root, "x_sluice_kind"), &k))
            c->kind = sl_str_is(k, "completion") ? SL_COMPLETION : SL_CHAT;
    }
    rc = sl_chat_read_params(r);
    if (rc == SL_OK)
        rc = c->kind == SL_CHAT ? sl_chat_read_messages(r) : sl_chat_read_prompt(r);
    if (rc)
        goto fail;
    *ret = c;
    return SL_OK;
fail:
    sl_chat_free(c);
    return rc;
}

sl_status sl_chat_parse(sl_chat **ret, sl_chat_kind kind, sl_str body, size_t max,
                        sl_chat_fault *fault, sl_error *reterr)
{
    sl_chat_fault unused;
    sl_chat_reader r = {.fault = fault ? fault : &unused, .err = reterr};
    return parse(ret, &r, kind, body, max);
}

sl_status sl_chat_parse_decided(sl_chat **ret, sl_str body, sl_error *reterr)
{
    sl_chat_fault unused;
    sl_chat_reader r = {.fault = &unused, .err = reterr, .decided = true};
    return parse(ret, &r, SL_CHAT, body, SL_RECORD_MAX);
}
