/* classify.h - text in, findings out: the classifier behind router.h.
 *
 * One sl_classifier is one thread's scratch: Vectorscan scratch, view buffers, context map and the
 * findings of the request at hand. The pattern database is global, compiled once a process.
 * A text is looked at through views: as it is; normalised (NFKC, ignorables stripped, decimal
 * digits to ASCII); with its escapes and encoded blobs decoded, two deep. A finding in any counts.
 * Adjacent short strings are looked at joined as well.
 * Doubt is a finding of its own (strength CLOSED in entities.h), so nothing here fails once open.
 * Findings hold positions and counts, never the value.
 *
 *     sl_classify_begin(c, dict, allow, arena);
 *     sl_classify_text(c, "messages[0].content", text); ...
 *     sl_classify_end(c, &level, &doubt, &findings, &n);
 *
 * Ownership: findings live in the arena. Threads: one owner; a dictionary may be shared. */
#ifndef SL_CLASSIFY_H
#define SL_CLASSIFY_H

#include "router/classify/bytes.h"
#include "router/classify/contexts.h"
#include "router/classify/entities.h"
#include "router/classify/model.h"
#include "router/router.h"

#define SL_TEXT_MAX       (1u << 20) /* bytes of one string; a body is 1,000,000 by default */
#define SL_FOUND_MAX      64 /* distinct findings kept a request; the level counts them all */
#define SL_VERDICTS_BYTES (1u << 20) /* of a classifier, for verdicts of strings seen before */
/* The work that a string may cost (sl_work): so much, and so much a byte. A unit is about a
 * nanosecond. Prose takes 8 a byte; of ordinary texts access logs, pairs of digits, JSON of persons
 * and URLs take 50 to 100, the half of it at most. The dearest known one, a list of URLs with
 * "id=40…" that read as two kinds of escapes, takes 165. */
#define SL_WORK_BASE        120000
#define SL_WORK_BYTE        200
#define SL_DECODE_DEPTH     2          /* a blob in a blob is looked at; deeper is opaque */
#define SL_DECODE_BYTES     65536      /* decoded bytes a string */
#define SL_DECODE_BLOBS     32         /* decoded blobs a string */
#define SL_DICTIONARY_TERMS 10000      /* a tenant */
#define SL_DICTIONARY_BYTES (4u << 20) /* compiled, a tenant */

/* ---- the whole ---- */
typedef struct sl_classifier sl_classifier;
typedef struct sl_dictionary sl_dictionary;

/* The first call in a process compiles the patterns (about a tenth of a second). */
sl_status sl_classifier_open(sl_classifier **ret, sl_error *reterr) SL_MUST_CHECK;
void sl_classifier_free(sl_classifier *c);
/* The learned second opinion: a string whose score reaches the threshold is CONTEXTUAL. NULL: none.
 * It must live until it is replaced; id tells it from every other one that this classifier had. */
void sl_classifier_set_model(sl_classifier *c, const sl_model *m, uint64_t id, float threshold);
/* Memory for what was found in strings before (SL_VERDICTS_BYTES unless set); 0: none. Empties it.
 * */
void sl_classifier_set_memory(sl_classifier *c, size_t bytes);
/* allow: entities that the tenant's allow-list lets pass (NULL: none); such findings are told, but
 * raise nothing. Doubt can't be allowed. */
void sl_classify_begin(sl_classifier *c, const sl_dictionary *dict, const sl_entity_set *allow,
                       sl_arena *arena);
void sl_classify_text(sl_classifier *c, const char *where, sl_str text);
/* Doubt that the caller knows of: an image part, a string that could not be read, … */
void sl_classify_doubt(sl_classifier *c, sl_entity e, const char *where);
/* *ret_doubt: something could not be read, so that no policy may send it out whatever its level. */
void sl_classify_end(sl_classifier *c, sl_level *ret_level, bool *ret_doubt, sl_finding **ret,
                     size_t *ret_n);

/* ---- tenants' dictionaries (dictionary.c) ---- */
typedef struct sl_term {
    sl_str text;
    sl_level level;
} sl_term;
/* Terms match without regard to ASCII case, on word edges. *ret is NULL when n is 0. */
sl_status sl_dictionary_compile(sl_dictionary **ret, const sl_term *terms, size_t n,
                                sl_error *reterr) SL_MUST_CHECK;
void sl_dictionary_free(sl_dictionary *d);
size_t sl_dictionary_bytes(const sl_dictionary *d); /* compiled */

/* ---- inside: shared by the stages ---- */

