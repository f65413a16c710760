/* From a plan to an unsigned certificate, and signing it. */
#include "x509/certificate.h"

#include "base/clock.h"
#include "x509/internal.h"
#include "x509/san.h"

#include <openssl/ec.h>
#include <openssl/provider.h>
#include <openssl/sha.h>
#include <string.h>

static bool bad_plan(struct error *err, const char *member, const char *value, const char *rule) {
    return REFUSE(err, ERROR_MALFORMED, "malformed-plan", "The certificate's %s \"%.100s\" %s.",
                  member, value, rule);
}

static bool add(X509 *certificate, int nid, void *value, bool critical, struct error *err) {
    if (X509_add1_ext_i2d(certificate, nid, value, critical, X509V3_ADD_DEFAULT) != 1)
        return fail_internal(err, "extension %s", OBJ_nid2sn(nid));
    return true;
}

static bool set_serial(X509 *certificate, struct view serial, struct error *err) {
    /* rfc5280#4.1.2.2: positive, at most 20 octets. */
    bool zero = true;
    for (size_t i = 0; i < serial.len; i++)
        zero = zero && serial.at[i] == 0;
    if (serial.len == 0 || serial.len > 20 || (serial.at[0] & 0x80) != 0 || zero)
        return fail(err, ERROR_MALFORMED, "malformed-plan",
                    "The serial number must be positive and have 1 to 20 octets with the first bit "
                    "clear (rfc5280#4.1.2.2).");
    AUTO(BIGNUM) *number = BN_bin2bn(serial.at, (int)serial.len, NULL);
    AUTO(ASN1_INTEGER) *integer = number == NULL ? NULL : BN_to_ASN1_INTEGER(number, NULL);
    if (integer == NULL || X509_set_serialNumber(certificate, integer) != 1)
        return fail_internal(err, "serial number");
    return true;
}

static bool set_dates(X509 *certificate, const struct certificate_plan *plan, struct error *err) {
    AUTO(ASN1_TIME) *from = NULL, *to = NULL;
    TRY(asn1_time_from_us(plan->not_before_us, &from, err));
    TRY(asn1_time_from_us(plan->not_after_us, &to, err));
    if (X509_set1_notBefore(certificate, from) != 1 || X509_set1_notAfter(certificate, to) != 1)
        return fail_internal(err, "dates");
    return true;
}

static bool add_basic_constraints(X509 *certificate, const struct certificate_plan *plan,
                                  struct error *err) {
    AUTO(BASIC_CONSTRAINTS) *constraints = BASIC_CONSTRAINTS_new();
    if (constraints == NULL)
        return fail_internal(err, "BASIC_CONSTRAINTS_new");
    constraints->ca = plan->is_ca ? 0xff : 0;
    if (plan->is_ca && plan->path_length >= 0) {
        constraints->pathlen = ASN1_INTEGER_new();
        if (constraints->pathlen == NULL ||
            ASN1_INTEGER_set_int64(constraints->pathlen, plan->path_length) != 1)
            return fail_internal(err, "path length");
    }
    /* rfc5280#4.2.1.9: critical in CA certificates that sign certificates. */
    return add(certificate, NID_basic_constraints, constraints, true, err);
}

static bool add_key_usage(X509 *certificate, unsigned usage, bool critical, struct error *err) {
    AUTO(ASN1_BIT_STRING) *bits = ASN1_BIT_STRING_new();
    if (bits == NULL)
        return fail_internal(err, "ASN1_BIT_STRING_new");
    /* OpenSSL's KU_ constants: the first octet holds bits 0-7 from the left, the second bit 8. */
    for (int i = 0; i < 9; i++) {
        unsigned mask = i < 8 ? 0x80u >> i : (unsigned)KU_DECIPHER_ONLY;
        if ((usage & mask) != 0 && ASN1_BIT_STRING_set_bit(bits, i, 1) != 1)
            return fail_internal(err, "ASN1_BIT_STRING_set_bit");
    }
    return add(certificate, NID_key_usage, bits, critical, err);
}

