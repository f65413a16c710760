/* tls-alpn-01 (rfc8737, rfc8738#6). */
#include "acme/internal.h"

#include "base/clock.h"
#include "x509/san.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

DEFINE_AUTO(SSL_CTX, SSL_CTX_free)
DEFINE_AUTO(SSL, SSL_free)

static const unsigned char alpn[] = {10, 'a', 'c', 'm', 'e', '-', 't', 'l', 's', '/', '1'};

static void close_socket(int *s) {
    if (*s >= 0)
        close(*s);
}
#define SCOPED_SOCKET __attribute__((cleanup(close_socket))) int

static bool wait_for(int s, short events, int64_t until_us) {
    int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;
    struct pollfd wanted = {.fd = s, .events = events};
    return left_ms > 0 && poll(&wanted, 1, (int)left_ms) == 1;
}

static bool dial(const struct net_address *address, unsigned short port, int64_t until_us,
                 int *ret) {
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&four.sin_addr, address->bytes, 4);
    memcpy(&six.sin6_addr, address->bytes, 16);
    bool is_four = address->family == AF_INET;
    int problem = 0;
    socklen_t len = sizeof problem;
    SCOPED_SOCKET s = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return false;
    if (connect(s, is_four ? (struct sockaddr *)&four : (struct sockaddr *)&six,
                is_four ? sizeof four : sizeof six) != 0) {
        if (errno != EINPROGRESS || !wait_for(s, POLLOUT, until_us) ||
            getsockopt(s, SOL_SOCKET, SO_ERROR, &problem, &len) != 0 || problem != 0)
            return false;
    }
    *ret = s;
    s = -1;
    return true;
}

/* rfc8738#6: the name of an address is that of its reverse mapping. */
static const char *server_name(const struct check *check) {
    const char *name = check->authorization->identifier;
    struct net_address address;
    struct buffer out = buffer_on(check->arena);
    if (check->authorization->kind != ACME_IP || !net_address_parse(name, &address))
        return name;
    if (address.family == AF_INET)
        return arena_printf(check->arena, "%u.%u.%u.%u.in-addr.arpa", address.bytes[3],
                            address.bytes[2], address.bytes[1], address.bytes[0]);
    for (int i = 15; i >= 0; i--)
        buffer_printf(&out, "%x.%x.", address.bytes[i] & 15u, address.bytes[i] >> 4);
    buffer_add_text(&out, "ip6.arpa");
    return buffer_text(&out);
}

static bool handshake(SSL *ssl, int s, int64_t until_us) {
    for (;;) {
        int done = SSL_connect(ssl);
        if (done == 1)
            return true;
        int why = SSL_get_error(ssl, done);
        if ((why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) ||
            !wait_for(s, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until_us))
            return false;
    }
}

static bool incorrect(struct error *err, const char *where, const char *what) {
    return acme_refuse(err, "incorrectResponse", ERROR_POLICY,
                       "The TLS server at %s %s (rfc8737#3).", where, what);
}

