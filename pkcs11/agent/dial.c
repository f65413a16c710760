#include "agent/dial.h"

#include "base/clock.h"
#include "x509/handles.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MS 10000
#define HANDSHAKE_S 15
#define HOST_SIZE 256

/* ---- TLS ------------------------------------------------------------------------------------- */

bool dial_context(const char *ca_file, SSL_CTX **ret_tls, struct error *err) {
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(tls);
        return fail_internal(err, "a TLS context");
    }
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(tls, ca_file == NULL ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (ca_file != NULL && SSL_CTX_load_verify_file(tls, ca_file) != 1) {
        SSL_CTX_free(tls);
        ERR_clear_error();
        return fail(err, ERROR_UNAVAILABLE, "bad-option",
                    "The file %.200s of the option gateway-ca cannot be read as PEM certificates.",
                    ca_file);
    }
    *ret_tls = tls;
    return true;
}

/* The name in the certificate must be the one that was dialled (rfc9110#4.3.4). */
static SSL *new_ssl(SSL_CTX *tls, const char *host) {
    SSL *ssl = SSL_new(tls);
    if (ssl == NULL)
        return NULL;
    bool is_address = strchr(host, ':') != NULL || strspn(host, "0123456789.") == strlen(host);
    bool done = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
                           : SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
    if (done)
        return ssl;
    SSL_free(ssl);
    return NULL;
}

/* ---- TCP ------------------------------------------------------------------------------------- */

static bool split(const char *address, char host[static HOST_SIZE], const char **ret_port,
                  struct error *err) {
    const char *colon = strrchr(address, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - address);
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (len == 0 || len >= HOST_SIZE || colon[1] == '\0' ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return fail(err, ERROR_MALFORMED, "bad-address",
                    "The gateway's address \"%.100s\" is not of the form HOST:PORT.", address);
    memcpy(host, address, len);
    host[len] = '\0';
    *ret_port = colon + 1;
    return true;
}

static bool connect_one(const struct addrinfo *to, int *ret_fd) {
    int error = 0;
    socklen_t len = sizeof error;
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool done = connect(fd, to->ai_addr, to->ai_addrlen) == 0;
    if (!done && errno == EINPROGRESS) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        done = poll(&wait, 1, CONNECT_MS) == 1 &&
               getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
        if (error != 0)
            errno = error;
    }
    if (done)
        *ret_fd = fd;
    else
        close(fd);
    return done;
}

static bool unreachable(const char *address, const char *why, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "gateway-unreachable",
                "The gateway %.200s cannot be reached: %s.", address, why);
}

static bool connect_to(const char *address, const char *host, const char *port, int *ret_fd,
                       struct error *err) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int rc = getaddrinfo(host, port, &hints, &list);
    if (rc != 0)
        return unreachable(address, gai_strerror(rc), err);
    bool done = false;
    for (const struct addrinfo *at = list; at != NULL && !done; at = at->ai_next)
        done = connect_one(at, ret_fd);
    int cause = errno;
    freeaddrinfo(list);
    return done || unreachable(address, strerror(cause), err);
}

bool dial(SSL_CTX *tls, const char *address, struct link **ret_link, struct error *err) {
    char host[HOST_SIZE];
    const char *port;
    int fd;
    struct error cause = {0};
    TRY(split(address, host, &port, err));
    TRY(connect_to(address, host, port, &fd, err));
    SSL *ssl = new_ssl(tls, host);
    if (ssl == NULL) {
        close(fd);
        return fail_internal(err, "TLS");
    }
    if (link_connect(fd, ssl, address, HANDSHAKE_S, ret_link, &cause))
        return true;
    fail(err, ERROR_UNAVAILABLE, "gateway-unreachable", "The gateway %.100s: %.300s", address,
         cause.message);
    error_detail(err, "%s", cause.detail);
    return false;
}

/* ---- handshake ------------------------------------------------------------------------------- */

struct answer {
    struct session_keys keys;
    struct view certificate; /* as long as the handshake */
};

static bool shake(struct handshake *h, struct link *link, const struct party *party,
                  const uint8_t pin[static HANDSHAKE_PIN], struct view code, struct answer *ret,
                  struct error *err) {
    struct wire_buffer out = {0};
    struct view message;
    bool done = link_receive(link, HANDSHAKE_S * 1000, &message, err) &&
                handshake_read_greeting(h, message, pin, err) &&
                handshake_hello(h, party, code, GATEHOUSE_VERSION, &out, err) &&
                link_send(link, view_of(out.at, out.len), err) &&
                link_receive(link, HANDSHAKE_S * 1000, &message, err) &&
                handshake_read_welcome(h, party, message, &ret->certificate, &ret->keys, err);
    wire_buffer_free(&out);
    return done;
}

bool dial_session(const struct agent_state *state, struct link *link, struct session **ret_session,
                  struct error *err) {
    struct handshake h = {0};
    struct answer answer;
    bool done = shake(&h, link, &state->party, state->pin, view_of(NULL, 0), &answer, err);
    if (done)
        *ret_session = session_new(link, &answer.keys, false, WIRE_MESSAGE_MAX);
    else
        link_free(link);
    handshake_end(&h);
    OPENSSL_cleanse(&answer, sizeof answer);
    return done;
}

bool dial_enrol(struct link *link, const uint8_t secret[static HANDSHAKE_CODE],
                const uint8_t pin[static HANDSHAKE_PIN], const char *directory, struct error *err) {
    struct handshake h = {0};
    struct answer answer;
    struct party party = {0};
    bool done = state_new(&party, err) &&
                shake(&h, link, &party, pin, view_of(secret, HANDSHAKE_CODE), &answer, err);
    if (done && answer.certificate.len == 0)
        done = fail(err, ERROR_UNAVAILABLE, "bad-handshake", "The gateway gave no certificate.");
    done = done && state_save(directory, party.key, answer.certificate, pin, err);
    link_free(link);
    handshake_end(&h);
    OPENSSL_cleanse(&answer, sizeof answer);
    X509_free(party.certificate);
    EVP_PKEY_free(party.key);
    return done;
}
