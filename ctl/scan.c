#include "ctl/scan.h"

#include "common/base/clock.h"

#include <poll.h>
#include <stdlib.h>

#define TIMEOUT_MS 15000
#define TOPICS_MAX 16

struct sl_scan {
    sl_consumer *consumer[2];
    size_t n; /* consumers */
    sl_scan_fn fn;
    void *arg;
    uint64_t records;
    sl_bus_partition *parts;
    size_t parts_n;
};

static void on_record(void *arg, const sl_record *r)
{
    sl_scan *s = arg;
    s->records++;
    s->fn(s->arg, r);
}

static sl_status add_topic(sl_scan *s, sl_bus *bus, const char *topic, int64_t since_ms,
                           sl_error *reterr)
{
    int partitions = 0;
    sl_status st = sl_bus_partitions(bus, topic, &partitions, TIMEOUT_MS, reterr);
    if (st || !partitions)
        return st;
    sl_bus_partition *more = realloc(s->parts, (s->parts_n + (size_t)partitions) * sizeof(*more));
    if (!more)
        return SL_E_NOMEM;
    s->parts = more;
    for (int p = 0; p < partitions && !st; p++) {
        sl_bus_partition *part = &s->parts[s->parts_n];
        *part = (sl_bus_partition){topic, p, SL_FROM_BEGINNING};
        if (since_ms > 0)
            st = sl_bus_offset_at(bus, topic, p, since_ms, &part->offset, TIMEOUT_MS, reterr);
        if (!st)
            s->parts_n++;
    }
    return st;
}

static sl_status add_class(sl_scan *s, sl_bus *bus, sl_class c, unsigned what, int64_t since_ms,
                           sl_error *reterr)
{
    static const struct {
        unsigned bit;
        sl_topic topic;
    } topics[] = {{SL_SCAN_REQUESTS, SL_TOPIC_REQUESTS},
                  {SL_SCAN_RESPONSES, SL_TOPIC_RESPONSES},
                  {SL_SCAN_DEAD_LETTERS, SL_TOPIC_DEAD_LETTER}};
    sl_status st = SL_OK;
    if (what & SL_SCAN_AUDIT)
        st = add_topic(s, bus, c == SL_CLASS_PUBLIC ? SL_TOPIC_PUBLIC_AUDIT : SL_TOPIC_AUDIT,
                       since_ms, reterr);
    for (size_t i = 0; i < 3 && !st; i++)
        if (what & topics[i].bit)
            st = add_topic(s, bus, sl_topic_name(c, topics[i].topic), since_ms, reterr);
    return st;
}

static sl_status open_consumer(sl_scan *s, sl_bus *bus, sl_error *reterr)
{
    if (!s->parts_n)
        return SL_OK;
    sl_consumer_options co = {
        .partitions = s->parts, .partitions_n = s->parts_n, .on_record = on_record, .arg = s};
    sl_status st = sl_consumer_open(&s->consumer[s->n], bus, &co, reterr);
    if (!st)
        s->n++;
    s->parts_n = 0;
    return st;
}

sl_status sl_scan_open(sl_scan **ret, const sl_cmd_buses *b, unsigned what, int64_t since_ms,
                       sl_scan_fn fn, void *arg, sl_error *reterr)
{
    sl_scan *s = calloc(1, sizeof(*s));
    if (!s)
        return SL_E_NOMEM;
    s->fn = fn;
    s->arg = arg;
    sl_status st = add_class(s, b->bus[0], SL_CLASS_PRIVATE, what, since_ms, reterr);
    if (!st && b->bus[1] != b->bus[0])
        st = open_consumer(s, b->bus[0], reterr);
    if (!st)
        st = add_class(s, b->bus[1], SL_CLASS_PUBLIC, what, since_ms, reterr);
    if (!st)
        st = open_consumer(s, b->bus[1], reterr);
    if (st)
        sl_scan_free(s);
    else
        *ret = s;
    return st;
}

bool sl_scan_read(sl_scan *s, int64_t deadline_ms)
{
    for (;;) {
        bool all = true, some = false;
        for (size_t i = 0; i < s->n; i++) {
            while (sl_consumer_poll(s->consumer[i], 1000) == 1000)
                some = true;
            all &= sl_consumer_at_end(s->consumer[i]);
        }
        if (all && !some)
            return true;
        int64_t left = deadline_ms - sl_mono_ms();
        if (left <= 0)
            return false;
        struct pollfd p[2];
        for (size_t i = 0; i < s->n; i++)
            p[i] = (struct pollfd){.fd = sl_consumer_fd(s->consumer[i]), .events = POLLIN};
        (void)poll(p, s->n, left < 50 ? (int)left : 50);
    }
}

uint64_t sl_scan_records(const sl_scan *s)
{
    return s->records;
}

void sl_scan_free(sl_scan *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        sl_consumer_close(s->consumer[i]);
    free(s->parts);
    free(s);
}
