/* The engine: a queue of requests, one thread that runs the scheduler, and events back.
 *
 * Locks: `lock` guards the queue, the list of gens with news, and each gen's news. The engine's
 * thread holds it only to take from the queue and to hand over news, never while it computes; the
 * caller of poll holds no lock while its function runs.
 * A gen lives from submit until poll has delivered its end event; `all` lists every living one, so
 * that closing the engine frees what was never polled. */
#include "private-worker/engine/engine.h"
#include "private-worker/engine/scheduler.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SLOTS_DEFAULT       8
#define SLOTS_MAX           SL_ROWS_MAX
#define QUEUE_DEFAULT       64
#define CONTEXT_DEFAULT_MAX 8192

struct sl_gen {
    sl_session session; /* first: the scheduler's pointer is the gen's */
    void *user;
    atomic_bool cancelled;
    sl_gen *next_queued, *next_news, *prev, *next; /* next/prev: the list of all */
    /* news, under the engine's lock */
    bool has_news, ended;
    sl_buf text;
    int tokens, tokens_sent;
    sl_end reason;
    sl_error error;
};

struct sl_engine {
    const sl_model *m;
    sl_scheduler *scheduler;
    int slots, queue_max;
    size_t context;
    int fd;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, broken;
    sl_gen *queue, **queue_tail, *news, **news_tail, *all;
    atomic_int queued, active;
};

/* ---- news ---- */
static void tell_locked(sl_engine *e, sl_gen *g)
{
    if (g->has_news)
        return;
    g->has_news = true;
    g->next_news = NULL;
    bool first = !e->news;
    *e->news_tail = g;
    e->news_tail = &g->next_news;
    if (first && eventfd_write(e->fd, 1)) {
        /* the counter is full: it is readable already */
    }
}

static void on_progress(void *arg, sl_session *s, const sl_progress *p)
{
    sl_engine *e = arg;
    sl_gen *g = (sl_gen *)s;
    pthread_mutex_lock(&e->lock);
    sl_buf_add_str(&g->text, p->text);
    g->tokens += p->tokens;
    if (p->end) {
        /* before the end is told: who hears of it may count on a free slot */
        atomic_store(&e->active, sl_scheduler_running(e->scheduler));
        g->ended = true;
        g->reason = p->reason;
        if (p->error)
            g->error = *p->error;
    }
    /* A token that gave no character yet is told together with the next one that does. */
    if (p->end || g->text.len)
        tell_locked(e, g);
    pthread_mutex_unlock(&e->lock);
}

static void end_locked(sl_engine *e, sl_gen *g, sl_end reason, const sl_error *err)
{
    g->ended = true;
    g->reason = reason;
    if (err)
        g->error = *err;
    tell_locked(e, g);
}

/* ---- the engine's thread ---- */
static void drop_cancelled_locked(sl_engine *e)
{
    for (sl_gen **at = &e->queue; *at;) {
        sl_gen *g = *at;
        if (!atomic_load(&g->cancelled) && !e->stop) {
            at = &g->next_queued;
            continue;
        }
        *at = g->next_queued;
        atomic_fetch_sub(&e->queued, 1);
        end_locked(e, g, SL_END_CANCELLED, NULL);
    }
    e->queue_tail = &e->queue;
    while (*e->queue_tail)
        e->queue_tail = &(*e->queue_tail)->next_queued;
    for (sl_gen *g = e->all; g; g = g->next) {
        if (!g->session.kv.reserved || (!atomic_load(&g->cancelled) && !e->stop))
            continue;
        sl_scheduler_remove(e->scheduler, &g->session);
        end_locked(e, g, SL_END_CANCELLED, NULL);
    }
}

/* First come, first served: one that does not fit yet holds the others back, so that a long
 * request is never starved by short ones. */
static void admit_locked(sl_engine *e)
{
    while (e->queue) {
        sl_gen *g = e->queue;
        bool added;
        sl_error err = {0};
        sl_status st = sl_scheduler_add(e->scheduler, &g->session, &added);
        if (!st && !added)
            return;
        e->queue = g->next_queued;
        if (!e->queue)
            e->queue_tail = &e->queue;
        atomic_fetch_sub(&e->queued, 1);
        if (st) {
            (void)sl_fail(&err, st, "no memory for the request");
            end_locked(e, g, SL_END_ERROR, &err);
        }
    }
}

static void *engine_main(void *arg)
{
    sl_engine *e = arg;
    for (;;) {
        pthread_mutex_lock(&e->lock);
        while (!e->stop && !e->queue && !sl_scheduler_running(e->scheduler))
            pthread_cond_wait(&e->wake, &e->lock);
        drop_cancelled_locked(e);
        admit_locked(e);
        atomic_store(&e->active, sl_scheduler_running(e->scheduler));
        bool stop = e->stop;
        pthread_mutex_unlock(&e->lock);
        if (stop)
            return NULL;
        sl_error err;
        if (sl_scheduler_step(e->scheduler, &err)) {
            pthread_mutex_lock(&e->lock);
            e->broken = true;
            pthread_mutex_unlock(&e->lock);
        }
    }
}

