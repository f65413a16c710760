#include "scep/message.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

static bool refuse(struct error *err, const char *rule) {
    ERR_clear_error();
    return fail(err, ERROR_MALFORMED, "scep-message", "SCEP message: %s", rule);
}

const char *scep_type_name(enum scep_type type) {
    switch (type) {
    case SCEP_CERT_REP:
        return "CertRep";
    case SCEP_RENEWAL_REQ:
        return "RenewalReq";
    case SCEP_PKCS_REQ:
        return "PKCSReq";
    case SCEP_CERT_POLL:
        return "CertPoll";
    case SCEP_GET_CERT:
        return "GetCert";
    case SCEP_GET_CRL:
        return "GetCRL";
    }
    return "unknown";
}

ASN1_OBJECT *scep_oid(enum scep_attribute attribute) {
    char text[64];
    snprintf(text, sizeof text, "2.16.840.1.113733.1.9.%d", (int)attribute);
    return OBJ_txt2obj(text, 1);
}

/* --- what of EnvelopedData OpenSSL does not show: the cipher (rfc5652#6.1) ---------------------------- */

typedef struct {
    ASN1_OBJECT *type;
    X509_ALGOR *cipher;
    ASN1_OCTET_STRING *content;
} ENCRYPTED_PART;
typedef struct {
    ASN1_INTEGER *version;
    ASN1_TYPE *originator;
    STACK_OF(ASN1_TYPE) *recipients;
    ENCRYPTED_PART *encrypted;
    STACK_OF(X509_ATTRIBUTE) *unprotected;
} ENVELOPED_PART;
typedef struct {
    ASN1_OBJECT *type;
    ENVELOPED_PART *enveloped;
} ENVELOPE_INFO;

ASN1_SEQUENCE(ENCRYPTED_PART) = {
    ASN1_SIMPLE(ENCRYPTED_PART, type, ASN1_OBJECT),
    ASN1_SIMPLE(ENCRYPTED_PART, cipher, X509_ALGOR),
    ASN1_IMP_OPT(ENCRYPTED_PART, content, ASN1_OCTET_STRING_NDEF, 0),
} static_ASN1_SEQUENCE_END(ENCRYPTED_PART)

ASN1_SEQUENCE(ENVELOPED_PART) = {
    ASN1_SIMPLE(ENVELOPED_PART, version, ASN1_INTEGER),
    ASN1_IMP_OPT(ENVELOPED_PART, originator, ASN1_SEQUENCE, 0),
    ASN1_SET_OF(ENVELOPED_PART, recipients, ASN1_ANY),
    ASN1_SIMPLE(ENVELOPED_PART, encrypted, ENCRYPTED_PART),
    ASN1_IMP_SET_OF_OPT(ENVELOPED_PART, unprotected, X509_ATTRIBUTE, 1),
} static_ASN1_SEQUENCE_END(ENVELOPED_PART)

ASN1_SEQUENCE(ENVELOPE_INFO) = {
    ASN1_SIMPLE(ENVELOPE_INFO, type, ASN1_OBJECT),
    ASN1_EXP(ENVELOPE_INFO, enveloped, ENVELOPED_PART, 0),
} static_ASN1_SEQUENCE_END(ENVELOPE_INFO)

/* NID_undef when it cannot be read: opening the envelope fails then anyway. */
static int cipher_of(struct view envelope) {
    const unsigned char *at = envelope.at;
    ASN1_VALUE *value =
        ASN1_item_d2i(NULL, &at, (long)envelope.len, ASN1_ITEM_rptr(ENVELOPE_INFO));
    int nid = NID_undef;
    if (value != NULL) {
        const ENVELOPE_INFO *info = (const ENVELOPE_INFO *)(const void *)value;
        const ASN1_OBJECT *oid;
        X509_ALGOR_get0(&oid, NULL, NULL, info->enveloped->encrypted->cipher);
        nid = OBJ_obj2nid(oid);
        ASN1_item_free(value, ASN1_ITEM_rptr(ENVELOPE_INFO));
    }
    ERR_clear_error();
    return nid;
}

/* --- signed attributes -------------------------------------------------------------------------------- */

