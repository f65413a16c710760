/* gatehouse ctl: every act of an administrator from the command line, over the REST API. The commands are the
 * operations of the OpenAPI document, so that none is missing and none is wrong. */
#include "commands/ctl_document.h"

#include "base/encode.h"
#include "commands/app.h"
#include "commands/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ANSWER ((size_t)256 * 1024 * 1024)
#define MAX_COLUMNS 8

struct call {
    struct arena *arena;
    struct ctl_document document;
    const struct ctl_operation *operation;
    struct instance instance;
    const char *places[CTL_MAX_PLACES];
    size_t place_count;
    struct buffer query;
    struct json_writer body;
    bool has_fields, table;
    const char *file; /* the whole body */
};

/* ---- words ---- */

static bool usage(struct error *err) {
    return fail(err, ERROR_MALFORMED, "usage",
                "gatehouse ctl COMMAND [ARGUMENTS] [--FIELD VALUE ...] [--file BODY|-] [--output json|table] [--url URL] "
                "[--token-file FILE] [--ca-file FILE]; gatehouse ctl help lists the commands.");
}

static const char *percent_encode(struct arena *arena, const char *text) {
    struct buffer out = buffer_on(arena);
    for (; *text != '\0'; text++)
        if (strchr("-._~", *text) != NULL || ((*text | 32) >= 'a' && (*text | 32) <= 'z') ||
            (*text >= '0' && *text <= '9'))
            buffer_add_byte(&out, (uint8_t)*text);
        else
            buffer_printf(&out, "%%%02X", (unsigned char)*text);
    return buffer_text(&out);
}

static bool read_whole(struct arena *arena, const char *path, struct view *ret, struct error *err) {
    struct buffer out = buffer_on(arena);
    char piece[16384];
    size_t len;
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    if (file == NULL)
        return fail(err, ERROR_NOT_FOUND, "cannot-read", "%.200s cannot be read: %s.", path, strerror(errno));
    while ((len = fread(piece, 1, sizeof piece, file)) > 0)
        buffer_add(&out, piece, len);
    if (!standard)
        fclose(file);
    buffer_text(&out);
    *ret = buffer_view(&out);
    return true;
}

/* ---- fields ---- */

static bool takes_text(const struct json *schema) {
    const struct json *type = json_get(schema, "type");
    if (type == NULL)
        return json_get(schema, "enum") != NULL;
    if (type->type == JSON_ARRAY) {
        JSON_EACH (one, type)
            if (one->text != NULL && strcmp(one->text, "string") == 0)
                return true;
        return false;
    }
    return type->text != NULL && strcmp(type->text, "string") == 0;
}

/* A file's text, or base64 of what is none. The line's end behind a password is not part of it. */
static bool read_value(struct arena *arena, const char *path, const struct json *schema, const char **ret,
                       struct error *err) {
    const struct json *format = json_get(schema, "format");
    struct view bytes;
    TRY(read_whole(arena, path, &bytes, err));
    if (!utf8_valid(bytes)) {
        *ret = base64_encode(arena, bytes);
        return true;
    }
    char *text = arena_text(arena, bytes);
    if (format != NULL && format->text != NULL && strcmp(format->text, "password") == 0)
        text[strcspn(text, "\r\n")] = '\0';
    *ret = text;
    return true;
}

/* "@FILE" is what the file holds. What is no string in the document is JSON as it stands. */
static bool add_field(struct call *c, const char *name, const char *value, const struct json *schema,
                      struct error *err) {
    const struct json *parsed = NULL;
    struct error ignored = {0};
    if (value[0] == '@')
        TRY(read_value(c->arena, value + 1, schema, &value, err));
    if (!c->has_fields) {
        c->body = json_writer_on(c->arena);
        json_open_object(&c->body);
        c->has_fields = true;
    }
    if (takes_text(schema)) {
        json_put_string(&c->body, name, value);
        return true;
    }
    if (!json_parse(c->arena, view_text(value), &parsed, &ignored)) {
        if (json_get(schema, "type") != NULL)
            return fail(err, ERROR_MALFORMED, "usage", "--%s is JSON here (a number, true, [...] or {...}): %s", name,
                        ignored.message);
        json_put_string(&c->body, name, value);
        return true;
    }
    json_name(&c->body, name);
    json_add_value(&c->body, parsed);
    return true;
}

