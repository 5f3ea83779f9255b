/* tls_test.c - the server over TLS, with certificates made for the test. */
#include "client_harness.h"

#include <poll.h>
#include <sys/stat.h>

#define HOST "Host: test\r\n"

static char dir[64];
static char ca[96], cert[96], key[96], client_cert[96], client_key[96];

static int shell(const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return system(text);
}

static int make_certificates(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/sl-tls-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    snprintf(cert, sizeof cert, "%s/server.pem", dir);
    snprintf(key, sizeof key, "%s/server.key", dir);
    snprintf(client_cert, sizeof client_cert, "%s/client.pem", dir);
    snprintf(client_key, sizeof client_key, "%s/client.key", dir);
    return shell("cd %s && exec >log 2>&1 && set -e\n"
                 "EC='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
                 "openssl req -x509 $EC -keyout ca.key -out ca.pem -subj /CN=test-ca -days 2\n"
                 "openssl req $EC -keyout server.key -out server.csr -subj /CN=localhost\n"
                 "printf 'subjectAltName=DNS:localhost' >ext\n"
                 "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
                 "-extfile ext -out server.pem -days 2\n"
                 "openssl req $EC -keyout client.key -out client.csr -subj /CN=client\n"
                 "openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
                 "-out client.pem -days 2\n",
                 dir);
}

static int remove_certificates(void **state)
{
    return shell("rm -rf %s", dir);
}

static sl_tls *open_tls(bool with_client_ca)
{
    sl_tls_options opt = {
        .cert_file = cert, .key_file = key, .client_ca = with_client_ca ? ca : NULL};
    sl_tls *t = NULL;
    sl_error e;
    if (sl_tls_open(&t, &opt, &e) != SL_OK)
        fail_msg("%s", e.text);
    return t;
}

static sl_http_call_options get(const hx *h, const char *path, const char *ca_file)
{
    static char url[256];
    snprintf(url, sizeof url, "https://localhost:%d%s", h->port, path);
    return (sl_http_call_options){.method = "GET", .url = url, .ca_file = ca_file};
}

static void answers(void **state)
{
    sl_tls *t = open_tls(false);
    hx *h = hx_open((sl_http_server_options){.tls = t});
    cx c = cx_open(4);
    got g = {0};
    static char big[900000];
    sl_http_call_options post;

    call(&c, &g, get(h, "/path", ca));
    if (g.res.status != SL_OK)
        fail_msg("%s", g.res.error.text);
    assert_string_equal(g.body.data, "/path");
    got_done(&g);
    call(&c, &g, get(h, "/sse", ca));
    assert_string_equal(g.body.data, "data: one\n\ndata: two\n\n");
    got_done(&g);
    call(&c, &g, get(h, "/sse?abort", ca));
    assert_int_equal(g.res.status, SL_E_IO);
    got_done(&g);
    post = get(h, "/echo", ca);
    post.method = "POST";
    memset(big, 'q', sizeof big);
    post.body = (sl_str){big, sizeof big};
    call(&c, &g, post);
    assert_int_equal(g.body.len, sizeof big);
    got_done(&g);
    call(&c, &g, get(h, "/big", ca)); /* on_writable over TLS */
    assert_int_equal(g.res.status, SL_OK);
    assert_int_equal(g.body.len, BIG_BYTES);
    assert_true(h->pending_max <= 256 * 1024 + 32 * 1024);
    got_done(&g);
    cx_close(&c);
    hx_close(h);
    sl_tls_free(t);
}

