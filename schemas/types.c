/* types.c - the names on the wire, each in one table that is read both ways. */
#include "schemas/types.h"

static const char *const CLASS_NAMES[SL_CLASS_N] = {"private", "public"};
static const char *const LEVEL_NAMES[] = {"public", "internal", "confidential", "restricted"};
static const char *const TYPE_NAMES[] = {
    "",
    "io.sluice.request.v1",
    "io.sluice.chunk.v1",
    "io.sluice.cancel.v1",
    "io.sluice.drain.v1",
    "io.sluice.presence.v1",
    "io.sluice.audit.v1",
    "io.sluice.policy.v1",
    "io.sluice.treehead.v1",
    "io.sluice.answer.v1",
};
static const char *const END_NAMES[] = {
    "", "stop", "length", "tool_calls", "content_filter", "cancelled", "expired", "error",
};
static const char *const TOPIC_NAMES[SL_CLASS_N][SL_TOPIC_N] = {
    {"llm.private.requests.v1", "llm.private.responses.v1", "llm.private.control.v1",
     "llm.private.presence.v1", "llm.private.dead-letter.v1"},
    {"llm.public.requests.v1", "llm.public.responses.v1", "llm.public.control.v1",
     "llm.public.presence.v1", "llm.public.dead-letter.v1"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The index of s in names, or -1. Empty names (the "none" entries) never match. */
static int find_name(const char *const *names, size_t n, sl_str s)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i][0] && sl_str_is(s, names[i]))
            return (int)i;
    }
    return -1;
}

/* A value outside its enum is a broken invariant of the caller; "" keeps it visible and harmless.
 * */
static const char *name_at(const char *const *names, size_t n, int i)
{
    return i >= 0 && (size_t)i < n ? names[i] : "";
}

const char *sl_class_name(sl_class c)
{
    return name_at(CLASS_NAMES, COUNT(CLASS_NAMES), (int)c);
}

bool sl_class_parse(sl_str s, sl_class *ret)
{
    int i = find_name(CLASS_NAMES, COUNT(CLASS_NAMES), s);
    if (i >= 0)
        *ret = (sl_class)i;
    return i >= 0;
}

const char *sl_level_name(sl_level l)
{
    return name_at(LEVEL_NAMES, COUNT(LEVEL_NAMES), (int)l);
}

bool sl_level_parse(sl_str s, sl_level *ret)
{
    int i = find_name(LEVEL_NAMES, COUNT(LEVEL_NAMES), s);
    if (i >= 0)
        *ret = (sl_level)i;
    return i >= 0;
}

const char *sl_type_name(sl_type t)
{
    return name_at(TYPE_NAMES, COUNT(TYPE_NAMES), (int)t);
}

sl_type sl_type_parse(sl_str s)
{
    int i = find_name(TYPE_NAMES, COUNT(TYPE_NAMES), s);
    return i >= 0 ? (sl_type)i : SL_TYPE_UNKNOWN;
}

const char *sl_end_name(sl_end e)
{
    return name_at(END_NAMES, COUNT(END_NAMES), (int)e);
}

sl_end sl_end_parse(sl_str s)
{
    int i = find_name(END_NAMES, COUNT(END_NAMES), s);
    return i >= 0 ? (sl_end)i : SL_END_NONE;
}

const char *sl_topic_name(sl_class c, sl_topic t)
{
    if (c < 0 || c >= SL_CLASS_N)
        return "";
    return name_at(TOPIC_NAMES[c], SL_TOPIC_N, (int)t);
}
