/* Built and run by the build: joins api.json, problems.json and the files of the tags into one
 * OpenAPI document and the page for people, and writes both as C arrays.
 *
 *     openapi_assemble OUT.json OUT.c api.json problems.json TAG.json...
 *
 * A tag's file is {"tag":{...},"paths":{...},"schemas":{...}[,"parameters":{...}]}. Every operation
 * gets its tag, and the problem document as default answer, here. */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TAGS 40

struct sources {
    struct arena *arena;
    const struct json *api, *problems;
    const struct json *tags[MAX_TAGS];
    size_t count;
};

static void die(const char *what, const char *why) {
    fprintf(stderr, "openapi_assemble: %s: %s\n", what, why);
    exit(1);
}

static const struct json *read_file(struct arena *arena, const char *path) {
    FILE *file = fopen(path, "rb");
    struct buffer text = buffer_on(arena);
    char block[8192];
    size_t got;
    const struct json *value;
    struct error err = {0};
    if (file == NULL)
        die(path, "cannot be opened");
    while ((got = fread(block, 1, sizeof block, file)) > 0)
        buffer_add(&text, block, got);
    if (ferror(file) != 0)
        die(path, "cannot be read");
    fclose(file);
    if (!json_parse(arena, buffer_view(&text), &value, &err))
        die(path, err.message);
    return value;
}

static const struct json *need(const struct json *object, const char *name) {
    const struct json *member = json_get(object, name);
    if (member == NULL)
        die(name, "is missing");
    return member;
}

static void add_members(struct json_writer *w, const struct json *object) {
    JSON_EACH (member, object) {
        json_name(w, member->name);
        json_add_value(w, member);
    }
}

/* -- the document -- */

static bool is_operation(const struct json *member) {
    return strcmp(member->name, "parameters") != 0;
}

static void add_operation(struct json_writer *w, const struct json *operation, const char *tag) {
    json_open_object(w);
    json_name(w, "tags");
    json_open_array(w);
    json_add_string(w, tag);
    json_close_array(w);
    JSON_EACH (member, operation) {
        json_name(w, member->name);
        if (strcmp(member->name, "responses") != 0) {
            json_add_value(w, member);
            continue;
        }
        json_open_object(w);
        add_members(w, member);
        json_name(w, "default");
        json_open_object(w);
        json_put_string(w, "$ref", "#/components/responses/Problem");
        json_close_object(w);
        json_close_object(w);
    }
    json_close_object(w);
}

static void add_paths(struct json_writer *w, const struct sources *s) {
    json_name(w, "paths");
    json_open_object(w);
    for (size_t i = 0; i < s->count; i++) {
        const char *tag = need(need(s->tags[i], "tag"), "name")->text;
        JSON_EACH (path, need(s->tags[i], "paths")) {
            json_name(w, path->name);
            json_open_object(w);
            JSON_EACH (member, path) {
                json_name(w, member->name);
                if (is_operation(member))
                    add_operation(w, member, tag);
                else
                    json_add_value(w, member);
            }
            json_close_object(w);
        }
    }
    json_close_object(w);
}

static void add_components(struct json_writer *w, const struct sources *s) {
    json_name(w, "components");
    json_open_object(w);
    JSON_EACH (section, need(s->api, "components")) {
        json_name(w, section->name);
        json_open_object(w);
        add_members(w, section);
        for (size_t i = 0; i < s->count; i++)
            add_members(w, json_get(s->tags[i], section->name));
        json_close_object(w);
    }
    json_close_object(w);
}

static void add_tags(struct json_writer *w, const struct sources *s) {
    json_name(w, "tags");
    json_open_array(w);
    for (size_t i = 0; i < s->count; i++)
        json_add_value(w, need(s->tags[i], "tag"));
    json_close_array(w);
}

static struct view make_document(const struct sources *s) {
    struct json_writer w = json_writer_on(s->arena);
    const struct json *again;
    struct error err = {0};
    json_open_object(&w);
    JSON_EACH (member, s->api) {
        if (strcmp(member->name, "components") == 0)
            continue;
        json_name(&w, member->name);
        json_add_value(&w, member);
    }
    add_tags(&w, s);
    add_paths(&w, s);
    add_components(&w, s);
    json_name(&w, "x-problem-types");
    json_add_value(&w, s->problems);
    json_close_object(&w);
    json_written(&w);
    /* Reading it back refuses a path or a schema that two files define. */
    if (!json_parse(s->arena, buffer_view(&w.out), &again, &err))
        die("the joined document", err.message);
    return buffer_view(&w.out);
}

/* -- the page -- */

static void add_cell(struct buffer *out, const char *text) {
    buffer_add_text(out, "<td>");
    buffer_add_markup(out, text);
    buffer_add_text(out, "</td>");
}

