#include "bytes.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

void bytes_drop(struct bytes *bytes) {
    if (bytes == NULL || bytes->at == NULL)
        return;
    OPENSSL_cleanse(bytes->at, bytes->cap);
    free(bytes->at);
    *bytes = (struct bytes){0};
}

CK_RV bytes_reserve(struct bytes *bytes, size_t extra) {
    if (extra > SIZE_MAX - bytes->len)
        return CKR_HOST_MEMORY;
    size_t need = bytes->len + extra;
    if (need <= bytes->cap && bytes->at != NULL)
        return CKR_OK;
    size_t cap = bytes->cap + bytes->cap / 2;
    if (cap < need)
        cap = need;
    if (cap == 0)
        cap = 1;
    uint8_t *grown = malloc(cap); /* not realloc: it would leave a copy of a secret behind */
    if (grown == NULL)
        return CKR_HOST_MEMORY;
    size_t len = bytes->len;
    if (len > 0)
        memcpy(grown, bytes->at, len);
    bytes_drop(bytes);
    *bytes = (struct bytes){.at = grown, .len = len, .cap = cap};
    return CKR_OK;
}

CK_RV bytes_append(struct bytes *bytes, const void *at, size_t len) {
    TRY(bytes_reserve(bytes, len));
    if (len > 0)
        memcpy(bytes->at + bytes->len, at, len);
    bytes->len += len;
    return CKR_OK;
}

CK_RV bytes_set(struct bytes *bytes, const void *at, size_t len) {
    bytes_clear(bytes);
    return bytes_append(bytes, at, len);
}

void bytes_clear(struct bytes *bytes) {
    if (bytes->at != NULL)
        OPENSSL_cleanse(bytes->at, bytes->len);
    bytes->len = 0;
}

CK_RV bytes_put_u32(struct bytes *bytes, uint32_t value) {
    uint8_t raw[4];
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)(value >> (8 * i));
    return bytes_append(bytes, raw, sizeof raw);
}

CK_RV bytes_put_u64(struct bytes *bytes, uint64_t value) {
    TRY(bytes_put_u32(bytes, (uint32_t)value));
    return bytes_put_u32(bytes, (uint32_t)(value >> 32));
}

const uint8_t *read_octets(struct reader *reader, size_t len) {
    if (reader->bad || len > reader->left) {
        reader->bad = true;
        return NULL;
    }
    const uint8_t *at = reader->at;
    reader->at += len;
    reader->left -= len;
    return at;
}

uint32_t read_u32(struct reader *reader) {
    const uint8_t *raw = read_octets(reader, 4);
    if (raw == NULL)
        return 0;
    return (uint32_t)raw[0] | (uint32_t)raw[1] << 8 | (uint32_t)raw[2] << 16 |
           (uint32_t)raw[3] << 24;
}

uint64_t read_u64(struct reader *reader) {
    uint64_t low = read_u32(reader);
    return low | (uint64_t)read_u32(reader) << 32;
}

bool read_done(const struct reader *reader) {
    return !reader->bad && reader->left == 0;
}

void text_pad(CK_UTF8CHAR *to, size_t width, const char *text) {
    size_t len = strlen(text);
    memset(to, ' ', width);
    memcpy(to, text, len < width ? len : width);
}

void hex_encode(char *to, const uint8_t *from, size_t len) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
    to[2 * len] = '\0';
}

static int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

bool hex_decode(uint8_t *to, size_t len, const char *from) {
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(from[2 * i]);
        int low = high < 0 ? -1 : hex_digit(from[2 * i + 1]);
        if (low < 0)
            return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    return from[2 * len] == '\0';
}
