#include "client.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEED(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                             \
            ERR_print_errors_fp(stderr);                                                           \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static struct view keep(struct arena *arena, unsigned char *der, int len) {
    NEED(len > 0);
    struct view copy = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return copy;
}

static EVP_PKEY *make_key(const char *type) {
    if (strcmp(type, "RSA") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    if (strcmp(type, "EC") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

static const EVP_MD *digest_of(EVP_PKEY *key) {
    return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC") ? EVP_sha256() : NULL;
}

static void set_name(X509_NAME *name, const char *common_name) {
    NEED(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                    -1, -1, 0) == 1);
}

struct scep_device device_new(const char *key_type, const char *common_name) {
    struct scep_device device = {make_key(key_type), X509_new()};
    NEED(device.key != NULL && device.certificate != NULL);
    X509 *x = device.certificate;
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    set_name(X509_get_subject_name(x), common_name);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, device.key);
    NEED(X509_sign(x, device.key, digest_of(device.key)) > 0);
    return device;
}

void device_free(struct scep_device *device) {
    EVP_PKEY_free(device->key);
    X509_free(device->certificate);
}

struct view device_csr(struct arena *arena, EVP_PKEY *key, const char *common_name, const char *dns,
                       const char *challenge) {
    X509_REQ *csr = X509_REQ_new();
    unsigned char *der = NULL;
    set_name(X509_REQ_get_subject_name(csr), common_name);
    X509_REQ_set_pubkey(csr, key);
    if (challenge != NULL)
        NEED(X509_REQ_add1_attr_by_NID(csr, NID_pkcs9_challengePassword, MBSTRING_UTF8,
                                       (const unsigned char *)challenge,
                                       (int)strlen(challenge)) == 1);
    if (dns != NULL) {
        STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
        X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
                                                  arena_printf(arena, "DNS:%s", dns));
        NEED(san != NULL && sk_X509_EXTENSION_push(list, san) > 0);
        NEED(X509_REQ_add_extensions(csr, list) == 1);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    }
    NEED(X509_REQ_sign(csr, key, digest_of(key)) > 0);
    int len = i2d_X509_REQ(csr, &der);
    X509_REQ_free(csr);
    return keep(arena, der, len);
}

static struct view cms_der(struct arena *arena, CMS_ContentInfo *cms) {
    unsigned char *der = NULL;
    int len = i2d_CMS_ContentInfo(cms, &der);
    CMS_ContentInfo_free(cms);
    return keep(arena, der, len);
}

struct view device_seal(struct arena *arena, const struct scep_wish *wish) {
    STACK_OF(X509) *to = sk_X509_new_null();
    BIO *in = BIO_new_mem_buf(wish->content.at, (int)wish->content.len);
    sk_X509_push(to, wish->recipient);
    CMS_ContentInfo *cms = CMS_encrypt(
        to, in, wish->cipher != NULL ? wish->cipher : EVP_aes_128_cbc(), CMS_BINARY);
    NEED(cms != NULL);
    sk_X509_free(to);
    BIO_free(in);
    return cms_der(arena, cms);
}

static void add(CMS_SignerInfo *info, int attribute, int type, const void *at, size_t len) {
    char oid[64];
    snprintf(oid, sizeof oid, "2.16.840.1.113733.1.9.%d", attribute);
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    NEED(CMS_signed_add1_attr_by_OBJ(info, object, type, at, (int)len) == 1);
    ASN1_OBJECT_free(object);
}

struct view device_sign(struct arena *arena, const struct scep_device *device,
                        const struct scep_wish *wish, struct view envelope) {
    static const uint8_t zeros[16];
    unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    BIO *in = BIO_new_mem_buf(envelope.at, (int)envelope.len);
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    CMS_SignerInfo *info =
        CMS_add1_signer(cms, device->certificate, device->key,
                        wish->digest != NULL ? wish->digest : EVP_sha256(), flags);
    const char *type = arena_printf(arena, "%d", wish->type);
    NEED(info != NULL);
    add(info, 2, V_ASN1_PRINTABLESTRING, type, strlen(type));
    if (wish->transaction != NULL)
        add(info, 7, V_ASN1_PRINTABLESTRING, wish->transaction, strlen(wish->transaction));
    if (!wish->no_nonce)
        add(info, 5, V_ASN1_OCTET_STRING, wish->nonce != NULL ? wish->nonce : zeros, 16);
    NEED(CMS_final(cms, in, NULL, CMS_BINARY) == 1);
    BIO_free(in);
    return cms_der(arena, cms);
}

struct view device_message(struct arena *arena, const struct scep_device *device,
                           const struct scep_wish *wish) {
    return device_sign(arena, device, wish, device_seal(arena, wish));
}

/* --- answers ------------------------------------------------------------------------------------------ */

