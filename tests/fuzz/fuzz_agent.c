/* What an agent's connection brings before anybody knows who it is, and after: the HTTP head, WebSocket frames,
 * the messages of the handshake, sealed messages, one-time codes.
 * Links: gatehouse_agent */
#include "agent/handshake.h"
#include "agent/websocket.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_frames(struct view bytes, bool from_client) {
    struct websocket_reader reader = {.from_client = from_client, .limit = 4096};
    struct error err = {0};
    struct view got;
    size_t half = bytes.len / 2;
    enum websocket_event event = WEBSOCKET_NOTHING;
    for (int part = 0; part < 2 && event != WEBSOCKET_BROKEN; part++) {
        websocket_feed(&reader, bytes.at + (part == 0 ? 0 : half), part == 0 ? half : bytes.len - half);
        while ((event = websocket_next(&reader, &got, &err)) != WEBSOCKET_NOTHING &&
               event != WEBSOCKET_BROKEN)
            if (event == WEBSOCKET_MESSAGE && got.len > reader.limit)
                abort();
    }
    websocket_reader_free(&reader);
}

static void read_head(struct view bytes) {
    char key[WEBSOCKET_KEY_SIZE];
    struct error err = {0};
    size_t len = websocket_head_length(bytes);
    if (len == 0)
        return;
    if (websocket_read_request(view_of(bytes.at, len), "/agent", key, &err) &&
        strlen(key) != WEBSOCKET_KEY_SIZE - 1)
        abort();
    (void)!websocket_read_answer(view_of(bytes.at, len), "dGhlIHNhbXBsZSBub25jZQ==", &err);
}

static struct party party;

static void make_party(void) {
    static const unsigned char name[] = "x";
    party.key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    party.certificate = X509_new();
    X509_NAME_add_entry_by_NID(X509_get_subject_name(party.certificate), NID_commonName, MBSTRING_UTF8,
                               name, -1, -1, 0);
    X509_set_issuer_name(party.certificate, X509_get_subject_name(party.certificate));
    X509_set_pubkey(party.certificate, party.key);
    X509_sign(party.certificate, party.key, EVP_sha256());
}

static void read_handshake(struct view bytes) {
    struct handshake h = {0};
    struct hello hello;
    struct session_keys keys;
    struct view certificate;
    uint8_t pin[HANDSHAKE_PIN] = {0};
    struct error err = {0};
    if (party.key == NULL)
        make_party();
    (void)!handshake_read_greeting(&h, bytes, pin, &err);
    (void)!handshake_read_hello(&h, &party, bytes, &hello, &err);
    h.share = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    (void)!handshake_read_welcome(&h, &party, bytes, &certificate, &keys, &err);
    handshake_end(&h);
}

static void read_sealed(struct view bytes) {
    struct seal seal = {.key = {1}};
    struct wire_buffer scratch = {0};
    struct view plain;
    struct error err = {0};
    if (seal_open(&seal, bytes, &scratch, &plain, &err))
        abort(); /* nobody has the key */
    wire_buffer_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct view bytes = view_of(data, size);
    uint8_t secret[HANDSHAKE_CODE], pin[HANDSHAKE_PIN];
    char text[128] = "";
    struct error err = {0};
    if (size == 0)
        return 0;
    read_frames(bytes, true);
    read_frames(bytes, false);
    read_head(bytes);
    read_handshake(bytes);
    read_sealed(bytes);
    memcpy(text, data, size < sizeof text - 1 ? size : sizeof text - 1);
    (void)!code_read(text, secret, pin, &err);
    return 0;
}
