/* cmd.h - the subcommands of `sluice`, and what they share.
 *
 * Exit codes: 0 done; 1 the answer is no (an audit that does not balance, a request refused);
 * 2 wrong usage or input; 3 something that is needed does not answer. */
#ifndef SL_CTL_CMD_H
#define SL_CTL_CMD_H

#include "common/bus/bus.h"
#include "ctl/args.h"

enum { SL_EXIT_OK = 0, SL_EXIT_NO = 1, SL_EXIT_USAGE = 2, SL_EXIT_UNAVAILABLE = 3 };

int sl_cmd_send(int argc, char **argv);
int sl_cmd_topics(int argc, char **argv);
int sl_cmd_keys(int argc, char **argv);
int sl_cmd_keyring(int argc, char **argv);
int sl_cmd_classify(int argc, char **argv);
int sl_cmd_run(int argc, char **argv);
int sl_cmd_audit(int argc, char **argv);
int sl_cmd_tunnel(int argc, char **argv);
int sl_cmd_bench(int argc, char **argv);

/* Parses; prints errors. Returns -1 to go on, otherwise the exit code. */
int sl_cmd_args(sl_args *a, int argc, char **argv);
/* "sluice: COMMAND: text" on standard error; the exit code that fits err->code. */
int sl_cmd_fail(const char *command, const sl_error *err);
const char *sl_cmd_env(const char *name); /* "" when unset */

/* Where an auditor finds the two buses, each as text or "": `config` names a JSON file of
 * librdkafka properties ("bootstrap.servers" among them), `bootstrap` is a list alone. Nothing of
 * the public ones: one cluster, the same bus twice. `public_config` empty: the properties of
 * `config` hold for both. */
typedef struct sl_cmd_kafka {
    const char *config, *bootstrap, *public_config, *public_bootstrap;
} sl_cmd_kafka;
/* Their rows in a command's table of options. */
#define SL_CMD_KAFKA_ARGS(where)                                                                 \
    {"kafka", "LIST", sl_cmd_env("SLUICE_KAFKA"), "bootstrap brokers", &(where).bootstrap,       \
     NULL,    NULL},                                                                             \
        {"kafka-public",                                                                         \
         "LIST",                                                                                 \
         sl_cmd_env("SLUICE_KAFKA_PUBLIC"),                                                      \
         "those of the public cluster, where it is another",                                     \
         &(where).public_bootstrap,                                                              \
         NULL,                                                                                   \
         NULL},                                                                                  \
        {"kafka-config",                                                                         \
         "FILE",                                                                                 \
         sl_cmd_env("SLUICE_KAFKA_CONFIG"),                                                      \
         "JSON file of librdkafka properties",                                                   \
         &(where).config,                                                                        \
         NULL,                                                                                   \
         NULL},                                                                                  \
    {                                                                                            \
        "kafka-public-config", "FILE", sl_cmd_env("SLUICE_KAFKA_PUBLIC_CONFIG"),                 \
            "the same for the public cluster; empty: as --kafka-config", &(where).public_config, \
            NULL, NULL                                                                           \
    }
typedef struct sl_cmd_buses {
    sl_bus *bus[2]; /* by class */
    sl_option_map properties[2];
} sl_cmd_buses;
sl_status sl_cmd_buses_open(sl_cmd_buses *b, const sl_cmd_kafka *where,
                            sl_error *reterr) SL_MUST_CHECK;
void sl_cmd_buses_done(sl_cmd_buses *b);

/* "2026-11-24T12:00:00Z", "now", or a whole number of s, m, h or d ago: "15m", "2h"; Unix
 * milliseconds. */
bool sl_cmd_time(const char *text, int64_t *ret_ms);
/* Is the text a decimal number, so that it may stand in a JSON body? */
bool sl_cmd_is_number(const char *text);

#endif
