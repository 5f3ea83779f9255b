#include "router/classify/verdicts.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

enum { WAYS = 4, SECRET = 192 };

typedef struct entry {
    sl_verdict_key key;
    uint64_t at; /* of its findings in the ring, counted from the first that was ever written */
    uint32_t used;
    uint16_t n;
    uint8_t level;
    bool doubt, taken;
} entry;

struct sl_verdicts {
    entry *sets;
    sl_found *ring;
    size_t sets_n, ring_n; /* powers of two */
    uint64_t head;
    uint32_t clock;
    size_t hits;
};

static struct {
    pthread_once_t once;
    unsigned char bytes[SECRET];
    bool failed;
} secret = {.once = PTHREAD_ONCE_INIT};

static void draw(void)
{
    size_t n = 0;
    while (n < SECRET) {
        ssize_t got = getrandom(secret.bytes + n, SECRET - n, 0);
        if (got <= 0) {
            secret.failed = true;
            return;
        }
        n += (size_t)got;
    }
}

static size_t power(size_t n)
{
    size_t p = 1;
    while (p * 2 <= n)
        p *= 2;
    return p;
}

sl_verdicts *sl_verdicts_new(size_t bytes)
{
    pthread_once(&secret.once, draw);
    size_t sets_n = power(bytes / 2 / (WAYS * sizeof(entry)));
    size_t ring_n = power(bytes / 2 / sizeof(sl_found));
    if (secret.failed || bytes < 4096 || ring_n < SL_FOUND_MAX)
        return NULL;
    sl_verdicts *v = calloc(1, sizeof *v);
    if (!v)
        return NULL;
    v->sets = calloc(sets_n * WAYS, sizeof *v->sets);
    v->ring = calloc(ring_n, sizeof *v->ring);
    v->sets_n = sets_n, v->ring_n = ring_n;
    if (!v->sets || !v->ring) {
        sl_verdicts_free(v);
        return NULL;
    }
    return v;
}

void sl_verdicts_free(sl_verdicts *v)
{
    if (!v)
        return;
    free(v->sets);
    free(v->ring);
    free(v);
}

sl_verdict_key sl_verdicts_key(sl_str text, const void *rest, size_t rest_n)
{
    XXH128_hash_t h = XXH3_128bits_withSecret(text.p, text.n, secret.bytes, SECRET);
    XXH128_hash_t r = XXH3_128bits_withSecret(rest, rest_n, secret.bytes, SECRET);
    uint64_t all[5] = {h.low64, h.high64, r.low64, r.high64, text.n};
    XXH128_hash_t k = XXH3_128bits_withSecret(all, sizeof all, secret.bytes, SECRET);
    return (sl_verdict_key){{k.low64, k.high64}};
}

static bool same_key(sl_verdict_key a, sl_verdict_key b)
{
    return a.w[0] == b.w[0] && a.w[1] == b.w[1];
}

bool sl_verdicts_get(sl_verdicts *v, sl_verdict_key key, sl_found *ret, size_t *ret_n,
                     sl_level *ret_level, bool *ret_doubt)
{
    entry *set = v->sets + (key.w[0] & (v->sets_n - 1)) * WAYS;
    for (int i = 0; i < WAYS; i++) {
        entry *e = &set[i];
        if (!e->taken || !same_key(e->key, key))
            continue;
        if (v->head - e->at > v->ring_n) { /* written over */
            e->taken = false;
            return false;
        }
        for (size_t x = 0; x < e->n; x++)
            ret[x] = v->ring[(e->at + x) & (v->ring_n - 1)];
        *ret_n = e->n, *ret_level = (sl_level)e->level, *ret_doubt = e->doubt;
        e->used = ++v->clock;
        v->hits++;
        return true;
    }
    return false;
}

void sl_verdicts_put(sl_verdicts *v, sl_verdict_key key, const sl_found *found, size_t n,
                     sl_level level, bool doubt)
{
    entry *set = v->sets + (key.w[0] & (v->sets_n - 1)) * WAYS, *e = &set[0];
    for (int i = 0; i < WAYS; i++) {
        if (!set[i].taken || same_key(set[i].key, key)) {
            e = &set[i];
            break;
        }
        if ((int32_t)(set[i].used - e->used) < 0)
            e = &set[i];
    }
    *e = (entry){.key = key,
                 .at = v->head,
                 .used = ++v->clock,
                 .n = (uint16_t)n,
                 .level = (uint8_t)level,
                 .doubt = doubt,
                 .taken = true};
    for (size_t x = 0; x < n; x++)
        v->ring[v->head++ & (v->ring_n - 1)] = found[x];
}

size_t sl_verdicts_hits(const sl_verdicts *v)
{
    return v ? v->hits : 0;
}
