/* json_fuzz.c - what is accepted must write back to a text that reads as the same tree. */
#include "common/base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void touch(const sl_jnode *n)
{
    sl_str s;
    int64_t i;
    double f;
    bool b;
    (void)sl_json_str(n, &s), (void)sl_json_i64(n, &i), (void)sl_json_f64(n, &f);
    (void)sl_json_bool(n, &b);
    for (const sl_jnode *c = sl_json_first(n); c; c = sl_json_next(c)) {
        if (sl_json_kind(n) == SL_J_OBJECT && sl_json_get(n, sl_json_key(c).p) != c)
            abort(); /* two members of one name */
        touch(c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sl_jnode *root = NULL, *again = NULL;
    sl_buf first = {0}, second = {0};
    sl_error e = {0};
    if (sl_json_parse(&root, (sl_str){(const char *)data, n}, 65536, &e)) {
        if (root || !e.text[0])
            abort();
        return 0;
    }
    if (n < 4096) /* sl_json_get is linear: touching a huge object is quadratic */
        touch(root);
    sl_json_write(root, &first);
    if (!sl_utf8_valid(first.data, first.len) ||
        sl_json_parse(&again, sl_buf_str(&first), 1 << 20, &e))
        abort();
    sl_json_write(again, &second);
    if (!sl_str_eq(sl_buf_str(&first), sl_buf_str(&second)))
        abort();
    if (sl_json_kind(root) == SL_J_OBJECT) {
        if (sl_json_set_str(root, "model", SL_STR("m")) || sl_json_set_i64(root, "seed", INT64_MAX))
            abort();
        sl_json_remove(root, "seed");
    }
    sl_json_free(root);
    sl_json_free(again);
    sl_buf_done(&first);
    sl_buf_done(&second);
    return 0;
}
