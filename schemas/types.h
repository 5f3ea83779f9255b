/* types.h - the words of the wire contract: classes, levels, record types, topic names.
 * Source: schemas/envelope.md. Threads: constants. */
#ifndef SL_SCHEMAS_TYPES_H
#define SL_SCHEMAS_TYPES_H

#include "common/base/buf.h"

typedef enum sl_class { SL_CLASS_PRIVATE, SL_CLASS_PUBLIC, SL_CLASS_N } sl_class;
typedef enum sl_level {
    SL_LEVEL_PUBLIC,
    SL_LEVEL_INTERNAL,
    SL_LEVEL_CONFIDENTIAL,
    SL_LEVEL_RESTRICTED
} sl_level;
typedef enum sl_type {
    SL_TYPE_UNKNOWN,
    SL_TYPE_REQUEST,
    SL_TYPE_CHUNK,
    SL_TYPE_CANCEL,
    SL_TYPE_DRAIN,
    SL_TYPE_PRESENCE,
    SL_TYPE_AUDIT,
    SL_TYPE_POLICY,
    SL_TYPE_TREEHEAD,
    SL_TYPE_ANSWER
} sl_type;
typedef enum sl_end {
    SL_END_NONE,
    SL_END_STOP,
    SL_END_LENGTH,
    SL_END_TOOL_CALLS,
    SL_END_CONTENT_FILTER,
    SL_END_CANCELLED,
    SL_END_EXPIRED,
    SL_END_ERROR
} sl_end;

const char *sl_class_name(sl_class c); /* "private", "public" */
bool sl_class_parse(sl_str s, sl_class *ret);
const char *sl_level_name(sl_level l); /* "public" < "internal" < "confidential" < "restricted" */
bool sl_level_parse(sl_str s, sl_level *ret);
const char *sl_type_name(sl_type t); /* "io.sluice.request.v1" */
sl_type sl_type_parse(sl_str s);     /* SL_TYPE_UNKNOWN when unknown */
const char *sl_end_name(sl_end e);
sl_end sl_end_parse(sl_str s); /* SL_END_NONE when unknown */

typedef enum sl_topic {
    SL_TOPIC_REQUESTS,
    SL_TOPIC_RESPONSES,
    SL_TOPIC_CONTROL,
    SL_TOPIC_PRESENCE,
    SL_TOPIC_DEAD_LETTER,
    SL_TOPIC_N
} sl_topic;
const char *sl_topic_name(sl_class c, sl_topic t); /* "llm.private.requests.v1" */
#define SL_TOPIC_INGRESS      "llm.ingress.v1"
#define SL_TOPIC_EGRESS       "llm.egress.v1"
#define SL_TOPIC_AUDIT        "llm.audit.v1"
#define SL_TOPIC_PUBLIC_AUDIT "llm.public.audit.v1"
#define SL_RECORD_MAX         1114112

#endif
