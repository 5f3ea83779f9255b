/* child.h - other programs: run by a list of arguments, never by a shell, with a deadline.
 *
 * Standard error is shared, so what a program says about a failure stands where the user looks.
 * Threads: any; a sl_child has one owner. */
#ifndef SL_CTL_CHILD_H
#define SL_CTL_CHILD_H

#include "common/base/buf.h"

#include <sys/types.h>

/* Runs argv (ends with NULL; argv[0] is searched in PATH) without input and appends what it prints,
 * at most 64 KiB. Failing, printing more or lasting longer than timeout_ms is SL_E_IO or
 * SL_E_TIMEOUT; a program that is not there is SL_E_NOT_FOUND. */
sl_status sl_child_run(const char *const *argv, int64_t timeout_ms, sl_buf *out,
                       sl_error *reterr) SL_MUST_CHECK;

/* A talk by lines with a program, or (pid 0) with whoever started us. */
typedef struct sl_child {
    pid_t pid;
    int in, out; /* what we read from and write to */
    sl_buf got;  /* read and not taken yet */
} sl_child;

sl_status sl_child_start(sl_child *c, const char *const *argv, sl_error *reterr) SL_MUST_CHECK;
/* Sends line and a line feed. */
sl_status sl_child_say(sl_child *c, sl_str line, sl_error *reterr) SL_MUST_CHECK;
/* Appends the next line, at most 4 KiB, without its end. SL_E_CLOSED: there is no more. */
sl_status sl_child_hear(sl_child *c, int64_t timeout_ms, sl_buf *line,
                        sl_error *reterr) SL_MUST_CHECK;
/* Ends the talk: closes the pipes, waits 5 s, then kills. Wipes what was heard. */
void sl_child_done(sl_child *c);

#endif
