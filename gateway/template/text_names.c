/* From OpenSSL's configuration form to a template document: the subject, and the variables. */
#include "template/text_internal.h"

#include <stdlib.h>
#include <string.h>

/* OpenSSL numbers fields of one type: "0.OU", "1.OU"; a dotted OID is none of these. */
static const char *type_of(const char *key) {
    size_t digits = strspn(key, "0123456789");
    bool numbered = digits > 0 && key[digits] == '.' && key[digits + 1] != '\0' &&
                    strchr("0123456789", key[digits + 1]) == NULL;
    return numbered ? key + digits + 1 : key;
}

static bool in(const struct text_line *line, const char *section) {
    return strcmp(line->section, section) == 0;
}

/* "{csr.TYPE}" and nothing else takes the attribute from the request. */
static bool from_request(struct arena *arena, const struct text_line *line) {
    return strcmp(line->value, arena_printf(arena, "{csr.%s}", type_of(line->key))) == 0;
}

/* What goes with a field that OpenSSL asks for. */
static bool is_detail(const char *key) {
    static const char *const endings[] = {"_default", "_min", "_max"};
    size_t len = strlen(key);
    for (size_t i = 0; i < 3; i++) {
        size_t end = strlen(endings[i]);
        if (len > end && strcmp(key + len - end, endings[i]) == 0)
            return true;
    }
    return false;
}

/* config(5ossl): without "prompt = no" the values of the section are what is asked. A text that names variables is
 * none that was written for a terminal. */
static bool asks(struct text_reader *r, const char *section) {
    const char *prompt = text_setting(r, "prompt", "yes");
    bool any = false;
    for (size_t i = 0; i < r->count; i++)
        if (in(&r->lines[i], section)) {
            any = true;
            if (strchr(r->lines[i].value, '{') != NULL)
                return false;
        }
    return any && !r->marked && strcmp(prompt, "no") != 0 && strcmp(prompt, "0") != 0;
}

/* The variable of a field that is asked for: its key, with what no name of a variable may hold replaced. */
static const char *variable_of(struct arena *arena, const char *key) {
    char *name = arena_printf(arena, "%s%s", strchr("0123456789", type_of(key)[0]) == NULL ? "" : "oid-",
                              type_of(key));
    if (type_of(key) != key && key[0] != '0')
        name = arena_printf(arena, "%s-%.*s", name, (int)strspn(key, "0123456789"), key);
    for (char *at = name; *at != '\0'; at++)
        if (*at == '.' || *at == ' ')
            *at = '_';
    return name;
}

static long detail(struct text_reader *r, const char *section, const char *key,
                   const char *ending) {
    const struct text_line *line =
        text_find(r, section, arena_printf(r->arena, "%s%s", key, ending));
    if (line == NULL)
        return -1;
    if (line->value[0] == '\0' || strlen(line->value) > 4 ||
        line->value[strspn(line->value, "0123456789")] != '\0') {
        text_wrong(r, line, "has no number of characters");
        return -1;
    }
    return strtol(line->value, NULL, 10);
}

static void put_asked(struct json_writer *w, struct text_reader *r, const char *section) {
    for (size_t i = 0; i < r->count; i++) {
        struct text_line *line = &r->lines[i];
        if (!in(line, section) || is_detail(line->key))
            continue;
        const struct text_line *usual =
            text_find(r, section, arena_printf(r->arena, "%s_default", line->key));
        long min = detail(r, section, line->key, "_min"),
             max = detail(r, section, line->key, "_max");
        json_open_object(w);
        json_put_string(w, "name", variable_of(r->arena, line->key));
        json_put_string(w, "description", line->value);
        json_put_string(w, "default", usual == NULL ? "" : usual->value);
        json_put_bool(w, "required", min > 0);
        if (max > 0 && max <= 64) /* more cannot be said by a pattern; the attribute has its own limit */
            json_put_string(w, "pattern",
                            arena_printf(r->arena, ".{%ld,%ld}", min > 0 ? min : 0, max));
        json_close_object(w);
    }
}

static const struct json *base_variable(const struct text_reader *r, const char *name) {
    JSON_EACH (variable, json_get(r->base, "variables")) {
        const struct json *known = json_get(variable, "name");
        if (known != NULL && known->type == JSON_STRING && strcmp(known->text, name) == 0)
            return variable;
    }
    return NULL;
}

