/* kafka_admin.c - topics, watermarks, offsets by time, committed offsets, access control lists.
 *
 * One client a bus, made by the first call: a consumer without a group, because a consumer's
 * metadata requests never create topics. Each call retries what may pass until its time is up. */
#include "common/base/clock.h"
#include "common/bus/kafka_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_MS 50
#define TRY_MS   3000 /* 2.0.2 can wait on a broker that has gone: a try is shorter than the call */

static int left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - sl_mono_ms();
    return left < 1 ? 1 : left > TRY_MS ? TRY_MS : (int)left;
}

/* Whether to try again; waits a little then. */
static bool retry(rd_kafka_resp_err_t err, int64_t deadline_ms)
{
    switch (kafka_status(err)) {
    case SL_E_UNAVAILABLE:
    case SL_E_TIMEOUT:
    case SL_E_IO:
        break;
    default:
        return false;
    }
    if (sl_mono_ms() + RETRY_MS >= deadline_ms)
        return false;
    nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
    return true;
}

/* Called by librdkafka's threads. An error callback instead would queue up between two calls. */
static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *said)
{
    kafka_bus *b = rk ? rd_kafka_opaque(rk) : NULL;
    kafka_cause cause = kafka_cause_of(said);
    if (b && (cause != KAFKA_CAUSE_NONE || strcmp(fac, "FAIL") == 0))
        atomic_store(&b->cause, cause); /* the last failed connection counts */
}

static rd_kafka_t *admin_client(sl_bus *base, sl_error *reterr)
{
    kafka_bus *b = (kafka_bus *)base;
    pthread_mutex_lock(&b->lock);
    if (!b->admin) {
        rd_kafka_conf_t *conf = kafka_conf(b, reterr);
        if (conf && (kafka_set(conf, "allow.auto.create.topics", "false", reterr) != SL_OK ||
                     kafka_set(conf, "log.connection.close", "true", reterr) != SL_OK)) {
            rd_kafka_conf_destroy(conf);
            conf = NULL;
        }
        if (conf) {
            rd_kafka_conf_set_opaque(conf, b);
            rd_kafka_conf_set_log_cb(conf, on_log);
        }
        if (conf)
            b->admin = kafka_new(b, RD_KAFKA_CONSUMER, conf, reterr);
    }
    rd_kafka_t *rk = b->admin;
    pthread_mutex_unlock(&b->lock);
    return rk;
}

/* For the calls that say whether the cluster can be reached at all. */
static sl_status unreached(sl_bus *base, rd_kafka_resp_err_t err, const char *what,
                           sl_error *reterr)
{
    kafka_bus *b = (kafka_bus *)base;
    return kafka_fail_cause(reterr, err, atomic_exchange(&b->cause, KAFKA_CAUSE_NONE), what);
}

/* ---- metadata ---- */

sl_status kafka_cluster_id(sl_bus *b, char *out, size_t out_n, int timeout_ms, sl_error *reterr)
{
    rd_kafka_t *rk = admin_client(b, reterr);
    if (!rk)
        return SL_E_INVALID;
    int64_t deadline_ms = sl_mono_ms() + timeout_ms;
    char *id = NULL;
    /* A cached id is no proof of life: metadata is asked for as well. */
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t err;
    do
        err = rd_kafka_metadata(rk, 0, NULL, &md, left_ms(deadline_ms));
    while (err != RD_KAFKA_RESP_ERR_NO_ERROR && retry(err, deadline_ms));
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return unreached(b, err, "asking for the cluster's id", reterr);
    rd_kafka_metadata_destroy(md);
    id = rd_kafka_clusterid(rk, left_ms(deadline_ms));
    if (!id)
        return sl_fail(reterr, SL_E_UNSUPPORTED, "the cluster has no id: its broker is too old");
    size_t n = strlen(id);
    if (n < out_n)
        memcpy(out, id, n + 1);
    rd_kafka_mem_free(rk, id);
    if (n >= out_n)
        return sl_fail(reterr, SL_E_TOO_LARGE, "the cluster id has more than %zu bytes", out_n);
    return SL_OK;
}

