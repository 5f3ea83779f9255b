/* record.h - one Kafka record as plain data, shared by the envelope and the bus.
 *
 * Ownership: everything is borrowed; whoever hands a record out says how long it lives.
 * A NULL key or value is Kafka's null; a header's NULL value is a null header value. */
#ifndef SL_BASE_RECORD_H
#define SL_BASE_RECORD_H

#include "common/base/buf.h"

typedef struct sl_header {
    sl_str name;
    sl_str value; /* p == NULL: null */
} sl_header;

typedef struct sl_record {
    const char *topic;
    int32_t partition; /* -1 when producing: by key */
    int64_t offset;    /* -1 when producing */
    int64_t time_ms;   /* Kafka's timestamp; 0 when producing: now */
    sl_str key, value; /* p == NULL: null */
    const sl_header *headers;
    size_t headers_n;
} sl_record;

/* The first header of that name, or NULL. */
const sl_header *sl_record_header(const sl_record *r, const char *name);

#endif
