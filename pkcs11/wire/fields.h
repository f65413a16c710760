/* A message is a list of fields, and the list is data: encoder and decoder walk the same table, so
 * they cannot disagree. Used by this room alone. */
#ifndef GATEHOUSE_WIRE_FIELDS_H
#define GATEHOUSE_WIRE_FIELDS_H

#include "wire/messages.h"

enum wire_field_type {
    FIELD_U8,
    FIELD_U16,
    FIELD_U64,
    FIELD_TEXT, /* struct view; 16 bits of length, no control characters */
    FIELD_BYTES /* struct view; 32 bits of length */
};

struct wire_field {
    const char *name; /* NULL ends a list */
    enum wire_field_type type;
    size_t offset;     /* in the record */
    uint64_t min, max; /* of the number, or of the length */
};

MUST_USE bool wire_encode_fields(const struct wire_field *fields, const void *record,
                                 struct wire_buffer *out, struct error *err);
MUST_USE bool wire_decode_fields(const struct wire_field *fields, void *record, struct view *rest,
                                 struct error *err);
/* Big-endian, 1 to 8 bytes; false when the view is shorter. */
bool wire_take_number(struct view *rest, size_t size, uint64_t *ret_value);

#endif