static bool add_extended_key_usage(X509 *certificate, const struct certificate_plan *plan,
                                   struct error *err) {
    AUTO(EXTENDED_KEY_USAGE) *usages = EXTENDED_KEY_USAGE_new();
    if (usages == NULL)
        return fail_internal(err, "EXTENDED_KEY_USAGE_new");
    for (size_t i = 0; i < plan->extended_key_usage_count; i++) {
        ASN1_OBJECT *usage = oid_parse(plan->extended_key_usage[i], true);
        if (usage == NULL)
            return bad_plan(err, "extended key usage", plan->extended_key_usage[i],
                            "is no dotted OID or known name such as serverAuth");
        if (sk_ASN1_OBJECT_push(usages, usage) <= 0) {
            ASN1_OBJECT_free(usage);
            return fail_internal(err, "sk_ASN1_OBJECT_push");
        }
    }
    return add(certificate, NID_ext_key_usage, usages, plan->extended_key_usage_critical, err);
}

static ASN1_OCTET_STRING *digest_of(struct view bytes, const EVP_MD *type, size_t most) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    AUTO(ASN1_OCTET_STRING) *id = ASN1_OCTET_STRING_new();
    if (id == NULL || EVP_Digest(bytes.at, bytes.len, digest, &len, type, NULL) != 1 ||
        ASN1_OCTET_STRING_set(id, digest, (int)(len < most ? len : most)) != 1)
        return NULL;
    return TAKE(id);
}

static ASN1_OCTET_STRING *key_id(const X509 *certificate, enum subject_key_id method) {
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(certificate);
    struct view key = view_of(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits));
    unsigned char *der = NULL;
    switch (method) {
    case KEY_ID_SHA1:
    case KEY_ID_NONE:
        break;
    case KEY_ID_RFC7093_1:
        return digest_of(key, EVP_sha256(), SHA_DIGEST_LENGTH);
    case KEY_ID_RFC7093_2:
        return digest_of(key, EVP_sha384(), SHA_DIGEST_LENGTH);
    case KEY_ID_RFC7093_3:
        return digest_of(key, EVP_sha512(), SHA_DIGEST_LENGTH);
    case KEY_ID_RFC7093_4: {
        int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
        ASN1_OCTET_STRING *id =
            len <= 0 ? NULL : digest_of(view_of(der, (size_t)len), EVP_sha256(), EVP_MAX_MD_SIZE);
        OPENSSL_free(der);
        return id;
    }
    }
    return digest_of(key, EVP_sha1(), SHA_DIGEST_LENGTH);
}

/* rfc5280#4.2.1.1: the authority key identifier is the issuer's subject key identifier, however the
 * issuer's was made. */
static ASN1_OCTET_STRING *issuer_key_id(const X509 *issuer) {
    ASN1_OCTET_STRING *id = X509_get_ext_d2i(issuer, NID_subject_key_identifier, NULL, NULL);
    return id != NULL ? id : key_id(issuer, KEY_ID_SHA1);
}

/* The issuer's issuer and serial number name the issuer's certificate. */
static bool add_issuer_names(AUTHORITY_KEYID *authority, const X509 *issuer, struct error *err) {
    AUTO(GENERAL_NAME) *name = GENERAL_NAME_new();
    X509_NAME *directory = X509_NAME_dup(X509_get_issuer_name(issuer));
    authority->issuer = GENERAL_NAMES_new();
    authority->serial = ASN1_INTEGER_dup(X509_get0_serialNumber(issuer));
    if (name == NULL || directory == NULL || authority->issuer == NULL ||
        authority->serial == NULL) {
        X509_NAME_free(directory);
        return fail_internal(err, "authority key identifier");
    }
    GENERAL_NAME_set0_value(name, GEN_DIRNAME, directory);
    if (sk_GENERAL_NAME_push(authority->issuer, name) <= 0)
        return fail_internal(err, "authority key identifier");
    name = NULL; /* the list owns it now */
    return true;
}

