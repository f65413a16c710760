/* Subject alternative names (RFC 5280 section 4.2.1.6), written as text: "DNS:www.example.com",
 * "IP:192.0.2.1", "IP:2001:db8::1", "email:a@example.com", "URI:https://...", "UPN:user@realm"
 * (otherName 1.3.6.1.4.1.311.20.2.3), "SRV:_imap.example.com" (id-on-dnsSRV, RFC 4985),
 * "XMPP:user@example.com" (id-on-xmppAddr, RFC 6120), "RID:1.2.3", "dirName:CN=..."; what has no such
 * form, or would be misread in it (a NUL in a DNS name), reads back as "other:HEX" of the GeneralName's DER.
 */
#ifndef GATEHOUSE_X509_SAN_H
#define GATEHOUSE_X509_SAN_H

#include "base/json.h"
#include "x509/handles.h"

#define SAN_MAX_COUNT 1000

/* Adds one name; one that is in the list already is not added again. A text without a known prefix
 * is an IP address if it parses as one, an e-mail address if it has an "@", a URI if it has "://",
 * else a DNS name. DNS names are checked (LDH labels <= 63, total <= 253, one leading "*." allowed,
 * rfc5280#4.2.1.6 preferred syntax, underscores refused), IP, e-mail and URI too; IDNs must come as
 * A-labels. "other:HEX" takes an otherName, x400Address or ediPartyName as it is. ERROR_MALFORMED
 * "malformed-san". */
MUST_USE bool san_add_text(GENERAL_NAMES *sans, const char *text, struct error *err);
/* ["DNS:a", ...], or objects {"type":"dns|ip|email|uri|upn|rid|dirName|srv|xmpp|other","value":"..."}. */
MUST_USE bool san_from_json(const struct json *array, GENERAL_NAMES **ret_sans, struct error *err);
/* One name as text; type_ret, when not NULL, gets "dns", "ip", "email", "uri", "upn", "rid",
 * "dirName", "srv", "xmpp" or "other". */
const char *san_text(struct arena *arena, const GENERAL_NAME *name, const char **ret_type);
/* An array of texts. */
/* All of them with ", " between; one that stands within a name gets a backslash before it. See joined_span. */
const char *san_joined(struct arena *arena, const GENERAL_NAMES *sans);
void san_write_json(struct json_writer *w, struct arena *arena, const GENERAL_NAMES *sans);
/* At most SAN_MAX_COUNT names; their content is not judged, see san_check. */
MUST_USE bool san_from_der(struct view der, GENERAL_NAMES **ret_sans, struct error *err);
struct view san_der(struct arena *arena, const GENERAL_NAMES *sans);
/* The rules of san_add_text on names that came from elsewhere, such as a CSR. */
MUST_USE bool san_check(const GENERAL_NAMES *sans, struct error *err);

/* What is wrong with a host name in preferred name syntax (rfc1034#3.5, rfc1123#2.1), or NULL. */
const char *dns_name_problem(const char *name, bool wildcard_allowed);
/* What is wrong with its labels that begin with xn--, or NULL. */
const char *a_label_problem(const char *name);
/* What is wrong with an absolute URI (rfc3986, rfc5280#4.2.1.6), or NULL. */
const char *uri_problem(const char *uri);

#endif
