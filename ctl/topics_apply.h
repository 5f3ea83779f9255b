/* topics_apply.h - brings a cluster to a plan: shows the difference, then makes what is missing.
 * Threads: one owner. Prints to standard output. */
#ifndef SL_CTL_TOPICS_APPLY_H
#define SL_CTL_TOPICS_APPLY_H

#include "ctl/topics_plan.h"

typedef struct sl_apply_options {
    const char *bus;       /* "private", "public": for people */
    const char *bootstrap; /* the same */
    const char *ingress_group;
    bool acls;    /* the plan has principals: look at access control lists */
    bool dry_run; /* show, change nothing */
    bool prune;   /* remove the rules that let somebody do what the plan does not say */
    bool json;
} sl_apply_options;

/* *ret_open: differences that stand after it; all of them in a dry run, else rules beyond the plan
 * that were not pruned. */
sl_status sl_plan_apply(sl_bus *bus, const sl_plan *plan, const sl_apply_options *o,
                        size_t *ret_open, sl_error *reterr) SL_MUST_CHECK;

#endif
