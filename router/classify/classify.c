/* classify.c - the way of one string through its views, and the findings of a request. */
#include "router/classify/classify.h"

#include "common/base/clock.h"
#include "router/classify/contact.h"
#include "router/classify/patterns.h"
#include "router/classify/verdicts.h"
#include "router/classify/views.h"
#include "router/classify/words.h"

#include <stdio.h>
#include <stdlib.h>

enum { JOIN_PIECE = 64, JOIN_MAX = 4096, CACHE_MIN = 16, VIEW_WORK = 400, VIEW_WORK_BYTE = 5 };

sl_status sl_classifier_open(sl_classifier **ret, sl_error *reterr)
{
    sl_status st = sl_views_open(reterr);
    if (st != SL_OK)
        return st;
    sl_classifier *c = calloc(1, sizeof *c);
    if (!c)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a classifier");
    st = sl_patterns_open(&c->scratch, reterr);
    if (st != SL_OK) {
        sl_classifier_free(c);
        return st;
    }
    c->verdicts = sl_verdicts_new(SL_VERDICTS_BYTES); /* NULL: it goes without */
    c->this_year = (int)(1970 + sl_unix_ms() / 1000 / 31556952);
    *ret = c;
    return SL_OK;
}

void sl_classifier_free(sl_classifier *c)
{
    if (!c)
        return;
    sl_patterns_scratch_free(c->scratch);
    sl_verdicts_free(c->verdicts);
    for (int i = 0; i <= SL_DECODE_DEPTH; i++)
        sl_buf_done(&c->norm[i]), sl_edits_done(&c->norm_edits[i]), sl_buf_done(&c->alike[i]),
            sl_edits_done(&c->alike_edits[i]), sl_buf_done(&c->bare[i]),
            sl_edits_done(&c->bare_edits[i]), sl_buf_done(&c->piece[i]);
    for (int i = 0; i < SL_DECODE_DEPTH; i++)
        sl_buf_done(&c->decoded[i]);
    sl_buf_done(&c->joined);
    sl_buf_done(&c->pieces.text);
    sl_edits_done(&c->pieces.edits);
    sl_ctx_done(&c->ctx);
    free(c);
}

/* ---- views ---- */

/* The view without its markup. */
static void scan_bare(sl_classifier *c, const sl_frame *f)
{
    sl_buf *out = &c->bare[f->depth];
    sl_buf_clear(out);
    if (!sl_work(c, f->text.n * 3))
        return;
    bool changed = sl_strip(f->text, out, &c->bare_edits[f->depth]);
    c->frame = f;
    if (!sl_buf_ok(out))
        sl_add(c, SL_ENT_CLASSIFIER_ERROR, SL_LEVEL_INTERNAL, 0, 0);
    if (!changed)
        return;
    sl_frame g = {.view = f->decoded ? f->view : "markup",
                  .text = sl_buf_str(out),
                  .parent = f,
                  .edits = &c->bare_edits[f->depth],
                  .decoded = f->decoded,
                  .again = true,
                  .one_script = f->one_script,
                  .stage = 1,
                  .depth = f->depth};
    sl_scan_view(c, &g);
    c->frame = f;
}

/* The text with tokens of mixed scripts in one. */
static void scan_alike(sl_classifier *c, const sl_frame *f)
{
    sl_buf *out = &c->alike[f->depth];
    sl_buf_clear(out);
    if (!sl_work(c, f->text.n * 3))
        return;
    bool changed = sl_lookalike(f->text, out, &c->alike_edits[f->depth]);
    c->frame = f;
    if (!sl_buf_ok(out))
        sl_add(c, SL_ENT_CLASSIFIER_ERROR, SL_LEVEL_INTERNAL, 0, 0);
    if (!changed)
        return;
    sl_scan_text(c, (sl_frame){.view = f->decoded ? f->view : "look-alike",
                               .text = sl_buf_str(out),
                               .parent = f,
                               .edits = &c->alike_edits[f->depth],
                               .decoded = f->decoded,
                               .again = true,
                               .one_script = true,
                               .stage = f->stage,
                               .depth = f->depth});
}

/* The same text was read as a view already, and no less was done with it: ways through tags and
 * escapes often meet. The string as it is given is the first. */
static bool read_before(sl_classifier *c, const sl_frame *f)
{
    sl_verdict_key key = sl_verdicts_key(f->text, "", 0);
    sl_read new = {.hash = {key.w[0], key.w[1]},
                   .n = f->text.n,
                   .stage = f->stage,
                   .depth = f->depth,
                   .pieces = f->pieces,
                   .span = f->span > 0};
    for (unsigned i = 0; i < c->read_n && i < SL_READ; i++) {
        const sl_read *r = &c->read[i];
        if (r->n == new.n && r->hash[0] == new.hash[0] && r->hash[1] == new.hash[1] &&
            r->stage <= new.stage && r->depth <= new.depth && r->pieces == new.pieces &&
            r->span <= new.span)
            return true;
    }
    c->read[c->read_n++ % SL_READ] = new;
    return false;
}

