#include "ctl/trace.h"

#include "common/base/clock.h"
#include "ctl/scan.h"
#include "schemas/audit.h"
#include "schemas/envelope.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define HOPS_MAX 64

typedef struct hop {
    int64_t time_us;
    char text[160];
} hop;

typedef struct trace {
    sl_str id;
    hop hops[HOPS_MAX];
    size_t n;
    int requests, chunks, ends, wrong; /* records of this id; those whose checksum is wrong */
    bool delivered, ended;
} trace;

static sl_str header(const sl_record *r, const char *name)
{
    const sl_header *h = sl_record_header(r, name);
    return h ? h->value : (sl_str){0};
}

static void add_hop(trace *t, const sl_audit *a, sl_str source)
{
    if (t->n == HOPS_MAX)
        return;
    hop *h = &t->hops[t->n++];
    h->time_us = a->time_us;
    int n = snprintf(h->text, sizeof(h->text), "%-10s %-28.*s", sl_audit_event_name(a->event),
                     (int)source.n, source.p ? source.p : "");
    if (a->topic.n && n > 0 && (size_t)n < sizeof(h->text))
        n += snprintf(h->text + n, sizeof(h->text) - (size_t)n, " %.*s/%d/%lld", (int)a->topic.n,
                      a->topic.p, a->partition, (long long)a->offset);
    if (a->end.n && n > 0 && (size_t)n < sizeof(h->text))
        n += snprintf(h->text + n, sizeof(h->text) - (size_t)n, " %.*s", (int)a->end.n, a->end.p);
    if (a->cause.n && n > 0 && (size_t)n < sizeof(h->text))
        snprintf(h->text + n, sizeof(h->text) - (size_t)n, " %.*s", (int)a->cause.n, a->cause.p);
    t->delivered |= a->event == SL_AUDIT_DELIVERED;
    t->ended |= a->event == SL_AUDIT_ENDED;
}

static void on_record(void *arg, const sl_record *r)
{
    trace *t = arg;
    char checksum[SL_CHECKSUM_TEXT];
    if (!sl_str_eq(header(r, "ce_subject"), t->id))
        return;
    t->wrong += sl_envelope_verify(r, checksum, NULL) != SL_OK;
    sl_type type = sl_type_parse(header(r, "ce_type"));
    t->requests += type == SL_TYPE_REQUEST;
    t->chunks += type == SL_TYPE_CHUNK;
    t->ends += type == SL_TYPE_CHUNK && sl_str_is(header(r, "ce_fin"), "1");
    if (type != SL_TYPE_AUDIT)
        return;
    sl_audit a;
    sl_jnode *root = NULL;
    if (sl_audit_parse(&a, &root, r->value, NULL) == SL_OK)
        add_hop(t, &a, header(r, "ce_source"));
    sl_json_free(root);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const hop *)a)->time_us, y = ((const hop *)b)->time_us;
    return x < y ? -1 : x > y;
}

static void print(trace *t)
{
    qsort(t->hops, t->n, sizeof(t->hops[0]), by_time);
    for (size_t i = 0; i < t->n; i++)
        printf("   hop       %+9.1f ms  %s\n",
               (double)(t->hops[i].time_us - t->hops[0].time_us) / 1000.0, t->hops[i].text);
    printf("   checksums %d request, %d chunk and %zu audit records: %s\n", t->requests, t->chunks,
           t->n, t->wrong ? "WRONG" : "all right");
}

sl_status sl_trace_print(const sl_cmd_buses *b, const char *id, int64_t since_ms, int64_t wait_ms,
                         sl_error *reterr)
{
    trace *t = calloc(1, sizeof(*t));
    if (!t)
        return SL_E_NOMEM;
    t->id = sl_str_c(id);
    sl_scan *s = NULL;
    int64_t until = sl_mono_ms() + wait_ms;
    sl_status st = sl_scan_open(&s, b, SL_SCAN_AUDIT | SL_SCAN_REQUESTS | SL_SCAN_RESPONSES,
                                since_ms, on_record, t, reterr);
    while (!st && !(sl_scan_read(s, until) && t->delivered && t->ended && t->ends)) {
        if (sl_mono_ms() >= until) {
            st = sl_fail(reterr, SL_E_TIMEOUT, "the audit records of %s are not complete yet", id);
            break;
        }
        (void)poll(NULL, 0, 20); /* records on their way are looked for every 20 ms */
    }
    print(t);
    if (!st && t->wrong)
        st = sl_fail(reterr, SL_E_CORRUPT, "%d records of %s were altered", t->wrong, id);
    sl_scan_free(s);
    free(t);
    return st;
}