/* Where a view and its source part: from view offset `out` on stand the source's bytes from `in`.
 * */
typedef struct sl_edit {
    uint32_t out, in;
} sl_edit;
typedef struct sl_edits {
    sl_edit *at;
    size_t n, cap;
    bool lost;
} sl_edits;

enum { SL_TAKEN = 32 };
typedef struct sl_span {
    uint32_t from, to;
} sl_span;

/* One view of one string while it is scanned. */
typedef struct sl_frame {
    const char *view;
    sl_str text;
    const struct sl_frame *parent; /* the view it was made from; NULL: the string as given */
    const sl_edits *edits;         /* its positions as the parent's; NULL: the same */
    size_t base, span; /* of a decoded view: its blob in the parent; edits don't count */
    bool decoded;
    bool again;      /* another view of the same string: what was found there is not told twice */
    bool one_script; /* look-alike letters were replaced */
    bool pieces;     /* the view of c->pieces */
    int stage; /* 0 a text, 1 stripped of markup, 2 a piece: only lower ones are taken apart */
    int depth;
} sl_frame;

/* What a scan saw that may be something in another form; see hints.c. */
typedef enum sl_hint_kind {
    SL_HINT_NUMERALS,
    SL_HINT_WORDS,
    SL_HINT_ALIKE,
    SL_HINT_PARTS,
    SL_HINT_LIST,
    SL_HINT_MAIL,
    SL_HINT_STRIP,
    SL_HINT_QP,
    SL_HINT_ESCAPE,
    SL_HINT_REVERSED,
    SL_HINT_ROT13,
    SL_HINT_N
} sl_hint_kind;

enum { SL_LISTS = 8 };
typedef struct sl_hints {
    unsigned any;             /* bits by kind */
    uint32_t lists[SL_LISTS]; /* where what may be lists of character codes begin */
    int lists_n;
    uint32_t first[SL_HINT_N], last[SL_HINT_N];
} sl_hints;

/* A row of digit groups that may be one number in pieces; see loose.c. */
typedef struct sl_loose {
    char d[24];
    int n, groups, list; /* list: small numbers in a row, as codes of characters are */
    bool regular, even, plain, decimal, broken;
    uint8_t width, least;
    size_t from, end, gap_at, gap_n, list_at, list_end;
} sl_loose;

/* What parts of a view mean, each beside what stands around it: the text of one more view. */
enum { SL_SURE = 64, SL_MAYBE = 32 };
typedef struct sl_pieces {
    sl_buf text;
    sl_edits edits;
    struct {
        uint32_t from, to;
    } sure[SL_SURE]; /* pieces in which weak signs count */
    int sure_n;
    struct {
        uint32_t from, end;
        char d[24];
        int n;
    } maybe[SL_MAYBE]; /* numbers in plain pieces: read unless something was found there anyway */
    int maybe_n;
    bool cut; /* there were more than a string may have */
} sl_pieces;

/* A view that was read: the hash of its text and what is done with it. */
enum { SL_READ = 32 };
typedef struct sl_read {
    uint64_t hash[2];
    size_t n;
    int stage, depth;
    bool pieces, span;
} sl_read;

typedef struct sl_found {
    sl_entity entity;
    sl_level level;
    const char *view, *where;
    size_t offset, length;
    int count;
    bool allowed;
} sl_found;

struct sl_classifier {
    struct hs_scratch *scratch;
    const sl_dictionary *dict;
    uint64_t dict_id; /* the dictionary that the scratch was last sized for */
    sl_arena *arena;
    int this_year;
    sl_entity_set allow;
    sl_level level;
    bool doubt;
    sl_found found[SL_FOUND_MAX]; /* of the request */
    size_t found_n;
    struct sl_verdicts *verdicts;
    const sl_model *model;
    uint64_t model_id;
    float threshold;
    /* the string at hand */
    struct {
        sl_found found[SL_FOUND_MAX];
        size_t n;
        sl_level level;
        bool doubt, failed;
    } own;
    size_t decoded_bytes, decoded_blobs;
    sl_read read[SL_READ];
    unsigned read_n;
    uint64_t work, work_max; /* done for it, and allowed */
    const sl_frame *frame;
    /* the last weak sign of this view, for the two-signs rule */
    sl_entity weak_entity;
    size_t weak_from, weak_at; /* from its beginning to its end */
    bool weak_any;
    size_t secret_to[16];    /* how far finders of secrets looked at this view */
    sl_span taken[SL_TAKEN]; /* identifiers that numbers.c found in the view at hand */
    int taken_n;
    sl_ctx_map ctx; /* of the view at hand */
    sl_hints hints; /* of the view at hand */
    sl_loose loose;
    sl_pieces pieces;
    sl_span
        seen[SL_TAKEN]; /* where the view at hand has findings above internal; the last of them */
    unsigned seen_n;
    size_t pieces_bytes; /* of the string at hand */
    sl_buf norm[SL_DECODE_DEPTH + 1], decoded[SL_DECODE_DEPTH];
    sl_edits norm_edits[SL_DECODE_DEPTH + 1];
    /* of each depth: text in one script, stripped text, a piece put together */
    sl_buf alike[SL_DECODE_DEPTH + 1], bare[SL_DECODE_DEPTH + 1], piece[SL_DECODE_DEPTH + 1];
    sl_edits alike_edits[SL_DECODE_DEPTH + 1], bare_edits[SL_DECODE_DEPTH + 1];
    sl_buf joined;
    char joined_where[96];
    int joined_n;
};

