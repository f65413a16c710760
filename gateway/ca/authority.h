/* Certification authorities: made here, made as a CSR for somebody else to sign, renewed, closed. */
#ifndef GATEHOUSE_CA_AUTHORITY_H
#define GATEHOUSE_CA_AUTHORITY_H

#include "ca/core.h"
#include "store/cas.h"
#include "template/policy.h"
#include "x509/certificate.h"

/* What a CA's lists and answers are like; the members "crl" and "ocsp" of its settings, see status_settings.c. */
struct crl_settings {
    int64_t refresh_hours; /* a new list this long after the last, changed or not; 0: only before it ends */
    bool on_revocation;    /* a new list as soon as a status changes */
    int64_t delta_hours;   /* life of delta lists; 0: there are none */
    int64_t partitions;    /* 1: one list for all; a power of two up to 256 */
    bool expired;          /* expired certificates stay listed (expiredCertsOnCRL) */
    struct text_list publish; /* URLs of copies: file:, http:, https: */
};
enum never_issued { NEVER_ISSUED_UNKNOWN, NEVER_ISSUED_REVOKED };
struct ocsp_settings {
    enum never_issued never_issued; /* the answer about serial numbers that were never issued */
    bool direct;                    /* the CA's own key signs answers */
    int64_t archive_days;           /* archive cutoff (rfc6960#4.4.4); 0: none */
    bool require_signed;            /* requests without a signature are refused */
    bool by_name;                   /* answers name their signer by its subject, not by its key */
};

/* A CA's settings: one JSON document, see authority_settings_read.
 * {"crl":{"validityHours":720,"overlapHours":24},"ocsp":{"validityHours":8,"signerDays":30},
 *  "contact":"","cps":"","digest":null,"padding":"pkcs1","services":{"key":null,"digest":null},
 *  "urls":{"crl":[],"caIssuers":[],"ocsp":[]}}  -- urls: instead of the instance's
 * digest and padding are those of all the CA's own signatures: certificates, CRLs, direct OCSP answers.
 * services: key and digest of new service certificates (OCSP, TSA ...); null: by the CA's key type. */
struct ca_settings {
    int64_t crl_hours, crl_overlap_hours, ocsp_hours, ocsp_signer_days;
    const char *contact;
    const char *cps;    /* the practice statement: a URL or a text of at most 32 KiB */
    const char *digest; /* "SHA-256" ... or NULL: by key type */
    bool pss;           /* RSA keys sign with PSS (rfc4055) instead of PKCS#1 v1.5 */
    const char *service_key, *service_digest; /* canonical, or NULL */
    struct text_list crl_urls, ca_issuer_urls, ocsp_urls;
    struct crl_settings crl;
    struct ocsp_settings ocsp;
};
/* "crl" and "ocsp" of the document (either may be NULL: defaults), into members of *ret; and back. ERROR_POLICY
 * "ca-settings". */
MUST_USE bool status_settings_read(struct arena *arena, const struct json *crl, const struct json *ocsp,
                                   struct ca_settings *ret, struct error *err);
void status_settings_write(struct json_writer *w, const struct ca_settings *settings);
MUST_USE bool authority_settings_read(struct arena *arena, const struct json *document,
                                      struct ca_settings *ret, struct error *err);
const char *authority_settings_write(struct arena *arena, const struct ca_settings *settings);

/* What stands in a CA's certificate. */
struct ca_profile {
    const X509_NAME *subject; /* NULL: CN=name of the CA */
    int64_t validity_days;    /* 0: root 7305, subordinate 3652, never past the issuer's end */
    int64_t not_before_us, not_after_us; /* exact dates, 0: none */
    int64_t backdate_seconds;            /* notBefore before now, when there is no exact one */
    int64_t path_length; /* -1: none; the default (-2): none for a root, 0 under an issuer */
    unsigned key_usage;  /* KU_ bits; 0: keyCertSign and cRLSign */
    struct text_list extended_key_usage, policies;
    const NAME_CONSTRAINTS *name_constraints; /* or NULL */
};

/* What a CA signed before it came here, so that nothing it revoked comes back and its CRL numbers go on. All
 * parts may be empty; they add to each other. */
struct ca_history {
    struct view certificates; /* PEM, one after the other */
    struct view index;        /* OpenSSL's index.txt */
    struct view crl;          /* the last CRL, PEM or DER */
    bool crl_alone;           /* there is but this list: it may name a distribution point */
    int64_t crl_number;       /* of the last CRL, when that is not at hand; 0: none */
};
struct ca_history_result {
    size_t certificates; /* new rows: whole certificates */
    size_t serials;      /* new rows: of which no more is known than serial number and what index.txt says */
    size_t revoked;      /* revocations and holds that were taken over */
    size_t known;        /* entries that were here already */
};

struct ca_order {
    const char *name;            /* 1-100 characters */
    const char *organisation;    /* slug, NULL: default */
    struct ca_profile profile;
    const char *key_type;        /* canonical; NULL with key_uri: what the token's key is; both NULL: ML-DSA-65 */
    const char *key_uri;         /* RFC 7512, a key that exists in a token; or NULL */
    const char *issuer;          /* slug of the CA that signs; NULL: self-signed */
    bool csr_only;               /* wait for a certificate from elsewhere */
    struct view private_key;     /* an existing key (see material_read_key) instead of a new one; or empty */
    const char *password;        /* of private_key, or NULL */
    struct view certificates;    /* the CA's own certificate and issuers; without any key: certificate only */
    const struct ca_history *history; /* of an existing CA, or NULL */
    const struct json *settings; /* or NULL */
};
/* Makes key, certificate (or CSR), the "Web Server" template, the first CRL is made on demand. */
MUST_USE bool authority_create(struct core *core, struct arena *arena, const struct actor *actor,
                               const struct ca_order *order, struct ca_record *ret, struct error *err);
