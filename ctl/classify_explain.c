#include "ctl/classify_explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Bytes of a line that are shown around a span. */
enum { AROUND = 60 };

static int by_offset(const void *a, const void *b)
{
    const sl_finding *x = a, *y = b;
    return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1)
                                  : (x->length > y->length ? -1 : x->length < y->length);
}

/* UTF-8 and control characters: what is shown is cut between characters and holds no escapes. */
static void put(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        putchar((unsigned char)p[i] < ' ' || p[i] == 0x7f ? ' ' : p[i]);
}

static bool follows(char ch)
{
    return ((unsigned char)ch & 0xc0) == 0x80;
}

static void show(sl_str text, const sl_finding *f, size_t line, bool colours)
{
    size_t at = f->offset < text.n ? f->offset : text.n, end = at + f->length;
    if (end > text.n)
        end = text.n;
    size_t from = at, to = end;
    while (from > 0 && at - from < AROUND && text.p[from - 1] != '\n')
        from--;
    while (from < at && follows(text.p[from]))
        from++;
    while (to < text.n && to - end < AROUND && text.p[to] != '\n')
        to++;
    while (to > end && to < text.n && follows(text.p[to]))
        to--;
    printf("  %4zu: ", line);
    put(text.p + from, at - from);
    fputs(colours ? "\033[1;31m" : "\xc2\xbb", stdout);
    put(text.p + at, end - at);
    fputs(colours ? "\033[0m" : "\xc2\xab", stdout);
    put(text.p + end, to - end);
    printf("   <- %s, %s", f->entity, sl_level_name(f->level));
    if (strcmp(f->view, "text") != 0)
        printf(", seen in the %s view", f->view);
    if (f->count > 1)
        printf(", the first of %d", f->count);
    puts(f->allowed ? ", allowed to this tenant" : "");
}

sl_status sl_classify_explain(sl_str text, const sl_finding *findings, size_t n, sl_error *reterr)
{
    sl_finding *sorted = malloc((n ? n : 1) * sizeof *sorted);
    if (!sorted)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for %zu findings", n);
    for (size_t i = 0; i < n; i++)
        sorted[i] = findings[i];
    qsort(sorted, n, sizeof *sorted, by_offset);
    bool colours = isatty(STDOUT_FILENO) != 0;
    for (size_t i = 0, at = 0, line = 1; i < n; i++) {
        for (; at < sorted[i].offset && at < text.n; at++)
            line += text.p[at] == '\n';
        show(text, &sorted[i], line, colours);
    }
    free(sorted);
    return SL_OK;
}
