/* The attribute types that names are made of, and their rules. For name*.c alone. */
#ifndef GATEHOUSE_X509_NAME_ATTRIBUTE_H
#define GATEHOUSE_X509_NAME_ATTRIBUTE_H

#include "base/arena.h"
#include "x509/handles.h"

struct attribute_kind;

/* The kind of an attribute type; types that are not in the table share one with a generous bound.
 */
const struct attribute_kind *attribute_kind_of(const ASN1_OBJECT *type);
bool attribute_known(const struct attribute_kind *kind);
/* "CN", or NULL when the type is only known by its OID. */
const char *attribute_short_name(const struct attribute_kind *kind);
/* A short name, long name, alias (any case) or dotted OID. */
MUST_USE bool attribute_type_parse(struct view text, ASN1_OBJECT **ret_type, struct error *err);
/* Length, characters and alphabet of a value (UTF-8). */
MUST_USE bool attribute_value_check(const ASN1_OBJECT *type, struct view value, struct error *err);
/* The string type that we write for this attribute. */
int attribute_string_type(const struct attribute_kind *kind);
/* The value as UTF-8 on the arena (NUL characters stay in it), or false when it is no text. */
bool attribute_value_text(struct arena *arena, const ASN1_STRING *value, struct view *ret_text);

#endif
