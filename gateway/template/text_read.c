/* From OpenSSL's configuration form to a template document: lines, settings, and the whole. */
#include "template/internal.h"
#include "template/text_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MARK "#gatehouse:"

void text_say(struct text_reader *r, int line, bool error, const char *format, ...) {
    struct text_findings *all = r->findings;
    char text[400];
    va_list args;
    if (all == NULL)
        return;
    all->errors += error;
    if (all->count == TEXT_FINDINGS_MAX)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t place = all->count++;
    for (; place > 0 && all->items[place - 1].line > line; place--)
        all->items[place] = all->items[place - 1];
    all->items[place] =
        (struct text_finding){line, error, arena_text(r->arena, view_text(text))};
}

const char *text_trim(struct arena *arena, const char *from, const char *to) {
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
        to--;
    return arena_text(arena, view_of(from, (size_t)(to - from)));
}

/* "${name}" is another spelling of "{name}"; quotes around the whole and a comment behind it go. */
static const char *plain_value(struct arena *arena, const char *value) {
    struct buffer out = buffer_on(arena);
    size_t len = strlen(value);
    if (len >= 2 && value[0] == '"' && value[len - 1] == '"')
        return plain_value(arena, arena_text(arena, view_of(value + 1, len - 2)));
    for (const char *at = value; *at != '\0'; at++) {
        if (at[0] == '#' && (at == value || at[-1] == ' ' || at[-1] == '\t'))
            break;
        if (at[0] != '$' || at[1] != '{')
            buffer_add_byte(&out, (uint8_t)*at);
    }
    const char *plain = buffer_text(&out);
    return text_trim(arena, plain, plain + strlen(plain));
}

static void read_mark(struct text_reader *r, const char *text, int number) {
    struct error why;
    r->mark_line = number;
    if (r->findings == NULL) /* the base itself, which is known */
        return;
    r->marked = true;
    if (!json_parse(r->arena, view_text(text), &r->base, &why))
        text_say(r, number, true, "is no document of a template: %.300s", why.message);
}

static void read_line(struct text_reader *r, const char **section, const char *text, int number) {
    size_t len = strlen(text);
    const struct text_line here = {.number = number};
    if (strncmp(text, MARK, strlen(MARK)) == 0)
        return read_mark(r, text + strlen(MARK), number);
    if (len == 0 || text[0] == '#' || text[0] == ';')
        return;
    if (text[0] == '.' || strstr(text, "ENV::") != NULL)
        return text_wrong(r, &here,
                          "includes a file or asks for the environment, which is refused");
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        if (end == NULL)
            return text_wrong(r, &here, "begins a section and does not end it with \"]\"");
        *section = text_trim(r->arena, text + 1, end);
        return;
    }
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return text_wrong(r, &here, "is neither a section nor NAME = VALUE");
    const char *key = text_trim(r->arena, text, equals);
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->lines[i].section, *section) == 0 && strcmp(r->lines[i].key, key) == 0)
            return text_wrong(r, &here, "says %.60s a second time; line %d did already", key,
                              r->lines[i].number);
    if (r->count == TEXT_MAX_LINES)
        return text_wrong(r, &here, "is one too many: %d are taken", TEXT_MAX_LINES);
    r->lines[r->count++] = (struct text_line){
        *section, key,
        plain_value(r->arena, text_trim(r->arena, equals + 1, text + len)), number, false};
}

/* A backslash at the end of a line continues it. */
static void read_lines(struct text_reader *r, const char *text) {
    const char *section = "";
    int number = 1;
    for (const char *at = text; *at != '\0'; number++) {
        const char *end = strchrnul(at, '\n');
        const char *line = text_trim(r->arena, at, end);
        int first = number;
        while (line[0] != '#' && *end == '\n' && line[0] != '\0' &&
               line[strlen(line) - 1] == '\\') {
            at = end + 1;
            end = strchrnul(at, '\n');
            number++;
            line = arena_printf(r->arena, "%.*s%s", (int)strlen(line) - 1, line,
                                text_trim(r->arena, at, end));
        }
        read_line(r, &section, line, first);
        at = *end == '\n' ? end + 1 : end;
    }
}

struct text_line *text_find(struct text_reader *r, const char *section, const char *key) {
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->lines[i].section, section) == 0 && strcmp(r->lines[i].key, key) == 0) {
            r->lines[i].used = true;
            return &r->lines[i];
        }
    return NULL;
}

const char *text_setting(struct text_reader *r, const char *key, const char *otherwise) {
    const struct text_line *line = text_find(r, "req", key);
    if (line == NULL)
        line = text_find(r, "", key);
    return line == NULL ? otherwise : line->value;
}

