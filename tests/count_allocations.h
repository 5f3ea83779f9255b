/* count_allocations.h - counts what a test or bench program asks of the heap: stands in front of
 * glibc's malloc, calloc and realloc. Sanitizers stand there too, so nothing is counted under them
 * (SL_SANITIZED). Included once by the program's own file. Threads: one that counts. */
#ifndef TESTS_COUNT_ALLOCATIONS_H
#define TESTS_COUNT_ALLOCATIONS_H

#include <stdlib.h>

static __attribute__((unused)) size_t allocations;

#ifndef SL_SANITIZED
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}
void *calloc(size_t n, size_t size)
{
    allocations++;
    return __libc_calloc(n, size);
}
void *realloc(void *p, size_t n)
{
    allocations++;
    return __libc_realloc(p, n);
}
#endif

#endif
