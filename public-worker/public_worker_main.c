/* sluice-public-worker - answers public requests from Kafka with an OpenAI-compatible upstream. */
#include "common/base/harden.h"
#include "common/base/log.h"
#include "public-worker/public_worker.h"
#include "public-worker/upstream.h"

#include <signal.h>

int main(int argc, char **argv)
{
    sl_public_config cfg = {0};
    sl_options_spec spec = SL_PUBLIC_WORKER_SPEC(&cfg);
    spec.metrics = sl_public_metrics;
    spec.metrics_n = SL_UM_N;
    sl_options *options = NULL;
    sl_loop *loop = NULL;
    sl_public_worker *p = NULL;
    sl_error err = {0};
    bool done = false;

    sl_harden();
    sl_log_open("sluice-public-worker", SL_LOG_INFO);
    signal(SIGPIPE, SIG_IGN); /* a closed connection is an error code, not a death */
    sl_status st = sl_options_load(&options, &spec, argc, argv, &done, &err);
    if (!st && !done) {
        sl_log_set_level((sl_log_level)cfg.log_level);
        sl_harden_log();
        st = sl_loop_open(&loop, &err);
    }
    if (!st && !done)
        st = sl_public_worker_open(&p, loop, &cfg, options, &err);
    if (!st && !done) {
        SL_INFO(NULL, "started", "instance %s, %zu models", cfg.instance, cfg.upstream_models.n);
        sl_loop_run(loop);
        SL_INFO(NULL, "stopped", "instance %s", cfg.instance);
    }
    if (st)
        SL_ERROR(NULL, "start_failed", "%s", err.text);
    sl_public_worker_free(p);
    sl_loop_free(loop);
    sl_options_free(options);
    return st ? 1 : 0;
}