sl_status kafka_partitions_of(rd_kafka_t *rk, const char *topic, int *ret, int64_t deadline_ms,
                              sl_error *reterr)
{
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    if (!rkt)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for topic %s", topic);
    rd_kafka_resp_err_t err;
    int n = 0;
    do {
        const struct rd_kafka_metadata *md;
        err = rd_kafka_metadata(rk, 0, rkt, &md, left_ms(deadline_ms));
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        n = md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;
        if (md->topic_cnt == 1)
            err = md->topics[0].err;
        rd_kafka_metadata_destroy(md);
    } while (err != RD_KAFKA_RESP_ERR_NO_ERROR && retry(err, deadline_ms));
    rd_kafka_topic_destroy(rkt);
    if (kafka_status(err) == SL_E_NOT_FOUND) {
        n = 0;
        err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(reterr, err, topic);
    *ret = n;
    return SL_OK;
}

sl_status kafka_partitions(sl_bus *b, const char *topic, int *ret, int timeout_ms, sl_error *reterr)
{
    rd_kafka_t *rk = admin_client(b, reterr);
    return rk ? kafka_partitions_of(rk, topic, ret, sl_mono_ms() + timeout_ms, reterr)
              : SL_E_INVALID;
}

sl_status kafka_topics_list(sl_bus *b, void (*fn)(void *arg, const char *topic, int partitions),
                            void *arg, int timeout_ms, sl_error *reterr)
{
    rd_kafka_t *rk = admin_client(b, reterr);
    if (!rk)
        return SL_E_INVALID;
    int64_t deadline_ms = sl_mono_ms() + timeout_ms;
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t err;
    do
        err = rd_kafka_metadata(rk, 1, NULL, &md, left_ms(deadline_ms));
    while (err != RD_KAFKA_RESP_ERR_NO_ERROR && retry(err, deadline_ms));
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return unreached(b, err, "listing topics", reterr);
    for (int i = 0; i < md->topic_cnt; i++)
        fn(arg, md->topics[i].topic, md->topics[i].partition_cnt);
    rd_kafka_metadata_destroy(md);
    return SL_OK;
}

/* ---- offsets ---- */

sl_status kafka_watermarks_of(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t *low,
                              int64_t *high, int64_t deadline_ms, sl_error *reterr)
{
    rd_kafka_resp_err_t err;
    int64_t lo = 0, hi = 0;
    do
        err =
            rd_kafka_query_watermark_offsets(rk, topic, partition, &lo, &hi, left_ms(deadline_ms));
    while (err != RD_KAFKA_RESP_ERR_NO_ERROR && retry(err, deadline_ms));
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(reterr, err, topic);
    *low = lo;
    *high = hi;
    return SL_OK;
}

sl_status kafka_watermarks(sl_bus *b, const char *topic, int32_t partition, int64_t *low,
                           int64_t *high, int timeout_ms, sl_error *reterr)
{
    rd_kafka_t *rk = admin_client(b, reterr);
    return rk ? kafka_watermarks_of(rk, topic, partition, low, high, sl_mono_ms() + timeout_ms,
                                    reterr)
              : SL_E_INVALID;
}

sl_status kafka_offset_at(sl_bus *b, const char *topic, int32_t partition, int64_t time_ms,
                          int64_t *ret, int timeout_ms, sl_error *reterr)
{
    rd_kafka_t *rk = admin_client(b, reterr);
    if (!rk)
        return SL_E_INVALID;
    int64_t deadline_ms = sl_mono_ms() + timeout_ms, low, high;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *tp = rd_kafka_topic_partition_list_add(list, topic, partition);
    rd_kafka_resp_err_t err;
    do {
        tp->offset = time_ms < 0 ? 0 : time_ms; /* below 0 are logical offsets */
        tp->err = RD_KAFKA_RESP_ERR_NO_ERROR;
        err = rd_kafka_offsets_for_times(rk, list, left_ms(deadline_ms));
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            err = tp->err;
    } while (err != RD_KAFKA_RESP_ERR_NO_ERROR && retry(err, deadline_ms));
    int64_t offset = tp->offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(reterr, err, topic);
    if (offset < 0) { /* nothing is that young */
        sl_status s = kafka_watermarks_of(rk, topic, partition, &low, &high, deadline_ms, reterr);
        if (s != SL_OK)
            return s;
        offset = high;
    }
    *ret = offset;
    return SL_OK;
}

/* ---- requests that are answered on a queue ---- */

typedef struct question {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_event_t *answer;
} question;

static void ask(question *q, rd_kafka_t *rk, rd_kafka_admin_op_t op, int64_t deadline_ms)
{
    *q = (question){
        .rk = rk, .queue = rd_kafka_queue_new(rk), .options = rd_kafka_AdminOptions_new(rk, op)};
    (void)rd_kafka_AdminOptions_set_request_timeout(q->options, left_ms(deadline_ms), NULL, 0);
}

static rd_kafka_resp_err_t await(question *q, int64_t deadline_ms)
{
    q->answer = rd_kafka_queue_poll(q->queue, left_ms(deadline_ms) + 1000);
    return q->answer ? rd_kafka_event_error(q->answer) : RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static void asked(question *q)
{
    if (q->answer)
        rd_kafka_event_destroy(q->answer);
    rd_kafka_AdminOptions_destroy(q->options);
    rd_kafka_queue_destroy(q->queue);
}

static rd_kafka_resp_err_t ask_committed(rd_kafka_t *rk, const char *group, const char *topic,
                                         int32_t partition, int64_t *ret, int64_t deadline_ms)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    rd_kafka_ListConsumerGroupOffsets_t *want = rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    question q;
    ask(&q, rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, deadline_ms);
    rd_kafka_ListConsumerGroupOffsets(rk, &want, 1, q.options, q.queue);
    rd_kafka_resp_err_t err = await(&q, deadline_ms);
    size_t n = 0;
    const rd_kafka_group_result_t **groups =
        err == RD_KAFKA_RESP_ERR_NO_ERROR
            ? rd_kafka_ListConsumerGroupOffsets_result_groups(
                  rd_kafka_event_ListConsumerGroupOffsets_result(q.answer), &n)
            : NULL;
    const rd_kafka_error_t *e = n > 0 ? rd_kafka_group_result_error(groups[0]) : NULL;
    const rd_kafka_topic_partition_list_t *got =
        n > 0 && !e ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    if (e)
        err = rd_kafka_error_code(e);
    else if (got && got->cnt > 0 && got->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
        *ret = got->elems[0].offset < 0 ? -1 : got->elems[0].offset;
    else if (got && got->cnt > 0)
        err = got->elems[0].err;
    asked(&q);
    rd_kafka_ListConsumerGroupOffsets_destroy(want);
    return err;
}

sl_status kafka_committed(sl_bus *b, const char *group, const char *topic, int32_t partition,
                          int64_t *ret, int timeout_ms, sl_error *reterr)
{
    rd_kafka_t *rk = admin_client(b, reterr);
    if (!rk)
        return SL_E_INVALID;
    int64_t deadline_ms = sl_mono_ms() + timeout_ms, offset = -1;
    rd_kafka_resp_err_t err;
    do
        err = ask_committed(rk, group, topic, partition, &offset, deadline_ms);
    while (err != RD_KAFKA_RESP_ERR_NO_ERROR && retry(err, deadline_ms));
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(reterr, err, group);
    *ret = offset;
    return SL_OK;
}

/* ---- creating topics ---- */

static rd_kafka_NewTopic_t *new_topic(const sl_topic_spec *t, sl_error *reterr)
{
    rd_kafka_NewTopic_t *nt = rd_kafka_NewTopic_new(
        t->name, t->partitions, t->replication > 0 ? t->replication : -1, NULL, 0);
    rd_kafka_resp_err_t err = nt ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__INVALID_ARG;
    for (const char *const *c = t->config; c && *c && !err; c++) {
        const char *eq = strchr(*c, '=');
        char *name = strndup(*c, (size_t)(eq - *c));
        err =
            name ? rd_kafka_NewTopic_set_config(nt, name, eq + 1) : RD_KAFKA_RESP_ERR__INVALID_ARG;
        free(name);
    }
    if (!err)
        return nt;
    if (nt)
        rd_kafka_NewTopic_destroy(nt);
    (void)kafka_fail(reterr, err, t->name);
    return NULL;
}

/* Creates one topic; one that exists already is fine. */
static rd_kafka_resp_err_t ask_create(rd_kafka_t *rk, rd_kafka_NewTopic_t *nt, int64_t deadline_ms)
{
    question q;
    ask(&q, rk, RD_KAFKA_ADMIN_OP_CREATETOPICS, deadline_ms);
    (void)rd_kafka_AdminOptions_set_operation_timeout(q.options, left_ms(deadline_ms), NULL, 0);
    rd_kafka_CreateTopics(rk, &nt, 1, q.options, q.queue);
    rd_kafka_resp_err_t err = await(&q, deadline_ms);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t n;
        const rd_kafka_topic_result_t **results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(q.answer), &n);
        err = n == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__STATE;
    }
    asked(&q);
    return err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ? RD_KAFKA_RESP_ERR_NO_ERROR : err;
}

