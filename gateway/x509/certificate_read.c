/* What is derived from a certificate: columns for searching, and checks of an imported CA
 * certificate. */
#include "x509/certificate.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/internal.h"
#include "x509/name.h"
#include "x509/san.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <string.h>

/* The serial's octets as they stand in DER: big-endian with a leading zero where the first bit is
 * set. */
static bool read_serial(struct arena *arena, const X509 *certificate, struct view *ret_serial,
                        struct error *err) {
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    size_t len = (size_t)ASN1_STRING_length(serial);
    const uint8_t *at = ASN1_STRING_get0_data(serial);
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || len == 0)
        return fail(err, ERROR_MALFORMED, "malformed-certificate",
                    "Certificate: the serial number is negative (rfc5280#4.1.2.2).");
    uint8_t *copy = arena_alloc(arena, len + 1);
    bool pad = (at[0] & 0x80) != 0;
    memcpy(copy + pad, at, len);
    *ret_serial = view_of(copy, len + pad);
    return true;
}

static const char *join_sans(struct arena *arena, const X509 *certificate) {
    AUTO(GENERAL_NAMES) *sans = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    return san_joined(arena, sans);
}

static const char *read_key_id(struct arena *arena, const X509 *certificate) {
    AUTO(ASN1_OCTET_STRING) *id =
        X509_get_ext_d2i(certificate, NID_subject_key_identifier, NULL, NULL);
    if (id == NULL)
        return NULL;
    return hex_encode(arena, view_of(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id)));
}

static const char *read_algorithm(struct arena *arena, const X509 *certificate) {
    const X509_ALGOR *algorithm;
    const ASN1_OBJECT *oid;
    X509_get0_signature(NULL, &algorithm, certificate);
    X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
    int nid = OBJ_obj2nid(oid);
    return nid == NID_undef ? oid_text(arena, oid) : OBJ_nid2ln(nid);
}

static void read_constraints(const X509 *certificate, struct certificate_facts *facts) {
    AUTO(BASIC_CONSTRAINTS) *constraints =
        X509_get_ext_d2i(certificate, NID_basic_constraints, NULL, NULL);
    int64_t length;
    facts->is_ca = constraints != NULL && constraints->ca != 0;
    facts->path_length = -1;
    if (!facts->is_ca || constraints->pathlen == NULL)
        return;
    if (ASN1_INTEGER_get_int64(&length, constraints->pathlen) == 1 && length >= 0)
        facts->path_length = length > INT32_MAX ? INT32_MAX : (int)length;
}

static bool hash(struct view bytes, uint8_t ret_digest[static 32], struct error *err) {
    if (bytes.len == 0 ||
        EVP_Digest(bytes.at, bytes.len, ret_digest, NULL, EVP_sha256(), NULL) != 1)
        return fail_internal(err, "SHA-256 of a certificate");
    return true;
}

bool certificate_read_row(struct arena *arena, const X509 *certificate, struct view der,
                          struct certificate_facts *ret_facts, struct error *err) {
    struct certificate_facts facts = {.der = der};
    char type[KEY_TYPE_SIZE];
    const X509_NAME *subject = X509_get_subject_name(certificate);

    TRY(read_serial(arena, certificate, &facts.serial_bytes, err));
    TRY(asn1_time_to_us(X509_get0_notBefore(certificate), &facts.not_before_us, err));
    TRY(asn1_time_to_us(X509_get0_notAfter(certificate), &facts.not_after_us, err));
    TRY(hash(facts.der, facts.fingerprint_sha256, err));
    TRY(hash(item_der(arena, X509_get_X509_PUBKEY(certificate), ASN1_ITEM_rptr(X509_PUBKEY)),
             facts.spki_sha256, err));
    facts.subject = name_text(arena, subject);
    facts.common_name = name_common_name(arena, subject);
    facts.key_type =
        key_type_of_spki(X509_get_X509_PUBKEY(certificate), type) ? arena_strdup(arena, type) : "unknown";
    facts.sans = join_sans(arena, certificate);
    ERR_clear_error(); /* extensions that could not be read are simply not shown */
    *ret_facts = facts;
    return true;
}

