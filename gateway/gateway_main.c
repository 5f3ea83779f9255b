/* gateway_main.c - sluice-gateway: options, log, open, run, close. */
#include "common/base/harden.h"
#include "common/base/log.h"
#include "gateway/gateway.h"
#include "gateway/metrics.h"
#include "router/router.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    sl_gateway_config cfg = {0};
    sl_options_spec spec = {.program = "sluice-gateway",
                            .summary = "OpenAI-compatible gateway: classifies each request and "
                                       "sends it over Kafka to private or public workers.",
                            .table = sl_gateway_options,
                            .target = &cfg,
                            .metrics = sl_gateway_metrics,
                            .metrics_n = SL_GM_N};
    sl_options *options = NULL;
    sl_gateway *gw = NULL;
    sl_error err = {0};
    bool leave = false;

    sl_harden();
    signal(SIGPIPE, SIG_IGN);
    if (sl_options_load(&options, &spec, argc, argv, &leave, &err) != SL_OK) {
        fprintf(stderr, "sluice-gateway: %s\n", err.text);
        return 2;
    }
    if (leave) {
        sl_options_free(options);
        return 0;
    }
    sl_log_open("sluice-gateway", (sl_log_level)cfg.log_level);
    sl_harden_log();
    const char *cache = cfg.classifier_cache[0] ? cfg.classifier_cache : NULL;
    if (sl_router_setup(cfg.classifier_model, cache, &err) != SL_OK ||
        sl_gateway_open(&gw, &cfg, options, &err) != SL_OK) {
        SL_ERROR(NULL, "start_failed", "%s", err.text);
        sl_options_free(options);
        return 1;
    }
    SL_INFO(NULL, "started", "listening on %s (port %d)", cfg.http_listen, sl_gateway_port(gw));
    sl_gateway_run(gw);
    sl_gateway_free(gw);
    SL_INFO(NULL, "stopped", "all requests are answered");
    sl_options_free(options);
    return 0;
}