static bool add_key_ids(X509 *certificate, const struct certificate_plan *plan, struct error *err) {
    AUTO(AUTHORITY_KEYID) *authority = AUTHORITY_KEYID_new();
    AUTO(ASN1_OCTET_STRING) *id = key_id(certificate, plan->subject_key_id);
    if (authority == NULL || id == NULL)
        return fail_internal(err, "subject key identifier");
    if (plan->subject_key_id != KEY_ID_NONE)
        TRY(add(certificate, NID_subject_key_identifier, id, false, err));
    if (plan->authority_key_id == AUTHORITY_NONE)
        return true;
    authority->keyid = issuer_key_id(plan->issuer != NULL ? plan->issuer : certificate);
    if (authority->keyid == NULL)
        return fail_internal(err, "authority key identifier");
    if (plan->authority_key_id == AUTHORITY_AND_NAMES && plan->issuer != NULL)
        TRY(add_issuer_names(authority, plan->issuer, err));
    return add(certificate, NID_authority_key_identifier, authority, false, err);
}

static GENERAL_NAME *uri_name(const char *uri) {
    AUTO(GENERAL_NAME) *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    if (name == NULL || text == NULL || ASN1_STRING_set(text, uri, -1) != 1) {
        ASN1_IA5STRING_free(text);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    return TAKE(name);
}

static bool add_access(AUTHORITY_INFO_ACCESS *list, int method, const char *const *uris,
                       size_t count, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        const char *problem = uri_problem(uris[i]);
        if (problem != NULL)
            return bad_plan(err, "AIA URL", uris[i], problem);
        ACCESS_DESCRIPTION *access = ACCESS_DESCRIPTION_new();
        if (access == NULL || sk_ACCESS_DESCRIPTION_push(list, access) <= 0) {
            ACCESS_DESCRIPTION_free(access);
            return fail_internal(err, "ACCESS_DESCRIPTION_new");
        }
        access->method = OBJ_nid2obj(method);
        GENERAL_NAME_free(access->location);
        if ((access->location = uri_name(uris[i])) == NULL)
            return fail_internal(err, "AIA URL");
    }
    return true;
}

static bool add_authority_access(X509 *certificate, const struct certificate_plan *plan,
                                 struct error *err) {
    AUTO(AUTHORITY_INFO_ACCESS) *list = AUTHORITY_INFO_ACCESS_new();
    if (list == NULL)
        return fail_internal(err, "AUTHORITY_INFO_ACCESS_new");
    TRY(add_access(list, NID_ad_OCSP, plan->ocsp, plan->ocsp_count, err));
    TRY(add_access(list, NID_ad_ca_issuers, plan->ca_issuers, plan->ca_issuers_count, err));
    return add(certificate, NID_info_access, list, false, err);
}

static DIST_POINT *distribution_point(const char *uri) {
    DIST_POINT *point = DIST_POINT_new();
    if (point == NULL)
        return NULL;
    point->distpoint = DIST_POINT_NAME_new();
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = uri_name(uri);
    if (point->distpoint == NULL || names == NULL || name == NULL ||
        sk_GENERAL_NAME_push(names, name) <= 0) {
        GENERAL_NAME_free(name);
        GENERAL_NAMES_free(names);
        DIST_POINT_free(point);
        return NULL;
    }
    point->distpoint->type = 0; /* fullName */
    point->distpoint->name.fullname = names;
    return point;
}

static bool add_distribution_points(X509 *certificate, const struct certificate_plan *plan,
                                    struct error *err) {
    AUTO(CRL_DIST_POINTS) *points = CRL_DIST_POINTS_new();
    if (points == NULL)
        return fail_internal(err, "CRL_DIST_POINTS_new");
    for (size_t i = 0; i < plan->crl_count; i++) {
        const char *problem = uri_problem(plan->crl[i]);
        if (problem != NULL)
            return bad_plan(err, "CRL URL", plan->crl[i], problem);
        DIST_POINT *point = distribution_point(plan->crl[i]);
        if (point == NULL || sk_DIST_POINT_push(points, point) <= 0) {
            DIST_POINT_free(point);
            return fail_internal(err, "distribution point");
        }
    }
    return add(certificate, NID_crl_distribution_points, points, false, err);
}

