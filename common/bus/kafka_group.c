/* kafka_group.c - membership of a group and its commits.
 *
 * Where to start is settled in the assignment callback, with three short questions to the brokers
 * (committed offsets, first and last offsets): a group without a committed offset starts as
 * from_end says, a committed offset that the log does not have is reported and replaced by the
 * earliest. librdkafka's own auto.offset.reset cannot tell these two apart.
 *
 * Committed is, per partition, the lowest unfinished offset. Commits go out asynchronously at most
 * every SL_BUS_COMMIT_EVERY_MS; one that failed is reported and goes out again with the next. On
 * revocation, while the group still counts this member in, they are waited for. */
#include "common/base/clock.h"
#include "common/bus/kafka_consumer_impl.h"

#include <string.h>
#include <time.h>

#define REVOKE_COMMIT_MS 2000
#define QUESTION_MS      1000
#define REJOIN_EVERY_MS  2000
#define REPLACE_MIN_MS   1000
#define REPLACE_MAX_MS   60000
#define REPLACE_CALM_MS  600000 /* the wait before a replacement shrinks again after so long */
#define DESTROY_MS       1000
#define KEEP_ALIVE_MS    60000 /* a poll at least so often: max.poll.interval.ms is 300,000 */

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

/* ListOffsets for all partitions at once; `at` is a logical time: -2 first, -1 after the last. */
static rd_kafka_topic_partition_list_t *
edges(kafka_consumer *c, const rd_kafka_topic_partition_list_t *list, int64_t at)
{
    rd_kafka_topic_partition_list_t *edge = rd_kafka_topic_partition_list_copy(list);
    int64_t until_ms = sl_mono_ms() + QUESTION_MS, left_ms = QUESTION_MS;
    /* A young client does not know all leaders yet, and 2.0.2 does not retry by itself. */
    for (; left_ms > 0; left_ms = until_ms - sl_mono_ms()) {
        for (int i = 0; i < edge->cnt; i++)
            edge->elems[i].offset = at;
        if (rd_kafka_offsets_for_times(c->rk, edge, (int)left_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
            return edge;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    rd_kafka_topic_partition_list_destroy(edge); /* not fatal: see start_at */
    return NULL;
}

static int64_t edge_at(const rd_kafka_topic_partition_list_t *edge, int i)
{
    return edge && !edge->elems[i].err && edge->elems[i].offset >= 0 ? edge->elems[i].offset : -1;
}

/* Sets the offset to start from. Where an edge is not known (-1), librdkafka finds it itself, or
 * stops the partition, which brings us here again. */
static void start_at(kafka_consumer *c, rd_kafka_topic_partition_t *tp, int64_t committed,
                     int64_t low, int64_t high)
{
    if (committed < 0) {
        int64_t edge = c->cb.from_end ? high : low;
        int64_t logical = c->cb.from_end ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
        tp->offset = edge >= 0 ? edge : logical;
    } else if ((low >= 0 && committed < low) || (high >= 0 && committed > high)) {
        kafka_report(c, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
                     "the committed offset is gone; reading goes on at the earliest record");
        tp->offset = low >= 0 ? low : RD_KAFKA_OFFSET_BEGINNING;
    } else {
        tp->offset = committed;
    }
}

static void starts_resolve(kafka_consumer *c, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *low = NULL, *high = NULL;
    rd_kafka_resp_err_t err = rd_kafka_committed(c->rk, list, QUESTION_MS);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        low = edges(c, list, -2);
        high = edges(c, list, -1);
    } else {
        kafka_report(c, err, "asking for the committed offsets");
    }
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *tp = &list->elems[i];
        kafka_part *part = kafka_part_find(c, tp->topic, tp->partition);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR || tp->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            tp->offset = RD_KAFKA_OFFSET_STORED;
            tp->err = RD_KAFKA_RESP_ERR_NO_ERROR;
            continue;
        }
        int64_t committed = tp->offset < 0 ? -1 : tp->offset;
        start_at(c, tp, committed, edge_at(low, i), edge_at(high, i));
        if (part) {
            part->committed = committed;
            part->position = tp->offset < 0 ? -1 : tp->offset;
            sl_offsets_start(&part->offsets, part->position);
            c->dirty |= part->committed != part->position; /* a new group's place is kept */
        }
    }
    if (low)
        rd_kafka_topic_partition_list_destroy(low);
    if (high)
        rd_kafka_topic_partition_list_destroy(high);
}

