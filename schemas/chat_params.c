/* chat_params.c - the allow-list of top-level parameters, one row each.
 *
 * A parameter stands here when Sluice does what it says, or passes it on unread to whoever serves
 * the model. What would be dropped without a word (several choices, audio out, log probabilities)
 * is refused by name. Source: OpenAI API reference, create chat completion and create completion;
 * top_k and min_p are what vLLM, SGLang and llama.cpp take beside it. */
#include "schemas/chat_read.h"

/* JSON numbers are doubles here: beyond this, neighbours can't be told apart. */
#define WHOLE_MAX ((int64_t)1 << 53)

typedef struct param {
    const char *name;
    bool chat, completion;
    sl_status (*read)(sl_chat_reader *r, const sl_jnode *n, const struct param *p);
    double min, max;   /* numbers */
    const char *words; /* strings: " a b c " or NULL for any */
} param;

static sl_status read_model(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    sl_status rc = sl_chat_read_str(r, n, p->name, 256, &r->chat->model);
    if (rc == SL_OK && r->chat->model.n == 0)
        rc = sl_chat_refuse(r, p->name, "invalid_value", "Invalid value for 'model': it is empty.");
    return rc;
}

static sl_status read_any(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    return SL_OK; /* read elsewhere */
}

static sl_status read_object(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    return sl_chat_read_kind(r, n, p->name, SL_J_OBJECT);
}

static sl_status read_flag(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    bool unused = false;
    return sl_chat_read_bool(r, n, p->name, &unused);
}

static sl_status read_stream(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    return sl_chat_read_bool(r, n, p->name, &r->chat->stream);
}

static sl_status read_text(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    sl_str unused;
    return sl_chat_read_str(r, n, p->name, 4096, &unused);
}

static sl_status read_user(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    return sl_chat_read_str(r, n, p->name, 4096, &r->chat->user);
}

static sl_status read_word(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    sl_str s = {0};
    sl_status rc = sl_chat_read_str(r, n, p->name, 64, &s);
    if (rc)
        return rc;
    for (const char *w = p->words; *w;) {
        size_t len = strcspn(w, " ");
        if (s.n == len && memcmp(s.p, w, len) == 0)
            return SL_OK;
        w += len;
        w += strspn(w, " ");
    }
    return sl_chat_refuse(r, p->name, "invalid_value",
                          "Invalid value for '%s': expected one of: %s.", p->name, p->words);
}

static sl_status read_temperature(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    r->chat->has_temperature = true;
    return sl_chat_read_f64(r, n, p->name, p->min, p->max, &r->chat->temperature);
}

static sl_status read_top_p(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    r->chat->has_top_p = true;
    sl_status rc = sl_chat_read_f64(r, n, p->name, p->min, p->max, &r->chat->top_p);
    if (rc == SL_OK && !(r->chat->top_p > 0))
        rc = sl_chat_refuse(r, p->name, "invalid_value",
                            "Invalid value for 'top_p': expected a number above 0, up to 1.");
    return rc;
}

/* -1 and 0 are how clients of other servers say "no limit". */
static sl_status read_top_k(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    sl_status rc = sl_chat_read_i64(r, n, p->name, -1, 1000000, &r->chat->top_k);
    r->chat->has_top_k = rc == SL_OK && r->chat->top_k > 0;
    return rc;
}

static sl_status read_min_p(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    return sl_chat_read_f64(r, n, p->name, p->min, p->max, &r->chat->min_p);
}

static sl_status read_presence(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    return sl_chat_read_f64(r, n, p->name, p->min, p->max, &r->chat->presence_penalty);
}

static sl_status read_frequency(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    return sl_chat_read_f64(r, n, p->name, p->min, p->max, &r->chat->frequency_penalty);
}

static sl_status read_seed(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    r->chat->has_seed = true;
    return sl_chat_read_i64(r, n, p->name, -WHOLE_MAX, WHOLE_MAX, &r->chat->seed);
}

