/* What the files that write extensions share. */
#ifndef GATEHOUSE_X509_EXTENSION_INTERNAL_H
#define GATEHOUSE_X509_EXTENSION_INTERNAL_H

#include "x509/der.h"
#include "x509/extension.h"
#include "x509/internal.h"

/* Writes the DER of the value; refuses with extension_bad. */
typedef bool extension_writer(const struct extension_place *place, const struct json *value,
                              struct buffer *out, struct error *err);

struct extension_type {
    const char *name, *oid;
    bool critical; /* what "critical" is when the document does not say */
    extension_writer *write;
};
extern const struct extension_type extension_types[]; /* ends without a name */

extension_writer write_policies, write_qc_statements, write_microsoft_template,
    write_microsoft_template_name, write_microsoft_sid, write_smime_capabilities,
    write_name_constraints, write_directory_attributes, write_typed_value,
    write_related_certificate;

bool extension_bad(struct error *err, const char *type, const char *problem, ...) PRINTF_LIKE(3, 4);

#endif