static void verification(void **state)
{
    sl_tls *t = open_tls(false);
    hx *h = hx_open((sl_http_server_options){.tls = t});
    cx c = cx_open(4);
    got g = {0};
    sl_http_call_options opt;
    char url[64];

    call(&c, &g, get(h, "/", NULL)); /* the system's CAs don't know it */
    assert_int_equal(g.res.status, SL_E_DENIED);
    assert_false(g.res.sent);
    got_done(&g);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", h->port); /* not the certificate's name */
    opt = (sl_http_call_options){.method = "GET", .url = url, .ca_file = ca};
    call(&c, &g, opt);
    assert_int_equal(g.res.status, SL_E_DENIED);
    got_done(&g);
    call(&c, &g, get(h, "/", "/no/such/file"));
    assert_int_equal(g.res.status, SL_E_INVALID);
    got_done(&g);
    assert_int_equal(hx_read(h, &h->requests), 0);
    cx_close(&c);
    hx_close(h);
    sl_tls_free(t);
}

static void client_certificates(void **state)
{
    sl_tls *t = open_tls(true);
    hx *h = hx_open((sl_http_server_options){.tls = t});
    cx c = cx_open(4);
    got g = {0};
    sl_http_call_options opt = get(h, "/who", ca);
    call(&c, &g, opt);
    assert_int_not_equal(g.res.status, SL_OK);
    got_done(&g);
    opt.cert_file = client_cert;
    opt.key_file = client_key;
    call(&c, &g, opt);
    assert_int_equal(g.res.status, SL_OK);
    assert_string_equal(g.body.data, "/who");
    got_done(&g);
    cx_close(&c);
    hx_close(h);
    sl_tls_free(t);
}

static void stop(void *arg)
{
    sl_loop_stop(arg);
}

static void gone_while_waiting(void **state)
{
    static const char *const paths[] = {"/hold", "/stream-hold"};
    sl_tls *t = open_tls(false);
    hx *h = hx_open((sl_http_server_options){.tls = t});
    for (int i = 0; i < 2; i++) {
        cx c = cx_open(4);
        got g = {0};
        sl_timer *turn;
        start(&c, &g, get(h, paths[i], ca));
        assert_int_equal(sl_timer_open(&turn, c.loop, stop, c.loop, NULL), SL_OK);
        while (hx_read(h, &h->requests) < i + 1) {
            sl_timer_set(turn, 5);
            sl_loop_run(c.loop);
        }
        sl_timer_free(turn);
        assert_int_equal(hx_read(h, &h->closes), i);
        sl_http_call_cancel(g.call);
        assert_true(hx_wait(h, &h->closes, i + 1));
        got_done(&g);
        cx_close(&c);
    }
    hx_close(h);
    sl_tls_free(t);
}

static void not_tls(void **state)
{
    sl_tls *t = open_tls(false);
    hx *h = hx_open((sl_http_server_options){.tls = t, .header_timeout_ms = 200});
    char block[64];
    int fd = dial(h), silent = dial(h);
    say(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    while (recv(fd, block, sizeof block, 0) > 0) /* at most a TLS alert */
        assert_int_not_equal(block[0], 'H');
    assert_true(closed(silent)); /* no handshake in time */
    close(fd);
    close(silent);
    assert_int_equal(hx_read(h, &h->requests), 0);
    hx_close(h);
    sl_tls_free(t);
}

static void too_many_connections(void **state)
{
    sl_tls *t = open_tls(false);
    hx *h = hx_open((sl_http_server_options){.tls = t, .connections_max = 1});
    cx a = cx_open(4), b = cx_open(4);
    got g = {0};
    call(&a, &g, get(h, "/one", ca)); /* its connection stays */
    assert_int_equal(g.res.http_status, 200);
    got_done(&g);
    call(&b, &g, get(h, "/two", ca));
    assert_int_equal(g.res.status, SL_OK);
    assert_int_equal(g.res.http_status, 503);
    assert_int_equal(g.res.retry_after_ms, 1000);
    assert_non_null(strstr(g.body.data, "overloaded"));
    got_done(&g);
    cx_close(&a);
    cx_close(&b);
    hx_close(h);
    sl_tls_free(t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(verification),
        cmocka_unit_test(client_certificates),
        cmocka_unit_test(gone_while_waiting),
        cmocka_unit_test(not_tls),
        cmocka_unit_test(too_many_connections),
    };
    if (argc > 1) /* one test by its name, with wildcards */
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
