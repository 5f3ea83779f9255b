#include "gateway/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

/* Content and reasoning are plain bytes. Tool calls are kept as lines, one serialised delta each,
 * so that two runs with the same chunks compare equal and leftovers can be sent as deltas again. */
enum { F_CONTENT, F_REASONING, F_TOOLS, F_N };

typedef struct run {
    char id[SL_RUN_TEXT];
    uint64_t next; /* the sequence number that must come */
    int64_t last_ms;
    sl_run_digest *digest;
    sl_buf kept[F_N]; /* what came and was not given to the client */
    bool broken, overflow, ended;
    sl_end end;
    sl_usage usage;
    bool has_usage, has_error;
    sl_buf error_message, error_type, error_code, env;
    char end_digest[SL_CHECKSUM_TEXT];
    uint64_t count;
} run;

struct sl_follow {
    bool whole, failed, done;
    sl_follow_fn fn;
    void *arg;
    run runs[SL_FOLLOW_RUNS_MAX];
    size_t n;
    run *followed;
    bool live; /* the followed run is where the client is: its deltas pass straight through */
    int64_t suspect_ms; /* a damaged record came then; 0: none */
    uint64_t sent[F_N]; /* bytes that the client was given */
    XXH3_state_t *sent_hash[F_N];
    bool role_sent;
    uint64_t duplicates;
    const char *why;
};

sl_status sl_follow_open(sl_follow **ret, bool whole, sl_follow_fn fn, void *arg)
{
    sl_follow *f = calloc(1, sizeof(*f));
    if (!f)
        return SL_E_NOMEM;
    f->whole = whole;
    f->fn = fn;
    f->arg = arg;
    f->why = "";
    *ret = f;
    return SL_OK;
}

static void run_done(run *r)
{
    sl_run_digest_free(r->digest);
    for (int i = 0; i < F_N; i++)
        sl_buf_done(&r->kept[i]);
    sl_buf_done(&r->error_message);
    sl_buf_done(&r->error_type);
    sl_buf_done(&r->error_code);
    sl_buf_done(&r->env);
}

void sl_follow_free(sl_follow *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++)
        run_done(&f->runs[i]);
    for (int i = 0; i < F_N; i++)
        if (f->sent_hash[i])
            XXH3_freeState(f->sent_hash[i]);
    free(f);
}

static sl_follow_verdict fail(sl_follow *f, const char *why)
{
    f->failed = true;
    f->why = why;
    return SL_FOLLOW_FAILED;
}

static run *find_run(sl_follow *f, const char *id)
{
    for (size_t i = 0; i < f->n; i++)
        if (memcmp(f->runs[i].id, id, SL_RUN_TEXT) == 0)
            return &f->runs[i];
    return NULL;
}

static run *add_run(sl_follow *f, const char *id)
{
    if (f->n == SL_FOLLOW_RUNS_MAX)
        return NULL;
    run *r = &f->runs[f->n];
    memcpy(r->id, id, SL_RUN_TEXT);
    if (sl_run_digest_open(&r->digest) != SL_OK)
        return NULL;
    f->n++;
    if (!f->followed) {
        f->followed = r;
        f->live = !f->whole;
    }
    return r;
}

/* Counts and hashes what goes to the client, so that another run's prefix can be compared later
 * without keeping the text. */
static void note_sent(sl_follow *f, int field, sl_str text)
{
    if (!text.n)
        return;
    if (!f->sent_hash[field]) {
        f->sent_hash[field] = XXH3_createState();
        if (!f->sent_hash[field])
            abort(); /* 576 bytes at the start of an answer; nothing sound is left to do */
        XXH3_128bits_reset(f->sent_hash[field]);
    }
    XXH3_128bits_update(f->sent_hash[field], text.p, text.n);
    f->sent[field] += text.n;
}

static void tools_line(sl_buf *out, const sl_jnode *tool_calls)
{
    sl_json_write(tool_calls, out);
    sl_buf_addc(out, '\n');
}

