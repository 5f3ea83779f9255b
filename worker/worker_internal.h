/* worker_internal.h - what the files of worker/ share. Read sl_job, sl_run and sl_worker first.
 *
 * A sl_job is one request in hand, a sl_run one execution of it. A job that fails for Kafka's sake
 * is run again with a new sl_run; the old one lives on, without a job, until its last record has
 * been delivered or given up. All in the loop's thread.
 *
 * Reentrancy: the executor calls sl_job_text and its like from inside its own functions, so those
 * never call the executor back. Whatever must (a failed run, a job past its deadline) is marked on
 * the job and done by sl_worker_pump, which runs from a timer with nothing of ours on the stack. */
#ifndef SL_WORKER_INTERNAL_H
#define SL_WORKER_INTERNAL_H

#include "common/base/idtable.h"
#include "common/base/log.h"
#include "common/bus/outbox.h"
#include "worker/metrics.h"
#include "worker/worker.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>

#define SL_JOB_EXPIRED_GRACE_MS 30000 /* design.md 6: only what is more than 30 s past is skipped */
#define SL_JOB_DEADLINE_MS      600000     /* where a request names none */
#define SL_JOB_UNSENT_MAX       (8u << 20) /* bytes of a run that wait for the producer */
#define SL_JOB_TEXT_FLUSH       32768  /* gathered text of this size does not wait for its time */
#define SL_CHUNK_TEXT_MAX       262144 /* text of one chunk */
#define SL_CHUNK_BODY_MAX       (SL_RECORD_MAX - 16384) /* room for headers, tag and framing */
#define SL_HELD_MAX             (1u << 20) /* bytes that are held for the end of a turn */
#define SL_TICK_MS              250

typedef enum job_state {
    JOB_WAITING, /* in w->waiting; nothing of its run was sent yet */
    JOB_RUNNING, /* the executor has it */
    JOB_ENDING   /* the executor is done; the end record waits for its acknowledgement */
} job_state;

typedef struct sl_run {
    sl_worker *w;
    sl_job *job; /* NULL: given up */
    char id[SL_RUN_TEXT], digest_text[SL_CHECKSUM_TEXT], env[96];
    char end_checksum[SL_CHECKSUM_TEXT];
    uint64_t seq, bytes;
    sl_run_digest *digest;
    size_t inflight;   /* records taken by the outbox, not yet delivered */
    size_t unsent;     /* bytes of those that the producer has not taken */
    bool failed;       /* a record is lost: the run can't be completed */
    bool delivering;   /* run_delivered is on the stack: don't free */
    sl_end end;        /* SL_END_NONE until the end record was sent */
    int64_t record_us; /* of the last record sent */
} sl_run;

struct sl_job {
    sl_worker *w;
    sl_id_node node; /* in w->by_id, unless answer_only */
    TAILQ_ENTRY(sl_job) all, waiting, gathering;
    job_state state;
    char id[SL_UUID_TEXT];
    sl_chat *chat; /* NULL: the request could not be read, there is only an end to send */
    int64_t deadline_ms;
    int32_t reply_partition;
    char requestchecksum[SL_CHECKSUM_TEXT];
    sl_buf traceparent, tracestate;
    bool encrypted;
    int32_t partition;
    int64_t offset;
    bool owned;       /* the partition is still ours: the end commits it */
    bool answer_only; /* an error end for a record that somebody else finishes (worker_reject.c) */
    int64_t taken_us, started_us, first_us; /* monotonic; 0: not yet */
    sl_run *run;
    sl_buf text, reasoning; /* gathered */
    bool is_gathering;
    int64_t flush_us;
    bool role_sent, text_sent;
    bool cancelled, cancel_told;
    sl_end forced; /* the end that replaces the executor's: expired, error */
    sl_error forced_error;
    int restarts;
    int64_t not_before_ms; /* monotonic; after a restart */
    void *user;
};

TAILQ_HEAD(sl_job_list, sl_job);

