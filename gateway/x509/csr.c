#include "x509/csr.h"

#include "x509/internal.h"
#include "x509/key_type.h"
#include "x509/minima.h"
#include "x509/name.h"
#include "x509/san.h"

#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <string.h>

#define MAX_ATTRIBUTES 32
#define MAX_EXTENSIONS 64
/* The version shall be 0 (rfc2986#4.1), but libraries in use write a certificate's 2 into it, and nothing depends on it. */
#define MOST_VERSION 2

static bool malformed(struct error *err, const char *what) {
    return REFUSE(err, ERROR_MALFORMED, "malformed-csr", "CSR: %s", what);
}

/* The two object identifiers under which a list of extensions is asked for. */
static bool is_extension_request(const X509_ATTRIBUTE *attribute) {
    int nid = OBJ_obj2nid(X509_ATTRIBUTE_get0_object((X509_ATTRIBUTE *)(uintptr_t)attribute));
    return nid == NID_ext_req || nid == NID_ms_ext_req;
}

static bool check_attributes(const X509_REQ *csr, struct error *err) {
    int count = X509_REQ_get_attr_count(csr), requests = 0;
    if (count > MAX_ATTRIBUTES)
        return malformed(err, "it has more than 32 attributes.");
    for (int i = 0; i < count; i++) {
        X509_ATTRIBUTE *attribute = X509_REQ_get_attr(csr, i);
        const ASN1_OBJECT *type = X509_ATTRIBUTE_get0_object(attribute);
        if (X509_REQ_get_attr_by_OBJ(csr, type, i) >= 0)
            return malformed(err, "an attribute occurs twice (rfc2986#4.1).");
        if (!is_extension_request(attribute))
            continue;
        requests++;
        if (X509_ATTRIBUTE_count(attribute) != 1)
            return malformed(err, "extensionRequest must have exactly one value (rfc2985#5.4.2).");
    }
    return requests <= 1 || malformed(err, "extensions are asked for twice.");
}

bool csr_extensions(const X509_REQ *csr, EXTENSION_LIST **ret_extensions, struct error *err) {
    for (int i = 0; i < X509_REQ_get_attr_count(csr); i++) {
        X509_ATTRIBUTE *attribute = X509_REQ_get_attr(csr, i);
        if (!is_extension_request(attribute))
            continue;
        const ASN1_TYPE *value = X509_ATTRIBUTE_get0_type(attribute, 0);
        AUTO(EXTENSION_LIST) *list = NULL;
        if (value != NULL && ASN1_TYPE_get(value) == V_ASN1_SEQUENCE)
            list = item_decode(view_of(ASN1_STRING_get0_data(value->value.sequence),
                                       (size_t)ASN1_STRING_length(value->value.sequence)),
                               ASN1_ITEM_rptr(X509_EXTENSIONS));
        if (list == NULL)
            return malformed(err, "extensionRequest holds no list of extensions (rfc2985#5.4.2).");
        *ret_extensions = TAKE(list);
        return true;
    }
    *ret_extensions = NULL;
    return true;
}

static bool check_extensions(const X509_REQ *csr, struct error *err) {
    AUTO(EXTENSION_LIST) *list = NULL;
    TRY(csr_extensions(csr, &list, err));
    int count = list == NULL ? 0 : sk_X509_EXTENSION_num(list);
    if (count > MAX_EXTENSIONS)
        return malformed(err, "it asks for more than 64 extensions.");
    for (int i = 0; i < count; i++) {
        X509_EXTENSION *extension = sk_X509_EXTENSION_value(list, i);
        if (X509v3_get_ext_by_OBJ(list, X509_EXTENSION_get_object(extension), i) >= 0)
            return malformed(err, "it asks for the same extension twice (rfc5280#4.2).");
    }
    return true;
}

static bool digest_is_strong(int nid) {
    static const int strong[] = {NID_sha224,     NID_sha256,   NID_sha384,   NID_sha512,
                                 NID_sha512_256, NID_sha3_256, NID_sha3_384, NID_sha3_512};
    for (size_t i = 0; i < sizeof strong / sizeof strong[0]; i++)
        if (strong[i] == nid)
            return true;
    return false;
}

static bool check_signature_digest(const X509_REQ *csr, struct error *err) {
    const X509_ALGOR *algorithm;
    int digest = NID_undef;
    X509_REQ_get0_signature(csr, NULL, &algorithm);
    if (!signature_digest(algorithm, &digest))
        return malformed(err, "the signature algorithm is not known. Sign with SHA-256 or better.");
    if (digest == NID_undef || digest_is_strong(digest)) /* EdDSA, ML-DSA, SLH-DSA bring their own */
        return true;
    return REFUSE(err, ERROR_POLICY, "weak-signature",
                  "CSR: it is signed with the digest %s, which is not accepted. Sign it again with "
                  "SHA-256 or better.",
                  digest == NID_undef ? "of an unknown name" : OBJ_nid2sn(digest));
}

