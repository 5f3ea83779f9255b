#include "common/crypto/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/sluice-tls-XXXXXX";
static char cert_file[64], key_file[64], other_key_file[64], locked_key_file[64], ca_file[64],
    missing_file[64];

typedef struct identity {
    EVP_PKEY *key;
    X509 *cert;
} identity;

/* A certificate for `name`, signed by `issuer` or by itself. */
static identity make(const char *name, const identity *issuer)
{
    static long serial;
    identity id = {EVP_EC_gen("P-256"), X509_new()};
    X509_NAME *subject = X509_get_subject_name(id.cert);
    X509_set_version(id.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(id.cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(id.cert, id.key);
    X509_set_issuer_name(id.cert, issuer ? X509_get_subject_name(issuer->cert) : subject);
    X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
                                             issuer ? "CA:FALSE" : "critical,CA:TRUE");
    X509_add_ext(id.cert, ca, -1);
    X509_EXTENSION_free(ca);
    assert_true(X509_sign(id.cert, issuer ? issuer->key : id.key, EVP_sha256()) > 0);
    return id;
}

static void drop(identity *id)
{
    EVP_PKEY_free(id->key);
    X509_free(id->cert);
}

static void save_cert(const char *path, X509 *cert)
{
    FILE *f = fopen(path, "w");
    assert_int_equal(PEM_write_X509(f, cert), 1);
    fclose(f);
}

static void save_key(const char *path, EVP_PKEY *key, const char *password)
{
    FILE *f = fopen(path, "w");
    assert_int_equal(PEM_write_PrivateKey(f, key, password ? EVP_aes_256_cbc() : NULL, NULL, 0,
                                          NULL, (void *)(uintptr_t)password),
                     1);
    fclose(f);
}

typedef struct outcome {
    bool done;
    int version;
    char peer[64], protocol[16];
    char client[SL_TLS_NAME]; /* as the server sees it */
    bool ticket;              /* the session could be resumed */
} outcome;

/* A whole handshake in memory between a session of t and a client. */
static outcome shake(sl_tls *t, const identity *client_id, int version_max)
{
    outcome o = {0};
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(ctx, 0); /* so that the server alone refuses old versions */
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, version_max);
    SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x02h2\x08http/1.1", 12);
    if (client_id) {
        SSL_CTX_use_certificate(ctx, client_id->cert);
        SSL_CTX_use_PrivateKey(ctx, client_id->key);
    }
    SSL *server = sl_tls_session(t), *client = SSL_new(ctx);
    BIO *near = NULL, *far = NULL;
    assert_non_null(server);
    assert_int_equal(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(server, near, near);
    SSL_set_bio(client, far, far);
    SSL_set_connect_state(client);
    char byte;
    bool client_ok = false, server_ok = false;
    for (int i = 0; i < 20;
         i++) { /* each turn moves one flight; TLS 1.3 tells a refused client late */
        client_ok = SSL_do_handshake(client) == 1;
        server_ok = SSL_do_handshake(server) == 1;
    }
    bool open = SSL_read(client, &byte, 1) != 1 && SSL_get_shutdown(client) == 0;
    o.done = client_ok && server_ok && open;
    o.version = SSL_version(client);
    sl_tls_peer_name(server, o.client);
    o.ticket = SSL_SESSION_is_resumable(SSL_get0_session(client)) == 1;
    X509 *peer = SSL_get1_peer_certificate(client);
    if (peer)
        X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, o.peer,
                                  sizeof(o.peer));
    const unsigned char *alpn;
    unsigned alpn_n;
    SSL_get0_alpn_selected(client, &alpn, &alpn_n);
    memcpy(o.protocol, alpn_n ? (const char *)alpn : "", alpn_n < 15 ? alpn_n : 15);
    X509_free(peer);
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return o;
}

static void prefers_1_3_and_takes_1_2(void **state)
{
    sl_tls *t = NULL;
    sl_error e;
    sl_tls_options opt = {.cert_file = cert_file, .key_file = key_file, .client_ca = ""};
    assert_int_equal(sl_tls_open(&t, &opt, &e), SL_OK);
    outcome best = shake(t, NULL, 0), older = shake(t, NULL, TLS1_2_VERSION);
    assert_true(best.done);
    assert_int_equal(best.version, TLS1_3_VERSION);
    assert_string_equal(best.peer, "server-1");
    assert_string_equal(best.protocol, "http/1.1");
    assert_true(older.done);
    assert_int_equal(older.version, TLS1_2_VERSION);
    assert_false(shake(t, NULL, TLS1_1_VERSION).done);
    sl_tls_free(t);
    sl_tls_free(NULL);
}

