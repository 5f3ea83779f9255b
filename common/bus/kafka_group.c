/* kafka_group.c - membership of a group and its commits.
 *
 * Committed is, per partition, the lowest unfinished offset. Commits go out asynchronously at most
 * every SL_BUS_COMMIT_EVERY_MS; one that failed is reported and goes out again with the next. On
 * revocation, while the group still counts this member in, they are waited for. */
#include "common/base/clock.h"
#include "common/bus/kafka_consumer_impl.h"

#include <string.h>

#define REVOKE_COMMIT_MS 2000
#define KEEP_ALIVE_MS 60000 /* a poll at least so often: max.poll.interval.ms is 300,000 */

/* ---- commits ---- */

/* NULL: there is nothing to commit. */
static rd_kafka_topic_partition_list_t *commits_collect(const kafka_consumer *c)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    for (size_t i = 0; i < c->parts_n; i++) {
        const kafka_part *part = &c->parts[i];
        int64_t offset = sl_offsets_commit(&part->offsets);
        if (offset < 0 || offset == part->committed)
            continue;
        if (!list)
            list = rd_kafka_topic_partition_list_new((int)c->parts_n);
        rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset = offset;
    }
    return list;
}

static void commits_note(kafka_consumer *c, rd_kafka_resp_err_t err,
                         const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &list->elems[i];
        kafka_part *part = kafka_part_find(c, tp->topic, tp->partition);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR && tp->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            err = tp->err;
        else if (err == RD_KAFKA_RESP_ERR_NO_ERROR && part)
            part->committed = tp->offset;
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return;
    c->dirty = true;
    /* A rebalance that is under way explains these; what was lost with it is delivered again. */
    if (kafka_status(err) != SL_E_CLOSED)
        kafka_report(c, err, "offsets were not committed, and will be again");
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *list, void *opaque)
{
    kafka_consumer *c = opaque;
    c->commit_sent = false;
    commits_note(c, err, list);
}

void kafka_commit_due(kafka_consumer *c)
{
    int64_t now_ms = sl_mono_ms();
    if (c->dirty && !c->commit_sent && now_ms >= c->commit_at_ms) {
        rd_kafka_topic_partition_list_t *list = commits_collect(c);
        c->dirty = false;
        c->commit_at_ms = now_ms + SL_BUS_COMMIT_EVERY_MS;
        if (list) {
            rd_kafka_resp_err_t err = rd_kafka_commit_queue(c->rk, list, c->control, on_commit, c);
            c->commit_sent = err == RD_KAFKA_RESP_ERR_NO_ERROR;
            if (!c->commit_sent)
                commits_note(c, err, NULL);
            rd_kafka_topic_partition_list_destroy(list);
        }
    }
    sl_wake_at(&c->wake, c->dirty && !c->commit_sent ? c->commit_at_ms : now_ms + KEEP_ALIVE_MS);
}

typedef struct commit_answer {
    kafka_consumer *c;
    bool here;
} commit_answer;

static void on_commit_answer(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                             rd_kafka_topic_partition_list_t *list, void *opaque)
{
    commit_answer *a = opaque;
    a->here = true;
    commits_note(a->c, err, list);
}

void kafka_commit_wait(kafka_consumer *c, int timeout_ms)
{
    rd_kafka_topic_partition_list_t *list = commits_collect(c);
    if (!list)
        return;
    /* A queue of its own: rd_kafka_commit would wait without a limit. */
    rd_kafka_queue_t *queue = rd_kafka_queue_new(c->rk);
    commit_answer answer = {c, false};
    int64_t until_ms = sl_mono_ms() + timeout_ms, left_ms = timeout_ms;
    rd_kafka_resp_err_t err = rd_kafka_commit_queue(c->rk, list, queue, on_commit_answer, &answer);
    while (err == RD_KAFKA_RESP_ERR_NO_ERROR && !answer.here && left_ms > 0) {
        (void)rd_kafka_queue_poll_callback(queue, (int)left_ms);
        left_ms = until_ms - sl_mono_ms();
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && !answer.here)
        err = RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (!answer.here)
        commits_note(c, err, NULL);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
}

/* ---- rebalances ---- */

static void assign(kafka_consumer *c, rd_kafka_topic_partition_list_t *list)
{
    /* Forward before the fetches start, so that no record lands on the control queue. */
    for (int i = 0; i < list->cnt; i++)
        if (!kafka_part_add(c, list->elems[i].topic, list->elems[i].partition))
            kafka_report(c, RD_KAFKA_RESP_ERR__STATE, "no memory for a partition");
    rd_kafka_resp_err_t err = rd_kafka_assign(c->rk, list);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        kafka_report(c, err, "taking over partitions");
}

static void revoke(kafka_consumer *c, const rd_kafka_topic_partition_list_t *list, bool lost)
{
    for (int i = 0; !c->closing && c->cb.on_revoked && i < list->cnt; i++)
        c->cb.on_revoked(c->cb.arg, list->elems[i].topic, list->elems[i].partition);
    if (!lost)
        kafka_commit_wait(c, REVOKE_COMMIT_MS);
    for (int i = 0; i < list->cnt; i++) {
        kafka_part *part = kafka_part_find(c, list->elems[i].topic, list->elems[i].partition);
        kafka_held_drop(c, list->elems[i].topic, list->elems[i].partition);
        if (part)
            kafka_part_remove(c, part);
    }
    /* Marks what is still queued as outdated at once; it is dropped when it is taken. */
    (void)rd_kafka_assign(c->rk, NULL);
}

void kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                     rd_kafka_topic_partition_list_t *list, void *opaque)
{
    kafka_consumer *c = opaque;
    switch (err) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        assign(c, list);
        break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        revoke(c, list, rd_kafka_assignment_lost(rk) != 0);
        break;
    default:
        kafka_report(c, err, "joining the group");
        (void)rd_kafka_assign(rk, NULL);
    }
}
