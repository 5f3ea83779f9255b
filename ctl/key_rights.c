#include "ctl/key_rights.h"

#include <stdio.h>

/* "a,b" becomes "a\nb\n"; false where a name is empty, too long or not plain. */
static bool split_models(const char *text, sl_buf *out)
{
    for (const char *p = text;;) {
        size_t n = strcspn(p, ",");
        bool ok = n > 0 && n <= 256;
        for (size_t i = 0; i < n; i++)
            ok &= p[i] > ' ' && p[i] <= '~';
        if (!ok)
            return false;
        sl_buf_add(out, p, n);
        sl_buf_addc(out, '\n');
        if (!p[n])
            return true;
        p += n + 1;
    }
}

static bool in_range(int64_t rate)
{
    return rate >= 0 && rate <= SL_RATE_MOST;
}

sl_status sl_key_rights_apply(const sl_key_rights *r, sl_api_key *row, sl_buf *models,
                              sl_error *reterr)
{
    if (r->models[0] && !split_models(r->models, models))
        return sl_fail(reterr, SL_E_INVALID,
                       "--models wants names with commas between them, such as auto,tiny");
    if (r->max_level[0] && !sl_level_parse(sl_str_c(r->max_level), &row->max_level))
        return sl_fail(reterr, SL_E_INVALID,
                       "unknown level '%s'; public, internal, confidential and restricted exist",
                       r->max_level);
    if (!in_range(r->requests) || !in_range(r->tokens) || !in_range(r->concurrency))
        return sl_fail(reterr, SL_E_INVALID, "a limit is a number from 0 (none) to %d",
                       SL_RATE_MOST);
    if (strlen(r->certificate) >= sizeof(row->certificate))
        return sl_fail(reterr, SL_E_INVALID, "a common name has at most %zu characters",
                       sizeof(row->certificate) - 1);
    for (const char *p = r->certificate; *p; p++)
        if (*p <= ' ' || *p > '~')
            return sl_fail(reterr, SL_E_INVALID,
                           "--certificate wants a common name of printable ASCII without blanks");
    snprintf(row->certificate, sizeof(row->certificate), "%s", r->certificate);
    row->rates = (sl_rates){r->requests, r->tokens, r->concurrency};
    row->models = r->models[0] ? models->data : NULL;
    return sl_buf_ok(models) ? SL_OK : SL_E_NOMEM;
}

static void add_models(const char *models, sl_buf *out)
{
    for (const char *p = models, *nl; (nl = strchr(p, '\n')); p = nl + 1) {
        sl_buf_addc(out, p == models ? '=' : ',');
        sl_buf_add(out, p, (size_t)(nl - p));
    }
}

void sl_key_rights_text(const sl_api_key *k, sl_buf *out)
{
    if (k->models) {
        sl_buf_adds(out, " models");
        add_models(k->models, out);
    }
    if (k->max_level != SL_LEVEL_RESTRICTED)
        sl_buf_addf(out, " max-level=%s", sl_level_name(k->max_level));
    if (k->rates.requests)
        sl_buf_addf(out, " requests=%lld/min", (long long)k->rates.requests);
    if (k->rates.tokens)
        sl_buf_addf(out, " tokens=%lld/min", (long long)k->rates.tokens);
    if (k->rates.concurrency)
        sl_buf_addf(out, " concurrency=%lld", (long long)k->rates.concurrency);
    if (k->certificate[0])
        sl_buf_addf(out, " certificate=%s", k->certificate);
}

void sl_key_rights_json(const sl_api_key *k, sl_jsonw *w)
{
    if (k->models) {
        sl_jsonw_arr(w, "models");
        for (const char *p = k->models, *nl; (nl = strchr(p, '\n')); p = nl + 1)
            sl_jsonw_str(w, NULL, (sl_str){p, (size_t)(nl - p)});
        sl_jsonw_end_arr(w);
    }
    sl_jsonw_cstr(w, "max_level", sl_level_name(k->max_level));
    sl_jsonw_i64(w, "requests_per_minute", k->rates.requests);
    sl_jsonw_i64(w, "tokens_per_minute", k->rates.tokens);
    sl_jsonw_i64(w, "concurrency", k->rates.concurrency);
    if (k->certificate[0])
        sl_jsonw_cstr(w, "certificate", k->certificate);
}
