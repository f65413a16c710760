#include "x509/related.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "x509/key_type.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>

/* rfc9763#3.1 */
typedef struct {
    PKCS7_ISSUER_AND_SERIAL *id;
    ASN1_INTEGER *time;
    STACK_OF(ASN1_IA5STRING) *locations;
    ASN1_BIT_STRING *signature;
} REQUESTER;

/* clang-format off */
ASN1_SEQUENCE(REQUESTER) = {
    ASN1_SIMPLE(REQUESTER, id, PKCS7_ISSUER_AND_SERIAL),
    ASN1_SIMPLE(REQUESTER, time, ASN1_INTEGER),
    ASN1_SEQUENCE_OF(REQUESTER, locations, ASN1_IA5STRING),
    ASN1_SIMPLE(REQUESTER, signature, ASN1_BIT_STRING)
} static_ASN1_SEQUENCE_END(REQUESTER)
/* clang-format on */

static void drop_requester(void *object) {
    ASN1_item_free(object, ASN1_ITEM_rptr(REQUESTER));
}

static bool malformed(struct error *err, const char *what) {
    ERR_clear_error();
    return fail(err, ERROR_MALFORMED, "related-certificate", "CSR: relatedCertRequest %s (rfc9763#3.1).",
                what);
}

static X509_ATTRIBUTE *find(const X509_REQ *csr) {
    AUTO(ASN1_OBJECT) *type = OBJ_txt2obj(RELATED_ATTRIBUTE, 1);
    int at = type == NULL ? -1 : X509_REQ_get_attr_by_OBJ(csr, type, -1);
    return at < 0 ? NULL : X509_REQ_get_attr(csr, at);
}

bool related_asked(const X509_REQ *csr) {
    return find(csr) != NULL;
}

static bool add_der(struct buffer *out, const void *value, const ASN1_ITEM *item) {
    unsigned char *der = NULL;
    int len = ASN1_item_i2d(value, &der, item);
    if (len > 0)
        buffer_add(out, der, (size_t)len);
    OPENSSL_free(der);
    return len > 0;
}

bool related_read(struct arena *arena, const X509_REQ *csr, struct related_request *ret,
                  bool *ret_there, struct error *err) {
    X509_ATTRIBUTE *attribute = find(csr);
    struct buffer proven = buffer_on(arena);
    int64_t seconds;
    *ret_there = attribute != NULL;
    if (attribute == NULL)
        return true;
    const ASN1_STRING *whole = X509_ATTRIBUTE_count(attribute) == 1
                                   ? X509_ATTRIBUTE_get0_data(attribute, 0, V_ASN1_SEQUENCE, NULL)
                                   : NULL;
    if (whole == NULL)
        return malformed(err, "is no single SEQUENCE");
    const unsigned char *at = ASN1_STRING_get0_data(whole), *end = at + ASN1_STRING_length(whole);
    REQUESTER *value =
        (REQUESTER *)ASN1_item_d2i(NULL, &at, end - at, ASN1_ITEM_rptr(REQUESTER));
    if (value == NULL || at != end) {
        drop_requester(value);
        return malformed(err, "cannot be read");
    }
    arena_defer(arena, drop_requester, value);
    const ASN1_INTEGER *serial = value->id->serial;
    if (OPENSSL_sk_num((const OPENSSL_STACK *)value->locations) < 1)
        return malformed(err, "names no location");
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER ||
        ASN1_INTEGER_get_int64(&seconds, value->time) != 1 || seconds < 0 ||
        seconds > INT64_MAX / US_PER_SECOND)
        return malformed(err, "has an absurd number");
    if (!add_der(&proven, value->id, ASN1_ITEM_rptr(PKCS7_ISSUER_AND_SERIAL)) ||
        !add_der(&proven, value->time, ASN1_ITEM_rptr(ASN1_INTEGER)))
        return malformed(err, "cannot be written again");
    *ret = (struct related_request){
        .issuer = value->id->issuer,
        .serial = view_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)),
        .at_us = seconds * US_PER_SECOND,
        .proven = buffer_view(&proven),
        .signature = view_of(ASN1_STRING_get0_data(value->signature),
                             (size_t)ASN1_STRING_length(value->signature))};
    return true;
}

static bool refused(struct error *err, const char *why) {
    ERR_clear_error();
    return fail(err, ERROR_POLICY, "related-certificate",
                "The CSR's relatedCertRequest: %s (rfc9763#3).", why);
}

/* The attribute names no algorithm: the key's own, or one of SHA-2. */
static bool signed_by(const struct related_request *request, EVP_PKEY *key) {
    const EVP_MD *digests[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
    char type[KEY_TYPE_SIZE];
    if (key == NULL || !key_type_of(key, type))
        return false;
    bool own = key_type_digest(type) == NULL;
    for (size_t i = 0; i < (own ? 1 : sizeof digests / sizeof digests[0]); i++) {
        AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
        if (context != NULL &&
            EVP_DigestVerifyInit(context, NULL, own ? NULL : digests[i], NULL, key) == 1 &&
            EVP_DigestVerify(context, request->signature.at, request->signature.len,
                             request->proven.at, request->proven.len) == 1)
            return true;
    }
    return false;
}

bool related_check(const struct related_request *request, const X509 *certificate,
                   const X509_REQ *csr, int64_t now_us, int64_t fresh_seconds, struct error *err) {
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    int64_t age = now_us - request->at_us, most = fresh_seconds * US_PER_SECOND;
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (X509_NAME_cmp(X509_get_issuer_name(certificate), request->issuer) != 0 ||
        !view_equal(view_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)),
                    request->serial))
        return refused(err, "the certificate is another one than it names");
    if (age > most || age < -most)
        return refused(err, "it was not made just now; make a new CSR, and look at the clock");
    if (EVP_PKEY_eq(key, X509_REQ_get0_pubkey((X509_REQ *)(uintptr_t)csr)) == 1)
        return refused(err, "both certificates would have the same key");
    if (!signed_by(request, key))
        return refused(err, "its signature is not one of the other certificate's key");
    return true;
}