static void pass(sl_follow *f, const sl_chunk *c)
{
    note_sent(f, F_CONTENT, c->content);
    note_sent(f, F_REASONING, c->reasoning);
    if (c->tool_calls) {
        sl_buf line = {0};
        tools_line(&line, c->tool_calls);
        note_sent(f, F_TOOLS, sl_buf_str(&line));
        sl_buf_done(&line);
    }
    sl_chunk copy = *c;
    if (f->role_sent)
        copy.role = (sl_str){0};
    else if (copy.role.p)
        f->role_sent = true;
    if (copy.role.p || copy.content.p || copy.reasoning.p || copy.tool_calls)
        f->fn(f->arg, &copy);
}

static void keep(sl_follow *f, run *r, const sl_chunk *c)
{
    if (c->content.n)
        sl_buf_add_str(&r->kept[F_CONTENT], c->content);
    if (c->reasoning.n)
        sl_buf_add_str(&r->kept[F_REASONING], c->reasoning);
    if (c->tool_calls)
        tools_line(&r->kept[F_TOOLS], c->tool_calls);
    size_t total = r->kept[0].len + r->kept[1].len + r->kept[2].len;
    size_t max = r == f->followed ? SL_FOLLOW_WHOLE_MAX : SL_FOLLOW_OTHER_MAX;
    bool failed = r->kept[0].failed || r->kept[1].failed || r->kept[2].failed;
    if (total > max || failed) {
        r->overflow = true;
        for (int i = 0; i < F_N; i++)
            sl_buf_done(&r->kept[i]);
    }
}

/* Gives the client the tool call deltas in `lines`, one a line. */
static void send_tools(sl_follow *f, sl_str lines)
{
    while (lines.n) {
        const char *nl = memchr(lines.p, '\n', lines.n);
        size_t n = nl ? (size_t)(nl - lines.p) : lines.n;
        sl_jnode *node = NULL;
        if (sl_json_parse(&node, (sl_str){lines.p, n}, SL_RECORD_MAX, NULL) == SL_OK)
            pass(f, &(sl_chunk){.tool_calls = node});
        sl_json_free(node);
        size_t step = nl ? n + 1 : n;
        lines.p += step;
        lines.n -= step;
    }
}

static bool same_prefix(const sl_follow *f, int field, const sl_buf *kept)
{
    if (!f->sent[field])
        return true;
    XXH128_hash_t sent = XXH3_128bits_digest(f->sent_hash[field]);
    return XXH128_isEqual(sent, XXH3_128bits(kept->data, f->sent[field]));
}

/* Sends what run r has beyond the client's place, after proving that the prefix is the same.
 * False: another prefix. */
static bool catch_up(sl_follow *f, run *r)
{
    for (int i = 0; i < F_N; i++)
        if (r->kept[i].len >= f->sent[i] && !same_prefix(f, i, &r->kept[i]))
            return false;
    for (int i = 0; i < F_N; i++)
        if (r->kept[i].len < f->sent[i])
            return !r->ended; /* not there yet; a complete run that is shorter is another text */
    size_t at[F_N] = {f->sent[0], f->sent[1], f->sent[2]};
    sl_chunk c = {0};
    if (!f->role_sent)
        c.role = SL_STR("assistant");
    sl_buf *k = r->kept;
    if (k[F_REASONING].len > at[F_REASONING])
        c.reasoning =
            (sl_str){k[F_REASONING].data + at[F_REASONING], k[F_REASONING].len - at[F_REASONING]};
    if (k[F_CONTENT].len > at[F_CONTENT])
        c.content = (sl_str){k[F_CONTENT].data + at[F_CONTENT], k[F_CONTENT].len - at[F_CONTENT]};
    pass(f, &c);
    if (k[F_TOOLS].len > at[F_TOOLS])
        send_tools(f, (sl_str){k[F_TOOLS].data + at[F_TOOLS], k[F_TOOLS].len - at[F_TOOLS]});
    for (int i = 0; i < F_N; i++)
        sl_buf_done(&k[i]);
    f->live = true;
    return true;
}

static bool usable(const run *r)
{
    return !r->broken && !r->overflow;
}

