/* config.h - the options of sluice-private-worker. Strings belong to the sl_options object. */
#ifndef SL_PRIVATE_WORKER_CONFIG_H
#define SL_PRIVATE_WORKER_CONFIG_H

#include "common/base/options.h"

typedef struct sl_private_config {
    const char *instance;
    int log_level;
    const char *http_listen; /* "": bus mode */
    sl_option_list http_keys;
    const char *model_path, *model_name;
    int64_t threads, slots, context, queue;
    const char *bootstrap;
    sl_option_map properties;
    const char *keyring;
    bool encrypt;
    const char *group, *admin_listen;
    int64_t drain_ms, start_ms, coalesce_ms;
} sl_private_config;

extern const sl_option sl_private_options[]; /* ends with name == NULL */
#define SL_PRIVATE_WORKER_SPEC(cfg)                                                           \
    ((sl_options_spec){.program = "sluice-private-worker",                                    \
                       .summary =                                                             \
                           "Runs a model: answers private requests from Kafka, or an OpenAI-" \
                           "compatible API with --http LISTEN.",                              \
                       .table = sl_private_options,                                           \
                       .target = (cfg)})

/* `--http LISTEN` and `--http=LISTEN` stand for http.listen: rewrites such arguments in place.
 * The texts are static: one command line a process. */
void sl_private_short_forms(int argc, char **argv);
sl_status sl_private_config_check(const sl_private_config *c, sl_error *reterr) SL_MUST_CHECK;

#endif
