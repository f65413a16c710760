#include "cmp/asn1.h"

#include <openssl/err.h>

/* One line a field, one block a type. */
#define SEQUENCE(type, ...) ASN1_SEQUENCE(type) = {__VA_ARGS__} ASN1_SEQUENCE_END(type)
#define CHOICE(type, ...) ASN1_CHOICE(type) = {__VA_ARGS__} ASN1_CHOICE_END(type)
#define SEQUENCE_OF(type, item)                                                                                       \
    ASN1_ITEM_TEMPLATE(type) = ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SEQUENCE_OF, 0, type, item)                            \
    ASN1_ITEM_TEMPLATE_END(type)

SEQUENCE(CMP_MESSAGE,
    ASN1_SIMPLE(CMP_MESSAGE, header, ASN1_ANY),
    ASN1_SIMPLE(CMP_MESSAGE, body, ASN1_ANY),
    ASN1_EXP_OPT(CMP_MESSAGE, protection, ASN1_BIT_STRING, 0),
    ASN1_EXP_SEQUENCE_OF_OPT(CMP_MESSAGE, extra_certs, X509, 1))

SEQUENCE(CMP_PROTECTED,
    ASN1_SIMPLE(CMP_PROTECTED, header, ASN1_ANY),
    ASN1_SIMPLE(CMP_PROTECTED, body, ASN1_ANY))

SEQUENCE(CMP_INFO,
    ASN1_SIMPLE(CMP_INFO, type, ASN1_OBJECT),
    ASN1_OPT(CMP_INFO, value, ASN1_ANY))

SEQUENCE(CMP_HEADER,
    ASN1_SIMPLE(CMP_HEADER, pvno, ASN1_INTEGER),
    ASN1_SIMPLE(CMP_HEADER, sender, GENERAL_NAME),
    ASN1_SIMPLE(CMP_HEADER, recipient, GENERAL_NAME),
    ASN1_EXP_OPT(CMP_HEADER, message_time, ASN1_GENERALIZEDTIME, 0),
    ASN1_EXP_OPT(CMP_HEADER, protection_alg, X509_ALGOR, 1),
    ASN1_EXP_OPT(CMP_HEADER, sender_kid, ASN1_OCTET_STRING, 2),
    ASN1_EXP_OPT(CMP_HEADER, recip_kid, ASN1_OCTET_STRING, 3),
    ASN1_EXP_OPT(CMP_HEADER, transaction_id, ASN1_OCTET_STRING, 4),
    ASN1_EXP_OPT(CMP_HEADER, sender_nonce, ASN1_OCTET_STRING, 5),
    ASN1_EXP_OPT(CMP_HEADER, recip_nonce, ASN1_OCTET_STRING, 6),
    ASN1_EXP_SEQUENCE_OF_OPT(CMP_HEADER, free_text, ASN1_UTF8STRING, 7),
    ASN1_EXP_SEQUENCE_OF_OPT(CMP_HEADER, general_info, CMP_INFO, 8))

SEQUENCE(CMP_STATUS,
    ASN1_SIMPLE(CMP_STATUS, status, ASN1_INTEGER),
    ASN1_SEQUENCE_OF_OPT(CMP_STATUS, texts, ASN1_UTF8STRING),
    ASN1_OPT(CMP_STATUS, fail_info, ASN1_BIT_STRING))

SEQUENCE(CRMF_VALIDITY,
    ASN1_EXP_OPT(CRMF_VALIDITY, not_before, ASN1_TIME, 0),
    ASN1_EXP_OPT(CRMF_VALIDITY, not_after, ASN1_TIME, 1))

/* CRMF has implicit tags; a Name is a CHOICE and so keeps its own. */
SEQUENCE(CRMF_TEMPLATE,
    ASN1_IMP_OPT(CRMF_TEMPLATE, version, ASN1_INTEGER, 0),
    ASN1_IMP_OPT(CRMF_TEMPLATE, serial, ASN1_INTEGER, 1),
    ASN1_IMP_OPT(CRMF_TEMPLATE, signing_alg, X509_ALGOR, 2),
    ASN1_EXP_OPT(CRMF_TEMPLATE, issuer, X509_NAME, 3),
    ASN1_IMP_OPT(CRMF_TEMPLATE, validity, CRMF_VALIDITY, 4),
    ASN1_EXP_OPT(CRMF_TEMPLATE, subject, X509_NAME, 5),
    ASN1_IMP_OPT(CRMF_TEMPLATE, public_key, X509_PUBKEY, 6),
    ASN1_IMP_OPT(CRMF_TEMPLATE, issuer_uid, ASN1_BIT_STRING, 7),
    ASN1_IMP_OPT(CRMF_TEMPLATE, subject_uid, ASN1_BIT_STRING, 8),
    ASN1_IMP_SEQUENCE_OF_OPT(CRMF_TEMPLATE, extensions, X509_EXTENSION, 9))

SEQUENCE(CRMF_REQUEST,
    ASN1_SIMPLE(CRMF_REQUEST, id, ASN1_INTEGER),
    ASN1_SIMPLE(CRMF_REQUEST, template, CRMF_TEMPLATE),
    ASN1_SEQUENCE_OF_OPT(CRMF_REQUEST, controls, CMP_INFO))

SEQUENCE(CRMF_MAC,
    ASN1_SIMPLE(CRMF_MAC, alg, X509_ALGOR),
    ASN1_SIMPLE(CRMF_MAC, value, ASN1_BIT_STRING))

