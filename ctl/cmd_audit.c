/* cmd_audit.c - `sluice audit`: reads the topics, balances the books, names the ids. */
#include "common/base/clock.h"
#include "common/base/jsonw.h"
#include "ctl/books.h"
#include "ctl/cmd.h"
#include "ctl/scan.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct audit {
    sl_books *books;
    bool json, all;
    int64_t until_ms;
    sl_buf ids; /* JSON objects or lines of ids with faults */
    uint64_t shown, max;
    bool first;
} audit;

static void on_record(void *arg, const sl_record *r)
{
    audit *a = arg;
    if (!a->until_ms || r->time_ms <= a->until_ms)
        sl_books_add(a->books, r);
}

static void fault_names(const sl_book *k, sl_buf *out)
{
    const char *comma = "";
    for (int f = 0; f < SL_FAULT_N; f++)
        if (k->faults & (1u << f)) {
            sl_buf_addf(out, "%s%s", comma, sl_fault_name((sl_fault)f));
            comma = ",";
        }
}

static void on_book(void *arg, const sl_book *k)
{
    audit *a = arg;
    if ((!k->faults && !a->all) || a->shown >= a->max)
        return;
    a->shown++;
    sl_buf faults = {0};
    fault_names(k, &faults);
    if (a->json) {
        sl_jsonw w = {&a->ids, !a->first};
        sl_jsonw_obj(&w, NULL);
        sl_jsonw_cstr(&w, "id", k->id);
        sl_jsonw_cstr(&w, "class", k->is_public ? "public" : "private");
        sl_jsonw_cstr(&w, "level", sl_level_name(k->level));
        sl_jsonw_bool(&w, "accepted", k->produced);
        sl_jsonw_i64(&w, "http_status", k->http_status);
        sl_jsonw_i64(&w, "delivered", k->delivered);
        sl_jsonw_i64(&w, "results", k->results);
        sl_jsonw_i64(&w, "request_records", k->requests);
        sl_jsonw_i64(&w, "runs", k->runs);
        sl_jsonw_i64(&w, "complete_runs", k->complete_runs);
        sl_jsonw_str(&w, "faults", sl_buf_str(&faults));
        sl_jsonw_end_obj(&w);
    } else {
        sl_buf_addf(&a->ids, "  %s %-8s %-12s status %d, %d delivered, %d runs (%d complete)  %s\n",
                    k->id, k->is_public ? "public" : "private", sl_level_name(k->level),
                    k->http_status, k->delivered, k->runs, k->complete_runs,
                    faults.len ? faults.data : "ok");
    }
    a->first = false;
    sl_buf_done(&faults);
}

static bool balanced(const sl_tally *t)
{
    uint64_t bad = t->bad_records + t->unbooked;
    for (int f = 0; f < SL_FAULT_N; f++)
        bad += t->faults[f];
    return !bad;
}

