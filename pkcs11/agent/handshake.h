/* How gateway and agent agree on the keys of a session, whatever carries their messages
 * (PROTOCOL.md):
 *
 *   greeting  gateway -> agent   nonce and certificate of the gateway, in the clear
 *   hello     agent -> gateway   CMS SignedData in EnvelopedData: nonces, an X25519 share, and the
 *                                one-time code when it enrols
 *   welcome   gateway -> agent   the same: nonces, a share, and the agent's certificate when it
 *                                enrolled
 *
 * The keys come from both shares and the hash of all three, so a recording cannot be read later,
 * not even by who gets hold of the private keys. */
#ifndef GATEHOUSE_AGENT_HANDSHAKE_H
#define GATEHOUSE_AGENT_HANDSHAKE_H

#include "agent/seal.h"

#include <openssl/x509.h>

#define HANDSHAKE_VERSION 1
#define HANDSHAKE_NONCE 32
#define HANDSHAKE_CODE 16 /* octets of the secret in a one-time code */
#define HANDSHAKE_PIN 32  /* SHA-256 of the gateway's SubjectPublicKeyInfo */

/* One side's certificate and private key; the gateway's is RSA and lives in the signer. */
struct party {
    X509 *certificate;
    EVP_PKEY *key;
};

/* One handshake, on either side; zero it to begin, handshake_end at the end, which wipes. */
struct handshake {
    uint8_t own_nonce[HANDSHAKE_NONCE], peer_nonce[HANDSHAKE_NONCE];
    EVP_PKEY *share; /* ours */
    uint8_t peer_share[32];
    struct wire_buffer transcript;
    X509 *peer; /* who signed the last message */
    struct wire_buffer scratch;
};
void handshake_end(struct handshake *h);

struct session_keys {
    struct seal to_agent, to_gateway;
};

/* -- the gateway's side -- */

MUST_USE bool handshake_greet(struct handshake *h, X509 *certificate, struct wire_buffer *out,
                              struct error *err);
/* What an agent says of itself. Its signature was verified with h->peer, the certificate that came
 * with it: whether that is an agent's is for the caller to find out. */
struct hello {
    bool enrols;          /* then h->peer is self-signed, and the code has to be looked up */
    struct view code;     /* HANDSHAKE_CODE octets, or none */
    struct view program;  /* text: its version */
};
MUST_USE bool handshake_read_hello(struct handshake *h, const struct party *gateway,
                                   struct view message, struct hello *ret, struct error *err);
/* `certificate`: the agent's new one (DER), or empty. */
MUST_USE bool handshake_welcome(struct handshake *h, const struct party *gateway,
                                struct view certificate, struct wire_buffer *out,
                                struct session_keys *ret_keys, struct error *err);

/* -- the agent's side -- */

/* ERROR_FORBIDDEN "wrong-gateway" when the certificate's public key has another pin. */
MUST_USE bool handshake_read_greeting(struct handshake *h, struct view message,
                                      const uint8_t pin[static HANDSHAKE_PIN], struct error *err);
/* `code` empty: not to enrol. */
MUST_USE bool handshake_hello(struct handshake *h, const struct party *agent, struct view code,
                              const char *program, struct wire_buffer *out, struct error *err);
/* *ret_certificate is empty when there was no enrolment; it lives as long as h. */
MUST_USE bool handshake_read_welcome(struct handshake *h, const struct party *agent,
                                     struct view message, struct view *ret_certificate,
                                     struct session_keys *ret_keys, struct error *err);

MUST_USE bool handshake_pin(const X509 *certificate, uint8_t pin[static HANDSHAKE_PIN],
                            struct error *err);

/* One-time codes as people carry them: "GH1-" and base64url of the secret and the gateway's pin. */
#define CODE_TEXT_SIZE 80
void code_write(const uint8_t secret[static HANDSHAKE_CODE], const uint8_t pin[static HANDSHAKE_PIN],
                char text[static CODE_TEXT_SIZE]);
/* ERROR_MALFORMED "bad-code". */
MUST_USE bool code_read(const char *text, uint8_t secret[static HANDSHAKE_CODE],
                        uint8_t pin[static HANDSHAKE_PIN], struct error *err);

#endif