static sl_status topic_create(rd_kafka_t *rk, const sl_topic_spec *t, int64_t deadline_ms,
                              sl_error *reterr)
{
    rd_kafka_NewTopic_t *nt = new_topic(t, reterr);
    if (!nt)
        return SL_E_INVALID;
    rd_kafka_resp_err_t err;
    do
        err = ask_create(rk, nt, deadline_ms);
    while (err != RD_KAFKA_RESP_ERR_NO_ERROR && retry(err, deadline_ms));
    rd_kafka_NewTopic_destroy(nt);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? SL_OK : kafka_fail(reterr, err, t->name);
}

/* Until its metadata says so, a produce would stumble. */
static sl_status topic_await(rd_kafka_t *rk, const sl_topic_spec *t, int64_t deadline_ms,
                             sl_error *reterr)
{
    for (;;) {
        int n = 0;
        sl_status s = kafka_partitions_of(rk, t->name, &n, deadline_ms, reterr);
        if (s != SL_OK || n >= t->partitions)
            return s;
        if (n > 0)
            return sl_fail(reterr, SL_E_CONFLICT, "topic %s has %d partitions, fewer than %d",
                           t->name, n, t->partitions);
        if (!retry(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, deadline_ms))
            return kafka_fail(reterr, RD_KAFKA_RESP_ERR__TIMED_OUT, t->name);
    }
}