static void print_json(const audit *a, const sl_tally *t, bool complete)
{
    sl_buf out = {0};
    sl_jsonw w = sl_jsonw_on(&out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_bool(&w, "balanced", balanced(t) && complete);
    sl_jsonw_bool(&w, "complete", complete);
    const struct {
        const char *name;
        uint64_t v;
    } rows[] = {{"records", t->records},
                {"bad_records", t->bad_records},
                {"policies", t->policies},
                {"ids", t->ids},
                {"accepted", t->accepted},
                {"private", t->by_class[0]},
                {"public", t->by_class[1]},
                {"answered", t->answered},
                {"errors", t->errors},
                {"gone", t->gone},
                {"open", t->open},
                {"unconfirmed", t->unconfirmed},
                {"re_executed", t->reexecuted},
                {"rejected", t->rejected},
                {"cut", t->cut},
                {"unbooked", t->unbooked}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        sl_jsonw_u64(&w, rows[i].name, rows[i].v);
    for (int f = 0; f < SL_FAULT_N; f++)
        sl_jsonw_u64(&w, sl_fault_name((sl_fault)f), t->faults[f]);
    sl_buf list = {0};
    sl_buf_addf(&list, "[%.*s]", (int)a->ids.len, a->ids.data ? a->ids.data : "");
    sl_jsonw_raw(&w, "list", sl_buf_str(&list));
    sl_jsonw_end_obj(&w);
    puts(out.data);
    sl_buf_done(&list);
    sl_buf_done(&out);
}

static void print_people(const audit *a, const sl_tally *t, bool complete)
{
    printf("%llu records read, %llu checksums wrong, %llu policies published\n",
           (unsigned long long)t->records, (unsigned long long)t->bad_records,
           (unsigned long long)t->policies);
    printf("accepted    %8llu  (private %llu, public %llu)\n", (unsigned long long)t->accepted,
           (unsigned long long)t->by_class[0], (unsigned long long)t->by_class[1]);
    printf(
        "answered    %8llu  whole; %llu with a definite error; %llu whose client left; %llu open\n",
        (unsigned long long)t->answered, (unsigned long long)t->errors, (unsigned long long)t->gone,
        (unsigned long long)t->open);
    if (t->cut)
        printf("cut         %8llu  began before --since: not judged\n", (unsigned long long)t->cut);
    if (t->unbooked)
        printf("unbooked    %8llu  records found no memory: audit a shorter time\n",
               (unsigned long long)t->unbooked);
    printf("re-executed %8llu\nunconfirmed %8llu\nrejected    %8llu  records\n",
           (unsigned long long)t->reexecuted, (unsigned long long)t->unconfirmed,
           (unsigned long long)t->rejected);
    for (int f = 0; f < SL_FAULT_N; f++)
        printf("%-12s%8llu\n", sl_fault_name((sl_fault)f), (unsigned long long)t->faults[f]);
    if (a->ids.len)
        printf("\n%s", a->ids.data);
    if (!complete)
        printf("\nNot everything could be read in time.\n");
    printf("\nThe books %s.\n", balanced(t) && complete ? "balance" : "do NOT balance");
}

/* Reads to the end, then waits until nothing is open any more, at most settle_ms. */
static bool read_all(audit *a, sl_scan *s, int64_t settle_ms, int64_t timeout_ms)
{
    bool complete = sl_scan_read(s, sl_mono_ms() + timeout_ms);
    int64_t until = sl_mono_ms() + settle_ms;
    while (complete && sl_books_open_ids(a->books) && sl_mono_ms() < until) {
        (void)poll(NULL, 0, 100); /* new records are looked for every 100 ms */
        complete = sl_scan_read(s, sl_mono_ms() + timeout_ms);
    }
    return complete;
}

static int run(audit *a, const sl_cmd_buses *buses, int64_t since_ms, int64_t settle_ms,
               int64_t timeout_ms, sl_error *reterr)
{
    sl_scan *s = NULL;
    sl_tally t;
    unsigned what = SL_SCAN_AUDIT | SL_SCAN_REQUESTS | SL_SCAN_RESPONSES;
    if (sl_scan_open(&s, buses, what, since_ms, on_record, a, reterr) != SL_OK)
        return -1;
    bool complete = read_all(a, s, settle_ms, timeout_ms);
    sl_books_close(a->books, sl_unix_ms(), &t, on_book, a);
    if (a->json)
        print_json(a, &t, complete);
    else
        print_people(a, &t, complete);
    sl_scan_free(s);
    return balanced(&t) && complete ? SL_EXIT_OK : SL_EXIT_NO;
}

int sl_cmd_audit(int argc, char **argv)
{
    const char *since = NULL, *until = NULL, *max_level = NULL;
    sl_cmd_kafka kafka = {0};
    int64_t settle = 0, timeout = 0, most = 0, since_ms = 0;
    audit a = {.first = true};
    const sl_arg table[] = {
        {"since", "TIME", "",
         "from here on: RFC 3339, or 15m, 2h, 1d ago; empty: from the beginning. Requests and "
         "responses are kept 24 h: older ids can't balance",
         &since, NULL, NULL},
        {"until", "TIME", "", "up to here", &until, NULL, NULL},
        {"settle", "MS", "5000", "wait this long for requests that are still open", NULL, NULL,
         &settle},
        {"timeout", "MS", "600000", "give up reading after this long", NULL, NULL, &timeout},
        {"public-max", "LEVEL", "public", "the highest level that the policy lets out", &max_level,
         NULL, NULL},
        {"all", NULL, NULL, "list every id, not only those with a fault", NULL, &a.all, NULL},
        {"most", "N", "1000", "list at most N ids", NULL, NULL, &most},
        {"json", NULL, NULL, "one JSON object", NULL, &a.json, NULL},
        SL_CMD_KAFKA_ARGS(kafka),
        {0},
    };
    sl_args args = {.command = "audit",
                    .words = "",
                    .summary = "Reads the audit, request and response topics and balances the "
                               "books by id. Needs no keys. Exit code 0 only when they balance.",
                    .table = table};
    int code = sl_cmd_args(&args, argc, argv);
    if (code >= 0)
        return code;
    sl_error err = {0};
    sl_cmd_buses buses = {0};
    sl_level level;
    a.max = (uint64_t)most;
    if (!sl_level_parse(sl_str_c(max_level), &level))
        sl_fail(&err, SL_E_INVALID, "--public-max '%s' is not a level", max_level);
    else if ((since[0] && !sl_cmd_time(since, &since_ms)) ||
             (until[0] && !sl_cmd_time(until, &a.until_ms)))
        sl_fail(&err, SL_E_INVALID, "times look like 2026-11-24T12:00:00Z, 15m, 2h or 1d");
    else if (args.words_n || settle < 0 || timeout < 1 || most < 0)
        sl_fail(&err, SL_E_INVALID,
                "audit takes no words; --settle, --timeout and --most take numbers from 0 up");
    else if (sl_books_open(&a.books, level, since_ms) != SL_OK)
        sl_fail(&err, SL_E_NOMEM, "out of memory");
    else if (sl_cmd_buses_open(&buses, &kafka, &err) == SL_OK)
        code = run(&a, &buses, since_ms, settle, timeout, &err);
    sl_cmd_buses_done(&buses);
    sl_books_free(a.books);
    sl_buf_done(&a.ids);
    sl_args_done(&args);
    return code >= 0 ? code : sl_cmd_fail("audit", &err);
}
