/* Identifiers (rfc8555#9.7.7, rfc8738) and the patterns that policies name them by. */
#ifndef GATEHOUSE_ACME_IDENTIFIER_H
#define GATEHOUSE_ACME_IDENTIFIER_H

#include "base/json.h"
#include "ca/core.h"
#include "store/acme.h"
#include "x509/handles.h"

struct identifier {
    enum acme_kind kind;
    const char *value; /* lower case; IP addresses in canonical form (rfc5952); without "*." */
    bool wildcard;
};
#define MAX_IDENTIFIERS 100

const char *identifier_type(enum acme_kind kind); /* "dns", "ip", "permanent-identifier" */
/* {"type":"dns","value":"..."}. ERROR_MALFORMED "malformed-identifier" what is none, ERROR_POLICY
 * "unsupported-identifier" for other types. */
MUST_USE bool identifier_read(struct arena *arena, const struct json *document,
                              struct identifier *ret, struct error *err);
/* An array; duplicates are one. */
MUST_USE bool identifiers_read(struct arena *arena, const struct json *array,
                               struct identifier **ret, size_t *ret_count, struct error *err);
void identifier_write(struct json_writer *w, struct arena *arena,
                      const struct identifier *identifier, bool with_wildcard);
/* "*.example.org", "192.0.2.7" */
const char *identifier_text(struct arena *arena, const struct identifier *identifier);

/* Patterns: "example.org" that name alone; "*.example.org" everything below it, wildcards, too;
 * "**.example.org" the name and everything below it; "*" every DNS name; "10.0.0.0/8", "192.0.2.7"
 * addresses; "device:*", "device:C02*" and "device:C02XK1" permanent identifiers of devices. */
MUST_USE bool name_pattern_check(const char *pattern, struct error *err);
bool name_pattern_matches(const char *pattern, const struct identifier *identifier);
bool name_patterns_match(const struct text_list *patterns, const struct identifier *identifier);

/* What a CSR names: its SANs and its common name, as identifiers, sorted as they come. ERROR_POLICY
 * "bad-csr" when there is a name of another kind. ret_common_only: the common name is in no SAN. A
 * common name that is one of the permanent identifiers of the order (`expected`) is that. */
MUST_USE bool identifiers_of_csr(struct arena *arena, const X509_REQ *csr,
                                 const struct identifier *expected, size_t expected_count,
                                 struct identifier **ret, size_t *ret_count, bool *ret_common_only,
                                 struct error *err);
/* A CSR (b) need not name the permanent identifiers of its order (a), which the attestation proves.
 */
bool identifiers_same(const struct identifier *a, size_t a_count, const struct identifier *b,
                      size_t b_count);

#endif
