/* server_memory_test.c - what open streams cost, and the end of one that costs too much. */
#include "http_harness.h"

#define HOST "Host: test\r\n"

/* A handler that never looks at the pending output is cut, not the process. */
static void runaway_stream(hx *h)
{
    static char block[1024 * 1024];
    for (int i = 0; i < 80 && h->held_n > 0; i++)
        sl_http_stream_send(h->held[0], (sl_str){block, sizeof block});
}

static void runaway_streams_are_cut(void **state)
{
    hx *h = hx_open((sl_http_server_options){0});
    int fd = dial(h);
    say(fd, "GET /stream-hold HTTP/1.1\r\n" HOST "\r\n");
    assert_true(hx_wait(h, &h->requests, 1));
    hx_do(h, runaway_stream);
    assert_true(hx_wait(h, &h->closes, 1));
    close(fd);
    hx_close(h);
}

static size_t resident_kb(void)
{
    unsigned long total, resident;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &total, &resident), 2);
    fclose(f);
    return resident * 4;
}

static void send_piece(hx *h)
{
    for (int i = 0; i < h->held_n; i++)
        sl_http_stream_send(h->held[i], SL_STR("data: {\"piece\":\"of text\"}\n\n"));
}

static void many_open_streams(void **state)
{
    enum { N = HELD_MAX };
    static int fds[N];
    static char body[1024], block[4096];
    size_t before, each;
    hx *h = hx_open((sl_http_server_options){0});
    memset(body, 'b', sizeof body);
    before = resident_kb();
    for (int i = 0; i < N; i++) {
        fds[i] = dial(h);
        say(fds[i], "POST /stream-hold HTTP/1.1\r\n" HOST "Content-Length: 1024\r\n\r\n");
        assert_true(put(fds[i], body, sizeof body));
    }
    assert_true(hx_wait(h, &h->requests, N));
    for (int i = 0; i < 20; i++)
        hx_do(h, send_piece);
    for (int i = 0; i < N; i++)
        assert_true(recv(fds[i], block, sizeof block, 0) > 0);
    each = (resident_kb() - before) / N;
#ifndef SL_SANITIZED
    if (each > 12) /* 2,000 streams of the whole gateway must fit in 120 MB */
        fail_msg("an open stream takes %zu KB", each);
#else
    (void)each;
#endif
    for (int i = 0; i < N; i++)
        close(fds[i]);
    assert_true(hx_wait(h, &h->closes, N));
    hx_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_open_streams), /* first: the other one leaves a large heap */
        cmocka_unit_test(runaway_streams_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
