/* classify_explain.h - a text with its findings marked, for people who ask why.
 *
 * Unlike every other output this one shows the values: it is for whoever has the text already.
 * Each finding's first place is shown with its line; red on a terminal, »between« these elsewhere.
 * Threads: one; writes to stdout. */
#ifndef SL_CTL_CLASSIFY_EXPLAIN_H
#define SL_CTL_CLASSIFY_EXPLAIN_H

#include "router/router.h"

sl_status sl_classify_explain(sl_str text, const sl_finding *findings, size_t n,
                              sl_error *reterr) SL_MUST_CHECK;

#endif
