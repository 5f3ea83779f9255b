/* front_http_auth.c - who asks, may he, and how much: keys, roles, pauses, limits.
 *
 * Every request passes sl_front_ask twice: before its body is read, and when all of it is there. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "gateway/front_http_internal.h"

#include <stdio.h>

#define BYTES_PER_TOKEN 4   /* as OpenAI reckons before it knows */
#define ANSWER_TOKENS   256 /* thought of where max_tokens is not given */

/* ---- who ---- */

static int seconds_of(int64_t us)
{
    int64_t s = (us + 999999) / 1000000;
    return s < 1 ? 1 : s > 86400 ? 86400 : (int)s;
}

static void count(const sl_front_http *f, size_t reason)
{
    sl_metrics_shard *s = sl_core_shard(f->core);
    sl_metrics_add(s, SL_GM_REFUSED, SL_GM_REFUSED_UNAUTHORIZED, 1);
    sl_metrics_add(s, SL_GM_AUTH_FAILED, reason, 1);
}

/* False, and answered: the address is in a pause. */
static bool pass_guard(sl_front_http *f, sl_http_request *r, sl_key_verdict verdict, uint64_t tag)
{
    uint8_t address[16];
    uint32_t skipped;
    if (!f->g->guard || verdict == SL_KEY_MISSING) /* which tells a guesser nothing */
        return true;
    sl_http_peer_ip(r, address);
    sl_guard_verdict v = sl_guard_judge(f->g->guard,
                                        &(sl_guard_try){.address = address,
                                                        .right = verdict == SL_KEY_OK,
                                                        .counts = verdict == SL_KEY_WRONG,
                                                        .tag = tag},
                                        sl_mono_ms());
    if (v.begun_ms) {
        sl_metrics_add(sl_core_shard(f->core), SL_GM_AUTH_PAUSES, 0, 1);
        if (sl_log_allow(&f->log_pause, &skipped))
            SL_WARN(NULL, "auth_pause", "%d wrong keys from %.*s: it waits %lld ms (%u more)",
                    v.failures, (int)sl_http_peer(r).n, sl_http_peer(r).p, (long long)v.begun_ms,
                    skipped);
    }
    if (!v.pause_ms)
        return true;
    count(f, SL_GM_AUTH_PAUSED);
    sl_http_error(r, 429, "rate_limit_error", "too_many_failed_keys", NULL,
                  seconds_of(v.pause_ms * 1000),
                  "Too many wrong API keys came from this address. Try again later.");
    return false;
}

static void answer_401(sl_front_http *f, sl_http_request *r, sl_key_verdict verdict)
{
    static const size_t reasons[] = {[SL_KEY_MISSING] = SL_GM_AUTH_MISSING,
                                     [SL_KEY_WRONG] = SL_GM_AUTH_WRONG,
                                     [SL_KEY_EXPIRED] = SL_GM_AUTH_EXPIRED,
                                     [SL_KEY_REVOKED] = SL_GM_AUTH_REVOKED};
    bool missing = verdict == SL_KEY_MISSING;
    count(f, reasons[verdict]);
    sl_http_add_header(r, "WWW-Authenticate", SL_STR("Bearer"));
    sl_http_error(r, 401, "authentication_error", missing ? "missing_api_key" : "invalid_api_key",
                  NULL, 0,
                  missing ? "Give your API key as 'Authorization: Bearer KEY'."
                          : "The API key is wrong, expired or revoked.");
}

bool sl_front_ask(sl_front_http *f, sl_http_request *r, sl_right right, sl_asker *ret)
{
    uint64_t tag;
    const sl_api_key *key = NULL;
    sl_api_keys *keys = sl_store_keys(f->g->store);
    sl_key_claim claim = {.authorization = sl_http_header(r, "authorization")};
    if (f->opt.tls)
        claim.certificate = sl_http_client_name(r);
    sl_key_verdict verdict = sl_api_keys_find(keys, &claim, sl_unix_us(), &key, &tag);
    if (!pass_guard(f, r, verdict, tag))
        goto refused;
    if (verdict != SL_KEY_OK) {
        answer_401(f, r, verdict);
        goto refused;
    }
    if (!sl_role_may(key->role, right)) {
        count(f, SL_GM_AUTH_ROLE);
        sl_http_error(r, 403, "permission_error", "role_not_allowed", NULL, 0,
                      "This key's role may not do this.");
        goto refused;
    }
    *ret = (sl_asker){keys, key};
    return true;
refused:
    sl_api_keys_unref(keys);
    return false;
}

/* ---- how much ---- */