static const ASN1_STRING *get(CMS_SignerInfo *info, const char *oid) {
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    int at = CMS_signed_get_attr_by_OBJ(info, object, -1);
    ASN1_OBJECT_free(object);
    if (at < 0)
        return NULL;
    return X509_ATTRIBUTE_get0_type(CMS_signed_get_attr(info, at), 0)->value.asn1_string;
}

static const char *text_of(struct arena *arena, const ASN1_STRING *s) {
    return s == NULL ? NULL
                     : arena_text(arena, view_of(ASN1_STRING_get0_data(s),
                                                 (size_t)ASN1_STRING_length(s)));
}

static int number_of(struct arena *arena, const ASN1_STRING *s) {
    return s == NULL ? -1 : (int)strtol(text_of(arena, s), NULL, 10);
}

static bool open_bag(const struct scep_device *device, const ASN1_OCTET_STRING *content,
                     struct scep_answer *ret) {
    const unsigned char *at = ASN1_STRING_get0_data(content);
    CMS_ContentInfo *envelope = d2i_CMS_ContentInfo(NULL, &at, ASN1_STRING_length(content));
    BIO *out = BIO_new(BIO_s_mem());
    char *data = NULL;
    bool ok = envelope != NULL &&
              CMS_decrypt(envelope, device->key, device->certificate, NULL, out, CMS_BINARY) == 1;
    long len = BIO_get_mem_data(out, &data);
    const unsigned char *in = (const unsigned char *)data;
    CMS_ContentInfo *bag = ok ? d2i_CMS_ContentInfo(NULL, &in, len) : NULL;
    if (bag != NULL) {
        ret->certificates = CMS_get1_certs(bag);
        ret->crls = CMS_get1_crls(bag);
    }
    ok = bag != NULL;
    CMS_ContentInfo_free(bag);
    CMS_ContentInfo_free(envelope);
    BIO_free(out);
    return ok;
}

bool device_read(struct arena *arena, const struct scep_device *device, X509 *ra, struct view der,
                 struct scep_answer *ret) {
    const unsigned char *at = der.at;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    STACK_OF(X509) *signers = sk_X509_new_null();
    BIO *out = BIO_new(BIO_s_null());
    *ret = (struct scep_answer){.status = -1, .fail = -1};
    sk_X509_push(signers, ra);
    bool ok = cms != NULL && CMS_verify(cms, signers, NULL, NULL, out,
                                        CMS_NO_SIGNER_CERT_VERIFY | CMS_NOINTERN | CMS_BINARY) == 1;
    if (ok) {
        CMS_SignerInfo *info = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
        ret->status = number_of(arena, get(info, "2.16.840.1.113733.1.9.3"));
        ret->fail = number_of(arena, get(info, "2.16.840.1.113733.1.9.4"));
        ret->transaction = text_of(arena, get(info, "2.16.840.1.113733.1.9.7"));
        ret->text = text_of(arena, get(info, "1.3.6.1.5.5.7.24.1"));
        const ASN1_STRING *nonce = get(info, "2.16.840.1.113733.1.9.6");
        if (nonce != NULL)
            ret->recipient_nonce = arena_copy(arena, ASN1_STRING_get0_data(nonce),
                                              (size_t)ASN1_STRING_length(nonce));
        if (ret->status == 0)
            ok = open_bag(device, *CMS_get0_content(cms), ret);
    }
    ERR_clear_error();
    sk_X509_free(signers);
    BIO_free(out);
    CMS_ContentInfo_free(cms);
    return ok;
}

void answer_free(struct scep_answer *answer) {
    sk_X509_pop_free(answer->certificates, X509_free);
    sk_X509_CRL_pop_free(answer->crls, X509_CRL_free);
}

struct view issuer_and_serial(struct arena *arena, const X509_NAME *issuer,
                              const ASN1_INTEGER *serial) {
    PKCS7_ISSUER_AND_SERIAL *value = PKCS7_ISSUER_AND_SERIAL_new();
    unsigned char *der = NULL;
    X509_NAME_set(&value->issuer, issuer);
    ASN1_INTEGER_free(value->serial);
    value->serial = ASN1_INTEGER_dup(serial);
    int len = i2d_PKCS7_ISSUER_AND_SERIAL(value, &der);
    PKCS7_ISSUER_AND_SERIAL_free(value);
    return keep(arena, der, len);
}

struct view issuer_and_subject(struct arena *arena, const X509_NAME *issuer,
                               const X509_NAME *subject) {
    unsigned char *a = NULL, *b = NULL;
    int a_len = i2d_X509_NAME(issuer, &a), b_len = i2d_X509_NAME(subject, &b);
    NEED(a_len > 0 && b_len > 0);
    int total = ASN1_object_size(1, a_len + b_len, V_ASN1_SEQUENCE);
    uint8_t *out = arena_alloc(arena, (size_t)total), *to = out;
    ASN1_put_object(&to, 1, a_len + b_len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(to, a, (size_t)a_len);
    memcpy(to + a_len, b, (size_t)b_len);
    OPENSSL_free(a);
    OPENSSL_free(b);
    return view_of(out, (size_t)total);
}
