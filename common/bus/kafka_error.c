/* kafka_error.c - one table from librdkafka's and the broker's codes to a status and our words.
 *
 * A broker's own error string can hold topic names, principals and internals (a refused CreateAcls
 * answers with the broker's request dump), so none of them is ever passed on. */
#include "common/base/clock.h"
#include "common/bus/kafka_impl.h"

#include <string.h>

typedef struct row {
    rd_kafka_resp_err_t err;
    sl_status status;
    bool retriable;
    const char *text;
} row;

#define E(name) RD_KAFKA_RESP_ERR_##name
#define DOWN    "no broker can be reached: check the address, the network and the broker"
#define LEADER  "the partition has no leader or too few replicas now"
#define GROUP   "the group's coordinator is not ready now"
#define MEMBER  "the group gave this member's partitions to others"
#define ACL     "the cluster refused this client: check its certificate and its ACLs"
#define LOST    "the offset is not in the log: records were lost to retention or truncation"
#define ABSENT  "there is no such topic or partition: create it"
#define LATE    "no answer in time: check the broker and the network"

static const row rows[] = {
    {E(_TRANSPORT), SL_E_UNAVAILABLE, true, DOWN},
    {E(_ALL_BROKERS_DOWN), SL_E_UNAVAILABLE, true, DOWN},
    {E(_RESOLVE), SL_E_UNAVAILABLE, true, "a broker's host name has no address: check the name"},
    {E(NETWORK_EXCEPTION), SL_E_UNAVAILABLE, true, DOWN},
    {E(BROKER_NOT_AVAILABLE), SL_E_UNAVAILABLE, true, DOWN},
    {E(LEADER_NOT_AVAILABLE), SL_E_UNAVAILABLE, true, LEADER},
    {E(NOT_LEADER_FOR_PARTITION), SL_E_UNAVAILABLE, true, LEADER},
    {E(NOT_ENOUGH_REPLICAS), SL_E_UNAVAILABLE, true, LEADER},
    {E(NOT_ENOUGH_REPLICAS_AFTER_APPEND), SL_E_UNAVAILABLE, true, LEADER},
    {E(KAFKA_STORAGE_ERROR), SL_E_UNAVAILABLE, true, "the broker's disk failed"},
    {E(COORDINATOR_LOAD_IN_PROGRESS), SL_E_UNAVAILABLE, true, GROUP},
    {E(COORDINATOR_NOT_AVAILABLE), SL_E_UNAVAILABLE, true, GROUP},
    {E(NOT_COORDINATOR), SL_E_UNAVAILABLE, true, GROUP},
    {E(_WAIT_COORD), SL_E_UNAVAILABLE, true, GROUP},
    {E(_IN_PROGRESS), SL_E_UNAVAILABLE, true, GROUP},
    {E(REBALANCE_IN_PROGRESS), SL_E_CLOSED, true, MEMBER},
    {E(ILLEGAL_GENERATION), SL_E_CLOSED, true, MEMBER},
    {E(UNKNOWN_MEMBER_ID), SL_E_CLOSED, true, MEMBER},
    {E(_ASSIGNMENT_LOST), SL_E_CLOSED, true, MEMBER},
    {E(_MAX_POLL_EXCEEDED), SL_E_CLOSED, true,
     "the consumer was not polled for five minutes and left its group"},
    /* OpenSSL 3 reports a broker that went away as a TLS error too. */
    {E(_SSL), SL_E_UNAVAILABLE, true,
     "TLS failed: check that the broker runs, both certificates, the CA and the clocks"},
    {E(_AUTHENTICATION), SL_E_DENIED, true, "the cluster refused this client's credentials"},
    {E(SASL_AUTHENTICATION_FAILED), SL_E_DENIED, true,
     "the cluster refused this client's credentials"},
    {E(TOPIC_AUTHORIZATION_FAILED), SL_E_DENIED, true, ACL},
    {E(GROUP_AUTHORIZATION_FAILED), SL_E_DENIED, true, ACL},
    {E(CLUSTER_AUTHORIZATION_FAILED), SL_E_DENIED, true, ACL},
    {E(_MSG_TIMED_OUT), SL_E_TIMEOUT, true, LATE},
    {E(_TIMED_OUT), SL_E_TIMEOUT, true, LATE},
    {E(_TIMED_OUT_QUEUE), SL_E_TIMEOUT, true, LATE},
    {E(REQUEST_TIMED_OUT), SL_E_TIMEOUT, true, LATE},
    {E(_UNKNOWN_TOPIC), SL_E_NOT_FOUND, true, ABSENT},
    {E(_UNKNOWN_PARTITION), SL_E_NOT_FOUND, true, ABSENT},
    {E(UNKNOWN_TOPIC_OR_PART), SL_E_NOT_FOUND, true, ABSENT},
    {E(MSG_SIZE_TOO_LARGE), SL_E_TOO_LARGE, false, "the record is over the topic's size limit"},
    {E(RECORD_LIST_TOO_LARGE), SL_E_TOO_LARGE, false, "the record is over the topic's size limit"},
    {E(_QUEUE_FULL), SL_E_FULL, true, "the producer's queue is full"},
    {E(_PURGE_QUEUE), SL_E_CLOSED, false, "the producer was closed first"},
    {E(_PURGE_INFLIGHT), SL_E_CLOSED, false, "the producer was closed before the answer came"},
    {E(_DESTROY), SL_E_CLOSED, false, "the client is closed"},
    {E(OFFSET_OUT_OF_RANGE), SL_E_CORRUPT, true, LOST},
    {E(_AUTO_OFFSET_RESET), SL_E_CORRUPT, true, LOST},
    {E(_BAD_MSG), SL_E_CORRUPT, true, "a batch failed its checksum or has no known form"},
    {E(INVALID_MSG), SL_E_CORRUPT, true, "a batch failed its checksum or has no known form"},
    {E(FENCED_INSTANCE_ID), SL_E_CONFLICT, false,
     "another process joined the group under the same instance name"},
    {E(_FATAL), SL_E_INTERNAL, false, "the Kafka client cannot go on"},
    {E(INVALID_REPLICATION_FACTOR), SL_E_INVALID, false,
     "the replication factor is more than the number of brokers"},
    {E(INVALID_PARTITIONS), SL_E_INVALID, false, "the number of partitions is not possible"},
    {E(INVALID_CONFIG), SL_E_INVALID, false, "the cluster does not know a setting or its value"},
    {E(POLICY_VIOLATION), SL_E_INVALID, false, "a policy of the cluster forbids it"},
    {E(TOPIC_EXCEPTION), SL_E_INVALID, false, "the cluster does not take that topic name"},
    {E(TOPIC_ALREADY_EXISTS), SL_E_CONFLICT, false, "the topic exists already"},
    {E(_INVALID_ARG), SL_E_INVALID, false, "the Kafka client does not take these arguments"},
    {E(_STATE), SL_E_UNAVAILABLE, true, "the Kafka client is not ready for this now"},
    {E(_UNSUPPORTED_FEATURE), SL_E_UNSUPPORTED, false, "the broker is too old for this"},
    {E(SECURITY_DISABLED), SL_E_UNSUPPORTED, false,
     "the cluster has no authorizer: anybody who connects may do anything"},
    {E(UNSUPPORTED_VERSION), SL_E_UNSUPPORTED, false, "the broker is too old for this"},
};

