/* What the readers of a template's text share: its lines, and what is said about them. */
#ifndef GATEHOUSE_TEMPLATE_TEXT_INTERNAL_H
#define GATEHOUSE_TEMPLATE_TEXT_INTERNAL_H

#include "template/text.h"
#include "template/words.h"

#define TEXT_MAX_LINES 500
#define TEXT_MAX_ITEMS 64

struct text_line {
    const char *section, *key, *value; /* section "": before the first one */
    int number;
    bool used; /* it says something to the template */
};

struct text_reader {
    struct arena *arena;
    struct text_line lines[TEXT_MAX_LINES];
    size_t count;
    const struct json *base; /* of the mark, else of the template that is there, else NULL */
    bool marked;
    int mark_line;
    struct text_reader *written; /* the base as we write it; NULL without base */
    struct text_findings *findings;
};

/* A notice or an error about a line (0: about none). */
void text_say(struct text_reader *r, int line, bool error, const char *format, ...) PRINTF_LIKE(4, 5);
#define text_wrong(r, line, ...) text_say(r, (line)->number, true, __VA_ARGS__)
#define text_notice(r, line, ...) text_say(r, (line)->number, false, __VA_ARGS__)

/* The line of that section and key, which counts as used then; or NULL. */
struct text_line *text_find(struct text_reader *r, const char *section, const char *key);
/* A setting of [req]. */
const char *text_setting(struct text_reader *r, const char *key, const char *otherwise);
/* The base, as we would write it, has the same line there. */
bool text_unchanged(const struct text_reader *r, const char *section, const struct text_line *line);
/* "a, b,c" as items; a leading "critical" is told apart. "@name" stands for the lines of section [name]:
 * "DNS.1 = x" is the item "DNS:x". */
size_t text_items(struct text_reader *r, struct text_line *line, bool *ret_critical,
                  const char *items[static TEXT_MAX_ITEMS]);
const char *text_trim(struct arena *arena, const char *from, const char *to);
void text_put_items(struct json_writer *w, const char *name, const char *const *items, size_t count);
/* True when some text of the value holds a {variable}. */
bool text_holds_variable(const struct json *value);

/* Members of the document, by section. */
void text_put_names(struct json_writer *w, struct text_reader *r); /* subject and variables */
void text_put_extensions(struct json_writer *w, struct text_reader *r);

#endif
