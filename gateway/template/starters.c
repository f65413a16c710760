/* The sets of starters, read once. */
#include "template/starters.h"

#include "base/json.h"
#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct {
    struct starter_set *items;
    size_t count;
    struct template_starter *all;
    size_t all_count;
} sets;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *text_of(const struct json *object, const char *name) {
    const struct json *value = json_get(object, name);
    return value != NULL && value->type == JSON_STRING ? value->text : "";
}

static void read_set(struct arena *arena, const struct json *document, struct starter_set *ret) {
    const struct json *templates = json_get(document, "templates");
    struct template_starter *items =
        arena_array(arena, templates == NULL ? 1 : templates->count + 1, sizeof *items);
    *ret = (struct starter_set){.id = text_of(document, "id"),
                                .name = text_of(document, "name"),
                                .description = text_of(document, "description"),
                                .starters = items};
    JSON_EACH (item, templates) {
        struct json_writer w = json_writer_on(arena);
        json_add_value(&w, json_get(item, "document"));
        items[ret->count++] = (struct template_starter){.id = text_of(item, "id"),
                                                        .name = text_of(item, "name"),
                                                        .document = json_written(&w),
                                                        .set = ret->id};
    }
}

static void read_all(void) {
    static struct arena *arena; /* to the end of the process */
    struct error err = {0};
    arena = arena_new();
    sets.items = arena_array(arena, starter_file_count, sizeof *sets.items);
    for (size_t i = 0; i < starter_file_count; i++) {
        const struct json *document;
        if (!json_parse(arena, starter_files[i], &document, &err)) {
            log_failure(LOG_ERROR, "ca", "a set of starters", &err); /* a test reads them all */
            continue;
        }
        read_set(arena, document, &sets.items[sets.count++]);
    }
    for (size_t i = 0; i < sets.count; i++)
        sets.all_count += sets.items[i].count;
    sets.all = arena_array(arena, sets.all_count + 1, sizeof *sets.all);
    for (size_t i = 0, at = 0; i < sets.count; at += sets.items[i++].count)
        memcpy(sets.all + at, sets.items[i].starters, sets.items[i].count * sizeof *sets.all);
}

const struct template_starter *template_starters(size_t *ret_count) {
    pthread_once(&once, read_all);
    *ret_count = sets.all_count;
    return sets.all;
}

const struct starter_set *starter_sets(size_t *ret_count) {
    pthread_once(&once, read_all);
    *ret_count = sets.count;
    return sets.items;
}

const struct starter_set *starter_set_named(const char *id) {
    size_t count;
    const struct starter_set *items = starter_sets(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].id, id) == 0)
            return &items[i];
    return NULL;
}

const struct template_starter *starter_named(const char *id) {
    size_t count;
    const struct starter_set *items = starter_sets(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < items[i].count; j++)
            if (strcmp(items[i].starters[j].id, id) == 0)
                return &items[i].starters[j];
    return NULL;
}