/* The value of an attribute that is there once, with one value; NULL otherwise. */
static const ASN1_STRING *attribute_value(CMS_SignerInfo *signer, enum scep_attribute attribute) {
    AUTO(ASN1_OBJECT) *oid = scep_oid(attribute);
    int at = CMS_signed_get_attr_by_OBJ(signer, oid, -1);
    if (at < 0 || CMS_signed_get_attr_by_OBJ(signer, oid, at) >= 0)
        return NULL;
    X509_ATTRIBUTE *found = CMS_signed_get_attr(signer, at);
    if (X509_ATTRIBUTE_count(found) != 1)
        return NULL;
    const ASN1_TYPE *value = X509_ATTRIBUTE_get0_type(found, 0);
    switch (value->type) {
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_UTF8STRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_T61STRING:
    case V_ASN1_OCTET_STRING:
        return value->value.asn1_string;
    default:
        return NULL;
    }
}

static struct view bytes_of(const ASN1_STRING *string) {
    return view_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

static bool read_type(CMS_SignerInfo *signer, struct scep_message *message, struct error *err) {
    static const enum scep_type known[] = {SCEP_CERT_REP,  SCEP_RENEWAL_REQ, SCEP_PKCS_REQ,
                                           SCEP_CERT_POLL, SCEP_GET_CERT,    SCEP_GET_CRL};
    const ASN1_STRING *value = attribute_value(signer, SCEP_MESSAGE_TYPE);
    char text[12];
    for (size_t i = 0; value != NULL && i < sizeof known / sizeof known[0]; i++) {
        snprintf(text, sizeof text, "%d", (int)known[i]);
        if (view_is(bytes_of(value), text)) {
            message->type = known[i];
            return true;
        }
    }
    return refuse(err, "the signed attribute messageType is missing or unknown (RFC 8894 3.2.1.2)");
}

static bool read_attributes(struct arena *arena, CMS_SignerInfo *signer,
                            struct scep_message *message, struct error *err) {
    TRY(read_type(signer, message, err));
    const ASN1_STRING *transaction = attribute_value(signer, SCEP_TRANSACTION_ID);
    if (transaction == NULL || ASN1_STRING_length(transaction) < 1 ||
        ASN1_STRING_length(transaction) > SCEP_TRANSACTION_MAX)
        return refuse(err, "the signed attribute transactionID is missing, empty or longer than 255 "
                           "characters");
    struct view text = bytes_of(transaction);
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < 0x20 || text.at[i] > 0x7e)
            return refuse(err, "the transactionID is no PrintableString");
    message->transaction = arena_text(arena, text);
    const ASN1_STRING *nonce = attribute_value(signer, SCEP_SENDER_NONCE);
    if (nonce == NULL || ASN1_STRING_length(nonce) < 1 ||
        ASN1_STRING_length(nonce) > SCEP_NONCE_MAX)
        return refuse(err, "the signed attribute senderNonce is missing, empty or longer than 64 "
                           "octets");
    message->sender_nonce = bytes_of(nonce);
    return true;
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static bool read_signer(struct arena *arena, CMS_SignerInfo *signer, struct scep_message *message,
                        struct error *err) {
    X509 *certificate = NULL;
    X509_ALGOR *digest = NULL;
    unsigned char *der = NULL;
    CMS_SignerInfo_get0_algs(signer, NULL, &certificate, &digest, NULL);
    if (certificate == NULL || digest == NULL)
        return refuse(err, "the signer's certificate is not in the message");
    int len = i2d_X509(certificate, &der);
    if (len <= 0)
        return fail_internal(err, "i2d_X509");
    message->signer_der = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    X509_up_ref(certificate);
    message->signer = keep_X509(arena, certificate);
    message->digest = OBJ_obj2nid(digest->algorithm);
    return true;
}

/* One signer, whose certificate is among those of the message. */
static bool verify(CMS_ContentInfo *cms, CMS_SignerInfo **ret_signer, struct error *err) {
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
    if (signers == NULL || sk_CMS_SignerInfo_num(signers) != 1)
        return refuse(err, "it must have one signer");
    CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(signers, 0);
    if (CMS_signed_get_attr_count(signer) <= 0)
        return refuse(err, "it has no signed attributes");
    AUTO(BIO) *out = BIO_new(BIO_s_null());
    if (CMS_verify(cms, NULL, NULL, NULL, out, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) != 1)
        return refuse(err, "its signature does not verify with a certificate in it");
    *ret_signer = signer;
    return true;
}

bool scep_message_decode(struct arena *arena, struct view bytes, struct scep_message *ret,
                         struct error *err) {
    struct scep_message message = {0};
    CMS_SignerInfo *signer = NULL;
    if (bytes.len > SCEP_MESSAGE_MAX)
        return fail(err, ERROR_TOO_LARGE, "scep-message", "SCEP message: it is over 512 KiB.");
    const unsigned char *at = bytes.at;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)bytes.len);
    if (cms == NULL)
        return refuse(err, "it is no CMS ContentInfo (RFC 5652)");
    keep_CMS_ContentInfo(arena, cms);
    if (at != bytes.at + bytes.len)
        return refuse(err, "bytes follow its end");
    if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
        return refuse(err, "it is no SignedData");
    ASN1_OCTET_STRING **content = CMS_get0_content(cms);
    if (content == NULL || *content == NULL || ASN1_STRING_length(*content) == 0)
        return refuse(err, "there is no EnvelopedData in it");
    TRY(verify(cms, &signer, err));
    TRY(read_attributes(arena, signer, &message, err));
    TRY(read_signer(arena, signer, &message, err));
    message.envelope = bytes_of(*content);
    message.cipher = cipher_of(message.envelope);
    *ret = message;
    return true;
}

