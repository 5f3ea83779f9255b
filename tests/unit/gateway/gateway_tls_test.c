/* gateway_tls_test.c - the gateway's listener with TLS: reload on SIGHUP, hostile bytes. */
#include "tests/unit/gateway/http_rig.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

typedef struct files {
    char cert[80], key[80];
} files;

static void write_identity(const files *f, const char *name, bool other_key)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_NAME *subject = X509_get_subject_name(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, subject);
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    FILE *cert = fopen(f->cert, "w"), *k = fopen(f->key, "w");
    assert_true(cert && k);
    assert_int_equal(PEM_write_X509(cert, x), 1);
    assert_int_equal(PEM_write_PrivateKey(k, other_key ? other : key, NULL, NULL, 0, NULL, NULL),
                     1);
    fclose(cert);
    fclose(k);
    X509_free(x);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

typedef struct client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
} client;

static bool tls_dial(client *c, int port)
{
    *c = (client){.fd = gh_dial(port), .ctx = SSL_CTX_new(TLS_client_method())};
    c->ssl = SSL_new(c->ctx);
    SSL_set_fd(c->ssl, c->fd);
    return SSL_connect(c->ssl) == 1;
}

static void tls_close(client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

static bool is_called(const client *c, const char *name)
{
    char cn[64] = "";
    X509 *x = SSL_get1_peer_certificate(c->ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof(cn));
    X509_free(x);
    return strcmp(cn, name) == 0;
}

static void get_health(const client *c)
{
    static const char get[] = "GET /health HTTP/1.1\r\nHost: t\r\n\r\n";
    char out[1024] = "";
    assert_int_equal(SSL_write(c->ssl, get, sizeof(get) - 1), (int)sizeof(get) - 1);
    for (int n = 0, at = 0; !strstr(out, "\"status\":\"ok\"}"); at += n) {
        n = SSL_read(c->ssl, out + at, (int)sizeof(out) - 1 - at);
        assert_true(n > 0);
    }
}

static void wait_called(gh_rig *h, const char *name)
{
    int64_t until = gt_real_us() + GT_WAIT_MS * 1000;
    for (bool met = false; !met;) {
        client c;
        assert_true(tls_dial(&c, h->port));
        met = is_called(&c, name);
        get_health(&c);
        tls_close(&c);
        assert_true(gt_real_us() < until);
    }
}

static gh_rig *open_tls(files *f, int loops)
{
    gh_rig *h = gh_prepare(NULL, loops);
    (void)snprintf(f->cert, sizeof(f->cert), "%s/cert.pem", h->g->dir);
    (void)snprintf(f->key, sizeof(f->key), "%s/key.pem", h->g->dir);
    write_identity(f, "one", false);
    h->g->cfg.http_tls_cert = f->cert;
    h->g->cfg.http_tls_key = f->key;
    gh_start(h);
    return h;
}

static void close_tls(gh_rig *h, const files *f)
{
    (void)unlink(f->cert);
    (void)unlink(f->key);
    gh_close(h);
}

static void certificates_are_read_again(void **state)
{
    (void)state;
    files f;
    gh_rig *h = open_tls(&f, 2);
    client old;
    assert_true(tls_dial(&old, h->port));
    assert_true(is_called(&old, "one"));
    get_health(&old);
    write_identity(&f, "two", false);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    wait_called(h, "two");
    get_health(&old);                  /* what is open goes on */
    write_identity(&f, "three", true); /* a key that is not the certificate's: refused */
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    for (int i = 0; i < 20; i++)
        wait_called(h, "two");
    assert_int_equal(truncate(f.cert, 0), 0);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    for (int i = 0; i < 20; i++)
        wait_called(h, "two");
    write_identity(&f, "four", false);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    wait_called(h, "four");
    tls_close(&old);
    close_tls(h, &f);
}

/* No signal: a change of the files is enough; half a change is refused, and the old ones stay. */
static void certificates_that_change_are_read(void **state)
{
    (void)state;
    files f;
    gh_rig *h = open_tls(&f, 2);
    wait_called(h, "one");
    write_identity(&f, "two", false);
    gt_skew_ms += 1000;
    wait_called(h, "two");
    write_identity(&f, "three", true); /* the certificate is there, its key not yet */
    gt_skew_ms += 1000;
    for (int i = 0; i < 20; i++)
        wait_called(h, "two");
    write_identity(&f, "four", false);
    gt_skew_ms += 1000;
    wait_called(h, "four");
    close_tls(h, &f);
}

/* Reloads under load: handshakes on two loops meet swaps on the first. */
static void reloads_among_handshakes(void **state)
{
    (void)state;
    files f;
    gh_rig *h = open_tls(&f, 2);
    for (int i = 0; i < 30; i++) {
        client c;
        assert_int_equal(kill(getpid(), SIGHUP), 0);
        assert_true(tls_dial(&c, h->port));
        get_health(&c);
        tls_close(&c);
    }
    close_tls(h, &f);
}

static void bytes_that_are_no_tls(void **state)
{
    (void)state;
    files f;
    gh_rig *h = open_tls(&f, 1);
    static const struct {
        const char *p;
        size_t n;
    } hostile[] = {{"GET / HTTP/1.1\r\nHost: t\r\n\r\n", 28},
                   {"\x16\x03\x01\xff\xff\x01", 6}, /* a record that claims 64 KB, and no more */
                   {"\x16\x03\x01\x00\x05\x01\xff\xff\xff\xff", 10},
                   {"\x15\x03\x03\x00\x02\x02\x28", 7}, /* a fatal alert at once */
                   {"\x00", 1}};
    for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
        int fd = gh_dial(h->port);
        char out[512];
        assert_int_equal(send(fd, hostile[i].p, hostile[i].n, MSG_NOSIGNAL), hostile[i].n);
        shutdown(fd, SHUT_WR);
        ssize_t n = recv(fd, out, sizeof(out) - 1, 0); /* an alert or the end, never an answer */
        out[n > 0 ? n : 0] = '\0';
        assert_null(strstr(out, "HTTP/1.1 200"));
        close(fd);
        wait_called(h, "one");
    }
    close_tls(h, &f);
}

static void a_bad_certificate_at_the_start(void **state)
{
    (void)state;
    files f;
    sl_error err = {0};
    gh_rig *h = open_tls(&f, 1);
    sl_gateway *second = NULL;
    write_identity(&f, "five", true);
    assert_int_equal(sl_gateway_open(&second, &h->g->cfg, NULL, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "key"));
    close_tls(h, &f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_read_again),
        cmocka_unit_test(certificates_that_change_are_read),
        cmocka_unit_test(reloads_among_handshakes),
        cmocka_unit_test(bytes_that_are_no_tls),
        cmocka_unit_test(a_bad_certificate_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
