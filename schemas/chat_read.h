/* chat_read.h - inside schemas/: reading one request with the parameter's name in every refusal.
 *
 * Threads: one owner. */
#ifndef SL_SCHEMAS_CHAT_READ_H
#define SL_SCHEMAS_CHAT_READ_H

#include "schemas/chat.h"

/* The request being read, and where a refusal is told. */
typedef struct sl_chat_reader {
    sl_chat *chat;
    sl_chat_fault *fault; /* never NULL inside */
    sl_error *err;
    bool decided; /* x_sluice_kind is allowed */
} sl_chat_reader;

/* A refusal: param may be formatted with fault_param first. Returns SL_E_INVALID. */
sl_status sl_chat_refuse(sl_chat_reader *r, const char *param, const char *code, const char *fmt,
                         ...) SL_PRINTF(4, 5);
/* Builds a parameter's name in a buffer of 64 bytes, the fault's size. */
const char *sl_chat_param(char out[64], const char *fmt, ...) SL_PRINTF(2, 3);

/* Present and not null: OpenAI takes null as "not given" for every optional parameter. */
bool sl_chat_given(const sl_jnode *n);

/* Readers of one value; `param` names it. */
sl_status sl_chat_read_f64(sl_chat_reader *r, const sl_jnode *n, const char *param, double min,
                           double max, double *ret);
sl_status sl_chat_read_i64(sl_chat_reader *r, const sl_jnode *n, const char *param, int64_t min,
                           int64_t max, int64_t *ret);
sl_status sl_chat_read_bool(sl_chat_reader *r, const sl_jnode *n, const char *param, bool *ret);
sl_status sl_chat_read_str(sl_chat_reader *r, const sl_jnode *n, const char *param, size_t max,
                           sl_str *ret);
sl_status sl_chat_read_kind(sl_chat_reader *r, const sl_jnode *n, const char *param, sl_jkind kind);

/* chat_params.c: every top-level parameter but messages and prompt. */
sl_status sl_chat_read_params(sl_chat_reader *r);
/* chat_messages.c: messages of a chat, prompt of a completion. */
sl_status sl_chat_read_messages(sl_chat_reader *r);
sl_status sl_chat_read_prompt(sl_chat_reader *r);
/* chat_tools.c */
sl_status sl_chat_read_tools(sl_chat_reader *r, const sl_jnode *n);
sl_status sl_chat_read_tool_choice(sl_chat_reader *r, const sl_jnode *n);
sl_status sl_chat_read_response_format(sl_chat_reader *r, const sl_jnode *n);
sl_status sl_chat_read_tool_calls(sl_chat_reader *r, const sl_jnode *n, const char *param);

#endif
