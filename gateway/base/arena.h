/* One request, one arena: everything that lives as long as a request is allocated here and freed in one
 * call. Running out of memory ends the process with a message: limits on sizes keep requests small. */
#ifndef GATEHOUSE_BASE_ARENA_H
#define GATEHOUSE_BASE_ARENA_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns. A view of text is not NUL-terminated. */
struct view {
    const uint8_t *at;
    size_t len;
};

struct text_list {
    const char **items;
    size_t count;
};
bool text_list_has(const struct text_list *list, const char *text);

#define VIEW_LITERAL(text) ((struct view){(const uint8_t *)("" text), sizeof(text) - 1})

static inline struct view view_of(const void *at, size_t len) {
    return (struct view){(const uint8_t *)at, len};
}
struct view view_text(const char *text); /* NULL gives the empty view */
bool view_equal(struct view a, struct view b);
bool view_is(struct view v, const char *text);

struct arena;

struct arena *arena_new(void);
/* Wipes and frees everything in the arena. NULL is accepted. */
void arena_free(struct arena *arena);
static inline void arena_cleanup(struct arena **arena) {
    arena_free(*arena);
}
/* A local arena: `SCOPED_ARENA struct arena *a = arena_new();` */
#define SCOPED_ARENA __attribute__((cleanup(arena_cleanup)))

/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((alloc_size(2), returns_nonnull));
/* Zeroed array; an overflow of count * size ends the process. */
void *arena_array(struct arena *arena, size_t count, size_t size) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *arena, const char *text) __attribute__((returns_nonnull));
/* A NUL-terminated copy of a view. */
char *arena_text(struct arena *arena, struct view v) __attribute__((returns_nonnull));
struct view arena_copy(struct arena *arena, const void *at, size_t len);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
/* Calls `drop(object)` when the arena is freed: for OpenSSL objects that live as long as the request. */
void arena_defer(struct arena *arena, void (*drop)(void *object), void *object);

/* malloc that ends the process when there is no memory. */
void *must_alloc(size_t size) __attribute__((malloc, returns_nonnull));
char *must_strdup(const char *text) __attribute__((malloc, returns_nonnull));

#endif
