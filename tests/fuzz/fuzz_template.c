/* A template's document, or its text in OpenSSL's form, from anybody: what is understood is written
 * completely, and what was written reads as the same document. The first byte says which.
 * Links: gatehouse_template */
#include "template/template.h"
#include "template/text.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void expect(bool holds) {
    if (!holds)
        abort();
}

/* Whatever document passes comes back. */
static void use_document(struct arena *arena, const struct json *document) {
    struct template t, again;
    const struct json *complete;
    struct error err;
    if (!template_from_json(arena, document, &t, &err))
        return;
    const char *first = template_to_json(arena, &t);
    expect(json_parse(arena, view_text(first), &complete, &err));
    expect(template_from_json(arena, complete, &again, &err));
    expect(strcmp(first, template_to_json(arena, &again)) == 0);
    struct template_record record = {
        .slug = "fuzz", .ca_slug = "ca", .name = "Fuzz", .document = first, .version = 1};
    const char *text;
    const struct json *back;
    struct template third;
    if (!template_to_text(arena, &record, &text, &err) || strlen(text) > TEMPLATE_TEXT_MAX)
        return;
    if (template_from_text(arena, text, NULL, &back, &err))
        (void)!template_from_json(arena, back, &third, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct json *document;
    struct error err;
    if (len < 2)
        return 0;
    struct view rest = view_of(at + 1, len - 1);
    bool read = at[0] == '#' ? template_from_text(arena, arena_text(arena, rest), NULL, &document, &err)
                             : json_parse(arena, view_of(at, len), &document, &err);
    if (read)
        use_document(arena, document);
    ERR_clear_error();
    return 0;
}