bool certificate_read(struct arena *arena, const X509 *certificate,
                      struct certificate_facts *ret_facts, struct error *err) {
    struct certificate_facts facts;
    TRY(certificate_read_row(arena, certificate, certificate_der(arena, certificate), &facts, err));
    facts.serial = hex_encode(arena, facts.serial_bytes);
    facts.issuer = name_text(arena, X509_get_issuer_name(certificate));
    facts.signature_algorithm = read_algorithm(arena, certificate);
    facts.subject_key_id = read_key_id(arena, certificate);
    read_constraints(certificate, &facts);
    ERR_clear_error();
    *ret_facts = facts;
    return true;
}

static bool wrong(struct error *err, const char *what) {
    return REFUSE(err, ERROR_POLICY, "wrong-certificate", "CA certificate: %s", what);
}

static bool may_sign_certificates(const X509 *certificate) {
    AUTO(ASN1_BIT_STRING) *usage = X509_get_ext_d2i(certificate, NID_key_usage, NULL, NULL);
    return usage != NULL && ASN1_BIT_STRING_get_bit(usage, 5) == 1; /* keyCertSign */
}

static bool check_against_issuer(const X509 *certificate, const X509 *issuer, struct error *err) {
    struct certificate_facts above = {0};
    if (X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuer)) != 0)
        return wrong(err, "its issuer's name is not the subject of the chosen issuer "
                          "(rfc5280#6.1.3).");
    read_constraints(issuer, &above);
    if (!above.is_ca || !may_sign_certificates(issuer))
        return wrong(err, "the chosen issuer is no CA that may sign certificates "
                          "(rfc5280#4.2.1.9).");
    if (above.path_length == 0)
        return wrong(err, "the chosen issuer has path length 0 and may not sign CA certificates "
                          "(rfc5280#4.2.1.9).");
    if (X509_verify((X509 *)(uintptr_t)certificate, X509_get0_pubkey(issuer)) != 1)
        return wrong(err, "it is not signed by the chosen issuer's key.");
    return true;
}

static bool check_dates(const X509 *certificate, int64_t now_us, struct error *err) {
    int64_t from, to;
    TRY(asn1_time_to_us(X509_get0_notBefore(certificate), &from, err));
    TRY(asn1_time_to_us(X509_get0_notAfter(certificate), &to, err));
    if (now_us < from)
        return wrong(err, "it is not valid yet; check its notBefore and this server's clock.");
    if (now_us >= to + US_PER_SECOND)
        return wrong(err, "it has expired; have a new one signed.");
    return true;
}

bool certificate_is_issued(X509 *issuer, X509 *subject) {
    bool issued = X509_check_issued(issuer, subject) == X509_V_OK &&
                  X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    return issued;
}

bool certificate_check_ca(const X509 *certificate, EVP_PKEY *key, const X509 *issuer,
                          int64_t now_us, struct error *err) {
    struct certificate_facts own = {0};
    EVP_PKEY *certified = X509_get0_pubkey(certificate);
    AUTO(EVP_PKEY) *ours = public_half(key);

    if (certified == NULL || ours == NULL || EVP_PKEY_eq(certified, ours) != 1)
        return wrong(err,
                     "its public key is not the key of this CA; have the CA's own CSR signed.");
    read_constraints(certificate, &own);
    if (!own.is_ca)
        return wrong(err, "basicConstraints does not say cA; have it signed as a CA "
                          "(rfc5280#4.2.1.9).");
    if (!may_sign_certificates(certificate))
        return wrong(err, "keyUsage does not allow keyCertSign (rfc5280#4.2.1.3).");
    TRY(check_dates(certificate, now_us, err));
    if (issuer != NULL)
        return check_against_issuer(certificate, issuer, err);
    if (X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(certificate)) == 0 &&
        X509_verify((X509 *)(uintptr_t)certificate, certified) != 1)
        return wrong(err, "it claims to be self-signed, but the signature does not verify.");
    return true;
}

bool certificate_extension(const X509 *certificate, const char *oid, struct view *ret) {
    AUTO(ASN1_OBJECT) *object = OBJ_txt2obj(oid, 1);
    int at = object == NULL ? -1 : X509_get_ext_by_OBJ(certificate, object, -1);
    if (at < 0)
        return false;
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(certificate, at));
    *ret = view_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    return true;
}
