/* Keys made here, by the signer (rfc9483#4.1.6), and certificates that go out encrypted: CMS EnvelopedData (RFC 5652). */
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

bool cmp_make_key(struct exchange *x, const CRMF_TEMPLATE *template, struct person_key *ret_key,
                  EVP_PKEY **ret_public, struct error *err) {
    const char *type;
    if (!x->settings.central_key_generation)
        return REFUSED(x, CMP_BAD_CERT_TEMPLATE, ERROR_POLICY, "cmp-request",
                       "The request holds no public key, and keys are not made here (\"centralKeyGeneration\").");
    type = type_of(x, template);
    if (type == NULL || !person_key_type_check(type, NULL))
        return REFUSED(x, CMP_BAD_ALG, ERROR_POLICY, "cmp-request", "A key of the type asked for cannot be made.");
    TRY(person_key_make(x->core, x->arena, type, ret_key, err));
    EVP_PKEY *key;
    TRY(key_from_spki(ret_key->spki, &key, err));
    *ret_public = keep_EVP_PKEY(x->arena, key);
    return true;
}

/* The content of a ContentInfo. */
static bool content_of(struct view cms, struct view *ret, struct error *err) {
    unsigned tag;
    struct view sequence, type, tagged;
    if (!wire_unwrap(cms, &tag, &sequence) || !wire_next(&sequence, &type) ||
        !wire_next(&sequence, &tagged) || !wire_unwrap(tagged, &tag, ret))
        return fail_internal(err, "CMS cannot be encoded");
    return true;
}

/* EnvelopedData with the tag [0] IMPLICIT of EncryptedKey. */
static bool encrypted_key(struct arena *arena, struct view enveloped, struct view *ret, struct error *err) {
    struct view inner;
    unsigned tag;
    if (!wire_unwrap(enveloped, &tag, &inner))
        return fail_internal(err, "EnvelopedData cannot be encoded");
    *ret = wire_wrap(arena, WIRE_EXPLICIT(0), inner);
    return true;
}

static bool cannot_encrypt(struct exchange *x, struct error *err) {
    ERR_clear_error();
    return REFUSED(x, CMP_BAD_ALG, ERROR_POLICY, "cmp-request",
                   "Nothing can be encrypted to the client's certificate: it needs an RSA or EC key.");
}

/* To the certificate that protects the request, else by the shared secret (rfc9483#4.1.6.1 to 4.1.6.3). */
bool cmp_envelope_key(struct exchange *x, const struct person_key *key, struct view *ret, struct error *err) {
    struct person_envelope envelope = {.form = EXPORT_PASSWORD, .secret = x->peer.secret, .bare = x->settings.bare_key};
    struct view cms, enveloped;
    if (x->peer.protection == CMP_BY_SIGNATURE) {
        envelope.form = EXPORT_CERTIFICATE;
        envelope.secret = (struct view){0};
        envelope.recipient = asn1_der(x->arena, x->peer.x509, ASN1_ITEM_rptr(X509));
    }
    if (!person_key_envelope(x->core, x->arena, key, &x->target.ca, &envelope, &cms, err))
        return strcmp(err->type, "key-unfit") == 0 ? cannot_encrypt(x, err) : false;
    TRY(content_of(cms, &enveloped, err));
    return encrypted_key(x->arena, enveloped, ret, err);
}

bool cmp_envelope_certificate(struct exchange *x, struct view certificate, struct view *ret, struct error *err) {
    const unsigned char *at = certificate.at;
    X509 *to = d2i_X509(NULL, &at, (long)certificate.len);
    struct view enveloped;
    AUTO(CERTIFICATES) *recipients = sk_X509_new_null();
    if (to == NULL || recipients == NULL || sk_X509_push(recipients, keep_X509(x->arena, to)) == 0)
        return fail_internal(err, "a certificate of ours cannot be read");
    AUTO(BIO) *data = BIO_new_mem_buf(certificate.at, (int)certificate.len);
    AUTO(CMS_ContentInfo) *cms = CMS_encrypt(recipients, NULL, EVP_aes_256_cbc(), CMS_BINARY | CMS_PARTIAL);
    if (cms == NULL || data == NULL || CMS_final(cms, data, NULL, CMS_BINARY) != 1)
        return cannot_encrypt(x, err);
    TRY(content_of(asn1_der(x->arena, cms, ASN1_ITEM_rptr(CMS_ContentInfo)), &enveloped, err));
    return encrypted_key(x->arena, enveloped, ret, err);
}
