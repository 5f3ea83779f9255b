/* harden.h - what a daemon gives up before it reads its first secret.
 *
 * sl_harden() stands first in main: no core dump, no debugger of the same user, no privileges
 * gained by exec, files that it makes are its user's alone. SLUICE_DEBUGGABLE=1 in the environment
 * leaves dumps and debuggers on, and the log says so at each start. Sanitized builds stay
 * attachable: LeakSanitizer reads its own process that way.
 * Threads: call it before the first one starts. */
#ifndef SL_BASE_HARDEN_H
#define SL_BASE_HARDEN_H

void sl_harden(void);

/* Says in the log what could not be given up, and that the daemon runs as root. Once, after
 * sl_log_open. */
void sl_harden_log(void);

#endif
