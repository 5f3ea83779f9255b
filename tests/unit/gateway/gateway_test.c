/* gateway_test.c - a whole gateway over sockets: idempotency, readiness, reloads, drain. */
#include "tests/unit/gateway/http_rig.h"

/* ---- Idempotency-Key ---- */

static void waiters_share_one_result(void **state)
{
    (void)state;
    gh_rig *h = gh_open(NULL, 1);
    h->mode = GH_HOLD;
    int a = gh_send(h, &(gh_ask){.idem = "k"});
    gh_wait_requests(h, 1);
    int b = gh_send(h, &(gh_ask){.idem = "k"});
    int other = gh_send(h, &(gh_ask){.idem = "k", .text = "Confidential: another body."});
    gh_expect(other, 422, "idempotency_conflict");
    gh_barrier(h);
    h->mode = GH_ECHO;
    gh_expect(a, 200, GT_PRIVATE);
    gh_expect(b, 200, "x-sluice-idempotent-replay: true");
    gh_expect(gh_send(h, &(gh_ask){.idem = "k"}), 200, "x-sluice-idempotent-replay: true");
    gh_wait_requests(h, 1);
    gh_close(h);
}

/* The owner's work failed for a time: the next in the row runs instead, nobody is sent away. */
static void a_waiter_becomes_the_owner(void **state)
{
    (void)state;
    gh_rig *h = gh_open(NULL, 1);
    h->mode = GH_HOLD;
    int a = gh_send(h, &(gh_ask){.idem = "k"});
    gh_wait_requests(h, 1);
    int b = gh_send(h, &(gh_ask){.idem = "k"});
    int c = gh_send(h, &(gh_ask){.idem = "k"});
    gh_barrier(h);
    h->mode = GH_FAIL_ONE;
    gh_expect(a, 502, "broken");
    gh_wait_requests(h, 2);
    h->mode = GH_ECHO;
    gh_expect(b, 200, GT_PRIVATE);
    gh_expect(c, 200, GT_PRIVATE);
    gh_wait_requests(h, 2);
    gh_close(h);
}

/* It was never accepted: the key must not stay taken. */
static void a_refused_owner_frees_its_key(void **state)
{
    (void)state;
    gh_rig *h = gh_open(NULL, 1);
    h->draining = true;
    gh_wait_ready(h, 503, "no private worker takes");
    gh_expect(gh_send(h, &(gh_ask){.idem = "k"}), 503, "no_worker");
    h->draining = false;
    gh_wait_ready(h, 200, NULL);
    gh_expect(gh_send(h, &(gh_ask){.idem = "k"}), 200, GT_PRIVATE);
    gh_close(h);
}

/* The client of the owner leaves: its work goes on for the key. A waiter's just leaves. */
static void owners_and_waiters_that_leave(void **state)
{
    (void)state;
    gh_rig *h = gh_open(NULL, 1);
    h->mode = GH_HOLD;
    int a = gh_send(h, &(gh_ask){.idem = "k", .stream = true});
    gh_wait_requests(h, 1);
    int b = gh_send(h, &(gh_ask){.idem = "k", .stream = true});
    int c = gh_send(h, &(gh_ask){.idem = "k", .stream = true});
    gh_barrier(h);
    close(a);
    close(b);
    gh_barrier(h);
    h->mode = GH_ECHO;
    gh_expect(c, 200, "[DONE]");
    gh_wait_requests(h, 1);
    gh_close(h);
}

/* ---- readiness ---- */

static void readiness_follows_workers_and_the_bus(void **state)
{
    (void)state;
    gh_rig *h = gh_open(NULL, 1);
    h->draining = true;
    gh_wait_ready(h, 503, "no private worker takes");
    h->draining = false;
    gh_wait_ready(h, 200, NULL);
    sl_memory_down(h->g->bus, true);
    gt_skew_ms += 3000; /* the workers' last word is not too old yet */
    gh_wait_ready(h, 503, "bus");
    sl_memory_down(h->g->bus, false);
    gh_wait_ready(h, 200, NULL);
    gh_close(h);
}

/* ---- reloads ---- */

