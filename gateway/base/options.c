#include "base/options.h"

#include "base/buffer.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE 4096

enum source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_COMMAND_LINE };

struct value {
    enum source source;
    const char *text;
    const char **items;
    size_t count, capacity;
};

struct options {
    struct arena *arena;
    const struct option_spec *specs;
    size_t count;
    struct value *values;
};

static const struct option_spec *find_spec(const struct options *o, const char *name,
                                           struct value **ret_value) {
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->specs[i].name, name) == 0) {
            *ret_value = &o->values[i];
            return &o->specs[i];
        }
    return NULL;
}

static void append_item(struct arena *arena, struct value *value, const char *text) {
    if (value->count == value->capacity) {
        size_t capacity = value->capacity == 0 ? 4 : value->capacity * 2;
        const char **items = arena_array(arena, capacity, sizeof *items);
        if (value->count > 0)
            memcpy(items, value->items, value->count * sizeof *items);
        value->items = items;
        value->capacity = capacity;
    }
    value->items[value->count++] = text;
}

static bool check_value(const struct option_spec *spec, const char *text, const char *where,
                        struct error *err) {
    if (spec->type == OPTION_FLAG && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "%s: the option \"%s\" is true or false, not \"%.60s\".", where, spec->name, text);
    if (spec->type == OPTION_NUMBER) {
        char *end;
        errno = 0;
        long number = strtol(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || number < spec->min || number > spec->max)
            return fail(err, ERROR_MALFORMED, "bad-option",
                        "%s: the option \"%s\" must be a number from %ld to %ld, not \"%.60s\".",
                        where, spec->name, spec->min, spec->max, text);
    }
    return true;
}

static bool set_value(struct options *o, const char *name, const char *text, enum source source,
                      const char *where, struct error *err) {
    struct value *value;
    const struct option_spec *spec = find_spec(o, name, &value);
    if (spec == NULL)
        return fail(err, ERROR_MALFORMED, "unknown-option",
                    "%s: there is no option \"%.60s\"; --help lists them.", where, name);
    TRY(check_value(spec, text, where, err));
    if (source > value->source) {
        value->source = source;
        value->count = 0;
    }
    value->text = arena_strdup(o->arena, text);
    if (spec->type == OPTION_LIST)
        append_item(o->arena, value, value->text);
    return true;
}

static char *trim(char *text) {
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

static bool read_line(struct options *o, char *line, const char *where, struct error *err) {
    char *name = trim(line), *equals;
    if (*name == '\0' || *name == '#')
        return true;
    if ((equals = strchr(name, '=')) == NULL)
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "%s: a line must be \"name = value\".", where);
    *equals = '\0';
    return set_value(o, trim(name), trim(equals + 1), SOURCE_FILE, where, err);
}

static bool read_file(struct options *o, const char *path, struct error *err) {
    char *line = NULL, where[512];
    size_t size = 0;
    ssize_t len;
    bool ok = true;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fail(err, ERROR_NOT_FOUND, "no-config",
                    "The configuration file %.200s cannot be read: %s.", path, strerror(errno));
    for (int number = 1; ok && (len = getline(&line, &size, file)) >= 0; number++) {
        snprintf(where, sizeof where, "%.200s, line %d", path, number);
        if (len > MAX_LINE)
            ok = fail(err, ERROR_MALFORMED, "bad-option", "%s: the line is too long.", where);
        else if (strlen(line) != (size_t)len)
            ok = fail(err, ERROR_MALFORMED, "bad-option", "%s: there is a NUL byte.", where);
        else
            ok = read_line(o, line, where, err);
    }
    free(line);
    if (ok && ferror(file)) /* a folder opens, and then does not read */
        ok = fail(err, ERROR_NOT_FOUND, "no-config",
                  "The configuration file %.200s cannot be read: %s.", path, strerror(errno));
    fclose(file);
    return ok;
}

static const char *env_name(struct arena *arena, const char *prefix, const char *name) {
    char *text = arena_printf(arena, "%s_%s", prefix, name);
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
    return text;
}

static bool read_environment(struct options *o, const char *prefix, struct error *err) {
    for (size_t i = 0; i < o->count; i++) {
        const char *name = env_name(o->arena, prefix, o->specs[i].name);
        const char *text = getenv(name);
        if (text != NULL)
            TRY(set_value(o, o->specs[i].name, text, SOURCE_ENVIRONMENT, name, err));
    }
    return true;
}

static bool read_arguments(struct options *o, int argc, char *const argv[], struct error *err) {
    for (int i = 0; i < argc; i++) {
        struct value *value;
        if (strncmp(argv[i], "--", 2) != 0)
            return fail(err, ERROR_MALFORMED, "unknown-option",
                        "The argument \"%.60s\" is no option; --help lists them.", argv[i]);
        char *name = arena_strdup(o->arena, argv[i] + 2), *equals = strchr(name, '=');
        const char *text = "true";
        if (equals != NULL)
            *equals = '\0';
        const struct option_spec *spec = find_spec(o, name, &value);
        if (equals != NULL)
            text = equals + 1;
        else if (spec != NULL && spec->type != OPTION_FLAG && ++i < argc)
            text = argv[i];
        else if (spec != NULL && spec->type != OPTION_FLAG)
            return fail(err, ERROR_MALFORMED, "bad-option", "The option --%s needs a value.", name);
        TRY(set_value(o, name, text, SOURCE_COMMAND_LINE, "Command line", err));
    }
    return true;
}

