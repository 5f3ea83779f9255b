#include "common/base/arena.h"

#include <stdlib.h>

#define ARENA_FIRST 4096          /* one page: a small request needs no second block */
#define ARENA_MOST  (1024 * 1024) /* growth stops here; a larger piece gets its own block */
#define ARENA_ALIGN 16

/* The newest block stands first in the list, the first one last. */
struct sl_arena_block {
    struct sl_arena_block *prev;
    size_t size, used;
    _Alignas(ARENA_ALIGN) unsigned char data[];
};

static struct sl_arena_block *block_new(sl_arena *a, size_t n)
{
    size_t size = ARENA_FIRST - sizeof(struct sl_arena_block);
    if (a->head) {
        size = a->head->size * 2;
        if (size > ARENA_MOST)
            size = ARENA_MOST;
    }
    if (size < n)
        size = n;
    struct sl_arena_block *b = malloc(sizeof(*b) + size);
    if (!b)
        return NULL;
    b->prev = a->head;
    b->size = size;
    b->used = 0;
    a->head = b;
    return b;
}

void *sl_arena_alloc(sl_arena *a, size_t n)
{
    if (n > SIZE_MAX / 4)
        return NULL;
    size_t room = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (room == 0)
        room = ARENA_ALIGN;
    struct sl_arena_block *b = a->head;
    if (!b || b->size - b->used < room) {
        b = block_new(a, room);
        if (!b)
            return NULL;
    }
    void *p = b->data + b->used;
    b->used += room;
    a->total += n;
    return p;
}

void *sl_arena_zalloc(sl_arena *a, size_t n)
{
    void *p = sl_arena_alloc(a, n);
    if (p)
        memset(p, 0, n);
    return p;
}

char *sl_arena_strndup(sl_arena *a, const char *p, size_t n)
{
    if (n == SIZE_MAX)
        return NULL;
    char *s = sl_arena_alloc(a, n + 1);
    if (!s)
        return NULL;
    if (n)
        memcpy(s, p, n);
    s[n] = '\0';
    return s;
}

void sl_arena_reset(sl_arena *a)
{
    while (a->head && a->head->prev) {
        struct sl_arena_block *b = a->head;
        a->head = b->prev;
        free(b);
    }
    if (a->head)
        a->head->used = 0;
    a->total = 0;
}

void sl_arena_done(sl_arena *a)
{
    if (!a)
        return;
    while (a->head) {
        struct sl_arena_block *b = a->head;
        a->head = b->prev;
        free(b);
    }
    a->total = 0;
}
