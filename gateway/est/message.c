#include "est/message.h"

#include "base/encode.h"

#include <string.h>

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool contains(struct view body, const char *text) {
    return memmem(body.at, body.len, text, strlen(text)) != NULL;
}

static bool refuse(struct error *err, const char *why) {
    return fail(err, ERROR_MALFORMED, "est-message",
                "The body %s; EST takes a PKCS#10 request in base64 (RFC 8951 section 3.1).", why);
}

bool est_body_decode(struct arena *arena, struct view body, enum est_form *ret_form,
                     struct view *ret_der, struct error *err) {
    enum est_form form = EST_BASE64;
    struct view der = body;
    size_t skip = 0;
    while (skip < body.len && is_blank(body.at[skip]))
        skip++;
    if (skip == body.len)
        return refuse(err, "is empty");
    /* A SEQUENCE of two length octets or more is no base64: 0x81 and up is no such character. */
    if (body.len > 2 && body.at[0] == 0x30 && (body.at[1] & 0x80) != 0)
        form = EST_DER;
    else if (contains(body, "-----BEGIN ")) {
        if (!pem_decode(arena, body, "CERTIFICATE REQUEST", &der) &&
            !pem_decode(arena, body, "NEW CERTIFICATE REQUEST", &der))
            return refuse(err, "is PEM, but of no certificate request");
    } else if (!base64_decode(arena, body, &der))
        return refuse(err, "is neither base64 nor DER");
    if (der.len == 0 || der.at[0] != 0x30)
        return refuse(err, "holds no ASN.1 sequence");
    *ret_form = form;
    *ret_der = der;
    return true;
}

struct view est_body_encode(struct arena *arena, enum est_form form, struct view der) {
    return form == EST_DER ? der : view_text(base64_encode(arena, der));
}