static const char *text_or(const struct json *object, const char *name, const char *other) {
    const struct json *member = json_get(object, name);
    return member == NULL ? other : member->text;
}

static void add_rows(struct sources *s, struct buffer *out, const struct json *path) {
    JSON_EACH (operation, path) {
        if (!is_operation(operation))
            continue;
        const char *open = json_get(operation, "security") == NULL ? "logged in" : "open to all";
        char *method = arena_strdup(s->arena, operation->name);
        for (char *c = method; *c != '\0'; c++)
            *c = (char)(*c - 'a' + 'A');
        buffer_add_text(out, "<tr>");
        add_cell(out, method);
        add_cell(out, arena_printf(s->arena, "/api/v1%s", path->name));
        add_cell(out, text_or(operation, "x-permission", open));
        add_cell(out, need(operation, "summary")->text);
        buffer_add_text(out, "</tr>\n");
    }
}

static void add_problem_rows(struct sources *s, struct buffer *out) {
    buffer_add_text(out, "<h2 id=\"problems\">Problem types</h2>\n<table>\n"
                         "<tr><th>type</th><th>status</th><th>meaning</th></tr>\n");
    JSON_EACH (problem, s->problems) {
        buffer_printf(out, "<tr id=\"%s\">", problem->name);
        add_cell(out, arena_printf(s->arena, "/problems/%s", problem->name));
        add_cell(out, need(problem, "status")->text);
        add_cell(out, need(problem, "meaning")->text);
        buffer_add_text(out, "</tr>\n");
    }
    buffer_add_text(out, "</table>\n");
}

static struct view make_page(struct sources *s) {
    struct buffer out = buffer_on(s->arena);
    const struct json *info = need(s->api, "info");
    buffer_add_text(&out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                          "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    buffer_add_markup(&out, need(info, "title")->text);
    buffer_add_text(&out, "</title></head><body>\n<h1>");
    buffer_add_markup(&out, need(info, "title")->text);
    buffer_add_text(&out, "</h1>\n<p>");
    buffer_add_markup(&out, need(info, "description")->text);
    buffer_add_text(&out, "</p>\n<p>The whole description, for programs: "
                          "<a href=\"/api/v1/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>\n");
    for (size_t i = 0; i < s->count; i++) {
        const struct json *tag = need(s->tags[i], "tag");
        buffer_printf(&out, "<h2 id=\"%s\">", need(tag, "name")->text);
        buffer_add_markup(&out, need(tag, "description")->text);
        buffer_add_text(&out, "</h2>\n<table>\n<tr><th>method</th><th>path</th>"
                              "<th>permission</th><th>what it does</th></tr>\n");
        JSON_EACH (path, need(s->tags[i], "paths"))
            add_rows(s, &out, path);
        buffer_add_text(&out, "</table>\n");
    }
    add_problem_rows(s, &out);
    buffer_add_text(&out, "</body></html>\n");
    return buffer_view(&out);
}

/* -- writing -- */

static FILE *create(const char *path) {
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        die(path, "cannot be written");
    return file;
}

static void finish(FILE *file, const char *path) {
    bool bad = ferror(file) != 0;
    if (fclose(file) != 0 || bad)
        die(path, "cannot be written");
}

static void write_array(FILE *file, const char *name, struct view bytes) {
    fprintf(file, "extern const unsigned char %s[];\nextern const size_t %s_size;\n", name, name);
    fprintf(file, "const size_t %s_size = %zu;\nconst unsigned char %s[] = {", name, bytes.len,
            name);
    for (size_t i = 0; i < bytes.len; i++)
        fprintf(file, "%s%u,", i % 24 == 0 ? "\n" : "", bytes.at[i]);
    fprintf(file, "\n};\n");
}

int main(int argc, char *argv[]) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct sources s = {.arena = arena};
    if (argc < 6 || argc - 5 > MAX_TAGS)
        die("usage", "OUT.json OUT.c api.json problems.json TAG.json...");
    s.api = read_file(arena, argv[3]);
    s.problems = read_file(arena, argv[4]);
    for (int i = 5; i < argc; i++)
        s.tags[s.count++] = read_file(arena, argv[i]);
    struct view document = make_document(&s), page = make_page(&s);
    FILE *json = create(argv[1]);
    fwrite(document.at, 1, document.len, json);
    finish(json, argv[1]);
    FILE *c = create(argv[2]);
    fprintf(c, "/* Made by openapi_assemble. */\n#include <stddef.h>\n\n");
    write_array(c, "openapi_json", document);
    write_array(c, "openapi_html", page);
    finish(c, argv[2]);
    return 0;
}
