/* cmd_topics.c - `sluice topics apply|list`: topics and access rules of the design, by
 * topics_plan.c's table. */
#include "ctl/cmd.h"
#include "ctl/topics_apply.h"
#include "gateway/config.h"

#include <stdio.h>

#define TIMEOUT_MS 30000

typedef struct request {
    sl_gateway_config cfg;
    sl_principals principals;
    bool list, json, dry_run, prune, acls;
    int64_t partitions, replication;
    size_t open; /* differences that stand */
} request;

static sl_status open_bus(sl_bus **ret, const sl_gateway_config *cfg, sl_class c, sl_error *reterr)
{
    bool private = c == SL_CLASS_PRIVATE;
    sl_bus_options o = {.name = sl_class_name(c),
                        .bootstrap = private ? cfg->private_bootstrap : cfg->public_bootstrap,
                        .client_id = "sluice",
                        .properties = private ? cfg->private_properties : cfg->public_properties};
    return sl_bus_open(ret, &o, reterr);
}

static void print_topic(void *arg, const char *topic, int partitions)
{
    const bool *json = arg;
    if (!strncmp(topic, "llm.", 4))
        printf(*json ? "{\"topic\":\"%s\",\"partitions\":%d}\n" : "%-34s %d\n", topic, partitions);
}

static sl_status apply(request *r, sl_bus *bus, sl_class c, bool two, sl_error *reterr)
{
    const sl_gateway_config *cfg = &r->cfg;
    sl_plan_options po = {.partitions = (int)r->partitions,
                          .replication = (int)r->replication,
                          .ingress = &cfg->ingress_topics,
                          .ingress_group = cfg->ingress_group,
                          .principals = r->acls ? &r->principals : NULL};
    po.on[c] = true;
    if (!two)
        po.on[SL_CLASS_PUBLIC] = true;
    sl_apply_options ao = {.bus = sl_class_name(c),
                           .bootstrap = c == SL_CLASS_PRIVATE ? cfg->private_bootstrap
                                                              : cfg->public_bootstrap,
                           .ingress_group = cfg->ingress_group,
                           .acls = r->acls,
                           .dry_run = r->dry_run,
                           .prune = r->prune,
                           .json = r->json};
    sl_plan plan;
    size_t open = 0;
    sl_status st = sl_plan_make(&plan, &po, reterr);
    if (!st)
        st = sl_plan_apply(bus, &plan, &ao, &open, reterr);
    r->open += open;
    sl_plan_done(&plan);
    return st;
}

static sl_status on_cluster(request *r, sl_class c, bool two, sl_error *reterr)
{
    sl_bus *bus = NULL;
    sl_status st = open_bus(&bus, &r->cfg, c, reterr);
    if (!st)
        st = r->list ? sl_bus_topics_list(bus, print_topic, &r->json, TIMEOUT_MS, reterr)
                     : apply(r, bus, c, two, reterr);
    sl_bus_free(bus);
    return st;
}

static sl_status load(sl_options **ret, const char *program, const sl_option *table, void *target,
                      const char *file, sl_error *reterr)
{
    sl_options_spec spec = {.program = program, .summary = "", .table = table, .target = target};
    char flag[] = "--config", name[] = "sluice";
    char *args[] = {name, flag, (char *)(uintptr_t)file, NULL};
    bool leave;
    return sl_options_load(ret, &spec, file[0] ? 3 : 1, args, &leave, reterr);
}

static sl_status run(request *r, const char *config, const char *principals, sl_error *reterr)
{
    sl_options *options = NULL, *names = NULL;
    r->acls = principals[0] != '\0';
    sl_status st = load(&options, "sluice-gateway", sl_gateway_options, &r->cfg, config, reterr);
    if (!st && r->acls) {
        st = load(&names, "principals", sl_principals_options, &r->principals, principals, reterr);
        if (!st)
            st = sl_principals_check(&r->principals, reterr);
    }
    bool two = !st && r->cfg.public_bootstrap[0] != '\0';
    if (!st)
        st = on_cluster(r, SL_CLASS_PRIVATE, two, reterr);
    if (!st && two)
        st = on_cluster(r, SL_CLASS_PUBLIC, two, reterr);
    sl_options_free(names);
    sl_options_free(options);
    return st;
}

static sl_status check(request *r, const sl_args *a, const char *principals, sl_error *reterr)
{
    r->list = a->words_n == 1 && !strcmp(a->word[0], "list");
    if (a->words_n != 1 || (!r->list && strcmp(a->word[0], "apply") != 0))
        return sl_fail(reterr, SL_E_INVALID, "say `sluice topics apply` or `sluice topics list`");
    if (r->partitions < 1 || r->partitions > 10000 || r->replication < 1 || r->replication > 9)
        return sl_fail(reterr, SL_E_INVALID, "--partitions is 1 to 10000, --replication 1 to 9");
    if (r->prune && !principals[0])
        return sl_fail(reterr, SL_E_INVALID, "--prune removes access rules: it needs --principals");
    return SL_OK;
}

int sl_cmd_topics(int argc, char **argv)
{
    const char *config = NULL, *principals = NULL;
    request r = {0};
    const sl_arg table[] = {
        {"config", "FILE", sl_cmd_env("SLUICE_CONFIG"),
         "the gateway's configuration: it names the buses", &config, NULL, NULL},
        {"principals", "FILE", "",
         "who has which role; with it access rules (ACLs) are applied too", &principals, NULL,
         NULL},
        {"partitions", "N", "4", "partitions of the request, response, ingress and egress topics",
         NULL, NULL, &r.partitions},
        {"replication", "N", "1", "replicas of each partition; 3 in production", NULL, NULL,
         &r.replication},
        {"dry-run", NULL, NULL, "show the difference, change nothing; exit code 1 if there is one",
         NULL, &r.dry_run, NULL},
        {"prune", NULL, NULL, "remove rules that allow more than the list does", NULL, &r.prune,
         NULL},
        {"json", NULL, NULL, "one JSON object a topic or a difference", NULL, &r.json, NULL},
        {0},
    };
    sl_args a = {.command = "topics",
                 .words = "apply|list",
                 .summary =
                     "Shows what a cluster lacks and makes it: topics, and with --principals who "
                     "may do what; or lists Sluice's topics. Topics that exist stay as they are; "
                     "one with fewer partitions than asked for is named. Exit code 1: that, or "
                     "rules that allow more and were not pruned.",
                 .table = table};
    int code = sl_cmd_args(&a, argc, argv);
    if (code >= 0)
        return code;
    sl_error err = {0};
    if (check(&r, &a, principals, &err) == SL_OK)
        (void)!run(&r, config, principals, &err);
    sl_args_done(&a);
    if (err.code)
        return sl_cmd_fail("topics", &err);
    return r.open ? SL_EXIT_NO : SL_EXIT_OK;
}