/* ---- opening ---- */
static sl_status check_options(const sl_model *m, const sl_engine_options *o, sl_error *err)
{
    if (o->slots < 0 || o->slots > SLOTS_MAX)
        return sl_fail(err, SL_E_INVALID, "%d slots: give 1 to %d", o->slots, SLOTS_MAX);
    if (o->queue_max < 0)
        return sl_fail(err, SL_E_INVALID, "queue_max is %d; it must be 0 (%d) or more",
                       o->queue_max, QUEUE_DEFAULT);
    if (o->context_max < 0 || o->context_max > sl_model_context(m))
        return sl_fail(err, SL_E_INVALID, "context_max is %d; the model's context is %d",
                       o->context_max, sl_model_context(m));
    return SL_OK;
}

static sl_status start(sl_engine *e, const sl_engine_options *o, sl_error *err)
{
    int context = sl_model_context(e->m);
    context = context < CONTEXT_DEFAULT_MAX ? context : CONTEXT_DEFAULT_MAX;
    e->slots = o->slots ? o->slots : SLOTS_DEFAULT;
    e->queue_max = o->queue_max ? o->queue_max : QUEUE_DEFAULT;
    e->context = (size_t)(o->context_max ? o->context_max : context);
    size_t pages = (e->context + SL_KV_PAGE - 1) / SL_KV_PAGE * (size_t)e->slots;
    size_t bytes = o->kv_bytes_max ? o->kv_bytes_max : pages * sl_kv_page_bytes(e->m);
    sl_status st =
        sl_scheduler_open(&e->scheduler, e->m, o->threads, e->slots, bytes, on_progress, e, err);
    if (st)
        return st;
    e->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (e->fd < 0)
        return sl_fail(err, SL_E_IO,
                       "cannot open an event descriptor: raise the limit of open files");
    if (pthread_create(&e->thread, NULL, engine_main, e))
        return sl_fail(err, SL_E_IO, "cannot start the engine's thread");
    e->started = true;
    return SL_OK;
}

sl_status sl_engine_open(sl_engine **ret, sl_model *m, const sl_engine_options *opt,
                         sl_error *reterr)
{
    static const sl_engine_options defaults = {0};
    opt = opt ? opt : &defaults;
    sl_status st = check_options(m, opt, reterr);
    if (st)
        return st;
    sl_engine *e = calloc(1, sizeof(*e));
    if (!e)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the engine");
    e->m = m;
    e->fd = -1;
    e->queue_tail = &e->queue;
    e->news_tail = &e->news;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->wake, NULL);
    if ((st = start(e, opt, reterr))) {
        sl_engine_free(e);
        return st;
    }
    *ret = e;
    return SL_OK;
}

static void gen_free(sl_gen *g)
{
    free(g->session.prompt);
    sl_textout_done(&g->session.text);
    sl_buf_done(&g->text);
    free(g);
}

