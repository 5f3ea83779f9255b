/* scan.h - reads whole topics of both buses from a time on, into one callback.
 *
 * Threads: the caller's. Records are borrowed until the callback returns. */
#ifndef SL_CTL_SCAN_H
#define SL_CTL_SCAN_H

#include "ctl/cmd.h"
#include "schemas/types.h"

typedef struct sl_scan sl_scan;
typedef void (*sl_scan_fn)(void *arg, const sl_record *r);

enum { SL_SCAN_AUDIT = 1, SL_SCAN_REQUESTS = 2, SL_SCAN_RESPONSES = 4, SL_SCAN_DEAD_LETTERS = 8 };

/* From the first records at or after since_ms (0: from the beginning). A topic that does not
 * exist is left out. */
sl_status sl_scan_open(sl_scan **ret, const sl_cmd_buses *b, unsigned what, int64_t since_ms,
                       sl_scan_fn fn, void *arg, sl_error *reterr) SL_MUST_CHECK;
/* Reads what is there, at most until deadline_ms (monotonic). True: everything up to now was
 * read. */
bool sl_scan_read(sl_scan *s, int64_t deadline_ms);
uint64_t sl_scan_records(const sl_scan *s);
void sl_scan_free(sl_scan *s);

#endif
