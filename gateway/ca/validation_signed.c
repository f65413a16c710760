/* Lists of issued serial numbers that are signed: CMS SignedData (RFC 5652) by the one key that the settings name. */
#include "ca/validation.h"

#include "base/clock.h"
#include "x509/certificate.h"
#include "x509/handles.h"

#include <openssl/pem.h> /* before cms.h, which looks whether it is there */

#include <openssl/cms.h>
#include <openssl/err.h>

#define CLOCK_SKEW_US (300 * US_PER_SECOND)

static void drop_cms(CMS_ContentInfo **cms) {
    CMS_ContentInfo_free(*cms);
}
static void drop_certificates(STACK_OF(X509) **certificates) {
    sk_X509_free(*certificates);
}

static bool refuse(struct error *err, const char *rule) {
    ERR_clear_error();
    return fail(err, ERROR_POLICY, "list-refused", "The list of issued serial numbers %s", rule);
}

static CMS_ContentInfo *decode(struct view bytes) {
    AUTO(BIO) *in = BIO_new_mem_buf(bytes.at, (int)bytes.len);
    bool pem = bytes.len > 10 && bytes.at[0] == '-';
    return in == NULL ? NULL : pem ? PEM_read_bio_CMS(in, NULL, NULL, NULL) : d2i_CMS_bio(in, NULL);
}

/* The certificates of the message itself are not looked at. */
static bool verify(CMS_ContentInfo *cms, X509 *signer, BIO *out) {
    __attribute__((cleanup(drop_certificates))) STACK_OF(X509) *known = sk_X509_new_null();
    return known != NULL && sk_X509_push(known, signer) == 1 &&
           CMS_verify(cms, known, NULL, NULL, out, CMS_NO_SIGNER_CERT_VERIFY | CMS_NOINTERN | CMS_BINARY) == 1;
}

/* rfc5652#11.3. Without it an old list could come again. */
static bool signing_time(CMS_ContentInfo *cms, int64_t *ret_us, struct error *err) {
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
    if (signers == NULL || sk_CMS_SignerInfo_num(signers) != 1)
        return refuse(err, "has not exactly one signer.");
    const CMS_SignerInfo *one = sk_CMS_SignerInfo_value(signers, 0);
    int at = CMS_signed_get_attr_by_NID(one, NID_pkcs9_signingTime, -1);
    const ASN1_TYPE *value = at < 0 ? NULL : X509_ATTRIBUTE_get0_type(CMS_signed_get_attr(one, at), 0);
    if (value == NULL || (value->type != V_ASN1_UTCTIME && value->type != V_ASN1_GENERALIZEDTIME))
        return refuse(err, "does not say when it was signed (signingTime, RFC 5652 section 11.3).");
    return asn1_time_to_us(value->value.asn1_string, ret_us, err);
}

bool validation_open_signed(struct arena *arena, const char *signer_pem, struct view bytes, struct view *ret_text,
                            int64_t *ret_signed_us, struct error *err) {
    __attribute__((cleanup(drop_cms))) CMS_ContentInfo *cms = bytes.len > INT32_MAX ? NULL : decode(bytes);
    AUTO(X509) *signer = NULL;
    AUTO(BIO) *out = BIO_new(BIO_s_mem());
    char *text;
    TRY(certificate_decode(arena, view_text(signer_pem), &signer, err));
    if (cms == NULL || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
        return refuse(err, "is no CMS SignedData, which this validator's settings ask for (issuedSigner).");
    if (out == NULL || !verify(cms, signer, out))
        return refuse(err, "is not signed by the key of issuedSigner, or was changed since.");
    TRY(signing_time(cms, ret_signed_us, err));
    if (*ret_signed_us > clock_now_us() + CLOCK_SKEW_US)
        return refuse(err, "is from the future.");
    long len = BIO_get_mem_data(out, &text);
    *ret_text = arena_copy(arena, text, (size_t)(len < 0 ? 0 : len));
    return true;
}
