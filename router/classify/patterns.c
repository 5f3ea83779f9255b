/* patterns.c - one Vectorscan database of everything that has a literal to look for. It is compiled
 * once a process and shared; each classifier has its own scratch. */
#include "router/classify/patterns.h"

#include <hs/hs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    pthread_once_t once;
    hs_database_t *db;
    char fault[160];
} global = {.once = PTHREAD_ONCE_INIT};

static const sl_pattern_list *const lists[] = {&sl_hint_patterns, &sl_context_patterns, &sl_contact_patterns,
                                               &sl_secret_patterns, &sl_secret_word_patterns,
                                               &sl_marking_patterns};
#define LISTS (sizeof lists / sizeof *lists)

/* The id of a pattern: its list above, its place in it below. */
enum { LIST_SHIFT = 16 };

static void compile(void)
{
    size_t n = 0;
    for (size_t l = 0; l < LISTS; l++)
        n += lists[l]->n;
    const char **expr = calloc(n, sizeof *expr);
    unsigned *ids = calloc(n, sizeof *ids), *flags = calloc(n, sizeof *flags);
    hs_compile_error_t *err = NULL;
    sl_buf folded = {0}; /* expressions as they match in the folded view, NUL behind each */
    for (size_t l = 0; l < LISTS; l++) {
        for (size_t i = 0; i < lists[l]->n; i++)
            sl_fold_expr(lists[l]->patterns[i].expr, &folded), sl_buf_addc(&folded, '\0');
    }
    if (!expr || !ids || !flags || !sl_buf_ok(&folded)) {
        snprintf(global.fault, sizeof global.fault, "out of memory");
        goto cleanup;
    }
    const char *next = folded.data;
    for (size_t l = 0, x = 0; l < LISTS; l++) {
        for (size_t i = 0; i < lists[l]->n; i++, x++, next += strlen(next) + 1)
            expr[x] = next, ids[x] = (unsigned)(l << LIST_SHIFT | i);
    }
    if (hs_compile_multi(expr, flags, ids, (unsigned)n, HS_MODE_BLOCK, NULL, &global.db, &err) !=
        HS_SUCCESS) {
        global.db = NULL;
        snprintf(global.fault, sizeof global.fault, "pattern %d: %s", err ? err->expression : -1,
                 err ? err->message : "no detail");
    }
cleanup:
    hs_free_compile_error(err);
    sl_buf_done(&folded);
    free(expr);
    free(ids);
    free(flags);
}

sl_status sl_patterns_open(struct hs_scratch **scratch, sl_error *reterr)
{
    pthread_once(&global.once, compile);
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
