/* kafka.c - opening a Kafka cluster. */
#include "common/bus/bus_impl.h"

sl_status sl_kafka_bus_open(sl_bus **ret, const sl_bus_options *opt, sl_error *reterr)
{
    return sl_fail(reterr, SL_E_UNSUPPORTED, "this build has no Kafka yet");
}