static void keys_are_read_again(void **state)
{
    (void)state;
    gh_rig *h = gh_open(NULL, 1);
    sl_buf old = h->key, fresh = {0};
    gh_expect(gh_send(h, &(gh_ask){0}), 200, NULL);
    gh_new_key(h, &fresh);
    int64_t until = gt_real_us() + GT_WAIT_MS * 1000;
    for (int status = 0; status != 401;) {
        sl_buf out = {0};
        gt_skew_ms += 1000;
        status = gh_read(gh_send(h, &(gh_ask){0}), &out);
        sl_buf_done(&out);
        assert_true(gt_real_us() < until);
    }
    h->key = fresh;
    gh_wait_ready(h, 200, NULL);
    gh_expect(gh_send(h, &(gh_ask){0}), 200, NULL);
    gt_write(h->g->keys_path, "{\"keys\":[nonsense"); /* refused: the old ones stay */
    gt_skew_ms += 2000;
    gh_barrier(h);
    gh_wait_ready(h, 200, NULL);
    gh_expect(gh_send(h, &(gh_ask){0}), 200, NULL);
    sl_buf_done(&old);
    gh_close(h);
}

/* ---- trace headers ---- */

#define TP "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void trace_headers_of_clients(void **state)
{
    (void)state;
    gh_rig *h = gh_open(NULL, 1);
    gh_expect(gh_send(h, &(gh_ask){.header = "traceparent: " TP "\r\ntracestate: a=b\r\n"}), 200,
              NULL);
    gh_expect(gh_send(h, &(gh_ask){.header = "traceparent: 4111 1111 1111 1111 my card number is "
                                             "this one, dear!---\r\ntracestate: a=b\r\n"}),
              200, NULL);
    gh_wait_requests(h, 2);
    pthread_mutex_lock(&h->lock);
    size_t n = 0;
    for (size_t i = 0; i < h->g->n; i++) {
        gt_seen *s = &h->g->seen[i];
        if (s->type != SL_TYPE_REQUEST)
            continue;
        assert_string_equal(s->traceparent, n ? "" : TP);
        assert_string_equal(s->tracestate, n ? "" : "a=b");
        n++;
    }
    pthread_mutex_unlock(&h->lock);
    assert_int_equal(n, 2);
    gh_close(h);
}

/* ---- the end ---- */

static void a_drain_ends_what_is_open(void **state)
{
    (void)state;
    gh_rig *h = gh_open(NULL, 1);
    h->mode = GH_HOLD;
    int plain = gh_send(h, &(gh_ask){0});
    int stream = gh_send(h, &(gh_ask){.stream = true});
    int owner = gh_send(h, &(gh_ask){.idem = "k"});
    gh_wait_requests(h, 3);
    int waiter = gh_send(h, &(gh_ask){.idem = "k"});
    gh_barrier(h);
    gh_end(h); /* after drain_ms */
    gh_expect(plain, 503, "shutting_down");
    gh_expect(stream, 503, "shutting_down");
    gh_expect(owner, 503, "shutting_down");
    gh_expect(waiter, 503, "draining");
    assert_int_equal(gh_dial(h->port), -1);
    gh_close(h);
}

static void a_drain_lets_what_is_open_end(void **state)
{
    (void)state;
    gh_rig *h = gh_prepare(NULL, 1);
    h->g->cfg.drain_ms = 60000;
    gh_start(h);
    gh_wait_ready(h, 200, NULL);
    h->mode = GH_HOLD;
    int fd = gh_send(h, &(gh_ask){.stream = true});
    gh_wait_requests(h, 1);
    sl_gateway_stop(h->gw);
    h->mode = GH_ECHO;
    gh_expect(fd, 200, "[DONE]");
    assert_int_equal(pthread_join(h->gateway_thread, NULL), 0);
    h->ended = true;
    gh_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiters_share_one_result),
        cmocka_unit_test(a_waiter_becomes_the_owner),
        cmocka_unit_test(a_refused_owner_frees_its_key),
        cmocka_unit_test(owners_and_waiters_that_leave),
        cmocka_unit_test(readiness_follows_workers_and_the_bus),
        cmocka_unit_test(keys_are_read_again),
        cmocka_unit_test(trace_headers_of_clients),
        cmocka_unit_test(a_drain_ends_what_is_open),
        cmocka_unit_test(a_drain_lets_what_is_open_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
