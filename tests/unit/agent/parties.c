#include "parties.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error err;

static void must(bool done) {
    if (done)
        return;
    fprintf(stderr, "parties: %s (%s)\n", err.message, err.detail);
    abort();
}

static struct party party_of(EVP_PKEY *key, const char *name) {
    X509 *certificate = X509_new();
    must(key != NULL && certificate != NULL);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME *subject = X509_NAME_new();
    must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
                                    0) == 1 &&
         X509_set_subject_name(certificate, subject) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         X509_sign(certificate, key, EVP_sha256()) > 0);
    X509_NAME_free(subject);
    return (struct party){certificate, key};
}

struct party party_rsa(const char *name) {
    return party_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072), name);
}

struct party party_ec(const char *name) {
    return party_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), name);
}

void party_free(struct party *party) {
    X509_free(party->certificate);
    EVP_PKEY_free(party->key);
}

void parties_agree(const struct party *gateway, const struct party *agent, struct view code,
                   struct session_keys *ret_gateway, struct session_keys *ret_agent) {
    struct handshake there = {0}, here = {0};
    struct wire_buffer a = {0}, b = {0}, c = {0};
    struct hello hello;
    struct view certificate;
    uint8_t pin[HANDSHAKE_PIN];
    must(handshake_pin(gateway->certificate, pin, &err));
    must(handshake_greet(&there, gateway->certificate, &a, &err));
    must(handshake_read_greeting(&here, view_of(a.at, a.len), pin, &err));
    must(handshake_hello(&here, agent, code, "test", &b, &err));
    must(handshake_read_hello(&there, gateway, view_of(b.at, b.len), &hello, &err));
    must(hello.enrols == (code.len > 0) && view_equal(hello.code, code));
    must(handshake_welcome(&there, gateway, VIEW_LITERAL("new"), &c, ret_gateway, &err));
    must(handshake_read_welcome(&here, agent, view_of(c.at, c.len), &certificate, ret_agent, &err));
    must(view_is(certificate, "new"));
    wire_buffer_free(&a);
    wire_buffer_free(&b);
    wire_buffer_free(&c);
    handshake_end(&there);
    handshake_end(&here);
}
