/* follow.h - follows one run of a request among all that come, so that a client sees each piece
 * once.
 *
 * A request may be executed more than once (a worker died; a partition moved). Each execution is a
 * run of numbered records. The core follows the first run it sees and keeps up to 256 KiB of
 * others. It switches only when the followed run was silent for 10 s or failed verification. When
 * a run was broken and every sound one is silent for 20 s, nothing can come any more: it fails.
 * Decoded bytes are compared a field (content, reasoning, tool calls), never chunks: the same
 * prefix continues the stream where the client is, another prefix or environment ends it. In
 * whole mode (an answer that is not streamed) the first complete run is taken. Source: design,
 * section 6 "Runs".
 * Pure state machine: no clock, no I/O of its own. Threads: one owner. */
#ifndef SL_GATEWAY_FOLLOW_H
#define SL_GATEWAY_FOLLOW_H

#include "schemas/chat.h"
#include "schemas/envelope.h"

#define SL_FOLLOW_SILENT_MS 10000
#define SL_FOLLOW_LOST_MS \
    20000 /* a killed worker's work moves within 10 s, and its next run shows soon after */
#define SL_FOLLOW_SUSPECT_MS \
    2500 /* over one heartbeat: a damaged last record has no successor that shows the gap */
#define SL_FOLLOW_OTHER_MAX (256u << 10)
#define SL_FOLLOW_WHOLE_MAX (8u << 20)
#define SL_FOLLOW_RUNS_MAX  8

typedef struct sl_follow sl_follow;
typedef enum sl_follow_verdict {
    SL_FOLLOW_MORE,  /* go on */
    SL_FOLLOW_DONE,  /* sl_follow_result tells how it ended */
    SL_FOLLOW_FAILED /* no run can be trusted to continue what the client has; sl_follow_why */
} sl_follow_verdict;

/* New text for the client, in order. Whole mode: called once, before SL_FOLLOW_DONE, a field. */
typedef void (*sl_follow_fn)(void *arg, const sl_chunk *delta);

typedef struct sl_follow_result {
    sl_end end;
    sl_usage usage;
    bool has_usage, has_error;
    sl_str error_message, error_type, error_code;
    sl_str run, env;
    uint64_t count;                     /* records before the end record */
    char digest[SL_CHECKSUM_TEXT];      /* ce_digest, verified */
    char text_digest[SL_CHECKSUM_TEXT]; /* XXH3-128 of the content that the client was given */
    uint64_t text_bytes;
} sl_follow_result;

sl_status sl_follow_open(sl_follow **ret, bool whole, sl_follow_fn fn, void *arg) SL_MUST_CHECK;
void sl_follow_free(sl_follow *f); /* NULL is fine */
/* One decoded chunk record of this request. */
sl_follow_verdict sl_follow_record(sl_follow *f, const sl_envelope *env, int64_t now_ms);
/* A record of this request was damaged (its checksum is wrong): the run that it belonged to will
 * show a gap; when nothing follows, the next ticks decide. */
sl_follow_verdict sl_follow_damaged(sl_follow *f, int64_t now_ms);
sl_follow_verdict sl_follow_tick(sl_follow *f, int64_t now_ms);
/* What happened; also useful before the end (text_digest, text_bytes). Views live as long as f. */
void sl_follow_get_result(const sl_follow *f, sl_follow_result *ret);
const char *
sl_follow_why(const sl_follow *f); /* after FAILED: "gap", "digest", "prefix", "environment", … */
size_t sl_follow_runs(const sl_follow *f);
uint64_t sl_follow_duplicates(const sl_follow *f); /* records seen again */

#endif