/* The client's environment is known once a run that it was given text from has ended. */
static bool same_env(const sl_follow *f, const run *r)
{
    for (size_t i = 0; i < f->n; i++)
        if (&f->runs[i] != r && f->runs[i].broken && f->runs[i].env.len && r->env.len &&
            !sl_str_eq(sl_buf_str(&f->runs[i].env), sl_buf_str(&r->env)))
            return false;
    return true;
}

static sl_follow_verdict advance(sl_follow *f)
{
    run *r = f->followed;
    if (!f->live && !catch_up(f, r))
        return fail(f, "prefix");
    if (f->live && r->ended) {
        if (!same_env(f, r))
            return fail(f, "environment");
        f->done = true;
        return SL_FOLLOW_DONE;
    }
    return SL_FOLLOW_MORE;
}

/* Follows another run that is sound and newer than `than_ms`; MORE when there is none. */
static sl_follow_verdict switch_run(sl_follow *f, int64_t than_ms, bool *ret_switched)
{
    run *best = NULL;
    for (size_t i = 0; i < f->n; i++) {
        run *r = &f->runs[i];
        if (r == f->followed || !usable(r) || r->last_ms < than_ms)
            continue;
        if (!best || r->ended > best->ended ||
            (r->ended == best->ended && r->last_ms > best->last_ms))
            best = r;
    }
    *ret_switched = best != NULL;
    if (!best)
        return SL_FOLLOW_MORE;
    f->followed = best;
    f->live = false;
    f->suspect_ms = 0;
    return advance(f);
}

static sl_follow_verdict followed_broke(sl_follow *f, const char *why)
{
    bool switched;
    sl_follow_verdict v = switch_run(f, INT64_MIN, &switched);
    return switched ? v : fail(f, why);
}

/* Whole mode: any run that is complete wins; when none can be, the answer failed. */
static sl_follow_verdict whole_verdict(sl_follow *f, run *r, const char *why)
{
    if (usable(r) && r->ended) {
        f->followed = r;
        f->done = true;
        catch_up(f, r);
        return SL_FOLLOW_DONE;
    }
    for (size_t i = 0; i < f->n; i++)
        if (usable(&f->runs[i]))
            return SL_FOLLOW_MORE;
    return fail(f, why);
}

static const char *take_end(run *r, const sl_envelope *env, const sl_chunk *c)
{
    char digest[SL_CHECKSUM_TEXT];
    sl_run_digest_text(r->digest, digest);
    if (env->count != r->next)
        return "count";
    if (memcmp(digest, env->digest, SL_CHECKSUM_TEXT) != 0)
        return "digest";
    r->ended = true;
    r->end = env->end;
    r->count = env->count;
    memcpy(r->end_digest, digest, sizeof(digest));
    r->usage = c->usage;
    r->has_usage = c->has_usage;
    r->has_error = c->has_error;
    sl_buf_add_str(&r->error_message, c->error_message);
    sl_buf_add_str(&r->error_type, c->error_type);
    sl_buf_add_str(&r->error_code, c->error_code);
    sl_buf_add_str(&r->env, env->env);
    return NULL;
}

/* NULL: taken. Otherwise the word for what breaks the run. */
static const char *take(sl_follow *f, run *r, const sl_envelope *env, const sl_chunk *c)
{
    if (env->seq != r->next)
        return "gap";
    if (env->fin) {
        const char *why = take_end(r, env, c);
        if (why)
            return why;
    } else {
        sl_run_digest_add(r->digest, env->checksum);
    }
    r->next++;
    if (env->fin || c->heartbeat || r->overflow)
        return NULL;
    if (r == f->followed && f->live)
        pass(f, c);
    else
        keep(f, r, c);
    return r->overflow && r == f->followed ? "too_large" : NULL;
}

static bool silent(const run *r, int64_t now_ms)
{
    return r && now_ms - r->last_ms >= SL_FOLLOW_SILENT_MS;
}

/* Some runs lost their text, and the workers of all others are gone. */
static bool hopeless(const sl_follow *f, int64_t now_ms)
{
    bool broken = false;
    for (size_t i = 0; i < f->n; i++) {
        if (!usable(&f->runs[i]))
            broken = true;
        else if (now_ms - f->runs[i].last_ms < SL_FOLLOW_LOST_MS)
            return false;
    }
    return broken;
}

