#include "x509/certificate.h"

#include "base/encode.h"
#include "x509/internal.h"
#include "x509/name.h"

#include <string.h>

static bool malformed(struct error *err, const char *what) {
    return REFUSE(err, ERROR_MALFORMED, "malformed-certificate", "Certificate: %s", what);
}

static bool holds_two(struct view text) {
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    const uint8_t *first = memmem(text.at, text.len, begin, sizeof begin - 1);
    if (first == NULL)
        return false;
    size_t used = (size_t)(first - text.at) + 1;
    return memmem(text.at + used, text.len - used, begin, sizeof begin - 1) != NULL;
}

bool certificate_decode(struct arena *arena, struct view bytes, X509 **ret_certificate,
                        struct error *err) {
    static const char *const labels[] = {"CERTIFICATE", NULL};
    struct view der;
    if (bytes.len > CERTIFICATE_MAX_SIZE)
        return fail(err, ERROR_TOO_LARGE, "certificate-too-large",
                    "The certificate has %zu bytes; %zu is the most.", bytes.len,
                    CERTIFICATE_MAX_SIZE);
    TRY(pem_or_der(arena, bytes, "certificate", labels, &der, err));
    if (der.at != bytes.at && holds_two(bytes))
        return malformed(err, "the PEM file holds several certificates; send exactly one.");
    AUTO(X509) *certificate = item_decode(der, ASN1_ITEM_rptr(X509));
    if (certificate == NULL)
        return malformed(err, "it is no X.509 certificate (RFC 5280) in DER or PEM, is cut off, or "
                              "bytes follow it.");
    if (X509_NAME_entry_count(X509_get_subject_name(certificate)) > NAME_MAX_ATTRIBUTES ||
        X509_NAME_entry_count(X509_get_issuer_name(certificate)) > NAME_MAX_ATTRIBUTES)
        return malformed(err, "a name in it has more than 64 attributes.");
    *ret_certificate = TAKE(certificate);
    return true;
}

struct view certificate_der(struct arena *arena, const X509 *certificate) {
    return item_der(arena, certificate, ASN1_ITEM_rptr(X509));
}

X509 *certificate_next(struct view *ders) {
    const uint8_t *at = ders->at;
    X509 *one = ders->len == 0 ? NULL : d2i_X509(NULL, &at, (long)ders->len);
    if (one != NULL)
        *ders = view_of(at, ders->len - (size_t)(at - ders->at));
    else
        ERR_clear_error();
    return one;
}

const char *certificate_pem(struct arena *arena, struct view der) {
    return pem_encode(arena, "CERTIFICATE", der);
}

const char *certificate_text(struct arena *arena, const X509 *certificate) {
    AUTO(BIO) *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        return "";
    /* UTF-8 as it is; control characters escaped. */
    unsigned long names = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    if (X509_print_ex(bio, (X509 *)(uintptr_t)certificate, names, 0) != 1)
        ERR_clear_error(); /* what could be printed is shown */
    return bio_text(arena, bio);
}

static bool add_to_pkcs7(PKCS7_SIGNED *signed_data, struct view der, struct error *err) {
    X509 *certificate = item_decode(der, ASN1_ITEM_rptr(X509));
    if (certificate == NULL)
        return malformed(err, "one for the PKCS#7 bag is broken.");
    if (sk_X509_push(signed_data->cert, certificate) <= 0) {
        X509_free(certificate);
        return fail_internal(err, "sk_X509_push");
    }
    return true;
}

bool certificate_pkcs7(struct arena *arena, const struct view *ders, size_t count,
                       struct view *ret_der, struct error *err) {
    AUTO(PKCS7) *bag = PKCS7_new();
    if (bag == NULL || PKCS7_set_type(bag, NID_pkcs7_signed) != 1)
        return fail_internal(err, "PKCS7_set_type");
    PKCS7_SIGNED *signed_data = bag->d.sign;
    /* rfc5652#5.1, #5.2: version 1, id-data with eContent absent, no digests, no signers. */
    signed_data->contents->type = OBJ_nid2obj(NID_pkcs7_data);
    signed_data->cert = sk_X509_new_null();
    if (signed_data->cert == NULL || ASN1_INTEGER_set(signed_data->version, 1) != 1)
        return fail_internal(err, "PKCS7 content");
    for (size_t i = 0; i < count; i++)
        TRY(add_to_pkcs7(signed_data, ders[i], err));
    struct view der = item_der(arena, bag, ASN1_ITEM_rptr(PKCS7));
    if (der.len == 0)
        return fail_internal(err, "i2d_PKCS7");
    *ret_der = der;
    return true;
}
