#include "mail/internal.h"

#include <string.h>

enum style { STYLE_TEXT, STYLE_HTML, STYLE_LINE };

/* "{name}" at the text's begin: its name's length, or 0. */
static size_t variable_at(const char *text) {
    size_t n = 0;
    if (text[0] != '{')
        return 0;
    while ((text[n + 1] >= 'a' && text[n + 1] <= 'z') || (text[n + 1] >= 'A' && text[n + 1] <= 'Z'))
        n++;
    return text[n + 1] == '}' ? n : 0;
}

static const char *value_of(const struct mail_variable *variables, size_t count, const char *name,
                            size_t len) {
    for (size_t i = 0; i < count; i++)
        if (view_is(view_of(name, len), variables[i].name))
            return variables[i].value == NULL ? "" : variables[i].value;
    return "";
}

static void add_html(struct buffer *out, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        const char *reference = text[i] == '&'    ? "&amp;"
                                : text[i] == '<'  ? "&lt;"
                                : text[i] == '>'  ? "&gt;"
                                : text[i] == '"'  ? "&quot;"
                                : text[i] == '\'' ? "&#39;"
                                                  : NULL;
        if (reference != NULL)
            buffer_add_text(out, reference);
        else
            buffer_add_byte(out, (uint8_t)text[i]);
    }
}

static void add_value(struct buffer *out, const char *value, enum style style) {
    if (style == STYLE_HTML)
        add_html(out, value, strlen(value));
    else if (style == STYLE_TEXT)
        buffer_add_text(out, value);
    else
        for (; *value != '\0'; value++)
            buffer_add_byte(out, (unsigned char)*value < ' ' ? ' ' : (uint8_t)*value);
}

/* One line, without its end; false when it is to be left out. */
static bool render_line(struct buffer *out, const char *line, size_t len,
                        const struct mail_variable *variables, size_t count, enum style style) {
    size_t asked = 0, filled = 0;
    for (size_t i = 0; i < len;) {
        size_t name = variable_at(line + i);
        if (name == 0 || i + name + 2 > len) {
            buffer_add_byte(out, (uint8_t)line[i++]);
            continue;
        }
        const char *value = value_of(variables, count, line + i + 1, name);
        asked++;
        filled += *value != '\0';
        add_value(out, value, style);
        i += name + 2;
    }
    return asked == 0 || filled > 0;
}

static const char *render(struct arena *arena, const char *wording, const struct mail_variable *variables,
                          size_t count, enum style style) {
    struct buffer out = buffer_on(arena);
    while (*wording != '\0') {
        size_t len = strcspn(wording, "\n"), before = out.len;
        bool ends = wording[len] == '\n';
        if (!render_line(&out, wording, len, variables, count, style) && style != STYLE_LINE)
            out.len = before;
        else if (ends)
            buffer_add_byte(&out, '\n');
        wording += len + (ends ? 1 : 0);
    }
    return buffer_text(&out);
}

static bool is_link(const char *line, size_t len) {
    return len > 8 && (strncmp(line, "https://", 8) == 0 || strncmp(line, "http://", 7) == 0) &&
           memchr(line, ' ', len) == NULL;
}

static void add_line(struct buffer *out, const char *line, size_t len) {
    if (!is_link(line, len)) {
        add_html(out, line, len);
        return;
    }
    buffer_add_text(out, "<a href=\"");
    add_html(out, line, len);
    buffer_add_text(out, "\">");
    add_html(out, line, len);
    buffer_add_text(out, "</a>");
}

/* The text for those who read HTML: paragraphs, lines, links. */
static const char *html_of(struct arena *arena, const char *text) {
    struct buffer out = buffer_on(arena);
    bool open = false;
    buffer_add_text(&out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"></head>\n"
                          "<body style=\"font-family:sans-serif;line-height:1.5;max-width:40em\">\n");
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        if (len == 0) {
            buffer_add_text(&out, open ? "</p>\n" : "");
            open = false;
        } else {
            buffer_add_text(&out, open ? "<br>\n" : "<p>");
            open = true;
            add_line(&out, text, len);
        }
        text += len + (text[len] == '\n' ? 1 : 0);
    }
    buffer_add_text(&out, open ? "</p>\n</body></html>\n" : "</body></html>\n");
    return buffer_text(&out);
}

struct mail_text mail_render(struct arena *arena, const struct mail_text *wording,
                             const struct mail_variable *variables, size_t count) {
    struct mail_text out = {render(arena, wording->subject, variables, count, STYLE_LINE),
                            render(arena, wording->text, variables, count, STYLE_TEXT), ""};
    out.html = wording->html[0] == '\0' ? html_of(arena, out.text)
                                        : render(arena, wording->html, variables, count, STYLE_HTML);
    return out;
}

static bool known(const struct mail_template *t, const char *name, size_t len) {
    if (view_is(view_of(name, len), "instance"))
        return true;
    for (size_t i = 0; t->variables[i] != NULL; i++)
        if (view_is(view_of(name, len), t->variables[i]))
            return true;
    return false;
}

static bool check_part(struct arena *arena, const struct mail_template *t, const char *part,
                       const char *text, size_t most, struct error *err) {
    if (strlen(text) > most)
        return fail(err, ERROR_POLICY, "mail-template", "\"%s\" is longer than %zu octets.", part, most);
    for (; *text != '\0'; text++) {
        size_t len = variable_at(text);
        if (len > 0 && !known(t, text + 1, len))
            return fail(err, ERROR_POLICY, "mail-template",
                        "\"%s\" uses {%.40s}, which %s does not have; its list \"variables\" says what is there.",
                        part, arena_text(arena, view_of(text + 1, len)), t->name);
    }
    return true;
}

bool mail_text_check(struct arena *arena, const struct mail_template *t, const struct mail_text *wording,
                     struct error *err) {
    if (wording->subject[0] == '\0' || wording->text[0] == '\0')
        return fail(err, ERROR_POLICY, "mail-template", "A mail has a subject and a text.");
    for (const char *c = wording->subject; *c != '\0'; c++)
        if ((unsigned char)*c < ' ')
            return fail(err, ERROR_POLICY, "mail-template", "A subject is one line.");
    return check_part(arena, t, "subject", wording->subject, MAX_MAIL_SUBJECT, err) &&
           check_part(arena, t, "text", wording->text, MAX_MAIL_TEXT, err) &&
           check_part(arena, t, "html", wording->html, MAX_MAIL_HTML, err);
}
