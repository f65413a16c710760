/* The ASN.1 of CMP (RFC 9810 appendix F) and CRMF (RFC 4211) as far as it is read here. OpenSSL's own types of it
 * are opaque, and its server keeps a transaction in one process; these are plain structs. Header and body of a
 * message stay the octets they came as, because the protection is computed over those. */
#ifndef GATEHOUSE_CMP_ASN1_H
#define GATEHOUSE_CMP_ASN1_H

#include "x509/handles.h"

#include <openssl/asn1t.h>
#include <openssl/safestack.h>

typedef STACK_OF(ASN1_TYPE) CMP_ANYS;
typedef STACK_OF(ASN1_UTF8STRING) CMP_TEXTS;

typedef struct {
    ASN1_TYPE *header; /* a SEQUENCE */
    ASN1_TYPE *body;   /* [tag] EXPLICIT ..., as it came */
    ASN1_BIT_STRING *protection;
    STACK_OF(X509) *extra_certs;
} CMP_MESSAGE;
DECLARE_ASN1_ITEM(CMP_MESSAGE)

typedef struct {
    ASN1_TYPE *header, *body;
} CMP_PROTECTED;
DECLARE_ASN1_ITEM(CMP_PROTECTED)

typedef struct {
    ASN1_OBJECT *type;
    ASN1_TYPE *value;
} CMP_INFO; /* InfoTypeAndValue, and AttributeTypeAndValue of CRMF */
DECLARE_ASN1_ITEM(CMP_INFO)
DEFINE_STACK_OF(CMP_INFO)

typedef struct {
    ASN1_INTEGER *pvno;
    GENERAL_NAME *sender, *recipient;
    ASN1_GENERALIZEDTIME *message_time;
    X509_ALGOR *protection_alg;
    ASN1_OCTET_STRING *sender_kid, *recip_kid, *transaction_id, *sender_nonce, *recip_nonce;
    CMP_TEXTS *free_text;
    STACK_OF(CMP_INFO) *general_info;
} CMP_HEADER;
DECLARE_ASN1_ITEM(CMP_HEADER)

typedef struct {
    ASN1_INTEGER *status;
    CMP_TEXTS *texts;
    ASN1_BIT_STRING *fail_info;
} CMP_STATUS;
DECLARE_ASN1_ITEM(CMP_STATUS)

typedef struct {
    ASN1_TIME *not_before, *not_after;
} CRMF_VALIDITY;
DECLARE_ASN1_ITEM(CRMF_VALIDITY)

typedef struct {
    ASN1_INTEGER *version, *serial;
    X509_ALGOR *signing_alg;
    X509_NAME *issuer;
    CRMF_VALIDITY *validity;
    X509_NAME *subject;
    X509_PUBKEY *public_key;
    ASN1_BIT_STRING *issuer_uid, *subject_uid;
    STACK_OF(X509_EXTENSION) *extensions;
} CRMF_TEMPLATE;
DECLARE_ASN1_ITEM(CRMF_TEMPLATE)

typedef struct {
    ASN1_INTEGER *id;
    CRMF_TEMPLATE *template;
    STACK_OF(CMP_INFO) *controls;
} CRMF_REQUEST;
DECLARE_ASN1_ITEM(CRMF_REQUEST)

typedef struct {
    X509_ALGOR *alg;
    ASN1_BIT_STRING *value;
} CRMF_MAC;
DECLARE_ASN1_ITEM(CRMF_MAC)

enum { CRMF_AUTH_SENDER, CRMF_AUTH_MAC };
typedef struct {
    int type;
    union {
        GENERAL_NAME *sender;
        CRMF_MAC *mac;
    } value;
} CRMF_AUTH;
DECLARE_ASN1_ITEM(CRMF_AUTH)

typedef struct {
    CRMF_AUTH *auth;
    X509_PUBKEY *public_key;
} CRMF_SIGN_INPUT;
DECLARE_ASN1_ITEM(CRMF_SIGN_INPUT)