sl_status kafka_topics_create(sl_bus *b, const sl_topic_spec *t, size_t n, int timeout_ms,
                              sl_error *reterr)
{
    rd_kafka_t *rk = admin_client(b, reterr);
    if (!rk)
        return SL_E_INVALID;
    int64_t deadline_ms = sl_mono_ms() + timeout_ms;
    for (size_t i = 0; i < n; i++) {
        int have = 0;
        sl_status s = kafka_partitions_of(rk, t[i].name, &have, deadline_ms, reterr);
        if (s == SL_OK && have == 0)
            s = topic_create(rk, &t[i], deadline_ms, reterr);
        if (s == SL_OK)
            s = topic_await(rk, &t[i], deadline_ms, reterr);
        if (s != SL_OK)
            return s;
    }
    return SL_OK;
}

/* ---- access control lists ---- */

/* By sl_acl_op. */
static const rd_kafka_AclOperation_t operations[] = {
    RD_KAFKA_ACL_OPERATION_UNKNOWN,        RD_KAFKA_ACL_OPERATION_ALL,
    RD_KAFKA_ACL_OPERATION_READ,           RD_KAFKA_ACL_OPERATION_WRITE,
    RD_KAFKA_ACL_OPERATION_CREATE,         RD_KAFKA_ACL_OPERATION_DELETE,
    RD_KAFKA_ACL_OPERATION_ALTER,          RD_KAFKA_ACL_OPERATION_DESCRIBE,
    RD_KAFKA_ACL_OPERATION_CLUSTER_ACTION, RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS,
    RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS,  RD_KAFKA_ACL_OPERATION_IDEMPOTENT_WRITE,
};
/* By sl_acl_resource. librdkafka calls the cluster a broker. */
static const rd_kafka_ResourceType_t resources[] = {
    RD_KAFKA_RESOURCE_UNKNOWN, RD_KAFKA_RESOURCE_TOPIC, RD_KAFKA_RESOURCE_GROUP,
    RD_KAFKA_RESOURCE_BROKER};