static bool add_policies(X509 *certificate, const struct certificate_plan *plan,
                         struct error *err) {
    AUTO(CERTIFICATEPOLICIES) *policies = CERTIFICATEPOLICIES_new();
    if (policies == NULL)
        return fail_internal(err, "CERTIFICATEPOLICIES_new");
    for (size_t i = 0; i < plan->policy_count; i++) {
        ASN1_OBJECT *oid = oid_parse(plan->policies[i], true);
        if (oid == NULL)
            return bad_plan(err, "policy", plan->policies[i], "is no dotted OID");
        POLICYINFO *policy = POLICYINFO_new();
        if (policy == NULL || sk_POLICYINFO_push(policies, policy) <= 0) {
            POLICYINFO_free(policy);
            ASN1_OBJECT_free(oid);
            return fail_internal(err, "POLICYINFO_new");
        }
        policy->policyid = oid;
    }
    return add(certificate, NID_certificate_policies, policies, false, err);
}

static bool add_no_check(X509 *certificate, struct error *err) {
    ASN1_NULL *null = ASN1_NULL_new();
    bool done = null != NULL && add(certificate, NID_id_pkix_OCSP_noCheck, null, false, err);
    ASN1_NULL_free(null);
    return done;
}

static bool add_extensions(X509 *x, const struct certificate_plan *plan, struct error *err) {
    if (plan->basic_constraints || plan->is_ca)
        TRY(add_basic_constraints(x, plan, err));
    if (plan->key_usage != 0)
        TRY(add_key_usage(x, plan->key_usage, !plan->key_usage_not_critical, err));
    if (plan->extended_key_usage_count > 0)
        TRY(add_extended_key_usage(x, plan, err));
    TRY(add_key_ids(x, plan, err));
    /* rfc5280#4.2.1.6: critical when the subject is empty. */
    if (plan->sans != NULL && sk_GENERAL_NAME_num(plan->sans) > 0)
        TRY(add(x, NID_subject_alt_name, (void *)(uintptr_t)plan->sans,
                X509_NAME_entry_count(plan->subject) == 0, err));
    if (plan->ocsp_count + plan->ca_issuers_count > 0)
        TRY(add_authority_access(x, plan, err));
    if (plan->crl_count > 0)
        TRY(add_distribution_points(x, plan, err));
    if (plan->name_constraints != NULL)
        TRY(add(x, NID_name_constraints, (void *)(uintptr_t)plan->name_constraints, true, err));
    if (plan->policy_count > 0)
        TRY(add_policies(x, plan, err));
    for (int i = 0; i < sk_X509_EXTENSION_num(plan->extensions); i++)
        if (X509_add_ext(x, sk_X509_EXTENSION_value(plan->extensions, i), -1) != 1)
            return fail_internal(err, "X509_add_ext");
    return !plan->ocsp_no_check || add_no_check(x, err);
}

/* The public key as OpenSSL can encode it: one that lives elsewhere (a token's) by way of its SPKI. */
static EVP_PKEY *own_public_key(EVP_PKEY *key) {
    const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(key);
    if (provider == NULL || strcmp(OSSL_PROVIDER_get0_name(provider), "default") != 0)
        return public_half(key);
    EVP_PKEY_up_ref(key);
    return key;
}

/* An uncompressed point on a named curve has one encoding (rfc5480#2), so it is copied; X509_set_pubkey would encode
 * the key and decode it again, which costs more than a signature. Everything else goes that way. */
static bool copy_point(X509 *x, const struct certificate_plan *plan) {
    const X509_PUBKEY *spki = plan->spki;
    const unsigned char *point = NULL;
    ASN1_OBJECT *algorithm = NULL;
    X509_ALGOR *parameters = NULL;
    const void *curve = NULL;
    int len = 0, type = V_ASN1_UNDEF;
    if (spki == NULL || X509_PUBKEY_get0(spki) != plan->public_key ||
        X509_PUBKEY_get0_param(&algorithm, &point, &len, &parameters, spki) != 1)
        return false;
    X509_ALGOR_get0(NULL, &type, &curve, parameters);
    if (OBJ_obj2nid(algorithm) != NID_X9_62_id_ecPublicKey || type != V_ASN1_OBJECT || len < 1 ||
        point[0] != POINT_CONVERSION_UNCOMPRESSED)
        return false;
    ASN1_OBJECT *name = OBJ_dup(curve);
    unsigned char *copy = OPENSSL_memdup(point, (size_t)len);
    if (name != NULL && copy != NULL &&
        X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x), OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
                               V_ASN1_OBJECT, name, copy, len) == 1)
        return true;
    ASN1_OBJECT_free(name);
    OPENSSL_free(copy);
    return false;
}

