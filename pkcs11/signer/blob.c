#include "signer/blob.h"

#include "base/buffer.h"

#define BLOB_VERSION 1
#define HEAD 6
#define KEK_ID_MAX 64

static bool bad_blob(struct error *err, const char *what) {
    return fail(err, ERROR_MALFORMED, "bad-key-blob",
                "The wrapped key %s; restore it from a backup of the database.", what);
}

struct view key_blob_encode(struct arena *arena, const struct key_blob *blob) {
    struct buffer out = buffer_on(arena);
    buffer_add_byte(&out, BLOB_VERSION);
    for (int shift = 24; shift >= 0; shift -= 8)
        buffer_add_byte(&out, (uint8_t)(blob->mechanism >> shift));
    buffer_add_byte(&out, (uint8_t)blob->kek_id.len);
    buffer_add(&out, blob->kek_id.at, blob->kek_id.len);
    buffer_add_byte(&out, (uint8_t)(blob->wrapped.len >> 8));
    buffer_add_byte(&out, (uint8_t)blob->wrapped.len);
    buffer_add(&out, blob->wrapped.at, blob->wrapped.len);
    return buffer_view(&out);
}

bool key_blob_decode(struct view bytes, struct key_blob *ret_blob, struct error *err) {
    struct key_blob blob = {0};
    const uint8_t *at = bytes.at;
    if (bytes.len < HEAD)
        return bad_blob(err, "is cut off");
    if (at[0] != BLOB_VERSION)
        return bad_blob(err, "has a version that this program does not know");
    for (int i = 1; i <= 4; i++)
        blob.mechanism = blob.mechanism << 8 | at[i];
    /* Two mechanisms, both RFC 5649: a third could unwrap the same bytes in another way. */
    if (blob.mechanism != CKM_AES_KEY_WRAP_KWP && blob.mechanism != CKM_AES_KEY_WRAP_PAD)
        return bad_blob(err, "names an unknown mechanism");
    blob.kek_id = view_of(at + HEAD, at[5]);
    if (blob.kek_id.len == 0 || blob.kek_id.len > KEK_ID_MAX)
        return bad_blob(err, "names no wrapping key");
    size_t left = bytes.len - HEAD;
    if (left < blob.kek_id.len + 2)
        return bad_blob(err, "is cut off");
    at += HEAD + blob.kek_id.len;
    left -= blob.kek_id.len + 2;
    blob.wrapped = view_of(at + 2, (size_t)at[0] << 8 | at[1]);
    if (blob.wrapped.len != left || left == 0)
        return bad_blob(err, "has the wrong length");
    *ret_blob = blob;
    return true;
}
