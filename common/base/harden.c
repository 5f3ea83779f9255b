#include "common/base/harden.h"

#include "common/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    bool debuggable;
    int core, dumpable, privileges; /* errno of what failed, or 0 */
} left;

void sl_harden(void)
{
    const char *debug = getenv("SLUICE_DEBUGGABLE");
    left.debuggable = debug && !strcmp(debug, "1");
    left.core = left.dumpable = left.privileges = 0;
    umask(077);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        left.privileges = errno;
    if (left.debuggable)
        return;
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}))
        left.core = errno;
#ifndef SL_SANITIZED
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        left.dumpable = errno;
#endif
}

static void failed(const char *what, int error)
{
    if (error)
        SL_WARN(NULL, "not_hardened", "%s: %s", what, strerror(error));
}

void sl_harden_log(void)
{
    failed("core dumps could not be limited", left.core);
    failed("dumps and debuggers could not be shut out", left.dumpable);
    failed("new privileges could not be given up", left.privileges);
    if (left.debuggable)
        SL_WARN(NULL, "debuggable",
                "SLUICE_DEBUGGABLE=1: core dumps and debuggers can read keys and requests");
    if (geteuid() == 0)
        SL_WARN(NULL, "runs_as_root", "this daemon needs no root: give it a user of its own");
}
