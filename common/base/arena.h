/* arena.h - memory that lives as long as one request, freed in one call.
 *
 * Ownership: everything allocated belongs to the arena. A zeroed sl_arena is empty and ready.
 * Blocks grow from 4 KiB; `sl_arena_reset` keeps the first block for the next request.
 * Errors: allocation returns NULL; callers return SL_E_NOMEM. Threads: one owner at a time. */
#ifndef SL_BASE_ARENA_H
#define SL_BASE_ARENA_H

#include "common/base/buf.h"

typedef struct sl_arena {
    struct sl_arena_block *head;
    size_t total; /* bytes handed out since the last reset */
} sl_arena;

void *sl_arena_alloc(sl_arena *a, size_t n);  /* 16-byte aligned, not zeroed; NULL on failure */
void *sl_arena_zalloc(sl_arena *a, size_t n); /* zeroed */
char *sl_arena_strndup(sl_arena *a, const char *p, size_t n); /* NUL-terminated copy */
static inline sl_str sl_arena_str(sl_arena *a, sl_str s)
{
    char *p = sl_arena_strndup(a, s.p, s.n);
    return (sl_str){p, p ? s.n : 0};
}
void sl_arena_reset(sl_arena *a);
void sl_arena_done(sl_arena *a);

#endif
