/* Distinguished names (RFC 5280 section 4.1.2.4), order kept. */
#ifndef GATEHOUSE_X509_NAME_H
#define GATEHOUSE_X509_NAME_H

#include "base/json.h"
#include "x509/handles.h"

#define NAME_MAX_ATTRIBUTES 64

/* {"CN":"Example Root","O":"Example","OU":["a","b"]}: members in order, an array repeats the
 * attribute; short names, long names (either case) or dotted OIDs. C is checked to be two letters,
 * DC and emailAddress are IA5String, C/serialNumber/dnQualifier PrintableString, the rest
 * UTF8String; upper bounds of RFC 5280 appendix A.1 and X.520 hold. Also accepts an array of such
 * objects, one an RDN of one or several attributes ([{"O":"Example"},{"CN":"a","UID":"b"}]), and a
 * string in RFC 4514 form. At most NAME_MAX_ATTRIBUTES. An empty object is the empty name. ERROR_MALFORMED
 * "malformed-name". */
MUST_USE bool name_from_json(const struct json *value, X509_NAME **ret_name, struct error *err);
/* RFC 4514: "CN=Example Root,O=Example" (the last RDN first, as the RFC writes it). Spaces around
 * separators are forgiven; multi-valued RDNs ("A=1+B=2") and "#hex" of a string type are read. */
MUST_USE bool name_from_text(const char *text, X509_NAME **ret_name, struct error *err);
/* RFC 4514 text of a name. UTF-8 stays as it is, control characters are written as \XX; values that
 * are no text, and those of unknown attributes, as #hex. */
const char *name_text(struct arena *arena, const X509_NAME *name);
/* The JSON object form (multi-valued RDNs are flattened in order; repeated attributes become an
 * array at the place of the first). */
void name_write_json(struct json_writer *w, struct arena *arena, const X509_NAME *name);
/* The last CN as UTF-8, or NULL. */
const char *name_common_name(struct arena *arena, const X509_NAME *name);
/* The type of a short name, long name, alias (any case) or dotted OID; the caller frees it. */
MUST_USE bool name_attribute_type(const char *name, ASN1_OBJECT **ret_type, struct error *err);
/* The values of an attribute in order, as UTF-8; values that are no text are left out. */
MUST_USE bool name_attribute_texts(struct arena *arena, const X509_NAME *name, const char *type,
                                   const char ***ret_values, size_t *ret_count, struct error *err);
/* The first of them, or NULL. */
const char *name_attribute_text(struct arena *arena, const X509_NAME *name, const char *type);
MUST_USE bool name_from_der(struct view der, X509_NAME **ret_name, struct error *err);
struct view name_der(struct arena *arena, const X509_NAME *name);
bool name_empty(const X509_NAME *name);
/* The same name with UTF8String where it had a string type that new certificates do not use any more (TeletexString,
 * BMPString, UniversalString: rfc5280#4.1.2.4); the name itself when it has none. On the arena. */
MUST_USE bool name_modern(struct arena *arena, const X509_NAME *name, const X509_NAME **ret_name, struct error *err);
/* The rules of name_from_json on a name that came from elsewhere, such as a CSR: count, bounds,
 * text that is valid. String types are not demanded, an old PrintableString O is fine. */
MUST_USE bool name_check(const X509_NAME *name, struct error *err);

#endif