static bool take_own(struct call *c, const char *name, const char *value) {
    if (strcmp(name, "file") == 0)
        c->file = value;
    else if (strcmp(name, "output") == 0)
        c->table = strcmp(value, "table") == 0;
    else
        return instance_option(&c->instance, name, value);
    return true;
}

static bool take_option(struct call *c, const char *name, const char *value, struct error *err) {
    const struct json *schema = ctl_field(&c->document, c->operation, name);
    if (schema != NULL)
        return add_field(c, name, value, schema, err);
    if (ctl_is_query(&c->document, c->operation, name)) {
        buffer_printf(&c->query, "%c%s=%s", c->query.len == 0 ? '?' : '&', name, percent_encode(c->arena, value));
        return true;
    }
    return take_own(c, name, value) ||
           fail(err, ERROR_MALFORMED, "usage", "%s has no --%.60s; gatehouse ctl help %s lists what it has.",
                c->operation->command, name, c->operation->command);
}

static bool read_arguments(struct call *c, int argc, char *const argv[], struct error *err) {
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            if (c->place_count == c->operation->place_count)
                return fail(err, ERROR_MALFORMED, "usage", "%s takes %zu arguments; \"%.60s\" is one too many.",
                            c->operation->command, c->operation->place_count, argv[i]);
            c->places[c->place_count++] = argv[i];
            continue;
        }
        const char *equals = strchr(argv[i], '='), *value = equals == NULL ? NULL : equals + 1;
        const char *name = equals == NULL ? argv[i] + 2
                                          : arena_text(c->arena, view_of(argv[i] + 2, (size_t)(equals - argv[i] - 2)));
        if (value == NULL && ++i < argc)
            value = argv[i];
        if (value == NULL)
            return fail(err, ERROR_MALFORMED, "usage", "--%.60s needs a value.", name);
        TRY(take_option(c, name, value, err));
    }
    if (c->place_count < c->operation->place_count)
        return fail(err, ERROR_MALFORMED, "usage", "%s needs %s.", c->operation->command,
                    c->operation->places[c->place_count]);
    return instance_ready(c->arena, &c->instance, err);
}

/* ---- asking ---- */

static const char *path_of(struct call *c) {
    struct buffer out = buffer_on(c->arena);
    size_t place = 0;
    for (const char *at = c->operation->path; *at != '\0';) {
        if (*at == '{') {
            buffer_add_text(&out, percent_encode(c->arena, c->places[place++]));
            at += strcspn(at, "}") + 1;
        } else {
            buffer_add_byte(&out, (uint8_t)*at++);
        }
    }
    if (c->query.len > 0)
        buffer_add_text(&out, buffer_text(&c->query));
    return buffer_text(&out);
}

static bool ask(struct call *c, struct fetch_reply *ret, struct error *err) {
    struct instance_call call = {.method = c->operation->method,
                                 .path = path_of(c),
                                 .type = c->operation->body_type,
                                 .most = MAX_ANSWER};
    if (c->file != NULL) {
        TRY(read_whole(c->arena, c->file, &call.body, err));
    } else if (c->has_fields) {
        json_close_object(&c->body);
        call.body = view_text(json_written(&c->body));
    } else if (c->operation->body != NULL && c->operation->needs_body) {
        call.body = VIEW_LITERAL("{}");
    }
    return instance_call(c->arena, &c->instance, &call, ret, err);
}

/* ---- showing ---- */

static const char *cell(const struct json *value) {
    if (value == NULL || value->type == JSON_NULL)
        return "";
    if (value->type == JSON_BOOL)
        return value->boolean ? "true" : "false";
    return value->text == NULL ? "..." : value->text;
}

static bool is_scalar(const struct json *value) {
    return value->type != JSON_ARRAY && value->type != JSON_OBJECT;
}