MUST_USE bool authority_get(struct core *core, struct arena *arena, const struct actor *actor,
                            const char *slug, struct ca_record *ret, struct error *err);
MUST_USE bool authority_page(struct core *core, struct arena *arena, const struct actor *actor,
                             const struct page *page, struct ca_record **ret_items, size_t *ret_count,
                             const char **ret_next, struct error *err);
/* PEM (one or more certificates, own first or anywhere) or DER: the signed certificate of a waiting CA and
 * its issuers. */
MUST_USE bool authority_import_certificate(struct core *core, struct arena *arena,
                                           const struct actor *actor, const char *slug,
                                           struct view bytes, struct ca_record *ret, struct error *err);
/* Takes over what a CA signed elsewhere: once or in parts, while it waits for its certificate or after.
 * Every certificate and the CRL must be signed by one of the CA's keys: ERROR_POLICY "not-from-ca". */
MUST_USE bool authority_import_history(struct core *core, struct arena *arena, const struct actor *actor,
                                       const char *slug, const struct ca_history *history,
                                       struct ca_history_result *ret, struct error *err);
/* A CRL that was signed elsewhere, of a CA whose key is not here (PEM or DER): checked and served. */
MUST_USE bool authority_import_crl(struct core *core, struct arena *arena, const struct actor *actor,
                                   const char *slug, struct view bytes, struct error *err);

struct crl_document;
/* A new CRL now, under every key of the CA that is alive; ret: the present key's. */
MUST_USE bool authority_publish(struct core *core, struct arena *arena, const struct actor *actor,
                                const struct ca_record *ca, struct crl_document *ret, struct error *err);

struct ca_change {
    int64_t revision;            /* the one the change is based on, else ERROR_CONFLICT; 0: any */
    const char *name;            /* NULL: unchanged */
    const struct json *settings; /* merged member by member; NULL: unchanged */
    const bool *enabled;         /* NULL: unchanged */
};
MUST_USE bool authority_change(struct core *core, struct arena *arena, const struct actor *actor,
                               const char *slug, const struct ca_change *change, struct ca_record *ret,
                               struct error *err);
/* For people: `typed` must be the CA's name; else ERROR_CONFLICT "confirmation" says what would go with it. */
MUST_USE bool authority_remove_confirmed(struct core *core, struct arena *arena, const struct actor *actor,
                                         const char *slug, const char *typed, struct error *err);
MUST_USE bool authority_remove(struct core *core, struct arena *arena, const struct actor *actor,
                               const char *slug, struct error *err);

/* "active", "waiting", "certificate-only", "disabled" or "expired". */
const char *authority_state(const struct ca_record *ca);

/* What an administrator should know about a CA that works: its end is near, or its key or hash passes its
 * NIST date (2030, 2035) before the certificate ends. */
#define CA_WARNINGS_MAX 8
struct ca_warning {
    const char *type, *text;
};
struct ca_warnings {
    struct ca_warning items[CA_WARNINGS_MAX];
    size_t count;
};
void authority_warnings(struct arena *arena, const struct ca_record *ca, struct ca_warnings *ret);

/* An event when 365, 180, 90, 30, 14, 7, 3 or 1 days are left, and when it is over; each once among all nodes. */
MUST_USE bool authority_warn_expiry(struct core *core, struct arena *arena, const struct ca_record *ca,
                                    struct error *err);

/* The URLs of a CA as they go into certificates. */
MUST_USE bool authority_urls(struct core *core, struct arena *arena, const struct ca_record *ca,
                             struct ca_urls *ret, struct error *err);

/* The settings that a record carries, parsed. */
MUST_USE bool authority_settings(struct arena *arena, const struct ca_record *ca,
                                 struct ca_settings *ret, struct error *err);
/* The digest of the CA's own signatures; NULL when its key type has none. */
const EVP_MD *authority_digest(const struct ca_record *ca, const struct ca_settings *settings);
/* The CA's key for its own signatures, with the padding of the settings: for X509_sign, X509_CRL_sign and
 * their like. The caller frees the reference. */
MUST_USE bool authority_key(struct core *core, const struct ca_record *ca,
                            const struct ca_settings *settings, EVP_PKEY **ret_key,
                            struct error *err);
/* The same for a key that is opened already; *ret_key is a new reference. */
MUST_USE bool authority_pad(const struct ca_settings *settings, EVP_PKEY *key, EVP_PKEY **ret_key,
                            struct error *err);

/* --- for public documents: no actor ---------------------------------------------------------------- */

/* A CA that has its certificate, by slug (or slug and number of its key, see generations.h), for AIA, CRL,
 * OCSP: a disabled one, too, for it goes on to answer
 * for what it signed. ERROR_NOT_FOUND. */
MUST_USE bool authority_public(struct core *core, struct arena *arena, const char *slug,
                               struct ca_record *ret, struct error *err);
/* All that have a certificate, for the start page (at most 500). */
MUST_USE bool authority_public_list(struct core *core, struct arena *arena,
                                    struct ca_record **ret_items, size_t *ret_count, struct error *err);
/* Own certificate and its issuers up to the root, nearest first, as DER views. */
MUST_USE bool authority_chain(struct core *core, struct arena *arena, const struct ca_record *ca,
                              struct view **ret_ders, size_t *ret_count, struct error *err);

#endif
