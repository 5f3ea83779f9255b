/* cmd_topics.c - `sluice topics apply|list`: the topics of the design, from one table. */
#include "ctl/cmd.h"
#include "gateway/config.h"
#include "schemas/types.h"

#include <stdio.h>
#include <stdlib.h>

#define HOUR       "3600000"
#define DAY        "86400000"
#define TIMEOUT_MS 30000
#define TOPICS_MAX 64

static const char *const keep_1h[] = {"retention.ms=" HOUR, "segment.ms=600000",
                                      "max.message.bytes=1114112", NULL};
static const char *const keep_24h[] = {"retention.ms=" DAY, "segment.ms=3600000",
                                       "max.message.bytes=1114112", NULL};
/* A dead letter is the record plus why: it may be larger than any record. */
static const char *const keep_7d[] = {"retention.ms=604800000", "max.message.bytes=1179648", NULL};
static const char *const keep_90d[] = {"retention.ms=7776000000", "max.message.bytes=1114112",
                                       NULL};

typedef struct plan {
    sl_topic_spec spec[TOPICS_MAX];
    size_t n;
} plan;

static void add(plan *p, const char *name, int64_t partitions, int64_t replication,
                const char *const *config)
{
    if (p->n < TOPICS_MAX)
        p->spec[p->n++] = (sl_topic_spec){name, (int)partitions, (int)replication, config};
}

static void add_class(plan *p, sl_class c, int64_t partitions, int64_t replication)
{
    add(p, sl_topic_name(c, SL_TOPIC_REQUESTS), partitions, replication, keep_24h);
    add(p, sl_topic_name(c, SL_TOPIC_RESPONSES), partitions, replication, keep_24h);
    add(p, sl_topic_name(c, SL_TOPIC_CONTROL), 1, replication, keep_1h);
    add(p, sl_topic_name(c, SL_TOPIC_PRESENCE), 1, replication, keep_1h);
    add(p, sl_topic_name(c, SL_TOPIC_DEAD_LETTER), 1, replication, keep_7d);
    if (c == SL_CLASS_PUBLIC) {
        add(p, SL_TOPIC_PUBLIC_AUDIT, 1, replication, keep_90d);
        return;
    }
    add(p, SL_TOPIC_INGRESS, partitions, replication, keep_24h);
    add(p, SL_TOPIC_EGRESS, partitions, replication, keep_24h);
    add(p, SL_TOPIC_AUDIT, 1, replication, keep_90d);
}

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

static void print_plan(const plan *p, sl_class c, const char *bootstrap, bool json)
{
    if (json)
        for (size_t i = 0; i < p->n; i++)
            printf("{\"topic\":\"%s\",\"bus\":\"%s\"}\n", p->spec[i].name, sl_class_name(c));
    else
        printf("%zu topics stand on the %s bus (%s)\n", p->n, sl_class_name(c), bootstrap);
}

static sl_status on_cluster(const sl_gateway_config *cfg, sl_class c, bool list, bool json,
                            const plan *p, sl_error *reterr)
{
    sl_bus *bus = NULL;
    sl_status st = open_bus(&bus, cfg, c, reterr);
    if (!st)
        st = list ? sl_bus_topics_list(bus, print_topic, &json, TIMEOUT_MS, reterr)
                  : sl_bus_topics_create(bus, p->spec, p->n, TIMEOUT_MS, reterr);
    if (bus)
        sl_bus_free(bus);
    if (!st && !list)
        print_plan(p, c, c == SL_CLASS_PRIVATE ? cfg->private_bootstrap : cfg->public_bootstrap,
                   json);
    return st;
}

static sl_status run(const sl_gateway_config *cfg, bool list, bool json, int64_t partitions,
                     int64_t replication, sl_error *reterr)
{
    bool two = cfg->public_bootstrap[0] != '\0';
    if (cfg->ingress_topics.n > TOPICS_MAX - 16)
        return sl_fail(reterr, SL_E_INVALID, "more than %d ingress topics", TOPICS_MAX - 16);
    plan first = {.n = 0}, second = {.n = 0};
    add_class(&first, SL_CLASS_PRIVATE, partitions, replication);
    add_class(two ? &second : &first, SL_CLASS_PUBLIC, partitions, replication);
    for (size_t i = 0; i < cfg->ingress_topics.n; i++)
        if (strcmp(cfg->ingress_topics.v[i], SL_TOPIC_INGRESS) != 0)
            add(&first, cfg->ingress_topics.v[i], partitions, replication, keep_24h);
    sl_status st = on_cluster(cfg, SL_CLASS_PRIVATE, list, json, &first, reterr);
    return st || !two ? st : on_cluster(cfg, SL_CLASS_PUBLIC, list, json, &second, reterr);
}

int sl_cmd_topics(int argc, char **argv)
{
    const char *config = NULL;
    int64_t partitions = 0, replication = 0;
    bool json = false;
    const sl_arg table[] = {
        {"config", "FILE", sl_cmd_env("SLUICE_CONFIG"),
         "the gateway's configuration: it names the buses", &config, NULL, NULL},
        {"partitions", "N", "4", "partitions of the request, response, ingress and egress topics",
         NULL, NULL, &partitions},
        {"replication", "N", "1", "replicas of each partition; 3 in production", NULL, NULL,
         &replication},
        {"json", NULL, NULL, "one JSON object a topic", NULL, &json, NULL},
        {0},
    };
    sl_args a = {.command = "topics",
                 .words = "apply|list",
                 .summary = "Makes the topics that are missing, or lists Sluice's topics. What "
                            "exists stays as it is; one with fewer partitions than asked for is "
                            "named, with exit code 1. Nothing is ever removed.",
                 .table = table};
    int code = sl_cmd_args(&a, argc, argv);
    if (code >= 0)
        return code;
    sl_error err = {0};
    bool list = a.words_n == 1 && !strcmp(a.word[0], "list");
    if (a.words_n != 1 || (!list && strcmp(a.word[0], "apply") != 0)) {
        sl_fail(&err, SL_E_INVALID, "say `sluice topics apply` or `sluice topics list`");
    } else if (partitions < 1 || partitions > 10000 || replication < 1 || replication > 9) {
        sl_fail(&err, SL_E_INVALID, "--partitions is 1 to 10000, --replication 1 to 9");
    } else {
        sl_gateway_config cfg = {0};
        sl_options *options = NULL;
        sl_options_spec spec = {.program = "sluice-gateway",
                                .summary = "",
                                .table = sl_gateway_options,
                                .target = &cfg};
        char flag[] = "--config", program[] = "sluice";
        char *args[] = {program, flag, (char *)(uintptr_t)config, NULL};
        bool leave;
        sl_status st = sl_options_load(&options, &spec, config[0] ? 3 : 1, args, &leave, &err);
        if (!st)
            st = run(&cfg, list, json, partitions, replication, &err);
        sl_options_free(options);
    }
    sl_args_done(&a);
    return err.code ? sl_cmd_fail("topics", &err) : SL_EXIT_OK;
}
