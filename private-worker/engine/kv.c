#include "private-worker/engine/kv.h"

#include <stdlib.h>

size_t sl_kv_page_bytes(const sl_model *m)
{
    return sizeof(float) * sl_kv_layer_floats(m->h.kv_heads, m->h.head_dim) * (size_t)m->h.layers;
}

sl_status sl_kv_pool_init(sl_kv_pool *p, const sl_model *m, size_t bytes_max, sl_error *reterr)
{
    *p = (sl_kv_pool){.backend = m->backend, .page_bytes = sl_kv_page_bytes(m)};
    p->pages_max = bytes_max / p->page_bytes;
    if (!p->pages_max)
        return sl_fail(reterr, SL_E_INVALID, "kv_bytes_max is %zu; one page of %d tokens takes %zu",
                       bytes_max, SL_KV_PAGE, p->page_bytes);
    return SL_OK;
}

void sl_kv_pool_done(sl_kv_pool *p)
{
    for (size_t i = 0; i < p->free_n; i++)
        p->backend->ops->buffer_free(p->free_pages[i]);
    free(p->free_pages);
    *p = (sl_kv_pool){0};
}

sl_status sl_kv_reserve(sl_kv_pool *p, sl_kv *kv, size_t tokens, bool *ret_fits)
{
    size_t pages = (tokens + SL_KV_PAGE - 1) / SL_KV_PAGE;
    *ret_fits = pages <= p->pages_max - p->reserved;
    if (!*ret_fits)
        return SL_OK;
    kv->pages = calloc(pages ? pages : 1, sizeof(*kv->pages));
    if (!kv->pages)
        return SL_E_NOMEM;
    kv->reserved = pages;
    kv->pages_n = 0;
    p->reserved += pages;
    return SL_OK;
}

sl_status sl_kv_grow(sl_kv_pool *p, sl_kv *kv, size_t tokens, sl_error *reterr)
{
    while (kv->pages_n * SL_KV_PAGE < tokens) {
        if (kv->pages_n == kv->reserved)
            return sl_fail(reterr, SL_E_INTERNAL, "a session outgrew its reserved pages");
        sl_buffer *b;
        if (p->free_n) {
            b = p->free_pages[--p->free_n];
        } else {
            sl_status st = p->backend->ops->buffer_alloc(p->backend, p->page_bytes, &b, reterr);
            if (st)
                return st;
        }
        kv->pages[kv->pages_n++] = b;
    }
    return SL_OK;
}

/* Keeps the page for the next session, or frees it when the list cannot grow. */
static void give_back(sl_kv_pool *p, sl_buffer *page)
{
    if (p->free_n == p->free_cap) {
        size_t cap = p->free_cap ? 2 * p->free_cap : 64;
        sl_buffer **v = realloc(p->free_pages, cap * sizeof(*v));
        if (!v) {
            p->backend->ops->buffer_free(page);
            return;
        }
        p->free_pages = v;
        p->free_cap = cap;
    }
    p->free_pages[p->free_n++] = page;
}

void sl_kv_release(sl_kv_pool *p, sl_kv *kv)
{
    for (size_t i = 0; i < kv->pages_n; i++)
        give_back(p, kv->pages[i]);
    p->reserved -= kv->reserved;
    free(kv->pages);
    *kv = (sl_kv){0};
}
