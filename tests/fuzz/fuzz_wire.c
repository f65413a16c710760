/* What the signer reads from others: messages, frames, key blobs, PKCS#11 URIs. The first byte
 * chooses. What is read can be written, and is the same bytes.
 * Links: gatehouse_signer gatehouse_wire
 */
#include "signer/blob.h"
#include "wire/uri.h"
#include "wire/channel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void must(bool holds) {
    if (!holds)
        abort();
}

static void refused(const struct error *err) {
    must(err->kind != ERROR_NONE && err->message[0] != '\0');
}

static void same_bytes(struct wire_buffer *out, struct view in) {
    must(out->len == in.len && memcmp(out->at, in.at, in.len) == 0);
    wire_buffer_free(out);
}

static void try_request(struct view in) {
    struct wire_request request;
    struct wire_buffer out = {0};
    struct error err = {0};
    if (!wire_decode_request(in, &request, &err)) {
        refused(&err);
        return;
    }
    must(wire_encode_request(&request, &out, NULL));
    same_bytes(&out, in);
}

static void try_response(struct view in) {
    struct wire_response response;
    struct wire_buffer out = {0};
    struct error err = {0};
    if (!wire_decode_response(in, &response, &err)) {
        refused(&err);
        return;
    }
    must(wire_encode_response(&response, &out, NULL));
    same_bytes(&out, in);
}

static void try_blob(struct view in) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct key_blob blob;
    struct error err = {0};
    if (key_blob_decode(in, &blob, &err))
        must(view_equal(key_blob_encode(arena, &blob), in));
    else
        refused(&err);
}

static void try_uri(struct view in) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct pkcs11_uri uri;
    struct error err = {0};
    if (!pkcs11_uri_parse(arena, in, &uri, &err)) {
        refused(&err);
        return;
    }
    struct uri_token token = {uri.token, uri.manufacturer, uri.model, uri.serial};
    char *text = pkcs11_uri_of_token(arena, &token);
    /* encoding can make it longer than a URI may be */
    must(strlen(text) > 1024 || pkcs11_uri_parse(arena, view_text(text), &uri, NULL));
}

/* What does not fit into the socket's buffer is left out: nobody reads while we write. */
static void try_frames(struct view in) {
    int pair[2];
    struct wire_channel channel;
    struct view message;
    struct error err = {0};
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    ssize_t sent = send(pair[0], in.at, in.len, MSG_DONTWAIT);
    close(pair[0]);
    wire_channel_open(&channel, pair[1]);
    while (wire_channel_receive(&channel, &message, &err))
        must(message.len > 0 && message.len < (size_t)sent);
    refused(&err);
    wire_channel_close(&channel);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    static void (*const tries[])(struct view) = {try_request, try_response, try_blob, try_uri,
                                                 try_frames};
    if (len > 0)
        tries[at[0] % 5](view_of(at + 1, len - 1));
    return 0;
}
