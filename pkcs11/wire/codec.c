#include "wire/fields.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

void wire_buffer_free(struct wire_buffer *buffer) {
    OPENSSL_cleanse(buffer->at, buffer->capacity);
    free(buffer->at);
    *buffer = (struct wire_buffer){0};
}

void wire_buffer_reserve(struct wire_buffer *buffer, size_t more) {
    if (more <= buffer->capacity - buffer->len)
        return;
    size_t capacity = buffer->capacity < 1024 ? 1024 : buffer->capacity;
    while (capacity - buffer->len < more)
        capacity *= 2; /* cannot overflow: messages end at WIRE_MESSAGE_MAX */
    uint8_t *at = must_alloc(capacity);
    if (buffer->len > 0)
        memcpy(at, buffer->at, buffer->len);
    OPENSSL_cleanse(buffer->at, buffer->capacity); /* PINs and keys pass through here */
    free(buffer->at);
    buffer->at = at;
    buffer->capacity = capacity;
}

void wire_buffer_add(struct wire_buffer *buffer, const void *at, size_t len) {
    if (len == 0)
        return;
    wire_buffer_reserve(buffer, len);
    memcpy(buffer->at + buffer->len, at, len);
    buffer->len += len;
}

static void put_number(struct wire_buffer *out, uint64_t value, size_t size) {
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    wire_buffer_add(out, bytes, size);
}

/* Text is shown to people and written to logs, so it carries no control characters. */
static bool text_is_clean(struct view text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < 0x20 || text.at[i] == 0x7f)
            return false;
    return true;
}

static bool bad_field(const struct wire_field *field, const char *what, struct error *err) {
    return fail(err, ERROR_MALFORMED, "bad-message", "Signer message: the field \"%s\" %s.",
                field->name, what);
}

static uint64_t load_number(const struct wire_field *field, const void *at) {
    switch (field->type) {
    case FIELD_U8:
        return *(const uint8_t *)at;
    case FIELD_U16:
        return *(const uint16_t *)at;
    default:
        return *(const uint64_t *)at;
    }
}

static void store_number(const struct wire_field *field, void *at, uint64_t value) {
    switch (field->type) {
    case FIELD_U8:
        *(uint8_t *)at = (uint8_t)value;
        break;
    case FIELD_U16:
        *(uint16_t *)at = (uint16_t)value;
        break;
    default:
        *(uint64_t *)at = value;
    }
}

static size_t number_size(const struct wire_field *field) {
    return field->type == FIELD_U8 ? 1 : field->type == FIELD_U16 ? 2 : 8;
}

static bool check_view(const struct wire_field *field, struct view value, struct error *err) {
    if (value.len < field->min)
        return bad_field(field, "is too short", err);
    if (value.len > field->max) {
        bad_field(field, "is too long", err);
        if (err != NULL)
            err->kind = ERROR_TOO_LARGE;
        return false;
    }
    if (field->type == FIELD_TEXT && !text_is_clean(value))
        return bad_field(field, "holds control characters", err);
    return true;
}

static bool encode_field(const struct wire_field *field, const void *record,
                         struct wire_buffer *out, struct error *err) {
    const void *at = (const char *)record + field->offset;
    if (field->type == FIELD_TEXT || field->type == FIELD_BYTES) {
        const struct view *value = at;
        TRY(check_view(field, *value, err));
        put_number(out, value->len, field->type == FIELD_TEXT ? 2 : 4);
        wire_buffer_add(out, value->at, value->len);
        return true;
    }
    uint64_t value = load_number(field, at);
    if (value < field->min || value > field->max)
        return bad_field(field, "is out of range", err);
    put_number(out, value, number_size(field));
    return true;
}

bool wire_take_number(struct view *rest, size_t size, uint64_t *ret_value) {
    if (rest->len < size)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | rest->at[i];
    *rest = view_of(rest->at + size, rest->len - size);
    *ret_value = value;
    return true;
}

static bool decode_field(const struct wire_field *field, void *record, struct view *rest,
                         struct error *err) {
    void *at = (char *)record + field->offset;
    uint64_t value;
    if (field->type == FIELD_TEXT || field->type == FIELD_BYTES) {
        if (!wire_take_number(rest, field->type == FIELD_TEXT ? 2 : 4, &value) || value > rest->len)
            return bad_field(field, "is cut off", err);
        struct view bytes = view_of(rest->at, (size_t)value);
        TRY(check_view(field, bytes, err));
        *rest = view_of(rest->at + value, rest->len - (size_t)value);
        *(struct view *)at = bytes;
        return true;
    }
    if (!wire_take_number(rest, number_size(field), &value))
        return bad_field(field, "is cut off", err);
    if (value < field->min || value > field->max)
        return bad_field(field, "is out of range", err);
    store_number(field, at, value);
    return true;
}

bool wire_encode_fields(const struct wire_field *fields, const void *record,
                        struct wire_buffer *out, struct error *err) {
    size_t before = out->len;
    for (const struct wire_field *field = fields; field->name != NULL; field++)
        if (!encode_field(field, record, out, err)) {
            out->len = before;
            return false;
        }
    return true;
}

bool wire_decode_fields(const struct wire_field *fields, void *record, struct view *rest,
                        struct error *err) {
    for (const struct wire_field *field = fields; field->name != NULL; field++)
        TRY(decode_field(field, record, rest, err));
    return true;
}
