/* PKCS#11 URIs (RFC 7512), read strictly: an attribute that we cannot honour is an error, since
 * ignoring it would match more keys than the writer meant. */
#ifndef GATEHOUSE_WIRE_URI_H
#define GATEHOUSE_WIRE_URI_H

#include "base/arena.h"

enum uri_type { URI_ANY, URI_PUBLIC, URI_PRIVATE, URI_CERT, URI_SECRET_KEY, URI_DATA };

/* Attributes that are not in the URI are NULL (texts) or have at == NULL (id). Texts are decoded.
 */
struct pkcs11_uri {
    const char *token, *manufacturer, *model, *serial;
    const char *object;
    const char *module_name; /* ours: the name in the signer's configuration */
    struct view id;
    enum uri_type type;
    bool has_slot_id;
    unsigned long slot_id;
};

/* rfc7512#2.3: the scheme, path attributes each at most once, percent-encoding. Refused: unknown
 * attributes, control characters in texts, and pin-value, pin-source and module-path: the signer
 * takes PINs and modules from its configuration alone. ERROR_MALFORMED "bad-uri". */
MUST_USE bool pkcs11_uri_parse(struct arena *arena, struct view text, struct pkcs11_uri *ret_uri,
                               struct error *err);

struct uri_token {
    const char *label, *manufacturer, *model, *serial;
};
/* The URI of a token, with everything encoded that must be (rfc7512#2.3). */
char *pkcs11_uri_of_token(struct arena *arena, const struct uri_token *token);
/* The same with a private key in it: by its id, or by its label when it has none. */
char *pkcs11_uri_of_key(struct arena *arena, const struct uri_token *token, struct view id,
                        const char *label);

#endif