CHOICE(CRMF_AUTH,
    ASN1_EXP(CRMF_AUTH, value.sender, GENERAL_NAME, 0),
    ASN1_SIMPLE(CRMF_AUTH, value.mac, CRMF_MAC))

SEQUENCE(CRMF_SIGN_INPUT,
    ASN1_SIMPLE(CRMF_SIGN_INPUT, auth, CRMF_AUTH),
    ASN1_SIMPLE(CRMF_SIGN_INPUT, public_key, X509_PUBKEY))

SEQUENCE(CRMF_SIGN_PROOF,
    ASN1_IMP_OPT(CRMF_SIGN_PROOF, input, CRMF_SIGN_INPUT, 0),
    ASN1_SIMPLE(CRMF_SIGN_PROOF, alg, X509_ALGOR),
    ASN1_SIMPLE(CRMF_SIGN_PROOF, signature, ASN1_BIT_STRING))

CHOICE(CRMF_PROOF,
    ASN1_IMP(CRMF_PROOF, value.ra, ASN1_NULL, 0),
    ASN1_IMP(CRMF_PROOF, value.signature, CRMF_SIGN_PROOF, 1),
    ASN1_EXP(CRMF_PROOF, value.encipherment, ASN1_ANY, 2),
    ASN1_EXP(CRMF_PROOF, value.agreement, ASN1_ANY, 3))

SEQUENCE(CRMF_MESSAGE,
    ASN1_SIMPLE(CRMF_MESSAGE, request, ASN1_ANY),
    ASN1_OPT(CRMF_MESSAGE, proof, CRMF_PROOF),
    ASN1_SEQUENCE_OF_OPT(CRMF_MESSAGE, info, CMP_INFO))
SEQUENCE_OF(CRMF_MESSAGES, CRMF_MESSAGE)

SEQUENCE(CRMF_CERT_ID,
    ASN1_SIMPLE(CRMF_CERT_ID, issuer, GENERAL_NAME),
    ASN1_SIMPLE(CRMF_CERT_ID, serial, ASN1_INTEGER))

SEQUENCE(CMP_CONFIRMATION,
    ASN1_SIMPLE(CMP_CONFIRMATION, hash, ASN1_OCTET_STRING),
    ASN1_SIMPLE(CMP_CONFIRMATION, id, ASN1_INTEGER),
    ASN1_OPT(CMP_CONFIRMATION, status, CMP_STATUS),
    ASN1_EXP_OPT(CMP_CONFIRMATION, hash_alg, X509_ALGOR, 0))
SEQUENCE_OF(CMP_CONFIRMATIONS, CMP_CONFIRMATION)

SEQUENCE(CMP_POLL,
    ASN1_SIMPLE(CMP_POLL, id, ASN1_INTEGER))
SEQUENCE_OF(CMP_POLLS, CMP_POLL)

SEQUENCE(CMP_REVOCATION,
    ASN1_SIMPLE(CMP_REVOCATION, template, CRMF_TEMPLATE),
    ASN1_SEQUENCE_OF_OPT(CMP_REVOCATION, extensions, X509_EXTENSION))
SEQUENCE_OF(CMP_REVOCATIONS, CMP_REVOCATION)

SEQUENCE_OF(CMP_INFOS, CMP_INFO)

SEQUENCE(CMP_ERROR,
    ASN1_SIMPLE(CMP_ERROR, status, CMP_STATUS),
    ASN1_OPT(CMP_ERROR, code, ASN1_INTEGER),
    ASN1_SEQUENCE_OF_OPT(CMP_ERROR, details, ASN1_UTF8STRING))

SEQUENCE(CMP_PBM,
    ASN1_SIMPLE(CMP_PBM, salt, ASN1_OCTET_STRING),
    ASN1_SIMPLE(CMP_PBM, owf, X509_ALGOR),
    ASN1_SIMPLE(CMP_PBM, iterations, ASN1_INTEGER),
    ASN1_SIMPLE(CMP_PBM, mac, X509_ALGOR))

struct kept {
    void *object;
    const ASN1_ITEM *item;
};

static void drop_kept(void *context) {
    struct kept *kept = context;
    ASN1_item_free(kept->object, kept->item);
}

void *asn1_read(struct arena *arena, struct view der, const ASN1_ITEM *item) {
    const unsigned char *at = der.at;
    void *object = der.len == 0 ? NULL : ASN1_item_d2i(NULL, &at, (long)der.len, item);
    if (object != NULL && at != der.at + der.len) {
        ASN1_item_free(object, item);
        object = NULL;
    }
    if (object == NULL) {
        ERR_clear_error();
        return NULL;
    }
    struct kept *kept = arena_alloc(arena, sizeof *kept);
    *kept = (struct kept){object, item};
    arena_defer(arena, drop_kept, kept);
    return object;
}

struct view asn1_der(struct arena *arena, const void *object, const ASN1_ITEM *item) {
    unsigned char *der = NULL;
    int len = ASN1_item_i2d(object, &der, item);
    if (len <= 0) {
        ERR_clear_error();
        return view_of(NULL, 0);
    }
    struct view copy = arena_copy(arena, der, (size_t)len);
    OPENSSL_clear_free(der, (size_t)len);
    return copy;
}

struct view asn1_any(struct arena *arena, const ASN1_TYPE *any) {
    return any == NULL ? view_of(NULL, 0) : asn1_der(arena, any, ASN1_ITEM_rptr(ASN1_ANY));
}