/* The file's name may come from the command line or the environment, which are read after it. */
static const char *config_path(struct options *o, const char *prefix, int argc, char *const argv[]) {
    const char *path = getenv(env_name(o->arena, prefix, "config"));
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            path = argv[++i];
        else if (strncmp(argv[i], "--config=", 9) == 0)
            path = argv[i] + 9;
    }
    return path;
}

bool options_read(struct arena *arena, const struct option_spec *specs, const char *env_prefix,
                  int argc, char *const argv[], struct options **ret_options, struct error *err) {
    struct options *o = arena_alloc(arena, sizeof *o);
    o->arena = arena;
    o->specs = specs;
    while (specs[o->count].name != NULL)
        o->count++;
    o->values = arena_array(arena, o->count + 1, sizeof *o->values);
    for (size_t i = 0; i < o->count; i++) {
        o->values[i].text = specs[i].initial;
        if (specs[i].type == OPTION_LIST && specs[i].initial != NULL)
            append_item(arena, &o->values[i], specs[i].initial);
    }
    const char *path = config_path(o, env_prefix, argc, argv);
    if (path != NULL)
        TRY(read_file(o, path, err));
    TRY(read_environment(o, env_prefix, err));
    TRY(read_arguments(o, argc, argv, err));
    *ret_options = o;
    return true;
}

static const struct value *must_find(const struct options *o, const char *name) {
    struct value *value;
    if (find_spec(o, name, &value) == NULL)
        abort(); /* a name that is not in the table is a mistake of ours */
    return value;
}

const char *option_text(const struct options *options, const char *name) {
    return must_find(options, name)->text;
}

long option_number(const struct options *options, const char *name) {
    const char *text = option_text(options, name);
    return text == NULL ? 0 : strtol(text, NULL, 10);
}

bool option_flag(const struct options *options, const char *name) {
    const char *text = option_text(options, name);
    return text != NULL && strcmp(text, "true") == 0;
}

const char *option_item(const struct options *options, const char *name, size_t i) {
    const struct value *value = must_find(options, name);
    return i < value->count ? value->items[i] : NULL;
}

const char *option_source(const struct options *options, const char *name) {
    static const char *const names[] = {"default", "file", "environment", "command line"};
    return names[must_find(options, name)->source];
}

const char *option_masked(struct arena *arena, const char *value, const char *mask) {
    const char *start = strstr(value, "://"), *at = start == NULL ? NULL : strrchr(start, '@');
    const char *colon = at == NULL ? NULL : memchr(start + 3, ':', (size_t)(at - start - 3));
    return colon == NULL ? value : arena_printf(arena, "%.*s%s%s", (int)(colon - value), value, mask, at);
}

const char *options_help(struct arena *arena, const struct option_spec *specs,
                         const char *env_prefix) {
    struct buffer out = buffer_on(arena);
    for (const struct option_spec *s = specs; s->name != NULL; s++) {
        buffer_printf(&out, "  --%s%s\n      %s", s->name,
                      s->type == OPTION_FLAG     ? ""
                      : s->type == OPTION_NUMBER ? " NUMBER"
                                                 : " VALUE",
                      s->help);
        if (s->type == OPTION_LIST)
            buffer_add_text(&out, " May be given several times.");
        if (s->initial != NULL)
            buffer_printf(&out, " Default: %s.", s->initial);
        buffer_printf(&out, " [%s]\n", env_name(arena, env_prefix, s->name));
    }
    return buffer_text(&out);
}

/* A bar would end the cell. */
static void add_cell(struct buffer *out, const char *text) {
    buffer_add_text(out, " ");
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buffer_add_byte(out, '\\');
        buffer_add_byte(out, (uint8_t)*text);
    }
    buffer_add_text(out, " |");
}

const char *options_reference(struct arena *arena, const struct option_spec *specs,
                              const char *env_prefix) {
    static const char *const types[] = {"text", "number", "true or false", "text, several times"};
    struct buffer out = buffer_on(arena);
    buffer_add_text(&out, "| option | value | default | environment | meaning |\n|---|---|---|---|---|\n");
    for (const struct option_spec *s = specs; s->name != NULL; s++) {
        buffer_printf(&out, "| `%s` |", s->name);
        add_cell(&out, s->type == OPTION_NUMBER ? arena_printf(arena, "%ld to %ld", s->min, s->max)
                                                : types[s->type]);
        add_cell(&out, s->initial == NULL ? "" : arena_printf(arena, "`%s`", s->initial));
        add_cell(&out, arena_printf(arena, "`%s`", env_name(arena, env_prefix, s->name)));
        add_cell(&out, s->help);
        buffer_add_text(&out, "\n");
    }
    return buffer_text(&out);
}
