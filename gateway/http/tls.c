#include "http/internal.h"

#include "base/log.h"

#include <string.h>
#include <sys/socket.h>

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

/* CivetWeb shakes hands in the thread that then serves the connection, and hides the handle. */
static _Thread_local SSL *current;

static _Thread_local char client[HTTP_PROXY_ADDRESS]; /* what a proxy says; "" else */

/* Asked for once a connection: no renegotiation changes it. */
static _Thread_local struct {
    bool known, there;
    uint8_t octets[32];
} exporter;

/* The first octets may be a proxy's: they are taken before OpenSSL reads any. A connection that may not go on has
 * nothing more to read, and the handshake fails. */
static void take_proxy_header(const SSL *ssl) {
    const struct http_tls_config *config = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    int fd = SSL_get_fd(ssl);
    client[0] = '\0';
    if (config->proxy_protocol && !http_proxy_client(fd, config, client)) {
        log_debug("http", "a connection without a PROXY header of a trusted proxy is ended");
        shutdown(fd, SHUT_RDWR);
    }
}

static void note_handshake(const SSL *ssl, int where, __attribute__((unused)) int result) {
    if (!(where & SSL_CB_HANDSHAKE_START))
        return;
    if (current != ssl) /* the first of this connection */
        take_proxy_header(ssl);
    exporter.known = false;
    current = (SSL *)(uintptr_t)ssl;
}

void http_tls_forget(void) {
    current = NULL;
    exporter.known = false;
    client[0] = '\0';
}

#define CHAIN_MAX 16 /* more is no path that anybody would follow */
#define FINISHED_MAX 64

static struct view exporter_octets(struct arena *arena) {
    static const char label[] = "EXPORTER-Channel-Binding";
    if (!exporter.known)
        exporter.there = SSL_export_keying_material(current, exporter.octets, sizeof exporter.octets, label,
                                                    sizeof label - 1, NULL, 0, 0) == 1;
    exporter.known = true;
    return exporter.there ? arena_copy(arena, exporter.octets, sizeof exporter.octets)
                          : (struct view){NULL, 0};
}

/* rfc9266#4.2: without a resumed or TLS 1.2 session that could be shared by two connections. */
static void describe_binding(struct http_request *request) {
    uint8_t finished[FINISHED_MAX];
    bool new_enough = SSL_version(current) >= TLS1_3_VERSION;
    if (!new_enough && SSL_get_extms_support(current) != 1)
        return;
    request->tls_exporter = exporter_octets(request->arena);
    if (new_enough)
        return;
    /* rfc5929#3.1: the first Finished, which in a full handshake is the client's */
    size_t len = SSL_session_reused(current) == 1
                     ? SSL_get_finished(current, finished, sizeof finished)
                     : SSL_get_peer_finished(current, finished, sizeof finished);
    if (len > 0 && len <= sizeof finished)
        request->tls_unique = arena_copy(request->arena, finished, len);
}

static void describe_chain(struct http_request *request) {
    const STACK_OF(X509) *chain = SSL_get_peer_cert_chain(current); /* a server's: without the leaf */
    int count = chain == NULL ? 0 : sk_X509_num(chain);
    if (count <= 0)
        return;
    struct view *ders = arena_array(request->arena, CHAIN_MAX, sizeof *ders);
    for (int i = 0; i < count && request->client_chain_count < CHAIN_MAX; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(chain, i), &der);
        if (len > 0)
            ders[request->client_chain_count++] = arena_copy(request->arena, der, (size_t)len);
        OPENSSL_free(der);
    }
    request->client_chain = ders;
}

void http_tls_describe(struct http_request *request) {
    if (current == NULL || request->listener == LISTENER_HTTP)
        return;
    if (client[0] != '\0')
        request->address = arena_strdup(request->arena, client);
    describe_binding(request);
    if (request->listener == LISTENER_MTLS && request->client_certificate.len > 0)
        describe_chain(request);
}

static void ask_certificate(SSL_CTX *tls, bool require) {
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | (require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
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
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    SSL_CTX_set_info_callback(tls, note_handshake);
    SSL_CTX_set_app_data(tls, (void *)(uintptr_t)config);
    SSL_CTX_set_cert_cb(tls, choose_certificate, (void *)(uintptr_t)config);
    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(tls, GROUPS) != 1 ||
        SSL_CTX_set_cipher_list(tls, CIPHERS_TLS12) != 1 ||
        SSL_CTX_set_session_id_context(tls, session_context, sizeof session_context - 1) != 1) {
        SSL_CTX_free(tls);
        return fail_internal(err, "the TLS parameters are refused");
    }
    if (config->ask_certificate)
        ask_certificate(tls, config->require_certificate);
    *ret_tls = tls;
    return true;
}
