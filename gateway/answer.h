/* answer.h - gathers the deltas of an answer into one: text, reasoning, merged tool calls.
 *
 * Tool call deltas are merged by `index` as OpenAI's clients do: id, type and name come once,
 * arguments are joined. Ownership: sl_answer owns its buffers. Threads: one owner. */
#ifndef SL_GATEWAY_ANSWER_H
#define SL_GATEWAY_ANSWER_H

#include "schemas/chat.h"

#define SL_ANSWER_TOOLS_MAX 128

typedef struct sl_answer_tool {
    int64_t index;
    sl_buf id, type, name, arguments;
} sl_answer_tool;

typedef struct sl_answer {
    sl_buf content, reasoning;
    sl_answer_tool *tools;
    size_t tools_n;
    bool failed; /* out of memory, or more than SL_ANSWER_TOOLS_MAX tool calls */
} sl_answer;

void sl_answer_add(sl_answer *a, const sl_chunk *delta);
/* The merged tool calls as a JSON array text; nothing when there are none. */
void sl_answer_tool_calls(const sl_answer *a, sl_buf *out);
void sl_answer_done(sl_answer *a);

#endif
