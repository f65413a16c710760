/* Keys made here, on their way to their owner: as a file, or in CMS. */
#include "ca/person_key.h"

#include "base/clock.h"
#include "ca/service.h"
#include "x509/der.h"

#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

DEFINE_AUTO(CMS_ContentInfo, CMS_ContentInfo_free)

/* --- files --------------------------------------------------------------------------------------------- */

static bool check_certificate(const struct person_key *key, const struct person_file *file,
                              struct error *err) {
    const unsigned char *at = file->count == 0 ? NULL : file->ders[0].at;
    AUTO(X509) *certificate = at == NULL ? NULL : d2i_X509(NULL, &at, (long)file->ders[0].len);
    const unsigned char *spki = key->spki.at;
    AUTO(EVP_PKEY) *public_key = d2i_PUBKEY(NULL, &spki, (long)key->spki.len);
    if (certificate != NULL && public_key != NULL &&
        EVP_PKEY_eq(X509_get0_pubkey(certificate), public_key) == 1)
        return true;
    ERR_clear_error();
    return fail(err, ERROR_POLICY, "wrong-certificate",
                "The private key does not belong to the certificate.");
}

bool person_key_pkcs12(struct core *core, struct arena *arena, const struct person_key *key,
                       const struct person_file *file, struct view *ret_der, struct error *err) {
    struct pkcs12_order order = {.ders = file->ders,
                                 .count = file->count,
                                 .name = file->name,
                                 .password = file->password,
                                 .protection = file->protection};
    struct export_order export = {
        .blob = key->blob,
        .spki = key->spki,
        .form = file->protection == PKCS12_LEGACY ? EXPORT_TRIPLE_DES : EXPORT_PBES2,
        .secret = view_text(file->password)};
    TRY(pkcs12_password_check(file->password, err));
    TRY(check_certificate(key, file, err));
    TRY(signer_export(core_signer(core), arena, &export, &order.sealed_key, err));
    return pkcs12_make(arena, &order, ret_der, err);
}

bool person_key_pkcs8(struct core *core, struct arena *arena, const struct person_key *key,
                      const char *password, struct view *ret_der, struct error *err) {
    struct export_order order = {.blob = key->blob,
                                 .spki = key->spki,
                                 .form = EXPORT_PBES2,
                                 .secret = view_text(password)};
    TRY(pkcs12_password_check(password, err));
    return signer_export(core_signer(core), arena, &order, ret_der, err);
}

bool person_key_plain(struct core *core, struct arena *arena, const struct person_key *key,
                      struct view *ret_der, struct error *err) {
    struct export_order order = {.blob = key->blob, .spki = key->spki, .form = EXPORT_PLAIN};
    return signer_export(core_signer(core), arena, &order, ret_der, err);
}

/* --- CMS ----------------------------------------------------------------------------------------------- */

/* The signature of whom the key comes from, over a digest that the signer gave: the content itself is not here. */
static bool sign_digest(CMS_ContentInfo *cms, const struct service_identity *service,
                        const EVP_MD *digest, struct view value) {
    const unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    ASN1_OBJECT *type = OBJ_txt2obj("2.16.840.1.101.2.1.2.78.5", 1); /* id-ct-KP-aKeyPackage */
    bool done = type != NULL && CMS_set1_eContentType(cms, type) == 1;
    CMS_SignerInfo *info =
        done ? CMS_add1_signer(cms, service->certificate, service->key, digest, flags) : NULL;
    done = info != NULL &&
           CMS_signed_add1_attr_by_NID(info, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, value.at,
                                       (int)value.len) == 1 &&
           (CMS_signed_get_attr_by_NID(info, NID_pkcs9_contentType, -1) >= 0 ||
            CMS_signed_add1_attr_by_NID(info, NID_pkcs9_contentType, V_ASN1_OBJECT, type, -1) == 1) &&
           CMS_SignerInfo_sign(info) == 1;
    ASN1_OBJECT_free(type);
    return done;
}

/* The DER of the SignedData in a ContentInfo: past SEQUENCE, the type's OID and [0]. */
static bool content_of(struct view der, struct view *ret) {
    const unsigned char *at = der.at;
    long len;
    int tag, class;
    if ((ASN1_get_object(&at, &len, &tag, &class, (long)der.len) & 0x80) != 0 || tag != V_ASN1_SEQUENCE)
        return false;
    const unsigned char *end = at + len;
    if ((ASN1_get_object(&at, &len, &tag, &class, end - at) & 0x80) != 0 || tag != V_ASN1_OBJECT)
        return false;
    at += len;
    if ((ASN1_get_object(&at, &len, &tag, &class, end - at) & 0x80) != 0 || tag != 0)
        return false;
    *ret = view_of(at, (size_t)len);
    return true;
}

/* A SignedData with random octets where the key will stand: what comes before and after them. The key's package is as
 * long, so all lengths are right. */
static bool frame(struct arena *arena, CMS_ContentInfo *cms, size_t len, struct export_order *order,
                  struct error *err) {
    unsigned char *der = NULL, *stand_in = arena_alloc(arena, len);
    random_bytes(stand_in, len);
    ASN1_OCTET_STRING **place = CMS_set_detached(cms, 0) == 1 ? CMS_get0_content(cms) : NULL;
    if (place == NULL || *place == NULL || ASN1_OCTET_STRING_set(*place, stand_in, (int)len) != 1)
        return fail_internal(err, "content of a SignedData");
    int size = i2d_CMS_ContentInfo(cms, &der);
    if (size <= 0)
        return fail_internal(err, "i2d of a SignedData");
    struct view whole = arena_copy(arena, der, (size_t)size), signed_data;
    OPENSSL_free(der);
    const uint8_t *found =
        content_of(whole, &signed_data) ? memmem(signed_data.at, signed_data.len, stand_in, len) : NULL;
    if (found == NULL)
        return fail_internal(err, "a SignedData without its content");
    order->prefix = view_of(signed_data.at, (size_t)(found - signed_data.at));
    order->suffix = view_of(found + len, signed_data.len - order->prefix.len - len);
    return true;
}

static bool signed_frame(struct core *core, struct arena *arena, const struct ca_record *ca,
                         struct export_order *order, struct error *err) {
    struct service_identity service;
    struct view digest;
    size_t len;
    TRY(service_of(core, arena, ca, SERVICE_CMP, &service, err));
    const EVP_MD *md = service.digest != NULL ? service.digest : EVP_sha512();
    TRY(signer_export_digest(core_signer(core), arena, order, EVP_MD_get0_name(md), &len, &digest,
                             err));
    AUTO(CMS_ContentInfo) *cms =
        CMS_sign(NULL, NULL, NULL, NULL, CMS_BINARY | CMS_PARTIAL | CMS_DETACHED);
    if (cms == NULL || !sign_digest(cms, &service, md, digest)) {
        ERR_clear_error();
        return fail(err, ERROR_UNAVAILABLE, "signing-failed",
                    "The CA's service key does not sign; its token is away.");
    }
    return frame(arena, cms, len, order, err);
}

bool person_key_envelope(struct core *core, struct arena *arena, const struct person_key *key,
                         const struct ca_record *ca, const struct person_envelope *envelope,
                         struct view *ret_der, struct error *err) {
    struct export_order order = {.blob = key->blob,
                                 .spki = key->spki,
                                 .form = envelope->form,
                                 .bare = envelope->bare,
                                 .secret = envelope->secret,
                                 .recipient = envelope->recipient};
    TRY(signed_frame(core, arena, ca, &order, err));
    return signer_export(core_signer(core), arena, &order, ret_der, err);
}
