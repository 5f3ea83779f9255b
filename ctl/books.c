#include "ctl/books.h"

#include "common/base/idtable.h"
#include "schemas/audit.h"
#include "schemas/envelope.h"

#include <stdio.h>
#include <stdlib.h>

#define BUCKETS     (1u << 20) /* 8 MB; a million ids stay in short chains */
#define DEADLINE_MS 600000     /* where no request record tells one */
#define GRACE_MS    30000      /* past the deadline: the core's own time to answer 504 */
#define CUT_MS      900000     /* who was decided before the records begin has ended by then */

typedef struct run {
    struct run *next;
    char id[SL_RUN_TEXT];
    uint64_t seq;       /* the next sequence number */
    sl_run_digest *sum; /* until the end record: its state is large */
    bool ended, broken, from_start;
} run;

typedef struct entry {
    sl_id_node node;
    struct entry *next;
    sl_book book;
    int64_t first_ms;
    bool produced_elsewhere; /* produced to another class than the decided one */
    bool on[2];              /* a request or chunk record stands on a private, a public topic */
    run *runs;
} entry;

struct sl_books {
    sl_id_table table;
    entry *all;
    sl_level public_max;
    int64_t since_ms;
    sl_tally tally;
};

static const char *const fault_names[SL_FAULT_N] = {"lost",    "unanswered",  "duplicated",
                                                    "altered", "wrong_class", "beside_kafka"};
const char *sl_fault_name(sl_fault f)
{
    return (unsigned)f < SL_FAULT_N ? fault_names[f] : "unknown";
}

sl_status sl_books_open(sl_books **ret, sl_level public_max, int64_t since_ms)
{
    sl_books *b = calloc(1, sizeof(*b));
    if (!b)
        return SL_E_NOMEM;
    b->public_max = public_max;
    b->since_ms = since_ms;
    sl_status st = sl_id_table_open(&b->table, BUCKETS);
    if (st)
        free(b);
    else
        *ret = b;
    return st;
}

void sl_books_free(sl_books *b)
{
    if (!b)
        return;
    for (entry *e = b->all, *next; e; e = next) {
        next = e->next;
        for (run *r = e->runs, *rn; r; r = rn) {
            rn = r->next;
            sl_run_digest_free(r->sum);
            free(r);
        }
        free(e);
    }
    sl_id_table_done(&b->table);
    free(b);
}

static entry *entry_of(sl_books *b, sl_str id)
{
    if (!sl_uuid_valid(id.p, id.n))
        return NULL;
    sl_id_node *n = sl_id_table_find(&b->table, id);
    if (n)
        return (entry *)((char *)n - offsetof(entry, node));
    entry *e = calloc(1, sizeof(*e));
    if (!e) {
        b->tally.unbooked++;
        return NULL;
    }
    memcpy(e->book.id, id.p, id.n);
    e->node.key = (sl_str){e->book.id, id.n};
    sl_id_table_add(&b->table, &e->node);
    e->next = b->all;
    b->all = e;
    return e;
}

static void fault(entry *e, sl_fault f)
{
    e->book.faults |= 1u << f;
}

static sl_str header(const sl_record *r, const char *name)
{
    const sl_header *h = sl_record_header(r, name);
    return h ? h->value : (sl_str){0};
}

/* ---- requests and responses ---- */

static void add_request(entry *e, const sl_record *r, bool on_public)
{
    uint64_t deadline;
    e->book.requests++;
    if (sl_parse_u64(header(r, "ce_deadline"), &deadline))
        e->book.deadline_ms = deadline;
    sl_class c;
    if (!sl_class_parse(header(r, "ce_class"), &c) || (c == SL_CLASS_PUBLIC) != on_public)
        fault(e, SL_FAULT_WRONG_CLASS);
}

static run *run_of(sl_books *b, entry *e, sl_str id)
{
    if (id.n != 32)
        return NULL;
    for (run *r = e->runs; r; r = r->next)
        if (memcmp(r->id, id.p, 32) == 0)
            return r;
    run *r = calloc(1, sizeof(*r));
    if (!r || sl_run_digest_open(&r->sum) != SL_OK) {
        free(r);
        b->tally.unbooked++;
        return NULL;
    }
    memcpy(r->id, id.p, 32);
    r->next = e->runs;
    e->runs = r;
    e->book.runs++;
    return r;
}

static void add_chunk(sl_books *b, entry *e, const sl_record *r,
                      const char checksum[SL_CHECKSUM_TEXT])
{
    uint64_t seq = 0, count = 0;
    run *x = run_of(b, e, header(r, "ce_run"));
    if (!x || x->ended || !sl_parse_u64(header(r, "ce_seq"), &seq) || seq < x->seq)
        return; /* seen already: a producer that was rebuilt */
    x->from_start |= seq == 0;
    x->broken |= seq != x->seq;
    x->seq = seq + 1;
    if (!sl_str_is(header(r, "ce_fin"), "1")) {
        sl_run_digest_add(x->sum, checksum);
        return;
    }
    char digest[SL_CHECKSUM_TEXT];
    sl_run_digest_text(x->sum, digest);
    x->ended = true;
    x->broken |= !sl_parse_u64(header(r, "ce_count"), &count) || count != seq ||
                 !sl_str_is(header(r, "ce_digest"), digest);
    if (x->broken && x->from_start)
        fault(e, SL_FAULT_ALTERED);
    sl_run_digest_free(x->sum);
    x->sum = NULL;
}