static void client_certificates(void **state)
{
    identity ca = make("ca", NULL), other = make("other-ca", NULL);
    identity ours = make("client", &ca), foreign = make("client", &other);
    save_cert(ca_file, ca.cert);
    sl_tls *t = NULL;
    sl_error e;
    sl_tls_options opt = {.cert_file = cert_file, .key_file = key_file, .client_ca = ca_file};
    for (int optional = 0; optional < 2; optional++) {
        opt.client_optional = optional;
        assert_int_equal(sl_tls_open(&t, &opt, &e), SL_OK);
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            outcome known = shake(t, &ours, version), none = shake(t, NULL, version);
            assert_true(known.done);
            assert_string_equal(known.client, "client");
            assert_false(known.ticket); /* each connection's certificate is judged anew */
            assert_false(shake(t, &foreign, version).done);
            assert_int_equal(none.done, optional);
            assert_string_equal(none.client, "");
        }
        sl_tls_free(t);
    }
    drop(&ca), drop(&other), drop(&ours), drop(&foreign);
}

static atomic_bool stop;

static void *open_sessions(void *t)
{
    while (!atomic_load(&stop))
        SSL_free(sl_tls_session(t));
    return NULL;
}

static void reload_swaps_the_certificate(void **state)
{
    sl_tls *t = NULL;
    sl_error e;
    sl_tls_options opt = {.cert_file = cert_file, .key_file = key_file};
    assert_int_equal(sl_tls_open(&t, &opt, &e), SL_OK);
    pthread_t thread; /* opens sessions all the while */
    assert_int_equal(pthread_create(&thread, NULL, open_sessions, t), 0);
    SSL *before = sl_tls_session(t);
    identity next = make("server-2", NULL);
    save_cert(cert_file, next.cert);
    assert_int_equal(sl_tls_reload(t, &e), SL_E_INVALID); /* the key is still the old one */
    assert_string_equal(shake(t, NULL, 0).peer, "server-1");
    save_key(key_file, next.key, NULL);
    assert_int_equal(sl_tls_reload(t, &e), SL_OK);
    assert_string_equal(shake(t, NULL, 0).peer, "server-2");
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    sl_tls_free(t);
    SSL_free(before); /* holds its own reference */
    drop(&next);
}

static void bad_files(void **state)
{
    const struct {
        sl_tls_options opt;
        const char *why;
    } cases[] = {
        {{NULL, key_file, NULL, false}, "TLS needs a certificate"},
        {{cert_file, "", NULL, false}, "TLS needs a certificate"},
        {{missing_file, key_file, NULL, false}, missing_file},
        {{key_file, key_file, NULL, false}, key_file},
        {{cert_file, missing_file, NULL, false}, missing_file},
        {{cert_file, other_key_file, NULL, false}, other_key_file},
        {{cert_file, locked_key_file, NULL, false}, locked_key_file}, /* no prompt */
        {{cert_file, key_file, missing_file, false}, missing_file},
        {{cert_file, key_file, key_file, false}, key_file},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_tls *t = NULL;
        sl_error e = {0};
        assert_int_equal(sl_tls_open(&t, &cases[i].opt, &e), SL_E_INVALID);
        if (strncmp(e.text, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("\"%s\" does not start with \"%s\"", e.text, cases[i].why);
        assert_null(t);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static int set_up(void **state)
{
    static const struct {
        char *path;
        const char *name;
    } files[] = {{cert_file, "cert.pem"},       {key_file, "key.pem"},
                 {other_key_file, "other.pem"}, {locked_key_file, "locked.pem"},
                 {ca_file, "ca.pem"},           {missing_file, "missing.pem"}};
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        snprintf(files[i].path, sizeof(cert_file), "%s/%s", folder, files[i].name);
    identity server = make("server-1", NULL), other = make("other", NULL);
    save_cert(cert_file, server.cert);
    save_key(key_file, server.key, NULL);
    save_key(other_key_file, other.key, NULL);
    save_key(locked_key_file, server.key, "password");
    drop(&server), drop(&other);
    return 0;
}

static int tear_down(void **state)
{
    const char *files[] = {cert_file, key_file, other_key_file, locked_key_file, ca_file};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(files[i]);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefers_1_3_and_takes_1_2),
        cmocka_unit_test(client_certificates),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(reload_swaps_the_certificate),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
