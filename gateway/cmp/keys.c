/* Keys made here (rfc9483#4.1.6) and certificates that go out encrypted: CMS EnvelopedData (RFC 5652). */
#include "cmp/exchange.h"

#include "x509/key_type.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <string.h>

DEFINE_AUTO(CMS_ContentInfo, CMS_ContentInfo_free)
typedef STACK_OF(X509) CERTIFICATES;
static void certificates_free(CERTIFICATES *list) {
    sk_X509_free(list);
}
DEFINE_AUTO(CERTIFICATES, certificates_free)

/* The type the template's empty key names, else the first the template allows. */
static const char *type_of(struct exchange *x, const CRMF_TEMPLATE *t) {
    static const char *const classes[][2] = {{"RSA", "RSA-3072"}, {"EC", "P-256"}, {"ML-DSA", "ML-DSA-65"}};
    const struct text_list *keys = &x->target.template.keys;
    X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *object;
    const void *parameter;
    int kind;
    if (t->public_key != NULL && X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, t->public_key) == 1) {
        X509_ALGOR_get0(&object, &kind, &parameter, algorithm);
        switch (OBJ_obj2nid(object)) {
        case NID_rsaEncryption:
            return "RSA-3072";
        case NID_X9_62_id_ecPublicKey:
            kind = kind == V_ASN1_OBJECT ? OBJ_obj2nid(parameter) : NID_X9_62_prime256v1;
            return kind == NID_secp384r1 ? "P-384" : kind == NID_secp521r1 ? "P-521" : "P-256";
        default: {
            char name[64];
            OBJ_obj2txt(name, sizeof name, object, 0);
            return key_type_canonical(name);
        }
        }
    }
    if (keys->count == 0)
        return "P-256";
    for (size_t i = 0; i < 3; i++)
        if (strcmp(keys->items[0], classes[i][0]) == 0)
            return classes[i][1];
    return key_type_canonical(keys->items[0]);
}

