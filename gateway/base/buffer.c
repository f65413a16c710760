#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_reserve(struct buffer *buffer, size_t more) {
    if (more > SIZE_MAX / 4 - buffer->len)
        abort();
    size_t need = buffer->len + more;
    if (need <= buffer->capacity)
        return;
    size_t capacity = buffer->capacity == 0 ? 256 : buffer->capacity * 2;
    if (capacity < need)
        capacity = need;
    uint8_t *at = arena_alloc(buffer->arena, capacity);
    if (buffer->len > 0)
        memcpy(at, buffer->at, buffer->len);
    buffer->at = at;
    buffer->capacity = capacity;
}

void buffer_add(struct buffer *buffer, const void *at, size_t len) {
    if (len == 0)
        return;
    buffer_reserve(buffer, len);
    memcpy(buffer->at + buffer->len, at, len);
    buffer->len += len;
}

void buffer_add_text(struct buffer *buffer, const char *text) {
    buffer_add(buffer, text, strlen(text));
}

void buffer_add_byte(struct buffer *buffer, uint8_t byte) {
    buffer_add(buffer, &byte, 1);
}

static const char *reference_of(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void buffer_add_markup(struct buffer *buffer, const char *text) {
    for (; *text != '\0'; text++) {
        const char *reference = reference_of(*text);
        uint8_t c = (uint8_t)*text;
        if (reference != NULL)
            buffer_add_text(buffer, reference);
        else
            buffer_add_byte(buffer, c < 0x20 && c != '\t' && c != '\n' && c != '\r' ? ' ' : c);
    }
}

/* What fits into the room that is there, which is the rule, is formatted once. */
void buffer_printf(struct buffer *buffer, const char *format, ...) {
    va_list args, again;
    buffer_reserve(buffer, 1);
    size_t room = buffer->capacity - buffer->len;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf((char *)buffer->at + buffer->len, room, format, args);
    va_end(args);
    if (len < 0)
        abort();
    if ((size_t)len >= room) {
        buffer_reserve(buffer, (size_t)len + 1);
        vsnprintf((char *)buffer->at + buffer->len, (size_t)len + 1, format, again);
    }
    va_end(again);
    buffer->len += (size_t)len;
}

const char *buffer_text(struct buffer *buffer) {
    buffer_reserve(buffer, 1);
    buffer->at[buffer->len] = '\0';
    return (const char *)buffer->at;
}