void sl_scan_view(sl_classifier *c, const sl_frame *f)
{
    if (read_before(c, f)) {
        c->frame = NULL;
        return;
    }
    c->frame = f;
    c->weak_any = false;
    c->hints.any = 0;
    c->hints.lists_n = 0;
    c->seen_n = 0;
    sl_ctx_clear(&c->ctx);
    if (!sl_work(c, VIEW_WORK + f->text.n * VIEW_WORK_BYTE)) {
        c->frame = NULL;
        return;
    }
    bool ok = sl_patterns_scan(c, f->text) && sl_dictionary_scan(c, f->text);
    if (!ok || c->ctx.lost)
        sl_add(c, SL_ENT_CLASSIFIER_ERROR, SL_LEVEL_INTERNAL, 0, 0);
    sl_contact_scan(c, f->text);
    sl_numbers_scan(c, f->text);
    if (f->stage < 2)
        sl_words_scan(c, f->text);
    /* other views use the same context map and hints: they come last */
    sl_hints h = c->hints;
    if (f->stage < 2)
        sl_pieces_scan(c, f);
    if (f->stage == 0 && (h.any >> SL_HINT_STRIP & 1 || sl_has_control(f->text)))
        scan_bare(c, f);
    if (f->stage < 2) {
        sl_disguise_scan(c, f, &h);
        sl_lists_scan(c, f, &h);
        c->frame = f;
        sl_decode_scan(c, f, &h);
    }
    c->frame = NULL;
}

void sl_scan_piece(sl_classifier *c, const sl_frame *f, const char *view, sl_str text, size_t at,
                   size_t n)
{
    sl_frame in = {.view = view,
                   .text = text,
                   .parent = f,
                   .base = at,
                   .span = n,
                   .decoded = true,
                   .again = true,
                   .stage = 2,
                   .depth = f->depth};
    sl_scan_view(c, &in);
    c->frame = f;
}

void sl_scan_text(sl_classifier *c, sl_frame f)
{
    if (f.text.n == 0)
        return;
    if (sl_ascii(f.text)) {
        sl_scan_view(c, &f);
        return;
    }
    sl_buf *norm = &c->norm[f.depth];
    sl_buf_clear(norm);
    sl_norm_result r;
    if (!sl_work(c, f.text.n * 2))
        return;
    sl_fold(f.text, norm, &c->norm_edits[f.depth], &r);
    (void)sl_work(c, c->norm_edits[f.depth].n * 20);
    c->frame = &f;
    if (!sl_buf_ok(norm))
        sl_add(c, SL_ENT_CLASSIFIER_ERROR, SL_LEVEL_INTERNAL, 0, 0);
    else if (r.invalid && !f.decoded && !f.one_script)
        sl_add(c, SL_ENT_INVALID_UTF8, SL_LEVEL_INTERNAL, 0, 0);
    if (!r.changed || r.dropped || !sl_buf_ok(norm)) {
        sl_scan_view(c, &f);
        f.again = true;
    }
    if (r.changed && sl_buf_ok(norm)) {
        sl_frame g = {.view = f.decoded || f.one_script ? f.view : "nfkc",
                      .text = sl_buf_str(norm),
                      .parent = &f,
                      .edits = &c->norm_edits[f.depth],
                      .decoded = f.decoded,
                      .again = f.again,
                      .one_script = f.one_script,
                      .stage = f.stage,
                      .depth = f.depth};
        sl_scan_view(c, &g);
    }
    if (r.mixed && !f.one_script) {
        f.again = true;
        scan_alike(c, &f);
    }
    c->frame = NULL;
}

/* ---- one string ---- */

static void begin_string(sl_classifier *c)
{
    c->own.n = 0;
    c->own.level = SL_LEVEL_PUBLIC;
    c->own.doubt = c->own.failed = false;
    c->loose = (sl_loose){.n = 0};
    c->decoded_bytes = c->decoded_blobs = c->pieces_bytes = 0;
    c->taken_n = 0;
    c->read_n = 0;
    sl_pieces_clear(c);
    c->work = 0, c->work_max = UINT64_MAX;
    c->frame = NULL;
}

/* What the findings of a string depend on besides its bytes. */
typedef struct conditions {
    sl_entity_set allow;
    uint64_t dictionary, model;
    float threshold;
    uint32_t joined;
} conditions;

static void scan_string(sl_classifier *c, sl_str text, bool joined)
{
    if (text.n > SL_TEXT_MAX) {
        sl_add(c, SL_ENT_OVERSIZE, SL_LEVEL_INTERNAL, SL_TEXT_MAX, 0);
        text.n = SL_TEXT_MAX;
    }
    c->work_max = SL_WORK_BASE + (uint64_t)text.n * SL_WORK_BYTE;
    if (c->model && !joined && sl_model_score(c->model, text) >= c->threshold)
        sl_add(c, SL_ENT_CONTEXTUAL, SL_LEVEL_CONFIDENTIAL, 0, 0);
    sl_scan_text(c, (sl_frame){.view = joined ? "joined" : "text", .text = text});
    c->frame = NULL;
    if (c->work > c->work_max)
        sl_add(c, SL_ENT_OVERWORK, SL_LEVEL_INTERNAL, 0, text.n);
}

