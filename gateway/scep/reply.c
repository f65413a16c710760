/* CertRep: what goes back to the device. */
#include "scep/message.h"

#include "base/clock.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

static bool der_of_cms(struct arena *arena, CMS_ContentInfo *cms, struct view *ret_der,
                       struct error *err) {
    unsigned char *der = NULL;
    int len = i2d_CMS_ContentInfo(cms, &der);
    if (len <= 0)
        return fail_internal(err, "i2d_CMS_ContentInfo");
    *ret_der = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return true;
}

static bool add_certificate(PKCS7 *bag, struct view der, struct error *err) {
    const unsigned char *at = der.at;
    AUTO(X509) *certificate = d2i_X509(NULL, &at, (long)der.len);
    if (certificate == NULL || PKCS7_add_certificate(bag, certificate) != 1)
        return fail_internal(err, "a certificate does not go into a SignedData");
    return true;
}

bool scep_degenerate(struct arena *arena, const struct view *ders, size_t count, struct view crl,
                     struct view *ret_der, struct error *err) {
    AUTO(PKCS7) *bag = PKCS7_new();
    unsigned char *der = NULL;
    if (bag == NULL || PKCS7_set_type(bag, NID_pkcs7_signed) != 1 ||
        PKCS7_content_new(bag, NID_pkcs7_data) != 1 || PKCS7_set_detached(bag, 1) != 1)
        return fail_internal(err, "PKCS7_new");
    for (size_t i = 0; i < count; i++)
        TRY(add_certificate(bag, ders[i], err));
    if (crl.len > 0) {
        const unsigned char *at = crl.at;
        AUTO(X509_CRL) *list = d2i_X509_CRL(NULL, &at, (long)crl.len);
        if (list == NULL || PKCS7_add_crl(bag, list) != 1)
            return fail_internal(err, "a CRL does not go into a SignedData");
    }
    int len = i2d_PKCS7(bag, &der);
    if (len <= 0)
        return fail_internal(err, "i2d_PKCS7");
    *ret_der = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return true;
}

/* --- the envelope ------------------------------------------------------------------------------------- */

static bool can_transport(EVP_PKEY *key) {
    return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC");
}

static bool add_recipient(CMS_ContentInfo *cms, const struct scep_reply *reply, struct error *err) {
    X509 *to = reply->to->signer;
    if (can_transport(X509_get0_pubkey(to)))
        return CMS_add1_recipient_cert(cms, to, 0) != NULL ||
               fail(err, ERROR_POLICY, "scep-recipient-key",
                    "SCEP: the answer cannot be encrypted to the key that signed the request.");
    /* rfc8894#3.2: a key that only signs; both sides know the challenge password. */
    if (reply->password == NULL)
        return fail(err, ERROR_POLICY, "scep-recipient-key",
                    "SCEP: the key that signed the request cannot receive an encrypted answer; use "
                    "RSA or EC, or send a challenge password (RFC 8894 section 3.2).");
    size_t len = strlen(reply->password);
    unsigned char *password = OPENSSL_memdup(reply->password, len);
    if (password == NULL ||
        CMS_add0_recipient_password(cms, -1, NID_undef, NID_undef, password, (ossl_ssize_t)len,
                                    NULL) == NULL) {
        OPENSSL_free(password);
        return fail_internal(err, "CMS_add0_recipient_password");
    }
    return true;
}

static const EVP_CIPHER *cipher_for(int nid) {
    switch (nid) {
    case NID_des_ede3_cbc:
        return EVP_des_ede3_cbc();
    case NID_aes_192_cbc:
        return EVP_aes_192_cbc();
    case NID_aes_256_cbc:
        return EVP_aes_256_cbc();
    default:
        return EVP_aes_128_cbc();
    }
}

/* What the device used it can read. */
static bool seal(struct arena *arena, const struct scep_reply *reply, struct view content,
                 struct view *ret_der, struct error *err) {
    AUTO(BIO) *in = BIO_new_mem_buf(content.at, (int)content.len);
    AUTO(CMS_ContentInfo) *cms = CMS_encrypt(NULL, in, cipher_for(reply->to->cipher),
                                             CMS_BINARY | CMS_PARTIAL);
    if (cms == NULL)
        return fail_internal(err, "CMS_encrypt");
    TRY(add_recipient(cms, reply, err));
    if (CMS_final(cms, in, NULL, CMS_BINARY) != 1)
        return fail_internal(err, "CMS_final of an envelope");
    return der_of_cms(arena, cms, ret_der, err);
}

