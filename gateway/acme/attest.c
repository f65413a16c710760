#include "acme/attest.h"

#include "acme/cbor.h"
#include "acme/internal.h"
#include "base/encode.h"
#include "x509/certificate.h"
#include "x509/key_type.h"

#include <openssl/sha.h>
#include <string.h>

#define APPLE_FRESHNESS "1.2.840.113635.100.8.11.1"
#define APPLE_SERIAL "1.2.840.113635.100.8.9.1"
#define APPLE_UDID "1.2.840.113635.100.8.9.2"
#define YUBICO_SERIAL "1.3.6.1.4.1.41482.3.7"
#define PERMANENT_IDENTIFIER "1.3.6.1.5.5.7.8.3"
#define HARDWARE_MODULE "1.3.6.1.5.5.7.8.4"

bool attest_bad(struct error *err, const char *format, const char *why) {
    return acme_refuse(err, "badAttestationStatement", ERROR_POLICY,
                       "The attestation (\"%.20s\") %s.", format, why);
}

bool attest_key(struct attestation *attestation, struct arena *arena, EVP_PKEY *key,
                struct error *err) {
    struct view spki;
    TRY(key_spki(arena, key, &spki, err));
    SHA256(spki.at, spki.len, attestation->spki_sha256);
    return true;
}

bool attest_name(struct attestation *attestation, struct arena *arena, struct view name,
                 struct error *err) {
    if (name.len == 0 || name.len > 255 || attestation->name_count == ATTEST_NAMES_MAX)
        return attest_bad(err, attestation->format, "has a name that is empty or too long");
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] < 0x20 || name.at[i] > 0x7e)
            return attest_bad(err, attestation->format, "has a name that is not printable ASCII");
    attestation->names[attestation->name_count++] = arena_text(arena, name);
    return true;
}

/* Apple puts texts as they are, other makers wrap them. */
static struct view unwrapped(struct view bytes) {
    if (bytes.len > 2 && (bytes.at[0] == 0x04 || bytes.at[0] == 0x0c || bytes.at[0] == 0x16) &&
        bytes.at[1] == bytes.len - 2 && bytes.at[1] < 0x80)
        return view_of(bytes.at + 2, bytes.len - 2);
    return bytes;
}

static bool read_apple(struct attestation *a, struct arena *arena, X509 *certificate,
                       const char *token, struct error *err) {
    uint8_t wanted[32];
    struct view value;
    SHA256((const unsigned char *)token, strlen(token), wanted);
    if (!certificate_extension(certificate, APPLE_FRESHNESS, &value) ||
        !view_equal(unwrapped(value), view_of(wanted, sizeof wanted)))
        return attest_bad(err, a->format,
                          "is not for this challenge: its freshness code is not "
                          "the SHA-256 of the token");
    if (certificate_extension(certificate, APPLE_SERIAL, &value))
        TRY(attest_name(a, arena, unwrapped(value), err));
    if (certificate_extension(certificate, APPLE_UDID, &value))
        TRY(attest_name(a, arena, unwrapped(value), err));
    return attest_key(a, arena, X509_get0_pubkey(certificate), err);
}

static bool read_serial(struct attestation *a, struct arena *arena, X509 *certificate,
                        struct error *err) {
    struct view value;
    if (!certificate_extension(certificate, YUBICO_SERIAL, &value))
        return attest_bad(err, a->format, "names no serial number of the key it comes from");
    const unsigned char *next = value.at;
    AUTO(ASN1_INTEGER) *serial = d2i_ASN1_INTEGER(NULL, &next, (long)value.len);
    int64_t number = 0;
    if (serial == NULL || next != value.at + value.len ||
        ASN1_INTEGER_get_int64(&number, serial) != 1 || number < 0)
        return attest_bad(err, a->format, "has a serial number that is none");
    const char *text = arena_printf(arena, "%lld", (long long)number);
    return attest_name(a, arena, view_text(text), err);
}

/* The attested key has signed the key authorization; EdDSA brings its own digest. */
static bool signed_by(const X509 *certificate, struct view signature, const char *text) {
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    bool own = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
    return ctx != NULL &&
           EVP_DigestVerifyInit_ex(ctx, NULL, own ? NULL : "SHA2-256", NULL, NULL, key, NULL) ==
               1 &&
           EVP_DigestVerify(ctx, signature.at, signature.len, (const unsigned char *)text,
                            strlen(text)) == 1;
}

static bool read_step(struct attestation *a, struct arena *arena, const struct cbor *statement,
                      X509 *certificate, const char *key_authorization, struct error *err) {
    struct view signature;
    struct cbor inner;
    if (!cbor_bytes(statement, "sig", &signature))
        return attest_bad(err, a->format, "has no \"sig\"");
    /* step's client wraps the signature once more */
    if (cbor_parse(arena, signature, &inner, NULL) && inner.type == CBOR_BYTES)
        signature = inner.bytes;
    if (!signed_by(certificate, signature, key_authorization))
        return attest_bad(err, a->format,
                          "is not for this challenge: the attested key has not "
                          "signed the key authorization");
    TRY(read_serial(a, arena, certificate, err));
    return attest_key(a, arena, X509_get0_pubkey(certificate), err);
}

