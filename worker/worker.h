/* worker.h - the bus side that every worker shares: requests in, runs of chunk records out.
 *
 * Consumes llm.<class>.requests.v1 in the group of the class, verifies and decrypts, remembers
 * cancels, hands each request to an executor (the engine, an upstream), turns what the executor
 * says into a run of chunk records, commits a request only after its end record is acknowledged,
 * sends heartbeats every 2 s and presence every 2 s, dead-letters what is damaged, writes audit
 * records, drains on request. design.md 6 is the contract.
 * Ownership: a sl_job belongs to the worker; the executor may use it from `start` until it has
 * called sl_job_end, which frees it. Threads: all in the loop's thread. */
#ifndef SL_WORKER_WORKER_H
#define SL_WORKER_WORKER_H

#include "common/base/metrics.h"
#include "common/bus/bus.h"
#include "common/crypto/keyring.h"
#include "common/http/loop.h"
#include "schemas/audit.h"
#include "schemas/chat.h"
#include "schemas/envelope.h"

typedef struct sl_worker sl_worker;
typedef struct sl_job sl_job;

typedef struct sl_executor { /* a small vtable; `arg` first */
    /* Begins the work. SL_OK: the executor will call sl_job_end once. SL_E_FULL: busy, the worker
     * keeps the job and tries again later. Any other failure: the worker ends the job with it. */
    sl_status (*start)(void *arg, sl_job *job, sl_error *reterr);
    /* The job was cancelled: stop soon and call sl_job_end(SL_END_CANCELLED) (also from inside). */
    void (*cancel)(void *arg, sl_job *job);
    /* Fills models, slots, active, queued, env. */
    void (*presence)(void *arg, sl_presence *ret);
} sl_executor;

typedef struct sl_worker_options {
    sl_class cls;
    const char *daemon, *instance; /* "private-worker", "0" */
    const char *group;
    sl_bus *bus;
    const char *keyring_path; /* "": plain */
    bool must_encrypt;        /* plain requests are refused */
    int jobs_max;             /* taken from Kafka at once; default 32 */
    int64_t coalesce_ms;     /* text is gathered so long, the first never; default 20; < 0: never */
    const char *audit_topic; /* NULL: the class's own (llm.audit.v1, llm.public.audit.v1) */
    int64_t heartbeat_ms, presence_ms; /* default 2,000 each */
    int64_t chunk_timeout_ms; /* an unacknowledged chunk ends the run then; default 30,000 */
    sl_metrics_shard *shard;  /* of a table that begins with SL_WORKER_METRICS; NULL: no metrics */
    sl_loop_fn on_drain;      /* an operator's drain record named this instance; may be NULL */
    void *on_drain_arg;
} sl_worker_options;

sl_status sl_worker_open(sl_worker **ret, sl_loop *l, const sl_worker_options *opt,
                         const sl_executor *ex, void *arg, sl_error *reterr) SL_MUST_CHECK;
/* Takes no new requests, finishes what runs (at most timeout_ms), says so in presence, then calls
 * done(arg) once. */
void sl_worker_drain(sl_worker *w, int64_t timeout_ms, sl_loop_fn done, void *arg);
bool sl_worker_ready(const sl_worker *w); /* has partitions, producer up */
sl_status sl_worker_reload_keys(sl_worker *w, sl_error *reterr) SL_MUST_CHECK;
void sl_worker_free(sl_worker *w);

typedef struct sl_worker_stats {
    uint64_t requests, ended, cancelled, dead_lettered, unauthentic, heartbeats, restarts;
    int jobs; /* in hand: waiting, running, or waiting for Kafka to acknowledge the end */
} sl_worker_stats;
void sl_worker_get_stats(const sl_worker *w, sl_worker_stats *ret);

/* ---- for the executor ---- */
const char *sl_job_id(const sl_job *j);
const char *sl_job_run(const sl_job *j);     /* the run's id, 32 hex digits */
sl_chat *sl_job_chat(sl_job *j);             /* the request as decided */
int64_t sl_job_deadline_ms(const sl_job *j); /* Unix */
sl_str sl_job_traceparent(const sl_job *j);
void sl_job_set_user(sl_job *j, void *user);
void *sl_job_user(const sl_job *j);
/* Text of the answer; gathered into chunks. */
void sl_job_text(sl_job *j, sl_str content, sl_str reasoning);
/* A whole chunk body as an upstream sent it (tool call deltas and the like), sent at once after any
 * gathered text. */
void sl_job_chunk(sl_job *j, sl_str body);
/* Ends the run. error: for SL_END_ERROR; usage may be NULL. */
void sl_job_end(sl_job *j, sl_end end, const sl_usage *usage, const sl_error *error,
                const char *env);
/* Backpressure: too many of the job's chunks wait for Kafka; the executor may hold back. */
bool sl_job_congested(const sl_job *j);

#endif