/* ---- audit ---- */

static void add_delivered(entry *e, const sl_audit *a)
{
    e->book.delivered++;
    e->book.http_status = a->http_status;
    e->book.results += a->http_status == 200;
}

static void add_audit(sl_books *b, const sl_record *r)
{
    sl_audit a;
    sl_jnode *root = NULL;
    if (sl_audit_parse(&a, &root, r->value, NULL) != SL_OK) {
        b->tally.bad_records++;
        return;
    }
    if (a.event == SL_AUDIT_REJECTED)
        b->tally.rejected++;
    entry *e = a.id.n ? entry_of(b, a.id) : NULL;
    if (e && !e->first_ms)
        e->first_ms = r->time_ms;
    switch (e ? a.event : SL_AUDIT_EVENT_N) {
    case SL_AUDIT_DECIDED:
        e->book.decided = true;
        e->book.is_public = a.cls == SL_CLASS_PUBLIC;
        e->book.level = a.level;
        break;
    case SL_AUDIT_PRODUCED:
        e->produced_elsewhere |= e->book.decided && e->book.is_public != (a.cls == SL_CLASS_PUBLIC);
        e->book.produced = true;
        if (!e->book.decided)
            e->book.is_public = a.cls == SL_CLASS_PUBLIC;
        break;
    case SL_AUDIT_UNCONFIRMED:
        e->book.unconfirmed = true;
        break;
    case SL_AUDIT_STARTED:
        e->book.started++;
        break;
    case SL_AUDIT_ENDED:
        e->book.ended++;
        break;
    case SL_AUDIT_DELIVERED:
        add_delivered(e, &a);
        break;
    default:
        break;
    }
    sl_json_free(root);
}

void sl_books_add(sl_books *b, const sl_record *r)
{
    char checksum[SL_CHECKSUM_TEXT];
    bool on_public = !strncmp(r->topic, "llm.public.", 11);
    sl_type type = sl_type_parse(header(r, "ce_type"));
    b->tally.records++;
    entry *e = NULL;
    if (type == SL_TYPE_REQUEST || type == SL_TYPE_CHUNK)
        e = entry_of(b, header(r, "ce_subject"));
    if (sl_envelope_verify(r, checksum, NULL) != SL_OK) {
        b->tally.bad_records++;
        if (e)
            fault(e, SL_FAULT_ALTERED);
        return;
    }
    if (type == SL_TYPE_POLICY)
        b->tally.policies++;
    else if (type == SL_TYPE_AUDIT)
        add_audit(b, r);
    else if (e && type == SL_TYPE_REQUEST)
        add_request(e, r, on_public);
    else if (e && type == SL_TYPE_CHUNK)
        add_chunk(b, e, r, checksum);
    if (e && (type == SL_TYPE_REQUEST || type == SL_TYPE_CHUNK)) {
        e->on[on_public] = true;
        if (!e->first_ms)
            e->first_ms = r->time_ms;
    }
}

/* ---- the verdict ---- */

uint64_t sl_books_open_ids(const sl_books *b)
{
    uint64_t n = 0;
    for (const entry *e = b->all; e; e = e->next)
        n += (e->book.produced || e->book.requests) && !e->book.delivered;
    return n;
}

static void judge(const sl_books *b, entry *e, int64_t now_ms)
{
    sl_book *k = &e->book;
    for (const run *r = e->runs; r; r = r->next)
        k->complete_runs += r->ended && !r->broken;
    k->cut = !k->decided && b->since_ms && e->first_ms < b->since_ms + CUT_MS;
    if (k->cut)
        return;
    if (k->produced && !k->requests)
        fault(e, SL_FAULT_LOST);
    int64_t deadline = k->deadline_ms ? (int64_t)k->deadline_ms : e->first_ms + DEADLINE_MS;
    if (k->produced && !k->delivered && now_ms > deadline + GRACE_MS)
        fault(e, SL_FAULT_UNANSWERED);
    if (k->results > 1)
        fault(e, SL_FAULT_DUPLICATED);
    if (k->results && !k->complete_runs)
        fault(e, SL_FAULT_BESIDE);
    if (e->produced_elsewhere)
        fault(e, SL_FAULT_WRONG_CLASS);
    if (k->decided && (e->on[!k->is_public] || (k->is_public && k->level > b->public_max)))
        fault(e, SL_FAULT_WRONG_CLASS);
}

static void count(sl_tally *t, const entry *e)
{
    const sl_book *k = &e->book;
    t->ids++;
    t->unconfirmed += k->unconfirmed;
    t->reexecuted += k->runs > 1;
    t->cut += k->cut;
    if (k->produced && !k->cut) {
        t->accepted++;
        t->by_class[k->is_public]++;
        t->answered += k->results > 0;
        t->gone += k->delivered && !k->results && k->http_status == 0;
        t->errors += k->delivered && !k->results && k->http_status != 0;
        t->open += !k->delivered;
    }
    for (int f = 0; f < SL_FAULT_N; f++)
        t->faults[f] += (k->faults >> f) & 1;
}

void sl_books_close(sl_books *b, int64_t now_ms, sl_tally *ret,
                    void (*fn)(void *arg, const sl_book *book), void *arg)
{
    *ret = b->tally;
    for (entry *e = b->all; e; e = e->next) {
        judge(b, e, now_ms);
        count(ret, e);
        if (fn)
            fn(arg, &e->book);
    }
}
