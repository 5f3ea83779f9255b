/* findings.c - what is found in a string, and in the request. */
#include "router/classify/classify.h"

enum { WEAK_PAIR = 200 };

/* Positions of a view as positions of the string that was given. */
static void locate(const sl_frame *f, size_t *at, size_t *len)
{
    size_t from = *at, to = *at + *len;
    for (; f->parent; f = f->parent) {
        if (f->span) {
            from = f->base, to = f->base + f->span;
        } else if (f->edits) {
            from = sl_edits_source(f->edits, from);
            to = sl_edits_source(f->edits, to);
        }
    }
    /* what was put between pieces has no place of its own */
    to = to < f->text.n ? to : f->text.n;
    from = from < to ? from : to;
    *at = from, *len = to > from ? to - from : 0;
}

static sl_found *same(sl_classifier *c, sl_entity e, sl_level level)
{
    for (size_t i = 0; i < c->own.n; i++) {
        sl_found *f = &c->own.found[i];
        if (f->entity != e)
            continue;
        /* another view of the string: it says nothing new unless it says more */
        if ((c->frame && c->frame->again && f->level >= level) ||
            (f->level == level && f->view == (c->frame ? c->frame->view : "text")))
            return f;
    }
    return NULL;
}

/* A slot for a new finding; when all are taken the least of them makes room. */
static sl_found *slot(sl_found *found, size_t *n, sl_level level)
{
    if (*n < SL_FOUND_MAX)
        return &found[(*n)++];
    sl_found *least = &found[0];
    for (size_t i = 1; i < SL_FOUND_MAX; i++) {
        if (found[i].level < least->level)
            least = &found[i];
    }
    return least->level < level ? least : NULL;
}

/* In the view of pieces weak signs count in those alone that are no list of numbers. */
static bool sure(const sl_classifier *c, size_t at, size_t len)
{
    for (int i = 0; i < c->pieces.sure_n; i++) {
        if (at < c->pieces.sure[i].to && at + len > c->pieces.sure[i].from)
            return true;
    }
    return false;
}

void sl_add(sl_classifier *c, sl_entity e, sl_level level, size_t at, size_t len)
{
    if (c->frame && c->frame->pieces && level <= SL_LEVEL_INTERNAL && !sure(c, at, len))
        return;
    if (level > SL_LEVEL_INTERNAL)
        c->seen[c->seen_n++ % SL_TAKEN] = (sl_span){(uint32_t)at, (uint32_t)(at + len)};
    bool allowed = sl_entity_set_has(&c->allow, e);
    if (level > c->own.level && !allowed)
        c->own.level = level;
    c->own.doubt |= sl_entities[e].strength == SL_CLOSED;
    c->own.failed |= e == SL_ENT_CLASSIFIER_ERROR;
    sl_found *f = same(c, e, level);
    if (f) {
        if (!(c->frame && c->frame->again))
            f->count++;
        return;
    }
    f = slot(c->own.found, &c->own.n, level);
    if (!f)
        return;
    if (c->frame)
        locate(c->frame, &at, &len);
    *f = (sl_found){.entity = e,
                    .level = level,
                    .view = c->frame ? c->frame->view : "text",
                    .offset = at,
                    .length = len,
                    .count = 1,
                    .allowed = allowed};
}

void sl_add_weak(sl_classifier *c, sl_entity e, size_t at, size_t len)
{
    /* two readings of one number are no pair; the passes over a view come back to its beginning */
    bool apart = at >= c->weak_at
                     ? at - c->weak_at <= WEAK_PAIR
                     : c->weak_from >= at + len && c->weak_from - at - len <= WEAK_PAIR;
    bool pair = c->weak_any && c->weak_entity != e && apart;
    c->weak_any = true, c->weak_entity = e, c->weak_from = at, c->weak_at = at + len;
    sl_add(c, e, pair ? SL_LEVEL_CONFIDENTIAL : SL_LEVEL_INTERNAL, at, len);
}

/* True when the request has as much of the entity from the pieces of a joined string. */
static bool known(const sl_classifier *c, const sl_found *f)
{
    for (size_t i = 0; i < c->found_n; i++) {
        if (c->found[i].entity == f->entity && c->found[i].level >= f->level)
            return true;
    }
    return false;
}

void sl_findings_merge(sl_classifier *c, const char *where, bool joined)
{
    const char *kept = NULL;
    if (c->own.level > c->level)
        c->level = c->own.level;
    c->doubt |= c->own.doubt;
    for (size_t i = 0; i < c->own.n; i++) {
        const sl_found *f = &c->own.found[i];
        if (joined && known(c, f))
            continue;
        sl_found *to = slot(c->found, &c->found_n, f->level);
        if (!to)
            continue;
        if (!kept)
            kept = sl_arena_strndup(c->arena, where, strlen(where));
        *to = *f;
        to->where = kept ? kept : "";
    }
}
