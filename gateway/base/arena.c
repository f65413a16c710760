#include "base/arena.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE ((size_t)16 * 1024)

struct chunk {
    struct chunk *next;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

struct deferred {
    struct deferred *next;
    void (*drop)(void *object);
    void *object;
};

struct arena {
    struct chunk *chunks;
    struct deferred *deferred;
};

static void out_of_memory(void) {
    fputs("gatehouse: out of memory\n", stderr);
    abort();
}

void *must_alloc(size_t size) {
    void *at = calloc(1, size == 0 ? 1 : size);
    if (at == NULL)
        out_of_memory();
    return at;
}

char *must_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(must_alloc(size), text, size);
}

struct view view_text(const char *text) {
    return text == NULL ? (struct view){NULL, 0} : view_of(text, strlen(text));
}

bool view_equal(struct view a, struct view b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool view_is(struct view v, const char *text) {
    return view_equal(v, view_text(text));
}

/* ---- spare chunks ------------------------------------------------------------------------------ */

/* Each thread keeps the chunks of its last request for its next one: they are all zeros, since what was used of them
 * is wiped. AddressSanitizer shall see what outlives its arena, so there nothing is kept. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPARE_MAX 0
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SPARE_MAX 0
#endif
#ifndef SPARE_MAX
#define SPARE_MAX 8
#endif

static pthread_key_t spare_key;
static pthread_once_t spare_once = PTHREAD_ONCE_INIT;

static void free_all(void *chunks) {
    for (struct chunk *chunk = chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
}

static void make_spare_key(void) {
    if (pthread_key_create(&spare_key, free_all) != 0)
        out_of_memory();
}

static struct chunk *take_spare(void) {
    pthread_once(&spare_once, make_spare_key);
    struct chunk *chunk = pthread_getspecific(spare_key);
    if (chunk != NULL)
        pthread_setspecific(spare_key, chunk->next);
    return chunk;
}

/* The chunk is wiped. `used` counts the spare ones while nothing else needs it. */
static bool keep_spare(struct chunk *chunk) {
    if (chunk->size != CHUNK_SIZE)
        return false;
    struct chunk *spare = pthread_getspecific(spare_key);
    size_t count = spare == NULL ? 0 : spare->used;
    if ((int)count >= SPARE_MAX)
        return false;
    chunk->next = spare;
    chunk->used = count + 1;
    return pthread_setspecific(spare_key, chunk) == 0;
}

/* ---- arenas ------------------------------------------------------------------------------------ */

struct arena *arena_new(void) {
    return must_alloc(sizeof(struct arena));
}

void arena_free(struct arena *arena) {
    if (arena == NULL)
        return;
    for (struct deferred *d = arena->deferred; d != NULL; d = d->next)
        d->drop(d->object);
    struct chunk *next;
    for (struct chunk *chunk = arena->chunks; chunk != NULL; chunk = next) {
        next = chunk->next;
        explicit_bzero(chunk->bytes, chunk->used); /* requests carry passwords and tokens */
        if (!keep_spare(chunk))
            free(chunk);
    }
    free(arena);
}

static struct chunk *chunk_new(size_t size) {
    struct chunk *spare = size == CHUNK_SIZE ? take_spare() : NULL;
    if (spare != NULL) {
        spare->used = 0;
        return spare;
    }
    if (size > SIZE_MAX - sizeof(struct chunk))
        out_of_memory();
    struct chunk *chunk = must_alloc(sizeof *chunk + size);
    chunk->size = size;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size) {
    if (size > SIZE_MAX / 2)
        out_of_memory();
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        chunk = chunk_new(rounded > CHUNK_SIZE ? rounded : CHUNK_SIZE);
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    void *at = chunk->bytes + chunk->used;
    chunk->used += rounded;
    return at;
}

void *arena_array(struct arena *arena, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        out_of_memory();
    return arena_alloc(arena, total);
}

char *arena_text(struct arena *arena, struct view v) {
    char *copy = arena_alloc(arena, v.len + 1);
    if (v.len > 0)
        memcpy(copy, v.at, v.len);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text) {
    return arena_text(arena, view_text(text));
}

struct view arena_copy(struct arena *arena, const void *at, size_t len) {
    return view_of(arena_text(arena, view_of(at, len)), len);
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        out_of_memory();
    char *text = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

void arena_defer(struct arena *arena, void (*drop)(void *object), void *object) {
    struct deferred *d = arena_alloc(arena, sizeof *d);
    *d = (struct deferred){arena->deferred, drop, object};
    arena->deferred = d;
}

bool text_list_has(const struct text_list *list, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}
