/* CsrAttrs ::= SEQUENCE OF AttrOrOID (rfc7030#4.5.2), with values as rfc9908#3.2 explains them. */
#include "est/exchange.h"

#include "x509/der.h"
#include "x509/extension.h"
#include "x509/key_type.h"

#include <stdlib.h>
#include <string.h>

/* Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY } */
static bool add_attribute(struct arena *arena, struct buffer *out, const char *oid, struct view value,
                          struct error *err) {
    struct buffer attribute = buffer_on(arena);
    if (!der_add_oid(&attribute, oid, true))
        return fail_internal(err, "the OID of a CSR attribute");
    der_add(&attribute, DER_SET, value);
    der_add(out, DER_SEQUENCE, buffer_view(&attribute));
    return true;
}

/* The class or type that stands first in the template: what a client does best to bring. */
const char *est_wanted_key(const struct template *t) {
    static const char *const classes[][2] = {
        {"RSA", "RSA-2048"}, {"EC", "P-256"}, {"ML-DSA", "ML-DSA-65"}, {"SLH-DSA", NULL}};
    const char *first = t->keys.count == 0 ? NULL : t->keys.items[0];
    for (size_t i = 0; first != NULL && i < sizeof classes / sizeof classes[0]; i++)
        if (strcmp(first, classes[i][0]) == 0)
            return classes[i][1];
    return first;
}

/* rfc9908#3.2: rsaEncryption with the size, id-ecPublicKey with the curve, else the algorithm's own OID. */
static bool add_key(struct arena *arena, struct buffer *out, const struct template *t,
                    struct error *err) {
    const char *type = est_wanted_key(t);
    struct buffer value = buffer_on(arena);
    if (type == NULL)
        return true;
    if (strncmp(type, "RSA-", 4) == 0) {
        der_add_integer(&value, DER_INTEGER, strtol(type + 4, NULL, 10));
        return add_attribute(arena, out, "rsaEncryption", buffer_view(&value), err);
    }
    if (key_type_is_ec(type)) {
        int curve = EC_curve_nist2nid(type);
        if (!der_add_oid(&value, curve == NID_undef ? type : OBJ_nid2sn(curve), true))
            return fail_internal(err, "the curve %s has no OID", type);
        return add_attribute(arena, out, "id-ecPublicKey", buffer_view(&value), err);
    }
    if (strncmp(type, "Ed", 2) == 0) /* OpenSSL's short name is in capitals */
        type = strcmp(type, "Ed448") == 0 ? SN_ED448 : SN_ED25519;
    return der_add_oid(out, type, true) || fail_internal(err, "the key type %s has no OID", type);
}

static bool add_extension(struct arena *arena, struct buffer *out, const char *oid, bool critical,
                          struct view value, struct error *err) {
    struct buffer extension = buffer_on(arena);
    if (!der_add_oid(&extension, oid, true))
        return fail_internal(err, "the OID of an extension");
    if (critical)
        der_add_boolean(&extension, true);
    der_add(&extension, DER_OCTET_STRING, value);
    der_add(out, DER_SEQUENCE, buffer_view(&extension));
    return true;
}

/* Named bits, trailing zeros cut (X.690 11.2.2): bit n of KeyUsage is bit n from the left. */
static struct view key_usage_der(struct arena *arena, unsigned usage) {
    struct buffer out = buffer_on(arena);
    uint8_t bits[3] = {0, (uint8_t)(usage & 0xff), (usage & KU_DECIPHER_ONLY) != 0 ? 0x80 : 0};
    size_t len = bits[2] != 0 ? 3 : 2;
    while (bits[0] < 7 && (bits[len - 1] >> bits[0] & 1) == 0)
        bits[0]++;
    der_add(&out, DER_BIT_STRING, view_of(bits, len));
    return buffer_view(&out);
}

static bool add_extensions(struct arena *arena, struct buffer *out, const struct template *t,
                           struct error *err) {
    struct buffer extensions = buffer_on(arena), purposes = buffer_on(arena), value = buffer_on(arena);
    if (t->key_usage != 0)
        TRY(add_extension(arena, &extensions, "keyUsage", t->key_usage_critical,
                          key_usage_der(arena, t->key_usage), err));
    for (size_t i = 0; i < t->extended_key_usage.count; i++)
        if (!der_add_oid(&purposes, t->extended_key_usage.items[i], true))
            return fail_internal(err, "a purpose without an OID");
    if (purposes.len > 0) {
        der_add(&value, DER_SEQUENCE, buffer_view(&purposes));
        TRY(add_extension(arena, &extensions, "extendedKeyUsage", t->purposes_critical,
                          buffer_view(&value), err));
    }
    if (extensions.len == 0)
        return true;
    value = buffer_on(arena);
    der_add(&value, DER_SEQUENCE, buffer_view(&extensions));
    return add_attribute(arena, out, "extReq", buffer_view(&value), err);
}

bool est_attributes(struct arena *arena, const struct template *template, bool with_challenge,
                    struct view *ret_der, struct error *err) {
    struct buffer items = buffer_on(arena), out = buffer_on(arena);
    if (with_challenge && !der_add_oid(&items, "challengePassword", true))
        return fail_internal(err, "the OID of challengePassword");
    TRY(add_key(arena, &items, template, err));
    TRY(add_extensions(arena, &items, template, err));
    der_add(&out, DER_SEQUENCE, buffer_view(&items));
    *ret_der = buffer_view(&out);
    return true;
}