static bool check_key(const X509_REQ *csr, struct error *err) {
    EVP_PKEY *key = X509_REQ_get0_pubkey((X509_REQ *)(uintptr_t)csr);
    if (key != NULL)
        return key_check(key, "CSR", err);
    ASN1_OBJECT *algorithm = NULL;
    X509_PUBKEY *public_key = X509_REQ_get_X509_PUBKEY((X509_REQ *)(uintptr_t)csr);
    X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, public_key);
    int nid = algorithm == NULL ? NID_undef : OBJ_obj2nid(algorithm);
    return REFUSE(err, ERROR_POLICY, "weak-key",
                  "CSR: the public key (%s) cannot be used: its type is not known, it is broken, "
                  "or its point is not on a named curve (rfc5480#2.1.1). Make a new key.",
                  nid == NID_undef ? "of an unknown algorithm" : OBJ_nid2ln(nid));
}

/* The null signature: the algorithm is a bare SHA-256 and the value the hash of what would be signed. */
static bool is_unsigned(const X509_REQ *csr) {
    return X509_REQ_get_signature_nid(csr) == NID_sha256;
}

static bool hash_of_info(X509_REQ *csr, uint8_t hash[static SHA256_DIGEST_LENGTH]) {
    unsigned char *tbs = NULL;
    int len = i2d_re_X509_REQ_tbs(csr, &tbs);
    bool ok = len > 0 && EVP_Digest(tbs, (size_t)len, hash, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(tbs);
    return ok;
}

static bool check_unsigned(X509_REQ *csr, struct error *err) {
    const ASN1_BIT_STRING *signature;
    uint8_t hash[SHA256_DIGEST_LENGTH];
    X509_REQ_get0_signature(csr, &signature, NULL);
    if (hash_of_info(csr, hash) && ASN1_STRING_length(signature) == (int)sizeof hash &&
        memcmp(ASN1_STRING_get0_data(signature), hash, sizeof hash) == 0)
        return true;
    return malformed(err, "the null signature is not the SHA-256 of the request (rfc5272#C.1).");
}

/* X509_REQ_verify takes version 0 alone. */
static bool verifies_in_parts(X509_REQ *csr, EVP_PKEY *key) {
    unsigned char *tbs = NULL;
    int len = i2d_re_X509_REQ_tbs(csr, &tbs);
    const unsigned char *at = tbs;
    X509_REQ_INFO *info = len > 0 ? d2i_X509_REQ_INFO(NULL, &at, len) : NULL;
    const ASN1_BIT_STRING *signature;
    const X509_ALGOR *algorithm;
    X509_REQ_get0_signature(csr, &signature, &algorithm);
    bool ok = info != NULL && ASN1_item_verify(ASN1_ITEM_rptr(X509_REQ_INFO), algorithm, signature, info, key) == 1;
    X509_REQ_INFO_free(info);
    OPENSSL_free(tbs);
    return ok;
}

bool csr_verifies(X509_REQ *csr, EVP_PKEY *key) {
    return X509_REQ_get_version(csr) == X509_REQ_VERSION_1 ? X509_REQ_verify(csr, key) == 1 : verifies_in_parts(csr, key);
}

static bool check_signature(X509_REQ *csr, struct error *err) {
    TRY(check_signature_digest(csr, err));
    if (!csr_verifies(csr, X509_REQ_get0_pubkey(csr)))
        return REFUSE(err, ERROR_MALFORMED, "bad-signature",
                      "CSR: the signature does not verify with the key in it, so it proves no "
                      "possession of the private key (rfc2986#4.2). Make the request again.");
    return true;
}

enum proof { PROOF_BY_SIGNATURE, PROOF_ELSEWHERE, PROOF_NONE };

static bool check(X509_REQ *csr, enum proof proof, struct error *err) {
    if (X509_REQ_get_version(csr) < X509_REQ_VERSION_1 || X509_REQ_get_version(csr) > MOST_VERSION)
        return malformed(err, "the version is not 0 (rfc2986#4.1).");
    if (X509_NAME_entry_count(X509_REQ_get_subject_name(csr)) > NAME_MAX_ATTRIBUTES)
        return malformed(err, "the subject has more than 64 attributes.");
    TRY(check_attributes(csr, err));
    TRY(check_extensions(csr, err));
    if (proof == PROOF_NONE)
        return true;
    TRY(check_key(csr, err));
    return proof == PROOF_ELSEWHERE && is_unsigned(csr) ? check_unsigned(csr, err) : check_signature(csr, err);
}

static bool decode(struct arena *arena, struct view bytes, enum proof proof, X509_REQ **ret_csr,
                   struct view *ret_der, struct error *err) {
    static const char *const labels[] = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", NULL};
    struct view der;
    if (bytes.len > CSR_MAX_SIZE * 3 / 2) /* base64 and text around it */
        return fail(err, ERROR_TOO_LARGE, "csr-too-large",
                    "The CSR has %zu bytes; %zu is the most.", bytes.len, CSR_MAX_SIZE);
    TRY(pem_or_der(arena, bytes, "CSR", labels, &der, err));
    if (der.len > CSR_MAX_SIZE)
        return fail(err, ERROR_TOO_LARGE, "csr-too-large",
                    "The CSR has %zu bytes; %zu is the most.", der.len, CSR_MAX_SIZE);
    AUTO(X509_REQ) *csr = item_decode(der, ASN1_ITEM_rptr(X509_REQ));
    if (csr == NULL)
        return malformed(err, "it is no PKCS#10 request (RFC 2986) in DER or PEM, is cut off, or "
                              "bytes follow it.");
    TRY(check(csr, proof, err));
    *ret_csr = TAKE(csr);
    *ret_der = der;
    return true;
}

bool csr_decode(struct arena *arena, struct view bytes, X509_REQ **ret_csr, struct view *ret_der,
                struct error *err) {
    return decode(arena, bytes, PROOF_BY_SIGNATURE, ret_csr, ret_der, err);
}

bool csr_decode_proven(struct arena *arena, struct view bytes, X509_REQ **ret_csr,
                       struct view *ret_der, struct error *err) {
    return decode(arena, bytes, PROOF_ELSEWHERE, ret_csr, ret_der, err);
}

bool csr_decode_names(struct arena *arena, struct view bytes, X509_REQ **ret_csr,
                      struct view *ret_der, struct error *err) {
    return decode(arena, bytes, PROOF_NONE, ret_csr, ret_der, err);
}

bool csr_octets(const X509_REQ *csr, const char *oid, struct view *ret, struct error *err) {
    AUTO(ASN1_OBJECT) *type = OBJ_txt2obj(oid, 1);
    int at = type == NULL ? -1 : X509_REQ_get_attr_by_OBJ(csr, type, -1);
    *ret = (struct view){0};
    if (at < 0)
        return true;
    X509_ATTRIBUTE *attribute = X509_REQ_get_attr(csr, at);
    const ASN1_STRING *value =
        X509_ATTRIBUTE_count(attribute) == 1
            ? X509_ATTRIBUTE_get0_data(attribute, 0, V_ASN1_OCTET_STRING, NULL)
            : NULL;
    if (value == NULL)
        return malformed(err, "an attribute that names a key is no single OCTET STRING.");
    *ret = view_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    return true;
}

bool csr_sans(const X509_REQ *csr, GENERAL_NAMES **ret_sans, struct error *err) {
    AUTO(EXTENSION_LIST) *list = NULL;
    TRY(csr_extensions(csr, &list, err));
    const X509_EXTENSION *extension = extension_find(list, NID_subject_alt_name);
    if (extension == NULL) {
        *ret_sans = GENERAL_NAMES_new();
        return *ret_sans != NULL || fail_internal(err, "GENERAL_NAMES_new");
    }
    const ASN1_STRING *value = X509_EXTENSION_get_data((X509_EXTENSION *)(uintptr_t)extension);
    if (!san_from_der(view_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)),
                      ret_sans, err)) {
        error_prefix(err, "CSR: ");
        return false;
    }
    return true;
}

