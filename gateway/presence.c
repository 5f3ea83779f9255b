#include "gateway/presence.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MODELS_TEXT 1024
#define KIDS_TEXT   2176 /* 32 of the longest kind */

typedef struct worker {
    char instance[128];
    char models[MODELS_TEXT], kids[KIDS_TEXT]; /* "\n"-terminated names */
    bool draining;
    int64_t last_ms;
} worker;

/* Each class has its own: whoever may write one class's presence topic can fill its table with
 * invented names, and must not be able to push the other class's workers out. */
typedef struct workers {
    size_t n;
    worker *w;
} workers;

struct sl_presence_view {
    pthread_mutex_t lock;
    int64_t timeout_ms;
    workers of[SL_CLASS_N];
};

sl_status sl_presence_view_open(sl_presence_view **ret, int64_t timeout_ms)
{
    sl_presence_view *v = calloc(1, sizeof(*v));
    if (!v)
        return SL_E_NOMEM;
    pthread_mutex_init(&v->lock, NULL);
    v->timeout_ms = timeout_ms;
    *ret = v;
    return SL_OK;
}

void sl_presence_view_free(sl_presence_view *v)
{
    if (!v)
        return;
    pthread_mutex_destroy(&v->lock);
    for (int c = 0; c < SL_CLASS_N; c++)
        free(v->of[c].w);
    free(v);
}

static worker *find_or_add(workers *v, sl_str instance)
{
    worker *oldest = NULL;
    for (size_t i = 0; i < v->n; i++) {
        worker *w = &v->w[i];
        if (sl_str_is(instance, w->instance))
            return w;
        if (!oldest || w->last_ms < oldest->last_ms)
            oldest = w;
    }
    worker *w = oldest; /* at the limit the one that was silent longest gives way */
    if (v->n < SL_PRESENCE_WORKERS_MAX) {
        if (v->n % 8 == 0) {
            worker *more = realloc(v->w, (v->n + 8) * sizeof(*more));
            if (!more)
                return NULL;
            v->w = more;
        }
        w = &v->w[v->n++];
    }
    *w = (worker){0};
    snprintf(w->instance, sizeof(w->instance), "%.*s", (int)instance.n, instance.p);
    return w;
}

static void join(char *out, size_t cap, const sl_str *names, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        sl_str m = names[i];
        if (!m.n || at + m.n + 2 > cap || memchr(m.p, '\n', m.n) || memchr(m.p, '\0', m.n))
            continue;
        memcpy(out + at, m.p, m.n);
        at += m.n;
        out[at++] = '\n';
    }
    out[at] = '\0';
}

void sl_presence_view_heard(sl_presence_view *v, sl_class c, const sl_presence *p, int64_t now_ms)
{
    if (!p->instance.n || p->instance.n >= sizeof(((worker *)0)->instance) ||
        memchr(p->instance.p, 0, p->instance.n))
        return;
    pthread_mutex_lock(&v->lock);
    worker *w = find_or_add(&v->of[c], p->instance);
    if (w) {
        join(w->models, sizeof(w->models), p->models, p->models_n);
        join(w->kids, sizeof(w->kids), p->kids, p->kids_n);
        w->draining = p->draining;
        w->last_ms = now_ms;
    }
    pthread_mutex_unlock(&v->lock);
}

static bool has(const char *names, sl_str name)
{
    for (const char *p = names; *p;) {
        const char *nl = strchr(p, '\n');
        if (sl_str_eq((sl_str){p, (size_t)(nl - p)}, name))
            return true;
        p = nl + 1;
    }
    return false;
}

bool sl_presence_view_live(sl_presence_view *v, sl_class c, sl_str model, int64_t now_ms,
                           int64_t grace_ms)
{
    bool live = false;
    pthread_mutex_lock(&v->lock);
    for (size_t i = 0; i < v->of[c].n && !live; i++) {
        const worker *w = &v->of[c].w[i];
        live = now_ms - w->last_ms < v->timeout_ms + grace_ms && (grace_ms > 0 || !w->draining) &&
               has(w->models, model);
    }
    pthread_mutex_unlock(&v->lock);
    return live;
}

bool sl_presence_view_knows(sl_presence_view *v, sl_class c, sl_str kid, int64_t now_ms)
{
    bool any = false, all = true;
    pthread_mutex_lock(&v->lock);
    for (size_t i = 0; i < v->of[c].n && all; i++) {
        const worker *w = &v->of[c].w[i];
        if (w->draining || now_ms - w->last_ms >= v->timeout_ms)
            continue;
        any = true;
        all = has(w->kids, kid);
    }
    pthread_mutex_unlock(&v->lock);
    return any && all;
}

int sl_presence_view_count(sl_presence_view *v, sl_class c, int64_t now_ms)
{
    int n = 0;
    pthread_mutex_lock(&v->lock);
    for (size_t i = 0; i < v->of[c].n; i++) {
        const worker *w = &v->of[c].w[i];
        n += !w->draining && now_ms - w->last_ms < v->timeout_ms;
    }
    pthread_mutex_unlock(&v->lock);
    return n;
}
