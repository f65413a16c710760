#include "wire/rows.h"

#include "wire/fields.h"

#include <stddef.h>
#include <string.h>

#define ROW(member) offsetof(struct wire_row, member)
#define TEXT_MAX 511

static const struct wire_field row_fields[] = {
    {"name", FIELD_TEXT, ROW(name), 0, TEXT_MAX},
    {"URI", FIELD_TEXT, ROW(uri), 0, WIRE_URI_MAX},
    {"key type", FIELD_TEXT, ROW(key_type), 0, 32},
    {"text", FIELD_TEXT, ROW(text), 0, TEXT_MAX},
    {"id", FIELD_BYTES, ROW(id), 0, 255},
    {"DER", FIELD_BYTES, ROW(der), 0, WIRE_CERTIFICATE_MAX},
    {"flags", FIELD_U8, ROW(flags), 0, 255},
    {0}};

static struct view cleaned(struct view text, char copy[static TEXT_MAX]) {
    size_t len = text.len < TEXT_MAX ? text.len : TEXT_MAX;
    for (size_t i = 0; i < len; i++)
        copy[i] = text.at[i] < 0x20 || text.at[i] == 0x7F ? '?' : (char)text.at[i];
    return view_of(copy, len);
}

void wire_add_row(struct wire_buffer *list, const struct wire_row *row) {
    char name[TEXT_MAX], text[TEXT_MAX];
    struct wire_row fit = *row;
    fit.name = cleaned(row->name, name);
    fit.text = cleaned(row->text, text);
    size_t before = list->len;
    if (!wire_encode_fields(row_fields, &fit, list, NULL))
        list->len = before; /* an id or certificate beyond all measure is not shown */
}

bool wire_next_row(struct view *list, struct wire_row *ret_row) {
    struct wire_row row = {.flags = 0};
    struct view rest = *list;
    if (rest.len == 0 || !wire_decode_fields(row_fields, &row, &rest, NULL))
        return false;
    *list = rest;
    *ret_row = row;
    return true;
}