bool scep_message_algorithms(const struct scep_message *message, bool legacy, struct error *err) {
    static const int digests[] = {NID_sha256, NID_sha384, NID_sha512};
    static const int ciphers[] = {NID_aes_128_cbc, NID_aes_192_cbc, NID_aes_256_cbc};
    bool digest = legacy && message->digest == NID_sha1;
    bool cipher = legacy && message->cipher == NID_des_ede3_cbc;
    for (size_t i = 0; i < 3; i++) {
        digest = digest || message->digest == digests[i];
        cipher = cipher || message->cipher == ciphers[i];
    }
    if (digest && cipher)
        return true;
    const char *name = OBJ_nid2sn(digest ? message->cipher : message->digest);
    return fail(err, ERROR_POLICY, "scep-algorithm",
                "SCEP message: %s is not allowed here; use AES with SHA-256 or better%s.",
                name == NULL ? "an unknown algorithm" : name,
                legacy ? "" : ", or 3DES and SHA-1 with \"legacyAlgorithms\" in the template's SCEP settings");
}

/* --- small contents ----------------------------------------------------------------------------------- */

typedef struct {
    X509_NAME *issuer, *subject;
} ISSUER_AND_SUBJECT;
ASN1_SEQUENCE(ISSUER_AND_SUBJECT) = {
    ASN1_SIMPLE(ISSUER_AND_SUBJECT, issuer, X509_NAME),
    ASN1_SIMPLE(ISSUER_AND_SUBJECT, subject, X509_NAME),
} static_ASN1_SEQUENCE_END(ISSUER_AND_SUBJECT)

bool scep_issuer_and_subject(struct arena *arena, struct view der, struct scep_subject *ret,
                             struct error *err) {
    const unsigned char *at = der.at;
    ASN1_VALUE *value =
        ASN1_item_d2i(NULL, &at, (long)der.len, ASN1_ITEM_rptr(ISSUER_AND_SUBJECT));
    if (value == NULL)
        return scep_envelope_error(err);
    ISSUER_AND_SUBJECT *both = (ISSUER_AND_SUBJECT *)(void *)value;
    struct scep_subject subject = {.issuer = keep_X509_NAME(arena, TAKE(both->issuer)),
                                   .subject = keep_X509_NAME(arena, TAKE(both->subject))};
    ASN1_item_free(value, ASN1_ITEM_rptr(ISSUER_AND_SUBJECT));
    if (at != der.at + der.len)
        return scep_envelope_error(err);
    *ret = subject;
    return true;
}

bool scep_issuer_and_serial(struct arena *arena, struct view der, struct scep_subject *ret,
                            struct error *err) {
    const unsigned char *at = der.at;
    PKCS7_ISSUER_AND_SERIAL *value = d2i_PKCS7_ISSUER_AND_SERIAL(NULL, &at, (long)der.len);
    if (value == NULL)
        return scep_envelope_error(err);
    struct scep_subject subject = {.issuer = keep_X509_NAME(arena, TAKE(value->issuer))};
    struct view digits = bytes_of(value->serial);
    bool positive = ASN1_STRING_type(value->serial) == V_ASN1_INTEGER && digits.len > 0;
    size_t sign = positive && (digits.at[0] & 0x80) != 0; /* its place in DER */
    uint8_t *serial = arena_alloc(arena, digits.len + 1);
    if (positive)
        memcpy(serial + sign, digits.at, digits.len);
    subject.serial = view_of(serial, digits.len + sign);
    PKCS7_ISSUER_AND_SERIAL_free(value);
    if (at != der.at + der.len || !positive || subject.serial.len > 20)
        return scep_envelope_error(err);
    *ret = subject;
    return true;
}
