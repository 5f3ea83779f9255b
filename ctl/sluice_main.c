/* sluice_main.c - `sluice`: a table of subcommands. */
#include "common/base/log.h"
#include "common/base/options.h"
#include "ctl/cmd.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* `sluice keys rotate` is said of envelope keys: an API key is not rotated, it is made and revoked.
 */
static int keys(int argc, char **argv)
{
    bool rotate = argc > 1 && !strcmp(argv[1], "rotate");
    return rotate ? sl_cmd_keyring(argc, argv) : sl_cmd_keys(argc, argv);
}

static const struct {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"send", "send one request to the gateway and print its answer as it comes", sl_cmd_send},
    {"topics", "make Sluice's topics, or list them", sl_cmd_topics},
    {"keys", "make, list and revoke API keys", keys},
    {"keyring", "make, list, rotate and export the keys that encrypt records", sl_cmd_keyring},
    {"classify", "classify texts: level and reasons", sl_cmd_classify},
    {"run", "run a model file on a prompt in this process", sl_cmd_run},
    {"audit", "balance the books: lost, doubled, altered, unanswered, of the wrong class",
     sl_cmd_audit},
    {"tunnel", "the WireGuard tunnel: how it is, and new keys for it", sl_cmd_tunnel},
    {"bench", "load a gateway and print rates and latencies", sl_cmd_bench},
};

static int usage(FILE *out, int code)
{
    fprintf(out, "Usage: sluice COMMAND [options]\n\nCommands:\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(
        out,
        "\n`sluice COMMAND --help` tells a command's options.\n"
        "Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 something does not answer.\n");
    return code;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    sl_log_open("sluice", SL_LOG_OFF);
    if (argc < 2)
        return usage(stderr, SL_EXIT_USAGE);
    if (!strcmp(argv[1], "--version")) {
        printf("sluice %s\n", SL_VERSION);
        return 0;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
        return usage(stdout, SL_EXIT_OK);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "sluice: unknown command '%s'\n\n", argv[1]);
    return usage(stderr, SL_EXIT_USAGE);
}
