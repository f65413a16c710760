/* A person's key on its way out: opened, held against its public key, and put into the form that was asked for. */
#include "signer/handles.h"
#include "signer/objects.h"
#include "signer/public_key.h"
#include "signer/user_key.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <string.h>

#define OWN_KEY_SIZE 32
#define ITERATIONS 100000      /* PBKDF2; about 30 ms */
#define LEGACY_ITERATIONS 2048 /* what old readers bear */
#define SALT 16

DEFINE_AUTO(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
DEFINE_AUTO(X509_SIG, X509_SIG_free)
DEFINE_AUTO(CMS_ContentInfo, CMS_ContentInfo_free)
DEFINE_AUTO(BIO, BIO_free)
typedef STACK_OF(X509) CERTIFICATES;
static void certificates_free(CERTIFICATES *list) {
    sk_X509_pop_free(list, X509_free);
}
DEFINE_AUTO(CERTIFICATES, certificates_free)

static bool not_exportable(struct error *err) {
    ERR_clear_error();
    return fail(err, ERROR_POLICY, "not-exportable",
                "This key cannot leave the signer: only keys that were made for people can.");
}

/* ---- opening --------------------------------------------------------------------------------- */

struct opening {
    struct arena *arena;
    struct key_blob blob;
    uint8_t own[OWN_KEY_SIZE]; /* the result */
};

static bool read_own(struct task *task, void *subject, struct error *err) {
    struct opening *o = subject;
    struct view value = {NULL, 0};
    CK_OBJECT_HANDLE object;
    TRY(user_key_own(task, &o->blob, true, &object, err));
    CK_RV rv = object_attribute(task->f, task->session.handle, object, CKA_VALUE, o->arena, &value);
    task->f->C_DestroyObject(task->session.handle, object);
    if (rv != CKR_OK)
        return task_fail(task, "C_GetAttributeValue", rv, err);
    bool fits = value.len == sizeof o->own; /* a private key in this place has more */
    if (fits)
        memcpy(o->own, value.at, sizeof o->own);
    OPENSSL_cleanse((void *)(uintptr_t)value.at, value.len);
    return fits ? true : not_exportable(err);
}

/* rfc5649#4.2, in this process: the key has to be seen to be given away. */
static bool unwrap_inner(const uint8_t *own, struct view inner, uint8_t *out, size_t *ret_len) {
    AUTO(EVP_CIPHER_CTX) *ctx = EVP_CIPHER_CTX_new();
    int len = 0, rest = 0;
    if (ctx == NULL)
        return false;
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    bool done = EVP_DecryptInit_ex(ctx, EVP_aes_256_wrap_pad(), NULL, own, NULL) == 1 &&
                EVP_DecryptUpdate(ctx, out, &len, inner.at, (int)inner.len) == 1 &&
                EVP_DecryptFinal_ex(ctx, out + len, &rest) == 1;
    *ret_len = done ? (size_t)(len + rest) : 0;
    return done;
}

/* The private key must be that of the public key: a wrapped key binds no identity. The encoding is ours, whatever the
 * token's is. */
static bool hold_against(struct arena *arena, struct view plain, struct view spki,
                         struct view *ret_pkcs8, struct error *err) {
    const uint8_t *at = plain.at;
    unsigned char *der = NULL;
    struct view public_part;
    AUTO(PKCS8_PRIV_KEY_INFO) *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)plain.len);
    AUTO(EVP_PKEY) *key = info == NULL ? NULL : EVP_PKCS82PKEY_ex(info, NULL, "provider=default");
    if (key == NULL)
        return not_exportable(err);
    TRY(public_key_encode(arena, key, &public_part, err));
    if (!view_equal(public_part, spki))
        return fail(err, ERROR_CONFLICT, "key-mismatch",
                    "The private key does not belong to the public key that is stored with it; "
                    "restore the row from a backup.");
    AUTO(PKCS8_PRIV_KEY_INFO) *again = EVP_PKEY2PKCS8(key);
    int len = again == NULL ? 0 : i2d_PKCS8_PRIV_KEY_INFO(again, &der);
    if (len <= 0)
        return fail_internal(err, "PKCS#8 of a person's key");
    *ret_pkcs8 = arena_copy(arena, der, (size_t)len);
    OPENSSL_clear_free(der, (size_t)len);
    return true;
}