static const row *find(rd_kafka_resp_err_t err)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].err == err)
            return &rows[i];
    return NULL;
}

sl_status kafka_status(rd_kafka_resp_err_t err)
{
    const row *r = find(err);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? SL_OK : r ? r->status : SL_E_IO;
}

sl_status kafka_fail(sl_error *reterr, rd_kafka_resp_err_t err, const char *what)
{
    const row *r = find(err);
    if (!r)
        return sl_fail(reterr, SL_E_IO, "%s: Kafka error %d", what, (int)err);
    (void)sl_fail(reterr, r->status, "%s: %s", what, r->text);
    if (reterr)
        reterr->retriable = r->retriable;
    return r->status;
}

/* ---- causes ---- */

static const struct {
    const char *said; /* by librdkafka 2.0.2 or OpenSSL */
    kafka_cause cause;
} signs[] = {
    /* OpenSSL names what the other side sent in an alert, or its number. */
    {"alert", KAFKA_CAUSE_REFUSED},
    {"certificate verify failed", KAFKA_CAUSE_UNTRUSTED},
    {"could not be verified", KAFKA_CAUSE_UNTRUSTED},
    {"while requesting ApiVersion", KAFKA_CAUSE_SHUT},
};

static const struct {
    sl_status status;
    const char *text;
} causes[] = {
    [KAFKA_CAUSE_REFUSED] = {SL_E_DENIED,
                             "the broker refused this client's certificate: check that it has not "
                             "expired, and that the broker's CA issued it"},
    [KAFKA_CAUSE_UNTRUSTED] = {SL_E_DENIED,
                               "the broker's certificate can't be trusted: check ssl.ca.location, "
                               "the names in the certificate and the clocks"},
    [KAFKA_CAUSE_SHUT] = {SL_E_DENIED,
                          "the broker closes the connection at once: check security.protocol, and "
                          "that this listener lets in a certificate of this name"},
};

kafka_cause kafka_cause_of(const char *said)
{
    for (size_t i = 0; said && i < sizeof(signs) / sizeof(signs[0]); i++)
        if (strstr(said, signs[i].said))
            return signs[i].cause;
    return KAFKA_CAUSE_NONE;
}

sl_status kafka_fail_cause(sl_error *reterr, rd_kafka_resp_err_t err, kafka_cause cause,
                           const char *what)
{
    sl_status st = kafka_status(err);
    if (cause == KAFKA_CAUSE_NONE || (st != SL_E_UNAVAILABLE && st != SL_E_TIMEOUT))
        return kafka_fail(reterr, err, what);
    (void)sl_fail(reterr, causes[cause].status, "%s: %s", what, causes[cause].text);
    if (reterr)
        reterr->retriable = true;
    return causes[cause].status;
}

bool kafka_report_due(kafka_reports *r, sl_status status)
{
    int64_t now_ms = sl_mono_ms();
    if (now_ms < r->next_ms[status])
        return false;
    r->next_ms[status] = now_ms + 1000;
    return true;
}