/* Counts work on the string at hand, so that no text costs more than its length is worth, whatever
 * it is made of: bytes of views, words that need a look, windows of digits. False: it is used up,
 * and the scan ends. What was found stays, and the string is doubt (OVERWORK). */
static inline bool sl_work(sl_classifier *c, size_t n)
{
    c->work += n;
    return c->work <= c->work_max;
}

static inline void sl_hint(sl_classifier *c, sl_hint_kind kind, size_t at)
{
    if (!(c->hints.any >> kind & 1))
        c->hints.any |= 1u << kind, c->hints.first[kind] = (uint32_t)at;
    c->hints.last[kind] = (uint32_t)at;
}

/* Scans one view: patterns, dictionary, numbers, then what it holds encoded. */
void sl_scan_view(sl_classifier *c, const sl_frame *f);
/* Text as decoded or as given, with its normalised form. */
void sl_scan_text(sl_classifier *c, sl_frame f);

/* A finding at [at, at+len) of the current view. sl_add_weak: `internal`, until a second sign of
 * another kind stands within 200 bytes. */
void sl_add(sl_classifier *c, sl_entity e, sl_level level, size_t at, size_t len);
void sl_add_weak(sl_classifier *c, sl_entity e, size_t at, size_t len);
/* The string's findings become the request's, at `where`; of a joined one those that its pieces
 * did not show. */
void sl_findings_merge(sl_classifier *c, const char *where, bool joined);
uint64_t sl_dictionary_id(const sl_dictionary *d); /* 0 for NULL; never used twice in a process */
bool sl_dictionary_scan(sl_classifier *c, sl_str text);

void sl_numbers_scan(sl_classifier *c, sl_str t);
void sl_decode_scan(sl_classifier *c, const sl_frame *f, const sl_hints *h);

/* views.c */
sl_status sl_views_open(sl_error *reterr) SL_MUST_CHECK; /* builds the tables, once a process */
bool sl_ascii(sl_str s);
bool sl_edits_grow(sl_edits *e);
void sl_edits_clear(sl_edits *e);
void sl_edits_done(sl_edits *e);
/* From `out` of the view on, the view goes on with the source's byte `in`. NULL: not kept. */
static inline void sl_edits_add(sl_edits *e, size_t out, size_t in)
{
    if (!e || (e->n == e->cap && !sl_edits_grow(e)))
        return;
    e->at[e->n++] = (sl_edit){(uint32_t)out, (uint32_t)in};
}
size_t sl_edits_source(const sl_edits *e, size_t out); /* the source's offset of a view's */
typedef struct sl_norm_result {
    bool changed; /* differs from the source at all */
    bool dropped; /* something was left out between letters or digits: the shape is another */
    bool invalid; /* was not UTF-8 */
    bool mixed;   /* letters of other alphabets stand right beside Latin ones */
} sl_norm_result;
/* Appends the folded form of `in`: NFKC, ignorables and decoration dropped, digits, dashes, spaces
 * and dots as ASCII, Latin letters without diacritics, other scripts in lower case. ASCII stays as
 * it is. edits may be NULL. Errors: sl_buf_ok(out). */
void sl_fold(sl_str in, sl_buf *out, sl_edits *edits, sl_norm_result *ret);

/* A pattern's expression with its words in folded form, appended. */
void sl_fold_expr(const char *expr, sl_buf *out);

double sl_entropy(const char *p, size_t n); /* bits a byte, of the byte frequencies */

#endif
