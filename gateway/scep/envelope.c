/* Opening what a device has encrypted to us. */
#include "scep/message.h"

#include "x509/csr.h"

#include <openssl/err.h>
#include <string.h>

bool scep_envelope_error(struct error *err) {
    ERR_clear_error();
    return fail(err, ERROR_MALFORMED, "scep-envelope",
                "SCEP message: its content cannot be decrypted or understood, or is a CSR whose signature does "
                "not verify with the key it must have; fetch the current certificates with GetCACert and encrypt "
                "to the one with keyEncipherment.");
}

/* rfc8894#3.2.2: the recipient is named by issuer and serial number, public data. */
static const struct scep_recipient *recipient_of(CMS_ContentInfo *cms,
                                                 const struct scep_recipient *recipients,
                                                 size_t count) {
    STACK_OF(CMS_RecipientInfo) *infos = CMS_get0_RecipientInfos(cms);
    for (int i = 0; infos != NULL && i < sk_CMS_RecipientInfo_num(infos) && i < 16; i++) {
        CMS_RecipientInfo *info = sk_CMS_RecipientInfo_value(infos, i);
        if (CMS_RecipientInfo_type(info) != CMS_RECIPINFO_TRANS)
            continue;
        for (size_t j = 0; j < count; j++)
            if (CMS_RecipientInfo_ktri_cert_cmp(info, recipients[j].certificate) == 0)
                return &recipients[j];
    }
    return NULL;
}

/* CMS_decrypt, given the certificate, goes on with a random key when the RSA padding is wrong, and fails only
 * in the content; CMS_DEBUG_DECRYPT, which would end early, is not set. */
static bool decrypt(struct arena *arena, CMS_ContentInfo *cms, const struct scep_recipient *recipient,
                    struct view *ret_content) {
    AUTO(BIO) *out = BIO_new(BIO_s_mem());
    char *data = NULL;
    bool ok = out != NULL && CMS_decrypt(cms, recipient->key, recipient->certificate, NULL, out,
                                         CMS_BINARY) == 1;
    long len = out == NULL ? 0 : BIO_get_mem_data(out, &data);
    if (len > 0)
        *ret_content = arena_copy(arena, data, (size_t)len);
    if (len > 0)
        OPENSSL_cleanse(data, (size_t)len);
    return ok && len > 0;
}

bool scep_message_open(struct arena *arena, const struct scep_message *message,
                       const struct scep_recipient *recipients, size_t count,
                       struct view *ret_content, struct error *err) {
    const unsigned char *at = message->envelope.at;
    struct view content = {0};
    AUTO(CMS_ContentInfo) *cms = d2i_CMS_ContentInfo(NULL, &at, (long)message->envelope.len);
    if (cms == NULL || at != message->envelope.at + message->envelope.len ||
        OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_enveloped)
        return scep_envelope_error(err);
    const struct scep_recipient *recipient = recipient_of(cms, recipients, count);
    if (recipient == NULL || !decrypt(arena, cms, recipient, &content))
        return scep_envelope_error(err);
    ERR_clear_error();
    *ret_content = content;
    return true;
}

static X509_REQ *read_csr(struct arena *arena, struct view content) {
    const unsigned char *at = content.at;
    X509_REQ *csr = content.len == 0 ? NULL : d2i_X509_REQ(NULL, &at, (long)content.len);
    if (csr == NULL)
        return NULL;
    keep_X509_REQ(arena, csr);
    return at == content.at + content.len ? csr : NULL;
}

/* As much work as for a CSR of the signer: its key read anew, and its certificate verified, which is about as long. */
static void work_without_csr(const struct scep_message *message) {
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(message->signer), &der);
    const unsigned char *at = der;
    AUTO(EVP_PKEY) *key = len <= 0 ? NULL : d2i_PUBKEY(NULL, &at, len);
    if (key != NULL)
        (void)X509_verify(message->signer, key);
    OPENSSL_free(der);
}

static bool is_whole(X509_REQ *csr, const struct scep_message *message, bool self) {
    EVP_PKEY *own = csr == NULL ? NULL : X509_REQ_get0_pubkey(csr), *key = X509_get0_pubkey(message->signer);
    if (own == NULL) {
        work_without_csr(message);
        return false;
    }
    return csr_verifies(csr, self ? key : own) && (!self || EVP_PKEY_eq(own, key) == 1);
}

bool scep_message_open_csr(struct arena *arena, const struct scep_message *message,
                           const struct scep_recipient *recipients, size_t count, bool self,
                           X509_REQ **ret_csr, struct view *ret_der, struct error *err) {
    struct view content = {0};
    struct error ignored = {0};
    if (!scep_message_open(arena, message, recipients, count, &content, &ignored))
        content = (struct view){0};
    X509_REQ *csr = read_csr(arena, content);
    if (!is_whole(csr, message, self))
        return scep_envelope_error(err);
    ERR_clear_error();
    *ret_csr = csr;
    *ret_der = content;
    return true;
}
