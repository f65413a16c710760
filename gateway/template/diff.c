/* A template document completed, and what changed between two of them. */
#include "template/internal.h"

#include <string.h>

bool template_normalize(struct arena *arena, const struct json *document, const char **ret_text,
                        struct error *err) {
    struct template parsed;
    TRY(template_from_json(arena, document, &parsed, err));
    *ret_text = template_to_json(arena, &parsed);
    return true;
}

static const char *text_of(struct arena *arena, const struct json *value) {
    struct json_writer w = json_writer_on(arena);
    if (value == NULL)
        return "null";
    json_add_value(&w, value);
    return json_written(&w);
}

static void put_change(struct json_writer *w, const char *path, const struct json *before,
                       const struct json *after) {
    json_open_object(w);
    json_put_string(w, "path", path);
    json_name(w, "before");
    before == NULL ? json_add_null(w) : json_add_value(w, before);
    json_name(w, "after");
    after == NULL ? json_add_null(w) : json_add_value(w, after);
    json_close_object(w);
}

/* Objects member by member; everything else as a whole. */
static void compare(struct json_writer *w, struct arena *arena, const char *path,
                    const struct json *before, const struct json *after) {
    bool objects = before != NULL && after != NULL && before->type == JSON_OBJECT &&
                   after->type == JSON_OBJECT;
    if (!objects) {
        if (strcmp(text_of(arena, before), text_of(arena, after)) != 0)
            put_change(w, path, before, after);
        return;
    }
    JSON_EACH (member, after)
        compare(w, arena,
                path[0] == '\0' ? member->name : arena_printf(arena, "%s.%s", path, member->name),
                json_get(before, member->name), member);
    JSON_EACH (member, before)
        if (json_get(after, member->name) == NULL)
            put_change(w,
                       path[0] == '\0' ? member->name
                                       : arena_printf(arena, "%s.%s", path, member->name),
                       member, NULL);
}

static bool complete(struct arena *arena, const char *text, const struct json **ret,
                     struct error *err) {
    const struct json *document;
    const char *whole;
    TRY(json_parse(arena, view_text(text), &document, err));
    TRY(template_normalize(arena, document, &whole, err));
    return json_parse(arena, view_text(whole), ret, err);
}

bool template_diff(struct json_writer *w, struct arena *arena, const char *before,
                   const char *after, struct error *err) {
    const struct json *old_one, *new_one;
    TRY(complete(arena, before, &old_one, err) && complete(arena, after, &new_one, err));
    json_open_array(w);
    compare(w, arena, "", old_one, new_one);
    json_close_array(w);
    return true;
}
