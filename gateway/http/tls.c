#include "http/internal.h"

#include <string.h>

/* The hybrid group first: what is recorded today shall not be read by a later quantum computer. */
#define GROUPS "X25519MLKEM768/X25519:secp256r1/secp384r1:secp521r1"
#define CIPHERS_TLS12 "ECDHE+AESGCM:ECDHE+CHACHA20"

/* rfc7301#3.2; with no overlap the connection goes on without, as old clients expect. */
static int choose_protocol(SSL *ssl, const unsigned char **ret_out, unsigned char *ret_len,
                           const unsigned char *in, unsigned int in_len, void *context) {
    static const unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char *out = NULL;
    (void)ssl, (void)context;
    if (SSL_select_next_proto(&out, ret_len, ours, sizeof ours, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *ret_out = out;
    return SSL_TLSEXT_ERR_OK;
}

static int choose_certificate(SSL *ssl, void *context) {
    const struct http_tls_config *config = context;
    return config->certificate(config->context, ssl) ? 1 : 0;
}

/* Any issuer will do: that the peer holds the key is proved by the handshake, and whom to trust is
 * decided by each route. */
static int accept_any(X509_STORE_CTX *store, void *context) {
    (void)context;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static void ask_certificate(SSL_CTX *tls) {
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(tls, accept_any, NULL);
    /* A resumed session would bring an old certificate: every connection proves its key anew. */
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(tls, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(tls, 0);
}

bool http_tls_new(const struct http_tls_config *config, SSL_CTX **ret_tls, struct error *err) {
    static const unsigned char session_context[] = "gatehouse";
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL)
        return fail_internal(err, "a TLS context cannot be made");
    SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    SSL_CTX_set_cert_cb(tls, choose_certificate, (void *)(uintptr_t)config);
    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(tls, GROUPS) != 1 ||
        SSL_CTX_set_cipher_list(tls, CIPHERS_TLS12) != 1 ||
        SSL_CTX_set_session_id_context(tls, session_context, sizeof session_context - 1) != 1) {
        SSL_CTX_free(tls);
        return fail_internal(err, "the TLS parameters are refused");
    }
    if (config->ask_certificate)
        ask_certificate(tls);
    *ret_tls = tls;
    return true;
}