static bool read_chain(struct attestation *a, struct arena *arena, const struct cbor *statement,
                       X509 **ret_certificate, struct error *err) {
    const struct cbor *x5c = cbor_get(statement, "x5c");
    if (x5c == NULL || x5c->type != CBOR_ARRAY || x5c->count == 0 || x5c->count > ATTEST_CHAIN_MAX)
        return attest_bad(err, a->format, "needs one to eight certificates as \"x5c\"");
    for (size_t i = 0; i < x5c->count; i++) {
        if (x5c->items[i].type != CBOR_BYTES)
            return attest_bad(err, a->format, "has an \"x5c\" of something else than octets");
        if (i == 0)
            a->certificate = x5c->items[i].bytes;
        else
            a->chain[a->chain_count++] = x5c->items[i].bytes;
    }
    struct error why;
    if (!certificate_decode(arena, a->certificate, ret_certificate, &why))
        return attest_bad(err, a->format, "has a certificate that cannot be read");
    keep_X509(arena, *ret_certificate);
    return X509_get0_pubkey(*ret_certificate) != NULL ||
           attest_bad(err, a->format, "has a certificate whose key cannot be read");
}

bool attest_read(struct arena *arena, struct view object, const char *token,
                 const char *key_authorization, struct attestation *ret, struct error *err) {
    static const char *const formats[] = {"apple", "tpm", "step"};
    struct attestation a = {.format = ""};
    struct cbor root;
    X509 *certificate = NULL;
    struct error why;
    if (!cbor_parse(arena, object, &root, &why))
        return acme_refuse(err, "badAttestationStatement", ERROR_POLICY, "%s", why.message);
    const struct cbor *format = cbor_get(&root, "fmt"), *statement = cbor_get(&root, "attStmt");
    for (size_t i = 0; format != NULL && i < sizeof formats / sizeof formats[0]; i++)
        if (format->type == CBOR_TEXT && view_is(format->bytes, formats[i]))
            a.format = formats[i];
    if (*a.format == '\0' || statement == NULL || statement->type != CBOR_MAP)
        return acme_refuse(err, "badAttestationStatement", ERROR_POLICY,
                           "The attestation needs an \"attStmt\" and a \"fmt\" of apple, tpm or "
                           "step.");
    TRY(read_chain(&a, arena, statement, &certificate, err));
    if (strcmp(a.format, "apple") == 0)
        TRY(read_apple(&a, arena, certificate, token, err));
    else if (strcmp(a.format, "step") == 0)
        TRY(read_step(&a, arena, statement, certificate, key_authorization, err));
    else
        TRY(attest_tpm(&a, arena, statement, certificate, key_authorization, err));
    *ret = a;
    return true;
}

/* --- names
 * ------------------------------------------------------------------------------------------ */

static bool is(const ASN1_OBJECT *object, const char *oid) {
    char text[80];
    return OBJ_obj2txt(text, sizeof text, object, 1) > 0 && strcmp(text, oid) == 0;
}

/* One DER element of `tag` at the front of *rest, which then begins behind it. Short and two-octet
 * lengths. */
static bool element(struct view *rest, uint8_t tag, struct view *ret) {
    size_t at = 2, len;
    if (rest->len < 2 || rest->at[0] != tag)
        return false;
    len = rest->at[1];
    if (len == 0x81 && rest->len > 2)
        len = rest->at[2], at = 3;
    else if (len > 0x7f)
        return false;
    if (rest->len < at + len)
        return false;
    *ret = view_of(rest->at + at, len);
    *rest = view_of(rest->at + at + len, rest->len - at - len);
    return true;
}

bool permanent_of_name(struct arena *arena, const GENERAL_NAME *name, const char **ret) {
    struct view whole, inside, value, oid;
    if (name->type != GEN_OTHERNAME || name->d.otherName->value->type != V_ASN1_SEQUENCE)
        return false;
    bool hardware = is(name->d.otherName->type_id, HARDWARE_MODULE);
    if (!hardware && !is(name->d.otherName->type_id, PERMANENT_IDENTIFIER))
        return false;
    const ASN1_STRING *der = name->d.otherName->value->value.sequence;
    whole = view_of(ASN1_STRING_get0_data(der), (size_t)ASN1_STRING_length(der));
    if (!element(&whole, 0x30, &inside))
        return false;
    /* rfc4108#5: hwType OBJECT IDENTIFIER, hwSerialNum OCTET STRING */
    if (hardware) {
        if (!element(&inside, 0x06, &oid) || !element(&inside, 0x04, &value) || value.len == 0)
            return false;
        *ret = hex_encode(arena, value);
        return true;
    }
    /* rfc4043#2: identifierValue UTF8String OPTIONAL, assigner OBJECT IDENTIFIER OPTIONAL */
    if (!element(&inside, 0x0c, &value) || value.len == 0 || value.len > 255)
        return false;
    *ret = arena_text(arena, value);
    return strlen(*ret) == value.len;
}

bool attest_names_of(struct attestation *attestation, struct arena *arena, const X509 *certificate,
                     struct error *err) {
    AUTO(GENERAL_NAMES) *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const char *text;
        if (permanent_of_name(arena, sk_GENERAL_NAME_value(names, i), &text))
            TRY(attest_name(attestation, arena, view_text(text), err));
    }
    return true;
}