typedef struct {
    CRMF_SIGN_INPUT *input;
    X509_ALGOR *alg;
    ASN1_BIT_STRING *signature;
} CRMF_SIGN_PROOF;
DECLARE_ASN1_ITEM(CRMF_SIGN_PROOF)

enum { CRMF_PROOF_RA, CRMF_PROOF_SIGNATURE, CRMF_PROOF_ENCIPHERMENT, CRMF_PROOF_AGREEMENT };
typedef struct {
    int type;
    union {
        ASN1_NULL *ra;
        CRMF_SIGN_PROOF *signature;
        ASN1_TYPE *encipherment, *agreement; /* POPOPrivKey, its octets */
    } value;
} CRMF_PROOF;
DECLARE_ASN1_ITEM(CRMF_PROOF)

typedef struct {
    ASN1_TYPE *request; /* CertRequest, its octets: the proof is a signature over them */
    CRMF_PROOF *proof;
    STACK_OF(CMP_INFO) *info;
} CRMF_MESSAGE;
DECLARE_ASN1_ITEM(CRMF_MESSAGE)
DEFINE_STACK_OF(CRMF_MESSAGE)
typedef STACK_OF(CRMF_MESSAGE) CRMF_MESSAGES;
DECLARE_ASN1_ITEM(CRMF_MESSAGES)

typedef struct {
    GENERAL_NAME *issuer;
    ASN1_INTEGER *serial;
} CRMF_CERT_ID;
DECLARE_ASN1_ITEM(CRMF_CERT_ID)

typedef struct {
    ASN1_OCTET_STRING *hash;
    ASN1_INTEGER *id;
    CMP_STATUS *status;
    X509_ALGOR *hash_alg;
} CMP_CONFIRMATION;
DECLARE_ASN1_ITEM(CMP_CONFIRMATION)
DEFINE_STACK_OF(CMP_CONFIRMATION)
typedef STACK_OF(CMP_CONFIRMATION) CMP_CONFIRMATIONS;
DECLARE_ASN1_ITEM(CMP_CONFIRMATIONS)

typedef struct {
    ASN1_INTEGER *id;
} CMP_POLL;
DECLARE_ASN1_ITEM(CMP_POLL)
DEFINE_STACK_OF(CMP_POLL)
typedef STACK_OF(CMP_POLL) CMP_POLLS;
DECLARE_ASN1_ITEM(CMP_POLLS)

typedef struct {
    CRMF_TEMPLATE *template;
    STACK_OF(X509_EXTENSION) *extensions;
} CMP_REVOCATION;
DECLARE_ASN1_ITEM(CMP_REVOCATION)
DEFINE_STACK_OF(CMP_REVOCATION)
typedef STACK_OF(CMP_REVOCATION) CMP_REVOCATIONS;
DECLARE_ASN1_ITEM(CMP_REVOCATIONS)

typedef STACK_OF(CMP_INFO) CMP_INFOS;
DECLARE_ASN1_ITEM(CMP_INFOS)

typedef struct {
    CMP_STATUS *status;
    ASN1_INTEGER *code;
    CMP_TEXTS *details;
} CMP_ERROR;
DECLARE_ASN1_ITEM(CMP_ERROR)

typedef struct {
    ASN1_OCTET_STRING *salt;
    X509_ALGOR *owf;
    ASN1_INTEGER *iterations;
    X509_ALGOR *mac;
} CMP_PBM;
DECLARE_ASN1_ITEM(CMP_PBM)

/* Decodes all of it or gives NULL, with an empty error queue; the arena frees it. */
void *asn1_read(struct arena *arena, struct view der, const ASN1_ITEM *item);
/* Its DER on the arena; empty when it cannot be encoded. */
struct view asn1_der(struct arena *arena, const void *object, const ASN1_ITEM *item);
/* The whole TLV of an ANY. */
struct view asn1_any(struct arena *arena, const ASN1_TYPE *any);

#endif
