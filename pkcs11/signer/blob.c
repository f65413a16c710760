#include "signer/blob.h"

#include "base/buffer.h"

#define BLOB_VERSION 1
#define BLOB_VERSION_PERSON 2
#define HEAD 6
#define KEK_ID_MAX 64

static bool bad_blob(struct error *err, const char *what) {
    return fail(err, ERROR_MALFORMED, "bad-key-blob",
                "The wrapped key %s; restore it from a backup of the database.", what);
}

static void add_part(struct buffer *out, struct view part) {
    buffer_add_byte(out, (uint8_t)(part.len >> 8));
    buffer_add_byte(out, (uint8_t)part.len);
    buffer_add(out, part.at, part.len);
}

/* Two bytes of length and the part; it may not be empty. */
static bool take_part(struct view *rest, struct view *ret_part) {
    if (rest->len < 2)
        return false;
    size_t len = (size_t)rest->at[0] << 8 | rest->at[1];
    if (len == 0 || len > rest->len - 2)
        return false;
    *ret_part = view_of(rest->at + 2, len);
    *rest = view_of(rest->at + 2 + len, rest->len - 2 - len);
    return true;
}

struct view key_blob_encode(struct arena *arena, const struct key_blob *blob) {
    struct buffer out = buffer_on(arena);
    buffer_add_byte(&out, blob->inner.len == 0 ? BLOB_VERSION : BLOB_VERSION_PERSON);
    for (int shift = 24; shift >= 0; shift -= 8)
        buffer_add_byte(&out, (uint8_t)(blob->mechanism >> shift));
    buffer_add_byte(&out, (uint8_t)blob->kek_id.len);
    buffer_add(&out, blob->kek_id.at, blob->kek_id.len);
    add_part(&out, blob->wrapped);
    if (blob->inner.len > 0)
        add_part(&out, blob->inner);
    return buffer_view(&out);
}

bool key_blob_decode(struct view bytes, struct key_blob *ret_blob, struct error *err) {
    struct key_blob blob = {0};
    const uint8_t *at = bytes.at;
    if (bytes.len < HEAD)
        return bad_blob(err, "is cut off");
    if (at[0] != BLOB_VERSION && at[0] != BLOB_VERSION_PERSON)
        return bad_blob(err, "has a version that this program does not know");
    for (int i = 1; i <= 4; i++)
        blob.mechanism = blob.mechanism << 8 | at[i];
    /* Two mechanisms, both RFC 5649: a third could unwrap the same bytes in another way. */
    if (blob.mechanism != CKM_AES_KEY_WRAP_KWP && blob.mechanism != CKM_AES_KEY_WRAP_PAD)
        return bad_blob(err, "names an unknown mechanism");
    blob.kek_id = view_of(at + HEAD, at[5]);
    if (blob.kek_id.len == 0 || blob.kek_id.len > KEK_ID_MAX)
        return bad_blob(err, "names no wrapping key");
    size_t head = HEAD + blob.kek_id.len;
    if (bytes.len < head + 2)
        return bad_blob(err, "is cut off");
    struct view rest = view_of(at + head, bytes.len - head);
    if (!take_part(&rest, &blob.wrapped) ||
        (at[0] == BLOB_VERSION_PERSON && !take_part(&rest, &blob.inner)) || rest.len != 0)
        return bad_blob(err, "has the wrong length");
    *ret_blob = blob;
    return true;
}
