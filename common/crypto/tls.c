#include "common/crypto/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct sl_tls {
    pthread_mutex_t lock; /* guards ctx: a session may start while a reload swaps it */
    SSL_CTX *ctx;
    char *cert_file, *key_file, *client_ca; /* read again on reload; client_ca may be NULL */
    bool client_optional;
    struct stat seen[3]; /* of these files; the owner's */
};

/* No prompt on a terminal: an encrypted key fails with an error. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
    return 0;
}

/* HTTP/1.1 is what the server speaks; a client that offers only others goes on without ALPN. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *outlen,
                           const unsigned char *in, unsigned inlen, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, outlen, ours, sizeof(ours) - 1, in, inlen) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static sl_status set_client_ca(SSL_CTX *ctx, const char *file, bool optional, sl_error *reterr)
{
    int mode = SSL_VERIFY_PEER | (optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (!names || SSL_CTX_load_verify_file(ctx, file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return sl_fail(reterr, SL_E_INVALID,
                       "%s: can't be used as client CA: it must be readable PEM certificates",
                       file);
    }
    SSL_CTX_set_client_CA_list(ctx, names); /* takes names */
    SSL_CTX_set_verify(ctx, mode, NULL);
    /* No resumption: the certificate of each connection is judged, by the CA file of its day. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 0);
    return SL_OK;
}

static void set_manners(SSL_CTX *ctx)
{
    static const unsigned char session_context[] = "sluice";
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* 2,000 idle streams must not hold 34 KB of buffers each. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Without it a resumed session of a client with a certificate is refused. */
    SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
}

static sl_status load(SSL_CTX **ret, const sl_tls *t, sl_error *reterr)
{
    sl_status st = SL_OK;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return sl_fail(reterr, SL_E_NOMEM, "TLS: out of memory");
    set_manners(ctx);
    if (SSL_CTX_use_certificate_chain_file(ctx, t->cert_file) != 1) {
        st = sl_fail(reterr, SL_E_INVALID,
                     "%s: can't be used as certificate: it must be readable PEM, leaf first",
                     t->cert_file);
        goto cleanup;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, t->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        st = sl_fail(reterr, SL_E_INVALID,
                     "%s: can't be used as key: it must be readable PEM without a password and "
                     "belong to the certificate",
                     t->key_file);
        goto cleanup;
    }
    if (t->client_ca)
        st = set_client_ca(ctx, t->client_ca, t->client_optional, reterr);
cleanup:
    ERR_clear_error(); /* or a later SSL_get_error of this thread would report it */
    if (st)
        SSL_CTX_free(ctx);
    else
        *ret = ctx;
    return st;
}

sl_status sl_tls_open(sl_tls **ret, const sl_tls_options *opt, sl_error *reterr)
{
    if (!opt->cert_file || !opt->cert_file[0] || !opt->key_file || !opt->key_file[0])
        return sl_fail(reterr, SL_E_INVALID, "TLS needs a certificate file and a key file");
    sl_tls *t = calloc(1, sizeof(*t));
    if (!t)
        return sl_fail(reterr, SL_E_NOMEM, "TLS: out of memory");
    pthread_mutex_init(&t->lock, NULL);
    bool ca = opt->client_ca && opt->client_ca[0];
    t->cert_file = strdup(opt->cert_file);
    t->key_file = strdup(opt->key_file);
    t->client_ca = ca ? strdup(opt->client_ca) : NULL;
    t->client_optional = opt->client_optional;
    sl_status st = SL_OK;
    if (!t->cert_file || !t->key_file || (ca && !t->client_ca))
        st = sl_fail(reterr, SL_E_NOMEM, "TLS: out of memory");
    if (!st) {
        (void)sl_tls_changed(t);
        st = load(&t->ctx, t, reterr);
    }
    if (st)
        sl_tls_free(t);
    else
        *ret = t;
    return st;
}

sl_status sl_tls_reload(sl_tls *t, sl_error *reterr)
{
    SSL_CTX *fresh;
    sl_status st = load(&fresh, t, reterr);
    if (st)
        return st;
    pthread_mutex_lock(&t->lock);
    SSL_CTX *old = t->ctx;
    t->ctx = fresh;
    pthread_mutex_unlock(&t->lock);
    SSL_CTX_free(old); /* sessions that still run hold their own reference */
    return SL_OK;
}

bool sl_tls_changed(sl_tls *t)
{
    const char *const files[] = {t->cert_file, t->key_file, t->client_ca};
    bool changed = false;
    for (int i = 0; i < 3 && files[i]; i++) {
        struct stat now = {0};
        (void)stat(files[i], &now); /* one that vanished is a change; the reload names it */
        const struct stat *was = &t->seen[i];
        changed |= now.st_mtim.tv_sec != was->st_mtim.tv_sec ||
                   now.st_mtim.tv_nsec != was->st_mtim.tv_nsec || now.st_size != was->st_size ||
                   now.st_ino != was->st_ino;
        t->seen[i] = now;
    }
    return changed;
}

void sl_tls_free(sl_tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    pthread_mutex_destroy(&t->lock);
    free(t->cert_file);
    free(t->key_file);
    free(t->client_ca);
    free(t);
}

void *sl_tls_session(sl_tls *t)
{
    pthread_mutex_lock(&t->lock);
    SSL *ssl = SSL_new(t->ctx);
    pthread_mutex_unlock(&t->lock);
    if (ssl)
        SSL_set_accept_state(ssl);
    return ssl;
}

static bool read_name(const X509 *x, char out[SL_TLS_NAME])
{
    X509_NAME *subject = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return false;
    unsigned char *text = NULL;
    int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    bool ok = n > 0 && n < SL_TLS_NAME;
    for (int i = 0; ok && i < n; i++)
        ok = text[i] > ' ' && text[i] <= '~';
    if (ok) {
        memcpy(out, text, (size_t)n);
        out[n] = '\0';
    }
    OPENSSL_free(text);
    return ok;
}

void sl_tls_peer_name(void *session, char out[SL_TLS_NAME])
{
    SSL *ssl = session;
    X509 *x = SSL_get_verify_result(ssl) == X509_V_OK ? SSL_get1_peer_certificate(ssl) : NULL;
    if (!x || !read_name(x, out))
        out[0] = '\0';
    X509_free(x);
    ERR_clear_error();
}