static void put_variable(struct json_writer *w, struct text_reader *r, struct text_line *line) {
    line->used = true;
    json_open_object(w);
    JSON_EACH (member, base_variable(r, line->key)) /* its description and rules stay */
        if (strcmp(member->name, "name") != 0 && strcmp(member->name, "default") != 0) {
            json_name(w, member->name);
            json_add_value(w, member);
        }
    json_put_string(w, "name", line->key);
    json_put_string(w, "default", line->value);
    json_close_object(w);
}

/* A line before the first section is a variable of OpenSSL when some value uses it. */
static bool referred(const struct text_reader *r, const char *name) {
    const char *use = arena_printf(r->arena, "{%s}", name);
    for (size_t i = 0; i < r->count; i++)
        if (strstr(r->lines[i].value, use) != NULL)
            return true;
    return false;
}

static void put_variables(struct json_writer *w, struct text_reader *r, const char *asked) {
    json_name(w, "variables");
    json_open_array(w);
    for (size_t i = 0; i < r->count; i++)
        if (in(&r->lines[i], "variables") ||
            (in(&r->lines[i], "") && !r->lines[i].used && referred(r, r->lines[i].key)))
            put_variable(w, r, &r->lines[i]);
    if (asked != NULL)
        put_asked(w, r, asked);
    json_close_array(w);
}

/* All values of one type, where it comes first. */
static void put_field(struct json_writer *w, struct text_reader *r, size_t first, bool asked) {
    const char *type = type_of(r->lines[first].key), *section = r->lines[first].section;
    const char *values[TEXT_MAX_ITEMS];
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct text_line *line = &r->lines[i];
        if (!in(line, section) || strcmp(type_of(line->key), type) != 0)
            continue;
        if (i < first)
            return; /* was written there */
        if (count < TEXT_MAX_ITEMS)
            values[count++] = asked ? arena_printf(r->arena, "{%s}", variable_of(r->arena, line->key))
                                    : line->value;
    }
    if (count > 1)
        text_put_items(w, type, values, count);
    else if (count == 1)
        json_put_string(w, type, values[0]);
}

static void put_subject(struct json_writer *w, struct text_reader *r, const char *section,
                        bool asked) {
    size_t lines = 0, requested = 0;
    for (size_t i = 0; i < r->count; i++)
        if (in(&r->lines[i], section)) {
            r->lines[i].used = true;
            lines += !asked || !is_detail(r->lines[i].key);
            requested += from_request(r->arena, &r->lines[i]);
        }
    if (lines == 0)
        return;
    json_name(w, "subject");
    json_open_object(w);
    bool csr = requested == lines;
    json_put_string(w, "from", csr ? "csr" : "expression");
    json_name(w, csr ? "attributes" : "expression");
    csr ? json_open_array(w) : json_open_object(w);
    for (size_t i = 0; i < r->count; i++) {
        if (!in(&r->lines[i], section) || (asked && is_detail(r->lines[i].key)))
            continue;
        if (csr)
            json_add_string(w, type_of(r->lines[i].key));
        else
            put_field(w, r, i, asked);
    }
    csr ? json_close_array(w) : json_close_object(w);
    json_close_object(w);
}

/* As we wrote the section: as many lines, each of them the same. */
static bool section_unchanged(struct text_reader *r, const char *section, const char *ours) {
    size_t lines = 0, old = 0;
    for (size_t i = 0; i < r->count; i++)
        if (in(&r->lines[i], section)) {
            if (!text_unchanged(r, ours, &r->lines[i]))
                return false;
            lines++;
        }
    for (size_t i = 0; r->written != NULL && i < r->written->count; i++)
        old += in(&r->written->lines[i], ours);
    if (r->written == NULL || lines != old)
        return false;
    for (size_t i = 0; i < r->count; i++)
        r->lines[i].used = r->lines[i].used || in(&r->lines[i], section);
    return true;
}

void text_put_names(struct json_writer *w, struct text_reader *r) {
    const char *dn = text_setting(r, "distinguished_name", "dn");
    bool asked = asks(r, dn);
    if (!section_unchanged(r, "variables", "variables") || !r->marked)
        put_variables(w, r, asked ? dn : NULL);
    if (!section_unchanged(r, dn, "dn") || (!r->marked && r->base == NULL))
        put_subject(w, r, dn, asked);
}
