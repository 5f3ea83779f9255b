/* chat_fuzz.c - a client's body of any bytes: parsed or refused by name; what is taken reads back
 * as decided, and the walk over its strings ends. First byte: kind. */
#include "schemas/chat.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool count(void *arg, const char *where, sl_str text)
{
    if (!text.p || strlen(where) > 191)
        abort();
    *(size_t *)arg += text.n;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    sl_chat *c = NULL, *again = NULL;
    sl_chat_fault fault;
    sl_error err = {0};
    sl_str body = {(const char *)data + 1, size - 1};
    sl_status rc =
        sl_chat_parse(&c, data[0] & 1 ? SL_COMPLETION : SL_CHAT, body, 65536, &fault, &err);
    if (rc) {
        if (!err.text[0] || !fault.code[0])
            abort();
        return 0;
    }
    size_t heard = 0;
    sl_chat_strings(c, count, &heard);
    (void)sl_chat_has_opaque(c);
    sl_buf out = {0}, up = {0};
    if (sl_chat_decided(c, "m", 7, &out) != SL_OK || sl_chat_upstream(c, NULL, &up) != SL_OK)
        abort();
    if (sl_chat_parse_decided(&again, sl_buf_str(&out), &err) != SL_OK || again->kind != c->kind ||
        again->messages_n != c->messages_n || again->seed != 7)
        abort();
    sl_buf_done(&out);
    sl_buf_done(&up);
    sl_chat_free(c);
    sl_chat_free(again);
    return 0;
}
