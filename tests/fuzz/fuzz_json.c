/* What is read can be written, and reads the same again. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static const char *write_value(struct arena *arena, const struct json *value) {
    struct json_writer w = json_writer_on(arena);
    json_add_value(&w, value);
    return json_written(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct json *value, *again;
    struct error err = {0};
    if (!json_parse(arena, view_of(at, len), &value, &err)) {
        if (err.kind == ERROR_NONE || err.message[0] == '\0')
            abort();
        return 0;
    }
    const char *text = write_value(arena, value);
    if (!json_parse(arena, view_text(text), &again, &err) ||
        strcmp(text, write_value(arena, again)) != 0)
        abort();
    int64_t number;
    const char *string;
    JSON_EACH(member, value->type == JSON_OBJECT ? value : NULL) {
        (void)!json_int(value, member->name, INT64_MIN, INT64_MAX, &number, NULL);
        (void)!json_string(value, member->name, &string, NULL);
    }
    return 0;
}
