/* patterns.c - one Vectorscan database of everything that has a literal to look for. It is made
 * once a process, from the cache or by compiling, and shared; each classifier has its own
 * scratch. */
#include "router/classify/patterns.h"

#include "router/classify/pattern_cache.h"

#include <hs/hs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    pthread_once_t once;
    hs_database_t *db;
    atomic_bool opened;
    bool cached;           /* it came from the cache */
    const char *cache_dir; /* NULL: the default */
    char fault[160];
} global = {.once = PTHREAD_ONCE_INIT};

static const sl_pattern_list *const lists[] = {&sl_hint_patterns,        &sl_context_patterns,
                                               &sl_contact_patterns,     &sl_secret_patterns,
                                               &sl_secret_word_patterns, &sl_marking_patterns};
#define LISTS (sizeof lists / sizeof *lists)

/* The id of a pattern: its list above, its place in it below. */
enum { LIST_SHIFT = 16 };

/* All expressions, as they match in the folded view, with their ids. */
typedef struct sources {
    sl_buf text; /* NUL behind each */
    const char **expr;
    unsigned *ids, *flags;
    unsigned n;
} sources;

static bool collect(sources *s)
{
    for (size_t l = 0; l < LISTS; l++)
        s->n += (unsigned)lists[l]->n;
    s->expr = calloc(s->n, sizeof *s->expr);
    s->ids = calloc(s->n, sizeof *s->ids), s->flags = calloc(s->n, sizeof *s->flags);
    for (size_t l = 0; l < LISTS; l++) {
        for (size_t i = 0; i < lists[l]->n; i++)
            sl_fold_expr(lists[l]->patterns[i].expr, &s->text), sl_buf_addc(&s->text, '\0');
    }
    if (!s->expr || !s->ids || !s->flags || !sl_buf_ok(&s->text))
        return false;
    const char *next = s->text.data;
    for (size_t l = 0, x = 0; l < LISTS; l++) {
        for (size_t i = 0; i < lists[l]->n; i++, x++, next += strlen(next) + 1)
            s->expr[x] = next, s->ids[x] = (unsigned)(l << LIST_SHIFT | i);
    }
    return true;
}

/* What the compiled form depends on: expressions and ids, Vectorscan, the processor. */
static bool key_of(const sources *s, uint8_t key[SL_SHA256_SIZE])
{
    hs_platform_info_t cpu = {0};
    sl_buf b = {0};
    if (hs_populate_platform(&cpu) != HS_SUCCESS)
        return false;
    sl_buf_addf(&b, "%s %u %llx %zu ", hs_version(), cpu.tune, cpu.cpu_features, sizeof(void *));
    sl_buf_add(&b, s->ids, s->n * sizeof *s->ids);
    sl_buf_add(&b, s->text.data, s->text.len);
    bool ok = sl_buf_ok(&b);
    if (ok)
        sl_sha256(key, b.data, b.len);
    sl_buf_done(&b);
    return ok;
}

/* A database that this machine can't run is found here, not at the first request. */
static bool usable(hs_database_t *db)
{
    hs_scratch_t *scratch = NULL;
    bool ok = hs_alloc_scratch(db, &scratch) == HS_SUCCESS;
    hs_free_scratch(scratch);
    return ok;
}

static void compile(const sources *s)
{
    hs_compile_error_t *err = NULL;
    size_t size = 0;
    if (hs_compile_multi(s->expr, s->flags, s->ids, s->n, HS_MODE_BLOCK, NULL, &global.db, &err) !=
        HS_SUCCESS) {
        global.db = NULL;
        snprintf(global.fault, sizeof global.fault, "pattern %d: %s", err ? err->expression : -1,
                 err ? err->message : "no detail");
    } else if (hs_database_size(global.db, &size) != HS_SUCCESS || size > SL_PATTERN_DB_MAX) {
        hs_free_database(global.db);
        global.db = NULL;
        snprintf(global.fault, sizeof global.fault, "it takes %zu bytes, over %u", size,
                 SL_PATTERN_DB_MAX);
    }
    hs_free_compile_error(err);
}

static void build(void)
{
    atomic_store(&global.opened, true);
    sources s = {.n = 0};
    char dir[1024];
    uint8_t key[SL_SHA256_SIZE];
    bool cache = false;
    if (!collect(&s)) {
        snprintf(global.fault, sizeof global.fault, "out of memory");
        goto cleanup;
    }
    cache = key_of(&s, key) && sl_pattern_cache_dir(global.cache_dir, dir, sizeof dir);
    if (cache)
        global.db = sl_pattern_cache_load(dir, key);
    if (global.db && !usable(global.db)) {
        hs_free_database(global.db);
        global.db = NULL;
    }
    global.cached = global.db != NULL;
    if (!global.db)
        compile(&s);
    if (global.db && cache && !global.cached)
        (void)sl_pattern_cache_store(dir, key, global.db);
cleanup:
    sl_buf_done(&s.text);
    free(s.expr);
    free(s.ids);
    free(s.flags);
}

bool sl_patterns_cache(const char *dir)
{
    if (atomic_load(&global.opened))
        return false;
    global.cache_dir = dir;
    return true;
}

bool sl_patterns_cached(void)
{
    return global.cached;
}

size_t sl_patterns_bytes(void)
{
    size_t n = 0;
    return global.db && hs_database_size(global.db, &n) == HS_SUCCESS ? n : 0;
}

sl_status sl_patterns_open(struct hs_scratch **scratch, sl_error *reterr)
{
    pthread_once(&global.once, build);
    if (!global.db)
        return sl_fail(reterr, SL_E_INTERNAL, "the pattern database does not compile: %s",
                       global.fault);
    if (hs_alloc_scratch(global.db, scratch) != HS_SUCCESS)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the pattern scratch");
    return SL_OK;
}

void sl_patterns_scratch_free(struct hs_scratch *s)
{
    hs_free_scratch(s);
}

typedef struct scan {
    sl_classifier *c;
    sl_str t;
} scan;

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *arg)
{
    scan *s = arg;
    const sl_pattern_list *l = lists[id >> LIST_SHIFT];
    l->hit(s->c, s->t, (size_t)to, &l->patterns[id & ((1u << LIST_SHIFT) - 1)]);
    return 0;
}

bool sl_patterns_scan(sl_classifier *c, sl_str t)
{
    scan s = {c, t};
    memset(c->secret_to, 0, sizeof c->secret_to);
    return hs_scan(global.db, t.p, (unsigned)t.n, 0, c->scratch, on_match, &s) == HS_SUCCESS;
}
