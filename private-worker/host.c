#include "private-worker/host.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <poll.h>
#include <stdlib.h>

#define WARM_MS 120000 /* a large model from a slow disk; past it the daemon starts cold */

struct sl_host {
    sl_model *model;
    sl_engine *engine;
    sl_watch *watch;
    const char *name;
    int slots;
};

static void dispatch(void *arg, const sl_gen_event *ev)
{
    sl_task *t = ev->user;
    if (ev->end)
        t->gen = NULL;
    t->event(t, ev);
}

static void on_events(void *arg)
{
    sl_host *h = arg;
    sl_engine_poll(h->engine, dispatch, h);
}

/* ---- warm-up ---- */

typedef struct warm_task {
    sl_task task;
    bool ended;
    sl_end reason;
} warm_task;

static void warm_event(sl_task *t, const sl_gen_event *ev)
{
    warm_task *w = (warm_task *)t;
    w->ended |= ev->end;
    if (ev->end)
        w->reason = ev->reason;
}

static sl_status warm_chat(sl_chat **ret, sl_chat_kind kind, sl_error *reterr)
{
    sl_str body = kind == SL_CHAT
                      ? SL_STR("{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":"
                               "\"Hello\"}],\"max_tokens\":2}")
                      : SL_STR("{\"model\":\"auto\",\"prompt\":\"Hello\",\"max_tokens\":2}");
    sl_chat_fault fault;
    return sl_chat_parse(ret, kind, body, 65536, &fault, reterr);
}

static sl_status warm_with(sl_host *h, sl_chat_kind kind, sl_error *reterr)
{
    warm_task w = {.task = {.event = warm_event}};
    sl_chat *chat = NULL;
    sl_status st = warm_chat(&chat, kind, reterr);
    if (!st)
        st = sl_host_submit(h, chat, &w.task, reterr);
    int64_t until = sl_mono_ms() + WARM_MS;
    while (!st && !w.ended) {
        struct pollfd p = {.fd = sl_engine_fd(h->engine), .events = POLLIN};
        if (sl_mono_ms() > until && w.task.gen) {
            sl_engine_cancel(h->engine, w.task.gen); /* the end event comes all the same */
            until = INT64_MAX;
        }
        (void)poll(&p, 1, 100);
        on_events(h);
    }
    sl_chat_free(chat);
    if (!st && w.reason == SL_END_ERROR)
        st = sl_fail(reterr, SL_E_INTERNAL, "the model failed on its first request");
    return st;
}

static void warm_up(sl_host *h)
{
    int64_t start = sl_mono_ms();
    sl_error err = {0};
    sl_status st = warm_with(h, SL_CHAT, &err);
    if (st == SL_E_UNSUPPORTED) /* a base model without a chat template */
        st = warm_with(h, SL_COMPLETION, &err);
    if (st)
        SL_WARN(NULL, "warm_up_failed", "%s", err.text);
    else
        SL_INFO(NULL, "warm", "first request answered in %lld ms",
                (long long)(sl_mono_ms() - start));
}

/* ---- opening ---- */

static sl_status open_engine(sl_host *h, sl_loop *l, const sl_private_config *cfg, sl_error *reterr)
{
    sl_model_options mo = {.path = cfg->model_path, .backend = "cpu"};
    sl_engine_options eo = {.threads = (int)cfg->threads,
                            .slots = (int)cfg->slots,
                            .queue_max = (int)cfg->queue,
                            .context_max = (int)cfg->context};
    sl_status st = sl_model_open(&h->model, &mo, reterr);
    if (!st)
        st = sl_engine_open(&h->engine, h->model, &eo, reterr);
    if (!st)
        st = sl_watch_open(&h->watch, l, sl_engine_fd(h->engine), on_events, h, reterr);
    return st;
}

sl_status sl_host_open(sl_host **ret, sl_loop *l, const sl_private_config *cfg, sl_error *reterr)
{
    sl_host *h = calloc(1, sizeof(*h));
    if (!h)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory at start");
    sl_status st = open_engine(h, l, cfg, reterr);
    if (st) {
        sl_host_free(h);
        return st;
    }
    h->name = cfg->model_name[0] ? cfg->model_name : sl_model_name(h->model);
    h->slots = sl_engine_slots(h->engine);
    warm_up(h);
    *ret = h;
    return SL_OK;
}

sl_status sl_host_submit(sl_host *h, const sl_chat *chat, sl_task *t, sl_error *reterr)
{
    return sl_engine_submit(h->engine, chat, t, &t->gen, reterr);
}

void sl_host_cancel(sl_host *h, sl_task *t)
{
    if (t->gen)
        sl_engine_cancel(h->engine, t->gen);
}

const char *sl_host_model(const sl_host *h)
{
    return h->name;
}
const char *sl_host_env(const sl_host *h)
{
    return sl_model_env(h->model);
}
int sl_host_slots(const sl_host *h)
{
    return h->slots;
}
int sl_host_active(const sl_host *h)
{
    return sl_engine_active(h->engine);
}
int sl_host_queued(const sl_host *h)
{
    return sl_engine_queued(h->engine);
}

void sl_host_free(sl_host *h)
{
    if (!h)
        return;
    sl_watch_free(h->watch);
    if (h->engine)
        sl_engine_free(h->engine);
    if (h->model)
        sl_model_free(h->model);
    free(h);
}
