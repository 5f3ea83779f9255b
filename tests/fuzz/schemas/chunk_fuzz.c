/* chunk_fuzz.c - bodies off the bus: chunks, audit records, presence. What is taken is written
 * again and must be taken again. */
#include "schemas/audit.h"
#include "schemas/chat.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_chunk(sl_str body)
{
    sl_chunk c;
    sl_error err;
    if (sl_chunk_parse(&c, body, &err) != SL_OK)
        return;
    sl_buf out = {0};
    sl_answer_head h = {SL_CHAT, "id", 1, SL_STR("m"), 7};
    sl_sse_write_delta(&out, &h, &c, c.content, NULL);
    sl_buf_addc(&out, 0);
    sl_chunk again;
    if (out.len < 9 || sl_chunk_parse(&again, (sl_str){out.data + 6, out.len - 9}, &err) != SL_OK)
        abort();
    if (again.content.n != c.content.n || again.reasoning.n != c.reasoning.n)
        abort();
    sl_chunk_done(&again);
    sl_chunk_done(&c);
    sl_buf_done(&out);
}

static void try_audit(sl_str body)
{
    sl_audit a, b;
    sl_jnode *root = NULL, *root_b = NULL;
    sl_buf out = {0};
    if (sl_audit_parse(&a, &root, body, NULL) != SL_OK)
        return;
    sl_audit_write(&out, &a);
    if (sl_audit_parse(&b, &root_b, sl_buf_str(&out), NULL) != SL_OK || a.count != b.count ||
        a.id.n != b.id.n)
        abort();
    sl_json_free(root);
    sl_json_free(root_b);
    sl_buf_done(&out);
}

static void try_presence(sl_str body)
{
    sl_presence p, q;
    sl_jnode *root = NULL, *root_q = NULL;
    sl_buf out = {0};
    if (sl_presence_parse(&p, &root, body, NULL) != SL_OK)
        return;
    sl_presence_write(&out, &p);
    if (sl_presence_parse(&q, &root_q, sl_buf_str(&out), NULL) != SL_OK || p.models_n != q.models_n)
        abort();
    sl_json_free(root);
    sl_json_free(root_q);
    sl_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_str body = {(const char *)data, size};
    try_chunk(body);
    try_audit(body);
    try_presence(body);
    return 0;
}