sl_follow_verdict sl_follow_record(sl_follow *f, const sl_envelope *env, int64_t now_ms)
{
    if (f->failed || f->done)
        return f->failed ? SL_FOLLOW_FAILED : SL_FOLLOW_DONE;
    run *r = find_run(f, env->run);
    if (!r && !(r = add_run(f, env->run)))
        return SL_FOLLOW_MORE; /* over SL_FOLLOW_RUNS_MAX executions: the first ones decide */
    if (env->seq < r->next || r->ended) {
        f->duplicates++;
        return SL_FOLLOW_MORE;
    }
    if (r->broken)
        return SL_FOLLOW_MORE;
    if (f->whole && silent(f->followed, now_ms))
        f->followed = r; /* it alone may be as large as an answer may */
    r->last_ms = now_ms;
    sl_chunk c;
    const char *why = "malformed";
    if (sl_chunk_parse(&c, env->body, NULL) == SL_OK) {
        why = take(f, r, env, &c);
        sl_chunk_done(&c);
    }
    if (why)
        r->broken = true;
    if (r == f->followed && !why)
        f->suspect_ms = 0;
    if (f->whole)
        return why || r->ended ? whole_verdict(f, r, why ? why : "") : SL_FOLLOW_MORE;
    if (r == f->followed)
        return why ? followed_broke(f, why) : advance(f);
    return sl_follow_tick(f, now_ms);
}

sl_follow_verdict sl_follow_damaged(sl_follow *f, int64_t now_ms)
{
    if (f->failed || f->done)
        return f->failed ? SL_FOLLOW_FAILED : SL_FOLLOW_DONE;
    if (!f->suspect_ms)
        f->suspect_ms = now_ms;
    return SL_FOLLOW_MORE;
}

sl_follow_verdict sl_follow_tick(sl_follow *f, int64_t now_ms)
{
    if (f->failed || f->done)
        return f->failed ? SL_FOLLOW_FAILED : SL_FOLLOW_DONE;
    if (f->suspect_ms && now_ms - f->suspect_ms >= SL_FOLLOW_SUSPECT_MS) {
        f->suspect_ms = 0;
        if (f->followed)
            f->followed->broken = true;
        if (f->whole && f->followed)
            return whole_verdict(f, f->followed, "damaged");
        return followed_broke(f, "damaged");
    }
    if (!silent(f->followed, now_ms))
        return SL_FOLLOW_MORE;
    if (hopeless(f, now_ms))
        return fail(f, "silent");
    if (f->whole)
        return SL_FOLLOW_MORE;
    bool switched;
    return switch_run(f, f->followed->last_ms + 1, &switched);
}

void sl_follow_get_result(const sl_follow *f, sl_follow_result *ret)
{
    *ret = (sl_follow_result){.text_bytes = f->sent[F_CONTENT]};
    XXH128_canonical_t canon = {{0}};
    if (f->sent_hash[F_CONTENT])
        XXH128_canonicalFromHash(&canon, XXH3_128bits_digest(f->sent_hash[F_CONTENT]));
    else
        XXH128_canonicalFromHash(&canon, XXH3_128bits("", 0));
    sl_hex_encode(ret->text_digest, canon.digest, sizeof(canon.digest));
    const run *r = f->followed;
    if (!r)
        return;
    ret->run = sl_str_c(r->id);
    ret->end = r->end;
    ret->usage = r->usage;
    ret->has_usage = r->has_usage;
    ret->has_error = r->has_error;
    ret->error_message = sl_buf_str(&r->error_message);
    ret->error_type = sl_buf_str(&r->error_type);
    ret->error_code = sl_buf_str(&r->error_code);
    ret->env = sl_buf_str(&r->env);
    ret->count = r->ended ? r->count : r->next;
    memcpy(ret->digest, r->end_digest, sizeof(ret->digest));
}

const char *sl_follow_why(const sl_follow *f)
{
    return f->why;
}
size_t sl_follow_runs(const sl_follow *f)
{
    return f->n;
}
uint64_t sl_follow_duplicates(const sl_follow *f)
{
    return f->duplicates;
}