static void print_table(const struct json *items) {
    const char *columns[MAX_COLUMNS];
    int widths[MAX_COLUMNS];
    size_t count = 0;
    JSON_EACH (member, items->first)
        if (is_scalar(member) && count < MAX_COLUMNS)
            columns[count++] = member->name;
    for (size_t i = 0; i < count; i++) {
        widths[i] = (int)strlen(columns[i]);
        JSON_EACH (item, items) {
            int width = (int)strlen(cell(json_get(item, columns[i])));
            widths[i] = width > widths[i] ? (width > 60 ? 60 : width) : widths[i];
        }
    }
    for (size_t i = 0; i < count; i++)
        printf("%-*s%s", widths[i], columns[i], i + 1 < count ? "  " : "\n");
    JSON_EACH (item, items)
        for (size_t i = 0; i < count; i++)
            printf("%-*.60s%s", widths[i], cell(json_get(item, columns[i])), i + 1 < count ? "  " : "\n");
}

static void show(struct call *c, const struct fetch_reply *reply) {
    const struct json *value = NULL;
    const struct json *items = NULL;
    if (c->table && json_parse(c->arena, reply->body, &value, NULL))
        items = json_get(value, "items");
    if (items != NULL && items->count > 0) {
        print_table(items);
        const char *next = cell(json_get(value, "next"));
        if (*next != '\0')
            fprintf(stderr, "more: --cursor %s\n", next);
    } else if (items == NULL && c->table && value != NULL && value->type == JSON_OBJECT) {
        JSON_EACH (member, value)
            printf("%-20s %s\n", member->name, cell(member));
    } else if (items == NULL) {
        fwrite(reply->body.at, 1, reply->body.len, stdout);
        if (reply->body.len > 0 && reply->body.at[reply->body.len - 1] != '\n' && isatty(STDOUT_FILENO))
            putchar('\n');
    }
}

static bool run(struct call *c, int argc, char *const argv[], struct error *err) {
    struct fetch_reply reply;
    c->instance = instance_of_environment();
    c->table = isatty(STDOUT_FILENO);
    c->operation = ctl_find(&c->document, argv[0]);
    c->query = buffer_on(c->arena);
    if (c->operation == NULL)
        return fail(err, ERROR_MALFORMED, "usage", "There is no command \"%.60s\"; gatehouse ctl help lists them.",
                    argv[0]);
    TRY(read_arguments(c, argc, argv, err) && ask(c, &reply, err));
    if (reply.status < 200 || reply.status > 299)
        return instance_refused(c->arena, &reply, err);
    show(c, &reply);
    return true;
}

/* ---- help, completion, manual: from the same table ---- */

static void print_synopsis(const struct ctl_document *d, const struct ctl_operation *o, const char *before) {
    const char *name;
    printf("%s%s", before, o->command);
    for (size_t i = 0; i < o->place_count; i++)
        printf(" %s", o->places[i]);
    for (size_t i = 0; (name = ctl_option(d, o, i)) != NULL; i++)
        printf(" [--%s VALUE]", name);
    if (o->body_type != NULL)
        printf(" --file FILE");
}

static bool help(const struct ctl_document *d, const char *command, struct error *err) {
    const struct ctl_operation *one = command == NULL ? NULL : ctl_find(d, command);
    if (command != NULL && one == NULL)
        return fail(err, ERROR_MALFORMED, "usage", "There is no command \"%.60s\".", command);
    if (one != NULL) {
        print_synopsis(d, one, "gatehouse ctl ");
        printf("\n\n%s. (%s /api/v1%s)\n", one->summary, one->method, one->path);
        return true;
    }
    for (size_t i = 0; i < d->count; i++)
        printf("  %-34s %s\n", d->operations[i].command, d->operations[i].summary);
    return true;
}

