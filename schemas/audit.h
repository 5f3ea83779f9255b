/* audit.h - the audit record of every hop: digests, sizes and times, never content.
 *
 * Written as io.sluice.audit.v1 (policy publication: io.sluice.policy.v1) on llm.audit.v1, by
 * public workers on llm.public.audit.v1; ce_subject is the request id. Threads: plain data. */
#ifndef SL_SCHEMAS_AUDIT_H
#define SL_SCHEMAS_AUDIT_H

#include "common/base/json.h"
#include "common/base/jsonw.h"
#include "schemas/types.h"

typedef enum sl_audit_event {
    SL_AUDIT_POLICY,      /* a policy took effect */
    SL_AUDIT_DECIDED,     /* class, level, reasons, before the request is produced */
    SL_AUDIT_PRODUCED,    /* Kafka acknowledged the request: it is accepted */
    SL_AUDIT_UNCONFIRMED, /* the produce was not acknowledged: answered 503, cancelled */
    SL_AUDIT_STARTED,     /* a worker began a run */
    SL_AUDIT_ENDED,       /* the end record of a run was acknowledged */
    SL_AUDIT_DELIVERED, /* the client has its one result (or definite error, or went away: `end`) */
    SL_AUDIT_REDRIVEN,  /* a request whose key its worker lacked is produced again, byte for byte */
    SL_AUDIT_REJECTED,  /* a record was refused: dead-lettered, unauthentic reply, … (`cause`) */
    SL_AUDIT_EVENT_N
} sl_audit_event;
const char *sl_audit_event_name(sl_audit_event e); /* "decided" */
bool sl_audit_event_parse(sl_str s, sl_audit_event *ret);

typedef struct sl_audit { /* zeroed / p NULL fields are left out */
    sl_audit_event event;
    sl_str id;
    int64_t time_us; /* Unix; when it happened */
    sl_class cls;
    sl_level level;
    bool has_class, has_level;
    sl_str policy, tenant, model, front,
        reasons_json; /* front: "http", "kafka"; reasons: JSON array text */
    sl_str topic;
    int32_t partition; /* with topic */
    int64_t offset;
    sl_str checksum; /* of the record that was produced, read or rejected */
    sl_str run;
    uint64_t count, bytes;
    sl_str digest; /* of the run (ce_digest); on delivered: sha256 of the delivered text */
    sl_str end, env, cause;
    int http_status;
    int64_t wait_us, work_us; /* durations of this hop */
} sl_audit;
void sl_audit_write(sl_buf *out, const sl_audit *a);
/* Reads one; views borrow *root, which the caller frees with sl_json_free. */
sl_status sl_audit_parse(sl_audit *ret, sl_jnode **root, sl_str body,
                         sl_error *reterr) SL_MUST_CHECK;

/* Presence of a worker (io.sluice.presence.v1), every 2 s. */
typedef struct sl_presence {
    sl_str instance; /* unique a class */
    sl_str models[32];
    size_t models_n;
    sl_str kids[32]; /* key ids that the worker accepts; none where its class is plain */
    size_t kids_n;
    int slots, active, queued;
    bool draining;
    sl_str env; /* engine environment id */
    int64_t interval_ms;
} sl_presence;
void sl_presence_write(sl_buf *out, const sl_presence *p);
sl_status sl_presence_parse(sl_presence *ret, sl_jnode **root, sl_str body,
                            sl_error *reterr) SL_MUST_CHECK;

#endif
