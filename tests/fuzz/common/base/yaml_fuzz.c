/* yaml_fuzz.c - configuration and policy text, with variables expanded. */
#include "common/base/yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void touch(const sl_yaml_node *n, int depth)
{
    bool b;
    int64_t i;
    (void)sl_yaml_bool(n, &b), (void)sl_yaml_i64(n, &i);
    if (depth > 32 || n->line < 1)
        abort();
    if (n->kind == SL_YAML_SCALAR && (n->first || strlen(n->scalar.p) != n->scalar.n))
        abort();
    for (const sl_yaml_node *c = n->first; c; c = c->next)
        touch(c, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sl_yaml *y = NULL;
    sl_error e = {0};
    setenv("V", "value: [", 1);
    if (sl_yaml_parse(&y, "f", (sl_str){(const char *)data, n}, true, &e)) {
        if (y || !e.text[0])
            abort();
        return 0;
    }
    if (sl_yaml_root(y))
        touch(sl_yaml_root(y), 0);
    sl_yaml_free(y);
    return 0;
}
