/* gateway_loops_test.c - a gateway of several loops: many clients, cancels, limits, keys, drain. */
#include "tests/unit/gateway/http_rig.h"

#define CLIENTS 48

static void text_of(char *out, size_t n, int i)
{
    (void)snprintf(out, n, i % 2 ? "Confidential: item %04d." : "Thank you for item %04d.", i);
}

/* Every client gets its own text, on both classes, streamed and whole; some leave. */
static void many(int loops)
{
    gh_rig *h = gh_open(NULL, loops);
    int fds[CLIENTS];
    char text[64];
    for (int round = 0; round < 4; round++) {
        h->mode = round % 2 ? GH_HOLD : GH_ECHO;
        for (int i = 0; i < CLIENTS; i++) {
            text_of(text, sizeof(text), i);
            fds[i] = gh_send(h, &(gh_ask){.text = text, .stream = i % 3 == 0});
        }
        for (int i = 0; i < CLIENTS; i += 5)
            close(fds[i]), fds[i] = -1;
        h->mode = GH_ECHO;
        for (int i = 0; i < CLIENTS; i++) {
            text_of(text, sizeof(text), i);
            if (fds[i] >= 0)
                gh_expect(fds[i], 200, text);
        }
    }
    gh_close(h);
}

static void two_loops(void **state)
{
    (void)state;
    many(2);
}

static void four_loops(void **state)
{
    (void)state;
    many(4);
}

/* The limit is the process's, however many loops take requests at once. */
static void the_limit_holds_over_all_loops(void **state)
{
    (void)state;
    gh_rig *h = gh_open(GT_POLICY "inflight: {private: 5}\n", 4);
    for (int round = 0; round < 5; round++) {
        int fds[CLIENTS], ok = 0, limited = 0;
        size_t before = gh_requests(h);
        h->mode = GH_HOLD;
        for (int i = 0; i < CLIENTS; i++)
            fds[i] = gh_send(h, &(gh_ask){0});
        gh_wait_requests(h, before + 5);
        for (int i = 0; i < CLIENTS; i++) {
            struct pollfd p = {.fd = fds[i], .events = POLLIN};
            if (poll(&p, 1, i ? 50 : 500) == 0)
                continue; /* it is one of the five */
            gh_expect(fds[i], 429, "too_many_requests");
            fds[i] = -1;
            limited++;
        }
        assert_int_equal(gh_requests(h), before + 5);
        h->mode = GH_ECHO;
        for (int i = 0; i < CLIENTS; i++)
            if (fds[i] >= 0)
                gh_expect(fds[i], 200, GT_PRIVATE), ok++;
        assert_int_equal(ok, 5);
        assert_int_equal(limited, CLIENTS - 5);
    }
    gh_close(h);
}

/* One key, many loops: one request, one result. */
static void one_key_on_all_loops(void **state)
{
    (void)state;
    gh_rig *h = gh_open(NULL, 4);
    for (int round = 0; round < 4; round++) {
        int fds[16];
        char key[16];
        size_t before = gh_requests(h);
        (void)snprintf(key, sizeof(key), "key-%d", round);
        h->mode = GH_HOLD;
        for (int i = 0; i < 16; i++)
            fds[i] = gh_send(h, &(gh_ask){.idem = key, .stream = false});
        gh_wait_requests(h, before + 1);
        close(fds[3]);
        h->mode = GH_ECHO;
        for (int i = 0; i < 16; i++)
            if (i != 3)
                gh_expect(fds[i], 200, GT_PRIVATE);
        assert_int_equal(gh_requests(h), before + 1);
    }
    gh_close(h);
}

/* Work fails while many wait for it on other loops: each one gets a definite end. */
static void a_failing_owner_and_waiters_on_all_loops(void **state)
{
    (void)state;
    gh_rig *h = gh_open(NULL, 4);
    int fds[12];
    h->mode = GH_HOLD;
    for (int i = 0; i < 12; i++)
        fds[i] = gh_send(h, &(gh_ask){.idem = "k"});
    gh_wait_requests(h, 1);
    h->mode = GH_FAIL;
    for (int i = 0; i < 12; i++)
        gh_expect(fds[i], 502, "broken");
    h->mode = GH_ECHO;
    gh_expect(gh_send(h, &(gh_ask){.idem = "k"}), 200, GT_PRIVATE);
    gh_close(h);
}

/* SIGTERM in the middle of everything: every client gets an answer, an error or a refusal. */
static void a_drain_of_four_loops(void **state)
{
    (void)state;
    gh_rig *h = gh_open(NULL, 4);
    int fds[CLIENTS];
    h->mode = GH_HOLD;
    for (int i = 0; i < CLIENTS; i++) /* six with one key come first */
        fds[i] = gh_send(h, &(gh_ask){.stream = i % 2, .idem = i < 12 && i % 2 ? "k" : NULL});
    gh_wait_requests(h, CLIENTS - 5); /* what still waits to be accepted is reset, not answered */
    for (int i = 1; i < CLIENTS; i += 9)
        close(fds[i]), fds[i] = -1;
    gh_end(h);
    for (int i = 0; i < CLIENTS; i++)
        if (fds[i] >= 0)
            gh_expect(fds[i], 503, "\"error\"");
    gh_close(h);
}

static void more_loops_than_reply_partitions(void **state)
{
    (void)state;
    gh_rig *h = gh_prepare(NULL, 1); /* one partition */
    sl_error err = {0};
    h->g->cfg.loops = 2;
    assert_int_equal(sl_gateway_open(&h->gw, &h->g->cfg, NULL, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "partitions"));
    h->g->cfg.loops = 1;
    gh_start(h);
    gh_wait_ready(h, 200, NULL);
    gh_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_loops),
        cmocka_unit_test(four_loops),
        cmocka_unit_test(the_limit_holds_over_all_loops),
        cmocka_unit_test(one_key_on_all_loops),
        cmocka_unit_test(a_failing_owner_and_waiters_on_all_loops),
        cmocka_unit_test(a_drain_of_four_loops),
        cmocka_unit_test(more_loops_than_reply_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
