#include "private-worker/engine/scheduler.h"

#include <stdlib.h>

/* Rows of prompts that ride along while others decode: a pass of 32 rows takes a few decode steps'
 * time, so that a long prompt slows running answers down but does not stop them. */
#define PREFILL_BESIDE_DECODE 32

struct sl_scheduler {
    const sl_model *m;
    sl_forward *forward;
    sl_kv_pool pool;
    sl_sampler sampler;
    sl_progress_fn fn;
    void *arg;
    sl_session **slots; /* the running ones first, oldest first */
    int slots_max, running;
    sl_row rows[SL_ROWS_MAX];
    sl_buf text;
};

sl_status sl_scheduler_open(sl_scheduler **ret, const sl_model *m, int threads, int slots,
                            size_t kv_bytes, sl_progress_fn fn, void *arg, sl_error *reterr)
{
    sl_scheduler *s = calloc(1, sizeof(*s));
    if (!s)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the scheduler");
    s->m = m;
    s->fn = fn;
    s->arg = arg;
    s->slots_max = slots;
    s->slots = calloc((size_t)slots, sizeof(*s->slots));
    sl_status st = s->slots ? sl_kv_pool_init(&s->pool, m, kv_bytes, reterr)
                            : sl_fail(reterr, SL_E_NOMEM, "no memory for the scheduler");
    if (!st)
        st = sl_forward_open(&s->forward, m, threads, reterr);
    if (st) {
        sl_scheduler_free(s);
        return st;
    }
    *ret = s;
    return SL_OK;
}

void sl_scheduler_free(sl_scheduler *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->running; i++)
        sl_kv_release(&s->pool, &s->slots[i]->kv);
    sl_kv_pool_done(&s->pool);
    sl_forward_free(s->forward);
    sl_sampler_done(&s->sampler);
    sl_buf_done(&s->text);
    free(s->slots);
    free(s);
}

int sl_scheduler_running(const sl_scheduler *s)
{
    return s->running;
}
size_t sl_scheduler_tokens_max(const sl_scheduler *s)
{
    return s->pool.pages_max * SL_KV_PAGE;
}

sl_status sl_scheduler_add(sl_scheduler *s, sl_session *x, bool *ret_added)
{
    *ret_added = false;
    if (s->running == s->slots_max)
        return SL_OK;
    sl_status st = sl_kv_reserve(&s->pool, &x->kv, x->prompt_n + x->tokens_max, ret_added);
    if (!st && *ret_added)
        s->slots[s->running++] = x;
    return st;
}

void sl_scheduler_remove(sl_scheduler *s, sl_session *x)
{
    int i = 0;
    while (i < s->running && s->slots[i] != x)
        i++;
    if (i == s->running)
        return;
    s->running--;
    memmove(&s->slots[i], &s->slots[i + 1], sizeof(*s->slots) * (size_t)(s->running - i));
    sl_kv_release(&s->pool, &x->kv);
}

static void end(sl_scheduler *s, sl_session *x, sl_progress p)
{
    sl_scheduler_remove(s, x);
    p.end = true;
    s->fn(s->arg, x, &p);
}

/* ---- forming a pass ---- */
static bool decodes(const sl_session *x)
{
    return x->done >= x->prompt_n;
}

/* Adds the session's next n tokens; a session that gets no memory for its pages ends. */
static bool add_rows(sl_scheduler *s, sl_session *x, size_t n, int *count)
{
    sl_error err = {0};
    if (sl_kv_grow(&s->pool, &x->kv, x->done + n, &err)) {
        end(s, x, (sl_progress){.reason = SL_END_ERROR, .error = &err});
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        size_t pos = x->done + i;
        s->rows[(*count)++] = (sl_row){.token = pos < x->prompt_n ? x->prompt[pos] : x->last,
                                       .at = {x->kv.pages, (int32_t)pos},
                                       .logits = pos + 1 >= x->prompt_n};
    }
    x->done += n;
    return true;
}

/* Decoding sessions first, then prompts in the order of their coming. *ret_in[i] says that slot i
 * has its last row in this pass and waits for logits. */
static int form(sl_scheduler *s, sl_session **in, int *ret_in)
{
    int count = 0;
    *ret_in = 0;
    for (int i = 0; i < s->running;) {
        sl_session *x = s->slots[i];
        if (!decodes(x) || count == SL_ROWS_MAX) {
            i++;
        } else if (add_rows(s, x, 1, &count)) {
            in[(*ret_in)++] = x;
            i++;
        }
    }
    int room = count ? count + PREFILL_BESIDE_DECODE : SL_ROWS_MAX;
    room = room < SL_ROWS_MAX ? room : SL_ROWS_MAX;
    for (int i = 0; i < s->running && count < room;) {
        sl_session *x = s->slots[i];
        size_t left = decodes(x) ? 0 : x->prompt_n - x->done, n = (size_t)(room - count);
        n = left < n ? left : n;
        if (n && !add_rows(s, x, n, &count))
            continue; /* it ended; slot i holds the next one */
        if (n && n == left)
            in[(*ret_in)++] = x;
        i++;
    }
    return count;
}

/* ---- after a pass ---- */
static void draw(sl_scheduler *s, sl_session *x, const float *logits)
{
    sl_error err = {0};
    sl_progress p = {.tokens = 1};
    sl_status st = sl_sampler_pick(&s->sampler, &x->sampling, logits, (size_t)s->m->h.vocab,
                                   x->done, &x->last);
    x->generated++;
    bool ends = !st && sl_tokenizer_ends(s->m->tokenizer, x->last);
    bool control =
        !st && sl_vocab_type(sl_tokenizer_vocab(s->m->tokenizer), x->last) == SL_TOKEN_CONTROL;
    if (!st && !control)
        st = sl_textout_push(&x->text, sl_tokenizer_bytes(s->m->tokenizer, x->last));
    bool last = ends || x->text.stopped || x->generated == x->tokens_max;
    if (!st && last)
        st = sl_textout_finish(&x->text);
    sl_buf_clear(&s->text);
    if (!st)
        sl_textout_take(&x->text, &s->text);
    if (!st && !sl_buf_ok(&s->text))
        st = SL_E_NOMEM;
    if (st) {
        (void)sl_fail(&err, st, "no memory for the answer");
        end(s, x, (sl_progress){.tokens = 1, .reason = SL_END_ERROR, .error = &err});
        return;
    }
    p.text = sl_buf_str(&s->text);
    p.reason = ends || x->text.stopped ? SL_END_STOP : SL_END_LENGTH;
    if (last)
        end(s, x, p);
    else
        s->fn(s->arg, x, &p);
}

sl_status sl_scheduler_step(sl_scheduler *s, sl_error *reterr)
{
    sl_session *in[SL_ROWS_MAX];
    int waiting, n = form(s, in, &waiting);
    if (!n)
        return SL_OK;
    sl_error err = {0};
    const float *logits;
    sl_status st = sl_forward_run(s->forward, s->rows, n, &logits, &err);
    if (st) {
        while (s->running)
            end(s, s->slots[0], (sl_progress){.reason = SL_END_ERROR, .error = &err});
        if (reterr)
            *reterr = err;
        return st;
    }
    for (int i = 0; i < waiting; i++)
        draw(s, in[i], logits + (size_t)i * (size_t)s->m->h.vocab);
    return SL_OK;
}
