/* tls.h - a TLS server context from PEM files (OpenSSL underneath).
 *
 * TLS 1.2 is the least, 1.3 preferred. With `client_ca` the client must show a certificate of it,
 * or may with `client_optional`; one that does not verify ends the handshake in both cases.
 * The context is reference-counted inside; sl_tls_reload swaps certificates for new connections.
 * Threads: sl_tls_session may be called from any thread; the rest from the owner. */
#ifndef SL_CRYPTO_TLS_H
#define SL_CRYPTO_TLS_H

#include "common/base/status.h"

typedef struct sl_tls sl_tls;

typedef struct sl_tls_options {
    const char *cert_file; /* PEM, leaf first */
    const char *key_file;  /* PEM */
    const char *client_ca; /* PEM; NULL or "": no client certificate is asked for */
    bool client_optional;  /* a client without one is let in too */
} sl_tls_options;

sl_status sl_tls_open(sl_tls **ret, const sl_tls_options *opt, sl_error *reterr) SL_MUST_CHECK;
sl_status sl_tls_reload(sl_tls *t, sl_error *reterr) SL_MUST_CHECK;
/* True when one of its files is another than at the last look (or at the open): the time for a
 * reload. Cheap enough for every second. */
bool sl_tls_changed(sl_tls *t);
void sl_tls_free(sl_tls *t);
/* A new server-side session: an OpenSSL `SSL *`, owned by the caller. NULL when out of memory. */
void *sl_tls_session(sl_tls *t);

#define SL_TLS_NAME 65 /* X.520: a common name has at most 64 characters */
/* The common name of the certificate that the other side of the session showed, when it was
 * verified and has exactly one, of printable ASCII without blanks; else "". */
void sl_tls_peer_name(void *session, char out[SL_TLS_NAME]);

#endif