static bool open_key(struct vault *vault, struct arena *arena, struct view blob, struct view spki,
                     struct view *ret_pkcs8, struct error *err) {
    struct opening o = {.arena = arena};
    struct token *token;
    size_t len;
    TRY(key_blob_decode(blob, &o.blob, err));
    if (o.blob.inner.len == 0)
        return not_exportable(err);
    TRY(vault_managed(vault, &token, err));
    TRY(task_run(token, read_own, &o, err));
    uint8_t *plain = arena_alloc(arena, o.blob.inner.len + 16);
    bool done = unwrap_inner(o.own, o.blob.inner, plain, &len) || not_exportable(err);
    OPENSSL_cleanse(o.own, sizeof o.own);
    done = done && hold_against(arena, view_of(plain, len), spki, ret_pkcs8, err);
    OPENSSL_cleanse(plain, o.blob.inner.len + 16);
    return done;
}

/* ---- under a password ------------------------------------------------------------------------ */

static bool encrypt(struct arena *arena, struct view pkcs8, const struct wire_request *r,
                    struct view *ret_file, struct error *err) {
    const uint8_t *at = pkcs8.at;
    const char *password = (const char *)r->export.secret.at;
    int len = (int)r->export.secret.len;
    uint8_t salt[SALT], *der = NULL;
    if (len < 8)
        return fail(err, ERROR_POLICY, "bad-password", "The password has fewer than 8 octets.");
    AUTO(PKCS8_PRIV_KEY_INFO) *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.len);
    if (info == NULL)
        return fail_internal(err, "PKCS#8 of a person's key");
    random_bytes(salt, sizeof salt);
    AUTO(X509_SIG) *file =
        r->export.form == WIRE_EXPORT_PBES2
            ? PKCS8_encrypt(-1, EVP_aes_256_cbc(), password, len, salt, sizeof salt, ITERATIONS, info)
            : PKCS8_encrypt(NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NULL, password, len, salt,
                            sizeof salt, LEGACY_ITERATIONS, info);
    int size = file == NULL ? 0 : i2d_X509_SIG(file, &der);
    if (size <= 0)
        return fail_internal(err, "PKCS8_encrypt");
    *ret_file = arena_copy(arena, der, (size_t)size);
    OPENSSL_free(der);
    return true;
}

/* ---- in an envelope -------------------------------------------------------------------------- */

/* rfc5958#2: AsymmetricKeyPackage ::= SEQUENCE OF OneAsymmetricKey. */
static struct view package_of(struct arena *arena, struct view pkcs8, bool bare) {
    uint8_t *at = arena_alloc(arena, pkcs8.len + 8), *end = at;
    if (bare)
        return pkcs8;
    ASN1_put_object(&end, 1, (int)pkcs8.len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(end, pkcs8.at, pkcs8.len);
    return view_of(at, (size_t)(end - at) + pkcs8.len);
}

static bool digest(struct arena *arena, struct view package, unsigned which, struct view *ret_file,
                   struct error *err) {
    const struct wire_digest_info *info = wire_digest_info(which);
    if (info == NULL || which < WIRE_SHA224 || which > WIRE_SHA512)
        return fail_internal(err, "a digest other than SHA-224 to SHA-512");
    uint8_t *out = arena_alloc(arena, 4 + info->size);
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(package.len >> (24 - 8 * i));
    if (EVP_Q_digest(NULL, info->name, NULL, package.at, package.len, out + 4, NULL) != 1)
        return fail_internal(err, "digest of a package");
    *ret_file = view_of(out, 4 + info->size);
    return true;
}

static bool add_certificate(CERTIFICATES *list, struct view der) {
    const uint8_t *at = der.at;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.len);
    if (certificate != NULL && at == der.at + der.len && sk_X509_push(list, certificate) > 0)
        return true;
    X509_free(certificate);
    return false;
}