/* rfc8737#3: exactly one SAN, the identifier; and the critical extension with the digest. */
static bool judge(const struct check *check, X509 *certificate, const char *where,
                  struct error *err) {
    AUTO(ASN1_OBJECT) *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    AUTO(GENERAL_NAMES) *sans = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    const char *type = "";
    if (sans == NULL || sk_GENERAL_NAME_num(sans) != 1)
        return incorrect(err, where, "has no certificate with exactly one alternative name");
    const char *text = san_text(check->arena, sk_GENERAL_NAME_value(sans, 0), &type);
    const char *colon = strchr(text, ':');
    const char *wanted = check->authorization->kind == ACME_IP ? "ip" : "dns";
    struct net_address seen, expected;
    bool same = colon != NULL && strcmp(type, wanted) == 0 &&
                (check->authorization->kind == ACME_IP
                     ? net_address_parse(colon + 1, &seen) &&
                           net_address_parse(check->authorization->identifier, &expected) &&
                           seen.family == expected.family &&
                           view_equal(view_of(seen.bytes, 16), view_of(expected.bytes, 16))
                     : strcasecmp(colon + 1, check->authorization->identifier) == 0);
    if (!same)
        return incorrect(err, where,
                         arena_printf(check->arena, "has a certificate for %.100s", text));
    int at = X509_get_ext_by_OBJ(certificate, oid, -1);
    X509_EXTENSION *extension = at < 0 ? NULL : X509_get_ext(certificate, at);
    if (extension == NULL || X509_EXTENSION_get_critical(extension) != 1)
        return incorrect(err, where,
                         "has a certificate without the critical acmeIdentifier extension");
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    const unsigned char *der = ASN1_STRING_get0_data(value);
    if (ASN1_STRING_length(value) != 34 || der[0] != 4 || der[1] != 32 ||
        !view_equal(view_of(der + 2, 32), view_of(check->digest, 32)))
        return incorrect(err, where, "has an acmeIdentifier extension with another value");
    return true;
}

static bool try_address(const struct check *check, const struct net_address *address,
                        int64_t until_us, bool *ret_reached, struct error *err) {
    unsigned short port = (unsigned short)check->policy->tls_port;
    const char *where =
        arena_printf(check->arena, "%s port %u", net_address_text(check->arena, address), port);
    const unsigned char *chosen = NULL;
    unsigned chosen_len = 0;
    SCOPED_SOCKET s = -1;
    if (!dial(address, port, until_us, &s))
        return acme_refuse(err, "connection", ERROR_POLICY, "%s cannot be connected to.", where);
    *ret_reached = true;
    AUTO(SSL_CTX) *ctx = SSL_CTX_new(TLS_client_method());
    AUTO(SSL) *ssl = ctx == NULL ? NULL : SSL_new(ctx);
    if (ssl == NULL || SSL_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
        SSL_set_alpn_protos(ssl, alpn, sizeof alpn) != 0 ||
        SSL_set_tlsext_host_name(ssl, server_name(check)) != 1 || SSL_set_fd(ssl, s) != 1)
        return fail_internal(err, "TLS client");
    if (!handshake(ssl, s, until_us)) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        acme_refuse(err, "tls", ERROR_POLICY, "The TLS handshake with %s failed: %s.", where,
                    reason == NULL ? "it was cut or took too long" : reason);
        ERR_clear_error();
        return false;
    }
    SSL_get0_alpn_selected(ssl, &chosen, &chosen_len);
    if (chosen == NULL ||
        !view_equal(view_of(chosen, chosen_len), view_of(alpn + 1, sizeof alpn - 1)))
        return incorrect(err, where, "did not choose the protocol acme-tls/1");
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    if (certificate == NULL)
        return incorrect(err, where, "has no certificate");
    return judge(check, certificate, where, err);
}

bool check_tls(const struct check *check, struct error *err) {
    const struct acme_policy *policy = check->policy;
    struct net_address *addresses;
    struct net_reach reach;
    size_t count;
    int tried = 0;
    TRY(check_addresses(check, &addresses, &count, err));
    TRY(net_reach_parse(check->arena, policy->reach, policy->denied.items, policy->allowed.items,
                        &reach, err));
    acme_refuse(err, "connection", ERROR_POLICY,
                "No address of %.200s may be reached under the policy's rules.",
                check->authorization->identifier);
    /* IPv6 first; the next address only while nobody answers */
    for (size_t i = 0; i < count && tried < 3; i++) {
        bool reached = false;
        if (!net_reach_allows(&reach, &addresses[i]))
            continue;
        tried++;
        int64_t until = clock_monotonic_us() + policy->timeout_seconds * US_PER_SECOND;
        if (try_address(check, &addresses[i], until, &reached, err))
            return true;
        if (reached)
            return false;
    }
    return false;
}