static bool completion(const struct ctl_document *d) {
    puts("# bash: gatehouse ctl completion > /etc/bash_completion.d/gatehouse\n"
         "_gatehouse() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} options=\n"
         "    [ \"${COMP_WORDS[1]}\" = ctl ] || return\n"
         "    if [ \"$COMP_CWORD\" = 2 ]; then");
    printf("        options=\"help");
    for (size_t i = 0; i < d->count; i++)
        printf(" %s", d->operations[i].command);
    puts("\"\n    else\n        case ${COMP_WORDS[2]} in");
    for (size_t i = 0; i < d->count; i++) {
        const char *name;
        printf("        %s) options=\"--output --file", d->operations[i].command);
        for (size_t k = 0; (name = ctl_option(d, &d->operations[i], k)) != NULL; k++)
            printf(" --%s", name);
        puts("\" ;;");
    }
    puts("        esac\n    fi\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n}\n"
         "complete -F _gatehouse gatehouse");
    return true;
}

/* A text as roff has it: a backslash, and a dot or quote that begins a line, would be commands. */
static void print_roff(const char *text) {
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text != '\0'; text++)
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
    putchar('\n');
}

static bool manual(const struct ctl_document *d) {
    puts(".TH GATEHOUSE\\-CTL 1 \"\" \"Gatehouse " GATEHOUSE_VERSION "\"\n.SH NAME\n"
         "gatehouse\\-ctl \\- administer a Gatehouse instance\n.SH SYNOPSIS\n"
         ".B gatehouse ctl\n.I COMMAND\n[arguments] [\\-\\-field value ...]\n.SH DESCRIPTION\n"
         "Each command is one operation of the REST API. The instance is at GATEHOUSE_URL or \\-\\-url, the API token "
         "in GATEHOUSE_TOKEN, or in the file GATEHOUSE_TOKEN_FILE or \\-\\-token\\-file names, CAs to verify its "
         "certificate with in GATEHOUSE_TLS_CERT or \\-\\-ca\\-file. A value @FILE is the text of that "
         "file, or base64 of it when it is binary.\n"
         "\\-\\-file FILE sends a whole body, \\-\\-output is json or table. The exit status is 0 when the instance "
         "did what was asked.\n.SH COMMANDS");
    for (size_t i = 0; i < d->count; i++) {
        printf(".TP\n.B ");
        print_roff(d->operations[i].command);
        print_roff(d->operations[i].summary);
        const char *name;
        for (size_t k = 0; k < d->operations[i].place_count; k++)
            printf(".I %s\n", d->operations[i].places[k]);
        for (size_t k = 0; (name = ctl_option(d, &d->operations[i], k)) != NULL; k++)
            printf("[\\-\\-%s]\n", name);
    }
    return true;
}

int command_ctl_word(const char *command, const struct ctl_word *words, int argc, char *const argv[]) {
    SCOPED_ARENA struct arena *arena = arena_new();
    for (const struct ctl_word *w = words; argc > 0 && w->word != NULL; w++)
        if (strcmp(argv[0], w->word) == 0) {
            char **list = arena_array(arena, (size_t)argc + 1, sizeof *list);
            list[0] = arena_strdup(arena, w->operation);
            for (int k = 1; k < argc; k++)
                list[k] = argv[k];
            return command_ctl(argc, list);
        }
    fprintf(stderr, "gatehouse: usage: gatehouse %s WORD [--field VALUE ...], which is one of\n", command);
    for (const struct ctl_word *w = words; w->word != NULL; w++)
        fprintf(stderr, "  %-12s as \"gatehouse ctl %s\"; \"gatehouse ctl help %s\" lists its fields\n", w->word,
                w->operation, w->operation);
    return 2;
}

int command_ctl(int argc, char *const argv[]) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct call call = {.arena = arena};
    struct error err = {0};
    bool ok = ctl_document_read(arena, &call.document, &err);
    if (ok && argc == 0)
        ok = usage(&err);
    else if (ok && strcmp(argv[0], "help") == 0)
        ok = help(&call.document, argc > 1 ? argv[1] : NULL, &err);
    else if (ok && strcmp(argv[0], "completion") == 0)
        ok = completion(&call.document);
    else if (ok && strcmp(argv[0], "manual") == 0)
        ok = manual(&call.document);
    else if (ok)
        ok = run(&call, argc, argv, &err);
    return ok ? 0 : command_failed("ctl", &err);
}