/* As OpenAI writes durations: 120ms, 1.5s, 6m0s. */
static void add_reset(sl_http_request *r, const char *name, int64_t us)
{
    char text[48];
    int64_t ms = (us + 999) / 1000, minutes = ms / 60000;
    double seconds = (double)(ms % 60000) / 1000;
    if (minutes)
        snprintf(text, sizeof(text), "%lldm%gs", (long long)minutes, seconds);
    else if (ms >= 1000)
        snprintf(text, sizeof(text), "%gs", seconds);
    else
        snprintf(text, sizeof(text), "%lldms", (long long)ms);
    sl_http_add_header(r, name, sl_str_c(text));
}

static void add_number(sl_http_request *r, const char *name, int64_t v)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)v);
    sl_http_add_header(r, name, sl_str_c(text));
}

static void add_headers(sl_http_request *r, const sl_rates *rates, const sl_limit_view *v)
{
    if (rates->requests) {
        add_number(r, "x-ratelimit-limit-requests", rates->requests);
        add_number(r, "x-ratelimit-remaining-requests", v->requests_left);
        add_reset(r, "x-ratelimit-reset-requests", v->requests_reset_us);
    }
    if (rates->tokens) {
        add_number(r, "x-ratelimit-limit-tokens", rates->tokens);
        add_number(r, "x-ratelimit-remaining-tokens", v->tokens_left);
        add_reset(r, "x-ratelimit-reset-tokens", v->tokens_reset_us);
    }
}

static sl_refusal limited(const sl_front_http *f, sl_limit_verdict verdict, const sl_rates *rates,
                          const sl_limit_view *v)
{
    static const char *const types[] = {
        [SL_LIMIT_REQUESTS] = "requests",
        [SL_LIMIT_TOKENS] = "tokens",
        [SL_LIMIT_CONCURRENCY] = "concurrency",
    };
    sl_metrics_shard *s = sl_core_shard(f->core);
    sl_metrics_add(s, SL_GM_REFUSED, SL_GM_REFUSED_LIMIT, 1);
    sl_metrics_add(s, SL_GM_LIMITED, (size_t)verdict - SL_LIMIT_REQUESTS, 1);
    sl_refusal ref = {.http_status = 429,
                      .retry_after_s = seconds_of(v->wait_us),
                      .type = types[verdict],
                      .code = "rate_limit_exceeded"};
    if (verdict == SL_LIMIT_CONCURRENCY) {
        ref.code = "concurrency_limit_exceeded";
        snprintf(ref.message, sizeof(ref.message),
                 "This key may have %lld requests at one time, and has them.",
                 (long long)rates->concurrency);
        return ref;
    }
    bool tokens = verdict == SL_LIMIT_TOKENS;
    snprintf(ref.message, sizeof(ref.message),
             "Rate limit of this key reached: %lld %s a minute. Try again in %d s.",
             (long long)(tokens ? rates->tokens : rates->requests), types[verdict],
             ref.retry_after_s);
    return ref;
}

bool sl_front_look(sl_front_http *f, sl_http_request *r, const sl_api_key *k)
{
    sl_limit_view v;
    sl_limit_verdict verdict = sl_limit_look(k->limit, &k->rates, sl_mono_us(), &v);
    if (verdict == SL_LIMIT_OK)
        return true;
    sl_refusal ref = limited(f, verdict, &k->rates, &v);
    add_headers(r, &k->rates, &v);
    sl_http_error(r, ref.http_status, ref.type, ref.code, NULL, ref.retry_after_s, ref.message);
    return false;
}

bool sl_call_take(call *c, sl_refusal *ref)
{
    const sl_api_key *k = c->who.key;
    sl_limit_view v;
    c->prompt = (int64_t)(sl_http_body(c->r).n / BYTES_PER_TOKEN + 1);
    c->thought = c->prompt + (c->chat->has_max_tokens ? c->chat->max_tokens : ANSWER_TOKENS);
    sl_limit_verdict verdict = sl_limit_take(k->limit, &k->rates, c->thought, sl_mono_us(), &v);
    add_headers(c->r, &k->rates, &v);
    c->taken = verdict == SL_LIMIT_OK;
    if (!c->taken)
        *ref = limited(c->f, verdict, &k->rates, &v);
    return c->taken;
}

/* Without figures from the worker: what was asked, and what was said until the client left. */
void sl_call_give(call *c)
{
    if (!c->taken)
        return;
    int64_t said = (int64_t)(c->said / BYTES_PER_TOKEN);
    int64_t used = !c->accepted ? 0 : c->used >= 0 ? c->used : c->prompt + said;
    sl_limit_give(c->who.key->limit, &c->who.key->rates, c->thought, used, sl_mono_us());
    c->taken = false;
}
