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

/* The extensions that the template sets and a CSR may bring. */
static bool list_extensions(struct arena *arena, struct buffer *out, const struct template *t, struct error *err) {
    struct buffer purposes = buffer_on(arena), value = buffer_on(arena);
    if (t->key_usage != 0)
        TRY(add_extension(arena, out, "keyUsage", t->key_usage_critical,
                          key_usage_der(arena, t->key_usage), err));
    for (size_t i = 0; i < t->extended_key_usage.count; i++)
        if (!der_add_oid(&purposes, t->extended_key_usage.items[i], true))
            return fail_internal(err, "a purpose without an OID");
    if (purposes.len > 0) {
        der_add(&value, DER_SEQUENCE, buffer_view(&purposes));
        TRY(add_extension(arena, out, "extendedKeyUsage", t->purposes_critical, buffer_view(&value), err));
    }
    return true;
}

static bool add_extensions(struct arena *arena, struct buffer *out, const struct template *t,
                           struct error *err) {
    struct buffer extensions = buffer_on(arena), value = buffer_on(arena);
    TRY(list_extensions(arena, &extensions, t, err));
    if (extensions.len == 0)
        return true;
    der_add(&value, DER_SEQUENCE, buffer_view(&extensions));
    return add_attribute(arena, out, "extReq", buffer_view(&value), err);
}

/* --- the template (rfc9908#3.4) ------------------------------------------------------------------------- */

#define CSR_TEMPLATE "1.2.840.113549.1.9.16.2.61"
#define EXTENSION_TEMPLATE "1.2.840.113549.1.9.16.2.62"

/* SubjectPublicKeyInfoTemplate, without the key: the algorithm says it, and rsaEncryption beside it the size. */
static bool add_key_template(struct arena *arena, struct buffer *out, const struct template *t, struct error *err) {
    const char *type = est_wanted_key(t);
    struct buffer algorithm = buffer_on(arena), key = buffer_on(arena);
    bool ok = type != NULL;
    if (type == NULL)
        return true;
    if (strncmp(type, "RSA-", 4) == 0) {
        ok = der_add_oid(&algorithm, "rsaEncryption", true);
        der_add(&algorithm, DER_NULL, view_of(NULL, 0));
    } else if (key_type_is_ec(type)) {
        int curve = EC_curve_nist2nid(type);
        ok = der_add_oid(&algorithm, "id-ecPublicKey", true) &&
             der_add_oid(&algorithm, curve == NID_undef ? type : OBJ_nid2sn(curve), true);
    } else {
        ok = der_add_oid(&algorithm, strcmp(type, "Ed448") == 0     ? SN_ED448
                                     : strcmp(type, "Ed25519") == 0 ? SN_ED25519
                                                                    : type,
                         true);
    }
    if (!ok)
        return fail_internal(err, "the key type %s has no OID", type);
    der_add(&key, DER_SEQUENCE, buffer_view(&algorithm));
    der_add(out, DER_CONTEXT_CONSTRUCTED | 0, buffer_view(&key));
    return true;
}

/* NameTemplate: the attributes that a CSR must have, without values. */
static void add_name_template(struct arena *arena, struct buffer *out, const struct template *t) {
    struct buffer rdns = buffer_on(arena);
    for (size_t i = 0; t->subject.from == SUBJECT_FROM_CSR && i < t->subject.required.count; i++) {
        struct buffer type = buffer_on(arena), single = buffer_on(arena);
        if (!der_add_oid(&type, t->subject.required.items[i], true))
            continue; /* a name of ours alone */
        der_add(&single, DER_SEQUENCE, buffer_view(&type));
        der_add(&rdns, DER_SET, buffer_view(&single));
    }
    if (rdns.len > 0)
        der_add(out, DER_SEQUENCE, buffer_view(&rdns));
}

/* What a whole CSR should look like, for clients that read it; the attributes above say it to all others. */
static bool add_template(struct arena *arena, struct buffer *out, const struct template *t, struct error *err) {
    struct buffer content = buffer_on(arena), attributes = buffer_on(arena), value = buffer_on(arena);
    struct buffer extensions = buffer_on(arena), name = buffer_on(arena), all = buffer_on(arena);
    der_add_integer(&content, DER_INTEGER, 0);
    add_name_template(arena, &content, t);
    TRY(add_key_template(arena, &content, t, err));
    if (!t->sans.none && t->sans.min > 0) {
        TRY(list_extensions(arena, &extensions, t, err));
        if (!der_add_oid(&name, "subjectAltName", true))
            return fail_internal(err, "the OID of subjectAltName");
        der_add(&extensions, DER_SEQUENCE, buffer_view(&name)); /* without a value: the client's to fill in */
        der_add(&all, DER_SEQUENCE, buffer_view(&extensions));
        TRY(add_attribute(arena, &attributes, EXTENSION_TEMPLATE, buffer_view(&all), err));
    } else {
        TRY(add_extensions(arena, &attributes, t, err));
    }
    der_add(&content, DER_CONTEXT_CONSTRUCTED | 1, buffer_view(&attributes));
    der_add(&value, DER_SEQUENCE, buffer_view(&content));
    return add_attribute(arena, out, CSR_TEMPLATE, buffer_view(&value), err);
}

bool est_attributes(struct arena *arena, const struct template *template, bool with_challenge,
                    struct view *ret_der, struct error *err) {
    struct buffer items = buffer_on(arena), out = buffer_on(arena);
    if (with_challenge && !der_add_oid(&items, "challengePassword", true))
        return fail_internal(err, "the OID of challengePassword");
    TRY(add_key(arena, &items, template, err));
    TRY(add_extensions(arena, &items, template, err));
    /* A template replaces the rest and cannot ask for a channel binding; nothing wanted needs none. */
    if (!with_challenge && items.len > 0)
        TRY(add_template(arena, &items, template, err));
    der_add(&out, DER_SEQUENCE, buffer_view(&items));
    *ret_der = buffer_view(&out);
    return true;
}
