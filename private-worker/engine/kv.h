/* kv.h - keys and values in pages of 32 positions, allocated when a request reaches them.
 *
 * A pool counts pages by reservation: a session reserves what it may need at most before it runs,
 * so that a running request never lacks a page; memory is taken only when a page is used, and
 * pages go back to the pool's free list.
 * Threads: one owner (the engine's thread). */
#ifndef SL_ENGINE_KV_H
#define SL_ENGINE_KV_H

#include "private-worker/engine/model.h"

typedef struct sl_kv_pool {
    sl_backend *backend;
    size_t page_bytes;
    size_t pages_max, reserved; /* pages */
    sl_buffer **free_pages;
    size_t free_n, free_cap;
} sl_kv_pool;

/* bytes_max: of all pages together; at least one page. */
sl_status sl_kv_pool_init(sl_kv_pool *p, const sl_model *m, size_t bytes_max,
                          sl_error *reterr) SL_MUST_CHECK;
void sl_kv_pool_done(sl_kv_pool *p);
size_t sl_kv_page_bytes(const sl_model *m);

/* One session's pages. A zeroed one is empty. */
typedef struct sl_kv {
    sl_buffer **pages;
    size_t pages_n, reserved;
} sl_kv;
/* Room for `tokens` positions; false: the pool is full now. SL_E_NOMEM only for the page table. */
sl_status sl_kv_reserve(sl_kv_pool *p, sl_kv *kv, size_t tokens, bool *ret_fits) SL_MUST_CHECK;
/* Sees to it that positions below `tokens` have pages; within the reservation. */
sl_status sl_kv_grow(sl_kv_pool *p, sl_kv *kv, size_t tokens, sl_error *reterr) SL_MUST_CHECK;
void sl_kv_release(sl_kv_pool *p, sl_kv *kv);

#endif