static sl_acl acl_of(const rd_kafka_AclBinding_t *b)
{
    sl_acl a = {.principal = rd_kafka_AclBinding_principal(b),
                .host = rd_kafka_AclBinding_host(b),
                .name = rd_kafka_AclBinding_name(b),
                .prefixed = rd_kafka_AclBinding_resource_pattern_type(b) ==
                            RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
                .deny =
                    rd_kafka_AclBinding_permission_type(b) != RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW};
    for (size_t i = 1; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (operations[i] == rd_kafka_AclBinding_operation(b))
            a.op = (sl_acl_op)i;
    for (size_t i = 1; i < sizeof(resources) / sizeof(resources[0]); i++)
        if (resources[i] == rd_kafka_AclBinding_restype(b))
            a.resource = (sl_acl_resource)i;
    return a;
}

typedef rd_kafka_resp_err_t (*acls_ask)(rd_kafka_t *rk, rd_kafka_AclBinding_t **acls, size_t n,
                                        int64_t deadline_ms);

static rd_kafka_resp_err_t ask_acls_create(rd_kafka_t *rk, rd_kafka_AclBinding_t **acls, size_t n,
                                           int64_t deadline_ms)
{
    question q;
    ask(&q, rk, RD_KAFKA_ADMIN_OP_CREATEACLS, deadline_ms);
    rd_kafka_CreateAcls(rk, acls, n, q.options, q.queue);
    rd_kafka_resp_err_t err = await(&q, deadline_ms);
    size_t got = 0;
    const rd_kafka_acl_result_t **results =
        err == RD_KAFKA_RESP_ERR_NO_ERROR
            ? rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(q.answer), &got)
            : NULL;
    for (size_t i = 0; i < got && !err; i++)
        if (rd_kafka_acl_result_error(results[i]))
            err = rd_kafka_error_code(rd_kafka_acl_result_error(results[i]));
    asked(&q);
    return err;
}

/* A binding without an open end is also the filter that matches it alone. */
static rd_kafka_resp_err_t ask_acls_delete(rd_kafka_t *rk, rd_kafka_AclBinding_t **acls, size_t n,
                                           int64_t deadline_ms)
{
    question q;
    ask(&q, rk, RD_KAFKA_ADMIN_OP_DELETEACLS, deadline_ms);
    rd_kafka_DeleteAcls(rk, acls, n, q.options, q.queue);
    rd_kafka_resp_err_t err = await(&q, deadline_ms);
    size_t got = 0;
    const rd_kafka_DeleteAcls_result_response_t **results =
        err == RD_KAFKA_RESP_ERR_NO_ERROR
            ? rd_kafka_DeleteAcls_result_responses(rd_kafka_event_DeleteAcls_result(q.answer), &got)
            : NULL;
    for (size_t i = 0; i < got && !err; i++)
        if (rd_kafka_DeleteAcls_result_response_error(results[i]))
            err = rd_kafka_error_code(rd_kafka_DeleteAcls_result_response_error(results[i]));
    asked(&q);
    return err;
}

static rd_kafka_resp_err_t ask_acls(rd_kafka_t *rk, rd_kafka_AclBindingFilter_t *filter,
                                    void (*fn)(void *arg, const sl_acl *a), void *arg,
                                    size_t *ret_n, int64_t deadline_ms)
{
    question q;
    ask(&q, rk, RD_KAFKA_ADMIN_OP_DESCRIBEACLS, deadline_ms);
    rd_kafka_DescribeAcls(rk, filter, q.options, q.queue);
    rd_kafka_resp_err_t err = await(&q, deadline_ms);
    size_t n = 0;
    const rd_kafka_AclBinding_t **acls =
        err == RD_KAFKA_RESP_ERR_NO_ERROR
            ? rd_kafka_DescribeAcls_result_acls(rd_kafka_event_DescribeAcls_result(q.answer), &n)
            : NULL;
    for (size_t i = 0; i < n; i++) {
        sl_acl a = acl_of(acls[i]);
        fn(arg, &a);
    }
    *ret_n = n;
    asked(&q);
    return err;
}