struct sl_worker {
    sl_loop *loop;
    sl_executor ex;
    void *ex_arg;
    sl_class cls;
    char daemon[64], instance[128], group[128], audit_topic[128];
    char keyring_path[1024];
    bool must_encrypt;
    int jobs_max;
    int64_t coalesce_ms, heartbeat_ms, presence_ms;
    sl_loop_fn on_drain;
    void *on_drain_arg;
    sl_metrics_shard *shard;

    sl_bus *bus;
    sl_producer *out_producer, *audit_producer;
    sl_outbox out, audit; /* out holds: what a turn of the loop sends leaves as one */
    sl_consumer *requests, *control;
    sl_watch *watch[4];
    sl_timer *tick, *pump, *gather, *leave;
    bool pump_set;
    int reply_partitions;

    sl_codec *codec;
    sl_keyring *ring; /* NULL: plain */
    struct stat ring_stat;
    int64_t keys_at_us;

    sl_id_table by_id;
    struct sl_job_list jobs, waiting,
        gathering; /* gathering: by flush_us, since all wait equally long */
    sl_recall *cancelled, *ended;
    size_t rejects; /* dead letters that wait for their acknowledgement */
    sl_buf scratch;

    bool draining, closing;
    int64_t drain_until_us, presence_at_us,
        acked_us; /* acked_us: the last presence that Kafka took */
    sl_loop_fn drained;
    void *drained_arg;
    sl_worker_stats stats;
    sl_log_limit limit_bus, limit_run, limit_audit, limit_keys;
};

/* worker.c */
void sl_worker_pump_soon(sl_worker *w);
/* Sends at the end of this turn of the loop; a record that the producer refuses is told in cb. */
sl_status sl_worker_send(sl_worker *w, const sl_record *r, sl_delivery_fn cb, void *arg,
                         size_t *unsent, sl_error *reterr) SL_MUST_CHECK;
void sl_worker_count(sl_worker *w, size_t metric, size_t value, uint64_t n);

/* job.c */
/* A new job in state WAITING, in no list but `jobs`. NULL when out of memory. */
sl_job *sl_job_new(sl_worker *w, const sl_envelope *env, const sl_record *r);
void sl_job_enqueue(sl_job *j);
void sl_job_start_waiting(sl_worker *w);
/* Ends a job that the executor does not have. */
void sl_job_end_unstarted(sl_job *j, sl_end end, const sl_error *error);
void sl_job_ask_cancel(sl_job *j);
void sl_job_force(sl_job *j, sl_end end, const sl_error *error); /* done by the pump */
void sl_job_settle(sl_job *j);                                   /* the pump's part; may free j */
void sl_job_drop(sl_job *j); /* forgets and frees without a word; not while RUNNING */
void sl_job_tick(sl_job *j, int64_t now_us);
void sl_job_flush_due(sl_worker *w);
void sl_job_body_error(sl_buf *out, const sl_error *e);

/* run.c */
sl_run *sl_run_open(sl_job *j);
void sl_run_abandon(sl_run *r);
bool sl_run_blocked(const sl_run *r); /* records of it wait for room in the producer */
/* Sends one record of the run. Failures are marked on the run (failed) or the job (forced). */
void sl_run_send(sl_run *r, sl_str body, bool fin);

/* worker_requests.c */
void sl_worker_on_request(void *arg, const sl_record *r);
void sl_worker_on_revoked(void *arg, const char *topic, int32_t partition);
sl_job *sl_worker_find(const sl_worker *w, sl_str id);
/* worker_reject.c */
void sl_worker_reject(sl_worker *w, const sl_record *r, const sl_envelope *env, const char *cause,
                      const sl_error *why);
/* worker_control.c */
void sl_worker_on_control(void *arg, const sl_record *r);
/* worker_presence.c */
void sl_worker_presence(sl_worker *w);
/* worker_audit.c: `a` has its event and what is special; the rest is filled. */
void sl_worker_audit(sl_worker *w, sl_audit *a);
/* worker_keys.c */
sl_status sl_worker_keys_load(sl_worker *w, sl_error *reterr) SL_MUST_CHECK;
void sl_worker_keys_poll(sl_worker *w);

#endif
