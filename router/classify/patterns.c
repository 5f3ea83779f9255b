/* patterns.c - the Vectorscan databases of everything that has a literal to look for. They are made
 * once a process, from the cache or by compiling, and shared; each classifier has its own
 * scratch. */
#include "router/classify/patterns.h"

#include "router/classify/pattern_cache.h"
#include "router/classify/secrets.h"

#include <hs/hs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* The lists stand in two databases: what costs one literal matcher most is the number of short
 * literals that share it, and scanning twice costs less than the false starts of all together. */
enum { DBS = 2, LIST_SHIFT = 16, SOURCES_MAX = 8192 };

typedef struct member {
    const sl_pattern_list *list;
    int db;
    unsigned work; /* of a hit: what its owner does with one, on the average */
} member;

static const member lists[] = {{&sl_hint_patterns, 0, 10},         {&sl_secret_patterns, 0, 100},
                               {&sl_secret_word_patterns, 0, 250}, {&sl_marking_patterns, 0, 200},
                               {&sl_context_patterns, 1, 20},      {&sl_contact_patterns, 1, 100}};
#define LISTS (sizeof lists / sizeof *lists)

static struct {
    pthread_once_t once;
    hs_database_t *db[DBS];
    atomic_bool opened;
    bool cached;           /* they came from the cache */
    const char *cache_dir; /* NULL: the default */
    char fault[160];
} global = {.once = PTHREAD_ONCE_INIT};

/* A database's expressions, as they match in the folded view, with their ids: the list above, the
 * place in it below. */
typedef struct sources {
    sl_buf text; /* NUL behind each */
    const char **expr;
    unsigned *ids, *flags;
    unsigned n;
} sources;

/* The next of the words "a|b|c" of an expression "(?i)(?:a|b|c)", which begins at *next: one with
 * hundreds of words becomes an engine that is dear to run, each word alone is a literal. False:
 * there are no more. */
static bool next_word(const char **next, const char **ret, size_t *ret_n)
{
    const char *p = *next;
    int depth = 0;
    bool set = false;
    if (!*p)
        return false;
    for (; *p; p++) {
        if (*p == '\\')
            p++;
        else if (set)
            set = *p != ']';
        else if (*p == '[')
            set = true;
        else if (*p == '(')
            depth++;
        else if (*p == ')' && depth-- == 0)
            break;
        else if (*p == '|' && depth == 0)
            break;
    }
    *ret = *next, *ret_n = (size_t)(p - *next);
    *next = *p == '|' ? p + 1 : "";
    return true;
}

static const char words_head[] = "(?i)(?:"; /* as contexts.c writes it */

static void add_source(sources *s, const char *head, sl_str expr, const char *tail, unsigned id)
{
    sl_buf whole = {0};
    sl_buf_adds(&whole, head);
    sl_buf_add_str(&whole, expr);
    sl_buf_adds(&whole, tail);
    s->text.failed |= s->n == SOURCES_MAX || !sl_buf_ok(&whole);
    if (sl_buf_ok(&s->text)) {
        sl_fold_expr(whole.data, &s->text);
        sl_buf_addc(&s->text, '\0');
        s->ids[s->n++] = id;
    }
    sl_buf_done(&whole);
}

