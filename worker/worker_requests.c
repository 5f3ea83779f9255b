/* worker_requests.c - from a record of the requests topic to a job, or to the dead-letter topic.
 *
 * Every record that is read here is finished exactly once, by one of: the acknowledged end record
 * of its job (run.c), its acknowledged dead letter (worker_reject.c), or at once when it is a
 * second copy of a request that is in hand or was just answered. Of two records with one id and
 * different checksums the later one counts. */
#include "worker/worker_internal.h"

static const char *cause_of(sl_status st)
{
    switch (st) {
    case SL_E_CORRUPT:
        return "corrupt";
    case SL_E_UNAUTHENTIC:
        return "unauthentic";
    case SL_E_UNKNOWN_KEY:
        return "unknown_key";
    case SL_E_UNSUPPORTED:
        return "unsupported";
    default:
        return "malformed";
    }
}

sl_job *sl_worker_find(const sl_worker *w, sl_str id)
{
    sl_id_node *n = sl_id_table_find(&w->by_id, id);
    return n ? (sl_job *)((char *)n - offsetof(sl_job, node)) : NULL;
}

/* Does the reply partition exist? Topics only grow, so a number past the known count asks again. */
static bool partition_known(sl_worker *w, int32_t partition)
{
    if (partition < 0)
        return false;
    int n = 0;
    if (partition >= w->reply_partitions &&
        !sl_bus_partitions(w->bus, sl_topic_name(w->cls, SL_TOPIC_RESPONSES), &n, 1000, NULL) &&
        n > w->reply_partitions)
        w->reply_partitions = n;
    return partition < w->reply_partitions;
}

static sl_status check(sl_worker *w, const sl_envelope *env, sl_error *reterr)
{
    if (env->type != SL_TYPE_REQUEST)
        return sl_fail(reterr, SL_E_UNSUPPORTED,
                       "record type %s does not belong on a requests topic",
                       sl_type_name(env->type));
    if (!sl_uuid_valid(env->subject.p, env->subject.n))
        return sl_fail(reterr, SL_E_INVALID, "ce_subject is not a request id");
    if (env->cls != w->cls)
        return sl_fail(reterr, SL_E_INVALID, "ce_class is not %s", sl_class_name(w->cls));
    if (!sl_str_is(env->replytopic, sl_topic_name(w->cls, SL_TOPIC_RESPONSES)))
        return sl_fail(reterr, SL_E_INVALID, "ce_replytopic is not %s",
                       sl_topic_name(w->cls, SL_TOPIC_RESPONSES));
    if (!partition_known(w, env->replypartition))
        return sl_fail(reterr, SL_E_INVALID, "ce_replypartition %d does not exist",
                       env->replypartition);
    return SL_OK;
}

static void finish(sl_worker *w, const sl_record *r)
{
    sl_consumer_finish(w->requests, r->topic, r->partition, r->offset);
}

/* A gateway that started again read its input again and produced the request anew, with another
 * checksum: it takes no reply to the old record. The old job stops; its end is nobody's. */
static void supersede(sl_worker *w, sl_job *j)
{
    SL_INFO((&(sl_log_ctx){.id = j->id, .partition = j->partition, .offset = j->offset}),
            "request_superseded", "the same request was produced again; that one is run");
    sl_id_table_remove(&w->by_id, &j->node);
    sl_job_ask_cancel(j);
    j->cancelled = true; /* also while its end is on its way: should that fail, it stays ended */
}

/* Is what stands at `offset` the same record as r, or one that was produced after it? */
static bool not_before(const sl_record *r, int32_t partition, int64_t offset)
{
    return partition == r->partition && offset >= r->offset;
}

/* True when this request is in hand or was just answered: nothing is to be run. */
static bool seen(sl_worker *w, const sl_envelope *env, const sl_record *r)
{
    sl_job *j = sl_worker_find(w, env->subject);
    if (j && j->partition == r->partition && j->offset == r->offset) {
        j->owned = true; /* delivered again after a rebalance: the job commits it after all */
        return true;
    }
    if (j && !not_before(r, j->partition, j->offset) &&
        memcmp(j->requestchecksum, env->checksum, sizeof(j->requestchecksum)) != 0) {
        supersede(w, j);
        return false;
    }
    const sl_recalled *e = j ? NULL : sl_recall_find(w->ended, env->subject, sl_unix_ms());
    if (!j && !(e && not_before(r, e->partition, e->offset)))
        return false; /* the same id further on is a replay: run it */
    finish(w, r);
    return true;
}

/* A failure that is ours and not the record's: read it again later. */
static void take_again(sl_worker *w, const sl_record *r, const sl_error *why)
{
    SL_ERROR(&(sl_log_ctx){.topic = r->topic, .partition = r->partition, .offset = r->offset},
             "request_put_back", "%s", why->text);
    if (sl_consumer_rewind(w->requests, r->topic, r->partition, r->offset))
        SL_ERROR(NULL, "rewind_failed", "the request waits for the next rebalance");
}

static void accept(sl_worker *w, const sl_envelope *env, const sl_record *r, sl_chat *chat)
{
    sl_job *j = sl_job_new(w, env, r);
    if (!j) {
        sl_chat_free(chat);
        sl_error err;
        sl_fail(&err, SL_E_NOMEM, "out of memory for a request");
        take_again(w, r, &err);
        return;
    }
    j->chat = chat;
    sl_job_enqueue(j);
    if (sl_recall_find(w->cancelled, env->subject, sl_unix_ms()))
        sl_job_ask_cancel(j);
}

void sl_worker_on_request(void *arg, const sl_record *r)
{
    sl_worker *w = arg;
    sl_envelope env = {0};
    sl_error err = {0};
    w->stats.requests++;
    sl_worker_count(w, SL_WM_TAKEN, 0, 1);
    sl_status st = sl_envelope_decode(w->codec, r, w->ring, w->cls, w->must_encrypt, &env, &err);
    if (!st)
        st = check(w, &env, &err);
    if (!st && seen(w, &env, r))
        return;
    sl_chat *chat = NULL;
    if (!st)
        st = sl_chat_parse_decided(&chat, env.body, &err);
    if (st == SL_E_NOMEM || st == SL_E_INTERNAL)
        take_again(w, r, &err);
    else if (st)
        sl_worker_reject(w, r, &env, cause_of(st), &err);
    else
        accept(w, &env, r, chat);
}

void sl_worker_on_revoked(void *arg, const char *topic, int32_t partition)
{
    sl_worker *w = arg;
    size_t kept = 0, left = 0;
    for (sl_job *j = TAILQ_FIRST(&w->jobs), *next; j; j = next) {
        next = TAILQ_NEXT(j, all);
        if (j->partition != partition || j->answer_only)
            continue;
        j->owned = false;
        if (j->state == JOB_WAITING) {
            sl_job_drop(j); /* not begun: whoever has the partition now begins it */
            left++;
        } else {
            kept++;
        }
    }
    SL_INFO(&(sl_log_ctx){.topic = topic, .partition = partition}, "partition_revoked",
            "%zu waiting requests left to the next owner, %zu runs go on uncommitted", left, kept);
}
