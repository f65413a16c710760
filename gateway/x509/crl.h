/* Certificate revocation lists (RFC 5280 section 5), written as a stream: an entry is encoded when it comes and
 * nothing but its DER is kept, about 49 octets with a serial number of 16 (79 with a reason and an invalidity date). */
#ifndef GATEHOUSE_X509_CRL_H
#define GATEHOUSE_X509_CRL_H

#include "x509/certificate.h"

enum { /* CRLReason, rfc5280#5.3.1 */
       REASON_UNSPECIFIED = 0,
       REASON_KEY_COMPROMISE = 1,
       REASON_CA_COMPROMISE = 2,
       REASON_AFFILIATION_CHANGED = 3,
       REASON_SUPERSEDED = 4,
       REASON_CESSATION_OF_OPERATION = 5,
       REASON_CERTIFICATE_HOLD = 6,
       REASON_REMOVE_FROM_CRL = 8,
       REASON_PRIVILEGE_WITHDRAWN = 9,
       REASON_AA_COMPROMISE = 10,
};

/* "keyCompromise" ...; NULL or -1 when unknown. */
const char *reason_name(int reason);
int reason_from_name(const char *name);

struct crl_entry {
    struct view serial;
    int64_t revoked_us;
    int reason;            /* REASON_UNSPECIFIED writes no extension (rfc5280#5.3.1 SHOULD);
                              REASON_REMOVE_FROM_CRL in delta CRLs alone */
    int64_t invalidity_us; /* 0: none */
};

struct crl_plan {
    const X509 *issuer;
    int64_t number;                         /* not negative */
    int64_t this_update_us, next_update_us; /* cut to seconds; the second is later */
    int64_t base_number;    /* >= 0 with `delta`: the CRL this one continues (rfc5280#5.2.4) */
    bool delta;
    const char *freshest_url;     /* where deltas to this one are (rfc5280#5.2.6), or NULL */
    const char *distribution_url; /* of a partition: an IDP with this name (rfc5280#5.2.5), or NULL */
    int64_t expired_since_us;     /* expiredCertsOnCRL (X.509 9.5.2.8): entries of certificates that expired since
                                     then are still listed; 0: no extension */
    const struct crl_entry *entries; /* of crl_build alone: in any order, each serial once */
    size_t entry_count;
};

/* A list in the making. Entries come in any order, which is kept; each serial once. */
struct crl_writer;
/* The key is only asked for its algorithm yet. ERROR_MALFORMED "malformed-plan", ERROR_POLICY "lint". */
MUST_USE bool crl_writer_new(const struct crl_plan *plan, EVP_PKEY *issuer_key, const EVP_MD *digest,
                             struct crl_writer **ret_writer, struct error *err);
void crl_writer_free(struct crl_writer *writer);
/* Forgets the entries: the reading of them starts anew. */
void crl_writer_reset(struct crl_writer *writer);
/* ERROR_MALFORMED "malformed-plan". */
MUST_USE bool crl_writer_add(struct crl_writer *writer, const struct crl_entry *entry, struct error *err);
size_t crl_writer_count(const struct crl_writer *writer);
/* Signs, and verifies with the issuer's certificate. The DER belongs to the caller (free it by free()).
 * ERROR_UNAVAILABLE "signing-failed". */
MUST_USE bool crl_writer_sign(struct crl_writer *writer, void **ret_memory, struct view *ret_der,
                              struct error *err);

/* All of it at once: the DER lives on the arena. */
MUST_USE bool crl_build(struct arena *arena, const struct crl_plan *plan, EVP_PKEY *issuer_key,
                        const EVP_MD *digest, struct view *ret_der, struct error *err);

/* --- reading lists that others made, as a stream, too ------------------------------------------------- */

#define CRL_ALGORITHM_SIZE 256
struct crl_facts {
    struct view issuer;        /* DER of the Name */
    int64_t this_update_us, next_update_us; /* the second 0: none */
    struct view number;        /* content octets of the INTEGER; empty: none */
    struct view base_number;   /* of a delta CRL; empty: a complete one */
    struct view authority_key; /* key identifier; empty: none */
    bool partition;            /* an IDP with flags or reasons: it does not cover all certificates */
    bool named;                /* an IDP with the name of a distribution point: it may be one of several */
    bool indirect;             /* of other issuers, too */
    struct view entries;       /* content of revokedCertificates */
    struct view tbs;
};
/* Checks the outline, strictly DER where it looks; the views lie in `der`. ERROR_MALFORMED "crl". */
MUST_USE bool crl_read(struct view der, struct crl_facts *ret, struct error *err);
/* The next entry; false at the end. *entries moves on. Entries with unknown critical extensions or another
 * certificateIssuer, and what is no DER, end the reading: *err is filled then. */
bool crl_next(struct view *entries, struct crl_entry *ret, struct error *err);
/* ERROR_POLICY "crl-signature". */
MUST_USE bool crl_verify(struct view der, const X509 *issuer, struct error *err);

#endif