bool text_unchanged(const struct text_reader *r, const char *section,
                    const struct text_line *line) {
    const struct text_line *old =
        r->written == NULL ? NULL : text_find(r->written, section, line->key);
    return old != NULL && strcmp(old->value, line->value) == 0;
}

/* "permitted;DNS.1" and "x" as "permitted;DNS:x". */
static const char *item_of(struct arena *arena, const struct text_line *line) {
    size_t len = strlen(line->key);
    const char *dot = strrchr(line->key, '.');
    if (dot != NULL && dot[1] != '\0' && dot[1 + strspn(dot + 1, "0123456789")] == '\0')
        len = (size_t)(dot - line->key);
    return arena_printf(arena, "%.*s:%s", (int)len, line->key, line->value);
}

static bool add_item(struct text_reader *r, const struct text_line *line, const char *item,
                     const char *items[static TEXT_MAX_ITEMS], size_t *count) {
    if (*count < TEXT_MAX_ITEMS) {
        items[(*count)++] = item;
        return true;
    }
    text_wrong(r, line, "has more than %d entries", TEXT_MAX_ITEMS);
    return false;
}

static void add_section(struct text_reader *r, const struct text_line *line, const char *section,
                        const char *items[static TEXT_MAX_ITEMS], size_t *count) {
    bool any = false;
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->lines[i].section, section) == 0) {
            any = r->lines[i].used = true;
            if (!add_item(r, line, item_of(r->arena, &r->lines[i]), items, count))
                return;
        }
    if (!any)
        text_wrong(r, line, "names the section [%.60s], which is not there or empty", section);
}

size_t text_items(struct text_reader *r, struct text_line *line, bool *ret_critical,
                  const char *items[static TEXT_MAX_ITEMS]) {
    size_t count = 0;
    *ret_critical = false;
    for (const char *at = line->value;;) {
        const char *end = strchrnul(at, ',');
        const char *item = text_trim(r->arena, at, end);
        if (count == 0 && !*ret_critical && strcmp(item, "critical") == 0)
            *ret_critical = true;
        else if (item[0] == '@')
            add_section(r, line, item + 1, items, &count);
        else if (item[0] != '\0' && !add_item(r, line, item, items, &count))
            return count;
        if (*end == '\0')
            return count;
        at = end + 1;
    }
}

void text_put_items(struct json_writer *w, const char *name, const char *const *items,
                    size_t count) {
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < count; i++)
        json_add_string(w, items[i]);
    json_close_array(w);
}

bool text_holds_variable(const struct json *value) {
    if (value != NULL && value->type == JSON_STRING)
        return strchr(value->text, '{') != NULL;
    if (value != NULL && (value->type == JSON_ARRAY || value->type == JSON_OBJECT))
        JSON_EACH (item, value)
            if (text_holds_variable(item))
                return true;
    return false;
}

static struct text_line *req_line(struct text_reader *r, const char *key) {
    struct text_line *line = text_find(r, "req", key);
    return line != NULL ? line : text_find(r, "", key);
}

static void put_settings(struct json_writer *w, struct text_reader *r) {
    static const char *const names[] = {"sha256", "sha384", "sha512"};
    const struct text_line *days = req_line(r, "default_days"), *md = req_line(r, "default_md");
    bool digits = days != NULL && days->value[0] != '\0' && strlen(days->value) <= 6 &&
                  days->value[strspn(days->value, "0123456789")] == '\0';
    if (days != NULL && !digits) {
        text_wrong(r, days, "has no number of days");
    } else if (days != NULL) {
        json_name(w, "validity");
        json_open_object(w);
        json_put_int(w, "days", strtol(days->value, NULL, 10));
        json_close_object(w);
    }
    if (md == NULL)
        return;
    size_t i = 0;
    while (i < 3 && strcasecmp(md->value, names[i]) != 0)
        i++;
    if (i == 3 && strcmp(md->value, "default") != 0)
        return text_wrong(r, md, "has no digest of default, sha256, sha384 and sha512");
    json_name(w, "signature");
    json_open_object(w);
    json_put_string(w, "digest", i < 3 ? digest_names[i] : NULL);
    json_close_object(w);
}

/* What was read and says nothing to a template: each setting of [req], and each other section once. */
static void tell_unused(struct text_reader *r) {
    const char *told = NULL;
    for (size_t i = 0; i < r->count; i++) {
        const struct text_line *line = &r->lines[i];
        if (line->used || (told != NULL && strcmp(told, line->section) == 0))
            continue;
        if (strcmp(line->section, "req") == 0 || line->section[0] == '\0') {
            text_notice(r, line, "says nothing to a template: %.60s is left out", line->key);
        } else {
            text_notice(r, line, "is of the section [%.60s], which the template does not use",
                        line->section);
            told = line->section;
        }
    }
}