void sl_engine_free(sl_engine *e)
{
    if (!e)
        return;
    if (e->started) {
        pthread_mutex_lock(&e->lock);
        e->stop = true;
        pthread_cond_signal(&e->wake);
        pthread_mutex_unlock(&e->lock);
        pthread_join(e->thread, NULL);
    }
    sl_scheduler_free(e->scheduler);
    while (e->all) {
        sl_gen *g = e->all;
        e->all = g->next;
        gen_free(g);
    }
    if (e->fd >= 0)
        close(e->fd);
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

int sl_engine_fd(const sl_engine *e)
{
    return e->fd;
}
int sl_engine_slots(const sl_engine *e)
{
    return e->slots;
}
int sl_engine_active(const sl_engine *e)
{
    return atomic_load(&e->active);
}
int sl_engine_queued(const sl_engine *e)
{
    return atomic_load(&e->queued);
}

/* ---- requests ---- */
static sl_status set_limits(const sl_engine *e, const sl_chat *chat, sl_session *s, sl_error *err)
{
    size_t most = sl_scheduler_tokens_max(e->scheduler);
    most = most < e->context ? most : e->context;
    if (s->prompt_n >= most)
        return sl_fail(
            err, SL_E_TOO_LARGE,
            "the prompt has %zu tokens; this model's context here is %zu, answer included",
            s->prompt_n, most);
    s->tokens_max = most - s->prompt_n;
    if (chat->has_max_tokens && chat->max_tokens < 1)
        return sl_fail(err, SL_E_INVALID, "max_tokens must be at least 1");
    if (chat->has_max_tokens && (uint64_t)chat->max_tokens < s->tokens_max)
        s->tokens_max = (size_t)chat->max_tokens;
    return SL_OK;
}

static sl_status set_sampling(const sl_chat *chat, sl_sampling *s, sl_error *err)
{
    double temperature = chat->has_temperature ? chat->temperature : 1,
           top_p = chat->has_top_p ? chat->top_p : 1;
    int64_t top_k = chat->has_top_k ? chat->top_k : 0;
    if (!(temperature >= 0 && temperature <= 100) || !(top_p >= 0 && top_p <= 1) || top_k < -1)
        return sl_fail(err, SL_E_INVALID,
                       "temperature must be 0 to 100, top_p 0 to 1, top_k at least 0");
    top_k = top_k < 0 ? 0 : top_k; /* -1: all, as other servers have it */
    *s = (sl_sampling){(float)temperature, (float)top_p, top_k > INT32_MAX ? 0 : (int32_t)top_k,
                       (uint64_t)chat->seed};
    return SL_OK;
}

static sl_status gen_fill(const sl_engine *e, sl_gen *g, const sl_chat *chat, sl_error *err)
{
    sl_ids ids = {0};
    sl_session *s = &g->session;
    sl_status st = sl_model_prompt(e->m, chat, &ids, err);
    if (!st && !ids.n) { /* an empty prompt: begin where texts begin, if the model knows how */
        if (sl_tokenizer_bos(e->m->tokenizer) < 0)
            st = sl_fail(err, SL_E_INVALID, "the prompt is empty");
        else if (!sl_ids_reserve(&ids, 1))
            st = sl_fail(err, SL_E_NOMEM, "no memory for the prompt");
        else
            sl_ids_push(&ids, sl_tokenizer_bos(e->m->tokenizer));
    }
    s->prompt = ids.v;
    s->prompt_n = ids.n;
    if (st || (st = set_limits(e, chat, s, err)) || (st = set_sampling(chat, &s->sampling, err)))
        return st;
    if (sl_textout_init(&s->text, chat->stop, chat->stop_n))
        return sl_fail(err, SL_E_NOMEM, "no memory for the stop strings");
    return SL_OK;
}

static sl_status enqueue(sl_engine *e, sl_gen *g, sl_gen **ret, sl_error *err)
{
    sl_status st = SL_OK;
    pthread_mutex_lock(&e->lock);
    if (e->broken) {
        st = sl_fail(err, SL_E_UNAVAILABLE, "the engine's backend has failed; restart the worker");
        if (err)
            err->fatal = true;
    } else if (atomic_load(&e->queued) + atomic_load(&e->active) >= e->slots + e->queue_max) {
        st = sl_fail(err, SL_E_FULL, "the engine runs %d requests and %d wait: try again later",
                     atomic_load(&e->active), atomic_load(&e->queued));
    } else {
        *ret = g; /* before the thread can end it */
        *e->queue_tail = g;
        e->queue_tail = &g->next_queued;
        atomic_fetch_add(&e->queued, 1);
        g->next = e->all;
        if (e->all)
            e->all->prev = g;
        e->all = g;
        pthread_cond_signal(&e->wake);
    }
    pthread_mutex_unlock(&e->lock);
    return st;
}

sl_status sl_engine_submit(sl_engine *e, const sl_chat *chat, void *user, sl_gen **ret,
                           sl_error *reterr)
{
    sl_gen *g = calloc(1, sizeof(*g));
    if (!g)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the request");
    g->user = user;
    sl_status st = gen_fill(e, g, chat, reterr);
    if (!st)
        st = enqueue(e, g, ret, reterr);
    if (st)
        gen_free(g);
    return st;
}

void sl_engine_cancel(sl_engine *e, sl_gen *g)
{
    atomic_store(&g->cancelled, true);
    pthread_mutex_lock(&e->lock);
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
}

/* Takes a gen's news; its text moves to *text. */
static sl_gen_event take_locked(sl_engine *e, sl_gen *g, sl_buf *text)
{
    *text = g->text;
    g->text = (sl_buf){0};
    sl_gen_event ev = {.user = g->user,
                       .text = sl_buf_str(text),
                       .tokens = g->tokens - g->tokens_sent,
                       .end = g->ended};
    g->tokens_sent = g->tokens;
    g->has_news = false;
    if (g->ended) {
        ev.reason = g->reason;
        ev.usage = (sl_usage){(int64_t)g->session.prompt_n, g->tokens};
        ev.error = g->error;
        if (g->prev)
            g->prev->next = g->next;
        else
            e->all = g->next;
        if (g->next)
            g->next->prev = g->prev;
    }
    return ev;
}

void sl_engine_poll(sl_engine *e, sl_gen_fn fn, void *arg)
{
    eventfd_t n;
    if (eventfd_read(e->fd, &n)) {
        /* nothing was signalled: the list may hold news all the same */
    }
    pthread_mutex_lock(&e->lock);
    sl_gen *g = e->news; /* what comes from here on is for the next poll */
    e->news = NULL;
    e->news_tail = &e->news;
    while (g) {
        sl_buf text;
        sl_gen *next = g->next_news;
        sl_gen_event ev = take_locked(e, g, &text);
        pthread_mutex_unlock(&e->lock);
        fn(arg, &ev);
        sl_buf_done(&text);
        if (ev.end)
            gen_free(g);
        g = next;
        pthread_mutex_lock(&e->lock);
    }
    pthread_mutex_unlock(&e->lock);
}