/* OpenSSL takes the copy, also when it fails later. */
static bool add_secret(CMS_ContentInfo *cms, const struct wire_request *r) {
    struct view secret = r->export.secret, name = r->export.recipient;
    unsigned char *copy = OPENSSL_memdup(secret.at, secret.len);
    if (copy == NULL)
        return false;
    bool done;
    if (r->export.form == WIRE_EXPORT_PASSWORD) {
        done = CMS_add0_recipient_password(cms, -1, NID_undef, NID_undef, copy,
                                           (ossl_ssize_t)secret.len, NULL) != NULL;
    } else {
        unsigned char *id = OPENSSL_memdup(name.at, name.len);
        done = id != NULL && CMS_add0_recipient_key(cms, NID_undef, copy, secret.len, id, name.len,
                                                    NULL, NULL, NULL) != NULL;
        if (!done)
            OPENSSL_free(id);
    }
    if (!done)
        OPENSSL_clear_free(copy, secret.len);
    return done;
}

static bool envelope(struct arena *arena, struct view package, const struct wire_request *r,
                     struct view *ret_file, struct error *err) {
    AUTO(CERTIFICATES) *recipients = sk_X509_new_null();
    struct buffer whole = buffer_on(arena);
    unsigned char *der = NULL;
    buffer_add(&whole, r->export.prefix.at, r->export.prefix.len);
    buffer_add(&whole, package.at, package.len);
    buffer_add(&whole, r->export.suffix.at, r->export.suffix.len);
    struct view content = buffer_view(&whole);
    AUTO(BIO) *data = BIO_new_mem_buf(content.at, (int)content.len);
    bool ok = recipients != NULL && data != NULL &&
              (r->export.form != WIRE_EXPORT_CERTIFICATE ||
               add_certificate(recipients, r->export.recipient));
    AUTO(CMS_ContentInfo) *cms =
        ok ? CMS_encrypt(recipients, NULL, EVP_aes_256_cbc(), CMS_BINARY | CMS_PARTIAL) : NULL;
    ok = cms != NULL && CMS_set1_eContentType(cms, OBJ_nid2obj(NID_pkcs7_signed)) == 1 &&
         (r->export.form == WIRE_EXPORT_CERTIFICATE || add_secret(cms, r)) &&
         CMS_final(cms, data, NULL, CMS_BINARY) == 1;
    int len = ok ? i2d_CMS_ContentInfo(cms, &der) : 0;
    OPENSSL_cleanse((void *)(uintptr_t)content.at, content.len);
    if (len <= 0) {
        ERR_clear_error();
        return fail(err, ERROR_POLICY, "key-unfit",
                    "Nothing can be encrypted to the recipient: it needs an RSA or EC certificate, a "
                    "password, or an AES key.");
    }
    *ret_file = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return true;
}

static bool put_into_form(struct arena *arena, struct view pkcs8, const struct wire_request *r,
                          struct view *ret_file, struct error *err) {
    if (r->export.form == WIRE_EXPORT_PBES2 || r->export.form == WIRE_EXPORT_TRIPLE_DES)
        return encrypt(arena, pkcs8, r, ret_file, err);
    struct view package = package_of(arena, pkcs8, r->export.bare != 0);
    bool done = r->export.form == WIRE_EXPORT_DIGEST
                    ? digest(arena, package, r->export.digest, ret_file, err)
                    : envelope(arena, package, r, ret_file, err);
    OPENSSL_cleanse((void *)(uintptr_t)package.at, package.len);
    return done;
}

bool user_key_export(struct vault *vault, struct arena *arena, const struct wire_request *request,
                     struct view *ret_file, struct error *err) {
    struct view pkcs8;
    TRY(open_key(vault, arena, request->export.blob, request->export.spki, &pkcs8, err));
    if (request->export.form == WIRE_EXPORT_PLAIN) {
        *ret_file = pkcs8;
        return true;
    }
    bool done = put_into_form(arena, pkcs8, request, ret_file, err);
    OPENSSL_cleanse((void *)(uintptr_t)pkcs8.at, pkcs8.len);
    return done;
}