/* --- the signature ------------------------------------------------------------------------------------ */

static bool add_attribute(CMS_SignerInfo *signer, enum scep_attribute attribute, int type,
                          struct view value, struct error *err) {
    AUTO(ASN1_OBJECT) *oid = scep_oid(attribute);
    return CMS_signed_add1_attr_by_OBJ(signer, oid, type, value.at, (int)value.len) == 1 ||
           fail_internal(err, "a signed attribute");
}

static bool add_number(CMS_SignerInfo *signer, enum scep_attribute attribute, int number,
                       struct error *err) {
    char text[12];
    snprintf(text, sizeof text, "%d", number);
    return add_attribute(signer, attribute, V_ASN1_PRINTABLESTRING, view_text(text), err);
}

/* rfc8894#3.2.1: which attributes a CertRep has. */
static bool add_attributes(CMS_SignerInfo *signer, const struct scep_reply *reply,
                           struct error *err) {
    uint8_t nonce[16];
    random_bytes(nonce, sizeof nonce);
    TRY(add_number(signer, SCEP_MESSAGE_TYPE, SCEP_CERT_REP, err));
    TRY(add_number(signer, SCEP_PKI_STATUS, (int)reply->status, err));
    TRY(add_attribute(signer, SCEP_TRANSACTION_ID, V_ASN1_PRINTABLESTRING,
                      view_text(reply->to->transaction), err));
    TRY(add_attribute(signer, SCEP_SENDER_NONCE, V_ASN1_OCTET_STRING, view_of(nonce, sizeof nonce),
                      err));
    TRY(add_attribute(signer, SCEP_RECIPIENT_NONCE, V_ASN1_OCTET_STRING, reply->to->sender_nonce,
                      err));
    if (reply->status != SCEP_FAILURE)
        return true;
    TRY(add_number(signer, SCEP_FAIL_INFO, (int)reply->fail, err));
    if (reply->fail_text == NULL)
        return true;
    AUTO(ASN1_OBJECT) *oid = OBJ_txt2obj(SCEP_FAIL_INFO_TEXT, 1);
    return CMS_signed_add1_attr_by_OBJ(signer, oid, V_ASN1_UTF8STRING, reply->fail_text,
                                       (int)strlen(reply->fail_text)) == 1 ||
           fail_internal(err, "failInfoText");
}

static const EVP_MD *digest_for(int nid) {
    switch (nid) {
    case NID_sha1:
        return EVP_sha1();
    case NID_sha384:
        return EVP_sha384();
    case NID_sha512:
        return EVP_sha512();
    default:
        return EVP_sha256();
    }
}

static bool finish(struct arena *arena, CMS_ContentInfo *cms, struct view content,
                   struct view *ret_der, struct error *err) {
    AUTO(BIO) *in = BIO_new_mem_buf(content.at, (int)content.len);
    if (in == NULL || CMS_final(cms, in, NULL, CMS_BINARY) != 1)
        return fail(err, ERROR_UNAVAILABLE, "signing-failed",
                    "The SCEP key of the CA does not answer; try again later.");
    return der_of_cms(arena, cms, ret_der, err);
}

bool scep_reply_build(struct arena *arena, const struct scep_reply *reply,
                      const struct scep_recipient *signer, struct view *ret_der, struct error *err) {
    struct view bag = {0}, envelope = view_of("", 0);
    if (reply->status == SCEP_SUCCESS) {
        TRY(scep_degenerate(arena, reply->certificates, reply->certificate_count, reply->crl, &bag,
                            err));
        TRY(seal(arena, reply, bag, &envelope, err));
    }
    unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    AUTO(CMS_ContentInfo) *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    CMS_SignerInfo *info = cms == NULL ? NULL
                                       : CMS_add1_signer(cms, signer->certificate, signer->key,
                                                         digest_for(reply->to->digest), flags);
    if (info == NULL)
        return fail_internal(err, "CMS_add1_signer");
    TRY(add_attributes(info, reply, err));
    return finish(arena, cms, envelope, ret_der, err);
}

bool scep_sign(struct arena *arena, struct view content, const struct scep_recipient *signer,
               struct view *ret_der, struct error *err) {
    unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    AUTO(CMS_ContentInfo) *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    if (cms == NULL ||
        CMS_add1_signer(cms, signer->certificate, signer->key, EVP_sha256(), flags) == NULL)
        return fail_internal(err, "CMS_add1_signer");
    return finish(arena, cms, content, ret_der, err);
}
