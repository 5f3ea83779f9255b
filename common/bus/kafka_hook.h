/* kafka_hook.h - librdkafka's own objects, for tests that break them on purpose. */
#ifndef SL_BUS_KAFKA_HOOK_H
#define SL_BUS_KAFKA_HOOK_H

#include "common/bus/bus.h"

#include <librdkafka/rdkafka.h>

/* Changes when the producer is rebuilt. */
rd_kafka_t *sl_kafka_producer_client(const sl_producer *p);
rd_kafka_t *sl_kafka_consumer_client(const sl_consumer *c);

#endif
