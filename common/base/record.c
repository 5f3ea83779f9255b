#include "common/base/record.h"

const sl_header *sl_record_header(const sl_record *r, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < r->headers_n; i++) {
        const sl_header *h = &r->headers[i];
        if (h->name.n == n && memcmp(h->name.p, name, n) == 0)
            return h;
    }
    return NULL;
}
