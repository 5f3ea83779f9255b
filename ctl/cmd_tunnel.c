/* cmd_tunnel.c - `sluice tunnel status|rotate`: the WireGuard tunnel of deploy/wireguard. */
#include "common/base/clock.h"
#include "ctl/cmd.h"
#include "ctl/tunnel_rotate.h"
#include "ctl/tunnel_status.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct tunnel_command {
    const char *config, *script, *probe, *metrics_file, *status_file;
    bool json, metrics, far;
    int64_t age_max_s, every_s, timeout_s;
    sl_tunnel_conf conf;
} tunnel_command;

static const char *or_else(const char *name, const char *otherwise)
{
    const char *v = sl_cmd_env(name);
    return v[0] ? v : otherwise;
}

/* Readers see the old file or the new one, whole. Everybody may read: it holds no secret. */
static sl_status publish(const char *path, sl_str text, sl_error *reterr)
{
    sl_buf temp = {0};
    sl_status st = SL_OK;
    sl_buf_addf(&temp, "%s.new", path);
    int fd = -1;
    if (sl_buf_ok(&temp)) { /* the folder may be another user's: no link of his is followed */
        (void)unlink(temp.data);
        fd = open(temp.data, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    }
    bool ok = fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
    if (fd >= 0)
        ok &= close(fd) == 0;
    if (!ok || rename(temp.data, path) != 0)
        st = sl_fail(reterr, SL_E_IO, "%s can't be written: %s", path, strerror(errno));
    sl_buf_done(&temp);
    return st;
}

static sl_status tell(const tunnel_command *t, const sl_tunnel_state *s, sl_error *reterr)
{
    sl_buf out = {0};
    sl_status st = SL_OK, metrics_st = SL_OK;
    if (t->status_file[0]) {
        sl_tunnel_json(&t->conf, s, t->age_max_s, &out);
        st = publish(t->status_file, sl_buf_str(&out), reterr);
    }
    if (t->metrics_file[0]) { /* neither file waits for the other */
        sl_buf_clear(&out);
        sl_tunnel_metrics(s, t->age_max_s, &out);
        metrics_st = publish(t->metrics_file, sl_buf_str(&out), reterr);
    }
    if (!t->metrics_file[0] && !t->status_file[0]) {
        if (t->metrics)
            sl_tunnel_metrics(s, t->age_max_s, &out);
        else if (t->json)
            sl_tunnel_json(&t->conf, s, t->age_max_s, &out);
        else
            sl_tunnel_text(&t->conf, s, t->age_max_s, &out);
        fputs(out.data ? out.data : "", stdout);
        fflush(stdout);
    }
    sl_buf_done(&out);
    return st ? st : metrics_st;
}

static int status(const tunnel_command *t)
{
    sl_error err = {0};
    sl_tunnel_state s;
    sigset_t ends;
    struct timespec pause = {.tv_sec = t->every_s};
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    if (t->every_s > 0)
        sigprocmask(SIG_BLOCK, &ends, NULL);
    for (;;) {
        sl_status st = sl_tunnel_look(&t->conf, t->probe, &s, &err);
        if (!st)
            st = tell(t, &s, &err);
        int code = st ? sl_cmd_fail("tunnel", &err) : SL_EXIT_OK;
        if (t->every_s <= 0 && st)
            return code;
        if (t->every_s <= 0)
            break;
        if (sigtimedwait(&ends, NULL, &pause) > 0)
            return SL_EXIT_OK;
    }
    if (!s.up)
        return SL_EXIT_UNAVAILABLE;
    return sl_tunnel_well(&s, t->age_max_s) ? SL_EXIT_OK : SL_EXIT_NO;
}

/* A preshared key passes through this process. */
static void no_dumps(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

static int rotate(const tunnel_command *t, const char *const *peer)
{
    sl_error err = {0};
    sl_tunnel_rotated done;
    sl_tunnel_rotate_options o = {
        .conf = &t->conf, .script = t->script, .peer = peer, .timeout_ms = t->timeout_s * 1000};
    no_dumps();
    sl_status st = t->far ? sl_tunnel_rotate_far(&o, &err) : sl_tunnel_rotate_near(&o, &done, &err);
    if (st)
        return sl_cmd_fail(t->far ? "tunnel rotate, far end" : "tunnel rotate", &err);
    if (!t->far && t->json)
        printf("{\"old_slot\":\"%c\",\"new_slot\":\"%c\",\"handshake_ms\":%.1f,\"both_ms\":%.1f,"
               "\"total_ms\":%.1f}\n",
               done.old_slot, done.new_slot, done.handshake_ms, done.both_ms, done.total_ms);
    else if (!t->far)
        printf("rotated from slot %c to slot %c: handshake after %.0f ms, both keys valid for %.0f "
               "ms, %.0f ms in all\n",
               done.old_slot, done.new_slot, done.handshake_ms, done.both_ms, done.total_ms);
    return SL_EXIT_OK;
}

static int choose(tunnel_command *t, const sl_args *a)
{
    sl_error err = {0};
    const char *verb = a->words_n ? a->word[0] : "";
    bool is_status = !strcmp(verb, "status"), is_rotate = !strcmp(verb, "rotate");
    sl_status st = SL_OK;
    if (!is_status && !is_rotate)
        st = sl_fail(&err, SL_E_INVALID, "say status or rotate; see `sluice tunnel --help`");
    else if (is_status && a->words_n != 1)
        st = sl_fail(&err, SL_E_INVALID, "status takes no more words");
    else if (is_rotate && (a->words_n > 1) == t->far)
        st = sl_fail(&err, SL_E_INVALID,
                     "name the command that starts the far end: `sluice tunnel rotate -- ssh HOST "
                     "sluice tunnel rotate --far`");
    else if (t->age_max_s < 1 || t->timeout_s < 1 || t->timeout_s > 600)
        st = sl_fail(&err, SL_E_INVALID, "--max-age and --timeout are at least 1 (timeout: 600)");
    if (!st)
        st = sl_tunnel_conf_read(&t->conf, t->config, &err);
    if (st)
        return sl_cmd_fail("tunnel", &err);
    return is_status ? status(t) : rotate(t, a->word + 1); /* word ends with NULL */
}

int sl_cmd_tunnel(int argc, char **argv)
{
    tunnel_command t = {0};
    const sl_arg table[] = {
        {"config", "FILE", or_else("SLUICE_TUNNEL_CONFIG", "/etc/sluice/wireguard/tunnel.conf"),
         "this end's tunnel.conf", &t.config, NULL, NULL},
        {"max-age", "S", "180", "status: oldest handshake that is well", NULL, NULL, &t.age_max_s},
        {"probe", "ADDRESS:PORT", "", "status: connect there; none; empty: the bus, if dialled",
         &t.probe, NULL, NULL},
        {"json", NULL, NULL, "print one JSON object", NULL, &t.json, NULL},
        {"metrics", NULL, NULL, "status: print Prometheus text", NULL, &t.metrics, NULL},
        {"metrics-file", "FILE", "", "status: write that to a file", &t.metrics_file, NULL, NULL},
        {"status-file", "FILE", "", "status: write the JSON object, for the public worker",
         &t.status_file, NULL, NULL},
        {"every", "S", "0", "status: again every S seconds, until SIGTERM", NULL, NULL, &t.every_s},
        {"far", NULL, NULL, "rotate: be the far end, on standard input and output", NULL, &t.far,
         NULL},
        {"script", "FILE", or_else("SLUICE_TUNNEL_SCRIPT", "/usr/lib/sluice/wg.sh"),
         "rotate: deploy/wireguard/wg.sh", &t.script, NULL, NULL},
        {"timeout", "S", "15", "rotate: longest wait for a step", NULL, NULL, &t.timeout_s},
        {0},
    };
    sl_args a = {.command = "tunnel",
                 .words = "status | rotate -- COMMAND… | rotate --far",
                 .summary = "How the WireGuard tunnel is (1: not well, 3: not there), and new keys "
                            "for both ends while traffic runs; COMMAND starts the far end.",
                 .table = table};
    int code = sl_cmd_args(&a, argc, argv);
    if (code >= 0)
        return code;
    code = choose(&t, &a);
    sl_args_done(&a);
    return code;
}