/* librdkafka drops the error of such an answer: a refusal looks like an empty list. Removing a rule
 * that is not there needs the same rights, and its error comes through. */
static rd_kafka_resp_err_t ask_nothing(rd_kafka_t *rk, int64_t deadline_ms)
{
    rd_kafka_AclBinding_t *nobody = rd_kafka_AclBinding_new(
        RD_KAFKA_RESOURCE_TOPIC, "-", RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:-", "*",
        RD_KAFKA_ACL_OPERATION_READ, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, NULL, 0);
    rd_kafka_resp_err_t err = ask_acls_delete(rk, &nobody, 1, deadline_ms);
    rd_kafka_AclBinding_destroy(nobody);
    return err;
}

sl_status kafka_acls_list(sl_bus *b, void (*fn)(void *arg, const sl_acl *a), void *arg,
                          int timeout_ms, sl_error *reterr)
{
    rd_kafka_t *rk = admin_client(b, reterr);
    if (!rk)
        return SL_E_INVALID;
    int64_t deadline_ms = sl_mono_ms() + timeout_ms;
    rd_kafka_AclBindingFilter_t *all = rd_kafka_AclBindingFilter_new(
        RD_KAFKA_RESOURCE_ANY, NULL, RD_KAFKA_RESOURCE_PATTERN_ANY, NULL, NULL,
        RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, NULL, 0);
    rd_kafka_resp_err_t err;
    size_t n = 0;
    do {
        err = ask_acls(rk, all, fn, arg, &n, deadline_ms);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR && n == 0)
            err = ask_nothing(rk, deadline_ms);
    } while (err != RD_KAFKA_RESP_ERR_NO_ERROR && retry(err, deadline_ms));
    rd_kafka_AclBinding_destroy(all);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? SL_OK : kafka_fail(reterr, err, "listing ACLs");
}

static sl_status acls_change(sl_bus *b, acls_ask ask_change, const sl_acl *a, size_t n,
                             int timeout_ms, const char *what, sl_error *reterr)
{
    rd_kafka_t *rk = admin_client(b, reterr);
    if (!rk)
        return SL_E_INVALID;
    int64_t deadline_ms = sl_mono_ms() + timeout_ms;
    rd_kafka_AclBinding_t **acls = calloc(n, sizeof(*acls));
    rd_kafka_resp_err_t err = acls ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__INVALID_ARG;
    size_t made = 0;
    for (; made < n && !err; made++) {
        acls[made] = rd_kafka_AclBinding_new(
            resources[a[made].resource], a[made].name,
            a[made].prefixed ? RD_KAFKA_RESOURCE_PATTERN_PREFIXED
                             : RD_KAFKA_RESOURCE_PATTERN_LITERAL,
            a[made].principal, a[made].host, operations[a[made].op],
            a[made].deny ? RD_KAFKA_ACL_PERMISSION_TYPE_DENY : RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
            NULL, 0);
        if (!acls[made])
            err = RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    if (!err)
        do
            err = ask_change(rk, acls, n, deadline_ms);
        while (err != RD_KAFKA_RESP_ERR_NO_ERROR && retry(err, deadline_ms));
    for (size_t i = 0; i < made; i++)
        if (acls[i])
            rd_kafka_AclBinding_destroy(acls[i]);
    free(acls);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? SL_OK : kafka_fail(reterr, err, what);
}

sl_status kafka_acls_create(sl_bus *b, const sl_acl *a, size_t n, int timeout_ms, sl_error *reterr)
{
    return acls_change(b, ask_acls_create, a, n, timeout_ms, "making ACLs", reterr);
}

sl_status kafka_acls_delete(sl_bus *b, const sl_acl *a, size_t n, int timeout_ms, sl_error *reterr)
{
    return acls_change(b, ask_acls_delete, a, n, timeout_ms, "removing ACLs", reterr);
}