static bool collect(sources *s, int db)
{
    s->expr = calloc(SOURCES_MAX, sizeof *s->expr);
    s->ids = calloc(SOURCES_MAX, sizeof *s->ids);
    s->flags = calloc(SOURCES_MAX, sizeof *s->flags);
    if (!s->expr || !s->ids || !s->flags)
        return false;
    for (size_t l = 0; l < LISTS; l++) {
        for (size_t i = 0; lists[l].db == db && i < lists[l].list->n; i++) {
            const char *expr = lists[l].list->patterns[i].expr, *word;
            unsigned id = (unsigned)(l << LIST_SHIFT | i);
            size_t n;
            if (lists[l].list != &sl_context_patterns) {
                add_source(s, "", sl_str_c(expr), "", id);
                continue;
            }
            for (expr += sizeof words_head - 1; next_word(&expr, &word, &n);)
                add_source(s, words_head, (sl_str){word, n}, ")", id);
        }
    }
    if (!sl_buf_ok(&s->text))
        return false;
    const char *next = s->text.data;
    for (size_t x = 0; x < s->n; x++, next += strlen(next) + 1)
        s->expr[x] = next;
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

static hs_database_t *compile(const sources *s)
{
    hs_compile_error_t *err = NULL;
    hs_database_t *db = NULL;
    size_t size = 0;
    if (hs_compile_multi(s->expr, s->flags, s->ids, s->n, HS_MODE_BLOCK, NULL, &db, &err) !=
        HS_SUCCESS) {
        db = NULL;
        snprintf(global.fault, sizeof global.fault, "pattern %d: %s", err ? err->expression : -1,
                 err ? err->message : "no detail");
    } else if (hs_database_size(db, &size) != HS_SUCCESS || size > SL_PATTERN_DB_MAX / DBS) {
        hs_free_database(db);
        db = NULL;
        snprintf(global.fault, sizeof global.fault, "it takes %zu bytes, over %u", size,
                 SL_PATTERN_DB_MAX / DBS);
    }
    hs_free_compile_error(err);
    return db;
}

/* dir: of the cache, NULL for none. *ret_cached: it came from there. */
static hs_database_t *open_one(int which, const char *dir, bool *ret_cached)
{
    sources s = {.n = 0};
    hs_database_t *db = NULL;
    uint8_t key[SL_SHA256_SIZE];
    *ret_cached = false;
    if (!collect(&s, which)) {
        snprintf(global.fault, sizeof global.fault, "out of memory");
        goto cleanup;
    }
    bool cache = dir && key_of(&s, key);
    if (cache)
        db = sl_pattern_cache_load(dir, key);
    if (db && !usable(db)) {
        hs_free_database(db);
        db = NULL;
    }
    *ret_cached = db != NULL;
    if (!db)
        db = compile(&s);
    if (db && cache && !*ret_cached)
        (void)sl_pattern_cache_store(dir, key, db);
cleanup:
    sl_buf_done(&s.text);
    free(s.expr);
    free(s.ids);
    free(s.flags);
    return db;
}

static void build(void)
{
    atomic_store(&global.opened, true);
    sl_secret_values_open();
    sl_passwords_open();
    sl_markings_open();
    char dir[1024];
    bool cache = sl_pattern_cache_dir(global.cache_dir, dir, sizeof dir), all = true;
    for (int i = 0; i < DBS; i++) {
        bool cached;
        global.db[i] = open_one(i, cache ? dir : NULL, &cached);
        all &= cached;
    }
    global.cached = all;
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
    size_t sum = 0;
    for (int i = 0; i < DBS; i++) {
        size_t n = 0;
        if (global.db[i] && hs_database_size(global.db[i], &n) == HS_SUCCESS)
            sum += n;
    }
    return sum;
}

sl_status sl_patterns_open(struct hs_scratch **scratch, sl_error *reterr)
{
    pthread_once(&global.once, build);
    for (int i = 0; i < DBS; i++) {
        if (!global.db[i])
            return sl_fail(reterr, SL_E_INTERNAL, "the pattern database does not compile: %s",
                           global.fault);
        if (hs_alloc_scratch(global.db[i], scratch) != HS_SUCCESS)
            return sl_fail(reterr, SL_E_NOMEM, "no memory for the pattern scratch");
    }
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
    const member *m = &lists[id >> LIST_SHIFT];
    if (!sl_work(s->c, m->work))
        return 1; /* the scan ends here */
    m->list->hit(s->c, s->t, (size_t)to, &m->list->patterns[id & ((1u << LIST_SHIFT) - 1)]);
    return 0;
}

bool sl_patterns_scan(sl_classifier *c, sl_str t)
{
    scan s = {c, t};
    memset(c->secret_to, 0, sizeof c->secret_to);
    for (int i = 0; i < DBS; i++) {
        hs_error_t e = hs_scan(global.db[i], t.p, (unsigned)t.n, 0, c->scratch, on_match, &s);
        if (e == HS_SCAN_TERMINATED)
            return true;
        if (e != HS_SUCCESS)
            return false;
    }
    return true;
}