const char *csr_challenge_password(struct arena *arena, const X509_REQ *csr) {
    int at = X509_REQ_get_attr_by_NID(csr, NID_pkcs9_challengePassword, -1);
    if (at < 0)
        return NULL;
    const ASN1_TYPE *value = X509_ATTRIBUTE_get0_type(X509_REQ_get_attr(csr, at), 0);
    unsigned char *utf8 = NULL;
    int type = value == NULL ? 0 : ASN1_TYPE_get(value), len = -1;
    /* rfc2985#5.4.1: DirectoryString; clients also send IA5String. */
    if (type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING || type == V_ASN1_IA5STRING ||
        type == V_ASN1_T61STRING || type == V_ASN1_BMPSTRING || type == V_ASN1_UNIVERSALSTRING)
        len = ASN1_STRING_to_UTF8(&utf8, value->value.asn1_string);
    if (len < 0) {
        ERR_clear_error();
        return NULL;
    }
    bool whole = memchr(utf8, 0, (size_t)len) == NULL;
    const char *text = whole ? arena_text(arena, view_of(utf8, (size_t)len)) : NULL;
    OPENSSL_clear_free(utf8, (size_t)len + 1);
    return text;
}

/* One extensionRequest with the SANs (critical under an empty subject) and the others. */
static bool add_extensions(X509_REQ *csr, const X509_NAME *subject, const GENERAL_NAMES *sans,
                           const EXTENSION_LIST *extensions, struct error *err) {
    AUTO(EXTENSION_LIST) *list = sk_X509_EXTENSION_new_null();
    bool ok = list != NULL;
    for (int i = 0; ok && extensions != NULL && i < sk_X509_EXTENSION_num(extensions); i++)
        ok = X509v3_add_ext(&list, sk_X509_EXTENSION_value(extensions, i), -1) != NULL;
    if (ok && sans != NULL && sk_GENERAL_NAME_num(sans) > 0)
        ok = X509V3_add1_i2d(&list, NID_subject_alt_name, (void *)(uintptr_t)sans,
                             name_empty(subject), X509V3_ADD_DEFAULT) == 1;
    if (ok && sk_X509_EXTENSION_num(list) > 0)
        ok = X509_REQ_add_extensions(csr, list) == 1;
    return ok || fail_internal(err, "CSR extensions");
}