/* The members of `over` instead of those of `base`; groups are merged one level deep. */
static void merge(struct json_writer *w, const struct json *base, const struct json *over,
                  int depth) {
    json_open_object(w);
    JSON_EACH (member, over) {
        const struct json *old = json_get(base, member->name);
        json_name(w, member->name);
        if (depth == 0 && member->type == JSON_OBJECT && old != NULL && old->type == JSON_OBJECT)
            merge(w, old, member, 1);
        else
            json_add_value(w, member);
    }
    JSON_EACH (member, base)
        if (json_get(over, member->name) == NULL) {
            json_name(w, member->name);
            json_add_value(w, member);
        }
    json_close_object(w);
}

/* The base as we write it: what stands there still is no edit. */
static void read_written(struct text_reader *r) {
    struct json_writer w = json_writer_on(r->arena);
    struct error why;
    const char *text;
    if (r->base == NULL)
        return;
    json_add_value(&w, r->base);
    const struct template_record record = {.name = "", .document = json_written(&w)};
    if (!template_to_text(r->arena, &record, &text, &why)) {
        text_say(r, r->mark_line, true, "has a document that is refused: %.300s", why.message);
        r->base = NULL;
        return;
    }
    r->written = arena_alloc(r->arena, sizeof *r->written);
    *r->written = (struct text_reader){.arena = r->arena};
    read_lines(r->written, text);
}

/* The line that a refusal of the whole document speaks of, or 0. */
static int line_of(struct text_reader *r, const char *message) {
    static const struct {
        const char *member, *key;
    } rows[] = {{"policies", "certificatePolicies"},
                {"keyUsage", "keyUsage"},
                {"keyCertSign", "keyUsage"},
                {"extendedKeyUsage", "extendedKeyUsage"},
                {"pathLength", "basicConstraints"},
                {"A CA template", "basicConstraints"},
                {"sans", "subjectAltName"},
                {"validity", "default_days"}};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
        if (strncmp(message, rows[k].member, strlen(rows[k].member)) == 0)
            for (size_t i = 0; i < r->count; i++)
                if (strcmp(r->lines[i].key, rows[k].key) == 0)
                    return r->lines[i].number;
    for (size_t i = 0; i < r->count; i++) /* "extensions: 1.2.3 ...", "subject: "CN" ..." */
        if (strlen(r->lines[i].key) > 1 &&
            (strncmp(message, "ext", 3) == 0 || strncmp(message, "sub", 3) == 0) &&
            strstr(message, r->lines[i].key) != NULL)
            return r->lines[i].number;
    return 0;
}

bool template_check_text(struct arena *arena, const char *text, const struct json *current,
                         struct text_findings *ret_findings, const struct json **ret_document,
                         struct error *err) {
    struct text_reader *r = arena_alloc(arena, sizeof *r);
    struct json_writer over = json_writer_on(arena), whole = json_writer_on(arena);
    const struct json *members, *document;
    const char *complete;
    struct error why;
    *ret_findings = (struct text_findings){.count = 0};
    *r = (struct text_reader){.arena = arena, .base = current, .findings = ret_findings};
    if (strlen(text) > TEMPLATE_TEXT_MAX)
        return fail(err, ERROR_TOO_LARGE, "template-text", "The text has more than 64 KiB.");
    read_lines(r, text);
    read_written(r);
    json_open_object(&over);
    put_settings(&over, r);
    text_put_names(&over, r);
    text_put_extensions(&over, r);
    json_close_object(&over);
    tell_unused(r);
    if (ret_findings->errors > 0)
        return true;
    TRY(json_parse(arena, view_text(json_written(&over)), &members, err));
    merge(&whole, r->base, members, 0);
    TRY(json_parse(arena, view_text(json_written(&whole)), &document, err));
    if (!template_normalize(arena, document, &complete, &why))
        text_say(r, line_of(r, why.message), true, "is refused: %.380s", why.message);
    else
        *ret_document = document;
    return true;
}

bool template_from_text(struct arena *arena, const char *text, const struct json *current,
                        const struct json **ret_document, struct error *err) {
    struct text_findings findings;
    TRY(template_check_text(arena, text, current, &findings, ret_document, err));
    for (size_t i = 0; i < findings.count; i++) {
        const struct text_finding *one = &findings.items[i];
        if (one->error && one->line == 0)
            return fail(err, ERROR_POLICY, "template-text", "The text %s.", one->text);
        if (one->error)
            return fail(err, ERROR_POLICY, "template-text", "Line %d of the text %s.", one->line,
                        one->text);
    }
    return findings.errors == 0 ||
           fail(err, ERROR_POLICY, "template-text", "The text has more than %d faults.",
                TEXT_FINDINGS_MAX);
}
