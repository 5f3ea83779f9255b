/* fake_engine.h - an engine of the tests: it answers "Hello there", or waits, fails or is full on
 * order. Header only; defines the functions of engine.h, so that the real library is not linked. */
#ifndef SL_TESTS_FAKE_ENGINE_H
#define SL_TESTS_FAKE_ENGINE_H

#include "private-worker/engine/engine.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef enum { FE_ANSWER, FE_HOLD, FE_FULL, FE_FAIL, FE_FAIL_LATE, FE_TOO_LONG } fe_mode;

struct sl_model {
    int unused;
};
struct sl_gen {
    void *user;
    bool cancelled, told;
    int step;
    fe_mode mode;
};
struct sl_engine {
    int fd;
    struct sl_gen *gens[64];
    int n;
};

static struct {
    fe_mode mode;
    int submitted, cancelled;
    int64_t seed;
    sl_engine *engine;
} fe;

sl_status sl_model_open(sl_model **ret, const sl_model_options *opt, sl_error *reterr)
{
    static sl_model m;
    *ret = &m;
    return SL_OK;
}
void sl_model_free(sl_model *m) {}
const char *sl_model_env(const sl_model *m)
{
    return "env-fake";
}
const char *sl_model_name(const sl_model *m)
{
    return "fake";
}

sl_status sl_engine_open(sl_engine **ret, sl_model *m, const sl_engine_options *opt,
                         sl_error *reterr)
{
    sl_engine *e = calloc(1, sizeof(*e));
    e->fd = eventfd(0, EFD_NONBLOCK);
    fe.engine = e;
    *ret = e;
    return SL_OK;
}

void sl_engine_free(sl_engine *e)
{
    for (int i = 0; i < e->n; i++)
        free(e->gens[i]);
    close(e->fd);
    free(e);
}

int sl_engine_fd(const sl_engine *e)
{
    return e->fd;
}
int sl_engine_slots(const sl_engine *e)
{
    return 4;
}
int sl_engine_active(const sl_engine *e)
{
    return e->n;
}
int sl_engine_queued(const sl_engine *e)
{
    return 0;
}

static void fe_wake(const sl_engine *e)
{
    uint64_t one = 1;
    if (write(e->fd, &one, sizeof(one)) < 0)
        abort();
}

sl_status sl_engine_submit(sl_engine *e, const sl_chat *chat, void *user, sl_gen **ret,
                           sl_error *reterr)
{
    if (fe.mode == FE_FULL)
        return sl_fail(reterr, SL_E_FULL, "the queue is full");
    if (fe.mode == FE_TOO_LONG)
        return sl_fail(reterr, SL_E_TOO_LARGE,
                       "the prompt has 9000 tokens; the context holds 8192");
    fe.submitted++;
    fe.seed = chat->seed;
    sl_gen *g = calloc(1, sizeof(*g));
    g->user = user;
    g->mode = fe.mode;
    e->gens[e->n++] = g;
    *ret = g;
    fe_wake(e);
    return SL_OK;
}

void sl_engine_cancel(sl_engine *e, sl_gen *g)
{
    g->cancelled = true;
    fe.cancelled++;
    fe_wake(e);
}

/* One event of g, or none while it holds. Returns whether there is more to come at once. */
static bool fe_step(sl_gen *g, sl_gen_event *ev)
{
    static const char *const words[] = {"Hello", " there"};
    *ev = (sl_gen_event){.user = g->user};
    if (g->cancelled) {
        ev->end = true;
        ev->reason = SL_END_CANCELLED;
    } else if (g->mode == FE_FAIL || (g->mode == FE_FAIL_LATE && g->step == 1)) {
        ev->end = true;
        ev->reason = SL_END_ERROR;
        sl_fail(&ev->error, SL_E_INTERNAL, "the engine failed");
    } else if (g->step < 2) {
        ev->text = sl_str_c(words[g->step++]);
        ev->tokens = 1;
    } else if (g->mode == FE_HOLD && fe.mode == FE_HOLD) {
        return false;
    } else {
        ev->end = true;
        ev->reason = SL_END_STOP;
        ev->usage = (sl_usage){4, 2};
    }
    return true;
}

void sl_engine_poll(sl_engine *e, sl_gen_fn fn, void *arg)
{
    uint64_t junk;
    if (read(e->fd, &junk, sizeof(junk)) < 0)
        junk = 0;
    for (int i = 0; i < e->n;) {
        sl_gen *g = e->gens[i];
        sl_gen_event ev;
        if (!fe_step(g, &ev)) {
            i++;
            continue;
        }
        if (ev.end) {
            free(g);
            e->gens[i] = e->gens[--e->n];
        }
        fn(arg, &ev);
    }
}

#endif
