/* topics_plan.h - the topics of the design and who may do what with them: one table, from which a
 * cluster's topics and access control lists come.
 *
 * A principal is a certificate's name; a role is what its holder does. Kafka's rules name each
 * principal, so that one can be revoked without the others; so the principals are listed in a file
 * (sl_principals_options), and the table gives each role its rights.
 * Ownership: a plan owns its texts but borrows those of its options. Threads: one owner. */
#ifndef SL_CTL_TOPICS_PLAN_H
#define SL_CTL_TOPICS_PLAN_H

#include "common/base/arena.h"
#include "common/base/options.h"
#include "common/bus/bus.h"
#include "schemas/types.h"

typedef struct sl_principals {
    sl_option_list gateways, private_workers, public_workers, auditors, operators;
    sl_option_map producers; /* name to the ingress topic that it writes */
} sl_principals;

extern const sl_option sl_principals_options[];
/* Names must say their role, as the brokers' mapping rules want it: nobody gets a gateway's rights
 * by standing in the wrong list. */
sl_status sl_principals_check(const sl_principals *p, sl_error *reterr) SL_MUST_CHECK;

typedef struct sl_plan_options {
    bool on[SL_CLASS_N]; /* the classes whose topics stand on this cluster */
    int partitions, replication;
    const sl_option_list *ingress; /* topics that gateways read */
    const char *ingress_group;
    const sl_principals *principals; /* NULL: topics alone */
} sl_plan_options;

typedef struct sl_plan {
    sl_arena arena;
    sl_topic_spec *topic;
    size_t topics_n, topics_cap;
    sl_acl *acl;
    size_t acls_n, acls_cap;
    bool failed; /* no memory */
} sl_plan;

/* Free with sl_plan_done, after failures too. */
sl_status sl_plan_make(sl_plan *p, const sl_plan_options *o, sl_error *reterr) SL_MUST_CHECK;
void sl_plan_done(sl_plan *p);

bool sl_acl_same(const sl_acl *a, const sl_acl *b);
/* Does the rule let somebody do something with our topics or groups, or one of our principals with
 * the cluster? Rules that deny are nobody's hole and count as none of ours. */
bool sl_acl_ours(const sl_acl *a, const char *ingress_group);
/* "User:gateway-0 may Write topic llm.audit.v1" */
void sl_acl_text(const sl_acl *a, sl_buf *out);

#endif
