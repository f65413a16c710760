/* The bodies of EST (RFC 7030, RFC 8951): what they hold and how they are written. Free of HTTP, so that another
 * transport (RFC 9148) can use them. */
#ifndef GATEHOUSE_EST_MESSAGE_H
#define GATEHOUSE_EST_MESSAGE_H

#include "base/arena.h"
#include "template/template.h"

#define EST_BODY_MAX ((size_t)384 * 1024) /* base64, with line breaks, of the largest CSR */

/* What a client sent: base64 (rfc8951#3.1) with or without line breaks, or, as real clients do, PEM or bare DER.
 * The answer comes in the form of the question. */
enum est_form { EST_BASE64, EST_DER };
/* ret_der may lie inside `body`. Its content is not looked at beyond its first octet. ERROR_MALFORMED
 * "est-message". */
MUST_USE bool est_body_decode(struct arena *arena, struct view body, enum est_form *ret_form,
                              struct view *ret_der, struct error *err);
/* base64 in one line (rfc8951#3.1; strongSwan reads no other), or the bytes. */
struct view est_body_encode(struct arena *arena, enum est_form form, struct view der);

/* What the template wants of a CSR (rfc7030#4.5.2, rfc9908#3.2), DER of CsrAttrs: challengePassword when
 * `with_challenge`, the type of key, and key usages as one extensionRequest. */
MUST_USE bool est_attributes(struct arena *arena, const struct template *template, bool with_challenge,
                             struct view *ret_der, struct error *err);

#endif