static sl_status read_max_tokens(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    if (r->chat->has_max_tokens)
        return sl_chat_refuse(
            r, p->name, "invalid_value",
            "'max_tokens' and 'max_completion_tokens' can't be set at the same time.");
    r->chat->has_max_tokens = true;
    return sl_chat_read_i64(r, n, p->name, 1, INT32_MAX, &r->chat->max_tokens);
}

static sl_status read_one(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    int64_t v = 0;
    sl_status rc = sl_chat_read_kind(r, n, p->name, SL_J_NUMBER);
    if (rc == SL_OK && (!sl_json_i64(n, &v) || v != 1))
        rc = sl_chat_refuse(r, p->name, "unsupported_value",
                            "Unsupported value: '%s' must be 1: one request has one result.",
                            p->name);
    return rc;
}

/* Only the value that asks for nothing is taken. */
static sl_status read_off(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    bool on = true;
    if (sl_json_bool(n, &on) && !on)
        return SL_OK;
    return sl_chat_refuse(r, p->name, "unsupported_parameter",
                          "Unsupported parameter: '%s' is not supported here.", p->name);
}

static sl_status read_never(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    return sl_chat_refuse(r, p->name, "unsupported_parameter",
                          "Unsupported parameter: '%s' is not supported here.", p->name);
}

static sl_status read_zero(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    int64_t v = 1;
    if (sl_json_i64(n, &v) && v == 0)
        return SL_OK;
    return read_never(r, n, p);
}

static sl_status read_stop(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    sl_chat *c = r->chat;
    size_t max = sizeof(c->stop) / sizeof(c->stop[0]);
    const sl_jnode *at = n;
    if (sl_json_kind(n) == SL_J_ARRAY)
        at = sl_json_first(n);
    else if (sl_json_kind(n) != SL_J_STRING)
        return sl_chat_refuse(r, "stop", "invalid_type",
                              "Invalid type for 'stop': expected a string or an array of strings.");
    bool list = sl_json_kind(n) == SL_J_ARRAY;
    for (; at; at = list ? sl_json_next(at) : NULL) {
        char name[64];
        const char *which = list ? sl_chat_param(name, "stop[%zu]", c->stop_n) : "stop";
        if (c->stop_n == max)
            return sl_chat_refuse(r, "stop", "array_above_max_length",
                                  "Invalid 'stop': array too long. Expected at most %zu strings.",
                                  max);
        sl_str s = {0};
        sl_status rc = sl_chat_read_str(r, at, which, 4096, &s);
        if (rc)
            return rc;
        if (s.n == 0)
            return sl_chat_refuse(r, which, "invalid_value",
                                  "Invalid value for '%s': an empty string stops everything.",
                                  which);
        c->stop[c->stop_n++] = s;
    }
    return SL_OK;
}

static sl_status read_stream_options(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    bool stream = false, unused = false;
    sl_status rc = sl_chat_read_kind(r, n, p->name, SL_J_OBJECT);
    if (rc)
        return rc;
    sl_json_bool(sl_json_get(r->chat->root, "stream"), &stream);
    /* A decided body may have been asked for as a whole answer. */
    if (!stream && !r->decided)
        return sl_chat_refuse(
            r, p->name, "invalid_value",
            "The 'stream_options' parameter is only allowed when 'stream' is true.");
    for (const sl_jnode *m = sl_json_first(n); m; m = sl_json_next(m)) {
        sl_str key = sl_json_key(m);
        bool usage = sl_str_is(key, "include_usage");
        if (!usage && !sl_str_is(key, "include_obfuscation"))
            return sl_chat_refuse(
                r, p->name, "unknown_parameter",
                "Unknown member of 'stream_options': only include_usage is known.");
        if (!sl_chat_given(m))
            continue;
        rc = sl_chat_read_bool(
            r, m, usage ? "stream_options.include_usage" : "stream_options.include_obfuscation",
            usage ? &r->chat->include_usage : &unused);
        if (rc)
            return rc;
    }
    return SL_OK;
}