static bool put_null_signature(X509_REQ *csr, struct error *err) {
    uint8_t hash[SHA256_DIGEST_LENGTH];
    X509_ALGOR *algorithm = X509_ALGOR_new();
    ASN1_BIT_STRING *signature = ASN1_BIT_STRING_new();
    bool ok = algorithm != NULL && signature != NULL &&
              X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_UNDEF, NULL) == 1 &&
              X509_REQ_set1_signature_algo(csr, algorithm) == 1 && hash_of_info(csr, hash) &&
              ASN1_BIT_STRING_set(signature, hash, (int)sizeof hash) == 1;
    X509_ALGOR_free(algorithm);
    if (!ok) {
        ASN1_BIT_STRING_free(signature);
        return fail_internal(err, "null signature of a CSR");
    }
    signature->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07);
    signature->flags |= ASN1_STRING_FLAG_BITS_LEFT; /* all bits count, trailing zeros too */
    X509_REQ_set0_signature(csr, signature);
    return true;
}

bool csr_unsigned(struct arena *arena, const X509_NAME *subject, const GENERAL_NAMES *sans,
                  const EXTENSION_LIST *extensions, EVP_PKEY *public_key, struct view *ret_der,
                  struct error *err) {
    AUTO(X509_REQ) *csr = X509_REQ_new();
    if (csr == NULL || X509_REQ_set_version(csr, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_subject_name(csr, subject) != 1 || X509_REQ_set_pubkey(csr, public_key) != 1)
        return fail_internal(err, "CSR build");
    TRY(add_extensions(csr, subject, sans, extensions, err));
    TRY(put_null_signature(csr, err));
    struct view der = item_der(arena, csr, ASN1_ITEM_rptr(X509_REQ));
    if (der.len == 0)
        return fail_internal(err, "i2d of an unsigned CSR");
    *ret_der = der;
    return true;
}

bool csr_build(struct arena *arena, const X509_NAME *subject, const GENERAL_NAMES *sans,
               EVP_PKEY *key, const EVP_MD *digest, struct view *ret_der, struct error *err) {
    AUTO(X509_REQ) *csr = X509_REQ_new();
    AUTO(EVP_PKEY) *public_key = public_half(key);
    if (csr == NULL || public_key == NULL || X509_REQ_set_version(csr, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_subject_name(csr, subject) != 1 || X509_REQ_set_pubkey(csr, public_key) != 1)
        return fail_internal(err, "CSR build");
    TRY(add_extensions(csr, subject, sans, NULL, err));
    if (X509_REQ_sign(csr, key, digest) <= 0)
        return signing_failed(err, "CSR");
    /* What a token or an agent answers is verified before it is believed. */
    if (X509_REQ_verify(csr, public_key) != 1)
        return fail_internal(err, "the signature of the new CSR does not verify");
    struct view der = item_der(arena, csr, ASN1_ITEM_rptr(X509_REQ));
    if (der.len == 0)
        return fail_internal(err, "i2d of the new CSR");
    *ret_der = der;
    return true;
}
