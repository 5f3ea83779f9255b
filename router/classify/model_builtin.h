/* model_builtin.h - the bytes of the pack that was built in; sl_model_parse takes them.
 * Threads: a constant. */
#ifndef SL_CLASSIFY_MODEL_BUILTIN_H
#define SL_CLASSIFY_MODEL_BUILTIN_H

#include "common/base/buf.h"

sl_str sl_model_builtin(void);

#endif