static sl_status read_logit_bias(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    sl_status rc = sl_chat_read_kind(r, n, p->name, SL_J_OBJECT);
    for (const sl_jnode *m = sl_json_first(n); rc == SL_OK && m; m = sl_json_next(m)) {
        uint64_t id;
        double unused;
        if (!sl_parse_u64(sl_json_key(m), &id) || id > INT32_MAX)
            return sl_chat_refuse(r, p->name, "invalid_value",
                                  "Invalid key in 'logit_bias': expected token ids.");
        rc = sl_chat_read_f64(r, m, p->name, -100, 100, &unused);
    }
    if (rc == SL_OK && sl_json_first(n))
        r->chat->logit_bias = n;
    return rc;
}

static sl_status read_metadata(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    sl_status rc = sl_chat_read_kind(r, n, p->name, SL_J_OBJECT);
    if (rc)
        return rc;
    if (sl_json_size(n) > 16)
        return sl_chat_refuse(r, p->name, "object_above_max_properties",
                              "Invalid 'metadata': too many pairs. Expected at most 16.");
    for (const sl_jnode *m = sl_json_first(n); rc == SL_OK && m; m = sl_json_next(m)) {
        sl_str unused;
        if (sl_json_key(m).n > 256)
            return sl_chat_refuse(r, p->name, "string_above_max_length",
                                  "Invalid 'metadata': a key is longer than 256 bytes.");
        rc = sl_chat_read_str(r, m, p->name, 2048, &unused);
    }
    return rc;
}

static sl_status read_modalities(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    sl_str s = {0};
    sl_status rc = sl_chat_read_kind(r, n, p->name, SL_J_ARRAY);
    if (rc)
        return rc;
    if (sl_json_size(n) != 1 || !sl_json_str(sl_json_first(n), &s) || !sl_str_is(s, "text"))
        return sl_chat_refuse(r, p->name, "unsupported_value",
                              "Unsupported value: 'modalities' must be [\"text\"] here.");
    return SL_OK;
}

static sl_status read_prediction(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    sl_status rc = sl_chat_read_kind(r, n, p->name, SL_J_OBJECT);
    if (rc)
        return rc;
    sl_jkind k = sl_json_kind(sl_json_get(n, "content"));
    if (k != SL_J_STRING && k != SL_J_ARRAY)
        return sl_chat_refuse(
            r, "prediction.content", "invalid_type",
            "Invalid type for 'prediction.content': expected a string or an array.");
    return SL_OK;
}

static sl_status read_tools(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    return sl_chat_read_tools(r, n);
}

static sl_status read_tool_choice(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    return sl_chat_read_tool_choice(r, n);
}

static sl_status read_response_format(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    return sl_chat_read_response_format(r, n);
}

static sl_status read_suffix(sl_chat_reader *r, const sl_jnode *n, const param *p)
{
    sl_str s = {0};
    sl_status rc = sl_chat_read_str(r, n, p->name, 4096, &s);
    return rc || s.n == 0 ? rc : read_never(r, n, p);
}

