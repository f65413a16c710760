#include "base/encode.h"

#include "base/buffer.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

char *hex_encode(struct arena *arena, struct view bytes) {
    char *text = arena_alloc(arena, bytes.len * 2 + 1);
    for (size_t i = 0; i < bytes.len; i++) {
        text[2 * i] = hex_digits[bytes.at[i] >> 4];
        text[2 * i + 1] = hex_digits[bytes.at[i] & 15];
    }
    return text;
}

bool hex_decode(struct arena *arena, struct view text, struct view *ret_bytes) {
    if (text.len % 2 != 0)
        return false;
    uint8_t *bytes = arena_alloc(arena, text.len / 2 + 1);
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_digit((char)text.at[i]), low = hex_digit((char)text.at[i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i / 2] = (uint8_t)(high << 4 | low);
    }
    *ret_bytes = view_of(bytes, text.len / 2);
    return true;
}

struct view der_number(struct arena *arena, struct view octets) {
    while (octets.len > 1 && octets.at[0] == 0)
        octets = view_of(octets.at + 1, octets.len - 1);
    size_t sign = octets.len == 0 || (octets.at[0] & 0x80) != 0;
    uint8_t *copy = arena_alloc(arena, octets.len + sign);
    copy[0] = 0;
    memcpy(copy + sign, octets.at == NULL ? copy : octets.at, octets.len);
    return view_of(copy, octets.len + sign);
}

bool der_number_of_hex(struct arena *arena, const char *digits, struct view *ret_octets) {
    struct view octets;
    size_t len = strlen(digits);
    char *even = arena_alloc(arena, len + 2);
    even[0] = '0';
    memcpy(even + len % 2, digits, len + 1);
    if (len == 0 || !hex_decode(arena, view_text(even), &octets))
        return false;
    *ret_octets = der_number(arena, octets);
    return true;
}

static char *encode64(struct arena *arena, struct view bytes, const char *letters, bool pad) {
    char *text = arena_alloc(arena, bytes.len / 3 * 4 + 5), *out = text;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t word = (uint32_t)bytes.at[i] << 16;
        if (left > 1)
            word |= (uint32_t)bytes.at[i + 1] << 8;
        if (left > 2)
            word |= bytes.at[i + 2];
        *out++ = letters[word >> 18 & 63];
        *out++ = letters[word >> 12 & 63];
        if (left > 1 || pad)
            *out++ = left > 1 ? letters[word >> 6 & 63] : '=';
        if (left > 2 || pad)
            *out++ = left > 2 ? letters[word & 63] : '=';
    }
    return text;
}

char *base64_encode(struct arena *arena, struct view bytes) {
    return encode64(arena, bytes, alphabet, true);
}

char *base64url_encode(struct arena *arena, struct view bytes) {
    return encode64(arena, bytes, url_alphabet, false);
}

static int letter_value(const char *letters, char c) {
    const char *found = c == '\0' ? NULL : strchr(letters, c);
    return found == NULL ? -1 : (int)(found - letters);
}

/* Decodes `text` that holds letters alone. */
static bool decode64(struct arena *arena, struct view text, const char *letters,
                     struct view *ret_bytes) {
    uint8_t *bytes = arena_alloc(arena, text.len / 4 * 3 + 4), *out = bytes;
    uint32_t word = 0;
    unsigned bits = 0;
    if (text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = letter_value(letters, (char)text.at[i]);
        if (value < 0)
            return false;
        word = word << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *out++ = (uint8_t)(word >> bits);
        }
    }
    if ((word & ((1u << bits) - 1)) != 0)
        return false;
    *ret_bytes = view_of(bytes, (size_t)(out - bytes));
    return true;
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool base64_decode(struct arena *arena, struct view text, struct view *ret_bytes) {
    uint8_t *letters = arena_alloc(arena, text.len + 1);
    size_t len = 0, padding = 0;
    for (size_t i = 0; i < text.len; i++)
        if (!is_space(text.at[i]))
            letters[len++] = text.at[i];
    if (len % 4 != 0)
        return false;
    while (padding < 2 && padding < len && letters[len - 1 - padding] == '=')
        padding++;
    return decode64(arena, view_of(letters, len - padding), alphabet, ret_bytes);
}

bool base64url_decode(struct arena *arena, struct view text, struct view *ret_bytes) {
    return decode64(arena, text, url_alphabet, ret_bytes);
}

char *pem_encode(struct arena *arena, const char *label, struct view der) {
    struct buffer out = buffer_on(arena);
    const char *text = base64_encode(arena, der);
    size_t len = strlen(text);
    buffer_printf(&out, "-----BEGIN %s-----\n", label);
    buffer_reserve(&out, len + len / 64 + 64);
    for (size_t i = 0; i < len; i += 64) {
        buffer_add(&out, text + i, len - i < 64 ? len - i : 64);
        buffer_add_byte(&out, '\n');
    }
    buffer_printf(&out, "-----END %s-----\n", label);
    return (char *)(uintptr_t)buffer_text(&out);
}

bool pem_decode(struct arena *arena, struct view text, const char *label, struct view *ret_der) {
    if (text.len == 0) /* memmem takes no NULL */
        return false;
    const char *begin = arena_printf(arena, "-----BEGIN %s-----", label);
    const char *end = arena_printf(arena, "-----END %s-----", label);
    const uint8_t *from = memmem(text.at, text.len, begin, strlen(begin));
    if (from == NULL)
        return false;
    from += strlen(begin);
    size_t left = text.len - (size_t)(from - text.at);
    const uint8_t *to = memmem(from, left, end, strlen(end));
    if (to == NULL)
        return false;
    return base64_decode(arena, view_of(from, (size_t)(to - from)), ret_der);
}
