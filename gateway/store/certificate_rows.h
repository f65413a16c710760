/* Rows of certificates with their status, shared by look-ups and lists. Private to this room. */
#ifndef GATEHOUSE_STORE_CERTIFICATE_ROWS_H
#define GATEHOUSE_STORE_CERTIFICATE_ROWS_H

#include "base/encode.h"
#include "store/certificates.h"
#include "store/query.h"

/* rfc5280#5.3.1 CRLReason */
enum { REASON_CERTIFICATE_HOLD = 6, REASON_REMOVE_FROM_CRL = 8 };

/* The text search: pieces of what is searched, which overlap so that every text that may be searched for lies
 * whole in one of them. */
#define SEARCH_TEXT_MAX ((size_t)200)
#define SEARCH_PIECE ((size_t)600)
#define SEARCH_TOTAL ((size_t)65536)

/* `der` is "c.der", or "''" where lists leave it out; the index is said, since the optimizer may otherwise
 * begin with the CA or template and walk all of its certificates. */
#define CERTIFICATE_SELECT(der, index)                                                             \
    "SELECT c.id, c.ca_id, c.organisation_id, a.slug, c.issuer_key_id, c.template_id, t.slug, "    \
    "c.template_version, c.request_id, c.purpose, c.serial, c.subject, c.common_name, c.sans, "    \
    "c.key_type, c.requester, c.not_before_us, c.not_after_us, c.created_us, "                     \
    "c.fingerprint_sha256, c.spki_sha256, " der ", COALESCE(r.reason, 0), "                        \
    "COALESCE(r.revoked_us, 0), COALESCE(r.invalidity_us, 0), COALESCE(r.ordinal, 0) "             \
    "FROM certificates c FORCE INDEX (" index ") STRAIGHT_JOIN cas a ON a.id = c.ca_id "            \
    "LEFT JOIN templates t ON t.id = c.template_id "                                               \
    "LEFT JOIN revocations r ON r.certificate_id = c.id AND r.ordinal = "                          \
    "(SELECT MAX(n.ordinal) FROM revocations n WHERE n.certificate_id = c.id) WHERE "

void certificate_row_read(struct rows *rows, struct certificate_record *ret);

#endif
