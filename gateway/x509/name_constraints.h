/* Name constraints (RFC 5280 section 4.2.1.10): which names the certificates below a CA may have.
 *
 *   {"permitted":["DNS:example.com","IP:10.0.0.0/8"],"excluded":["DNS:secret.example.com"]}
 *
 * DNS: a domain, which covers itself and what is below it; "DNS:" alone covers every DNS name. IP: an
 * address and a prefix length or mask. email: a mailbox, a host, or a domain with a leading dot. URI: a
 * host, or a domain with a leading dot. dirName: an RFC 4514 name whose beginning must match. */
#ifndef GATEHOUSE_X509_NAME_CONSTRAINTS_H
#define GATEHOUSE_X509_NAME_CONSTRAINTS_H

#include "base/json.h"
#include "x509/handles.h"

DEFINE_AUTO(NAME_CONSTRAINTS, NAME_CONSTRAINTS_free)

/* The result lives on the arena. At least one name; at most 200. ERROR_MALFORMED
 * "malformed-name-constraints" names the entry. */
MUST_USE bool name_constraints_from_json(struct arena *arena, const struct json *value,
                                         const NAME_CONSTRAINTS **ret_constraints,
                                         struct error *err);
/* The JSON object; entries of other kinds as "other:HEX". NULL writes null. */
void name_constraints_write_json(struct json_writer *w, struct arena *arena,
                                 const NAME_CONSTRAINTS *constraints);

#endif