#define NOT_SET 0, 0, NULL
static const param PARAMS[] = {
    {"messages", true, false, read_any, NOT_SET},
    {"prompt", false, true, read_any, NOT_SET},
    {"model", true, true, read_model, NOT_SET},
    {"stream", true, true, read_stream, NOT_SET},
    {"stream_options", true, true, read_stream_options, NOT_SET},
    {"temperature", true, true, read_temperature, 0, 2, NULL},
    {"top_p", true, true, read_top_p, 0, 1, NULL},
    {"top_k", true, true, read_top_k, NOT_SET},
    {"min_p", true, true, read_min_p, 0, 1, NULL},
    {"presence_penalty", true, true, read_presence, -2, 2, NULL},
    {"frequency_penalty", true, true, read_frequency, -2, 2, NULL},
    {"seed", true, true, read_seed, NOT_SET},
    {"max_tokens", true, true, read_max_tokens, NOT_SET},
    {"max_completion_tokens", true, false, read_max_tokens, NOT_SET},
    {"n", true, true, read_one, NOT_SET},
    {"best_of", false, true, read_one, NOT_SET},
    {"stop", true, true, read_stop, NOT_SET},
    {"logit_bias", true, true, read_logit_bias, NOT_SET},
    {"logprobs", true, false, read_off, NOT_SET},
    {"logprobs", false, true, read_never, NOT_SET},
    {"top_logprobs", true, false, read_zero, NOT_SET},
    {"echo", false, true, read_off, NOT_SET},
    {"suffix", false, true, read_suffix, NOT_SET},
    {"tools", true, false, read_tools, NOT_SET},
    {"tool_choice", true, false, read_tool_choice, NOT_SET},
    {"parallel_tool_calls", true, false, read_flag, NOT_SET},
    {"functions", true, false, read_never, NOT_SET},
    {"function_call", true, false, read_never, NOT_SET},
    {"response_format", true, false, read_response_format, NOT_SET},
    {"user", true, true, read_user, NOT_SET},
    {"safety_identifier", true, false, read_text, NOT_SET},
    {"prompt_cache_key", true, false, read_text, NOT_SET},
    {"prompt_cache_retention", true, false, read_word, 0, 0, "in-memory in_memory 24h"},
    {"prompt_cache_options", true, false, read_object, NOT_SET},
    {"metadata", true, false, read_metadata, NOT_SET},
    {"store", true, false, read_flag, NOT_SET},
    {"service_tier", true, false, read_word, 0, 0, "auto default flex scale priority fast"},
    {"reasoning_effort", true, false, read_word, 0, 0, "none minimal low medium high xhigh max"},
    {"verbosity", true, false, read_word, 0, 0, "low medium high"},
    {"modalities", true, false, read_modalities, NOT_SET},
    {"prediction", true, false, read_prediction, NOT_SET},
    {"audio", true, false, read_never, NOT_SET},
    {"moderation", true, false, read_never, NOT_SET},
    {"web_search_options", true, false, read_never, NOT_SET},
};

static const param *find(const sl_chat_reader *r, sl_str name)
{
    for (size_t i = 0; i < sizeof(PARAMS) / sizeof(PARAMS[0]); i++) {
        const param *p = &PARAMS[i];
        if (sl_str_is(name, p->name) && (r->chat->kind == SL_CHAT ? p->chat : p->completion))
            return p;
    }
    return NULL;
}

/* The name as far as it is a plain word: an answer must not carry a caller's bytes back unread. */
static sl_status refuse_unknown(sl_chat_reader *r, sl_str name)
{
    char plain[64];
    size_t n = 0;
    for (; n < name.n && n < sizeof(plain) - 1; n++) {
        char c = name.p[n];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-' || c == '.';
        plain[n] = word ? c : '?';
    }
    plain[n] = '\0';
    return sl_chat_refuse(r, plain, "unknown_parameter",
                          "Unrecognized request argument supplied: %s", plain);
}

sl_status sl_chat_read_params(sl_chat_reader *r)
{
    for (const sl_jnode *n = sl_json_first(r->chat->root); n; n = sl_json_next(n)) {
        sl_str name = sl_json_key(n);
        if (r->decided && sl_str_is(name, "x_sluice_kind"))
            continue;
        const param *p = find(r, name);
        if (!p)
            return refuse_unknown(r, name);
        if (!sl_chat_given(n))
            continue;
        sl_status rc = p->read(r, n, p);
        if (rc)
            return rc;
    }
    if (!r->chat->model.p)
        r->chat->model = SL_STR("auto");
    return SL_OK;
}
