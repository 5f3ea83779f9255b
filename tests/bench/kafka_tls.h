/* kafka_tls.h - the librdkafka properties of a bench's clients, the bare ones and ours alike.
 * SLUICE_BENCH_TLS names a CA and a client's PEM file, with a blank between; without it: plain. */
#ifndef TESTS_BENCH_KAFKA_TLS_H
#define TESTS_BENCH_KAFKA_TLS_H

#include "common/base/options.h"

#include <stdio.h>
#include <stdlib.h>

static inline sl_option_map bench_tls(void)
{
    static char ca[512], pem[512];
    static struct sl_option_pair pairs[] = {{"security.protocol", "ssl"},
                                            {"ssl.ca.location", ca},
                                            {"ssl.certificate.location", pem},
                                            {"ssl.key.location", pem}};
    const char *text = getenv("SLUICE_BENCH_TLS");
    if (!text || !text[0])
        return (sl_option_map){0};
    if (sscanf(text, "%511s %511s", ca, pem) != 2) {
        fprintf(stderr, "SLUICE_BENCH_TLS: \"CA PEM\" is expected\n");
        exit(1);
    }
    return (sl_option_map){pairs, sizeof(pairs) / sizeof(pairs[0])};
}

#endif
