#include "agent/envelope.h"

#include "agent/cms_handles.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

/* ---- making ---------------------------------------------------------------------------------- */

static bool sign(const struct party *from, struct view content, struct wire_buffer *out,
                 struct error *err) {
    AUTO(BIO) *in = BIO_new_mem_buf(content.at, (int)content.len);
    AUTO(CMS_ContentInfo) *cms = NULL;
    unsigned flags = CMS_BINARY | CMS_NOSMIMECAP;
    if (in != NULL)
        cms = CMS_sign(NULL, NULL, NULL, in, flags | CMS_PARTIAL);
    if (cms == NULL ||
        CMS_add1_signer(cms, from->certificate, from->key, EVP_sha256(), flags) == NULL ||
        CMS_final(cms, in, NULL, flags) != 1)
        return fail_internal(err, "CMS: SignedData");
    return cms_write(cms, out, err);
}

static bool add_recipient(CMS_ContentInfo *cms, X509 *to) {
    CMS_RecipientInfo *info = CMS_add1_recipient_cert(cms, to, CMS_KEY_PARAM);
    if (info == NULL || !EVP_PKEY_is_a(X509_get0_pubkey(to), "RSA"))
        return info != NULL;
    EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(info);
    return ctx != NULL && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1;
}

bool envelope_make(const struct party *from, X509 *to, struct view content,
                   struct wire_buffer *out, struct error *err) {
    struct wire_buffer signed_data = {0};
    bool done = sign(from, content, &signed_data, err);
    if (done) {
        AUTO(BIO) *in = BIO_new_mem_buf(signed_data.at, (int)signed_data.len);
        AUTO(CMS_ContentInfo) *cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());
        done = (in != NULL && cms != NULL && CMS_set_detached(cms, 0) == 1 && add_recipient(cms, to) &&
                CMS_final(cms, in, NULL, CMS_BINARY) == 1) ||
               fail_internal(err, "CMS: AuthEnvelopedData");
        done = done && cms_write(cms, out, err);
    }
    wire_buffer_free(&signed_data);
    return done;
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool bad_envelope(struct error *err, const char *what) {
    char text[200] = "";
    unsigned long code = ERR_peek_last_error();
    if (code != 0)
        ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    fail(err, ERROR_MALFORMED, "bad-envelope", "A message of the handshake %s.", what);
    error_detail(err, "%s", text);
    return false;
}

static bool is_type(CMS_ContentInfo *cms, int nid) {
    return OBJ_obj2nid(CMS_get0_type(cms)) == nid;
}

/* One, to our certificate: OpenSSL would try the key on each of thousands. */
static bool is_for(CMS_ContentInfo *cms, const struct party *to) {
    STACK_OF(CMS_RecipientInfo) *infos = CMS_get0_RecipientInfos(cms);
    if (infos == NULL || sk_CMS_RecipientInfo_num(infos) != 1)
        return false;
    CMS_RecipientInfo *info = sk_CMS_RecipientInfo_value(infos, 0);
    switch (CMS_RecipientInfo_type(info)) {
    case CMS_RECIPINFO_TRANS: return CMS_RecipientInfo_ktri_cert_cmp(info, to->certificate) == 0;
    case CMS_RECIPINFO_AGREE: return !EVP_PKEY_is_a(to->key, "RSA");
    default: return false;
    }
}

static bool decrypt(const struct party *to, struct view message, BIO *out, struct error *err) {
    AUTO(CMS_ContentInfo) *cms = cms_read(message);
    if (cms == NULL || !is_type(cms, NID_id_smime_ct_authEnvelopedData))
        return bad_envelope(err, "is no CMS AuthEnvelopedData");
    if (!is_for(cms, to) ||
        CMS_decrypt(cms, to->key, to->certificate, NULL, out, CMS_BINARY) != 1)
        return bad_envelope(err, "cannot be decrypted: it is for another key, or was changed");
    return true;
}

static bool verify(struct view signed_data, X509 *from, BIO *out, X509 **ret_signer,
                   struct error *err) {
    AUTO(CMS_ContentInfo) *cms = cms_read(signed_data);
    unsigned flags = CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY | (from == NULL ? 0 : CMS_NOINTERN);
    if (cms == NULL || !is_type(cms, NID_pkcs7_signed))
        return bad_envelope(err, "is not signed");
    STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);
    if (infos == NULL || sk_CMS_SignerInfo_num(infos) != 1)
        return bad_envelope(err, "is not signed by one alone");
    STACK_OF(X509) *given = from == NULL ? NULL : sk_X509_new_null();
    if (given != NULL)
        sk_X509_push(given, from);
    bool good = CMS_verify(cms, given, NULL, NULL, out, flags) == 1;
    STACK_OF(X509) *signers = good ? CMS_get0_signers(cms) : NULL;
    if (signers != NULL && sk_X509_num(signers) == 1) {
        *ret_signer = sk_X509_value(signers, 0);
        X509_up_ref(*ret_signer);
    } else {
        good = false;
    }
    sk_X509_free(signers);
    sk_X509_free(given);
    return good || bad_envelope(err, "has a wrong signature");
}

bool envelope_open(const struct party *to, X509 *from, struct view message,
                   struct wire_buffer *scratch, X509 **ret_signer, struct view *ret_content,
                   struct error *err) {
    AUTO(BIO) *inner = BIO_new(BIO_s_mem());
    AUTO(BIO) *content = BIO_new(BIO_s_mem());
    X509 *signer = NULL;
    if (inner == NULL || content == NULL)
        return fail_internal(err, "memory");
    TRY(decrypt(to, message, inner, err));
    TRY(verify(cms_content(inner), from, content, &signer, err));
    struct view plain = cms_content(content);
    scratch->len = 0;
    wire_buffer_add(scratch, plain.at, plain.len);
    *ret_content = view_of(scratch->at, scratch->len);
    *ret_signer = signer;
    return true;
}