/* A string's findings become the request's; those of one that was seen before are remembered. */
static void take_string(sl_classifier *c, const char *where, sl_str text, bool joined)
{
    begin_string(c);
    bool cached = c->verdicts && text.n >= CACHE_MIN;
    sl_verdict_key key = {{0}};
    if (cached) {
        conditions rest;
        memset(&rest, 0, sizeof rest); /* padding is hashed as well */
        rest.allow = c->allow;
        rest.dictionary = sl_dictionary_id(c->dict);
        rest.model = c->model ? c->model_id : 0, rest.threshold = c->model ? c->threshold : 0;
        rest.joined = joined;
        key = sl_verdicts_key(text, &rest, sizeof rest);
        cached = !sl_verdicts_get(c->verdicts, key, c->own.found, &c->own.n, &c->own.level,
                                  &c->own.doubt);
        if (!cached) {
            sl_findings_merge(c, where, joined);
            return;
        }
    }
    scan_string(c, text, joined);
    sl_findings_merge(c, where, joined);
    if (cached && !c->own.failed) /* an error may pass: it is not remembered */
        sl_verdicts_put(c->verdicts, key, c->own.found, c->own.n, c->own.level, c->own.doubt);
}

/* ---- strings that belong together ---- */

/* What may go on in the next string: letters, digits and what tokens and numbers are made of. */
static bool joins(char ch)
{
    return sl_is_alnum(ch) || sl_is_high(ch) || strchr("+/=_@.-:", ch) != NULL;
}

static void join_flush(sl_classifier *c)
{
    if (c->joined_n > 1)
        take_string(c, c->joined_where, sl_buf_str(&c->joined), true);
    sl_buf_clear(&c->joined);
    c->joined_n = 0;
}

static void join_add(sl_classifier *c, const char *where, sl_str t)
{
    if (t.n == 0)
        return;
    sl_str head = {t.p, t.n < JOIN_PIECE ? t.n : JOIN_PIECE};
    if (c->joined_n > 0) {
        if (joins(c->joined.data[c->joined.len - 1]) && joins(t.p[0]))
            sl_buf_add_str(&c->joined, head), c->joined_n++;
        else
            join_flush(c);
    }
    if (t.n <= JOIN_PIECE && c->joined_n > 0 && c->joined.len < JOIN_MAX)
        return;
    if (c->joined_n > 0)
        join_flush(c);
    sl_buf_add(&c->joined, t.p + t.n - head.n, head.n);
    c->joined_n = 1;
    snprintf(c->joined_where, sizeof c->joined_where, "%s", where);
}

/* ---- the request ---- */

void sl_classify_begin(sl_classifier *c, const sl_dictionary *dict, const sl_entity_set *allow,
                       sl_arena *arena)
{
    c->dict = dict;
    c->allow = allow ? *allow : (sl_entity_set){{0}};
    c->doubt = false;
    c->arena = arena;
    c->level = SL_LEVEL_PUBLIC;
    c->found_n = 0;
    sl_buf_clear(&c->joined);
    c->joined_n = 0;
    c->frame = NULL;
}

void sl_classifier_set_model(sl_classifier *c, const sl_model *m, uint64_t id, float threshold)
{
    c->model = m;
    c->model_id = id;
    c->threshold = threshold;
}

void sl_classifier_set_memory(sl_classifier *c, size_t bytes)
{
    sl_verdicts_free(c->verdicts);
    c->verdicts = sl_verdicts_new(bytes);
}

void sl_classify_text(sl_classifier *c, const char *where, sl_str text)
{
    join_add(c, where, text);
    take_string(c, where, text, false);
}

void sl_classify_doubt(sl_classifier *c, sl_entity e, const char *where)
{
    begin_string(c);
    sl_add(c, e, sl_entities[e].level, 0, 0);
    sl_findings_merge(c, where, false);
}

void sl_classify_end(sl_classifier *c, sl_level *ret_level, bool *ret_doubt, sl_finding **ret,
                     size_t *ret_n)
{
    join_flush(c);
    *ret_level = c->level;
    *ret_doubt = c->doubt;
    *ret_n = 0;
    *ret = c->found_n ? sl_arena_zalloc(c->arena, c->found_n * sizeof **ret) : NULL;
    if (!*ret)
        return;
    for (size_t i = 0; i < c->found_n; i++) {
        const sl_found *f = &c->found[i];
        (*ret)[i] = (sl_finding){.entity = sl_entities[f->entity].name,
                                 .level = f->level,
                                 .view = f->view,
                                 .where = f->where,
                                 .offset = f->offset,
                                 .length = f->length,
                                 .count = f->count,
                                 .allowed = f->allowed};
    }
    *ret_n = c->found_n;
}
