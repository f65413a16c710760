/* A growing byte buffer on an arena. `at` stays valid for the arena's life; it moves when it grows. */
#ifndef GATEHOUSE_BASE_BUFFER_H
#define GATEHOUSE_BASE_BUFFER_H

#include "base/arena.h"

struct buffer {
    struct arena *arena;
    uint8_t *at;
    size_t len, capacity;
};

static inline struct buffer buffer_on(struct arena *arena) {
    return (struct buffer){.arena = arena};
}
/* Room for so many more, where the size is known beforehand. */
void buffer_reserve(struct buffer *buffer, size_t more);
void buffer_add(struct buffer *buffer, const void *at, size_t len);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_byte(struct buffer *buffer, uint8_t byte);
void buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
/* Text for HTML and XML, in elements and in quoted attributes: & < > " ' as references; control characters,
 * which XML 1.0 cannot hold (section 2.2), as spaces. */
void buffer_add_markup(struct buffer *buffer, const char *text);
/* The text so far, NUL-terminated (the NUL is not counted in len). */
const char *buffer_text(struct buffer *buffer);
static inline struct view buffer_view(const struct buffer *buffer) {
    return view_of(buffer->at, buffer->len);
}

#endif
