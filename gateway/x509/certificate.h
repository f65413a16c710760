/* Certificates (RFC 5280): what is to be signed, signing it, and reading it back. */
#ifndef GATEHOUSE_X509_CERTIFICATE_H
#define GATEHOUSE_X509_CERTIFICATE_H

#include "base/json.h"
#include "x509/handles.h"
#include "x509/key_type.h"

/* How the subject key identifier is made. */
enum subject_key_id {
    KEY_ID_SHA1,       /* rfc5280#4.2.1.2 method 1: SHA-1 of the public key's bits */
    KEY_ID_RFC7093_1,  /* rfc7093#2: the leftmost 160 bits of SHA-256 of them */
    KEY_ID_RFC7093_2,  /* of SHA-384 */
    KEY_ID_RFC7093_3,  /* of SHA-512 */
    KEY_ID_RFC7093_4,  /* SHA-256 of the whole SubjectPublicKeyInfo */
    KEY_ID_NONE,
};
/* What the authority key identifier holds. */
enum authority_key_id {
    AUTHORITY_KEY_ID,    /* the issuer's subject key identifier */
    AUTHORITY_AND_NAMES, /* that, and the issuer's issuer and serial number (rfc5280#4.2.1.1) */
    AUTHORITY_NONE,      /* only for self-signed certificates */
};

/* Everything that goes into a TBSCertificate. All members are borrowed. */
struct certificate_plan {
    struct view serial; /* positive, big-endian, 1-20 octets, first bit clear (rfc5280#4.1.2.2) */
    const X509 *issuer; /* NULL: self-signed, the issuer is the subject */
    const X509_NAME *subject;
    EVP_PKEY *public_key;
    /* What public_key was decoded from, or NULL. It saves encoding the key and decoding it again; the X509 that is built
     * may then be without the decoded one: X509_get0_pubkey() gives NULL. */
    const X509_PUBKEY *spki;
    int64_t not_before_us, not_after_us; /* cut to seconds */
    bool basic_constraints;              /* write the extension */
    bool is_ca;
    int path_length;    /* -1: none */
    unsigned key_usage; /* KU_DIGITAL_SIGNATURE ... of OpenSSL; 0: no extension. */
    bool key_usage_not_critical;
    const char *const *extended_key_usage; /* dotted OIDs or OpenSSL short names */
    size_t extended_key_usage_count;
    bool extended_key_usage_critical; /* rfc3161#2.3 */
    const GENERAL_NAMES *sans;        /* NULL or empty: none; critical when the subject is empty */
    const char *const *ca_issuers;    /* AIA caIssuers URLs */
    size_t ca_issuers_count;
    const char *const *ocsp; /* AIA OCSP URLs */
    size_t ocsp_count;
    const char *const *crl; /* CDP URLs, one distribution point each */
    size_t crl_count;
    const char *const *policies; /* certificate policy OIDs */
    size_t policy_count;
    const NAME_CONSTRAINTS *name_constraints; /* NULL: none; critical; CAs alone (rfc5280#4.2.1.10) */
    bool ocsp_no_check; /* rfc6960#4.2.2.2.1 */
    enum subject_key_id subject_key_id;
    enum authority_key_id authority_key_id;
    const EXTENSION_LIST *extensions; /* further ones, as they are; NULL: none. None of those above. */
};

/* The unsigned certificate, version 3. Do not ask OpenSSL for its cached view of an
 * unsigned certificate (X509_check_*, X509_get_extension_flags): it would keep the hash of the
 * unsigned one. ERROR_MALFORMED "malformed-plan" names a member that no certificate can carry. */
MUST_USE bool certificate_build(const struct certificate_plan *plan, X509 **ret_certificate,
                                struct error *err);
/* Signs with the issuer's key (a remote key of the provider as well) and verifies the result with
 * issuer_public before it is believed. digest NULL: the key type has none. ERROR_UNAVAILABLE
 * "signing-failed" when the key does not answer; ERROR_INTERNAL when its answer does not verify. */
MUST_USE bool certificate_sign(X509 *certificate, EVP_PKEY *issuer_key, const EVP_MD *digest,
                               EVP_PKEY *issuer_public, struct error *err);
/* And gives the certificate's encoding, which was needed for that. */
MUST_USE bool certificate_sign_encoded(struct arena *arena, X509 *certificate, EVP_PKEY *issuer_key, const EVP_MD *digest,
                                       EVP_PKEY *issuer_public, struct view *ret_der, struct error *err);