static EVP_PKEY *generate(const char *type) {
    if (strncmp(type, "RSA-", 4) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)strtoul(type + 4, NULL, 10));
    if (strncmp(type, "P-", 2) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
    return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

bool cmp_make_key(struct exchange *x, const CRMF_TEMPLATE *template, EVP_PKEY **ret_key, struct view *ret_pkcs8,
                  struct error *err) {
    const char *type;
    if (!x->settings.central_key_generation)
        return REFUSED(x, CMP_BAD_CERT_TEMPLATE, ERROR_POLICY, "cmp-request",
                       "The request holds no public key, and keys are not made here (\"centralKeyGeneration\").");
    type = type_of(x, template);
    EVP_PKEY *key = type == NULL ? NULL : generate(type);
    if (key == NULL) {
        ERR_clear_error();
        return REFUSED(x, CMP_BAD_ALG, ERROR_POLICY, "cmp-request", "A key of the type asked for cannot be made.");
    }
    arena_defer(x->arena, drop_key, key);
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    unsigned char *der = NULL;
    int len = info == NULL ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    PKCS8_PRIV_KEY_INFO_free(info);
    if (len <= 0)
        return fail_internal(err, "PKCS#8 of a new key");
    *ret_pkcs8 = arena_copy(x->arena, der, (size_t)len);
    OPENSSL_clear_free(der, (size_t)len);
    *ret_key = key;
    return true;
}

/* The content of a ContentInfo: SignedData or EnvelopedData. */
static bool content_of(struct arena *arena, const CMS_ContentInfo *cms, struct view *ret, struct error *err) {
    unsigned tag;
    struct view sequence, type, tagged;
    if (!wire_unwrap(asn1_der(arena, cms, ASN1_ITEM_rptr(CMS_ContentInfo)), &tag, &sequence) ||
        !wire_next(&sequence, &type) || !wire_next(&sequence, &tagged) || !wire_unwrap(tagged, &tag, ret))
        return fail_internal(err, "CMS cannot be encoded");
    return true;
}

/* EnvelopedData with the tag [0] IMPLICIT of EncryptedKey. */
static bool encrypted_key(struct arena *arena, const CMS_ContentInfo *cms, struct view *ret, struct error *err) {
    struct view enveloped, inner;
    unsigned tag;
    TRY(content_of(arena, cms, &enveloped, err));
    if (!wire_unwrap(enveloped, &tag, &inner))
        return fail_internal(err, "EnvelopedData cannot be encoded");
    *ret = wire_wrap(arena, WIRE_EXPLICIT(0), inner);
    return true;
}

/* rfc9483#4.1.6: the key in an AsymmetricKeyPackage (RFC 5958), signed by the service key (cmKGA). */
static bool signed_package(struct exchange *x, struct view pkcs8, struct view *ret, struct error *err) {
    struct service_identity service;
    struct view package = x->settings.bare_key ? pkcs8 : WIRE_SEQ(x->arena, pkcs8);
    const unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    TRY(service_of(x->core, x->arena, &x->target.ca, SERVICE_CMP, &service, err));
    AUTO(BIO) *data = BIO_new_mem_buf(package.at, (int)package.len);
    AUTO(CMS_ContentInfo) *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    AUTO(ASN1_OBJECT) *type = OBJ_txt2obj("2.16.840.1.101.2.1.2.78.5", 1); /* id-ct-KP-aKeyPackage */
    const EVP_MD *digest = service.digest != NULL ? service.digest : EVP_sha512();
    if (cms == NULL || data == NULL || CMS_set1_eContentType(cms, type) != 1 ||
        CMS_add1_signer(cms, service.certificate, service.key, digest, flags) == NULL ||
        CMS_final(cms, data, NULL, CMS_BINARY) != 1) {
        ERR_clear_error();
        return fail(err, ERROR_UNAVAILABLE, "signing-failed", "The CMP service key does not sign; its token is away.");
    }
    return content_of(x->arena, cms, ret, err);
}

static bool seal_for(struct exchange *x, CERTIFICATES *recipients, struct view content, int content_nid,
                     struct view *ret, struct error *err) {
    AUTO(BIO) *data = BIO_new_mem_buf(content.at, (int)content.len);
    AUTO(CMS_ContentInfo) *cms = CMS_encrypt(recipients, NULL, EVP_aes_256_cbc(), CMS_BINARY | CMS_PARTIAL);
    bool ok = cms != NULL && data != NULL && CMS_set1_eContentType(cms, OBJ_nid2obj(content_nid)) == 1;
    if (ok && sk_X509_num(recipients) <= 0) {
        unsigned char *secret = OPENSSL_memdup(x->peer.secret.at, x->peer.secret.len);
        ok = secret != NULL && CMS_add0_recipient_password(cms, -1, NID_undef, NID_undef, secret,
                                                           (ossl_ssize_t)x->peer.secret.len, NULL) != NULL;
        if (!ok)
            OPENSSL_clear_free(secret, x->peer.secret.len);
    }
    ok = ok && CMS_final(cms, data, NULL, CMS_BINARY) == 1;
    if (!ok) {
        ERR_clear_error();
        return REFUSED(x, CMP_BAD_ALG, ERROR_POLICY, "cmp-request",
                       "Nothing can be encrypted to the client's certificate: it needs an RSA or EC key.");
    }
    return encrypted_key(x->arena, cms, ret, err);
}

/* To the certificate that protects the request, else by the shared secret (rfc9483#4.1.6.1 to 4.1.6.3). */
bool cmp_envelope_key(struct exchange *x, struct view pkcs8, struct view *ret, struct error *err) {
    struct view package;
    AUTO(CERTIFICATES) *recipients = sk_X509_new_null();
    TRY(signed_package(x, pkcs8, &package, err));
    if (recipients == NULL ||
        (x->peer.protection == CMP_BY_SIGNATURE && sk_X509_push(recipients, x->peer.x509) == 0))
        return fail_internal(err, "no memory");
    return seal_for(x, recipients, package, NID_pkcs7_signed, ret, err);
}

bool cmp_envelope_certificate(struct exchange *x, struct view certificate, struct view *ret, struct error *err) {
    const unsigned char *at = certificate.at;
    X509 *to = d2i_X509(NULL, &at, (long)certificate.len);
    AUTO(CERTIFICATES) *recipients = sk_X509_new_null();
    if (to == NULL || recipients == NULL || sk_X509_push(recipients, keep_X509(x->arena, to)) == 0)
        return fail_internal(err, "a certificate of ours cannot be read");
    return seal_for(x, recipients, certificate, NID_pkcs7_data, ret, err);
}
