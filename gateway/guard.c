#include "gateway/guard.h"

#include "common/base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* 4,096 addresses, in sets of 8. A set is found by a keyed hash, so nobody chooses whom he pushes
 * out. */
#define SETS   512
#define WAYS   8
#define RECENT 4     /* wrong keys that are told from new ones */
#define KNOWN  16384 /* pairs of an address and a right key; a newer pair replaces an older one */

typedef struct source {
    uint64_t ip[2];
    int64_t last_ms, until_ms;
    int failures; /* 0: free */
    uint64_t recent[RECENT];
} source;

struct sl_guard {
    sl_guard_options opt;
    uint64_t seed[2];
    pthread_mutex_t lock; /* guards sets */
    source sets[SETS][WAYS];
    _Atomic uint64_t known[KNOWN];
};

sl_status sl_guard_open(sl_guard **ret, const sl_guard_options *opt)
{
    sl_guard *g = calloc(1, sizeof(*g));
    if (!g)
        return SL_E_NOMEM;
    g->opt = *opt;
    sl_random(g->seed, sizeof(g->seed));
    pthread_mutex_init(&g->lock, NULL);
    *ret = g;
    return SL_OK;
}

void sl_guard_free(sl_guard *g)
{
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t hash(const sl_guard *g, const uint64_t ip[2], uint64_t tag)
{
    uint64_t h = mix(ip[0] ^ g->seed[0], ip[1] ^ 0x9e3779b97f4a7c15u);
    return mix(h ^ g->seed[1], tag ^ 0xd6e8feb86659fd93u) | 1; /* 0 stands for an empty place */
}

/* IPv6: whoever has one address has its /64. */
static void normal(uint64_t ip[2], const uint8_t address[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(ip, address, 16);
    if (memcmp(address, mapped, sizeof(mapped)) != 0)
        ip[1] = 0;
}

static source *find(sl_guard *g, const uint64_t ip[2])
{
    source *set = g->sets[(hash(g, ip, 0) >> 8) % SETS];
    for (int i = 0; i < WAYS; i++)
        if (set[i].failures && set[i].ip[0] == ip[0] && set[i].ip[1] == ip[1])
            return &set[i];
    return NULL;
}

/* A free place, or that of the address whose pause is over first. */
static source *take_place(sl_guard *g, const uint64_t ip[2])
{
    source *set = g->sets[(hash(g, ip, 0) >> 8) % SETS], *best = &set[0];
    for (int i = 0; i < WAYS && best->failures; i++) {
        bool sooner = set[i].until_ms < best->until_ms ||
                      (set[i].until_ms == best->until_ms && set[i].last_ms < best->last_ms);
        if (!set[i].failures || sooner)
            best = &set[i];
    }
    *best = (source){.ip = {ip[0], ip[1]}};
    return best;
}

static int64_t pause_of(const sl_guard *g, int failures)
{
    int over = failures - g->opt.free_failures;
    int64_t ms = g->opt.first_ms;
    for (int i = 1; i < over && ms < g->opt.most_ms; i++)
        ms *= 2;
    return over < 1 ? 0 : ms < g->opt.most_ms ? ms : g->opt.most_ms;
}

static uint64_t *find_recent(source *s, uint64_t tag)
{
    for (int i = 0; s && i < RECENT; i++)
        if (s->recent[i] == tag)
            return &s->recent[i];
    return NULL;
}

/* A key that was wrong a moment ago, and is right now: it was new, and this gateway had not read of
 * it yet. It was no guess. */
static bool was_new(source *s, const sl_guard_try *t)
{
    uint64_t *recent = t->right ? find_recent(s, t->tag) : NULL;
    if (!recent)
        return false;
    *recent = 0;
    if (--s->failures == 0)
        *s = (source){0};
    return true;
}

static void wrong_key(sl_guard *g, source *s, const sl_guard_try *t, const uint64_t ip[2],
                      int64_t now_ms, sl_guard_verdict *v)
{
    if (find_recent(s, t->tag))
        return;
    if (!s)
        s = take_place(g, ip);
    s->recent[s->failures % RECENT] = t->tag;
    if (s->failures < 1000000)
        s->failures++;
    s->last_ms = now_ms;
    v->begun_ms = pause_of(g, s->failures);
    v->failures = s->failures;
    s->until_ms = now_ms + v->begun_ms;
}

sl_guard_verdict sl_guard_judge(sl_guard *g, const sl_guard_try *t, int64_t now_ms)
{
    sl_guard_verdict v = {0};
    uint64_t ip[2];
    if (g->opt.free_failures == 0)
        return v;
    normal(ip, t->address);
    uint64_t pair = hash(g, ip, t->tag);
    _Atomic uint64_t *known = &g->known[(pair >> 8) % KNOWN];
    if (t->right && atomic_load_explicit(known, memory_order_relaxed) == pair)
        return v;
    pthread_mutex_lock(&g->lock);
    source *s = find(g, ip);
    if (s && now_ms - s->last_ms >= SL_GUARD_FORGET_MS) {
        *s = (source){0};
        s = NULL;
    }
    bool forgiven = was_new(s, t);
    if (s && s->until_ms > now_ms && !forgiven)
        v.pause_ms = s->until_ms - now_ms;
    else if (t->right)
        atomic_store_explicit(known, pair, memory_order_relaxed);
    else if (t->counts)
        wrong_key(g, s, t, ip, now_ms, &v);
    pthread_mutex_unlock(&g->lock);
    return v;
}