/* Rules of RFC 5280 and of the algorithms' RFCs that a certificate of ours must never break,
 * whatever a template says; ERROR_POLICY "lint" names rule, citation and remedy. Signed or not:
 * lint before signing. issuer NULL: self-signed. The rules are those of x509/lint.h. */
MUST_USE bool certificate_lint(const X509 *certificate, const X509 *issuer, struct error *err);

#define CERTIFICATE_MAX_SIZE ((size_t)512 * 1024)

/* PEM ("CERTIFICATE") or DER, one certificate, no trailing bytes in DER. ERROR_MALFORMED
 * "malformed-certificate" or "malformed-pem", ERROR_TOO_LARGE "certificate-too-large". */
MUST_USE bool certificate_decode(struct arena *arena, struct view bytes, X509 **ret_certificate,
                                 struct error *err);
/* A file of certificates: PEM blocks one after the other (CERTIFICATE, other blocks are passed over, or one PKCS7),
 * one certificate in DER, or the certificates of a PKCS#7 SignedData in DER; they are put behind the *count that are
 * there, and the arena frees them. ERROR_MALFORMED "malformed-certificate", ERROR_TOO_LARGE "chain-too-long" past
 * `most`, "too-large". */
MUST_USE bool certificates_read(struct arena *arena, struct view bytes, X509 **certificates, size_t most,
                                size_t *count, struct error *err);
/* Takes the next of certificates that stand one behind the other in DER off *ders. NULL at the end, and when the
 * rest is none: then *ders is not empty. */
X509 *certificate_next(struct view *ders);
struct view certificate_der(struct arena *arena, const X509 *certificate);
const char *certificate_pem(struct arena *arena, struct view der);
/* Human text as `openssl x509 -text` writes it, with names in RFC 2253 order. */
const char *certificate_text(struct arena *arena, const X509 *certificate);

/* The columns that are derived from a certificate for searching and showing. */
struct certificate_facts {
    struct view der; /* the whole certificate */
    const char *subject, *issuer; /* RFC 4514 */
    const char *common_name;      /* or NULL */
    const char *serial;           /* lower-case hex, even number of digits */
    struct view serial_bytes;     /* as in certificate_plan */
    int64_t not_before_us, not_after_us;
    const char *key_type;            /* canonical, or "unknown" */
    const char *signature_algorithm; /* "ecdsa-with-SHA384" */
    const char *sans;                /* texts joined by ", ", or "" */
    uint8_t fingerprint_sha256[32];
    uint8_t spki_sha256[32];
    const char *subject_key_id; /* hex or NULL */
    bool is_ca;
    int path_length; /* -1: none */
};
MUST_USE bool certificate_read(struct arena *arena, const X509 *certificate,
                               struct certificate_facts *ret_facts, struct error *err);
/* Those alone that an issued certificate's row has: der (as given), subject, common name, serial_bytes, dates, key type,
 * SANs and the two hashes. */
MUST_USE bool certificate_read_row(struct arena *arena, const X509 *certificate, struct view der,
                                   struct certificate_facts *ret_facts, struct error *err);
/* The content of an extension by its dotted OID, borrowed from the certificate; false: there is none. */
bool certificate_extension(const X509 *certificate, const char *oid, struct view *ret);

/* Certificates only SignedData (rfc5652#5.1 "degenerate"), DER, in the order given. */
MUST_USE bool certificate_pkcs7(struct arena *arena, const struct view *ders, size_t count,
                                struct view *ret_der, struct error *err);

/* Whether that issuer has signed it: by name, key identifier and signature. */
bool certificate_is_issued(X509 *issuer, X509 *subject);

/* Checks an imported certificate of one of our CAs: the key is `key`, cA true, keyCertSign, now
 * within its dates; if `issuer` is not NULL also that issuer's signature, names and path length,
 * else, when issuer and subject are the same, its own signature. ERROR_POLICY "wrong-certificate"
 * and the message says which. */
MUST_USE bool certificate_check_ca(const X509 *certificate, EVP_PKEY *key, const X509 *issuer,
                                   int64_t now_us, struct error *err);

/* notBefore/notAfter conversions: UTCTime until 2049, GeneralizedTime from 2050 (rfc5280#4.1.2.5).
 */
#define NO_EXPIRATION_US INT64_C(253402300799000000) /* 99991231235959Z: "no well-defined expiration date", there, too */
MUST_USE bool asn1_time_from_us(int64_t us, ASN1_TIME **ret_time, struct error *err);
MUST_USE bool asn1_time_to_us(const ASN1_TIME *time, int64_t *ret_us, struct error *err);

#endif