static bool set_public_key(X509 *x, const struct certificate_plan *plan) {
    if (copy_point(x, plan))
        return true;
    AUTO(EVP_PKEY) *key = own_public_key(plan->public_key);
    return key != NULL && X509_set_pubkey(x, key) == 1;
}

bool certificate_build(const struct certificate_plan *plan, X509 **ret_certificate,
                       struct error *err) {
    AUTO(X509) *x = X509_new();
    const X509_NAME *issuer =
        plan->issuer == NULL ? plan->subject : X509_get_subject_name(plan->issuer);
    if (x == NULL || X509_set_version(x, X509_VERSION_3) != 1 ||
        X509_set_issuer_name(x, issuer) != 1 || X509_set_subject_name(x, plan->subject) != 1 ||
        !set_public_key(x, plan))
        return fail_internal(err, "certificate build");
    TRY(set_serial(x, plan->serial, err));
    TRY(set_dates(x, plan, err));
    TRY(add_extensions(x, plan, err));
    *ret_certificate = TAKE(x);
    return true;
}

/* The first element of the certificate's SEQUENCE, whole. */
static bool find_tbs(struct view der, struct view *ret_tbs) {
    const unsigned char *at = der.at, *inner;
    long len;
    int tag, class;
    if ((ASN1_get_object(&at, &len, &tag, &class, (long)der.len) & 0x80) != 0)
        return false;
    inner = at;
    if ((ASN1_get_object(&inner, &len, &tag, &class, len) & 0x80) != 0)
        return false;
    *ret_tbs = view_of(at, (size_t)(inner - at) + (size_t)len);
    return true;
}

/* X509_verify encodes once more what it verifies. For ECDSA, whose algorithm says all there is to know, what was encoded
 * already is verified instead: the octets that leave. */
static bool verifies(const X509 *certificate, struct view der, EVP_PKEY *key) {
    const ASN1_BIT_STRING *signature;
    const X509_ALGOR *algorithm;
    struct view tbs;
    int digest, type;
    X509_get0_signature(&signature, &algorithm, certificate);
    if (OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &digest, &type) != 1 ||
        type != NID_X9_62_id_ecPublicKey || EVP_PKEY_is_a(key, "EC") != 1)
        return X509_verify((X509 *)(uintptr_t)certificate, key) == 1;
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    return X509_ALGOR_cmp(algorithm, X509_get0_tbs_sigalg(certificate)) == 0 && find_tbs(der, &tbs) && ctx != NULL &&
           EVP_DigestVerifyInit(ctx, NULL, EVP_get_digestbynid(digest), NULL, key) == 1 &&
           EVP_DigestVerify(ctx, ASN1_STRING_get0_data(signature), (size_t)ASN1_STRING_length(signature), tbs.at,
                            tbs.len) == 1;
}

bool certificate_sign_encoded(struct arena *arena, X509 *certificate, EVP_PKEY *issuer_key, const EVP_MD *digest,
                              EVP_PKEY *issuer_public, struct view *ret_der, struct error *err) {
    if (X509_sign(certificate, issuer_key, digest) <= 0)
        return signing_failed(err, "certificate");
    struct view der = certificate_der(arena, certificate);
    if (der.len == 0 || !verifies(certificate, der, issuer_public))
        return fail_internal(err, "the signature of the new certificate does not verify");
    *ret_der = der;
    return true;
}

bool certificate_sign(X509 *certificate, EVP_PKEY *issuer_key, const EVP_MD *digest,
                      EVP_PKEY *issuer_public, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view der;
    return certificate_sign_encoded(arena, certificate, issuer_key, digest, issuer_public, &der, err);
}
