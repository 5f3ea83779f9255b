/* bus.c - checks arguments and hands each call to the implementation that the bootstrap names. */
#include "common/bus/bus_impl.h"

#include <assert.h>
#include <string.h>

bool sl_bus_topic_name_valid(const char *name)
{
    if (!name || !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return name[n] == '\0' && n <= SL_BUS_TOPIC_NAME_MAX;
}

static sl_status topic_check(const char *name, sl_error *reterr)
{
    if (sl_bus_topic_name_valid(name))
        return SL_OK;
    return sl_fail(reterr, SL_E_INVALID,
                   "a topic name has 1 to %d letters, digits, '.', '_' and '-'",
                   SL_BUS_TOPIC_NAME_MAX);
}

static sl_status partition_check(const char *topic, int32_t partition, int32_t lowest,
                                 sl_error *reterr)
{
    if (topic_check(topic, reterr) != SL_OK)
        return SL_E_INVALID;
    if (partition < lowest || partition > SL_BUS_PARTITIONS_MAX)
        return sl_fail(reterr, SL_E_INVALID, "%s: there is no partition %d", topic, partition);
    return SL_OK;
}

/* ---- records ---- */

size_t sl_bus_record_size(const sl_record *r)
{
    size_t n = r->headers_n * sizeof(sl_header) + r->key.n + r->value.n;
    for (size_t i = 0; i < r->headers_n; i++)
        n += r->headers[i].name.n + r->headers[i].value.n;
    return n;
}

static sl_str copy_str(char **at, sl_str s)
{
    if (!s.p)
        return (sl_str){NULL, 0};
    sl_str out = {*at, s.n};
    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return out;
}

void sl_bus_record_copy(sl_record *out, void *mem, const sl_record *r, const char *topic)
{
    sl_header *headers = mem;
    char *at = (char *)(headers + r->headers_n);
    sl_record copy = *r;
    copy.topic = topic;
    copy.headers = headers;
    for (size_t i = 0; i < r->headers_n; i++)
        headers[i] =
            (sl_header){copy_str(&at, r->headers[i].name), copy_str(&at, r->headers[i].value)};
    copy.key = copy_str(&at, r->key);
    copy.value = copy_str(&at, r->value);
    *out = copy;
}

sl_status sl_bus_record_check(const sl_record *r, sl_error *reterr)
{
    if (partition_check(r->topic, r->partition, -1, reterr) != SL_OK)
        return SL_E_INVALID;
    if (r->headers_n > SL_BUS_HEADERS_MAX)
        return sl_fail(reterr, SL_E_TOO_LARGE, "a record has %zu headers, the limit is %d",
                       r->headers_n, SL_BUS_HEADERS_MAX);
    size_t bytes = r->key.n + r->value.n;
    for (size_t i = 0; i < r->headers_n; i++) {
        /* librdkafka takes header names as C strings. */
        if (r->headers[i].name.n == 0 || memchr(r->headers[i].name.p, 0, r->headers[i].name.n))
            return sl_fail(reterr, SL_E_INVALID, "a header name is empty or has a zero byte");
        bytes += r->headers[i].name.n + r->headers[i].value.n;
    }
    if (bytes > SL_BUS_RECORD_MAX)
        return sl_fail(reterr, SL_E_TOO_LARGE, "a record of %zu bytes is over the limit of %d",
                       bytes, SL_BUS_RECORD_MAX);
    return SL_OK;
}

/* ---- the bus ---- */

sl_status sl_bus_open(sl_bus **ret, const sl_bus_options *opt, sl_error *reterr)
{
    static const char memory[] = "memory:";
    if (!opt->bootstrap || !*opt->bootstrap)
        return sl_fail(reterr, SL_E_INVALID,
                       "bus %s: no bootstrap address; give host:port, or memory:NAME",
                       opt->name ? opt->name : "");
    if (strncmp(opt->bootstrap, memory, sizeof(memory) - 1) == 0)
        return sl_memory_bus_open(ret, opt->bootstrap + sizeof(memory) - 1, reterr);
    return sl_kafka_bus_open(ret, opt, reterr);
}

void sl_bus_free(sl_bus *b)
{
    if (b)
        b->ops->free(b);
}

sl_status sl_bus_cluster_id(sl_bus *b, char *out, size_t out_n, int timeout_ms, sl_error *reterr)
{
    return b->ops->cluster_id(b, out, out_n, timeout_ms, reterr);
}

/* ---- producing ---- */

sl_status sl_producer_open(sl_producer **ret, sl_bus *b, const sl_producer_options *opt,
                           sl_error *reterr)
{
    sl_producer_options o = opt ? *opt : (sl_producer_options){0};
    if (o.linger_ms < 0 || o.linger_ms > 900000 || o.message_timeout_ms < 0)
        return sl_fail(reterr, SL_E_INVALID,
                       "a producer's linger is 0 to 900,000 ms and its time-out is not negative");
    if (o.message_timeout_ms == 0)
        o.message_timeout_ms = 30000;
    if (o.queue_records == 0)
        o.queue_records = 100000;
    if (o.queue_bytes == 0)
        o.queue_bytes = (size_t)64 << 20;
    for (const char *const *t = o.topics; t && *t; t++)
        if (topic_check(*t, reterr) != SL_OK)
            return SL_E_INVALID;
    return b->ops->producer_open(ret, b, &o, reterr);
}

sl_status sl_producer_send(sl_producer *p, const sl_record *r, sl_delivery_fn cb, void *arg,
                           sl_error *reterr)
{
    sl_status s = sl_bus_record_check(r, reterr);
    return s != SL_OK ? s : p->ops->send(p, r, cb, arg, reterr);
}

void sl_producer_cork(sl_producer *p, bool on)
{
    if (p->ops->cork)
        p->ops->cork(p, on);
}

int sl_producer_fd(const sl_producer *p)
{
    return p->ops->fd(p);
}

void sl_producer_poll(sl_producer *p)
{
    p->ops->poll(p);
}

size_t sl_producer_pending(const sl_producer *p)
{
    return p->ops->pending(p);
}

sl_status sl_producer_flush(sl_producer *p, int timeout_ms)
{
    return p->ops->flush(p, timeout_ms);
}

void sl_producer_close(sl_producer *p)
{
    if (p)
        p->ops->close(p);
}

/* ---- consuming ---- */

static sl_status assign_check(const sl_bus_partition *partitions, size_t n, sl_error *reterr)
{
    if (n == 0)
        return sl_fail(reterr, SL_E_INVALID, "a consumer without a group needs partitions");
    for (size_t i = 0; i < n; i++) {
        if (partition_check(partitions[i].topic, partitions[i].partition, -1, reterr) != SL_OK)
            return SL_E_INVALID;
        if (partitions[i].offset < SL_FROM_BEGINNING)
            return sl_fail(reterr, SL_E_INVALID, "%s/%d: no offset %lld", partitions[i].topic,
                           partitions[i].partition, (long long)partitions[i].offset);
    }
    return SL_OK;
}

sl_status sl_consumer_open(sl_consumer **ret, sl_bus *b, const sl_consumer_options *opt,
                           sl_error *reterr)
{
    if (!opt->on_record)
        return sl_fail(reterr, SL_E_INVALID, "a consumer needs on_record");
    if (opt->group) {
        if (!*opt->group || !opt->topics || !opt->topics[0])
            return sl_fail(reterr, SL_E_INVALID, "a consumer group needs a name and topics");
        for (const char *const *t = opt->topics; *t; t++)
            if (topic_check(*t, reterr) != SL_OK)
                return SL_E_INVALID;
    } else if (assign_check(opt->partitions, opt->partitions_n, reterr) != SL_OK) {
        return SL_E_INVALID;
    }
    sl_consumer_options o = *opt;
    if (o.fetch_wait_ms <= 0)
        o.fetch_wait_ms = 100;
    return b->ops->consumer_open(ret, b, &o, reterr);
}

int sl_consumer_fd(const sl_consumer *c)
{
    return c->ops->fd(c);
}

size_t sl_consumer_poll(sl_consumer *c, size_t max_records)
{
    return c->ops->poll(c, max_records);
}

void sl_consumer_finish(sl_consumer *c, const char *topic, int32_t partition, int64_t offset)
{
    c->ops->finish(c, topic, partition, offset);
}

sl_status sl_consumer_rewind(sl_consumer *c, const char *topic, int32_t partition, int64_t offset)
{
    return c->ops->rewind(c, topic, partition, offset);
}

sl_status sl_consumer_split(sl_consumer **ret, sl_consumer *c, const sl_bus_partition *partitions,
                            size_t n, const sl_consumer_options *callbacks, sl_error *reterr)
{
    if (!callbacks->on_record)
        return sl_fail(reterr, SL_E_INVALID, "a consumer needs on_record");
    for (size_t i = 0; i < n; i++)
        if (partition_check(partitions[i].topic, partitions[i].partition, 0, reterr) != SL_OK)
            return SL_E_INVALID;
    return c->ops->split(ret, c, partitions, n, callbacks, reterr);
}

bool sl_consumer_at_end(sl_consumer *c)
{
    return c->ops->at_end(c);
}

bool sl_consumer_assigned(const sl_consumer *c)
{
    return c->ops->assigned(c);
}

int64_t sl_consumer_committed(sl_consumer *c, const char *topic, int32_t partition)
{
    return c->ops->committed(c, topic, partition);
}

void sl_consumer_close(sl_consumer *c)
{
    if (c)
        c->ops->close(c);
}

/* ---- admin ---- */

sl_status sl_bus_topics_create(sl_bus *b, const sl_topic_spec *t, size_t n, int timeout_ms,
                               sl_error *reterr)
{
    for (size_t i = 0; i < n; i++) {
        if (topic_check(t[i].name, reterr) != SL_OK)
            return SL_E_INVALID;
        if (t[i].partitions < 1 || t[i].partitions > SL_BUS_PARTITIONS_MAX)
            return sl_fail(reterr, SL_E_INVALID, "topic %s: partitions are 1 to %d", t[i].name,
                           SL_BUS_PARTITIONS_MAX);
        for (const char *const *c = t[i].config; c && *c; c++)
            if (!strchr(*c, '=') || **c == '=')
                return sl_fail(reterr, SL_E_INVALID, "topic %s: a setting is not name=value",
                               t[i].name);
    }
    return b->ops->topics_create(b, t, n, timeout_ms, reterr);
}

sl_status sl_bus_partitions(sl_bus *b, const char *topic, int *ret, int timeout_ms,
                            sl_error *reterr)
{
    if (topic_check(topic, reterr) != SL_OK)
        return SL_E_INVALID;
    return b->ops->partitions(b, topic, ret, timeout_ms, reterr);
}

sl_status sl_bus_watermarks(sl_bus *b, const char *topic, int32_t partition, int64_t *low,
                            int64_t *high, int timeout_ms, sl_error *reterr)
{
    if (partition_check(topic, partition, 0, reterr) != SL_OK)
        return SL_E_INVALID;
    return b->ops->watermarks(b, topic, partition, low, high, timeout_ms, reterr);
}

sl_status sl_bus_offset_at(sl_bus *b, const char *topic, int32_t partition, int64_t time_ms,
                           int64_t *ret, int timeout_ms, sl_error *reterr)
{
    if (partition_check(topic, partition, 0, reterr) != SL_OK)
        return SL_E_INVALID;
    return b->ops->offset_at(b, topic, partition, time_ms, ret, timeout_ms, reterr);
}

sl_status sl_bus_committed(sl_bus *b, const char *group, const char *topic, int32_t partition,
                           int64_t *ret, int timeout_ms, sl_error *reterr)
{
    if (partition_check(topic, partition, 0, reterr) != SL_OK)
        return SL_E_INVALID;
    if (!group || !*group)
        return sl_fail(reterr, SL_E_INVALID, "a consumer group needs a name");
    return b->ops->committed(b, group, topic, partition, ret, timeout_ms, reterr);
}

sl_status sl_bus_topics_list(sl_bus *b, void (*fn)(void *arg, const char *topic, int partitions),
                             void *arg, int timeout_ms, sl_error *reterr)
{
    return b->ops->topics_list(b, fn, arg, timeout_ms, reterr);
}

/* ---- access control lists ---- */

static sl_status acls_check(const sl_bus *b, const sl_acl *a, size_t n, sl_error *reterr)
{
    if (!b->ops->acls_list)
        return sl_fail(reterr, SL_E_UNSUPPORTED, "this bus has no access control lists");
    for (size_t i = 0; i < n; i++) {
        if (a[i].resource == SL_ACL_OTHER || a[i].op == SL_ACL_OP_OTHER)
            return sl_fail(reterr, SL_E_UNSUPPORTED,
                           "an ACL on a resource or operation that this version does not know");
        if (!a[i].principal || strncmp(a[i].principal, "User:", 5) != 0 || !a[i].host ||
            !*a[i].host || !a[i].name || !*a[i].name)
            return sl_fail(reterr, SL_E_INVALID, "an ACL needs User:NAME, a host and a name");
    }
    return SL_OK;
}

sl_status sl_bus_acls_list(sl_bus *b, void (*fn)(void *arg, const sl_acl *a), void *arg,
                           int timeout_ms, sl_error *reterr)
{
    sl_status s = acls_check(b, NULL, 0, reterr);
    return s ? s : b->ops->acls_list(b, fn, arg, timeout_ms, reterr);
}

sl_status sl_bus_acls_create(sl_bus *b, const sl_acl *a, size_t n, int timeout_ms, sl_error *reterr)
{
    sl_status s = acls_check(b, a, n, reterr);
    return s || n == 0 ? s : b->ops->acls_create(b, a, n, timeout_ms, reterr);
}

sl_status sl_bus_acls_delete(sl_bus *b, const sl_acl *a, size_t n, int timeout_ms, sl_error *reterr)
{
    sl_status s = acls_check(b, a, n, reterr);
    return s || n == 0 ? s : b->ops->acls_delete(b, a, n, timeout_ms, reterr);
}