static void assign(kafka_consumer *c, rd_kafka_topic_partition_list_t *list)
{
    /* Forward before the fetches start, so that no record lands on the control queue. */
    for (int i = 0; i < list->cnt; i++)
        if (!kafka_part_add(c, list->elems[i].topic, list->elems[i].partition))
            kafka_report(c, RD_KAFKA_RESP_ERR__STATE, "no memory for a partition");
    if (list->cnt > 0)
        starts_resolve(c, list);
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

void kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list,
                     void *opaque)
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

/* Unsubscribing revokes what is held, by the callback above; then the group assigns anew. */
void kafka_rejoin_due(kafka_consumer *c)
{
    int64_t now_ms = sl_mono_ms();
    if (now_ms < c->rejoin_at_ms) {
        sl_wake_at(&c->wake, c->rejoin_at_ms);
        return;
    }
    c->rejoin = false;
    c->rejoin_at_ms = now_ms + REJOIN_EVERY_MS;
    rd_kafka_resp_err_t err = rd_kafka_unsubscribe(c->rk);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        err = rd_kafka_subscribe(c->rk, c->topics);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    kafka_report(c, err, "joining the group again");
    c->rejoin = true;
    sl_wake_at(&c->wake, c->rejoin_at_ms);
}

/* ---- a broken client ---- */

/* A named member (group.instance.id) is fenced when its name joins anew under another member id:
 * another process does so, but a request to join that a dying broker took and never answered does
 * too. Fenced is final for a client, so a new one joins. Against a real second process of that name
 * the wait between two tries doubles, and each is reported. */
void kafka_replace_plan(kafka_consumer *c)
{
    int64_t now_ms = sl_mono_ms();
    if (c->broken)
        return;
    c->broken = true;
    if (!c->replace_delay_ms || now_ms - c->replaced_ms > REPLACE_CALM_MS)
        c->replace_delay_ms = REPLACE_MIN_MS;
    else if (c->replace_delay_ms < REPLACE_MAX_MS)
        c->replace_delay_ms *= 2;
    c->replace_at_ms = now_ms + c->replace_delay_ms;
    sl_wake_at(&c->wake, c->replace_at_ms);
}

void kafka_replace_due(kafka_consumer *c)
{
    int64_t now_ms = sl_mono_ms();
    if (now_ms < c->replace_at_ms) {
        sl_wake_at(&c->wake, c->replace_at_ms);
        return;
    }
    sl_error e;
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(rd_kafka_conf(c->rk));
    rd_kafka_t *fresh = kafka_new(c->bus, RD_KAFKA_CONSUMER, conf, &e);
    if (!fresh) {
        kafka_report(c, RD_KAFKA_RESP_ERR__FAIL, "replacing a broken client");
        c->replace_at_ms = now_ms + c->replace_delay_ms;
        sl_wake_at(&c->wake, c->replace_at_ms);
        return;
    }
    for (size_t i = 0; c->cb.on_revoked && i < c->parts_n; i++)
        c->cb.on_revoked(c->cb.arg, c->parts[i].topic, c->parts[i].partition);
    kafka_queues_close(c);
    c->old_lives |= !kafka_destroy(c->rk, DESTROY_MS);
    c->rk = fresh;
    c->replaced_ms = now_ms;
    c->broken = c->rejoin = c->dirty = c->commit_sent = false;
    kafka_queues_open(c);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(c->rk, c->topics);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        kafka_report(c, err, "joining the group again");
    sl_wake_signal(&c->wake);
}
