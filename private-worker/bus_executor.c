#include "private-worker/bus_executor.h"

#include <stdlib.h>
#include <sys/queue.h>

typedef struct bus_task {
    sl_task task;
    sl_bus_executor *x;
    sl_job *job;
    TAILQ_ENTRY(bus_task) all;
} bus_task;

struct sl_bus_executor {
    sl_host *host;
    TAILQ_HEAD(, bus_task) tasks;
};

static void task_free(bus_task *t)
{
    TAILQ_REMOVE(&t->x->tasks, t, all);
    free(t);
}

static void on_event(sl_task *task, const sl_gen_event *ev)
{
    bus_task *t = (bus_task *)task;
    if (ev->text.n)
        sl_job_text(t->job, ev->text, (sl_str){0});
    if (!ev->end)
        return;
    sl_job *job = t->job;
    const char *env = sl_host_env(t->x->host);
    task_free(t);
    sl_job_set_user(job, NULL);
    sl_job_end(job, ev->reason, &ev->usage, ev->reason == SL_END_ERROR ? &ev->error : NULL, env);
}

static sl_status start(void *arg, sl_job *job, sl_error *reterr)
{
    sl_bus_executor *x = arg;
    sl_chat *chat = sl_job_chat(job);
    if (!sl_str_is(chat->model, sl_host_model(x->host)))
        return sl_fail(reterr, SL_E_NOT_FOUND, "this worker does not have the model");
    bus_task *t = calloc(1, sizeof(*t));
    if (!t)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for a request");
    t->task.event = on_event;
    t->x = x;
    t->job = job;
    TAILQ_INSERT_TAIL(&x->tasks, t, all);
    sl_status st = sl_host_submit(x->host, chat, &t->task, reterr);
    if (st) {
        task_free(t);
        return st;
    }
    sl_job_set_user(job, t);
    return SL_OK;
}

static void cancel(void *arg, sl_job *job)
{
    sl_bus_executor *x = arg;
    bus_task *t = sl_job_user(job);
    if (t)
        sl_host_cancel(x->host, &t->task);
}

static void presence(void *arg, sl_presence *p)
{
    sl_bus_executor *x = arg;
    p->models[0] = sl_str_c(sl_host_model(x->host));
    p->models_n = 1;
    p->slots = sl_host_slots(x->host);
    p->active = sl_host_active(x->host);
    p->queued = sl_host_queued(x->host);
    p->env = sl_str_c(sl_host_env(x->host));
}

const sl_executor sl_engine_executor = {.start = start, .cancel = cancel, .presence = presence};

sl_status sl_bus_executor_open(sl_bus_executor **ret, sl_host *h, sl_error *reterr)
{
    sl_bus_executor *x = calloc(1, sizeof(*x));
    if (!x)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory at start");
    x->host = h;
    TAILQ_INIT(&x->tasks);
    *ret = x;
    return SL_OK;
}

void sl_bus_executor_free(sl_bus_executor *x)
{
    if (!x)
        return;
    while (!TAILQ_EMPTY(&x->tasks))
        task_free(TAILQ_FIRST(&x->tasks));
    free(x);
}
